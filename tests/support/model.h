/* model.h: recommenders in tests: made data, options by name, what was learned.
 *
 *     dataset_builder *b = dataset_builder_new("shop");
 *     made_row(b, 3, 5, NAN, 1000);                       // user "u3" had item "i5"
 *     made_title(b, 5, "Heat (1995)");
 *     made_data d;
 *     made_data_finish(&d, b);                            // in place: a split points at its data
 *     void *self = model_new(r, small, OPTIONS("epochs", "4"));
 *     model_fit(r, self, &d.s, 3);
 *
 * Ownership: a made_data owns its parts until made_data_close; models go by recommender_free. */
#ifndef LOREC_TESTS_MODEL_H
#define LOREC_TESTS_MODEL_H

#include "data/split.h"
#include "rec/recommender.h"
#include "tensor/tensor.h"

typedef struct made_data {
    dataset d;
    split s;
} made_data;

void made_row(dataset_builder *b, int user, int item, float rating, int64_t time);
void made_title(dataset_builder *b, int item, const char *title);
void made_data_finish(made_data *m, dataset_builder *b); /* split by leaving one out */
void made_data_close(made_data *m);
int made_data_end(void **state); /* closes *state, a made_data: for the end of a group of tests */

/* Name, value, ..., NULL: options of a model; the later win. Either list may be NULL. */
#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
void *model_new(const recommender *r, const char *const *options, const char *const *more);
void model_set(const recommender *r, void *self, const char *name, const char *value);
void model_fit(const recommender *r, void *self, const split *s, uint64_t seed);
/* Fitting with these options fails as usage or input, and the message has `words`. */
void model_refused(const recommender *r, const split *s, const char *const *options, const char *const *more,
                   const char *words);

float *model_values(const params *ps); /* [params_values], in the order of the parameters; to free() */
bool model_same_values(const params *a, const params *b);

#endif
