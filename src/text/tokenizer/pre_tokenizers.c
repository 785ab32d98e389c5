/* Pre-tokenizers: steps that cut the words of w->text into smaller ones; some rewrite the text as well. */
#include "text/tokenizer/parts.h"
#include "text/unicode.h"

/* ---- cutting ------------------------------------------------------------------------------------------------------------ */

typedef struct piece {
    span at;
    bool match;
} piece;

/* One word being cut: its pieces come in order, each a match or what lies between. What the behaviour says happens at
 * once; only the word's own spans (made.n > from) are ever joined. */
typedef struct cutter {
    spans *made;
    size_t from;
    split_behavior behavior;
    bool invert, before; /* was the piece before this one a match? */
} cutter;

static lorec_err cut_add(cutter *c, size_t begin, size_t end, bool match)
{
    match ^= c->invert;
    span *last = c->made->n > c->from ? &c->made->at[c->made->n - 1] : NULL;
    bool before = c->before;
    c->before = match;
    switch (c->behavior) {
    case SPLIT_REMOVED:
        if (match) return LOREC_OK;
        break;
    case SPLIT_WITH_PREVIOUS:
        if (!match || before || !last) break;
        last->end = end;
        return LOREC_OK;
    case SPLIT_CONTIGUOUS:
        if (!last || before != match) break;
        last->end = end;
        return LOREC_OK;
    case SPLIT_WITH_NEXT: /* joined by cut_end, from the back */
    case SPLIT_ISOLATED:
        break;
    }
    return end > begin ? spans_add(c->made, begin, end) : LOREC_OK;
}

static cutter cut_begin(const step *s, workspace *w)
{
    return (cutter){&w->made, w->made.n, s->behavior, s->invert, false};
}

/* A "with next" cut needs to know which pieces were matches: they are cut again here, backwards. */
static lorec_err cut_with_next(spans *made, const piece *p, size_t n)
{
    size_t from = made->n;
    bool after = false;
    for (size_t i = n; i-- > 0;) {
        if (p[i].match && !after && made->n > from)
            made->at[made->n - 1].begin = p[i].at.begin;
        else if (p[i].at.end > p[i].at.begin)
            TRY(spans_add(made, p[i].at.begin, p[i].at.end));
        after = p[i].match;
    }
    for (size_t a = from, b = made->n; a + 1 < b; a++) {
        span s = made->at[a];
        made->at[a] = made->at[--b];
        made->at[b] = s;
    }
    return LOREC_OK;
}

/* From one match in a word to the next; *m is {0} before the first. */
typedef lorec_err (*finder)(const step *s, workspace *w, slice word, regex_match *m);

/* Cuts every word at what `find` finds. */
static lorec_err cut_words(const step *s, workspace *w, finder find)
{
    w->made.n = 0;
    piece *pieces = NULL;
    size_t cap = 0;
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < w->words.n && !e; i++) {
        slice word = workspace_word(w, i);
        size_t base = w->words.at[i].begin, n = 0;
        cutter c = cut_begin(s, w);
        regex_match m = {0};
        for (size_t done = 0; !e; done = m.end) {
            e = find(s, w, word, &m);
            size_t stop = m.found ? m.begin : word.n;
            span parts[2] = {{base + done, base + stop}, {base + stop, base + m.end}};
            for (int k = 0; k < 1 + m.found && !e; k++) {
                if (k == 0 && stop == done) continue;
                if (s->behavior != SPLIT_WITH_NEXT) {
                    e = cut_add(&c, parts[k].begin, parts[k].end, k);
                } else {
                    e = mem_grow(&pieces, &cap, n + 1);
                    if (!e) pieces[n++] = (piece){parts[k], (k == 1) != s->invert};
                }
            }
            if (!m.found) break;
        }
        if (!e && s->behavior == SPLIT_WITH_NEXT) e = cut_with_next(&w->made, pieces, n);
    }
    mem_free(pieces);
    if (!e) workspace_swap_words(w);
    return e;
}

static lorec_err find_by_pattern(const step *s, workspace *w, slice word, regex_match *m)
{
    return regex_next(s->pattern, w->regex, word, m);
}

static lorec_err find_character(slice word, bool (*is)(uint32_t), regex_match *m)
{
    const char *p = word.p + (m->found ? m->end : 0), *end = word.p + word.n;
    m->found = false;
    while (p < end && !m->found) {
        const char *at = p;
        if (is(utf8_next(&p))) *m = (regex_match){true, (size_t)(at - word.p), (size_t)(p - word.p)};
    }
    return LOREC_OK;
}
static lorec_err find_space(const step *s, workspace *w, slice word, regex_match *m)
{
    (void)s, (void)w;
    return find_character(word, unicode_is_space, m);
}
static lorec_err find_punctuation(const step *s, workspace *w, slice word, regex_match *m)
{
    (void)s, (void)w;
    return find_character(word, unicode_is_punctuation, m);
}
static lorec_err find_number(const step *s, workspace *w, slice word, regex_match *m)
{
    (void)s, (void)w;
    return find_character(word, unicode_is_number, m);
}
static lorec_err find_text(const step *s, workspace *w, slice word, regex_match *m)
{
    (void)w;
    size_t from = m->found ? m->end : 0;
    const char *at = s->text.n && from < word.n ? memmem(word.p + from, word.n - from, s->text.p, s->text.n) : NULL;
    m->found = at != NULL;
    if (at) *m = (regex_match){true, (size_t)(at - word.p), (size_t)(at - word.p) + s->text.n};
    return LOREC_OK;
}

/* ---- by characters ------------------------------------------------------------------------------------------------------- */

static lorec_err read_behavior(step *s, const json_t *row)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *name;
    TRY(json_get_string_or(row, "behavior", "Isolated", &name));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i])) continue;
        s->behavior = (split_behavior)i;
        return LOREC_OK;
    }
    return err_set(LOREC_INPUT,
                   "the split behavior \"%.40s\" is not one of Removed, Isolated, MergedWithPrevious, "
                   "MergedWithNext, Contiguous",
                   name);
}

static lorec_err run_whitespace_split(const step *s, workspace *w)
{
    step removed = *s;
    removed.behavior = SPLIT_REMOVED;
    return cut_words(&removed, w, find_space);
}

static lorec_err read_punctuation(step *s, const json_t *row)
{
    return read_behavior(s, row);
}
static lorec_err run_punctuation(const step *s, workspace *w)
{
    return cut_words(s, w, find_punctuation);
}

static lorec_err run_bert(const step *s, workspace *w)
{
    TRY(run_whitespace_split(s, w));
    step isolated = *s;
    isolated.behavior = SPLIT_ISOLATED;
    return cut_words(&isolated, w, find_punctuation);
}

static lorec_err read_digits(step *s, const json_t *row)
{
    TRY(json_get_bool_or(row, "individual_digits", false, &s->individual));
    s->behavior = s->individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
    return LOREC_OK;
}
static lorec_err run_digits(const step *s, workspace *w)
{
    return cut_words(s, w, find_number);
}

static lorec_err read_delimiter(step *s, const json_t *row)
{
    const json_t *text = json_object_get(row, "delimiter");
    if (!json_is_string(text)) return err_set(LOREC_INPUT, "CharDelimiterSplit needs the text \"delimiter\"");
    s->behavior = SPLIT_REMOVED;
    return buf_add(&s->text, json_string_value(text), json_string_length(text));
}
static lorec_err run_delimiter(const step *s, workspace *w)
{
    return cut_words(s, w, find_text);
}

/* ---- by patterns --------------------------------------------------------------------------------------------------------- */

static lorec_err read_split(step *s, const json_t *row)
{
    TRY(read_behavior(s, row));
    TRY(json_get_bool_or(row, "invert", false, &s->invert));
    return step_pattern(s, json_object_get(row, "pattern"));
}
static lorec_err run_split(const step *s, workspace *w)
{
    return cut_words(s, w, s->text.n ? find_text : find_by_pattern);
}

/* Rust's \w, which is not Oniguruma's: only decimal digits, and the join controls. */
#define RUST_WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}"
static lorec_err read_whitespace(step *s, const json_t *row)
{
    (void)row;
    s->behavior = SPLIT_REMOVED;
    s->invert = true;
    return regex_new(&s->pattern, slice_of("[" RUST_WORD "]+|[^\\s" RUST_WORD "]+"), REGEX_PLAIN);
}

/* ---- ByteLevel, Metaspace ----------------------------------------------------------------------------------------------- */

const char byte_level_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static lorec_err read_byte_level(step *s, const json_t *row)
{
    bool use_regex;
    s->behavior = SPLIT_ISOLATED;
    TRY(json_get_bool_or(row, "add_prefix_space", true, &s->left));
    TRY(json_get_bool_or(row, "use_regex", true, &use_regex));
    return use_regex ? regex_new(&s->pattern, slice_of(byte_level_pattern), REGEX_PLAIN) : LOREC_OK;
}

/* Every word gets `text` before it unless it begins so (with `only_first`, only the word where the text begins). */
static lorec_err prepend_words(workspace *w, slice text, bool only_first)
{
    buf_clear(&w->other);
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        bool has = word.n >= text.n && memcmp(word.p, text.p, text.n) == 0;
        bool first = w->at_start && w->words.at[i].begin == 0;
        size_t begin = w->other.n;
        if (!has && (first || !only_first)) TRY(buf_add(&w->other, text.p, text.n));
        TRY(buf_add(&w->other, word.p, word.n));
        w->words.at[i] = (span){begin, w->other.n};
    }
    workspace_swap_text(w);
    return LOREC_OK;
}

static lorec_err run_byte_level(const step *s, workspace *w)
{
    if (s->left) TRY(prepend_words(w, slice_of(" "), false));
    if (s->pattern) TRY(cut_words(s, w, find_by_pattern));
    if (!s->split) return LOREC_OK; /* the model takes bytes; see tokenizer_finish */
    buf_clear(&w->other);
    for (size_t i = 0; i < w->words.n; i++) {
        size_t begin = w->other.n;
        buf_clear(&w->bytes);
        TRY(unicode_unescape(&w->bytes, workspace_word(w, i)));
        TRY(byte_level_encode((slice){w->bytes.p, w->bytes.n}, &w->other));
        w->words.at[i] = (span){begin, w->other.n};
    }
    workspace_swap_text(w);
    return LOREC_OK;
}

static lorec_err read_metaspace(step *s, const json_t *row)
{
    const char *replacement, *scheme;
    bool prefix;
    TRY(json_get_string_or(row, "replacement", "\xE2\x96\x81", &replacement));
    TRY(json_get_bool_or(row, "add_prefix_space", true, &prefix));
    TRY(json_get_string_or(row, "prepend_scheme", prefix ? "always" : "never", &scheme));
    TRY(json_get_bool_or(row, "split", true, &s->split));
    s->form = strcmp(scheme, "always") == 0  ? PREPEND_ALWAYS
              : strcmp(scheme, "first") == 0 ? PREPEND_FIRST
                                             : PREPEND_NEVER;
    s->behavior = SPLIT_WITH_NEXT;
    return buf_puts(&s->text, replacement);
}
static lorec_err run_metaspace(const step *s, workspace *w)
{
    buf_clear(&w->other);
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        bool first = w->at_start && w->words.at[i].begin == 0;
        bool has = word.n && (word.p[0] == ' ' || (word.n >= s->text.n && memcmp(word.p, s->text.p, s->text.n) == 0));
        size_t begin = w->other.n;
        if (!has && (s->form == PREPEND_ALWAYS || (s->form == PREPEND_FIRST && first)))
            TRY(buf_add(&w->other, s->text.p, s->text.n));
        for (const char *p = word.p, *end = p + word.n; p < end;) {
            const char *space = memchr(p, ' ', (size_t)(end - p));
            TRY(buf_add(&w->other, p, (size_t)((space ? space : end) - p)));
            if (!space) break;
            TRY(buf_add(&w->other, s->text.p, s->text.n));
            p = space + 1;
        }
        w->words.at[i] = (span){begin, w->other.n};
    }
    workspace_swap_text(w);
    return s->split ? cut_words(s, w, find_text) : LOREC_OK;
}

/* Texts are cut before each "▁" that follows something else; right where no token crosses such a place. */
static lorec_err run_marks(const step *s, workspace *w)
{
    (void)s;
    w->made.n = 0;
    for (size_t i = 0; i < w->words.n; i++) {
        size_t begin = w->words.at[i].begin, end = w->words.at[i].end;
        bool after_mark = true;
        for (size_t k = begin; k < end;) {
            bool mark = k + 3 <= end && memcmp(w->text.p + k, "\xE2\x96\x81", 3) == 0;
            if (mark && !after_mark) {
                TRY(spans_add(&w->made, begin, k));
                begin = k;
            }
            after_mark = mark;
            k += mark ? 3 : 1;
        }
        TRY(spans_add(&w->made, begin, end));
    }
    workspace_swap_words(w);
    return LOREC_OK;
}
const step_kind pre_tokenizer_marks = {"marks", NULL, run_marks};

const step_kind pre_tokenizer_kinds[] = {
    {"ByteLevel", read_byte_level, run_byte_level},
    {"Whitespace", read_whitespace, run_split},
    {"WhitespaceSplit", NULL, run_whitespace_split},
    {"BertPreTokenizer", NULL, run_bert},
    {"Metaspace", read_metaspace, run_metaspace},
    {"Punctuation", read_punctuation, run_punctuation},
    {"Digits", read_digits, run_digits},
    {"Split", read_split, run_split},
    {"CharDelimiterSplit", read_delimiter, run_delimiter},
    {NULL},
};
