#include "methods/registry.h"

#include <string.h>

/* One row a method: NAME stands for `const recommender recommender_NAME` in rec/NAME.c or methods/NAME/method.c. The
 * order is the order of `lorec methods`: trivial rules, neighbours and linear models, factors, graphs, sequences, clicks,
 * published systems. */
#define METHODS(ROW)                                                                                                   \
    ROW(pop)                                                                                                           \
    ROW(recent_pop)                                                                                                    \
    ROW(repeat)                                                                                                        \
    ROW(markov)                                                                                                        \
    ROW(itemknn)                                                                                                       \
    ROW(userknn)                                                                                                       \
    ROW(bm25)                                                                                                          \
    ROW(liked_share)                                                                                                   \
    ROW(next_id)                                                                                                       \
    ROW(slim)                                                                                                          \
    ROW(ease)                                                                                                          \
    ROW(ials)                                                                                                          \
    ROW(gfcf)                                                                                                          \
    ROW(bpr)                                                                                                           \
    ROW(lightgcn)                                                                                                      \
    ROW(fpmc)                                                                                                          \
    ROW(gru4rec)                                                                                                       \
    ROW(sasrec)                                                                                                        \
    ROW(bert4rec)                                                                                                      \
    ROW(lr)                                                                                                            \
    ROW(fm)                                                                                                            \
    ROW(deepfm)                                                                                                        \
    ROW(dcnv2)                                                                                                         \
    ROW(din)                                                                                                           \
    ROW(bigrec)                                                                                                        \
    ROW(chat_rec)                                                                                                      \
    ROW(fairllm)                                                                                                       \
    ROW(fellrec)                                                                                                       \
    ROW(gptrec)                                                                                                        \
    ROW(hllm)                                                                                                          \
    ROW(interecagent)                                                                                                  \
    ROW(kar)                                                                                                           \
    ROW(llara)                                                                                                         \
    ROW(llmrank)                                                                                                       \
    ROW(nir)                                                                                                           \
    ROW(p5)                                                                                                            \
    ROW(pepler)                                                                                                        \
    ROW(rankgpt)                                                                                                       \
    ROW(tallrec)                                                                                                       \
    ROW(vq_rec)                                                                                                        \
    ROW(zero_shot_lm)

#define DECLARE(name) extern const recommender recommender_##name;
METHODS(DECLARE)

#define ADDRESS(name) &recommender_##name,
static const recommender *const table[] = {METHODS(ADDRESS)};
#define ONE(name) +1
enum { TABLE = 0 METHODS(ONE) };

const recommender *registry_find(const char *key)
{
    for (size_t i = 0; i < TABLE; i++)
        if (strcmp(table[i]->key, key) == 0) return table[i];
    return NULL;
}

lorec_err registry_need(const char *key, const recommender **out)
{
    *out = registry_find(key);
    if (*out) return LOREC_OK;
    const char *keys[TABLE];
    for (size_t i = 0; i < TABLE; i++) keys[i] = table[i]->key;
    const char *near = err_nearest(key, keys, TABLE);
    return err_set(LOREC_USAGE, "there is no method \"%s\"%s%s%s; `lorec methods` lists them all", key,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

size_t registry_count(void)
{
    return TABLE;
}

const recommender *registry_at(size_t i)
{
    return i < TABLE ? table[i] : NULL;
}
