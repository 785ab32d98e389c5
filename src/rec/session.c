#include "base/mem.h"
#include "rec/recommender.h"
#include "tensor/tensor.h"

struct rec_session {
    uint64_t seed;
    arena scratch;
    tape *tapes[2];  /* f32, bf16; made on first use */
    const void *who; /* whose `own` is */
    void *own;
    void (*release)(void *own);
};

rec_session *rec_session_new(uint64_t seed)
{
    rec_session *s;
    if (mem_new(&s, 1)) return NULL;
    s->seed = seed;
    return s;
}

void rec_session_free(rec_session *s)
{
    if (!s) return;
    for (int i = 0; i < 2; i++)
        if (s->tapes[i]) tape_free(s->tapes[i]);
    rec_session_set_own(s, NULL, NULL, NULL);
    arena_free(&s->scratch);
    mem_free(s);
}

void *rec_session_own(const rec_session *s, const void *who)
{
    return s->who == who ? s->own : NULL;
}

void rec_session_set_own(rec_session *s, const void *who, void *own, void (*release)(void *own))
{
    if (s->own && s->release) s->release(s->own);
    s->who = who;
    s->own = own;
    s->release = release;
}

arena *rec_session_arena(rec_session *s)
{
    return &s->scratch;
}

tape *rec_session_tape(rec_session *s, int bf16)
{
    tape **t = &s->tapes[bf16 != 0];
    if (!*t) *t = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32, .seed = s->seed});
    return *t;
}

uint64_t rec_session_seed(const rec_session *s)
{
    return s->seed;
}
