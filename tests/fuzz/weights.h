/* weights.h: the fuzz target of a model file: any bytes are refused with a message, or every row of every weight can be read,
 * in its own type and as f32.
 *
 *     FUZZ_WEIGHTS
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_TESTS_FUZZ_WEIGHTS_H
#define LOREC_TESTS_FUZZ_WEIGHTS_H

#include <stdint.h>
#include <stdlib.h>

#include "lm/weights.h"

static void fuzz_check_weights(const weights *w)
{
    enum { MOST = 1 << 16 };
    static float values[MOST];
    volatile float sum = 0;
    for (size_t i = 0; i < weights_count(w); i++) {
        const weight *x = weights_at(w, i);
        if (weights_find(w, x->name) != x) abort();
        int64_t rows = weight_rows(x), width = rows ? weight_values(x) / rows : 0;
        if (width > MOST) continue;
        for (int64_t r = 0; r < rows && r < 100; r++) {
            if (weights_read(w, x, r, 1, values) && !lorec_error_message()[0]) abort();
            if (weights_read_f32(w, x, rows - 1 - r, 1, values) && !lorec_error_message()[0]) abort();
            for (int64_t k = 0; k < width; k++) sum = sum + values[k];
        }
    }
    (void)sum;
}

#define FUZZ_WEIGHTS                                                                                                   \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                                      \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                                       \
    {                                                                                                                  \
        weights *w;                                                                                                    \
        if (weights_open_bytes(&w, data, size, "fuzz")) {                                                              \
            if (!lorec_error_message()[0]) abort();                                                                    \
            return 0;                                                                                                  \
        }                                                                                                              \
        fuzz_check_weights(w);                                                                                         \
        weights_close(w);                                                                                              \
        return 0;                                                                                                      \
    }

#endif
