/* tune.h: where to look for settings, and drawing them: a space is rows of (method, option, distribution).
 *
 *     tune_space space = {0};
 *     TRY(tune_space_read(&space, "space.txt"));          // RecBole's words: choice, uniform, loguniform, quniform
 *     TRY(tune_space_default(&space, r));                 // or from the option rows: sensible ranges round the defaults
 *     TRY(tune_draw(&space, r, trial, seed, &set, &n));   // "name=value" texts of trial 0, 1, ...; trial 0: the defaults
 *     tune_set_free(set, n);
 *     tune_space_free(&space);
 *
 * Draws depend on seed, method and trial number alone, so that a resumed search draws the same.
 *
 * Ownership: a space owns its rows; drawn sets are the caller's, to tune_set_free. */
#ifndef LOREC_EVAL_TUNE_H
#define LOREC_EVAL_TUNE_H

#include "rec/recommender.h"

typedef enum tune_kind { TUNE_CHOICE, TUNE_UNIFORM, TUNE_LOGUNIFORM } tune_kind;
typedef struct tune_row {
    char *method; /* NULL: every method that has the option */
    char *name;
    tune_kind kind;
    double low, high; /* the ends of the value itself, also for loguniform */
    double step;      /* > 0: rounded to its multiples */
    bool whole;       /* an integer option */
    char **choice;
    size_t n_choices;
} tune_row;
typedef struct tune_space {
    tune_row *row;
    size_t n, cap;
} tune_space;

/* Lines "[method.]option choice [a,b]", "... uniform low,high", "... loguniform low,high" (the ends are natural
 * logarithms, as in hyperopt and RecBole), "... quniform low,high,step"; # starts a comment. */
lorec_err tune_space_read(tune_space *s, const char *path);
/* Rows for a method whose options no row of the space is about. */
lorec_err tune_space_default(tune_space *s, const recommender *r);
/* Every row must be an option of one of the methods: LOREC_USAGE otherwise. */
lorec_err tune_space_check(const tune_space *s, const recommender *const *methods, size_t n);
size_t tune_space_count(const tune_space *s, const recommender *r); /* rows that are about it */
void tune_space_free(tune_space *s);

lorec_err tune_draw(const tune_space *s, const recommender *r, uint64_t trial, uint64_t seed, char ***set, size_t *n);
void tune_set_free(char **set, size_t n);

#endif
