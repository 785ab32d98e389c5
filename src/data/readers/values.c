/* values.c: moments and ratings as data files write them. */
#include <strings.h>

#include "data/readers.h"

/* Days since 1970-01-01 of the proleptic Gregorian calendar: whole 400-year cycles of 146097 days, years begun in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t cycle = (year >= 0 ? year : year - 399) / 400, of_cycle = year - cycle * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return cycle * 146097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719468;
}

bool date_to_time(int64_t year, int64_t month, int64_t day, int64_t *out)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days[month - 1] + (month == 2 && leap)) return false;
    *out = days_of(year, month, day) * 86400;
    return true;
}

static bool digits(slice *s, size_t n, int64_t *out)
{
    if (s->n < n) return false;
    bool ok = s->p[0] != '-' && s->p[0] != '+' && slice_to_i64((slice){s->p, n}, out);
    s->p += n;
    s->n -= n;
    return ok;
}

static bool skip(slice *s, const char *any)
{
    if (s->n == 0 || !strchr(any, s->p[0]) || s->p[0] == 0) return false;
    s->p++;
    s->n--;
    return true;
}

static bool iso_day(slice *s, int64_t *out)
{
    int64_t year, month, day;
    return digits(s, 4, &year) && skip(s, "-/") && digits(s, 2, &month) && skip(s, "-/") && digits(s, 2, &day) &&
           date_to_time(year, month, day, out);
}

/* 31.05.2024, 1.5.2024: dots are only written where the day comes first. */
static bool dotted_day(slice *s, int64_t *out)
{
    int64_t year, month, day;
    slice rest = *s, d = slice_cut(&rest, '.'), m = slice_cut(&rest, '.');
    if (d.n < 1 || d.n > 2 || m.n < 1 || m.n > 2 || !digits(&d, d.n, &day) || !digits(&m, m.n, &month) ||
        !digits(&rest, 4, &year) || !date_to_time(year, month, day, out))
        return false;
    *s = rest;
    return true;
}

static bool skip_word(slice *s, const char *word)
{
    size_t n = strlen(word);
    if (s->n < n || memcmp(s->p, word, n) != 0) return false;
    s->p += n;
    s->n -= n;
    return true;
}

/* 2018-05-06, 2018/05/06, 06.05.2018, behind it 12:34, T12:34:56.789, with Z, UTC, GMT, +hh:mm or +hhmm behind. */
static bool parse_date(slice s, int64_t *out)
{
    int64_t hour = 0, minute = 0, second = 0, zone_h = 0, zone_m = 0, sign = 0;
    slice from = s;
    if (!iso_day(&s, out)) {
        s = from;
        if (!dotted_day(&s, out)) return false;
    }
    if (s.n == 0) return true;
    if (!skip(&s, "T ") || !digits(&s, 2, &hour) || !skip(&s, ":") || !digits(&s, 2, &minute)) return false;
    if (skip(&s, ":") && !digits(&s, 2, &second)) return false;
    if (skip(&s, ".")) {
        while (s.n && s.p[0] >= '0' && s.p[0] <= '9') s.p++, s.n--;
    }
    skip(&s, " ");
    if (!skip(&s, "Z") && !skip_word(&s, "UTC") && !skip_word(&s, "GMT") && s.n) {
        sign = s.p[0] == '-' ? -1 : 1;
        if (!skip(&s, "+-") || !digits(&s, 2, &zone_h)) return false;
        skip(&s, ":");
        if (s.n && !digits(&s, 2, &zone_m)) return false;
    }
    if (s.n || hour > 23 || minute > 59 || second > 60 || zone_h > 23 || zone_m > 59) return false;
    *out += hour * 3600 + minute * 60 + second - sign * (zone_h * 3600 + zone_m * 60);
    return true;
}

bool parse_time(slice s, int64_t *out)
{
    if (slice_to_i64(s, out)) return *out != TIME_NONE;
    double value;
    if (slice_to_f64(s, &value)) {
        if (!(value > -9e18 && value < 9e18)) return false;
        *out = (int64_t)value;
        return true;
    }
    return parse_date(s, out);
}

static bool is_word(slice s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

bool word_among(slice cell, const char *words)
{
    cell = slice_trim(cell);
    for (slice rest = slice_of(words); rest.n;) {
        slice word = slice_trim(slice_cut(&rest, '|'));
        if (word.n == cell.n && memcmp(word.p, cell.p, cell.n) == 0) return true;
    }
    return false;
}

bool parse_rating(slice s, double *out)
{
    if (slice_to_f64(s, out)) return true;
    *out = is_word(s, "true") || is_word(s, "yes") ? 1 : 0;
    if (*out != 0 || is_word(s, "false") || is_word(s, "no")) return true;
    char text[32];
    const char *comma = memchr(s.p, ',', s.n);
    if (!comma || s.n >= sizeof text || memchr(s.p, '.', s.n)) return false;
    memcpy(text, s.p, s.n);
    text[comma - s.p] = '.';
    return slice_to_f64((slice){text, s.n}, out);
}
