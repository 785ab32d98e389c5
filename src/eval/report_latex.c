/* The leaderboard as a LaTeX table (booktabs): mean and standard deviation, the best in bold, and a mark against the best
 * control: a dagger where a method is better with p < .05 after Holm's correction, a double dagger where it is worse. */
#include <math.h>

#include "base/mem.h"
#include "eval/report_write.h"

static lorec_err tex(buf *out, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == '\\')
            TRY(buf_puts(out, "\\textbackslash{}"));
        else if (*p == '~')
            TRY(buf_puts(out, "\\textasciitilde{}"));
        else if (*p == '^')
            TRY(buf_puts(out, "\\textasciicircum{}"));
        else if (*p == '<' || *p == '>')
            TRY(buf_printf(out, "$%c$", *p)); /* other signs in the default encoding */
        else if (strchr("#$%&_{}", *p))
            TRY(buf_printf(out, "\\%c", *p));
        else
            TRY(buf_add(out, (unsigned char)*p < ' ' ? " " : p, 1));
    }
    return LOREC_OK;
}

static const char *mark(const leaderboard *b, size_t g, size_t j)
{
    size_t control = leaderboard_best_control(b, j);
    const versus *v = control == SIZE_MAX ? NULL : report_versus(b, g, control);
    if (!v || isnan(v->of[j].delta) || !(v->p_holm[j] < 0.05)) return "";
    bool up = v->of[j].delta > 0;
    return up == metric_larger_is_better(b->metrics[j].kind) ? "$^\\dagger$" : "$^\\ddagger$";
}

static lorec_err row(buf *out, const leaderboard *b, size_t g)
{
    const group *m = &b->group[g];
    TRY(tex(out, m->method));
    for (size_t j = 0; j < b->n_metrics; j++) {
        bool best = report_is_best(b, g, j);
        if (isnan(m->mean[j])) {
            TRY(buf_puts(out, " & --"));
            continue;
        }
        TRY(buf_printf(out, best ? " & \\textbf{%.4f}" : " & %.4f", m->mean[j]));
        if (m->n_seeds > 1) TRY(buf_printf(out, " {\\scriptsize$\\pm$%.4f}", m->sd[j]));
        TRY(buf_puts(out, mark(b, g, j)));
    }
    return buf_puts(out, " \\\\\n");
}

static lorec_err rows(buf *out, const leaderboard *b, const size_t *order, bool controls)
{
    for (size_t i = 0; i < b->n_groups; i++) {
        const group *g = &b->group[order[i]];
        if (g->n_seeds && (g->as == ROLE_CONTROL) == controls) TRY(row(out, b, order[i]));
    }
    return LOREC_OK;
}

static lorec_err caption(buf *out, const leaderboard *b, size_t j)
{
    size_t control = leaderboard_best_control(b, j), seeds = 0;
    for (size_t g = 0; g < b->n_groups; g++)
        if (b->group[g].n_seeds > seeds) seeds = b->group[g].n_seeds;
    TRY(buf_puts(out, "\\caption{"));
    TRY(tex(out, json_string_value(json_object_get(b->data, "name"))));
    TRY(buf_puts(out, ", protocol \\texttt{"));
    TRY(tex(out, json_string_value(json_object_get(b->protocol, "id"))));
    TRY(buf_printf(out, "}, %lld users; ", json_integer_value(json_object_get(b->protocol, "users"))));
    TRY(seeds > 1 ? buf_printf(out, "mean and standard deviation over %zu seeds", seeds) : buf_puts(out, "one seed"));
    if (control != SIZE_MAX) {
        TRY(buf_puts(out, "; $\\dagger$ better, $\\ddagger$ worse than the best control ("));
        TRY(tex(out, b->group[control].method));
        TRY(buf_puts(out, " by "));
        TRY(tex(out, b->metrics[j].name));
        TRY(buf_puts(out, "), paired per user, $p<.05$ after Holm's correction"));
    }
    return buf_puts(out, ".}\n");
}

static lorec_err table_text(buf *out, const leaderboard *b, size_t j, const size_t *order)
{
    TRY(buf_puts(out, "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n"));
    TRY(caption(out, b, j));
    TRY(buf_puts(out, "\\begin{tabular}{l"));
    for (size_t i = 0; i < b->n_metrics; i++) TRY(buf_puts(out, "r"));
    TRY(buf_puts(out, "}\n\\toprule\nmethod"));
    for (size_t i = 0; i < b->n_metrics; i++) {
        TRY(buf_puts(out, " & "));
        TRY(tex(out, b->metrics[i].name));
    }
    TRY(buf_puts(out, " \\\\\n\\midrule\n"));
    size_t before = out->n;
    TRY(rows(out, b, order, true));
    if (out->n > before) TRY(buf_puts(out, "\\midrule\n"));
    TRY(rows(out, b, order, false));
    return buf_puts(out, "\\bottomrule\n\\end{tabular}\n\\end{table}\n");
}

lorec_err report_latex(buf *out, const leaderboard *b, const char *headline)
{
    size_t j = report_headline(b, headline), *order;
    TRY(report_order(b, j, &order));
    lorec_err e = table_text(out, b, j, order);
    mem_free(order);
    return e;
}
