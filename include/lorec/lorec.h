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
 * Build with `cc prog.c $(pkg-config --cflags --libs lorec)`; liblorec.a takes `--static` too. Neither library has a global name
 * that does not begin with lorec_.
 *
 * Ownership: what a function makes through its first argument is the caller's, to pass to the matching _free; strings in
 * results belong to the model and live as long as it. A model is immutable: any number of threads may use one at once.
 * Struct arguments begin with `size` (sizeof the struct), so that programs built against an older header keep working. */
#ifndef LOREC_H
#define LOREC_H

#include <stddef.h>
#include <stdint.h>

#include "lorec/err.h"
#include "lorec/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lorec_dataset lorec_dataset;
typedef struct lorec_model lorec_model;

/* A prepared folder, a raw file or folder of any known form, or "sample". format: NULL guesses. LOREC_INPUT: a row that can not be
 * read (the file, the line and the field are named), or no form fits; LOREC_USAGE: there is no such form. */
LOREC_API lorec_err lorec_dataset_load(lorec_dataset **out, const char *path_or_name, const char *format);

/* Rows in memory: who, what, and where there are any, how much and when. Ids are whole numbers, written in decimals, or,
 * where there is a table of texts, places in it. Nothing of it is kept. */
typedef struct lorec_rows {
    size_t size;
    const char *name; /* of the data set; NULL: "memory" */
    uint64_t n;
    const int64_t *user, *item; /* [n] */
    const float *rating;        /* [n], NaN: none; or NULL */
    const int64_t *time; /* [n] since 1970, in seconds, ms, us or ns, all the same; or NULL: the order is the time */
    const char *const *user_id;    /* [n_user_id] UTF-8; or NULL */
    const char *const *item_id;    /* [n_item_id]; or NULL */
    const char *const *item_title; /* [n_item_id], NULLs for none; or NULL */
    size_t n_user_id, n_item_id;
} lorec_rows;
/* LOREC_INPUT: no rows, a place outside its table (the row is named), a rating that is infinite, times in two units. */
LOREC_API lorec_err lorec_dataset_from_rows(lorec_dataset **out, const lorec_rows *rows);
/* A prepared folder, written whole or not at all: what lorec_dataset_load and `--data` read. LOREC_RESOURCE: disk, permission. */
LOREC_API lorec_err lorec_dataset_save(const lorec_dataset *d, const char *folder);
LOREC_API void lorec_dataset_free(lorec_dataset *d);
LOREC_API const char *lorec_dataset_name(const lorec_dataset *d);
LOREC_API uint32_t lorec_dataset_users(const lorec_dataset *d);
LOREC_API uint32_t lorec_dataset_items(const lorec_dataset *d);
LOREC_API uint64_t lorec_dataset_interactions(const lorec_dataset *d);

/* The rows as they are kept: user u's are start[u] .. start[u + 1] - 1, oldest first. They live as long as the data set. */
typedef struct lorec_columns {
    size_t size;           /* set by the caller */
    const uint64_t *start; /* [users + 1] */
    const uint32_t *item;  /* [interactions] */
    const float *rating;   /* [interactions], or NULL */
    const int64_t *time;   /* [interactions] seconds since 1970, or NULL */
} lorec_columns;
LOREC_API lorec_err lorec_dataset_columns(const lorec_dataset *d, lorec_columns *out);
/* Ids and titles by number, not NUL-terminated: *n bytes of UTF-8. NULL: there is no such number. */
LOREC_API const char *lorec_dataset_user(const lorec_dataset *d, uint32_t user, size_t *n);
LOREC_API const char *lorec_dataset_item(const lorec_dataset *d, uint32_t item, size_t *n);
LOREC_API const char *lorec_dataset_title(const lorec_dataset *d, uint32_t item, size_t *n);

typedef struct lorec_fit_options {
    size_t size;
    uint64_t seed;
    const char *split;      /* NULL: "loo"; others: docs/data.md. Validation (where it has one) stops training early */
    const char *const *set; /* "name=value" options of the method, [n_set] */
    size_t n_set;
    int all_rows; /* train on every row: for serving, once the settings are known */
} lorec_fit_options;

/* Trains a method by key (`lorec methods`) on the training part of a split. options NULL: the defaults, seed 1. LOREC_USAGE: there
 * is no such method, option or split, or options do not fit together; LOREC_INPUT: the data lack what it needs; LOREC_RESOURCE:
 * memory; LOREC_CANCELLED: the watch asked. The data set is not kept. */
LOREC_API lorec_err lorec_fit(lorec_model **out, const char *method, const lorec_dataset *d,
                              const lorec_fit_options *options);

typedef struct lorec_item {
    const char *id, *title; /* as in the source; title is the id where the data has none */
    float score;
} lorec_item;

/* Up to k items for a person that is known (user: its id), or for a history of ids or titles, oldest first, or both (the
 * history then stands for what the person had). Items had before are left out. *n says how many there are, best first; scores are
 * of the method's own scale. LOREC_USAGE: the user, or an item of the history, is not in the catalogue, or neither was given. */
LOREC_API lorec_err lorec_recommend(const lorec_model *m, const char *user, const char *const *history,
                                    size_t n_history, lorec_item *items, size_t k, size_t *n);
/* The scores [n_candidates] of given items (ids or titles) for the same kind of question and with its errors; larger is better. */
LOREC_API lorec_err lorec_score(const lorec_model *m, const char *user, const char *const *history, size_t n_history,
                                const char *const *candidates, size_t n_candidates, float *scores);

/* Many known users at once, by their numbers in the model's catalogue (lorec_model_catalogue): the best k items of each
 * into items and scores [n][k]; behind the last one of a list UINT32_MAX and NaN. users NULL: 0 .. n - 1. LOREC_USAGE: a
 * number that is no user's. */
LOREC_API lorec_err lorec_recommend_users(const lorec_model *m, const uint32_t *users, size_t n, size_t k,
                                          uint32_t *items, float *scores);
/* The scores of every item for a question as lorec_recommend takes it, [items]; -INFINITY: can not be recommended. LOREC_USAGE also
 * where the method makes lists and has no scores. */
LOREC_API lorec_err lorec_score_all(const lorec_model *m, const char *user, const char *const *history,
                                    size_t n_history, float *scores);
/* What the model speaks of: users and items by number, and what known users had. It belongs to the model. */
LOREC_API const lorec_dataset *lorec_model_catalogue(const lorec_model *m);

/* A folder with the model and the catalogue it speaks of; written whole or not at all. LOREC_RESOURCE: disk, permission. */
LOREC_API lorec_err lorec_model_save(const lorec_model *m, const char *folder);
/* What lorec_model_save wrote, or a run folder: the first of its models (lorec_run_model, in lorec/run.h, takes any).
 * LOREC_INPUT: the folder holds neither, or a file in it is not what it has to be. */
LOREC_API lorec_err lorec_model_load(lorec_model **out, const char *folder);
LOREC_API void lorec_model_free(lorec_model *m);
LOREC_API const char *lorec_model_method(const lorec_model *m); /* its key: "ease" */

#ifdef __cplusplus
}
#endif
#endif
