/* The FM-index against looking at every place of every sequence. */
#include "support/support.h"

#include "base/mem.h"
#include "tensor/rng.h"
#include "text/fm_index.h"

enum { MOST = 40, LONGEST = 9 };
typedef struct set {
    int32_t token[MOST * LONGEST];
    uint64_t start[MOST + 1];
    uint32_t n;
} set;

/* Kinds: a few tokens; one token only; many; all sequences the same; some empty. */
static void random_set(set *s, rng *r, int kind)
{
    s->n = 1 + rng_below(r, MOST);
    s->start[0] = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t n = kind == 3 ? 4 : rng_below(r, LONGEST + (kind == 4)) + (kind != 4);
        for (uint32_t j = 0; j < n; j++)
            s->token[s->start[i] + j] = kind == 1   ? 7
                                        : kind == 3 ? (int32_t)j % 2
                                                    : (int32_t)rng_below(r, kind == 2 ? 1000 : 3) * 5;
        s->start[i + 1] = s->start[i] + n;
    }
}

/* How often a piece occurs, followed by `next` (-1: anything, -2: the end); from the beginnings of sequences only? */
static uint32_t count(const set *s, const int32_t *piece, size_t n, int32_t next, bool beginnings)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < s->n; i++)
        for (uint64_t at = s->start[i]; at + n <= s->start[i + 1] && (!beginnings || at == s->start[i]); at++) {
            if (n && memcmp(s->token + at, piece, n * sizeof *piece) != 0) continue;
            bool end = at + n == s->start[i + 1];
            found += next == -1 || (next == -2 ? end : !end && s->token[at + n] == next);
        }
    return found;
}

static void check_piece(const set *s, const fm_index *f, const int32_t *piece, size_t n, bool beginnings)
{
    fm_range r = beginnings ? fm_index_beginnings(f) : fm_index_all(f);
    for (size_t i = 0; i < n; i++) r = fm_index_step(f, r, piece[i]);
    if (n) assert_int_equal(r.hi - r.lo, count(s, piece, n, -1, beginnings));
    if (n) assert_int_equal(fm_index_ends(f, r), count(s, piece, n, -2, beginnings));
    fm_next *next = NULL;
    size_t got = 0, cap = 0;
    uint32_t followed = 0;
    assert_ok(fm_index_next(f, r, &next, &got, &cap));
    for (size_t i = 0; i < got; i++) {
        if (i) assert_true(next[i - 1].token < next[i].token);
        assert_int_equal(next[i].count, count(s, piece, n, next[i].token, beginnings));
        followed += next[i].count;
    }
    mem_free(next);
    if (n) assert_int_equal(followed + fm_index_ends(f, r), r.hi - r.lo);
    uint32_t who[MOST], expected = 0;
    size_t k = n ? fm_index_where(f, r, who, MOST) : 0;
    for (uint32_t i = 0; i < s->n && n; i++) {
        set one = {.n = 1, .start = {0, s->start[i + 1] - s->start[i]}};
        memcpy(one.token, s->token + s->start[i], one.start[1] * sizeof *one.token);
        if (!count(&one, piece, n, -1, beginnings)) continue;
        assert_true(expected < k);
        assert_int_equal(who[expected++], i);
    }
    assert_int_equal(expected, k);
}

static void every_piece(void **state)
{
    (void)state;
    static set s;
    for (uint64_t seed = 0; seed < 60; seed++) {
        rng r = rng_make(seed, RNG_USER);
        random_set(&s, &r, (int)(seed % 5));
        fm_index f;
        assert_ok(fm_index_build(&f, s.token, s.start, s.n));
        for (int k = 0; k < 60; k++) {
            uint32_t i = rng_below(&r, s.n);
            int32_t piece[LONGEST + 1];
            uint64_t length = s.start[i + 1] - s.start[i], from = length ? rng_below(&r, (uint32_t)length) : 0,
                     n = length - from;
            if (n && rng_below(&r, 2)) n = 1 + rng_below(&r, (uint32_t)n);
            memcpy(piece, s.token + s.start[i] + from, n * sizeof *piece);
            if (rng_below(&r, 4) == 0) piece[n++] = (int32_t)rng_below(&r, 20); /* likely nowhere */
            check_piece(&s, &f, piece, n, k % 2);
        }
        fm_index_free(&f);
    }
}

static void small_ones(void **state)
{
    (void)state;
    fm_index f;
    uint64_t none[] = {0, 0};
    assert_ok(fm_index_build(&f, NULL, none, 0));
    assert_int_equal(fm_index_step(&f, fm_index_all(&f), 3).hi, 0);
    fm_index_free(&f);
    assert_ok(fm_index_build(&f, NULL, none, 1)); /* one empty sequence */
    assert_int_equal(fm_index_step(&f, fm_index_all(&f), 3).hi, 0);
    fm_index_free(&f);
    assert_fails(fm_index_build(&f, (int32_t[]){-1}, (uint64_t[]){0, 1}, 1), LOREC_USAGE, "can not hold -1");
    assert_fails(fm_index_build(&f, NULL, (uint64_t[]){0, 1ull << 31}, 1), LOREC_RESOURCE, "2147483649");
    for (size_t at = 1, failed = 1; failed; at++) {
        mem_fail_at(at, false);
        lorec_err e = fm_index_build(&f, (int32_t[]){1, 2, 1, 2, 3}, (uint64_t[]){0, 2, 5}, 2);
        mem_fail_at(0, false);
        failed = e != LOREC_OK;
        if (failed) assert_int_equal(e, LOREC_RESOURCE);
        fm_index_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_piece), cmocka_unit_test(small_ones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
