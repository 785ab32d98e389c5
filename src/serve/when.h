/* when.h: times as clients write them.
 *
 *     int64_t t;
 *     TRY(when_read(value, "Timestamp", now, &t));      // "2026-11-26T07:30:00Z", "2026-11-26", 1795678200, ms or absent
 *     when_write(text, t);                              // "2026-11-26T07:30:00Z"
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_SERVE_WHEN_H
#define LOREC_SERVE_WHEN_H

#include "base/json.h"

enum { WHEN_TEXT = 32 };
/* Seconds since 1970. Absent, null or "": fallback. Numbers above 1e11 are milliseconds. LOREC_INPUT names the field. */
lorec_err when_read(const json_t *value, const char *field, int64_t fallback, int64_t *out);
void when_write(char text[WHEN_TEXT], int64_t t);

#endif
