/* The unigram language model (Kudo 2018): of all ways to cut a text into pieces, the one whose pieces' log-probabilities
 * add up to the most (Viterbi, from left to right; of equal ones the one found first). */
#include <float.h>

#include "text/tokenizer/parts.h"
#include "text/unicode.h"

static const double unknown_penalty = 10;

static double piece_score(const tokenizer *t, int32_t id, size_t bytes)
{
    if (t->vocabulary.type[id] != TOKENIZER_TYPE_USER_DEFINED) return t->vocabulary.score[id];
    return t->single_precision ? (double)((float)bytes * (float)t->best_score) - 0.1 : 0;
}

static void reach(const tokenizer *t, lattice_node *node, size_t from, double score, int32_t id)
{
    if (node->from != SIZE_MAX && !(score > node->score)) return;
    *node = (lattice_node){t->single_precision ? (double)(float)score : score, from, id};
}

static void from_here(const tokenizer *t, lattice_node *node, slice text, size_t at)
{
    size_t first = utf8_length((unsigned char)text.p[at]);
    bool single = false;
    uint32_t trie = 0;
    for (size_t i = at; i < text.n; i++) {
        trie = packed_trie_step(&t->packed, trie, (unsigned char)text.p[i]);
        if (!trie) break;
        int32_t id = t->packed.node[trie].value;
        if (id < 0) continue;
        size_t n = i + 1 - at;
        reach(t, &node[i + 1], at, node[at].score + piece_score(t, id, n), id);
        single |= n == first;
    }
    if (!single) reach(t, &node[at + first], at, node[at].score + t->unknown_score, -1);
}

static lorec_err put_unknown(const tokenizer *t, slice text, bool repeated, tokens *out)
{
    bool bytes = t->byte_fallback;
    for (const char *p = text.p; p < text.p + text.n && bytes; p++) bytes = t->byte_id[(unsigned char)*p] >= 0;
    if (!bytes) return t->role[TOKENIZER_UNK] < 0 || repeated ? LOREC_OK : tokens_add(out, t->role[TOKENIZER_UNK]);
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        const char *at = p;
        int byte = unicode_byte(utf8_next(&p));
        if (byte >= 0) TRY(tokens_add(out, t->byte_id[byte]));
        for (; byte < 0 && at < p; at++) TRY(tokens_add(out, t->byte_id[(unsigned char)*at]));
    }
    return LOREC_OK;
}

static lorec_err encode(const tokenizer *t, workspace *w, slice word, tokens *out)
{
    if (w->node_cap < word.n + 1) TRY(mem_grow(&w->node, &w->node_cap, word.n + 1));
    lattice_node *node = w->node;
    for (size_t i = 0; i <= word.n; i++) node[i].from = SIZE_MAX;
    node[0] = (lattice_node){0, 0, 0};
    for (size_t at = 0; at < word.n; at += utf8_length((unsigned char)word.p[at])) from_here(t, node, word, at);
    /* backwards: the ends of the pieces of the best way, in node[].from turned round */
    size_t next = SIZE_MAX;
    for (size_t at = word.n; at > 0;) {
        size_t from = node[at].from;
        node[at].from = next;
        next = at;
        at = from;
    }
    bool unknown = false;
    for (size_t begin = 0, end = next; end != SIZE_MAX; begin = end, end = node[end].from) {
        int32_t id = node[end].id;
        if (id >= 0)
            TRY(tokens_add(out, id));
        else
            TRY(put_unknown(t, (slice){word.p + begin, end - begin}, unknown && t->fuse_unknown, out));
        unknown = id < 0;
    }
    return LOREC_OK;
}

static lorec_err read(tokenizer *t, const json_t *row)
{
    int64_t unknown;
    TRY(json_get_i64_or(row, "unk_id", 0, INT32_MAX, -1, &unknown));
    TRY(json_get_bool_or(row, "byte_fallback", false, &t->byte_fallback));
    t->fuse_unknown = true;
    if (unknown >= (int64_t)t->vocabulary.n)
        return err_set(LOREC_INPUT, "unk_id is %lld of a vocabulary of %zu", (long long)unknown, t->vocabulary.n);
    t->role[TOKENIZER_UNK] = (int32_t)unknown;
    return LOREC_OK;
}

static lorec_err build(tokenizer *t)
{
    double least = DBL_MAX;
    t->best_score = -DBL_MAX;
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        slice text = vocabulary_text(&t->vocabulary, (int32_t)i);
        uint8_t type = t->vocabulary.type[i];
        if (!text.p) continue;
        double score = t->vocabulary.score[i];
        if (type == TOKENIZER_TYPE_NORMAL && score < least) least = score;
        if (type == TOKENIZER_TYPE_NORMAL && score > t->best_score) t->best_score = score;
        bool said = type == TOKENIZER_TYPE_NORMAL || type == TOKENIZER_TYPE_USER_DEFINED;
        if (text.n && said && !t->special[i]) TRY(byte_trie_add(&t->first, text, (int32_t)i));
    }
    t->unknown_score = (least == DBL_MAX ? 0 : least) - unknown_penalty;
    for (int b = 0; b < 256; b++) {
        char text[8];
        slice piece = {text, (size_t)snprintf(text, sizeof text, "<0x%02X>", (unsigned)b)};
        if (!vocabulary_find(&t->vocabulary, piece, &t->byte_id[b])) t->byte_id[b] = -1;
    }
    lorec_err e = packed_trie_build(&t->packed, &t->first);
    byte_trie_free(&t->first);
    return e;
}

const model_kind model_unigram = {"Unigram", read, build, encode, true};
