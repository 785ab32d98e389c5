#include "recipes/grounding.h"

#include <math.h>

#include "base/mem.h"
#include "base/threads.h"
#include "lm/embed/embed.h"

enum { HASHED = 1024, GRAM = 3 };

struct grounding {
    embedder *encoder; /* NULL: hashed */
    size_t width, n;
    float *vector; /* [n, width] of the titles */
};

/* ---- vectors without a model ---------------------------------------------------------------------------------------- */

static void count_piece(float *v, const char *p, size_t n, uint32_t kind)
{
    uint32_t h = 2166136261u ^ kind; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 16777619u;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    v[h % HASHED] += h >> 31 ? -1 : 1; /* signed: what falls on one place cancels as often as it adds */
}

/* Letters and digits, small; bytes beyond ASCII are letters; one blank for all else, and at both ends. */
static lorec_err plain(slice s, buf *out)
{
    buf_clear(out);
    TRY(buf_add(out, " ", 1));
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + 32);
        bool letter = c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && out->p[out->n - 1] == ' ') continue;
        TRY(buf_add(out, letter ? (const char *)&c : " ", 1));
    }
    return out->p[out->n - 1] == ' ' ? LOREC_OK : buf_add(out, " ", 1);
}

static lorec_err hash_text(slice s, buf *room, float *v)
{
    double sum = 0;
    for (size_t k = 0; k < HASHED; k++) v[k] = 0;
    TRY(plain(s, room));
    for (size_t i = 0; i + GRAM <= room->n; i++) count_piece(v, room->p + i, GRAM, 1);
    for (size_t begin = 1, i = 1; i < room->n; i++)
        if (room->p[i] == ' ') {
            if (i > begin) count_piece(v, room->p + begin, i - begin, 2);
            begin = i + 1;
        }
    for (size_t k = 0; k < HASHED; k++) sum += (double)v[k] * v[k];
    if (sum > 0)
        for (size_t k = 0; k < HASHED; k++) v[k] = (float)(v[k] / sqrt(sum));
    return LOREC_OK;
}

static lorec_err embed(const grounding *g, const slice *text, size_t n, float *v)
{
    if (g->encoder) return embedder_texts(g->encoder, text, n, v);
    buf room = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) e = hash_text(text[i], &room, v + i * g->width);
    buf_free(&room);
    return e;
}

/* ---- making --------------------------------------------------------------------------------------------------------- */

static lorec_err fill(grounding *g, const catalogue *c, const char *encoder)
{
    slice *title;
    if (encoder && *encoder) TRY(embedder_open(&g->encoder, encoder, &(embed_options){0}));
    g->width = g->encoder ? (size_t)embedder_width(g->encoder) : HASHED;
    g->n = c->n;
    if (g->n > SIZE_MAX / g->width) return err_set(LOREC_RESOURCE, "too many titles to keep as vectors");
    TRY(mem_new(&g->vector, g->n * g->width));
    TRY(mem_new(&title, g->n));
    for (uint32_t i = 0; i < c->n; i++) title[i] = catalogue_title(c, i);
    lorec_err e = embed(g, title, g->n, g->vector);
    mem_free(title);
    return e;
}

lorec_err grounding_make(grounding **out, const catalogue *c, const char *encoder)
{
    *out = NULL;
    grounding *g;
    TRY(mem_new(&g, 1));
    lorec_err e = fill(g, c, encoder);
    if (e)
        grounding_free(g);
    else
        *out = g;
    return e;
}

void grounding_free(grounding *g)
{
    if (!g) return;
    embedder_free(g->encoder);
    mem_free(g->vector);
    mem_free(g);
}

lorec_err grounding_describe(const grounding *g, buf *out)
{
    buf_clear(out);
    if (g->encoder) return embedder_describe(g->encoder, out);
    return buf_printf(out, "hashed character trigrams and words, %d places", HASHED);
}

/* ---- distances ------------------------------------------------------------------------------------------------------ */

typedef struct measuring {
    const grounding *g;
    const float *text;
    size_t n;
    float *d;
} measuring;

static float between(const float *a, const float *b, size_t width)
{
    float sum[8] = {0}, rest = 0;
    size_t k = 0;
    for (; k + 8 <= width; k += 8)
        for (size_t j = 0; j < 8; j++) sum[j] += (a[k + j] - b[k + j]) * (a[k + j] - b[k + j]);
    for (; k < width; k++) rest += (a[k] - b[k]) * (a[k] - b[k]);
    for (size_t j = 0; j < 8; j++) rest += sum[j];
    return sqrtf(rest);
}

static lorec_err measure(void *ctx, size_t begin, size_t end, int worker)
{
    measuring *m = ctx;
    (void)worker;
    size_t width = m->g->width;
    for (size_t i = begin; i < end; i++) /* a title's vector is read once for all texts */
        for (size_t k = 0; k < m->n; k++)
            m->d[k * m->g->n + i] = between(m->text + k * width, m->g->vector + i * width, width);
    return LOREC_OK;
}

lorec_err grounding_distances(const grounding *g, const slice *text, size_t n, float *d)
{
    float *v;
    if (!n) return LOREC_OK;
    if (n > SIZE_MAX / g->width) return err_set(LOREC_RESOURCE, "too many texts at once");
    TRY(mem_new(&v, n * g->width));
    lorec_err e = embed(g, text, n, v);
    if (!e) e = par_for(g->n, 256, measure, &(measuring){g, v, n, d});
    mem_free(v);
    return e;
}

void grounding_weigh(float *d, size_t n, const float *signal, double gamma)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, d[i]);
        high = fmaxf(high, d[i]);
    }
    for (size_t i = 0; i < n; i++) {
        double x = high > low ? (d[i] - low) / (high - low) : 0;
        d[i] = (float)(signal ? x * pow(1 + (double)signal[i], -gamma) : x);
    }
}

void grounding_signal(const uint32_t *count, size_t n, float *signal)
{
    uint32_t low = UINT32_MAX, high = 0;
    for (size_t i = 0; i < n; i++) {
        low = count[i] < low ? count[i] : low;
        high = count[i] > high ? count[i] : high;
    }
    for (size_t i = 0; i < n; i++) signal[i] = high > low ? (float)(count[i] - low) / (float)(high - low) : 0;
}

/* ---- replies -------------------------------------------------------------------------------------------------------- */

static bool strip_front(slice *s, const char *what)
{
    size_t n = strlen(what);
    if (s->n < n || memcmp(s->p, what, n) != 0) return false;
    *s = (slice){s->p + n, s->n - n};
    return true;
}

static bool strip_back(slice *s, const char *what)
{
    size_t n = strlen(what);
    if (s->n < n || memcmp(s->p + s->n - n, what, n) != 0) return false;
    s->n -= n;
    return true;
}

slice grounding_title(slice reply)
{
    static const char *const round[] = {" ", "\t", "\r", "\"", "'", "\xe2\x80\x9c", "\xe2\x80\x9d"};
    enum { ROUND = sizeof round / sizeof *round };
    slice s = reply;
    for (size_t i = 0; i + 8 <= reply.n; i++)
        if (memcmp(reply.p + i, "</think>", 8) == 0) s = (slice){reply.p + i + 8, reply.n - i - 8};
    for (;;) {
        slice line = {s.p, 0};
        while (line.n < s.n && s.p[line.n] != '\n') line.n++;
        bool last = line.n == s.n;
        if (!last) s = (slice){s.p + line.n + 1, s.n - line.n - 1};
        for (size_t i = 0; i < ROUND; i++)
            if (strip_front(&line, round[i]) || strip_back(&line, round[i])) i = (size_t)-1;
        if (line.n || last) return line;
    }
}
