/* Constraints: a trie, two at once, and what a constraint says of a finished hypothesis. */
#include "support/support.h"

#include <math.h>

#include "lm/decode/constraint.h"

static void allowed(const constraint *c, const int32_t *word, size_t n, const int32_t *expected, size_t m, bool final)
{
    constraint_state s;
    token_list l = {0};
    constraint_start(c, &s);
    for (size_t i = 0; i < n; i++) assert_true(constraint_step(c, &s, word[i]));
    assert_ok(constraint_allowed(c, &s, &l));
    assert_int_equal(l.n, m);
    for (size_t i = 0; i < m; i++) assert_int_equal(l.token[i], expected[i]);
    assert_int_equal(constraint_final(c, &s), final);
    token_list_free(&l);
}

/* Even numbers of tokens below 6, as a grammar would say it: the state counts. */
static void even_start(const void *self, uint64_t *state)
{
    (void)self;
    state[0] = 0;
}

static lorec_err even_allowed(const void *self, const uint64_t *state, token_list *out)
{
    (void)self, (void)state;
    for (int32_t t = 0; t < 6; t++) TRY(token_list_add(out, t));
    return LOREC_OK;
}

static bool even_step(const void *self, uint64_t *state, int32_t token)
{
    (void)self;
    state[0]++;
    return token < 6;
}

static bool even_final(const void *self, const uint64_t *state)
{
    (void)self;
    return state[0] % 2 == 0;
}

static float even_hypothesis(const void *self, const uint64_t *state, const int32_t *token, size_t n, float logp)
{
    (void)self;
    assert_int_equal(state[0], n); /* its own part of the state */
    return token[0] == 5 ? -INFINITY : logp - 1;
}

static const constraint_verbs even_verbs = {1, even_start, even_allowed, even_step, even_final, even_hypothesis};

static void two_at_once(void **state)
{
    (void)state;
    const int32_t words[] = {1, 2, 1, 7, 5, 3, 1, 2, 4};
    const uint64_t starts[] = {0, 2, 4, 6, 9}; /* 12 17 53 124 */
    trie t;
    assert_ok(trie_build(&t, words, starts, 4));
    constraint only = constraint_of_trie(&t), even = {&even_verbs, NULL};
    allowed(&only, NULL, 0, (int32_t[]){1, 5}, 2, false);
    allowed(&only, (int32_t[]){1}, 1, (int32_t[]){2, 7}, 2, false);
    allowed(&only, (int32_t[]){1, 2}, 2, (int32_t[]){4}, 1, true);
    allowed(&only, (int32_t[]){1, 2, 4}, 3, NULL, 0, true);
    for (int turned = 0; turned < 2; turned++) {
        constraint both;
        constraint_pair pair;
        assert_ok(constraint_and(&both, &pair, turned ? even : only, turned ? only : even));
        allowed(&both, NULL, 0, (int32_t[]){1, 5}, 2, false);
        allowed(&both, (int32_t[]){1}, 1, (int32_t[]){2}, 1, false); /* 7 is no token of the other */
        allowed(&both, (int32_t[]){1, 2}, 2, (int32_t[]){4}, 1, true);
        allowed(&both, (int32_t[]){1, 2, 4}, 3, NULL, 0, false); /* three are not even */
        constraint_state s;
        constraint_start(&both, &s);
        assert_true(constraint_step(&both, &s, 5));
        assert_false(constraint_step(&both, &s, 4));
        constraint_start(&both, &s);
        assert_true(constraint_step(&both, &s, 1) && constraint_step(&both, &s, 2));
        assert_near(constraint_hypothesis(&both, &s, (int32_t[]){1, 2}, 2, -3), -4, 0);
        assert_true(constraint_hypothesis(&both, &s, (int32_t[]){5, 3}, 2, -3) == -INFINITY);
    }
    trie_free(&t);
}

static void states_have_to_fit(void **state)
{
    (void)state;
    constraint_verbs wide = even_verbs;
    wide.words = CONSTRAINT_WORDS;
    constraint big = {&wide, NULL}, small = {&even_verbs, NULL}, out;
    constraint_pair pair;
    assert_fails(constraint_and(&out, &pair, big, small), LOREC_USAGE, "5 words");
    wide.words = CONSTRAINT_WORDS - 1;
    assert_ok(constraint_and(&out, &pair, big, small));
}

/* Pieces of titles: what is generated occurs somewhere; composed with a trie, it is one of the trie's too. */
static void pieces_of_texts(void **state)
{
    (void)state;
    const int32_t token[] = {1, 2, 3, 2, 3, 4, 9}, few[] = {2, 3, 3, 2};
    const uint64_t start[] = {0, 3, 7}, few_start[] = {0, 2, 4};
    fm_index f;
    trie t;
    assert_ok(fm_index_build(&f, token, start, 2));
    assert_ok(trie_build(&t, few, few_start, 2));
    constraint pieces = constraint_of_pieces(&f), whole = constraint_of_sequences(&f), both;
    constraint_pair pair;
    constraint_state s;
    token_list list = {0};
    uint32_t who[2];
    constraint_start(&pieces, &s);
    assert_false(constraint_final(&pieces, &s));
    assert_ok(constraint_allowed(&pieces, &s, &list));
    assert_int_equal(list.n, 5);
    assert_true(constraint_step(&pieces, &s, 2));
    assert_true(constraint_step(&pieces, &s, 3));
    assert_true(constraint_final(&pieces, &s));
    assert_int_equal(fm_index_where(&f, constraint_fm_range(&s), who, 2), 2);
    assert_ok(constraint_allowed(&pieces, &s, &list)); /* the first text ends here, the second goes on */
    assert_int_equal(list.n, 1);
    assert_int_equal(list.token[0], 4);
    assert_false(constraint_step(&pieces, &s, 1));
    constraint_start(&whole, &s);
    assert_ok(constraint_allowed(&whole, &s, &list));
    assert_int_equal(list.n, 2); /* 1 and 2: first tokens */
    assert_true(constraint_step(&whole, &s, 1) && constraint_step(&whole, &s, 2));
    assert_false(constraint_final(&whole, &s));
    assert_true(constraint_step(&whole, &s, 3) && constraint_final(&whole, &s));
    assert_ok(constraint_and(&both, &pair, pieces, constraint_of_trie(&t)));
    constraint_start(&both, &s);
    assert_true(constraint_step(&both, &s, 3)); /* 3 2 is in the trie, but 3 is never followed by 2 */
    assert_ok(constraint_allowed(&both, &s, &list));
    assert_int_equal(list.n, 0);
    token_list_free(&list);
    trie_free(&t);
    fm_index_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_at_once), cmocka_unit_test(states_have_to_fit),
                                       cmocka_unit_test(pieces_of_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
