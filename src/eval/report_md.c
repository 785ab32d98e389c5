/* The leaderboard as Markdown tables. */
#include <math.h>

#include "base/mem.h"
#include "eval/report_write.h"

/* Text in a cell: what Markdown or HTML would read as their own is escaped. */
static lorec_err cell(buf *out, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        if (strchr("|*_`<>[]\\#", *p)) TRY(buf_puts(out, "\\"));
        TRY(buf_add(out, (unsigned char)*p < ' ' ? " " : p, 1));
    }
    return LOREC_OK;
}

static lorec_err number(buf *out, const leaderboard *b, size_t g, size_t j)
{
    const group *m = &b->group[g];
    const char *mark = report_is_best(b, g, j) ? "**" : "";
    if (m->n_seeds == 0 || isnan(m->mean[j])) return buf_puts(out, " |");
    if (m->n_seeds > 1) return buf_printf(out, " %s%.4f%s ± %.4f |", mark, m->mean[j], mark, m->sd[j]);
    TRY(buf_printf(out, " %s%.4f%s", mark, m->mean[j], mark));
    const interval *ci = &report_first(b, m)->ci95[j];
    if (!isnan(ci->low)) TRY(buf_printf(out, " [%.4f, %.4f]", ci->low, ci->high));
    return buf_puts(out, " |");
}

static lorec_err main_table(buf *out, const leaderboard *b, const size_t *order)
{
    TRY(buf_puts(out, "| method |"));
    for (size_t j = 0; j < b->n_metrics; j++) TRY(buf_printf(out, " %s |", b->metrics[j].name));
    TRY(buf_puts(out, " train s | judge s | MiB | seeds |\n|---|"));
    for (size_t j = 0; j < b->n_metrics + 4; j++) TRY(buf_puts(out, "--:|"));
    for (size_t i = 0; i < b->n_groups; i++) {
        const group *g = &b->group[order[i]];
        const result *r = report_first(b, g);
        if (!r) continue;
        TRY(buf_puts(out, "\n| "));
        TRY(cell(out, g->method));
        TRY(buf_puts(out, g->as == ROLE_CONTROL ? " (control) |" : " |"));
        for (size_t j = 0; j < b->n_metrics; j++) TRY(number(out, b, order[i], j));
        TRY(buf_printf(out, " %.4g | %.4g | %.0f | %zu |", r->train_s, r->eval_s, r->rss_mib, g->n_seeds));
    }
    return buf_puts(out, "\n");
}

static lorec_err differences(buf *out, const leaderboard *b, size_t j)
{
    if (b->n_versus == 0) return LOREC_OK;
    TRY(buf_printf(out,
                   "\n## Differences on %s\n\nPaired per user; p values Holm-corrected over the table.\n\n"
                   "| method | against | difference | 95%% interval | p |\n|---|---|--:|--:|--:|\n",
                   b->metrics[j].name));
    for (size_t i = 0; i < b->n_versus; i++) {
        const versus *v = &b->versus[i];
        if (isnan(v->of[j].delta)) continue;
        TRY(buf_puts(out, "| "));
        TRY(cell(out, b->group[v->method].method));
        TRY(buf_puts(out, " | "));
        TRY(cell(out, b->group[v->control].method));
        TRY(buf_printf(out, " | %+.4f | [%+.4f, %+.4f] | %.2g |\n", v->of[j].delta, v->of[j].ci95.low,
                       v->of[j].ci95.high, v->p_holm[j]));
    }
    return LOREC_OK;
}

static lorec_err words(buf *out, const leaderboard *b, size_t j)
{
    buf said = {0};
    lorec_err e = leaderboard_words(b, j, &said);
    slice rest = {said.p ? said.p : "", said.n};
    if (!e && rest.n) e = buf_puts(out, "\n## In words\n\n");
    while (!e && rest.n) {
        slice line = slice_cut(&rest, '\n');
        e = buf_printf(out, "- %.*s\n", (int)line.n, line.p);
    }
    buf_free(&said);
    return e;
}

lorec_err report_markdown(buf *out, const leaderboard *b, const char *headline)
{
    size_t j = report_headline(b, headline), *order;
    const json_t *d = b->data, *p = b->protocol;
    TRY(buf_puts(out, "# "));
    TRY(cell(out, json_string_value(json_object_get(d, "name"))));
    TRY(buf_printf(out, "\n\n%lld users, %lld items, %lld interactions. Protocol `%s`, %lld users judged.\n\n",
                   json_integer_value(json_object_get(d, "users")), json_integer_value(json_object_get(d, "items")),
                   json_integer_value(json_object_get(d, "interactions")), json_string_value(json_object_get(p, "id")),
                   json_integer_value(json_object_get(p, "users"))));
    TRY(report_order(b, j, &order));
    lorec_err e = main_table(out, b, order);
    mem_free(order);
    if (!e) e = differences(out, b, j);
    if (!e) e = words(out, b, j);
    for (size_t i = 0; i < b->n && !e; i++) {
        const result *r = &b->row[i];
        if (r->status == TRIAL_OK) continue;
        e = buf_puts(out, "\n");
        if (!e) e = cell(out, r->method);
        if (!e) e = buf_printf(out, ", seed %llu: %s: ", (unsigned long long)r->seed, trial_status_words[r->status]);
        if (!e) e = cell(out, r->why);
        if (!e) e = buf_puts(out, "\n");
    }
    return e;
}
