/* Candidates: a fitted recommender's list, and items whose texts share words with the request (new items are found so). */
#include "methods/chat-rec/chatrec.h"

#include <math.h>

#include "rec/topk.h"
#include "text/words.h"

lorec_err chatrec_index(chatrec *m)
{
    word_list words = {0};
    uint64_t *start;
    TRY(mem_new(&start, (size_t)m->items.n + 1));
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < m->items.n && !e; i++) {
        e = words_read(catalogue_title(&m->items, i), &m->vocabulary, true, &words);
        if (!e) e = words_read(catalogue_categories(&m->items, i), &m->vocabulary, true, &words);
        start[i + 1] = words.n;
    }
    if (!e) e = bm25_make(&m->index, words.word, start, m->items.n, &(bm25_options){0});
    word_list_free(&words);
    mem_free(start);
    return e;
}

lorec_err chatrec_match(const chatrec *m, const query *q, const char *request, uint32_t *candidate, size_t *n,
                        size_t room)
{
    word_list words = {0};
    float *score = NULL, *best = NULL;
    lorec_err e;
    if (*n >= room || !request || !*request) return LOREC_OK;
    /* Nothing is added to the vocabulary: it is only read. */
    TRY_GO(e, words_read(slice_of(request), (ids *)(uintptr_t)&m->vocabulary, false, &words), done);
    TRY_GO(e, mem_new(&score, (size_t)m->items.n + 1), done);
    TRY_GO(e, mem_new(&best, room), done);
    bm25_score(&m->index, words.word, words.n, score);
    for (uint32_t i = 0; i < m->items.n; i++)
        if (!(score[i] > 0)) score[i] = -INFINITY;
    for (size_t i = 0; i < q->n; i++)
        if (q->items[i] < m->items.n) score[q->items[i]] = -INFINITY;
    for (size_t i = 0; i < *n; i++) score[candidate[i]] = -INFINITY;
    *n += topk_select(score, m->items.n, room - *n, candidate + *n, best);
done:
    word_list_free(&words);
    mem_free(score);
    mem_free(best);
    return e;
}

lorec_err chatrec_candidates(const chatrec *m, rec_session *s, const query *q, size_t n, const char *request,
                             uint32_t *candidate, size_t *found)
{
    size_t k = (size_t)m->candidates, room = k + (size_t)m->matched;
    uint32_t *items = NULL;
    float *best = NULL;
    lorec_err e;
    if (!n) return LOREC_OK;
    TRY_GO(e, mem_new(&items, n * k), done);
    TRY_GO(e, mem_new(&best, n * k), done);
    TRY_GO(e, recommender_list(m->first, m->first_self, s, m->items.n, q, n, k, false, items, best, found), done);
    for (size_t i = 0; i < n && !e; i++) {
        uint32_t *row = candidate + i * room;
        for (size_t j = 0; j < found[i]; j++) row[j] = items[i * k + j];
        e = chatrec_match(m, &q[i], request, row, &found[i], found[i] + (size_t)m->matched);
    }
done:
    mem_free(items);
    mem_free(best);
    return e;
}
