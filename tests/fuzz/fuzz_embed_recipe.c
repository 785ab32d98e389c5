/* Any JSON as modules.json, a pooling's, a dense step's and a prompts' config: refused with a message, or a recipe whose
 * fields are in their ranges. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "lm/embed/embed_recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void told(lorec_err e)
{
    if (e && !lorec_error_message()[0]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *tree;
    if (json_parse(&tree, (const char *)data, size, "fuzz")) return 0;
    embed_recipe r = {0};
    lorec_err e = embed_recipe_modules(&r, tree, "/nowhere");
    told(e);
    if (!e && !r.body) abort();
    e = embed_recipe_pooling(&r, tree);
    told(e);
    if (!e && (r.n_pool < 1 || r.n_pool > POOLINGS)) abort();
    for (int i = 0; i < r.n_pool; i++)
        if (r.pool[i] >= POOLINGS) abort();
    embed_step s = {0};
    e = embed_recipe_dense(&s, tree);
    told(e);
    if (!e && (s.in < 1 || s.out < 1)) abort();
    told(embed_recipe_prompts(&r, tree));
    if (r.n_steps > EMBED_STEPS) abort();
    embed_recipe_free(&r);
    json_decref(tree);
    return 0;
}
