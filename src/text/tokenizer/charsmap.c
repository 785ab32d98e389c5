#include "text/tokenizer/charsmap.h"

#include "base/mem.h"

lorec_err charsmap_open(charsmap *m, slice bytes)
{
    *m = (charsmap){0};
    if (bytes.n == 0) return LOREC_OK;
    uint32_t size;
    if (bytes.n < sizeof size)
        return err_set(LOREC_INPUT, "the normalisation rules are cut off after %zu bytes", bytes.n);
    memcpy(&size, bytes.p, sizeof size);
    size_t rest = bytes.n - sizeof size;
    if (size > rest || size % 4 || size == 0)
        return err_set(LOREC_INPUT, "the normalisation rules say their trie has %u bytes; there are %zu", size, rest);
    m->units = size / 4;
    lorec_err e = mem_new(&m->unit, m->units);
    if (!e) e = mem_new(&m->text, rest - size + 1); /* one NUL more, so that the last text ends */
    if (e) {
        charsmap_free(m);
        return e;
    }
    memcpy(m->unit, bytes.p + sizeof size, size);
    m->n = rest - size;
    memcpy(m->text, bytes.p + sizeof size + size, m->n);
    return LOREC_OK;
}

lorec_err charsmap_bytes(const charsmap *m, buf *out)
{
    uint32_t size = (uint32_t)(m->units * 4);
    if (m->units == 0) return LOREC_OK;
    TRY(buf_add(out, (const char *)&size, sizeof size));
    TRY(buf_add(out, (const char *)m->unit, size));
    return buf_add(out, m->text, m->n);
}

void charsmap_free(charsmap *m)
{
    mem_free(m->unit);
    mem_free(m->text);
    *m = (charsmap){0};
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* Every index into the trie is checked: its bytes are the file's. */
static size_t look_up(const charsmap *m, slice text, slice *with, bool longest)
{
    size_t found = 0, node = 0;
    if (m->units == 0) return 0;
    node ^= offset_of(m->unit[0]);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        node ^= c;
        if (c == 0 || node >= m->units) break;
        uint32_t unit = m->unit[node];
        if ((unit & (0x80000000u | 0xFF)) != c) break;
        node ^= offset_of(unit);
        if (!(unit >> 8 & 1)) continue;
        if (node >= m->units) break;
        size_t at = m->unit[node] & 0x7FFFFFFF;
        if (at > m->n) break;
        slice text_of_rule = slice_of(m->text + at);
        bool whole = i + 1 == text.n || ((unsigned char)text.p[i + 1] & 0xC0) != 0x80;
        if (!whole || !utf8_valid(text_of_rule)) continue; /* no honest file: what follows relies on whole characters */
        *with = text_of_rule;
        found = i + 1;
        if (!longest) break;
    }
    return found;
}

size_t charsmap_longest(const charsmap *m, slice text, slice *with)
{
    return look_up(m, text, with, true);
}

size_t charsmap_shortest(const charsmap *m, slice text, slice *with)
{
    return look_up(m, text, with, false);
}
