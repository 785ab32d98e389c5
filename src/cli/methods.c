/* lorec methods: what there is, from the registry and the option tables. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/args.h"
#include "cli/print.h"
#include "cli/term.h"
#include "methods/describe.h"
#include "recipes/method_files.h"

static void flags_text(char *out, size_t size, unsigned flags, const char *const *word, size_t n)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < n && at < size; i++)
        if (flags & 1u << i) at += (size_t)snprintf(out + at, size - at, "%s%s", at ? " " : "", word[i]);
}

static lorec_err print_json(const recommender *const *list, size_t n)
{
    return print_json_object(methods_json(list, n));
}

static lorec_err print_list(const recommender *const *list, size_t n)
{
    table t = {0};
    table_cell(&t, "key"), table_cell(&t, "family"), table_cell(&t, "tasks"), table_cell(&t, "needs");
    table_cell(&t, "title"), table_row_end(&t);
    for (size_t i = 0; i < n; i++) {
        char tasks[128], needs[128];
        flags_text(tasks, sizeof tasks, list[i]->tasks, method_task_words, METHOD_TASKS);
        flags_text(needs, sizeof needs, list[i]->needs, method_need_words, METHOD_NEEDS);
        table_cell(&t, "%s", list[i]->key), table_cell(&t, "%s", list[i]->family), table_cell(&t, "%s", tasks);
        table_cell(&t, "%s", needs[0] ? needs : "-"), table_cell(&t, "%s", list[i]->title), table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "l");
    table_free(&t);
    return e;
}

static void option_range(char *out, size_t size, const option *row)
{
    out[0] = 0;
    size_t at = 0;
    switch (row->type) {
    case OPTION_TYPE_INT:
    case OPTION_TYPE_REAL:
        snprintf(out, size, "%.6g to %.6g", row->min, row->max);
        return;
    case OPTION_TYPE_BOOL:
        snprintf(out, size, "true | false");
        return;
    case OPTION_TYPE_TEXT:
        snprintf(out, size, "text");
        return;
    case OPTION_TYPE_CHOICE:
        for (size_t i = 0; row->choices[i] && at < size; i++)
            at += (size_t)snprintf(out + at, size - at, "%s%s", i ? " | " : "", row->choices[i]);
    }
}

static lorec_err print_card(const recommender *r)
{
    char name[128];
    snprintf(name, sizeof name, "%s/card.md", r->key);
    const embedded_file *f = method_file_find(name);
    if (!f) return err_set(LOREC_USAGE, "%s has no card: it is a classic; see its file in src/rec", r->key);
    fwrite(f->bytes, 1, f->n, stdout);
    return LOREC_OK;
}

static lorec_err print_one(const recommender *r)
{
    char tasks[128];
    flags_text(tasks, sizeof tasks, r->tasks, method_task_words, METHOD_TASKS);
    printf("%s%s%s: %s\nfamily %s; tasks: %s\n", term_bold(stdout), r->key, term_off(stdout), r->title, r->family,
           tasks);
    if (r->cite) printf("%s\n", r->cite);
    if (r->n_options == 0) return puts("no options"), LOREC_OK;
    table t = {0};
    table_cell(&t, "option"), table_cell(&t, "default"), table_cell(&t, "values"), table_cell(&t, "what it does");
    table_row_end(&t);
    for (size_t i = 0; i < r->n_options; i++) {
        const option *row = &r->options[i];
        char range[256];
        option_range(range, sizeof range, row);
        table_cell(&t, "%s%s%s", row->name, row->alias ? " | " : "", row->alias ? row->alias : "");
        if (row->type == OPTION_TYPE_TEXT || row->type == OPTION_TYPE_CHOICE)
            table_cell(&t, "%s", row->def_text ? row->def_text : "");
        else if (row->type == OPTION_TYPE_BOOL)
            table_cell(&t, "%s", row->def != 0 ? "true" : "false");
        else
            table_cell(&t, "%.6g", row->def);
        table_cell(&t, "%s", range), table_cell(&t, "%s", row->help), table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "l");
    table_free(&t);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_methods = {
    .name = "methods",
    .summary = "list the methods; with a key: its options, their defaults and bounds",
    .usage = "lorec methods [KEY...] [--card] [--json]",
    .details = "Options are set with `lorec run --set name=value` (or method.name=value), or in a --config file.",
    .examples = "  lorec methods\n  lorec methods ease markov\n  lorec methods --json\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    bool json = false, card = false;
    const arg rows[] = {{"card", 0, ARG_FLAG, &card, NULL, "what a published system is, from where, what must show"},
                        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_methods, .rows = rows, .n = 2};
    const recommender **list = NULL;
    size_t n = 0;
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    n = a.n_words ? a.n_words : registry_count();
    TRY_GO(e, mem_new(&list, n), done);
    for (size_t i = 0; i < n; i++) {
        if (a.n_words)
            TRY_GO(e, registry_need(a.word[i], &list[i]), done);
        else
            list[i] = registry_at(i);
    }
    if (json)
        e = print_json(list, n);
    else if (!a.n_words)
        e = print_list(list, n);
    else {
        for (size_t i = 0; i < n && !e; i++) {
            if (i) puts("");
            e = card ? print_card(list[i]) : print_one(list[i]);
        }
    }
done:
    mem_free(list);
    args_free(&a);
    return e;
}
