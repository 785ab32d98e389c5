/* The tuning: one loss, the tokens of the target's title; at step t of T the prompt is hybrid with probability t / T and text
 * alone otherwise, so that the model first learns the task in words and then what the items' vectors add. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/order.h"
#include "lm/train/train.h"
#include "methods/llara/llara.h"
#include "recipes/places.h"

typedef struct lesson {
    llara *m;
    const fit_context *fit;
    user_places places;
    size_t n;      /* places that are learned from */
    uint32_t *had; /* the training items, each user's ascending */
    lm_forward forward;
    uint64_t steps; /* of the whole training */
    /* of the step at hand */
    tokens all;
    int32_t *length, *word, *source; /* source: a row's place in `item`, or -1 */
    uint8_t *learn;
    uint32_t *item, *candidate;
    size_t items, cap[5];
} lesson;

/* ---- a step ---------------------------------------------------------------------------------------------------------------- */

static bool is_hybrid(const lesson *l, const tape *t, rng *r)
{
    if (l->m->prompt == LLARA_TEXT) return false;
    if (l->m->prompt == LLARA_ID || l->m->curriculum == CURRICULUM_NONE) return true;
    return rng_uniform(r) * (double)l->steps < (double)tape_step(t);
}

static lorec_err add_example(lesson *l, const user_place *p, llara_kind kind, int variant, rng *r)
{
    llara *m = l->m;
    const interactions *x = l->fit->train;
    const uint32_t *history;
    uint32_t target = x->item[p->row];
    uint64_t first = x->start[p->user];
    size_t before = user_places_history(x, p, m->max_history, &history),
           n = llara_draw(m, target, l->had + first, (size_t)(x->start[p->user + 1] - first), r, l->candidate);
    TRY(llara_ask(m, kind, variant, history, before, l->candidate, n, &l->all));
    for (int64_t k = m->answer_at[target]; k < m->answer_at[target + 1]; k++) TRY(tokens_add(&l->all, m->answer.id[k]));
    return LOREC_OK;
}

/* Which rows are said, which are words and which are items. */
static lorec_err sort_rows(lesson *l, size_t n, const int64_t *answer)
{
    int64_t vocab = transformer_settings(l->m->lm->model->net)->vocab_size;
    TRY(mem_grow(&l->learn, &l->cap[1], l->all.n));
    TRY(mem_grow(&l->word, &l->cap[2], l->all.n));
    TRY(mem_grow(&l->source, &l->cap[3], l->all.n));
    TRY(mem_grow(&l->item, &l->cap[4], l->all.n));
    l->items = 0;
    for (size_t i = 0, row = 0; i < n; i++)
        for (size_t end = row + (size_t)l->length[i]; row < end; row++) {
            bool word = l->all.id[row] < vocab;
            l->learn[row] = row >= end - (size_t)answer[i];
            l->word[row] = word ? l->all.id[row] : -1;
            l->source[row] = word ? -1 : (int32_t)l->items;
            if (!word) l->item[l->items++] = (uint32_t)(l->all.id[row] - vocab);
        }
    return LOREC_OK;
}

/* [rows, width]: the items' vectors (or the place holder's) in their rows, zeros elsewhere. */
static tensor *item_rows(lesson *l, tape *t, llara_kind kind)
{
    const llara *m = l->m;
    int64_t rows = (int64_t)l->all.n;
    if (kind == LLARA_TEXT) {
        for (int64_t i = 0; i < rows; i++) l->source[i] = l->source[i] < 0 ? -1 : 0;
        return op_gather_rows(t, m->holder, tape_ids(t, l->source, rows));
    }
    return op_gather_rows(t, llara_project(m, t, l->item, l->items), tape_ids(t, l->source, rows));
}

static lorec_err gather(lesson *l, const uint32_t *example, size_t n, llara_kind kind, rng *r)
{
    const llara *m = l->m;
    int variant = (int)rng_below(r, LLARA_VARIANTS);
    int64_t *answer;
    TRY(mem_grow(&l->length, &l->cap[0], n));
    TRY(mem_new(&answer, n));
    lorec_err e = LOREC_OK;
    l->all.n = 0;
    for (size_t i = 0; i < n && !e; i++) {
        const user_place *p = &l->places.place[example[i]];
        uint32_t target = l->fit->train->item[p->row];
        size_t before = l->all.n;
        e = add_example(l, p, kind, variant, r);
        l->length[i] = (int32_t)(l->all.n - before);
        answer[i] = m->answer_at[target + 1] - m->answer_at[target];
    }
    if (!e) e = sort_rows(l, n, answer);
    mem_free(answer);
    return e;
}

static tensor *loss(void *self, tape *t, const uint32_t *example, size_t n, rng *r)
{
    lesson *l = self;
    llara *m = l->m;
    bool hybrid = is_hybrid(l, t, r);
    llara_kind kind = hybrid ? (llara_kind)m->prompt : LLARA_TEXT;
    lorec_err e = gather(l, example, n, kind, r);
    if (e) return tape_fail(t, e);
    *(hybrid ? &m->hybrid_steps : &m->text_steps) += 1;
    tensor *vectors = op_cast(t, item_rows(l, t, kind), m->bf16 ? DTYPE_BF16 : DTYPE_F32);
    return objective_causal(
        t, &l->forward,
        &(lm_batch){.n = (int64_t)n, .token = l->word, .length = l->length, .learn = l->learn, .vectors = vectors});
}

static int64_t units(const void *self, uint32_t example)
{
    const lesson *l = self;
    uint32_t target = l->fit->train->item[l->places.place[example].row];
    return l->m->answer_at[target + 1] - l->m->answer_at[target];
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */

static lorec_err prepare(lesson *l)
{
    llara *m = l->m;
    const interactions *x = l->fit->train;
    rng r = rng_make(l->fit->seed, RNG_SAMPLING);
    TRY(user_places_find(&l->places, x, m->min_history, "llara"));
    l->n = m->examples && (size_t)m->examples < l->places.n ? (size_t)m->examples : l->places.n;
    for (size_t i = 0; i < l->n; i++) user_places_draw(&l->places, i, &r);
    m->used = (int64_t)l->n;
    TRY(mem_new(&l->candidate, (size_t)m->candidates));
    TRY(mem_new(&l->had, (size_t)x->n + 1));
    if (x->n) memcpy(l->had, x->item, (size_t)x->n * sizeof *l->had);
    for (uint32_t u = 0; u < x->n_users; u++) sort_u32(l->had + x->start[u], (size_t)(x->start[u + 1] - x->start[u]));
    return LOREC_OK;
}

static lorec_err validate(void *ctx, const void *self, double *metric)
{
    const lesson *l = ctx;
    (void)self; /* the loop's own */
    return l->fit->validate(l->fit->validate_ctx, l->m, metric);
}

static lorec_err identity_of(const lesson *l, buf *out)
{
    const llara *m = l->m;
    uint64_t vectors = XXH3_64bits(m->vector, (size_t)m->items.n * (size_t)m->d * sizeof *m->vector),
             places = XXH3_64bits(l->places.place, l->n * sizeof *l->places.place);
    return buf_printf(out,
                      "llara model=%s weights=%d prompt=%d curriculum=%d vectors=%016" PRIx64 " places=%016" PRIx64
                      " rank=%lld alpha=%g candidates=%lld history=%lld ",
                      m->model, m->weights, m->prompt, m->curriculum, vectors, places, (long long)m->low_rank.rank,
                      m->low_rank.alpha, (long long)m->candidates, (long long)m->max_history);
}

static lorec_err train(lesson *l, params *learning)
{
    llara *m = l->m;
    int64_t micro = m->micro_batch < m->batch ? m->micro_batch : m->batch, each = (m->batch + micro - 1) / micro;
    uint64_t pass = (l->n + (uint64_t)micro - 1) / (uint64_t)micro,
             updates = (pass + (uint64_t)each - 1) / (uint64_t)each * (uint64_t)m->epochs;
    buf identity = {0};
    l->steps = pass * (uint64_t)m->epochs;
    lm_task learned = {.name = "llara", .self = l, .n_examples = l->n, .units = units, .loss = loss};
    lm_train_options o = {
        .loop = {.epochs = m->epochs,
                 .train_batch_size = micro,
                 .accumulate = each,
                 .eval_step = m->eval_step,
                 .stopping_step = m->stopping_step,
                 .bf16 = m->bf16,
                 .optimizer = {.kind = OPT_ADAM, .lr = m->learning_rate, .clip_norm = 1},
                 .schedule = {.kind = SCHEDULE_COSINE, .warmup = updates / 20, .total = updates, .floor = .01}}};
    TRY(identity_of(l, &identity));
    trainer_context c = {.seed = l->fit->seed,
                         .folder = l->fit->folder,
                         .resume = l->fit->resume,
                         .identity = identity.p,
                         .validate = l->fit->validate ? validate : NULL,
                         .validate_ctx = l,
                         .valid_metric = l->fit->valid_metric};
    lorec_err e = lm_train(&learned, learning, &o, &c, &m->report);
    buf_free(&identity);
    return e;
}

lorec_err llara_tune(llara *m, const fit_context *c)
{
    if (m->epochs == 0) return LOREC_OK;
    lesson l = {.m = m, .fit = c, .forward = {.net = m->lm->model->net, .adapters = &m->set}};
    params *sets[2] = {adapter_params(m->lora), m->projector}, *learning = params_join(sets, 2);
    lorec_err e = learning ? prepare(&l) : LOREC_RESOURCE;
    if (!e) e = train(&l, learning);
    if (!e)
        log_info("llara: %lld examples; %lld hybrid steps, %lld of text alone", (long long)m->used,
                 (long long)m->hybrid_steps, (long long)m->text_steps);
    if (learning) params_free(learning);
    user_places_free(&l.places);
    tokens_free(&l.all);
    mem_free(l.had);
    mem_free(l.candidate);
    mem_free(l.length);
    mem_free(l.word);
    mem_free(l.source);
    mem_free(l.learn);
    mem_free(l.item);
    return e;
}
