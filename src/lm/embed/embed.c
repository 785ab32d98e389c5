#include "lm/embed/embed.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/threads.h"
#include "lm/embed/embed_parts.h"
#include "lm/weights.h"
#include "text/unicode.h"

/* ---- what is pooled, and how ------------------------------------------------------------------------------------------- */

static lorec_err find_body(embedder *e)
{
    const lm_model *m = e->model;
    e->body = m->encoder ? m->encoder : m->net;
    if (!e->body) return err_set(LOREC_INPUT, "a model of type \"%s\" reads no texts", m->arch->type);
    e->width = transformer_settings(e->body)->width;
    return LOREC_OK;
}

static lorec_err decide_pooling(embedder *e)
{
    embed_recipe *r = &e->recipe;
    const embed_options *o = &e->o;
    if (o->pooling) {
        r->n_pool = 1;
        if (!pooling_find(o->pooling, &r->pool[0]))
            return err_set(LOREC_USAGE,
                           "the pooling \"%s\" is not known; cls, max, mean, mean_sqrt_len_tokens, weightedmean, "
                           "lasttoken are",
                           o->pooling);
    }
    if (r->n_pool == 0) r->pool[r->n_pool++] = transformer_settings(e->body)->causal ? POOL_LAST : POOL_MEAN;
    bool last = r->n_steps && r->step[r->n_steps - 1].kind == STEP_NORMALIZE;
    if (o->normalize == EMBED_RAW && last) r->n_steps--;
    if (o->normalize == EMBED_NORMALIZE && !last) {
        if (r->n_steps == EMBED_STEPS) return err_set(LOREC_INPUT, "more than %d steps after pooling", EMBED_STEPS);
        r->step[r->n_steps++] = (embed_step){.kind = STEP_NORMALIZE};
    }
    return LOREC_OK;
}

/* The steps' weights, and the width that comes out. */
static lorec_err read_dense(embedder *e, int i, const embed_step *s)
{
    char name[64];
    weights *w = NULL;
    int64_t size[2] = {s->out, s->in};
    snprintf(name, sizeof name, "%d.weight", i);
    if (!(e->dense[i] = params_add(e->extra, name, INIT_ZERO, 2, size))) return params_error(e->extra);
    snprintf(name, sizeof name, "%d.bias", i);
    if (s->bias && !(e->dense_bias[i] = params_add(e->extra, name, INIT_ZERO, 1, size))) return params_error(e->extra);
    TRY(weights_open(&w, s->folder));
    float *values = NULL;
    lorec_err err = mem_new(&values, (size_t)(s->out * s->in));
    for (int k = 0; k < (s->bias ? 2 : 1) && !err; k++) {
        const weight *x = weights_find(w, k ? "linear.bias" : "linear.weight");
        tensor *to = k ? e->dense_bias[i] : e->dense[i];
        if (!x || weight_values(x) != tensor_count(to))
            err = err_set(LOREC_INPUT, "%s: no %s of the size that config.json says", s->folder,
                          k ? "linear.bias" : "linear.weight");
        if (!err) err = weights_read_f32(w, x, 0, weight_rows(x), values);
        if (!err) err = tensor_write(to, values, tensor_count(to));
    }
    mem_free(values);
    weights_close(w);
    return err;
}

static lorec_err read_steps(embedder *e)
{
    embed_recipe *r = &e->recipe;
    if (e->model->vision) { /* pair_texts has its own way out */
        int64_t d = heads_projection_width(e->model->heads);
        if (d) e->width = d;
        return LOREC_OK;
    }
    e->width *= r->n_pool;
    for (int i = 0; i < r->n_steps; i++) {
        const embed_step *s = &r->step[i];
        if (s->kind != STEP_DENSE) continue;
        if (s->in != e->width)
            return err_set(LOREC_INPUT, "%s: it takes vectors of %lld values where %lld come in", s->folder,
                           (long long)s->in, (long long)e->width);
        TRY(read_dense(e, i, s));
        e->width = s->out;
    }
    return LOREC_OK;
}

/* ---- tokens -------------------------------------------------------------------------------------------------------------- */

/* How many tokens the tokenizer puts before and after a text: where its plain ids lie in the framed ones. */
static lorec_err measure_frame(embedder *e)
{
    tokens framed = {0}, plain = {0};
    lorec_err err = tokenizer_encode(e->tokenizer, slice_of("a"), TOKENIZER_FRAME, &framed);
    if (!err) err = tokenizer_encode(e->tokenizer, slice_of("a"), TOKENIZER_PLAIN, &plain);
    if (!err && framed.n >= plain.n) {
        size_t at = 0;
        while (at + plain.n < framed.n && memcmp(framed.id + at, plain.id, plain.n * sizeof *plain.id) != 0) at++;
        e->frame_begin = at;
        e->frame_end = framed.n - plain.n - at;
    }
    tokens_free(&framed);
    tokens_free(&plain);
    return err;
}

static lorec_err decide_prompt(embedder *e)
{
    const json_t *named = e->o.prompt ? json_object_get(e->recipe.prompts, e->o.prompt) : NULL;
    const char *text = json_is_string(named) ? json_string_value(named) : e->o.prompt ? e->o.prompt : e->recipe.prompt;
    TRY(mem_dup(&e->prompt, text ? text : ""));
    if (!e->prompt[0] || !e->tokenizer) return LOREC_OK;
    tokens ids = {0};
    lorec_err err = tokenizer_encode(e->tokenizer, slice_of(e->prompt), TOKENIZER_FRAME, &ids);
    if (!err) e->prompt_tokens = (int64_t)(ids.n - e->frame_end);
    tokens_free(&ids);
    return err;
}

static lorec_err decide_length(embedder *e)
{
    int64_t most = transformer_settings(e->body)->max_positions, said = e->recipe.max_tokens;
    if (e->o.max_tokens > 0) said = e->o.max_tokens;
    e->recipe.max_tokens = said > 0 && said < most ? said : most;
    if ((size_t)e->recipe.max_tokens > e->frame_begin + e->frame_end) return LOREC_OK;
    return err_set(LOREC_USAGE, "%lld tokens leave no room for a text: %zu are put around it",
                   (long long)e->recipe.max_tokens, e->frame_begin + e->frame_end);
}

lorec_err embedder_encode(const embedder *e, slice text, tokens *out)
{
    if (!e->tokenizer) return err_set(LOREC_INPUT, "%s; token ids can be embedded without it", e->no_tokenizer);
    size_t before = out->n;
    buf whole = {0}, lower = {0};
    lorec_err err = LOREC_OK;
    if (e->prompt[0]) {
        err = buf_puts(&whole, e->prompt);
        if (!err) err = buf_add(&whole, text.p, text.n);
        text = (slice){whole.p, whole.n};
    }
    if (!err && e->recipe.lower_case) {
        err = unicode_lower(&lower, text);
        text = (slice){lower.p ? lower.p : "", lower.n};
    }
    if (!err) err = tokenizer_encode(e->tokenizer, text, TOKENIZER_FRAME, out);
    size_t n = out->n - before, most = (size_t)e->recipe.max_tokens;
    if (!err && n > most) { /* the beginning, and what the frame ends with */
        memmove(out->id + before + most - e->frame_end, out->id + out->n - e->frame_end,
                e->frame_end * sizeof *out->id);
        out->n = before + most;
    }
    buf_free(&whole);
    buf_free(&lower);
    return err;
}

typedef struct encode_job {
    const embedder *e;
    const slice *text;
    size_t n, pieces;
    tokens *piece; /* each of some texts */
    int32_t *length;
} encode_job;

enum { ENCODE_TEXTS = 64 };

static lorec_err encode_some(void *ctx, size_t begin, size_t end, int worker)
{
    encode_job *j = ctx;
    (void)worker;
    for (size_t k = begin; k < end; k++)
        for (size_t i = k * ENCODE_TEXTS; i < j->n && i < (k + 1) * ENCODE_TEXTS; i++) {
            size_t before = j->piece[k].n;
            lorec_err e = embedder_encode(j->e, j->text[i], &j->piece[k]);
            if (e) return err_context(e, "text %zu", i + 1);
            j->length[i] = (int32_t)(j->piece[k].n - before);
        }
    return LOREC_OK;
}

lorec_err embedder_texts(const embedder *e, const slice *text, size_t n, float *out)
{
    encode_job j = {.e = e, .text = text, .n = n, .pieces = (n + ENCODE_TEXTS - 1) / ENCODE_TEXTS};
    tokens all = {0};
    lorec_err err = mem_new(&j.piece, j.pieces);
    if (!err) err = mem_new(&j.length, n);
    if (!err) err = par_each(j.pieces, 1, encode_some, &j);
    for (size_t k = 0; k < j.pieces && !err; k++) {
        err = mem_grow(&all.id, &all.cap, all.n + j.piece[k].n);
        if (!err && j.piece[k].n) memcpy(all.id + all.n, j.piece[k].id, j.piece[k].n * sizeof *all.id);
        if (!err) all.n += j.piece[k].n;
    }
    if (!err) err = embedder_ids(e, all.id, j.length, n, out);
    for (size_t k = 0; j.piece && k < j.pieces; k++) tokens_free(&j.piece[k]);
    tokens_free(&all);
    mem_free(j.piece);
    mem_free(j.length);
    return err;
}

/* ---- opening ----------------------------------------------------------------------------------------------------------------- */

/* A model without a tokenizer takes ids; the reason is told once a text comes. */
static lorec_err open_tokenizer(embedder *e, const char *path)
{
    lorec_err err = tokenizer_open(&e->tokenizer, e->recipe.body);
    if (err == LOREC_INPUT && strcmp(path, e->recipe.body) != 0) err = tokenizer_open(&e->tokenizer, path);
    if (err != LOREC_INPUT) return err;
    e->tokenizer = NULL;
    return mem_dup(&e->no_tokenizer, lorec_error_message());
}

static lorec_err open_all(embedder *e, const char *path)
{
    if (folder_exists(path))
        TRY(embed_recipe_read(&e->recipe, path));
    else
        TRY(mem_dup(&e->recipe.body, path));
    TRY(lm_model_open_as(&e->model, e->recipe.body, e->o.bf16 ? LM_BF16 : LM_F32));
    if (!(e->extra = params_new(0))) return LOREC_RESOURCE;
    TRY(find_body(e));
    TRY(decide_pooling(e));
    TRY(read_steps(e));
    TRY(open_tokenizer(e, path));
    if (e->tokenizer) TRY(measure_frame(e));
    TRY(decide_prompt(e));
    return decide_length(e);
}

lorec_err embedder_open(embedder **out, const char *path, const embed_options *options)
{
    embedder *e;
    *out = NULL;
    TRY(mem_new(&e, 1));
    if (options) e->o = *options;
    lorec_err err = open_all(e, path);
    e->o.prompt = e->o.pooling = NULL; /* the caller's; what they said is decided */
    if (err)
        embedder_free(e);
    else
        *out = e;
    return err;
}

void embedder_free(embedder *e)
{
    if (!e) return;
    lm_model_free(e->model);
    tokenizer_free(e->tokenizer);
    if (e->extra) params_free(e->extra);
    embed_recipe_free(&e->recipe);
    mem_free(e->prompt);
    mem_free(e->no_tokenizer);
    mem_free(e);
}

int64_t embedder_width(const embedder *e)
{
    return e->width;
}

int64_t embedder_max_tokens(const embedder *e)
{
    return e->recipe.max_tokens;
}

const lm_model *embedder_model(const embedder *e)
{
    return e->model;
}

const tokenizer *embedder_tokenizer(const embedder *e)
{
    return e->tokenizer;
}

lorec_err embedder_describe(const embedder *e, buf *out)
{
    const embed_recipe *r = &e->recipe;
    if (e->model->vision) TRY(buf_puts(out, "end of text, projected, normalized"));
    for (int i = 0; i < r->n_pool && !e->model->vision; i++)
        TRY(buf_printf(out, "%s%s", i ? " + " : "", pooling_name(r->pool[i])));
    for (int i = 0; i < r->n_steps && !e->model->vision; i++) {
        if (r->step[i].kind == STEP_NORMALIZE)
            TRY(buf_puts(out, ", normalized"));
        else
            TRY(buf_printf(out, ", dense %lld", (long long)r->step[i].out));
    }
    if (r->skip_prompt) TRY(buf_puts(out, ", prompt not pooled"));
    return buf_printf(out, ", prompt \"%s\", %lld tokens%s, %s", e->prompt, (long long)r->max_tokens,
                      r->lower_case ? ", lower case" : "", e->o.bf16 ? "bf16" : "f32");
}
