/* Any bytes as a SentencePiece model, and as llama2.c's vocabulary. */
#include "tokenizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tokenizer *t;
    slice bytes = {(const char *)data, size};
    if (tokenizer_from_sentencepiece(&t, bytes, "fuzz") == LOREC_OK)
        tokenizer_try(t, bytes);
    else if (t || !lorec_error_message()[0])
        abort();
    if (tokenizer_from_llama2c(&t, bytes, "fuzz") == LOREC_OK)
        tokenizer_try(t, bytes);
    else if (t || !lorec_error_message()[0])
        abort();
    return 0;
}
