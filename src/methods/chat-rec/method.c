/* Chat-REC (Gao et al. 2023): a classic recommender makes candidates, and a language model, told the history, the candidates and
 * what is asked for, narrows and orders them and says why. Card: card.md. Rule to beat: the first stage's own order. */
#include "methods/chat-rec/chatrec.h"

#include "base/file.h"
#include "methods/registry.h"
#include "rec/topk.h"
#include "recipes/inside.h"

static const char *const orders[] = {"retriever", "shuffled", NULL};

static const option options[] = {
    LLM_OPTIONS(chatrec, chat, 0, 512),
    OPTION_TEXT(chatrec, retriever, "itemknn", "the first stage: a classic recommender's key"),
    OPTION_INT(chatrec, candidates, 20, 1, 1000, "items that the first stage retrieves"),
    OPTION_TEXT(chatrec, request, "", "what the person asks for, in words; empty: only the history speaks"),
    OPTION_INT(chatrec, matched, 5, 0, 1000, "items added whose titles or categories share words with the request"),
    OPTION_CHOICE(chatrec, order, "retriever", orders,
                  "of the candidates in the prompt; shuffled: the paper's ablation"),
    OPTION_INT(chatrec, wanted, 5, 1, 1000, "titles asked for"),
    OPTION_BOOL(chatrec, reasons, 1, "ask for a short reason beside each title"),
    OPTION_INT(chatrec, max_history, 20, 0, 10000, "titles of the history, the latest"),
    OPTION_INT(chatrec, max_candidates, 200, 2, 10000, "refuse longer slates: they do not fit into a prompt"),
    OPTION_TEXT(chatrec, things, "films", "what the items are, in the prompt"),
    OPTION_TEXT(chatrec, verb, "watched", "what people do with them"),
};

/* ---- fit ---------------------------------------------------------------------------------------------------------------- */

static lorec_err find_first(chatrec *m)
{
    TRY(registry_need(m->retriever, &m->first));
    if (m->first->score && m->first->n_items_at && !(m->first->needs & (NEED_CHAT | NEED_LOGPROBS | NEED_WEIGHTS)))
        return LOREC_OK;
    return err_set(LOREC_USAGE, "retriever \"%s\" does not score all items by itself; take itemknn, ease or lightgcn",
                   m->retriever);
}

static lorec_err prepare(chatrec *m)
{
    TRY(llm_tally_new(&m->tally));
    TRY(chatrec_index(m));
    return prompt_open(&m->turn, "chat-rec/prompts/turn.j2");
}

static uint64_t memory(const void *self, const fit_context *c)
{
    chatrec probe = {.retriever = ((const chatrec *)self)->retriever};
    void *first = NULL;
    uint64_t bytes = 0;
    if (find_first(&probe) || !probe.first->memory || recommender_new(probe.first, &first)) return 0;
    bytes = probe.first->memory(first, c);
    recommender_free(probe.first, first);
    return bytes;
}

static lorec_err fit(void *self, const fit_context *c)
{
    chatrec *m = self;
    m->seed = c->seed;
    TRY(find_first(m));
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(inside_fit(m->first, &m->first_self, c));
    return prepare(m);
}

/* ---- lists and slates --------------------------------------------------------------------------------------------------- */

typedef struct slates {
    uint64_t *start;
    uint32_t *candidate, *from; /* from: the slate's own place of each */
    float *score;
} slates;

static lorec_err slates_make(slates *x, size_t n, size_t candidates)
{
    TRY(mem_new(&x->start, n + 1));
    TRY(mem_new(&x->candidate, candidates + 1));
    TRY(mem_new(&x->from, candidates + 1));
    return mem_new(&x->score, candidates + 1);
}

static void slates_free(slates *x)
{
    mem_free(x->start);
    mem_free(x->candidate);
    mem_free(x->from);
    mem_free(x->score);
}

static lorec_err recommend(const void *self, rec_session *s, const query *q, size_t n, size_t k, uint32_t *items,
                           float *scores, size_t *found)
{
    const chatrec *m = self;
    size_t room = (size_t)(m->candidates + m->matched), at = 0;
    slates x = {0};
    lorec_err e;
    TRY_GO(e, slates_make(&x, n, n * room), done);
    TRY_GO(e, chatrec_candidates(m, s, q, n, m->request, x.from, found), done);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < found[i]; j++) x.candidate[at++] = x.from[i * room + j];
        x.start[i + 1] = at;
    }
    TRY_GO(e, chatrec_rank(m, s, NULL, m->request, q, n, x.start, x.candidate, x.score), done);
    for (size_t i = 0; i < n; i++) {
        uint32_t *row = items + i * k;
        found[i] = topk_select(x.score + x.start[i], (size_t)(x.start[i + 1] - x.start[i]), k, row, scores + i * k);
        for (size_t j = 0; j < found[i]; j++) row[j] = x.candidate[x.start[i] + row[j]];
    }
done:
    slates_free(&x);
    return e;
}

/* A slate in the first stage's order; equal scores stay as they are. Slates are short. */
static void sort_slate(const float *score, size_t n, uint32_t *from)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = i;
        for (; j > 0 && score[from[j - 1]] < score[i]; j--) from[j] = from[j - 1];
        from[j] = (uint32_t)i;
    }
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const chatrec *m = self;
    slates x = {0};
    lorec_err e;
    TRY(catalogue_check_lists(&m->items, "chat-rec", m->max_candidates, n, start, candidate));
    TRY_GO(e, recommender_score_items(m->first, m->first_self, s, m->items.n, q, n, start, candidate, scores), done);
    TRY_GO(e, slates_make(&x, n, n ? (size_t)start[n] : 0), done);
    for (size_t i = 0; i < n; i++) {
        sort_slate(scores + start[i], (size_t)(start[i + 1] - start[i]), x.from + start[i]);
        for (uint64_t j = start[i]; j < start[i + 1]; j++) x.candidate[j] = candidate[start[i] + x.from[j]];
    }
    TRY_GO(e, chatrec_rank(m, s, NULL, m->request, q, n, start, x.candidate, x.score), done);
    for (size_t i = 0; i < n; i++)
        for (uint64_t j = start[i]; j < start[i + 1]; j++) scores[start[i] + x.from[j]] = x.score[j];
done:
    slates_free(&x);
    return e;
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */

static lorec_err save(const void *self, const char *folder)
{
    const chatrec *m = self;
    buf path = {0};
    lorec_err e = catalogue_save(&m->items, folder);
    if (!e) e = path_join(&path, folder, "retriever");
    if (!e) e = recommender_save(m->first, m->first_self, path.p);
    buf_free(&path);
    return e;
}

static lorec_err load(void *self, const char *folder)
{
    chatrec *m = self;
    buf path = {0};
    TRY(find_first(m));
    TRY(catalogue_load(&m->items, folder));
    lorec_err e = path_join(&path, folder, "retriever");
    if (!e) e = recommender_load(m->first, &m->first_self, path.p);
    if (!e) e = recommender_fits(m->first, m->first_self, m->items.n);
    buf_free(&path);
    return e ? e : prepare(m);
}

static void release(void *self)
{
    chatrec *m = self;
    if (m->first) recommender_free(m->first, m->first_self);
    catalogue_free(&m->items);
    ids_free(&m->vocabulary);
    bm25_free(&m->index);
    prompt_free(m->turn);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    return llm_tally_counts(((const chatrec *)self)->tally);
}

const recommender recommender_chat_rec = {
    .key = "chat-rec",
    .title = "Chat-REC: a classic recommender's candidates, narrowed in a dialogue with a language model",
    .family = "prompt",
    .cite = "Gao, Sheng, Xiang, Xiong, Wang, Zhang. Chat-REC: Towards Interactive and Explainable LLMs-Augmented "
            "Recommender System. arXiv 2303.14524, 2023",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .controls = "itemknn",
    .size = sizeof(chatrec),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .memory = memory,
    .fit = fit,
    .score_items = score_items,
    .recommend = recommend,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(chatrec, items.n),
};
