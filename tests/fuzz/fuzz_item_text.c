#include "reader.h"

/* The interactions are fixed; the bytes are the file with the items' text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char rows[] = "a x y z\nb y\n";
    char path[512], text[512];
    fuzz_start();
    fuzz_write("x.txt", (const uint8_t *)rows, sizeof rows - 1);
    fuzz_write("items", data, size);
    snprintf(path, sizeof path, "%s/x.txt", fuzz_folder);
    snprintf(text, sizeof text, "%s/items", fuzz_folder);
    for (int skip = 0; skip < 2; skip++) {
        dataset d;
        import_options o = {.item_text = text, .skip_bad_rows = skip, .keep_unseen = skip};
        if (dataset_import(&d, path, &o) != LOREC_OK) continue;
        fuzz_check(&d);
        dataset_close(&d);
    }
    return 0;
}
