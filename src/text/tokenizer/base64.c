#include "text/tokenizer/parts.h"

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

lorec_err base64_decode(slice text, buf *out)
{
    uint32_t bits = 0;
    int held = 0;
    while (text.n && text.p[text.n - 1] == '=') text.n--;
    for (size_t i = 0; i < text.n; i++) {
        int digit = digit_of(text.p[i]);
        if (digit < 0) return err_set(LOREC_INPUT, "character %zu of a base64 text is none", i);
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        char byte = (char)(bits >> held & 0xFF);
        TRY(buf_add(out, &byte, 1));
    }
    return LOREC_OK;
}

lorec_err base64_encode(slice bytes, buf *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++) three = three << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0);
        char four[4];
        for (size_t k = 0; k < 4; k++) four[k] = k <= n ? letters[three >> (18 - 6 * k) & 63] : '=';
        TRY(buf_add(out, four, sizeof four));
    }
    return LOREC_OK;
}
