#include "eval/leaderboard.h"

#include <math.h>

#include "base/mem.h"
#include "eval/report_json.h"

lorec_err leaderboard_start(leaderboard *b, const split *s, const protocol *p, part judged)
{
    *b = (leaderboard){0};
    const dataset *d = s->data;
    TRY(mem_new(&b->metrics, p->n_metrics));
    b->n_metrics = p->n_metrics;
    if (p->n_metrics) memcpy(b->metrics, p->metrics, p->n_metrics * sizeof *p->metrics);
    b->data = json_pack("{s:s, s:I, s:I, s:I, s:s}", "name", d->name ? d->name : "", "users",
                        (json_int_t)d->rows.n_users, "items", (json_int_t)d->rows.n_items, "interactions",
                        (json_int_t)d->rows.n, "sha256", d->sha256);
    b->protocol = protocol_json(p, 0);
    if (b->protocol) json_object_set_new(b->protocol, "part", json_string(judged == PART_TEST ? "test" : "valid"));
    if (b->data && b->protocol) return LOREC_OK;
    leaderboard_free(b);
    return err_set(LOREC_RESOURCE, "out of memory while starting a leaderboard");
}

lorec_err leaderboard_start_json(leaderboard *b, const json_t *root)
{
    *b = (leaderboard){0};
    const json_t *list = json_object_get(root, "metrics");
    b->data = json_deep_copy(json_object_get(root, "data"));
    b->protocol = json_deep_copy(json_object_get(root, "protocol"));
    lorec_err e = LOREC_OK;
    if (!b->data || !b->protocol || !json_is_array(list))
        e = err_set(LOREC_INPUT, "no \"data\", \"protocol\" or \"metrics\": not a result of lorec run");
    if (!e) e = mem_new(&b->metrics, json_array_size(list));
    for (size_t i = 0; !e && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        e = name ? metric_parse(&b->metrics[i], slice_of(name)) : err_set(LOREC_INPUT, "\"metrics\" has to hold names");
        if (!e) b->n_metrics++;
    }
    if (e) leaderboard_free(b);
    return e;
}

static lorec_err same_users(leaderboard *b, const report *r)
{
    if (!b->started_users) {
        TRY(mem_new(&b->user, r->n_users));
        if (r->n_users) memcpy(b->user, r->user, r->n_users * sizeof *r->user);
        b->n_users = r->n_users;
        b->started_users = true;
        return json_object_set_new(b->protocol, "users", json_integer(r->n_users))
                   ? err_set(LOREC_RESOURCE, "out of memory")
                   : LOREC_OK;
    }
    if (r->n_users != b->n_users || (r->n_users && memcmp(r->user, b->user, r->n_users * sizeof *r->user) != 0))
        return err_set(LOREC_FAILED, "two results of one protocol are about different users (%u and %u)", b->n_users,
                       r->n_users);
    return LOREC_OK;
}

static lorec_err intervals(const leaderboard *b, result *r)
{
    TRY(mem_new(&r->ci95, b->n_metrics));
    for (size_t j = 0; j < b->n_metrics; j++)
        TRY(bootstrap_mean(&r->ci95[j], r->value + j, b->n_users, b->n_metrics, STATS_DRAWS, r->seed));
    return LOREC_OK;
}

static lorec_err take_report(leaderboard *b, result *r, report *from)
{
    if (from->n_metrics != b->n_metrics) return err_set(LOREC_FAILED, "a report of another protocol");
    TRY(same_users(b, from));
    r->value = from->value;
    r->mean = from->mean;
    from->value = NULL;
    from->mean = NULL;
    return intervals(b, r);
}

lorec_err leaderboard_add(leaderboard *b, const char *method, role as, uint64_t seed, trial *t)
{
    TRY(mem_grow(&b->row, &b->cap, b->n + 1));
    result *r = &b->row[b->n];
    *r = (result){.as = as, .seed = seed, .status = t->status};
    b->n++; /* from here on leaderboard_free releases it */
    TRY(mem_dup(&r->method, method));
    TRY(mem_dup(&r->why, t->why));
    r->train_s = t->train_s;
    r->eval_s = t->eval_s;
    r->rss_mib = (double)t->rss / (1 << 20);
    r->counts = json_incref(t->counts);
    r->options = json_incref(t->options);
    return t->status == TRIAL_OK ? take_report(b, r, &t->report) : LOREC_OK;
}

lorec_err leaderboard_repeat(leaderboard *b, size_t row, uint64_t seed)
{
    size_t cells = (size_t)b->n_users * b->n_metrics;
    TRY(mem_grow(&b->row, &b->cap, b->n + 1));
    const result *of = &b->row[row];
    result *r = &b->row[b->n];
    *r = *of;
    r->seed = seed;
    r->method = r->why = NULL;
    r->mean = NULL;
    r->value = NULL;
    r->ci95 = NULL;
    r->options = json_incref(of->options);
    r->counts = of->counts ? json_copy(of->counts) : json_object();
    b->n++; /* from here on leaderboard_free releases it */
    if (!r->counts) return err_set(LOREC_RESOURCE, "out of memory");
    if (!json_object_get(r->counts, "same_as_seed"))
        json_object_set_new(r->counts, "same_as_seed", json_integer((json_int_t)of->seed));
    TRY(mem_dup(&r->method, of->method));
    TRY(mem_new(&r->mean, b->n_metrics));
    TRY(mem_new(&r->value, cells));
    memcpy(r->mean, of->mean, b->n_metrics * sizeof *r->mean);
    if (cells) memcpy(r->value, of->value, cells * sizeof *r->value);
    return intervals(b, r);
}

/* ---- over seeds ------------------------------------------------------------------------------------------------------ */

static void average(const leaderboard *b, group *g, const result *const *of)
{
    size_t cells = (size_t)b->n_users * b->n_metrics;
    for (size_t s = 0; s < g->n_seeds; s++) {
        g->seed[s] = of[s]->seed;
        for (size_t i = 0; i < cells; i++) g->value[i] += of[s]->value[i] / (float)g->n_seeds;
    }
    for (size_t j = 0; j < b->n_metrics; j++) {
        double sum = 0, square = 0;
        for (size_t s = 0; s < g->n_seeds; s++) sum += of[s]->mean[j];
        g->mean[j] = g->n_seeds ? sum / (double)g->n_seeds : NAN;
        for (size_t s = 0; s < g->n_seeds; s++) square += (of[s]->mean[j] - g->mean[j]) * (of[s]->mean[j] - g->mean[j]);
        g->sd[j] = g->n_seeds > 1 ? sqrt(square / (double)(g->n_seeds - 1)) : NAN;
    }
}

static lorec_err group_fill(const leaderboard *b, group *g)
{
    const result **of;
    TRY(mem_new(&of, b->n));
    for (size_t i = 0; i < b->n; i++)
        if (b->row[i].status == TRIAL_OK && strcmp(b->row[i].method, g->method) == 0) of[g->n_seeds++] = &b->row[i];
    lorec_err e = mem_new(&g->seed, g->n_seeds);
    if (!e) e = mem_new(&g->mean, b->n_metrics);
    if (!e) e = mem_new(&g->sd, b->n_metrics);
    if (!e && g->n_seeds) e = mem_new(&g->value, (size_t)b->n_users * b->n_metrics);
    if (!e) average(b, g, of);
    mem_free(of);
    return e;
}

static lorec_err groups_make(leaderboard *b)
{
    TRY(mem_new(&b->group, b->n));
    for (size_t i = 0; i < b->n; i++) {
        bool known = false;
        for (size_t g = 0; g < b->n_groups && !known; g++) known = strcmp(b->group[g].method, b->row[i].method) == 0;
        if (known) continue;
        group *g = &b->group[b->n_groups++];
        *g = (group){.method = b->row[i].method, .as = b->row[i].as};
        TRY(group_fill(b, g));
    }
    return LOREC_OK;
}

/* ---- against the controls -------------------------------------------------------------------------------------------- */

static lorec_err compare_pair(const leaderboard *b, versus *v)
{
    const group *m = &b->group[v->method], *c = &b->group[v->control];
    TRY(mem_new(&v->of, b->n_metrics));
    TRY(mem_new(&v->p_holm, b->n_metrics));
    for (size_t j = 0; j < b->n_metrics; j++) {
        TRY(paired_compare(&v->of[j], m->value + j, c->value + j, b->n_users, b->n_metrics, STATS_DRAWS, 1));
        if (isnan(v->of[j].delta)) v->of[j].p = NAN; /* no values of users: no test */
    }
    return LOREC_OK;
}

static lorec_err correct(leaderboard *b)
{
    double *p = NULL, *adjusted = NULL;
    lorec_err e = mem_new(&p, b->n_versus);
    if (!e) e = mem_new(&adjusted, b->n_versus);
    for (size_t j = 0; j < b->n_metrics && !e; j++) {
        for (size_t i = 0; i < b->n_versus; i++) p[i] = b->versus[i].of[j].p;
        holm(p, adjusted, b->n_versus);
        for (size_t i = 0; i < b->n_versus; i++) b->versus[i].p_holm[j] = adjusted[i];
    }
    mem_free(p);
    mem_free(adjusted);
    return e;
}

static bool compared(const leaderboard *b, size_t m, size_t c)
{
    return m != c && b->group[m].as != ROLE_CONTROL && b->group[c].as != ROLE_METHOD && b->group[m].value &&
           b->group[c].value;
}

lorec_err leaderboard_finish(leaderboard *b)
{
    TRY(groups_make(b));
    size_t pairs = 0;
    for (size_t m = 0; m < b->n_groups; m++)
        for (size_t c = 0; c < b->n_groups; c++) pairs += compared(b, m, c);
    TRY(mem_new(&b->versus, pairs));
    for (size_t m = 0; m < b->n_groups; m++) {
        for (size_t c = 0; c < b->n_groups; c++) {
            if (!compared(b, m, c)) continue;
            b->versus[b->n_versus] = (versus){.method = m, .control = c};
            TRY(compare_pair(b, &b->versus[b->n_versus++]));
        }
    }
    return correct(b);
}

size_t leaderboard_best_control(const leaderboard *b, size_t j)
{
    size_t best = SIZE_MAX;
    double sign = metric_larger_is_better(b->metrics[j].kind) ? 1 : -1;
    for (size_t g = 0; g < b->n_groups; g++) {
        if (b->group[g].as == ROLE_METHOD || b->group[g].n_seeds == 0 || isnan(b->group[g].mean[j])) continue;
        if (best == SIZE_MAX || sign * b->group[g].mean[j] > sign * b->group[best].mean[j]) best = g;
    }
    return best;
}

static lorec_err word(const leaderboard *b, const versus *v, size_t j, buf *out)
{
    const paired *d = &v->of[j];
    const char *method = b->group[v->method].method, *control = b->group[v->control].method, *name = b->metrics[j].name;
    bool larger = metric_larger_is_better(b->metrics[j].kind), sure = v->p_holm[j] < 0.05;
    double loss = larger ? -d->delta : d->delta;
    interval ci = larger ? (interval){-d->ci95.high, -d->ci95.low} : d->ci95;
    if (!sure)
        return buf_printf(out, "%s can not be told from %s on %s: %+.4f [%.4f, %.4f], p %.2g\n", method, control, name,
                          d->delta, d->ci95.low, d->ci95.high, v->p_holm[j]);
    if (loss <= 0) return LOREC_OK; /* a win needs no words, the table shows it */
    return buf_printf(out, "%s is %s %s on %s by %.4f [%.4f, %.4f], p %.2g\n", method, larger ? "below" : "above",
                      control, name, loss, ci.low, ci.high, v->p_holm[j]);
}

lorec_err leaderboard_words(const leaderboard *b, size_t j, buf *out)
{
    for (size_t i = 0; i < b->n_versus; i++)
        if (!isnan(b->versus[i].of[j].delta)) TRY(word(b, &b->versus[i], j, out));
    return LOREC_OK;
}

void leaderboard_free(leaderboard *b)
{
    for (size_t i = 0; i < b->n; i++) {
        result *r = &b->row[i];
        mem_free(r->method);
        mem_free(r->why);
        mem_free(r->value);
        mem_free(r->mean);
        mem_free(r->ci95);
        json_decref(r->counts);
        json_decref(r->options);
    }
    for (size_t g = 0; g < b->n_groups; g++) {
        mem_free(b->group[g].seed);
        mem_free(b->group[g].mean);
        mem_free(b->group[g].sd);
        mem_free(b->group[g].value);
    }
    for (size_t i = 0; i < b->n_versus; i++) {
        mem_free(b->versus[i].of);
        mem_free(b->versus[i].p_holm);
    }
    mem_free(b->row);
    mem_free(b->group);
    mem_free(b->versus);
    mem_free(b->user);
    mem_free(b->metrics);
    json_decref(b->data);
    json_decref(b->protocol);
    *b = (leaderboard){0};
}
