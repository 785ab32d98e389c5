#include "data/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tensor/rng.h"

/* The part of each row of the data set; the three lists of a split are cut from these. */
enum { TRAIN, VALID, TEST, PARTS };

struct split_memory {
    uint8_t *part; /* [rows of the data set] */
    struct {
        uint64_t *start;
        uint32_t *item;
        float *rating;
        int64_t *time;
        uint64_t *row;
    } list[PARTS];
};

/* ---- how many rows each part gets ----------------------------------------------------------------------------------- */

/* RecBole's rounding (data/dataset.py, _calcu_split_ids), so that its tables compare: valid and test get the floor of
 * their share, or one row where the share is below one and training keeps at least one; training gets the rest. */
static void split_count(uint64_t total, const double ratio[PARTS], uint64_t count[PARTS])
{
    for (int i = VALID; i <= TEST; i++) count[i] = (uint64_t)(ratio[i] * (double)total);
    count[TRAIN] = total - count[VALID] - count[TEST];
    for (int i = TEST; i >= VALID; i--) {
        if (count[TRAIN] <= 1) break;
        double share = ratio[i] * (double)total;
        if (share > 0 && share < 1) {
            count[i]++;
            count[TRAIN]--;
        }
    }
}

/* n rows, the counts fixed: each assignment is equally likely (selection sampling), and no permutation is stored. */
static void assign_random(uint8_t *part, uint64_t n, const uint64_t count[PARTS], rng r)
{
    uint64_t valid = count[VALID], test = count[TEST];
    for (uint64_t i = 0; i < n; i++) {
        uint64_t left = n - i, draw = (uint64_t)(rng_uniform(&r) * (double)left);
        part[i] = TRAIN;
        if (draw < test) {
            part[i] = TEST;
            test--;
        } else if (draw < test + valid) {
            part[i] = VALID;
            valid--;
        }
    }
}

static void assign_in_order(uint8_t *part, uint64_t n, const uint64_t count[PARTS])
{
    for (uint64_t i = 0; i < n; i++)
        part[i] = i < count[TRAIN] ? TRAIN : i < count[TRAIN] + count[VALID] ? VALID : TEST;
}

/* ---- one function a kind -------------------------------------------------------------------------------------------- */

static void assign_loo(const interactions *rows, uint8_t *part)
{
    for (uint32_t u = 0; u < rows->n_users; u++) {
        uint64_t end = rows->start[u + 1];
        if (end - rows->start[u] < 3) continue;
        part[end - 1] = TEST;
        part[end - 2] = VALID;
    }
}

static void assign_ratio_user(const interactions *rows, const split_options *o, uint8_t *part)
{
    const double ratio[PARTS] = {o->train, o->valid, o->test};
    for (uint32_t u = 0; u < rows->n_users; u++) {
        uint64_t at = rows->start[u], n = rows->start[u + 1] - at, count[PARTS];
        split_count(n, ratio, count);
        if (o->random) /* every user has a stretch of the stream, so that no user's split depends on another's rows */
            assign_random(part + at, n, count, (rng){o->seed, RNG_SPLIT, (uint64_t)u << 32});
        else
            assign_in_order(part + at, n, count);
    }
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static lorec_err times_sorted(const interactions *rows, int64_t **out)
{
    TRY(mem_new(out, rows->n));
    memcpy(*out, rows->time, rows->n * sizeof **out);
    qsort(*out, rows->n, sizeof **out, by_time);
    return LOREC_OK;
}

/* All rows by time; rows of the instant where a part ends are taken in the order of users. */
static lorec_err assign_ratio_all(const interactions *rows, const split_options *o, uint8_t *part)
{
    const double ratio[PARTS] = {o->train, o->valid, o->test};
    uint64_t count[PARTS];
    split_count(rows->n, ratio, count);
    if (o->random) {
        assign_random(part, rows->n, count, rng_make(o->seed, RNG_SPLIT));
        return LOREC_OK;
    }
    int64_t *times;
    TRY(times_sorted(rows, &times));
    int64_t
        cut[2]; /* the instants in which training and validation end, and how many rows of them are before the end */
    uint64_t left[2], ends[2] = {count[TRAIN], count[TRAIN] + count[VALID]};
    for (int c = 0; c < 2; c++) {
        cut[c] = ends[c] < rows->n ? times[ends[c]] : INT64_MAX;
        left[c] = 0;
        for (uint64_t i = ends[c]; i > 0 && times[i - 1] == cut[c]; i--) left[c]++;
    }
    mem_free(times);
    for (uint64_t i = 0; i < rows->n; i++) {
        bool before[2];
        for (int c = 0; c < 2; c++) {
            before[c] = rows->time[i] < cut[c];
            if (rows->time[i] == cut[c] && left[c] > 0) {
                left[c]--;
                before[c] = true;
            }
        }
        part[i] = before[0] ? TRAIN : before[1] ? VALID : TEST;
    }
    return LOREC_OK;
}

static lorec_err assign_time(const interactions *rows, split_options *o, uint8_t *part)
{
    if (!o->valid_from && !o->test_from) {
        int64_t *times;
        TRY(times_sorted(rows, &times));
        uint64_t valid_at = (uint64_t)(o->train * (double)rows->n);
        uint64_t test_at = (uint64_t)((o->train + o->valid) * (double)rows->n);
        o->valid_from = times[valid_at < rows->n ? valid_at : rows->n - 1];
        o->test_from = times[test_at < rows->n ? test_at : rows->n - 1];
        mem_free(times);
    } else if (o->test_from < o->valid_from) {
        return err_set(LOREC_USAGE, "the test part may not begin (%lld) before validation (%lld)",
                       (long long)o->test_from, (long long)o->valid_from);
    }
    for (uint64_t i = 0; i < rows->n; i++)
        part[i] = rows->time[i] < o->valid_from ? TRAIN : rows->time[i] < o->test_from ? VALID : TEST;
    return LOREC_OK;
}

static lorec_err assign_files(const dataset *d, uint8_t *part)
{
    const column *c = dataset_column(d, SIDE_ROW, "part");
    if (!c || c->kind != COLUMN_TOKEN || c->n != d->rows.n)
        return err_set(LOREC_USAGE,
                       "%s has no row column \"part\" (train, valid, test): import a folder with such files, "
                       "or choose another split",
                       d->name);
    for (uint64_t i = 0; i < d->rows.n; i++) {
        slice word = names_at(&c->words, c->code[i]);
        if (slice_is(word, "train"))
            part[i] = TRAIN;
        else if (slice_is(word, "valid") || slice_is(word, "validation") || slice_is(word, "dev"))
            part[i] = VALID;
        else if (slice_is(word, "test"))
            part[i] = TEST;
        else
            return err_set(LOREC_INPUT, "%s: the part of row %llu is \"%.*s\" where train, valid or test is due",
                           d->name, (unsigned long long)i + 1, (int)(word.n < 40 ? word.n : 40), word.p);
    }
    return LOREC_OK;
}

/* ---- from parts to lists --------------------------------------------------------------------------------------------- */

static void list_view(split *s, int p, interactions *view)
{
    const struct split_memory *m = s->memory;
    const interactions *rows = &s->data->rows;
    *view = (interactions){.n_users = rows->n_users,
                           .n_items = rows->n_items,
                           .n = m->list[p].start[rows->n_users],
                           .start = m->list[p].start,
                           .item = m->list[p].item,
                           .rating = m->list[p].rating,
                           .time = m->list[p].time,
                           .row = m->list[p].row};
}

static lorec_err lists_cut(split *s)
{
    struct split_memory *m = s->memory;
    const interactions *rows = &s->data->rows;
    uint64_t count[PARTS] = {0}, at[PARTS] = {0};
    for (uint64_t i = 0; i < rows->n; i++) count[m->part[i]]++;
    for (int p = 0; p < PARTS; p++) {
        TRY(mem_new(&m->list[p].start, (size_t)rows->n_users + 1));
        TRY(mem_new(&m->list[p].item, count[p]));
        TRY(mem_new(&m->list[p].row, count[p]));
        if (rows->rating) TRY(mem_new(&m->list[p].rating, count[p]));
        if (rows->time) TRY(mem_new(&m->list[p].time, count[p]));
    }
    for (uint32_t u = 0; u < rows->n_users; u++) {
        for (uint64_t i = rows->start[u]; i < rows->start[u + 1]; i++) {
            int p = m->part[i];
            uint64_t to = at[p]++;
            m->list[p].item[to] = rows->item[i];
            m->list[p].row[to] = i;
            if (rows->rating) m->list[p].rating[to] = rows->rating[i];
            if (rows->time) m->list[p].time[to] = rows->time[i];
        }
        for (int p = 0; p < PARTS; p++) m->list[p].start[u + 1] = at[p];
    }
    list_view(s, TRAIN, &s->train);
    list_view(s, VALID, &s->valid);
    list_view(s, TEST, &s->test);
    return LOREC_OK;
}

static void id_write(split *s)
{
    const split_options *o = &s->options;
    char ratio[40], seed[24] = "";
    snprintf(ratio, sizeof ratio, "%.4g-%.4g-%.4g", o->train, o->valid, o->test);
    if (o->random) snprintf(seed, sizeof seed, "-s%llu", (unsigned long long)o->seed);
    switch (o->kind) {
    case SPLIT_LOO:
        snprintf(s->id, sizeof s->id, "loo");
        break;
    case SPLIT_RATIO_USER:
    case SPLIT_RATIO_ALL:
        snprintf(s->id, sizeof s->id, "ratio-%s%s-%.24s%s", o->kind == SPLIT_RATIO_USER ? "user" : "all",
                 o->random ? "-random" : "", ratio, seed);
        break;
    case SPLIT_TIME:
        snprintf(s->id, sizeof s->id, "time-%lld-%lld", (long long)o->valid_from, (long long)o->test_from);
        break;
    case SPLIT_FILES:
        snprintf(s->id, sizeof s->id, "files");
        break;
    }
}

static lorec_err options_check(split_options *o, const dataset *d)
{
    if (o->train == 0 && o->valid == 0 && o->test == 0) o->train = 8, o->valid = 1, o->test = 1;
    double sum = o->train + o->valid + o->test;
    if (!(o->train >= 0 && o->valid >= 0 && o->test >= 0) || !isfinite(sum))
        return err_set(LOREC_USAGE, "a split's ratios have to be numbers of at least 0");
    o->train /= sum;
    o->valid /= sum;
    o->test /= sum;
    bool needs_time = o->kind == SPLIT_TIME || (o->kind == SPLIT_RATIO_ALL && !o->random);
    if (needs_time && !d->rows.time)
        return err_set(LOREC_INPUT, "%s has no times, and this split goes by time: use loo, ratio or ratio-all-random",
                       d->name);
    if (d->rows.n == 0) return err_set(LOREC_INPUT, "%s has no interactions: there is nothing to split", d->name);
    return LOREC_OK;
}

static lorec_err split_check(const split *s)
{
    const char *empty = s->train.n == 0 ? "training" : s->test.n == 0 ? "test" : NULL;
    if (!empty) return LOREC_OK;
    const char *why = s->options.kind == SPLIT_LOO ? "; leave-one-out needs users with at least 3 interactions" : "";
    return err_set(LOREC_INPUT,
                   "split %s of %s leaves the %s part empty (%llu rows, %u users)%s; choose another --split or a "
                   "weaker filter",
                   s->id, s->data->name, empty, (unsigned long long)s->data->rows.n, s->data->rows.n_users, why);
}

lorec_err split_make(split *s, const dataset *d, const split_options *options)
{
    *s = (split){.data = d, .options = *options};
    lorec_err e;
    TRY(options_check(&s->options, d));
    TRY_GO(e, mem_new(&s->memory, 1), failed);
    TRY_GO(e, mem_new(&s->memory->part, d->rows.n), failed);
    switch (s->options.kind) {
    case SPLIT_LOO:
        assign_loo(&d->rows, s->memory->part);
        break;
    case SPLIT_RATIO_USER:
        assign_ratio_user(&d->rows, &s->options, s->memory->part);
        break;
    case SPLIT_RATIO_ALL:
        TRY_GO(e, assign_ratio_all(&d->rows, &s->options, s->memory->part), failed);
        break;
    case SPLIT_TIME:
        TRY_GO(e, assign_time(&d->rows, &s->options, s->memory->part), failed);
        break;
    case SPLIT_FILES:
        TRY_GO(e, assign_files(d, s->memory->part), failed);
        break;
    }
    id_write(s);
    TRY_GO(e, lists_cut(s), failed);
    TRY_GO(e, split_check(s), failed);
    return LOREC_OK;
failed:
    split_close(s);
    return e;
}

lorec_err split_with_valid(split *out, const split *s)
{
    uint64_t n = s->data->rows.n;
    *out = (split){.data = s->data, .options = s->options};
    memcpy(out->id, s->id, sizeof out->id);
    lorec_err e;
    TRY_GO(e, mem_new(&out->memory, 1), failed);
    TRY_GO(e, mem_new(&out->memory->part, n), failed);
    for (uint64_t i = 0; i < n; i++) out->memory->part[i] = s->memory->part[i] == VALID ? TRAIN : s->memory->part[i];
    TRY_GO(e, lists_cut(out), failed);
    return LOREC_OK;
failed:
    split_close(out);
    return e;
}

void split_close(split *s)
{
    if (s->memory) {
        for (int p = 0; p < PARTS; p++) {
            mem_free(s->memory->list[p].start);
            mem_free(s->memory->list[p].item);
            mem_free(s->memory->list[p].rating);
            mem_free(s->memory->list[p].time);
            mem_free(s->memory->list[p].row);
        }
        mem_free(s->memory->part);
        mem_free(s->memory);
    }
    *s = (split){0};
}

size_t split_history(const split *s, bool for_test, uint32_t user, uint32_t *items, int64_t *times)
{
    const interactions *rows = &s->data->rows;
    size_t n = 0;
    for (uint64_t i = rows->start[user]; i < rows->start[user + 1]; i++) {
        int p = s->memory->part[i];
        if (p == TEST || (p == VALID && !for_test)) continue;
        if (times) times[n] = rows->time ? rows->time[i] : INT64_MIN;
        items[n++] = rows->item[i];
    }
    return n;
}
