/* core.h: lorec._core: the public C face (include/lorec/) for the package's Python files, and nothing more: one Python object
 * a handle, strings and buffers in, buffers filled by the caller's arrays out.
 *
 * Built with CPython's limited API of 3.11, the first with the buffer protocol, so that one file serves every Python since.
 *
 *     calling c;                                  // around every call that may take long:
 *     if (core_call_begin(&c, state, progress)) return NULL;
 *     lorec_err e = lorec_fit(&m, ...);           // without the GIL
 *     if (core_call_end(&c, e)) return NULL;           // with it again; a Python exception where e says so
 *
 * All that the files share begins with core_ or py_: lorec's own names are in the same link.
 *
 * Ownership: a handle object owns its C handle and, where that is a part of another, a reference to its owner. */
#ifndef LOREC_PYTHON_CORE_H
#define LOREC_PYTHON_CORE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdbool.h>
#include <string.h>

#include <lorec/lm.h>
#include <lorec/run.h>

/* ---- what the module keeps ---------------------------------------------------------------------------------------------------- */

typedef struct core_state {
    PyObject *error, *failed, *usage, *input, *resource, *cancelled; /* exceptions */
    PyObject *log;                                                   /* called with level and line; or NULL */
    PyTypeObject *array, *dataset, *model, *report, *lm;
} core_state;
core_state *core_state_of(PyObject *self); /* of an object of one of its types */

/* ---- handles -------------------------------------------------------------------------------------------------------------------- */

typedef struct handle {
    PyObject_HEAD void *p;
    PyObject *owner; /* what p is a part of; NULL: p is its own */
} handle;
/* p is freed where no object can be made. */
PyObject *core_handle_new(PyTypeObject *type, void *p, PyObject *owner, void (*release)(void *));
PyTypeObject *core_handle_type(PyObject *module, const char *name, const char *doc, PyMethodDef *methods,
                               destructor dealloc);
void core_handle_dealloc(PyObject *self, void (*release)(void *));

/* ---- calls ---------------------------------------------------------------------------------------------------------------------- */

typedef struct calling {
    core_state *state;
    PyThreadState *thread;
    PyObject *progress; /* borrowed; NULL: none */
    PyObject *text;     /* LM.generate's; borrowed; NULL: none */
    bool raised;        /* a Python exception waits; the call is to end */
    double asked;       /* when signals were last looked for */
    struct calling *outer;
} calling;
int core_call_begin(calling *c, core_state *s, PyObject *progress); /* progress: a callable or None */
int core_call_end(calling *c, lorec_err e);                         /* -1: an exception is set */
PyObject *core_raise_error(core_state *s, lorec_err e);             /* NULL */

/* A callback's way back into Python and out of it again. */
void core_python_enter(calling *c);
void core_python_leave(calling *c, bool failed);

/* ---- arguments ------------------------------------------------------------------------------------------------------------------ */

typedef struct texts {
    PyObject *tuple; /* holds the strings */
    const char **at; /* [n], of UTF-8; NULL for None where that was allowed */
    Py_ssize_t n;
} texts;
int core_texts_of(texts *t, PyObject *sequence, bool none_allowed); /* None: n 0 and at NULL */
void core_texts_free(texts *t);
const char *core_text_or_null(PyObject *o, bool *bad); /* a str, or None: NULL */

typedef struct array_in {
    Py_buffer view;
    bool held;
    Py_ssize_t n;
} array_in;
/* A contiguous buffer of one of the kinds "q" int64, "i" int32, "I" uint32, "f" float32, "d" float64; None: data NULL. */
int core_array_take(array_in *a, PyObject *o, char kind, bool writable, const char *what);
int core_array_room(const array_in *a, Py_ssize_t need,
                    const char *what); /* at least so many elements, or ValueError */
void core_array_drop(array_in *a);

/* A read-only buffer over memory that `owner` keeps. */
PyObject *core_array_over(core_state *s, PyObject *owner, const void *data, char kind, Py_ssize_t itemsize,
                          Py_ssize_t rows, Py_ssize_t columns);
PyTypeObject *core_array_type(PyObject *module);

/* ---- the parts ------------------------------------------------------------------------------------------------------------------- */

PyTypeObject *core_dataset_type(PyObject *module);
PyTypeObject *core_model_type(PyObject *module);
PyTypeObject *core_report_type(PyObject *module);
PyTypeObject *core_lm_type(PyObject *module);
PyObject *py_dataset_load(PyObject *module, PyObject *args);
PyObject *py_dataset_from_rows(PyObject *module, PyObject *args);
PyObject *py_fit(PyObject *module, PyObject *args);
PyObject *py_model_load(PyObject *module, PyObject *args);
PyObject *py_run(PyObject *module, PyObject *args);
PyObject *py_report_open(PyObject *module, PyObject *args);
PyObject *py_lm_open(PyObject *module, PyObject *args);

#endif
