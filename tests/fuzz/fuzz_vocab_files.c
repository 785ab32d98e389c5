/* Any bytes as vocab.txt; and, cut at two NULs, as vocab.json and merges.txt. */
#include "tokenizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice bytes = {(const char *)data, size};
    tokenizer_try_file(tokenizer_file("vocab.txt", data, size), bytes);
    size_t cut = size;
    for (size_t i = 0; i + 1 < size && cut == size; i++)
        if (!data[i] && !data[i + 1]) cut = i;
    tokenizer_file("merges.txt", data + (cut < size ? cut + 2 : size), cut < size ? size - cut - 2 : 0);
    tokenizer_try_file(tokenizer_file("vocab.json", data, cut), bytes);
    return 0;
}
