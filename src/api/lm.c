/* The public face of language models (include/lorec/lm.h): opening, tokens, logits, scores, vectors. */
#include "api/handles.h"
#include "api/lm_handle.h"
#include "base/log.h"
#include "lm/session/score.h"

/* ---- opening ----------------------------------------------------------------------------------------------------------------- */

static lorec_err open_embedder(lorec_lm *m)
{
    return embedder_open(&m->embeds, m->path,
                         &(embed_options){.pooling = m->pooling,
                                          .prompt = m->prompt,
                                          .normalize = m->o.normalize > 0   ? EMBED_NORMALIZE
                                                       : m->o.normalize < 0 ? EMBED_RAW
                                                                            : EMBED_AS_MODEL,
                                          .max_tokens = m->o.max_tokens,
                                          .bf16 = m->o.bf16 != 0});
}

static lorec_err open_parts(lorec_lm *m)
{
    lm_form form = LM_KEEP;
    if (m->o.weights && !lm_form_find(m->o.weights, &form))
        return err_set(LOREC_USAGE, "weights \"%s\": there are keep, f32, bf16, q8, q4", m->o.weights);
    TRY(lm_text_open(&m->text, m->path, m->tokenizer, form));
    const lm_model *model = m->text->model;
    if (model->encoder || lm_model_need_decoder(model) == LOREC_OK) return LOREC_OK;
    lm_text_free(m->text); /* it continues no texts: what it can do is embed them */
    m->text = NULL;
    return open_embedder(m);
}

lorec_err lorec_lm_open(lorec_lm **out, const char *path, const lorec_lm_options *options)
{
    lorec_lm *m;
    lorec_lm_options o = {0};
    *out = NULL;
    TRY(struct_given(&o, sizeof o, options, "lorec_lm_options"));
    TRY(mem_new(&m, 1));
    pthread_mutex_init(&m->lock, NULL);
    m->o = o;
    lorec_err e = mem_dup(&m->path, path);
    if (!e) e = mem_dup(&m->tokenizer, o.tokenizer);
    if (!e) e = mem_dup(&m->pooling, o.pooling);
    if (!e) e = mem_dup(&m->prompt, o.prompt);
    if (!e) e = open_parts(m);
    m->o.tokenizer = m->o.pooling = m->o.prompt = m->o.weights = NULL; /* the caller's */
    if (e)
        lorec_lm_free(m);
    else
        *out = m;
    return e;
}

void lorec_lm_free(lorec_lm *m)
{
    if (!m) return;
    lm_text_free(m->text);
    embedder_free(m->embeds);
    pthread_mutex_destroy(&m->lock);
    mem_free(m->path);
    mem_free(m->tokenizer);
    mem_free(m->pooling);
    mem_free(m->prompt);
    mem_free(m);
}

static const lm_model *model_of_handle(const lorec_lm *m)
{
    return m->text ? m->text->model : embedder_model(m->embeds);
}

const char *lorec_lm_type(const lorec_lm *m)
{
    return model_of_handle(m)->arch->type;
}

/* What reads the texts. */
static const transformer_config *reader(const lorec_lm *m)
{
    const lm_model *model = model_of_handle(m);
    return transformer_settings(model->encoder ? model->encoder : model->net);
}

int64_t lorec_lm_vocab(const lorec_lm *m)
{
    const lm_model *model = model_of_handle(m);
    return transformer_settings(model->net ? model->net : model->encoder)->vocab_size;
}

int64_t lorec_lm_positions(const lorec_lm *m)
{
    return reader(m)->max_positions;
}

int64_t lorec_lm_parameters(const lorec_lm *m)
{
    return params_values(model_of_handle(m)->params);
}

lorec_err lm_handle_need_text(const lorec_lm *m)
{
    if (m->text) return LOREC_OK;
    return err_set(LOREC_USAGE, "%s: a model of type \"%s\" continues no texts; it can embed them", m->path,
                   lorec_lm_type(m));
}

lorec_err lm_handle_session(const lorec_lm *m, bool keep, lm_session **out)
{
    TRY(lm_handle_need_text(m));
    return lm_text_session(out, m->text,
                           &(lm_session_options){.bf16 = m->o.bf16 != 0, .keep = keep, .memory = (size_t)m->o.memory});
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------------ */

static lorec_err encode(const lorec_lm *m, slice text, bool framed, tokens *out)
{
    if (m->text) return tokenizer_encode(m->text->tokenizer, text, framed ? TOKENIZER_FRAME : TOKENIZER_PLAIN, out);
    const tokenizer *t = embedder_tokenizer(m->embeds);
    if (!t) return err_set(LOREC_INPUT, "%s: the model has no tokenizer", m->path);
    return tokenizer_encode(t, text, framed ? TOKENIZER_FRAME : TOKENIZER_PLAIN, out);
}

lorec_err lorec_lm_tokenize(const lorec_lm *m, const char *text, size_t n, int framed, int32_t *id, size_t room,
                            size_t *n_ids)
{
    tokens t = {0};
    *n_ids = 0;
    lorec_err e = encode(m, (slice){text, n}, framed != 0, &t);
    size_t give = t.n < room ? t.n : room;
    if (!e && give) memcpy(id, t.id, give * sizeof *id);
    if (!e) *n_ids = t.n;
    tokens_free(&t);
    return e;
}

lorec_err lorec_lm_detokenize(const lorec_lm *m, const int32_t *id, size_t n, int special, char *text, size_t room,
                              size_t *n_text)
{
    buf b = {0};
    *n_text = 0;
    const tokenizer *t = m->text ? m->text->tokenizer : embedder_tokenizer(m->embeds);
    if (!t) return err_set(LOREC_INPUT, "%s: the model has no tokenizer", m->path);
    lorec_err e = tokenizer_decode(t, id, n, special ? TOKENIZER_PARSE_SPECIAL : TOKENIZER_PLAIN, &b);
    size_t give = b.n < room ? b.n : room;
    if (!e && give) memcpy(text, b.p, give);
    if (!e) *n_text = b.n;
    buf_free(&b);
    return e;
}

lorec_err lm_handle_prompt(const lorec_lm *m, const char *prompt, int64_t more, bool cut, int64_t keep, tokens *out)
{
    size_t gone;
    TRY(lm_handle_need_text(m));
    TRY(lm_text_prompt(m->text, slice_of(prompt), out));
    TRY(lm_text_fit(m->text, out, more, &(lm_long){.refuse = !cut, .keep = keep > 0 ? keep : 1}, &gone));
    if (gone) log_warn("the prompt is too long for the model: %zu tokens of its middle are left out", gone);
    return LOREC_OK;
}

/* ---- logits ------------------------------------------------------------------------------------------------------------------ */

static lorec_err check_sequences(const lorec_lm *m, const int32_t *id, const int32_t *lengths, size_t n, size_t *all)
{
    *all = 0;
    int64_t vocab = reader(m)->vocab_size, most = lorec_lm_positions(m);
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] < 1 || lengths[i] > most)
            return err_set(LOREC_USAGE, "sequence %zu has %d tokens; from 1 to %lld go", i, lengths[i],
                           (long long)most);
        for (int32_t k = 0; k < lengths[i]; k++, (*all)++)
            if (id[*all] < 0 || id[*all] >= vocab)
                return err_set(LOREC_USAGE, "sequence %zu: the id %d is none of the model's %lld", i, id[*all],
                               (long long)vocab);
    }
    return LOREC_OK;
}

typedef struct copying {
    float *out;
    int64_t vocab;
} copying;

static lorec_err copy_logits(void *ctx, int64_t first, int64_t n, const float *logits)
{
    copying *c = ctx;
    memcpy(c->out + first * c->vocab, logits, (size_t)(n * c->vocab) * sizeof *logits);
    return LOREC_OK;
}

static lorec_err first_logits(lm_session *s, const int32_t *id, const int32_t *lengths, size_t n, copying *c)
{
    TRY(lm_session_read(s, id, lengths, (int64_t)n));
    for (size_t i = 0; i < n; i++) TRY(copy_logits(c, (int64_t)i, 1, lm_session_logits(s, (int64_t)i)));
    return LOREC_OK;
}

lorec_err lorec_lm_logits(const lorec_lm *m, const int32_t *id, const int32_t *lengths, size_t n, int every, float *out)
{
    lm_session *s = NULL;
    uint8_t *want = NULL;
    size_t all;
    TRY(lm_handle_need_text(m));
    if (n == 0) return LOREC_OK;
    TRY(check_sequences(m, id, lengths, n, &all));
    TRY(lm_handle_session(m, false, &s));
    copying c = {out, lm_session_vocab(s)};
    lorec_err e = LOREC_OK;
    if (lm_session_encodes(s)) {
        e = every ? err_set(LOREC_USAGE,
                            "an encoder-decoder has logits after its source only, not after every token of it")
                  : first_logits(s, id, lengths, n, &c);
    } else {
        if (every) e = mem_new(&want, all);
        if (want) memset(want, 1, all);
        if (!e)
            e = lm_session_grow(
                s,
                &(lm_growth){
                    .n = (int64_t)n, .tokens = id, .lengths = lengths, .want = want, .take = copy_logits, .ctx = &c},
                NULL);
    }
    mem_free(want);
    lm_session_free(s);
    return e;
}

/* ---- scores ------------------------------------------------------------------------------------------------------------------ */

lorec_err lorec_lm_score(const lorec_lm *m, const char *prompt, const char *const *continuation, size_t n,
                         const lorec_lm_score_options *options, double *sum, int32_t *counts)
{
    lorec_lm_score_options o = {0};
    tokens first = {0}, all = {0};
    int32_t *length = NULL;
    int64_t longest = 0;
    lm_session *s = NULL;
    lorec_err e;
    TRY(struct_given(&o, sizeof o, options, "lorec_lm_score_options"));
    TRY(lm_handle_need_text(m));
    if (o.ends && m->text->ends == 0) return err_set(LOREC_INPUT, "%s: the model has no end token", m->path);
    TRY(mem_new(&length, n));
    for (size_t i = 0; i < n; i++) {
        size_t from = all.n;
        TRY_GO(e, lm_text_continuation(m->text, slice_of(continuation[i]), &all), done);
        if (o.ends) TRY_GO(e, tokens_add(&all, m->text->end[0]), done);
        length[i] = (int32_t)(all.n - from);
        if (length[i] > longest) longest = length[i];
    }
    TRY_GO(e, lm_handle_prompt(m, prompt, longest, o.cut != 0, o.keep, &first), done);
    TRY_GO(e, lm_handle_session(m, false, &s), done);
    score_ask ask = {.prompts = 1,
                     .prompt = first.id,
                     .prompt_length = &(int32_t){(int32_t)first.n},
                     .n = (int64_t)n,
                     .token = all.id,
                     .length = length};
    if (n) TRY_GO(e, lm_score(s, &ask, sum), done);
    if (counts && n) memcpy(counts, length, n * sizeof *counts);
done:
    lm_session_free(s);
    tokens_free(&first);
    tokens_free(&all);
    mem_free(length);
    return e;
}

/* ---- vectors ----------------------------------------------------------------------------------------------------------------- */

static lorec_err embedder_of(lorec_lm *m, const embedder **out)
{
    pthread_mutex_lock(&m->lock);
    lorec_err e = m->embeds ? LOREC_OK : open_embedder(m);
    *out = m->embeds;
    pthread_mutex_unlock(&m->lock);
    return e;
}

lorec_err lorec_lm_width(lorec_lm *m, int64_t *width)
{
    const embedder *by;
    TRY(embedder_of(m, &by));
    *width = embedder_width(by);
    return LOREC_OK;
}

lorec_err lorec_lm_embed(lorec_lm *m, const char *const *text, size_t n, float *out)
{
    const embedder *by;
    slice *texts;
    TRY(embedder_of(m, &by));
    TRY(mem_new(&texts, n));
    for (size_t i = 0; i < n; i++) texts[i] = slice_of(text[i]);
    lorec_err e = n ? embedder_texts(by, texts, n, out) : LOREC_OK;
    mem_free(texts);
    return e;
}
