/* What must not break a tokenizer: hostile files (faults 11, 13, 15), memory that runs out, texts of every odd kind. */
#include "support/support.h"

#include "base/log.h"
#include "base/mem.h"
#include "text/tokenizer.h"

static void refused(const char *json, const char *says)
{
    tokenizer *t;
    assert_fails(tokenizer_from_json(&t, slice_of(json), "hostile.json"), LOREC_INPUT, says);
    assert_null(t);
    assert_fails(LOREC_INPUT, LOREC_INPUT, "hostile.json");
}

static void files_that_lie(void **state)
{
    (void)state;
    refused("", "JSON");
    refused("{}", "\"model\"");
    refused("{\"model\": {\"type\": \"BPE\"}}", "\"vocab\" is missing");
    refused("{\"model\": {\"type\": \"Char\", \"vocab\": {\"a\": 0}}}", "Char");
    refused("{\"model\": {\"vocab\": {\"a\": 2147483647}}}", "far outside");
    refused("{\"model\": {\"vocab\": {\"a\": -1}}}", "-1");
    refused("{\"model\": {\"vocab\": {\"a\": \"0\"}}}", "whole number");
    refused("{\"model\": {\"vocab\": {}}}", "no tokens");
    refused("{\"model\": {\"vocab\": {\"a\": 0, \"a\": 1}}}", "duplicate");
    refused("{\"model\": {\"vocab\": [[\"a\", \"b\"]]}}", "row 0");
    refused("{\"model\": {\"vocab\": [[\"a\", 0]], \"unk_id\": 7}}", "unk_id is 7");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}", "merge 0");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [7]}}", "merge 0");
    refused("{\"model\": {\"vocab\": {\"a\": 0}}, \"normalizer\": {\"type\": \"NFKD2\"}}", "nearest is NFK");
    refused("{\"model\": {\"vocab\": {\"a\": 0}}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
            "\"(\"}}}",
            "regular expression");
    refused("{\"model\": {\"vocab\": {\"a\": 0}}, \"pre_tokenizer\": {\"type\": \"Split\"}}", "pattern");
    refused("{\"model\": {\"vocab\": {\"a\": 0}}, \"normalizer\": {\"type\": \"Precompiled\", "
            "\"precompiled_charsmap\": \"!\"}}",
            "base64");
    refused(
        "{\"model\": {\"vocab\": {\"a\": 0}}, \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": "
        "\"//8AAAAA\"}}",
        "trie");
    refused(
        "{\"model\": {\"vocab\": {\"a\": 0}}, \"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"a\", 9], "
        "\"sep\": [\"a\", 0]}}",
        "cls");
    refused("{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [{\"id\": 5}]}", "content");
}

/* Sequences inside Sequences: a file can not hold a cycle, but it can be deep. */
static void deep_sequences(void **state)
{
    (void)state;
    buf json = {0};
    assert_ok(buf_puts(&json, "{\"normalizer\": "));
    for (int i = 0; i < 500; i++) assert_ok(buf_puts(&json, "{\"type\": \"Sequence\", \"normalizers\": ["));
    for (int i = 0; i < 500; i++) assert_ok(buf_puts(&json, "]}"));
    assert_ok(buf_puts(&json, ", \"model\": {\"vocab\": {\"a\": 0}}}"));
    refused(json.p, "Sequence");
    buf_free(&json);
}

/* A million merges of the same pair: linear, and the first one counts. */
static void many_merges(void **state)
{
    (void)state;
    buf json = {0};
    assert_ok(
        buf_puts(&json, "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\"a a\""));
    for (int i = 0; i < 1000000; i++) assert_ok(buf_puts(&json, ",\"a a\""));
    assert_ok(buf_puts(&json, "]}}"));
    tokenizer *t;
    double begin = clock_seconds();
    assert_ok(tokenizer_from_json(&t, (slice){json.p, json.n}, "many"));
    tokens ids = {0};
    assert_ok(tokenizer_encode(t, slice_of("aaa"), TOKENIZER_PLAIN, &ids));
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.id[0], 1);
    assert_true(clock_seconds() - begin < 60);
    tokens_free(&ids);
    tokenizer_free(t);
    buf_free(&json);
}

static void exploding_pattern(void **state)
{
    (void)state;
    tokenizer *t;
    tokens ids = {0};
    buf text = {0};
    assert_ok(tokenizer_from_json(
        &t,
        slice_of("{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", \"vocab\": {\"?\": 0}}, "
                 "\"pre_tokenizer\": {\"type\": \"Split\", \"behavior\": \"Isolated\", "
                 "\"pattern\": {\"Regex\": \"(x+x+)+[^x]{2}\"}}}"),
        "explodes"));
    for (int i = 0; i < 60; i++) assert_ok(buf_puts(&text, "x"));
    assert_fails(tokenizer_encode(t, (slice){text.p, text.n}, TOKENIZER_PLAIN, &ids), LOREC_INPUT, "too many steps");
    assert_int_equal(ids.n, 0);
    assert_ok(tokenizer_encode(t, slice_of("xxyy"), TOKENIZER_PLAIN, &ids)); /* and it goes on working */
    tokens_free(&ids);
    buf_free(&text);
    tokenizer_free(t);
}

/* "<0x-1>" is no byte; "<0x41>" in a text is no byte either. */
static void byte_pieces(void **state)
{
    (void)state;
    const slice piece[] = {slice_of("<unk>"),  slice_of("<s>"),    slice_of("</s>"),   slice_of("<0x-1>"),
                           slice_of("<0x41>"), slice_of("<0xE4>"), slice_of("<0xg1>"), slice_of("a"),
                           slice_of(""),       slice_of("a")};
    const int32_t type[] = {2, 3, 3, 6, 6, 6, 6, 1, 1, 77};
    tokenizer_vocabulary v = tokenizer_vocabulary_none();
    v.model = "llama";
    v.n = 10;
    v.piece = piece;
    v.type = type;
    v.add_space_prefix = 0;
    tokenizer *t;
    assert_ok(tokenizer_from_vocabulary(&t, &v, "bytes"));
    assert_int_equal(tokenizer_byte(t, 0x41), 4);
    assert_int_equal(tokenizer_byte(t, 0xFF), -1);
    tokens ids = {0};
    assert_ok(tokenizer_encode(t, slice_of("A<0x41>"), TOKENIZER_PLAIN, &ids));
    assert_int_equal(ids.id[0], 4);
    for (size_t i = 1; i < ids.n; i++) assert_int_equal(ids.id[i], 0); /* its characters, none of them known */
    buf text = {0};
    assert_ok(tokenizer_decode(t, (int32_t[]){3, 4}, 2, TOKENIZER_PLAIN, &text));
    assert_string_equal(text.p, "<0x-1>A");
    tokens_free(&ids);
    buf_free(&text);
    tokenizer_free(t);
    v.pre = "of-a-model-to-come";
    v.model = "gpt2";
    assert_fails(tokenizer_from_vocabulary(&t, &v, "bytes"), LOREC_INPUT, "of-a-model-to-come");
    v.model = "rwkv";
    assert_fails(tokenizer_from_vocabulary(&t, &v, "bytes"), LOREC_INPUT, "rwkv");
}

/* A rule that turns "A" into half a character, and one that ends inside a character, are no rules; an honest one is. */
static void rules_that_cut_characters(void **state)
{
    (void)state;
    const slice piece[] = {slice_of("<pad>"), slice_of("</s>"), slice_of("<unk>"),
                           slice_of("A"),     slice_of("b"),    slice_of("\xE4\xBD\xA0")};
    const int32_t type[] = {3, 3, 2, 1, 1, 1};
    static const struct {
        unsigned char byte;
        const char *with;
        int32_t due; /* id of "A" and of "\xE4\xBD\xA0" under the rule */
        int32_t due_other;
    } rules[] = {{'A', "\xF4", 3, 5}, {'A', "b", 4, 5}, {0xE4, "b", 3, 5}};
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++) {
        uint32_t unit[512] = {[0] = 1u << 10}; /* Darts: root's offset 1, the byte's node, its leaf */
        uint32_t node = 1u ^ rules[k].byte;
        unit[node] = rules[k].byte | 1u << 8 | 1u << 10;
        unit[node ^ 1] = 1u << 31;
        char map[4 + sizeof unit + 8] = {0};
        uint32_t size = sizeof unit;
        memcpy(map, &size, 4);
        memcpy(map + 4, unit, sizeof unit);
        strcpy(map + 4 + sizeof unit, rules[k].with);
        tokenizer_vocabulary v = tokenizer_vocabulary_none();
        v.model = "t5";
        v.n = 6;
        v.piece = piece;
        v.type = type;
        v.add_space_prefix = 0;
        v.charsmap = (slice){map, sizeof map};
        tokenizer *t;
        tokens ids = {0};
        assert_ok(tokenizer_from_vocabulary(&t, &v, "rules"));
        assert_ok(tokenizer_encode(t, slice_of("A"), TOKENIZER_PLAIN, &ids));
        assert_int_equal(ids.n, 1);
        assert_int_equal(ids.id[0], rules[k].due);
        ids.n = 0;
        assert_ok(tokenizer_encode(t, slice_of("\xE4\xBD\xA0"), TOKENIZER_PLAIN, &ids));
        assert_int_equal(ids.n, 1);
        assert_int_equal(ids.id[0], rules[k].due_other);
        tokens_free(&ids);
        tokenizer_free(t);
    }
}

/* ChatGLM-6B writes line ends, tabs and runs of spaces as pieces of its own. */
static void blanks_as_pieces(void **state)
{
    (void)state;
    const slice piece[] = {slice_of("<unk>"),       slice_of("[gMASK]"), slice_of("<sop>"),
                           slice_of("<n>"),         slice_of("<|tab|>"), slice_of("<|blank_2|>"),
                           slice_of("<|blank_3|>"), slice_of("a"),       slice_of("\xE2\x96\x81")};
    const int32_t type[] = {2, 3, 3, 4, 4, 4, 4, 1, 1};
    tokenizer_vocabulary v = tokenizer_vocabulary_none();
    v.model = "t5";
    v.n = 9;
    v.piece = piece;
    v.type = type;
    v.add_space_prefix = 0;
    tokenizer *t;
    tokens ids = {0};
    buf text = {0};
    static const char blanks[] = "a\n\ta  a   a a";
    static const int32_t due[] = {7, 3, 4, 7, 5, 7, 6, 7, 8, 7, 1, 2};
    assert_ok(tokenizer_from_vocabulary(&t, &v, "blanks"));
    assert_ok(tokenizer_encode(t, slice_of(blanks), TOKENIZER_FRAME, &ids));
    assert_int_equal(ids.n, sizeof due / sizeof *due);
    assert_memory_equal(ids.id, due, sizeof due);
    assert_ok(tokenizer_decode(t, ids.id, ids.n, TOKENIZER_PLAIN, &text));
    assert_string_equal(text.p, blanks);
    tokens_free(&ids);
    buf_free(&text);
    tokenizer_free(t);
}

/* Every SentencePiece model cut off anywhere is refused or read, never more than its bytes. */
static void cut_anywhere(void **state)
{
    (void)state;
    static const char model[] = "\x0A\x0E\x0A\x05<unk>\x15\0\0\0\0\x18\x02\x0A\x08\x0A\x01"
                                "a\x15\0\0\x80\xBF\x12\x02\x18\x02\x1A\x02\x18\0";
    for (size_t n = 0; n < sizeof model; n++) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, model, n);
        tokenizer *t;
        lorec_err e = tokenizer_from_sentencepiece(&t, (slice){copy, n}, "cut");
        assert_true(e == LOREC_OK || e == LOREC_INPUT);
        tokenizer_free(t);
        free(copy);
    }
}

static const char bytes_json[] = "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, "
                                 "\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": "
                                 "{\"type\": \"BPE\", \"vocab\": {";

static tokenizer *every_byte(void)
{
    buf json = {0};
    tokenizer *t;
    assert_ok(buf_puts(&json, bytes_json));
    for (unsigned b = 0; b < 256; b++) { /* GPT-2's table, written out anew */
        bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        unsigned other = b < 33 ? 256 + b : b < 161 ? 256 + 33 + b - 127 : 323;
        assert_ok(buf_printf(&json, "%s\"\\u%04x\": %u", b ? ", " : "", itself ? b : other, b));
    }
    assert_ok(buf_puts(&json,
                       ", \"aa\": 256, \"aaaa\": 257, \"\\u0120\\u0120\": 258}, \"merges\": [\"a a\", \"aa aa\", "
                       "\"\\u0120 \\u0120\"]}}"));
    assert_ok(tokenizer_from_json(&t, (slice){json.p, json.n}, "every byte"));
    buf_free(&json);
    return t;
}

static void back_again(const tokenizer *t, slice text)
{
    tokens ids = {0};
    buf back = {0};
    assert_ok(tokenizer_encode(t, text, TOKENIZER_PLAIN, &ids));
    assert_ok(tokenizer_decode(t, ids.id, ids.n, TOKENIZER_PLAIN, &back));
    assert_int_equal(back.n, text.n);
    assert_memory_equal(back.p, text.p, text.n);
    tokens_free(&ids);
    buf_free(&back);
}

static void every_pair_of_bytes(void **state)
{
    (void)state;
    tokenizer *t = every_byte();
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b += 3) back_again(t, (slice){(char[]){(char)a, (char)b, 'x'}, 3});
    tokenizer_free(t);
}

/* A mebibyte without a space, of one letter, of letters that merge and of bytes that do not: n log n, and it comes back. */
static void one_long_word(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    tokenizer *t = every_byte();
    char *text = malloc(N);
    assert_non_null(text);
    static const char *const fill[] = {"a", "ab", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80", " ", "\xFF"};
    double begin = clock_seconds();
    for (size_t f = 0; f < sizeof fill / sizeof *fill; f++) {
        for (size_t i = 0, n = strlen(fill[f]); i < N; i++) text[i] = fill[f][i % n];
        back_again(t, (slice){text, N});
    }
    assert_true(clock_seconds() - begin < 120);
    free(text);
    tokenizer_free(t);
}

/* Every allocation fails once, and then all from there on, until it gets through. */
static void memory_runs_out(void **state)
{
    (void)state;
    static const char json[] = "{\"added_tokens\": [{\"id\": 4, \"content\": \"<s>\", \"special\": true}], "
                               "\"normalizer\": {\"type\": \"Sequence\", "
                               "\"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"_\"}, {\"type\": \"Replace\", "
                               "\"pattern\": {\"String\": \" \"}, "
                               "\"content\": \"_\"}]}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": "
                               "{\"Regex\": \"[a-z]+\"}, \"behavior\": "
                               "\"MergedWithNext\"}, \"decoder\": {\"type\": \"Fuse\"}, \"model\": {\"type\": \"BPE\", "
                               "\"unk_token\": \"?\", \"vocab\": "
                               "{\"a\": 0, \"b\": 1, \"ab\": 2, \"?\": 3}, \"merges\": [\"a b\"]}}";
    for (size_t at = 1;; at++) {
        tokenizer *t = NULL;
        tokens ids = {0};
        buf text = {0};
        mem_fail_at(at, at & 1);
        lorec_err e = tokenizer_from_json(&t, slice_of(json), "torture");
        if (!e) e = tokenizer_encode(t, slice_of("ab <s>\xFFxab"), TOKENIZER_PARSE_SPECIAL | TOKENIZER_FRAME, &ids);
        if (!e) e = tokenizer_decode(t, ids.id, ids.n, TOKENIZER_PARSE_SPECIAL, &text);
        size_t seen = mem_fail_at(0, false);
        tokens_free(&ids);
        buf_free(&text);
        tokenizer_free(t);
        if (seen < at) break;
        assert_int_equal(e, LOREC_RESOURCE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_lie),
        cmocka_unit_test(deep_sequences),
        cmocka_unit_test(many_merges),
        cmocka_unit_test(exploding_pattern),
        cmocka_unit_test(byte_pieces),
        cmocka_unit_test(blanks_as_pieces),
        cmocka_unit_test(rules_that_cut_characters),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(every_pair_of_bytes),
        cmocka_unit_test(one_long_word),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
