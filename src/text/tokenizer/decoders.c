/* Decoders: steps over the pieces of ids, which are the workspace's words; what is left in the end is joined. */
#include "text/tokenizer/parts.h"
#include "text/unicode.h"

/* New words are written to w->other and w->made. */
static void begin(workspace *w)
{
    buf_clear(&w->other);
    w->made.n = 0;
}
static lorec_err end_word(workspace *w, size_t from)
{
    return spans_add(&w->made, from, w->other.n);
}
static lorec_err take(workspace *w)
{
    workspace_swap_text(w);
    workspace_swap_words(w);
    return LOREC_OK;
}

/* Bytes as text: where they are no UTF-8, each odd one as its character. */
static lorec_err put_bytes(workspace *w, slice bytes)
{
    return unicode_needs_escape(bytes) ? unicode_escape(&w->other, bytes) : buf_add(&w->other, bytes.p, bytes.n);
}

static lorec_err run_byte_level(const step *s, workspace *w)
{
    (void)s;
    begin(w);
    buf_clear(&w->bytes);
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        lorec_err e;
        if (!byte_level_decode(word, &w->bytes, &e)) e = buf_add(&w->bytes, word.p, word.n);
        TRY(e);
    }
    TRY(put_bytes(w, (slice){w->bytes.p, w->bytes.n}));
    TRY(end_word(w, 0));
    return take(w);
}

static lorec_err run_byte_fallback(const step *s, workspace *w)
{
    (void)s;
    begin(w);
    for (size_t i = 0; i < w->words.n;) {
        size_t from = w->other.n;
        slice word = workspace_word(w, i);
        if (byte_piece(word) < 0) {
            TRY(buf_add(&w->other, word.p, word.n));
            i++;
        } else { /* a run of bytes is decoded as a whole */
            buf_clear(&w->bytes);
            for (int byte; i < w->words.n && (byte = byte_piece(workspace_word(w, i))) >= 0; i++) {
                char one = (char)byte;
                TRY(buf_add(&w->bytes, &one, 1));
            }
            TRY(put_bytes(w, (slice){w->bytes.p, w->bytes.n}));
        }
        TRY(end_word(w, from));
    }
    return take(w);
}

static lorec_err run_fuse(const step *s, workspace *w)
{
    (void)s;
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        TRY(buf_add(&w->other, word.p, word.n));
    }
    TRY(end_word(w, 0));
    return take(w);
}

static lorec_err read_metaspace(step *s, const json_t *row)
{
    const char *replacement, *scheme;
    bool prefix;
    TRY(json_get_string_or(row, "replacement", "\xE2\x96\x81", &replacement));
    TRY(json_get_bool_or(row, "add_prefix_space", true, &prefix));
    TRY(json_get_string_or(row, "prepend_scheme", prefix ? "always" : "never", &scheme));
    s->left = strcmp(scheme, "never") != 0;
    return buf_puts(&s->text, replacement);
}
static lorec_err run_metaspace(const step *s, workspace *w)
{
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        slice rest = workspace_word(w, i);
        size_t from = w->other.n, n = s->text.n;
        while (rest.n) {
            bool mark = n && rest.n >= n && memcmp(rest.p, s->text.p, n) == 0;
            bool prefix = mark && s->left && i == 0 && w->other.n == 0 && rest.p == workspace_word(w, 0).p;
            size_t used = mark ? n : 1;
            if (!prefix) TRY(mark ? buf_add(&w->other, " ", 1) : buf_add(&w->other, rest.p, 1));
            rest.p += used;
            rest.n -= used;
        }
        TRY(end_word(w, from));
    }
    return take(w);
}

/* English written as WordPiece leaves it: " ." becomes ".", " n't" becomes "n't". */
static lorec_err clean_up(slice text, buf *out)
{
    static const char *const rules[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                           {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                           {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    buf now = {0}, next = {0};
    lorec_err e = buf_add(&now, text.p, text.n);
    for (size_t r = 0; r < sizeof rules / sizeof *rules && !e; r++) {
        buf_clear(&next);
        slice rest = {now.p, now.n};
        for (size_t n = strlen(rules[r][0]); rest.n && !e;) {
            const char *at = memmem(rest.p, rest.n, rules[r][0], n);
            e = buf_add(&next, rest.p, at ? (size_t)(at - rest.p) : rest.n);
            if (!at) break;
            if (!e) e = buf_puts(&next, rules[r][1]);
            rest.n -= (size_t)(at - rest.p) + n;
            rest.p = at + n;
        }
        buf swap = now;
        now = next;
        next = swap;
    }
    if (!e) e = buf_add(out, now.p, now.n);
    buf_free(&now);
    buf_free(&next);
    return e;
}

static lorec_err run_clean(const step *s, workspace *w)
{
    (void)s;
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        size_t from = w->other.n;
        TRY(clean_up(workspace_word(w, i), &w->other));
        TRY(end_word(w, from));
    }
    return take(w);
}
const step_kind decoder_clean = {"clean", NULL, run_clean};

static lorec_err read_wordpiece(step *s, const json_t *row)
{
    const char *prefix;
    TRY(json_get_string_or(row, "prefix", "##", &prefix));
    TRY(json_get_bool_or(row, "cleanup", true, &s->clean));
    return buf_puts(&s->text, prefix);
}
static lorec_err run_wordpiece(const step *s, workspace *w)
{
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        size_t from = w->other.n;
        bool inner = i > 0 && s->text.n && word.n >= s->text.n && memcmp(word.p, s->text.p, s->text.n) == 0;
        if (inner) word.p += s->text.n, word.n -= s->text.n;
        buf_clear(&w->bytes);
        if (i > 0 && !inner) TRY(buf_add(&w->bytes, " ", 1));
        TRY(buf_add(&w->bytes, word.p, word.n));
        slice made = {w->bytes.p, w->bytes.n};
        TRY(s->clean ? clean_up(made, &w->other) : buf_add(&w->other, made.p, made.n));
        TRY(end_word(w, from));
    }
    return take(w);
}

static lorec_err read_bpe(step *s, const json_t *row)
{
    const char *suffix;
    TRY(json_get_string_or(row, "suffix", "</w>", &suffix));
    return buf_puts(&s->text, suffix);
}
static lorec_err run_bpe(const step *s, workspace *w)
{
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        slice rest = workspace_word(w, i);
        size_t from = w->other.n;
        while (rest.n) {
            const char *at = s->text.n ? memmem(rest.p, rest.n, s->text.p, s->text.n) : NULL;
            TRY(buf_add(&w->other, rest.p, at ? (size_t)(at - rest.p) : rest.n));
            if (!at) break;
            if (i + 1 < w->words.n) TRY(buf_add(&w->other, " ", 1));
            rest.n -= (size_t)(at - rest.p) + s->text.n;
            rest.p = at + s->text.n;
        }
        TRY(end_word(w, from));
    }
    return take(w);
}

static lorec_err read_strip(step *s, const json_t *row)
{
    const char *content;
    TRY(json_get_string_or(row, "content", " ", &content));
    TRY(json_get_i64_or(row, "start", 0, INT32_MAX, 0, &s->start));
    TRY(json_get_i64_or(row, "stop", 0, INT32_MAX, 0, &s->stop));
    return buf_puts(&s->text, content);
}
static lorec_err run_strip(const step *s, workspace *w)
{
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        size_t from = w->other.n, n = s->text.n;
        for (int64_t k = 0; k < s->start && n && word.n >= n && !memcmp(word.p, s->text.p, n); k++)
            word.p += n, word.n -= n;
        for (int64_t k = 0; k < s->stop && n && word.n >= n && !memcmp(word.p + word.n - n, s->text.p, n); k++)
            word.n -= n;
        TRY(buf_add(&w->other, word.p, word.n));
        TRY(end_word(w, from));
    }
    return take(w);
}

static lorec_err read_replace(step *s, const json_t *row)
{
    const json_t *content = json_object_get(row, "content");
    if (!json_is_string(content)) return err_set(LOREC_INPUT, "Replace needs the text \"content\"");
    TRY(buf_add(&s->content, json_string_value(content), json_string_length(content)));
    return step_pattern(s, json_object_get(row, "pattern"));
}
static lorec_err run_replace(const step *s, workspace *w)
{
    begin(w);
    for (size_t i = 0; i < w->words.n; i++) {
        size_t from = w->other.n;
        TRY(replace_all(s, w, workspace_word(w, i), &w->other));
        TRY(end_word(w, from));
    }
    return take(w);
}

const step_kind decoder_kinds[] = {
    {"ByteLevel", NULL, run_byte_level},
    {"ByteFallback", NULL, run_byte_fallback},
    {"Fuse", NULL, run_fuse},
    {"Metaspace", read_metaspace, run_metaspace},
    {"WordPiece", read_wordpiece, run_wordpiece},
    {"BPEDecoder", read_bpe, run_bpe},
    {"Strip", read_strip, run_strip},
    {"Replace", read_replace, run_replace},
    {NULL},
};
