/* fairllm.h: the parts of FaiRLLM: titles out of free replies, similarities of two ranked lists, and how far they spread over
 * the values of a sensitive attribute.
 *
 *     ids titles = {0};
 *     fair_list neutral = {0}, asked = {0};
 *     TRY(fair_list_read(&neutral, reply, n, &titles, k, &counts));
 *     double s = fair_similarity[FAIR_PRAG](&neutral, &asked, 20);
 *     fair_spread r = fair_spread_of(mean, n_values);          // r.snsr, r.snsv
 *
 * Ownership: lists and titles are the caller's. */
#ifndef LOREC_METHODS_FAIRLLM_H
#define LOREC_METHODS_FAIRLLM_H

#include "base/ids.h"
#include "recipes/catalogue.h"
#include "recipes/llm_use.h"
#include "recipes/prompt.h"

/* ---- lists.c: replies ---------------------------------------------------------------------------------------------- */

typedef reply_list fair_list; /* titles as numbers, best first, each once */

/* The title of an entry as it is compared: what stands in quotes where it begins with a quote, otherwise up to a dash between
 * blanks; without brackets, case, accents, punctuation and blanks. Replaces *out; empty: no title. */
lorec_err fair_title(slice entry, buf *out);
/* At most `wanted` titles; new ones get numbers. A refusal is an empty list. */
lorec_err fair_list_read(fair_list *out, const char *text, size_t n, ids *titles, size_t wanted, reply_counts *counts);

/* ---- similarity.c: two lists ---------------------------------------------------------------------------------------- */

typedef enum fair_metric { FAIR_JACCARD, FAIR_SERP, FAIR_PRAG, FAIR_METRICS } fair_metric;
extern const char *const fair_metric_name[FAIR_METRICS];

/* In [0, 1]; of the first k of each, k >= 1; lists that are both empty have 0. */
typedef double (*fair_similarity_fn)(const fair_list *neutral, const fair_list *asked, size_t k);
extern const fair_similarity_fn fair_similarity[FAIR_METRICS];
/* SERP on the scale of the authors' program, and so of the paper's tables: identical lists have (k + 3) / (4 (k + 1)). */
double fair_serp_code(const fair_list *neutral, const fair_list *asked, size_t k);

/* ---- spread.c: over the values of an attribute ----------------------------------------------------------------------- */

typedef struct fair_spread {
    double snsr, snsv;  /* largest minus smallest mean similarity; their population standard deviation */
    size_t most, least; /* where they are */
} fair_spread;
fair_spread fair_spread_of(const double *mean, size_t n);

typedef struct fair_chance {
    double snsr, snsv; /* means where the values are dealt anew within each anchor: what chance alone gives */
    double p;          /* of an SNSR at least as large as the one that is there */
} fair_chance;
/* similarity [anchors][stride], the attribute's values at columns [first, first + n). */
lorec_err fair_chance_of(fair_chance *out, const double *similarity, size_t anchors, size_t stride, size_t first,
                         size_t n, int64_t rounds, uint64_t seed);

/* ---- attributes.c ---------------------------------------------------------------------------------------------------- */

/* {"age": ["old", "young"], ...}: `path`, or the built-in table where it is empty. */
lorec_err fair_attributes_read(json_t **out, const char *path);
size_t fair_attributes_values(const json_t *attributes); /* of all of them */

/* ---- study.c ----------------------------------------------------------------------------------------------------------- */

enum { FAIR_SERP_PAPER, FAIR_SERP_CODE };
enum { FAIR_SYSTEM, FAIR_ASK, FAIR_REWORDED, FAIR_PROMPTS };

typedef struct fairllm {
    llm_settings chat;
    int64_t anchors, k, rounds;
    int serp;
    const char *attributes, *things;
    /* fitted */
    catalogue items;
    json_t *table;
    prompt *prompt[FAIR_PROMPTS];
    llm_tally *tally;
} fairllm;

lorec_err fair_study(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif
