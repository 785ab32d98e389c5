/* Checkpoints of llama2.c: LLaMA's weights one after the other behind a small header, q and k rotated by neighbours.
 *   v0: i32 dim, hidden, layers, heads, kv_heads, vocab (negative: the head is its own), positions; f32 values; after the
 *       final norm two tables of rotations that nobody needs
 *   v1: u32 "24ka", i32 version, the seven numbers, u8 tied; values from byte 256, norms first
 *   v2: the same with i32 group after `tied`; every product as i8 values and then one f32 scale a group of them */
#include "base/mem.h"
#include "lm/files/place.h"

enum { MAGIC = 0x616b3432, HEADER = 256, MANY = 1 << 20 };

typedef struct shape {
    int version;
    int64_t dim, hidden, layers, heads, kv_heads, vocab, positions;
    int64_t group; /* 0: f32 */
    bool tied;
} shape;

static int32_t i32_at(const unsigned char *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static bool seven(shape *s, const unsigned char *p)
{
    int64_t *const field[] = {&s->dim, &s->hidden, &s->layers, &s->heads, &s->kv_heads, &s->vocab, &s->positions};
    for (int i = 0; i < 7; i++) *field[i] = i32_at(p + 4 * i);
    s->tied = s->vocab > 0;
    if (s->vocab < 0) s->vocab = -s->vocab;
    for (int i = 0; i < 7; i++)
        if (*field[i] < 1 || *field[i] > (field[i] == &s->vocab ? 16 * MANY : MANY)) return false;
    return s->layers <= 4096 && s->dim % s->heads == 0 && s->heads % s->kv_heads == 0 && s->dim / s->heads % 2 == 0;
}

/* The tensors in the file's order; kinds with a "%d" are there once a layer. */
typedef struct kind {
    const char *name;
    int64_t rows, width; /* rows 0: a vector */
    int64_t heads;       /* > 0: rotated by neighbours */
} kind;
enum { KINDS = 13 };

static int kinds_of(const shape *s, kind out[KINDS])
{
    static const char *const norm = "model.norm.weight", *const in = "model.layers.%d.input_layernorm.weight",
                             *const post = "model.layers.%d.post_attention_layernorm.weight";
    int64_t d = s->dim, kv = d / s->heads * s->kv_heads, v = s->vocab, r = s->positions, half = d / s->heads / 2;
    const kind tokens = {"model.embed_tokens.weight", v, d, 0},
               q = {"model.layers.%d.self_attn.q_proj.weight", d, d, s->heads},
               k = {"model.layers.%d.self_attn.k_proj.weight", kv, d, s->kv_heads},
               vs = {"model.layers.%d.self_attn.v_proj.weight", kv, d, 0},
               o = {"model.layers.%d.self_attn.o_proj.weight", d, d, 0},
               gate = {"model.layers.%d.mlp.gate_proj.weight", s->hidden, d, 0},
               down = {"model.layers.%d.mlp.down_proj.weight", d, s->hidden, 0},
               up = {"model.layers.%d.mlp.up_proj.weight", s->hidden, d, 0}, head = {"lm_head.weight", v, d, 0};
    const kind old[] = {tokens,          {in, 0, d, 0},          q,   k, vs, o, {post, 0, d, 0}, gate, down, up,
                        {norm, 0, d, 0}, {NULL, 2 * r, half, 0}, head};
    const kind newer[] = {{in, 0, d, 0}, {post, 0, d, 0}, {norm, 0, d, 0}, tokens, q, k, vs, o, gate, down, up, head};
    int n = s->version ? 12 : 13;
    memcpy(out, s->version ? newer : old, (size_t)n * sizeof *out);
    return s->tied ? n - 1 : n;
}

/* Bytes of one tensor; they fit: sizes are at most 2^24 by 2^20. */
static uint64_t bytes_of(const shape *s, const kind *k)
{
    uint64_t n = (uint64_t)(k->rows ? k->rows : 1) * (uint64_t)k->width;
    return s->group && k->rows ? n + n / (uint64_t)s->group * sizeof(float) : n * sizeof(float);
}

static int64_t times(const shape *s, const kind *k)
{
    return k->name && strstr(k->name, "%d") ? s->layers : 1;
}

static uint64_t size_of(const shape *s)
{
    kind kinds[KINDS];
    uint64_t bytes = s->version ? HEADER : 28;
    int n = kinds_of(s, kinds);
    for (int i = 0; i < n; i++) bytes += (uint64_t)times(s, &kinds[i]) * bytes_of(s, &kinds[i]);
    return bytes;
}

static bool is_versioned(const unsigned char *head, size_t n)
{
    return n >= 41 && (uint32_t)i32_at(head) == MAGIC;
}

/* The first version has no mark: its seven numbers have to account for every byte of the file. */
static bool is(const unsigned char *head, size_t n, uint64_t size)
{
    shape s = {0};
    return is_versioned(head, n) || (n >= 28 && seven(&s, head) && size_of(&s) == size);
}

static lorec_err read_shape(const blob *b, shape *s)
{
    unsigned char h[41];
    TRY(blob_read(b, 0, h, sizeof h));
    *s = (shape){0};
    if (!is_versioned(h, sizeof h)) {
        seven(s, h);
        return LOREC_OK;
    }
    s->version = i32_at(h + 4);
    if (s->version != 1 && s->version != 2)
        return err_set(LOREC_INPUT, "version %d of llama2.c's format is not known; 0, 1 and 2 are", s->version);
    if (!seven(s, h + 8)) return err_set(LOREC_INPUT, "the seven sizes of its header do not fit together");
    s->tied = h[36];
    s->group = s->version == 2 ? i32_at(h + 37) : 0;
    kind kinds[KINDS];
    int n = kinds_of(s, kinds);
    for (int i = 0; i < n && s->version == 2; i++)
        if (s->group < 1 || kinds[i].rows * kinds[i].width % s->group)
            return err_set(LOREC_INPUT, "groups of %lld values do not divide %s", (long long)s->group, kinds[i].name);
    if (size_of(s) == b->size) return LOREC_OK;
    return err_set(LOREC_INPUT, "its header needs %llu bytes and the file has %llu", (unsigned long long)size_of(s),
                   (unsigned long long)b->size);
}

static json_t *config_of(const shape *s)
{
    return json_pack("{s:s,s:[s],s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:f,s:f,s:b,s:i,s:i}", "model_type", "llama",
                     "architectures", "LlamaForCausalLM", "hidden_size", (json_int_t)s->dim, "intermediate_size",
                     (json_int_t)s->hidden, "num_hidden_layers", (json_int_t)s->layers, "num_attention_heads",
                     (json_int_t)s->heads, "num_key_value_heads", (json_int_t)s->kv_heads, "vocab_size",
                     (json_int_t)s->vocab, "max_position_embeddings", (json_int_t)s->positions, "hidden_act", "silu",
                     "rms_norm_eps", 1e-5, "rope_theta", 1e4, "tie_word_embeddings", s->tied, "bos_token_id", 1,
                     "eos_token_id", 2);
}

/* value = i8 * the scale of its group; groups count along the whole tensor. */
static lorec_err decode(const weights *w, const weight *x, const weight_part *p, int64_t row, int64_t n, float *into)
{
    int64_t width = x->shape[1], all = p->rows * width, first = row * width, values = n * width;
    int64_t group = (int64_t)x->place->extra, from = first / group, groups = (first + values - 1) / group - from + 1;
    const blob *b = weights_file(w, p->file);
    int8_t *q = NULL;
    float *scale = NULL;
    lorec_err e = mem_new(&q, (size_t)values);
    if (!e) e = mem_new(&scale, (size_t)groups);
    if (!e) e = blob_read(b, p->at + (uint64_t)first, q, (size_t)values);
    if (!e)
        e = blob_read(b, p->at + (uint64_t)all + (uint64_t)from * sizeof *scale, scale, (size_t)groups * sizeof *scale);
    for (int64_t i = 0; i < values && !e; i++) into[i] = (float)q[i] * scale[(first + i) / group - from];
    mem_free(q);
    mem_free(scale);
    return e;
}

static lorec_err add(weights *w, const shape *s, const kind *k, int64_t layer, size_t file, uint64_t at)
{
    char name[96];
    if (!k->name) return LOREC_OK;
    snprintf(name, sizeof name, k->name, (int)layer);
    weight x = {.type = ELEM_F32, .ndim = k->rows ? 2 : 1, .shape = {k->rows ? k->rows : k->width, k->width}};
    weight_place place = {.parts = 1, .part = {{.file = file, .at = at, .rows = k->rows ? k->rows : 1}}};
    if (k->heads) place.part[0].order = ROWS_PAIRED, place.part[0].heads = k->heads;
    if (s->group && k->rows) place.decode = decode, place.extra = (uint64_t)s->group;
    return weights_add(w, name, &x, &place);
}

static lorec_err open(weights *w, const char *path, size_t file)
{
    (void)path;
    shape s;
    kind kinds[KINDS];
    char format[64];
    TRY(read_shape(weights_file(w, file), &s));
    uint64_t at = s.version ? HEADER : 28;
    int n = kinds_of(&s, kinds);
    for (int i = 0; i < n; i++)
        for (int64_t l = 0; l < times(&s, &kinds[i]); l++, at += bytes_of(&s, &kinds[i]))
            TRY(add(w, &s, &kinds[i], l, file, at));
    json_t *config = config_of(&s);
    if (!config) return err_set(LOREC_RESOURCE, "out of memory");
    weights_set_config(w, config);
    snprintf(format, sizeof format, s.group ? "llama2.c v%d, i8 by %lld" : "llama2.c v%d", s.version,
             (long long)s.group);
    return weights_set_format(w, format);
}

const weights_kind weights_llama2c = {"llama2.c", is, open};
