/* replay.c: runs a fuzz target over its kept corpus, and over a fixed number of seeded mutations of each file, where
 * the compiler has no libFuzzer: every build checks every old finding. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS = 200, MAX_SIZE = 1 << 20 };

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void mutate(uint8_t *data, size_t *size, uint64_t *s)
{
    for (unsigned edits = 1 + (unsigned)(next(s) % 4); edits > 0 && *size > 0; edits--) {
        size_t at = next(s) % *size;
        switch (next(s) % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << next(s) % 8);
            break;
        case 1:
            data[at] = (uint8_t)next(s);
            break;
        case 2: /* cut the tail */
            *size = at;
            break;
        default: /* remove a stretch */
        {
            size_t n = next(s) % 16;
            if (n > *size - at) n = *size - at;
            memmove(data + at, data + at + n, *size - at - n);
            *size -= n;
        }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) return fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]), 2;
    DIR *dir = opendir(argv[1]);
    if (!dir) return perror(argv[1]), 1;
    uint8_t *data = malloc(MAX_SIZE), *work = malloc(MAX_SIZE);
    if (!data || !work) return 1;
    const char *asked = getenv("LOREC_FUZZ_MUTATIONS"); /* of each file; scripts/mutate asks for many */
    long mutations = asked ? atol(asked) : MUTATIONS;
    size_t files = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f) return perror(path), 1;
        size_t n = fread(data, 1, MAX_SIZE, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
        uint64_t s = 0x9e3779b97f4a7c15u + files;
        for (long i = 0; i < mutations; i++) {
            size_t size = n;
            memcpy(work, data, n);
            mutate(work, &size, &s);
            LLVMFuzzerTestOneInput(work, size);
        }
        files++;
    }
    closedir(dir);
    free(data);
    free(work);
    if (!files) return fprintf(stderr, "%s: no files to replay\n", argv[1]), 1;
    printf("%zu corpus files, %zu mutations\n", files, files * (size_t)mutations);
    return 0;
}
