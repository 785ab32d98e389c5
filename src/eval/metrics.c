#include "eval/metrics.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

typedef enum cutoff { CUTOFF_NONE, CUTOFF_MAY, CUTOFF_MUST } cutoff;

static const struct row {
    const char *name;
    metric_kind kind;
    metric_family family;
    cutoff cutoff;
    bool smaller_is_better;
} rows[] = {
    {"recall", METRIC_RECALL, METRIC_OF_LISTS, CUTOFF_MUST, false},
    {"hit", METRIC_HIT, METRIC_OF_LISTS, CUTOFF_MUST, false},
    {"ndcg", METRIC_NDCG, METRIC_OF_LISTS, CUTOFF_MAY, false},
    {"mrr", METRIC_MRR, METRIC_OF_LISTS, CUTOFF_MAY, false},
    {"map", METRIC_MAP, METRIC_OF_LISTS, CUTOFF_MAY, false},
    {"precision", METRIC_PRECISION, METRIC_OF_LISTS, CUTOFF_MUST, false},
    {"f1", METRIC_F1, METRIC_OF_LISTS, CUTOFF_MUST, false},
    {"auc", METRIC_AUC, METRIC_OF_PAIRS, CUTOFF_NONE, false},
    {"gauc", METRIC_GAUC, METRIC_OF_PAIRS, CUTOFF_NONE, false},
    {"logloss", METRIC_LOGLOSS, METRIC_OF_PAIRS, CUTOFF_NONE, true},
    {"rmse", METRIC_RMSE, METRIC_OF_PAIRS, CUTOFF_NONE, true},
    {"mae", METRIC_MAE, METRIC_OF_PAIRS, CUTOFF_NONE, true},
    {"coverage", METRIC_COVERAGE, METRIC_OF_SHOWN, CUTOFF_MUST, false},
    {"gini", METRIC_GINI, METRIC_OF_SHOWN, CUTOFF_MUST, true},
    {"novelty", METRIC_NOVELTY, METRIC_OF_SHOWN, CUTOFF_MUST, false},
    {"diversity", METRIC_DIVERSITY, METRIC_OF_SHOWN, CUTOFF_MUST, false},
    {"popularity", METRIC_POPULARITY, METRIC_OF_SHOWN, CUTOFF_MUST, true},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const struct {
    const char *alias, *name;
} aliases[] = {{"hr", "hit"},
               {"hitratio", "hit"},
               {"p", "precision"},
               {"prec", "precision"},
               {"itemcoverage", "coverage"},
               {"giniindex", "gini"},
               {"averagepopularity", "popularity"}};

static const struct row *row_of(metric_kind kind)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].kind == kind) return &rows[i];
    return &rows[0];
}

bool metric_larger_is_better(metric_kind kind)
{
    return !row_of(kind)->smaller_is_better;
}

metric_family metric_family_of(metric_kind kind)
{
    return row_of(kind)->family;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */

static const struct row *row_named(const char *name)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].alias, name) == 0) name = aliases[i].name;
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

lorec_err metric_parse(metric *out, slice words)
{
    slice all = slice_trim(words), rest = all;
    slice word = slice_cut(&rest, '@');
    bool has_k = word.n < all.n;
    char name[24] = "";
    for (size_t i = 0; i < word.n && i + 1 < sizeof name; i++) name[i] = (char)tolower((unsigned char)word.p[i]);
    const struct row *row = word.n < sizeof name ? row_named(name) : NULL;
    if (!row) {
        const char *names[N_ROWS];
        for (size_t i = 0; i < N_ROWS; i++) names[i] = rows[i].name;
        const char *near = err_nearest(name, names, N_ROWS);
        return err_set(LOREC_USAGE, "\"%.*s\" is no metric%s%s%s", (int)(all.n < 80 ? all.n : 80), all.p,
                       near ? "; did you mean \""
                            : "; known: recall@k, ndcg@k, mrr@k, hit@k, map@k, precision@k, auc ...",
                       near ? near : "", near ? "\"?" : "");
    }
    uint64_t k = 0;
    if (has_k && (!slice_to_u64(rest, &k) || k < 1 || k > 1000000))
        return err_set(LOREC_USAGE, "\"%.*s\": the cut-off has to be a whole number from 1 to 1000000",
                       (int)(all.n < 80 ? all.n : 80), all.p);
    if (has_k && row->cutoff == CUTOFF_NONE)
        return err_set(LOREC_USAGE, "%s has no cut-off: write \"%s\"", row->name, row->name);
    if (!has_k && row->cutoff == CUTOFF_MUST)
        return err_set(LOREC_USAGE, "%s needs a cut-off: write \"%s@10\"", row->name, row->name);
    *out = (metric){.kind = row->kind, .k = (uint32_t)k};
    if (k)
        snprintf(out->name, sizeof out->name, "%s@%u", row->name, (unsigned)k);
    else
        snprintf(out->name, sizeof out->name, "%s", row->name);
    return LOREC_OK;
}

lorec_err metrics_parse(metric **out, size_t *n, const char *words)
{
    metric *list = NULL;
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    lorec_err e = LOREC_OK;
    slice rest = slice_of(words);
    while (rest.n && !e) {
        slice word = slice_trim(slice_cut(&rest, ','));
        if (!word.n) continue;
        metric m;
        e = metric_parse(&m, word);
        for (size_t i = 0; i < *n && !e; i++)
            if (strcmp(list[i].name, m.name) == 0)
                e = err_set(LOREC_USAGE, "metric %s is named twice in \"%s\"", m.name, words);
        if (!e) e = mem_grow(&list, &cap, *n + 1);
        if (!e) list[(*n)++] = m;
    }
    if (!e && *n == 0) e = err_set(LOREC_USAGE, "no metric is named in \"%s\"; for example: recall@10,ndcg@10", words);
    if (e) {
        mem_free(list);
        *n = 0;
        return e;
    }
    *out = list;
    return LOREC_OK;
}

/* ---- expected gain under ties -------------------------------------------------------------------------------------- */

static int by_above(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return x->above < y->above ? -1 : x->above > y->above;
}

void places_sort(place *places, size_t n)
{
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++) sorted = places[i - 1].above <= places[i].above;
    if (!sorted) qsort(places, n, sizeof *places, by_above);
}

/* Items of equal score share the places above .. above + size - 1; r of them are relevant. */
typedef struct tie {
    uint64_t above, size, relevant, inside; /* inside: how many of its places are before the cut-off */
} tie;

/* The group that begins at places[*at]; false when no relevant item is before the cut-off any more. */
static bool tie_next(const place *places, size_t n, uint64_t k, size_t *at, tie *g)
{
    if (*at >= n || places[*at].above >= k || places[*at].above == UINT32_MAX) return false;
    *g = (tie){.above = places[*at].above, .size = (uint64_t)places[*at].tied + 1};
    for (; *at < n && places[*at].above == g->above; (*at)++) g->relevant++;
    if (g->relevant > g->size) g->relevant = g->size;
    g->inside = k - g->above < g->size ? k - g->above : g->size;
    return true;
}

static double discount(uint64_t place_from_0)
{
    static const double first[] = {1.0,
                                   0.63092975357145735,
                                   0.5,
                                   0.43067655807339306,
                                   0.38685280723454163,
                                   0.35620718710802218,
                                   0.33333333333333331,
                                   0.31546487678572871,
                                   0.30102999566398120,
                                   0.28906482631788782};
    if (place_from_0 < sizeof first / sizeof *first) return first[place_from_0];
    return 1.0 / log2((double)place_from_0 + 2.0);
}

static double expected_hits(const place *places, size_t n, uint64_t k)
{
    double hits = 0;
    tie g;
    for (size_t at = 0; tie_next(places, n, k, &at, &g);)
        hits += (double)g.relevant * (double)g.inside / (double)g.size;
    return hits;
}

/* 1 - C(size - r, inside) / C(size, inside): not all places before the cut-off are filled by others. */
static double expected_hit(const place *places, size_t n, uint64_t k)
{
    tie g;
    size_t at = 0;
    if (!tie_next(places, n, k, &at, &g)) return 0;
    double none = 1;
    for (uint64_t i = 0; i < g.relevant && none > 0; i++)
        none *= g.size - i > g.inside ? (double)(g.size - i - g.inside) / (double)(g.size - i) : 0;
    return 1 - none;
}

static double expected_mrr(const place *places, size_t n, uint64_t k)
{
    tie g;
    size_t at = 0;
    if (!tie_next(places, n, k, &at, &g)) return 0;
    double first_here = (double)g.relevant / (double)g.size, sum = 0; /* P(the first relevant is the group's j-th) */
    for (uint64_t j = 0; j < g.inside; j++) {
        sum += first_here / (double)(g.above + j + 1);
        if (g.size - j <= g.relevant) break;
        first_here *= (double)(g.size - j - g.relevant) / (double)(g.size - j - 1);
    }
    return sum;
}

static double expected_ndcg(const place *places, size_t n, uint64_t k)
{
    double gain = 0, ideal = 0;
    tie g;
    for (size_t at = 0; tie_next(places, n, k, &at, &g);) {
        double sum = 0;
        for (uint64_t j = 0; j < g.inside; j++) sum += discount(g.above + j);
        gain += (double)g.relevant * sum / (double)g.size;
    }
    for (uint64_t i = 0; i < n && i < k; i++) ideal += discount(i);
    return gain / ideal;
}

/* Given that the j-th of a group is relevant, each place before it in the group is so with (r - 1) / (size - 1). */
static double expected_map(const place *places, size_t n, uint64_t k)
{
    double sum = 0, before = 0;
    tie g;
    for (size_t at = 0; tie_next(places, n, k, &at, &g);) {
        double here = (double)g.relevant / (double)g.size;
        double other = g.size > 1 ? (double)(g.relevant - 1) / (double)(g.size - 1) : 0;
        for (uint64_t j = 0; j < g.inside; j++)
            sum += here * (before + 1 + (double)j * other) / (double)(g.above + j + 1);
        before += (double)g.relevant;
    }
    return sum / (double)(n < k ? n : k);
}

double metric_of_places(const metric *m, const place *places, size_t n)
{
    if (metric_family_of(m->kind) != METRIC_OF_LISTS) return NAN;
    if (n == 0) return 0;
    uint64_t k = m->k ? m->k : UINT32_MAX;
    switch (m->kind) {
    case METRIC_RECALL:
        return expected_hits(places, n, k) / (double)n;
    case METRIC_PRECISION:
        return expected_hits(places, n, k) / (double)k;
    case METRIC_F1:
        return 2 * expected_hits(places, n, k) / ((double)k + (double)n);
    case METRIC_HIT:
        return expected_hit(places, n, k);
    case METRIC_MRR:
        return expected_mrr(places, n, k);
    case METRIC_NDCG:
        return expected_ndcg(places, n, k);
    case METRIC_MAP:
        return expected_map(places, n, k);
    default:
        return NAN;
    }
}
