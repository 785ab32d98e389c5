/* Explanations of the test part: written greedily and measured; how well the model knows the true ones, and how well those of other
 * users and items; the ratings, where it predicts any. */
#include <math.h>

#include "base/mem.h"
#include "methods/pepler/pepler.h"
#include "recipes/text_report.h"
#include "tensor/rng.h"

enum { AT_ONCE = 128 };

/* ---- how well texts are known -------------------------------------------------------------------------------------------------- */

/* loss[i]: of all tokens of text i and its end, as if it were user[i]'s about item[i] (NULL: its own). */
static lorec_err losses(const pepler *m, const pepler_texts *x, const uint32_t *user, const uint32_t *item, bool alone,
                        double *loss)
{
    pepler_rows rows = {0};
    float *each = NULL;
    size_t cap = 0;
    tape *t = tape_new(&(tape_options){.compute = m->bf16 ? DTYPE_BF16 : DTYPE_F32});
    if (!t) return LOREC_RESOURCE;
    lorec_err e = LOREC_OK;
    for (uint32_t at = 0; at < x->from.n && !e; at += AT_ONCE) {
        pepler_rows_clear(&rows);
        for (uint32_t i = at; i < x->from.n && i < at + AT_ONCE && !e; i++)
            e = pepler_rows_add(m, &rows, user ? user[i] : x->from.user[i], item ? item[i] : x->from.item[i],
                                x->word.id + x->start[i], (size_t)(x->start[i + 1] - x->start[i]), true, alone);
        if (!e) e = mem_grow(&each, &cap, rows.target.n);
        tape_begin(t, 0);
        if (!e) e = tape_read(t, pepler_loss(m, t, &rows), each, (int64_t)rows.target.n);
        const float *row = each;
        for (size_t i = 0; i < rows.n && !e; i++) {
            loss[at + i] = 0;
            for (int32_t k = 0; k < rows.length[i]; k++) loss[at + i] += (double)*row++;
        }
    }
    mem_free(each);
    pepler_rows_free(&rows);
    tape_free(t);
    return e;
}

static double tokens_of(const pepler_texts *x, uint32_t i)
{
    return (double)(x->start[i + 1] - x->start[i]) + 1;
}

static double perplexity(const pepler_texts *x, const double *loss, const bool *only)
{
    double sum = 0, n = 0;
    for (uint32_t i = 0; i < x->from.n; i++) {
        if (only && !only[i]) continue;
        sum += loss[i];
        n += tokens_of(x, i);
    }
    return n > 0 ? exp(sum / n) : NAN;
}

lorec_err pepler_perplexity(const pepler *m, const pepler_texts *x, bool alone, double *out)
{
    double *loss;
    TRY(mem_new(&loss, x->from.n));
    lorec_err e = losses(m, x, NULL, NULL, alone, loss);
    *out = perplexity(x, loss, NULL);
    mem_free(loss);
    return e;
}

/* ---- writing --------------------------------------------------------------------------------------------------------------------- */

typedef struct writing {
    tokens said[AT_ONCE];
    bool over[AT_ONCE];
    pepler_rows rows;
    float *logits;
    size_t cap;
} writing;

/* One token more of each text that is not over; *more: some are not. The texts are short: each step reads them again. */
static lorec_err write_on(const pepler *m, tape *t, writing *w, const uint32_t *user, const uint32_t *item, size_t n,
                          bool *more)
{
    int64_t vocab = transformer_settings(m->lm->net)->vocab_size;
    size_t open = 0;
    pepler_rows_clear(&w->rows);
    for (size_t i = 0; i < n; i++)
        if (!w->over[i]) TRY(pepler_rows_add(m, &w->rows, user[i], item[i], w->said[i].id, w->said[i].n, false, false));
    *more = w->rows.n > 0;
    if (!*more) return LOREC_OK;
    TRY(mem_grow(&w->logits, &w->cap, w->rows.n * (size_t)vocab));
    tape_begin(t, 0);
    tensor *y = transformer_logits(t, m->lm->net, pepler_hidden(m, t, &w->rows, true));
    TRY(tape_read(t, y, w->logits, (int64_t)w->rows.n * vocab));
    for (size_t i = 0; i < n; i++) {
        if (w->over[i]) continue;
        const float *row = w->logits + open++ * (size_t)vocab;
        int32_t best = 0;
        for (int32_t k = 1; k < vocab; k++) best = row[k] > row[best] ? k : best;
        w->over[i] = best == m->end || w->said[i].n + 1 >= (size_t)m->longest;
        if (best != m->end) TRY(tokens_add(&w->said[i], best));
    }
    return LOREC_OK;
}

static lorec_err write_some(const pepler *m, tape *t, writing *w, const uint32_t *user, const uint32_t *item, size_t n,
                            buf *text)
{
    bool more = true;
    for (size_t i = 0; i < n; i++) {
        w->said[i].n = 0;
        w->over[i] = false;
    }
    while (more) TRY(write_on(m, t, w, user, item, n, &more));
    for (size_t i = 0; i < n; i++) {
        buf_clear(&text[i]);
        TRY(tokenizer_decode(m->words, w->said[i].id, w->said[i].n, TOKENIZER_PLAIN, &text[i]));
    }
    return LOREC_OK;
}

lorec_err pepler_write(const pepler *m, const uint32_t *user, const uint32_t *item, size_t n, buf *text)
{
    writing *w;
    TRY(mem_new(&w, 1));
    tape *t = tape_new(&(tape_options){.compute = m->bf16 ? DTYPE_BF16 : DTYPE_F32});
    lorec_err e = t ? LOREC_OK : LOREC_RESOURCE;
    for (size_t at = 0; at < n && !e; at += AT_ONCE)
        e = write_some(m, t, w, user + at, item + at, n - at < AT_ONCE ? n - at : AT_ONCE, text + at);
    for (size_t i = 0; i < AT_ONCE; i++) tokens_free(&w->said[i]);
    pepler_rows_free(&w->rows);
    mem_free(w->logits);
    mem_free(w);
    if (t) tape_free(t);
    return e;
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------------------- */

static lorec_err put(json_t *o, const char *name, double value)
{
    if (json_object_set_new(o, name, json_real(value)) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
}

/* Whose review is none that the same person posted before, for another item: only[i]. */
static lorec_err find_new(const split *s, const explanations *x, bool *only, uint32_t *n)
{
    const dataset *d = s->data;
    const interactions *part[] = {&s->train, &s->valid};
    ids posted = {0};
    buf key = {0};
    uint32_t number;
    lorec_err e = LOREC_OK;
    for (int p = 0; p < 2; p++)
        for (uint32_t u = 0; u < part[p]->n_users && part[p]->n && !e; u++)
            for (uint64_t k = part[p]->start[u]; k < part[p]->start[u + 1] && !e; k++) {
                slice text = review_of(d, row_of(part[p], k));
                buf_clear(&key);
                e = buf_printf(&key, "%u ", u);
                if (!e) e = buf_add(&key, text.p, text.n);
                if (!e) e = ids_add(&posted, (slice){key.p, key.n}, &number);
            }
    for (uint32_t i = 0; i < x->n && !e; i++) {
        slice text = review_of(d, x->row[i]);
        buf_clear(&key);
        e = buf_printf(&key, "%u ", x->user[i]);
        if (!e) e = buf_add(&key, text.p, text.n);
        only[i] = !e && !ids_find(&posted, (slice){key.p, key.n}, &number);
        *n += only[i];
    }
    buf_free(&key);
    ids_free(&posted);
    return e;
}

/* Every text's own numbers, for intervals over texts or people, and between runs. */
static lorec_err put_each(const pepler_texts *x, const bool *only, double *const loss[3], json_t *o)
{
    json_t *columns[6] = {json_array(), json_array(), json_array(), json_array(), json_array(), json_array()};
    static const char *const keys[6] = {"each: user",
                                        "each: tokens",
                                        "each: new",
                                        "each: loss",
                                        "each: loss, users shuffled",
                                        "each: loss, items shuffled"};
    bool failed = false;
    for (uint32_t i = 0; i < x->from.n; i++) {
        failed |= json_array_append_new(columns[0], json_integer(x->from.user[i])) != 0;
        failed |= json_array_append_new(columns[1], json_integer((json_int_t)tokens_of(x, i))) != 0;
        failed |= json_array_append_new(columns[2], json_integer(only[i])) != 0;
        for (int k = 0; k < 3; k++) failed |= json_array_append_new(columns[3 + k], json_real(loss[k][i])) != 0;
    }
    for (int k = 0; k < 6; k++) failed |= json_object_set_new(o, keys[k], columns[k]) != 0;
    return failed ? err_set(LOREC_RESOURCE, "out of memory for the numbers of a study") : LOREC_OK;
}

/* Texts as they are, and as if others had written them; all, and those that are new. */
static lorec_err put_perplexities(const pepler *m, const pepler_texts *x, const study_context *c, json_t *o)
{
    static const char *const name[2][3] = {
        {"perplexity", "perplexity, users shuffled", "perplexity, items shuffled"},
        {"perplexity, new texts", "perplexity, new texts, users shuffled", "perplexity, new texts, items shuffled"}};
    uint32_t *dealt[3] = {NULL}, n = 0; /* none, users, items */
    double *loss[3] = {NULL};
    bool *only = NULL;
    lorec_err e = mem_new(&only, x->from.n);
    if (!e) e = find_new(c->split, &x->from, only, &n);
    if (!e) e = put(o, "new texts", n);
    for (int who = 0; who < 3 && !e; who++) {
        rng r = rng_make(c->seed, RNG_USER + (uint64_t)who);
        e = mem_new(&dealt[who], x->from.n);
        if (!e) e = mem_new(&loss[who], x->from.n);
        if (e) break;
        if (x->from.n) memcpy(dealt[who], who == 1 ? x->from.user : x->from.item, x->from.n * sizeof **dealt);
        if (who) rng_shuffle(&r, dealt[who], x->from.n);
        e = losses(m, x, who == 1 ? dealt[1] : NULL, who == 2 ? dealt[2] : NULL, false, loss[who]);
    }
    for (int k = 0; k < (n ? 6 : 3) && !e; k++)
        e = put(o, name[k / 3][k % 3], perplexity(x, loss[k % 3], k < 3 ? NULL : only));
    if (!e) e = put_each(x, only, loss, o);
    for (int who = 0; who < 3; who++) {
        mem_free(dealt[who]);
        mem_free(loss[who]);
    }
    mem_free(only);
    return e;
}

static lorec_err put_texts(const pepler *m, const pepler_texts *x, json_t *o)
{
    buf *text, meant = {0};
    text_report r = {0};
    TRY(mem_new(&text, x->from.n));
    lorec_err e = pepler_write(m, x->from.user, x->from.item, x->from.n, text);
    for (uint32_t i = 0; i < x->from.n && !e; i++) {
        e = explanations_text(&x->from, i, &meant);
        if (!e)
            e = text_report_add(&r, (slice){text[i].p, text[i].n}, (slice){meant.p, meant.n},
                                ids_name(&x->from.words, x->from.feature[i]));
    }
    if (!e) e = text_report_json(&r, &m->features, "explanation", o);
    for (uint32_t i = 0; i < x->from.n; i++) buf_free(&text[i]);
    mem_free(text);
    buf_free(&meant);
    text_report_free(&r);
    return e;
}

/* Of the rows that have a rating, within the bounds of 1 and 5. */
static lorec_err put_ratings(const pepler *m, const pepler_texts *x, const interactions *all, json_t *o)
{
    pepler_rows rows = {0};
    float rating[AT_ONCE];
    double square = 0, off = 0, n = 0;
    tape *t = tape_new(&(tape_options){0});
    lorec_err e = t ? LOREC_OK : LOREC_RESOURCE;
    for (uint32_t at = 0; at < x->from.n && !e; at += AT_ONCE) {
        pepler_rows_clear(&rows);
        for (uint32_t i = at; i < x->from.n && i < at + AT_ONCE && !e; i++)
            e = pepler_rows_add(m, &rows, x->from.user[i], x->from.item[i], NULL, 0, false, false);
        tape_begin(t, 0);
        if (!e) e = tape_read(t, pepler_ratings(m, t, &rows), rating, (int64_t)rows.n);
        for (size_t i = 0; i < rows.n && !e; i++) {
            double due = all->rating[x->from.row[at + i]], said = fmin(5, fmax(1, (double)rating[i]));
            if (!isfinite(due)) continue;
            square += (said - due) * (said - due);
            off += fabs(said - due);
            n++;
        }
    }
    if (!e && n > 0) e = put(o, "rmse", sqrt(square / n));
    if (!e && n > 0) e = put(o, "mae", off / n);
    pepler_rows_free(&rows);
    if (t) tape_free(t);
    return e;
}

/* The first so many, where not all are asked for. */
static void keep_first(pepler_texts *x, uint32_t most)
{
    if (most && x->from.n > most) x->from.n = most;
}

lorec_err pepler_study(const void *self, rec_session *s, const study_context *c, json_t **numbers)
{
    const pepler *m = self;
    const dataset *d = c->split->data;
    pepler_texts x;
    (void)s;
    *numbers = NULL;
    TRY(pepler_texts_make(&x, m, d, &c->split->test, c->seed));
    keep_first(&x, c->max_users);
    json_t *o = json_object();
    lorec_err e = o ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    if (!e) e = put_perplexities(m, &x, c, o);
    if (!e) e = put_texts(m, &x, o);
    if (!e && m->rating != PEPLER_NO_RATING && d->rows.rating) e = put_ratings(m, &x, &d->rows, o);
    pepler_texts_free(&x);
    if (e)
        json_decref(o);
    else
        *numbers = o;
    return e;
}
