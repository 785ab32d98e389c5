/* LLMRank (Hou et al., ECIR 2024): a language model that was never tuned puts candidates in order, reading what a person had
 * as titles. Recency or an in-context example makes it heed the order; bootstrapping takes the candidates' places out.
 * Card: card.md. Controls: BM25 over titles, popularity. */
#include "base/mem.h"
#include "methods/llmrank/llmrank.h"
#include "tensor/rng.h"

enum { SEQUENTIAL, RECENCY, ICL };
static const char *const variants[] = {"sequential", "recency", "icl", NULL};
enum { TRUE_HISTORY, SHUFFLED, FAKE, NONE };
static const char *const histories[] = {"true", "shuffled", "fake", "none", NULL};

static const option options[] = {
    LLM_OPTIONS(llmrank, chat, .2, 512),
    OPTION_CHOICE(llmrank, variant, "recency", variants,
                  "sequential; recency: the last item is named; icl: it is a solved example"),
    OPTION_INT(llmrank, copies, 3, 1, 100, "bootstrapping: fresh orders of the candidates, points summed",
               .alias = "boots"),
    OPTION_INT(llmrank, max_history, 50, 0, 10000, "titles of the history, the latest"),
    OPTION_CHOICE(llmrank, history, "true", histories, "controls: the history shuffled, somebody's at random, or none"),
    OPTION_INT(llmrank, max_candidates, 200, 2, 10000, "refuse longer lists: they do not fit into a prompt"),
    OPTION_BOOL(llmrank, curves, false,
                "also ask with the target at one place after the other: how place and popularity tell (costs calls)"),
    OPTION_TEXT(llmrank, curve_places, "0,5,10,15,19", "curves: the target's places in the prompt, from 0"),
    OPTION_INT(llmrank, curve_users, 200, 0, 1e6, "curves: lists asked at each place; 0: all", .fast = "2"),
    OPTION_TEXT(llmrank, things, "films", "what the items are, in the prompt"),
    OPTION_TEXT(llmrank, verb, "watched", "what people do with them"),
};

/* ---- the prompt --------------------------------------------------------------------------------------------------------- */

/* What is shown of the history, the latest last: as it was, shuffled, or of items drawn at random. */
static lorec_err shown_history(const llmrank *m, const query *q, uint32_t **out, size_t *n)
{
    *n = q->n < (size_t)m->max_history ? q->n : (size_t)m->max_history;
    if (m->history == NONE) *n = 0;
    TRY(mem_new(out, *n + 1));
    rng r = rng_make(m->seed ^ (q->user * 0x9e3779b97f4a7c15u), RNG_USER);
    for (size_t i = 0; i < *n; i++) {
        uint32_t item = q->items[q->n - *n + i];
        (*out)[i] = m->history == FAKE ? rng_below(&r, m->items.n) : item;
    }
    if (m->history == SHUFFLED) rng_shuffle(&r, *out, *n);
    return LOREC_OK;
}

static lorec_err write_prompt(void *self, const query *q, const uint32_t *candidate, size_t n, json_t **messages)
{
    const llmrank *m = self;
    uint32_t *history;
    size_t length;
    buf text = {0};
    TRY(shown_history(m, q, &history, &length));
    size_t listed = m->variant == ICL && length > 1 ? length - 1 : length; /* its last one is the example */
    json_t *values = json_pack("{s:o, s:o, s:s, s:s, s:s}", "history", catalogue_titles(&m->items, history, listed),
                               "candidates", catalogue_titles(&m->items, candidate, n), "variant",
                               length ? variants[m->variant] : "", "things", m->things, "verb", m->verb);
    if (values && length)
        json_object_set_new(values, "recent", catalogue_text(catalogue_title(&m->items, history[length - 1])));
    lorec_err e = prompt_fill(m->rank, values, &text);
    if (!e && !(*messages = prompt_user(text.p))) e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    json_decref(values);
    buf_free(&text);
    mem_free(history);
    return e;
}

/* ---- the verbs ------------------------------------------------------------------------------------------------------------ */

static lorec_err prepare(llmrank *m)
{
    TRY(llm_tally_new(&m->tally));
    return prompt_open(&m->rank, "llmrank/prompts/rank.j2");
}

static lorec_err fit(void *self, const fit_context *c)
{
    llmrank *m = self;
    m->seed = c->seed;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    return prepare(m);
}

lorec_err llmrank_rank(const llmrank *m, rec_session *s, const rerank_options *o, const query *q, size_t n,
                       const uint64_t *start, const uint32_t *candidate, float *scores)
{
    llm *lm;
    TRY(catalogue_check_lists(&m->items, "llmrank", m->max_candidates, n, start, candidate));
    TRY(llm_use(&lm, s, m, &m->chat, LLM_CHAT, "llmrank"));
    return rerank_by_chat(lm, m->tally, &m->chat, &m->items, o, write_prompt, (void *)(uintptr_t)m, q, n, start,
                          candidate, scores);
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const llmrank *m = self;
    rerank_options o = {.copies = m->copies, .seed = m->seed, .place = -1, .labels = REPLY_NUMBERS};
    return llmrank_rank(m, s, &o, q, n, start, candidate, scores);
}

static bool studies(const void *self)
{
    return ((const llmrank *)self)->curves;
}

static const char *check(const void *self)
{
    size_t place[LLMRANK_MAX_PLACES];
    return llmrank_places(((const llmrank *)self)->curve_places, place)
               ? NULL
               : "curve_places are different whole numbers from 0, at most 64, with commas between: 0,5,10,15,19";
}

static lorec_err save(const void *self, const char *folder)
{
    const llmrank *m = self;
    return catalogue_save(&m->items, folder);
}

static lorec_err load(void *self, const char *folder)
{
    llmrank *m = self;
    TRY(catalogue_load(&m->items, folder));
    return prepare(m);
}

static void release(void *self)
{
    llmrank *m = self;
    catalogue_free(&m->items);
    prompt_free(m->rank);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    return llm_tally_counts(((const llmrank *)self)->tally);
}

const recommender recommender_llmrank = {
    .key = "llmrank",
    .title = "LLMRank: candidates put in order by a language model as it is",
    .family = "prompt",
    .cite =
        "Hou, Zhang, Lin, Lu, Xie, McAuley, Zhao. Large Language Models are Zero-Shot Rankers for Recommender Systems. "
        "ECIR 2024",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .controls = "bm25",
    .size = sizeof(llmrank),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .check = check,
    .fit = fit,
    .score_items = score_items,
    .study = llmrank_curves,
    .studies = studies,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(llmrank, items.n),
};
