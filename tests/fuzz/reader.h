/* reader.h: the fuzz target of a reader: the bytes become a file (and, behind the first NUL NUL, a side file), which is
 * imported twice: strictly, and with bad rows skipped. What comes out has to hold together.
 *
 *     FUZZ_READER("u.data", "u.item", "ml-100k")
 *
 * Ownership: files live in a folder of the process under /dev/shm or the temporary folder, removed at exit. */
#ifndef LOREC_TESTS_FUZZ_READER_H
#define LOREC_TESTS_FUZZ_READER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "data/dataset.h"

static char fuzz_folder[256];

static void fuzz_clean(void)
{
    (void)folder_remove(fuzz_folder);
}

static void fuzz_start(void)
{
    if (fuzz_folder[0]) return;
    log_set_level(LOG_QUIET);
    par_set_workers(2);
    snprintf(fuzz_folder, sizeof fuzz_folder, "%s/lorec-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(fuzz_folder)) abort();
    atexit(fuzz_clean);
}

static void fuzz_write(const char *name, const uint8_t *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
}

/* Everything that other floors rely on. */
static void fuzz_check(const dataset *d)
{
    const interactions *r = &d->rows;
    if (r->n == 0 || r->start[0] != 0 || r->start[r->n_users] != r->n) abort();
    for (uint32_t u = 0; u < r->n_users; u++) {
        if (r->start[u] > r->start[u + 1]) abort();
        for (uint64_t i = r->start[u]; i < r->start[u + 1]; i++) {
            if (r->item[i] >= r->n_items) abort();
            if (r->time && i > r->start[u] && r->time[i] < r->time[i - 1]) abort();
        }
    }
    for (uint32_t i = 0; i < r->n_items; i++) {
        slice title = dataset_title(d, i);
        if (!title.p || names_at(&d->item_ids, i).n == 0) abort();
    }
    for (size_t k = 0; k < d->n_columns; k++) {
        const column *c = &d->columns[k];
        uint64_t codes = c->kind == COLUMN_TOKEN_SEQ ? c->first[c->n] : c->kind == COLUMN_TOKEN ? c->n : 0;
        for (uint64_t i = 0; i < codes; i++) {
            if (c->code[i] >= c->words.n) abort();
        }
    }
}

__attribute__((unused)) static void fuzz_import(const char *name, const char *format)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
    for (int skip = 0; skip < 2; skip++) {
        dataset d;
        import_options o = {.format = format, .skip_bad_rows = skip};
        if (dataset_import(&d, path, &o) != LOREC_OK) {
            if (!lorec_error_message()[0] || d.memory) abort();
            continue;
        }
        fuzz_check(&d);
        dataset_close(&d);
    }
}

__attribute__((unused)) static void fuzz_reader(const uint8_t *data, size_t size, const char *name, const char *side,
                                                const char *format)
{
    fuzz_start();
    size_t cut = size;
    for (size_t i = 0; side && i + 1 < size; i++) {
        if (data[i] || data[i + 1]) continue;
        cut = i;
        break;
    }
    fuzz_write(name, data, cut);
    if (side) fuzz_write(side, data + (cut < size ? cut + 2 : size), cut < size ? size - cut - 2 : 0);
    fuzz_import(name, format);
}

#define FUZZ_READER(name, side, format)                                                                                \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                                      \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                                       \
    {                                                                                                                  \
        fuzz_reader(data, size, name, side, format);                                                                   \
        return 0;                                                                                                      \
    }

#endif
