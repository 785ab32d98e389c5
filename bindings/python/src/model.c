/* Models: fitted, loaded, asked. */
#include "core.h"

static lorec_model *of(PyObject *self)
{
    return ((handle *)self)->p;
}

static void release(void *p)
{
    lorec_model_free(p);
}

static void dealloc(PyObject *self)
{
    core_handle_dealloc(self, release);
}

PyObject *py_fit(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    const char *method;
    PyObject *data, *options, *progress, *made = NULL;
    lorec_fit_options o = {.size = sizeof o};
    unsigned long long seed;
    texts set = {0};
    lorec_model *m;
    calling c;
    if (!PyArg_ParseTuple(args, "sO!KzOpO", &method, s->dataset, &data, &seed, &o.split, &options, &o.all_rows,
                          &progress))
        return NULL;
    if (core_texts_of(&set, options, false)) return NULL;
    o.seed = seed;
    o.set = set.at;
    o.n_set = (size_t)set.n;
    if (core_call_begin(&c, s, progress) == 0 && core_call_end(&c, lorec_fit(&m, method, ((handle *)data)->p, &o)) == 0)
        made = core_handle_new(s->model, m, NULL, release);
    core_texts_free(&set);
    return made;
}

PyObject *py_model_load(PyObject *module, PyObject *args)
{
    core_state *s = PyModule_GetState(module);
    const char *folder, *method;
    long long seed;
    lorec_model *m;
    calling c;
    if (!PyArg_ParseTuple(args, "szL", &folder, &method, &seed) || core_call_begin(&c, s, NULL)) return NULL;
    lorec_err e = method || seed >= 0 ? lorec_run_model(&m, folder, method, seed) : lorec_model_load(&m, folder);
    if (core_call_end(&c, e)) return NULL;
    return core_handle_new(s->model, m, NULL, release);
}

static PyObject *method(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyUnicode_FromString(lorec_model_method(of(self)));
}

static PyObject *catalogue(PyObject *self, PyObject *unused)
{
    (void)unused;
    const lorec_dataset *d = lorec_model_catalogue(of(self));
    return core_handle_new(core_state_of(self)->dataset, (void *)(uintptr_t)d, self, NULL);
}

static PyObject *save(PyObject *self, PyObject *args)
{
    const char *folder;
    calling c;
    if (!PyArg_ParseTuple(args, "s", &folder) || core_call_begin(&c, core_state_of(self), NULL)) return NULL;
    if (core_call_end(&c, lorec_model_save(of(self), folder))) return NULL;
    Py_RETURN_NONE;
}

static PyObject *item_list(const lorec_item *items, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; i < n && list; i++) {
        PyObject *one = Py_BuildValue("s#s#d", items[i].id, (Py_ssize_t)strlen(items[i].id), items[i].title,
                                      (Py_ssize_t)strlen(items[i].title), (double)items[i].score);
        if (!one) Py_CLEAR(list);
        if (one) PyList_SetItem(list, (Py_ssize_t)i, one);
    }
    return list;
}

static PyObject *recommend(PyObject *self, PyObject *args)
{
    const char *user;
    PyObject *history, *list = NULL;
    Py_ssize_t k;
    size_t n;
    texts had = {0};
    calling c;
    if (!PyArg_ParseTuple(args, "zOn", &user, &history, &k)) return NULL;
    if (k < 1) return PyErr_Format(PyExc_ValueError, "k is %zd; at least 1", k);
    Py_ssize_t most = (Py_ssize_t)lorec_dataset_items(lorec_model_catalogue(of(self)));
    if (k > most) k = most > 0 ? most : 1;
    lorec_item *items = PyMem_Calloc((size_t)k, sizeof *items);
    if (!items) return PyErr_NoMemory();
    if (core_texts_of(&had, history, false) == 0 && core_call_begin(&c, core_state_of(self), NULL) == 0 &&
        core_call_end(&c, lorec_recommend(of(self), user, had.at, (size_t)had.n, items, (size_t)k, &n)) == 0)
        list = item_list(items, n);
    core_texts_free(&had);
    PyMem_Free(items);
    return list;
}

static PyObject *recommend_users(PyObject *self, PyObject *args)
{
    PyObject *who, *items, *scores, *progress, *done = NULL;
    Py_ssize_t n, k, cells;
    array_in users = {0}, item = {0}, score = {0};
    calling c;
    if (!PyArg_ParseTuple(args, "OnnOOO", &who, &n, &k, &items, &scores, &progress)) return NULL;
    if (n < 0 || k < 1 || __builtin_mul_overflow(n, k, &cells))
        return PyErr_Format(PyExc_ValueError, "%zd users and k %zd", n, k);
    if (core_array_take(&users, who, 'I', false, "users") == 0 &&
        (!users.held || core_array_room(&users, n, "users") == 0) &&
        core_array_take(&item, items, 'I', true, "items") == 0 && core_array_room(&item, cells, "items") == 0 &&
        core_array_take(&score, scores, 'f', true, "scores") == 0 && core_array_room(&score, cells, "scores") == 0 &&
        core_call_begin(&c, core_state_of(self), progress) == 0 &&
        core_call_end(&c, lorec_recommend_users(of(self), users.held ? users.view.buf : NULL, (size_t)n, (size_t)k,
                                                item.view.buf, score.view.buf)) == 0)
        done = Py_NewRef(Py_None);
    core_array_drop(&users);
    core_array_drop(&item);
    core_array_drop(&score);
    return done;
}

static PyObject *score(PyObject *self, PyObject *args)
{
    const char *user;
    PyObject *history, *candidates, *into, *done = NULL;
    texts had = {0}, asked = {0};
    array_in out = {0};
    calling c;
    if (!PyArg_ParseTuple(args, "zOOO", &user, &history, &candidates, &into)) return NULL;
    bool all = candidates == Py_None;
    if (core_texts_of(&had, history, false) == 0 && core_texts_of(&asked, candidates, false) == 0 &&
        core_array_take(&out, into, 'f', true, "scores") == 0 &&
        core_array_room(&out, all ? (Py_ssize_t)lorec_dataset_items(lorec_model_catalogue(of(self))) : asked.n,
                        "scores") == 0 &&
        core_call_begin(&c, core_state_of(self), NULL) == 0) {
        lorec_err e = all ? lorec_score_all(of(self), user, had.at, (size_t)had.n, out.view.buf)
                          : lorec_score(of(self), user, had.at, (size_t)had.n, asked.at, (size_t)asked.n, out.view.buf);
        if (core_call_end(&c, e) == 0) done = Py_NewRef(Py_None);
    }
    core_array_drop(&out);
    core_texts_free(&had);
    core_texts_free(&asked);
    return done;
}

static PyMethodDef methods[] = {
    {"method", method, METH_NOARGS, "method() -> key"},
    {"catalogue", catalogue, METH_NOARGS, "catalogue() -> Dataset"},
    {"save", save, METH_VARARGS, "save(folder)"},
    {"recommend", recommend, METH_VARARGS, "recommend(user, history, k) -> [(id, title, score)]"},
    {"recommend_users", recommend_users, METH_VARARGS, "recommend_users(users, n, k, items, scores, progress)"},
    {"score", score, METH_VARARGS, "score(user, history, candidates, out); candidates None: all items"},
    {0}};

PyTypeObject *core_model_type(PyObject *module)
{
    return core_handle_type(module, "Model", "A lorec_model.", methods, dealloc);
}
