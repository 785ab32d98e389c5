/* BM25 over titles and categories as a recommender: the items whose words are those of what was had lately. A rule without
 * a model: what a language model that ranks titles has to beat.
 *
 * LLMRank's published row came of a program whose queries were single characters against documents of words, whose lengths were all
 * the number of documents over the mean length, and whose common words counted a quarter of the mean: `form=llmrank` does the same. */
#include "retrieve/bm25.h"
#include "base/mem.h"
#include "rec/recommender.h"
#include "recipes/catalogue.h"
#include "text/words.h"

typedef struct bm25_rule {
    int64_t max_history;
    double k1, b;
    int form;
    bool categories;
    /* fitted */
    catalogue items;
    bm25 index;
    word_list said; /* what of each item goes into a query, and where each item's begins */
    uint64_t *start;
} bm25_rule;

enum { FORM_USUAL, FORM_LLMRANK };
static const char *const forms[] = {"usual", "llmrank", NULL};

static const option options[] = {
    OPTION_INT(bm25_rule, max_history, 50, 1, 1e6, "items of the history whose words are the query, the latest"),
    OPTION_REAL(bm25_rule, k1, 1.2, 0, 100, "how soon more of the same word counts no more"),
    OPTION_REAL(bm25_rule, b, .75, 0, 1, "how much long texts are held back"),
    OPTION_CHOICE(bm25_rule, form, "usual", forms, "llmrank: with the faults of the program of that paper's tables"),
    OPTION_BOOL(bm25_rule, categories, 0, "read categories too, not titles alone"),
};

typedef lorec_err (*reader)(slice, ids *, bool, word_list *);

static lorec_err read_item(const bm25_rule *m, uint32_t i, reader read, ids *vocabulary, word_list *out)
{
    TRY(read(catalogue_title(&m->items, i), vocabulary, true, out));
    return m->categories ? read(catalogue_categories(&m->items, i), vocabulary, true, out) : LOREC_OK;
}

/* All items' words, and where each item's begin. */
static lorec_err read_items(const bm25_rule *m, reader read, ids *vocabulary, word_list *out, uint64_t **start)
{
    TRY(mem_new(start, (size_t)m->items.n + 1));
    for (uint32_t i = 0; i < m->items.n; i++) {
        TRY(read_item(m, i, read, vocabulary, out));
        (*start)[i + 1] = out->n;
    }
    return LOREC_OK;
}

static lorec_err make_index(bm25_rule *m)
{
    ids vocabulary = {0};
    word_list words = {0};
    uint64_t *start = NULL;
    bool odd = m->form == FORM_LLMRANK;
    lorec_err e = read_items(m, odd ? words_read_tokens : words_read, &vocabulary, &words, &start);
    double mean = m->items.n && !e ? (double)words.n / m->items.n : 1;
    bm25_options o = {.k1 = m->k1, .b = m->b, .fixed_length = odd ? m->items.n / mean : 0, .floored = odd};
    if (!e) e = bm25_make(&m->index, words.word, start, m->items.n, &o);
    if (odd && !e)
        e = read_items(m, words_read_characters, &vocabulary, &m->said, &m->start);
    else {
        m->said = words;
        m->start = start;
        words = (word_list){0};
        start = NULL;
    }
    word_list_free(&words);
    mem_free(start);
    ids_free(&vocabulary);
    return e;
}

static lorec_err fit(void *self, const fit_context *c)
{
    bm25_rule *m = self;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    return make_index(m);
}

static lorec_err score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const bm25_rule *m = self;
    arena *a = rec_session_arena(s);
    arena_reset(a);
    for (size_t i = 0; i < n; i++) {
        size_t from = q[i].n > (size_t)m->max_history ? q[i].n - (size_t)m->max_history : 0, words = 0;
        for (size_t k = from; k < q[i].n; k++)
            if (q[i].items[k] < m->items.n) words += m->start[q[i].items[k] + 1] - m->start[q[i].items[k]];
        uint32_t *all = arena_alloc(a, (words + 1) * sizeof *all);
        if (!all) return LOREC_RESOURCE;
        words = 0;
        for (size_t k = from; k < q[i].n; k++) {
            uint32_t item = q[i].items[k];
            if (item >= m->items.n) continue;
            for (uint64_t j = m->start[item]; j < m->start[item + 1]; j++) all[words++] = m->said.word[j];
        }
        bm25_score(&m->index, all, words, scores + i * m->items.n);
    }
    return LOREC_OK;
}

static lorec_err save(const void *self, const char *folder)
{
    const bm25_rule *m = self;
    return catalogue_save(&m->items, folder);
}

static lorec_err load(void *self, const char *folder)
{
    bm25_rule *m = self;
    TRY(catalogue_load(&m->items, folder));
    return make_index(m);
}

static void release(void *self)
{
    bm25_rule *m = self;
    catalogue_free(&m->items);
    bm25_free(&m->index);
    word_list_free(&m->said);
    mem_free(m->start);
}

const recommender recommender_bm25 = {
    .key = "bm25",
    .seedless = true,
    .title = "BM25: items whose titles share words with what was had",
    .family = "rule",
    .cite = "Robertson, Zaragoza. The Probabilistic Relevance Framework: BM25 and Beyond. 2009",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_ITEM_TEXT,
    .size = sizeof(bm25_rule),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score = score,
    .save = save,
    .load = load,
    .release = release,
    .n_items_at = offsetof(bm25_rule, items.n),
};
