/* Two stages over one adapter: instructions, then K questions whose answers are known. */
#include <inttypes.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "lm/train/train.h"
#include "methods/tallrec/tallrec.h"
#include "recipes/places.h"

/* ---- the examples ------------------------------------------------------------------------------------------------------- */

/* Data without ratings knows no dislikes: every second question is about an item that the user never had. */
static bool label(const tallrec *m, const interactions *x, const user_place *p, size_t i, rng *r, uint32_t *target)
{
    *target = x->item[p->row];
    if (x->rating) return likes_rating(x->rating[p->row], m->liked_above);
    if (i % 2 == 0) return true;
    for (int tries = 0; tries < 100; tries++) {
        uint32_t item = rng_below(r, m->items.n);
        bool had = false;
        for (uint64_t k = x->start[p->user]; k < x->start[p->user + 1] && !had; k++) had = x->item[k] == item;
        if (had) continue;
        *target = item;
        return false;
    }
    return true; /* a user who had about all there is */
}

static lorec_err add_example(tallrec *m, const interactions *x, const user_place *p, size_t i, rng *r, corpus *c,
                             tokens *said)
{
    uint32_t target;
    bool liked = label(m, x, p, i, r, &target);
    const tokens *answer = &m->answer[liked];
    uint8_t *learn;
    said->n = 0;
    TRY(tallrec_question(m, p->user, x->item + x->start[p->user], (size_t)(p->row - x->start[p->user]), target, said));
    size_t asked = said->n;
    for (size_t k = 0; k < answer->n; k++) TRY(tokens_add(said, answer->id[k]));
    if (m->lm->ends) TRY(tokens_add(said, m->lm->end[0]));
    TRY(mem_new(&learn, said->n));
    for (size_t k = 0; k < said->n; k++) learn[k] = m->train_on_inputs || k >= asked;
    lorec_err e = corpus_add(c, said->id, learn, (int64_t)said->n);
    mem_free(learn);
    m->used++;
    m->positive += liked;
    return e;
}

/* K of the places, drawn without putting back. */
static lorec_err make_examples(tallrec *m, const fit_context *c, corpus *out)
{
    user_places all = {0};
    tokens said = {0};
    rng r = rng_make(c->seed, RNG_SAMPLING);
    lorec_err e = user_places_find(&all, c->train, m->min_history, "tallrec");
    size_t k = m->examples && (size_t)m->examples < all.n ? (size_t)m->examples : all.n;
    for (size_t i = 0; i < k && !e; i++) {
        user_place taken = user_places_draw(&all, i, &r);
        e = add_example(m, c->train, &taken, i, &r, out, &said);
    }
    tokens_free(&said);
    user_places_free(&all);
    if (!e) log_info("tallrec: %lld examples, %lld of them liked", (long long)m->used, (long long)m->positive);
    if (!e && (m->positive == 0 || m->positive == m->used))
        log_warn("tallrec: all examples have the same answer; more of them (examples) or another liked_above may help");
    return e;
}

/* ---- the same as texts, for a trainer elsewhere ---------------------------------------------------------------------------- */

typedef struct telling {
    tallrec *m;
    const fit_context *c;
    tuning_sink sink;
    void *ctx;
    buf text;
    rng r;
} telling;

static lorec_err tell(telling *t, uint32_t user, const uint32_t *history, size_t n, uint32_t target, bool liked)
{
    const tallrec *m = t->m;
    size_t kept = n < (size_t)m->max_history ? n : (size_t)m->max_history;
    TRY(tallrec_write(m, user, history + (n - kept), kept, target, &t->text));
    return t->sink(t->ctx, &(tuning_text){user, target, t->text.p, liked ? m->yes : m->no});
}

/* K of the training places, drawn as make_examples draws them. */
static lorec_err tell_training(telling *t)
{
    const interactions *x = t->c->train;
    user_places all = {0};
    lorec_err e = user_places_find(&all, x, t->m->min_history, "tallrec");
    size_t k = t->m->examples && (size_t)t->m->examples < all.n ? (size_t)t->m->examples : all.n;
    for (size_t i = 0; i < k && !e; i++) {
        uint32_t target;
        user_place p = user_places_draw(&all, i, &t->r);
        bool liked = label(t->m, x, &p, i, &t->r, &target);
        e = tell(t, p.user, x->item + x->start[p.user], (size_t)(p.row - x->start[p.user]), target, liked);
    }
    user_places_free(&all);
    return e;
}

/* Every validation row, after what the user had in training. */
static lorec_err tell_validation(telling *t)
{
    const interactions *x = t->c->train, *v = &t->c->split->valid;
    for (uint32_t u = 0; u < v->n_users; u++)
        for (uint64_t r = v->start[u]; r < v->start[u + 1]; r++) {
            uint64_t n = x->start[u + 1] - x->start[u];
            if (n < (uint64_t)t->m->min_history) continue;
            uint32_t target;
            user_place p = {u, r};
            bool liked = label(t->m, v, &p, r, &t->r, &target);
            TRY(tell(t, u, x->item + x->start[u], (size_t)n, target, liked));
        }
    return LOREC_OK;
}

lorec_err tallrec_lessons(void *self, const fit_context *c, bool valid, tuning_sink sink, void *ctx)
{
    tallrec *m = self;
    telling t = {.m = m, .c = c, .sink = sink, .ctx = ctx, .r = rng_make(c->seed, RNG_SAMPLING)};
    if (!m->ask) TRY(prompt_open(&m->ask, "tallrec/prompts/ask.j2"));
    if (!m->items.n) TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    if (!m->likes.start) TRY(likes_make(&m->likes, c->split, c->train, m->liked_above));
    lorec_err e = valid ? tell_validation(&t) : tell_training(&t);
    buf_free(&t.text);
    return e;
}

/* ---- training ----------------------------------------------------------------------------------------------------------- */

typedef struct stage {
    tallrec *m;
    const fit_context *fit;
    const char *name;
    const corpus *corpus;
    int64_t epochs;
    double rate;
    bool validates;
} stage;

static lorec_err validate(void *ctx, const void *self, double *metric)
{
    const stage *s = ctx;
    (void)self; /* the loop's own */
    return s->fit->validate(s->fit->validate_ctx, s->m, metric);
}

static lorec_err identity_of(const stage *s, buf *out)
{
    const tallrec *m = s->m;
    const corpus *c = s->corpus;
    size_t n = (size_t)c->start[c->n];
    uint64_t hash = XXH3_64bits(c->token, n * sizeof *c->token) ^ XXH3_64bits_withSeed(c->learn, n, 1);
    return buf_printf(out, "%s model=%s weights=%d corpus=%016" PRIx64 " rank=%lld alpha=%g from=%s", s->name, m->model,
                      m->weights, hash, (long long)m->low_rank.rank, m->low_rank.alpha,
                      m->adapter && *m->adapter ? m->adapter : "nothing");
}

static lorec_err run_stage(const stage *s, trainer_report *report)
{
    tallrec *m = s->m;
    lm_corpus_task lesson;
    buf identity = {0};
    int64_t micro = m->micro_batch < m->batch ? m->micro_batch : m->batch, each = (m->batch + micro - 1) / micro,
            steps = (s->corpus->n + micro - 1) / micro;
    uint64_t updates = (uint64_t)((steps + each - 1) / each) * (uint64_t)s->epochs, warmup = (uint64_t)m->warmup;
    lm_train_options o = {.loop = {.epochs = s->epochs,
                                   .train_batch_size = micro,
                                   .accumulate = each,
                                   .eval_step = m->eval_step,
                                   .stopping_step = m->stopping_step,
                                   .bf16 = m->bf16,
                                   .optimizer = {.kind = OPT_ADAMW, .lr = s->rate, .clip_norm = 1},
                                   .schedule = {.kind = SCHEDULE_LINEAR,
                                                .warmup = warmup < updates / 2 ? warmup : updates / 2,
                                                .total = updates}}};
    trainer_context c = {.seed = s->fit->seed,
                         .folder = s->fit->folder,
                         .resume = s->fit->resume,
                         .validate = s->validates && s->fit->validate ? validate : NULL,
                         .validate_ctx = (void *)(uintptr_t)s,
                         .valid_metric = s->fit->valid_metric};
    lm_causal_task(&lesson, &(lm_forward){.net = m->lm->model->net, .adapters = &m->set}, s->corpus);
    lesson.task.name = s->name;
    lorec_err e = identity_of(s, &identity);
    c.identity = identity.p;
    if (!e) e = lm_train(&lesson.task, adapter_params(m->lora), &o, &c, report);
    lm_corpus_task_free(&lesson);
    buf_free(&identity);
    return e;
}

lorec_err tallrec_tune(tallrec *m, const fit_context *c)
{
    corpus instructions = {0}, examples = {0};
    stage s = {.m = m, .fit = c};
    int64_t positions = transformer_settings(m->lm->model->net)->max_positions;
    lorec_err e = m->epochs ? make_examples(m, c, &examples) : LOREC_OK;
    if (!e && m->instructions && *m->instructions) {
        e = corpus_read(&instructions, m->lm->tokenizer, NULL, m->cutoff < positions ? m->cutoff : positions,
                        m->instructions);
        if (!e && !instructions.n) e = err_set(LOREC_INPUT, "%s: there is nothing to learn from", m->instructions);
        s.name = "tallrec-instructions";
        s.corpus = &instructions;
        s.epochs = m->instruction_epochs;
        s.rate = m->instruction_rate;
        if (!e) e = run_stage(&s, &m->report);
    }
    s.name = "tallrec-preferences";
    s.corpus = &examples;
    s.epochs = m->epochs;
    s.rate = m->learning_rate;
    s.validates = true;
    if (!e && m->epochs) e = run_stage(&s, &m->report);
    corpus_free(&instructions);
    corpus_free(&examples);
    return e;
}
