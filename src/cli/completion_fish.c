/* Completion in fish: a line for each word. */
#include "cli/completion.h"
#include "methods/registry.h"

/* In fish's single quotes only \ and ' are escaped. */
static lorec_err put_text(buf *out, const char *text)
{
    TRY(buf_puts(out, "'"));
    for (const char *p = text; *p; p++) {
        if (*p == '\'' || *p == '\\') TRY(buf_puts(out, "\\"));
        TRY(buf_add(out, p, 1));
    }
    return buf_puts(out, "'");
}

static lorec_err put_commands(completion *c, const char *owner, const command *const *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        TRY(buf_printf(&c->commands, "complete -c lorec -n '__lorec_just %s' -a %s -d ", owner, command_word(rows[i])));
        TRY(put_text(&c->commands, rows[i]->summary));
        TRY(buf_puts(&c->commands, "\n"));
    }
    return LOREC_OK;
}

static lorec_err put_completer(buf *out, completer by)
{
    switch (by.by) {
    case COMPLETE_FILE:
        return buf_puts(out, " -F");
    case COMPLETE_FOLDER:
        return buf_puts(out, " -a '(__fish_complete_directories)'");
    case COMPLETE_METHODS:
        return buf_puts(out, " -a '(__lorec_methods)'");
    case COMPLETE_SETTINGS:
        return buf_puts(out, " -a '(lorec completion settings)'");
    case COMPLETE_WORDS:
        TRY(buf_puts(out, " -a '"));
        TRY(put_words(out, by.words));
        return buf_puts(out, "'");
    case COMPLETE_NOTHING:
        break;
    }
    return LOREC_OK;
}

static lorec_err put_options(completion *c, const args *a, completer bare)
{
    const arg *row;
    if (bare.by != COMPLETE_NOTHING) {
        TRY(buf_printf(&c->values, "complete -c lorec -n '__lorec_at %s'", a->command->name));
        TRY(put_completer(&c->values, bare));
        TRY(buf_puts(&c->values, "\n"));
    }
    for (size_t i = 0; (row = args_row(a, i)); i++) {
        TRY(buf_printf(&c->options, "complete -c lorec -n '__lorec_at %s' -l %s", a->command->name, row->name));
        if (row->letter) TRY(buf_printf(&c->options, " -s %c", row->letter));
        if (row->kind != ARG_FLAG) {
            completer by = completer_of_option(row);
            TRY(buf_puts(&c->options, by.by == COMPLETE_FILE ? " -r" : " -x"));
            TRY(put_completer(&c->options, by));
        }
        TRY(buf_puts(&c->options, " -d "));
        TRY(put_text(&c->options, row->help));
        TRY(buf_puts(&c->options, "\n"));
    }
    return LOREC_OK;
}

static const char head[] = "# fish completion of lorec, made by `lorec completion fish`\n"
                           "function __lorec_at # the command line begins with these commands\n"
                           "    set -l words (commandline -opc)\n"
                           "    test (count $words) -gt (count $argv); or return 1\n"
                           "    for i in (seq (count $argv))\n"
                           "        set -l at (math $i + 1)\n"
                           "        test \"$words[$at]\" = $argv[$i]; or return 1\n"
                           "    end\n"
                           "end\n"
                           "function __lorec_just # and nothing else yet\n"
                           "    __lorec_at $argv; and test (count (commandline -opc)) -eq (math (count $argv) + 1)\n"
                           "end\n"
                           "function __lorec_methods # one, or several with commas between\n"
                           "    set -l begun (string match -r '.*,' -- (commandline -ct))\n"
                           "    for row in $__lorec_method_rows\n"
                           "        echo \"$begun$row\"\n"
                           "    end\n"
                           "end\n";

static lorec_err script(const completion *c, buf *out)
{
    TRY(buf_puts(out, head));
    TRY(buf_puts(out, "set -g __lorec_method_rows"));
    for (size_t i = 0; i < registry_count(); i++) {
        buf row = {0};
        lorec_err e = buf_printf(&row, "%s\t%s", registry_at(i)->key, registry_at(i)->title);
        if (!e) e = buf_puts(out, " ");
        if (!e) e = put_text(out, row.p);
        buf_free(&row);
        TRY(e);
    }
    return buf_printf(out, "\ncomplete -c lorec -f\n%s%s%s", c->commands.p, c->values.p, c->options.p);
}

const shell shell_fish = {"fish", put_commands, put_options, script};
