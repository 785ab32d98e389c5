#include "runs/entries.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "eval/controls.h"
#include "runs/first_stage.h"

/* With `variant` ("knowledge=none&epochs=1"): the method as asked for, but for these. */
static lorec_err add(entries *list, const settings *s, const recommender *r, const char *variant, role as)
{
    entry en = {.r = r, .as = as, .fast = s->fast && (as == ROLE_METHOD || variant)};
    snprintf(en.name, sizeof en.name, "%s%s%s", r->key, variant ? ":" : "", variant ? variant : "");
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i].name, en.name) == 0) return LOREC_OK;
    TRY(mem_grow(&list->at, &list->cap, list->n + 1));
    list->at[list->n++] = en;
    entry *to = &list->at[list->n - 1];
    TRY(settings_sets(s, r, as != ROLE_CONTROL || variant, &to->set));
    for (slice rest = slice_of(variant ? variant : ""); rest.n;) {
        slice word = slice_cut(&rest, '&');
        char words[96];
        snprintf(words, sizeof words, "%.*s", (int)word.n, word.p);
        TRY(settings_sets_add(&to->set, words));
    }
    void *self;
    TRY(trial_model(&(trial_request){.recommender = r, .set = to->set.item, .n_set = to->set.n, .fast = to->fast},
                    &self));
    recommender_free(r, self);
    return LOREC_OK;
}

lorec_err entries_add(entries *list, const settings *s, const recommender *r, role as)
{
    return add(list, s, r, NULL, as);
}

static bool among(const char *const *keys, const char *key)
{
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0) return true;
    return false;
}

/* What a method's card puts beside it: rules ("bm25"), or a method with other options ("kar?knowledge=none"). */
static lorec_err add_own_controls(entries *list, const settings *s, const recommender *of)
{
    for (slice rest = slice_of(of->controls ? of->controls : ""); rest.n;) {
        slice variant = slice_cut(&rest, ','), word = slice_cut(&variant, '?');
        char key[64], other[64];
        const recommender *r;
        snprintf(key, sizeof key, "%.*s", (int)(word.n < 63 ? word.n : 63), word.p);
        snprintf(other, sizeof other, "%.*s", (int)variant.n, variant.p);
        TRY(registry_need(key, &r));
        TRY(add(list, s, r, variant.n ? other : NULL, ROLE_CONTROL));
    }
    return LOREC_OK;
}

/* Options on the command line of a method that does not run here, not even to retrieve candidates: said, not refused, so
 * that one command can be varied by its methods alone. */
static void warn_unused(const entries *list, const settings *s)
{
    for (size_t i = 0; i < s->n_set; i++) {
        const method_set *m = &s->set[i];
        const recommender *first;
        int64_t n;
        if (!m->method || !m->strict) continue;
        bool used = first_stage_is(s->eval, &first, &n) && strcmp(first->key, m->method) == 0;
        for (size_t k = 0; k < list->n && !used; k++) used = strcmp(list->at[k].r->key, m->method) == 0;
        if (!used) log_warn("--set %s.%s: %s is not run here, so this does nothing", m->method, m->name, m->method);
    }
}

/* auc and rmse are about one row's probability or rating: a method that only makes lists has none. */
static lorec_err check_metrics(const recommender *const *asked, size_t n, const settings *s)
{
    for (size_t i = 0; i < n && settings_only_pairs(s); i++)
        if (!asked[i]->score_pairs && !asked[i]->study)
            return err_set(LOREC_USAGE,
                           "--metrics %s: %s makes lists, and says of no single row how likely or how good it is; "
                           "recall@10, ndcg@10 ... are for lists, auc and rmse for methods with the task click or "
                           "rating (`lorec methods`)",
                           s->metrics, asked[i]->key);
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
    if (!e) e = check_metrics(asked, n, s);
    for (size_t i = 0; i < n && !e; i++)
        e = entries_add(list, s, asked[i], s->controls && among(keys, asked[i]->key) ? ROLE_BOTH : ROLE_METHOD);
    for (; *keys && s->controls && !e; keys++) {
        const recommender *r = registry_find(*keys);
        if (r) e = entries_add(list, s, r, ROLE_CONTROL);
    }
    for (size_t i = 0; i < n && s->controls && !e; i++) e = add_own_controls(list, s, asked[i]);
    if (!e) warn_unused(list, s);
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
