/* lorec completion: scripts for the shells, made from the tables that --help is printed from. */
#include "cli/completion.h"

#include <ctype.h>
#include <stdio.h>

#include "methods/registry.h"

static const shell *const shells[] = {&shell_bash, &shell_zsh, &shell_fish};
enum { SHELLS = sizeof shells / sizeof *shells };

/* ---- what a word is ------------------------------------------------------------------------------------------------------ */

static bool begins(const char *text, const char *word)
{
    size_t n = strlen(word);
    return strncmp(text, word, n) == 0 && !isupper((unsigned char)text[n]);
}

/* By the word that the help has for it: FILE, RUN, METHOD ..., or f32|bf16. */
static completer completer_of(const char *word)
{
    static const struct {
        const char *word;
        complete by;
    } kinds[] = {{"FILE", COMPLETE_FILE},  {"PATH", COMPLETE_FILE},      {"PREFIX", COMPLETE_FILE},
                 {"MODEL", COMPLETE_FILE}, {"TEXTS", COMPLETE_FILE},     {"LINES", COMPLETE_FILE},
                 {"IN", COMPLETE_FILE},    {"FOLDER", COMPLETE_FOLDER},  {"DIR", COMPLETE_FOLDER},
                 {"RUN", COMPLETE_FOLDER}, {"METHOD", COMPLETE_METHODS}, {"KEY", COMPLETE_METHODS}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (begins(word, kinds[i].word)) return (completer){kinds[i].by, NULL};
    bool small = strchr(word, '|') != NULL;
    for (const char *p = word; *p && small; p++)
        small = islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '|' || *p == '_';
    return small ? (completer){COMPLETE_WORDS, word} : (completer){COMPLETE_NOTHING, NULL};
}

completer completer_of_option(const arg *row)
{
    if (strcmp(row->name, "set") == 0) return (completer){COMPLETE_SETTINGS, NULL};
    return completer_of(row->value);
}

/* The first word behind the command in its usage line: "lorec run METHOD[,METHOD...] --data PATH". */
static completer completer_of_usage(const command *c, char word[64])
{
    const char *at = c->usage + strlen("lorec ") + strlen(c->name);
    at += strspn(at, " [(");
    snprintf(word, 64, "%.*s", (int)strcspn(at, " ])\n"), at);
    return *word == '-' || *word == '<' ? (completer){COMPLETE_NOTHING, NULL} : completer_of(word);
}

/* ---- what the shells' files share ------------------------------------------------------------------------------------------ */

const char *command_word(const command *c)
{
    const char *space = strrchr(c->name, ' ');
    return space ? space + 1 : c->name;
}

lorec_err put_quoted(buf *out, const char *text)
{
    TRY(buf_puts(out, "'"));
    for (const char *p = text; *p; p++) TRY(*p == '\'' ? buf_puts(out, "'\\''") : buf_add(out, p, 1));
    return buf_puts(out, "'");
}

lorec_err put_words(buf *out, const char *words)
{
    for (const char *p = words; *p; p++) TRY(buf_add(out, *p == '|' ? " " : p, 1));
    return LOREC_OK;
}

lorec_err put_value(completion *c, const char *at, const char *flag, completer by)
{
    static const char *const kinds[] = {"none", "file", "folder", "methods", "settings", "words"};
    TRY(buf_printf(&c->values, "    '%s %s') what='%s", at, flag, kinds[by.by]));
    if (by.by == COMPLETE_WORDS) TRY(buf_puts(&c->values, " "));
    if (by.by == COMPLETE_WORDS) TRY(put_words(&c->values, by.words));
    return buf_puts(&c->values, "' ;;\n");
}

/* ---- the walk over the tables ---------------------------------------------------------------------------------------------- */

typedef struct walk {
    const shell *sh;
    completion parts;
} walk;

static lorec_err see_options(void *ctx, const args *a)
{
    walk *w = ctx;
    char word[64];
    return w->sh->options(&w->parts, a, completer_of_usage(a->command, word));
}

static lorec_err see_commands(void *ctx, const command *owner, const command *const *rows, size_t n)
{
    walk *w = ctx;
    TRY(w->sh->commands(&w->parts, owner ? owner->name : "", rows, n));
    for (size_t i = 0; i < n; i++) TRY(rows[i]->run(1, (char *[]){(char *)(uintptr_t)command_word(rows[i]), NULL}));
    return LOREC_OK;
}

static lorec_err print_script(const shell *sh)
{
    walk w = {.sh = sh};
    buf script = {0};
    args_visit(&(args_visitor){see_options, see_commands, &w});
    lorec_err e = see_commands(&w, NULL, commands, commands_count);
    args_visit(NULL);
    if (!e) e = sh->script(&w.parts, &script);
    if (!e) fputs(script.p, stdout);
    buf_free(&w.parts.commands);
    buf_free(&w.parts.options);
    buf_free(&w.parts.values);
    buf_free(&script);
    return e;
}

/* What --set takes, asked for by the scripts when they need it: METHOD.OPTION= */
static void print_settings(void)
{
    for (size_t i = 0; i < registry_count(); i++)
        for (size_t k = 0; k < registry_at(i)->n_options; k++)
            printf("%s.%s=\n", registry_at(i)->key, registry_at(i)->options[k].name);
}

static lorec_err run(int argc, char **argv);
const command command_completion = {
    .name = "completion",
    .summary = "a script that completes commands, options and methods in a shell",
    .usage = "lorec completion bash|zsh|fish",
    .details =
        "Made from the tables of --help. `make install` puts the scripts where the shells look for them; without it:",
    .examples = "  source <(lorec completion bash)        in ~/.bashrc\n"
                "  source <(lorec completion zsh)         in ~/.zshrc, after compinit\n"
                "  lorec completion fish | source         in ~/.config/fish/config.fish\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    args a = {.command = &command_completion};
    const char *known[SHELLS];
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "bash, zsh or fish");
    const char *word = !e && !a.done ? a.word[0] : "";
    bool found = strcmp(word, "settings") == 0;
    if (found) print_settings();
    for (size_t i = 0; i < SHELLS && !e && !a.done; i++) {
        known[i] = shells[i]->name;
        if (strcmp(word, known[i]) != 0) continue;
        found = true;
        e = print_script(shells[i]);
    }
    if (!e && !a.done && !found) {
        const char *near = err_nearest(word, known, SHELLS);
        e = err_set(LOREC_USAGE, "there is no completion for \"%s\"%s%s%s; there is bash, zsh, fish", word,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    args_free(&a);
    return e;
}
