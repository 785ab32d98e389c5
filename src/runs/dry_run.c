#include "runs/dry_run.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/rehearse.h"
#include "runs/first_stage.h"

static trial_request request_of(const workbench *w, const entry *en, uint64_t seed)
{
    return (trial_request){.recommender = en->r,
                           .set = en->set.item,
                           .n_set = en->set.n,
                           .fast = en->fast,
                           .seed = seed,
                           .split = &w->split,
                           .protocol = &w->test,
                           .part = PART_TEST,
                           .memory = trial_memory_available()};
}

/* The numbers are of one seed; the text says so where there are several. */
static lorec_err add(json_t *list, const entry *en, const char *as, const rehearsed *r, size_t seeds)
{
    buf text = {0};
    lorec_err e = rehearsed_text(r, &text);
    if (!e && seeds > 1) e = buf_printf(&text, "; this for each of %zu seeds", seeds);
    json_t *o = e ? NULL : rehearsed_json(r);
    if (o) {
        json_object_set_new(o, "method", json_string(en->r->key));
        json_object_set_new(o, "as", json_string(as));
        json_object_set_new(o, "seeds", json_integer((json_int_t)seeds));
        json_object_set_new(o, "text", json_string(text.p));
    }
    if (!e && (!o || json_array_append_new(list, o))) e = err_set(LOREC_RESOURCE, "out of memory for a rehearsal");
    buf_free(&text);
    return e;
}

static lorec_err rehearse(const workbench *w, const entry *en, const char *as, const uint64_t *seed, size_t n,
                          json_t *list)
{
    rehearsed r;
    trial_request q = request_of(w, en, seed[0]);
    log_info("%s: rehearsing", en->r->key);
    lorec_err e = trial_rehearse(&r, &q);
    if (!e) e = add(list, en, as, &r, n);
    rehearsed_free(&r);
    return e ? e : cancel_check();
}

static lorec_err rehearse_all(const settings *s, const dataset *given, const recommender *first, json_t *list)
{
    entries all = {0}, stage = {0};
    const recommender **methods = NULL;
    workbench w;
    uint64_t *seed = NULL;
    size_t n = 0;
    lorec_err e = settings_seeds(s, &seed, &n);
    if (!e) e = entries_plan(&all, s);
    if (!e) e = entries_methods(&all, &methods);
    bool open = false;
    if (!e) e = workbench_open_on(&w, s, given, methods, all.n);
    open = !e;
    if (!e && first) e = entries_add(&stage, s, first, ROLE_CONTROL);
    if (!e && first) e = rehearse(&w, &stage.at[0], "first stage", seed, 1, list);
    for (size_t i = 0; i < all.n && !e; i++)
        if (all.at[i].as != ROLE_CONTROL) e = rehearse(&w, &all.at[i], "method", seed, n, list);
    if (open) workbench_close(&w);
    entries_free(&all);
    entries_free(&stage);
    mem_free(methods);
    mem_free(seed);
    return e;
}

lorec_err dry_run(const settings *s, const dataset *given, json_t **list)
{
    settings copy = *s; /* its texts stay the caller's */
    const recommender *first = NULL;
    int64_t n;
    char drawn[40];
    *list = json_array();
    if (!*list) return err_set(LOREC_RESOURCE, "out of memory for a rehearsal");
    if (first_stage_is(s->eval, &first, &n)) {
        snprintf(drawn, sizeof drawn, "uniform@%lld", (long long)(n > 1 ? n - 1 : 1));
        copy.eval = drawn;
    }
    return rehearse_all(&copy, given, first, *list);
}

/* Only of methods that ask: a training loop says its own memory and time when it begins. */
void dry_run_tell(const workbench *w, const entry *en)
{
    trial_request q = request_of(w, en, 1);
    rehearsed r = {0};
    buf text = {0};
    if (!trial_asks(&q)) return;
    if (!trial_rehearse(&r, &q) && !rehearsed_text(&r, &text)) log_info("%s will take: %s", en->r->key, text.p);
    rehearsed_free(&r);
    buf_free(&text);
}
