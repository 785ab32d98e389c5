#include "cli/args.h"

#include <getopt.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"

enum { COMMON = 4, HELP_COLUMN = 28, HELP_WIDTH = 100 };

/* What every command has; `into` is filled in by the parse. */
static const arg common[COMMON] = {
    {"help", 'h', ARG_FLAG, NULL, NULL, "this text"},
    {"quiet", 'q', ARG_FLAG, NULL, NULL, "say nothing but results and errors"},
    {"verbose", 'v', ARG_FLAG, NULL, NULL, "say more"},
    {"threads", 0, ARG_INT, NULL, "N", "threads to use (default: LOREC_THREADS, OMP_NUM_THREADS, all cores)", 1, 256},
};

void args_free(args *a)
{
    mem_free(a->word);
    a->word = NULL;
    a->n_words = a->cap = 0;
}

static const arg *row_at(const args *a, size_t i)
{
    return i < a->n ? &a->rows[i] : &common[i - a->n];
}

static const args_visitor *visitor;

void args_visit(const args_visitor *v)
{
    visitor = v;
}

const args_visitor *args_visiting(void)
{
    return visitor;
}

const arg *args_row(const args *a, size_t i)
{
    return i < a->n + COMMON ? row_at(a, i) : NULL;
}

/* ---- --help ---------------------------------------------------------------------------------------------------------- */

/* Text from `column` on, broken between words at HELP_WIDTH. */
static lorec_err put_wrapped(buf *out, const char *text, size_t column)
{
    size_t at = column;
    slice rest = slice_of(text);
    bool first = true;
    while (rest.n) {
        slice word = slice_cut(&rest, ' ');
        if (!first && at + 1 + word.n > HELP_WIDTH) {
            TRY(buf_printf(out, "\n%*s", (int)column, ""));
            at = column;
        } else if (!first) {
            TRY(buf_puts(out, " "));
            at++;
        }
        TRY(buf_add(out, word.p, word.n));
        at += word.n;
        first = false;
    }
    return buf_puts(out, "\n");
}

static lorec_err put_row(buf *out, const arg *row)
{
    size_t before = out->n;
    if (row->letter)
        TRY(buf_printf(out, "  -%c, ", row->letter));
    else
        TRY(buf_puts(out, "      "));
    TRY(buf_printf(out, "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : ""));
    size_t used = out->n - before;
    if (used + 2 > HELP_COLUMN)
        TRY(buf_printf(out, "\n%*s", HELP_COLUMN, ""));
    else
        TRY(buf_printf(out, "%*s", (int)(HELP_COLUMN - used), ""));
    return put_wrapped(out, row->help, HELP_COLUMN);
}

lorec_err args_help(const args *a, buf *out)
{
    const command *c = a->command;
    TRY(buf_printf(out, "lorec %s: %s\n\nusage: %s\n", c->name, c->summary, c->usage));
    if (c->details) TRY(buf_printf(out, "\n%s\n", c->details));
    TRY(buf_puts(out, "\noptions:\n"));
    for (size_t i = 0; i < a->n + COMMON; i++) TRY(put_row(out, row_at(a, i)));
    if (c->examples) TRY(buf_printf(out, "\nexamples:\n%s", c->examples));
    return LOREC_OK;
}

/* ---- parsing --------------------------------------------------------------------------------------------------------- */

static lorec_err bad(const args *a, const arg *row, const char *text, const char *want)
{
    return err_set(LOREC_USAGE, "--%s %s: %s; see `lorec %s --help`", row->name, text, want, a->command->name);
}

static lorec_err check_bounds(const args *a, const arg *row, const char *text, double value)
{
    char want[96];
    if ((row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max)) return LOREC_OK;
    snprintf(want, sizeof want, "has to be from %.15g to %.15g", row->min, row->max);
    return bad(a, row, text, want);
}

static lorec_err take(const args *a, const arg *row, const char *text)
{
    if (row->given) *row->given = true;
    switch (row->kind) {
    case ARG_FLAG:
        *(bool *)row->into = true;
        return LOREC_OK;
    case ARG_TEXT:
        *(const char **)row->into = text;
        return LOREC_OK;
    case ARG_LIST:
        return text_list_add(row->into, text);
    case ARG_INT: {
        int64_t n;
        if (!slice_to_i64(slice_of(text), &n)) return bad(a, row, text, "has to be a whole number");
        TRY(check_bounds(a, row, text, (double)n));
        *(int64_t *)row->into = n;
        return LOREC_OK;
    }
    case ARG_REAL: {
        double x;
        if (!slice_to_f64(slice_of(text), &x)) return bad(a, row, text, "has to be a number");
        TRY(check_bounds(a, row, text, x));
        *(double *)row->into = x;
        return LOREC_OK;
    }
    }
    return LOREC_OK;
}

static lorec_err take_common(args *a, const arg *row, const char *text)
{
    switch (row->letter) {
    case 'q':
        log_set_level(LOG_QUIET);
        return LOREC_OK;
    case 'v':
        log_set_level(LOG_DEBUG);
        return LOREC_OK;
    case 'h':
        a->done = true;
        return LOREC_OK;
    }
    int64_t threads;
    arg copy = *row;
    copy.into = &threads;
    TRY(take(a, &copy, text));
    par_set_workers((int)threads);
    return LOREC_OK;
}

static lorec_err unknown(const args *a, const char *word)
{
    const char **names;
    size_t n = a->n + COMMON;
    TRY(mem_new(&names, n));
    for (size_t i = 0; i < n; i++) names[i] = row_at(a, i)->name;
    char bare[64] = ""; /* "--sead=3" is about "sead" */
    const char *start = word + strspn(word, "-");
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(start, "="), start);
    const char *near = err_nearest(bare, names, n);
    mem_free(names);
    if (near)
        return err_set(LOREC_USAGE, "`lorec %s` has no option %s; did you mean --%s?", a->command->name, word, near);
    return err_set(LOREC_USAGE, "`lorec %s` has no option %s; see `lorec %s --help`", a->command->name, word,
                   a->command->name);
}

/* The row tables as getopt wants them: option i is value i + FIRST, letters are their own values. */
enum { FIRST = 1000 };
static lorec_err build(const args *a, struct option **longs, buf *letters)
{
    size_t n = a->n + COMMON;
    TRY(mem_new(longs, n + 1));
    TRY(buf_puts(letters, ":"));
    for (size_t i = 0; i < n; i++) {
        const arg *row = row_at(a, i);
        bool value = row->kind != ARG_FLAG;
        (*longs)[i] = (struct option){row->name, value ? required_argument : no_argument, NULL, FIRST + (int)i};
        if (row->letter) TRY(buf_printf(letters, "%c%s", row->letter, value ? ":" : ""));
    }
    return LOREC_OK;
}

static const arg *row_of(const args *a, int code, size_t *index)
{
    for (size_t i = 0; i < a->n + COMMON; i++) {
        if (code == FIRST + (int)i || (code < 256 && row_at(a, i)->letter == code)) {
            *index = i;
            return row_at(a, i);
        }
    }
    return NULL;
}

static lorec_err parse(args *a, int argc, char **argv, const struct option *longs, const char *letters)
{
    optind = 0; /* a fresh scan, also after another command's */
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        size_t i;
        if (code == '?') {
            char letter[3] = {'-', (char)optopt, 0};
            return unknown(a, optopt && optopt < 256 ? letter : argv[optind - 1]);
        }
        if (code == ':')
            return err_set(LOREC_USAGE, "%s wants a value; see `lorec %s --help`", argv[optind - 1], a->command->name);
        const arg *row = row_of(a, code, &i);
        if (row) TRY(i < a->n ? take(a, row, optarg) : take_common(a, row, optarg));
        if (a->done) return LOREC_OK;
    }
    for (int i = optind; i < argc; i++) {
        TRY(mem_grow(&a->word, &a->cap, a->n_words + 1));
        a->word[a->n_words++] = argv[i];
    }
    return LOREC_OK;
}

lorec_err args_parse(args *a, int argc, char **argv)
{
    if (visitor) {
        a->done = true;
        return visitor->options(visitor->ctx, a);
    }
    struct option *longs = NULL;
    buf letters = {0}, help = {0};
    lorec_err e = build(a, &longs, &letters);
    if (!e) e = parse(a, argc, argv, longs, letters.p);
    if (!e && a->done) e = args_help(a, &help);
    if (!e && a->done) fputs(help.p, stdout);
    mem_free(longs);
    buf_free(&letters);
    buf_free(&help);
    return e;
}

lorec_err args_need_words(const args *a, size_t min, size_t max, const char *what)
{
    if (a->n_words < min)
        return err_set(LOREC_USAGE, "`lorec %s`: %s is missing\nusage: %s", a->command->name, what, a->command->usage);
    if (a->n_words > max)
        return err_set(LOREC_USAGE, "`lorec %s`: \"%s\" is one word too many\nusage: %s", a->command->name,
                       a->word[max], a->command->usage);
    return LOREC_OK;
}
