/* Language models. */
#include "core.h"

static lorec_lm *of(PyObject *self)
{
    return ((handle *)self)->p;
}

static void release(void *p)
{
    lorec_lm_free(p);
}

static void dealloc(PyObject *self)
{
    core_handle_dealloc(self, release);
}

PyObject *py_lm_open(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    lorec_lm_options o = {.size = sizeof o};
    const char *path;
    unsigned long long memory;
    long long max_tokens;
    lorec_lm *m;
    calling c;
    if (!PyArg_ParseTuple(args, "szzpKzziL", &path, &o.tokenizer, &o.weights, &o.bf16, &memory, &o.pooling, &o.prompt,
                          &o.normalize, &max_tokens))
        return NULL;
    o.memory = memory;
    o.max_tokens = max_tokens;
    if (core_call_begin(&c, s, NULL)) return NULL;
    if (core_call_end(&c, lorec_lm_open(&m, path, &o))) return NULL;
    return core_handle_new(s->lm, m, NULL, release);
}

static PyObject *about(PyObject *self, PyObject *unused)
{
    (void)unused;
    const lorec_lm *m = of(self);
    return Py_BuildValue("sLLL", lorec_lm_type(m), (long long)lorec_lm_vocab(m), (long long)lorec_lm_positions(m),
                         (long long)lorec_lm_parameters(m));
}

/* int32 ids as bytes: numpy looks at them where they lie. */
static PyObject *tokenize(PyObject *self, PyObject *args)
{
    const char *text;
    Py_ssize_t length;
    int framed;
    size_t n, again;
    if (!PyArg_ParseTuple(args, "s#p", &text, &length, &framed)) return NULL;
    lorec_err e = lorec_lm_tokenize(of(self), text, (size_t)length, framed, NULL, 0, &n);
    if (e) return core_raise_error(core_state_of(self), e);
    PyObject *out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n * sizeof(int32_t)));
    if (!out) return NULL;
    e = lorec_lm_tokenize(of(self), text, (size_t)length, framed, (int32_t *)PyBytes_AsString(out), n, &again);
    if (e == LOREC_OK) return out;
    Py_DECREF(out);
    return core_raise_error(core_state_of(self), e);
}

static PyObject *detokenize(PyObject *self, PyObject *args)
{
    PyObject *ids, *out = NULL;
    int special;
    size_t n = 0, again;
    array_in id = {0};
    if (!PyArg_ParseTuple(args, "Op", &ids, &special) || core_array_take(&id, ids, 'i', false, "ids")) return NULL;
    lorec_err e = lorec_lm_detokenize(of(self), id.view.buf, (size_t)id.n, special, NULL, 0, &n);
    if (!e && (out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n)))
        e = lorec_lm_detokenize(of(self), id.view.buf, (size_t)id.n, special, PyBytes_AsString(out), n, &again);
    core_array_drop(&id);
    if (!e) return out;
    Py_CLEAR(out);
    return core_raise_error(core_state_of(self), e);
}

static PyObject *logits(PyObject *self, PyObject *args)
{
    PyObject *ids, *lengths, *into, *done = NULL;
    int every;
    array_in id = {0}, length = {0}, out = {0};
    Py_ssize_t all = 0, vocab = (Py_ssize_t)lorec_lm_vocab(of(self));
    calling c;
    if (!PyArg_ParseTuple(args, "OOpO", &ids, &lengths, &every, &into)) return NULL;
    if (core_array_take(&id, ids, 'i', false, "ids") || core_array_take(&length, lengths, 'i', false, "lengths"))
        goto done;
    for (Py_ssize_t i = 0; i < length.n; i++) {
        int32_t n = ((const int32_t *)length.view.buf)[i];
        all += n > 0 ? n : 0;
    }
    if (core_array_room(&id, all, "ids") || core_array_take(&out, into, 'f', true, "logits") ||
        core_array_room(&out, (every ? all : length.n) * vocab, "logits") ||
        core_call_begin(&c, core_state_of(self), NULL))
        goto done;
    if (core_call_end(
            &c, lorec_lm_logits(of(self), id.view.buf, length.view.buf, (size_t)length.n, every, out.view.buf)) == 0)
        done = Py_NewRef(Py_None);
done:
    core_array_drop(&id);
    core_array_drop(&length);
    core_array_drop(&out);
    return done;
}

static PyObject *score(PyObject *self, PyObject *args)
{
    const char *prompt;
    PyObject *more, *sums, *counts, *done = NULL;
    lorec_lm_score_options o = {.size = sizeof o};
    long long keep;
    texts t = {0};
    array_in sum = {0}, count = {0};
    calling c;
    if (!PyArg_ParseTuple(args, "sOppLOO", &prompt, &more, &o.ends, &o.cut, &keep, &sums, &counts)) return NULL;
    o.keep = keep;
    if (core_texts_of(&t, more, false) == 0 && core_array_take(&sum, sums, 'd', true, "sums") == 0 &&
        core_array_room(&sum, t.n, "sums") == 0 && core_array_take(&count, counts, 'i', true, "counts") == 0 &&
        core_array_room(&count, t.n, "counts") == 0 && core_call_begin(&c, core_state_of(self), NULL) == 0 &&
        core_call_end(&c, lorec_lm_score(of(self), prompt, t.at, (size_t)t.n, &o, sum.view.buf, count.view.buf)) == 0)
        done = Py_NewRef(Py_None);
    core_texts_free(&t);
    core_array_drop(&sum);
    core_array_drop(&count);
    return done;
}

/* ---- generating ------------------------------------------------------------------------------------------------------------------ */

static int tell(void *ctx, int64_t sample, const char *bytes, size_t n)
{
    calling *c = ctx;
    if (c->raised) return 1;
    core_python_enter(c);
    PyObject *text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)n, "replace");
    PyObject *answer = text ? PyObject_CallFunction(c->text, "LO", (long long)sample, text) : NULL;
    bool enough = answer == Py_False; /* False, and nothing else, ends the sample */
    Py_XDECREF(text);
    Py_XDECREF(answer);
    core_python_leave(c, !answer);
    return enough || c->raised;
}

static PyObject *texts_out(const lorec_generated *g)
{
    PyObject *list = PyList_New((Py_ssize_t)lorec_generated_count(g));
    for (size_t i = 0; list && i < lorec_generated_count(g); i++) {
        lorec_generated_text t = {.size = sizeof t};
        lorec_generated_at(g, i, &t);
        PyObject *one = Py_BuildValue("y#y#dsL", t.text, (Py_ssize_t)t.n_text, (const char *)t.ids,
                                      (Py_ssize_t)(t.n_ids * sizeof *t.ids), t.logp, t.ended, (long long)t.choice);
        if (!one) Py_CLEAR(list);
        if (one) PyList_SetItem(list, (Py_ssize_t)i, one);
    }
    return list;
}

static PyObject *generate(PyObject *self, PyObject *args)
{
    const char *prompt;
    PyObject *stop, *only, *on_text, *list = NULL;
    lorec_lm_generate_options o = {.size = sizeof o};
    long long tokens, top_k, samples, beams, keep;
    unsigned long long seed;
    texts stops = {0}, those = {0};
    lorec_generated *g = NULL;
    calling c;
    if (!PyArg_ParseTuple(args, "sLdLdddLLdKOOppLO", &prompt, &tokens, &o.temperature, &top_k, &o.top_p, &o.min_p,
                          &o.repetition, &samples, &beams, &o.length_power, &seed, &stop, &only, &o.no_end, &o.cut,
                          &keep, &on_text))
        return NULL;
    o.tokens = tokens;
    o.top_k = top_k;
    o.samples = samples;
    o.beams = beams;
    o.seed = seed;
    o.keep = keep;
    if (on_text != Py_None && !PyCallable_Check(on_text)) {
        PyErr_SetString(PyExc_TypeError, "on_text has to be callable");
        return NULL;
    }
    if (core_texts_of(&stops, stop, false) == 0 && core_texts_of(&those, only, false) == 0) {
        o.stop = stops.at;
        o.n_stop = (size_t)stops.n;
        o.only = those.at;
        o.n_only = (size_t)those.n;
        if (core_call_begin(&c, core_state_of(self), NULL) == 0) {
            c.text = on_text == Py_None ? NULL : on_text;
            o.text = c.text ? tell : NULL;
            o.ctx = &c;
            if (core_call_end(&c, lorec_lm_generate(&g, of(self), prompt, &o)) == 0) list = texts_out(g);
        }
    }
    lorec_generated_free(g);
    core_texts_free(&stops);
    core_texts_free(&those);
    return list;
}

/* ---- vectors --------------------------------------------------------------------------------------------------------------------- */

static PyObject *width(PyObject *self, PyObject *unused)
{
    int64_t n;
    calling c;
    (void)unused;
    if (core_call_begin(&c, core_state_of(self), NULL)) return NULL;
    if (core_call_end(&c, lorec_lm_width(of(self), &n))) return NULL;
    return PyLong_FromLongLong(n);
}

static PyObject *embed(PyObject *self, PyObject *args)
{
    PyObject *list, *into, *done = NULL;
    texts t = {0};
    array_in out = {0};
    int64_t n = 0;
    Py_ssize_t cells;
    calling c;
    if (!PyArg_ParseTuple(args, "OO", &list, &into)) return NULL;
    if (core_texts_of(&t, list, false) == 0 && core_array_take(&out, into, 'f', true, "vectors") == 0 &&
        core_call_begin(&c, core_state_of(self), NULL) == 0 && core_call_end(&c, lorec_lm_width(of(self), &n)) == 0) {
        if (__builtin_mul_overflow(t.n, (Py_ssize_t)n, &cells))
            PyErr_NoMemory();
        else if (core_array_room(&out, cells, "vectors") == 0 && core_call_begin(&c, core_state_of(self), NULL) == 0 &&
                 core_call_end(&c, lorec_lm_embed(of(self), t.at, (size_t)t.n, out.view.buf)) == 0)
            done = Py_NewRef(Py_None);
    }
    core_texts_free(&t);
    core_array_drop(&out);
    return done;
}

static PyMethodDef methods[] = {
    {"about", about, METH_NOARGS, "about() -> (type, vocab, positions, parameters)"},
    {"tokenize", tokenize, METH_VARARGS, "tokenize(text, framed) -> bytes of int32"},
    {"detokenize", detokenize, METH_VARARGS, "detokenize(ids, special) -> bytes"},
    {"logits", logits, METH_VARARGS, "logits(ids, lengths, every, out)"},
    {"score", score, METH_VARARGS, "score(prompt, continuations, ends, cut, keep, sums, counts)"},
    {"generate", generate, METH_VARARGS,
     "generate(prompt, tokens, temperature, top_k, top_p, min_p, repetition, samples, beams, length_power, seed, stop, "
     "only, no_end, cut, keep, on_text) -> [(text, ids, logp, ended, choice)]"},
    {"width", width, METH_NOARGS, "width() -> int"},
    {"embed", embed, METH_VARARGS, "embed(texts, out)"},
    {0}};

PyTypeObject *core_lm_type(PyObject *module)
{
    return core_handle_type(module, "LM", "A lorec_lm.", methods, dealloc);
}
