/* Calls without the GIL; who is told meanwhile, and how Ctrl-C ends them. */
#include <time.h>

#include "core.h"

enum { SIGNALS_EVERY_MS = 50 };

static _Thread_local calling *innermost; /* a callback may call lorec again */

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

void core_python_enter(calling *c)
{
    PyEval_RestoreThread(c->thread);
}

void core_python_leave(calling *c, bool failed)
{
    c->raised = c->raised || failed;
    c->thread = PyEval_SaveThread();
}

/* Signal handlers of Python run here, on its main thread: KeyboardInterrupt comes out of this. */
static int stop(void *ctx)
{
    calling *c = ctx;
    if (c->raised) return 1;
    double now = now_ms();
    if (now - c->asked < SIGNALS_EVERY_MS) return 0;
    c->asked = now;
    core_python_enter(c);
    int failed = PyErr_CheckSignals();
    core_python_leave(c, failed != 0);
    return c->raised;
}

static void progress(void *ctx, const char *what, double done, double total, const char *unit, const char *note)
{
    calling *c = ctx;
    if (c->raised) return;
    core_python_enter(c);
    PyObject *answer = PyObject_CallFunction(c->progress, "sddss", what, done, total, unit, note);
    Py_XDECREF(answer);
    core_python_leave(c, !answer);
}

static void line(void *ctx, int level, const char *text)
{
    calling *c = ctx;
    if (c->raised || !c->state->log) return;
    core_python_enter(c);
    PyObject *words = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *answer = words ? PyObject_CallFunction(c->state->log, "iO", level, words) : NULL;
    Py_XDECREF(words);
    Py_XDECREF(answer);
    core_python_leave(c, !answer);
}

static void watch_for(calling *c)
{
    lorec_watch w = {.size = sizeof w, .ctx = c, .stop = stop};
    if (c && c->progress) w.progress = progress;
    if (c && c->state->log) w.log = line;
    lorec_watch_thread(c ? &w : NULL);
}

int core_call_begin(calling *c, core_state *s, PyObject *told)
{
    *c = (calling){.state = s, .asked = now_ms(), .outer = innermost};
    if (told && told != Py_None) {
        if (!PyCallable_Check(told)) {
            PyErr_SetString(PyExc_TypeError, "progress has to be callable");
            return -1;
        }
        c->progress = told;
    }
    innermost = c;
    watch_for(c);
    c->thread = PyEval_SaveThread();
    return 0;
}

int core_call_end(calling *c, lorec_err e)
{
    PyEval_RestoreThread(c->thread);
    innermost = c->outer;
    watch_for(innermost);
    if (c->raised && PyErr_Occurred()) return -1;
    if (e == LOREC_OK) return 0;
    core_raise_error(c->state, e);
    return -1;
}

PyObject *core_raise_error(core_state *s, lorec_err e)
{
    PyObject *kind = e == LOREC_USAGE       ? s->usage
                     : e == LOREC_INPUT     ? s->input
                     : e == LOREC_RESOURCE  ? s->resource
                     : e == LOREC_CANCELLED ? s->cancelled
                                            : s->failed;
    const char *message = lorec_error_message();
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    if (text) PyErr_SetObject(kind, text);
    Py_XDECREF(text);
    return NULL;
}
