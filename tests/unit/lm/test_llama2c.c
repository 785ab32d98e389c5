/* llama2.c's checkpoints: versions 0, 1 and 2 of one small model hold the same weights by Hugging Face's names. */
#include "support/support.h"

#include "base/file.h"
#include "lm/weights.h"

enum { DIM = 8, HIDDEN = 12, LAYERS = 2, HEADS = 2, KV = 1, VOCAB = 20, LONG = 16, GROUP = 4 };

typedef struct out {
    unsigned char bytes[1 << 15];
    size_t n;
    bool quantise;
} out;

static void put(out *o, const void *p, size_t n)
{
    memcpy(o->bytes + o->n, p, n);
    o->n += n;
}

/* Value i of the tensor `tag` of a layer: a whole number times a power of two, so that i8 keeps it. */
static float value(int tag, int layer, int i)
{
    return (float)((i * 7 + tag * 31 + layer * 13) % 255 - 127) * .0078125f;
}

static void tensor_out(out *o, int tag, int layer, int n, bool product)
{
    for (int i = 0; i < n; i++) {
        float v = value(tag, layer, i);
        if (o->quantise && product)
            put(o, &(int8_t){(int8_t)(v * 128)}, 1);
        else
            put(o, &v, sizeof v);
    }
    for (int i = 0; i < n / GROUP && o->quantise && product; i++) put(o, &(float){.0078125f}, sizeof(float));
}

enum { TOKENS, ATTN_NORM, Q, K, V, O, FFN_NORM, W1, W2, W3, NORM, HEAD };
static const int count[] = {VOCAB * DIM,          DIM,         DIM *DIM, DIM / HEADS *KV *DIM,
                            DIM / HEADS *KV *DIM, DIM *DIM,    DIM,      HIDDEN *DIM,
                            HIDDEN *DIM,          HIDDEN *DIM, DIM,      VOCAB *DIM};

static void all_layers(out *o, int tag)
{
    for (int l = 0; l < LAYERS; l++) tensor_out(o, tag, l, count[tag], count[tag] > DIM);
}

static void make(out *o, int version, bool tied)
{
    int32_t seven[] = {DIM, HIDDEN, LAYERS, HEADS, KV, version == 0 && !tied ? -VOCAB : VOCAB, LONG};
    static const int old[] = {ATTN_NORM, Q, K, V, O, FFN_NORM, W1, W2, W3}, newer[] = {Q, K, V, O, W1, W2, W3};
    *o = (out){.quantise = version == 2};
    if (version == 0) {
        put(o, seven, sizeof seven);
        tensor_out(o, TOKENS, 0, count[TOKENS], true);
        for (int k = 0; k < 9; k++) all_layers(o, old[k]);
        tensor_out(o, NORM, 0, DIM, false);
        tensor_out(o, 99, 0, LONG * DIM / HEADS, false); /* rotations */
    } else {
        put(o, "24ka", 4);
        put(o, &(int32_t){version}, 4);
        put(o, seven, sizeof seven);
        put(o, &(char){tied}, 1);
        put(o, &(int32_t){GROUP}, 4);
        o->n = 256;
        all_layers(o, ATTN_NORM);
        all_layers(o, FFN_NORM);
        tensor_out(o, NORM, 0, DIM, false);
        tensor_out(o, TOKENS, 0, count[TOKENS], true);
        for (int k = 0; k < 7; k++) all_layers(o, newer[k]);
    }
    if (!tied) tensor_out(o, HEAD, 0, count[HEAD], true);
}

static const char *write(const out *o, const char *name)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(o->bytes, 1, o->n, f), o->n);
    fclose(f);
    return path;
}

static void holds(const weights *w, const char *name, int tag, int layer, int rows, int heads)
{
    const weight *x = weights_find(w, name);
    assert_non_null(x);
    int n = count[tag], width = n / rows, half = heads ? rows / heads / 2 : 1;
    float got[VOCAB * DIM];
    assert_int_equal(weight_values(x), n);
    assert_ok(weights_read_f32(w, x, 0, weight_rows(x), got));
    for (int r = 0; r < rows; r++) { /* q and k: halves of a head in the file's neighbours */
        int head = heads ? r / (2 * half) : 0, i = r % (2 * half),
            from = heads ? head * 2 * half + 2 * (i % half) + i / half : r;
        for (int c = 0; c < width; c++) assert_true(got[r * width + c] == value(tag, layer, from * width + c));
    }
    if (rows > 2) { /* rows from the middle are the same rows */
        float some[VOCAB * DIM];
        assert_ok(weights_read_f32(w, x, 1, rows - 2, some));
        assert_memory_equal(some, got + width, sizeof *got * (size_t)((rows - 2) * width));
    }
}

static void versions_agree(void **state)
{
    (void)state;
    for (int version = 0; version < 3; version++) {
        for (int tied = 0; tied < 2; tied++) {
            static out o;
            make(&o, version, tied);
            weights *w;
            assert_ok(weights_open(&w, write(&o, "model.bin")));
            assert_int_equal(weights_count(w), 2 + 9 * LAYERS + !tied);
            const json_t *c = weights_config(w);
            assert_int_equal(json_integer_value(json_object_get(c, "num_key_value_heads")), KV);
            assert_int_equal(json_integer_value(json_object_get(c, "vocab_size")), VOCAB);
            assert_int_equal(json_is_true(json_object_get(c, "tie_word_embeddings")), tied);
            holds(w, "model.embed_tokens.weight", TOKENS, 0, VOCAB, 0);
            holds(w, "model.norm.weight", NORM, 0, 1, 0);
            holds(w, "model.layers.1.self_attn.q_proj.weight", Q, 1, DIM, HEADS);
            holds(w, "model.layers.0.self_attn.k_proj.weight", K, 0, DIM / HEADS * KV, KV);
            holds(w, "model.layers.1.self_attn.v_proj.weight", V, 1, DIM / HEADS * KV, 0);
            holds(w, "model.layers.1.self_attn.o_proj.weight", O, 1, DIM, 0);
            holds(w, "model.layers.0.mlp.gate_proj.weight", W1, 0, HIDDEN, 0);
            holds(w, "model.layers.1.mlp.down_proj.weight", W2, 1, DIM, 0);
            holds(w, "model.layers.1.mlp.up_proj.weight", W3, 1, HIDDEN, 0);
            holds(w, "model.layers.1.input_layernorm.weight", ATTN_NORM, 1, 1, 0);
            holds(w, "model.layers.0.post_attention_layernorm.weight", FFN_NORM, 0, 1, 0);
            if (!tied) holds(w, "lm_head.weight", HEAD, 0, VOCAB, 0);
            weights_close(w);
        }
    }
}

static void what_is_wrong(void **state)
{
    (void)state;
    static out o;
    weights *w;
    make(&o, 0, true);
    o.n--; /* nothing else says what it is */
    assert_fails(weights_open(&w, write(&o, "bad.bin")), LOREC_INPUT, "no model file");
    make(&o, 1, true);
    o.n--;
    assert_fails(weights_open(&w, write(&o, "bad.bin")), LOREC_INPUT, "header needs");
    make(&o, 1, true);
    o.bytes[4] = 3;
    assert_fails(weights_open(&w, write(&o, "bad.bin")), LOREC_INPUT, "version 3");
    for (int k = 0; k < 7; k++) { /* each size: zero, negative, huge */
        static const int32_t sizes[] = {0, INT32_MIN, INT32_MAX};
        for (int i = 0; i < 3; i++) {
            make(&o, 2, true);
            memcpy(o.bytes + 8 + 4 * k, &sizes[i], 4);
            assert_fails(weights_open(&w, write(&o, "bad.bin")), LOREC_INPUT, "");
        }
    }
    make(&o, 2, true);
    o.bytes[37] = 3;
    assert_fails(weights_open(&w, write(&o, "bad.bin")), LOREC_INPUT, "groups of 3");
    make(&o, 2, true);
    o.bytes[37] = 0;
    assert_fails(weights_open(&w, write(&o, "bad.bin")), LOREC_INPUT, "groups of 0");
}

static void the_published_ones_open(void **state)
{
    (void)state;
    static const char *const files[] = {"data/models/llama2c-aidreams260K/aidreams260K.bin",
                                        "data/models/llama2c-qint80/model_qint80.bin"};
    for (int i = 0; i < 2; i++) {
        const char *path = shared_path(files[i]);
        if (!path) skip_without_shared("checkpoints of llama2.c");
        weights *w;
        assert_ok(weights_open(&w, path));
        assert_string_equal(weights_format(w), i ? "llama2.c v2, i8 by 64" : "llama2.c v0");
        float row[64];
        assert_ok(weights_read_f32(w, weights_find(w, "model.embed_tokens.weight"), 5, 1, row));
        assert_true(row[0] != 0 && row[0] < 2 && row[0] > -2);
        weights_close(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_agree), cmocka_unit_test(what_is_wrong),
                                       cmocka_unit_test(the_published_ones_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
