#include "lm/lm_text.h"

#include <string.h>

#include "base/mem.h"
#include "lm/encdec.h"
#include "lm/weights.h"

void lm_text_free(lm_text *m)
{
    if (!m) return;
    lm_model_free(m->model);
    tokenizer_free(m->tokenizer);
    mem_free(m);
}

static void add_end(lm_text *m, int64_t id)
{
    if (id < 0 || id >= (int64_t)tokenizer_size(m->tokenizer) || m->ends == LM_ENDS) return;
    for (size_t i = 0; i < m->ends; i++)
        if (m->end[i] == id) return;
    m->end[m->ends++] = (int32_t)id;
}

static void find_ends(lm_text *m)
{
    const json_t *words = m->model->config ? json_object_get(m->model->config, "eos_token_id") : NULL, *each;
    size_t i;
    add_end(m, tokenizer_special(m->tokenizer, TOKENIZER_EOS));
    if (json_is_integer(words)) add_end(m, json_integer_value(words));
    json_array_foreach(words, i, each) if (json_is_integer(each)) add_end(m, json_integer_value(each));
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n >= k && strcmp(name + n - k, end) == 0;
}

/* llama2.c's: a tok*.bin beside the checkpoint; left empty where there is none. */
static lorec_err find_llama2c(const char *folder, buf *path)
{
    char **names;
    size_t n;
    TRY(folder_list(folder, &names, &n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && path->n == 0 && !e; i++)
        if (strncmp(names[i], "tok", 3) == 0 && ends_with(names[i], ".bin")) e = path_join(path, folder, names[i]);
    names_free(names, n);
    return e;
}

/* The one in the folder, in a GGUF, or beside the file. */
static lorec_err open_tokenizer(lm_text *m, const char *path)
{
    if (folder_exists(path) || ends_with(path, ".gguf")) return tokenizer_open(&m->tokenizer, path);
    if (!file_exists(path)) return err_errno("%s", path);
    buf folder = {0}, found = {0};
    const char *base = path_base(path);
    lorec_err e = base == path ? buf_puts(&folder, ".") : buf_add(&folder, path, (size_t)(base - path));
    if (!e && ends_with(path, ".bin")) e = find_llama2c(folder.p, &found);
    if (!e) e = tokenizer_open(&m->tokenizer, found.n ? found.p : folder.p);
    buf_free(&folder);
    buf_free(&found);
    return e ? err_context(e, "%s: the tokenizer", path) : LOREC_OK;
}

/* What is wrong with a model is told before what is wrong with a vocabulary that happens to lie beside it. */
static lorec_err check_file(const char *path)
{
    weights *w;
    TRY(weights_open(&w, path));
    weights_close(w);
    return LOREC_OK;
}

lorec_err lm_text_open(lm_text **out, const char *path, const char *tokenizer_path, lm_form form)
{
    *out = NULL;
    lm_text *m;
    TRY(mem_new(&m, 1));
    lorec_err e = check_file(path);
    if (!e) e = tokenizer_path ? tokenizer_open(&m->tokenizer, tokenizer_path) : open_tokenizer(m, path);
    if (!e) e = lm_model_open_as(&m->model, path, form);
    if (!e) {
        find_ends(m);
        encdec two;
        if (m->model->encoder && (e = encdec_of(&two, m->model)) == LOREC_OK) m->start = two.start;
    }
    if (e)
        lm_text_free(m);
    else
        *out = m;
    return e;
}

lorec_err lm_text_session(lm_session **out, const lm_text *m, const lm_session_options *options)
{
    lm_session_options o = *options;
    *out = NULL;
    if (!m->model->encoder) TRY(lm_model_need_decoder(m->model));
    o.encoder = m->model->encoder;
    o.start = m->start;
    return lm_session_open(out, m->model->net, &o);
}

/* ---- texts ------------------------------------------------------------------------------------------------------------- */

/* A vocabulary of another model would be found out by its ids. */
static lorec_err check_ids(const lm_text *m, const tokens *t, size_t from)
{
    const transformer *reader = m->model->encoder ? m->model->encoder : m->model->net;
    int64_t vocab = transformer_settings(reader)->vocab_size;
    for (size_t i = from; i < t->n; i++)
        if (t->id[i] >= vocab)
            return err_set(LOREC_INPUT,
                           "the tokenizer gives the id %d; the model knows %lld: they do not belong together", t->id[i],
                           (long long)vocab);
    return LOREC_OK;
}

static bool is_end(const lm_text *m, int32_t id)
{
    for (size_t i = 0; i < m->ends; i++)
        if (m->end[i] == id) return true;
    return false;
}

lorec_err lm_text_prompt(const lm_text *m, slice text, tokens *out)
{
    size_t from = out->n;
    TRY(tokenizer_encode(m->tokenizer, text, TOKENIZER_FRAME, out));
    bool continued = !m->model->encoder;
    while (continued && out->n > from + 1 && is_end(m, out->id[out->n - 1]) &&
           tokenizer_is_special(m->tokenizer, out->id[out->n - 1]))
        out->n--;
    if (out->n == from)
        return err_set(LOREC_INPUT,
                       "the prompt is empty, and the model's tokenizer puts no first token (BOS) before it");
    return check_ids(m, out, from);
}

lorec_err lm_text_continuation(const lm_text *m, slice text, tokens *out)
{
    size_t from = out->n;
    TRY(tokenizer_encode(m->tokenizer, text, TOKENIZER_PLAIN, out));
    return check_ids(m, out, from);
}

lorec_err lm_text_fit(const lm_text *m, tokens *prompt, int64_t more, const lm_long *how, size_t *cut)
{
    const transformer *reader = m->model->encoder ? m->model->encoder : m->model->net;
    int64_t taken = m->model->encoder ? 0 : how->before, /* of an encoder-decoder: the decoder's */
        positions = transformer_settings(reader)->max_positions - taken, n = (int64_t)prompt->n,
            free = positions / 4 > 1 ? positions / 4 : 1, room = positions;
    if (!m->model->encoder) room -= more < free ? more : free;
    if (cut) *cut = 0;
    if (n <= room) return LOREC_OK;
    if (how->refuse || room < 1)
        return err_set(LOREC_INPUT, "a prompt of %lld tokens does not fit: the model's %lld positions leave it %lld",
                       (long long)n, (long long)positions, (long long)room);
    int64_t keep = how->keep < room ? how->keep : room - 1;
    memmove(prompt->id + keep, prompt->id + (n - (room - keep)), (size_t)(room - keep) * sizeof *prompt->id);
    prompt->n = (size_t)room;
    if (cut) *cut = (size_t)(n - room);
    return LOREC_OK;
}

lorec_err lm_text_trie(const lm_text *m, const slice *text, size_t n, trie *out)
{
    tokens all = {0};
    uint64_t *start;
    if (n >= UINT32_MAX) return err_set(LOREC_RESOURCE, "%zu texts are too many for a trie", n);
    TRY(mem_new(&start, n + 1));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        e = lm_text_continuation(m, text[i], &all);
        start[i + 1] = all.n;
        if (!e && start[i + 1] == start[i])
            e = err_set(LOREC_INPUT, "text %zu is empty: it can not be generated", i + 1);
    }
    if (!e) e = trie_build(out, all.id, start, (uint32_t)n);
    tokens_free(&all);
    mem_free(start);
    return e;
}

int64_t lm_text_choice(const trie *t, const int32_t *id, size_t n)
{
    for (size_t without = 0; without < 2 && without <= n; without++) {
        size_t values;
        uint32_t node = trie_find(t, id, n - without);
        const uint32_t *who = node == TRIE_NONE ? NULL : trie_values(t, node, &values);
        if (who && values) return who[0];
    }
    return -1;
}
