/* RankGPT (Sun et al., EMNLP 2023): a language model puts a window of candidates in order; the window slides from the end of the
 * list to its beginning, so that a good one can travel all the way. Card: card.md. Control: the order it began with. */
#include "base/mem.h"
#include "recipes/prompt.h"
#include "recipes/rerank.h"

typedef struct rankgpt {
    llm_settings chat;
    int64_t window, step, passes, max_history;
    const char *things, *verb;
    /* fitted */
    catalogue items;
    prompt *rank;
    llm_tally *tally;
} rankgpt;

static const option options[] = {
    LLM_OPTIONS(rankgpt, chat, 0, 512),
    OPTION_INT(rankgpt, window, 20, 2, 1000, "candidates in one prompt"),
    OPTION_INT(rankgpt, step, 10, 1, 1000, "places that the window moves up, less than the window"),
    OPTION_INT(rankgpt, passes, 1, 1, 100, "times from the end to the beginning"),
    OPTION_INT(rankgpt, max_history, 20, 0, 10000, "titles of the history, the latest"),
    OPTION_TEXT(rankgpt, things, "films", "what the items are, in the prompt"),
    OPTION_TEXT(rankgpt, verb, "watched", "what people do with them"),
};

static const char *check(const void *self)
{
    const rankgpt *m = self;
    return m->step < m->window ? NULL : "step has to be less than window, or nothing can travel from one to the next";
}

static lorec_err write_prompt(void *self, const query *q, const uint32_t *candidate, size_t n, json_t **messages)
{
    const rankgpt *m = self;
    buf text = {0};
    size_t had = q->n < (size_t)m->max_history ? q->n : (size_t)m->max_history;
    json_t *values = json_pack("{s:o, s:o, s:s, s:s}", "history",
                               catalogue_titles(&m->items, q->items + (q->n - had), had), "candidates",
                               catalogue_titles(&m->items, candidate, n), "things", m->things, "verb", m->verb);
    lorec_err e = prompt_fill(m->rank, values, &text);
    if (!e && !(*messages = prompt_user(text.p))) e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    json_decref(values);
    buf_free(&text);
    return e;
}

/* ---- windows ---------------------------------------------------------------------------------------------------------------- */

/* Falling by score; equal ones (what was not named) stay as they were. */
static void settle(uint32_t *item, float *score, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && score[k] > score[k - 1]; k--) {
            uint32_t other = item[k];
            float s = score[k];
            item[k] = item[k - 1], score[k] = score[k - 1];
            item[k - 1] = other, score[k - 1] = s;
        }
}

typedef struct sliding {
    const rankgpt *m;
    llm *lm;
    const query *q;
    size_t n;
    const uint64_t *start; /* [n + 1] */
    uint32_t *order;       /* every list, as it stands */
    uint32_t *shown;       /* the windows end to end */
    float *score;
    uint64_t *window; /* [n + 1] */
} sliding;

/* Places [from, to) of every list that is so long. */
static lorec_err one_window(sliding *s, size_t from, size_t to)
{
    uint64_t all = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t length = (size_t)(s->start[i + 1] - s->start[i]), end = to < length ? to : length;
        s->window[i] = all;
        for (size_t k = from; k < end; k++) s->shown[all++] = s->order[s->start[i] + k];
    }
    s->window[s->n] = all;
    rerank_options o = {.keep_order = true, .place = -1, .labels = REPLY_NUMBERS};
    TRY(rerank_by_chat(s->lm, s->m->tally, &s->m->chat, &s->m->items, &o, write_prompt, (void *)(uintptr_t)s->m, s->q,
                       s->n, s->window, s->shown, s->score));
    for (size_t i = 0; i < s->n; i++) {
        size_t n = (size_t)(s->window[i + 1] - s->window[i]);
        settle(s->shown + s->window[i], s->score + s->window[i], n);
        memcpy(s->order + s->start[i] + from, s->shown + s->window[i], n * sizeof *s->order);
    }
    return LOREC_OK;
}

static lorec_err slide(sliding *s, size_t longest)
{
    size_t window = (size_t)s->m->window, step = (size_t)s->m->step;
    for (int64_t pass = 0; pass < s->m->passes; pass++)
        for (size_t to = longest;; to -= step) {
            TRY(one_window(s, to > window ? to - window : 0, to));
            if (to <= window) break;
        }
    return LOREC_OK;
}

/* ---- the verbs ---------------------------------------------------------------------------------------------------------------- */

static lorec_err score_items(const void *self, rec_session *session, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const rankgpt *m = self;
    sliding s = {.m = m, .q = q, .n = n, .start = start};
    size_t longest = 0, all = (size_t)start[n];
    lorec_err e = llm_use(&s.lm, session, m, &m->chat, LLM_CHAT, "rankgpt");
    if (!e) e = mem_new(&s.order, all + 1);
    if (!e) e = mem_new(&s.shown, all + 1);
    if (!e) e = mem_new(&s.score, all + 1);
    if (!e) e = mem_new(&s.window, n + 1);
    for (size_t i = 0; i < n && !e; i++) { /* begins with the most popular first */
        size_t length = (size_t)(start[i + 1] - start[i]);
        longest = length > longest ? length : longest;
        for (size_t k = 0; k < length; k++) {
            s.order[start[i] + k] = candidate[start[i] + k];
            s.score[k] = (float)m->items.popularity[candidate[start[i] + k]];
        }
        settle(s.order + start[i], s.score, length);
    }
    if (!e) e = slide(&s, longest);
    for (size_t i = 0; i < n && !e; i++)
        for (uint64_t k = start[i]; k < start[i + 1]; k++)
            for (uint64_t at = start[i]; at < start[i + 1]; at++)
                if (s.order[at] == candidate[k]) scores[k] = -(float)(at - start[i]);
    mem_free(s.order);
    mem_free(s.shown);
    mem_free(s.score);
    mem_free(s.window);
    return e;
}

static lorec_err prepare(rankgpt *m)
{
    TRY(llm_tally_new(&m->tally));
    return prompt_open(&m->rank, "rankgpt/prompts/rank.j2");
}

static lorec_err fit(void *self, const fit_context *c)
{
    rankgpt *m = self;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    return prepare(m);
}

static lorec_err save(const void *self, const char *folder)
{
    return catalogue_save(&((const rankgpt *)self)->items, folder);
}

static lorec_err load(void *self, const char *folder)
{
    rankgpt *m = self;
    TRY(catalogue_load(&m->items, folder));
    return prepare(m);
}

static void release(void *self)
{
    rankgpt *m = self;
    catalogue_free(&m->items);
    prompt_free(m->rank);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    return llm_tally_counts(((const rankgpt *)self)->tally);
}

const recommender recommender_rankgpt = {
    .key = "rankgpt",
    .title = "RankGPT: a window of candidates, ordered by a language model, slides up the list",
    .family = "prompt",
    .cite =
        "Sun et al. Is ChatGPT Good at Search? Investigating Large Language Models as Re-Ranking Agents. EMNLP 2023",
    .controls = "bm25",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .size = sizeof(rankgpt),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .check = check,
    .fit = fit,
    .score_items = score_items,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(rankgpt, items.n),
};
