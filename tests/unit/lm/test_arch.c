/* Every decoder-only architecture, with its variations, on random weights: token by token through a cache it computes what it
 * computes at once; saved and opened again it is the same; its layers can be run by parts; what does not fit is refused. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "lm/model_folder.h"
#include "lm/session/session.h"

enum { TOKENS = 13, READ = 6, SHORT = 4, VOCAB = 41 };

#define LLAMA_SIZES                                                                                                    \
    "\"vocab_size\": 41, \"hidden_size\": 24, \"intermediate_size\": 40, \"num_hidden_layers\": 3, "                   \
    "\"num_attention_heads\": 3, \"initializer_range\": 0.3"
#define BLOOM_SIZES "\"vocab_size\": 41, \"hidden_size\": 24, \"n_layer\": 3, \"n_head\": 3, \"initializer_range\": 0.3"
#define GLM_SIZES   "\"hidden_size\": 24, \"num_layers\": 3, \"num_attention_heads\": 3, \"layernorm_epsilon\": 1e-5"

static const char *const configs[] = {
    "{\"model_type\": \"llama\", " LLAMA_SIZES "}",
    "{\"model_type\": \"llama\", " LLAMA_SIZES
    ", \"num_key_value_heads\": 1, \"head_dim\": 10, \"attention_bias\": true, "
    "\"mlp_bias\": true, \"tie_word_embeddings\": true, \"rope_theta\": 5e5, \"rope_scaling\": {\"rope_type\": "
    "\"llama3\", "
    "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 16}}",
    "{\"model_type\": \"llama\", " LLAMA_SIZES ", \"max_position_embeddings\": 8, "
    "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}}",
    "{\"model_type\": \"llama\", " LLAMA_SIZES ", \"max_position_embeddings\": 16, "
    "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}",
    "{\"model_type\": \"llama\", " LLAMA_SIZES
    ", \"max_position_embeddings\": 32, \"rope_parameters\": {\"rope_type\": "
    "\"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 8, \"beta_fast\": 4, \"rope_theta\": 100}}",
    "{\"model_type\": \"qwen2\", " LLAMA_SIZES ", \"num_key_value_heads\": 3}",
    "{\"model_type\": \"qwen2\", " LLAMA_SIZES ", \"num_key_value_heads\": 1, \"use_sliding_window\": true, "
    "\"sliding_window\": 4, \"max_window_layers\": 1}",
    "{\"model_type\": \"qwen3\", " LLAMA_SIZES ", \"num_key_value_heads\": 1, \"head_dim\": 6}",
    "{\"model_type\": \"mistral\", " LLAMA_SIZES ", \"num_key_value_heads\": 1, \"sliding_window\": 5}",
    "{\"model_type\": \"mistral\", " LLAMA_SIZES ", \"num_key_value_heads\": 3, \"sliding_window\": null}",
    "{\"model_type\": \"gemma\", " LLAMA_SIZES ", \"num_key_value_heads\": 1, \"head_dim\": 10}",
    "{\"model_type\": \"gemma2\", " LLAMA_SIZES
    ", \"num_key_value_heads\": 3, \"head_dim\": 10, \"sliding_window\": 4}",
    "{\"model_type\": \"gemma2\", " LLAMA_SIZES ", \"num_key_value_heads\": 1, \"attn_logit_softcapping\": null, "
    "\"final_logit_softcapping\": 2, \"layer_types\": [\"full_attention\", \"sliding_attention\", \"full_attention\"]}",
    "{\"model_type\": \"glm\", " LLAMA_SIZES ", \"num_key_value_heads\": 1, \"head_dim\": 8}",
    "{\"model_type\": \"phi\", " LLAMA_SIZES "}",
    "{\"model_type\": \"phi\", " LLAMA_SIZES ", \"qk_layernorm\": true, \"num_key_value_heads\": 1}",
    "{\"model_type\": \"gpt_neox\", " LLAMA_SIZES ", \"rotary_pct\": 0.4, \"rotary_emb_base\": 100}",
    "{\"model_type\": \"gpt_neox\", " LLAMA_SIZES ", \"use_parallel_residual\": false, \"attention_bias\": false}",
    "{\"model_type\": \"gpt2\", \"vocab_size\": 41, \"n_embd\": 24, \"n_layer\": 3, \"n_head\": 3, \"n_positions\": "
    "20}",
    "{\"model_type\": \"gpt2\", \"vocab_size\": 41, \"n_embd\": 24, \"n_layer\": 3, \"n_head\": 3, \"n_positions\": "
    "20, "
    "\"n_inner\": 17, \"scale_attn_weights\": false, \"tie_word_embeddings\": false}",
    "{\"model_type\": \"opt\", " LLAMA_SIZES ", \"ffn_dim\": 20, \"max_position_embeddings\": 20}",
    "{\"model_type\": \"opt\", " LLAMA_SIZES ", \"ffn_dim\": 20, \"max_position_embeddings\": 20, "
    "\"word_embed_proj_dim\": 10, \"do_layer_norm_before\": false, \"enable_bias\": false}",
    "{\"model_type\": \"bloom\", " BLOOM_SIZES "}",
    "{\"model_type\": \"bloom\", " BLOOM_SIZES ", \"apply_residual_connection_post_layernorm\": true}",
    "{\"model_type\": \"baichuan\", " LLAMA_SIZES ", \"max_position_embeddings\": 20}",
    "{\"model_type\": \"baichuan\", " LLAMA_SIZES ", \"model_max_length\": 20, \"z_loss_weight\": 0}",
    "{\"model_type\": \"qwen\", " LLAMA_SIZES ", \"kv_channels\": 8, \"seq_length\": 13}",
    "{\"model_type\": \"chatglm\", " GLM_SIZES
    ", \"padded_vocab_size\": 41, \"ffn_hidden_size\": 20, \"kv_channels\": 8, "
    "\"multi_query_attention\": true, \"multi_query_group_num\": 1, \"add_qkv_bias\": true}",
    "{\"model_type\": \"chatglm\", " GLM_SIZES
    ", \"padded_vocab_size\": 41, \"ffn_hidden_size\": 20, \"kv_channels\": 8, "
    "\"rmsnorm\": false, \"add_bias_linear\": true, \"rope_ratio\": 50}",
    "{\"model_type\": \"chatglm\", " GLM_SIZES ", \"vocab_size\": 41, \"inner_hidden_size\": 20, \"bos_token_id\": 3, "
    "\"mask_token_id\": 4, \"gmask_token_id\": 5}",
};
enum { CONFIGS = sizeof configs / sizeof *configs };

/* Two sequences; where the architecture has them, gMASK and BOS are among them. */
static const int32_t token[TOKENS] = {7, 12, 40, 5, 3, 9, 31, 6, 22, 13, 8, 12, 19};
static const int32_t other[SHORT] = {30, 5, 3, 11};

static json_t *parsed(int i)
{
    json_t *json;
    assert_ok(json_parse(&json, configs[i], strlen(configs[i]), "config"));
    return json;
}

static lm_model *made(int i)
{
    lm_model *m;
    json_t *json = parsed(i);
    assert_ok(lm_model_make(&m, json, 11, "config"));
    json_decref(json);
    return m;
}

static token_rows both(tape *t)
{
    int32_t all[TOKENS + SHORT];
    memcpy(all, token, sizeof token);
    memcpy(all + TOKENS, other, sizeof other);
    return (token_rows){.ids = tape_ids(t, all, TOKENS + SHORT),
                        .sequences = tape_segments(t, (int32_t[]){TOKENS, SHORT}, 2)};
}

/* Logits of all rows, [TOKENS + SHORT, VOCAB]. */
static float *whole(const lm_model *m)
{
    float *y;
    tape *t = tape_new(&(tape_options){.train = false});
    tape_begin(t, 0);
    token_rows in = both(t);
    assert_ok(mem_new(&y, (size_t)(TOKENS + SHORT) * VOCAB));
    assert_ok(
        tape_read(t, transformer_logits(t, m->net, transformer_hidden(t, m->net, &in)), y, (TOKENS + SHORT) * VOCAB));
    tape_free(t);
    return y;
}

static void same_logits(int config, const char *what, const float *x, const float *y)
{
    double most = 0, size = 0;
    for (int i = 0; i < VOCAB; i++) {
        most = fmax(most, fabs((double)x[i] - y[i]));
        size = fmax(size, fabs((double)y[i]));
    }
    if (!(most <= 1e-5 * size)) fail_msg("%s: %s: logits differ by %g of %g", configs[config], what, most, size);
}

/* ---- by steps ----------------------------------------------------------------------------------------------------------- */

static void steps_are_the_whole(void **state)
{
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        lm_model *m = made(c);
        float *y = whole(m);
        lm_session *s = lm_session_new(m->net, false);
        assert_non_null(s);
        int32_t read[READ + SHORT];
        memcpy(read, token, READ * sizeof *read);
        memcpy(read + READ, other, sizeof other);
        assert_ok(lm_session_read(s, read, (int32_t[]){READ, SHORT}, 2));
        same_logits(c, "a prompt", lm_session_logits(s, 0), y + (READ - 1) * VOCAB);
        same_logits(c, "another prompt", lm_session_logits(s, 1), y + (TOKENS + SHORT - 1) * VOCAB);
        int64_t at = 0;
        for (int i = READ; i < TOKENS; i++) {
            int64_t parent = at;
            assert_ok(lm_session_step(s, &parent, &token[i], 1, &at));
            same_logits(c, "a step", lm_session_logits(s, 0), y + i * VOCAB);
        }
        lm_session_free(s);
        mem_free(y);
        lm_model_free(m);
    }
}

/* ---- by parts ----------------------------------------------------------------------------------------------------------- */

static void layers_by_parts(void **state)
{
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        lm_model *m = made(c);
        int64_t width = transformer_settings(m->net)->width, n = (TOKENS + SHORT) * width;
        int64_t out = (TOKENS + SHORT) * transformer_out_width(transformer_settings(m->net));
        float *a = NULL, *b = NULL;
        assert_ok(mem_new(&a, (size_t)n));
        assert_ok(mem_new(&b, (size_t)n));
        tape *t = tape_new(&(tape_options){.train = false});
        tape_begin(t, 0);
        token_rows in = both(t);
        tensor *x = transformer_blocks(t, m->net, 0, 2, transformer_embed(t, m->net, &in), &in);
        assert_ok(tape_read(t, x, a, n));
        assert_ok(tape_read(t, transformer_hidden_at(t, m->net, &in, 2), b, n));
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
        x = transformer_final(t, m->net, transformer_blocks(t, m->net, 2, 3, x, &in));
        assert_ok(tape_read(t, x, a, out));
        assert_ok(tape_read(t, transformer_hidden(t, m->net, &in), b, out));
        assert_memory_equal(a, b, (size_t)out * sizeof *a);
        assert_null(transformer_hidden_at(t, m->net, &in, 4));
        assert_int_equal(tape_error(t), LOREC_USAGE);
        tape_free(t);
        mem_free(a);
        mem_free(b);
        lm_model_free(m);
    }
}

/* Gradients through blocks [1, 3) alone, from a given gradient, are those of the whole. */
static void gradients_by_parts(void **state)
{
    (void)state;
    lm_model *m = made(1);
    int64_t width = transformer_settings(m->net)->width, n = (TOKENS + SHORT) * width;
    float *x, *dy, *dx, *expected;
    assert_ok(mem_new(&x, (size_t)n));
    assert_ok(mem_new(&dy, (size_t)n));
    assert_ok(mem_new(&dx, (size_t)n));
    assert_ok(mem_new(&expected, (size_t)n));
    for (int64_t i = 0; i < n; i++) {
        x[i] = sinf((float)i);
        dy[i] = cosf((float)(3 * i));
    }
    tape *t = tape_new(&(tape_options){.train = true});
    for (int parts = 0; parts < 2; parts++) {
        tape_begin(t, 0);
        token_rows in = both(t);
        tensor *leaf = tape_leaf(t, x, 2, (int64_t[]){TOKENS + SHORT, width});
        if (!parts) {
            assert_ok(tape_backward_from(t, transformer_blocks(t, m->net, 1, 3, leaf, &in), dy));
            assert_ok(tensor_read_grad(leaf, expected, n));
            continue;
        }
        float *between, *dbetween;
        assert_ok(mem_new(&between, (size_t)n));
        assert_ok(mem_new(&dbetween, (size_t)n));
        tensor *h = transformer_block(t, m->net, 1, leaf, &in);
        assert_ok(tape_read(t, h, between, n));
        tensor *again = tape_leaf(t, between, 2, (int64_t[]){TOKENS + SHORT, width});
        assert_ok(tape_backward_from(t, transformer_block(t, m->net, 2, again, &in), dy));
        assert_ok(tensor_read_grad(again, dbetween, n));
        tape_begin(t, 0);
        in = both(t);
        leaf = tape_leaf(t, x, 2, (int64_t[]){TOKENS + SHORT, width});
        assert_ok(tape_backward_from(t, transformer_block(t, m->net, 1, leaf, &in), dbetween));
        assert_ok(tensor_read_grad(leaf, dx, n));
        mem_free(between);
        mem_free(dbetween);
    }
    for (int64_t i = 0; i < n; i++) assert_near(dx[i], expected[i], 1e-4 * (1 + fabs((double)expected[i])));
    tape_free(t);
    mem_free(x);
    mem_free(dy);
    mem_free(dx);
    mem_free(expected);
    lm_model_free(m);
}

/* Vectors in place of ids, and both, with -1 for no token. */
static void vectors_for_ids(void **state)
{
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        lm_model *m = made(c);
        const transformer_config *k = transformer_settings(m->net);
        if (k->glm.on) { /* its positions depend on ids */
            lm_model_free(m);
            continue;
        }
        int64_t n = (TOKENS + SHORT) * k->embed_width;
        float *y = whole(m), *x, *z;
        assert_ok(mem_new(&x, (size_t)n));
        assert_ok(mem_new(&z, (size_t)(TOKENS + SHORT) * VOCAB));
        tape *t = tape_new(&(tape_options){.train = false});
        for (int mixed = 0; mixed < 2; mixed++) {
            tape_begin(t, 0);
            token_rows in = both(t);
            tensor *vectors = op_scale(t, op_embed(t, transformer_tensor(m->net, PART_TOKENS, 0), in.ids),
                                       k->embed_scale, 0);
            assert_ok(tape_read(t, vectors, x, n));
            int32_t ids[TOKENS + SHORT];
            memcpy(ids, token, sizeof token);
            memcpy(ids + TOKENS, other, sizeof other);
            for (int r = 0; mixed && r < TOKENS + SHORT; r++) {
                if (r % 2)
                    ids[r] = -1;
                else
                    memset(x + r * k->embed_width, 0, (size_t)k->embed_width * sizeof *x);
            }
            in.ids = mixed ? tape_ids(t, ids, TOKENS + SHORT) : NULL;
            in.vectors = tape_f32(t, x, 2, (int64_t[]){TOKENS + SHORT, k->embed_width});
            assert_ok(tape_read(t, transformer_logits(t, m->net, transformer_hidden(t, m->net, &in)), z,
                                (TOKENS + SHORT) * VOCAB));
            for (int r = 0; r < TOKENS + SHORT; r++) same_logits(c, "from vectors", z + r * VOCAB, y + r * VOCAB);
        }
        tape_free(t);
        mem_free(x);
        mem_free(y);
        mem_free(z);
        lm_model_free(m);
    }
}

/* ---- saved -------------------------------------------------------------------------------------------------------------- */

static void saved_is_the_same(void **state)
{
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        lm_model *m = made(c), *again;
        assert_ok(lm_model_save(m, test_folder()));
        assert_ok(lm_model_open(&again, test_folder()));
        float *x = whole(m), *y = whole(again);
        assert_memory_equal(x, y, (size_t)(TOKENS + SHORT) * VOCAB * sizeof *x);
        assert_true(json_equal(m->config, again->config));
        assert_int_equal(params_count(m->params), params_count(again->params));
        mem_free(x);
        mem_free(y);
        lm_model_free(again);
        lm_model_free(m);
    }
}

/* A config that was written says what the one it was written of says. */
static void written_is_read(void **state)
{
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        json_t *json = parsed(c);
        const lm_arch *a, *b;
        lm_model *m = made(c), *n;
        assert_ok(arch_need(json, &a));
        assert_non_null(a->write);
        json_t *first = a->write(transformer_settings(m->net));
        assert_non_null(first);
        assert_ok(arch_need(first, &b));
        assert_ptr_equal(a, b);
        assert_ok(lm_model_make(&n, first, 11, "written"));
        json_t *second = a->write(transformer_settings(n->net));
        if (!json_equal(first, second))
            fail_msg("%s became %s", json_dumps(first, JSON_COMPACT), json_dumps(second, JSON_COMPACT));
        float *x = whole(m), *y = whole(n); /* initial weights depend on the config too */
        assert_memory_equal(x, y, (size_t)(TOKENS + SHORT) * VOCAB * sizeof *x);
        mem_free(x);
        mem_free(y);
        json_decref(first);
        json_decref(second);
        json_decref(json);
        lm_model_free(m);
        lm_model_free(n);
    }
}

/* ---- refused ------------------------------------------------------------------------------------------------------------- */

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *config, *says;
    } bad[] = {
        {"{\"model_type\": \"llama\", \"num_attention_heads\": 3, \"hidden_size\": 32}", "heads"},
        {"{\"model_type\": \"llama\", \"num_key_value_heads\": 3}", "kv_heads"},
        {"{\"model_type\": \"llama\", \"head_dim\": 2048}", "head"},
        {"{\"model_type\": \"llama\", \"hidden_size\": \"wide\"}", "hidden_size"},
        {"{\"model_type\": \"llama\", \"num_hidden_layers\": -1}", "num_hidden_layers"},
        {"{\"model_type\": \"llama\", \"num_hidden_layers\": 1000000000}", "layers"},
        {"{\"model_type\": \"llama\", \"rope_scaling\": {\"rope_type\": \"su\", \"factor\": 2}}", "su"},
        {"{\"model_type\": \"llama\", \"rope_scaling\": {\"rope_type\": \"linear\"}}", "factor"},
        {"{\"model_type\": \"llama\", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, "
         "\"low_freq_factor\": 4, \"high_freq_factor\": 4}}",
         "low_freq_factor"},
        {"{\"model_type\": \"llama\", \"rope_theta\": 0}", "rope_theta"},
        {"{\"model_type\": \"llama\", \"hidden_act\": \"silo\"}", "silu"},
        {"{\"model_type\": \"llama\", \"attention_dropout\": 1}", "attention_dropout"},
        {"{\"model_type\": \"phi\", \"partial_rotary_factor\": 2}", "partial_rotary_factor"},
        {"{\"model_type\": \"gemma2\", \"layer_types\": [\"full_attention\"]}", "layer_types"},
        {"{\"model_type\": \"gemma2\", \"num_hidden_layers\": 1, \"layer_types\": [\"linear_attention\"]}", "linear_"},
        {"{\"model_type\": \"gemma2\", \"query_pre_attn_scalar\": 0}", "query_pre_attn_scalar"},
        {"{\"model_type\": \"opt\", \"layer_norm_elementwise_affine\": false}", "layer_norm_elementwise_affine"},
        {"{\"model_type\": \"gpt2\", \"scale_attn_by_inverse_layer_idx\": true}", "scale_attn_by_inverse_layer_idx"},
        {"{\"model_type\": \"chatglm\", \"inner_hidden_size\": 8, \"position_encoding_2d\": false}",
         "position_encoding_2d"},
        {"{\"model_type\": \"chatglm\", \"rope_ratio\": 0}", "rope_ratio"},
        {"{\"model_type\": \"llamb\"}", "llama"},
        {"{}", "model_type"},
        {"[]", "model_type"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lm_model *m;
        test_file("config.json", bad[i].config);
        assert_fails(lm_model_open(&m, test_folder()), LOREC_INPUT, bad[i].says);
        assert_null(m);
    }
}

/* A config that does not go with its weights is told from them, before memory is taken for what it says. */
static void weights_of_another(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int64_t value;
        const char *says;
    } lies[] = {
        {"num_hidden_layers", 2, NULL}, /* what the file has beside is left alone */
        {"num_hidden_layers", 4, "model.layers.3."},
        {"intermediate_size", 39, "mlp."},
        {"vocab_size", 40, "model.embed_tokens"},
        {"num_key_value_heads", 1, "self_attn."},
        {"hidden_size", 1 << 20, "model.embed_tokens"},
        {"vocab_size", INT32_MAX - 1, "model.embed_tokens"},
        {"head_dim", 1000, "self_attn."},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        lm_model *m = made(0), *again;
        json_object_set_new(m->config, lies[i].key, json_integer(lies[i].value));
        if (strcmp(lies[i].key, "hidden_size") == 0)
            json_object_set_new(m->config, "num_attention_heads", json_integer(4096));
        assert_ok(lm_model_save(m, test_folder()));
        if (lies[i].says) {
            assert_fails(lm_model_open(&again, test_folder()), LOREC_INPUT, lies[i].says);
            assert_fails(lm_model_open(&again, test_folder()), LOREC_INPUT, test_folder());
        } else {
            assert_ok(lm_model_open(&again, test_folder()));
            lm_model_free(again);
        }
        lm_model_free(m);
    }
}

/* A class name stands for a missing or unknown type. */
static void by_class(void **state)
{
    (void)state;
    const char *text = "{\"model_type\": \"yi\", \"architectures\": [\"LLaMAForCausalLM\"]}";
    json_t *json;
    const lm_arch *a;
    assert_ok(json_parse(&json, text, strlen(text), "config"));
    assert_ok(arch_need(json, &a));
    assert_string_equal(a->type, "llama");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_the_whole),
        cmocka_unit_test(layers_by_parts),
        cmocka_unit_test(gradients_by_parts),
        cmocka_unit_test(vectors_for_ids),
        cmocka_unit_test(saved_is_the_same),
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(refused),
        cmocka_unit_test(by_class),
        cmocka_unit_test(weights_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
