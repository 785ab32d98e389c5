/* Normalizers: steps over the whole text. Each reads w->text and leaves the new text there. */
#include <utf8proc.h>

#include "text/tokenizer/parts.h"
#include "text/unicode.h"

static slice text_of(const workspace *w)
{
    return (slice){w->text.p ? w->text.p : "", w->text.n};
}

static lorec_err take_other(workspace *w, lorec_err e)
{
    if (!e) workspace_swap_text(w);
    return e;
}

/* ---- Unicode ------------------------------------------------------------------------------------------------------------ */

static lorec_err normal_form(workspace *w, unicode_form form)
{
    buf_clear(&w->other);
    return take_other(w, unicode_normalize(&w->other, text_of(w), form));
}
static lorec_err run_nfc(const step *s, workspace *w)
{
    (void)s;
    return normal_form(w, UNICODE_NFC);
}
static lorec_err run_nfd(const step *s, workspace *w)
{
    (void)s;
    return normal_form(w, UNICODE_NFD);
}
static lorec_err run_nfkc(const step *s, workspace *w)
{
    (void)s;
    return normal_form(w, UNICODE_NFKC);
}
static lorec_err run_nfkd(const step *s, workspace *w)
{
    (void)s;
    return normal_form(w, UNICODE_NFKD);
}

static lorec_err run_lowercase(const step *s, workspace *w)
{
    (void)s;
    buf_clear(&w->other);
    return take_other(w, unicode_lower(&w->other, text_of(w)));
}

/* Keeps the characters that `keep` likes. */
static lorec_err filter(workspace *w, bool (*drop)(uint32_t))
{
    buf_clear(&w->other);
    slice text = text_of(w);
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        const char *at = p;
        if (!drop(utf8_next(&p))) TRY(buf_add(&w->other, at, (size_t)(p - at)));
    }
    return take_other(w, LOREC_OK);
}

static lorec_err run_strip_accents(const step *s, workspace *w)
{
    (void)s;
    return filter(w, unicode_is_mark);
}

/* What machine translation data calls noise: controls and zero-width characters go, odd spaces become spaces. */
static bool nmt_drops(uint32_t c)
{
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}
static bool nmt_space(uint32_t c)
{
    return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
           c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}
static lorec_err run_nmt(const step *s, workspace *w)
{
    (void)s;
    buf_clear(&w->other);
    slice text = text_of(w);
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        const char *at = p;
        uint32_t c = utf8_next(&p);
        if (nmt_drops(c)) continue;
        TRY(nmt_space(c) ? buf_add(&w->other, " ", 1) : buf_add(&w->other, at, (size_t)(p - at)));
    }
    return take_other(w, LOREC_OK);
}

/* ---- ends, replacements -------------------------------------------------------------------------------------------------- */

static lorec_err read_strip(step *s, const json_t *row)
{
    TRY(json_get_bool_or(row, "strip_left", true, &s->left));
    return json_get_bool_or(row, "strip_right", true, &s->right);
}
static lorec_err run_strip(const step *s, workspace *w)
{
    slice text = text_of(w);
    const char *begin = text.p, *end = text.p + text.n;
    for (const char *p = begin; s->left && p < end && unicode_is_space(utf8_next(&p));) begin = p;
    while (s->right && end > begin) {
        const char *at = utf8_previous(begin, end), *p = at;
        if (!unicode_is_space(utf8_next(&p))) break;
        end = at;
    }
    buf_clear(&w->other);
    return take_other(w, buf_add(&w->other, begin, (size_t)(end - begin)));
}

static lorec_err read_prepend(step *s, const json_t *row)
{
    const json_t *text = json_object_get(row, "prepend");
    if (!json_is_string(text)) return err_set(LOREC_INPUT, "Prepend needs the text \"prepend\"");
    return buf_add(&s->content, json_string_value(text), json_string_length(text));
}
static lorec_err run_prepend(const step *s, workspace *w)
{
    if (w->text.n == 0) return LOREC_OK;
    buf_clear(&w->other);
    TRY(buf_add(&w->other, s->content.p, s->content.n));
    return take_other(w, buf_add(&w->other, w->text.p, w->text.n));
}

static lorec_err read_replace(step *s, const json_t *row)
{
    const json_t *content = json_object_get(row, "content");
    if (!json_is_string(content)) return err_set(LOREC_INPUT, "Replace needs the text \"content\"");
    TRY(buf_add(&s->content, json_string_value(content), json_string_length(content)));
    return step_pattern(s, json_object_get(row, "pattern"));
}
lorec_err replace_all(const step *s, workspace *w, slice text, buf *out)
{
    regex_match m = {0};
    for (size_t done = 0;; done = m.end) {
        TRY(regex_next(s->pattern, w->regex, text, &m));
        if (!m.found) return buf_add(out, text.p + done, text.n - done);
        TRY(buf_add(out, text.p + done, m.begin - done));
        TRY(buf_add(out, s->content.p, s->content.n));
    }
}
static lorec_err run_replace(const step *s, workspace *w)
{
    buf_clear(&w->other);
    return take_other(w, replace_all(s, w, text_of(w), &w->other));
}

/* Normalizing by ByteLevel writes bytes as their characters; only a vocabulary without a ByteLevel pre-tokenizer has it. */
static lorec_err run_byte_level(const step *s, workspace *w)
{
    (void)s;
    buf_clear(&w->bytes);
    TRY(unicode_unescape(&w->bytes, text_of(w)));
    buf_clear(&w->other);
    return take_other(w, byte_level_encode((slice){w->bytes.p, w->bytes.n}, &w->other));
}

/* ---- BERT --------------------------------------------------------------------------------------------------------------- */

static lorec_err read_bert(step *s, const json_t *row)
{
    TRY(json_get_bool_or(row, "clean_text", true, &s->clean));
    TRY(json_get_bool_or(row, "handle_chinese_chars", true, &s->cjk));
    TRY(json_get_bool_or(row, "lowercase", true, &s->lower));
    return json_get_bool_or(row, "strip_accents", s->lower, &s->accents);
}
static lorec_err run_bert(const step *s, workspace *w)
{
    buf_clear(&w->other);
    slice text = text_of(w);
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        const char *at = p;
        uint32_t c = utf8_next(&p);
        bool blank = c == '\t' || c == '\n' || c == '\r' || unicode_is_space(c);
        if (s->clean && !(c == '\t' || c == '\n' || c == '\r') && (c == 0 || c == 0xFFFD || unicode_is_other(c)))
            continue;
        if (s->clean && blank)
            TRY(buf_add(&w->other, " ", 1));
        else if (s->cjk && unicode_is_cjk(c))
            TRY(buf_printf(&w->other, " %.*s ", (int)(p - at), at));
        else
            TRY(buf_add(&w->other, at, (size_t)(p - at)));
    }
    workspace_swap_text(w);
    if (s->accents) {
        TRY(normal_form(w, UNICODE_NFD));
        TRY(filter(w, unicode_is_nonspacing));
    }
    return s->lower ? run_lowercase(s, w) : LOREC_OK;
}

/* ---- SentencePiece's rules ---------------------------------------------------------------------------------------------- */

static lorec_err read_precompiled(step *s, const json_t *row)
{
    const json_t *map = json_object_get(row, "precompiled_charsmap");
    if (json_is_null(map)) return LOREC_OK;
    if (!json_is_string(map)) return err_set(LOREC_INPUT, "Precompiled needs the text \"precompiled_charsmap\"");
    buf bytes = {0};
    lorec_err e = base64_decode((slice){json_string_value(map), json_string_length(map)}, &bytes);
    if (!e) e = charsmap_open(&s->map, (slice){bytes.p, bytes.n});
    buf_free(&bytes);
    return e;
}

/* The end of the grapheme cluster that begins at p. */
static const char *grapheme_end(const char *p, const char *end)
{
    utf8proc_int32_t state = 0, before = (utf8proc_int32_t)utf8_next(&p);
    while (p < end) {
        const char *q = p;
        utf8proc_int32_t c = (utf8proc_int32_t)utf8_next(&q);
        if (utf8proc_grapheme_break_stateful(before, c, &state)) break;
        before = c;
        p = q;
    }
    return p;
}

/* As Hugging Face's tokenizers applies the rules: a whole grapheme of fewer than six bytes by the rule for its shortest
 * known beginning, else each character by its own. */
static lorec_err run_precompiled(const step *s, workspace *w)
{
    buf_clear(&w->other);
    slice text = text_of(w), with;
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        const char *next = (unsigned char)*p < 0x80 && p + 1 < end && (unsigned char)p[1] < 0x80 && *p != '\r'
                               ? p + 1
                               : grapheme_end(p, end);
        size_t n = (size_t)(next - p);
        if (n < 6 && charsmap_shortest(&s->map, (slice){p, n}, &with)) {
            TRY(buf_add(&w->other, with.p, with.n));
            p = next;
        }
        while (p < next) {
            const char *at = p;
            utf8_next(&p);
            slice one = {at, (size_t)(p - at)};
            if (charsmap_shortest(&s->map, one, &with)) one = with;
            TRY(buf_add(&w->other, one.p, one.n));
        }
    }
    return take_other(w, LOREC_OK);
}

/* SentencePiece's own normalizer: rules by the longest match (user-defined pieces are left alone), spaces trimmed and
 * joined where `clean` is set, a space put before where `left` is (after where `right` is), all spaces written "▁"
 * where `split` is. */
static lorec_err run_sentencepiece(const step *s, workspace *w)
{
    static const char mark[] = "\xE2\x96\x81";
    slice space = s->split ? (slice){mark, 3} : (slice){" ", 1};
    buf_clear(&w->other);
    slice text = text_of(w);
    size_t i = 0;
    if (w->text.n == 0) return LOREC_OK;
    bool after_space = s->clean, begun = false;
    for (; i < text.n;) {
        slice rest = {text.p + i, text.n - i}, with;
        size_t used = 0;
        if (s->keep && byte_trie_longest(s->keep, rest, &used) >= 0) {
            with = (slice){rest.p, used};
        } else {
            used = charsmap_longest(&s->map, rest, &with);
            if (!used) {
                used = utf8_length((unsigned char)rest.p[0]);
                with = (slice){rest.p, used};
            }
        }
        i += used;
        if (!begun) { /* leading spaces go first, then the dummy prefix comes */
            if (s->clean && with.n == 1 && with.p[0] == ' ') continue;
            if (s->left) TRY(buf_add(&w->other, space.p, space.n));
            begun = true;
        }
        while (after_space && with.n && with.p[0] == ' ') with.p++, with.n--;
        for (size_t k = 0; k < with.n; k++)
            TRY(with.p[k] == ' ' ? buf_add(&w->other, space.p, space.n) : buf_add(&w->other, &with.p[k], 1));
        if (with.n) after_space = s->clean && with.p[with.n - 1] == ' ';
    }
    while (s->clean && w->other.n >= space.n && memcmp(w->other.p + w->other.n - space.n, space.p, space.n) == 0)
        w->other.n -= space.n;
    if (s->right && begun) TRY(buf_add(&w->other, space.p, space.n));
    return take_other(w, LOREC_OK);
}

const step_kind normalizer_sentencepiece = {"SentencePiece", NULL, run_sentencepiece};

const step_kind normalizer_kinds[] = {
    {"NFC", NULL, run_nfc},
    {"NFD", NULL, run_nfd},
    {"NFKC", NULL, run_nfkc},
    {"NFKD", NULL, run_nfkd},
    {"Lowercase", NULL, run_lowercase},
    {"StripAccents", NULL, run_strip_accents},
    {"Strip", read_strip, run_strip},
    {"Prepend", read_prepend, run_prepend},
    {"Replace", read_replace, run_replace},
    {"BertNormalizer", read_bert, run_bert},
    {"Precompiled", read_precompiled, run_precompiled},
    {"Nmt", NULL, run_nmt},
    {"ByteLevel", NULL, run_byte_level},
    {NULL},
};
