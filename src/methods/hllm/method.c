/* HLLM (Chen et al., arXiv 2409.12740): one language model makes a vector of an item's text, a second one reads a history of
 * such vectors and says the next; both learn end to end. Card: card.md. */
#include "base/mem.h"
#include "methods/hllm/hllm.h"
#include "rec/arrays.h"
#include "rec/vectors.h"

static const option hllm_options[] = {
    TRAINER_OPTIONS(hllm, train, 5, 128, 1e-4),
    OPTION_TEXT(hllm, item_model, "",
                "decoder-only model that reads item texts (a folder with its tokenizer); empty: new"),
    OPTION_TEXT(hllm, user_model, "", "decoder-only model that reads item vectors, of the same width; empty: new"),
    OPTION_TEXT(hllm, instruction, "Sum this item up as one vector: ", "what an item's text begins with"),
    OPTION_BOOL(hllm, freeze_item, 0,
                "do not train the item model: vectors are its mean over the text, computed once before training"),
    OPTION_INT(hllm, max_history, 50, 1, 1 << 16, "a history is cut to its last so many items", .alias = "max_len",
               .fast = "20"),
    OPTION_INT(hllm, text_tokens, 256, 1, 1 << 14, "an item's text is cut to its first so many tokens", .fast = "32"),
    OPTION_INT(hllm, negatives, 512, 0, 1 << 20,
               "random items a step, shared by its places; 0: the step's other targets", .fast = "128"),
    OPTION_REAL(hllm, temperature, 0.07, 0.01, 1, "of the cosines at the start; it is learned, and stays in 0.01 .. 1"),
    OPTION_INT(hllm, width, 128, 2, 1 << 14, "of models made from nothing", .fast = "64"),
    OPTION_INT(hllm, layers, 2, 1, 256, "of models made from nothing"),
    OPTION_INT(hllm, heads, 4, 1, 1024, "of models made from nothing; width / heads is an even number"),
    OPTION_INT(hllm, vocabulary, 8000, 300, 1 << 20,
               "tokens of the byte-level BPE trained on the texts (no item_model)", .fast = "2000"),
};

static const char *hllm_check(const void *self)
{
    const hllm *m = self;
    return m->width % (2 * m->heads) ? "width has to be a multiple of twice heads" : NULL;
}

static void hllm_release(void *self)
{
    hllm *m = self;
    lm_model_free(m->item);
    lm_model_free(m->user);
    json_decref(m->tokenizer);
    mem_free(m->vectors);
    mem_free(m->unit);
    mem_free(m->popularity);
    m->item = m->user = NULL;
    m->tokenizer = NULL;
    m->vectors = m->unit = m->popularity = NULL;
    m->n_items = 0;
}

/* ---- training ----------------------------------------------------------------------------------------------------------- */

/* From the newest item back, max_history + 1 items each; neighbours share an item, which is predicted in one of them. */
static lorec_err cut_windows(training *f)
{
    const interactions *x = f->rows;
    uint64_t most = (uint64_t)f->m->max_history + 1;
    for (uint32_t u = 0; u < x->n_users; u++)
        for (uint64_t end = x->start[u + 1]; end >= x->start[u] + 2;) {
            uint64_t first = end - x->start[u] > most ? end - most : x->start[u];
            TRY(mem_grow(&f->windows, &f->windows_cap, f->n_windows + 1));
            f->windows[f->n_windows++] = (window){first, end};
            end = first + 1;
        }
    if (f->n_windows) return LOREC_OK;
    return err_set(LOREC_INPUT,
                   "no user has two training interactions, and a next item is learned from two; loosen the "
                   "filter or the split");
}

static lorec_err refresh(void *self)
{
    training *f = self;
    TRY(hllm_take_back(f));
    return f->m->freeze_item ? LOREC_OK : hllm_encode_all(f);
}

static lorec_err prepare(training *f, const fit_context *fit)
{
    hllm *m = f->m;
    TRY(cut_windows(f));
    TRY(mem_new(&m->popularity, m->n_items));
    item_popularity(fit->train, m->popularity);
    TRY(mem_new(&f->slot, m->n_items));
    TRY(mem_new(&f->listed, m->n_items));
    for (uint32_t i = 0; i < m->n_items; i++) f->slot[i] = -1;
    TRY(hllm_models(f, fit));
    TRY(hllm_joint(f, fit->seed));
    return m->freeze_item ? hllm_encode_all(f) : LOREC_OK;
}

static void training_free(training *f)
{
    if (f->item) transformer_free(f->item);
    if (f->user) transformer_free(f->user);
    if (f->joint) params_free(f->joint);
    tokens_free(&f->text);
    mem_free(f->text_start);
    mem_free(f->windows);
    mem_free(f->slot);
    mem_free(f->listed);
    mem_free(f->history);
    mem_free(f->target);
    mem_free(f->length);
    mem_free(f->negative);
}

static lorec_err hllm_fit(void *self, const fit_context *fit)
{
    hllm *m = self;
    hllm_release(m);
    training f = {.m = m, .rows = fit->train};
    m->n_items = fit->train->n_items;
    lorec_err e = prepare(&f, fit);
    trainer_options o = trainer_options_from(&m->train, OPT_ADAMW);
    uint64_t batch = (uint64_t)o.train_batch_size, steps = (f.n_windows + batch - 1) / batch * (uint64_t)o.epochs;
    o.schedule = (schedule){.kind = SCHEDULE_COSINE, .warmup = steps / 10, .total = steps};
    if (!e)
        e = trainer_run(&o, fit,
                        &(trainer_model){.self = &f,
                                         .recommender = m,
                                         .label = "hllm",
                                         .params = f.joint,
                                         .n_examples = f.n_windows,
                                         .step = hllm_step,
                                         .ready = refresh},
                        &m->report);
    training_free(&f);
    return e;
}

static uint64_t hllm_memory(const void *self, const fit_context *fit)
{
    const hllm *m = self;
    uint64_t d = (uint64_t)m->width, layers = (uint64_t)m->layers;
    uint64_t values = (uint64_t)m->vocabulary * d + 2 * layers * 16 * d * d;
    uint64_t places = (uint64_t)(m->train.train_batch_size * m->max_history);
    uint64_t k = m->negatives ? (uint64_t)m->negatives : places;
    uint64_t items = places + k < fit->train->n_items ? places + k : fit->train->n_items;
    uint64_t rows = places + (m->freeze_item ? 0 : items * 32); /* titles are short */
    return values * 4 * 6 + rows * d * 4 * layers * 24 + places * k * 4 * 6 + (uint64_t)fit->train->n_items * d * 8;
}

/* ---- the row ------------------------------------------------------------------------------------------------------------ */

static lorec_err save_item_model(const hllm *m, const char *folder)
{
    buf path = {0};
    lorec_err e = folder_make(folder);
    if (!e) e = lm_model_save(m->item, folder);
    if (!e && m->tokenizer) e = path_join(&path, folder, "tokenizer.json");
    if (!e && m->tokenizer) e = json_write(m->tokenizer, path.p);
    buf_free(&path);
    return e;
}

static lorec_err hllm_save(const void *self, const char *folder)
{
    const hllm *m = self;
    buf path = {0};
    lorec_err e = path_join(&path, folder, "user");
    if (!e) e = folder_make(path.p);
    if (!e) e = lm_model_save(m->user, path.p);
    if (!e && m->item) e = path_join(&path, folder, "item");
    if (!e && m->item) e = save_item_model(m, path.p);
    buf_free(&path);
    if (!e) e = array_save(folder, "item_vectors", NPY_F32, 2, (int64_t[]){m->n_items, m->d}, m->vectors);
    return e ? e : array_save(folder, "popularity", NPY_F32, 1, (int64_t[]){m->n_items}, m->popularity);
}

static lorec_err hllm_load(void *self, const char *folder)
{
    hllm *m = self;
    int64_t shape[2];
    buf path = {0};
    hllm_release(m);
    TRY(array_load_count((void **)&m->popularity, folder, "popularity", NPY_F32, &m->n_items));
    TRY(array_load((void **)&m->vectors, folder, "item_vectors", NPY_F32, 2, shape));
    lorec_err e = path_join(&path, folder, "user");
    if (!e) e = lm_model_open(&m->user, path.p);
    buf_free(&path);
    TRY(e);
    TRY(lm_model_need_decoder(m->user));
    const transformer_config *c = transformer_settings(m->user->net);
    int64_t in = c->embed_width ? c->embed_width : c->width;
    m->d = shape[1];
    if (shape[0] != m->n_items || in != m->d || transformer_out_width(c) != m->d || c->max_positions < m->max_history)
        return err_set(LOREC_INPUT,
                       "%s: item_vectors.npy, popularity.npy, user/config.json and the options disagree; save "
                       "the model again",
                       folder);
    return hllm_unit(m);
}

static json_t *hllm_counts(const void *self)
{
    const hllm *m = self;
    uint64_t values = m->user ? (uint64_t)params_values(m->user->params) : 0;
    if (m->item) values += (uint64_t)params_values(m->item->params);
    return trainer_report_json(&m->report, values);
}

const recommender recommender_hllm = {
    .key = "hllm",
    .title = "HLLM: a language model of item texts under a language model of histories",
    .family = "embed",
    .cite =
        "Chen, Chi, Peng, Yuan. HLLM: Enhancing Sequential Recommendations via Hierarchical Large Language Models for "
        "Item and User Modeling. arXiv 2409.12740, 2024",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_ITEM_TEXT,
    .size = sizeof(hllm),
    .n_items_at = offsetof(hllm, n_items),
    .options = hllm_options,
    .n_options = sizeof hllm_options / sizeof *hllm_options,
    .controls = "bm25",
    .check = hllm_check,
    .memory = hllm_memory,
    .fit = hllm_fit,
    .score = hllm_score,
    .save = hllm_save,
    .load = hllm_load,
    .release = hllm_release,
    .counts = hllm_counts,
};
