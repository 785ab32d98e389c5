/* PyTorch's archives: made here byte by byte, with every pickle that a stranger could put into one; and by torch itself where
 * there is one (LOREC_TEST_PYTHON). */
#include "support/support.h"

#include "lm/files/pickle.h"
#include "lm/files/place.h"
#include "lm/files/zip.h"

/* ---- archives ------------------------------------------------------------------------------------------------------------ */

typedef struct bytes {
    unsigned char p[1 << 14];
    size_t n;
} bytes;

static void add(bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof b->p);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}
static void add16(bytes *b, unsigned v)
{
    add(b, (unsigned char[]){(unsigned char)v, (unsigned char)(v >> 8)}, 2);
}
static void add32(bytes *b, uint32_t v)
{
    add(b, &v, 4);
}
static void text(bytes *b, const char *s)
{
    add(b, s, strlen(s));
}

typedef struct archive {
    bytes file, directory;
    unsigned entries, method, flags;
    uint32_t lie; /* added to sizes in the directory */
} archive;

static void entry(archive *a, const char *name, const void *p, size_t n)
{
    uint32_t at = (uint32_t)a->file.n;
    add32(&a->file, 0x04034b50);
    for (int i = 0; i < 4; i++) add16(&a->file, 0);
    add16(&a->file, 0);
    add32(&a->file, 0);
    add32(&a->file, (uint32_t)n);
    add32(&a->file, (uint32_t)n);
    add16(&a->file, (unsigned)strlen(name));
    add16(&a->file, 5); /* an extra field that the directory has not */
    text(&a->file, name);
    add(&a->file, "FB\1\0Z", 5);
    add(&a->file, p, n);
    add32(&a->directory, 0x02014b50);
    add16(&a->directory, 0);
    add16(&a->directory, 0);
    add16(&a->directory, a->flags);
    add16(&a->directory, a->method);
    add32(&a->directory, 0);
    add32(&a->directory, 0);
    add32(&a->directory, (uint32_t)n + a->lie);
    add32(&a->directory, (uint32_t)n + a->lie);
    add16(&a->directory, (unsigned)strlen(name));
    for (int i = 0; i < 4; i++) add16(&a->directory, 0);
    add32(&a->directory, 0);
    add32(&a->directory, at);
    text(&a->directory, name);
    a->entries++;
}

static const char *finish(archive *a, const char *name)
{
    uint32_t at = (uint32_t)a->file.n;
    add(&a->file, a->directory.p, a->directory.n);
    add32(&a->file, 0x06054b50);
    add16(&a->file, 0);
    add16(&a->file, 0);
    add16(&a->file, a->entries);
    add16(&a->file, a->entries);
    add32(&a->file, (uint32_t)a->directory.n);
    add32(&a->file, at);
    add16(&a->file, 0);
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(a->file.p, 1, a->file.n, f);
    fclose(f);
    return path;
}

/* ---- pickles ------------------------------------------------------------------------------------------------------------- */

static void str(bytes *b, const char *s)
{
    text(b, "X");
    add32(b, (uint32_t)strlen(s));
    text(b, s);
}

/* A tensor of [rows, 2] of a storage with `count` values from `offset` on. */
static void tensor_of(bytes *b, const char *storage, const char *key, int count, int offset, int rows, int stride)
{
    text(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    str(b, "storage");
    text(b, "ctorch\n");
    text(b, storage);
    text(b, "\n");
    str(b, key);
    str(b, "cpu");
    add(b, "J", 1);
    add32(b, (uint32_t)count);
    text(b, "tQ");
    add(b, "J", 1);
    add32(b, (uint32_t)offset);
    add(b, "J", 1);
    add32(b, (uint32_t)rows);
    add(b, "K\2\x86", 3);
    add(b, "K", 1);
    add(b, &(char){(char)stride}, 1);
    add(b, "K\1\x86\x89", 4);
    text(b, "ccollections\nOrderedDict\n)RtR");
}

static void begin(bytes *b)
{
    *b = (bytes){0};
    add(b, "\x80\2", 2);
    text(b, "ccollections\nOrderedDict\n)Rq");
    add(b, "\0(", 2);
}

static const float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
static archive a;
static bytes pkl;

static lorec_err open_with(const bytes *p, weights **w)
{
    a = (archive){.method = a.method, .flags = a.flags, .lie = a.lie};
    entry(&a, "model/data.pkl", p->p, p->n);
    entry(&a, "model/data/0", values, sizeof values);
    return weights_open(w, finish(&a, "made.bin"));
}

static void a_dictionary_of_tensors(void **state)
{
    (void)state;
    weights *w;
    begin(&pkl);
    str(&pkl, "layer.weight");
    tensor_of(&pkl, "FloatStorage", "0", 8, 0, 3, 2);
    str(&pkl, "layer.shared");
    tensor_of(&pkl, "FloatStorage", "0", 8, 4, 2, 2);
    str(&pkl, "step");
    add(&pkl, "K\7", 2);
    text(&pkl, "u}");
    str(&pkl, "_metadata");
    text(&pkl, "Nsb.");
    assert_ok(open_with(&pkl, &w));
    assert_string_equal(weights_format(w), "PyTorch");
    assert_int_equal(weights_count(w), 2);
    float got[6];
    assert_ok(weights_read_f32(w, weights_find(w, "layer.weight"), 0, 3, got));
    assert_memory_equal(got, values, sizeof got);
    assert_ok(weights_read_f32(w, weights_find(w, "layer.shared"), 1, 1, got));
    assert_memory_equal(got, values + 6, 8);
    weights_close(w);

    /* under "model" beside other things, as trainers save */
    pkl = (bytes){0};
    add(&pkl, "\x80\2}(", 4);
    str(&pkl, "epoch");
    add(&pkl, "K\3", 2);
    str(&pkl, "model");
    text(&pkl, "}(");
    str(&pkl, "w");
    tensor_of(&pkl, "HalfStorage", "0", 16, 0, 4, 2);
    text(&pkl, "uu.");
    assert_ok(open_with(&pkl, &w));
    assert_int_equal(weights_count(w), 1);
    assert_int_equal(weights_at(w, 0)->type, ELEM_F16);
    weights_close(w);
}

static void no_pickle_is_run(void **state)
{
    (void)state;
    weights *w;
#define RUNS(literal) literal, sizeof(literal) - 1
    static const struct {
        const char *pickle;
        size_t n;
        const char *why;
    } rows[] = {
        {RUNS("\x80\2cposix\nsystem\n(X\4\0\0\0truetR."), "posix.system"},
        {RUNS("\x80\2"
              "c__builtin__\neval\n."),
         "__builtin__.eval"},
        {RUNS("\x80\2"
              "cbuiltins\ngetattr\n."),
         "builtins.getattr"},
        {RUNS("\x80\2"
              "ctorch\nload\n."),
         "torch.load"},
        {RUNS("\x80\2"
              "ctorch._utils\n_rebuild_sparse_tensor\n."),
         "_rebuild_sparse_tensor"},
        {RUNS("\x80\2(iposix\nsystem\n."), "0x69"},
        {RUNS("\x80\2(cposix\nsystem\no."), "posix.system"},
        {RUNS("\x80\2\x82\1."), "0x82"},
        {RUNS("\x80\2P1\n."), "0x50"},
        {RUNS("\x80\2I1\n."), "0x49"},
        {RUNS("\x80\2)\x81."), "0x81"},
        {RUNS("\x80\4\x8c\5posix\x8c\6system\x93."), "posix.system"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pkl = (bytes){0};
        add(&pkl, rows[i].pickle, rows[i].n);
        assert_fails(open_with(&pkl, &w), LOREC_INPUT, rows[i].why);
    }
}

#define PICKLE(literal, why)                                                                                           \
    do {                                                                                                               \
        pickle p_;                                                                                                     \
        assert_fails(pickle_read(&p_, (const unsigned char *)(literal), sizeof(literal) - 1), LOREC_INPUT, why);       \
    } while (0)

static void damaged_pickles(void **state)
{
    (void)state;
    PICKLE("", "ends early");
    PICKLE(".", "stack is empty");
    PICKLE("K", "ends early");
    PICKLE("X\xff\xff\xff\xffz", "longer than the pickle");
    PICKLE("\x85.", "stack is empty");
    PICKLE("(\x85.", "stack is empty");
    PICKLE("t.", "no mark");
    PICKLE("}(K\1u.", "no value");
    PICKLE("](K\1u.", "");
    PICKLE("K\1K\1K\1s.", "can not hold");
    PICKLE("h\0.", "memo that was not made");
    PICKLE("Nr\xff\xff\xff\x7f.", "memo beyond");
    PICKLE("j\xff\xff\xff\xff.", "memo that was not made");
    PICKLE("ccollections\nOrderedDict", "does not end");
    PICKLE("ccollections\nOrderedDict\n(K\1tR.", "arguments");
    PICKLE("K\1)R.", "a call of what is none");
    PICKLE("K\1Q.", "no tuple");
    PICKLE("K\1Nb.", "no dictionary");
    PICKLE("\x8a\x09"
           "123456789.",
           "beyond 64 bits");
    PICKLE("NN\x93.", "no name");
    static unsigned char many[1 << 20];
    pickle p;
    memset(many, ')', sizeof many);
    assert_fails(pickle_read(&p, many, sizeof many), LOREC_INPUT, "more values");
    memset(many, '(', sizeof many);
    assert_fails(pickle_read(&p, many, sizeof many), LOREC_INPUT, "marks");
    /* a list in itself */
    assert_ok(pickle_read(&p, (const unsigned char *)"]q\0h\0a.", 7));
    assert_int_equal(pickle_at(&p, p.root)->kind, PICKLE_LIST);
    pickle_free(&p);
}

static void tensors_that_do_not_fit(void **state)
{
    (void)state;
    weights *w;
    static const struct {
        const char *storage, *key, *why;
        int count, offset, rows, stride;
    } rows[] = {
        {"FloatStorage", "1", "missing", 8, 0, 3, 2},
        {"FloatStorage", "0", "too few", 9, 0, 3, 2},
        {"DoubleStorage", "0", "too few", 8, 0, 3, 2},
        {"FloatStorage", "0", "beyond its storage", 8, 0, 5, 2},
        {"FloatStorage", "0", "beyond its storage", 8, 7, 3, 2},
        {"FloatStorage", "0", "beyond its storage", 4, 0, 3, 2},
        {"FloatStorage", "0", "row after row", 8, 0, 3, 1},
        {"FloatStorage", "0", "whole number", -1, 0, 3, 2},
        {"FloatStorage", "0", "whole number", 8, -1, 3, 2},
        {"FloatStorage", "0", "whole number", 8, 0, -3, 2},
        {"FloatStorage", "0", "beyond its storage", 8, 0, INT32_MAX, 2},
        {"QInt8Storage", "0", "torch.QInt8Storage", 8, 0, 3, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(&pkl);
        str(&pkl, "x");
        tensor_of(&pkl, rows[i].storage, rows[i].key, rows[i].count, rows[i].offset, rows[i].rows, rows[i].stride);
        text(&pkl, "u.");
        assert_fails(open_with(&pkl, &w), LOREC_INPUT, rows[i].why);
    }
    begin(&pkl);
    text(&pkl, "u");
    pkl.n = 0;
    text(&pkl, "N.");
    assert_fails(open_with(&pkl, &w), LOREC_INPUT, "no dictionary");
}

static void damaged_archives(void **state)
{
    (void)state;
    weights *w;
    begin(&pkl);
    text(&pkl, "u.");
    a = (archive){.method = 8};
    assert_fails(open_with(&pkl, &w), LOREC_INPUT, "compressed");
    a = (archive){.flags = 1};
    assert_fails(open_with(&pkl, &w), LOREC_INPUT, "encrypted");
    a = (archive){.lie = 1u << 20};
    assert_fails(open_with(&pkl, &w), LOREC_INPUT, "beyond its end");
    a = (archive){0};
    assert_ok(open_with(&pkl, &w)); /* an empty dictionary */
    weights_close(w);
    size_t size = a.file.n;
    for (size_t cut = 1; cut < size - 4; cut++) { /* cut off anywhere */
        FILE *f = fopen(test_path("cut.bin"), "wb");
        fwrite(a.file.p, 1, size - cut, f);
        fclose(f);
        assert_fails(weights_open(&w, test_path("cut.bin")), LOREC_INPUT, "");
    }
    a = (archive){0};
    entry(&a, "readme", "hello", 5);
    assert_fails(weights_open(&w, finish(&a, "other.bin")), LOREC_INPUT, "no data.pkl");
    a = (archive){0};
    entry(&a, "x/data.pkl", "N.", 2);
    entry(&a, "x/data.pkl", "N.", 2);
    assert_fails(weights_open(&w, finish(&a, "other.bin")), LOREC_INPUT, "twice");
    a = (archive){0};
    entry(&a, "x/data.pkl", "}.", 2);
    entry(&a, "x/byteorder", "big", 3);
    assert_fails(weights_open(&w, finish(&a, "other.bin")), LOREC_INPUT, "big-endian");
    a = (archive){0};
    assert_fails(weights_open(&w, test_file("old.bin", "\x80\2\x8a\nlF")), LOREC_INPUT, "before 1.6");
}

/* torch itself, where a Python with it is named. */
static void files_of_torch(void **state)
{
    (void)state;
    const char *python = getenv("LOREC_TEST_PYTHON");
    if (!python) {
        print_message(
            "not asked for: LOREC_TEST_PYTHON names no Python with torch (files of our own are read above)\n");
        return;
    }
    char command[4096];
    const char *path = test_path("torch.bin");
    snprintf(command, sizeof command,
             "%s -c \"import torch; t=torch.arange(24.).reshape(4,6); m=torch.nn.Linear(6,2); "
             "m.weight.data=t[:2].clone(); d=dict(m.state_dict()); d['half']=t.half(); d['bf16']=t.bfloat16(); "
             "d['view']=t[1:3]; d['i64']=torch.tensor([3,-4]); d['scalar']=torch.tensor(2.5); "
             "d['param']=torch.nn.Parameter(t[3].clone()); d['empty']=torch.zeros(0,3); torch.save(d,'%s')\"",
             python, path);
    assert_int_equal(system(command), 0);
    weights *w;
    assert_ok(weights_open(&w, path));
    assert_int_equal(weights_count(w), 9);
    float got[24];
    static const char *const names[] = {"half", "bf16", "weight", "view", "param", "scalar", "i64"};
    static const float first[] = {0, 0, 0, 6, 18, 2.5f, 3};
    for (size_t i = 0; i < 7; i++) {
        const weight *x = weights_find(w, names[i]);
        assert_non_null(x);
        assert_ok(weights_read_f32(w, x, 0, weight_rows(x), got));
        for (int64_t k = 0; k < weight_values(x); k++)
            assert_true(got[k] == (i < 5 ? first[i] + (float)k : k == 0 ? first[i] : -4));
    }
    weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dictionary_of_tensors), cmocka_unit_test(no_pickle_is_run),
        cmocka_unit_test(damaged_pickles),         cmocka_unit_test(tensors_that_do_not_fit),
        cmocka_unit_test(damaged_archives),        cmocka_unit_test(files_of_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
