/* Any weights as a folder of Hugging Face's: config.json, model.safetensors (or several with an index), and what else
 * belongs to the model. */
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/convert/convert.h"
#include "lm/convert/convert_rows.h"
#include "tensor/safetensors.h"
#include "text/tokenizer.h"

enum { NAME = 64 };
static const uint64_t SHARD_BYTES = 5000000000u;

typedef struct shards {
    const weights *w;
    const convert_options *o;
    const char *folder;
    st_item *item;
    int64_t (*shape)[WEIGHT_DIMS];
    size_t *first; /* [n + 1] items of each file */
    size_t n, begin;
    convert_report *r;
    progress bar;
} shards;

static elem type_of(const convert_options *o, const weight *x)
{
    if (x->type >= ELEM_F64 && x->type <= ELEM_BOOL) return x->type; /* whole numbers stay */
    return o->typed ? o->type : elem_quantised(x->type) ? ELEM_F32 : x->type;
}

static lorec_err plan(shards *s)
{
    size_t n = weights_count(s->w), bytes;
    uint64_t limit = s->o->shard_bytes ? s->o->shard_bytes : SHARD_BYTES, in_file = 0;
    TRY(mem_new(&s->item, n));
    TRY(mem_new(&s->shape, n));
    TRY(mem_new(&s->first, n + 1));
    for (size_t i = 0; i < n; i++) {
        const weight *x = weights_at(s->w, i);
        elem t = type_of(s->o, x);
        for (int d = 0; d < x->ndim; d++) s->shape[i][d] = x->shape[x->transposed ? x->ndim - 1 - d : d];
        s->item[i] = (st_item){.name = x->name, .dtype = t, .ndim = x->ndim, .shape = s->shape[i]};
        if (!elem_size(t, weight_values(x), &bytes)) return err_set(LOREC_USAGE, "the tensor %s is too large", x->name);
        if (in_file && in_file + bytes > limit) {
            s->first[++s->n] = i;
            in_file = 0;
        }
        in_file += bytes;
        s->r->bytes += bytes;
        s->r->values += (uint64_t)weight_values(x);
    }
    s->first[++s->n] = n;
    s->r->tensors = n;
    return n ? LOREC_OK : err_set(LOREC_INPUT, "there are no weights in it");
}

static lorec_err give(void *ctx, const void *bytes, size_t n)
{
    writer *out = ctx;
    writer_put(out, bytes, n);
    return out->err;
}

static lorec_err fill(void *ctx, size_t item, writer *out)
{
    shards *s = ctx;
    const weight *x = weights_at(s->w, s->begin + item);
    convert_rows rows = {
        .w = s->w, .x = x, .type = s->item[s->begin + item].dtype, .turn = x->transposed, .give = give, .ctx = out};
    progress_step(&s->bar, (double)(s->begin + item), "%s", x->name);
    TRY(cancel_check());
    return convert_rows_run(&rows);
}

static void name_of(const shards *s, size_t k, char out[NAME])
{
    if (s->n == 1)
        snprintf(out, NAME, "model.safetensors");
    else
        snprintf(out, NAME, "model-%05zu-of-%05zu.safetensors", k + 1, s->n);
}

static lorec_err write_index(const shards *s)
{
    json_t *map = json_object();
    lorec_err e = map ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    char name[NAME];
    for (size_t k = 0; k < s->n && !e; k++) {
        name_of(s, k, name);
        for (size_t i = s->first[k]; i < s->first[k + 1] && !e; i++)
            if (json_object_set_new(map, s->item[i].name, json_string(name)))
                e = err_set(LOREC_RESOURCE, "out of memory");
    }
    json_t *index = json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)s->r->bytes, "weight_map", map);
    buf path = {0};
    if (!e) e = path_join(&path, s->folder, "model.safetensors.index.json");
    if (!e) e = json_write(index, path.p);
    buf_free(&path);
    json_decref(index);
    return e;
}

static lorec_err write_values(shards *s)
{
    lorec_err e = LOREC_OK;
    buf path = {0};
    progress_start(&s->bar, "writing", (double)weights_count(s->w), "tensor");
    for (size_t k = 0; k < s->n && !e; k++) {
        char name[NAME];
        name_of(s, k, name);
        s->begin = s->first[k];
        e = path_join(&path, s->folder, name);
        if (!e)
            e = safetensors_write_filled(path.p, s->item + s->begin, s->first[k + 1] - s->begin,
                                         (const char *[]){"format", "pt"}, 1, fill, s);
    }
    progress_end(&s->bar);
    buf_free(&path);
    return e || s->n == 1 ? e : write_index(s);
}

/* ---- what lies beside the weights ------------------------------------------------------------------------------------------ */

static lorec_err copy(const char *from, const char *to)
{
    file_map m;
    writer w;
    TRY(file_map_open(&m, from));
    lorec_err e = writer_open(&w, to);
    if (!e) {
        writer_put(&w, m.bytes, m.size);
        e = writer_commit(&w);
    }
    file_map_close(&m);
    return e;
}

void convert_carried(convert_report *r, const char *what)
{
    size_t n = strlen(r->vocabulary);
    snprintf(r->vocabulary + n, sizeof r->vocabulary - n, "%s%s", n ? ", " : "", what);
}

void convert_carried_keys(convert_report *r, const gguf *g)
{
    slice kind = {0};
    char what[96];
    const gguf_key *list = gguf_find(g, "tokenizer.ggml.tokens");
    if (gguf_get_string(g, "tokenizer.ggml.model", &kind)) kind = slice_of("?");
    snprintf(what, sizeof what, "%.*s of %llu tokens", (int)(kind.n < 40 ? kind.n : 40), kind.p,
             (unsigned long long)(list ? list->n : 0));
    convert_carried(r, what);
}

static lorec_err copy_beside(shards *s, const char *from_folder)
{
    static const char *const names[] = {"tokenizer.json",
                                        "tokenizer.model",
                                        "vocab.json",
                                        "merges.txt",
                                        "vocab.txt",
                                        "spiece.model",
                                        "sentencepiece.bpe.model",
                                        "qwen.tiktoken",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "generation_config.json",
                                        "chat_template.jinja",
                                        "preprocessor_config.json",
                                        "tokenizer.bin"};
    buf from = {0}, to = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !e; i++) {
        e = path_join(&from, from_folder, names[i]);
        if (e || !file_exists(from.p)) continue;
        e = path_join(&to, s->folder, names[i]);
        if (!e) e = copy(from.p, to.p);
        if (i < 8 || strcmp(names[i], "tokenizer.bin") == 0) convert_carried(s->r, names[i]);
    }
    buf_free(&from);
    buf_free(&to);
    return e;
}

/* A vocabulary by itself, under the name by which a folder's is found. */
static lorec_err copy_tokenizer(shards *s, const char *path)
{
    static const char *const names[][2] = {{".json", "tokenizer.json"}, {".model", "tokenizer.model"},
                                           {".txt", "vocab.txt"},       {".tiktoken", "qwen.tiktoken"},
                                           {".bin", "tokenizer.bin"},   {".gguf", "tokenizer.gguf"}};
    size_t n = strlen(path);
    buf to = {0};
    if (folder_exists(path)) return copy_beside(s, path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t k = strlen(names[i][0]);
        if (n < k || strcmp(path + n - k, names[i][0])) continue;
        lorec_err e = path_join(&to, s->folder, names[i][1]);
        if (!e) e = copy(path, to.p);
        buf_free(&to);
        if (!e) convert_carried(s->r, names[i][1]);
        return e;
    }
    return err_set(LOREC_USAGE, "%s: the name of a vocabulary ends in .json, .model, .txt, .tiktoken, .bin or .gguf",
                   path);
}

static lorec_err write_tree(const shards *s, json_t *tree, const char *name)
{
    buf path = {0};
    lorec_err e = path_join(&path, s->folder, name);
    if (!e) e = json_write(tree, path.p);
    buf_free(&path);
    return e;
}

/* Beside tokenizer.gguf, for transformers; where its words can say what the vocabulary does. */
static lorec_err write_tokenizer_json(shards *s, const char *vocabulary)
{
    tokenizer *t;
    json_t *file = NULL, *config = NULL;
    TRY(tokenizer_open(&t, vocabulary));
    lorec_err e = tokenizer_to_json(t, &file, &config);
    tokenizer_free(t);
    if (e == LOREC_INPUT) {
        log_warn("no tokenizer.json: %s; tokenizer.gguf has the vocabulary", lorec_error_message());
        return LOREC_OK;
    }
    if (!e) e = write_tree(s, file, "tokenizer.json");
    if (!e) e = write_tree(s, config, "tokenizer_config.json");
    json_decref(file);
    json_decref(config);
    if (!e) convert_carried(s->r, "tokenizer.json");
    return e;
}

static lorec_err write_chat_template(const shards *s, slice text)
{
    buf path = {0};
    writer w;
    lorec_err e = path_join(&path, s->folder, "chat_template.jinja");
    if (!e) e = writer_open(&w, path.p);
    if (!e) {
        writer_put(&w, text.p, text.n);
        e = writer_commit(&w);
    }
    buf_free(&path);
    return e;
}

/* Of a GGUF source the keys of its tokenizer become a file that holds nothing else. */
static lorec_err write_gguf_vocabulary(shards *s, const gguf *g)
{
    gguf_writer o = {0};
    buf path = {0};
    slice chat;
    if (!gguf_get_string(g, "tokenizer.chat_template", &chat)) TRY(write_chat_template(s, chat));
    if (!gguf_find(g, "tokenizer.ggml.tokens")) return LOREC_OK;
    for (size_t i = 0; i < g->n_keys; i++) {
        slice name = g->key[i].name;
        if ((name.n > 10 && memcmp(name.p, "tokenizer.", 10) == 0) || slice_is(name, "general.architecture") ||
            slice_is(name, "general.name"))
            gguf_put_key(&o, &g->key[i]);
    }
    lorec_err e = path_join(&path, s->folder, "tokenizer.gguf");
    if (!e) e = gguf_begin(&o, path.p);
    if (!e) e = gguf_commit(&o);
    if (e) gguf_abort(&o);
    if (!e) convert_carried_keys(s->r, g);
    if (!e) e = write_tokenizer_json(s, path.p);
    buf_free(&path);
    return e;
}

static lorec_err write_config(const shards *s)
{
    static const char *const words[] = {[ELEM_F32] = "float32", [ELEM_F16] = "float16", [ELEM_BF16] = "bfloat16"};
    json_t *config = json_deep_copy(weights_config(s->w));
    buf path = {0};
    size_t big = 0;
    lorec_err e = config ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    for (size_t i = 1; i < weights_count(s->w); i++)
        if (weight_values(weights_at(s->w, i)) > weight_values(weights_at(s->w, big))) big = i;
    elem t = s->item[big].dtype; /* what most of it is */
    if (!e && t <= ELEM_BF16) {
        const char *key = json_object_get(config, "dtype") ? "dtype" : "torch_dtype";
        if (json_object_set_new(config, key, json_string(words[t]))) e = err_set(LOREC_RESOURCE, "out of memory");
    }
    if (!e) e = path_join(&path, s->folder, "config.json");
    if (!e) e = json_write(config, path.p);
    buf_free(&path);
    json_decref(config);
    return e;
}

static lorec_err need_empty(const char *folder)
{
    char **names;
    size_t n;
    TRY(folder_make(folder));
    TRY(folder_list(folder, &names, &n));
    names_free(names, n);
    return n ? err_set(LOREC_USAGE, "%s: the folder is not empty; name a new one", folder) : LOREC_OK;
}

/* config.json comes last: a folder without it is no model yet. */
lorec_err convert_to_folder(const weights *w, const char *folder, const convert_options *o, convert_report *r)
{
    shards s = {.w = w, .o = o, .folder = folder, .r = r};
    *r = (convert_report){0};
    if (o->typed && o->type > ELEM_BF16)
        return err_set(LOREC_USAGE, "a folder's weights are F32, F16 or BF16, not %s; write a .gguf",
                       elem_name(o->type));
    if (!weights_config(w))
        return err_set(LOREC_INPUT, "of its architecture nothing is known: config.json is needed beside it");
    lorec_err e = plan(&s);
    if (!e) e = need_empty(folder);
    if (!e) e = write_values(&s);
    if (!e && o->tokenizer)
        e = copy_tokenizer(&s, o->tokenizer);
    else if (!e)
        e = weights_gguf(w) ? write_gguf_vocabulary(&s, weights_gguf(w)) : copy_beside(&s, weights_folder(w));
    if (!e) e = write_config(&s);
    mem_free(s.item);
    mem_free(s.shape);
    mem_free(s.first);
    return e;
}
