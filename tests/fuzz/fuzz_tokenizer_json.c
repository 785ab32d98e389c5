/* Any bytes as a tokenizer.json. */
#include "tokenizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokenizer *t;
    slice bytes = {(const char *)data, size};
    if (tokenizer_from_json(&t, bytes, "fuzz") == LOREC_OK)
        tokenizer_try(t, bytes);
    else if (t || !lorec_error_message()[0])
        abort();
    return 0;
}
