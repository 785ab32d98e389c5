/* Completion in bash (4.4 and later; bash-completion is not needed). */
#include "cli/completion.h"
#include "methods/registry.h"

static lorec_err put_commands(completion *c, const char *owner, const command *const *rows, size_t n)
{
    TRY(buf_printf(&c->commands, "    '%s') echo '", owner));
    for (size_t i = 0; i < n; i++) TRY(buf_printf(&c->commands, "%s%s", i ? " " : "", command_word(rows[i])));
    return buf_puts(&c->commands, "' ;;\n");
}

static lorec_err put_options(completion *c, const args *a, completer bare)
{
    const char *name = a->command->name;
    const arg *row;
    TRY(buf_printf(&c->options, "    '%s') echo '", name));
    TRY(put_value(c, name, "", bare));
    for (size_t i = 0; (row = args_row(a, i)); i++) {
        char flag[64];
        snprintf(flag, sizeof flag, "--%s", row->name);
        TRY(buf_printf(&c->options, "%s%s", i ? " " : "", flag));
        if (row->kind != ARG_FLAG) TRY(put_value(c, name, flag, completer_of_option(row)));
        snprintf(flag, sizeof flag, "-%c", row->letter);
        if (row->letter) TRY(buf_printf(&c->options, " %s", flag));
        if (row->letter && row->kind != ARG_FLAG) TRY(put_value(c, name, flag, completer_of_option(row)));
    }
    return buf_puts(&c->options, "' ;;\n");
}

static const char body[] =
    "_lorec() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at= what= words= begun= i\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do # as far as words are commands\n"
    "        case \" $(_lorec_commands \"$at\") \" in\n"
    "        *\" ${COMP_WORDS[i]} \"*) at=\"${at:+$at }${COMP_WORDS[i]}\" ;;\n"
    "        *) break ;;\n"
    "        esac\n"
    "    done\n"
    "    [[ $prev == -* ]] && _lorec_value \"$at\" \"$prev\"\n"
    "    if [[ -z $what ]]; then\n"
    "        words=$(_lorec_commands \"$at\")\n"
    "        [[ $cur == -* ]] && words=$(_lorec_options \"$at\")\n"
    "        what=${words:+words $words}\n"
    "        [[ -z $what ]] && _lorec_value \"$at\" \"\"\n"
    "    fi\n"
    "    local IFS=$'\\n'\n"
    "    case $what in\n"
    "    file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
    "    folder) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\")) ;;\n"
    "    methods)\n"
    "        [[ $cur == *,* ]] && begun=\"${cur%,*},\"\n"
    "        COMPREPLY=($(IFS=' '; compgen -P \"$begun\" -W \"$_lorec_methods\" -- \"${cur##*,}\")) ;;\n"
    "    settings) compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" completion "
    "settings)\" -- \"$cur\")) ;;\n"
    "    words*) COMPREPLY=($(IFS=' '; compgen -W \"${what#words }\" -- \"$cur\")) ;;\n"
    "    *) COMPREPLY=() ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _lorec lorec\n";

static lorec_err script(const completion *c, buf *out)
{
    TRY(buf_puts(out, "# bash completion of lorec, made by `lorec completion bash`\n_lorec_methods='"));
    for (size_t i = 0; i < registry_count(); i++) TRY(buf_printf(out, "%s%s", i ? " " : "", registry_at(i)->key));
    TRY(buf_printf(out, "'\n_lorec_commands() {\n    case $1 in\n%s    esac\n}\n", c->commands.p));
    TRY(buf_printf(out, "_lorec_options() {\n    case $1 in\n%s    esac\n}\n", c->options.p));
    TRY(buf_printf(
        out, "_lorec_value() { # into $what: of an option; of a bare word\n    case \"$1 $2\" in\n%s    esac\n}\n",
        c->values.p));
    return buf_puts(out, body);
}

const shell shell_bash = {"bash", put_commands, put_options, script};
