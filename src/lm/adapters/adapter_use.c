/* What a set of adapters does to a forward pass. */
#include <stdlib.h>

#include "base/mem.h"
#include "lm/adapters/adapter_parts.h"

static int weight_is(const void *weight, const void *site)
{
    uintptr_t x = (uintptr_t)weight, y = (uintptr_t)((const adapter_site *)site)->weight;
    return (x > y) - (x < y);
}

/* 1 for the rows of the sequences that item `which` acts on, else 0: [rows, 1], for the rows that x has. */
static tensor *rows_of_item(tape *t, const token_rows *in, int64_t rows, int32_t which)
{
    const segments *s = in->sequences;
    bool picked = in->pick && rows == in->picks && rows != s->rows;
    if (!picked && rows != s->rows && rows != s->n)
        return tape_fail(t, err_set(LOREC_USAGE, "an adapter a sequence can only change what has the sequences' rows"));
    float *share;
    if (mem_new(&share, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0, p = 0; i < s->n; i++) {
        bool acts = in->adapters->of[i] == which;
        for (int64_t r = s->start[i]; !picked && acts && r < s->start[i + 1]; r++) share[rows == s->rows ? r : i] = 1;
        for (; picked && p < in->picks && in->pick[p] < s->start[i + 1]; p++) share[p] = acts;
    }
    tensor *x = tape_f32(t, share, 2, (int64_t[]){rows, 1});
    mem_free(share);
    return x;
}

tensor *adapters_product(tape *t, const token_rows *in, const tensor *weight, tensor *x, tensor *y)
{
    const adapter_set *set = in->adapters;
    for (size_t i = 0; i < set->n && x && y; i++) {
        const adapter *a = set->item[i];
        const adapter_site *s = a->n ? bsearch(weight, a->site, a->n, sizeof *a->site, weight_is) : NULL;
        if (!s) continue;
        tensor *share = set->of ? rows_of_item(t, in, tensor_size(x, 0), (int32_t)i) : NULL;
        if (set->of && !share) return NULL;
        y = a->kind->product(t, a, s, x, y, set->weight ? set->weight[i] : 1, share);
    }
    return y;
}

/* The tables of the kind that `is` picks. */
static bool is_prefix(const adapter_kind *k)
{
    return k->prefix;
}

static bool is_prompt(const adapter_kind *k)
{
    return k->prompt;
}

static int64_t tokens_of(const adapter_set *set, const transformer *net, bool (*is)(const adapter_kind *))
{
    int64_t n = 0;
    for (size_t i = 0; set && i < set->n; i++)
        if (is(set->item[i]->kind) && set->item[i]->net == net) n += set->item[i]->o.tokens;
    return n;
}

int64_t adapters_prefix_rows(const adapter_set *set, const transformer *net)
{
    return tokens_of(set, net, is_prefix);
}

int64_t adapters_prompt_rows(const adapter_set *set, const transformer *net)
{
    return tokens_of(set, net, is_prompt);
}

static bool all_sequences(tape *t, const adapter_set *set)
{
    if (set->of) tape_fail(t, err_set(LOREC_USAGE, "prefixes and prompts act on all sequences of a batch"));
    return !set->of;
}

/* Columns from .. from + width of the items' tables that act on net, joined; NULL: there are none. width 0: all. */
static tensor *joined(tape *t, const transformer *net, const adapter_set *set, bool (*is)(const adapter_kind *),
                      int64_t from, int64_t width)
{
    tensor *all = NULL;
    for (size_t i = 0; i < set->n; i++) {
        const adapter *a = set->item[i];
        if (!is(a->kind) || a->net != net) continue;
        tensor *x = width ? op_slice(t, a->table, 1, from, from + width) : a->table;
        all = all ? op_concat(t, (tensor *[]){all, x}, 2, 0) : x;
    }
    return all;
}

void adapters_prefix(tape *t, const transformer *net, const adapter_set *set, int64_t layer, tensor **k, tensor **v)
{
    for (size_t i = 0; i < set->n; i++) {
        const adapter *a = set->item[i];
        if (!a->kind->prefix || a->net != net) continue;
        if (layer >= a->layers || !all_sequences(t, set)) return;
        *k = joined(t, net, set, is_prefix, 2 * layer * a->kv_width, a->kv_width);
        *v = joined(t, net, set, is_prefix, (2 * layer + 1) * a->kv_width, a->kv_width);
        return;
    }
}

tensor *adapters_prompt_vectors(tape *t, const transformer *net, const adapter_set *set)
{
    return joined(t, net, set, is_prompt, 0, 0);
}

/* ---- prompts --------------------------------------------------------------------------------------------------------------- */

/* What sequences with `n` rows in front look like, all arrays of the longer rows. */
typedef struct longer_rows {
    int32_t *length, *source, *position, *type, *own; /* source: row of `in`, or -1 - number of the prompt's row */
    uint8_t *mask;
} longer_rows;

static lorec_err lay_out(const token_rows *in, int64_t n, longer_rows *l)
{
    const segments *s = in->sequences;
    int64_t rows = s->rows + n * s->n, at = 0;
    if (rows > INT32_MAX) return err_set(LOREC_RESOURCE, "a batch of %lld rows", (long long)rows);
    TRY(mem_new(&l->length, (size_t)s->n));
    TRY(mem_new(&l->source, (size_t)rows));
    TRY(mem_new(&l->own, (size_t)s->rows));
    TRY(mem_new(&l->position, (size_t)rows));
    TRY(mem_new(&l->type, (size_t)rows));
    TRY(mem_new(&l->mask, (size_t)rows));
    for (int64_t i = 0; i < s->n; i++) {
        l->length[i] = (int32_t)(s->start[i + 1] - s->start[i] + n);
        for (int64_t j = 0; j < l->length[i]; j++, at++) {
            int64_t r = j < n ? -1 - j : s->start[i] + j - n;
            l->source[at] = (int32_t)r;
            if (r >= 0) l->own[r] = (int32_t)at;
            l->position[at] = (int32_t)(r >= 0 && in->position ? in->position[r] + n : j);
            l->type[at] = r >= 0 && in->type ? in->type[r] : 0;
            l->mask[at] = r >= 0 && in->mask ? in->mask[r] : 1;
        }
    }
    return LOREC_OK;
}

/* Row numbers for op_gather_rows: of in's rows (-1 for prompts), or of the prompts' (-1 for in's rows). */
static tensor *rows_from(tape *t, const longer_rows *l, int64_t rows, bool prompts)
{
    int32_t *from;
    if (mem_new(&from, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t r = 0; r < rows; r++) {
        bool prompt = l->source[r] < 0;
        from[r] = prompt != prompts ? -1 : prompt ? -1 - l->source[r] : l->source[r];
    }
    tensor *x = tape_ids(t, from, rows);
    mem_free(from);
    return x;
}

/* `x` with the prompts' rows in front of each sequence. */
static tensor *with_prompts(tape *t, const transformer *net, const token_rows *in, tensor *x, const longer_rows *l,
                            int64_t rows)
{
    tensor *prompt = adapters_prompt_vectors(t, net, in->adapters);
    return op_add(t, op_gather_rows(t, x, rows_from(t, l, rows, false)),
                  op_gather_rows(t, prompt, rows_from(t, l, rows, true)));
}

bool adapters_prompt(tape *t, const transformer *net, const token_rows *in, tensor *x, token_rows *longer, tensor **own)
{
    int64_t n = adapters_prompt_rows(in->adapters, net);
    if (n == 0 || !x || !all_sequences(t, in->adapters)) return false;
    if (in->cache) {
        tape_fail(
            t, err_set(
                   LOREC_USAGE,
                   "soft prompts before rows that go into a cache; a session (lm/session/session.h) reads them first"));
        return false;
    }
    longer_rows l = {0};
    lorec_err e = lay_out(in, n, &l);
    if (e) tape_fail(t, e);
    if (!e) {
        size_t rows = (size_t)(in->sequences->rows + n * in->sequences->n);
        *longer = *in;
        longer->ids = NULL;
        longer->vectors = with_prompts(t, net, in, x, &l, (int64_t)rows);
        longer->sequences = tape_segments(t, l.length, in->sequences->n);
        longer->position = tape_copy(t, l.position, rows * sizeof *l.position);
        longer->type = tape_copy(t, l.type, rows * sizeof *l.type);
        longer->mask = in->mask ? tape_copy(t, l.mask, rows) : NULL;
        *own = tape_ids(t, l.own, in->sequences->rows);
    }
    mem_free(l.length);
    mem_free(l.source);
    mem_free(l.position);
    mem_free(l.type);
    mem_free(l.mask);
    mem_free(l.own);
    return tape_error(t) == LOREC_OK;
}
