/* llama2.c's tokenizer.bin: i32 length of the longest piece, then for each piece f32 score, i32 length, its bytes; little-
 * endian, up to the end of the file. SentencePiece's pieces with blanks for "▁"; the first three are unknown, begin, end. */
#include "text/tokenizer/sentencepiece.h"

static bool take(slice *s, void *into, size_t n)
{
    if (s->n < n) return false;
    memcpy(into, s->p, n);
    s->p += n;
    s->n -= n;
    return true;
}

lorec_err read_llama2c(tokenizer *t, slice bytes)
{
    static const tokenizer_type first[] = {TOKENIZER_TYPE_UNKNOWN, TOKENIZER_TYPE_CONTROL, TOKENIZER_TYPE_CONTROL};
    const char *start = bytes.p;
    int32_t longest, n;
    float score;
    if (!take(&bytes, &longest, sizeof longest) || longest <= 0)
        return err_set(LOREC_INPUT, "it does not begin with the length of the longest piece");
    while (bytes.n) {
        size_t at = (size_t)(bytes.p - start);
        int64_t id = (int64_t)t->vocabulary.n;
        if (!take(&bytes, &score, sizeof score) || !take(&bytes, &n, sizeof n) || n < 0 || n > longest ||
            (size_t)n > bytes.n || score != score)
            return err_set(LOREC_INPUT, "byte %zu: piece %lld is cut off or longer than the longest", at,
                           (long long)id);
        slice text = {bytes.p, (size_t)n};
        tokenizer_type type = id < 3 ? first[id] : byte_piece(text) >= 0 ? TOKENIZER_TYPE_BYTE : TOKENIZER_TYPE_NORMAL;
        TRY(vocabulary_add(&t->vocabulary, id, text, (double)score, type));
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    if (t->vocabulary.n < 3) return err_set(LOREC_INPUT, "it holds %zu pieces", t->vocabulary.n);
    t->role[TOKENIZER_UNK] = 0;
    t->role[TOKENIZER_BOS] = 1;
    t->role[TOKENIZER_EOS] = 2;
    t->add_bos = true;
    return sentencepiece_finish(t, &(sentencepiece){.bpe = true, .dummy_prefix = true});
}
