/* The module: its exceptions, its types, and what is the process's. */
#include "core.h"

core_state *core_state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

static PyObject *set_log(PyObject *module, PyObject *callable)
{
    core_state *s = PyModule_GetState(module);
    PyObject *old = s->log;
    s->log = callable == Py_None ? NULL : Py_NewRef(callable);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *set_threads(PyObject *module, PyObject *args)
{
    int n;
    (void)module;
    if (!PyArg_ParseTuple(args, "i", &n)) return NULL;
    if (n < 1 || n > 256) return PyErr_Format(PyExc_ValueError, "%d threads: from 1 to 256 go", n);
    lorec_set_threads(n);
    Py_RETURN_NONE;
}

static PyObject *threads(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyLong_FromLong(lorec_threads());
}

static PyObject *methods_json(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    const char *text = lorec_methods_json();
    return text ? PyUnicode_FromString(text) : PyErr_NoMemory();
}

static PyMethodDef functions[] = {
    {"set_log", set_log, METH_O, "set_log(callable): called with level and line; None: lines go to stderr."},
    {"set_threads", set_threads, METH_VARARGS, "set_threads(n)"},
    {"threads", threads, METH_NOARGS, "threads() -> int"},
    {"methods_json", methods_json, METH_NOARGS, "methods_json() -> str"},
    {"dataset_load", py_dataset_load, METH_VARARGS, "dataset_load(path, format, progress) -> Dataset"},
    {"dataset_from_rows", py_dataset_from_rows, METH_VARARGS,
     "dataset_from_rows(name, user, item, rating, time, user_id, item_id, item_title) -> Dataset"},
    {"fit", py_fit, METH_VARARGS, "fit(method, dataset, seed, split, options, all_rows, progress) -> Model"},
    {"model_load", py_model_load, METH_VARARGS, "model_load(folder, method, seed) -> Model"},
    {"run", py_run, METH_VARARGS, "run(methods, dataset, settings, out, resume, progress) -> Report"},
    {"report_open", py_report_open, METH_VARARGS, "report_open(folder) -> Report"},
    {"lm_open", py_lm_open, METH_VARARGS,
     "lm_open(path, tokenizer, weights, bf16, memory, pooling, prompt, normalize, "
     "max_tokens) -> LM"},
    {0}};

/* One class for each kind of failure; the wrong call and the wrong input are ValueErrors too. */
static PyObject *exception(PyObject *module, const char *name, const char *doc, PyObject *base, PyObject *other)
{
    char full[64];
    PyObject *bases = other ? PyTuple_Pack(2, base, other) : Py_NewRef(base);
    PyOS_snprintf(full, sizeof full, "lorec.%s", name);
    PyObject *e = bases ? PyErr_NewExceptionWithDoc(full, doc, bases, NULL) : NULL;
    Py_XDECREF(bases);
    if (e && PyModule_AddObjectRef(module, name, e)) Py_CLEAR(e);
    return e;
}

static int add_exceptions(PyObject *m, core_state *s)
{
    s->error = exception(m, "Error", "What lorec could not do; the message says what, where, and what to do.",
                         PyExc_Exception, NULL);
    if (!s->error) return -1;
    s->failed = exception(m, "FailedError", "The work was understood and could not be done.", s->error, NULL);
    s->usage = exception(m, "UsageError", "Something was asked for that does not exist or does not fit together.",
                         s->error, PyExc_ValueError);
    s->input = exception(m, "InputError", "A file, a row or a reply is not what it has to be.", s->error,
                         PyExc_ValueError);
    s->resource = exception(m, "ResourceError", "Memory, disk, permission, descriptors.", s->error, NULL);
    s->cancelled = exception(m, "Cancelled", "The caller asked to stop; what was done so far is kept.", s->error, NULL);
    return s->failed && s->usage && s->input && s->resource && s->cancelled ? 0 : -1;
}

static int execute(PyObject *m)
{
    core_state *s = PyModule_GetState(m);
    lorec_set_log_level(1); /* progress is told to those who ask, lines go to logging; warnings of workers to stderr */
    if (add_exceptions(m, s)) return -1;
    s->array = core_array_type(m);
    s->dataset = core_dataset_type(m);
    s->model = core_model_type(m);
    s->report = core_report_type(m);
    s->lm = core_lm_type(m);
    if (!s->array || !s->dataset || !s->model || !s->report || !s->lm) return -1;
    return PyModule_AddStringConstant(m, "version", lorec_version());
}

static int traverse(PyObject *m, visitproc visit, void *arg)
{
    core_state *s = PyModule_GetState(m);
    PyObject *const all[] = {s->error,
                             s->failed,
                             s->usage,
                             s->input,
                             s->resource,
                             s->cancelled,
                             s->log,
                             (PyObject *)s->array,
                             (PyObject *)s->dataset,
                             (PyObject *)s->model,
                             (PyObject *)s->report,
                             (PyObject *)s->lm};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) Py_VISIT(all[i]);
    return 0;
}

static int clear(PyObject *m)
{
    core_state *s = PyModule_GetState(m);
    PyObject **const all[] = {&s->error, &s->failed, &s->usage, &s->input, &s->resource, &s->cancelled, &s->log};
    PyTypeObject **const types[] = {&s->array, &s->dataset, &s->model, &s->report, &s->lm};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) Py_CLEAR(*all[i]);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) Py_CLEAR(*types[i]);
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {0, NULL}};
static PyModuleDef definition = {.m_base = PyModuleDef_HEAD_INIT,
                                 .m_name = "lorec._core",
                                 .m_doc = "lorec's C library. Use the package `lorec` instead.",
                                 .m_size = sizeof(core_state),
                                 .m_methods = functions,
                                 .m_slots = slots,
                                 .m_traverse = traverse,
                                 .m_clear = clear};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
