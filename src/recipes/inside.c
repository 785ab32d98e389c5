#include "recipes/inside.h"

fit_context inside_context(const fit_context *whole)
{
    return (fit_context){.split = whole->split,
                         .train = whole->train,
                         .seed = whole->seed,
                         .positive_rating = whole->positive_rating,
                         .fast = whole->fast};
}

lorec_err inside_fit(const recommender *r, void **self, const fit_context *whole)
{
    fit_context alone = inside_context(whole);
    TRY(recommender_new(r, self));
    if (alone.fast) TRY(options_fast(r->options, r->n_options, *self));
    return r->fit(*self, &alone);
}
