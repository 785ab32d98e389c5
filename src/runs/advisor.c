#include "runs/advisor.h"

#include <stdio.h>

static lorec_err first_word(const json_t *config, const char *key, char *out, size_t size)
{
    const char *words;
    TRY(json_get_string(config, key, &words));
    slice rest = slice_of(words), first = slice_trim(slice_cut(&rest, ','));
    snprintf(out, size, "%.*s", (int)first.n, first.p);
    return LOREC_OK;
}

static lorec_err load_model(advisor *a, const char *method)
{
    buf folder = {0};
    lorec_err e = registry_need(method, &a->r);
    if (!e) e = run_path(&folder, &a->run, "models/%s-%llu", a->r->key, (unsigned long long)a->seed);
    if (!e && !folder_exists(folder.p))
        e = err_set(LOREC_INPUT, "%s: there is no model of %s with seed %llu; see %s/models", a->run.path, a->r->key,
                    (unsigned long long)a->seed, a->run.path);
    if (!e) e = recommender_load(a->r, &a->self, folder.p);
    if (!e) e = recommender_fits(a->r, a->self, a->data.rows.n_items);
    buf_free(&folder);
    return e;
}

static lorec_err open_all(advisor *a, const char *run, const char *method, int64_t seed)
{
    char first[64], seed_text[32];
    buf path = {0};
    TRY(run_folder_open(&a->run, run));
    lorec_err e = first_word(a->run.config, "methods", first, sizeof first);
    if (!e) e = first_word(a->run.config, "seed", seed_text, sizeof seed_text);
    if (!e && !slice_to_u64(slice_of(seed_text), &a->seed)) e = err_set(LOREC_INPUT, "seed \"%s\"", seed_text);
    if (e) e = err_context(e, "%s/config.json", run);
    if (seed >= 0) a->seed = (uint64_t)seed;
    for (char *p = first; *p && !e; p++) *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    if (!e) e = run_path(&path, &a->run, "data");
    if (!e) e = dataset_open(&a->data, path.p);
    a->has_data = !e;
    if (!e) e = load_model(a, method ? method : first);
    if (!e && !(a->session = rec_session_new(a->seed))) e = err_set(LOREC_RESOURCE, "out of memory for a session");
    buf_free(&path);
    return e;
}

lorec_err advisor_open(advisor *a, const char *run, const char *method, int64_t seed)
{
    *a = (advisor){0};
    lorec_err e = open_all(a, run, method, seed);
    if (e) advisor_close(a);
    return e;
}

void advisor_close(advisor *a)
{
    rec_session_free(a->session);
    if (a->self) recommender_free(a->r, a->self);
    if (a->has_data) dataset_close(&a->data);
    run_folder_close(&a->run);
    *a = (advisor){0};
}
