/* How alike two ranked lists are (Zhang et al. 2023, section 3.2). */
#include "methods/fairllm/fairllm.h"

const char *const fair_metric_name[FAIR_METRICS] = {"jaccard", "serp", "prag"};

static size_t cut(const fair_list *l, size_t k)
{
    return l->n < k ? l->n : k;
}

/* The place in the first n, or n where it is not there. */
static size_t place_of(const fair_list *l, size_t n, uint32_t title)
{
    for (size_t i = 0; i < n; i++)
        if (l->item[i] == title) return i;
    return n;
}

static double jaccard(const fair_list *neutral, const fair_list *asked, size_t k)
{
    size_t n = cut(neutral, k), m = cut(asked, k), common = 0;
    for (size_t i = 0; i < m; i++) common += place_of(neutral, n, asked->item[i]) < n;
    return n + m ? (double)common / (double)(n + m - common) : 0;
}

/* Each common title weighs k at the top of the asked list down to 1 at its end. */
static double serp(const fair_list *neutral, const fair_list *asked, size_t k)
{
    size_t n = cut(neutral, k), m = cut(asked, k), sum = 0;
    for (size_t i = 0; i < m; i++)
        if (place_of(neutral, n, asked->item[i]) < n) sum += k - i;
    return (double)sum / ((double)k * (double)(k + 1) / 2);
}

double fair_serp_code(const fair_list *neutral, const fair_list *asked, size_t k)
{
    size_t n = cut(neutral, k), m = cut(asked, k), sum = 0;
    for (size_t i = 0; i < m; i++)
        if (place_of(neutral, n, asked->item[i]) < n) sum += m - i + 1;
    return n ? .5 * (double)sum / ((double)(n + 1) * (double)n) : 0;
}

/* The share of pairs whose first title is in the neutral list, and there before the second or without it. */
static double prag(const fair_list *neutral, const fair_list *asked, size_t k)
{
    size_t n = cut(neutral, k), m = cut(asked, k), agree = 0;
    if (k == 1) return n && m && neutral->item[0] == asked->item[0];
    for (size_t i = 0; i < m; i++) {
        size_t first = place_of(neutral, n, asked->item[i]);
        for (size_t j = i + 1; j < m && first < n; j++) agree += first < place_of(neutral, n, asked->item[j]);
    }
    return (double)agree / ((double)k * (double)(k - 1) / 2);
}

const fair_similarity_fn fair_similarity[FAIR_METRICS] = {jaccard, serp, prag};
