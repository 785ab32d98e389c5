/* Any bytes as a transcript: refused with a message, or its answers are read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lm/llm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char spec[64];
    int fd = memfd_create("transcript", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(spec, sizeof spec, "replay:/proc/self/fd/%d#m", fd);
    llm *m;
    if (llm_open(&m, spec, NULL) == LOREC_OK) {
        llm_answer a = {0};
        if (llm_chat(m, NULL, "q", NULL, &a) == LOREC_OK && !utf8_valid((slice){a.text, a.n})) abort();
        llm_answers_free(&a, 1);
        llm_close(m);
    } else if (!lorec_error_message()[0])
        abort();
    close(fd);
    return 0;
}
