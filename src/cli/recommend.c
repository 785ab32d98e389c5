/* lorec recommend: what somebody may like next, by title, from a finished run. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "cli/term.h"
#include "rec/topk.h"
#include "runs/advisor.h"

enum { HISTORY_SHOWN = 20 };

typedef struct question {
    const char *run, *user, *users, *out, *method;
    text_list item;
    int64_t k, seed;
    bool json, keep_seen;
} question;

typedef struct answer {
    uint32_t user; /* NO_USER: a session */
    bool made_up;  /* the history is what --item says */
    uint32_t *history;
    int64_t *time; /* or NULL */
    size_t n_history;
    uint32_t *item;
    float *score;
    size_t n;
} answer;

/* ---- asking ---------------------------------------------------------------------------------------------------------- */

static lorec_err no_user(const dataset *d, const char *id)
{
    slice some[3];
    uint32_t n = d->user_ids.n < 3 ? d->user_ids.n : 3;
    for (uint32_t i = 0; i < 3; i++) some[i] = i < n ? names_at(&d->user_ids, i) : (slice){"", 0};
    return err_set(LOREC_USAGE, "there is no user \"%s\" in %s; there are %u, such as %.*s %.*s %.*s", id, d->name,
                   d->user_ids.n, (int)some[0].n, some[0].p, (int)some[1].n, some[1].p, (int)some[2].n, some[2].p);
}

static lorec_err history_of_user(const advisor *a, const char *id, answer *w)
{
    const interactions *x = &a->data.rows;
    if (!dataset_find_user(&a->data, slice_of(id), &w->user)) return no_user(&a->data, id);
    uint64_t begin = x->start[w->user];
    w->n_history = (size_t)(x->start[w->user + 1] - begin);
    TRY(mem_new(&w->history, w->n_history));
    if (w->n_history) memcpy(w->history, x->item + begin, w->n_history * sizeof *w->history);
    if (!x->time) return LOREC_OK;
    TRY(mem_new(&w->time, w->n_history));
    if (w->n_history) memcpy(w->time, x->time + begin, w->n_history * sizeof *w->time);
    return LOREC_OK;
}

static lorec_err history_of_items(const advisor *a, const text_list *words, answer *w)
{
    TRY(mem_new(&w->history, words->n));
    for (size_t i = 0; i < words->n; i++) TRY(dataset_find_item(&a->data, slice_of(words->item[i]), &w->history[i]));
    w->n_history = words->n;
    return LOREC_OK;
}

static lorec_err ask(advisor *a, const question *q, answer *w)
{
    w->user = NO_USER;
    w->made_up = q->item.n > 0;
    if (q->user && q->item.n == 0)
        TRY(history_of_user(a, q->user, w));
    else if (q->user && !dataset_find_user(&a->data, slice_of(q->user), &w->user))
        return no_user(&a->data, q->user);
    if (q->item.n) TRY(history_of_items(a, &q->item, w));
    TRY(mem_new(&w->item, (size_t)q->k));
    TRY(mem_new(&w->score, (size_t)q->k));
    query asked = {.user = w->user, .items = w->history, .times = w->time, .n = w->n_history, .now = INT64_MIN};
    return recommender_list(a->r, a->self, a->session, a->data.rows.n_items, &asked, 1, (size_t)q->k, q->keep_seen,
                            w->item, w->score, &w->n);
}

static void answer_free(answer *w)
{
    mem_free(w->history);
    mem_free(w->time);
    mem_free(w->item);
    mem_free(w->score);
}

/* ---- telling --------------------------------------------------------------------------------------------------------- */

static json_t *text(slice s)
{
    json_t *v = json_stringn(s.p, s.n);
    return v ? v : json_string("(not UTF-8)");
}

static json_t *item_json(const dataset *d, uint32_t item)
{
    return json_pack("{s:o, s:o}", "id", text(names_at(&d->item_ids, item)), "title", text(dataset_title(d, item)));
}

static lorec_err tell_json(const advisor *a, const answer *w)
{
    json_t *history = json_array(), *list = json_array();
    for (size_t i = 0; i < w->n_history; i++) {
        json_t *o = item_json(&a->data, w->history[i]);
        if (w->time) json_object_set_new(o, "time", json_integer(w->time[i]));
        json_array_append_new(history, o);
    }
    for (size_t i = 0; i < w->n; i++) {
        json_t *o = item_json(&a->data, w->item[i]);
        json_t *score = json_real((double)w->score[i]);
        json_object_set_new(o, "rank", json_integer((json_int_t)i + 1));
        json_object_set_new(o, "score", score ? score : json_null());
        json_array_append_new(list, o);
    }
    return print_json_object(json_pack("{s:i, s:s, s:s, s:I, s:o, s:o, s:o}", "schema", 1, "run", a->run.path, "method",
                                       a->r->key, "seed", (json_int_t)a->seed, "user",
                                       w->user == NO_USER ? json_null() : text(names_at(&a->data.user_ids, w->user)),
                                       "history", history, "recommendations", list));
}

static void item_cells(table *t, const dataset *d, uint32_t item)
{
    slice title = dataset_title(d, item), id = names_at(&d->item_ids, item);
    table_cell(t, "%.*s", (int)title.n, title.p);
    table_cell(t, "%.*s", (int)id.n, id.p);
}

static lorec_err tell_history(const advisor *a, const answer *w)
{
    table t = {0};
    size_t first = w->n_history > HISTORY_SHOWN ? w->n_history - HISTORY_SHOWN : 0;
    if (w->user == NO_USER)
        printf("Somebody who had, oldest first:\n");
    else {
        slice id = names_at(&a->data.user_ids, w->user);
        printf("User %.*s%s, oldest first%s:\n", (int)id.n, id.p,
               w->made_up ? ", as if this were all they had" : " had", first ? " (the latest 20)" : "");
    }
    table_cell(&t, "title"), table_cell(&t, "id");
    if (w->time) table_cell(&t, "when");
    table_row_end(&t);
    for (size_t i = first; i < w->n_history; i++) {
        item_cells(&t, &a->data, w->history[i]);
        char when[32] = "";
        struct tm utc;
        time_t at = w->time ? (time_t)w->time[i] : 0;
        if (w->time && gmtime_r(&at, &utc)) strftime(when, sizeof when, "%Y-%m-%d", &utc);
        if (w->time) table_cell(&t, "%s", when);
        table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "l");
    table_free(&t);
    return e;
}

static lorec_err tell(const advisor *a, const answer *w)
{
    TRY(tell_history(a, w));
    printf("\n%s recommends:\n", a->r->key);
    if (w->n == 0) return puts("nothing: everything was had before"), LOREC_OK;
    table t = {0};
    table_cell(&t, "rank"), table_cell(&t, "score"), table_cell(&t, "title"), table_cell(&t, "id"), table_row_end(&t);
    for (size_t i = 0; i < w->n; i++) {
        table_cell(&t, "%zu", i + 1);
        table_cell(&t, "%.4g", (double)w->score[i]);
        item_cells(&t, &a->data, w->item[i]);
        table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "rrl");
    table_free(&t);
    return e;
}

/* ---- the command ----------------------------------------------------------------------------------------------------- */

static lorec_err check(const question *q)
{
    if (q->users && strcmp(q->users, "all") != 0)
        return err_set(LOREC_USAGE, "--users %s: has to be \"all\"; one user is --user", q->users);
    if (q->users && (q->user || q->item.n))
        return err_set(LOREC_USAGE, "--users all stands alone, without --user and --item");
    if (q->users && !q->out) return err_set(LOREC_USAGE, "--users all: name the file with --out");
    if (!q->users && q->out) return err_set(LOREC_USAGE, "--out goes with --users all");
    if (!q->users && !q->user && q->item.n == 0)
        return err_set(LOREC_USAGE,
                       "for whom? --user ID, --item \"title or id\" (may be repeated), or --users all --out FILE");
    return LOREC_OK;
}

static lorec_err recommend(const question *q)
{
    advisor a;
    answer w = {0};
    TRY(check(q));
    TRY(advisor_open(&a, q->run, q->method, q->seed));
    signals_catch();
    int64_t items = a.data.rows.n_items;
    question bounded = *q;
    if (bounded.k > items) bounded.k = items > 0 ? items : 1;
    lorec_err e;
    if (q->users) {
        e = recommend_all(&a, (size_t)bounded.k, q->keep_seen, q->out);
        if (!e && q->json)
            e = print_json_object(json_pack("{s:i, s:s, s:s, s:I, s:s, s:I}", "schema", 1, "run", a.run.path, "method",
                                            a.r->key, "seed", (json_int_t)a.seed, "out", q->out, "users",
                                            (json_int_t)a.data.rows.n_users));
        else if (!e)
            log_info("%s: lists of %u users", q->out, a.data.rows.n_users);
    } else {
        e = ask(&a, &bounded, &w);
        if (!e) e = q->json ? tell_json(&a, &w) : tell(&a, &w);
    }
    answer_free(&w);
    advisor_close(&a);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_recommend = {
    .name = "recommend",
    .summary = "what somebody may like next, by title, from a finished run",
    .usage = "lorec recommend RUN --user ID | --item \"title or id\" [--item ...] [-k N] [--json]\n"
             "       lorec recommend RUN --users all --out FILE.tsv",
    .details = "A user's history is everything it has in the run's data; --item makes up a history instead, oldest "
               "first: an id, a\n"
               "title, or words that only one title has. What was had before is left out. Where a run holds several "
               "methods, the\n"
               "first one named in its command is asked; --method and --seed choose another. --users all writes a TSV "
               "of user,\n"
               "item, rank, score and title in bounded memory; stopped, the same command goes on where it was.",
    .examples = "  lorec recommend runs/first --user 196\n"
                "  lorec recommend runs/first --item \"Toy Story (1995)\" --item \"Jumanji (1995)\" -k 5\n"
                "  lorec recommend runs/first --users all --out lists.tsv\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    question q = {.k = 10, .seed = -1};
    const arg rows[] = {
        {"user", 'u', ARG_TEXT, &q.user, "ID", "for this user of the data"},
        {"item", 'i', ARG_LIST, &q.item, "WORDS", "for somebody who had this; may be repeated, oldest first"},
        {"users", 0, ARG_TEXT, &q.users, "all", "for everybody, into --out"},
        {"out", 'o', ARG_TEXT, &q.out, "FILE", "the TSV that --users all writes"},
        {"k", 'k', ARG_INT, &q.k, "N", "how many (default: 10)", 1, 1e6},
        {"method", 'm', ARG_TEXT, &q.method, "KEY", "another method of the run"},
        {"seed", 's', ARG_INT, &q.seed, "N", "the model of another seed", 0, 9e15},
        {"keep-seen", 0, ARG_FLAG, &q.keep_seen, NULL, "do not leave out what was had before"},
        {"json", 0, ARG_FLAG, &q.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_recommend, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "RUN");
    if (!e && !a.done) {
        q.run = a.word[0];
        e = recommend(&q);
    }
    text_list_free(&q.item);
    args_free(&a);
    return e;
}
