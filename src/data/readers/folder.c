/* folder.c: a folder of files that other formats know: one file of interactions, or the parts of a split (train.txt,
 * valid.txt, test.txt; X.train.csv ...), whose rows are marked in the row column "part". A table with the name of one of
 * items (items.csv, products.tsv ...) beside them says what their items are. */
#include "base/log.h"
#include "base/mem.h"
#include "data/item_text.h"

static const struct {
    const char *stem, *part;
} part_words[] = {{"train", "train"}, {"valid", "valid"}, {"val", "valid"},        {"validation", "valid"},
                  {"dev", "valid"},   {"test", "test"},   {"train_data", "train"}, {"test_data", "test"}};
enum { PART_WORDS = sizeof part_words / sizeof *part_words };
static const char *const parts[] = {"train", "valid", "test"};

/* "train" of "train.txt", "X.train.csv", "train.tsv.gz"; NULL for other files. */
static const char *part_of(const char *name)
{
    slice s = name_plain(name);
    const char *dot = memrchr(s.p, '.', s.n);
    if (!dot || name_ends(name, ".inter")) return NULL;
    s.n = (size_t)(dot - s.p);
    const char *before = memrchr(s.p, '.', s.n);
    if (before) s.n -= (size_t)(before + 1 - s.p), s.p = before + 1;
    for (int i = 0; i < PART_WORDS; i++) {
        if (slice_is(s, part_words[i].stem)) return part_words[i].part;
    }
    return NULL;
}

static bool is_data_file(const char *name)
{
    static const char *const endings[] = {".txt", ".csv", ".tsv", ".json", ".jsonl", ".data"};
    if (name[0] == '.' || strncmp(name, "meta", 4) == 0 || strncasecmp(name, "readme", 6) == 0) return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (name_ends(name, endings[i])) return true;
    }
    return false;
}

static size_t count_part(const importing *in, const char *part)
{
    size_t n = 0;
    for (size_t i = 0; i < in->n_names; i++) {
        const char *of = part_of(in->names[i]);
        n += of && strcmp(of, part) == 0;
    }
    return n;
}

static int likes(const importing *in)
{
    if (!in->is_folder) return 0;
    if (count_part(in, "train") == 1 && count_part(in, "test") == 1) return 50;
    for (size_t i = 0; i < in->n_names; i++) {
        if (is_data_file(in->names[i])) return 10;
    }
    return 0;
}

static lorec_err read_file(importing *in, const char *name)
{
    buf path = {0};
    const reader *r = NULL;
    import_options options = *in->options;
    options.format = NULL;
    lorec_err e = path_join(&path, in->folder, name);
    importing one = {.path = path.p, .options = &options, .builder = in->builder};
    if (!e) e = importing_look(&one);
    if (!e) e = import_choose(&one, &r);
    if (!e) e = r->read(&one);
    in->builder = one.builder;
    one.builder = NULL;
    atomic_fetch_add(&in->bad_rows, atomic_load(&one.bad_rows));
    atomic_fetch_add(&in->left_out, atomic_load(&one.left_out));
    importing_free(&one);
    buf_free(&path);
    return e;
}

/* ---- what the items are ------------------------------------------------------------------------------------------------- */

/* Names of tables of items, without their ending, "_" and capitals. */
static const char *const item_tables[] = {
    "item",    "items",    "itemmeta", "itemsmeta", "itemmetadata", "iteminfo",  "itemsinfo", "itemfeatures",
    "product", "products", "movies",   "books",     "articles",     "songs",     "tracks",    "artists",
    "games",   "videos",   "courses",  "recipes",   "catalog",      "catalogue", "metadata"};

static bool is_item_table(const char *name)
{
    static const char *const endings[] = {".csv", ".tsv", ".json", ".jsonl"};
    char stem[32];
    size_t n = 0;
    bool is_table = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) is_table |= name_ends(name, endings[i]);
    for (; is_table && *name && *name != '.' && n < sizeof stem - 1; name++) {
        if (*name != '_' && *name != '-') stem[n++] = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
    }
    stem[n] = 0;
    for (size_t i = 0; i < sizeof item_tables / sizeof *item_tables; i++) {
        if (strcmp(stem, item_tables[i]) == 0) return true;
    }
    return false;
}

static lorec_err read_item_table(importing *in, const char *not_this)
{
    buf path = {0};
    lorec_err e = LOREC_OK;
    if (in->options->item_text) return LOREC_OK; /* said by hand */
    for (size_t i = 0; i < in->n_names && !e; i++) {
        if (!is_item_table(in->names[i]) || (not_this && strcmp(in->names[i], not_this) == 0)) continue;
        e = import_path(in, in->names[i], &path);
        if (!e) log_info("%s: says what the items are (--item-text names another file)", path.p);
        if (!e) e = item_text_join(in, path.p);
        break;
    }
    buf_free(&path);
    return e;
}

/* ---- what is there ------------------------------------------------------------------------------------------------------- */

static lorec_err read_parts(importing *in)
{
    for (int p = 0; p < 3; p++) {
        for (size_t i = 0; i < in->n_names; i++) {
            const char *of = part_of(in->names[i]);
            if (!of || strcmp(of, parts[p]) != 0) continue;
            uint64_t before = in->builder->n;
            TRY(read_file(in, in->names[i]));
            TRY(builder_mark_rows(in->builder, "part", before, in->builder->n, parts[p]));
        }
    }
    return read_item_table(in, NULL);
}

/* How sure the surest format is that this file holds interactions. */
static lorec_err file_likes(const importing *in, const char *name, int *best)
{
    static const import_options none;
    buf path = {0};
    lorec_err e = path_join(&path, in->folder, name);
    importing one = {.path = path.p, .options = &none};
    *best = 0;
    if (!e) e = importing_look(&one);
    for (size_t i = 0; !e && i < n_readers; i++) {
        int likes = readers[i]->likes(&one);
        if (likes < 0) e = LOREC_RESOURCE;
        *best = likes > *best ? likes : *best;
    }
    importing_free(&one);
    buf_free(&path);
    return e;
}

static lorec_err read_only_file(importing *in)
{
    const char *only = NULL, *second = NULL;
    int best = 0, likes;
    for (size_t i = 0; i < in->n_names; i++) {
        if (!is_data_file(in->names[i])) continue;
        TRY(file_likes(in, in->names[i], &likes));
        if (likes == best) second = in->names[i];
        if (likes <= best) continue;
        best = likes;
        only = in->names[i];
        second = NULL;
    }
    if (!only) return err_set(LOREC_INPUT, "%s: no file of interactions in this folder", in->path);
    if (second)
        return err_set(LOREC_INPUT,
                       "%s: several files could be the interactions (%s, %s ...); name the one that is meant, or make "
                       "one of them: (cat A.csv; tail -n +2 B.csv) > all.csv",
                       in->path, only, second);
    log_info("%s: the interactions are those of %s", in->path, only);
    TRY(read_file(in, only));
    return read_item_table(in, only);
}

static lorec_err read_folder(importing *in)
{
    if (!in->is_folder) return err_set(LOREC_USAGE, "%s: is not a folder", in->path);
    return count_part(in, "train") == 1 && count_part(in, "test") == 1 ? read_parts(in) : read_only_file(in);
}

const reader reader_folder = {
    "folder",
    "a folder with one file of a known form, or its train, valid and test parts; items.csv says what items are", likes,
    read_folder};
