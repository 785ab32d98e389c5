/* Added and special tokens: texts that are one token wherever they stand, found before anything else is done. */
#include "text/tokenizer/parts.h"
#include "text/unicode.h"

enum { ADDED_MAX = 1 << 20 };

lorec_err tokenizer_add(tokenizer *t, added_token a, slice text)
{
    if (text.n == 0) return LOREC_OK;
    if (t->n_added >= ADDED_MAX) return err_set(LOREC_INPUT, "more than %d added tokens", ADDED_MAX);
    int32_t known;
    tokenizer_type type = a.special ? TOKENIZER_TYPE_CONTROL : TOKENIZER_TYPE_USER_DEFINED;
    if (vocabulary_find(&t->vocabulary, text, &known)) {
        a.id = known;
        if (a.special) t->vocabulary.type[known] = (uint8_t)type;
    } else {
        TRY(vocabulary_add(&t->vocabulary, a.id, text, 0, type));
    }
    a.text = (buf){0};
    for (size_t i = 0; i < t->n_added;
         i++) /* said again (tokenizer.json and tokenizer_config.json): the last one counts */
        if (t->added[i].id == a.id) {
            buf_free(&t->added[i].text);
            t->added[i] = a;
            return buf_add(&t->added[i].text, text.p, text.n);
        }
    TRY(mem_grow(&t->added, &t->added_cap, t->n_added + 1));
    t->added[t->n_added] = a;
    return buf_add(&t->added[t->n_added++].text, text.p, text.n);
}

/* Tokens that are looked for after normalisation are looked for as normalisation writes them. */
static lorec_err normalized_text(tokenizer *t, const added_token *a, buf *out)
{
    workspace *w;
    TRY(workspace_take(t, &w));
    buf_clear(&w->text);
    regex_scratch_start(w->regex, a->text.n);
    lorec_err e = buf_add(&w->text, a->text.p, a->text.n);
    if (!e) e = steps_run(&t->normalizer, w);
    if (!e) e = buf_add(out, w->text.p, w->text.n);
    workspace_give(t, w);
    return e;
}

lorec_err added_build(tokenizer *t)
{
    for (size_t i = 0; i < t->n_added; i++) {
        const added_token *a = &t->added[i];
        if (!utf8_valid((slice){a->text.p, a->text.n})) continue;
        if (!a->normalized || a->verbatim || t->normalizer.n == 0) {
            byte_trie *trie = a->normalized ? &t->normalized_added : &t->raw_added;
            TRY(byte_trie_add(trie, (slice){a->text.p, a->text.n}, (int32_t)i));
            continue;
        }
        buf text = {0};
        lorec_err e = normalized_text(t, a, &text);
        if (!e && text.n) e = byte_trie_add(&t->normalized_added, (slice){text.p, text.n}, (int32_t)i);
        buf_free(&text);
        TRY(e);
    }
    return LOREC_OK;
}

static bool word_before(slice s, size_t at)
{
    if (at == 0) return false;
    const char *p = utf8_previous(s.p, s.p + at);
    return unicode_is_word(utf8_next(&p));
}
static bool word_after(slice s, size_t at)
{
    const char *p = s.p + at;
    return at < s.n && unicode_is_word(utf8_next(&p));
}

bool added_next(const tokenizer *t, const byte_trie *trie, slice s, size_t from, unsigned flags, span *at, int32_t *id)
{
    size_t begin = from, n = 0;
    for (size_t i = from; i < s.n; i += n ? n : 1) {
        n = 0;
        if (!trie->root[(unsigned char)s.p[i]]) continue;
        int32_t found = byte_trie_longest(trie, (slice){s.p + i, s.n - i}, &n);
        if (found < 0) {
            n = 0;
            continue;
        }
        const added_token *a = &t->added[found];
        if (a->special && !(flags & TOKENIZER_PARSE_SPECIAL)) continue; /* it stays text, as a whole */
        if (a->single_word && (word_before(s, i) || word_after(s, i + n))) continue;
        *at = (span){i, i + n};
        *id = a->id;
        while (a->strip_left && at->begin > begin) {
            const char *p = utf8_previous(s.p + begin, s.p + at->begin), *q = p;
            if (!unicode_is_space(utf8_next(&q))) break;
            at->begin = (size_t)(p - s.p);
        }
        while (a->strip_right && at->end < s.n) {
            const char *p = s.p + at->end;
            if (!unicode_is_space(utf8_next(&p))) break;
            at->end = (size_t)(p - s.p);
        }
        return true;
    }
    return false;
}
