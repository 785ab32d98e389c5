/* Any bytes as a language model's plan, as a condition and as a SELECT over a catalogue: read, or refused with a reason; and the
 * catalogue is afterwards what it was. */
#include <stdint.h>
#include <stdlib.h>

#include "methods/interecagent/interecagent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char bytes[] = "Heat (1995)Alien (1979)O'Hara; -- (2001)CrimeHorror, SpaceDrama";
static uint64_t start[] = {0, 11, 23, 39, 44, 57, 62};
static uint32_t popularity[] = {5, 0, 9};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static item_sql *s;
    const catalogue c = {.n = 3, .bytes = bytes, .start = start, .popularity = popularity};
    if (!s && item_sql_open(&s, &c)) abort();
    slice text = {(const char *)data, size};
    reply_counts repairs = {0};
    agent_plan p;
    lorec_err e = agent_plan_read(&p, text.p, text.n, &repairs);
    if (e && e != LOREC_INPUT) abort();
    if (!e && (p.n == 0 || p.n > AGENT_STEPS || p.step[p.n - 1].tool != TOOL_MAP)) abort();
    agent_plan_free(&p);
    uint32_t item[3];
    size_t n;
    int64_t mended = 0;
    e = item_sql_where(s, text, item, 3, &n, &mended);
    if (e && e != LOREC_INPUT) abort();
    for (size_t i = 0; !e && i < n && i < 3; i++)
        if (item[i] >= 3) abort();
    json_t *rows = NULL;
    e = item_sql_select(s, text, 3, &rows);
    if (e && e != LOREC_INPUT) abort();
    if (!e && json_array_size(rows) > 3) abort();
    json_decref(rows);
    if (item_sql_where(s, slice_of("1"), item, 3, &n, &mended) || n != 3) abort();
    return 0;
}
