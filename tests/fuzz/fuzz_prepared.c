#include "reader.h"

/* A prepared folder whose bytes were tampered with: the first two choose a file, the rest are its new content, or (size
 * 2 to 10) a place and bytes to change there. Opening is refused, or what is opened holds together. */
static const char *const files[] = {"manifest.json",
                                    "start.npy",
                                    "item.npy",
                                    "time.npy",
                                    "item_ids.start.npy",
                                    "user_ids.text.npy",
                                    "item.title.start.npy",
                                    "item.tags.code.npy",
                                    "item.tags.first.npy",
                                    "item.category.words.npy",
                                    "item.category.code.npy",
                                    "item.price.value.npy"};

static void change(const char *path, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, size > 8 ? "wb" : "r+b");
    if (!f) return;
    if (size <= 8 && size >= 3) {
        long at = (long)data[0] * 7 + data[1];
        if (fseek(f, at, SEEK_SET) == 0) fwrite(data + 2, 1, size - 2, f);
    } else if (size > 8) {
        fwrite(data, 1, size, f);
    }
    fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_start();
    if (size < 2) return 0;
    char folder[512], path[800];
    snprintf(folder, sizeof folder, "%s/set", fuzz_folder);
    dataset d;
    if (dataset_sample(&d, 3, 1) || dataset_save(&d, folder)) abort();
    dataset_close(&d);
    snprintf(path, sizeof path, "%s/%s", folder, files[data[0] % (sizeof files / sizeof *files)]);
    change(path, data + 2, size - 2);
    if (dataset_open(&d, folder) == LOREC_OK) {
        if (d.rows.start[d.rows.n_users] != d.rows.n) abort();
        for (uint32_t i = 0; i < d.rows.n_items; i++) (void)dataset_title(&d, i);
        uint64_t sum = 0;
        for (uint64_t r = 0; r < d.rows.n; r++) sum += d.rows.item[r] >= d.rows.n_items;
        if (sum) abort();
        dataset_close(&d);
    }
    return 0;
}
