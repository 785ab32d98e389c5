#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "methods/hllm/hllm.h"
#include "recipes/catalogue.h"
#include "text/tokenizer_train.h"

static bool given(const char *path)
{
    return path && path[0];
}

/* ---- texts ------------------------------------------------------------------------------------------------------------------ */

/* The instruction, then "key: value" of what there is. */
static lorec_err text_of(const hllm *m, const catalogue *c, uint32_t item, buf *out)
{
    slice title = catalogue_title(c, item), categories = catalogue_categories(c, item);
    buf_clear(out);
    if (m->instruction) TRY(buf_puts(out, m->instruction));
    if (title.n) {
        TRY(buf_puts(out, "title: "));
        TRY(buf_add(out, title.p, title.n));
    }
    if (categories.n) {
        TRY(buf_puts(out, " categories: "));
        TRY(buf_add(out, categories.p, categories.n));
    }
    return LOREC_OK;
}

static lorec_err train_tokenizer(hllm *m, const catalogue *c)
{
    tokenizer_trainer *tr;
    buf text = {0};
    TRY(tokenizer_trainer_new(&tr, &(tokenizer_training){.kind = TOKENIZER_BPE, .size = (size_t)m->vocabulary}));
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < c->n && !e; i++) {
        e = text_of(m, c, i, &text);
        if (!e) e = tokenizer_trainer_add(tr, (slice){text.p ? text.p : "", text.n});
    }
    if (!e) e = tokenizer_trainer_finish(tr, &m->tokenizer);
    tokenizer_trainer_free(tr);
    buf_free(&text);
    return e;
}

static lorec_err make_tokenizer(hllm *m, const catalogue *c, tokenizer **out)
{
    if (given(m->item_model)) return tokenizer_open(out, m->item_model);
    TRY(train_tokenizer(m, c));
    char *text = json_dumps(m->tokenizer, JSON_COMPACT);
    if (!text) return err_set(LOREC_RESOURCE, "out of memory for a tokenizer");
    lorec_err e = tokenizer_from_json(out, slice_of(text), "the tokenizer trained on the titles");
    free(text);
    return e;
}

static lorec_err tokenize(training *f, const catalogue *c, const tokenizer *tk)
{
    buf text = {0};
    lorec_err e = mem_new(&f->text_start, (size_t)c->n + 1);
    for (uint32_t i = 0; i < c->n && !e; i++) {
        size_t most = f->text.n + (size_t)f->m->text_tokens;
        e = text_of(f->m, c, i, &text);
        if (!e) e = tokenizer_encode(tk, (slice){text.p ? text.p : "", text.n}, TOKENIZER_PLAIN, &f->text);
        if (f->text.n > most) f->text.n = most;
        f->text_start[i + 1] = f->text.n;
    }
    buf_free(&text);
    return e;
}

/* ---- models ----------------------------------------------------------------------------------------------------------------- */

/* A Llama of the asked size; drawn from `seed`. */
static lorec_err from_nothing(const hllm *m, lm_model **out, size_t vocabulary, int64_t places, uint64_t seed)
{
    json_t *config = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}", "model_type", "llama",
                               "vocab_size", (json_int_t)vocabulary, "hidden_size", (json_int_t)m->width,
                               "intermediate_size", (json_int_t)(4 * m->width), "num_hidden_layers",
                               (json_int_t)m->layers, "num_attention_heads", (json_int_t)m->heads,
                               "num_key_value_heads", (json_int_t)m->heads, "max_position_embeddings",
                               (json_int_t)places, "rms_norm_eps", 1e-5, "tie_word_embeddings", 1);
    if (!config) return err_set(LOREC_RESOURCE, "out of memory for a config");
    lorec_err e = lm_model_make(out, config, seed, "a model from nothing");
    json_decref(config);
    return e;
}

static lorec_err open_model(lm_model **out, const char *path, const char *what, int64_t places)
{
    TRY(lm_model_open(out, path));
    TRY(lm_model_need_decoder(*out));
    const transformer_config *c = transformer_settings((*out)->net);
    if (c->max_positions >= places) return LOREC_OK;
    return err_set(LOREC_USAGE, "%s %s has %lld positions where %lld are needed; lower %s", what, path,
                   (long long)c->max_positions, (long long)places,
                   strcmp(what, "item_model") == 0 ? "text_tokens" : "max_history");
}

static lorec_err make_models(training *f, const tokenizer *tk, uint64_t seed)
{
    hllm *m = f->m;
    int64_t text = m->text_tokens + 1, items = m->max_history;
    TRY(given(m->item_model) ? open_model(&m->item, m->item_model, "item_model", text)
                             : from_nothing(m, &m->item, tokenizer_size(tk), text, 2 * seed));
    TRY(given(m->user_model) ? open_model(&m->user, m->user_model, "user_model", items)
                             : from_nothing(m, &m->user, 1, items, 2 * seed + 1));
    const transformer_config *a = transformer_settings(m->item->net), *b = transformer_settings(m->user->net);
    m->d = transformer_out_width(a);
    int64_t in = b->embed_width ? b->embed_width : b->width;
    if ((int64_t)tokenizer_size(tk) > a->vocab_size)
        return err_set(LOREC_INPUT,
                       "item_model has %lld tokens, its tokenizer %zu; give a model with its own tokenizer",
                       (long long)a->vocab_size, tokenizer_size(tk));
    if (in == m->d && transformer_out_width(b) == m->d && (a->embed_width ? a->embed_width : a->width) == m->d)
        return LOREC_OK;
    return err_set(LOREC_USAGE,
                   "the item model's vectors have width %lld and the user model reads %lld; give models of one width "
                   "(`width` where one is made from nothing)",
                   (long long)m->d, (long long)in);
}

lorec_err hllm_models(training *f, const fit_context *fit)
{
    catalogue c = {0};
    tokenizer *tk = NULL;
    TRY(catalogue_make(&c, fit->split->data, fit->train, true));
    lorec_err e = make_tokenizer(f->m, &c, &tk);
    if (!e) e = tokenize(f, &c, tk);
    if (!e) e = make_models(f, tk, fit->seed);
    tokenizer_free(tk);
    catalogue_free(&c);
    return e;
}

/* ---- as one ----------------------------------------------------------------------------------------------------------------- */

/* Neither says words; the user model reads none either. */
static transformer_config body_of(const lm_model *m, bool reads_words)
{
    transformer_config c = *transformer_settings(m->net);
    for (int p = PART_HEAD_DENSE; p <= PART_HEAD_BIAS; p++) c.name[p] = NULL;
    if (!reads_words) c.name[PART_TOKENS] = NULL;
    c.headless = true;
    return c;
}

/* Between the joint set and the model that a parameter of it is of. */
static lorec_err carry(const training *f, bool back)
{
    float *values = NULL;
    size_t cap = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < params_count(f->joint) && !e; i++) {
        tensor *p = params_at(f->joint, i);
        const char *name = tensor_name(p);
        bool item = strncmp(name, "item.", 5) == 0;
        if (!item && strncmp(name, "user.", 5) != 0) continue;
        tensor *q = params_find(item ? f->m->item->params : f->m->user->params, name + 5);
        if (!q) e = err_set(LOREC_INPUT, "the model has no parameter %s", name + 5);
        if (!e) e = mem_grow(&values, &cap, (size_t)tensor_count(p));
        if (!e) e = tensor_read(back ? p : q, values, tensor_count(p));
        if (!e) e = tensor_write(back ? q : p, values, tensor_count(p));
        if (!e && !back && item) params_freeze(p, f->m->freeze_item);
    }
    mem_free(values);
    return e;
}

lorec_err hllm_joint(training *f, uint64_t seed)
{
    f->joint = params_new(seed);
    if (!f->joint) return LOREC_RESOURCE;
    transformer_config item = body_of(f->m->item, true), user = body_of(f->m->user, false);
    TRY(transformer_new(&f->item, f->joint, &item, "item."));
    TRY(transformer_new(&f->user, f->joint, &user, "user."));
    f->mark = params_add(f->joint, "mark", INIT_NORMAL(.02), 2, (int64_t[]){1, f->m->d});
    f->scale = params_add(f->joint, "scale", INIT_CONST(-log(f->m->temperature)), 1, (int64_t[]){1});
    TRY(params_error(f->joint));
    params_freeze(f->mark, f->m->freeze_item);
    return carry(f, false);
}

lorec_err hllm_take_back(training *f)
{
    return carry(f, true);
}
