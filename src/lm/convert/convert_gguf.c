/* Any weights as a GGUF file. First every tensor is planned (names, order, type), then the head is written, then values. */
#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "lm/convert/convert.h"
#include "lm/convert/convert_rows.h"
#include "lm/gguf/arch.h"
#include "lm/gguf/vocabulary.h"

typedef struct planned {
    char *name;
    convert_rows rows; /* x NULL: rotary factors */
    int ndim;
    int64_t size[GGUF_DIMS];
} planned;

typedef struct plan {
    const weights *w;
    const json_t *config;
    const gguf_arch *arch;
    const convert_options *o;
    convert_report *r;
    planned *at;
    size_t n, cap;
    int64_t heads, kv_heads;
    float *rotary; /* LLaMA 3's factors */
    int64_t n_rotary;
} plan;

static void plan_free(plan *p)
{
    for (size_t i = 0; i < p->n; i++) mem_free(p->at[i].name);
    mem_free(p->at);
    mem_free(p->rotary);
}

/* ---- types --------------------------------------------------------------------------------------------------------------- */

static bool fits(elem t, int64_t width)
{
    return width % elem_block(t) == 0;
}

/* The named type where rows are whole blocks of it; otherwise the nearest by 32, then F16. */
static elem type_that_fits(elem t, int64_t width)
{
    static const elem nearest[ELEMS] = {[ELEM_Q4_K] = ELEM_Q5_0, [ELEM_Q5_K] = ELEM_Q5_1, [ELEM_Q6_K] = ELEM_Q8_0};
    if (fits(t, width)) return t;
    elem next = nearest[t];
    return next != ELEM_F32 && fits(next, width) ? next : ELEM_F16;
}

/* Logits feel every step of their table: 6 bits at least. */
static elem type_of(const plan *p, const char *name, const weight *x, int64_t width, bool tied)
{
    static const char *const whole[] = {"position_embd.weight", "token_types.weight"};
    bool logits = strcmp(name, "output.weight") == 0 || (tied && strcmp(name, "token_embd.weight") == 0);
    if (x->ndim < 2 || strstr(name, "_norm.weight") || strstr(name, "_rel_b.weight")) return ELEM_F32;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(name, whole[i]) == 0) return ELEM_F32;
    if (!p->o->typed) return x->type == ELEM_F64 || (x->type >= ELEM_I64 && x->type <= ELEM_BOOL) ? ELEM_F32 : x->type;
    elem t = p->o->type;
    if (logits && elem_quantised(t) && t != ELEM_Q8_0) t = fits(ELEM_Q6_K, width) ? ELEM_Q6_K : ELEM_Q8_0;
    return type_that_fits(t, width);
}

static uint32_t file_type(elem t)
{
    static const uint32_t numbers[ELEMS] = {
        [ELEM_F32] = 0,  [ELEM_F16] = 1,  [ELEM_BF16] = 32, [ELEM_Q8_0] = 7,  [ELEM_Q4_0] = 2, [ELEM_Q4_1] = 3,
        [ELEM_Q5_0] = 8, [ELEM_Q5_1] = 9, [ELEM_Q4_K] = 14, [ELEM_Q5_K] = 16, [ELEM_Q6_K] = 18};
    return numbers[t];
}

/* ---- tensors ------------------------------------------------------------------------------------------------------------- */

static bool match(const plan *p, const char *name, gguf_match *m)
{
    size_t i = 0;
    if (gguf_arch_match(p->arch, slice_of(name), false, &i, m)) return true;
    buf full = {0};
    bool met = false;
    i = 0;
    /* m->end points into the name that met: into `name` again */
    if (*p->arch->base && !buf_printf(&full, "%s%s", p->arch->base, name))
        met = gguf_arch_match(p->arch, slice_of(full.p), false, &i, m);
    if (met) m->end = (slice){name + strlen(name) - m->end.n, m->end.n};
    buf_free(&full);
    return met;
}

static lorec_err add(plan *p, const weight *x, const gguf_match *m, bool tied)
{
    buf name = {0};
    TRY(gguf_arch_name(&name, m->row->gguf, m));
    planned t = {.name = name.p, .rows = {.w = p->w, .x = x}, .ndim = x->ndim > 1 ? x->ndim : 1};
    gguf_how how = m->row->how;
    if (how == GGUF_PAIRED || how == GGUF_PAIRED_KV || how == GGUF_STACK_Q || how == GGUF_STACK_K)
        t.rows.order = ROWS_PAIRED, t.rows.heads = how == GGUF_PAIRED || how == GGUF_STACK_Q ? p->heads : p->kv_heads;
    if (how == GGUF_BY_KIND) t.rows.order = ROWS_BY_KIND, t.rows.heads = p->heads;
    if (how == GGUF_TURNED) t.rows.turn = x->ndim == 2 && !x->transposed;
    if (how == GGUF_PLUS_ONE) t.rows.plus = 1;
    for (int d = 0; d < t.ndim; d++) t.size[d] = x->ndim ? x->shape[x->ndim - 1 - d] : 1;
    if (how >= GGUF_STACK_Q && how <= GGUF_STACK_V) { /* a third of the rows */
        t.rows.rows = x->shape[0] / 3;
        t.rows.first = (how - GGUF_STACK_Q) * t.rows.rows;
        t.size[x->ndim - 1] = t.rows.rows;
    }
    if (how == GGUF_PAST_PADDING) {
        int64_t padding;
        lorec_err e = json_get_i64_or(p->config, "pad_token_id", 0, x->shape[0] - 2, 1, &padding);
        if (e || x->ndim != 2) return mem_free(t.name), e ? e : err_set(LOREC_INPUT, "%s is no table", x->name);
        t.rows.first = padding + 1;
        t.rows.rows = t.size[1] = x->shape[0] - t.rows.first;
    }
    if (t.rows.turn) {
        int64_t in = t.size[1];
        t.size[1] = t.size[0];
        t.size[0] = in;
    }
    t.rows.type = type_of(p, t.name, x, t.size[0], tied);
    if (p->o->typed && x->ndim > 1 && t.rows.type != p->o->type && t.rows.type != ELEM_F32) p->r->wider++;
    lorec_err e = x->ndim > GGUF_DIMS ? err_set(LOREC_INPUT, "the tensor %s has %d dimensions", x->name, x->ndim)
                                      : mem_grow(&p->at, &p->cap, p->n + 1);
    if (e)
        mem_free(t.name);
    else
        p->at[p->n++] = t;
    return e;
}

static lorec_err plan_weights(plan *p)
{
    bool tied;
    TRY(json_get_bool_or(p->config, "tie_word_embeddings", false, &tied));
    for (size_t i = 0; i < weights_count(p->w); i++) {
        const weight *x = weights_at(p->w, i);
        gguf_match m;
        bool met = match(p, x->name, &m);
        if (met && tied && strcmp(m.row->gguf, "output") == 0) met = false;
        if (!met) {
            log_debug("%s has no place in a GGUF file of %s, or doubles another", x->name, p->arch->gguf);
            p->r->left_out++;
        }
        if (met) TRY(add(p, x, &m, tied));
        for (const gguf_name *n = m.row; met && n->gguf && strcmp(n->hf, m.row->hf) == 0;
             n++) { /* one of theirs, three here */
            if (n == m.row || n->how < GGUF_STACK_Q || n->how > GGUF_STACK_V) continue;
            TRY(add(p, x, &(gguf_match){n, m.layer, m.end}, tied));
        }
    }
    return p->n ? LOREC_OK : err_set(LOREC_INPUT, "none of its tensors has a name that a %s has", p->arch->type);
}

/* rope_freqs.weight: what LLaMA 3 divides each frequency by. */
static lorec_err plan_rotary(plan *p)
{
    const json_t *s = json_object_get(p->config, "rope_scaling");
    const char *type;
    double factor, low, high, base;
    int64_t positions, width, heads, head;
    if (!json_is_object(s)) s = json_object_get(p->config, "rope_parameters");
    if (!json_is_object(s)) return LOREC_OK;
    TRY(json_get_string_or(s, json_object_get(s, "rope_type") ? "rope_type" : "type", "default", &type));
    if (strcmp(type, "llama3") != 0) return LOREC_OK;
    TRY(json_get_f64_or(s, "factor", 8, &factor));
    TRY(json_get_f64_or(s, "low_freq_factor", 1, &low));
    TRY(json_get_f64_or(s, "high_freq_factor", 4, &high));
    TRY(json_get_f64_or(p->config, "rope_theta", 1e4, &base));
    if (!json_object_get(p->config, "rope_theta")) TRY(json_get_f64_or(s, "rope_theta", 1e4, &base));
    TRY(json_get_i64_or(s, "original_max_position_embeddings", 1, INT32_MAX, 8192, &positions));
    TRY(json_get_i64(p->config, "hidden_size", 1, 1 << 24, &width));
    TRY(json_get_i64(p->config, "num_attention_heads", 1, 1 << 16, &heads));
    TRY(json_get_i64_or(p->config, "head_dim", 2, 1 << 16, width / heads, &head));
    if (!(factor > 0 && low > 0 && high > low))
        return err_set(LOREC_INPUT, "rope_scaling: its factors do not fit together");
    p->n_rotary = head / 2;
    TRY(mem_new(&p->rotary, (size_t)p->n_rotary));
    for (int64_t i = 0; i < p->n_rotary; i++) {
        double wave = 2 * 3.14159265358979323846 * pow(base, 2. * (double)i / (double)head), old = (double)positions;
        double smooth = (old / wave - low) / (high - low);
        p->rotary[i] = (float)(wave < old / high  ? 1
                               : wave > old / low ? factor
                                                  : 1 / ((1 - smooth) / factor + smooth));
    }
    TRY(mem_grow(&p->at, &p->cap, p->n + 1));
    planned t = {.ndim = 1, .size = {p->n_rotary}, .rows = {.type = ELEM_F32}};
    TRY(mem_dup(&t.name, "rope_freqs.weight"));
    p->at[p->n++] = t;
    return LOREC_OK;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------- */

static bool begins(slice s, const char *with)
{
    size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* Of a GGUF source everything that belongs to its tokenizer goes along as it is; otherwise it is made from the tokenizer that
 * was named, or lies beside the model. A model without any is still one: llama.cpp knows "no_vocab". */
static lorec_err put_tokenizer(plan *p, gguf_writer *o)
{
    const gguf *g = weights_gguf(p->w);
    const char *path = p->o->tokenizer ? p->o->tokenizer : weights_folder(p->w);
    bool any = false;
    for (size_t i = 0; g && !p->o->tokenizer && i < g->n_keys; i++) {
        if (!begins(g->key[i].name, "tokenizer.") || slice_is(g->key[i].name, "tokenizer.ggml.token_type_count"))
            continue;
        gguf_put_key(o, &g->key[i]);
        any = true;
    }
    if (any) {
        convert_carried_keys(p->r, g);
        return LOREC_OK;
    }
    char what[96] = "";
    int64_t vocab;
    TRY(json_get_i64_or(p->config, "vocab_size", 0, INT32_MAX, 0, &vocab));
    lorec_err e = gguf_put_vocabulary(o, path, p->arch->type, (size_t)vocab, what, sizeof what);
    if (e == LOREC_RESOURCE || (e && p->o->tokenizer)) return e;
    if (e) log_warn("the vocabulary is left out: %s", lorec_error_message());
    if (*what)
        convert_carried(p->r, what);
    else
        gguf_put_string(o, "tokenizer.ggml.model", slice_of("no_vocab"));
    return LOREC_OK;
}

static lorec_err put_keys(plan *p, gguf_writer *o)
{
    const char *name = p->o->name ? p->o->name : path_base(weights_folder(p->w));
    elem main = p->o->typed ? p->o->type : ELEM_F32;
    gguf_put_string(o, "general.architecture", slice_of(p->arch->gguf));
    gguf_put_string(o, "general.type", slice_of("model"));
    if (*name && strcmp(name, ".") != 0) gguf_put_string(o, "general.name", slice_of(name));
    for (size_t i = 0; i < p->n && !p->o->typed; i++) /* what most of it is */
        if (p->at[i].ndim > 1) main = p->at[i].rows.type;
    gguf_put_u32(o, "general.file_type", file_type(main));
    if (elem_quantised(main)) gguf_put_u32(o, "general.quantization_version", 2);
    TRY(gguf_config_write(p->config, p->arch, o));
    TRY(put_tokenizer(p, o));
    return o->err;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

static lorec_err give(void *ctx, const void *bytes, size_t n)
{
    return gguf_values(ctx, bytes, n);
}

static lorec_err write(plan *p, gguf_writer *o, const char *path)
{
    for (size_t i = 0; i < p->n; i++) {
        size_t bytes = 0;
        int64_t values = 1;
        gguf_put_tensor(o, p->at[i].name, p->at[i].rows.type, p->at[i].ndim, p->at[i].size);
        for (int d = 0; d < p->at[i].ndim; d++) values *= p->at[i].size[d];
        if (elem_size(p->at[i].rows.type, values, &bytes)) p->r->bytes += bytes;
        p->r->values += (uint64_t)values;
    }
    TRY(gguf_begin(o, path));
    progress bar;
    progress_start(&bar, "writing", (double)p->n, "tensor");
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < p->n && !e; i++) {
        convert_rows *rows = &p->at[i].rows;
        rows->give = give;
        rows->ctx = o;
        e = rows->x ? convert_rows_run(rows) : gguf_values(o, p->rotary, (size_t)p->n_rotary * sizeof *p->rotary);
        if (!e) e = cancel_check();
        progress_step(&bar, (double)(i + 1), "%s", p->at[i].name);
    }
    progress_end(&bar);
    p->r->tensors = p->n;
    return e;
}

static lorec_err arch_of(plan *p)
{
    const char *type;
    p->config = weights_config(p->w);
    if (!p->config)
        return err_set(LOREC_INPUT, "of its architecture nothing is known: config.json is needed beside it");
    TRY(json_get_string(p->config, "model_type", &type));
    p->arch = gguf_arch_of_type(type);
    if (!p->arch) return err_set(LOREC_INPUT, "GGUF has no names for the model_type \"%s\"", type);
    static const char *const heads[] = {"num_attention_heads", "n_head", "num_heads"}, *const kv[] = {
                                                                                           "num_key_value_heads",
                                                                                           "multi_query_group_num"};
    for (size_t i = 0; i < 3 && !p->heads; i++) TRY(json_get_i64_or(p->config, heads[i], 1, 1 << 16, 0, &p->heads));
    for (size_t i = 0; i < 2 && !p->kv_heads; i++) TRY(json_get_i64_or(p->config, kv[i], 1, 1 << 16, 0, &p->kv_heads));
    if (!p->kv_heads) p->kv_heads = p->heads;
    return LOREC_OK;
}

lorec_err convert_to_gguf(const weights *w, const char *path, const convert_options *o, convert_report *r)
{
    plan p = {.w = w, .o = o, .r = r};
    gguf_writer out = {0};
    *r = (convert_report){0};
    lorec_err e = arch_of(&p);
    if (!e) e = plan_weights(&p);
    if (!e) e = plan_rotary(&p);
    if (!e) e = put_keys(&p, &out);
    if (!e) e = write(&p, &out, path);
    if (e)
        gguf_abort(&out);
    else
        e = gguf_commit(&out);
    plan_free(&p);
    return e;
}
