#include "runs/entries.h"

#include <stdio.h>

#include "base/mem.h"
#include "eval/controls.h"

lorec_err entries_add(entries *list, const settings *s, const recommender *r, role as)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i].r == r) return LOREC_OK;
    TRY(mem_grow(&list->at, &list->cap, list->n + 1));
    entry *en = &list->at[list->n++];
    *en = (entry){.r = r, .as = as};
    TRY(settings_sets(s, r, as != ROLE_CONTROL, &en->set));
    void *self;
    TRY(trial_model(&(trial_request){.recommender = r, .set = en->set.item, .n_set = en->set.n, .fast = s->fast},
                    &self));
    recommender_free(r, self);
    return LOREC_OK;
}

static bool among(const char *const *keys, const char *key)
{
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0) return true;
    return false;
}

/* The rules that a method's card puts beside it. */
static lorec_err add_own_controls(entries *list, const settings *s, const recommender *of)
{
    for (slice rest = slice_of(of->controls ? of->controls : ""); rest.n;) {
        slice word = slice_cut(&rest, ',');
        char key[64];
        const recommender *r;
        snprintf(key, sizeof key, "%.*s", (int)(word.n < 63 ? word.n : 63), word.p);
        TRY(registry_need(key, &r));
        TRY(entries_add(list, s, r, ROLE_CONTROL));
    }
    return LOREC_OK;
}

lorec_err entries_plan(entries *list, const settings *s)
{
    const recommender **asked;
    size_t n;
    TRY(settings_methods(s, &asked, &n));
    const recommender answers_pairs = {.tasks = TASK_CLICK}, *one = &answers_pairs;
    const char *const *keys = settings_only_pairs(s) ? controls_for(&one, 1) : controls_for(asked, n);
    lorec_err e = settings_check(s, asked, n);
    for (size_t i = 0; i < n && !e; i++)
        e = entries_add(list, s, asked[i], s->controls && among(keys, asked[i]->key) ? ROLE_BOTH : ROLE_METHOD);
    for (; *keys && s->controls && !e; keys++) {
        const recommender *r = registry_find(*keys);
        if (r) e = entries_add(list, s, r, ROLE_CONTROL);
    }
    for (size_t i = 0; i < n && s->controls && !e; i++) e = add_own_controls(list, s, asked[i]);
    mem_free(asked);
    return e;
}

lorec_err entries_methods(const entries *list, const recommender ***methods)
{
    TRY(mem_new(methods, list->n));
    for (size_t i = 0; i < list->n; i++) (*methods)[i] = list->at[i].r;
    return LOREC_OK;
}

void entries_free(entries *list)
{
    for (size_t i = 0; i < list->n; i++) settings_sets_free(&list->at[i].set);
    mem_free(list->at);
    *list = (entries){0};
}
