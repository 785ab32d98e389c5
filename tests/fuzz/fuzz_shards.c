/* The index of a model in shards: any bytes beside two good files. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "tensor/safetensors.h"
#include "weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[256];

static void clean(void)
{
    (void)folder_remove(folder);
}

static void put(const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
}

static void start(void)
{
    static const float values[] = {1, 2, 3, 4};
    char path[512];
    if (folder[0]) return;
    snprintf(folder, sizeof folder, "%s/lorec-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) abort();
    atexit(clean);
    put("config.json", "{}", 2);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%d.safetensors", folder, i);
        const st_item items[] = {{i ? "c" : "a", ELEM_F32, 2, (int64_t[]){2, 2}, values},
                                 {i ? "d" : "b", ELEM_F32, 1, (int64_t[]){3}, values}};
        if (safetensors_write(path, items, 2, NULL, 0)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weights *w;
    start();
    put("model.safetensors.index.json", data, size);
    if (weights_open(&w, folder)) {
        if (!lorec_error_message()[0]) abort();
        return 0;
    }
    fuzz_check_weights(w);
    weights_close(w);
    return 0;
}
