#include "model.h"

#include "base/options.h"
#include "support.h"

void made_row(dataset_builder *b, int user, int item, float rating, int64_t time)
{
    char u[16], i[16];
    snprintf(u, sizeof u, "u%d", user);
    snprintf(i, sizeof i, "i%d", item);
    assert_ok(
        dataset_builder_row(b, &(raw_row){.user = slice_of(u), .item = slice_of(i), .rating = rating, .time = time}));
}

void made_title(dataset_builder *b, int item, const char *title)
{
    char i[16];
    snprintf(i, sizeof i, "i%d", item);
    assert_ok(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, slice_of(i), slice_of(title), ' '));
}

void made_data_finish(made_data *m, dataset_builder *b)
{
    assert_ok(dataset_builder_finish(b, false, &m->d));
    assert_ok(split_make(&m->s, &m->d, &(split_options){.kind = SPLIT_LOO}));
}

void made_data_close(made_data *m)
{
    split_close(&m->s);
    dataset_close(&m->d);
}

int made_data_end(void **state)
{
    made_data_close(*state);
    return 0;
}

void model_set(const recommender *r, void *self, const char *name, const char *value)
{
    assert_ok(options_set(r->options, r->n_options, self, name, value));
}

void *model_new(const recommender *r, const char *const *options, const char *const *more)
{
    void *self;
    assert_non_null(r);
    assert_ok(recommender_new(r, &self));
    for (size_t i = 0; options && options[i]; i += 2) model_set(r, self, options[i], options[i + 1]);
    for (size_t i = 0; more && more[i]; i += 2) model_set(r, self, more[i], more[i + 1]);
    return self;
}

void model_fit(const recommender *r, void *self, const split *s, uint64_t seed)
{
    assert_ok(r->fit(self, &(fit_context){.split = s, .train = &s->train, .seed = seed}));
}

void model_refused(const recommender *r, const split *s, const char *const *options, const char *const *more,
                   const char *words)
{
    void *self = model_new(r, options, more);
    lorec_err e = r->fit(self, &(fit_context){.split = s, .train = &s->train, .seed = 3});
    if ((e != LOREC_USAGE && e != LOREC_INPUT) || !strstr(lorec_error_message(), words))
        fail_msg("%s: error %d: \"%s\" lacks \"%s\"", r->key, (int)e, lorec_error_message(), words);
    recommender_free(r, self);
}

float *model_values(const params *ps)
{
    float *all = malloc((size_t)params_values(ps) * sizeof *all), *at = all;
    assert_non_null(all);
    for (size_t i = 0; i < params_count(ps); i++) {
        assert_ok(tensor_read(params_at(ps, i), at, tensor_count(params_at(ps, i))));
        at += tensor_count(params_at(ps, i));
    }
    return all;
}

bool model_same_values(const params *a, const params *b)
{
    float *x = model_values(a), *y = model_values(b);
    bool same = params_values(a) == params_values(b) && memcmp(x, y, (size_t)params_values(a) * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}
