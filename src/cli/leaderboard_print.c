#include "cli/leaderboard_print.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/term.h"
#include "eval/report_write.h"

static void number_cells(const leaderboard *b, const group *g, size_t headline, table *t)
{
    const result *r = report_first(b, g);
    for (size_t j = 0; j < b->n_metrics; j++) {
        if (isnan(g->mean[j]))
            table_cell(t, "-");
        else if (g->n_seeds > 1)
            table_cell(t, "%.4f ±%.4f", g->mean[j], g->sd[j]);
        else if (j == headline && !isnan(r->ci95[j].low))
            table_cell(t, "%.4f [%.4f, %.4f]", g->mean[j], r->ci95[j].low, r->ci95[j].high);
        else
            table_cell(t, "%.4f", g->mean[j]);
    }
    char seconds[32];
    term_seconds(seconds, r->train_s);
    table_cell(t, "%s", seconds);
    term_seconds(seconds, r->eval_s);
    table_cell(t, "%s", seconds);
    table_cell(t, "%.0f MiB", r->rss_mib);
}

static lorec_err print_table(const leaderboard *b, size_t headline)
{
    size_t *order;
    TRY(report_order(b, headline, &order));
    table t = {0};
    table_cell(&t, "method");
    for (size_t j = 0; j < b->n_metrics; j++) table_cell(&t, "%s", b->metrics[j].name);
    table_cell(&t, "train"), table_cell(&t, "judge"), table_cell(&t, "memory"), table_row_end(&t);
    for (size_t i = 0; i < b->n_groups; i++) {
        const group *g = &b->group[order[i]];
        if (g->n_seeds == 0) continue;
        table_cell(&t, "%s%s", g->method, g->as == ROLE_CONTROL ? " (control)" : "");
        number_cells(b, g, headline, &t);
        table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "lr");
    table_free(&t);
    mem_free(order);
    return e;
}

static void print_head(const leaderboard *b)
{
    const json_t *d = b->data, *p = b->protocol;
    printf("%s%s%s: %lld users, %lld items, %lld interactions; %s, %lld users judged\n\n", term_bold(stdout),
           json_string_value(json_object_get(d, "name")), term_off(stdout),
           json_integer_value(json_object_get(d, "users")), json_integer_value(json_object_get(d, "items")),
           json_integer_value(json_object_get(d, "interactions")), json_string_value(json_object_get(p, "id")),
           json_integer_value(json_object_get(p, "users")));
}

/* Of slates: how many targets anybody could find. */
static void print_ceiling(const leaderboard *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const json_t *share = json_object_get(b->row[i].counts, "candidate_recall");
        if (!json_is_number(share)) continue;
        printf("\nthe candidates hold %.1f %% of the targets; the others are misses for every row\n",
               100 * json_number_value(share));
        return;
    }
}

/* Numbers of a method's own (text quality, fairness ...), that have no column. */
static lorec_err print_studies(const leaderboard *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const result *r = &b->row[i];
        json_t *study = json_object_get(r->counts, "study"), *value;
        const char *name;
        if (!json_object_size(study)) continue;
        table t = {0};
        printf("\n%s, seed %llu, by its own measures:\n", r->method, (unsigned long long)r->seed);
        json_object_foreach(study, name, value)
        {
            if (!json_is_number(value)) continue;
            table_cell(&t, "  %s", name);
            table_cell(&t, "%.4f", json_number_value(value));
            table_row_end(&t);
        }
        lorec_err e = table_print(&t, stdout, "lr");
        table_free(&t);
        TRY(e);
    }
    return LOREC_OK;
}

lorec_err leaderboard_print(const leaderboard *b, const char *headline, const char *run)
{
    size_t j = report_headline(b, headline);
    buf words = {0};
    print_head(b);
    lorec_err e = print_table(b, j);
    if (!e) print_ceiling(b);
    if (!e) e = leaderboard_words(b, j, &words);
    if (!e && words.n) printf("\n%s", words.p);
    buf_free(&words);
    if (!e) e = print_studies(b);
    bool first = true;
    for (size_t i = 0; i < b->n && !e; i++) {
        const result *r = &b->row[i];
        if (r->status == TRIAL_OK) continue;
        printf("%s%s, seed %llu: %s: %s\n", first ? "\n" : "", r->method, (unsigned long long)r->seed,
               trial_status_words[r->status], r->why);
        first = false;
    }
    if (!e && run)
        printf("\n%skept in %s; next: lorec compare %s, lorec recommend %s --user ID%s\n", term_dim(stdout), run, run,
               run, term_off(stdout));
    return e;
}
