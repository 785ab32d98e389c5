/* completion.h: from the tables of commands to a script that completes them: one row a shell (completion_SHELL.c).
 *
 * A shell is told, in this order: every command, its subcommands and options as they come; then it writes its script.
 *
 * Ownership: a completion owns its buffers; texts of the tables are static. */
#ifndef LOREC_CLI_COMPLETION_H
#define LOREC_CLI_COMPLETION_H

#include "cli/args.h"

typedef struct completion {
    buf commands, options, values; /* the parts of the script */
} completion;

/* What completes a value or a bare word. */
typedef enum complete {
    COMPLETE_NOTHING,
    COMPLETE_FILE,
    COMPLETE_FOLDER,
    COMPLETE_METHODS,
    COMPLETE_SETTINGS,
    COMPLETE_WORDS
} complete;
typedef struct completer {
    complete by;
    const char *words; /* COMPLETE_WORDS: "f32|bf16" */
} completer;

typedef struct shell {
    const char *name;
    /* The subcommands of `owner` ("": the program), one after the other between begin and end. */
    lorec_err (*commands)(completion *c, const char *owner, const command *const *rows, size_t n);
    /* The options of a command, and what its bare words are. */
    lorec_err (*options)(completion *c, const args *a, completer bare);
    lorec_err (*script)(const completion *c, buf *out);
} shell;
extern const shell shell_bash, shell_zsh, shell_fish;

/* A case of bash's and zsh's _lorec_value: what='file' for the value of a flag, or (flag "") for a bare word. */
lorec_err put_value(completion *c, const char *at, const char *flag, completer by);
const char *command_word(const command *c); /* "import" of "data import" */
completer completer_of_option(const arg *row);
lorec_err put_quoted(buf *out, const char *text); /* 'it'\''s', as one word of bash and zsh */
lorec_err put_words(buf *out, const char *words); /* "a|b" as "a b" */

#endif
