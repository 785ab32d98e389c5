/* The public face of language models: every verb against the library below it, and against each other. */
#include <math.h>

#include "lm/embed/embed.h"
#include "lorec/lm.h"
#include "unit/lm/tiny_lm.h"

enum { LETTERS = TINY_VOCAB - 1, END = TINY_VOCAB - 1 };

/* tiny_lm with a vocabulary of the letters a to p and an end. */
static const char *tiny_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s", test_path(name));
    char file[600], words[1024] = "";
    size_t at = 0;
    assert_ok(folder_make(path));
    lm_model *m = tiny_lm(7, 0);
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    for (int i = 0; i < LETTERS; i++)
        at += (size_t)snprintf(words + at, sizeof words - at, "%s\"%c\": %d", i ? ", " : "", 'a' + i, i);
    snprintf(file, sizeof file, "%s/tokenizer.json", name);
    char text[2048];
    snprintf(text, sizeof text,
             "{\"added_tokens\": [{\"id\": %d, \"content\": \"</s>\", \"special\": true}], \"decoder\": {\"type\": "
             "\"Fuse\"}, \"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {%s}}}",
             END, words);
    test_file(file, text);
    return path;
}

static lorec_lm *opened(const char *name)
{
    lorec_lm *m;
    assert_ok(lorec_lm_open(&m, tiny_folder(name), NULL));
    return m;
}

static double log_softmax(const float *row, int64_t vocab, int32_t at)
{
    double most = -INFINITY, sum = 0;
    for (int64_t v = 0; v < vocab; v++) most = row[v] > most ? row[v] : most;
    for (int64_t v = 0; v < vocab; v++) sum += exp(row[v] - most);
    return row[at] - most - log(sum);
}

static void what_it_is(void **state)
{
    (void)state;
    lorec_lm *m = opened("is");
    assert_string_equal(lorec_lm_type(m), "gpt2");
    assert_int_equal(lorec_lm_vocab(m), TINY_VOCAB);
    assert_int_equal(lorec_lm_positions(m), TINY_POSITIONS);
    assert_true(lorec_lm_parameters(m) > 1000);
    lorec_lm_free(m);
    lorec_lm_free(NULL);
    assert_fails(lorec_lm_open(&m, test_path("nothing"), NULL), LOREC_INPUT, "nothing");
    assert_null(m);
    lorec_lm_options o = {.size = sizeof o, .weights = "q5"};
    assert_fails(lorec_lm_open(&m, test_path("is"), &o), LOREC_USAGE, "there are keep, f32");
    o.size = 3;
    assert_fails(lorec_lm_open(&m, test_path("is"), &o), LOREC_USAGE, "sizeof(lorec_lm_options)");
}

static void text_to_ids_and_back(void **state)
{
    (void)state;
    lorec_lm *m = opened("ids");
    int32_t id[8];
    char text[8];
    size_t n;
    assert_ok(lorec_lm_tokenize(m, "cab", 3, 0, NULL, 0, &n)); /* measures */
    assert_int_equal(n, 3);
    assert_ok(lorec_lm_tokenize(m, "cab", 3, 0, id, 8, &n));
    assert_true(id[0] == 2 && id[1] == 0 && id[2] == 1);
    assert_ok(lorec_lm_detokenize(m, id, 3, 0, text, sizeof text, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(text, "cab", 3);
    id[3] = END;
    assert_ok(lorec_lm_detokenize(m, id, 4, 0, text, 2, &n)); /* "cab" in two bytes of room */
    assert_int_equal(n, 3);
    assert_ok(lorec_lm_detokenize(m, id, 4, 1, text, sizeof text, &n));
    assert_int_equal(n, 7);
    id[0] = 99;
    assert_fails(lorec_lm_detokenize(m, id, 1, 0, text, sizeof text, &n), LOREC_INPUT, "99");
    lorec_lm_free(m);
}

/* score is, by definition, the sum of the log softmax of the logits. */
static void scores_are_sums_of_logits(void **state)
{
    (void)state;
    lorec_lm *m = opened("score");
    static const char *const more[] = {"a", "bc", "bcd", "", "p"};
    double sum[5], ended[5];
    int32_t counts[5];
    assert_ok(lorec_lm_score(m, "fade", more, 5, NULL, sum, counts));
    assert_ok(lorec_lm_score(
        m, "fade", more, 5, &(lorec_lm_score_options){.size = sizeof(lorec_lm_score_options), .ends = 1}, ended, NULL));
    for (int i = 0; i < 5; i++) {
        char text[16];
        int32_t id[16];
        size_t n;
        float logits[16 * TINY_VOCAB], last[TINY_VOCAB];
        snprintf(text, sizeof text, "fade%s", more[i]);
        assert_ok(lorec_lm_tokenize(m, text, strlen(text), 0, id, 16, &n));
        assert_ok(lorec_lm_logits(m, id, &(int32_t){(int32_t)n}, 1, 1, logits));
        assert_ok(lorec_lm_logits(m, id, &(int32_t){(int32_t)n}, 1, 0, last));
        double by_hand = 0;
        for (size_t k = 4; k < n; k++) by_hand += log_softmax(logits + (k - 1) * TINY_VOCAB, TINY_VOCAB, id[k]);
        assert_near(sum[i], by_hand, 1e-4);
        assert_near(ended[i] - sum[i], log_softmax(last, TINY_VOCAB, END), 1e-4);
        assert_int_equal(counts[i], strlen(more[i]));
        for (int v = 0; v < TINY_VOCAB; v++) assert_near(last[v], logits[(n - 1) * TINY_VOCAB + (size_t)v], 1e-4);
    }
    const char *long_prompt = "abcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh";
    assert_fails(lorec_lm_score(m, long_prompt, more, 1, NULL, sum, NULL), LOREC_INPUT, "does not fit");
    assert_ok(lorec_lm_score(m, long_prompt, more, 1,
                             &(lorec_lm_score_options){.size = sizeof(lorec_lm_score_options), .cut = 1}, sum, NULL));
    assert_fails(lorec_lm_score(m, "", more, 1, NULL, sum, NULL), LOREC_INPUT, "empty");
    assert_ok(lorec_lm_score(m, "fade", NULL, 0, NULL, NULL, NULL));
    float row[TINY_VOCAB];
    assert_fails(lorec_lm_logits(m, &(int32_t){-1}, &(int32_t){1}, 1, 0, row), LOREC_USAGE, "the id -1");
    assert_fails(lorec_lm_logits(m, &(int32_t){1}, &(int32_t){0}, 1, 0, row), LOREC_USAGE, "sequence 0 has 0 tokens");
    lorec_lm_free(m);
}

typedef struct told {
    char text[64];
    size_t n;
    int pieces, stop_after;
} told;
static int tell(void *ctx, int64_t number, const char *bytes, size_t n)
{
    told *t = ctx;
    assert_int_equal(number, 0);
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
    return ++t->pieces >= t->stop_after;
}

static void texts_come_out(void **state)
{
    (void)state;
    lorec_lm *m = opened("says");
    lorec_generated *g;
    lorec_generated_text t = {.size = sizeof t}, best = t, beam = t;
    told heard = {.stop_after = 100};
    lorec_lm_generate_options o = {.size = sizeof o, .tokens = 6, .no_end = 1, .text = tell, .ctx = &heard};
    assert_ok(lorec_lm_generate(&g, m, "fade", &o));
    assert_int_equal(lorec_generated_count(g), 1);
    assert_ok(lorec_generated_at(g, 0, &t));
    assert_int_equal(t.n_ids, 6);
    assert_string_equal(t.ended, "length");
    assert_int_equal(t.choice, -1);
    assert_true(heard.n == t.n_text && memcmp(heard.text, t.text, t.n_text) == 0);
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)t.n_text, t.text);
    double sum;
    assert_ok(lorec_lm_score(m, "fade", (const char *const[]){first}, 1, NULL, &sum, NULL));
    if (strlen(first) == 6) assert_near(sum, t.logp, 1e-4); /* no end token among the six */
    assert_fails(lorec_generated_at(g, 1, &t), LOREC_USAGE, "text 1 of 1");
    lorec_generated_free(g);

    heard = (told){.stop_after = 2};
    assert_ok(lorec_lm_generate(&g, m, "fade", &o));
    assert_ok(lorec_generated_at(g, 0, &t));
    assert_string_equal(t.ended, "cancelled");
    assert_true(t.n_ids < 6);
    lorec_generated_free(g);

    o = (lorec_lm_generate_options){.size = sizeof o, .tokens = 5, .temperature = 3, .samples = 4, .seed = 9};
    lorec_generated *again;
    assert_ok(lorec_lm_generate(&g, m, "fade", &o));
    assert_ok(lorec_lm_generate(&again, m, "fade", &o));
    bool differ = false;
    for (size_t i = 0; i < 4; i++) {
        assert_ok(lorec_generated_at(g, i, &t));
        assert_ok(lorec_generated_at(again, i, &best));
        assert_true(t.n_ids == best.n_ids && memcmp(t.ids, best.ids, t.n_ids * sizeof *t.ids) == 0);
        if (i == 0) continue;
        assert_ok(lorec_generated_at(g, 0, &best));
        differ |= t.n_ids != best.n_ids || memcmp(t.ids, best.ids, t.n_ids * sizeof *t.ids) != 0;
    }
    assert_true(differ);
    lorec_generated_free(g);
    lorec_generated_free(again);

    /* nothing but these three: a beam as wide finds all, best first */
    static const char *const titles[] = {"heat", "hind", "pi"};
    o = (lorec_lm_generate_options){.size = sizeof o, .beams = 3, .only = titles, .n_only = 3};
    assert_ok(lorec_lm_generate(&g, m, "fade", &o));
    assert_int_equal(lorec_generated_count(g), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(lorec_generated_at(g, i, &t));
        assert_true(t.choice >= 0);
        assert_memory_equal(t.text, titles[t.choice], t.n_text);
        if (i) assert_true(t.logp <= beam.logp);
        beam = t;
    }
    lorec_generated_free(g);
    o = (lorec_lm_generate_options){.size = sizeof o, .only = titles, .n_only = 3};
    assert_ok(lorec_lm_generate(&g, m, "fade", &o));
    assert_ok(lorec_generated_at(g, 0, &t));
    assert_true(t.choice >= 0);
    lorec_generated_free(g);

    o = (lorec_lm_generate_options){.size = sizeof o, .samples = 2};
    assert_fails(lorec_lm_generate(&g, m, "fade", &o), LOREC_USAGE, "temperature");
    assert_null(g);
    o = (lorec_lm_generate_options){.size = sizeof o, .beams = 2, .temperature = 1};
    assert_fails(lorec_lm_generate(&g, m, "fade", &o), LOREC_USAGE, "beams go without");
    o = (lorec_lm_generate_options){.size = sizeof o, .only = (const char *const[]){""}, .n_only = 1};
    assert_fails(lorec_lm_generate(&g, m, "fade", &o), LOREC_INPUT, "empty");
    lorec_lm_free(m);
}

static int at_once(void *ctx)
{
    (void)ctx;
    return 1;
}

static void the_watch_stops_it(void **state)
{
    (void)state;
    lorec_lm *m = opened("stops");
    lorec_generated *g;
    double sum;
    float row[TINY_VOCAB];
    assert_ok(lorec_watch_thread(&(lorec_watch){.size = sizeof(lorec_watch), .stop = at_once}));
    assert_fails(lorec_lm_generate(&g, m, "fade", NULL), LOREC_CANCELLED, "stopped");
    assert_null(g);
    assert_fails(lorec_lm_score(m, "fade", (const char *const[]){"a"}, 1, NULL, &sum, NULL), LOREC_CANCELLED,
                 "stopped");
    assert_fails(lorec_lm_logits(m, (int32_t[]){1, 2}, &(int32_t){2}, 1, 0, row), LOREC_CANCELLED, "stopped");
    assert_ok(lorec_watch_thread(NULL));
    assert_ok(lorec_lm_generate(&g, m, "fade", NULL));
    lorec_generated_free(g);
    lorec_lm_free(m);
}

static void texts_become_vectors(void **state)
{
    (void)state;
    int64_t width;
    float x[3 * TINY_WIDTH], y[3 * TINY_WIDTH];
    static const char *const texts[] = {"fade", "a", "heathen"};
    lorec_lm *m;
    assert_ok(lorec_lm_open(&m, tiny_folder("embeds"),
                            &(lorec_lm_options){.size = sizeof(lorec_lm_options), .pooling = "mean", .normalize = 1}));
    assert_ok(lorec_lm_width(m, &width));
    assert_int_equal(width, TINY_WIDTH);
    assert_ok(lorec_lm_embed(m, texts, 3, x));
    embedder *e;
    slice text[3];
    for (int i = 0; i < 3; i++) text[i] = slice_of(texts[i]);
    assert_ok(
        embedder_open(&e, test_path("embeds"), &(embed_options){.pooling = "mean", .normalize = EMBED_NORMALIZE}));
    assert_ok(embedder_texts(e, text, 3, y));
    assert_memory_equal(x, y, sizeof x);
    embedder_free(e);
    double length = 0;
    for (int i = 0; i < TINY_WIDTH; i++) length += (double)x[i] * (double)x[i];
    assert_near(length, 1, 1e-5);
    lorec_lm_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_it_is),
                                       cmocka_unit_test(text_to_ids_and_back),
                                       cmocka_unit_test(scores_are_sums_of_logits),
                                       cmocka_unit_test(texts_come_out),
                                       cmocka_unit_test(the_watch_stops_it),
                                       cmocka_unit_test(texts_become_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
