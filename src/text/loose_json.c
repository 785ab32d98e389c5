#include "text/loose_json.h"

#include <ctype.h>
#include <math.h>

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

/* How many bytes the character at p takes, 0 where there is none. */
static size_t character(const char *p, size_t n)
{
    const unsigned char c = (unsigned char)*p;
    size_t len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    return len && len <= n && utf8_valid((slice){p, len}) ? len : 0;
}

static const char replacement[] = "\xEF\xBF\xBD";

lorec_err utf8_repair(buf *out, const char *text, size_t n, size_t *repairs)
{
    for (size_t i = 0; i < n;) {
        size_t run = i, len = 0;
        while (i < n && (len = character(text + i, n - i))) i += len;
        TRY(buf_add(out, text + run, i - run));
        if (i >= n) break;
        TRY(buf_add(out, replacement, 3));
        if (repairs) ++*repairs;
        do i++; /* the rest of the broken character goes with it */
        while (i < n && ((unsigned char)text[i] & 0xC0) == 0x80);
    }
    return n ? LOREC_OK : buf_add(out, "", 0);
}

static int hex4(const char *p, size_t n)
{
    int value = 0;
    if (n < 4) return -1;
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)p[i])) return -1;
        value = value * 16 + (p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    }
    return value;
}

/* ---- servers ------------------------------------------------------------------------------------------------------- */

/* An escape inside a string: halves of surrogate pairs become the replacement character. */
static lorec_err copy_escape(buf *out, const char *text, size_t n, size_t *i, size_t *repairs)
{
    const char *p = text + *i;
    size_t left = n - *i;
    int c = left >= 2 && p[1] == 'u' ? hex4(p + 2, left - 2) : -1;
    if (c < 0xD800 || c > 0xDFFF) {
        *i += left >= 2 ? 2 : 1;
        return buf_add(out, p, left >= 2 ? 2 : 1);
    }
    int low = left >= 8 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, left - 8) : -1;
    if (c <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF) {
        *i += 12;
        return buf_add(out, p, 12);
    }
    *i += 6;
    ++*repairs;
    return buf_add(out, replacement, 3);
}

static size_t no_number(const char *p, size_t n)
{
    static const char *const words[] = {"NaN", "nan", "-Infinity", "Infinity", "-inf", "inf"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t k = strlen(words[i]);
        if (k <= n && memcmp(p, words[i], k) == 0) return k;
    }
    return 0;
}

lorec_err loose_json(json_t **out, const char *text, size_t n, const char *where, size_t *repairs)
{
    buf valid = {0}, clean = {0};
    size_t mended = 0;
    bool inside = false;
    *out = NULL;
    lorec_err e = utf8_repair(&valid, text, n, &mended);
    size_t i = valid.n >= 3 && memcmp(valid.p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* a byte order mark */
    while (i < valid.n && !e) {
        const char *p = valid.p + i;
        size_t word = !inside ? no_number(p, valid.n - i) : 0;
        if (word) {
            e = buf_puts(&clean, "null");
            i += word;
            mended++;
        } else if (inside && *p == '\\') {
            e = copy_escape(&clean, valid.p, valid.n, &i, &mended);
        } else if (inside && (unsigned char)*p < 0x20) {
            e = buf_printf(&clean, "\\u%04x", (unsigned char)*p);
            i++;
            mended++;
        } else {
            if (*p == '"') inside = !inside;
            e = buf_add(&clean, p, 1);
            i++;
        }
    }
    json_error_t why;
    if (!e) *out = json_loadb(clean.p ? clean.p : "", clean.n, JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);
    if (!e && !*out) e = err_set(LOREC_INPUT, "%s: not JSON: %s", where, why.text);
    if (repairs) *repairs += mended;
    buf_free(&valid);
    buf_free(&clean);
    return e;
}

/* ---- language models ----------------------------------------------------------------------------------------------- */

enum { DEPTH_MAX = 64 };

typedef struct reader {
    const char *p, *end;
    size_t repairs;
    int depth;
    bool broken_off; /* the text ended inside the value */
    bool no_memory;  /* the value lacks something for that reason alone */
} reader;

static json_t *value(reader *r);

static bool one_of(char c, const char *set) /* a NUL byte is none of them */
{
    return c && strchr(set, c);
}

static void blanks(reader *r)
{
    for (;;) {
        while (r->p < r->end && isspace((unsigned char)*r->p)) r->p++;
        bool line = r->end - r->p >= 2 && r->p[0] == '/' && r->p[1] == '/';
        bool hash = r->p < r->end && *r->p == '#';
        if (line || hash) {
            while (r->p < r->end && *r->p != '\n') r->p++;
            r->repairs++;
            continue;
        }
        if (!(r->end - r->p >= 2 && r->p[0] == '/' && r->p[1] == '*')) return;
        const char *close = memmem(r->p + 2, (size_t)(r->end - r->p - 2), "*/", 2);
        r->p = close ? close + 2 : r->end;
        r->repairs++;
    }
}

static size_t quote_length(const reader *r, const char **close)
{
    static const char *const open[] = {"\"", "'", "\xE2\x80\x9C", "\xE2\x80\x98", "`"};
    static const char *const ends[] = {"\"", "'", "\xE2\x80\x9D", "\xE2\x80\x99", "`"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        size_t n = strlen(open[i]);
        if ((size_t)(r->end - r->p) < n || memcmp(r->p, open[i], n) != 0) continue;
        *close = ends[i];
        return n;
    }
    return 0;
}

static lorec_err add_point(buf *b, uint32_t c)
{
    char e[4];
    size_t n = 0;
    if (c < 0x80) {
        e[n++] = (char)c;
    } else if (c < 0x800) {
        e[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        e[n++] = (char)(0xE0 | c >> 12);
        e[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        e[n++] = (char)(0xF0 | c >> 18);
        e[n++] = (char)(0x80 | (c >> 12 & 0x3F));
        e[n++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80) e[n++] = (char)(0x80 | (c & 0x3F));
    return buf_add(b, e, n);
}

static lorec_err escape(reader *r, buf *b)
{
    static const char plain[] = "n\nt\tr\rb\bf\f";
    char c = *r->p++;
    for (const char *at = plain; *at; at += 2)
        if (*at == c) return buf_add(b, at + 1, 1);
    if (c != 'u') return buf_add(b, &c, 1);
    int code = hex4(r->p, (size_t)(r->end - r->p));
    if (code < 0) return buf_add(b, "u", 1);
    r->p += 4;
    if (code < 0xD800 || code > 0xDFFF) return add_point(b, (uint32_t)code);
    int low = r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u' ? hex4(r->p + 2, 4) : -1;
    if (code > 0xDBFF || low < 0xDC00 || low > 0xDFFF) {
        r->repairs++;
        return buf_add(b, replacement, 3);
    }
    r->p += 6;
    return add_point(b, 0x10000 + (((uint32_t)code - 0xD800) << 10) + ((uint32_t)low - 0xDC00));
}

/* A quote ends a string only where what follows can follow a string: {'title': 'Schindler's List'} is read as meant. */
static bool ends_here(const reader *r, const char *after, char quote)
{
    if (quote == '"' || quote == '`') return true;
    while (after < r->end && isspace((unsigned char)*after)) after++;
    return after >= r->end || one_of(*after, ",:]}");
}

static json_t *string(reader *r, size_t open, const char *close)
{
    buf b = {0};
    size_t n = strlen(close);
    lorec_err e = LOREC_OK;
    r->repairs += *close != '"';
    r->p += open;
    for (;;) {
        if (r->p >= r->end) {
            r->broken_off = true;
            break;
        }
        if ((size_t)(r->end - r->p) >= n && memcmp(r->p, close, n) == 0 && ends_here(r, r->p + n, *close)) {
            r->p += n;
            break;
        }
        if (*r->p == '\\' && r->p + 1 < r->end) {
            r->p++;
            e = escape(r, &b);
        } else {
            r->repairs += (unsigned char)*r->p < 0x20;
            e = buf_add(&b, r->p++, 1);
        }
        if (e) break;
    }
    r->no_memory = r->no_memory || e;
    json_t *s = e ? NULL : json_stringn(b.p ? b.p : "", b.n);
    buf_free(&b);
    return s;
}

static json_t *bare_word(reader *r, bool key)
{
    const char *begin = r->p;
    while (r->p < r->end && !one_of(*r->p, ",]}\n") && !(key && *r->p == ':')) {
        if (r->end - r->p > 2 && *r->p == ' ' && r->p[1] == '/' && (r->p[2] == '/' || r->p[2] == '*')) break;
        r->p++;
    }
    slice s = slice_trim((slice){begin, (size_t)(r->p - begin)});
    static const struct {
        const char *word;
        int kind; /* 0 null, 1 true, 2 false */
        bool repair;
    } words[] = {{"null", 0, false}, {"true", 1, false},    {"false", 2, false},
                 {"None", 0, true},  {"True", 1, true},     {"False", 2, true},
                 {"NaN", 0, true},   {"Infinity", 0, true}, {"undefined", 0, true}};
    for (size_t i = 0; i < sizeof words / sizeof *words && !key; i++) {
        if (!slice_is(s, words[i].word)) continue;
        r->repairs += words[i].repair;
        return words[i].kind == 0 ? json_null() : json_boolean(words[i].kind == 1);
    }
    int64_t whole;
    double real;
    if (!key && slice_to_i64(s, &whole)) return json_integer(whole);
    if (!key && slice_to_f64(s, &real)) return json_real(real);
    r->repairs++;
    if (r->p >= r->end) r->broken_off = true;
    return json_stringn(s.p, s.n);
}

static json_t *list(reader *r)
{
    json_t *l = json_array();
    r->p++;
    for (;;) {
        blanks(r);
        if (r->p >= r->end) {
            r->broken_off = true;
            return l;
        }
        if (*r->p == ']') {
            r->p++;
            return l;
        }
        if (*r->p == ',' || *r->p == '}' || *r->p == ')') { /* one too many */
            r->p++;
            r->repairs++;
            continue;
        }
        json_t *v = value(r);
        if (!v || json_array_append_new(l, v) != 0) return l;
        blanks(r);
        if (r->p < r->end && *r->p == ',') {
            r->p++;
            const char *before = r->p;
            blanks(r);
            r->repairs += r->p < r->end && *r->p == ']';
            r->p = before;
        } else
            r->repairs += r->p < r->end && *r->p != ']';
    }
}

static json_t *object(reader *r)
{
    json_t *o = json_object();
    r->p++;
    for (;;) {
        const char *close;
        blanks(r);
        if (r->p >= r->end) {
            r->broken_off = true;
            return o;
        }
        if (*r->p == '}') {
            r->p++;
            return o;
        }
        if (*r->p == ',' || *r->p == ']' || *r->p == ')') {
            r->p++;
            r->repairs++;
            continue;
        }
        size_t open = quote_length(r, &close);
        json_t *key = open ? string(r, open, close) : bare_word(r, true), *v = NULL;
        blanks(r);
        bool colon = r->p < r->end && *r->p == ':';
        if (colon) {
            r->p++;
            blanks(r);
        } else
            r->repairs++;
        if (colon && r->p < r->end && *r->p != ',' && *r->p != '}') v = value(r);
        if (!v && r->p >= r->end) r->broken_off = true;
        if (key && (v || colon))
            json_object_set_new(o, json_string_value(key), v ? v : json_null()); /* NUL in a key ends it */
        json_decref(key);
        blanks(r);
        if (r->p < r->end && *r->p == ',')
            r->p++;
        else
            r->repairs += r->p < r->end && *r->p != '}';
    }
}

static json_t *value(reader *r)
{
    const char *close;
    json_t *v = NULL;
    blanks(r);
    if (r->p >= r->end || r->depth >= DEPTH_MAX) {
        r->p = r->end;
        return NULL;
    }
    r->depth++;
    size_t open = quote_length(r, &close);
    if (*r->p == '{')
        v = object(r);
    else if (*r->p == '[')
        v = list(r);
    else if (open)
        v = string(r, open, close);
    else
        v = bare_word(r, false);
    r->depth--;
    return v;
}

static bool empty(const json_t *v)
{
    return json_is_object(v) ? json_object_size(v) == 0 : json_array_size(v) == 0;
}

lorec_err loose_json_value(json_t **out, const char *text, size_t n, size_t *repairs, slice *where_it_stood)
{
    buf valid = {0};
    size_t mended = 0;
    *out = NULL;
    lorec_err e = utf8_repair(&valid, text, n, &mended);
    /* The first bracket that holds something; "[1]" in a sentence before the list is empty of meaning only if nothing
     * larger follows, so the longest of the first few is taken. */
    size_t best = 0;
    const char *at = valid.p, *end = valid.p ? valid.p + valid.n : NULL;
    slice stood = {0};
    for (int tries = 0; !e && at && at < end && tries < 16; tries++) {
        while (at < end && *at != '{' && *at != '[') at++;
        if (at >= end) break;
        reader r = {.p = at, .end = end};
        json_t *v = value(&r);
        size_t length = (size_t)(r.p - at);
        if (r.no_memory) e = err_set(LOREC_RESOURCE, "out of memory while JSON was mended");
        if (v && !empty(v) && length > best) {
            json_decref(*out);
            *out = json_incref(v);
            best = length;
            stood = (slice){at, length};
            mended += r.repairs + r.broken_off;
        }
        json_decref(v);
        at = r.p > at ? r.p : at + 1;
    }
    if (!e && !*out) e = err_set(LOREC_INPUT, "there is no JSON object or list in the text");
    if (!e && (slice_trim((slice){valid.p, (size_t)(stood.p - valid.p)}).n ||
               slice_trim((slice){stood.p + stood.n, (size_t)(end - stood.p - (ptrdiff_t)stood.n)}).n))
        mended++; /* something stood around it */
    if (repairs) *repairs += mended;
    if (where_it_stood) {
        *where_it_stood = (slice){0};
        if (!e && valid.n == n && memcmp(valid.p, text, n) == 0)
            *where_it_stood = (slice){text + (stood.p - valid.p), stood.n};
    }
    if (e) {
        json_decref(*out);
        *out = NULL;
    }
    buf_free(&valid);
    return e;
}
