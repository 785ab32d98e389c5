/* tokenizers.h: what any tokenizer must keep to, whichever bytes it was read from; and files for readers that want names.
 *
 *     tokenizer *t;
 *     if (tokenizer_from_json(&t, bytes, "fuzz") == LOREC_OK) tokenizer_try(t, bytes);
 *
 * Ownership: tokenizer_try releases the tokenizer. */
#ifndef LOREC_TESTS_FUZZ_TOKENIZERS_H
#define LOREC_TESTS_FUZZ_TOKENIZERS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "text/tokenizer.h"

/* A text may be refused (a regular expression that takes too long); what comes of it are ids of the vocabulary, and they
 * have texts. */
static inline void tokenizer_try_text(const tokenizer *t, slice text, unsigned flags)
{
    tokens ids = {0}, segment = {0};
    buf back = {0};
    lorec_err e = tokenizer_encode(t, text, flags, &ids);
    if (e && (e == LOREC_USAGE || !lorec_error_message()[0])) abort();
    for (size_t i = 0; i < ids.n; i++)
        if (ids.id[i] < 0 || (size_t)ids.id[i] >= tokenizer_size(t)) abort();
    e = tokenizer_decode(t, ids.id, ids.n, flags, &back);
    if (e && e != LOREC_INPUT) abort();
    token_stream s = {.tokenizer = t, .flags = flags};
    for (size_t i = 0; i < ids.n && i < 20 && !e; i++) e = token_stream_put(&s, ids.id[i], &back);
    if (token_stream_end(&s, &back) && !e) abort();
    if (!e && tokenizer_encode_pair(t, text, text, flags, &ids, &segment) == LOREC_OK && segment.n > ids.n) abort();
    tokens_free(&ids);
    tokens_free(&segment);
    buf_free(&back);
}

/* Into the forms of other programs, or a reason why not. GGUF's is tried now and then: it looks for how words are cut. */
static inline void tokenizer_try_export(const tokenizer *t, slice data)
{
    tokenizer_vocabulary v;
    json_t *file, *config;
    lorec_err e = tokenizer_to_json(t, &file, &config);
    if (e && (e != LOREC_INPUT || !lorec_error_message()[0] || file || config)) abort();
    json_decref(file);
    json_decref(config);
    if (data.n % 16) return;
    e = tokenizer_to_vocabulary(t, tokenizer_size(t), "qwen2", &v);
    if (e && (e != LOREC_INPUT || !lorec_error_message()[0])) abort();
    if (!e) tokenizer_vocabulary_free(&v);
}

static inline void tokenizer_try(tokenizer *t, slice data)
{
    static const char mixed[] =
        "Hello  don't \xE4\xBD\xA0\xE5\xA5\xBD 123 \xF0\x9F\x98\x80 e\xCC\x81\r\n\xFF\0<s></s>[CLS] <0x0A>";
    tokenizer_try_text(t, (slice){mixed, sizeof mixed - 1}, TOKENIZER_PLAIN);
    tokenizer_try_text(t, (slice){mixed, sizeof mixed - 1}, TOKENIZER_PARSE_SPECIAL | TOKENIZER_FRAME);
    tokenizer_try_text(t, (slice){data.p, data.n > 400 ? 400 : data.n}, TOKENIZER_PLAIN);
    tokenizer_try_text(t, (slice){"", 0}, TOKENIZER_FRAME);
    buf bytes = {0};
    for (int32_t id = -1; id < 40; id++) {
        int32_t found;
        slice piece = tokenizer_piece(t, id);
        if (piece.p && !tokenizer_find(t, piece, &found)) abort();
        if (piece.p && tokenizer_bytes(t, id, &bytes) == LOREC_USAGE) abort();
    }
    buf_free(&bytes);
    tokenizer_try_export(t, data);
    tokenizer_free(t);
}

static char tokenizer_folder[128];
static inline void tokenizer_folder_remove(void)
{
    (void)folder_remove(tokenizer_folder);
}
/* A file of that name in a folder of this process. */
static inline const char *tokenizer_file(const char *name, const uint8_t *data, size_t size)
{
    static char path[256];
    if (!tokenizer_folder[0]) {
        snprintf(tokenizer_folder, sizeof tokenizer_folder, "%s/lorec-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(tokenizer_folder)) abort();
        atexit(tokenizer_folder_remove);
    }
    snprintf(path, sizeof path, "%s/%s", tokenizer_folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || (size && fwrite(data, 1, size, f) != size) || fclose(f)) abort();
    return path;
}

static inline void tokenizer_try_file(const char *path, slice data)
{
    tokenizer *t;
    if (tokenizer_open(&t, path) == LOREC_OK)
        tokenizer_try(t, data);
    else if (t || !lorec_error_message()[0])
        abort();
}

#endif
