/* tokenizer.h: text to token ids and back, for every kind of vocabulary file that language models come with.
 *
 *     tokenizer *t;
 *     TRY(tokenizer_open(&t, "models/qwen3"));          // a folder, tokenizer.json, *.model, *.gguf, vocab.txt, ...
 *     tokens ids = {0};
 *     TRY(tokenizer_encode(t, slice_of("Hello"), TOKENIZER_PLAIN, &ids));      // appended to ids.id[0 .. ids.n - 1]
 *     buf text = {0};
 *     TRY(tokenizer_decode(t, ids.id, ids.n, TOKENIZER_PLAIN, &text));         // "Hello", appended
 *     tokenizer_free(t);
 *
 * The way of a text: special and added tokens are found in it where that is asked for; what lies between is normalised,
 * cut into words, and each word is given to the vocabulary's model (BPE, Unigram, WordPiece, WordLevel); frames
 * ([CLS] ... [SEP], <s> ...) are put around where that is asked for. Each step is a row of a table (tokenizer/).
 *
 * Texts are any bytes. Bytes that are no UTF-8 are kept as they are by vocabularies that know bytes (byte-level BPE,
 * byte fallback), so that decode(encode(x)) == x; the others take each for an unknown character.
 *
 * Ownership: a tokenizer owns all it was made from until tokenizer_free; it is immutable and may be shared between
 * threads. Slices it gives out live as long as it does. */
#ifndef LOREC_TEXT_TOKENIZER_H
#define LOREC_TEXT_TOKENIZER_H

#include "base/json.h"

typedef struct tokenizer tokenizer;

typedef struct tokens {
    int32_t *id;
    size_t n, cap;
} tokens;
lorec_err tokens_add(tokens *t, int32_t id);
void tokens_free(tokens *t);

/* What encode and decode do about special tokens; flags are added up. */
enum {
    TOKENIZER_PLAIN = 0,         /* encode: "<s>" in a text is three characters; decode: special ids are left out */
    TOKENIZER_PARSE_SPECIAL = 1, /* encode: special tokens in the text become their ids; decode: they are written */
    TOKENIZER_FRAME = 2,         /* encode: the model's BOS, EOS, [CLS], [SEP] around the text */
};

typedef enum tokenizer_role {
    TOKENIZER_BOS,
    TOKENIZER_EOS,
    TOKENIZER_UNK,
    TOKENIZER_SEP,
    TOKENIZER_PAD,
    TOKENIZER_CLS,
    TOKENIZER_MASK,
    TOKENIZER_ROLES
} tokenizer_role;

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

/* A folder as Hugging Face keeps it, or one file: tokenizer.json, vocab.json (with merges.txt beside it), vocab.txt,
 * a SentencePiece .model, a llama2.c .bin, a .gguf. LOREC_INPUT says what is wrong with the file and where. */
lorec_err tokenizer_open(tokenizer **out, const char *path);

/* The bytes of a tokenizer.json, of a SentencePiece model, of a llama2.c vocabulary; `where` names them in errors. */
lorec_err tokenizer_from_json(tokenizer **out, slice bytes, const char *where);
lorec_err tokenizer_from_sentencepiece(tokenizer **out, slice bytes, const char *where);
lorec_err tokenizer_from_llama2c(tokenizer **out, slice bytes, const char *where);

/* A vocabulary as GGUF files hold it, in memory: the form in which a reader of model files hands it down. */
typedef enum tokenizer_type { /* of one token, numbered as in GGUF and SentencePiece */
                              TOKENIZER_TYPE_NORMAL = 1,
                              TOKENIZER_TYPE_UNKNOWN = 2,
                              TOKENIZER_TYPE_CONTROL = 3,
                              TOKENIZER_TYPE_USER_DEFINED = 4,
                              TOKENIZER_TYPE_UNUSED = 5,
                              TOKENIZER_TYPE_BYTE = 6,
} tokenizer_type;

typedef struct tokenizer_vocabulary {
    const char *model; /* tokenizer.ggml.model: "llama", "gpt2", "bert", "t5", "gemma4" */
    const char *pre;   /* tokenizer.ggml.pre: "llama-bpe", "qwen2", ...; NULL: "default" */
    const char
        *name; /* general.name, or NULL: Phi-3's special tokens take the spaces after them, and only the name tells */
    size_t n;
    const slice *piece;  /* [n] tokenizer.ggml.tokens */
    const float *score;  /* [n] tokenizer.ggml.scores, or NULL */
    const int32_t *type; /* [n] tokenizer.ggml.token_type, or NULL: all normal */
    const slice *merge;  /* [n_merges] "left right", tokenizer.ggml.merges */
    size_t n_merges;
    slice charsmap;                /* tokenizer.ggml.precompiled_charsmap, or empty */
    int64_t role[TOKENIZER_ROLES]; /* tokenizer.ggml.bos_token_id ...; -1: the file does not say */
    int8_t add_bos, add_eos, add_sep, add_space_prefix, remove_extra_whitespaces; /* 0, 1, or -1: it does not say */
    int8_t lowercase, strip_accents;                                              /* of "bert"; -1: it does not say */
    void *owned, *owned_pre;                                                      /* of tokenizer_to_vocabulary */
} tokenizer_vocabulary;

/* A vocabulary that says nothing yet: every optional field at "does not say". */
tokenizer_vocabulary tokenizer_vocabulary_none(void);
lorec_err tokenizer_from_vocabulary(tokenizer **out, const tokenizer_vocabulary *v, const char *where);

/* The inverse, with `n` tokens (those that the tokenizer has not are "[PAD]s"); pre: the name in GGUF of how it probably cuts
 * words, or NULL. The vocabulary is tried on some texts: LOREC_INPUT where GGUF has no such kind, or can not say what it does. */
lorec_err tokenizer_to_vocabulary(const tokenizer *t, size_t n, const char *pre, tokenizer_vocabulary *out);
/* A tokenizer that came from such a vocabulary, for transformers: tokenizer.json and tokenizer_config.json, to json_decref. It is
 * tried on some texts: LOREC_INPUT where it can not be said in their words. */
lorec_err tokenizer_to_json(const tokenizer *t, json_t **tokenizer_json, json_t **config);
void tokenizer_vocabulary_free(tokenizer_vocabulary *v); /* only what tokenizer_to_vocabulary gave */

void tokenizer_free(tokenizer *t);

/* ---- use ---------------------------------------------------------------------------------------------------------------- */

lorec_err tokenizer_encode(const tokenizer *t, slice text, unsigned flags, tokens *out);

/* A text of which some stretches are known to be special tokens (text/chat.h knows): part i is the token `id`, or, where id
 * is -1, text in which none is looked for. The parts are one text: what goes before a text goes before the first only. */
typedef struct tokenizer_part {
    slice text;
    int32_t id;
} tokenizer_part;
lorec_err tokenizer_encode_parts(const tokenizer *t, const tokenizer_part *part, size_t n, tokens *out);

/* Two texts as one sequence ([CLS] a [SEP] b [SEP] where the model frames so); `segment` (or NULL) gets one number a
 * token added to `out`: 0 for the first text, 1 for the second, as the model's template says. */
lorec_err tokenizer_encode_pair(const tokenizer *t, slice a, slice b, unsigned flags, tokens *out, tokens *segment);

/* Ids outside the vocabulary are LOREC_INPUT. */
lorec_err tokenizer_decode(const tokenizer *t, const int32_t *id, size_t n, unsigned flags, buf *out);

/* Ids to text one at a time, for text that is shown while it is made: characters are given out whole.
 *
 *     token_stream s = {.tokenizer = t};
 *     TRY(token_stream_put(&s, id, &text));     // appends what is certain now
 *     TRY(token_stream_end(&s, &text));         // and what was held back */
typedef struct token_stream {
    const tokenizer *tokenizer;
    unsigned flags;
    tokens window; /* the last ids: enough to know how the next one is written */
    size_t given;  /* bytes of the window's text that were given out */
    size_t clean;  /* ids of the window whose text was given out in whole */
} token_stream;
lorec_err token_stream_put(token_stream *s, int32_t id, buf *out);
lorec_err token_stream_end(token_stream *s, buf *out); /* and releases it */

/* ---- what it holds ------------------------------------------------------------------------------------------------------ */

size_t tokenizer_size(const tokenizer *t);                          /* ids are 0 .. size - 1, gaps included */
slice tokenizer_piece(const tokenizer *t, int32_t id);              /* as the file writes it; p NULL: no such id */
bool tokenizer_find(const tokenizer *t, slice piece, int32_t *id);  /* the same the other way */
bool tokenizer_is_special(const tokenizer *t, int32_t id);          /* BOS, EOS, <|im_end|> ... */
int32_t tokenizer_special(const tokenizer *t, tokenizer_role role); /* -1: there is none */
int32_t tokenizer_byte(const tokenizer *t, unsigned char byte);     /* the id that stands for one byte, or -1 */

/* What one id adds in the middle of a text, as bytes ("▁the" is " the", "<0x0A>" is a newline); special ids add
 * nothing. For tries and FM-indexes over texts. */
lorec_err tokenizer_bytes(const tokenizer *t, int32_t id, buf *out);

#endif
