/* /api/train, /api/rollback: a new model from what is known by now, and back to the one before. */
#include <stdio.h>

#include "serve/server.h"

static lorec_err slot_named(const server *s, slice run, size_t *slot)
{
    char name[4096];
    *slot = 0;
    if (!run.n) return LOREC_OK;
    snprintf(name, sizeof name, "%.*s", (int)run.n, run.p);
    if (retrain_slot(s->retrainer, name, slot)) return LOREC_OK;
    return err_set(LOREC_INPUT, "\"run\": \"%.200s\" is not served here; see /v1/methods", name);
}

static lorec_err read_body(server *s, exchange *x, size_t *slot, double *margin)
{
    json_t *body;
    slice run = {0};
    *slot = 0;
    if (!x->body.n) return LOREC_OK;
    const field f[] = {{"run", FIELD_TEXT, &run, false, 1, 4000}, {"margin", FIELD_REAL, margin, false, 0, 1}};
    TRY(exchange_json(x, &body));
    TRY(fields_read(body, f, margin ? 2 : 1, true));
    return slot_named(s, run, slot);
}

static lorec_err get_train(server *s, exchange *x)
{
    return exchange_reply(x, 200, retrain_status(s->retrainer));
}

static lorec_err post_train(server *s, exchange *x)
{
    size_t slot;
    double margin = -1;
    TRY(read_body(s, x, &slot, &margin));
    if (retrain_train(s->retrainer, slot, margin)) return x->status = 409, LOREC_USAGE;
    return exchange_reply(x, 202, retrain_status(s->retrainer));
}

static lorec_err post_rollback(server *s, exchange *x)
{
    size_t slot;
    TRY(read_body(s, x, &slot, NULL));
    if (retrain_rollback(s->retrainer, slot)) return x->status = 409, LOREC_USAGE;
    return exchange_reply(x, 202, retrain_status(s->retrainer));
}

static const route rows[] = {
    {"GET", "/api/train", get_train, ON_HTTP, .about = "the training under way, how the last ended, what is in force"},
    {"POST", "/api/train", post_train, ON_HTTP,
     .about = "train on what is known by now; switch over if it is no worse"},
    {"POST", "/api/rollback", post_rollback, ON_HTTP, .about = "back to the model before"},
};
const route_table routes_train = {rows, sizeof rows / sizeof *rows};
