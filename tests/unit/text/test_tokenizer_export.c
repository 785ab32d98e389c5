/* Tokenizers into the forms of other programs: GGUF's vocabulary and a tokenizer.json, read again, give the same ids; what a
 * form can not say is refused. */
#include "support/support.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/file.h"
#include "text/tokenizer.h"

#define FILES "data/tokenizers/"

static void same_ids(const tokenizer *a, const tokenizer *b, slice text, const char *what)
{
    static const unsigned flags[] = {TOKENIZER_PLAIN, TOKENIZER_FRAME, TOKENIZER_PARSE_SPECIAL};
    for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
        tokens x = {0}, y = {0};
        assert_ok(tokenizer_encode(a, text, flags[f], &x));
        assert_ok(tokenizer_encode(b, text, flags[f], &y));
        if (x.n != y.n || (x.n && memcmp(x.id, y.id, x.n * sizeof *x.id)))
            fail_msg("%s: other ids for \"%.*s\"", what, (int)(text.n < 200 ? text.n : 200), text.p);
        tokens_free(&x);
        tokens_free(&y);
    }
}

/* The texts of llama.cpp's vocabularies, one behind the other. */
static void all_texts(const tokenizer *a, const tokenizer *b, const char *what)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    buf bytes = {0};
    assert_ok(file_read(&bytes, shared_path(FILES "llama.cpp/ggml-vocab-llama-spm.gguf.inp"), 1 << 20));
    for (slice rest = {bytes.p, bytes.n}; rest.n;) {
        const char *end = memmem(rest.p, rest.n, mark, sizeof mark - 1);
        size_t n = end ? (size_t)(end - rest.p) : rest.n, used = end ? n + sizeof mark - 1 : n;
        same_ids(a, b, (slice){rest.p, n}, what);
        rest = (slice){rest.p + used, rest.n - used};
    }
    buf_free(&bytes);
}

static tokenizer *open_real(const char *below, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, FILES "%s", below);
    gzFile in = gzopen(shared_path(path), "rb");
    assert_non_null(in);
    FILE *out = fopen(test_path(name), "wb");
    static char part[1 << 16];
    for (int n; (n = gzread(in, part, sizeof part)) > 0;) assert_int_equal(fwrite(part, 1, (size_t)n, out), n);
    assert_int_equal(gzclose(in), Z_OK);
    fclose(out);
    tokenizer *t;
    assert_ok(tokenizer_open(&t, test_path(name)));
    return t;
}

static tokenizer *as_gguf(const tokenizer *t, const char *pre, const char *model)
{
    tokenizer_vocabulary v;
    tokenizer *u;
    assert_ok(tokenizer_to_vocabulary(t, tokenizer_size(t) + 3, pre, &v)); /* three rows more in the model */
    assert_string_equal(v.model, model);
    assert_ok(tokenizer_from_vocabulary(&u, &v, "again"));
    tokenizer_vocabulary_free(&v);
    return u;
}

static tokenizer *as_json(const tokenizer *t)
{
    json_t *file, *config;
    tokenizer *u;
    assert_ok(tokenizer_to_json(t, &file, &config));
    assert_string_equal(json_string_value(json_object_get(config, "tokenizer_class")), "PreTrainedTokenizerFast");
    char *bytes = json_dumps(file, JSON_COMPACT);
    assert_non_null(bytes);
    assert_ok(tokenizer_from_json(&u, slice_of(bytes), "tokenizer.json"));
    free(bytes);
    json_decref(file);
    json_decref(config);
    return u;
}

static void real_vocabularies(void **state)
{
    (void)state;
    static const struct {
        const char *file, *name, *pre, *model;
    } real[] = {{"llama2/tokenizer.model", "llama.model", NULL, "llama"},
                {"t5/tokenizer.json.gz", "t5.json", NULL, "t5"},
                {"bert-base-uncased/tokenizer.json", "bert.json", NULL, "bert"},
                {"roberta-base/tokenizer.json.gz", "roberta.json", "qwen2", "gpt2"}}; /* the hint is wrong */
    if (!shared_path(FILES "llama2")) skip_without_shared("real vocabularies");
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        tokenizer *t = open_real(real[i].file, real[i].name);
        tokenizer *gguf = as_gguf(t, real[i].pre, real[i].model), *json = as_json(gguf);
        all_texts(t, gguf, real[i].name);
        all_texts(t, json, real[i].name);
        tokenizer_free(json);
        tokenizer_free(gguf);
        tokenizer_free(t);
    }
}

static tokenizer *from_text(const char *text)
{
    tokenizer *t;
    assert_ok(tokenizer_from_json(&t, slice_of(text), "made here"));
    return t;
}

/* GGUF's readers lower a BERT's texts unless they are told. */
static void a_cased_bert(void **state)
{
    (void)state;
    tokenizer *t = from_text(
        "{\"added_tokens\": [{\"id\": 0, \"content\": \"[UNK]\", \"special\": true}], \"normalizer\": {\"type\": "
        "\"BertNormalizer\", \"lowercase\": false, \"strip_accents\": false}, \"pre_tokenizer\": {\"type\": "
        "\"BertPreTokenizer\"}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": "
        "0, \"He\": 1, \"he\": 2, \"##llo\": 3}}}");
    tokenizer *gguf = as_gguf(t, NULL, "bert"), *json = as_json(gguf);
    same_ids(t, gguf, slice_of("Hello hello HE"), "GGUF");
    same_ids(t, json, slice_of("Hello hello HE"), "tokenizer.json");
    tokenizer_free(json);
    tokenizer_free(gguf);
    tokenizer_free(t);
}

/* Words cut at tabs, without a rule that makes spaces of them: no key of GGUF says that. */
static void what_gguf_can_not_say(void **state)
{
    (void)state;
    tokenizer_vocabulary v;
    json_t *file, *config;
    tokenizer *t = from_text(
        "{\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, {\"type\": "
        "\"Metaspace\"}]}, \"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], "
        "[\"\xE2\x96\x81\", "
        "-2], [\"a\", -3], [\"b\", -3], [\"t\", -3]]}}");
    assert_fails(tokenizer_to_vocabulary(t, 5, NULL, &v), LOREC_INPUT, "can not say");
    assert_fails(tokenizer_to_json(t, &file, &config), LOREC_INPUT, "not written");
    assert_null(file);
    assert_fails(tokenizer_to_vocabulary(t, 4, NULL, &v), LOREC_INPUT, "the model 4");
    tokenizer_free(t);
    t = from_text("{\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"u\", \"vocab\": {\"u\": 0}}}");
    assert_fails(tokenizer_to_vocabulary(t, 1, NULL, &v), LOREC_INPUT, "WordLevel");
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_vocabularies), cmocka_unit_test(a_cased_bert),
                                       cmocka_unit_test(what_gguf_can_not_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
