/* Ids to text, all at once and one at a time. */
#include "text/tokenizer/parts.h"
#include "text/unicode.h"

/* The pieces of the ids as words of the workspace. Added tokens of a byte-level vocabulary are written as they are. */
static lorec_err put_pieces(const tokenizer *t, workspace *w, const int32_t *id, size_t n, unsigned flags)
{
    buf_clear(&w->text);
    TRY(buf_add(&w->text, "", 0));
    w->words.n = 0;
    for (size_t i = 0; i < n; i++) {
        slice piece = vocabulary_text(&t->vocabulary, id[i]);
        if (!piece.p)
            return err_set(LOREC_INPUT, "id %lld, number %zu of the list, is not in the vocabulary (%zu ids)",
                           (long long)id[i], i, t->vocabulary.n);
        if (t->special[id[i]] && !(flags & TOKENIZER_PARSE_SPECIAL)) continue;
        size_t from = w->text.n;
        uint8_t type = t->vocabulary.type[id[i]];
        if (t->byte_level && (type == TOKENIZER_TYPE_USER_DEFINED || type == TOKENIZER_TYPE_CONTROL))
            TRY(byte_level_encode(piece, &w->text));
        else
            TRY(utf8_valid(piece) ? buf_add(&w->text, piece.p, piece.n) : unicode_escape(&w->text, piece));
        TRY(spans_add(&w->words, from, w->text.n));
    }
    return LOREC_OK;
}

static lorec_err decode_with(const tokenizer *t, workspace *w, const int32_t *id, size_t n, unsigned flags, buf *out)
{
    TRY(put_pieces(t, w, id, n, flags));
    if (w->words.n == 0) return LOREC_OK;
    regex_scratch_start(w->regex, w->text.n);
    TRY(steps_run(&t->decoder, w));
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        if (i && t->decoder.n == 0) TRY(buf_add(out, " ", 1));
        TRY(unicode_unescape(out, word));
    }
    return LOREC_OK;
}

lorec_err tokenizer_decode(const tokenizer *t, const int32_t *id, size_t n, unsigned flags, buf *out)
{
    size_t before = out->n;
    workspace *w;
    TRY(buf_add(out, "", 0));
    TRY(workspace_take(t, &w));
    lorec_err e = decode_with(t, w, id, n, flags, out);
    workspace_give(t, w);
    if (e) out->n = before;
    return e;
}

/* ---- one at a time ------------------------------------------------------------------------------------------------------ */

/* What an id adds depends on those before it only through the last one that wrote something ("▁a" is " a" after it and
 * may be "a" at the start), so the window begins there. It is cut where the text is whole characters. */
lorec_err token_stream_put(token_stream *s, int32_t id, buf *out)
{
    buf text = {0};
    TRY(tokens_add(&s->window, id));
    lorec_err e = tokenizer_decode(s->tokenizer, s->window.id, s->window.n, s->flags, &text);
    if (e) {
        s->window.n--;
        buf_free(&text);
        return e;
    }
    size_t whole = text.n - utf8_partial((slice){text.p, text.n});
    if (whole > s->given) {
        e = buf_add(out, text.p + s->given, whole - s->given);
        s->given = whole;
    }
    if (!e && whole == text.n && text.n) {
        size_t keep = s->window.n - s->clean; /* the ids since the last cut wrote the end of the text */
        buf_clear(&text);
        e = tokenizer_decode(s->tokenizer, s->window.id + s->clean, keep, s->flags, &text);
        if (!e && text.n) {
            memmove(s->window.id, s->window.id + s->clean, keep * sizeof *s->window.id);
            s->window.n = s->clean = keep;
            s->given = text.n;
        }
    }
    buf_free(&text);
    return e;
}

lorec_err token_stream_end(token_stream *s, buf *out)
{
    buf text = {0};
    lorec_err e = tokenizer_decode(s->tokenizer, s->window.id, s->window.n, s->flags, &text);
    if (!e && text.n > s->given) e = buf_add(out, text.p + s->given, text.n - s->given);
    buf_free(&text);
    tokens_free(&s->window);
    s->given = s->clean = 0;
    return e;
}

lorec_err tokenizer_bytes(const tokenizer *t, int32_t id, buf *out)
{
    buf both = {0}, alone = {0};
    if (tokenizer_is_special(t, id)) return LOREC_OK;
    const int32_t two[] = {t->anchor, id};
    lorec_err e = tokenizer_decode(t, two, 1, TOKENIZER_PLAIN, &alone);
    if (!e) e = tokenizer_decode(t, two, 2, TOKENIZER_PLAIN, &both);
    if (!e && both.n >= alone.n) e = buf_add(out, both.p + alone.n, both.n - alone.n);
    buf_free(&both);
    buf_free(&alone);
    return e;
}

lorec_err tokenizer_find_anchor(tokenizer *t)
{
    buf text = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < t->vocabulary.n && !e; i++) {
        slice piece = vocabulary_text(&t->vocabulary, (int32_t)i);
        if (t->vocabulary.type[i] != TOKENIZER_TYPE_NORMAL || t->special[i] || piece.n != 1 ||
            !unicode_is_word((unsigned char)piece.p[0] & 0x7F) || (unsigned char)piece.p[0] >= 0x80)
            continue;
        buf_clear(&text);
        e = tokenizer_decode(t, (int32_t[]){(int32_t)i}, 1, TOKENIZER_PLAIN, &text);
        if (e || !text.n) continue;
        t->anchor = (int32_t)i;
        break;
    }
    buf_free(&text);
    return e;
}
