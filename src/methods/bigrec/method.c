/* BIGRec (Bao et al. 2023): a language model writes the title of the next item; the items nearest to what it wrote, as vectors,
 * are the list:
 *     score(i | u) = -(D_i - min D)/(max D - min D) (1 + P_i)^-gamma,  D_i = || e(written) - e(title i) ||
 * Card: card.md. Rules to beat: popularity, BM25 over titles. */
#include <math.h>

#include "base/mem.h"
#include "recipes/grounding.h"
#include "recipes/llm_use.h"
#include "recipes/prompt.h"

typedef struct bigrec {
    llm_settings model;
    int64_t max_history;
    int ask, weight;
    double gamma;
    const char *encoder, *things, *verb;
    /* fitted */
    catalogue items;
    grounding *ground;
    float *signal; /* [items] popularity in [0, 1] */
    prompt *prompt;
    llm_tally *tally;
} bigrec;

enum { ASK_CHAT, ASK_COMPLETE };
static const char *const asks[] = {"chat", "complete", NULL};
enum { WEIGHT_NONE, WEIGHT_POPULARITY };
static const char *const weights[] = {"none", "popularity", NULL};

static const option options[] = {
    LLM_OPTIONS(bigrec, model, 0, 128),
    OPTION_CHOICE(bigrec, ask, "chat", asks, "complete: the layout of instruction tuning, for a model tuned on it"),
    OPTION_INT(bigrec, max_history, 10, 1, 1000, "titles of the history, the latest"),
    OPTION_TEXT(bigrec, encoder, "", "a model folder that makes titles vectors; empty: hashed character n-grams"),
    OPTION_CHOICE(bigrec, weight, "none", weights, "what the distance is weighted by"),
    OPTION_REAL(bigrec, gamma, 1, 0, 1000, "how much, with weight=popularity; to be chosen on validation"),
    OPTION_TEXT(bigrec, things, "films", "what the items are, in the prompts"),
    OPTION_TEXT(bigrec, verb, "watched", "what people do with them"),
};

/* ---- scoring -------------------------------------------------------------------------------------------------------- */

typedef struct asking {
    llm_request *request;
    llm_answer *answer;
    buf *text;      /* [n] prompts */
    json_t **chats; /* [n] */
    slice *title;   /* [n] as written */
    size_t n;
} asking;

static void asking_free(asking *a)
{
    if (a->answer) llm_answers_free(a->answer, a->n);
    for (size_t i = 0; a->text && i < a->n; i++) buf_free(&a->text[i]);
    for (size_t i = 0; a->chats && i < a->n; i++) json_decref(a->chats[i]);
    mem_free(a->request);
    mem_free(a->answer);
    mem_free(a->text);
    mem_free(a->chats);
    mem_free(a->title);
}

/* The question after these items, the latest last. */
static lorec_err write_question(const bigrec *m, const uint32_t *items, size_t n, buf *text)
{
    size_t kept = n < (size_t)m->max_history ? n : (size_t)m->max_history;
    json_t *values = json_pack("{s:o, s:s, s:s}", "history", catalogue_titles(&m->items, items + (n - kept), kept),
                               "things", m->things, "verb", m->verb);
    if (!values) return err_set(LOREC_RESOURCE, "out of memory for a prompt");
    lorec_err e = prompt_fill(m->prompt, values, text);
    json_decref(values);
    return e;
}

static lorec_err make_request(const bigrec *m, const query *q, asking *a, size_t i)
{
    TRY(write_question(m, q->items, q->n, &a->text[i]));
    a->request[i] = (llm_request){.verb = LLM_VERB_COMPLETE, .prompt = a->text[i].p};
    if (m->ask == ASK_COMPLETE) return LOREC_OK;
    a->chats[i] = prompt_user(a->text[i].p);
    a->request[i] = (llm_request){.verb = LLM_VERB_CHAT, .messages = a->chats[i]};
    return a->chats[i] ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a prompt");
}

/* Distances become scores; a question without a written title ranks nothing. */
static void take_scores(const bigrec *m, const asking *a, float *scores)
{
    reply_counts counts = {0};
    for (size_t i = 0; i < a->n; i++) {
        float *d = scores + i * m->items.n, least = INFINITY;
        bool written = a->title[i].n > 0;
        for (uint32_t k = 0; k < m->items.n; k++) least = d[k] < least ? d[k] : least;
        if (!a->answer[i].err) {
            counts.replies++;
            counts.empty += !written;
            counts.clean += written && least == 0; /* an item's title, as it stands */
            counts.nearest += written && least > 0;
        }
        if (written) grounding_weigh(d, m->items.n, m->weight == WEIGHT_POPULARITY ? m->signal : NULL, m->gamma);
        for (uint32_t k = 0; k < m->items.n; k++) d[k] = written ? -d[k] : 0;
    }
    llm_tally_replies(m->tally, &counts);
}

static lorec_err score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const bigrec *m = self;
    asking a = {.n = n};
    llm *lm;
    lorec_err e;
    if (!n) return LOREC_OK;
    TRY(llm_use(&lm, s, m, &m->model, m->ask == ASK_CHAT ? LLM_CHAT : LLM_COMPLETE, "bigrec"));
    TRY_GO(e, mem_new(&a.request, n), done);
    TRY_GO(e, mem_new(&a.answer, n), done);
    TRY_GO(e, mem_new(&a.text, n), done);
    TRY_GO(e, mem_new(&a.chats, n), done);
    TRY_GO(e, mem_new(&a.title, n), done);
    for (size_t i = 0; i < n; i++) TRY_GO(e, make_request(m, &q[i], &a, i), done);
    TRY_GO(e, llm_use_ask(lm, m->tally, &m->model, a.request, n, a.answer, "bigrec"), done);
    for (size_t i = 0; i < n; i++) {
        bool there = !a.answer[i].err && a.answer[i].text;
        a.title[i] = there ? grounding_title((slice){a.answer[i].text, a.answer[i].n}) : (slice){"", 0};
    }
    TRY_GO(e, grounding_distances(m->ground, a.title, n, scores), done);
    take_scores(m, &a, scores);
done:
    asking_free(&a);
    return e;
}

/* ---- the other verbs ------------------------------------------------------------------------------------------------ */

static lorec_err prepare(bigrec *m)
{
    TRY(llm_tally_new(&m->tally));
    TRY(prompt_open(&m->prompt, m->ask == ASK_CHAT ? "bigrec/prompts/chat.j2" : "bigrec/prompts/complete.j2"));
    TRY(mem_new(&m->signal, m->items.n));
    grounding_signal(m->items.popularity, m->items.n, m->signal);
    return grounding_make(&m->ground, &m->items, m->encoder);
}

static lorec_err fit(void *self, const fit_context *c)
{
    bigrec *m = self;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    return prepare(m);
}

/* One row, and the title that it is about as the answer, in quotes as the paper has it. */
static lorec_err tell(const bigrec *m, uint32_t user, const uint32_t *history, size_t n, uint32_t item, buf text[2],
                      tuning_sink sink, void *ctx)
{
    slice title = catalogue_title(&m->items, item);
    lorec_err e = write_question(m, history, n, &text[0]);
    buf_clear(&text[1]);
    if (!e) e = buf_printf(&text[1], "\"%.*s\"", (int)title.n, title.p);
    return e ? e : sink(ctx, &(tuning_text){user, item, text[0].p, text[1].p});
}

static lorec_err lessons(void *self, const fit_context *c, bool valid, tuning_sink sink, void *ctx)
{
    bigrec *m = self;
    const interactions *x = c->train, *v = &c->split->valid;
    buf text[2] = {0};
    lorec_err e = LOREC_OK;
    if (!m->prompt) e = prompt_open(&m->prompt, "bigrec/prompts/complete.j2"); /* the layout of instruction tuning */
    if (!e && !m->items.n) e = catalogue_make(&m->items, c->split->data, c->train, true);
    for (uint32_t u = 0; u < x->n_users && !e; u++) {
        const uint32_t *had = x->item + x->start[u];
        size_t n = (size_t)(x->start[u + 1] - x->start[u]);
        for (size_t k = 1; k < n && !valid && !e; k++) e = tell(m, u, had, k, had[k], text, sink, ctx);
        for (uint64_t r = v->start[u]; r < v->start[u + 1] && valid && n && !e; r++)
            e = tell(m, u, had, n, v->item[r], text, sink, ctx);
    }
    buf_free(&text[0]);
    buf_free(&text[1]);
    return e;
}

static lorec_err save(const void *self, const char *folder)
{
    return catalogue_save(&((const bigrec *)self)->items, folder);
}

static lorec_err load(void *self, const char *folder)
{
    bigrec *m = self;
    TRY(catalogue_load(&m->items, folder));
    return prepare(m);
}

static void release(void *self)
{
    bigrec *m = self;
    catalogue_free(&m->items);
    grounding_free(m->ground);
    mem_free(m->signal);
    prompt_free(m->prompt);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    const bigrec *m = self;
    json_t *o = json_object();
    buf how = {0};
    bool fine = o && (!m->tally || llm_tally_json(m->tally, o));
    if (fine && m->ground)
        fine = !grounding_describe(m->ground, &how) && json_object_set_new(o, "grounding", json_string(how.p)) == 0;
    buf_free(&how);
    if (fine) return o;
    json_decref(o);
    return NULL;
}

const recommender recommender_bigrec = {
    .key = "bigrec",
    .title = "BIGRec: a language model writes a title, the nearest items are the list",
    .family = "generate",
    .cite = "Bao et al. A Bi-Step Grounding Paradigm for Large Language Models in Recommendation Systems. arXiv "
            "2308.08434, 2023",
    .controls = "bm25",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .size = sizeof(bigrec),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score = score,
    .lessons = lessons,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(bigrec, items.n),
};
