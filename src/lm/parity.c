#include "lm/parity.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/npy.h"
#include "lm/model_folder.h"
#include "tensor/optimizer.h"
#include "tensor/safetensors.h"

static const double VALUES = 1e-4, GRADIENTS = 1e-3, LOSSES = 1e-4;

typedef struct fixture {
    const char *folder;
    buf path;
    lm_model *model;
    tape *tape;
    npy ids, labels;
    int32_t *token, *target;
    float *weight; /* [rows] 1 where a label counts */
    int64_t rows, sequences, length;
    parity *out;
} fixture;

void parity_free(parity *p)
{
    mem_free(p->row);
    *p = (parity){0};
}

static lorec_err add(parity *p, double error, double allowed, const char *what, const char *which)
{
    TRY(mem_grow(&p->row, &p->cap, p->n + 1));
    parity_row *r = &p->row[p->n++];
    *r = (parity_row){.error = error, .allowed = allowed};
    snprintf(r->what, sizeof r->what, "%s%s%s", what, which[0] ? " " : "", which);
    p->failed += !parity_ok(r);
    return LOREC_OK;
}

/* folder/name into f->path; false: it is not there. */
static bool has(fixture *f, const char *name, lorec_err *e)
{
    *e = path_join(&f->path, f->folder, name);
    return !*e && file_exists(f->path.p);
}

static double largest_difference(const float *x, const float *expected, int64_t n)
{
    double most = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)x[i] - expected[i]), s = fabs((double)expected[i]);
        most = d > most || isnan(d) ? d : most;
        size = s > size ? s : size;
    }
    return most / (size > 0 ? size : 1);
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */

static lorec_err compare(fixture *f, tensor *x, const float *expected, const char *what, const char *which)
{
    int64_t n = x ? tensor_count(x) : 0;
    float *values;
    TRY(mem_new(&values, (size_t)n));
    lorec_err e = tape_read(f->tape, x, values, n);
    if (!e) e = add(f->out, largest_difference(values, expected, n), VALUES, what, which);
    mem_free(values);
    return e;
}

static lorec_err expect_shape(const npy *a, int ndim, const int64_t *shape, const char *path)
{
    bool same = a->ndim == ndim;
    for (int i = 0; same && i < ndim; i++) same = a->shape[i] == shape[i];
    return same ? LOREC_OK : err_set(LOREC_INPUT, "%s: its shape does not go with the model and the inputs", path);
}

static lorec_err check_values(fixture *f)
{
    const transformer *net = f->model->net;
    const transformer_config *c = transformer_settings(net);
    npy hidden = {0}, logits = {0};
    lorec_err e;
    bool has_hidden = has(f, "hidden_states.npy", &e);
    if (has_hidden) e = npy_open(&hidden, f->path.p, NPY_F32, 4);
    if (!e && has_hidden)
        e = expect_shape(&hidden, 4, (int64_t[]){c->layers + 1, f->sequences, f->length, c->width}, f->path.p);
    bool has_logits = !e && has(f, "logits.npy", &e);
    if (has_logits) e = npy_open(&logits, f->path.p, NPY_F32, 3);
    if (!e && has_logits) e = expect_shape(&logits, 3, (int64_t[]){f->sequences, f->length, c->vocab_size}, f->path.p);

    tape *t = f->tape;
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, f->token, f->rows),
                     .sequences = tape_segments_even(t, f->sequences, f->length)};
    tensor *x = transformer_embed(t, net, &in);
    for (int64_t layer = 0; layer <= c->layers && !e; layer++) { /* the last of them is after the final norm */
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)layer);
        if (layer == c->layers) x = transformer_final(t, net, x);
        if (has_hidden) e = compare(f, x, (const float *)hidden.data + layer * f->rows * c->width, "hidden", number);
        if (layer < c->layers) x = transformer_block(t, net, layer, x, &in);
    }
    if (!e && has_logits) e = compare(f, transformer_logits(t, net, x), logits.data, "logits", "");
    npy_close(&hidden);
    npy_close(&logits);
    return e;
}

/* ---- training --------------------------------------------------------------------------------------------------------------- */

static lorec_err forward_backward(fixture *f, double *loss)
{
    tape *t = f->tape;
    float value;
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, f->token, f->rows),
                     .sequences = tape_segments_even(t, f->sequences, f->length)};
    tensor *h = transformer_hidden(t, f->model->net, &in);
    tensor *each = transformer_loss(t, f->model->net, h, tape_ids(t, f->target, f->rows));
    tensor *mean = op_weighted_mean(t, each, f->weight, f->rows);
    TRY(tape_backward(t, mean));
    TRY(tape_read(t, mean, &value, 1));
    *loss = value;
    return LOREC_OK;
}

static lorec_err compare_gradient(fixture *f, const safetensors *file, tensor *p)
{
    const st_entry *entry = safetensors_find(file, tensor_name(p));
    int64_t n = tensor_count(p);
    if (!entry || st_entry_count(entry) != n)
        return err_set(LOREC_INPUT, "%s: it has no gradient of %s of that size", f->path.p, tensor_name(p));
    float *got = NULL, *expected = NULL;
    double off = 0, size = 0;
    lorec_err e = mem_new(&got, (size_t)n);
    if (!e) e = mem_new(&expected, (size_t)n);
    if (!e) e = tensor_read_grad(p, got, n);
    if (!e) e = safetensors_read_f32(file, entry, expected, n);
    for (int64_t i = 0; i < n && !e; i++) {
        off += ((double)got[i] - expected[i]) * ((double)got[i] - expected[i]);
        size += (double)expected[i] * expected[i];
    }
    if (!e) e = add(f->out, sqrt(off) / (size > 0 ? sqrt(size) : 1), GRADIENTS, "gradient", tensor_name(p));
    mem_free(got);
    mem_free(expected);
    return e;
}

static lorec_err check_gradients(fixture *f)
{
    lorec_err e;
    if (!has(f, "grads.safetensors", &e)) return e;
    safetensors file;
    TRY(safetensors_open(&file, f->path.p));
    params *ps = f->model->params;
    for (size_t i = 0; i < params_count(ps) && !e; i++) e = compare_gradient(f, &file, params_at(ps, i));
    safetensors_close(&file);
    return e;
}

static lorec_err read_optimizer(const json_t *meta, optimizer_options *o)
{
    *o = (optimizer_options){.kind = OPT_ADAMW, .beta1 = .9, .beta2 = .999};
    const json_t *words = json_object_get(meta, "adamw"), *betas = json_object_get(words, "betas");
    if (!json_is_object(words)) return err_set(LOREC_INPUT, "\"adamw\" has to say lr, betas, eps and weight_decay");
    TRY(json_get_f64_or(words, "lr", 1e-3, &o->lr));
    TRY(json_get_f64_or(words, "eps", 1e-8, &o->eps));
    TRY(json_get_f64_or(words, "weight_decay", .01, &o->weight_decay));
    if (json_array_size(betas) == 2) {
        o->beta1 = json_number_value(json_array_get(betas, 0));
        o->beta2 = json_number_value(json_array_get(betas, 1));
    }
    return LOREC_OK;
}

/* The first step's gradients are there already. */
static lorec_err train_on(fixture *f, const json_t *losses, const optimizer_options *o, double loss)
{
    optimizer *opt = optimizer_new(f->model->params, o);
    if (!opt) return LOREC_RESOURCE;
    lorec_err e = LOREC_OK;
    for (size_t step = 0; step < json_array_size(losses) && !e; step++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", step);
        if (step > 0) e = optimizer_step(opt, 1);
        if (step > 0 && !e) e = forward_backward(f, &loss);
        double expected = json_number_value(json_array_get(losses, step));
        if (!e) e = add(f->out, fabs(loss - expected) / fabs(expected), LOSSES, "loss of AdamW step", number);
    }
    optimizer_free(opt);
    return e;
}

static lorec_err check_losses(fixture *f, double loss)
{
    lorec_err e;
    if (!has(f, "meta.json", &e)) return e;
    json_t *meta;
    optimizer_options o;
    TRY(json_read(&meta, f->path.p));
    const json_t *losses = json_object_get(meta, "adamw_losses");
    if (json_is_array(losses)) {
        e = read_optimizer(meta, &o);
        if (e) e = err_context(e, "%s", f->path.p);
        if (!e) e = train_on(f, losses, &o, loss);
    }
    json_decref(meta);
    return e;
}

/* ---- the inputs ---------------------------------------------------------------------------------------------------------------- */

static lorec_err read_tokens(fixture *f)
{
    lorec_err e;
    TRY(path_join(&f->path, f->folder, "input_ids.npy"));
    TRY(npy_open(&f->ids, f->path.p, NPY_I64, 2));
    f->sequences = f->ids.shape[0];
    f->length = f->ids.shape[1];
    f->rows = f->ids.count;
    int64_t vocab = transformer_settings(f->model->net)->vocab_size;
    TRY(mem_new(&f->token, (size_t)f->rows));
    for (int64_t r = 0; r < f->rows; r++) {
        int64_t id = ((const int64_t *)f->ids.data)[r];
        if (id < 0 || id >= vocab)
            return err_set(LOREC_INPUT, "%s: id %lld of %lld", f->path.p, (long long)id, (long long)vocab);
        f->token[r] = (int32_t)id;
    }
    if (!has(f, "labels.npy", &e)) return e;
    TRY(npy_open(&f->labels, f->path.p, NPY_I64, 2));
    TRY(expect_shape(&f->labels, 2, f->ids.shape, f->path.p));
    TRY(mem_new(&f->target, (size_t)f->rows));
    TRY(mem_new(&f->weight, (size_t)f->rows));
    for (int64_t r = 0; r < f->rows; r++) {
        int64_t next = (r + 1) % f->length ? ((const int64_t *)f->labels.data)[r + 1] : -100;
        f->target[r] = next < 0 || next >= vocab ? -1 : (int32_t)next;
        f->weight[r] = f->target[r] >= 0;
    }
    return LOREC_OK;
}

static lorec_err check(fixture *f)
{
    TRY(lm_model_open(&f->model, f->folder));
    TRY(read_tokens(f));
    f->tape = tape_new(&(tape_options){.train = false});
    if (!f->tape) return LOREC_RESOURCE;
    TRY(check_values(f));
    if (!f->target) return LOREC_OK;
    tape_free(f->tape);
    f->tape = tape_new(&(tape_options){.train = true});
    if (!f->tape) return LOREC_RESOURCE;
    double loss;
    TRY(forward_backward(f, &loss));
    TRY(check_gradients(f));
    return check_losses(f, loss);
}

lorec_err parity_check(parity *out, const char *folder)
{
    *out = (parity){0};
    fixture f = {.folder = folder, .out = out};
    lorec_err e = check(&f);
    if (!e && out->n == 0)
        e = err_set(LOREC_INPUT,
                    "%s: there is nothing to compare with (logits.npy, hidden_states.npy, grads.safetensors)", folder);
    if (f.tape) tape_free(f.tape);
    lm_model_free(f.model);
    npy_close(&f.ids);
    npy_close(&f.labels);
    mem_free(f.token);
    mem_free(f.target);
    mem_free(f.weight);
    buf_free(&f.path);
    if (e) parity_free(out);
    return e;
}
