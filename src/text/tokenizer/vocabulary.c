#include "text/tokenizer/parts.h"
#include "text/unicode.h"

enum { ID_MAX = 1 << 24, GAPS_FREE = 1 << 16 };

lorec_err vocabulary_add(vocabulary *v, int64_t id, slice text, double score, tokenizer_type type)
{
    size_t have = v->texts.n > v->expected ? v->texts.n : v->expected;
    if (id < 0 || id > ID_MAX || (size_t)id > 8 * have + GAPS_FREE)
        return err_set(LOREC_INPUT, "the token \"%.*s\" has id %lld, which is far outside a vocabulary of %zu tokens",
                       (int)(text.n > 60 ? 60 : text.n), text.p, (long long)id, have);
    uint32_t number;
    TRY(ids_add(&v->texts, text, &number));
    TRY(mem_grow(&v->id_of, &v->id_of_cap, (size_t)number + 1));
    v->id_of[number] = (int32_t)id;
    size_t n = (size_t)id + 1;
    TRY(mem_grow(&v->text_of, &v->text_of_cap, n));
    TRY(mem_grow(&v->type, &v->type_cap, n));
    TRY(mem_grow(&v->score, &v->score_cap, n));
    for (; v->n < n; v->n++) v->text_of[v->n] = v->type[v->n] = 0, v->score[v->n] = 0;
    v->text_of[id] = number + 1;
    v->type[id] = (uint8_t)type;
    v->score[id] = score;
    return LOREC_OK;
}

/* Whole vocabularies may be given in any order, so the true proportion is known only now. */
lorec_err vocabulary_check(const vocabulary *v)
{
    if (v->n == 0) return err_set(LOREC_INPUT, "the vocabulary holds no tokens");
    if (v->n > 8 * (size_t)v->texts.n + GAPS_FREE)
        return err_set(LOREC_INPUT, "the vocabulary has %u tokens but ids up to %zu", v->texts.n, v->n - 1);
    return LOREC_OK;
}

bool vocabulary_find(const vocabulary *v, slice text, int32_t *id)
{
    uint32_t number;
    if (!ids_find(&v->texts, text, &number)) return false;
    *id = v->id_of[number];
    return true;
}

slice vocabulary_text(const vocabulary *v, int32_t id)
{
    if (id < 0 || (size_t)id >= v->n || !v->text_of[id]) return (slice){0};
    return ids_name(&v->texts, v->text_of[id] - 1);
}

void vocabulary_free(vocabulary *v)
{
    ids_free(&v->texts);
    mem_free(v->id_of);
    mem_free(v->text_of);
    mem_free(v->type);
    mem_free(v->score);
    *v = (vocabulary){0};
}

/* ---- pieces that stand for bytes ---------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

int byte_piece(slice text)
{
    if (text.n != 6 || memcmp(text.p, "<0x", 3) || text.p[5] != '>') return -1;
    int high = hex_digit(text.p[3]), low = hex_digit(text.p[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* GPT-2's table: printable bytes of Latin-1 stand for themselves, the other 68 for U+0100 and on in their order. */
static bool stands_for_itself(unsigned b)
{
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

uint32_t byte_level_character(unsigned char byte)
{
    if (stands_for_itself(byte)) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    return byte == 0xAD ? 0x143 : 0x100u + 0x21 + (byte - 0x7Fu);
}

int byte_level_byte(uint32_t c)
{
    if (c < 0x100) return stands_for_itself(c) ? (int)c : -1;
    if (c <= 0x120) return (int)(c - 0x100);
    if (c <= 0x142) return (int)(c - 0x121 + 0x7F);
    return c == 0x143 ? 0xAD : -1;
}

lorec_err byte_level_encode(slice bytes, buf *out)
{
    for (size_t i = 0; i < bytes.n; i++) TRY(utf8_put(out, byte_level_character((unsigned char)bytes.p[i])));
    return LOREC_OK;
}

bool byte_level_decode(slice text, buf *out, lorec_err *e)
{
    size_t n = out->n;
    *e = LOREC_OK;
    for (const char *p = text.p, *end = text.p + text.n; p < end && !*e;) {
        int byte = byte_level_byte(utf8_next(&p));
        if (byte < 0) {
            out->n = n;
            return false;
        }
        char one = (char)byte;
        *e = buf_add(out, &one, 1);
    }
    return true;
}
