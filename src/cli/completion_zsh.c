/* Completion in zsh: every word with its line of help. */
#include "cli/completion.h"
#include "methods/registry.h"

/* 'word:help', where a colon of the word would end it. */
static lorec_err put_described(buf *out, const char *word, const char *help)
{
    buf text = {0};
    lorec_err e = buf_printf(&text, "%s:%s", word, help);
    if (!e) e = buf_puts(out, " ");
    if (!e) e = put_quoted(out, text.p);
    buf_free(&text);
    return e;
}

static lorec_err put_commands(completion *c, const char *owner, const command *const *rows, size_t n)
{
    TRY(buf_printf(&c->commands, "    '%s') rows=(", owner));
    for (size_t i = 0; i < n; i++) TRY(put_described(&c->commands, command_word(rows[i]), rows[i]->summary));
    return buf_puts(&c->commands, ") ;;\n");
}

static lorec_err put_options(completion *c, const args *a, completer bare)
{
    const char *name = a->command->name;
    const arg *row;
    TRY(buf_printf(&c->options, "    '%s') rows=(", name));
    TRY(put_value(c, name, "", bare));
    for (size_t i = 0; (row = args_row(a, i)); i++) {
        char flag[2][64] = {"", ""};
        snprintf(flag[0], sizeof flag[0], "--%s", row->name);
        if (row->letter) snprintf(flag[1], sizeof flag[1], "-%c", row->letter);
        for (int k = 0; k < 2 && *flag[k]; k++) {
            TRY(put_described(&c->options, flag[k], row->help));
            if (row->kind != ARG_FLAG) TRY(put_value(c, name, flag[k], completer_of_option(row)));
        }
    }
    return buf_puts(&c->options, ") ;;\n");
}

static const char body[] = "_lorec() {\n"
                           "    local at= what= i=2\n"
                           "    local -a rows\n"
                           "    while (( i < CURRENT )); do # as far as words are commands\n"
                           "        rows=(); _lorec_commands \"$at\"\n"
                           "        (( ${rows[(I)${words[i]}:*]} )) || break\n"
                           "        at=\"${at:+$at }${words[i]}\"\n"
                           "        (( i++ ))\n"
                           "    done\n"
                           "    [[ ${words[CURRENT-1]} == -* ]] && _lorec_value \"$at\" \"${words[CURRENT-1]}\"\n"
                           "    if [[ -z $what ]]; then\n"
                           "        if [[ ${words[CURRENT]} == -* ]]; then\n"
                           "            rows=(); _lorec_options \"$at\"; _describe -o option rows; return\n"
                           "        fi\n"
                           "        rows=(); _lorec_commands \"$at\"\n"
                           "        if (( $#rows )); then _describe command rows; return; fi\n"
                           "        _lorec_value \"$at\" ''\n"
                           "    fi\n"
                           "    case $what in\n"
                           "    file) _files ;;\n"
                           "    folder) _files -/ ;;\n"
                           "    methods) compset -P '*,'; _describe method _lorec_methods ;;\n"
                           "    settings) compadd -S '' -- ${(f)\"$(${words[1]} completion settings)\"} ;;\n"
                           "    words*) compadd -- ${=what#words } ;;\n"
                           "    esac\n"
                           "}\n"
                           "if [[ ${funcstack[1]} == _lorec ]]; then _lorec \"$@\"; else compdef _lorec lorec; fi\n";

static lorec_err script(const completion *c, buf *out)
{
    TRY(buf_puts(out, "#compdef lorec\n# zsh completion of lorec, made by `lorec completion zsh`\n_lorec_methods=("));
    for (size_t i = 0; i < registry_count(); i++) TRY(put_described(out, registry_at(i)->key, registry_at(i)->title));
    TRY(buf_printf(out, ")\n_lorec_commands() {\n    case $1 in\n%s    esac\n}\n", c->commands.p));
    TRY(buf_printf(out, "_lorec_options() {\n    case $1 in\n%s    esac\n}\n", c->options.p));
    TRY(buf_printf(
        out, "_lorec_value() { # into $what: of an option; of a bare word\n    case \"$1 $2\" in\n%s    esac\n}\n",
        c->values.p));
    return buf_puts(out, body);
}

const shell shell_zsh = {"zsh", put_commands, put_options, script};
