/* A tokenizer as the vocabulary that a GGUF file holds: the inverse of read_vocabulary.c. GGUF says less of a tokenizer than
 * other files do, so what was made is read again and has to give the same ids (export_check.c). */
#include <stdlib.h>

#include "text/tokenizer/export.h"

#define MARK "\xe2\x96\x81" /* "▁", a space of SentencePiece's */

typedef struct exported {
    buf text; /* of all slices, as offsets until it is whole */
    slice *piece, *merge;
    float *score;
    int32_t *type;
} exported;

static lorec_err keep(exported *x, slice s, slice *out)
{
    *out = (slice){(const char *)(uintptr_t)x->text.n, s.n};
    return buf_add(&x->text, s.p, s.n);
}

/* "##able" is "able" there and "un" is "▁un". */
static lorec_err keep_wordpiece(exported *x, const tokenizer *t, slice s, slice *out)
{
    size_t n = t->prefix.n;
    if (t->first_marked) return keep(x, s, out);
    if (n && s.n > n && memcmp(s.p, t->prefix.p, n) == 0) return keep(x, (slice){s.p + n, s.n - n}, out);
    *out = (slice){(const char *)(uintptr_t)x->text.n, s.n + sizeof MARK - 1};
    TRY(buf_puts(&x->text, MARK));
    return buf_add(&x->text, s.p, s.n);
}

/* llama2.c writes spaces as they are, and lines round <s> and </s>. */
static lorec_err keep_sentencepiece(exported *x, const tokenizer *t, int32_t id, slice s, slice *out)
{
    if (id == t->role[TOKENIZER_BOS] && slice_is(slice_trim(s), "<s>")) s = slice_trim(s);
    if (id == t->role[TOKENIZER_EOS] && slice_is(slice_trim(s), "</s>")) s = slice_trim(s);
    size_t from = x->text.n;
    for (size_t i = 0; i < s.n; i++) TRY(s.p[i] == ' ' ? buf_puts(&x->text, MARK) : buf_add(&x->text, s.p + i, 1));
    *out = (slice){(const char *)(uintptr_t)from, x->text.n - from};
    return LOREC_OK;
}

static bool is_added(const tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].id == id) return true;
    return false;
}

static lorec_err export_pieces(exported *x, const tokenizer *t, size_t n, bool bytes)
{
    bool words = t->model == &model_wordpiece;
    TRY(mem_new(&x->piece, n));
    TRY(mem_new(&x->type, n));
    TRY(mem_new(&x->score, n));
    for (size_t i = 0; i < n; i++) {
        slice s = i < t->vocabulary.n ? vocabulary_text(&t->vocabulary, (int32_t)i) : (slice){0};
        if (!s.p) { /* a gap, or rows of the model that no token has */
            char name[32];
            snprintf(name, sizeof name, "[PAD%zu]", i);
            x->type[i] = TOKENIZER_TYPE_UNUSED;
            TRY(keep(x, slice_of(name), &x->piece[i]));
            continue;
        }
        bool special = t->special[i];
        x->type[i] = special && t->vocabulary.type[i] == TOKENIZER_TYPE_NORMAL ? TOKENIZER_TYPE_CONTROL
                                                                               : t->vocabulary.type[i];
        if (!words && (int32_t)i == t->role[TOKENIZER_UNK] && x->type[i] != TOKENIZER_TYPE_USER_DEFINED)
            x->type[i] = TOKENIZER_TYPE_UNKNOWN;
        if (x->type[i] == TOKENIZER_TYPE_NORMAL && t->byte_fallback && byte_piece(s) >= 0)
            x->type[i] = TOKENIZER_TYPE_BYTE;
        if (x->type[i] == TOKENIZER_TYPE_NORMAL && is_added(t, (int32_t)i)) x->type[i] = TOKENIZER_TYPE_USER_DEFINED;
        x->score[i] = (float)t->vocabulary.score[i];
        TRY(words && !special ? keep_wordpiece(x, t, s, &x->piece[i])
            : words || bytes  ? keep(x, s, &x->piece[i])
                              : keep_sentencepiece(x, t, (int32_t)i, s, &x->piece[i]));
    }
    return LOREC_OK;
}

static int by_rank(const void *a, const void *b)
{
    const merge *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static lorec_err sorted_merges(const tokenizer *t, merge **out, size_t *n)
{
    *n = 0;
    TRY(mem_new(out, t->merges.n));
    for (size_t i = 0; i < t->merges.size; i++) {
        merge m = t->merges.slot[i];
        size_t all = t->vocabulary.n;
        if (m.left >= 0 && (size_t)m.left < all && (size_t)m.right < all && (size_t)m.result < all) (*out)[(*n)++] = m;
    }
    if (*n) qsort(*out, *n, sizeof **out, by_rank);
    return LOREC_OK;
}

static lorec_err export_merges(exported *x, const tokenizer *t, tokenizer_vocabulary *v)
{
    merge *m;
    TRY(sorted_merges(t, &m, &v->n_merges));
    lorec_err e = mem_new(&x->merge, v->n_merges);
    for (size_t i = 0; i < v->n_merges && !e; i++) {
        slice left = vocabulary_text(&t->vocabulary, m[i].left), right = vocabulary_text(&t->vocabulary, m[i].right);
        x->merge[i] = (slice){(const char *)(uintptr_t)x->text.n, left.n + 1 + right.n};
        e = buf_printf(&x->text, "%.*s %.*s", (int)left.n, left.p, (int)right.n, right.p);
    }
    mem_free(m);
    return e;
}

/* SentencePiece merges what has the best score: where the file had merges instead, the earlier one is the better. */
static lorec_err scores_of_merges(exported *x, const tokenizer *t, size_t n)
{
    merge *m;
    size_t n_merges;
    for (size_t i = 0; i < n; i++)
        if (x->score[i] != 0) return LOREC_OK;
    TRY(sorted_merges(t, &m, &n_merges));
    for (size_t i = n_merges; i-- > 0;) x->score[m[i].result] = -1 - (float)m[i].rank;
    mem_free(m);
    return LOREC_OK;
}

static void settle(exported *x, tokenizer_vocabulary *v)
{
    const char *base = x->text.p ? x->text.p : "";
    for (size_t i = 0; i < v->n; i++) x->piece[i].p = base + (uintptr_t)x->piece[i].p;
    for (size_t i = 0; i < v->n_merges; i++) x->merge[i].p = base + (uintptr_t)x->merge[i].p;
    if (v->charsmap.n) v->charsmap.p = base + (uintptr_t)v->charsmap.p;
    v->piece = x->piece;
    v->merge = x->merge;
    v->score = x->score;
    v->type = x->type;
}

/* Whether a text gets a space of its own before it. */
static lorec_err adds_space(const tokenizer *t, bool *out)
{
    tokens found = {0};
    lorec_err e = tokenizer_encode(t, slice_of("a"), TOKENIZER_PLAIN, &found);
    slice first = !e && found.n ? tokenizer_piece(t, found.id[0]) : (slice){0};
    *out = first.n && (*first.p == ' ' || (first.n >= 3 && memcmp(first.p, MARK, 3) == 0));
    tokens_free(&found);
    return e;
}

/* Whether several spaces become one, and those at the ends go. */
static lorec_err removes_spaces(const tokenizer *t, bool *out)
{
    tokens one = {0}, many = {0};
    lorec_err e = tokenizer_encode(t, slice_of("a b"), TOKENIZER_PLAIN, &one);
    if (!e) e = tokenizer_encode(t, slice_of(" a  b "), TOKENIZER_PLAIN, &many);
    *out = !e && one.n == many.n && one.n && memcmp(one.id, many.id, one.n * sizeof *one.id) == 0;
    tokens_free(&one);
    tokens_free(&many);
    return e;
}

/* The rules of its normalizer as SentencePiece writes them. */
static lorec_err export_rules(exported *x, const tokenizer *t, tokenizer_vocabulary *v)
{
    bool removes;
    size_t from = x->text.n;
    for (size_t i = 0; i < t->normalizer.n && x->text.n == from; i++)
        TRY(charsmap_bytes(&t->normalizer.at[i].map, &x->text));
    v->charsmap = (slice){(const char *)(uintptr_t)from, x->text.n - from};
    TRY(removes_spaces(t, &removes));
    v->remove_extra_whitespaces = removes;
    return LOREC_OK;
}

static const char *kind_of(const tokenizer *t)
{
    if (t->model == &model_bpe) return t->byte_level ? "gpt2" : "llama";
    return t->model == &model_wordpiece ? "bert" : t->model == &model_unigram ? "t5" : NULL;
}

static lorec_err export_all(const tokenizer *t, size_t n, exported *x, tokenizer_vocabulary *v)
{
    v->model = kind_of(t);
    if (!v->model) return err_set(LOREC_INPUT, "GGUF has no vocabularies of kind %s", t->model->name);
    if (n < t->vocabulary.n)
        return err_set(LOREC_INPUT, "the vocabulary has %zu tokens and the model %zu", t->vocabulary.n, n);
    bool bytes = strcmp(v->model, "gpt2") == 0, bpe = t->model == &model_bpe, space;
    v->n = n;
    TRY(export_pieces(x, t, n, bytes));
    if (bytes) TRY(export_merges(x, t, v));
    if (bpe && !bytes) TRY(scores_of_merges(x, t, n));
    for (int r = 0; r < TOKENIZER_ROLES; r++) v->role[r] = t->role[r];
    if (t->model == &model_wordpiece) {
        v->lowercase = v->strip_accents = 0;
        for (size_t i = 0; i < t->normalizer.n; i++) {
            if (t->normalizer.at[i].lower) v->lowercase = 1;
            if (t->normalizer.at[i].accents) v->strip_accents = 1;
        }
    } else {
        v->add_bos = t->single.n ? t->single.part[0].what == FRAME_TOKEN : t->add_bos;
        v->add_eos = t->single.n ? t->single.part[t->single.n - 1].what == FRAME_TOKEN : t->add_eos;
        TRY(adds_space(t, &space));
        if (!bytes) v->add_space_prefix = space;
    }
    if (t->model == &model_unigram) TRY(export_rules(x, t, v));
    settle(x, v);
    return LOREC_OK;
}

lorec_err tokenizer_to_vocabulary(const tokenizer *t, size_t n, const char *pre, tokenizer_vocabulary *out)
{
    exported x = {0};
    *out = tokenizer_vocabulary_none();
    lorec_err e = export_all(t, n, &x, out);
    if (e) {
        buf_free(&x.text);
        mem_free(x.piece);
        mem_free(x.merge);
        mem_free(x.score);
        mem_free(x.type);
        *out = tokenizer_vocabulary_none();
        return e;
    }
    out->owned = x.text.p;
    e = export_check(t, pre, out);
    if (e) tokenizer_vocabulary_free(out);
    return e;
}

void tokenizer_vocabulary_free(tokenizer_vocabulary *v)
{
    mem_free(v->owned);
    mem_free(v->owned_pre);
    mem_free((void *)(uintptr_t)v->piece);
    mem_free((void *)(uintptr_t)v->merge);
    mem_free((void *)(uintptr_t)v->score);
    mem_free((void *)(uintptr_t)v->type);
    *v = tokenizer_vocabulary_none();
}
