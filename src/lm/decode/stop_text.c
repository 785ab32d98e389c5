#include "lm/decode/stop_text.h"

/* Where the first stop text begins that ends behind `from`; text->n: nowhere. */
static size_t find_stop(const stop_text *t, size_t from)
{
    size_t first = t->text.n;
    for (size_t i = 0; i < t->stops; i++) {
        size_t n = strlen(t->stop[i]);
        if (n == 0) continue;
        for (size_t at = from >= n ? from - n + 1 : 0; at + n <= t->text.n && at < first; at++)
            if (memcmp(t->text.p + at, t->stop[i], n) == 0) first = at;
    }
    return first;
}

/* The end of the text that a stop text could begin with. */
static size_t held_back(const stop_text *t)
{
    size_t most = 0;
    for (size_t i = 0; i < t->stops; i++) {
        size_t n = strlen(t->stop[i]), k = n ? n - 1 : 0;
        if (k > t->text.n) k = t->text.n;
        while (k > most && memcmp(t->text.p + t->text.n - k, t->stop[i], k) != 0) k--;
        if (k > most) most = k;
    }
    return most;
}

static slice hand_out(stop_text *t, size_t end)
{
    slice s = {t->text.p + t->given, end > t->given ? end - t->given : 0};
    if (end > t->given) t->given = end;
    return s;
}

lorec_err stop_text_put(stop_text *t, slice piece, slice *certain)
{
    size_t before = t->text.n;
    *certain = (slice){"", 0};
    if (t->stopped || piece.n == 0) return LOREC_OK;
    TRY(buf_add(&t->text, piece.p, piece.n));
    size_t at = find_stop(t, before);
    if (at < t->text.n) {
        t->stopped = true;
        t->text.n = at;
        t->text.p[at] = 0;
    }
    *certain = hand_out(t, t->stopped ? at : t->text.n - held_back(t));
    return LOREC_OK;
}

slice stop_text_end(stop_text *t)
{
    return t->text.p ? hand_out(t, t->text.n) : (slice){"", 0};
}

void stop_text_free(stop_text *t)
{
    buf_free(&t->text);
}
