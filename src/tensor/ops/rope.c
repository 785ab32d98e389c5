/* Rotary positions (Su et al. 2021): each pair of a head's values is turned by position * frequency. Pairs lie half a
 * head apart (ROPE_HALF: Llama, Qwen, NeoX) or side by side (ROPE_PAIRS: GPT-J, ChatGLM2); ROPE_2D (ChatGLM-6B) turns
 * the first half of a head by the position and the second by the position in the block, half apart inside each. */
#include "tensor/ops.h"
#include "tensor/ops/piece.h"

typedef struct rope_spec {
    rope how;
    int heads;
} rope_spec;

typedef struct rope_saved { /* cosines and sines: of each distinct position, or of each row where those are more */
    size_t pairs;           /* turned by one position: of a head, or of half a head */
    size_t parts;           /* 1; ROPE_2D: 2 */
    float *cosine, *sine;   /* [table rows, pairs] */
    int64_t first;          /* the table's first position; rows: of each row */
    bool by_row;
} rope_saved;

static lorec_err rope_shape(tape *t, node *n)
{
    const tensor *x = n->in[0], *position = n->in[1];
    rope_spec *s = n->spec;
    int64_t parts = s->how.kind == ROPE_2D ? 2 : 1, width = tensor_width(x);
    if (x->type == DTYPE_I32 || position->type != DTYPE_I32 || s->heads < 1 || width % s->heads ||
        position->count != tensor_rows(x) * parts)
        return node_shape_error(n, "needs x [rows, heads * d] and a position a row (ROPE_2D: and a block position)");
    int64_t d = width / s->heads;
    if (s->how.dims == 0) s->how.dims = (int)d;
    if (s->how.span == 0) s->how.span = s->how.dims / (int)parts;
    if (s->how.base == 0) s->how.base = 10000;
    if (s->how.dims < 0 || s->how.span < 0 || s->how.dims > d || s->how.dims % (2 * parts) || d > PIECE)
        return node_shape_error(n, "the rotated dimensions have to be even and within a head of at most 1024");
    bool scaled = s->how.scaling != ROPE_UNSCALED && s->how.scaling != ROPE_DYNAMIC_STEPS;
    if (scaled && !(s->how.factor > 0)) return node_shape_error(n, "scaled positions need a factor above 0");
    if ((s->how.scaling == ROPE_LLAMA3 || s->how.scaling == ROPE_YARN) && !(s->how.original_length > 0))
        return node_shape_error(n, "this scaling needs the length that the model was first trained on");
    return node_output_like(t, n, x);
}

/* ---- frequencies ----------------------------------------------------------------------------------------------------- */

static double llama3(const rope *r, double frequency)
{
    double wave = 2 * M_PI / frequency, long_wave = r->original_length / r->low_freq,
           short_wave = r->original_length / r->high_freq;
    if (wave < short_wave) return frequency;
    if (wave > long_wave) return frequency / r->factor;
    double blend = (r->original_length / wave - r->low_freq) / (r->high_freq - r->low_freq);
    return (1 - blend) * frequency / r->factor + blend * frequency;
}

/* YaRN's ramp over pairs: 0 where a pair turns so often that it stays, 1 where it is slowed by the whole factor. */
static double yarn_ramp(const rope *r, double pair)
{
    double dims = r->span, end[2],
           turns[2] = {r->beta_fast > 0 ? r->beta_fast : 32, r->beta_slow > 0 ? r->beta_slow : 1};
    for (int i = 0; i < 2; i++) {
        double at = dims * log(r->original_length / (turns[i] * 2 * M_PI)) / (2 * log((double)r->base));
        end[i] = r->yarn_exact ? at : i == 0 ? floor(at) : ceil(at);
    }
    double low = fmax(end[0], 0), high = fmin(end[1], dims - 1);
    if (low == high) high += .001;
    return fmin(fmax((pair - low) / (high - low), 0), 1);
}

/* What the base is multiplied by for a sequence of that length. */
static double stretch(const rope *r, int32_t length)
{
    if (r->span <= 2 || !(r->original_length > 0) || (float)length <= r->original_length) return 1;
    double times = (double)length / (double)r->original_length;
    double a = r->scaling == ROPE_DYNAMIC ? (double)r->factor * times - ((double)r->factor - 1)
                                          : exp2(ceil(log2(times) + 1)) - 1;
    return pow(a, r->span / (r->span - 2.0));
}

static void frequencies(const rope *r, size_t pairs, double base, float *out)
{
    for (size_t i = 0; i < pairs; i++) {
        double f = r->inv_freq ? r->inv_freq[i] : (float)pow(base, -2.0 * (double)i / r->span);
        if (r->scaling == ROPE_LINEAR) f /= r->factor;
        if (r->scaling == ROPE_LLAMA3) f = llama3(r, f);
        if (r->scaling == ROPE_YARN) {
            double slow = yarn_ramp(r, (double)i);
            f = f / r->factor * slow + f * (1 - slow);
        }
        out[i] = (float)f;
    }
}

typedef struct rope_job {
    const node *n;
    const float *frequency;
    const void *from;
    void *to;
    float beta, sign; /* -1: turned back */
} rope_job;

static bool by_length(const rope *r)
{
    return r->length && (r->scaling == ROPE_DYNAMIC || r->scaling == ROPE_DYNAMIC_STEPS);
}

/* Angles are rounded to f32 before their cosine is taken, as the models were trained. */
static lorec_err rope_table(void *ctx, size_t begin, size_t end, int worker)
{
    const rope_job *j = ctx;
    const rope_saved *s = j->n->saved;
    const rope *how = &((const rope_spec *)j->n->spec)->how;
    float own[PIECE], size = how->magnitude != 0 ? how->magnitude : 1;
    const float *frequency = j->frequency;
    size_t rows = (size_t)tensor_rows(j->n->out);
    (void)worker;
    for (size_t row = begin; row < end; row++) {
        if (by_length(how) && (row == begin || how->length[row % rows] != how->length[(row - 1) % rows])) {
            frequencies(how, s->pairs, how->base * stretch(how, how->length[row % rows]), own);
            frequency = own;
        }
        int64_t position = s->by_row ? i32(j->n->in[1])[row] : s->first + (int64_t)row;
        for (size_t i = 0; i < s->pairs; i++) {
            float angle = (float)position * frequency[i];
            s->cosine[row * s->pairs + i] = size * cosf(angle);
            s->sine[row * s->pairs + i] = size * sinf(angle);
        }
    }
    return LOREC_OK;
}

/* One part of one head, `dims` values at v: pairs at distance `apart`, the next pair `step` on. */
static void turn(float *v, size_t pairs, size_t apart, size_t step, const float *cosine, const float *sine, float sign)
{
    for (size_t i = 0; i < pairs; i++) {
        float a = v[i * step], b = v[i * step + apart], c = cosine[i], s = sign * sine[i];
        v[i * step] = a * c - b * s;
        v[i * step + apart] = b * c + a * s;
    }
}

static lorec_err rope_rows(void *ctx, size_t begin, size_t end, int worker)
{
    const rope_job *j = ctx;
    const rope_spec *spec = j->n->spec;
    const rope_saved *s = j->n->saved;
    size_t heads = (size_t)spec->heads, d = (size_t)tensor_width(j->n->out) / heads,
           rows = (size_t)tensor_rows(j->n->out);
    bool side_by_side = spec->how.kind == ROPE_PAIRS;
    dtype type = j->n->out->type;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        size_t row[2];
        for (size_t part = 0; part < s->parts; part++) {
            size_t at = part * rows + r;
            row[part] = s->pairs * (s->by_row ? at : (size_t)(i32(j->n->in[1])[at] - s->first));
        }
        for (size_t h = 0; h < heads; h++) {
            float v[PIECE], buf[PIECE];
            size_t at = (r * heads + h) * d;
            memcpy(v, piece_read_from(type, j->from, at, d, buf), d * sizeof *v);
            for (size_t part = 0; part < s->parts; part++)
                turn(v + part * (d / 2), s->pairs, side_by_side ? 1 : s->pairs, side_by_side ? 2 : 1,
                     s->cosine + row[part], s->sine + row[part], j->sign);
            piece_store(type, j->to, at, d, v, j->beta);
        }
    }
    return LOREC_OK;
}

static lorec_err rope_forward(tape *t, node *n)
{
    const rope_spec *spec = n->spec;
    const tensor *position = n->in[1];
    int64_t rows = tensor_rows(n->out), first = 0, last = 0;
    for (int64_t i = 0; i < position->count; i++) {
        int32_t p = i32(position)[i];
        if (i == 0 || p < first) first = p;
        if (i == 0 || p > last) last = p;
    }
    rope_saved *s = n->saved = tape_alloc(t, sizeof *s);
    if (!s) return tape_error(t);
    *s = (rope_saved){.parts = spec->how.kind == ROPE_2D ? 2 : 1, .first = first};
    s->pairs = (size_t)spec->how.dims / 2 / s->parts;
    s->by_row = by_length(&spec->how) || last - first + 1 > position->count;
    size_t table = spec->how.kind == ROPE_NONE ? 0 : s->by_row ? (size_t)position->count : (size_t)(last - first + 1);
    float *frequency = tape_scratch(t, s->pairs * sizeof *frequency);
    s->cosine = tape_alloc(t, 2 * table * s->pairs * sizeof(float));
    if (!frequency || !s->cosine) return tape_error(t);
    s->sine = s->cosine + table * s->pairs;
    if (spec->how.kind == ROPE_NONE) s->pairs = 0;
    frequencies(&spec->how, s->pairs, spec->how.base, frequency);
    rope_job j = {n, frequency, n->in[0]->data, n->out->data, 0, 1};
    TRY(par_for(table, row_grain((int64_t)s->pairs * 16), rope_table, &j));
    return par_for((size_t)rows, row_grain(tensor_width(n->out)), rope_rows, &j);
}

static lorec_err rope_backward(tape *t, node *n)
{
    rope_job j = {.n = n, .from = n->out->grad, .sign = -1};
    j.to = node_grad_any(t, n->in[0], &j.beta);
    return j.to ? par_for((size_t)tensor_rows(n->out), row_grain(tensor_width(n->out)), rope_rows, &j) : tape_error(t);
}

static double rope_flops(const node *n)
{
    return 3 * (double)n->out->count;
}

const op_def op_rope_def = {.name = "rope",
                            .shape = rope_shape,
                            .forward = rope_forward,
                            .backward = rope_backward,
                            .flops = rope_flops,
                            .reads = node_reads_nothing};

tensor *op_rope(tape *t, tensor *x, int heads, tensor *position, const rope *spec)
{
    return tape_apply(t, &op_rope_def, (tensor *[]){x, position}, 2, &(rope_spec){*spec, heads}, sizeof(rope_spec));
}
