/* Any bytes as a slate file: refused with a message, or lists that are sorted, without doubles, of known items. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "small_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static small_data s;
    char path[64], words[80];
    protocol p;
    if (!s.ready) small_data_make(&s, "full");
    int fd = small_file(data, size, path);
    snprintf(words, sizeof words, "slate:%s", path);
    if (protocol_make(&p, &s.s, words, "mrr", false, 1)) {
        if (!lorec_error_message()[0] || p.candidate) abort();
    } else {
        for (uint32_t u = 0; u < s.d.rows.n_users; u++)
            for (uint64_t i = p.start[u]; i < p.start[u + 1]; i++)
                if (p.candidate[i] >= s.d.rows.n_items || (i > p.start[u] && p.candidate[i] <= p.candidate[i - 1]))
                    abort();
        protocol_close(&p);
    }
    close(fd);
    return 0;
}
