/* Scores: what the user model says after a history, against every item's cached vector; no text is read. */
#include <string.h>

#include "base/mem.h"
#include "methods/hllm/hllm.h"
#include "tensor/cpu/kernels.h"

enum { ROWS_AT_ONCE = 8192 };

typedef struct questions {
    float *vector;   /* [rows][d] */
    int32_t *length; /* [n] */
    size_t *who;     /* [n] */
    size_t n, rows, cap[3];
} questions;

static lorec_err add_question(questions *a, const hllm *m, const query *q, size_t who)
{
    size_t d = (size_t)m->d, from = q->n, known = 0;
    while (from > 0 && known < (size_t)m->max_history) known += q->items[--from] < m->n_items;
    if (known == 0) return LOREC_OK;
    TRY(mem_grow(&a->vector, &a->cap[0], (a->rows + known) * d));
    TRY(mem_grow(&a->length, &a->cap[1], a->n + 1));
    TRY(mem_grow(&a->who, &a->cap[2], a->n + 1));
    for (; from < q->n; from++)
        if (q->items[from] < m->n_items)
            memcpy(a->vector + a->rows++ * d, m->vectors + q->items[from] * d, d * sizeof *a->vector);
    a->length[a->n] = (int32_t)known;
    a->who[a->n++] = who;
    return LOREC_OK;
}

/* What the user model says after each: into `said`, [n][d] at the questions' own numbers. */
static lorec_err answer(const hllm *m, tape *t, const questions *a, float *part, float *said)
{
    size_t d = (size_t)m->d;
    tape_begin(t, 0);
    tensor *x = tape_f32(t, a->vector, 2, (int64_t[]){(int64_t)a->rows, m->d});
    token_rows in = {.vectors = op_cast(t, x, hllm_compute(m)),
                     .sequences = tape_segments(t, a->length, (int64_t)a->n),
                     .last = true};
    tensor *h = op_l2_normalize(t, op_cast(t, transformer_hidden(t, m->user->net, &in), DTYPE_F32), 1e-12f);
    TRY(tape_read(t, h, part, (int64_t)(a->n * d)));
    for (size_t i = 0; i < a->n; i++) memcpy(said + a->who[i] * d, part + i * d, d * sizeof *said);
    return LOREC_OK;
}

lorec_err hllm_score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const hllm *m = self;
    if (n == 0 || m->n_items == 0) return LOREC_OK;
    arena *memory = rec_session_arena(s);
    arena_reset(memory);
    float *said = arena_zalloc(memory, n * (size_t)m->d * sizeof *said);
    float *part = arena_zalloc(memory, n * (size_t)m->d * sizeof *part);
    tape *t = rec_session_tape(s, m->train.bf16);
    if (!said || !part || !t) return LOREC_RESOURCE;
    bool *asked = arena_zalloc(memory, n * sizeof *asked);
    if (!asked) return LOREC_RESOURCE;
    questions a = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        size_t before = a.n;
        e = add_question(&a, m, &q[i], i);
        asked[i] = a.n > before;
        if (e || a.n == 0 || (a.rows < ROWS_AT_ONCE && i + 1 < n)) continue;
        e = answer(m, t, &a, part, said);
        a.n = a.rows = 0;
    }
    mem_free(a.vector);
    mem_free(a.length);
    mem_free(a.who);
    TRY(e);
    TRY(gemm_f32(false, true, (int64_t)n, m->n_items, m->d, 1, said, m->d, m->unit, m->d, 0, scores, m->n_items));
    for (size_t i = 0; i < n; i++)
        if (!asked[i]) memcpy(scores + i * m->n_items, m->popularity, m->n_items * sizeof *scores);
    return LOREC_OK;
}
