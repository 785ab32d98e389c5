#include "eval/tune.h"

#include <math.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/mem.h"
#include "tensor/rng.h"

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static void row_free(tune_row *row)
{
    mem_free(row->method);
    mem_free(row->name);
    for (size_t i = 0; i < row->n_choices; i++) mem_free(row->choice[i]);
    mem_free(row->choice);
}

void tune_space_free(tune_space *s)
{
    for (size_t i = 0; i < s->n; i++) row_free(&s->row[i]);
    mem_free(s->row);
    *s = (tune_space){0};
}

static lorec_err row_new(tune_space *s, slice method, slice name, tune_row **out)
{
    TRY(mem_grow(&s->row, &s->cap, s->n + 1));
    tune_row *row = &s->row[s->n++];
    *row = (tune_row){0};
    buf b = {0};
    lorec_err e = LOREC_OK;
    if (method.n) {
        e = buf_add(&b, method.p, method.n);
        if (!e) e = mem_dup(&row->method, b.p);
    }
    buf_clear(&b);
    if (!e) e = buf_add(&b, name.p, name.n);
    if (!e) e = mem_dup(&row->name, b.p);
    buf_free(&b);
    *out = row;
    return e;
}

static const option *option_of(const tune_row *row, const recommender *r)
{
    if (row->method && strcmp(row->method, r->key) != 0) return NULL;
    return options_find(r->options, r->n_options, row->name);
}

size_t tune_space_count(const tune_space *s, const recommender *r)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += option_of(&s->row[i], r) != NULL;
    return n;
}

lorec_err tune_space_check(const tune_space *s, const recommender *const *methods, size_t n)
{
    for (size_t i = 0; i < s->n; i++) {
        bool used = false;
        for (size_t m = 0; m < n && !used; m++) used = option_of(&s->row[i], methods[m]) != NULL;
        if (used) continue;
        const char *near = NULL;
        for (size_t m = 0; m < n && !near; m++)
            for (size_t o = 0; o < methods[m]->n_options && !near; o++)
                near = err_nearest(s->row[i].name, &methods[m]->options[o].name, 1);
        return err_set(LOREC_USAGE, "the space names the option \"%s\", which none of the methods has%s%s%s",
                       s->row[i].name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return LOREC_OK;
}

/* ---- a file ---------------------------------------------------------------------------------------------------------- */

static lorec_err read_choices(tune_row *row, slice words)
{
    size_t cap = 0;
    if (words.n >= 2 && words.p[0] == '[' && words.p[words.n - 1] == ']') words = (slice){words.p + 1, words.n - 2};
    while (words.n) {
        slice word = slice_trim(slice_cut(&words, ','));
        if (word.n >= 2 && (*word.p == '\'' || *word.p == '"') && word.p[word.n - 1] == *word.p)
            word = (slice){word.p + 1, word.n - 2};
        if (word.n == 0) continue;
        buf b = {0};
        TRY(mem_grow(&row->choice, &cap, row->n_choices + 1));
        lorec_err e = buf_add(&b, word.p, word.n);
        if (!e) e = mem_dup(&row->choice[row->n_choices], b.p);
        buf_free(&b);
        TRY(e);
        row->n_choices++;
    }
    return row->n_choices ? LOREC_OK : err_set(LOREC_INPUT, "choice needs values such as [32,64]");
}

static lorec_err read_ends(tune_row *row, slice words, bool logarithmic, bool stepped)
{
    slice low = slice_trim(slice_cut(&words, ',')), high = slice_trim(slice_cut(&words, ','));
    if (!slice_to_f64(low, &row->low) || !slice_to_f64(high, &row->high) || row->low > row->high)
        return err_set(LOREC_INPUT, "two numbers are needed, the smaller first: low,high");
    if (stepped && (!slice_to_f64(slice_trim(words), &row->step) || !(row->step > 0)))
        return err_set(LOREC_INPUT, "quniform needs low,high,step");
    if (!stepped && words.n) return err_set(LOREC_INPUT, "there is more than low,high");
    if (!logarithmic) return LOREC_OK;
    row->low = exp(row->low);
    row->high = exp(row->high);
    return isfinite(row->high)
               ? LOREC_OK
               : err_set(LOREC_INPUT, "loguniform's ends are natural logarithms; e^%g is too large", row->high);
}

static slice next_word(slice *rest)
{
    *rest = slice_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t') n++;
    slice word = {rest->p, n};
    *rest = slice_trim((slice){rest->p + n, rest->n - n});
    return word;
}

static lorec_err read_line(tune_space *s, slice line)
{
    slice left = next_word(&line), kind = next_word(&line), method = {"", 0};
    tune_row *row;
    if (memchr(left.p, '.', left.n)) method = slice_cut(&left, '.');
    TRY(row_new(s, method, left, &row));
    if (slice_is(kind, "choice")) return read_choices(row, line);
    bool q = slice_is(kind, "quniform"), u = slice_is(kind, "uniform"), l = slice_is(kind, "loguniform");
    if (!q && !u && !l)
        return err_set(LOREC_INPUT, "\"%.*s\" is none of choice, uniform, quniform, loguniform", (int)kind.n, kind.p);
    row->kind = l ? TUNE_LOGUNIFORM : TUNE_UNIFORM;
    return read_ends(row, line, l, q);
}

lorec_err tune_space_read(tune_space *s, const char *path)
{
    lines l;
    slice line;
    lorec_err e = LOREC_OK;
    TRY(lines_open(&l, path));
    while (!e && lines_next(&l, &line)) {
        slice words = slice_trim(slice_cut(&line, '#'));
        if (words.n && (e = read_line(s, words))) e = err_context(e, "%s, line %zu", path, l.number);
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

/* ---- ranges from the option rows ------------------------------------------------------------------------------------- */

/* How long and in which portions to train decides cost, not what is learned: not searched. So is what a paper fixes. */
static bool fixed(const char *name)
{
    static const char *const names_fixed[] = {"epochs",      "train_batch_size", "eval_step",         "stopping_step",
                                              "max_minutes", "clip_norm",        "initializer_range", "max_len",
                                              "seed",        "threads",          "epoch_steps"};
    for (size_t i = 0; i < sizeof names_fixed / sizeof *names_fixed; i++)
        if (strcmp(names_fixed[i], name) == 0) return true;
    return false;
}

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static lorec_err three_sizes(tune_row *row, const option *o)
{
    const double factor[] = {0.5, 1, 2};
    TRY(mem_new(&row->choice, 3));
    for (size_t i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.0f", clip(o->def * factor[i], o->min, o->max));
        TRY(mem_dup(&row->choice[i], text));
        row->n_choices++;
    }
    return LOREC_OK;
}

/* Reals: shares (bounds within [0, 1]) evenly up to 0.7; scales over two decades round the default, or, where the
 * default is none at all, small penalties. Integers: sizes halved and doubled, small counts up or down by one. */
static lorec_err default_row(tune_space *s, const recommender *r, const option *o)
{
    tune_row *row;
    if (fixed(o->name) || (o->type != OPTION_TYPE_INT && o->type != OPTION_TYPE_REAL)) return LOREC_OK;
    TRY(row_new(s, slice_of(r->key), slice_of(o->name), &row));
    row->whole = o->type == OPTION_TYPE_INT;
    if (!row->whole && o->max <= 1 && o->min >= 0) {
        row->kind = TUNE_UNIFORM;
        row->low = o->min;
        row->high = clip(0.7, o->min, o->max);
    } else if (!row->whole) {
        row->kind = TUNE_LOGUNIFORM;
        row->low = o->def > 0 ? clip(o->def / 10, o->min, o->max) : 1e-7;
        row->high = o->def > 0 ? clip(o->def * 10, o->min, o->max) : 1e-3;
        if (!(row->low > 0)) row->low = row->high / 100;
    } else if (o->def >= 8) {
        row->kind = TUNE_CHOICE;
        return three_sizes(row, o);
    } else {
        row->kind = TUNE_UNIFORM;
        row->low = clip(o->def - 1, o->min > 1 ? o->min : 1, o->max);
        row->high = clip(o->def + 1, o->min, o->max);
    }
    return LOREC_OK;
}

lorec_err tune_space_default(tune_space *s, const recommender *r)
{
    if (tune_space_count(s, r)) return LOREC_OK;
    for (size_t i = 0; i < r->n_options; i++) TRY(default_row(s, r, &r->options[i]));
    return LOREC_OK;
}

/* ---- drawing --------------------------------------------------------------------------------------------------------- */

static lorec_err draw_one(const tune_row *row, const option *o, rng *r, buf *out)
{
    TRY(buf_printf(out, "%s=", o->name));
    if (row->kind == TUNE_CHOICE) return buf_puts(out, row->choice[rng_below(r, (uint32_t)row->n_choices)]);
    double u = rng_uniform(r), x;
    bool whole = o->type == OPTION_TYPE_INT;
    if (row->kind == TUNE_LOGUNIFORM)
        x = exp(log(row->low) + u * (log(row->high) - log(row->low)));
    else if (whole && row->step <= 0)
        x = floor(row->low + u * (floor(row->high) - row->low + 1));
    else
        x = row->low + u * (row->high - row->low);
    if (row->step > 0) x = clip(round(x / row->step) * row->step, row->low, row->high);
    return whole ? buf_printf(out, "%.0f", x) : buf_printf(out, "%.6g", x);
}

/* Draws until the method's own check is content (heads have to divide a width, for example). */
static lorec_err draw(const tune_space *s, const recommender *r, rng *g, char **set, size_t *n, bool *fits)
{
    void *self;
    TRY(recommender_new(r, &self));
    buf b = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < s->n && !e; i++) {
        const option *o = option_of(&s->row[i], r);
        if (!o) continue;
        buf_clear(&b);
        e = draw_one(&s->row[i], o, g, &b);
        if (!e) e = mem_dup(&set[*n], b.p);
        if (!e) ++*n;
        if (!e) e = options_set(r->options, r->n_options, self, o->name, strchr(b.p, '=') + 1);
    }
    *fits = !e && !(r->check && r->check(self));
    buf_free(&b);
    recommender_free(r, self);
    return e;
}

lorec_err tune_draw(const tune_space *s, const recommender *r, uint64_t trial, uint64_t seed, char ***set, size_t *n)
{
    *set = NULL;
    *n = 0;
    size_t rows = tune_space_count(s, r);
    if (trial == 0 || rows == 0) return LOREC_OK; /* the defaults are a candidate like any other */
    TRY(mem_new(set, rows));
    rng g = rng_make(seed ^ XXH3_64bits(r->key, strlen(r->key)), RNG_TUNE + (trial << 16));
    lorec_err e = LOREC_OK;
    bool fits = false;
    for (int attempt = 0; attempt < 1000 && !fits && !e; attempt++) {
        for (size_t i = 0; i < *n; i++) mem_free((*set)[i]);
        *n = 0;
        e = draw(s, r, &g, *set, n, &fits);
    }
    if (!e && !fits) e = err_set(LOREC_USAGE, "%s: nothing in the space fits together", r->key);
    if (e) {
        tune_set_free(*set, *n);
        *set = NULL;
        *n = 0;
    }
    return e;
}

void tune_set_free(char **set, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(set[i]);
    mem_free(set);
}
