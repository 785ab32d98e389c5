/* Any bytes as a GGUF that holds a vocabulary. */
#include "tokenizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokenizer_try_file(tokenizer_file("vocabulary.gguf", data, size), (slice){(const char *)data, size});
    return 0;
}
