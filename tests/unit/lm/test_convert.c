/* From Hugging Face's folders to GGUF and back: every architecture computes what it did, and files say what they should. */
#include "support/support.h"

#include <math.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/convert/convert.h"
#include "lm/gguf/arch.h"
#include "lm/parity/parity.h"
#include "tensor/safetensors.h"

static void copy(const char *from_folder, const char *name, const char *to_folder)
{
    buf from = {0}, to = {0}, bytes = {0};
    assert_ok(path_join(&from, from_folder, name));
    assert_ok(path_join(&to, to_folder, name));
    if (file_exists(from.p)) {
        assert_ok(file_read(&bytes, from.p, 1 << 26));
        writer w;
        assert_ok(writer_open(&w, to.p));
        writer_put(&w, bytes.p, bytes.n);
        assert_ok(writer_commit(&w));
    }
    buf_free(&from);
    buf_free(&to);
    buf_free(&bytes);
}

static convert_report to_gguf(const char *from, const char *path, convert_options o)
{
    weights *w;
    convert_report r;
    assert_ok(weights_open(&w, from));
    assert_ok(convert_to_gguf(w, path, &o, &r));
    weights_close(w);
    return r;
}

static convert_report to_folder(const char *from, const char *folder, convert_options o)
{
    weights *w;
    convert_report r;
    assert_ok(weights_open(&w, from));
    assert_ok(folder_remove(folder));
    assert_ok(convert_to_folder(w, folder, &o, &r));
    weights_close(w);
    return r;
}

/* GGUF keeps the bodies of encoders, not what they say with a head of their own. */
static bool has_head(const char *name)
{
    return strcmp(name, "bert") != 0 && strcmp(name, "roberta") != 0;
}

static void there_and_back(const char *from, const char *name)
{
    char gguf_path[1024], folder[1024];
    snprintf(gguf_path, sizeof gguf_path, "%s.gguf", test_path(name));
    snprintf(folder, sizeof folder, "%s", test_path(name));
    to_gguf(from, gguf_path, (convert_options){.typed = true, .type = ELEM_F32});
    to_folder(gguf_path, folder, (convert_options){.shard_bytes = 100000});
    static const char *const files[] = {"input_ids.npy",
                                        "decoder_input_ids.npy",
                                        "attention_mask.npy",
                                        "logits.npy",
                                        "encoder_hidden_states.npy",
                                        "decoder_hidden_states.npy",
                                        "hidden_states.npy",
                                        "meta.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (has_head(name) || strcmp(files[i], "logits.npy") != 0) copy(from, files[i], folder);
    parity p;
    assert_ok(parity_check(&p, folder));
    for (size_t i = 0; i < p.n; i++)
        if (!parity_ok(&p.row[i]))
            print_error("%s, %s: %g, allowed %g\n", name, p.row[i].what, p.row[i].error, p.row[i].allowed);
    assert_true(p.n >= 3);
    assert_int_equal(p.failed, 0);
    parity_free(&p);
}

static void every_architecture(void **state)
{
    (void)state;
    log_set_level(LOG_QUIET);
    static const char *const names[] = {"llama", "llama3-rope", "mistral-window", "qwen2",  "qwen3",
                                        "gpt2",  "phi",         "gpt-neox",       "bloom",  "glm",
                                        "t5",    "flan-t5",     "bert",           "roberta"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char below[64];
        snprintf(below, sizeof below, "oracle/%s", names[i]);
        const char *from = shared_path(below);
        if (!from) skip_without_shared("fixtures of transformers");
        there_and_back(from, names[i]);
    }
}

static void what_transformers_has_no_class_for(void **state)
{
    (void)state;
    log_set_level(LOG_QUIET);
    static const char *const names[] = {"baichuan-7b", "baichuan2-13b", "chatglm2", "qwen-long"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[1024];
        snprintf(from, sizeof from, "%s/tests/oracle/%s", getenv("LOREC_SOURCE_DIR"), names[i]);
        there_and_back(from, names[i]);
    }
}

/* Another scale of attention scores than the heads' width has no key in GGUF: it has to be refused, not lost. */
static void what_gguf_can_not_say(void **state)
{
    (void)state;
    const char *from = shared_path("oracle/gemma2");
    if (!from) skip_without_shared("fixtures of transformers");
    weights *w;
    convert_report r;
    assert_ok(weights_open(&w, from));
    assert_fails(convert_to_gguf(w, test_path("gemma2.gguf"), &(convert_options){0}, &r), LOREC_INPUT,
                 "query_pre_attn_scalar");
    assert_false(file_exists(test_path("gemma2.gguf")));
    weights_close(w);
    from = shared_path("oracle/opt");
    assert_ok(weights_open(&w, from));
    assert_fails(convert_to_gguf(w, test_path("opt.gguf"), &(convert_options){0}, &r), LOREC_INPUT, "\"opt\"");
    assert_fails(convert_to_folder(w, test_path("q8"), &(convert_options){.typed = true, .type = ELEM_Q8_0}, &r),
                 LOREC_USAGE, ".gguf");
    weights_close(w);
}

/* ---- without fixtures: a LLaMA of our own ------------------------------------------------------------------------------------ */

enum { WIDTH = 64, HEADS = 4, KV = 2, FFN = 96, VOCAB = 40, LAYERS = 2 };

static const char *small_llama(void)
{
    static char path[1024];
    int32_t header[] = {WIDTH, FFN, LAYERS, HEADS, KV, VOCAB, 32};
    size_t n = (size_t)VOCAB * WIDTH +
               LAYERS * (2 * WIDTH + 2 * WIDTH * WIDTH + 2 * WIDTH * WIDTH / HEADS * KV + 3 * WIDTH * FFN) + WIDTH +
               32 * WIDTH / HEADS;
    snprintf(path, sizeof path, "%s", test_path("small.bin"));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(header, sizeof header, 1, f);
    for (size_t i = 0; i < n; i++) {
        float v = (float)((double)((i * 2654435761u) % 1000003) / 1000003 - .5) * .2f;
        fwrite(&v, sizeof v, 1, f);
    }
    assert_int_equal(fclose(f), 0);
    return path;
}

static double worst_difference(const char *a, const char *b)
{
    weights *x, *y;
    double worst = 0;
    assert_ok(weights_open(&x, a));
    assert_ok(weights_open(&y, b));
    assert_int_equal(weights_count(x), weights_count(y));
    for (size_t i = 0; i < weights_count(x); i++) {
        const weight *p = weights_at(x, i), *q = weights_find(y, p->name);
        assert_non_null(q);
        int64_t n = weight_values(p);
        assert_int_equal(n, weight_values(q));
        float *u, *v, most = 0;
        assert_ok(mem_new(&u, (size_t)n));
        assert_ok(mem_new(&v, (size_t)n));
        assert_ok(weights_read_f32(x, p, 0, weight_rows(p), u));
        assert_ok(weights_read_f32(y, q, 0, weight_rows(q), v));
        for (int64_t k = 0; k < n; k++) most = fmaxf(most, fabsf(u[k]));
        bool turned = p->transposed != q->transposed;
        int64_t rows = weight_rows(p), width = rows ? n / rows : 0;
        for (int64_t k = 0; k < n; k++)
            worst = fmax(worst, fabs((double)u[k] - v[turned ? k % width * rows + k / width : k]) / most);
        mem_free(u);
        mem_free(v);
    }
    weights_close(x);
    weights_close(y);
    return worst;
}

static void types_keep_what_they_can(void **state)
{
    (void)state;
    char from[1024];
    snprintf(from, sizeof from, "%s", small_llama());
    static const struct {
        elem t;
        double most;
    } rows[] = {{ELEM_F32, 0},    {ELEM_F16, 5e-4}, {ELEM_BF16, 4e-3}, {ELEM_Q8_0, 4.1e-3}, {ELEM_Q5_0, .07},
                {ELEM_Q5_1, .05}, {ELEM_Q4_0, .14}, {ELEM_Q4_1, .08},  {ELEM_Q4_K, .07},    {ELEM_Q6_K, 4.1e-3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        convert_options o = {.typed = true, .type = rows[i].t, .name = "small"};
        char path[1024];
        snprintf(path, sizeof path, "%s.gguf", test_path(elem_name(rows[i].t)));
        convert_report r = to_gguf(from, path, o);
        assert_int_equal(r.tensors, 2 + 9 * LAYERS);
        assert_int_equal(r.left_out, 0);
        if (rows[i].t == ELEM_Q4_K) assert_int_equal(r.wider, 1 + 7 * LAYERS); /* rows of 64 and 96: by 32 instead */
        double worst = worst_difference(from, path);
        if (!(worst <= rows[i].most)) fail_msg("%s: %g, more than %g", elem_name(rows[i].t), worst, rows[i].most);
    }
    /* GGUF to GGUF in its own type changes nothing, nor does the way through a folder */
    char a[1024], b[1024];
    snprintf(a, sizeof a, "%s", test_path("Q4_0.gguf"));
    snprintf(b, sizeof b, "%s", test_path("again.gguf"));
    to_gguf(a, b, (convert_options){0});
    assert_true(worst_difference(a, b) == 0);
    snprintf(b, sizeof b, "%s", test_path("as-f32"));
    to_folder(a, b, (convert_options){0});
    assert_true(worst_difference(a, b) == 0);
}

/* ---- every row of every table, on matrices of a few values ---------------------------------------------------------------------- */

enum { TINY = 4, TINY_FFN = 6, TINY_VOCAB = 5 };

static void shape_of(const gguf_arch *a, const gguf_name *row, int64_t shape[2], int *ndim)
{
    const char *g = row->gguf;
    bool gated = strcmp(a->type, "chatglm") == 0 || strcmp(a->type, "glm") == 0;
    bool up = strstr(g, "ffn_up") || strstr(g, "ffn_gate"),
         table = strcmp(g, "token_embd") == 0 || strcmp(g, "output") == 0;
    *ndim = strstr(g, "norm") ? 1 : 2;
    shape[0] = *ndim == 1 || !table ? TINY : TINY_VOCAB;
    shape[1] = strstr(g, "ffn_down") ? TINY_FFN : TINY;
    if (strstr(g, "qkv") || row->how == GGUF_STACK_Q) shape[0] = 3 * TINY;
    if (up) shape[0] = gated ? 2 * TINY_FFN : TINY_FFN;
    if (strstr(g, "position_embd") || strstr(g, "token_types")) shape[0] = 2;
    if (strstr(g, "rel_b")) shape[0] = 32, shape[1] = 2;
    if (row->how == GGUF_TURNED) {
        int64_t in = shape[1];
        shape[1] = shape[0];
        shape[0] = in;
    }
}

static const char *tiny_folder(const gguf_arch *a)
{
    enum { ROWS = 64 };
    static char folder[1024], names[ROWS][128];
    static int64_t shapes[ROWS][2];
    static float values[1024];
    st_item items[2 * ROWS];
    size_t n = 0;
    for (size_t i = 0; i < 1024; i++) values[i] = (float)((i * 37) % 101) - 50;
    for (const gguf_name *row = a->names; row->gguf; row++) {
        bool first = row->how == GGUF_SAME || (row->how >= GGUF_PAIRED && row->how <= GGUF_STACK_Q) ||
                     row->how == GGUF_GATED;
        if (!first) continue; /* the others are named by their first */
        int ndim;
        gguf_match m = {row, strstr(row->hf, "%d") ? 0 : -1, slice_of("weight")};
        buf name = {0};
        assert_true(n < ROWS);
        assert_ok(gguf_arch_name(&name, row->hf, &m));
        snprintf(names[n], sizeof names[n], "%s", name.p);
        buf_free(&name);
        shape_of(a, row, shapes[n], &ndim);
        items[n] = (st_item){names[n], ELEM_F32, ndim, shapes[n], values + 3 * n};
        n++;
    }
    snprintf(folder, sizeof folder, "%s-tiny", test_path(a->type));
    assert_ok(folder_make(folder));
    char path[1100];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_ok(safetensors_write(path, items, n, NULL, 0));
    json_t *config = json_pack(
        "{s:s,s:b,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "model_type", a->type,
        "tie_word_embeddings", false, "vocab_size", TINY_VOCAB, "hidden_size", TINY, "n_embd", TINY, "d_model", TINY,
        "num_hidden_layers", 1, "n_layer", 1, "num_layers", 1, "num_attention_heads", 2, "n_head", 2, "num_heads", 2,
        "num_key_value_heads", 2, "multi_query_group_num", 2, "intermediate_size", TINY_FFN, "d_ff", TINY_FFN,
        "ffn_hidden_size", TINY_FFN, "head_dim", 2, "max_position_embeddings", 2, "d_kv", 2);
    assert_non_null(config);
    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_ok(json_write(config, path));
    json_decref(config);
    return folder;
}

static void every_row_of_the_tables(void **state)
{
    (void)state;
    log_set_level(LOG_QUIET);
    size_t n = 0;
    for (const gguf_arch *a; (a = gguf_arch_at(n)); n++) {
        char from[1024], file[1024];
        if (strcmp(a->gguf, "bert") == 0 && strcmp(a->type, "bert") != 0) continue; /* comes back as a BERT: above */
        snprintf(from, sizeof from, "%s", tiny_folder(a));
        snprintf(file, sizeof file, "%s-tiny.gguf", test_path(a->type));
        convert_report r = to_gguf(from, file, (convert_options){0});
        assert_int_equal(r.left_out, 0);
        if (worst_difference(from, file) != 0) fail_msg("%s: other values came back", a->type);
        weights *w;
        assert_ok(weights_open(&w, file));
        const char *type = json_string_value(json_object_get(weights_config(w), "model_type"));
        bool other = strcmp(a->type, "mistral") == 0 || strcmp(a->type, "mt5") == 0; /* they are LLaMA and T5 there */
        if (!other) assert_string_equal(type, a->type);
        weights_close(w);
    }
    assert_true(n >= 15);
}

static void into_a_folder(void **state)
{
    (void)state;
    char from[1024], folder[1024];
    snprintf(from, sizeof from, "%s", small_llama());
    snprintf(folder, sizeof folder, "%s", test_path("sharded"));
    to_folder(from, folder, (convert_options){.shard_bytes = 60000});
    assert_true(file_exists(test_path("sharded/model.safetensors.index.json")));
    assert_true(worst_difference(from, folder) == 0);
    weights *w;
    convert_report r;
    assert_ok(weights_open(&w, from));
    assert_fails(convert_to_folder(w, folder, &(convert_options){0}, &r), LOREC_USAGE, "not empty");
    for (size_t k = 1; k < 400; k++) { /* the disk is full at the k-th write: no config.json, no model */
        assert_ok(folder_remove(folder));
        file_fail_at(k);
        lorec_err e = convert_to_folder(w, folder, &(convert_options){.shard_bytes = 60000}, &r);
        file_fail_at(0);
        if (!e) break;
        assert_int_equal(e, LOREC_RESOURCE);
        assert_false(file_exists(test_path("sharded/config.json")));
    }
    weights_close(w);
    assert_true(worst_difference(from, folder) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture),      cmocka_unit_test(what_transformers_has_no_class_for),
        cmocka_unit_test(what_gguf_can_not_say),   cmocka_unit_test(types_keep_what_they_can),
        cmocka_unit_test(every_row_of_the_tables), cmocka_unit_test(into_a_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
