#include "lm/decode/json_only.h"

#include "base/mem.h"

/* ---- the automaton -------------------------------------------------------------------------------------------------------- */

typedef enum mode {
    AT_BEGIN, /* the outermost brace is due */
    AT_VALUE,
    AT_VALUE_OR_END, /* a list has begun */
    AT_KEY,
    AT_KEY_OR_END, /* an object has begun */
    AT_COLON,
    AT_NEXT, /* a value is over: a comma, or the end of what it is in */
    IN_KEY,
    IN_TEXT,
    IN_WORD, /* true, false, null: `left` bytes of it are due */
    IN_MINUS,
    IN_ZERO,
    IN_WHOLE,
    IN_POINT, /* a digit is due */
    IN_FRACTION,
    IN_E, /* a digit or a sign is due */
    IN_SIGN,
    IN_EXPONENT,
    AT_END
} mode;

typedef struct machine {
    uint8_t mode, depth, blanks;
    uint8_t escape; /* in a string: 1 after a backslash, 2 to 5 digits of \u that are due, from four down */
    uint8_t word, left;
    uint64_t objects; /* a bit a level: it is an object, not a list */
} machine;

static const char *const literals[] = {"true", "false", "null"};

static machine unpack(const uint64_t *w)
{
    return (machine){(uint8_t)w[0],
                     (uint8_t)(w[0] >> 8),
                     (uint8_t)(w[0] >> 16),
                     (uint8_t)(w[0] >> 24),
                     (uint8_t)(w[0] >> 32),
                     (uint8_t)(w[0] >> 40),
                     w[1]};
}

static void pack(const machine *m, uint64_t *w)
{
    w[0] = m->mode | (uint64_t)m->depth << 8 | (uint64_t)m->blanks << 16 | (uint64_t)m->escape << 24 |
           (uint64_t)m->word << 32 | (uint64_t)m->left << 40;
    w[1] = m->objects;
}

static bool open(machine *m, bool object)
{
    if (m->depth == JSON_DEPTH) return false;
    m->objects = (m->objects & ~((uint64_t)1 << m->depth)) | (uint64_t)object << m->depth;
    m->depth++;
    m->mode = object ? AT_KEY_OR_END : AT_VALUE_OR_END;
    return true;
}

static bool in_object(const machine *m)
{
    return m->objects >> (m->depth - 1) & 1;
}

static bool close(machine *m)
{
    m->depth--;
    m->mode = m->depth ? AT_NEXT : AT_END;
    return true;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(unsigned char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool go(machine *m, mode next)
{
    m->mode = (uint8_t)next;
    return true;
}

static bool in_string(machine *m, unsigned char c)
{
    if (m->escape == 1) {
        m->escape = c == 'u' ? 5 : 0;
        return c && strchr("\"\\/bfnrtu", c);
    }
    if (m->escape) {
        m->escape = m->escape == 2 ? 0 : m->escape - 1;
        return is_hex(c);
    }
    if (c == '\\') m->escape = 1;
    if (c == '"') return go(m, m->mode == IN_KEY ? AT_COLON : AT_NEXT);
    return c >= 0x20;
}

static bool value(machine *m, unsigned char c)
{
    if (c == '{' || c == '[') return open(m, c == '{');
    if (c == '"') return go(m, IN_TEXT);
    if (c == '-') return go(m, IN_MINUS);
    if (is_digit(c)) return go(m, c == '0' ? IN_ZERO : IN_WHOLE);
    for (uint8_t i = 0; i < 3; i++)
        if (c == (unsigned char)literals[i][0]) {
            m->word = i;
            m->left = (uint8_t)(strlen(literals[i]) - 1);
            return go(m, IN_WORD);
        }
    return false;
}

static bool next_of(machine *m, unsigned char c)
{
    if (c == ',') return go(m, in_object(m) ? AT_KEY : AT_VALUE);
    return c == (in_object(m) ? '}' : ']') && close(m);
}

static bool number(machine *m, unsigned char c)
{
    bool digit = is_digit(c), e = c == 'e' || c == 'E';
    switch ((mode)m->mode) {
    case IN_MINUS:
        return digit && go(m, c == '0' ? IN_ZERO : IN_WHOLE);
    case IN_POINT:
        return digit && go(m, IN_FRACTION);
    case IN_E:
        return digit ? go(m, IN_EXPONENT) : (c == '+' || c == '-') && go(m, IN_SIGN);
    case IN_SIGN:
        return digit && go(m, IN_EXPONENT);
    case IN_ZERO:
    case IN_WHOLE:
        if (c == '.') return go(m, IN_POINT);
        if (digit) return m->mode == IN_WHOLE;
        break;
    default:
        if (digit) return true;
        e = e && m->mode == IN_FRACTION;
    }
    if (e) return go(m, IN_E);
    m->mode = AT_NEXT; /* numbers end where something else begins */
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || next_of(m, c);
}

/* One byte; false: it can not stand here. */
static bool eat(machine *m, unsigned char c)
{
    if (m->mode == IN_KEY || m->mode == IN_TEXT) return in_string(m, c);
    if (m->mode == IN_WORD) {
        const char *word = literals[m->word];
        if (c != (unsigned char)word[strlen(word) - m->left]) return false;
        return --m->left ? true : go(m, AT_NEXT);
    }
    if (m->mode >= IN_MINUS && m->mode <= IN_EXPONENT) return number(m, c);
    if (m->mode != AT_END && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) return m->blanks++ < JSON_BLANKS;
    m->blanks = 0;
    switch ((mode)m->mode) {
    case AT_BEGIN:
        return c == '{' && open(m, true);
    case AT_VALUE:
        return value(m, c);
    case AT_VALUE_OR_END:
        return c == ']' ? close(m) : value(m, c);
    case AT_KEY:
        return c == '"' && go(m, IN_KEY);
    case AT_KEY_OR_END:
        return c == '}' ? close(m) : c == '"' && go(m, IN_KEY);
    case AT_COLON:
        return c == ':' && go(m, AT_VALUE);
    case AT_NEXT:
        return next_of(m, c);
    default:
        return false;
    }
}

/* ---- as a constraint ------------------------------------------------------------------------------------------------------ */

static bool eat_token(const json_only *j, machine *m, size_t token)
{
    uint32_t at = j->begin[token], end = j->begin[token + 1];
    if (at == end) return false;
    for (; at < end; at++)
        if (!eat(m, (unsigned char)j->text.p[at])) return false;
    return true;
}

static void start(const void *self, uint64_t *state)
{
    (void)self;
    pack(&(machine){.mode = AT_BEGIN}, state);
}

static lorec_err allowed(const void *self, const uint64_t *state, token_list *out)
{
    const json_only *j = self;
    const machine now = unpack(state);
    bool in_text = (now.mode == IN_KEY || now.mode == IN_TEXT) && !now.escape;
    if (now.mode == AT_END) return LOREC_OK;
    for (size_t i = 0; i < j->n; i++) {
        machine m = now;
        if ((in_text && j->plain[i]) || eat_token(j, &m, i)) TRY(token_list_add(out, (int32_t)i));
    }
    return LOREC_OK;
}

static bool step(const void *self, uint64_t *state, int32_t token)
{
    const json_only *j = self;
    machine m = unpack(state);
    bool ok = token >= 0 && (size_t)token < j->n && eat_token(j, &m, (size_t)token);
    pack(&m, state);
    return ok;
}

static bool final(const void *self, const uint64_t *state)
{
    (void)self;
    return unpack(state).mode == AT_END;
}

constraint constraint_of_json(const json_only *j)
{
    static const constraint_verbs verbs = {
        .words = 2, .start = start, .allowed = allowed, .step = step, .final = final};
    return (constraint){&verbs, j};
}

/* ---- the tokens' texts ---------------------------------------------------------------------------------------------------- */

lorec_err json_only_add(json_only *j, slice text)
{
    if (text.n > UINT32_MAX - j->text.n) return err_set(LOREC_RESOURCE, "the tokens' texts are too long together");
    TRY(mem_grow(&j->begin, &j->begin_cap, j->n + 2));
    TRY(mem_grow(&j->plain, &j->plain_cap, j->n + 1));
    if (!j->n) j->begin[0] = 0;
    TRY(buf_add(&j->text, text.p, text.n));
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        plain = plain && (unsigned char)text.p[i] >= 0x20 && text.p[i] != '"' && text.p[i] != '\\';
    j->plain[j->n++] = plain;
    j->begin[j->n] = (uint32_t)j->text.n;
    return LOREC_OK;
}

/* What the token adds behind another: alone, some tokenizers leave its first blank out. */
static lorec_err text_behind(const tokenizer *t, int32_t before, size_t n_before, int32_t id, buf *out)
{
    buf_clear(out);
    TRY(tokenizer_decode(t, (int32_t[]){before, id}, 2, TOKENIZER_PLAIN, out));
    if (out->n < n_before) return LOREC_OK;
    memmove(out->p, out->p + n_before, out->n - n_before);
    out->n -= n_before;
    return LOREC_OK;
}

lorec_err json_only_of(json_only *j, const tokenizer *t, int64_t vocab)
{
    tokens letter = {0};
    buf text = {0};
    size_t n = tokenizer_size(t) < (size_t)vocab ? tokenizer_size(t) : (size_t)vocab, n_letter = 0;
    lorec_err e = tokenizer_encode(t, slice_of("a"), TOKENIZER_PLAIN, &letter);
    if (!e && !letter.n) e = err_set(LOREC_USAGE, "this tokenizer has no token for a letter: JSON can not be written");
    if (!e) e = tokenizer_decode(t, &letter.id[letter.n - 1], 1, TOKENIZER_PLAIN, &text);
    n_letter = text.n;
    for (size_t i = 0; i < n && !e; i++) {
        e = text_behind(t, letter.id[letter.n - 1], n_letter, (int32_t)i, &text);
        if (!e) e = json_only_add(j, (slice){text.p ? text.p : "", text.n});
    }
    tokens_free(&letter);
    buf_free(&text);
    return e;
}

void json_only_free(json_only *j)
{
    buf_free(&j->text);
    mem_free(j->begin);
    mem_free(j->plain);
    *j = (json_only){0};
}
