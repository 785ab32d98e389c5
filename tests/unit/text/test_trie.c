/* The trie against an obvious version: a list of sequences looked through from end to end. */
#include "support/support.h"

#include "base/mem.h"
#include "tensor/rng.h"
#include "text/trie.h"

static const int32_t words[] = {5, 1, 2, 5, 1, 5, 1, 2, 9, 5, 1, 3};
static const uint64_t starts[] = {0, 3, 5, 8, 8, 9, 12}; /* 512 51 512 (empty) 9 513 */

static void shares_beginnings(void **state)
{
    (void)state;
    trie t;
    assert_ok(trie_build(&t, words, starts, 6));
    assert_int_equal(t.nodes, 6); /* root 5 9 51 512 513 */
    assert_int_equal(t.depth, 3);
    size_t n;
    const int32_t *next = trie_next(&t, TRIE_ROOT, &n);
    assert_int_equal(n, 2);
    assert_int_equal(next[0], 5);
    assert_int_equal(next[1], 9);
    const uint32_t *who = trie_values(&t, TRIE_ROOT, &n);
    assert_int_equal(n, 1);
    assert_int_equal(who[0], 3);
    uint32_t node = trie_find(&t, (int32_t[]){5, 1, 2}, 3);
    who = trie_values(&t, node, &n);
    assert_int_equal(n, 2);
    assert_int_equal(who[0], 0);
    assert_int_equal(who[1], 2);
    (void)trie_next(&t, node, &n);
    assert_int_equal(n, 0);
    node = trie_find(&t, (int32_t[]){5}, 1);
    (void)trie_values(&t, node, &n);
    assert_int_equal(n, 0);
    assert_int_equal(trie_step(&t, node, 2), TRIE_NONE);
    assert_int_equal(trie_step(&t, node, 0), TRIE_NONE);
    assert_int_equal(trie_find(&t, (int32_t[]){9, 9}, 2), TRIE_NONE);
    trie_free(&t);
}

static void empty_and_bad(void **state)
{
    (void)state;
    trie t;
    assert_ok(trie_build(&t, NULL, (uint64_t[]){0}, 0));
    assert_int_equal(t.nodes, 1);
    assert_int_equal(trie_step(&t, TRIE_ROOT, 0), TRIE_NONE);
    trie_free(&t);
    assert_fails(trie_build(&t, (int32_t[]){1, -4}, (uint64_t[]){0, 2}, 1), LOREC_USAGE, "-4");
}

typedef struct list {
    int32_t token[400 * 6];
    uint64_t start[401];
    uint32_t n;
} list;

static bool begins(const list *l, uint32_t i, const int32_t *word, size_t n)
{
    uint64_t length = l->start[i + 1] - l->start[i];
    return length >= n && (n == 0 || memcmp(l->token + l->start[i], word, n * sizeof *word) == 0);
}

/* What a naive search says of `word` against what the trie says: its values and what may follow. */
static void check_word(const list *l, const trie *t, const int32_t *word, size_t n)
{
    uint32_t node = trie_find(t, word, n);
    bool any = n == 0;
    uint32_t values = 0;
    uint8_t follows[8] = {0};
    for (uint32_t i = 0; i < l->n; i++) {
        if (!begins(l, i, word, n)) continue;
        any = true;
        if (l->start[i + 1] - l->start[i] == n) {
            size_t found;
            const uint32_t *who = trie_values(t, node, &found);
            assert_true(values < found);
            assert_int_equal(who[values++], i);
        } else {
            follows[l->token[l->start[i] + n]] = 1;
        }
    }
    assert_int_equal(node != TRIE_NONE, any);
    if (!any) return;
    size_t found, expected = 0;
    (void)trie_values(t, node, &found);
    assert_int_equal(found, values);
    const int32_t *next = trie_next(t, node, &found);
    for (int32_t token = 0; token < 8; token++) {
        if (!follows[token]) continue;
        assert_true(expected < found);
        assert_int_equal(next[expected], token);
        assert_int_equal(t->token[trie_child(t, node, expected)], token);
        expected++;
    }
    assert_int_equal(found, expected);
}

static void agrees_with_a_list(void **state)
{
    (void)state;
    static list l;
    for (uint64_t seed = 0; seed < 30; seed++) {
        rng r = rng_make(seed, RNG_USER);
        l.n = rng_below(&r, 400);
        for (uint32_t i = 0; i < l.n; i++) {
            uint32_t length = rng_below(&r, 6);
            for (uint32_t j = 0; j < length; j++)
                l.token[l.start[i] + j] = (int32_t)rng_below(&r, 4 + (uint32_t)(seed % 5));
            l.start[i + 1] = l.start[i] + length;
        }
        trie t;
        assert_ok(trie_build(&t, l.token, l.start, l.n));
        for (uint32_t i = 0; i < l.n; i++)
            for (uint64_t n = 0; n <= l.start[i + 1] - l.start[i]; n++) check_word(&l, &t, l.token + l.start[i], n);
        for (int k = 0; k < 300; k++) {
            int32_t word[6];
            size_t n = rng_below(&r, 7);
            for (size_t j = 0; j < n; j++) word[j] = (int32_t)rng_below(&r, 8);
            check_word(&l, &t, word, n);
        }
        trie_free(&t);
    }
}

/* Every allocation fails once: an error, no leak (the sanitizer build looks). */
static void survives_no_memory(void **state)
{
    (void)state;
    for (size_t at = 1; at < 100; at++) {
        trie t;
        mem_fail_at(at, false);
        lorec_err e = trie_build(&t, words, starts, 6);
        mem_fail_at(0, false);
        trie_free(&t);
        if (e == LOREC_OK) {
            assert_true(at > 3);
            return;
        }
        assert_int_equal(e, LOREC_RESOURCE);
    }
    fail_msg("trie_build never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_beginnings),
        cmocka_unit_test(empty_and_bad),
        cmocka_unit_test(agrees_with_a_list),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
