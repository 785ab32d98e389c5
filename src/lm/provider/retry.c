#include "lm/provider/retry.h"

#include <curl/curl.h>

#include "base/str.h"

bool retry_status(long status)
{
    if (status == 408 || status == 425 || status == 429) return true;
    return status >= 500 && status <= 599 && status != 501 && status != 505;
}

static double uniform(uint64_t x) /* splitmix64, to [0, 1) */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) * 0x1p-53;
}

double retry_wait(const retry_policy *p, int64_t tries, uint64_t stream)
{
    double wait = p->first;
    for (int64_t i = 1; i < tries && wait < p->longest; i++) wait *= 2;
    if (wait > p->longest) wait = p->longest;
    return wait * (.5 + .5 * uniform(p->seed ^ stream * 0x2545f4914f6cdd1du ^ (uint64_t)tries));
}

double retry_after(const char *value, int64_t now)
{
    double seconds;
    slice s = slice_trim(slice_of(value));
    if (slice_to_f64(s, &seconds)) return seconds >= 0 ? seconds : -1;
    time_t when = curl_getdate(value, NULL);
    if (when < 0) return -1;
    return (double)when > (double)now ? (double)when - (double)now : 0;
}
