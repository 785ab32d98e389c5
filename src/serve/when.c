#include "serve/when.h"

#include <math.h>
#include <time.h>

static bool zone(const char *rest, int64_t *offset)
{
    *offset = 0;
    if (*rest == '.') /* fractions of a second are dropped */
        for (rest++; *rest >= '0' && *rest <= '9';) rest++;
    if (!*rest || !strcmp(rest, "Z") || !strcmp(rest, "z")) return true;
    int h, m, n = 0;
    if ((*rest != '+' && *rest != '-') || sscanf(rest + 1, "%2d:%2d%n", &h, &m, &n) != 2 || rest[1 + n]) return false;
    *offset = (h * 60 + m) * 60 * (*rest == '-' ? -1 : 1);
    return h <= 23 && m <= 59;
}

static bool read_text(const char *text, int64_t *out)
{
    struct tm t = {0};
    int64_t offset;
    const char *rest = strptime(text, "%Y-%m-%d", &t);
    if (!rest) return false;
    if (*rest == 'T' || *rest == 't' || *rest == ' ') {
        rest = strptime(rest + 1, "%H:%M:%S", &t);
        if (!rest) return false;
    }
    if (!zone(rest, &offset)) return false;
    *out = (int64_t)timegm(&t) - offset;
    return true;
}

enum { MS_FROM = 100000 }; /* millions of seconds: larger numbers are milliseconds */
static const int64_t first = -62135596800, last = 253402300799; /* the years 1 to 9999, which when_write can write */

lorec_err when_read(const json_t *value, const char *field, int64_t fallback, int64_t *out)
{
    *out = fallback;
    if (!value || json_is_null(value)) return LOREC_OK;
    double real = json_is_real(value) ? json_real_value(value) : 0;
    if (json_is_integer(value) || (json_is_real(value) && real == floor(real) && fabs(real) < 9e15)) {
        int64_t n = json_is_real(value) ? (int64_t)real : json_integer_value(value);
        bool ms = n > MS_FROM * (int64_t)1000000 || n < -MS_FROM * (int64_t)1000000;
        *out = ms ? n / 1000 : n;
        if (*out >= first && *out <= last) return LOREC_OK;
        return err_set(LOREC_INPUT, "\"%s\" is no time of the years 1 to 9999", field);
    }
    const char *text = json_string_value(value);
    if (text && !*text) return LOREC_OK;
    if (text && read_text(text, out)) {
        if (*out < first) *out = first; /* by its zone */
        if (*out > last) *out = last;
        return LOREC_OK;
    }
    return err_set(LOREC_INPUT, "\"%s\" has to be a time such as \"2026-11-26T07:30:00Z\" or seconds since 1970",
                   field);
}

void when_write(char text[WHEN_TEXT], int64_t t)
{
    struct tm utc;
    time_t at = (time_t)t;
    if (!gmtime_r(&at, &utc) || !strftime(text, WHEN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc))
        strcpy(text, "1970-01-01T00:00:00Z");
}
