/* Which reader a path belongs to: by what the file begins with, and in a folder by what is there. */
#include <libgen.h>

#include "base/file.h"
#include "text/tokenizer/parts.h"

enum { FILE_MAX = 1 << 30 };

typedef struct source {
    const char *path;
    buf folder; /* where settings lie */
    buf bytes;  /* the file */
} source;

static lorec_err read_tree(tokenizer *t, json_t *tree, const char *folder)
{
    if (!json_is_object(json_object_get(tree, "model"))) return read_vocab_json(t, tree, folder);
    TRY(read_tokenizer_json(t, tree));
    TRY(settings_read(t, folder));
    roles_guess(t);
    return LOREC_OK;
}

static lorec_err read_json(tokenizer *t, const source *s)
{
    json_t *tree;
    TRY(json_parse(&tree, s->bytes.p ? s->bytes.p : "", s->bytes.n, s->path));
    lorec_err e = read_tree(t, tree, s->folder.p);
    json_decref(tree);
    return e;
}

static lorec_err read_txt(tokenizer *t, const source *s)
{
    if (strcmp(path_base(s->path), "merges.txt")) return read_vocab_txt(t, s->path, s->folder.p);
    buf path = {0};
    json_t *tree = NULL;
    lorec_err e = path_join(&path, s->folder.p, "vocab.json");
    if (!e) e = json_read(&tree, path.p);
    if (!e) e = read_vocab_json(t, tree, s->folder.p);
    json_decref(tree);
    buf_free(&path);
    return e;
}

/* A .model or .bin, with the settings beside it. T5's says in no place that its texts end with </s>; its class does. */
static lorec_err read_pieces(tokenizer *t, const source *s, lorec_err (*read)(tokenizer *t, slice bytes))
{
    TRY(read(t, (slice){s->bytes.p, s->bytes.n}));
    TRY(settings_read(t, s->folder.p));
    roles_guess(t);
    return LOREC_OK;
}
static lorec_err read_qwen(tokenizer *t, slice file)
{
    return read_tiktoken(t, file, true);
}
static lorec_err read_llama3(tokenizer *t, slice file)
{
    return read_tiktoken(t, file, false);
}
static lorec_err read_tiktoken_file(tokenizer *t, const source *s)
{
    return read_pieces(t, s, read_qwen);
}
static lorec_err read_model(tokenizer *t, const source *s)
{
    if (looks_like_tiktoken((slice){s->bytes.p, s->bytes.n})) return read_pieces(t, s, read_llama3);
    return read_pieces(t, s, read_sentencepiece);
}
static lorec_err read_bin(tokenizer *t, const source *s)
{
    return read_pieces(t, s, read_llama2c);
}
static lorec_err read_gguf_file(tokenizer *t, const source *s)
{
    TRY(read_gguf(t, s->path));
    roles_guess(t);
    return LOREC_OK;
}

static const struct {
    const char *name, *end; /* in a folder: that name; of a file: its end */
    bool any_name;          /* in a folder: other names with that end too */
    lorec_err (*read)(tokenizer *t, const source *s);
} kinds[] = {
    {"tokenizer.json", ".json", false, read_json},
    {"vocab.json", ".json", false, read_json},
    {"vocab.txt", ".txt", false, read_txt},
    {"spiece.model", ".model", true, read_model},
    {"qwen.tiktoken", ".tiktoken", true, read_tiktoken_file},
    {"tokenizer.bin", ".bin", false, read_bin},
    {"model.gguf", ".gguf", true, read_gguf_file},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n > k && strcmp(name + n - k, end) == 0;
}

/* The file of a folder that its kinds' order puts first. */
static lorec_err find_in_folder(const char *folder, buf *path)
{
    char **names;
    size_t n;
    TRY(folder_list(folder, &names, &n));
    const char *found = NULL;
    for (size_t k = 0; k < KINDS && !found; k++)
        for (size_t i = 0; i < n && !found; i++)
            if (strcmp(names[i], kinds[k].name) == 0) found = names[i];
    for (size_t k = 0; k < KINDS && !found; k++)
        for (size_t i = 0; i < n && !found; i++)
            if (kinds[k].any_name && ends_with(names[i], kinds[k].end)) found = names[i];
    lorec_err e = found ? path_join(path, folder, found)
                        : err_set(LOREC_INPUT,
                                  "%s: no tokenizer.json, vocab.json, vocab.txt, *.model, *.tiktoken or *.gguf in it",
                                  folder);
    names_free(names, n);
    return e;
}

static lorec_err read_file(tokenizer *t, source *s)
{
    for (size_t k = 0; k < KINDS; k++)
        if (ends_with(s->path, kinds[k].end)) {
            if (kinds[k].read != read_gguf_file) TRY(file_read(&s->bytes, s->path, FILE_MAX));
            return kinds[k].read(t, s);
        }
    return err_set(LOREC_INPUT,
                   "it ends in none of .json, .txt, .model, .tiktoken, .gguf, .bin: no tokenizer is read from it");
}

lorec_err tokenizer_open(tokenizer **out, const char *path)
{
    *out = NULL;
    source s = {0};
    buf found = {0};
    tokenizer *t = NULL;
    lorec_err e = tokenizer_new(&t);
    if (!e && folder_exists(path)) {
        e = find_in_folder(path, &found);
        s.path = found.p;
        if (!e) e = buf_puts(&s.folder, path);
    } else if (!e && !file_exists(path)) {
        e = err_set(LOREC_INPUT, "%s: there is no such file or folder", path);
        s.path = path;
    } else if (!e) {
        s.path = path;
        const char *base = path_base(path);
        e = base == path ? buf_puts(&s.folder, ".") : buf_add(&s.folder, path, (size_t)(base - path));
    }
    if (!e) {
        e = read_file(t, &s);
        if (!e) e = tokenizer_finish(t);
        if (e && !strstr(lorec_error_message(), s.path)) err_context(e, "%s", s.path);
    }
    buf_free(&s.bytes);
    buf_free(&s.folder);
    buf_free(&found);
    if (e)
        tokenizer_free(t);
    else
        *out = t;
    return e;
}
