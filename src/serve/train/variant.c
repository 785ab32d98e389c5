#include "serve/train/variant.h"

#include <stdatomic.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/mem.h"
#include "base/threads.h"
#include "serve/engine/fresh.h"
#include "serve/engine/item_index.h"

static void variant_close(variant *r)
{
    for (int i = 0; i < r->n_sessions; i++) rec_session_free(r->session[i]);
    mem_free(r->session);
    item_index_close(r->index);
    advisor_close(&r->advisor);
    mem_free(r->path);
    mem_free(r->number);
    mem_free(r->rows_of);
    mem_free(r->item);
    word_sets_free(&r->words);
    if (r->fresh) fresh_free(r->fresh);
    mem_free(r->fresh);
    mem_free(r);
}

variant *variant_hold(variant *r)
{
    atomic_fetch_add(&r->held, 1);
    return r;
}

void variant_release(variant *r)
{
    if (r && atomic_fetch_sub(&r->held, 1) == 1) variant_close(r);
}

/* The hash of what the model's folder holds, in order of names. */
static lorec_err hash_folder(const char *folder, XXH3_state_t *state)
{
    char **files;
    size_t n;
    buf path = {0};
    TRY(folder_list(folder, &files, &n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        file_map m;
        e = path_join(&path, folder, files[i]);
        if (!e && folder_exists(path.p)) continue;
        if (!e) e = file_map_open(&m, path.p);
        if (e) break;
        XXH3_64bits_update(state, files[i], strlen(files[i]));
        XXH3_64bits_update(state, m.bytes ? m.bytes : (const unsigned char *)"", m.size);
        file_map_close(&m);
    }
    buf_free(&path);
    names_free(files, n);
    return e;
}

static lorec_err hash_model(variant *r)
{
    buf folder = {0};
    XXH3_state_t *state = XXH3_createState();
    lorec_err e = state ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a hash");
    if (!e) XXH3_64bits_reset(state);
    if (!e)
        e = run_path(&folder, &r->advisor.run, "models/%s-%llu", r->advisor.r->key,
                     (unsigned long long)r->advisor.seed);
    if (!e) e = hash_folder(folder.p, state);
    if (!e) snprintf(r->model, sizeof r->model, "%016llx", (unsigned long long)XXH3_64bits_digest(state));
    XXH3_freeState(state);
    buf_free(&folder);
    return e;
}

static lorec_err open_sessions(variant *r)
{
    int n = par_workers();
    TRY(mem_new(&r->session, (size_t)n));
    for (; r->n_sessions < n; r->n_sessions++)
        if (!(r->session[r->n_sessions] = rec_session_new(r->advisor.seed)))
            return err_set(LOREC_RESOURCE, "out of memory for a session");
    return LOREC_OK;
}

static lorec_err read_mark(variant *r)
{
    buf path = {0};
    json_t *tree = NULL;
    lorec_err e = run_path(&path, &r->advisor.run, "served.json");
    if (!e && file_exists(path.p)) e = json_read(&tree, path.p);
    if (!e && tree) r->event_seq = json_integer_value(json_object_get(tree, "event_seq"));
    json_decref(tree);
    buf_free(&path);
    return e;
}

static lorec_err count_rows(variant *r)
{
    const interactions *x = &r->advisor.data.rows;
    TRY(mem_new(&r->rows_of, x->n_items));
    for (uint64_t k = 0; k < x->n; k++) r->rows_of[x->item[k]]++;
    return LOREC_OK;
}

static lorec_err open_all(variant *r, live *v, const char *run, const char *method, int64_t seed, uint64_t index_from)
{
    TRY(advisor_open(&r->advisor, run, method, seed));
    TRY(mem_dup(&r->path, run));
    TRY(read_mark(r));
    TRY(hash_model(r));
    TRY(open_sessions(r));
    TRY(item_index_open(&r->index, &r->advisor, run, r->n_sessions, index_from));
    TRY(count_rows(r));
    TRY(word_sets_of_data(&r->words, &r->advisor.data));
    TRY(mem_new(&r->fresh, 1));
    TRY(mem_new(&r->number, r->advisor.data.rows.n_items));
    return live_data(v, &r->advisor.data, r->number);
}

lorec_err variant_open(variant **out, live *v, const char *run, const char *method, int64_t seed, uint64_t index_from)
{
    variant *r;
    *out = NULL;
    TRY(mem_new(&r, 1));
    r->held = 1;
    lorec_err e = open_all(r, v, run, method, seed, index_from);
    if (e)
        variant_close(r);
    else
        *out = r;
    return e;
}

lorec_err variant_items(variant *r, const live *v)
{
    size_t n = v->items.n;
    if (r->n_item == n) return LOREC_OK;
    mem_free(r->item);
    r->item = NULL;
    r->n_item = 0;
    TRY(mem_new(&r->item, n));
    for (size_t i = 0; i < n; i++) r->item[i] = NO_NUMBER;
    for (uint32_t i = 0; i < r->advisor.data.rows.n_items; i++) r->item[r->number[i]] = i;
    r->n_item = n;
    return LOREC_OK;
}
