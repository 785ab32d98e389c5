/* Vocabularies made from a corpus: merges worked out by hand, order does not count, texts come back. */
#include "support/support.h"

#include "base/mem.h"
#include "text/tokenizer.h"
#include "text/tokenizer_train.h"

static const char *const corpus[] = {"low low low low low", "lower lower", "newest newest newest newest newest newest",
                                     "widest widest widest",
                                     "\xE4\xBD\xA0\xE5\xA5\xBD \xE4\xBD\xA0\xE5\xA5\xBD the lower the better"};
enum { TEXTS = sizeof corpus / sizeof *corpus };

static json_t *train(tokenizer_training s, bool backwards)
{
    tokenizer_trainer *tr;
    json_t *file;
    assert_ok(tokenizer_trainer_new(&tr, &s));
    for (size_t i = 0; i < TEXTS; i++)
        assert_ok(tokenizer_trainer_add(tr, slice_of(corpus[backwards ? TEXTS - 1 - i : i])));
    assert_ok(tokenizer_trainer_finish(tr, &file));
    tokenizer_trainer_free(tr);
    return file;
}

static tokenizer *open_file(const json_t *file)
{
    char *text = json_dumps(file, 0);
    tokenizer *t;
    assert_non_null(text);
    assert_ok(tokenizer_from_json(&t, slice_of(text), "trained"));
    free(text);
    return t;
}

static void comes_back(const tokenizer *t, slice text, size_t most)
{
    tokens ids = {0};
    buf back = {0};
    assert_ok(tokenizer_encode(t, text, TOKENIZER_PLAIN, &ids));
    assert_true(ids.n <= most);
    assert_ok(tokenizer_decode(t, ids.id, ids.n, TOKENIZER_PLAIN, &back));
    assert_int_equal(back.n, text.n);
    assert_memory_equal(back.p, text.p, text.n);
    tokens_free(&ids);
    buf_free(&back);
}

static void merges_by_hand(void **state)
{
    (void)state;
    json_t *file = train((tokenizer_training){.kind = TOKENIZER_BPE, .size = 257 + 6}, false);
    const json_t *merges = json_object_get(json_object_get(file, "model"), "merges");
    /* "es" and "st" occur 9 times, as does "Ġn" 5 and "lo" 9 (low 5, lower 4); of equal counts the smaller ids come first */
    static const char *const due[] = {"e s", "es t", "l o", "lo w"};
    for (size_t i = 0; i < sizeof due / sizeof *due; i++)
        assert_string_equal(json_string_value(json_array_get(merges, i)), due[i]);
    assert_int_equal(json_array_size(merges), 6);
    tokenizer *t = open_file(file);
    assert_int_equal(tokenizer_size(t), 263);
    comes_back(t, slice_of("lowest"), 2);
    comes_back(t, (slice){"a\0\xFF \n", 5}, 5);
    tokenizer_free(t);
    json_decref(file);
}

static void order_does_not_count(void **state)
{
    (void)state;
    for (int kind = TOKENIZER_BPE; kind <= TOKENIZER_UNIGRAM; kind++) {
        json_t *a = train((tokenizer_training){.kind = kind, .size = 300}, false);
        json_t *b = train((tokenizer_training){.kind = kind, .size = 300}, true);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
    }
}

static void likely_pieces(void **state)
{
    (void)state;
    json_t *file = train(
        (tokenizer_training){.kind = TOKENIZER_UNIGRAM, .size = 4 + 256 + 24, .bos = "<s>", .eos = "</s>"}, false);
    tokenizer *t = open_file(file);
    assert_true(tokenizer_size(t) <= 284);
    int32_t id;
    assert_true(tokenizer_find(t, slice_of("\xE2\x96\x81newest"), &id));
    comes_back(t, slice_of("newest low"), 2);
    comes_back(t, slice_of("  a \xF0\x9F\x98\x80 b"), 20); /* characters that were never seen: by their bytes */
    comes_back(t, (slice){"low\xFF\xFE\0er", 8}, 20);
    tokens ids = {0};
    assert_ok(tokenizer_encode(t, slice_of("low"), TOKENIZER_FRAME, &ids));
    assert_int_equal(ids.n, 3);
    assert_int_equal(ids.id[0], tokenizer_special(t, TOKENIZER_BOS));
    assert_int_equal(ids.id[2], tokenizer_special(t, TOKENIZER_EOS));
    tokens_free(&ids);
    tokenizer_free(t);
    json_decref(file);
}

static void refusals(void **state)
{
    (void)state;
    tokenizer_trainer *tr;
    json_t *file;
    assert_fails(tokenizer_trainer_new(&tr, &(tokenizer_training){.size = 100}), LOREC_USAGE, "from 258");
    assert_ok(tokenizer_trainer_new(&tr, &(tokenizer_training){.size = 300}));
    assert_fails(tokenizer_trainer_finish(tr, &file), LOREC_INPUT, "no words");
    tokenizer_trainer_free(tr);
    assert_ok(tokenizer_trainer_new(&tr, &(tokenizer_training){.size = 300, .bos = "<none>"}));
    assert_ok(tokenizer_trainer_add(tr, slice_of("a\xFF b")));
    assert_fails(tokenizer_trainer_finish(tr, &file), LOREC_USAGE, "<none>");
    tokenizer_trainer_free(tr);
}

/* Every allocation fails once, and then all from there on, until it gets through. */
static void memory_runs_out(void **state)
{
    (void)state;
    for (int kind = TOKENIZER_BPE; kind <= TOKENIZER_UNIGRAM; kind++)
        for (size_t at = 1;; at += 1 + at / 20) {
            tokenizer_trainer *tr = NULL;
            json_t *file = NULL;
            mem_fail_at(at, at & 1);
            lorec_err e = tokenizer_trainer_new(&tr, &(tokenizer_training){.kind = kind, .size = 280});
            for (size_t i = 0; i < TEXTS && !e; i++) e = tokenizer_trainer_add(tr, slice_of(corpus[i]));
            if (!e) e = tokenizer_trainer_finish(tr, &file);
            size_t seen = mem_fail_at(0, false);
            json_decref(file);
            tokenizer_trainer_free(tr);
            if (seen < at) break;
            assert_int_equal(e, LOREC_RESOURCE);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(merges_by_hand), cmocka_unit_test(order_does_not_count),
                                       cmocka_unit_test(likely_pieces), cmocka_unit_test(refusals),
                                       cmocka_unit_test(memory_runs_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
