/* The program: a table of commands. Exit codes are lorec_err's values. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "base/threads.h"
#include "cli/args.h"
#include "cli/command.h"

/* One row a command, in the order in which a newcomer meets them: src/cli/NAME.c defines `const command command_NAME`. */
#define COMMANDS(ROW)                                                                                                  \
    ROW(data)                                                                                                          \
    ROW(run)                                                                                                           \
    ROW(recommend)                                                                                                     \
    ROW(chat)                                                                                                          \
    ROW(serve)                                                                                                         \
    ROW(why)                                                                                                           \
    ROW(compare)                                                                                                       \
    ROW(export_sft)                                                                                                    \
    ROW(tune)                                                                                                          \
    ROW(eval)                                                                                                          \
    ROW(methods)                                                                                                       \
    ROW(lm)                                                                                                            \
    ROW(doctor)                                                                                                        \
    ROW(completion)

#define DECLARE(name) extern const command command_##name;
COMMANDS(DECLARE)

#define ADDRESS(name) &command_##name,
static const command *const table[] = {COMMANDS(ADDRESS)};
enum { TABLE = sizeof table / sizeof *table };
const command *const *const commands = table;
const size_t commands_count = TABLE;

static void print_rows(const command *const *rows, size_t n)
{
    puts("\ncommands:");
    for (size_t i = 0; i < n; i++) {
        const char *word = strrchr(rows[i]->name, ' ');
        printf("  %-14s %s\n", word ? word + 1 : rows[i]->name, rows[i]->summary);
    }
}

static const command *find(const command *const *rows, size_t n, const char *word, const char **near)
{
    const char *names[64];
    size_t k = 0;
    for (size_t i = 0; i < n && k < 64; i++) {
        const char *space = strrchr(rows[i]->name, ' ');
        names[k] = space ? space + 1 : rows[i]->name;
        if (strcmp(names[k++], word) == 0) return rows[i];
    }
    *near = err_nearest(word, names, k);
    return NULL;
}

static lorec_err no_such(const char *owner, const char *word, const char *near)
{
    const char *gap = *owner ? " " : "";
    if (near)
        return err_set(LOREC_USAGE, "there is no command \"%s%s%s\"; did you mean \"%s\"?", owner, gap, word, near);
    return err_set(LOREC_USAGE, "there is no command \"%s%s%s\"; see `lorec%s%s --help`", owner, gap, word, gap, owner);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

lorec_err command_dispatch(const command *owner, const command *const *rows, size_t n, int argc, char **argv)
{
    const args_visitor *v = args_visiting();
    if (v) return v->subcommands(v->ctx, owner, rows, n);
    if (argc < 2 || is_help(argv[1])) {
        if (argc < 2)
            return err_set(LOREC_USAGE, "lorec %s: which one? See `lorec %s --help`", owner->name, owner->name);
        printf("lorec %s: %s\n\nusage: %s\n", owner->name, owner->summary, owner->usage);
        if (owner->details) printf("\n%s\n", owner->details);
        print_rows(rows, n);
        if (owner->examples) printf("\nexamples:\n%s", owner->examples);
        return LOREC_OK;
    }
    const char *near = NULL;
    const command *c = find(rows, n, argv[1], &near);
    return c ? c->run(argc - 1, argv + 1) : no_such(owner->name, argv[1], near);
}

static void help(void)
{
    puts("lorec: recommenders of the language-model era and the classics, on the same data, under the same "
         "evaluator.\n\n"
         "usage: lorec COMMAND [words and options]");
    print_rows(table, TABLE);
    puts("\n`lorec COMMAND --help` says more. Every command takes --json; results go to stdout, talk to stderr.\n"
         "Exit codes: 0 ok, 1 failed, 2 usage, 3 bad input, 4 out of resources, 5 interrupted.\n\n"
         "first steps:\n"
         "  lorec run pop,markov --data sample --out runs/first\n"
         "  lorec recommend runs/first --user reader0001\n"
         "  lorec compare runs/first");
}

static lorec_err dispatch(int argc, char **argv)
{
    if (argc < 2) {
        help();
        return err_set(LOREC_USAGE, "which command?");
    }
    const char *word = argv[1], *near = NULL;
    if (is_help(word)) {
        if (argc > 2 && strcmp(word, "help") == 0) { /* `lorec help run` is `lorec run --help` */
            const command *c = find(table, TABLE, argv[2], &near);
            return c ? c->run(2, (char *[]){argv[2], "--help", NULL}) : no_such("", argv[2], near);
        }
        help();
        return LOREC_OK;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        printf("lorec %s\n", lorec_version());
        return LOREC_OK;
    }
    const command *c = find(table, TABLE, word, &near);
    return c ? c->run(argc - 1, argv + 1) : no_such("", word, near);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* numbers stay in the C locale: they are data */
    lorec_err e = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        if (!e) e = err_errno("standard output");
    }
    if (e) fprintf(stderr, "lorec: %s\n", lorec_error_message());
    return (int)e;
}
