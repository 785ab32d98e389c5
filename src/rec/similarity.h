/* similarity.h: how alike two sets are, from the size of what they share and their own sizes (item and user neighbours).
 *
 *     float s = similarity(&m->how, shared, n_i, n_j);      // 0 where nothing is shared
 *
 * Ownership: values only. */
#ifndef LOREC_REC_SIMILARITY_H
#define LOREC_REC_SIMILARITY_H

#include "base/options.h"

/* cosine c / (sqrt(a b) + shrink), jaccard c / (a + b - c + shrink), dice 2c / (a + b + shrink),
 * asymmetric c / (a^alpha b^(1-alpha) + shrink) (Aiolli, RecSys 2013), overlap c itself. */
typedef struct similarity_spec {
    int kind;
    double shrink, alpha;
} similarity_spec;

float similarity(const similarity_spec *how, double shared, double a, double b);

extern const char *const similarity_names[];
#define SIMILARITY_OPTIONS(type_, at_)                                                                                 \
    {.name = "similarity",                                                                                             \
     .type = OPTION_TYPE_CHOICE,                                                                                       \
     .offset = offsetof(type_, at_.kind),                                                                              \
     .def_text = "cosine",                                                                                             \
     .choices = similarity_names,                                                                                      \
     .help = "how alike two are by who they share"},                                                                   \
        {.name = "shrink",                                                                                             \
         .type = OPTION_TYPE_REAL,                                                                                     \
         .offset = offsetof(type_, at_.shrink),                                                                        \
         .def = 0,                                                                                                     \
         .max = 1e9,                                                                                                   \
         .help = "added to the denominator: few shared ones count for less"},                                          \
    {                                                                                                                  \
        .name = "alpha", .type = OPTION_TYPE_REAL, .offset = offsetof(type_, at_.alpha), .def = 0.5, .max = 1,         \
        .help = "asymmetric: weight of the own size against the other's"                                               \
    }
enum { SIMILARITY_OPTION_ROWS = 3 };

#endif
