/* args.h: the words after a command, by rows of a table; --help and the docs are printed from the same rows.
 *
 *     const char *data = NULL;
 *     bool json = false;
 *     int64_t k = 10;
 *     text_list sets = {0};
 *     arg rows[] = {
 *         {"data", 'd', ARG_TEXT, &data, "PATH", "a prepared folder, a raw file or folder, or \"sample\""},
 *         {"set", 0, ARG_LIST, &sets, "NAME=VALUE", "an option of a method; may be repeated"},
 *         {"k", 'k', ARG_INT, &k, "N", "how many", .min = 1, .max = 1e6},
 *         {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
 *     };
 *     args a = {.command = &command_run, .rows = rows, .n = sizeof rows / sizeof *rows};
 *     lorec_err e = args_parse(&a, argc, argv);     // words that are not options: a.word[0 .. a.n_words - 1]
 *     if (e || a.done) return e;                    // done: --help was asked for and printed
 *
 * Every command also has --help, -q/--quiet, -v/--verbose and --threads. An unknown option is LOREC_USAGE with the
 * nearest one; so is a value out of its bounds.
 *
 * Ownership: texts are argv's; text_list_free and args_free release the lists. */
#ifndef LOREC_CLI_ARGS_H
#define LOREC_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/text_list.h"
#include "cli/command.h"

typedef enum arg_kind { ARG_FLAG, ARG_TEXT, ARG_LIST, ARG_INT, ARG_REAL } arg_kind;
typedef struct arg {
    const char *name; /* of --name */
    char letter;      /* of -x, or 0 */
    arg_kind kind;
    void *into;        /* bool, const char *, text_list, int64_t, double */
    const char *value; /* what the help calls the value; NULL for a flag */
    const char *help;
    double min, max; /* of numbers; 0, 0: any */
    bool *given;     /* set when the option occurs; or NULL */
} arg;

typedef struct args {
    const command *command;
    const arg *rows;
    size_t n;
    const char **word; /* what is not an option, in order */
    size_t n_words;
    bool done;
    size_t cap;
} args;

lorec_err args_parse(args *a, int argc, char **argv);
void args_free(args *a);
/* LOREC_USAGE unless there are from min to max words; `what` names them ("METHOD", "RUN..."). */
lorec_err args_need_words(const args *a, size_t min, size_t max, const char *what);
lorec_err args_help(const args *a, buf *out); /* what --help prints */

/* While there is a visitor, args_parse and command_dispatch show it their tables and do nothing else (args_parse sets `done`,
 * so the command that called it does nothing either): `lorec completion` knows every option from the rows of --help. */
typedef struct args_visitor {
    lorec_err (*options)(void *ctx, const args *a);
    lorec_err (*subcommands)(void *ctx, const command *owner, const command *const *rows, size_t n);
    void *ctx;
} args_visitor;
void args_visit(const args_visitor *v); /* NULL: no more */
const args_visitor *args_visiting(void);
const arg *args_row(const args *a, size_t i); /* the command's own rows, then those of every command; NULL: no more */

#endif
