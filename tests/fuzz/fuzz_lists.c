/* Any bytes as lists made elsewhere: refused with a message, or every number is in its range. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "eval/lists.h"
#include "small_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static small_data s;
    char path[64];
    report r;
    if (!s.ready) small_data_make(&s, "full");
    int fd = small_file(data, size, path);
    if (evaluate_lists(&r, &s.p, PART_TEST, path)) {
        if (!lorec_error_message()[0] || r.value) abort();
    } else {
        for (size_t i = 0; i < r.n_users * r.n_metrics; i++)
            if (!(r.value[i] >= 0 && r.value[i] <= 1)) abort();
        report_close(&r);
    }
    close(fd);
    return 0;
}
