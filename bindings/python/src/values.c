/* What goes in and out: handles, strings, buffers. */
#include "core.h"

/* ---- handles -------------------------------------------------------------------------------------------------------------------- */

PyObject *core_handle_new(PyTypeObject *type, void *p, PyObject *owner, void (*release)(void *))
{
    allocfunc make = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    handle *h = (handle *)make(type, 0);
    if (!h) {
        if (release) release(p);
        return NULL;
    }
    h->p = p;
    h->owner = Py_XNewRef(owner);
    return (PyObject *)h;
}

void core_handle_dealloc(PyObject *self, void (*release)(void *))
{
    handle *h = (handle *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (!h->owner && h->p) release(h->p);
    Py_CLEAR(h->owner);
    freefunc done = (freefunc)PyType_GetSlot(type, Py_tp_free);
    done(self);
    Py_DECREF(type);
}

PyTypeObject *core_handle_type(PyObject *module, const char *name, const char *doc, PyMethodDef *methods,
                               destructor dealloc)
{
    char full[64];
    PyOS_snprintf(full, sizeof full, "lorec._core.%s", name);
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)(uintptr_t)doc}, {Py_tp_methods, methods}, {Py_tp_dealloc, (void *)dealloc}, {0, NULL}};
    PyType_Spec spec = {.name = full,
                        .basicsize = sizeof(handle),
                        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                        .slots = slots};
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

/* ---- strings -------------------------------------------------------------------------------------------------------------------- */

/* The UTF-8 of a str; NULL with an exception for anything else, and for one with a NUL inside. */
static const char *text_of(PyObject *o)
{
    Py_ssize_t n;
    if (!PyUnicode_Check(o)) {
        PyErr_SetString(PyExc_TypeError, "a str is needed");
        return NULL;
    }
    const char *s = PyUnicode_AsUTF8AndSize(o, &n);
    if (!s) return NULL;
    if ((Py_ssize_t)strlen(s) != n) {
        PyErr_SetString(PyExc_ValueError, "a text with a NUL inside");
        return NULL;
    }
    return s;
}

const char *core_text_or_null(PyObject *o, bool *bad)
{
    if (o == Py_None) return NULL;
    const char *s = text_of(o);
    if (!s) *bad = true;
    return s;
}

int core_texts_of(texts *t, PyObject *sequence, bool none_allowed)
{
    *t = (texts){0};
    if (sequence == Py_None) return 0;
    if (PyUnicode_Check(sequence)) {
        PyErr_SetString(PyExc_TypeError, "a list of texts is needed, not one text");
        return -1;
    }
    t->tuple = PySequence_Tuple(sequence);
    if (!t->tuple) return -1;
    t->n = PyTuple_Size(t->tuple);
    t->at = PyMem_Calloc((size_t)t->n + 1, sizeof *t->at);
    if (!t->at) {
        PyErr_NoMemory();
        core_texts_free(t);
        return -1;
    }
    for (Py_ssize_t i = 0; i < t->n; i++) {
        PyObject *one = PyTuple_GetItem(t->tuple, i);
        if (none_allowed && one == Py_None) continue;
        if (!(t->at[i] = text_of(one))) {
            core_texts_free(t);
            return -1;
        }
    }
    return 0;
}

void core_texts_free(texts *t)
{
    PyMem_Free((void *)t->at);
    Py_CLEAR(t->tuple);
    *t = (texts){0};
}

/* ---- buffers in ------------------------------------------------------------------------------------------------------------------ */

static Py_ssize_t size_of(char kind)
{
    return kind == 'q' || kind == 'd' || kind == 'Q' ? 8 : 4;
}

/* numpy writes int64 as "l" where long has 64 bits, "q" elsewhere; a prefix says the byte order. */
static bool is_kind(const Py_buffer *v, char kind)
{
    const char *f = v->format ? v->format : "B";
    if (*f == '@' || *f == '=' || *f == (PY_LITTLE_ENDIAN ? '<' : '>')) f++;
    if (f[0] == 0 || f[1] != 0 || v->itemsize != size_of(kind)) return false;
    bool same = f[0] == kind;
    if (kind == 'q') same = same || f[0] == 'l';
    if (kind == 'i') same = same || f[0] == 'l';
    if (kind == 'I') same = same || f[0] == 'L';
    return same;
}

int core_array_take(array_in *a, PyObject *o, char kind, bool writable, const char *what)
{
    *a = (array_in){0};
    if (o == Py_None) return 0;
    if (PyObject_GetBuffer(o, &a->view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0))) return -1;
    a->held = true;
    if (!is_kind(&a->view, kind)) {
        PyErr_Format(PyExc_TypeError, "%s: a contiguous array of '%c' (in struct's words) is needed, not of '%s'", what,
                     kind, a->view.format ? a->view.format : "B");
        core_array_drop(a);
        return -1;
    }
    a->n = a->view.len / a->view.itemsize;
    return 0;
}

int core_array_room(const array_in *a, Py_ssize_t need, const char *what)
{
    if (a->held && a->n >= need) return 0;
    PyErr_Format(PyExc_ValueError, "%s: %zd values where %zd are needed", what, a->n, need);
    return -1;
}

void core_array_drop(array_in *a)
{
    if (a->held) PyBuffer_Release(&a->view);
    *a = (array_in){0};
}

/* ---- buffers out ----------------------------------------------------------------------------------------------------------------- */

typedef struct array_out {
    PyObject_HEAD PyObject *owner;
    const void *data;
    char format[2];
    Py_ssize_t itemsize, n_dimensions, shape[2], strides[2];
} array_out;

static int array_get(PyObject *self, Py_buffer *view, int flags)
{
    array_out *a = (array_out *)self;
    if (flags & PyBUF_WRITABLE) {
        PyErr_SetString(PyExc_BufferError, "this memory belongs to lorec and is read-only; copy it");
        view->obj = NULL;
        return -1;
    }
    Py_ssize_t n = a->n_dimensions == 2 ? a->shape[0] * a->shape[1] : a->shape[0];
    *view = (Py_buffer){.buf = (void *)(uintptr_t)a->data,
                        .obj = Py_NewRef(self),
                        .len = n * a->itemsize,
                        .itemsize = a->itemsize,
                        .readonly = 1,
                        .ndim = (int)a->n_dimensions,
                        .format = flags & PyBUF_FORMAT ? a->format : NULL,
                        .shape = flags & PyBUF_ND ? a->shape : NULL,
                        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? a->strides : NULL};
    return 0;
}

static void array_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(((array_out *)self)->owner);
    freefunc done = (freefunc)PyType_GetSlot(type, Py_tp_free);
    done(self);
    Py_DECREF(type);
}

PyTypeObject *core_array_type(PyObject *module)
{
    PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t) "Memory of a handle, by the buffer protocol."},
                           {Py_tp_dealloc, (void *)array_dealloc},
                           {Py_bf_getbuffer, (void *)array_get},
                           {0, NULL}};
    PyType_Spec spec = {.name = "lorec._core.Array",
                        .basicsize = sizeof(array_out),
                        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                        .slots = slots};
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyObject *core_array_over(core_state *s, PyObject *owner, const void *data, char kind, Py_ssize_t itemsize,
                          Py_ssize_t rows, Py_ssize_t columns)
{
    if (!data) Py_RETURN_NONE;
    allocfunc make = (allocfunc)PyType_GetSlot(s->array, Py_tp_alloc);
    array_out *a = (array_out *)make(s->array, 0);
    if (!a) return NULL;
    a->owner = Py_NewRef(owner);
    a->data = data;
    a->format[0] = kind;
    a->itemsize = itemsize;
    a->n_dimensions = columns < 0 ? 1 : 2;
    a->shape[0] = rows;
    a->shape[1] = columns;
    a->strides[0] = columns < 0 ? itemsize : columns * itemsize;
    a->strides[1] = itemsize;
    return (PyObject *)a;
}
