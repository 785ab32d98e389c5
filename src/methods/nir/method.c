/* NIR (Wang and Lim 2023): user filtering makes about 19 candidates, then a language model is asked in three steps: what does
 * this person like, which of the films seen stand for that, and which candidates are like those. The order of the third
 * answer is the list. Card: card.md. Rule to beat: the candidates in the order of user filtering. */
#include "base/mem.h"
#include "methods/nir/nir.h"
#include "recipes/catalogue.h"
#include "recipes/llm_use.h"
#include "recipes/prompt.h"
#include "tensor/rng.h"

enum { STEPS = 3 };

typedef struct nir {
    llm_settings chat;
    int64_t num_cand, neighbours, max_history, wanted;
    int sides;
    bool ask; /* false: user filtering alone */
    const char *things, *verb;
    /* fitted */
    catalogue items;
    nir_rows had;
    prompt *step[STEPS];
    llm_tally *tally;
    uint64_t seed;
} nir;

enum { SIDES_EITHER, SIDES_RIGHT };
static const char *const sides_words[] = {"either", "right", NULL};

static const option options[] = {
    LLM_OPTIONS(nir, chat, 0, 512),
    OPTION_INT(nir, num_cand, 19, 1, 1000, "candidates that user filtering makes"),
    OPTION_INT(nir, neighbours, 12, 1, 1e6, "users whose items they are, the user included"),
    OPTION_INT(nir, max_history, 8, 1, 1000, "titles of the history, the latest"),
    OPTION_INT(nir, wanted, 10, 1, 1000, "titles asked for"),
    OPTION_CHOICE(nir, sides, "either", sides_words, "where a candidate of \"had - candidate\" counts"),
    OPTION_BOOL(nir, ask, 1, "false: the order of user filtering, without a language model"),
    OPTION_TEXT(nir, things, "films", "what the items are, in the prompts"),
    OPTION_TEXT(nir, verb, "watched", "what people do with them"),
};

/* ---- the dialogue ------------------------------------------------------------------------------------------------------- */

typedef struct dialogue {
    const query *q;
    uint32_t *candidate; /* as they stand in the prompt */
    size_t n;
    json_t *messages;
} dialogue;

static json_t *values_of(const nir *m, const dialogue *d)
{
    size_t history = d->q->n < (size_t)m->max_history ? d->q->n : (size_t)m->max_history;
    return json_pack("{s:o, s:o, s:s, s:s, s:I}", "candidates", catalogue_titles(&m->items, d->candidate, d->n),
                     "history", catalogue_titles(&m->items, d->q->items + d->q->n - history, history), "things",
                     m->things, "verb", m->verb, "wanted", (json_int_t)m->wanted);
}

static lorec_err say(json_t *messages, const char *role, const char *text)
{
    json_t *one = json_pack("{s:s, s:s}", "role", role, "content", text);
    if (one && json_array_append_new(messages, one) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory for a dialogue");
}

/* One more turn of every dialogue; `answer` gets what was said last. */
static lorec_err one_step(const nir *m, llm *lm, dialogue *d, size_t n, int step, llm_request *request,
                          llm_answer *answer)
{
    buf text = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        json_t *values = values_of(m, &d[i]);
        if (step) e = say(d[i].messages, "assistant", answer[i].text ? answer[i].text : "");
        if (!e) e = prompt_fill(m->step[step], values, &text);
        if (!e) e = say(d[i].messages, "user", text.p);
        request[i] = (llm_request){.verb = LLM_VERB_CHAT, .messages = d[i].messages};
        json_decref(values);
    }
    buf_free(&text);
    if (step) llm_answers_free(answer, n);
    memset(answer, 0, n * sizeof *answer);
    return e ? e : llm_use_ask(lm, m->tally, &m->chat, request, n, answer, "nir");
}

/* The order that the third answer gives, as indices into d->candidate. */
static lorec_err order_of(const nir *m, const dialogue *d, const llm_answer *a, reply_list *order, reply_counts *counts)
{
    slice *title;
    order->n = 0;
    if (a->err || !d->n) return LOREC_OK;
    TRY(mem_new(&title, d->n));
    for (size_t i = 0; i < d->n; i++) title[i] = catalogue_title(&m->items, d->candidate[i]);
    lorec_err e = nir_pairs(title, d->n, a->text, a->n, m->sides == SIDES_EITHER, order, counts);
    mem_free(title);
    return e;
}

typedef lorec_err (*take_order)(void *ctx, size_t i, const dialogue *d, const reply_list *order);

static lorec_err talk(const nir *m, rec_session *s, dialogue *d, size_t n, take_order take, void *ctx)
{
    llm *lm;
    llm_request *request = NULL;
    llm_answer *answer = NULL;
    reply_list order = {0};
    reply_counts counts = {0};
    lorec_err e;
    TRY(llm_use(&lm, s, m, &m->chat, LLM_CHAT, "nir"));
    TRY_GO(e, mem_new(&request, n), done);
    TRY_GO(e, mem_new(&answer, n), done);
    for (int step = 0; step < STEPS; step++) TRY_GO(e, one_step(m, lm, d, n, step, request, answer), done);
    for (size_t i = 0; i < n && !e; i++) {
        e = order_of(m, &d[i], &answer[i], &order, &counts);
        if (!e) e = take(ctx, i, &d[i], &order);
    }
    if (!e) llm_tally_replies(m->tally, &counts);
done:
    if (answer) llm_answers_free(answer, n);
    mem_free(request);
    mem_free(answer);
    reply_list_free(&order);
    return e;
}

static void dialogues_free(dialogue *d, size_t n)
{
    for (size_t i = 0; d && i < n; i++) {
        mem_free(d[i].candidate);
        json_decref(d[i].messages);
    }
    mem_free(d);
}

static lorec_err dialogue_begin(dialogue *d, const query *q, const uint32_t *candidate, size_t n, size_t room)
{
    *d = (dialogue){.q = q, .n = n, .messages = json_array()};
    TRY(mem_new(&d->candidate, room + 1));
    if (candidate && n) memcpy(d->candidate, candidate, n * sizeof *candidate);
    return d->messages ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a dialogue");
}

/* ---- its own lists: user filtering, then the dialogue ----------------------------------------------------------------------- */

typedef struct lists {
    const nir *m;
    size_t k;
    uint32_t *items;
    float *scores;
    size_t *found;
} lists;

static lorec_err take_list(void *ctx, size_t i, const dialogue *d, const reply_list *order)
{
    lists *l = ctx;
    size_t n = 0;
    for (; n < order->n && n < l->k; n++) {
        l->items[i * l->k + n] = d->candidate[order->item[n]];
        l->scores[i * l->k + n] = (float)(order->n - n);
    }
    l->found[i] = n;
    return LOREC_OK;
}

static lorec_err take_filtered(void *ctx, size_t i, const dialogue *d)
{
    lists *l = ctx;
    for (size_t n = 0; n < d->n && n < l->k; n++) {
        l->items[i * l->k + n] = d->candidate[n];
        l->scores[i * l->k + n] = (float)(d->n - n);
    }
    l->found[i] = d->n < l->k ? d->n : l->k;
    return LOREC_OK;
}

static lorec_err recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found)
{
    const nir *m = self;
    dialogue *d;
    lists l = {m, k, items, scores, found};
    TRY(mem_new(&d, n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        e = dialogue_begin(&d[i], &q[i], NULL, 0, (size_t)m->num_cand);
        if (!e) e = nir_candidates(&m->had, &q[i], (size_t)m->neighbours, (size_t)m->num_cand, d[i].candidate, &d[i].n);
        if (!e && !m->ask) e = take_filtered(&l, i, &d[i]);
        rng r = rng_make(m->seed ^ (q[i].user * 0x9e3779b97f4a7c15u), RNG_SHUFFLE);
        if (!e && m->ask) rng_shuffle(&r, d[i].candidate, d[i].n);
    }
    if (!e && m->ask) e = talk(m, s, d, n, take_list, &l);
    dialogues_free(d, n);
    return e;
}

/* ---- given candidates ----------------------------------------------------------------------------------------------------------- */

typedef struct given {
    const uint64_t *start;
    float *scores;
} given;

static lorec_err take_scores(void *ctx, size_t i, const dialogue *d, const reply_list *order)
{
    const given *g = ctx;
    float *score = g->scores + g->start[i];
    for (size_t k = 0; k < d->n; k++) score[k] = 0;
    for (size_t k = 0; k < order->n; k++) score[order->item[k]] = (float)(d->n - k);
    return LOREC_OK;
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const nir *m = self;
    dialogue *d;
    TRY(mem_new(&d, n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        size_t many = (size_t)(start[i + 1] - start[i]);
        e = dialogue_begin(&d[i], &q[i], candidate + start[i], many, many);
    }
    if (!e) e = talk(m, s, d, n, take_scores, &(given){start, scores});
    dialogues_free(d, n);
    return e;
}

/* ---- the other verbs ---------------------------------------------------------------------------------------------------------------- */

static lorec_err prepare(nir *m)
{
    TRY(llm_tally_new(&m->tally));
    TRY(prompt_open(&m->step[0], "nir/prompts/taste.j2"));
    TRY(prompt_open(&m->step[1], "nir/prompts/featured.j2"));
    return prompt_open(&m->step[2], "nir/prompts/recommend.j2");
}

static lorec_err fit(void *self, const fit_context *c)
{
    nir *m = self;
    m->seed = c->seed;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(nir_rows_make(&m->had, c->train));
    return prepare(m);
}

static lorec_err save(const void *self, const char *folder)
{
    const nir *m = self;
    TRY(catalogue_save(&m->items, folder));
    return nir_rows_save(&m->had, folder);
}

static lorec_err load(void *self, const char *folder)
{
    nir *m = self;
    TRY(catalogue_load(&m->items, folder));
    m->had.n_items = m->items.n;
    TRY(nir_rows_load(&m->had, folder));
    return prepare(m);
}

static void release(void *self)
{
    nir *m = self;
    catalogue_free(&m->items);
    nir_rows_free(&m->had);
    for (int i = 0; i < STEPS; i++) prompt_free(m->step[i]);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    return llm_tally_counts(((const nir *)self)->tally);
}

const recommender recommender_nir = {
    .key = "nir",
    .title = "NIR: three questions to a language model over what neighbours had",
    .family = "prompt",
    .cite =
        "Wang, Lim. Zero-Shot Next-Item Recommendation using Large Pretrained Language Models. arXiv 2304.03153, 2023",
    .controls = "userknn",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .size = sizeof(nir),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score_items = score_items,
    .recommend = recommend,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(nir, items.n),
};
