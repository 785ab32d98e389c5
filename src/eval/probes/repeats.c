/* Was the answer in training: as the same row, as another user's whole sequence, under another id with the same title, as an
 * edge of a graph? */
#include <math.h>
#include <xxhash.h>

#include "base/mem.h"
#include "eval/probes/probes.h"
#include "text/words.h"

static bool has(const interactions *x, uint32_t u, uint32_t item)
{
    for (uint64_t r = x->start[u]; r < x->start[u + 1]; r++)
        if (x->item[r] == item) return true;
    return false;
}

static void share(probe_finding *f, uint64_t hits)
{
    f->value = f->n ? (double)hits / (double)f->n : 0;
    probe_judge(f);
}

static lorec_err same_rows(probe_findings *out, const split *s)
{
    probe_finding *f;
    uint64_t hits = 0;
    TRY(probe_add(out, "repeats", &f));
    for (uint32_t u = 0; u < s->test.n_users; u++)
        for (uint64_t r = s->test.start[u]; r < s->test.start[u + 1]; r++, f->n++)
            hits += has(&s->train, u, s->test.item[r]) || has(&s->valid, u, s->test.item[r]);
    share(f, hits);
    return LOREC_OK;
}

/* ---- sequences under two names ----------------------------------------------------------------------------------------- */

enum { SHORTEST = 3 }; /* rows of a sequence that is no coincidence */

static lorec_err same_sequences(probe_findings *out, const split *s)
{
    const interactions *x = &s->data->rows;
    ids seen = {0};
    uint32_t *number = NULL, *count = NULL;
    uint64_t hits = 0;
    probe_finding *f;
    lorec_err e = mem_new(&number, x->n_users);
    if (!e) e = mem_new(&count, x->n_users);
    for (uint32_t u = 0; u < x->n_users && !e; u++) {
        uint64_t n = x->start[u + 1] - x->start[u];
        XXH128_hash_t h = XXH3_128bits(n ? x->item + x->start[u] : (const uint32_t *)"", n * sizeof *x->item);
        e = ids_add(&seen, (slice){(const char *)&h, sizeof h}, &number[u]);
        if (!e) count[number[u]]++;
    }
    if (!e) e = probe_add(out, "twins", &f);
    for (uint32_t u = 0; u < x->n_users && !e; u++) {
        if (s->test.start[u] == s->test.start[u + 1]) continue;
        f->n++;
        hits += x->start[u + 1] - x->start[u] >= SHORTEST && count[number[u]] > 1;
    }
    if (!e) share(f, hits);
    ids_free(&seen);
    mem_free(number);
    mem_free(count);
    return e;
}

/* ---- one thing under several ids ----------------------------------------------------------------------------------------- */

static lorec_err same_titles(probe_findings *out, const split *s)
{
    const dataset *d = s->data;
    uint32_t n_items = d->rows.n_items, *number = NULL;
    ids titles = {0};
    ids vocabulary = {0};
    word_list words = {0};
    probe_finding *f;
    uint64_t hits = 0, titled = 0;
    lorec_err e = mem_new(&number, n_items);
    for (uint32_t i = 0; i < n_items && !e; i++) {
        slice title = dataset_title(d, i);
        titled += title.p != names_at(&d->item_ids, i).p; /* without one it is the id, the same bytes */
        words.n = 0;
        e = words_read(title, &vocabulary, true, &words);
        slice key = {(const char *)words.word, words.n * sizeof *words.word};
        if (!e) e = ids_add(&titles, words.n ? key : names_at(&d->item_ids, i), &number[i]);
    }
    if (!e && !titled) e = probe_skip(out, "titles", "the items have no titles (--item-text)");
    if (!e && titled) {
        e = probe_add(out, "titles", &f);
        for (uint32_t u = 0; u < s->test.n_users && !e; u++)
            for (uint64_t r = s->test.start[u]; r < s->test.start[u + 1]; r++, f->n++) {
                uint32_t target = s->test.item[r];
                bool found = false;
                const interactions *parts[2] = {&s->train, &s->valid};
                for (int k = 0; k < 2; k++)
                    for (uint64_t j = parts[k]->start[u]; j < parts[k]->start[u + 1]; j++)
                        found |= parts[k]->item[j] != target && number[parts[k]->item[j]] == number[target];
                hits += found;
            }
        if (!e) share(f, hits);
    }
    ids_free(&titles);
    ids_free(&vocabulary);
    word_list_free(&words);
    mem_free(number);
    return e;
}

/* ---- a graph -------------------------------------------------------------------------------------------------------------- */

static lorec_err edges(probe_findings *out, const split *s, const dataset *graph)
{
    const dataset *d = s->data;
    ids items = {0};
    uint32_t known, user, *item_of = NULL;
    uint64_t hits = 0;
    probe_finding *f;
    lorec_err e = mem_new(&item_of, d->rows.n_items);
    for (uint32_t i = 0; i < graph->item_ids.n && !e; i++) e = ids_add(&items, names_at(&graph->item_ids, i), &known);
    for (uint32_t i = 0; i < d->rows.n_items && !e; i++)
        item_of[i] = ids_find(&items, names_at(&d->item_ids, i), &known) ? known : UINT32_MAX;
    if (!e) e = probe_add(out, "graph", &f);
    for (uint32_t u = 0; u < s->test.n_users && !e; u++) {
        bool there = dataset_find_user(graph, names_at(&d->user_ids, u), &user);
        for (uint64_t r = s->test.start[u]; r < s->test.start[u + 1]; r++, f->n++)
            hits += there && item_of[s->test.item[r]] != UINT32_MAX &&
                    has(&graph->rows, user, item_of[s->test.item[r]]);
    }
    if (!e) share(f, hits);
    ids_free(&items);
    mem_free(item_of);
    return e;
}

lorec_err probe_repeats(probe_findings *out, const probe_request *q)
{
    const split *s = q->protocol->split;
    TRY(same_rows(out, s));
    TRY(same_sequences(out, s));
    TRY(same_titles(out, s));
    return q->graph ? edges(out, s, q->graph) : LOREC_OK;
}
