#include "lm/classify.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "lm/adapters/adapter_file.h"

struct classifier {
    lm_model *model;
    tokenizer *tokenizer;
    adapter *acts; /* or NULL */
    adapter_set set;
    char **name; /* [classes] */
    int64_t classes, max_tokens;
    size_t frame_end; /* tokens behind a text */
    classifier_kind kind;
    bool bf16;
};

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static lorec_err need_head(const lm_model *m)
{
    if (!m->net || m->encoder || m->vision)
        return err_set(LOREC_INPUT,
                       "a model of type \"%s\" does not tell classes of texts: an encoder or a decoder does",
                       m->arch->type);
    if (heads_classes_count(m->heads) > 0) return LOREC_OK;
    return err_set(LOREC_INPUT,
                   "the model has no classifier%s%s%s: `lorec lm train --objective classes` gives it one, or take a "
                   "model trained for classification",
                   m->arch->heads && m->arch->heads->out ? " (no " : "",
                   m->arch->heads && m->arch->heads->out ? m->arch->heads->out : "",
                   m->arch->heads && m->arch->heads->out ? ".weight in its file)" : "");
}

/* id2label: {"0": "bad", "1": "good"}. */
static lorec_err read_names(classifier *c)
{
    const json_t *named = json_object_get(c->model->config, "id2label");
    size_t there = json_object_size(named);
    TRY(mem_new(&c->name, (size_t)c->classes));
    if (there && there != (size_t)c->classes)
        return err_set(LOREC_INPUT, "config.json names %zu classes in \"id2label\"; the classifier has %lld", there,
                       (long long)c->classes);
    for (int64_t i = 0; i < c->classes; i++) {
        char key[24], usual[32];
        snprintf(key, sizeof key, "%lld", (long long)i);
        snprintf(usual, sizeof usual, "LABEL_%lld", (long long)i);
        const json_t *said = json_object_get(named, key);
        if (there && !json_is_string(said))
            return err_set(LOREC_INPUT, "config.json: \"id2label\" has no name for the class %s", key);
        TRY(mem_dup(&c->name[i], said ? json_string_value(said) : usual));
    }
    return LOREC_OK;
}

static lorec_err read_kind(classifier *c)
{
    const char *problem;
    TRY(json_get_string_or(c->model->config, "problem_type", "", &problem));
    c->kind = c->classes == 1 || strcmp(problem, "regression") == 0 ? CLASSES_VALUE
              : strcmp(problem, "multi_label_classification") == 0  ? CLASSES_EACH
                                                                    : CLASSES_ONE_OF;
    return LOREC_OK;
}

static lorec_err open_adapter(classifier *c, const char *path)
{
    transformer *net[2];
    size_t n = lm_model_nets(c->model, net);
    TRY(adapter_open(&c->acts, net, n, path));
    c->set = (adapter_set){.item = &c->acts, .n = 1};
    return LOREC_OK;
}

/* How many tokens stand behind a text: a text that is cut keeps them. */
static lorec_err measure_frame(classifier *c)
{
    tokens framed = {0}, plain = {0};
    lorec_err e = tokenizer_encode(c->tokenizer, slice_of("a"), TOKENIZER_FRAME, &framed);
    if (!e) e = tokenizer_encode(c->tokenizer, slice_of("a"), TOKENIZER_PLAIN, &plain);
    while (!e && plain.n && c->frame_end + plain.n < framed.n &&
           framed.id[framed.n - 1 - c->frame_end] != plain.id[plain.n - 1])
        c->frame_end++;
    tokens_free(&framed);
    tokens_free(&plain);
    return e;
}

static lorec_err decide_length(classifier *c, int64_t asked)
{
    const transformer *net = c->model->net;
    int64_t most = transformer_settings(net)->max_positions;
    if (c->acts) most -= adapters_prefix_rows(&c->set, net) + adapters_prompt_rows(&c->set, net);
    c->max_tokens = asked > 0 && asked < most ? asked : most;
    if (c->max_tokens > (int64_t)c->frame_end + 1) return LOREC_OK;
    return err_set(LOREC_USAGE, "%lld tokens leave no room for a text between those that are put around it",
                   (long long)c->max_tokens);
}

static lorec_err open_all(classifier *c, const char *path, const classifier_options *o)
{
    TRY(lm_model_open_as(&c->model, path, o->form));
    lorec_err e = need_head(c->model);
    c->classes = e ? 0 : heads_classes_count(c->model->heads);
    if (!e) e = read_names(c);
    if (!e) e = read_kind(c);
    if (e) return err_context(e, "%s", path);
    if (o->adapter) TRY(open_adapter(c, o->adapter));
    TRY(tokenizer_open(&c->tokenizer, o->tokenizer ? o->tokenizer : path));
    TRY(measure_frame(c));
    return decide_length(c, o->max_tokens);
}

lorec_err classifier_open(classifier **out, const char *path, const classifier_options *options)
{
    classifier *c;
    *out = NULL;
    TRY(mem_new(&c, 1));
    c->bf16 = options->bf16;
    lorec_err e = open_all(c, path, options);
    if (e)
        classifier_free(c);
    else
        *out = c;
    return e;
}

void classifier_free(classifier *c)
{
    if (!c) return;
    for (int64_t i = 0; c->name && i < c->classes; i++) mem_free(c->name[i]);
    mem_free(c->name);
    adapter_free(c->acts);
    lm_model_free(c->model);
    tokenizer_free(c->tokenizer);
    mem_free(c);
}

int64_t classifier_classes(const classifier *c)
{
    return c->classes;
}

const char *classifier_name(const classifier *c, int64_t i)
{
    return c->name[i];
}

classifier_kind classifier_kind_of(const classifier *c)
{
    return c->kind;
}

/* ---- texts to tokens ---------------------------------------------------------------------------------------------------- */

typedef struct batch {
    tokens id, type; /* packed */
    int32_t *length; /* [n] of each text; 0: nothing to read */
    int32_t *read;   /* [m] of those that have tokens */
    float *logits;   /* [m, classes] */
} batch;

/* What is too long loses its end, but for the frame's. */
static lorec_err cut(const classifier *c, tokens *t, size_t from, size_t least)
{
    size_t n = t->n - from, most = (size_t)c->max_tokens;
    if (n <= most) return LOREC_OK;
    if (most < least + c->frame_end)
        return err_set(LOREC_INPUT, "the first text of the pair leaves the second no room in %zu tokens", most);
    memmove(t->id + from + most - c->frame_end, t->id + t->n - c->frame_end, c->frame_end * sizeof *t->id);
    t->n = from + most;
    return LOREC_OK;
}

static lorec_err encode(const classifier *c, slice text, const slice *second, batch *b, int32_t *length)
{
    size_t from = b->id.n, first = 0;
    int64_t vocab = transformer_settings(c->model->net)->vocab_size;
    if (second) {
        TRY(tokenizer_encode_pair(c->tokenizer, text, *second, TOKENIZER_FRAME, &b->id, &b->type));
        if (b->id.n - from > (size_t)c->max_tokens) { /* what belongs to the first stays */
            tokens alone = {0};
            lorec_err e = tokenizer_encode(c->tokenizer, text, TOKENIZER_FRAME, &alone);
            first = alone.n;
            tokens_free(&alone);
            if (e) return e;
        }
    } else {
        TRY(tokenizer_encode(c->tokenizer, text, TOKENIZER_FRAME, &b->id));
        while (b->type.n < b->id.n) TRY(tokens_add(&b->type, 0));
    }
    TRY(cut(c, &b->id, from, first));
    TRY(cut(c, &b->type, from, first));
    *length = (int32_t)(b->id.n - from);
    for (size_t i = from; i < b->id.n; i++)
        if (b->id.id[i] >= vocab)
            return err_set(LOREC_INPUT,
                           "the tokenizer gives the id %d; the model knows %lld: they do not belong together",
                           b->id.id[i], (long long)vocab);
    return LOREC_OK;
}

/* ---- through the model --------------------------------------------------------------------------------------------------- */

static lorec_err run(const classifier *c, const batch *b, int64_t m)
{
    tape *t = tape_new(&(tape_options){.compute = c->bf16 ? DTYPE_BF16 : DTYPE_F32});
    if (!t) return LOREC_RESOURCE;
    tape_begin(t, 0);
    bool types = transformer_settings(c->model->net)->name[PART_TYPES] != NULL;
    token_rows in = {.ids = tape_ids(t, b->id.id, (int64_t)b->id.n),
                     .sequences = tape_segments(t, b->read, m),
                     .type = types ? b->type.id : NULL,
                     .adapters = c->acts ? &c->set : NULL};
    tensor *h = transformer_hidden(t, c->model->net, &in);
    tensor *y = heads_classes(t, c->model->heads, h, tape_segments(t, b->read, m));
    lorec_err e = tape_read(t, y, b->logits, m * c->classes);
    tape_free(t);
    return e;
}

/* Those of the batch's n texts that have tokens; NaNs for the others. */
static lorec_err run_batch(const classifier *c, batch *b, size_t n, float *logits)
{
    int64_t m = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        if (b->length[i]) b->read[m++] = b->length[i];
    if (m) TRY(run(c, b, m));
    for (size_t i = 0; i < n; i++)
        for (int64_t k = 0; k < c->classes; k++) *logits++ = b->length[i] ? b->logits[at++] : NAN;
    return LOREC_OK;
}

lorec_err classifier_logits(const classifier *c, const slice *text, const slice *second, size_t n, float *logits)
{
    enum { TOKENS_AT_ONCE = 1024 };
    batch b = {0};
    lorec_err e = mem_new(&b.length, n);
    if (!e) e = mem_new(&b.read, n);
    if (!e) e = mem_new(&b.logits, n * (size_t)c->classes);
    for (size_t begin = 0, end = 0; begin < n && !e; begin = end) {
        b.id.n = b.type.n = 0;
        for (; end < n && b.id.n < TOKENS_AT_ONCE && !e; end++) {
            e = encode(c, text[end], second ? second + end : NULL, &b, &b.length[end - begin]);
            if (e) e = err_context(e, "text %zu", end + 1);
        }
        if (!e) e = run_batch(c, &b, end - begin, logits + begin * (size_t)c->classes);
    }
    tokens_free(&b.id);
    tokens_free(&b.type);
    mem_free(b.length);
    mem_free(b.read);
    mem_free(b.logits);
    return e;
}

void classifier_probabilities(const classifier *c, float *row)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < c->classes; i++) most = fmax(most, (double)row[i]);
    for (int64_t i = 0; i < c->classes; i++) sum += exp((double)row[i] - most);
    for (int64_t i = 0; i < c->classes && c->kind != CLASSES_VALUE; i++)
        row[i] = (float)(c->kind == CLASSES_EACH ? 1 / (1 + exp(-(double)row[i])) : exp((double)row[i] - most) / sum);
}
