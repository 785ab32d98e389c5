/* What adapters put before a text: a prefix's keys and values as they are, a prompt's vectors read through the model. In the
 * tree they are tokens below 0, the same for all texts under one item, so that they are shared and evicted like others. */
#include "base/mem.h"
#include "lm/adapters/adapter.h"
#include "lm/session/session_parts.h"

/* ---- variants ---------------------------------------------------------------------------------------------------------- */

static int32_t choices_of(const lm_session *s)
{
    return s->opt.adapter_each ? (int32_t)s->opt.adapters->n + 1 : 1;
}

int32_t session_variant(const lm_session *s, int32_t beginning, int32_t item)
{
    return beginning * choices_of(s) + item + 1;
}

int32_t session_adapter_of(const lm_session *s, int32_t variant)
{
    return variant % choices_of(s) - 1;
}

int32_t session_beginning_of(const lm_session *s, int32_t variant)
{
    return variant / choices_of(s);
}

/* ---- what acts --------------------------------------------------------------------------------------------------------- */

adapter_set session_adapters(const lm_session *s, int32_t item)
{
    const adapter_set *all = s->opt.adapters;
    if (!all || (s->opt.adapter_each && item < 0)) return (adapter_set){.n = 0};
    if (!s->opt.adapter_each) return (adapter_set){.item = all->item, .n = all->n, .weight = all->weight};
    return (adapter_set){.item = all->item + item, .n = 1, .weight = all->weight ? all->weight + item : NULL};
}

const adapter_set *session_acting(const lm_session *s, const int32_t *of, int64_t n, adapter_set *set)
{
    bool alike = true;
    for (int64_t i = 1; i < n; i++) alike = alike && of[i] == of[0];
    *set = session_adapters(s, n > 0 ? of[0] : -1);
    if (!alike) {
        *set = *s->opt.adapters;
        set->of = of;
    }
    return set->n ? set : NULL;
}

int64_t lm_session_before(const lm_session *s, int32_t item)
{
    adapter_set set = session_adapters(s, item);
    return adapters_prefix_rows(&set, s->net) + adapters_prompt_rows(&set, s->net);
}

/* ---- filling ----------------------------------------------------------------------------------------------------------- */

static lorec_err store_prefix(lm_session *s, const adapter_set *set, const int32_t *row)
{
    int64_t layers = transformer_settings(s->net)->layers;
    for (int64_t layer = 0; layer < layers; layer++) {
        tensor *k = NULL, *v = NULL;
        tape_begin(s->tape, 0);
        adapters_prefix(s->tape, s->net, set, layer, &k, &v);
        kv_cache_store(s->tape, s->cache, layer, k, v, row);
        TRY(tape_error(s->tape));
    }
    return LOREC_OK;
}

/* Rows from .. n - 1 of those before a text, in one pass. */
static lorec_err read_prompt(lm_session *s, const adapter_set *set, place end, int32_t from, int32_t n,
                             const int32_t *row)
{
    int32_t length = n - from, *position = NULL;
    size_t spans = prefix_tree_spans(&s->tree, end, NULL, 0);
    kv_span *span = NULL;
    float *hidden = NULL;
    lorec_err e = mem_new(&position, 2 * (size_t)length);
    if (!e) e = mem_new(&span, spans);
    if (!e) e = mem_new(&hidden, (size_t)(length * transformer_out_width(transformer_settings(s->net))));
    if (!e) {
        int32_t *seen = position + length;
        for (int32_t i = 0; i < length; i++) seen[i] = 1 + (position[i] = from + i);
        prefix_tree_spans(&s->tree, end, span, spans);
        kv_view view = {1, (int32_t[]){0, length}, (int64_t[]){0, (int64_t)spans}, span, seen, &from};
        token_rows in = {.position = position, .adapters = set, .cache = s->cache, .kept = row + from, .view = &view};
        e = session_layers(s, s->net, &in, NULL, length, &length, 1, hidden);
    }
    mem_free(position);
    mem_free(span);
    mem_free(hidden);
    return e;
}

static lorec_err fill(lm_session *s, const adapter_set *set, place end, int32_t prefix, int32_t n, const int32_t *row)
{
    TRY(kv_cache_reserve(s->cache, s->tree.rows));
    if (prefix) TRY(store_prefix(s, set, row));
    return n > prefix ? read_prompt(s, set, end, prefix, n, row) : LOREC_OK;
}

lorec_err session_start(lm_session *s, int32_t variant, place *at)
{
    adapter_set set = session_adapters(s, session_adapter_of(s, variant));
    int32_t prefix = (int32_t)adapters_prefix_rows(&set, s->net),
            n = prefix + (int32_t)adapters_prompt_rows(&set, s->net), *token = NULL;
    *at = (place){TREE_START, variant};
    if (n == 0) return LOREC_OK;
    TRY(mem_new(&token, 2 * (size_t)n));
    int32_t *row = token + n;
    for (int32_t i = 0; i < n; i++) token[i] = -1 - i;
    int32_t known = (int32_t)prefix_tree_follow(&s->tree, at, token, (size_t)n);
    for (int32_t i = 0; i < known; i++) row[i] = prefix_tree_row(&s->tree, prefix_tree_ancestor(&s->tree, *at, i + 1));
    lorec_err e = LOREC_OK;
    if (known < n) e = prefix_tree_add(&s->tree, at, token + known, (size_t)(n - known), row + known);
    if (!e && known < n) e = fill(s, &set, *at, prefix, n, row);
    if (!e) prefix_tree_hold(&s->tree, *at);
    if (!e)
        prefix_tree_commit(&s->tree);
    else
        prefix_tree_undo(&s->tree);
    mem_free(token);
    return e;
}
