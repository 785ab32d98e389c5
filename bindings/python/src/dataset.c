/* Data sets: from files and from arrays; their rows as buffers. */
#include "core.h"

static lorec_dataset *of(PyObject *self)
{
    return ((handle *)self)->p;
}

static void release(void *p)
{
    lorec_dataset_free(p);
}

static void dealloc(PyObject *self)
{
    core_handle_dealloc(self, release);
}

PyObject *py_dataset_load(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    const char *path, *format;
    PyObject *progress;
    lorec_dataset *d;
    calling c;
    if (!PyArg_ParseTuple(args, "szO", &path, &format, &progress) || core_call_begin(&c, s, progress)) return NULL;
    if (core_call_end(&c, lorec_dataset_load(&d, path, format))) return NULL;
    return core_handle_new(s->dataset, d, NULL, release);
}

typedef struct rows_in {
    array_in user, item, rating, time;
    texts user_id, item_id, item_title;
} rows_in;

static int take(rows_in *r, PyObject *const o[7], lorec_rows *rows)
{
    if (core_array_take(&r->user, o[0], 'q', false, "users") || core_array_take(&r->item, o[1], 'q', false, "items") ||
        core_array_take(&r->rating, o[2], 'f', false, "ratings") ||
        core_array_take(&r->time, o[3], 'q', false, "times") || core_texts_of(&r->user_id, o[4], false) ||
        core_texts_of(&r->item_id, o[5], false) || core_texts_of(&r->item_title, o[6], true))
        return -1;
    Py_ssize_t n = r->user.n;
    if (core_array_room(&r->item, n, "items") || (r->rating.held && core_array_room(&r->rating, n, "ratings")) ||
        (r->time.held && core_array_room(&r->time, n, "times")))
        return -1;
    if (r->item.n != n || (r->rating.held && r->rating.n != n) || (r->time.held && r->time.n != n) ||
        (r->item_title.at && r->item_title.n != r->item_id.n)) {
        PyErr_SetString(PyExc_ValueError, "the arrays have different lengths");
        return -1;
    }
    rows->n = (uint64_t)n;
    rows->user = r->user.view.buf;
    rows->item = r->item.view.buf;
    rows->rating = r->rating.held ? r->rating.view.buf : NULL;
    rows->time = r->time.held ? r->time.view.buf : NULL;
    rows->user_id = r->user_id.at;
    rows->item_id = r->item_id.at;
    rows->item_title = r->item_title.at;
    rows->n_user_id = (size_t)r->user_id.n;
    rows->n_item_id = (size_t)r->item_id.n;
    return 0;
}

PyObject *py_dataset_from_rows(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    PyObject *o[7], *made = NULL;
    lorec_rows rows = {.size = sizeof rows};
    rows_in r = {0};
    lorec_dataset *d;
    calling c;
    if (!PyArg_ParseTuple(args, "sOOOOOOO", &rows.name, &o[0], &o[1], &o[2], &o[3], &o[4], &o[5], &o[6])) return NULL;
    if (take(&r, o, &rows) == 0 && core_call_begin(&c, s, NULL) == 0 &&
        core_call_end(&c, lorec_dataset_from_rows(&d, &rows)) == 0)
        made = core_handle_new(s->dataset, d, NULL, release);
    core_array_drop(&r.user);
    core_array_drop(&r.item);
    core_array_drop(&r.rating);
    core_array_drop(&r.time);
    core_texts_free(&r.user_id);
    core_texts_free(&r.item_id);
    core_texts_free(&r.item_title);
    return made;
}

static PyObject *save(PyObject *self, PyObject *args)
{
    const char *folder;
    calling c;
    if (!PyArg_ParseTuple(args, "s", &folder) || core_call_begin(&c, core_state_of(self), NULL)) return NULL;
    if (core_call_end(&c, lorec_dataset_save(of(self), folder))) return NULL;
    Py_RETURN_NONE;
}

static PyObject *about(PyObject *self, PyObject *unused)
{
    (void)unused;
    const lorec_dataset *d = of(self);
    return Py_BuildValue("sIIK", lorec_dataset_name(d), (unsigned)lorec_dataset_users(d),
                         (unsigned)lorec_dataset_items(d), (unsigned long long)lorec_dataset_interactions(d));
}

static PyObject *columns(PyObject *self, PyObject *unused)
{
    (void)unused;
    core_state *s = core_state_of(self);
    lorec_columns x = {.size = sizeof x};
    Py_ssize_t n = (Py_ssize_t)lorec_dataset_interactions(of(self));
    if (lorec_dataset_columns(of(self), &x)) return core_raise_error(s, LOREC_USAGE);
    PyObject *start = core_array_over(s, self, x.start, 'Q', 8, (Py_ssize_t)lorec_dataset_users(of(self)) + 1, -1);
    PyObject *item = core_array_over(s, self, x.item, 'I', 4, n, -1);
    PyObject *rating = core_array_over(s, self, x.rating, 'f', 4, n, -1);
    PyObject *time = core_array_over(s, self, x.time, 'q', 8, n, -1);
    PyObject *all = start && item && rating && time ? PyTuple_Pack(4, start, item, rating, time) : NULL;
    Py_XDECREF(start);
    Py_XDECREF(item);
    Py_XDECREF(rating);
    Py_XDECREF(time);
    return all;
}

typedef const char *name_fn(const lorec_dataset *d, uint32_t i, size_t *n);

static PyObject *names(PyObject *self, uint32_t n, name_fn *name)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (uint32_t i = 0; i < n && list; i++) {
        size_t length;
        const char *text = name(of(self), i, &length);
        PyObject *one = PyUnicode_DecodeUTF8(text ? text : "", (Py_ssize_t)length, "replace");
        if (!one) Py_CLEAR(list);
        if (one) PyList_SetItem(list, (Py_ssize_t)i, one);
    }
    return list;
}

static PyObject *users(PyObject *self, PyObject *unused)
{
    (void)unused;
    return names(self, lorec_dataset_users(of(self)), lorec_dataset_user);
}

static PyObject *items(PyObject *self, PyObject *unused)
{
    (void)unused;
    return names(self, lorec_dataset_items(of(self)), lorec_dataset_item);
}

static PyObject *titles(PyObject *self, PyObject *unused)
{
    (void)unused;
    return names(self, lorec_dataset_items(of(self)), lorec_dataset_title);
}

static PyMethodDef methods[] = {{"save", save, METH_VARARGS, "save(folder)"},
                                {"about", about, METH_NOARGS, "about() -> (name, users, items, interactions)"},
                                {"columns", columns, METH_NOARGS, "columns() -> (start, item, rating, time)"},
                                {"users", users, METH_NOARGS, "users() -> list of ids"},
                                {"items", items, METH_NOARGS, "items() -> list of ids"},
                                {"titles", titles, METH_NOARGS, "titles() -> list of titles"},
                                {0}};

PyTypeObject *core_dataset_type(PyObject *module)
{
    return core_handle_type(module, "Dataset", "A lorec_dataset.", methods, dealloc);
}
