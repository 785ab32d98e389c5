/* LLaRA (Liao et al., SIGIR 2024): a language model picks the next item out of candidates; after each title of its prompt
 * stands the item's vector of a sequential recommender, projected, and it learns so by a curriculum from prompts of text alone
 * to hybrid ones. Card: card.md. To beat: the recommender that the vectors are of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/order.h"
#include "lm/session/score.h"
#include "methods/llara/llara.h"
#include "rec/arrays.h"
#include "recipes/tidy.h"

enum { ASK_AT_ONCE = 8 };
static const char *const prompts[] = {"hybrid", "text", "id", NULL}; /* of llara_kind */
static const char *const curricula[] = {"linear", "none", NULL};
static const char *const backbones[] = {"sasrec", "gru4rec", NULL};
static const char *const vectors[] = {"learned", "random", NULL};

static const option options[] = {
    BASE_MODEL_OPTIONS(llara, "bf16"),
    OPTION_CHOICE(llara, prompt, "hybrid", prompts, "what stands for an item: title and vector, its title, its vector"),
    OPTION_CHOICE(llara, curriculum, "linear", curricula, "hybrid prompts come in bit by bit, or are there at once"),
    OPTION_CHOICE(llara, backbone, "sasrec", backbones, "the recommender whose item vectors are projected"),
    OPTION_INT(llara, backbone_size, 64, 1, 1 << 14, "its numbers an item"),
    OPTION_INT(llara, backbone_epochs, 200, 1, 1e6, "its passes over the data", .fast = "40"),
    OPTION_CHOICE(llara, vectors, "learned", vectors, "random: a control, vectors of that size that say nothing"),
    OPTION_INT(llara, examples, 0, 0, 1e9, "questions to learn from, drawn at random; 0: every place", .fast = "1500"),
    OPTION_INT(llara, max_history, 10, 1, 10000, "items of the history, the latest"),
    OPTION_INT(llara, min_history, 3, 1, 10000, "rows before one that is learned from"),
    OPTION_INT(llara, candidates, 20, 2, 1000, "of a question that is learned from, the target among them"),
    OPTION_INT(llara, max_candidates, 100, 1, 1e6, "refuse longer lists: all of them stand in the prompt"),
    LORA_OPTIONS(llara, low_rank, 32, .1, "all"),
    OPTION_INT(llara, epochs, 5, 0, 1e6, "passes over the questions; 0: the model as it is", .fast = "3"),
    OPTION_REAL(llara, learning_rate, 8e-4, 1e-9, 10, "largest step size", .alias = "lr"),
    OPTION_INT(llara, batch, 128, 1, 1 << 20, "questions of an update", .alias = "train_batch_size", .fast = "16"),
    OPTION_INT(llara, micro_batch, 8, 1, 1 << 20, "questions at once; one kind of prompt each"),
    OPTION_INT(llara, eval_step, 1, 1, 1e6, "validate every so many epochs"),
    OPTION_INT(llara, stopping_step, 10, 1, 1e6, "stop after more validations without a better one",
               .alias = "patience"),
    OPTION_INT(llara, answer_tokens, 64, 1, 4096, "of an answer that is written freely (the study)"),
    OPTION_BOOL(llara, bf16, 0, "compute in bfloat16"),
    OPTION_TEXT(llara, things, "films", "what the items are, in the prompts"),
    OPTION_TEXT(llara, verb, "watched", "what people did with them"),
};

/* ---- the session ------------------------------------------------------------------------------------------------------------ */

typedef struct reading { /* a session of the language model with the vectors of all items */
    const llara *m;
    float *extra;
    lm_session *lm;
    uint64_t version; /* of the projector that they were made by: validation meets a new one each time */
} reading;

static void reading_free(void *own)
{
    reading *r = own;
    if (!r) return;
    lm_session_free(r->lm);
    mem_free(r->extra);
    mem_free(r);
}

static lorec_err open_reading(reading *r)
{
    const llara *m = r->m;
    size_t width = (size_t)tensor_size(m->holder, 1), rows = (size_t)m->items.n + 1;
    TRY(mem_new(&r->extra, rows * width));
    TRY(llara_extra(m, r->extra));
    return lm_text_session(
        &r->lm, m->lm,
        &(lm_session_options){.bf16 = m->bf16, .adapters = &m->set, .extra = r->extra, .extras = (int64_t)rows});
}

lorec_err llara_session(const llara *m, rec_session *s, lm_session **out)
{
    reading *r = rec_session_own(s, m);
    if (!r) {
        TRY(mem_new(&r, 1));
        *r = (reading){.m = m, .version = params_version(m->projector)};
        lorec_err e = open_reading(r);
        if (e) {
            reading_free(r);
            return e;
        }
        rec_session_set_own(s, m, r, reading_free);
    } else if (r->version != params_version(m->projector)) {
        TRY(llara_extra(m, r->extra));
        r->version = params_version(m->projector);
    }
    *out = r->lm;
    return LOREC_OK;
}

/* ---- scoring: the likelihood of each candidate's title after the question --------------------------------------------------- */

typedef struct asked {
    tokens prompt, answer;
    int32_t length[ASK_AT_ONCE], *answer_length;
    int64_t first[ASK_AT_ONCE + 1];
    uint32_t *shown;
    double *sum;
} asked;

/* The order in which they are shown is drawn from what they and the history are, never from how they came. */
static void arrange(uint32_t *shown, size_t n, const query *q)
{
    sort_u32(shown, n);
    uint64_t seed = n ? XXH3_64bits(shown, n * sizeof *shown) : 0;
    if (q->n) seed = XXH3_64bits_withSeed(q->items, q->n * sizeof *q->items, seed);
    rng r = rng_make(seed, RNG_SHUFFLE);
    rng_shuffle(&r, shown, n);
}

static lorec_err add_question(const llara *m, asked *a, size_t i, const query *q, const uint32_t *candidate, size_t n)
{
    size_t before = a->prompt.n;
    if (n) memcpy(a->shown, candidate, n * sizeof *candidate);
    arrange(a->shown, n, q);
    TRY(llara_ask(m, (llara_kind)m->prompt, 0, q->items, q->n, a->shown, n, &a->prompt));
    a->length[i] = (int32_t)(a->prompt.n - before);
    for (size_t k = 0; k < n; k++) {
        int64_t at = m->answer_at[candidate[k]], end = m->answer_at[candidate[k] + 1];
        a->answer_length[a->first[i] + (int64_t)k] = (int32_t)(end - at);
        for (; at < end; at++) TRY(tokens_add(&a->answer, m->answer.id[at]));
    }
    a->first[i + 1] = a->first[i] + (int64_t)n;
    return LOREC_OK;
}

static lorec_err ask(const llara *m, lm_session *lm, asked *a, const query *q, size_t n, const uint64_t *start,
                     const uint32_t *candidate, float *scores)
{
    a->prompt.n = a->answer.n = 0;
    a->first[0] = 0;
    for (size_t i = 0; i < n; i++)
        TRY(add_question(m, a, i, &q[i], candidate + start[i], (size_t)(start[i + 1] - start[i])));
    TRY(lm_score(lm,
                 &(score_ask){.prompts = (int64_t)n,
                              .prompt = a->prompt.id,
                              .prompt_length = a->length,
                              .n = a->first[n],
                              .token = a->answer.id,
                              .length = a->answer_length,
                              .first = a->first},
                 a->sum));
    for (int64_t k = 0; k < a->first[n]; k++) scores[start[0] + (uint64_t)k] = (float)a->sum[k];
    return LOREC_OK;
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const llara *m = self;
    lm_session *lm;
    asked a = {0};
    size_t room = ASK_AT_ONCE * (size_t)m->max_candidates;
    TRY(catalogue_check_lists(&m->items, "llara", m->max_candidates, n, start, candidate));
    TRY(llara_session(m, s, &lm));
    lorec_err e = mem_new(&a.shown, (size_t)m->max_candidates);
    if (!e) e = mem_new(&a.answer_length, room);
    if (!e) e = mem_new(&a.sum, room);
    for (size_t at = 0; at < n && !e; at += ASK_AT_ONCE)
        e = ask(m, lm, &a, q + at, n - at < ASK_AT_ONCE ? n - at : ASK_AT_ONCE, start + at, candidate, scores);
    tokens_free(&a.prompt);
    tokens_free(&a.answer);
    mem_free(a.shown);
    mem_free(a.answer_length);
    mem_free(a.sum);
    return e;
}

/* ---- the other verbs -------------------------------------------------------------------------------------------------------- */

static lorec_err open_model(llara *m)
{
    TRY(base_model_open(&m->lm, "llara", m->model, (lm_form)m->weights));
    TRY(prompt_open(&m->ask, "llara/prompts/choose.j2"));
    return llara_answers(m);
}

static lorec_err fit(void *self, const fit_context *c)
{
    llara *m = self;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(catalogue_tidy(&m->items));
    TRY(open_model(m));
    TRY(llara_vectors(m, c));
    TRY(llara_projector(m, c->seed));
    TRY(lora_new(&m->lora, m->lm, &m->low_rank, c->seed));
    m->set = (adapter_set){.item = &m->lora, .n = 1};
    return llara_tune(m, c);
}

static lorec_err save(const void *self, const char *folder)
{
    const llara *m = self;
    buf path = {0};
    TRY(catalogue_save(&m->items, folder));
    TRY(array_save(folder, "item_vectors", NPY_F32, 2, (int64_t[]){m->items.n, m->d}, m->vector));
    lorec_err e = path_join(&path, folder, "projector.safetensors");
    if (!e) e = params_save(m->projector, path.p);
    if (!e) e = lora_save(m->lora, folder, "adapter", m->model);
    buf_free(&path);
    return e;
}

static lorec_err load(void *self, const char *folder)
{
    llara *m = self;
    int64_t shape[2];
    buf path = {0};
    TRY(catalogue_load(&m->items, folder));
    TRY(open_model(m));
    TRY(array_load((void **)&m->vector, folder, "item_vectors", NPY_F32, 2, shape));
    if (shape[0] != m->items.n)
        return err_set(LOREC_INPUT, "%s: item_vectors.npy has %lld rows for %u titles", folder, (long long)shape[0],
                       m->items.n);
    m->d = shape[1];
    TRY(llara_projector(m, 0));
    lorec_err e = path_join(&path, folder, "projector.safetensors");
    if (!e) e = params_load(m->projector, path.p);
    if (!e) e = lora_load(&m->lora, m->lm, folder, "adapter");
    buf_free(&path);
    m->set = (adapter_set){.item = &m->lora, .n = 1};
    return e;
}

static void release(void *self)
{
    llara *m = self;
    catalogue_free(&m->items);
    mem_free(m->vector);
    mem_free(m->answer_at);
    tokens_free(&m->answer);
    params_free(m->projector);
    prompt_free(m->ask);
    adapter_free(m->lora);
    lm_text_free(m->lm);
}

static json_t *counts(const void *self)
{
    const llara *m = self;
    uint64_t learned = m->lora ? (uint64_t)(params_values(adapter_params(m->lora)) + params_values(m->projector)) : 0;
    json_t *o = trainer_report_json(&m->report, learned);
    if (!o) return NULL;
    json_object_set_new(o, "examples", json_integer((json_int_t)m->used));
    json_object_set_new(o, "steps_hybrid", json_integer((json_int_t)m->hybrid_steps));
    json_object_set_new(o, "steps_text", json_integer((json_int_t)m->text_steps));
    return o;
}

const recommender recommender_llara = {
    .key = "llara",
    .title = "LLaRA: a language model that reads titles and a recommender's item vectors",
    .family = "align",
    .cite = "Liao, Li, Yang, Wu, Yuan, Wang, He. LLaRA: Large Language-Recommendation Assistant. SIGIR 2024",
    .controls = "sasrec",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_WEIGHTS | NEED_ITEM_TEXT,
    .size = sizeof(llara),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score_items = score_items,
    .study = llara_study,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(llara, items.n),
};
