/* The leaderboard as one self-contained page: tables, two kinds of plots, every method's settings. */
#include <math.h>

#include "base/mem.h"
#include "eval/report_write.h"

static const char style[] =
    ":root{color-scheme:light "
    "dark;--ink:#1b1f24;--dim:#667;--line:#d8dce2;--paper:#fff;--method:#2166ac;--control:#999}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--dim:#9aa;--line:#3a3f47;--paper:#16181c;--method:#6cb0ee;"
    "--control:#888}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}\n"
    "table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}th,td{padding:.25rem .7rem;"
    "border-bottom:1px solid var(--line);text-align:right}th:first-child,td:first-child{text-align:left}"
    "tr.control td{color:var(--dim)}.best{font-weight:700}.ci{color:var(--dim);font-size:.85em}\n"
    ".scroll{overflow-x:auto}svg{width:100%;height:auto;margin:1rem 0}svg text{fill:var(--ink);font:12px system-ui,"
    "sans-serif}svg .head{font-weight:700;font-size:14px}svg .tick{fill:var(--dim)}svg .grid{stroke:var(--line)}"
    "svg .method{fill:var(--method)}svg .control{fill:var(--control)}svg .whisker{stroke:var(--method);stroke-width:2}"
    "svg .whisker-control{stroke:var(--control);stroke-width:2}code{font-size:.9em;overflow-wrap:anywhere}\n";

static lorec_err text(buf *out, const char *before, const char *escaped, const char *after)
{
    TRY(buf_puts(out, before));
    TRY(html_escape(out, escaped));
    return buf_puts(out, after);
}

static lorec_err number(buf *out, const leaderboard *b, size_t g, size_t j)
{
    const group *m = &b->group[g];
    if (isnan(m->mean[j])) return buf_puts(out, "<td></td>");
    TRY(buf_printf(out, "<td%s>%.4f", report_is_best(b, g, j) ? " class=\"best\"" : "", m->mean[j]));
    const interval *ci = &report_first(b, m)->ci95[j];
    if (m->n_seeds > 1)
        TRY(buf_printf(out, " <span class=\"ci\">± %.4f</span>", m->sd[j]));
    else if (!isnan(ci->low))
        TRY(buf_printf(out, "<br><span class=\"ci\">%.4f – %.4f</span>", ci->low, ci->high));
    return buf_puts(out, "</td>");
}

static lorec_err main_table(buf *out, const leaderboard *b, const size_t *order)
{
    TRY(buf_puts(out, "<div class=\"scroll\"><table><tr><th>method</th>"));
    for (size_t j = 0; j < b->n_metrics; j++) TRY(text(out, "<th>", b->metrics[j].name, "</th>"));
    TRY(buf_puts(out, "<th>train, s</th><th>judge, s</th><th>memory, MiB</th><th>seeds</th></tr>\n"));
    for (size_t i = 0; i < b->n_groups; i++) {
        const group *g = &b->group[order[i]];
        const result *r = report_first(b, g);
        if (!r) continue;
        bool control = g->as == ROLE_CONTROL;
        TRY(text(out, control ? "<tr class=\"control\"><td>" : "<tr><td>", g->method,
                 control ? " (control)</td>" : "</td>"));
        for (size_t j = 0; j < b->n_metrics; j++) TRY(number(out, b, order[i], j));
        TRY(buf_printf(out, "<td>%.4g</td><td>%.4g</td><td>%.0f</td><td>%zu</td></tr>\n", r->train_s, r->eval_s,
                       r->rss_mib, g->n_seeds));
    }
    return buf_puts(out, "</table></div>\n");
}

static lorec_err differences(buf *out, const leaderboard *b, size_t j)
{
    if (b->n_versus == 0) return LOREC_OK;
    TRY(text(out, "<h2>Differences on ", b->metrics[j].name,
             "</h2>\n<p>Paired per user, 95% bootstrap intervals, p values Holm-corrected over this table.</p>\n"
             "<div class=\"scroll\"><table><tr><th>method</th><th>against</th><th>difference</th><th>95% interval</th>"
             "<th>p</th></tr>\n"));
    for (size_t i = 0; i < b->n_versus; i++) {
        const versus *v = &b->versus[i];
        const paired *d = &v->of[j];
        if (isnan(d->delta)) continue;
        TRY(text(out, "<tr><td>", b->group[v->method].method, "</td><td>"));
        TRY(html_escape(out, b->group[v->control].method));
        TRY(buf_printf(out, "</td><td>%+.4f</td><td>%+.4f – %+.4f</td><td>%.2g</td></tr>\n", d->delta, d->ci95.low,
                       d->ci95.high, v->p_holm[j]));
    }
    return buf_puts(out, "</table></div>\n");
}

static lorec_err words(buf *out, const leaderboard *b, size_t j)
{
    buf said = {0};
    lorec_err e = leaderboard_words(b, j, &said);
    if (!e && said.n) e = text(out, "<h2>In words</h2>\n<p style=\"white-space:pre-line\">", said.p, "</p>\n");
    buf_free(&said);
    return e;
}

static size_t points(const leaderboard *b, const size_t *order, size_t j, svg_point *p)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_groups; i++) {
        const group *g = &b->group[order[i]];
        const result *r = report_first(b, g);
        if (!r || isnan(g->mean[j])) continue;
        interval ci = r->ci95[j];
        if (g->n_seeds > 1) ci = (interval){g->mean[j] - g->sd[j], g->mean[j] + g->sd[j]};
        p[n++] = (svg_point){g->method, r->train_s, g->mean[j], ci.low, ci.high, g->as == ROLE_CONTROL};
    }
    return n;
}

static lorec_err plots(buf *out, const leaderboard *b, size_t j, const size_t *order)
{
    svg_point *p;
    TRY(mem_new(&p, b->n_groups));
    buf title = {0};
    lorec_err e = LOREC_OK;
    for (size_t m = 0; m < b->n_metrics && !e; m++) {
        size_t at = m == 0 ? j : m <= j ? m - 1 : m; /* the headline first */
        size_t n = points(b, order, at, p);
        if (n == 0) continue;
        buf_clear(&title);
        e = buf_printf(&title, "%s, with 95%% intervals over users (or ± sd over seeds)", b->metrics[at].name);
        if (!e) e = svg_intervals(out, title.p, p, n);
    }
    size_t n = points(b, order, j, p);
    buf_clear(&title);
    if (!e && n) e = buf_printf(&title, "%s against training time", b->metrics[j].name);
    if (!e && n) e = svg_scatter(out, title.p, "seconds of training", b->metrics[j].name, p, n);
    buf_free(&title);
    mem_free(p);
    return e;
}

static lorec_err settings_of(buf *out, const leaderboard *b)
{
    TRY(buf_puts(out, "<h2>Settings</h2>\n"));
    for (size_t g = 0; g < b->n_groups; g++) {
        const result *r = report_first(b, &b->group[g]);
        char *options = r && r->options ? json_dumps(r->options, JSON_INDENT(1) | JSON_REAL_PRECISION(8)) : NULL;
        if (!options) continue;
        lorec_err e = text(out, "<details><summary>", b->group[g].method, "</summary><pre>");
        if (!e) e = text(out, "", options, "</pre></details>\n");
        free(options);
        TRY(e);
    }
    return LOREC_OK;
}

static lorec_err failures(buf *out, const leaderboard *b)
{
    bool any = false;
    for (size_t i = 0; i < b->n; i++) {
        const result *r = &b->row[i];
        if (r->status == TRIAL_OK) continue;
        if (!any) TRY(buf_puts(out, "<h2>Not to be had</h2>\n<ul>\n"));
        any = true;
        TRY(text(out, "<li>", r->method, ""));
        TRY(buf_printf(out, ", seed %llu: %s: ", (unsigned long long)r->seed, trial_status_words[r->status]));
        TRY(text(out, "", r->why, "</li>\n"));
    }
    return any ? buf_puts(out, "</ul>\n") : LOREC_OK;
}

static lorec_err head(buf *out, const leaderboard *b)
{
    const char *name = json_string_value(json_object_get(b->data, "name"));
    const char *id = json_string_value(json_object_get(b->protocol, "id"));
    TRY(text(out,
             "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width\"><title>",
             name, " - lorec</title>\n<style>\n"));
    TRY(buf_puts(out, style));
    TRY(text(out, "</style></head><body>\n<h1>", name, "</h1>\n"));
    TRY(buf_printf(out, "<p>%lld users, %lld items, %lld interactions; ",
                   json_integer_value(json_object_get(b->data, "users")),
                   json_integer_value(json_object_get(b->data, "items")),
                   json_integer_value(json_object_get(b->data, "interactions"))));
    TRY(text(out, "protocol <code>", id, "</code>, "));
    TRY(buf_printf(out, "%lld users judged. ", json_integer_value(json_object_get(b->protocol, "users"))));
    return text(out, "Data <code>", json_string_value(json_object_get(b->data, "sha256")), "</code>.</p>\n");
}

lorec_err report_html(buf *out, const leaderboard *b, const char *headline)
{
    size_t j = report_headline(b, headline), *order;
    TRY(head(out, b));
    TRY(report_order(b, j, &order));
    lorec_err e = main_table(out, b, order);
    if (!e) e = words(out, b, j);
    if (!e) e = plots(out, b, j, order);
    if (!e) e = differences(out, b, j);
    if (!e) e = report_curves_html(out, b);
    if (!e) e = failures(out, b);
    if (!e) e = settings_of(out, b);
    mem_free(order);
    return e ? e : buf_puts(out, "</body></html>\n");
}
