/* Any bytes: either refused with a message, or every tensor can be read to its last byte. */
#include <stdint.h>
#include <stdlib.h>

#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    safetensors f;
    if (safetensors_parse(&f, data, size, "fuzz")) {
        if (!lorec_error_message()[0]) abort();
        return 0;
    }
    size_t covered = 0;
    volatile unsigned sum = 0;
    for (size_t i = 0; i < f.n; i++) {
        const st_entry *e = &f.entry[i];
        int64_t n = st_entry_count(e);
        if (safetensors_find(&f, e->name) != e) abort();
        for (size_t b = 0; b < e->bytes; b++) sum += data[f.buffer + e->begin + b];
        covered += e->bytes;
        if (e->dtype != ELEM_F32 && e->dtype != ELEM_F16 && e->dtype != ELEM_BF16) continue;
        float *v = malloc((size_t)n * sizeof *v + 1);
        if (!v || safetensors_read_f32(&f, e, v, n)) abort();
        free(v);
    }
    (void)sum;
    if (f.buffer + covered != size) abort();
    for (size_t i = 0; i < f.n_meta; i++)
        if (!f.meta[2 * i] || !f.meta[2 * i + 1]) abort();
    safetensors_close(&f);
    return 0;
}
