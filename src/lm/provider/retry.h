/* retry.h: which failures pass, and how long to wait for it.
 *
 *     if (retry_status(429, body)) wait = retry_wait(&policy, tries, retry_after);
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_LM_PROVIDER_RETRY_H
#define LOREC_LM_PROVIDER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct retry_policy {
    double first, longest; /* seconds */
    uint64_t seed;
} retry_policy;

/* Does a status pass by itself: 408, 425, 429, and 5xx but 501 and 505. */
bool retry_status(long status);
/* Seconds before the try after `tries` ones: doubled from `first`, half of it jitter drawn from the seed and `stream`. */
double retry_wait(const retry_policy *p, int64_t tries, uint64_t stream);
/* A Retry-After header: seconds, or a date (RFC 9110, 10.2.3) seen from `now`. -1: not understood. */
double retry_after(const char *value, int64_t now);

#endif
