/* python_json.c: what Python prints of a dict, {'a': u'x', 'b': None}, as JSON. */
#include "data/readers/json_rows.h"

static lorec_err put(buf *out, const char *text, size_t n)
{
    return buf_add(out, text, n);
}

/* One string from its opening quote on; returns how many bytes it took, 0 where it does not end. */
static lorec_err string(buf *out, slice in, size_t *used)
{
    char quote = in.p[0];
    *used = 0;
    TRY(put(out, "\"", 1));
    for (size_t i = 1; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (c == (unsigned char)quote) {
            *used = i + 1;
            return put(out, "\"", 1);
        }
        if (c == '"')
            TRY(put(out, "\\\"", 2));
        else if (c < 0x20)
            TRY(buf_printf(out, "\\u%04x", c));
        else if (c != '\\' || i + 1 >= in.n)
            TRY(c == '\\' ? put(out, "\\\\", 2) : put(out, in.p + i, 1));
        else {
            char next = in.p[++i];
            if (next == '\'')
                TRY(put(out, "'", 1));
            else if (next == 'x' && i + 2 < in.n) {
                TRY(put(out, "\\u00", 4));
                TRY(put(out, in.p + i + 1, 2));
                i += 2;
            } else if (strchr("\"\\nrtbfu", next) && next) {
                TRY(put(out, "\\", 1));
                TRY(put(out, &next, 1));
            } else { /* Python keeps the backslash of an escape that it does not know */
                TRY(put(out, "\\\\", 2));
                TRY(put(out, &next, 1));
            }
        }
    }
    return LOREC_OK;
}

static bool starts(slice s, const char *word)
{
    size_t n = strlen(word);
    return s.n >= n && memcmp(s.p, word, n) == 0;
}

lorec_err python_to_json(buf *out, slice in)
{
    static const struct {
        const char *python, *json;
    } words[] = {{"True", "true"}, {"False", "false"}, {"None", "null"}, {"(", "["}, {")", "]"}};
    buf_clear(out);
    while (in.n) {
        size_t used = 0;
        if ((in.p[0] == 'u' || in.p[0] == 'b') && in.n > 1 && (in.p[1] == '\'' || in.p[1] == '"')) in.p++, in.n--;
        if (in.p[0] == '\'' || in.p[0] == '"') {
            TRY(string(out, in, &used));
            if (!used) return put(out, " unterminated", 13); /* not JSON either: the parser tells where */
        }
        for (size_t i = 0; !used && i < sizeof words / sizeof *words; i++) {
            if (!starts(in, words[i].python)) continue;
            used = strlen(words[i].python);
            TRY(put(out, words[i].json, strlen(words[i].json)));
        }
        if (!used) {
            TRY(put(out, in.p, 1));
            used = 1;
        }
        in.p += used;
        in.n -= used;
    }
    return LOREC_OK;
}
