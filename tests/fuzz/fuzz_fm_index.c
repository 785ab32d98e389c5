/* Any bytes as a set of token sequences: the FM-index and the trie allow the same after every beginning of each of them. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "lm/decode/constraint.h"

enum { MOST = 2048 };

static void compare(const constraint *a, const constraint *b, const int32_t *token, uint64_t n)
{
    constraint_state x, y;
    token_list u = {0}, v = {0};
    constraint_start(a, &x);
    constraint_start(b, &y);
    for (uint64_t i = 0; i <= n; i++) {
        if (constraint_allowed(a, &x, &u) || constraint_allowed(b, &y, &v)) break;
        if (u.n != v.n || (i > 0 && constraint_final(a, &x) != constraint_final(b, &y))) abort();
        for (size_t k = 0; k < u.n; k++)
            if (u.token[k] != v.token[k]) abort();
        if (i < n && (!constraint_step(a, &x, token[i]) || !constraint_step(b, &y, token[i]))) abort();
    }
    token_list_free(&u);
    token_list_free(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int32_t token[MOST];
    static uint64_t start[MOST + 1];
    uint32_t n = 0;
    uint64_t at = 0;
    for (size_t i = 0; i < size && i < MOST; i++) {
        if (data[i] < 200)
            token[at++] = data[i] % 16;
        else
            start[++n] = at;
    }
    fm_index f = {0};
    trie t = {0};
    if (fm_index_build(&f, token, start, n) == LOREC_OK && trie_build(&t, token, start, n) == LOREC_OK) {
        constraint by_index = constraint_of_sequences(&f), by_trie = constraint_of_trie(&t);
        for (uint32_t i = 0; i < n; i++) compare(&by_index, &by_trie, token + start[i], start[i + 1] - start[i]);
    }
    fm_index_free(&f);
    trie_free(&t);
    return 0;
}
