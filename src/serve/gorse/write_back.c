/* ?write-back-type= of /api/recommend: what was given is feedback at once ("read", say), so that the next list is another. */
#include <ctype.h>
#include <stdio.h>

#include "serve/gorse/gorse.h"

static const struct {
    const char *unit;
    int64_t nanoseconds;
} units[] = {{"h", 3600000000000}, {"ms", 1000000}, {"m", 60000000000}, {"s", 1000000000}, {"us", 1000}, {"ns", 1}};

/* One number and its unit, off the front of `text`. */
static bool take_part(const char **text, int64_t *nanoseconds)
{
    int64_t n = 0;
    int digits = 0;
    for (; isdigit((unsigned char)**text) && digits < 6; digits++) n = n * 10 + (*(*text)++ - '0');
    for (size_t i = 0; digits && i < sizeof units / sizeof *units; i++) {
        size_t width = strlen(units[i].unit);
        if (strncmp(*text, units[i].unit, width) != 0) continue;
        *text += width;
        *nanoseconds += n * units[i].nanoseconds / 1000 * 1000; /* at most 3.6e18: 2^63 is 9.2e18 */
        return true;
    }
    return false;
}

lorec_err gorse_delay(exchange *x, int64_t *seconds)
{
    const int64_t second = 1000000000;
    const char *text = exchange_query(x, "write-back-delay"), *at = text;
    *seconds = 0;
    for (int parts = 0; at && *at; parts++) {
        int64_t nanoseconds = 0;
        if (parts == 6 || !take_part(&at, &nanoseconds))
            return exchange_wrong(x, "write-back-delay", "invalid_value",
                                  "write-back-delay=%.40s has to be like 1h30m0s", text);
        *seconds += nanoseconds / second;
    }
    return LOREC_OK;
}

/* On the store's thread, in the batch's transaction. Names are copied: the live must not be held while the store writes. */
static lorec_err write_back(server *s, exchange *x)
{
    const ask *a = x->work;
    buf item = {0};
    int64_t delay, affected = 0;
    lorec_err e = gorse_delay(x, &delay);
    for (size_t i = 0; i < a->n_list && !e; i++) {
        buf_clear(&item);
        live_read_lock(&s->live);
        slice name = ids_name(&s->live.items, a->list[i].item);
        e = buf_add(&item, name.p, name.n);
        live_unlock(&s->live);
        store_event event = {.type = slice_of(exchange_query(x, "write-back-type")),
                             .user = x->part[0],
                             .item = {item.p, item.n},
                             .value = 1,
                             .time = server_now() + delay};
        if (!e) e = gorse_store_event(s, &event, STORE_IDEMPOTENT, &affected);
    }
    buf_free(&item);
    return e;
}

static const route step = {.on = ON_STORE, .handle = write_back, .writes = true};

lorec_err gorse_write_back(server *s, exchange *x)
{
    x->step = &step;
    if (queue_put(&s->to_store, x)) return LOREC_OK;
    (void)exchange_header(x, "Retry-After", "1");
    return exchange_refuse(x, 429, "too many requests are waiting; try again in a second");
}
