/* embed.h: texts as vectors: a model, its tokenizer, and the way from hidden states to one vector a text, as the model's own
 * files say (lm/embed/embed_recipe.h) or the options do.
 *
 *     embedder *e;
 *     TRY(embedder_open(&e, "models/minilm", &(embed_options){.bf16 = true}));
 *     float *x;                                            // [n, embedder_width(e)]
 *     TRY(embedder_texts(e, texts, n, x));
 *     embedder_free(e);
 *
 * Where the files do not say: encoders pool by the mean over the text's tokens, decoder-only models take the last token,
 * nothing is normalised. A text longer than max_tokens keeps its beginning and what the tokenizer puts at the end; a text of
 * no tokens at all gets zeros. Texts are packed into batches of about as many tokens, longest first, so that nothing is
 * padded; batches run beside each other, one a worker, and a text's vector does not depend on what is beside it.
 *
 * Ownership: an embedder owns its model, tokenizer and recipe until embedder_free. It never changes after opening: threads
 * may share it. */
#ifndef LOREC_LM_EMBED_EMBED_H
#define LOREC_LM_EMBED_EMBED_H

#include "lm/embed/embed_recipe.h"
#include "lm/model_folder.h"
#include "text/tokenizer.h"

typedef struct embed_options {
    const char *pooling; /* a name of pooling_find; NULL: as the model's files say */
    enum { EMBED_AS_MODEL, EMBED_NORMALIZE, EMBED_RAW } normalize;
    const char
        *prompt; /* put before every text: a name among the model's prompts, or the text itself; NULL: its default */
    int64_t max_tokens;                                 /* 0: as the model's files say; never more than its positions */
    bool bf16;                                          /* products and activations in bf16 */
    int64_t rows_at_once;                               /* tokens of a batch; 0: a good number */
    void (*progress)(void *ctx, size_t done, size_t n); /* called by one thread at a time; or NULL */
    void *ctx;
} embed_options;

typedef struct embedder embedder;

lorec_err embedder_open(embedder **out, const char *path, const embed_options *options);
void embedder_free(embedder *e);
int64_t embedder_width(const embedder *e);
int64_t embedder_max_tokens(const embedder *e);
const lm_model *embedder_model(const embedder *e);
const tokenizer *embedder_tokenizer(const embedder *e); /* NULL: it has none */
/* All that a vector depends on besides the weights, in words: "mean, normalized, prompt "", 256 tokens, f32". */
lorec_err embedder_describe(const embedder *e, buf *out);

/* out [n, width]. LOREC_CANCELLED: stopped between batches; LOREC_FAILED: a vector has a NaN. */
lorec_err embedder_texts(const embedder *e, const slice *text, size_t n, float *out);
/* The same from token ids, packed, framed already; longer ones are cut to max_tokens. */
lorec_err embedder_ids(const embedder *e, const int32_t *id, const int32_t *length, size_t n, float *out);
/* A text's ids as they would be read, appended. */
lorec_err embedder_encode(const embedder *e, slice text, tokens *out);

#endif
