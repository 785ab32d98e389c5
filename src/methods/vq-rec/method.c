/* VQ-Rec (Hou, He, McAuley, Zhao, WWW 2023): an item is the codes of its text's vector, never its number; a history of such
 * items is read by a SASRec-like transformer, so that what was learned on one catalogue goes on to another.
 *     text -> vector -> OPQ codes c_1 .. c_D -> v = mean_k E[k, c_k];   score = cos(s, v) / tau
 * Card: card.md. Rules to beat: popularity, BM25 of titles, and the same network with random codes (`codes=random`). */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "methods/vq-rec/vq_rec.h"
#include "rec/arrays.h"

static const char *const losses[] = {"ce", "contrastive", NULL};
static const char *const code_words[] = {"text", "random", NULL};

static const option options[] = {
    TRAINER_OPTIONS_FAST(vq_rec, base.train, 200, 256, 1e-3, "8"),
    {.name = "max_len",
     .type = OPTION_TYPE_INT,
     .offset = offsetof(vq_rec, base.max_len),
     .def = 50,
     .min = 1,
     .max = 1 << 20,
     .help = "a history is cut to its last so many items",
     .alias = "MAX_ITEM_LIST_LENGTH"},
    OPTION_TEXT(vq_rec, model, "", "folder or file of an embedding model for the texts; none: hashed words and an SVD"),
    OPTION_TEXT(vq_rec, cache, "", "folder that keeps the model's vectors"),
    OPTION_INT(vq_rec, text_size, 256, 1, 4096, "numbers of a text's vector, without a model", .fast = "64"),
    OPTION_INT(vq_rec, n_codes, 32, 1, 1024, "codes an item", .alias = "code_dim", .fast = "16"),
    OPTION_INT(vq_rec, codebook, 256, 2, 65536, "values of a code", .alias = "code_cap", .fast = "64"),
    OPTION_INT(vq_rec, rotations, 10, 0, 1000, "turns of the index's learned rotation (OPQ); 0: none (PQ)"),
    OPTION_CHOICE(vq_rec, codes, "text", code_words, "random: a control, codes that say nothing of the text"),
    OPTION_INT(vq_rec, hidden_size, 300, 1, 1 << 16, "numbers of a code's vector and of a position", .fast = "64"),
    OPTION_INT(vq_rec, n_layers, 2, 1, 32, "blocks"),
    OPTION_INT(vq_rec, n_heads, 2, 1, 1 << 16, "attention heads; divides hidden_size"),
    OPTION_INT(vq_rec, inner_size, 256, 1, 1 << 20, "width of the feed-forward part"),
    OPTION_REAL(vq_rec, dropout, 0.5, 0, 0.99, "of inputs and of each block's two outputs",
                .alias = "hidden_dropout_prob"),
    OPTION_REAL(vq_rec, attn_dropout, 0.5, 0, 0.99, "of attention weights", .alias = "attn_dropout_prob"),
    OPTION_REAL(vq_rec, temperature, 0.07, 1e-4, 100, "cosines are divided by it"),
    OPTION_REAL(vq_rec, initializer_range, 0.02, 1e-6, 10, "standard deviation of the first weights"),
    OPTION_CHOICE(vq_rec, loss, "ce", losses,
                  "ce: over all items, as in fine-tuning; contrastive: within the batch, as in pre-training"),
    OPTION_REAL(vq_rec, permute, 0.75, 0, 1,
                "contrastive: share of the target's codes that are redrawn for the one made-up negative; 0: none",
                .alias = "fake_idx_ratio"),
    OPTION_TEXT(vq_rec, pretrained, "", "folder of a saved vq-rec, of any catalogue, to start from"),
    OPTION_BOOL(vq_rec, freeze, 1, "with pretrained: only code vectors and the input norm learn"),
    OPTION_BOOL(vq_rec, tune, 1, "0: no training, the pre-trained model as it is"),
};

static bool given(const char *text)
{
    return text && *text;
}

static const char *check(const void *self)
{
    const vq_rec *m = self;
    if (!m->tune && !given(m->pretrained)) return "tune=false scores with a pre-trained model: give pretrained=FOLDER";
    return !given(m->pretrained) && m->hidden_size % m->n_heads ? "hidden_size has to be a multiple of n_heads" : NULL;
}

extern const recommender recommender_vq_rec;
static const recommender *const me = &recommender_vq_rec;

/* ---- going on from another catalogue ---------------------------------------------------------------------------------------- */

/* What has to be as it was: sizes, the texts' vectors, the words' axes and the index. The index is taken from `p`. */
static lorec_err take_over(vq_rec *m, vq_rec *p)
{
    if (given(m->model) && (!p->model || strcmp(m->model, p->model) != 0))
        return err_set(LOREC_USAGE, "vq-rec: %s was made with %s%s, not with model=%s: codes would mean something else",
                       m->pretrained, given(p->model) ? "model=" : "hashed words", given(p->model) ? p->model : "",
                       m->model);
    if (given(p->model) && !given(m->model)) TRY(options_set(me->options, me->n_options, m, "model", p->model));
    m->n_codes = p->n_codes;
    m->codebook = p->codebook;
    m->hidden_size = p->hidden_size;
    m->n_layers = p->n_layers;
    m->n_heads = p->n_heads;
    m->inner_size = p->inner_size;
    m->temperature = p->temperature;
    m->base.max_len = p->base.max_len;
    m->text_size = p->text_size;
    m->rotations = p->rotations;
    m->words = p->words;
    m->index = p->index;
    p->words = (text_space){0};
    p->index = (pq){0};
    return LOREC_OK;
}

static void freeze(vq_rec *m)
{
    params_freeze_all(m->base.params, true);
    params_freeze(m->table, false);
    params_freeze(transformer_tensor(m->base.net, PART_EMBED_NORM, 0), false);
    params_freeze(transformer_tensor(m->base.net, PART_EMBED_NORM_BIAS, 0), false);
}

static void forget(vq_rec *m)
{
    sequence_release(m);
    text_space_free(&m->words);
    pq_free(&m->index);
    mem_free(m->code);
    m->code = NULL;
    m->table = NULL;
}

static lorec_err fit_from(vq_rec *m, vq_rec *start, const fit_context *c)
{
    if (start) TRY(take_over(m, start));
    TRY(vq_codes_make(m, c));
    TRY(vq_network(m));
    if (start) TRY(params_copy(m->base.params, start->base.params));
    if (start && m->freeze) freeze(m);
    return m->tune ? vq_learn(m, c) : vq_ready(m);
}

static lorec_err fit(void *self, const fit_context *c)
{
    vq_rec *m = self;
    void *start = NULL;
    forget(m);
    TRY(sequence_begin(&m->base, c));
    if (given(m->pretrained)) TRY(recommender_load(me, &start, m->pretrained));
    lorec_err e = fit_from(m, start, c);
    if (start) recommender_free(me, start);
    return e;
}

/* ---- the other verbs ---------------------------------------------------------------------------------------------------------- */

static tensor *encode(const void *self, tape *t, const packed *rows)
{
    const vq_rec *m = self;
    return vq_states(m, t, vq_items(m, t, rows->id, rows->rows), rows, true);
}

static lorec_err score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    return sequence_score(self, s, q, n, scores, encode, NULL);
}

static lorec_err save(const void *self, const char *folder)
{
    const vq_rec *m = self;
    TRY(sequence_save(m, folder));
    TRY(pq_save(&m->index, folder));
    if (m->words.axes) TRY(text_space_save(&m->words, folder));
    return array_save(folder, "codes", NPY_I32, 2, (int64_t[]){m->base.n_items, m->n_codes}, m->code);
}

static lorec_err load_codes(vq_rec *m, const char *folder)
{
    int64_t shape[2];
    TRY(array_load((void **)&m->code, folder, "codes", NPY_I32, 2, shape));
    bool sound = shape[0] == m->base.n_items && shape[1] == m->n_codes && m->index.parts == m->n_codes &&
                 m->index.clusters == m->codebook;
    for (int64_t i = 0; sound && i < shape[0] * shape[1]; i++)
        sound = m->code[i] >= 0 && m->code[i] / m->codebook == i % m->n_codes;
    if (!sound) return err_set(LOREC_INPUT, "%s: codes.npy does not belong to this model", folder);
    return vq_codes_count(m);
}

static lorec_err load(void *self, const char *folder)
{
    vq_rec *m = self;
    forget(m);
    TRY(sequence_load_begin(&m->base, folder));
    TRY(pq_load(&m->index, folder));
    if (!given(m->model)) TRY(text_space_load(&m->words, folder));
    TRY(load_codes(m, folder));
    TRY(vq_network(m));
    buf path = {0};
    lorec_err e = path_join(&path, folder, "model.safetensors");
    if (!e) e = params_load(m->base.params, path.p);
    buf_free(&path);
    return e ? e : vq_ready(m);
}

static json_t *counts(const void *self)
{
    const vq_rec *m = self;
    json_t *o = sequence_counts(m);
    if (!o) return NULL;
    if (json_object_set_new(o, "text_vectors",
                            json_string(given(m->model) ? m->model : "hashed words, truncated SVD")) ||
        json_object_set_new(o, "text_size", json_integer(m->index.dims)) ||
        json_object_set_new(o, "distinct_code_tuples", json_integer(m->distinct))) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static uint64_t memory(const void *self, const fit_context *fit)
{
    const vq_rec *m = self;
    uint64_t d = (uint64_t)m->hidden_size, layers = (uint64_t)m->n_layers, inner = (uint64_t)m->inner_size;
    uint64_t values = ((uint64_t)(m->n_codes * m->codebook) + (uint64_t)m->base.max_len) * d +
                      layers * (4 * d * d + 2 * d * inner);
    return sequence_memory(&m->base, fit, values, layers * (10 * d + 2 * inner) + 8 * d) +
           (uint64_t)fit->train->n_items * ((uint64_t)m->n_codes * 8 + d * 16 + (uint64_t)m->text_size * 16);
}

static void release(void *self)
{
    forget(self);
}

const recommender recommender_vq_rec = {
    .key = "vq-rec",
    .title = "VQ-Rec: items as codes of their texts, a transformer that goes from catalogue to catalogue",
    .family = "embed",
    .cite = "Hou, He, McAuley, Zhao. Learning Vector-Quantized Item Representation for Transferable Sequential "
            "Recommenders. WWW 2023",
    .controls = "bm25",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_ITEM_TEXT,
    .size = sizeof(vq_rec),
    .n_items_at = offsetof(vq_rec, base.n_items),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .check = check,
    .memory = memory,
    .fit = fit,
    .score = score,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
};
