#include "support.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { SLOTS = 64, PATH = 4096 };

static char slots[SLOTS][PATH];
static int slot_at;

static char *slot(void)
{
    return slots[slot_at++ % SLOTS];
}

const char *shared_path(const char *below)
{
    const char *source = getenv("LOREC_SOURCE_DIR");
    char *p = slot();
    snprintf(p, PATH, "%s/../shared/%s", source ? source : ".", below);
    return access(p, R_OK) == 0 ? p : NULL;
}

void skip_without_shared(const char *what)
{
    print_message("SKIPPED: %s: ../shared is not here\n", what);
    skip();
}

static char folder[PATH];

static void remove_folder(void)
{
    if (folder[0]) (void)folder_remove(folder);
}

const char *test_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/lorec-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
        if (!mkdtemp(folder)) fail_msg("mkdtemp %s failed", folder);
        atexit(remove_folder);
    }
    return folder;
}

const char *test_path(const char *name)
{
    char *p = slot();
    snprintf(p, PATH, "%.2000s/%s", test_folder(), name);
    return p;
}

const char *test_file(const char *name, const char *text)
{
    const char *p = test_path(name);
    FILE *f = fopen(p, "wb");
    if (!f || fwrite(text, 1, strlen(text), f) != strlen(text) || fclose(f)) fail_msg("%s can not be written", p);
    return p;
}
