/* embed_cache.h: vectors of a catalogue's texts on disk, so that a text is embedded once. Below the cache's folder there is
 * one folder for each model and way of embedding (its name is a hash of both), and in it pairs of files, written whole or
 * not at all and never changed:
 *   settings.json    what the hash is of: the weights' fingerprint, embedder_describe's words, the width
 *   NAME.npy         float32 [n, width]
 *   NAME.keys.npy    uint64 [n + 1, 2]: a 128-bit hash of each text's token ids; the last row is the hash of NAME.npy's data
 * A pair that is incomplete or damaged is left out, with a warning: its texts are embedded again. So a run that was killed
 * goes on where it was, and several processes may fill one cache.
 *
 *     embed_cache *c;
 *     TRY(embed_cache_open(&c, embedder, "cache/embeddings"));
 *     TRY(embed_cache_texts(c, texts, n, x));          // [n, width]; what is missing is computed and kept as it comes
 *     embed_cache_close(c);
 *
 * Ownership: a cache borrows the embedder and owns its maps until embed_cache_close. It belongs to one thread. */
#ifndef LOREC_LM_EMBED_EMBED_CACHE_H
#define LOREC_LM_EMBED_EMBED_CACHE_H

#include "lm/embed/embed.h"

typedef struct embed_cache embed_cache;

typedef struct embed_cache_counts {
    size_t kept;            /* vectors in the cache now */
    size_t found, computed; /* of the texts asked for so far; texts that are the same count once each */
} embed_cache_counts;

/* `folder` is made where it is not there. The weights are read once for their fingerprint. */
lorec_err embed_cache_open(embed_cache **out, const embedder *e, const char *folder);
void embed_cache_close(embed_cache *c);
lorec_err embed_cache_texts(embed_cache *c, const slice *text, size_t n, float *out);
embed_cache_counts embed_cache_count(const embed_cache *c);

/* How many texts are kept at a time (2048), for tests. */
void embed_cache_every(embed_cache *c, size_t texts);

#endif
