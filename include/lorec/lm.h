/* lorec/lm.h: language models from C: scores of continuations, next-token logits, generated texts, vectors of texts.
 *
 *     lorec_lm *m;
 *     double sum[2];
 *     if (lorec_lm_open(&m, "models/qwen3", NULL)) return fprintf(stderr, "%s\n", lorec_error_message()), 1;
 *     lorec_lm_score(m, "I liked Heat. Next I watch", (const char *const[]){" Ronin", " Bambi"}, 2, NULL, sum, NULL);
 *     lorec_lm_free(m);
 *
 * A model is a Hugging Face folder, a .gguf, a .safetensors or a llama2.c .bin; it runs as it is. Prompt and continuation are
 * tokenised apart: what follows a prompt brings its own blank, except with SentencePiece, which puts one there.
 *
 * Long calls ask the thread's watch (lorec/watch.h) whether to stop. A model is immutable: any number of threads may use one
 * at once; each call has its own keys and values.
 *
 * Ownership: a lorec_lm and a lorec_generated are the caller's, to pass to their _free; results go into the caller's arrays.
 * Struct arguments begin with `size` (sizeof the struct); 0 in a field is its default. */
#ifndef LOREC_LM_H
#define LOREC_LM_H

#include <stddef.h>
#include <stdint.h>

#include "lorec/err.h"
#include "lorec/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lorec_lm lorec_lm;

typedef struct lorec_lm_options {
    size_t size;
    const char *tokenizer; /* where it is not in the model's folder or beside its file */
    const char *weights;   /* "keep" as the file has them (NULL), "f32", "bf16", "q8", "q4" */
    int bf16;              /* activations in bf16 too */
    uint64_t memory;       /* most bytes of keys and values of one call; 0: as much as it takes */
    /* of lorec_lm_embed; NULL and 0: as the model's own files say */
    const char *pooling; /* "mean", "cls", "lasttoken", "max", "weightedmean", "mean_sqrt_len_tokens" */
    const char *prompt;  /* put before every text: the name of one of the model's prompts, or the text */
    int normalize;       /* 1: to length 1; -1: not */
    int64_t max_tokens;  /* of a text; a longer one loses its end */
} lorec_lm_options;

/* Encoders (BERT, E5 ...) only embed; all else can be asked for everything. LOREC_INPUT: what is wrong with which file. */
LOREC_API lorec_err lorec_lm_open(lorec_lm **out, const char *path, const lorec_lm_options *options);
LOREC_API void lorec_lm_free(lorec_lm *m);
LOREC_API const char *lorec_lm_type(const lorec_lm *m);   /* "qwen3", as config.json says */
LOREC_API int64_t lorec_lm_vocab(const lorec_lm *m);      /* values in a row of logits */
LOREC_API int64_t lorec_lm_positions(const lorec_lm *m);  /* tokens that one text may have */
LOREC_API int64_t lorec_lm_parameters(const lorec_lm *m); /* how many values it has */

/* n bytes of text to ids; framed: with what the model's tokenizer puts around a text. *n_ids is how many there are; those
 * that have room are written, so that a first call with room 0 measures. LOREC_INPUT: the model has no tokenizer. */
LOREC_API lorec_err lorec_lm_tokenize(const lorec_lm *m, const char *text, size_t n, int framed, int32_t *ids,
                                      size_t room, size_t *n_ids);
/* The same the other way: *n_text bytes, of which `room` are written (no NUL is). special: BOS and its like are written too. */
LOREC_API lorec_err lorec_lm_detokenize(const lorec_lm *m, const int32_t *ids, size_t n, int special, char *text,
                                        size_t room, size_t *n_text);

/* Logits of what follows n packed sequences of at least one id each: out [n, vocab]; every: after each token, [sum of lengths,
 * vocab]. An encoder-decoder's sequences are sources, and the logits are those of its first token. LOREC_USAGE: an empty sequence,
 * one longer than the positions, an id that is none. */
LOREC_API lorec_err lorec_lm_logits(const lorec_lm *m, const int32_t *ids, const int32_t *lengths, size_t n, int every,
                                    float *out);

typedef struct lorec_lm_score_options {
    size_t size;
    int ends;     /* the model's end token after each continuation: that is said and nothing more */
    int cut;      /* a prompt that is too long loses its middle; otherwise it is LOREC_INPUT */
    int64_t keep; /* with cut: so many of its first tokens stay; 0: 1 */
} lorec_lm_score_options;
/* sum [n]: the natural log of each continuation's probability after the prompt; tokens [n] (or NULL): how many that were. The
 * prompt, and what continuations begin with, is computed once. */
LOREC_API lorec_err lorec_lm_score(const lorec_lm *m, const char *prompt, const char *const *continuation, size_t n,
                                   const lorec_lm_score_options *options, double *sum, int32_t *tokens);

typedef struct lorec_lm_generate_options {
    size_t size;
    int64_t tokens;     /* at most so many new ones; 0: 128, or what `only` needs */
    double temperature; /* 0: the likeliest token each time */
    int64_t top_k;      /* 0: all */
    double top_p; /* draw from the fewest likeliest tokens that reach this share (Holtzman et al., ICLR 2020); 0: all */
    double min_p; /* and from those at least so likely as this times the likeliest (Nguyen et al., ICLR 2025); 0: all */
    double repetition; /* above 1: tokens said before become less likely (Keskar et al. 2019); 0: as they are */
    int64_t samples;   /* 0: 1; more need a temperature */
    int64_t beams; /* above 0: so many likeliest texts by beam search, best first; without temperature, samples, stop */
    double length_power;     /* of beams, which are ordered by logp / tokens^this (Wu et al. 2016); 0: by logp */
    uint64_t seed;           /* of the draws: a sample is a function of it and of its number */
    const char *const *stop; /* [n_stop] a text ends before one of these */
    size_t n_stop;
    const char *const *only; /* [n_only] nothing but one of these comes out, each as it is tokenised by itself */
    size_t n_only;
    int no_end; /* the model's end token is a token like others */
    int cut;    /* as of lorec_lm_score_options */
    int64_t keep;
    /* Told what is certain of a sample's text while it is made, n bytes; nonzero ends that sample. Not by beams. */
    int (*text)(void *ctx, int64_t sample, const char *bytes, size_t n);
    void *ctx;
} lorec_lm_generate_options;

typedef struct lorec_generated lorec_generated;
typedef struct lorec_generated_text {
    size_t size;      /* set by the caller */
    const char *text; /* n_text bytes: UTF-8, unless the model says other bytes */
    size_t n_text;
    const int32_t *ids; /* [n_ids], an end token included */
    size_t n_ids;
    double logp;       /* sum of the natural logs of the tokens' probabilities among all tokens */
    const char *ended; /* "end", "stop", "length", "cancelled"; of a beam "end" or "length" */
    int64_t choice;    /* of `only`: which one, the first of equal ones; -1: none */
} lorec_generated_text;

/* LOREC_USAGE: options that do not go together; LOREC_INPUT: the prompt is longer than the model's positions (cut), the model has no
 * tokenizer; LOREC_FAILED: `only` with too few tokens; LOREC_CANCELLED: the watch asked. */
LOREC_API lorec_err lorec_lm_generate(lorec_generated **out, const lorec_lm *m, const char *prompt,
                                      const lorec_lm_generate_options *options);
LOREC_API size_t lorec_generated_count(const lorec_generated *g);
LOREC_API lorec_err lorec_generated_at(const lorec_generated *g, size_t i, lorec_generated_text *out);
LOREC_API void lorec_generated_free(lorec_generated *g);

/* Vectors of texts, out [n, width]. A model that also continues texts is read a second time for it, at the first call of
 * either function, in f32 (bf16 where the options say so). */
LOREC_API lorec_err lorec_lm_width(lorec_lm *m, int64_t *width);
LOREC_API lorec_err lorec_lm_embed(lorec_lm *m, const char *const *text, size_t n, float *out);

#ifdef __cplusplus
}
#endif
#endif
