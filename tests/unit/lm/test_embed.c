/* Texts as vectors: pooling against the obvious sums, what a model's files say, batches, limits, broken models. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "lm/embed/embed.h"

enum { VOCAB = 12, WIDTH = 16, POSITIONS = 10, CLS = 2, SEP = 3 };

static const char *const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\n";

/* A BERT of random weights with its tokenizer, in a fresh folder's subfolder `name`. */
static const char *make_model(const char *name, const char *arch)
{
    static char path[512];
    snprintf(path, sizeof path, "%s", test_path(name));
    if (file_exists(path)) assert_ok(folder_remove(path));
    assert_ok(folder_make(path));
    transformer_config c = {.vocab_size = VOCAB,
                            .width = WIDTH,
                            .layers = 2,
                            .heads = 4,
                            .ffn_width = 24,
                            .max_positions = POSITIONS,
                            .token_types = 2,
                            .activation = ACT_GELU,
                            .weights = INIT_NORMAL(.3)};
    lm_model *m;
    assert_ok(lm_model_new(&m, arch, &c, 7));
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    char file[600];
    snprintf(file, sizeof file, "%s/vocab.txt", name);
    test_file(file, vocabulary);
    return path;
}

static void put(const char *model, const char *name, const char *text)
{
    char folder[600], file[700];
    snprintf(folder, sizeof folder, "%s/%s", model, name);
    *strrchr(folder, '/') = 0;
    assert_ok(folder_make(test_path(folder)));
    snprintf(file, sizeof file, "%s/%s", model, name);
    test_file(file, text);
}

/* Hidden states of one sequence, by the model alone: [n, WIDTH]. */
static void hidden(const lm_model *m, const int32_t *id, int32_t n, float *out)
{
    tape *t = tape_new(&(tape_options){0});
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, id, n), .sequences = tape_segments(t, &n, 1)};
    assert_ok(tape_read(t, transformer_hidden(t, m->net, &in), out, n * WIDTH));
    tape_free(t);
}

static void pools(void **state)
{
    (void)state;
    const char *path = make_model("plain", "bert");
    static const struct {
        const char *name;
        double weight[4];
    } sums[] = {{"cls", {1, 0, 0, 0}},
                {"lasttoken", {0, 0, 0, 1}},
                {"mean", {.25, .25, .25, .25}},
                {"mean_sqrt_len_tokens", {.5, .5, .5, .5}},
                {"weightedmean", {.1, .2, .3, .4}}};
    const int32_t id[] = {CLS, 5, 9, SEP};
    for (size_t i = 0; i <= sizeof sums / sizeof *sums; i++) {
        bool max = i == sizeof sums / sizeof *sums;
        embedder *e;
        float x[WIDTH], h[4 * WIDTH];
        assert_ok(embedder_open(&e, path, &(embed_options){.pooling = max ? "max" : sums[i].name}));
        assert_int_equal(embedder_width(e), WIDTH);
        assert_ok(embedder_ids(e, id, &(int32_t){4}, 1, x));
        hidden(embedder_model(e), id, 4, h);
        for (int k = 0; k < WIDTH; k++) {
            double y = max ? -INFINITY : 0;
            for (int r = 0; r < 4; r++) y = max ? fmax(y, h[r * WIDTH + k]) : y + sums[i].weight[r] * h[r * WIDTH + k];
            assert_near(x[k], y, 1e-5);
        }
        embedder_free(e);
    }
    embedder *e;
    assert_fails(embedder_open(&e, path, &(embed_options){.pooling = "median"}), LOREC_USAGE, "lasttoken");
}

/* The same text alone, among others, in batches of few tokens, with one worker: the same vector. */
static void neighbours_do_not_matter(void **state)
{
    (void)state;
    const char *path = make_model("plain", "bert");
    enum { N = 60 };
    char text[N][2 * POSITIONS];
    slice line[N];
    for (int i = 0; i < N; i++) {
        int n = 0;
        for (int k = 0; k < i * 7 % POSITIONS; k++) n += sprintf(text[i] + n, "%c ", 'a' + (i * 3 + k * 5) % 7);
        line[i] = (slice){text[i], (size_t)n}; /* some are empty */
    }
    static float all[N * WIDTH], few[N * WIDTH], one[WIDTH];
    embedder *e;
    assert_ok(embedder_open(&e, path, NULL));
    assert_ok(embedder_texts(e, line, N, all));
    for (int i = 0; i < N; i++) {
        assert_ok(embedder_texts(e, &line[i], 1, one));
        for (int k = 0; k < WIDTH; k++) assert_near(one[k], all[i * WIDTH + k], 1e-6);
    }
    embedder_free(e);
    int workers = par_workers();
    par_set_workers(1);
    assert_ok(embedder_open(&e, path, &(embed_options){.rows_at_once = 9}));
    assert_ok(embedder_texts(e, line, N, few));
    for (int i = 0; i < N * WIDTH; i++) assert_near(few[i], all[i], 1e-6);
    embedder_free(e);
    par_set_workers(workers);
}

static void reads_the_models_files(void **state)
{
    (void)state;
    const char *path = make_model("st", "bert");
    put("st", "modules.json",
        "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
        " {\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"},"
        " {\"path\": \"2_Dense\", \"type\": \"sentence_transformers.models.Dense\"},"
        " {\"path\": \"3_Normalize\", \"type\": \"sentence_transformers.models.Normalize\"}]");
    put("st", "1_Pooling/config.json",
        "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true, \"include_prompt\": false}");
    put("st", "2_Dense/config.json",
        "{\"in_features\": 32, \"out_features\": 5, \"bias\": true,"
        " \"activation_function\": \"torch.nn.modules.activation.Tanh\"}");
    put("st", "sentence_bert_config.json", "{\"max_seq_length\": 8, \"do_lower_case\": true}");
    put("st", "config_sentence_transformers.json",
        "{\"prompts\": {\"query\": \"a b \"}, \"default_prompt_name\": \"query\"}");
    params *ps = params_new(3);
    assert_non_null(params_add(ps, "linear.weight", INIT_NORMAL(.2), 2, (int64_t[]){5, 32}));
    assert_non_null(params_add(ps, "linear.bias", INIT_NORMAL(.2), 1, (int64_t[]){5}));
    assert_ok(params_save(ps, test_path("st/2_Dense/model.safetensors")));
    float w[5 * 32], b[5], h[8 * WIDTH], x[5], y[5];
    assert_ok(tensor_read(params_at(ps, 0), w, 5 * 32));
    assert_ok(tensor_read(params_at(ps, 1), b, 5));
    params_free(ps);

    embedder *e;
    assert_ok(embedder_open(&e, path, NULL));
    assert_int_equal(embedder_width(e), 5);
    assert_int_equal(embedder_max_tokens(e), 8);
    slice text = slice_of("C D E F G A B"); /* [CLS] a b | c d e f [SEP] is what fits */
    assert_ok(embedder_texts(e, &text, 1, x));
    const int32_t id[] = {CLS, 5, 6, 7, 8, 9, 10, SEP};
    hidden(embedder_model(e), id, 8, h);
    double length = 0;
    for (int o = 0; o < 5; o++) {
        double z = b[o];
        for (int k = 0; k < WIDTH; k++) {
            double mean = 0;
            for (int r = 3; r < 8; r++) mean += h[r * WIDTH + k] / 5;
            z += w[o * 32 + k] * h[3 * WIDTH + k] + w[o * 32 + WIDTH + k] * mean;
        }
        y[o] = (float)tanh(z);
        length += y[o] * y[o];
    }
    for (int o = 0; o < 5; o++) assert_near(x[o], y[o] / sqrt(length), 1e-5);
    buf words = {0};
    assert_ok(embedder_describe(e, &words));
    assert_string_equal(words.p, "cls + mean, dense 5, normalized, prompt not pooled, prompt \"a b \", 8 tokens, lower "
                                 "case, f32");
    buf_free(&words);
    embedder_free(e);

    put("st", "1_Pooling/config.json", "{\"pooling_mode\": \"meen\"}");
    assert_fails(embedder_open(&e, path, NULL), LOREC_INPUT, "mean");
    put("st", "modules.json", "[{\"path\": \"../x\", \"type\": \"Transformer\"}]");
    assert_fails(embedder_open(&e, path, NULL), LOREC_INPUT, "out of the model's folder");
    put("st", "modules.json", "[{\"path\": \"\", \"type\": \"x.LSTM\"}]");
    assert_fails(embedder_open(&e, path, NULL), LOREC_INPUT, "x.LSTM");
}

static void short_long_and_broken(void **state)
{
    (void)state;
    const char *path = make_model("plain", "bert");
    embedder *e;
    float x[WIDTH], y[WIDTH], two[2 * WIDTH];
    assert_ok(embedder_open(&e, path, NULL));
    slice empty = {"", 0}, longer = slice_of("a b c d e f g a b c d e f g"), fits = slice_of("a b c d e f g a");
    assert_ok(embedder_texts(e, &empty, 1, x)); /* [CLS] [SEP] */
    assert_ok(embedder_ids(e, (int32_t[]){CLS, SEP}, &(int32_t){2}, 1, y));
    for (int k = 0; k < WIDTH; k++) assert_near(x[k], y[k], 0);
    assert_ok(embedder_texts(e, &longer, 1, x)); /* cut to its positions, [SEP] last */
    assert_ok(embedder_texts(e, &fits, 1, y));
    for (int k = 0; k < WIDTH; k++) assert_near(x[k], y[k], 0);
    assert_ok(embedder_ids(e, (int32_t[]){5}, (int32_t[]){0, 1}, 2, two)); /* nothing; one token */
    for (int k = 0; k < WIDTH; k++) assert_near(two[k], 0, 0);
    assert_true(two[WIDTH] != 0);
    assert_ok(embedder_ids(e, NULL, NULL, 0, NULL));
    assert_fails(embedder_ids(e, (int32_t[]){VOCAB}, &(int32_t){1}, 1, x), LOREC_INPUT, "belong together");
    assert_fails(embedder_ids(e, (int32_t[]){1}, &(int32_t){POSITIONS + 1}, 1, x), LOREC_USAGE, "10");
    embedder_free(e);
    assert_fails(embedder_open(&e, path, &(embed_options){.max_tokens = 2}), LOREC_USAGE, "no room");

    lm_model *m;
    assert_ok(lm_model_open(&m, path));
    float *w;
    tensor *p = params_find(m->params, "bert.embeddings.word_embeddings.weight");
    assert_ok(mem_new(&w, (size_t)tensor_count(p)));
    w[3] = NAN;
    assert_ok(tensor_write(p, w, tensor_count(p)));
    mem_free(w);
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    assert_fails(embedder_open(&e, path, NULL), LOREC_INPUT, "word_embeddings");
}

/* bf16 stays close; GPT-2 takes its last token. */
static void other_kinds(void **state)
{
    (void)state;
    const char *path = make_model("plain", "bert");
    embedder *e;
    float x[WIDTH], y[WIDTH], h[3 * WIDTH];
    const int32_t id[] = {CLS, 7, SEP};
    assert_ok(embedder_open(&e, path, NULL));
    assert_ok(embedder_ids(e, id, &(int32_t){3}, 1, x));
    embedder_free(e);
    assert_ok(embedder_open(&e, path, &(embed_options){.bf16 = true}));
    assert_ok(embedder_ids(e, id, &(int32_t){3}, 1, y));
    embedder_free(e);
    for (int k = 0; k < WIDTH; k++) assert_near(x[k], y[k], .05);

    path = make_model("gpt2", "gpt2");
    assert_ok(embedder_open(&e, path, NULL));
    assert_ok(embedder_ids(e, id, &(int32_t){3}, 1, x));
    hidden(embedder_model(e), id, 3, h);
    for (int k = 0; k < WIDTH; k++) assert_near(x[k], h[2 * WIDTH + k], 1e-6);
    embedder_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools),
        cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(reads_the_models_files),
        cmocka_unit_test(short_long_and_broken),
        cmocka_unit_test(other_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
