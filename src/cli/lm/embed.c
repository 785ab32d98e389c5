/* lorec lm embed: lines of text to vectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/npy.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "lm/embed/embed_cache.h"

static lorec_err run_embed(int argc, char **argv);
const command command_lm_embed = {
    .name = "lm embed",
    .summary = "lines of text to vectors",
    .usage = "lorec lm embed --model M [options] < LINES > OUT.npy",
    .details =
        "Each line of stdin becomes a row of a NumPy array (float32, lines x width) on stdout, or in --out FILE, which "
        "is\n"
        "written whole or not at all. How hidden states become one vector is read from the model's own files\n"
        "(sentence-transformers': modules.json, N_Pooling, N_Dense, N_Normalize, max_seq_length, prompts). Without\n"
        "them encoders pool by the mean over the tokens, decoder-only models take the last one, and nothing is\n"
        "normalised. A text longer than the limit keeps its beginning; an empty line is a text too.\n"
        "With --cache, vectors are kept by model, settings and text; a run that was stopped goes on where it was.\n"
        "With --ids a line is token ids with blanks between, special tokens included, and no tokenizer is needed.",
    .examples =
        "  cut -f4 items.tsv | lorec lm embed --model models/all-MiniLM-L6-v2 > items.npy\n"
        "  lorec lm embed --model models/e5-base --prompt 'query: ' --dtype bf16 < queries.txt --out queries.npy\n",
    .run = run_embed,
};

typedef struct lines_in {
    buf text; /* all of stdin */
    slice *line;
    size_t n, cap;
} lines_in;

static lorec_err read_lines(lines_in *in)
{
    char part[1 << 16];
    for (size_t n; (n = fread(part, 1, sizeof part, stdin)) > 0;) TRY(buf_add(&in->text, part, n));
    if (ferror(stdin)) return err_errno("stdin");
    slice rest = {in->text.p, in->text.n};
    while (rest.n) {
        slice line = slice_cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        TRY(mem_grow(&in->line, &in->cap, in->n + 1));
        in->line[in->n++] = line;
    }
    return LOREC_OK;
}

static lorec_err embed_ids(const embedder *e, const lines_in *in, float *out)
{
    tokens all = {0};
    int32_t *length;
    TRY(mem_new(&length, in->n));
    lorec_err err = LOREC_OK;
    for (size_t i = 0; i < in->n && !err; i++) {
        slice line = in->line[i];
        while (line.n && !err) {
            slice word = slice_cut(&line, ' ');
            int64_t id;
            if (word.n == 0) continue;
            if (!slice_to_i64(word, &id) || id < 0 || id > INT32_MAX)
                err = err_set(LOREC_INPUT, "line %zu: \"%.*s\" is not a token id", i + 1,
                              (int)(word.n > 40 ? 40 : word.n), word.p);
            else if (length[i] < embedder_max_tokens(e))
                err = tokens_add(&all, (int32_t)id), length[i]++;
        }
    }
    if (!err) err = embedder_ids(e, all.id, length, in->n, out);
    tokens_free(&all);
    mem_free(length);
    return err;
}

/* Better known before hours of work than after. */
static lorec_err check_out(const char *path)
{
    writer w;
    TRY(writer_open(&w, path));
    writer_abort(&w);
    return LOREC_OK;
}

static lorec_err write_out(const float *x, size_t n, int64_t width, const char *path)
{
    int64_t shape[2] = {(int64_t)n, width};
    if (path) return npy_write(path, NPY_F32, 2, shape, x);
    buf header = {0};
    lorec_err e = npy_header(&header, NPY_F32, 2, shape);
    size_t values = n * (size_t)width;
    if (!e && (fwrite(header.p, 1, header.n, stdout) != header.n || fwrite(x, sizeof *x, values, stdout) != values ||
               fflush(stdout)))
        e = err_errno("stdout");
    buf_free(&header);
    return e;
}

static void show(void *ctx, size_t done, size_t n)
{
    (void)n;
    progress_step(ctx, (double)done, "%s", "");
}

typedef struct work {
    const embedder *e;
    const lines_in *in;
    const char *cache;
    bool ids;
} work;

static lorec_err embed_cached(const work *w, float *out)
{
    embed_cache *c;
    TRY(embed_cache_open(&c, w->e, w->cache));
    lorec_err err = embed_cache_texts(c, w->in->line, w->in->n, out);
    embed_cache_counts n = embed_cache_count(c);
    log_info("%s: %zu texts were there, %zu were computed, %zu are kept", w->cache, n.found, n.computed, n.kept);
    embed_cache_close(c);
    return err;
}

static lorec_err embed_all(const work *w, progress *p, float **out)
{
    size_t n = w->in->n, values;
    if (!size_mul(n, (size_t)embedder_width(w->e), &values))
        return err_set(LOREC_RESOURCE, "%zu texts are too many", n);
    buf how = {0};
    lorec_err err = embedder_describe(w->e, &how);
    if (!err)
        log_info("%zu texts, vectors of %lld values (%.1f MiB): %s", n, (long long)embedder_width(w->e),
                 (double)values * 4 / (1 << 20), how.p);
    buf_free(&how);
    if (!err) err = mem_new(out, values);
    if (err) return err;
    double began = clock_seconds();
    clock_t busy = clock();
    progress_start(p, "embedding", (double)n, "text");
    err = w->ids     ? embed_ids(w->e, w->in, *out)
          : w->cache ? embed_cached(w, *out)
                     : embedder_texts(w->e, w->in->line, n, *out);
    progress_end(p);
    double took = clock_seconds() - began;
    if (!err)
        log_info("%zu texts in %.3f s (%.3f s of CPU): %.1f a second", n, took,
                 (double)(clock() - busy) / CLOCKS_PER_SEC, took > 0 ? (double)n / took : 0);
    return err;
}

static lorec_err read_dtype(const char *word, bool *bf16)
{
    *bf16 = word && strcmp(word, "bf16") == 0;
    if (!word || *bf16 || strcmp(word, "f32") == 0) return LOREC_OK;
    return err_set(LOREC_USAGE, "--dtype is f32 or bf16, not \"%s\"", word);
}

static lorec_err read_normalize(const char *word, embed_options *o)
{
    o->normalize = !word || strcmp(word, "model") == 0 ? EMBED_AS_MODEL
                   : strcmp(word, "yes") == 0          ? EMBED_NORMALIZE
                                                       : EMBED_RAW;
    if (o->normalize != EMBED_RAW || strcmp(word, "no") == 0) return LOREC_OK;
    return err_set(LOREC_USAGE, "--normalize is yes, no or model, not \"%s\"", word);
}

static lorec_err run_embed(int argc, char **argv)
{
    const char *model = NULL, *type = NULL, *normalize = NULL, *path = NULL, *cache = NULL;
    progress shown = {0};
    embed_options o = {.progress = show, .ctx = &shown};
    bool ids = false;
    const arg words[] = {
        {"model", 'm', ARG_TEXT, &model, "M", "the model's folder, or a file of weights"},
        {"out", 'o', ARG_TEXT, &path, "FILE", "write there instead of stdout"},
        {"pooling", 0, ARG_TEXT, &o.pooling, "HOW", "cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken"},
        {"normalize", 0, ARG_TEXT, &normalize, "yes|no|model",
         "vectors of length 1 (default: as the model's files say)"},
        {"prompt", 0, ARG_TEXT, &o.prompt, "TEXT", "put before each text: a name among the model's prompts, or itself"},
        {"max-tokens", 0, ARG_INT, &o.max_tokens, "N", "cut texts there (default: as the model's files say)", .min = 1,
         .max = 1e9},
        {"dtype", 0, ARG_TEXT, &type, "f32|bf16", "what is computed in (default f32)"},
        {"cache", 0, ARG_TEXT, &cache, "FOLDER", "keep vectors there, and take from there what it has"},
        {"ids", 0, ARG_FLAG, &ids, NULL, "lines are token ids"},
    };
    args a = {.command = &command_lm_embed, .rows = words, .n = sizeof words / sizeof *words};
    lines_in in = {0};
    embedder *e = NULL;
    float *x = NULL;
    lorec_err err = args_parse(&a, argc, argv);
    if (err || a.done) goto done;
    TRY_GO(err, args_need_words(&a, 0, 0, "no words"), done);
    if (!model) TRY_GO(err, err_set(LOREC_USAGE, "--model M is needed"), done);
    if (cache && ids) TRY_GO(err, err_set(LOREC_USAGE, "--cache keeps texts, not --ids"), done);
    TRY_GO(err, read_dtype(type, &o.bf16), done);
    TRY_GO(err, read_normalize(normalize, &o), done);
    if (!path && isatty(STDOUT_FILENO))
        TRY_GO(err, err_set(LOREC_USAGE, "stdout is a terminal; say > OUT.npy or --out FILE"), done);
    if (path) TRY_GO(err, check_out(path), done); /* before hours of work, not after */
    TRY_GO(err, embedder_open(&e, model, &o), done);
    TRY_GO(err, read_lines(&in), done);
    TRY_GO(err, embed_all(&(work){e, &in, cache, ids}, &shown, &x), done);
    err = write_out(x, in.n, embedder_width(e), path);
done:
    embedder_free(e);
    mem_free(x);
    mem_free(in.line);
    buf_free(&in.text);
    args_free(&a);
    return err;
}
