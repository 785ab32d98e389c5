/* embed_recipe.h: how a model's hidden states become one vector a text, as sentence-transformers writes it beside a model:
 *   modules.json                        what follows what, and in which folder: Transformer, Pooling, Dense, Normalize
 *   sentence_bert_config.json           max_seq_length, do_lower_case; newer ones: tokenizer_config.json, model_max_length
 *   N_Pooling/config.json               "pooling_mode": a word or a list; or "pooling_mode_cls_token": true, ...
 *   N_Dense/config.json                 in_features, out_features, bias, activation_function; weights beside it
 *   config_sentence_transformers.json   prompts by name, default_prompt_name
 *
 *     embed_recipe r;
 *     TRY(embed_recipe_read(&r, folder));       // r.found: false where there is no modules.json, and all is a default
 *     embed_recipe_free(&r);
 *
 * Ownership: a recipe owns its paths and prompts until embed_recipe_free. */
#ifndef LOREC_LM_EMBED_EMBED_RECIPE_H
#define LOREC_LM_EMBED_EMBED_RECIPE_H

#include "base/json.h"
#include "tensor/ops.h"

typedef enum pooling {
    POOL_CLS, /* the first token */
    POOL_MAX,
    POOL_MEAN,
    POOL_MEAN_SQRT, /* sum / sqrt(tokens) */
    POOL_WEIGHTED,  /* mean with weights 1, 2, 3 ... (Muennighoff 2022) */
    POOL_LAST,      /* the last token */
    POOLINGS
} pooling;
bool pooling_find(const char *name, pooling *out); /* "cls", "max", "mean", "mean_sqrt_len_tokens", ... */
const char *pooling_name(pooling p);

typedef struct embed_step { /* after pooling */
    enum { STEP_NORMALIZE, STEP_DENSE } kind;
    char *folder; /* of a dense one's weights */
    int64_t in, out;
    bool bias;
    activation act;
} embed_step;

enum { EMBED_STEPS = 8 };
typedef struct embed_recipe {
    bool found;
    char *body;             /* the transformer's folder */
    pooling pool[POOLINGS]; /* concatenated in this order */
    int n_pool;             /* 0: the model's kind decides */
    bool skip_prompt;       /* its tokens are not pooled */
    embed_step step[EMBED_STEPS];
    int n_steps;
    int64_t max_tokens; /* 0: as many as the model has positions */
    bool lower_case;
    json_t *prompts; /* name -> text, or NULL */
    char *prompt;    /* the default one's text, or NULL */
} embed_recipe;

lorec_err embed_recipe_read(embed_recipe *out, const char *folder);
void embed_recipe_free(embed_recipe *r);

/* Its parts, from trees that were parsed (for fuzzing too). */
lorec_err embed_recipe_modules(embed_recipe *r, const json_t *modules, const char *folder);
lorec_err embed_recipe_pooling(embed_recipe *r, const json_t *config);
lorec_err embed_recipe_dense(embed_step *s, const json_t *config);
lorec_err embed_recipe_prompts(embed_recipe *r, const json_t *config);

#endif
