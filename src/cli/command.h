/* command.h: a command of the program: one file src/cli/NAME.c with one `const command`, and one row in main.c.
 *
 *     static lorec_err run(int argc, char **argv);             // argv[0] is the command's name
 *     const command command_methods = {
 *         .name = "methods",
 *         .summary = "list every method with its options",
 *         .usage = "lorec methods [KEY...] [--json]",
 *         .details = "What is below the usage line of --help: paragraphs, ready to print.",
 *         .examples = "  lorec methods sasrec\n",
 *         .run = run,
 *     };
 *
 * Results go to stdout, everything else (log.h) to stderr. The returned error is the program's exit code.
 *
 * Ownership: everything is static. */
#ifndef LOREC_CLI_COMMAND_H
#define LOREC_CLI_COMMAND_H

#include <stddef.h>

#include "base/err.h"

typedef struct command {
    const char *name;     /* "run"; a subcommand's is "data import" */
    const char *summary;  /* one line of `lorec --help` */
    const char *usage;    /* the form of the call, possibly several lines */
    const char *details;  /* or NULL */
    const char *examples; /* or NULL; each line indented by two */
    lorec_err (*run)(int argc, char **argv);
} command;

extern const command *const *const commands; /* of the program, in the order of `lorec --help` */
extern const size_t commands_count;

/* Runs the row that argv[1] names (argv[0]: `owner`, such as "data"), for commands that have subcommands. --help,
 * an unknown name (with the nearest) and no name at all are answered here. */
lorec_err command_dispatch(const command *owner, const command *const *rows, size_t n, int argc, char **argv);

#endif
