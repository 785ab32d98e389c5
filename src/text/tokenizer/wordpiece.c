/* WordPiece (Schuster and Nakajima 2012, as BERT uses it): from the left, the longest piece that the word goes on with;
 * a word that cannot be finished is one unknown token. WordLevel: a word is a token or unknown. */
#include "text/tokenizer/parts.h"
#include "text/unicode.h"

enum { LONGEST = 100 };

static lorec_err put_unknown(const tokenizer *t, tokens *out)
{
    return t->role[TOKENIZER_UNK] < 0 ? LOREC_OK : tokens_add(out, t->role[TOKENIZER_UNK]);
}

static lorec_err encode_pieces(const tokenizer *t, workspace *w, slice word, tokens *out)
{
    (void)w;
    size_t before = out->n, characters = 0;
    for (size_t i = 0; i < word.n; i++) characters += ((unsigned char)word.p[i] & 0xC0) != 0x80;
    if (t->longest_word && characters > (size_t)t->longest_word) return put_unknown(t, out);
    for (slice rest = word; rest.n;) {
        size_t n = 0;
        int32_t id = byte_trie_longest(rest.p == word.p ? &t->first : &t->inner, rest, &n);
        if (id < 0) {
            out->n = before;
            return put_unknown(t, out);
        }
        TRY(tokens_add(out, id));
        rest.p += n;
        rest.n -= n;
    }
    return LOREC_OK;
}

static lorec_err encode_word(const tokenizer *t, workspace *w, slice word, tokens *out)
{
    (void)w;
    int32_t id;
    bool known = vocabulary_find(&t->vocabulary, word, &id) && !t->special[id];
    return known ? tokens_add(out, id) : put_unknown(t, out);
}

static lorec_err read_unknown(tokenizer *t, const json_t *row, const char *fallback)
{
    const char *unknown;
    TRY(json_get_string_or(row, "unk_token", fallback, &unknown));
    if (!vocabulary_find(&t->vocabulary, slice_of(unknown), &t->role[TOKENIZER_UNK])) t->role[TOKENIZER_UNK] = -1;
    return LOREC_OK;
}

static lorec_err read_pieces(tokenizer *t, const json_t *row)
{
    const char *prefix;
    TRY(json_get_string_or(row, "continuing_subword_prefix", "##", &prefix));
    TRY(buf_puts(&t->prefix, prefix));
    TRY(json_get_i64_or(row, "max_input_chars_per_word", 1, INT32_MAX, LONGEST, &t->longest_word));
    return read_unknown(t, row, "[UNK]");
}

static lorec_err read_words(tokenizer *t, const json_t *row)
{
    return read_unknown(t, row, "<unk>");
}

/* Pieces inside a word begin with the prefix ("##ing"); where no prefix is used, every piece may stand anywhere. */
static lorec_err build_pieces(tokenizer *t)
{
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        slice text = vocabulary_text(&t->vocabulary, (int32_t)i);
        if (!text.n || t->special[i]) continue;
        if (t->first_marked) {
            bool first = text.n > 3 && memcmp(text.p, "\xE2\x96\x81", 3) == 0;
            if (first) text.p += 3, text.n -= 3;
            TRY(byte_trie_add(first ? &t->first : &t->inner, text, (int32_t)i));
            continue;
        }
        bool inner = text.n >= t->prefix.n && memcmp(text.p, t->prefix.p ? t->prefix.p : "", t->prefix.n) == 0;
        TRY(byte_trie_add(&t->first, text, (int32_t)i));
        if (inner && text.n > t->prefix.n)
            TRY(byte_trie_add(&t->inner, (slice){text.p + t->prefix.n, text.n - t->prefix.n}, (int32_t)i));
    }
    return LOREC_OK;
}

static lorec_err build_words(tokenizer *t)
{
    (void)t;
    return LOREC_OK;
}

const model_kind model_wordpiece = {"WordPiece", read_pieces, build_pieces, encode_pieces, true};
const model_kind model_wordlevel = {"WordLevel", read_words, build_words, encode_word, false};
