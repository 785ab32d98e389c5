/* Small vocabularies written by hand, each model and what stands around it, against ids worked out by hand. */
#include "support/support.h"

#include "base/threads.h"
#include "text/tokenizer.h"

static const char byte_level[] =
    "{\"added_tokens\": [{\"id\": 10, \"content\": \"<|end|>\", \"special\": true}, {\"id\": 11, \"content\": "
    "\"LOL\"}],"
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"decoder\": {\"type\": \"ByteLevel\"},"
    "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"A\", \"type_id\": "
    "0}},"
    "{\"SpecialToken\": {\"id\": \"<|end|>\", \"type_id\": 0}}], \"pair\": [{\"Sequence\": {\"id\": \"A\", "
    "\"type_id\": 0}},"
    "{\"SpecialToken\": {\"id\": \"<|end|>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}],"
    "\"special_tokens\": {\"<|end|>\": {\"id\": \"<|end|>\", \"ids\": [10], \"tokens\": [\"<|end|>\"]}}},"
    "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"\\u0120\": 3, \"ab\": 4, \"abc\": 5,"
    "\"\\u0120ab\": 6, \"\\u00ff\": 7, \"bc\": 8, \"<\": 9}, \"merges\": [\"a b\", \"b c\", \"ab c\", \"\\u0120 "
    "ab\"]}}";

static tokenizer *open_json(const char *json)
{
    tokenizer *t;
    assert_ok(tokenizer_from_json(&t, slice_of(json), "test.json"));
    return t;
}

static void assert_ids(const tokenizer *t, slice text, unsigned flags, const int32_t *want, size_t n)
{
    tokens got = {0};
    assert_ok(tokenizer_encode(t, text, flags, &got));
    if (got.n != n) fail_msg("\"%.*s\": %zu ids where %zu are due", (int)text.n, text.p, got.n, n);
    for (size_t i = 0; i < n; i++)
        if (got.id[i] != want[i])
            fail_msg("\"%.*s\": id %zu is %d, not %d", (int)text.n, text.p, i, got.id[i], want[i]);
    tokens_free(&got);
}
#define IDS(t, text, flags, ...)                                                                                       \
    assert_ids(t, slice_of(text), flags, (const int32_t[]){__VA_ARGS__},                                               \
               sizeof(int32_t[]){__VA_ARGS__} / sizeof(int32_t))

static void assert_text(const tokenizer *t, const int32_t *id, size_t n, unsigned flags, slice want)
{
    buf got = {0};
    assert_ok(tokenizer_decode(t, id, n, flags, &got));
    if (got.n != want.n || memcmp(got.p, want.p, want.n))
        fail_msg("\"%s\" where \"%.*s\" is due", got.p, (int)want.n, want.p);
    buf_free(&got);
}

static void merges_by_rank(void **state)
{
    (void)state;
    tokenizer *t = open_json(byte_level);
    IDS(t, "abc", TOKENIZER_PLAIN, 5);
    IDS(t, "ab abc bc", TOKENIZER_PLAIN, 4, 3, 5, 3, 8); /* "a b" ranks first, "bc" only where no a stands before */
    IDS(t, "bcab", TOKENIZER_PLAIN, 8, 4);
    IDS(t, " ab", TOKENIZER_PLAIN, 6);
    assert_ids(t, slice_of(""), TOKENIZER_PLAIN, NULL, 0);
    assert_int_equal(tokenizer_size(t), 12);
    assert_true(slice_is(tokenizer_piece(t, 5), "abc"));
    assert_null(tokenizer_piece(t, 12).p);
    tokenizer_free(t);
}

static void special_tokens_only_where_asked(void **state)
{
    (void)state;
    tokenizer *t = open_json(byte_level);
    IDS(t, "a<|end|>", TOKENIZER_PARSE_SPECIAL, 0, 10);
    IDS(t, "a<", TOKENIZER_FRAME, 0, 9, 10);
    IDS(t, "aLOLb", TOKENIZER_PLAIN, 0, 11, 1); /* added, not special: always */
    tokens got = {0}, segment = {0};
    assert_ok(tokenizer_encode_pair(t, slice_of("a"), slice_of("bc"), TOKENIZER_FRAME, &got, &segment));
    assert_int_equal(got.n, 3);
    assert_int_equal(got.id[1], 10);
    assert_int_equal(segment.id[1], 0);
    assert_int_equal(segment.id[2], 1);
    assert_text(t, got.id, got.n, TOKENIZER_PLAIN, slice_of("abc"));
    assert_text(t, got.id, got.n, TOKENIZER_PARSE_SPECIAL, slice_of("a<|end|>bc"));
    assert_int_equal(tokenizer_is_special(t, 10), 1);
    assert_int_equal(tokenizer_is_special(t, 11), 0);
    tokens_free(&got);
    tokens_free(&segment);
    buf none = {0};
    assert_fails(tokenizer_decode(t, (int32_t[]){99}, 1, 0, &none), LOREC_INPUT, "99");
    assert_int_equal(none.n, 0);
    buf_free(&none);
    tokenizer_free(t);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    tokenizer *t = open_json(byte_level);
    assert_ids(t, (slice){"a\xFF", 2}, TOKENIZER_PLAIN, (int32_t[]){0, 7}, 2);
    assert_text(t, (int32_t[]){0, 7, 0}, 3, TOKENIZER_PLAIN,
                (slice){"a\xFF"
                        "a",
                        3});
    tokenizer_free(t);
}

static const char wordpiece[] =
    "{\"normalizer\": {\"type\": \"BertNormalizer\"}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
    "\"decoder\": {\"type\": \"WordPiece\"}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\","
    "\"continuing_subword_prefix\": \"##\", \"vocab\": {\"[UNK]\": 0, \"un\": 1, \"##able\": 2, \"##a\": 3, \"able\": "
    "4,"
    "\".\": 5, \"\\u4e2d\": 6}}}";

static void longest_piece_first(void **state)
{
    (void)state;
    tokenizer *t = open_json(wordpiece);
    IDS(t, "unable", TOKENIZER_PLAIN, 1, 2);
    IDS(t, "\xC3\x9Cn\t Able.", TOKENIZER_PLAIN, 1, 4, 5); /* Ün: lower case, no accent */
    IDS(t, "unab", TOKENIZER_PLAIN, 0);                    /* the whole word is unknown */
    IDS(t, "un\xE4\xB8\xAD un", TOKENIZER_PLAIN, 1, 6, 1);
    assert_text(t, (int32_t[]){1, 2, 5, 4}, 4, TOKENIZER_PLAIN, slice_of("unable. able"));
    tokenizer_free(t);
}

static const char unigram[] =
    "{\"pre_tokenizer\": {\"type\": \"Metaspace\"}, \"decoder\": {\"type\": \"Metaspace\"}, \"model\": {\"type\": "
    "\"Unigram\","
    "\"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"\\u2581\", -2], [\"a\", -3], [\"b\", -3], [\"ab\", -5.5],"
    "[\"\\u2581ab\", -9], [\"aba\", -8]]}}";

static void likeliest_way(void **state)
{
    (void)state;
    tokenizer *t = open_json(unigram);
    IDS(t, "ab", TOKENIZER_PLAIN, 1, 4);  /* -7.5 beats -8 and -9 */
    IDS(t, "aba", TOKENIZER_PLAIN, 1, 6); /* -10 beats -10.5 */
    IDS(t, "b", TOKENIZER_PLAIN, 1, 3);
    IDS(t, "xyb", TOKENIZER_PLAIN, 1, 0, 3); /* unknown ones in a row are one */
    tokenizer_free(t);
}

static void one_at_a_time(void **state)
{
    (void)state;
    tokenizer *t = open_json(wordpiece);
    token_stream s = {.tokenizer = t};
    buf text = {0};
    const int32_t ids_[] = {1, 2, 5, 6, 4};
    for (size_t i = 0; i < 5; i++) assert_ok(token_stream_put(&s, ids_[i], &text));
    assert_ok(token_stream_end(&s, &text));
    assert_string_equal(text.p, "unable. \xE4\xB8\xAD able");
    buf_free(&text);
    tokenizer_free(t);
}

static void what_an_id_adds(void **state)
{
    (void)state;
    tokenizer *bytes = open_json(byte_level), *pieces = open_json(wordpiece);
    buf text = {0};
    assert_ok(tokenizer_bytes(bytes, 6, &text)); /* "Ġab" */
    assert_string_equal(text.p, " ab");
    buf_clear(&text);
    assert_ok(tokenizer_bytes(bytes, 10, &text)); /* special: nothing */
    assert_int_equal(text.n, 0);
    assert_ok(tokenizer_bytes(pieces, 1, &text));
    assert_string_equal(text.p, " un");
    buf_clear(&text);
    assert_ok(tokenizer_bytes(pieces, 2, &text));
    assert_string_equal(text.p, "able");
    buf_free(&text);
    tokenizer_free(bytes);
    tokenizer_free(pieces);
}

/* One tokenizer, many threads: every call finds a workspace of its own. */
static lorec_err encode_many(void *ctx, size_t begin, size_t end, int worker)
{
    (void)worker;
    tokens ids = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = begin; i < end && !e; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "abc ab%s bc", i % 2 ? "" : "c");
        ids.n = 0;
        e = tokenizer_encode(ctx, (slice){text, (size_t)n}, TOKENIZER_PLAIN, &ids);
        size_t due = i % 2 ? 4 : 5; /* " ab" is one token, " abc" is " " and "abc" */
        if (!e && (ids.n != due || ids.id[0] != 5 || ids.id[due - 1] != 8))
            e = err_set(LOREC_FAILED, "text %zu has other ids", i);
    }
    tokens_free(&ids);
    return e;
}
static void many_threads(void **state)
{
    (void)state;
    int before = par_workers();
    tokenizer *t = open_json(byte_level);
    par_set_workers(4);
    assert_ok(par_each(20000, 100, encode_many, t));
    par_set_workers(before);
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_by_rank),         cmocka_unit_test(special_tokens_only_where_asked),
        cmocka_unit_test(bytes_that_are_no_text), cmocka_unit_test(longest_piece_first),
        cmocka_unit_test(likeliest_way),          cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(what_an_id_adds),        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
