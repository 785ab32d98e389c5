/* Words of a command line or config -> split options. */
#include <stdlib.h>
#include <time.h>

#include "data/split.h"

static const struct {
    const char *name;
    split_kind kind;
    bool random;
} kinds[] = {
    {"loo", SPLIT_LOO, false},
    {"ratio", SPLIT_RATIO_USER, false},
    {"ratio-user", SPLIT_RATIO_USER, false},
    {"ratio-random", SPLIT_RATIO_USER, true},
    {"ratio-user-random", SPLIT_RATIO_USER, true},
    {"ratio-all", SPLIT_RATIO_ALL, false},
    {"ratio-all-random", SPLIT_RATIO_ALL, true},
    {"time", SPLIT_TIME, false},
    {"files", SPLIT_FILES, false},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static bool digits(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

/* Seconds since 1970, or a day (UTC). */
static bool instant_parse(slice s, int64_t *out)
{
    if (slice_to_i64(s, out)) return true;
    int64_t year, month, day;
    slice y = slice_cut(&s, '-'), m = slice_cut(&s, '-');
    if (!digits(y) || !digits(m) || !digits(s)) return false;
    if (!slice_to_i64(y, &year) || !slice_to_i64(m, &month) || !slice_to_i64(s, &day)) return false;
    if (year < 1900 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return false;
    struct tm t = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day};
    *out = timegm(&t);
    return true;
}

static lorec_err values_parse(split_options *o, slice rest, const char *words)
{
    slice part[3];
    size_t n = 0;
    for (; rest.n && n < 3; n++) part[n] = slice_cut(&rest, ':');
    if (n == 2 && !rest.n && o->kind == SPLIT_TIME) {
        if (!instant_parse(part[0], &o->valid_from) || !instant_parse(part[1], &o->test_from))
            return err_set(LOREC_USAGE, "split \"%s\": instants are seconds since 1970 or YYYY-MM-DD", words);
        if (o->test_from < o->valid_from)
            return err_set(LOREC_USAGE, "split \"%s\": the test part begins before the validation part", words);
        return LOREC_OK;
    }
    double *ratio[] = {&o->train, &o->valid, &o->test};
    if (n != 3 || rest.n)
        return err_set(LOREC_USAGE, "split \"%s\": train:valid:test are due, as in ratio:8:1:1", words);
    for (int i = 0; i < 3; i++) {
        if (!slice_to_f64(part[i], ratio[i]) || *ratio[i] < 0)
            return err_set(LOREC_USAGE, "split \"%s\": \"%.*s\" is no ratio", words, (int)part[i].n, part[i].p);
    }
    if (!(o->train > 0) || !(o->test > 0))
        return err_set(LOREC_USAGE, "split \"%s\": the training and test shares have to be above 0", words);
    return LOREC_OK;
}

lorec_err split_parse(split_options *out, const char *words)
{
    slice rest = slice_of(words), seed = {0};
    slice all = slice_cut(&rest, '@');
    bool has_seed = all.n < strlen(words);
    if (has_seed) seed = rest;
    rest = all;
    slice name = slice_cut(&rest, ':');
    bool has_values = name.n < all.n;
    split_options o = {.seed = out->seed};
    size_t i = 0;
    while (i < N_KINDS && !slice_is(name, kinds[i].name)) i++;
    if (i == N_KINDS) {
        const char *known[N_KINDS];
        for (size_t j = 0; j < N_KINDS; j++) known[j] = kinds[j].name;
        char word[40] = "";
        memcpy(word, name.p, name.n < sizeof word - 1 ? name.n : sizeof word - 1);
        const char *near = err_nearest(word, known, N_KINDS);
        return err_set(LOREC_USAGE,
                       "split \"%s\" is not known%s%s%s; there are loo, ratio, ratio-random, ratio-all, "
                       "ratio-all-random, time and files",
                       words, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    o.kind = kinds[i].kind;
    o.random = kinds[i].random;
    if (has_seed && (!o.random || !slice_to_u64(seed, &o.seed)))
        return err_set(LOREC_USAGE, "split \"%s\": a whole number may follow @ where the split is random", words);
    if (has_values && (o.kind == SPLIT_LOO || o.kind == SPLIT_FILES))
        return err_set(LOREC_USAGE, "split \"%s\": %s takes no values", words, kinds[i].name);
    if (has_values) TRY(values_parse(&o, rest, words));
    *out = o;
    return LOREC_OK;
}
