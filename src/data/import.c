/* import.c: which format a file has, and what every format needs done around it. */
#include "base/log.h"
#include "base/mem.h"
#include "data/item_text.h"
#include "data/readers.h"

extern const reader reader_csv, reader_amazon, reader_folder; /* the forms of one's own files */

enum { HEAD_BYTES = 1 << 16, HEAD_LINES = 256 };

slice name_plain(const char *name)
{
    slice s = slice_of(name);
    static const char *const packed[] = {".gz", ".zst"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(packed[i]);
        if (s.n > n && memcmp(s.p + s.n - n, packed[i], n) == 0) s.n -= n;
    }
    return s;
}

bool name_ends(const char *name, const char *ending)
{
    slice s = name_plain(name);
    size_t n = strlen(ending);
    return s.n >= n && memcmp(s.p + s.n - n, ending, n) == 0;
}

const char *import_find(const importing *in, const char *name)
{
    for (size_t i = 0; i < in->n_names; i++) {
        if (slice_is(name_plain(in->names[i]), name)) return in->names[i];
    }
    return NULL;
}

const char *import_find_ending(const importing *in, const char *ending)
{
    for (size_t i = 0; i < in->n_names; i++) {
        if (name_ends(in->names[i], ending)) return in->names[i];
    }
    return NULL;
}

lorec_err import_path(const importing *in, const char *name, buf *path)
{
    return path_join(path, in->folder, name);
}

lorec_err import_bad_row(importing *in, const char *path, uint64_t line, const char *why, ...)
{
    if (in->options->skip_bad_rows) {
        atomic_fetch_add(&in->bad_rows, 1);
        return LOREC_OK;
    }
    char text[512];
    va_list ap;
    va_start(ap, why);
    vsnprintf(text, sizeof text, why, ap);
    va_end(ap);
    return err_set(LOREC_INPUT, "%s, line %llu: %s; correct the file, or skip and count such rows with --skip-bad-rows",
                   path, (unsigned long long)line, text);
}

/* ---- what can not be read ------------------------------------------------------------------------------------------- */

/* Forms that are known by their first bytes and are no text: what they are, and how to get text out of them. */
static const struct {
    const char *bytes, *is, *remedy;
} not_text[] = {
    {"PAR1", "a Parquet file",
     "`duckdb -c \"COPY 'OLD' TO 'NEW.csv'\"`, or pandas: read_parquet('OLD').to_csv('NEW.csv')"},
    {"PK\3\4", "a zip archive or an Excel workbook", "unzip it; a workbook: save it as CSV (UTF-8)"},
    {"\xD0\xCF\x11\xE0", "an old Excel workbook", "save it as CSV (UTF-8)"},
    {"SQLite format 3", "an SQLite database",
     "`sqlite3 -csv -header OLD 'SELECT user, item, time FROM ...' > NEW.csv`"},
    {"\x80\4\x95", "a Python pickle", "pandas: read_pickle('OLD').to_csv('NEW.csv', index=False)"},
    {"\x89HDF", "an HDF5 file", "pandas: read_hdf('OLD').to_csv('NEW.csv', index=False)"},
    {"ARROW1", "an Arrow or Feather file", "pandas: read_feather('OLD').to_csv('NEW.csv', index=False)"},
    {"\x93NUMPY", "a NumPy array",
     "numpy.savetxt('NEW.csv', array, fmt='%d', delimiter=',', header='user,item', comments='')"},
    {"BZh", "packed with bzip2", "`bunzip2 OLD`; gzip and zstd are read as they are"},
    {"\xFD"
     "7zXZ",
     "packed with xz", "`unxz OLD`; gzip and zstd are read as they are"},
    {"7z\xBC\xAF", "a 7-Zip archive", "`7z x OLD`"},
    {"%PDF", "a PDF", "the data have to be text: CSV, TSV or JSON lines"},
};

static lorec_err refuse_not_text(const char *path, slice head)
{
    for (size_t i = 0; i < sizeof not_text / sizeof *not_text; i++) {
        size_t n = strlen(not_text[i].bytes);
        if (head.n >= n && memcmp(head.p, not_text[i].bytes, n) == 0)
            return err_set(LOREC_INPUT, "%s: is %s, which is not read; make text of it: %s", path, not_text[i].is,
                           not_text[i].remedy);
    }
    return LOREC_OK;
}

/* ---- what is there -------------------------------------------------------------------------------------------------- */

static lorec_err head_read(importing *in)
{
    lines l;
    if (strcmp(in->path, "-") == 0 && !file_exists("-"))
        return err_set(LOREC_INPUT, "-: data are read more than once, which standard input can not be; write them to a "
                                    "file first (it may be .gz or .zst)");
    TRY(lines_open(&l, in->path));
    slice line;
    lorec_err e = LOREC_OK;
    for (int i = 0; !e && i < HEAD_LINES && in->head.n < HEAD_BYTES && lines_next(&l, &line); i++) {
        e = buf_add(&in->head, line.p, line.n);
        if (!e) e = buf_add(&in->head, "\n", 1);
    }
    lorec_err closed = lines_close(&l);
    TRY(e);
    TRY(closed);
    if (in->head.n == 0) return err_set(LOREC_INPUT, "%s: is empty; it should hold one interaction a line", in->path);
    const unsigned char *p = (const unsigned char *)in->head.p;
    if (in->head.n >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF)))
        return err_set(LOREC_INPUT, "%s: is UTF-16; convert it with `iconv -f UTF-16 -t UTF-8 OLD > NEW`", in->path);
    return refuse_not_text(in->path, (slice){in->head.p, in->head.n});
}

lorec_err importing_look(importing *in)
{
    in->is_folder = folder_exists(in->path);
    if (in->is_folder)
        TRY(mem_dup(&in->folder, in->path));
    else {
        const char *base = path_base(in->path);
        size_t n = (size_t)(base - in->path);
        buf folder = {0};
        lorec_err e = buf_add(&folder, n ? in->path : ".", n ? n : 1);
        in->folder = folder.p;
        TRY(e);
        TRY(head_read(in));
    }
    return folder_list(in->folder, &in->names, &in->n_names);
}

void importing_free(importing *in)
{
    names_free(in->names, in->n_names);
    mem_free(in->folder);
    buf_free(&in->head);
    dataset_builder_free(in->builder);
}

lorec_err import_choose(const importing *in, const reader **out)
{
    const char *wanted = in->options->format;
    const char *known[64];
    int best = 0;
    for (size_t i = 0; i < n_readers && i < 64; i++) {
        known[i] = readers[i]->name;
        int likes = wanted ? strcmp(wanted, known[i]) == 0 : readers[i]->likes(in);
        if (likes < 0) return LOREC_RESOURCE;
        if (likes > best) {
            best = likes;
            *out = readers[i];
        }
    }
    if (best && in->options->only && *out != &reader_csv && *out != &reader_amazon && *out != &reader_folder)
        return err_set(LOREC_USAGE, "%s: --only is for CSV, TSV and JSON; this is read as %s", in->path, (*out)->name);
    if (best) return LOREC_OK;
    if (wanted) {
        const char *near = err_nearest(wanted, known, n_readers);
        return err_set(LOREC_USAGE, "no format \"%s\"%s%s%s; `lorec data formats` lists them", wanted,
                       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return err_set(
        LOREC_INPUT,
        "%s: %s; name the file that holds the interactions, or its form with --format (`lorec data formats`)", in->path,
        in->is_folder ? "no file in this folder looks like interactions" : "its form is not known");
}

/* "ml-100k" of "x/ml-100k/u.data", "Beauty" of "x/Beauty.txt.gz". */
static lorec_err import_name(const importing *in, buf *out)
{
    static const char *const generic[] = {
        "u",          "ratings",       "train",           "data",     "interactions", "test",
        "train_data", "user_sequence", "sequential_data", "sequences"};
    size_t n = strlen(in->path);
    while (n > 1 && in->path[n - 1] == '/') n--;
    slice whole = {in->path, n}, last = whole;
    for (slice rest = whole; rest.n;) last = slice_cut(&rest, '/');
    if (!in->is_folder) {
        char base[256];
        snprintf(base, sizeof base, "%.*s", (int)(last.n < 255 ? last.n : 255), last.p);
        slice plain = name_plain(base);
        const char *dot = memrchr(plain.p, '.', plain.n);
        if (dot && dot > plain.p) plain.n = (size_t)(dot - plain.p);
        bool is_generic = false;
        for (size_t i = 0; i < sizeof generic / sizeof *generic; i++) is_generic |= slice_is(plain, generic[i]);
        if (!is_generic || last.p == whole.p) return buf_add(out, plain.p, plain.n);
        slice folder = {whole.p, (size_t)(last.p - whole.p) - 1}, name = folder;
        for (slice rest = folder; rest.n;) name = slice_cut(&rest, '/');
        last = name.n ? name : plain;
        return buf_add(out, last.p, last.n);
    }
    return last.n && !slice_is(last, ".") && !slice_is(last, "..") ? buf_add(out, last.p, last.n)
                                                                   : buf_puts(out, "data");
}

static lorec_err import_all(importing *in)
{
    const reader *r = NULL;
    TRY(importing_look(in));
    TRY(import_choose(in, &r));
    buf name = {0};
    lorec_err e = import_name(in, &name);
    if (!e && !utf8_valid((slice){name.p, name.n})) {
        buf_clear(&name);
        e = buf_puts(&name, "data");
    }
    if (!e && !(in->builder = dataset_builder_new(name.p))) e = LOREC_RESOURCE;
    buf_free(&name);
    TRY(e);
    TRY(dataset_builder_note(in->builder, "format", json_string(r->name)));
    TRY(r->read(in));
    if (in->options->item_text) TRY(item_text_join(in, in->options->item_text));
    unsigned long long bad = atomic_load(&in->bad_rows);
    if (bad) {
        log_warn("%s: %llu bad rows were skipped", in->path, bad);
        TRY(dataset_builder_note(in->builder, "bad_rows_skipped", json_integer((json_int_t)bad)));
    }
    unsigned long long left_out = atomic_load(&in->left_out);
    if (in->options->only)
        TRY(dataset_builder_note(in->builder, "only",
                                 json_pack("{s:s, s:I}", "rows", in->options->only, "left_out", (json_int_t)left_out)));
    if (in->builder->n == 0 && left_out)
        return err_set(LOREC_INPUT, "%s: --only %s leaves none of its %llu rows", in->path, in->options->only,
                       left_out);
    if (in->builder->n == 0)
        return err_set(LOREC_INPUT, "%s: no interactions in it (read as \"%s\"%s); is it the right file and --format?",
                       in->path, r->name, bad ? ", all rows were bad" : "");
    return LOREC_OK;
}

lorec_err dataset_import(dataset *out, const char *path, const import_options *options)
{
    static const import_options none;
    *out = (dataset){0};
    importing in = {.path = path, .options = options ? options : &none};
    lorec_err e = import_all(&in);
    if (!e) {
        dataset_builder *b = in.builder;
        in.builder = NULL;
        e = dataset_builder_finish(b, in.options->keep_unseen, out);
        if (e) err_context(e, "%s", path);
    }
    importing_free(&in);
    return e;
}

lorec_err dataset_load(dataset *out, const char *path_or_name, const import_options *options)
{
    buf path = {0};
    lorec_err e = path_join(&path, path_or_name, "manifest.json");
    bool prepared = !e && file_exists(path.p);
    if (!e) e = path_join(&path, path_or_name, "start.npy");
    prepared = prepared && !e && file_exists(path.p);
    buf_free(&path);
    *out = (dataset){0};
    TRY(e);
    if (prepared) return dataset_open(out, path_or_name);
    if (!strcmp(path_or_name, "sample") || !strncmp(path_or_name, "sample:", 7))
        return dataset_sample_named(out, path_or_name);
    return dataset_import(out, path_or_name, options);
}
