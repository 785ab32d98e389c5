#include "lm/parity/parity.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "lm/adapters/adapter_file.h"
#include "lm/parity/parity_parts.h"
#include "tensor/optimizer.h"
#include "tensor/safetensors.h"

static const double VALUES = 1e-4, GRADIENTS = 1e-3, LOSSES = 1e-4, SMALLEST = 1e-5;

void parity_free(parity *p)
{
    mem_free(p->row);
    *p = (parity){0};
}

lorec_err parity_add(parity *p, double error, double allowed, const char *what, const char *which)
{
    TRY(mem_grow(&p->row, &p->cap, p->n + 1));
    parity_row *r = &p->row[p->n++];
    *r = (parity_row){.error = error, .allowed = allowed};
    snprintf(r->what, sizeof r->what, "%s%s%s", what, which[0] ? " " : "", which);
    p->failed += !parity_ok(r);
    return LOREC_OK;
}

bool parity_has(fixture *f, const char *name, lorec_err *e)
{
    *e = path_join(&f->path, f->folder, name);
    return !*e && file_exists(f->path.p);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------------------ */

static lorec_err expect_shape(const npy *a, int ndim, const int64_t *shape, const char *path)
{
    bool same = a->ndim == ndim;
    for (int i = 0; same && i < ndim; i++) same = a->shape[i] == shape[i];
    return same ? LOREC_OK : err_set(LOREC_INPUT, "%s: its shape does not go with the model and the inputs", path);
}

static lorec_err read_ids(const fixture *f, parity_tokens *to, const npy *a, int64_t vocab)
{
    to->n = a->shape[0];
    to->length = a->shape[1];
    TRY(mem_new(&to->id, (size_t)a->count));
    for (int64_t r = 0; r < a->count; r++) {
        int64_t id = ((const int64_t *)a->data)[r];
        if (id < 0 || id >= vocab)
            return err_set(LOREC_INPUT, "%s: id %lld of %lld", f->path.p, (long long)id, (long long)vocab);
        to->id[r] = (int32_t)id;
    }
    return LOREC_OK;
}

lorec_err parity_read_tokens(fixture *f, parity_tokens *to, const char *name, const char *mask_name, int64_t vocab)
{
    npy a;
    TRY(path_join(&f->path, f->folder, name));
    TRY(npy_open(&a, f->path.p, NPY_I64, 2));
    lorec_err e = read_ids(f, to, &a, vocab);
    npy_close(&a);
    if (e || !mask_name || !parity_has(f, mask_name, &e)) return e;
    TRY(npy_open(&a, f->path.p, NPY_I64, 2));
    e = expect_shape(&a, 2, (int64_t[]){to->n, to->length}, f->path.p);
    if (!e) e = mem_new(&to->mask, (size_t)a.count);
    for (int64_t r = 0; r < a.count && !e; r++) to->mask[r] = ((const int64_t *)a.data)[r] != 0;
    npy_close(&a);
    return e;
}

lorec_err parity_read_labels(fixture *f, const parity_tokens *like, int64_t vocab, bool shift)
{
    npy a;
    lorec_err e;
    if (!parity_has(f, "labels.npy", &e)) return e;
    TRY(npy_open(&a, f->path.p, NPY_I64, 2));
    e = expect_shape(&a, 2, (int64_t[]){like->n, like->length}, f->path.p);
    if (!e) e = mem_new(&f->target, (size_t)a.count);
    if (!e) e = mem_new(&f->weight, (size_t)a.count);
    f->targets = a.count;
    const int64_t *label = a.data;
    for (int64_t r = 0; r < a.count && !e; r++) {
        int64_t next = !shift ? label[r] : (r + 1) % like->length ? label[r + 1] : -100;
        f->target[r] = next < 0 || next >= vocab ? -1 : (int32_t)next;
        f->weight[r] = f->target[r] >= 0;
    }
    npy_close(&a);
    return e;
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */

static double largest_difference(const float *x, const float *expected, const uint8_t *mask, int64_t rows,
                                 int64_t width)
{
    double most = 0, size = 0;
    for (int64_t i = 0; i < rows * width; i++) {
        if (mask && !mask[i / width]) continue;
        double d = fabs((double)x[i] - expected[i]), s = fabs((double)expected[i]);
        most = d > most || isnan(d) ? d : most;
        size = s > size ? s : size;
    }
    return most / (size > 0 ? size : 1);
}

lorec_err parity_open(fixture *f, npy *a, const char *name, int ndim, const int64_t *shape)
{
    lorec_err e;
    *a = (npy){0};
    if (!parity_has(f, name, &e)) return e;
    TRY(npy_open(a, f->path.p, NPY_F32, ndim));
    return expect_shape(a, ndim, shape, f->path.p);
}

lorec_err parity_compare(fixture *f, tensor *x, const float *expected, const uint8_t *mask, int64_t rows,
                         const char *what, const char *which)
{
    int64_t n = x ? tensor_count(x) : 0;
    float *values;
    TRY(mem_new(&values, (size_t)n));
    lorec_err e = tape_read(f->tape, x, values, n);
    if (!e)
        e = parity_add(f->out, largest_difference(values, expected, mask, rows, rows ? n / rows : 0), VALUES, what,
                       which);
    mem_free(values);
    return e;
}

lorec_err parity_compare_file(fixture *f, tensor *x, const char *name, int ndim, const int64_t *shape,
                              const uint8_t *mask, int64_t rows)
{
    npy a;
    char what[64];
    snprintf(what, sizeof what, "%.*s", (int)strcspn(name, "."), name);
    lorec_err e = parity_open(f, &a, name, ndim, shape);
    if (!e && a.data) e = parity_compare(f, x, a.data, mask, rows, what, "");
    npy_close(&a);
    return e;
}

lorec_err parity_compare_layers(fixture *f, const transformer *net, const token_rows *in, const char *name,
                                const char *what, int64_t length, bool before_final, tensor **out)
{
    const transformer_config *c = transformer_settings(net);
    int64_t rows = in->sequences ? in->sequences->rows : 0, n = length ? rows / length : 0;
    npy a;
    lorec_err e = parity_open(f, &a, name, 4, (int64_t[]){c->layers + 1, n, length, c->width});
    tensor *x = transformer_embed(f->tape, net, in);
    for (int64_t layer = 0; layer <= c->layers && !e; layer++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)layer);
        if (layer == c->layers && !before_final) x = transformer_final(f->tape, net, x);
        if (a.data)
            e = parity_compare(f, x, (const float *)a.data + layer * rows * c->width, in->mask, rows, what, number);
        if (layer < c->layers) x = transformer_block(f->tape, net, layer, x, in);
    }
    npy_close(&a);
    *out = before_final ? transformer_final(f->tape, net, x) : x;
    return e;
}

/* ---- training --------------------------------------------------------------------------------------------------------------- */

static lorec_err forward_backward(fixture *f, const parity_kind *kind, double *loss)
{
    tape *t = f->tape;
    float value;
    tape_begin(t, 0);
    tensor *mean = op_weighted_mean(t, kind->loss(f), f->weight, f->targets);
    TRY(tape_backward(t, mean));
    TRY(tape_read(t, mean, &value, 1));
    *loss = value;
    return LOREC_OK;
}

static double square(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}

/* p's gradient in the file; zeros where the file has none, as then none should flow. */
static lorec_err read_gradient(const fixture *f, const safetensors *file, const tensor *p, float **out)
{
    const st_entry *entry = safetensors_find(file, tensor_name(p));
    const transformer *net = f->model->net;
    if (!entry && net &&
        p == transformer_tensor(net, PART_HEAD, 0)) /* a module may be called otherwise than its file's */
        entry = safetensors_find(file, "lm_head.weight");
    int64_t n = tensor_count(p);
    *out = NULL;
    if (entry && st_entry_count(entry) != n)
        return err_set(LOREC_INPUT, "%s: the gradient of %s has another size", f->path.p, tensor_name(p));
    TRY(mem_new(out, (size_t)n));
    return entry ? safetensors_read_f32(file, entry, *out, n) : LOREC_OK;
}

static lorec_err compare_gradient(fixture *f, const safetensors *file, tensor *p, double least)
{
    int64_t n = tensor_count(p);
    float *got = NULL, *expected;
    lorec_err e = read_gradient(f, file, p, &expected);
    if (!e) e = mem_new(&got, (size_t)n);
    if (!e) e = tensor_read_grad(p, got, n);
    if (!e) {
        double size = sqrt(square(expected, n));
        for (int64_t i = 0; i < n; i++) got[i] -= expected[i];
        size = size > least ? size : least;
        e = parity_add(f->out, sqrt(square(got, n)) / (size > 0 ? size : 1), GRADIENTS, "gradient", tensor_name(p));
    }
    mem_free(got);
    mem_free(expected);
    return e;
}

static params *learning(const fixture *f)
{
    return f->adapter ? adapter_params(f->adapter) : f->model->params;
}

/* What is zero but for rounding (a key's bias, which softmax does not see) is measured against the whole. */
static lorec_err compare_gradients(fixture *f, const safetensors *file)
{
    params *ps = learning(f);
    double all = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < params_count(ps) && !e; i++) {
        float *expected;
        e = read_gradient(f, file, params_at(ps, i), &expected);
        if (!e) all += square(expected, tensor_count(params_at(ps, i)));
        mem_free(expected);
    }
    for (size_t i = 0; i < params_count(ps) && !e; i++)
        e = compare_gradient(f, file, params_at(ps, i), SMALLEST * sqrt(all));
    return e;
}

static lorec_err check_gradients(fixture *f)
{
    lorec_err e;
    if (!parity_has(f, "grads.safetensors", &e)) return e;
    safetensors file;
    TRY(safetensors_open(&file, f->path.p));
    e = compare_gradients(f, &file);
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
static lorec_err train_on(fixture *f, const parity_kind *kind, const json_t *losses, const optimizer_options *o,
                          double loss)
{
    optimizer *opt = optimizer_new(learning(f), o);
    if (!opt) return LOREC_RESOURCE;
    lorec_err e = LOREC_OK;
    for (size_t step = 0; step < json_array_size(losses) && !e; step++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", step);
        if (step > 0) e = optimizer_step(opt, 1);
        if (step > 0 && !e) e = forward_backward(f, kind, &loss);
        double expected = json_number_value(json_array_get(losses, step));
        if (!e) e = parity_add(f->out, fabs(loss - expected) / fabs(expected), LOSSES, "loss of AdamW step", number);
    }
    optimizer_free(opt);
    return e;
}

static lorec_err check_losses(fixture *f, const parity_kind *kind, double loss)
{
    lorec_err e;
    if (!parity_has(f, "meta.json", &e)) return e;
    json_t *meta;
    optimizer_options o;
    TRY(json_read(&meta, f->path.p));
    const json_t *losses = json_object_get(meta, "adamw_losses");
    if (json_is_array(losses)) {
        e = read_optimizer(meta, &o);
        if (e) e = err_context(e, "%s", f->path.p);
        if (!e) e = train_on(f, kind, losses, &o, loss);
    }
    json_decref(meta);
    return e;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

static lorec_err begin(fixture *f, bool train)
{
    if (f->tape) tape_free(f->tape);
    f->tape = tape_new(&(tape_options){.train = train});
    if (!f->tape) return LOREC_RESOURCE;
    tape_begin(f->tape, 0);
    return LOREC_OK;
}

static lorec_err check(fixture *f)
{
    TRY(lm_model_open(&f->model, f->folder));
    if (adapter_folder(f->folder)) {
        TRY(adapter_open(&f->adapter, &f->model->net, 1, f->folder));
        params_freeze_all(f->model->params, true);
        f->set = (adapter_set){.item = &f->adapter, .n = 1};
    }
    const lm_model *m = f->model;
    const parity_kind *kind = m->vision ? &parity_vision : m->encoder && m->net ? &parity_seq2seq : &parity_text;
    TRY(kind->read(f));
    TRY(begin(f, false));
    TRY(kind->values(f));
    if (!f->target || !kind->loss) return LOREC_OK;
    TRY(begin(f, true));
    double loss;
    TRY(forward_backward(f, kind, &loss));
    TRY(check_gradients(f));
    return check_losses(f, kind, loss);
}

static void tokens_free(parity_tokens *x)
{
    mem_free(x->id);
    mem_free(x->mask);
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
    adapter_free(f.adapter);
    lm_model_free(f.model);
    tokens_free(&f.tokens);
    tokens_free(&f.decoder);
    mem_free(f.target);
    mem_free(f.weight);
    buf_free(&f.path);
    if (e) parity_free(out);
    return e;
}
