#include "lm/provider/sse.h"

static lorec_err dispatch(sse *s)
{
    lorec_err e = s->has_data ? s->event(s->ctx, s->data.p ? s->data.p : "", s->data.n) : LOREC_OK;
    buf_clear(&s->data);
    s->has_data = false;
    return e;
}

static lorec_err line(sse *s)
{
    slice l = {s->line.p, s->line.n};
    if (l.n == 0) return dispatch(s);
    slice name = slice_cut(&l, ':');
    if (!slice_is(name, "data")) return LOREC_OK;
    if (l.n && l.p[0] == ' ') l.p++, l.n--;
    if (s->data.n + l.n > SSE_EVENT_MAX) return err_set(LOREC_INPUT, "the server streams an event of more than 16 MiB");
    if (s->has_data) TRY(buf_add(&s->data, "\n", 1));
    s->has_data = true;
    return buf_add(&s->data, l.p, l.n);
}

lorec_err sse_feed(sse *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        if (s->after_cr && bytes[i] == '\n') i++; /* "\r\n" is one end, wherever it was cut */
        s->after_cr = false;
        size_t run = i;
        while (i < n && bytes[i] != '\n' && bytes[i] != '\r') i++;
        if (s->line.n + (i - run) > SSE_EVENT_MAX)
            return err_set(LOREC_INPUT, "the server streams a line of more than 16 MiB");
        TRY(buf_add(&s->line, bytes + run, i - run));
        if (i >= n) break;
        s->after_cr = bytes[i] == '\r';
        i++;
        lorec_err e = line(s);
        buf_clear(&s->line);
        if (e) return e;
    }
    return LOREC_OK;
}

lorec_err sse_end(sse *s)
{
    if (s->line.n) TRY(line(s));
    buf_clear(&s->line);
    return dispatch(s);
}

void sse_free(sse *s)
{
    buf_free(&s->line);
    buf_free(&s->data);
}
