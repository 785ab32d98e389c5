/* Runs and their reports. */
#include "core.h"

static lorec_report *of(PyObject *self)
{
    return ((handle *)self)->p;
}

static void release(void *p)
{
    lorec_report_free(p);
}

static void dealloc(PyObject *self)
{
    core_handle_dealloc(self, release);
}

/* A failed method's exception carries the report of what did not fail. */
static void attach(core_state *s, lorec_report *r)
{
    PyObject *kind, *value, *trace;
    PyErr_Fetch(&kind, &value, &trace);
    PyErr_NormalizeException(&kind, &value, &trace);
    PyObject *report = core_handle_new(s->report, r, NULL, release);
    if (!report || !value || PyObject_SetAttrString(value, "_report", report)) PyErr_Clear();
    Py_XDECREF(report);
    PyErr_Restore(kind, value, trace);
}

PyObject *py_run(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    lorec_run_options o = {.size = sizeof o};
    PyObject *data, *progress;
    lorec_report *r = NULL;
    calling c;
    if (!PyArg_ParseTuple(args, "zOzzpO", &o.methods, &data, &o.settings, &o.out, &o.resume, &progress)) return NULL;
    if (data != Py_None && !PyObject_TypeCheck(data, s->dataset)) {
        PyErr_SetString(PyExc_TypeError, "a Dataset is needed");
        return NULL;
    }
    o.data = data == Py_None ? NULL : ((handle *)data)->p;
    if (core_call_begin(&c, s, progress)) return NULL;
    if (core_call_end(&c, lorec_run(&r, &o)) == 0) return core_handle_new(s->report, r, NULL, release);
    if (r) attach(s, r);
    return NULL;
}

PyObject *py_report_open(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    const char *folder;
    lorec_report *r;
    calling c;
    if (!PyArg_ParseTuple(args, "s", &folder) || core_call_begin(&c, s, NULL)) return NULL;
    if (core_call_end(&c, lorec_report_open(&r, folder))) return NULL;
    return core_handle_new(s->report, r, NULL, release);
}

static PyObject *folder(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyUnicode_DecodeFSDefault(lorec_report_folder(of(self)));
}

static PyObject *json(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyUnicode_FromString(lorec_report_json(of(self)));
}

static PyObject *users(PyObject *self, PyObject *unused)
{
    (void)unused;
    uint32_t n = lorec_report_users(of(self));
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (uint32_t i = 0; i < n && list; i++) {
        const char *id = lorec_report_user(of(self), i);
        PyObject *one = PyUnicode_DecodeUTF8(id, (Py_ssize_t)strlen(id), "replace");
        if (!one) Py_CLEAR(list);
        if (one) PyList_SetItem(list, (Py_ssize_t)i, one);
    }
    return list;
}

static PyObject *values(PyObject *self, PyObject *args)
{
    Py_ssize_t which;
    if (!PyArg_ParseTuple(args, "n", &which)) return NULL;
    const float *x = which < 0 ? NULL : lorec_report_values(of(self), (size_t)which);
    return core_array_over(core_state_of(self), self, x, 'f', 4, (Py_ssize_t)lorec_report_users(of(self)),
                           (Py_ssize_t)lorec_report_metrics(of(self)));
}

static PyMethodDef methods[] = {{"folder", folder, METH_NOARGS, "folder() -> str"},
                                {"json", json, METH_NOARGS, "json() -> str"},
                                {"users", users, METH_NOARGS, "users() -> list of ids"},
                                {"values", values, METH_VARARGS, "values(result) -> [users, metrics], or None"},
                                {0}};

PyTypeObject *core_report_type(PyObject *module)
{
    return core_handle_type(module, "Report", "A lorec_report.", methods, dealloc);
}
