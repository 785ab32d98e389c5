/* Real vocabularies under ../shared: llama.cpp's texts and ids, exactly; and back to the same bytes where the scheme allows. */
#include "support/support.h"

#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#define FILES "data/tokenizers/"
#define PAIRS FILES "llama.cpp/ggml-vocab-"

/* What comes back the same: any bytes, any text, or only what the normalizer leaves alone. "▁" never does where it is written
 * for a space; DeepSeek's, StarCoder's and GPT-NeoX's have no tokens for bytes that no text holds. */
typedef enum way_back { BYTES, TEXT, NORMALIZED } way_back;
typedef struct real {
    const char *vocabulary; /* below FILES; several with a blank between are put into one folder */
    const char *pair;       /* NULL: none is there */
    way_back back;
} real;

static const real files[] = {
    {"llama.cpp/ggml-vocab-llama-spm.gguf", "llama-spm", BYTES},
    {"llama.cpp/ggml-vocab-phi-3.gguf", "phi-3", BYTES},
    {"llama.cpp/ggml-vocab-gpt-2.gguf", "gpt-2", BYTES},
    {"llama.cpp/ggml-vocab-bert-bge.gguf", "bert-bge", NORMALIZED},
    {"llama.cpp/ggml-vocab-deepseek-llm.gguf.gz", "deepseek-llm", TEXT},
    {"llama.cpp/ggml-vocab-starcoder.gguf.gz", "starcoder", TEXT},
    {"llama.cpp/ggml-vocab-baichuan.gguf.gz", NULL, BYTES},
    {"llama.cpp/ggml-vocab-gpt-neox.gguf.gz", NULL, TEXT},
    {"llama2/tokenizer.model", "llama-spm", BYTES},
    {"llama2/tokenizer.bin", "llama-spm", BYTES},
    {"bert-base-uncased/tokenizer.json", "bert-bge", NORMALIZED},
    {"bert-base-uncased/vocab.txt", "bert-bge", NORMALIZED},
    {"roberta-base/vocab.json roberta-base/merges.txt", "roberta-bpe", BYTES},
    {"roberta-base/tokenizer.json.gz", "roberta-bpe", BYTES},
    {"qwen3/vocab.json.gz qwen3/merges.txt.gz qwen3/tokenizer_config.json", "qwen2",
     NORMALIZED}, /* normalised to NFC */
    {"qwen3/vocab.json.gz qwen3/merges.txt.gz qwen3/tokenizer_config.json", "deepseek-r1-qwen", NORMALIZED},
    {"t5/spiece.model", NULL, NORMALIZED},
    {"t5/tokenizer.json.gz", NULL, NORMALIZED},
};

static void read_whole(buf *out, const char *path)
{
    gzFile f = gzopen(path, "rb");
    char part[1 << 16];
    assert_non_null(f);
    for (int n; (n = gzread(f, part, sizeof part)) > 0;) assert_ok(buf_add(out, part, (size_t)n));
    assert_int_equal(gzclose(f), Z_OK);
}

/* A copy in a folder of its own, unpacked. */
static const char *unpacked(const char *folder, slice name)
{
    char below[256], copy[256];
    snprintf(below, sizeof below, FILES "%.*s", (int)name.n, name.p);
    const char *from = shared_path(below);
    snprintf(copy, sizeof copy, "%s/%s", folder, path_base(below));
    size_t n = strlen(copy);
    if (strcmp(copy + n - 3, ".gz") == 0) copy[n - 3] = 0;
    buf bytes = {0};
    read_whole(&bytes, from);
    FILE *f = fopen(test_path(copy), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    fclose(f);
    buf_free(&bytes);
    return test_path(copy);
}

static tokenizer *open_real(const real *r, size_t number)
{
    char folder[32];
    snprintf(folder, sizeof folder, "vocabulary-%zu", number);
    assert_ok(folder_make(test_path(folder)));
    const char *first = NULL;
    for (slice rest = slice_of(r->vocabulary); rest.n;) {
        const char *path = unpacked(folder, slice_cut(&rest, ' '));
        if (!first) first = path;
    }
    tokenizer *t;
    assert_ok(tokenizer_open(&t, first));
    return t;
}

static void same_bytes(const tokenizer *t, slice text, const char *name)
{
    tokens ids = {0};
    buf back = {0};
    assert_ok(tokenizer_encode(t, text, TOKENIZER_PLAIN, &ids));
    assert_ok(tokenizer_decode(t, ids.id, ids.n, TOKENIZER_PLAIN, &back));
    if (back.n != text.n || memcmp(back.p, text.p, text.n))
        fail_msg("%s: \"%.*s\" comes back as \"%s\"", name, (int)(text.n > 200 ? 200 : text.n), text.p, back.p);
    token_stream s = {.tokenizer = t};
    buf_clear(&back);
    for (size_t i = 0; i < ids.n; i++) {
        assert_ok(token_stream_put(&s, ids.id[i], &back));
        if (utf8_valid(text)) assert_true(utf8_valid((slice){back.p ? back.p : "", back.n}));
    }
    assert_ok(token_stream_end(&s, &back));
    if (back.n != text.n || memcmp(back.p, text.p, text.n))
        fail_msg("%s: \"%.*s\" streams as \"%s\"", name, (int)(text.n > 200 ? 200 : text.n), text.p, back.p);
    tokens_free(&ids);
    buf_free(&back);
}

/* Bytes drawn without care, some of them text. */
static void any_bytes(const tokenizer *t, way_back kind, const char *name)
{
    static const char *const parts[] = {" ",
                                        "  ",
                                        "\n",
                                        "a",
                                        "the",
                                        "\xE4\xB8\xAD",
                                        "\xF0\x9F\x98\x80",
                                        "e\xCC\x81",
                                        "\xD7\xA9",
                                        "\xFF",
                                        "\xC0\x80",
                                        "\xED\xA0\x80",
                                        "\xF0\x9F",

                                        "12",
                                        "<s>",
                                        "\xF4\x8F\xBF\xBF"};
    unsigned state = 7;
    for (int k = 0; k < 300; k++) {
        char text[128];
        size_t n = 0;
        for (int i = 0; i < 12; i++) {
            state = state * 1664525u + 1013904223u;
            const char *part = parts[(state >> 16) % (sizeof parts / sizeof *parts)];
            if (state >> 29 == 0) {
                text[n++] = (char)(state >> 8); /* a NUL among others */
                continue;
            }
            memcpy(text + n, part, strlen(part));
            n += strlen(part);
        }
        if (kind == BYTES || utf8_valid((slice){text, n})) same_bytes(t, (slice){text, n}, name);
    }
}

static void pairs(const tokenizer *t, const char *pair, const char *name)
{
    static const char between[] = "\n__ggml_vocab_test__\n";
    char path[128];
    buf texts = {0}, ids = {0};
    snprintf(path, sizeof path, PAIRS "%s.gguf.inp", pair);
    read_whole(&texts, shared_path(path));
    snprintf(path, sizeof path, PAIRS "%s.gguf.out", pair);
    read_whole(&ids, shared_path(path));
    slice text = {texts.p, texts.n}, line = {ids.p, ids.n};
    size_t n = 0;
    while (text.n) {
        slice one = slice_cut_text(&text, between), want = slice_trim(slice_cut(&line, '\n'));
        tokens got = {0};
        buf said = {0};
        assert_ok(tokenizer_encode(t, one, TOKENIZER_PLAIN, &got));
        assert_ok(buf_puts(&said, ""));
        for (size_t i = 0; i < got.n; i++) assert_ok(buf_printf(&said, i ? " %d" : "%d", (int)got.id[i]));
        if (said.n != want.n || memcmp(said.p, want.p, want.n))
            fail_msg("%s: \"%.*s\"\n  %s\nwhere\n  %.*s is due", name, (int)one.n, one.p, said.p, (int)want.n, want.p);
        tokens_free(&got);
        buf_free(&said);
        n++;
    }
    assert_true(n >= 46);
    buf_free(&texts);
    buf_free(&ids);
}

static void every_vocabulary(void **state)
{
    (void)state;
    if (!shared_path(FILES)) skip_without_shared(FILES);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        tokenizer *t = open_real(&files[i], i);
        if (files[i].pair) pairs(t, files[i].pair, files[i].vocabulary);
        if (files[i].back != NORMALIZED) any_bytes(t, files[i].back, files[i].vocabulary);
        tokenizer_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_vocabulary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
