/* What a vocabulary of SentencePiece does beside its pieces, whichever file it comes from: its normalizer, its merges by
 * score, its special pieces, its way back to text. */
#include "text/tokenizer/sentencepiece.h"

#include <stdlib.h>

#include "text/unicode.h"

enum { MERGED_MAX = 256 }; /* bytes of a piece whose merges are looked for */

/* ---- BPE by scores ------------------------------------------------------------------------------------------------------- */

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

static uint32_t rank_of(const double *sorted, size_t n, double score)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sorted[middle] > score)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static bool merged(const vocabulary *v, int32_t id)
{
    return v->type[id] == TOKENIZER_TYPE_NORMAL || v->type[id] == TOKENIZER_TYPE_UNUSED;
}

/* The symbol that a part of a piece is: its piece, or for one character that is none, a loose one. */
static lorec_err part_id(tokenizer *t, slice part, int32_t *id)
{
    if (vocabulary_find(&t->vocabulary, part, id)) {
        if (!merged(&t->vocabulary, *id)) *id = -1;
        return LOREC_OK;
    }
    *id = -1;
    if (utf8_length((unsigned char)part.p[0]) != part.n) return LOREC_OK;
    uint32_t loose;
    TRY(ids_add(&t->loose, part, &loose));
    *id = (int32_t)(t->vocabulary.n + loose);
    return LOREC_OK;
}

/* Every way to make a piece of two symbols is a merge; the piece's score ranks it. */
static lorec_err merges_of(tokenizer *t, int32_t id, uint32_t rank)
{
    slice text = vocabulary_text(&t->vocabulary, id);
    if (text.n > MERGED_MAX || !utf8_valid(text)) return LOREC_OK;
    for (size_t cut = utf8_length((unsigned char)text.p[0]); cut < text.n;
         cut += utf8_length((unsigned char)text.p[cut])) {
        int32_t left, right;
        TRY(part_id(t, (slice){text.p, cut}, &left));
        TRY(part_id(t, (slice){text.p + cut, text.n - cut}, &right));
        if (left >= 0 && right >= 0) TRY(merges_add(&t->merges, left, right, rank, id));
    }
    return LOREC_OK;
}

static lorec_err merges_by_score(tokenizer *t)
{
    const vocabulary *v = &t->vocabulary;
    double *score;
    size_t n = 0;
    TRY(mem_new(&score, v->n));
    for (size_t i = 0; i < v->n; i++) score[n++] = v->score[i];
    qsort(score, n, sizeof *score, descending);
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < v->n && !e; i++)
        if (v->text_of[i] && merged(v, (int32_t)i) && vocabulary_text(v, (int32_t)i).n > 1)
            e = merges_of(t, (int32_t)i, rank_of(score, n, v->score[i]));
    mem_free(score);
    return e;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------------ */

static lorec_err add_pieces(tokenizer *t)
{
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        slice text = vocabulary_text(&t->vocabulary, (int32_t)i);
        uint8_t type = t->vocabulary.type[i];
        added_token a = {.id = (int32_t)i};
        if (!text.n) continue;
        if (type == TOKENIZER_TYPE_USER_DEFINED) {
            a.normalized = a.verbatim = true;
            if (utf8_valid(text)) TRY(byte_trie_add(&t->kept, text, (int32_t)i));
        } else if (type == TOKENIZER_TYPE_CONTROL || type == TOKENIZER_TYPE_UNKNOWN) {
            a.special = true;
        } else {
            t->byte_fallback |= type == TOKENIZER_TYPE_BYTE;
            continue;
        }
        TRY(tokenizer_add(t, a, text));
        t->vocabulary.type[i] = type;
    }
    return LOREC_OK;
}

lorec_err sentencepiece_finish(tokenizer *t, const sentencepiece *s)
{
    step *made;
    if (icetk_is(t)) TRY(icetk_begin(t));
    TRY(steps_add(&t->normalizer, &normalizer_sentencepiece, &made));
    made->left = s->dummy_prefix && !s->suffix;
    made->right = s->dummy_prefix && s->suffix;
    made->clean = s->remove_extra;
    made->split = s->escape;
    TRY(charsmap_open(&made->map, s->charsmap));
    TRY(add_pieces(t));
    t->fuse_unknown = true;
    t->model = s->bpe ? &model_bpe : &model_unigram;
    if (s->bpe) TRY(merges_by_score(t));
    if (s->escape)
        TRY(preset_decoder(t,
                           "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\xE2\x96\x81\"}, \"content\": \" \"}"));
    TRY(preset_decoder(t, "{\"type\": \"ByteFallback\"}"));
    TRY(preset_decoder(t, "{\"type\": \"Fuse\"}"));
    if (s->dummy_prefix && s->suffix)
        return preset_decoder(t, "{\"type\": \"Strip\", \"content\": \" \", \"start\": 0, \"stop\": 1}");
    if (s->dummy_prefix)
        return preset_decoder(t, "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}");
    return LOREC_OK;
}
