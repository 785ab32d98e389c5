/* lorec/lorec.h: recommenders from C: read data, train, recommend, save, load.
 *
 *     lorec_dataset *d;
 *     lorec_model *m;
 *     if (lorec_dataset_load(&d, "ratings.csv", NULL) ||
 *         lorec_fit(&m, "ease", d, &(lorec_fit_options){.size = sizeof(lorec_fit_options), .seed = 1}))
 *         return fprintf(stderr, "%s\n", lorec_error_message()), 1;
 *     lorec_item list[10];
 *     size_t n;
 *     const char *history[] = {"Toy Story (1995)", "Jumanji (1995)"};
 *     lorec_recommend(m, NULL, history, 2, list, 10, &n);
 *     for (size_t i = 0; i < n; i++) printf("%s  %.3f\n", list[i].title, list[i].score);
 *     lorec_model_free(m);
 *     lorec_dataset_free(d);
 *
 * Ownership: what a function makes through its first argument is the caller's, to pass to the matching _free; strings in
 * results belong to the model and live as long as it. A model is immutable: any number of threads may use one at once.
 * Struct arguments begin with `size` (sizeof the struct), so that programs built against an older header keep working. */
#ifndef LOREC_H
#define LOREC_H

#include <stddef.h>
#include <stdint.h>

#include "lorec/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lorec_dataset lorec_dataset;
typedef struct lorec_model lorec_model;

/* A prepared folder, a raw file or folder of any known form, or "sample". format: NULL guesses. */
LOREC_API lorec_err lorec_dataset_load(lorec_dataset **out, const char *path_or_name, const char *format);
LOREC_API void lorec_dataset_free(lorec_dataset *d);
LOREC_API uint32_t lorec_dataset_users(const lorec_dataset *d);
LOREC_API uint32_t lorec_dataset_items(const lorec_dataset *d);
LOREC_API uint64_t lorec_dataset_interactions(const lorec_dataset *d);

typedef struct lorec_fit_options {
    size_t size;
    uint64_t seed;
    const char *split;      /* NULL: "loo"; validation (where the split has one) stops training early */
    const char *const *set; /* "name=value" options of the method, [n_set] */
    size_t n_set;
    int all_rows; /* train on every row: for serving, once the settings are known */
} lorec_fit_options;

/* Trains a method by key (`lorec methods`) on the training part of a split. options NULL: the defaults, seed 1. */
LOREC_API lorec_err lorec_fit(lorec_model **out, const char *method, const lorec_dataset *d,
                              const lorec_fit_options *options);

typedef struct lorec_item {
    const char *id, *title; /* as in the source; title is the id where the data has none */
    float score;
} lorec_item;

/* Up to k items for a person that is known (user: its id), or for a history of ids or titles, oldest first, or both (the
 * history then stands for what the person had). Items had before are left out. *n says how many there are. */
LOREC_API lorec_err lorec_recommend(const lorec_model *m, const char *user, const char *const *history,
                                    size_t n_history, lorec_item *items, size_t k, size_t *n);
/* The scores of given items (ids or titles) for the same kind of question; larger is better. */
LOREC_API lorec_err lorec_score(const lorec_model *m, const char *user, const char *const *history, size_t n_history,
                                const char *const *candidates, size_t n_candidates, float *scores);

/* A folder with the model and the catalogue it speaks of; written whole or not at all. */
LOREC_API lorec_err lorec_model_save(const lorec_model *m, const char *folder);
LOREC_API lorec_err lorec_model_load(lorec_model **out, const char *folder);
LOREC_API void lorec_model_free(lorec_model *m);
LOREC_API const char *lorec_model_method(const lorec_model *m);

/* Threads used from now on (all cores by default). */
LOREC_API void lorec_set_threads(int threads);

#ifdef __cplusplus
}
#endif
#endif
