/* /api/train, /api/rollback: a new model from what is known by now, and back to the one before. */
#include <stdio.h>

#include "serve/server.h"

static lorec_err slot_named(const server *s, exchange *x, slice run, size_t *slot)
{
    char name[4096];
    *slot = 0;
    if (!run.n) return LOREC_OK;
    snprintf(name, sizeof name, "%.*s", (int)run.n, run.p);
    if (retrain_slot(s->retrainer, name, slot)) return LOREC_OK;
    return exchange_refuse(x, 404, "\"run\": \"%.200s\" is not served here; see /v1/methods", name);
}

typedef struct wish {
    slice run;
    double margin;
} wish;
static const form_row train_rows[] = {
    {"run", FIELD_TEXT, offsetof(wish, run), .min = 1, .max = 1000, .about = "which of those served; the first"},
    {"margin", FIELD_REAL, offsetof(wish, margin), .min = 0, .max = 1, .about = "how much worse it may be"},
};
static const form train_form = {train_rows, 2}, rollback_form = {train_rows, 1};

static lorec_err read_body(server *s, exchange *x, const form *f, size_t *slot, double *margin)
{
    json_t *body;
    wish w = {.margin = *margin};
    *slot = 0;
    if (!x->body.n) return LOREC_OK;
    TRY(exchange_json(x, &body));
    TRY(form_read(x, body, f, &w));
    *margin = w.margin;
    return slot_named(s, x, w.run, slot);
}

static lorec_err get_train(server *s, exchange *x)
{
    return exchange_reply(x, 200, retrain_status(s->retrainer));
}

static lorec_err post_train(server *s, exchange *x)
{
    size_t slot;
    double margin = -1;
    TRY(read_body(s, x, &train_form, &slot, &margin));
    if (retrain_train(s->retrainer, slot, margin)) return x->status = 409, LOREC_USAGE;
    return exchange_reply(x, 202, retrain_status(s->retrainer));
}

static lorec_err post_rollback(server *s, exchange *x)
{
    size_t slot;
    double none = 0;
    TRY(read_body(s, x, &rollback_form, &slot, &none));
    if (retrain_rollback(s->retrainer, slot)) return x->status = 409, LOREC_USAGE;
    return exchange_reply(x, 202, retrain_status(s->retrainer));
}

static const route rows[] = {
    {"GET", "/api/train", get_train, ON_HTTP, .gives = "Training",
     .about = "the training under way, how the last ended, what is in force"},
    {"POST", "/api/train", post_train, ON_HTTP, .takes = &train_form, .may_be_empty = true, .later = true,
     .gives = "Training", .about = "train on what is known by now; switch over if it is no worse"},
    {"POST", "/api/rollback", post_rollback, ON_HTTP, .takes = &rollback_form, .may_be_empty = true, .later = true,
     .gives = "Training", .about = "back to the model before"},
};
const route_table routes_train = {rows, sizeof rows / sizeof *rows};
