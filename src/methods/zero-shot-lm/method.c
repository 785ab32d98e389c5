/* Zero-shot recommendation as language modelling (Sileo, Vossen, Raymaekers, ECIR 2022): a candidate is as good as a plain
 * language model finds its title likely after the titles of what was liked:
 *     score(m | u) = sum over the tokens of m of log p(token | prompt, tokens before)
 * Card: card.md. Rules to beat: popularity, and the same model without a history (`history=none`). */
#include "base/mem.h"
#include "recipes/catalogue.h"
#include "recipes/llm_use.h"
#include "recipes/tidy.h"

typedef struct zero_shot {
    llm_settings model;
    int64_t max_history, max_candidates;
    int template, normalise, history;
    bool tidy;
    const char *things;
    /* fitted */
    catalogue items;
    llm_tally *tally;
} zero_shot;

enum { LIST, LIKE, LIKE_COLON, SIMILAR, SIMILAR_COLON, SENTENCE };
static const char *const templates[] = {"list", "like", "like-colon", "similar", "similar-colon", "sentence", NULL};
enum { NORMALISE_NONE, NORMALISE_LENGTH, NORMALISE_PRIOR };
static const char *const normalisations[] = {"none", "length", "prior", NULL};
enum { HISTORY_TRUE, HISTORY_NONE };
static const char *const histories[] = {"true", "none", NULL};

static const option options[] = {
    LLM_OPTIONS(zero_shot, model, 0, 1),
    OPTION_CHOICE(zero_shot, template, "list", templates, "what stands round the titles"),
    OPTION_INT(zero_shot, max_history, 5, 0, 10000, "titles of the history, the latest", .alias = "nb_pos"),
    OPTION_CHOICE(zero_shot, normalise, "none", normalisations,
                  "none: the paper; length: by tokens; prior: less the title's likelihood without a history"),
    OPTION_CHOICE(zero_shot, history, "true", histories, "none: a control, the prompt without titles"),
    OPTION_BOOL(zero_shot, tidy, 1, "titles without the year, articles in front"),
    OPTION_TEXT(zero_shot, things, "Movies", "what the items are, in the templates"),
    OPTION_INT(zero_shot, max_candidates, 20000, 1, 1e7, "refuse longer lists"),
};

/* ---- the prompt --------------------------------------------------------------------------------------------------------- */

static lorec_err put_titles(const zero_shot *m, const query *q, size_t n, buf *out)
{
    for (size_t i = q->n - n; i < q->n; i++) {
        slice t = catalogue_title(&m->items, q->items[i]);
        TRY(buf_add(out, t.p, t.n));
        TRY(buf_puts(out, ", "));
    }
    return LOREC_OK;
}

static lorec_err write_prompt(const zero_shot *m, const query *q, bool with_history, buf *out)
{
    static const char *const before[] = {
        "", "%s like ", "%s like: ", "%s similar to ", "%s similar to: ", "If you liked "};
    size_t n = q->n < (size_t)m->max_history ? q->n : (size_t)m->max_history;
    buf_clear(out);
    if (m->template == SENTENCE) {
        TRY(buf_puts(out, before[SENTENCE]));
        if (with_history) TRY(put_titles(m, q, n, out));
        return buf_puts(out, "you will also like ");
    }
    const char *percent = strstr(before[m->template], "%s");
    if (percent) TRY(buf_printf(out, "%s%s", m->things, percent + 2));
    return with_history ? put_titles(m, q, n, out) : buf_puts(out, m->template == LIST ? m->things : "");
}

/* The blank before a title belongs to the title, as tokenizers have it. */
static void hand_over_blank(buf *prompt)
{
    while (prompt->n && prompt->p[prompt->n - 1] == ' ') prompt->p[--prompt->n] = 0;
}

/* ---- scoring --------------------------------------------------------------------------------------------------------------- */

typedef struct scoring {
    const zero_shot *m;
    llm_request *request;
    llm_answer *answer;
    char **text; /* [candidates] " title" */
    buf *prompt; /* [requests] */
    size_t n;    /* requests: n queries, and as many without a history where these are taken off */
} scoring;

static void scoring_free(scoring *s, uint64_t candidates)
{
    if (s->answer) llm_answers_free(s->answer, s->n);
    for (uint64_t k = 0; s->text && k < candidates; k++) mem_free(s->text[k]);
    for (size_t i = 0; s->prompt && i < s->n; i++) buf_free(&s->prompt[i]);
    mem_free(s->request);
    mem_free(s->answer);
    mem_free(s->text);
    mem_free(s->prompt);
}

static lorec_err make_text(const zero_shot *m, uint32_t item, char **out)
{
    slice t = catalogue_title(&m->items, item);
    TRY(mem_new(out, t.n + 2));
    (*out)[0] = ' ';
    if (t.n) memcpy(*out + 1, t.p, t.n);
    return LOREC_OK;
}

static lorec_err make_requests(scoring *s, const query *q, size_t n, const uint64_t *start, const uint32_t *candidate)
{
    const zero_shot *m = s->m;
    for (uint64_t k = 0; k < start[n]; k++) TRY(make_text(m, candidate[k], &s->text[k]));
    for (size_t i = 0; i < s->n; i++) {
        size_t of = i % n;
        TRY(write_prompt(m, &q[of], i < n && m->history == HISTORY_TRUE, &s->prompt[i]));
        hand_over_blank(&s->prompt[i]);
        s->request[i] = (llm_request){.verb = LLM_VERB_SCORE,
                                      .prompt = s->prompt[i].p ? s->prompt[i].p : "",
                                      .text = (const char *const *)s->text + start[of],
                                      .n_text = (size_t)(start[of + 1] - start[of])};
    }
    return LOREC_OK;
}

static void take_scores(const scoring *s, size_t n, const uint64_t *start, float *scores)
{
    for (size_t i = 0; i < n; i++) {
        const llm_answer *a = &s->answer[i], *prior = s->n > n ? &s->answer[n + i] : NULL;
        bool failed = a->err || (prior && prior->err);
        for (uint64_t k = start[i]; k < start[i + 1]; k++) {
            size_t c = (size_t)(k - start[i]);
            double sum = failed ? 0 : a->score[c];
            if (!failed && prior) sum -= prior->score[c];
            if (!failed && s->m->normalise == NORMALISE_LENGTH && a->score_tokens[c]) sum /= (double)a->score_tokens[c];
            scores[k] = (float)sum;
        }
    }
}

static lorec_err score_items(const void *self, rec_session *session, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const zero_shot *m = self;
    llm *lm;
    if (!n) return LOREC_OK;
    TRY(catalogue_check_lists(&m->items, "zero-shot-lm", m->max_candidates, n, start, candidate));
    TRY(llm_use(&lm, session, m, &m->model, LLM_SCORE, "zero-shot-lm"));
    scoring s = {.m = m, .n = m->normalise == NORMALISE_PRIOR ? 2 * n : n};
    lorec_err e;
    TRY_GO(e, mem_new(&s.request, s.n), done);
    TRY_GO(e, mem_new(&s.answer, s.n), done);
    TRY_GO(e, mem_new(&s.prompt, s.n), done);
    TRY_GO(e, mem_new(&s.text, start[n] + 1), done);
    TRY_GO(e, make_requests(&s, q, n, start, candidate), done);
    TRY_GO(e, llm_use_ask(lm, m->tally, &m->model, s.request, s.n, s.answer, "scoring"), done);
    take_scores(&s, n, start, scores);
done:
    scoring_free(&s, start[n]);
    return e;
}

/* ---- the other verbs ---------------------------------------------------------------------------------------------------------- */

static lorec_err fit(void *self, const fit_context *c)
{
    zero_shot *m = self;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    if (m->tidy) TRY(catalogue_tidy(&m->items));
    return llm_tally_new(&m->tally);
}

static lorec_err save(const void *self, const char *folder)
{
    return catalogue_save(&((const zero_shot *)self)->items, folder);
}

static lorec_err load(void *self, const char *folder)
{
    zero_shot *m = self;
    TRY(catalogue_load(&m->items, folder));
    return llm_tally_new(&m->tally);
}

static void release(void *self)
{
    zero_shot *m = self;
    catalogue_free(&m->items);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    return llm_tally_counts(((const zero_shot *)self)->tally);
}

const recommender recommender_zero_shot_lm = {
    .key = "zero-shot-lm",
    .title = "Zero-shot LM: how likely a title is after the titles that were liked",
    .family = "score",
    .cite = "Sileo, Vossen, Raymaekers. Zero-Shot Recommendation as Language Modeling. ECIR 2022",
    .controls = "bm25",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_LOGPROBS | NEED_ITEM_TEXT,
    .size = sizeof(zero_shot),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score_items = score_items,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(zero_shot, items.n),
};
