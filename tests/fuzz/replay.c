/* replay.c: runs a fuzz target over its kept corpus, and over a fixed number of seeded mutations of each file, where
 * the compiler has no libFuzzer: every build checks every old finding.
 *
 *     fuzz_gguf CORPUS                                 200 mutations of each file
 *     LOREC_FUZZ_MUTATIONS=1000:2000 fuzz_gguf CORPUS  numbers 1000 .. 1999 of each (scripts/mutate): a mutation depends on its
 *                                                      file and number alone, so parts can run beside each other
 *
 * Every input has SECONDS of processor time and, under ASan, BUDGET bytes beside its own size. One that ends the program is
 * kept in LOREC_FUZZ_KEEP (a folder), where that is set. */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS = 200, MAX_SIZE = 1 << 20, MAX_FILES = 4096, SECONDS = 10, BUDGET = 64 << 20 };

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

/* ---- the input at hand, kept when it ends the program ------------------------------------------------------------------ */

static const uint8_t *now;
static size_t now_size;
static char keep_as[4096];

static void keep_input(void)
{
    FILE *f = now && keep_as[0] ? fopen(keep_as, "wb") : NULL;
    if (!f) return;
    fwrite(now, 1, now_size, f);
    fclose(f);
    fprintf(stderr, "the input is kept as %s\n", keep_as);
}

static void on_signal(int which)
{
    if (which == SIGPROF) fprintf(stderr, "an input of %zu bytes took %d seconds\n", now_size, SECONDS);
    keep_input();
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

#if WITH_ASAN
#include <sanitizer/common_interface_defs.h>

/* of sanitizer/allocator_interface.h, which gcc's packages leave out */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static long live, peak;

static void more(const volatile void *p, size_t n)
{
    (void)p;
    long sum = __atomic_add_fetch(&live, (long)n, __ATOMIC_RELAXED), most = __atomic_load_n(&peak, __ATOMIC_RELAXED);
    while (sum > most && !__atomic_compare_exchange_n(&peak, &most, sum, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

static void less(const volatile void *p)
{
    if (p) __atomic_sub_fetch(&live, (long)__sanitizer_get_allocated_size(p), __ATOMIC_RELAXED);
}

static void watch_memory(void)
{
    __sanitizer_install_malloc_and_free_hooks(more, less);
    __sanitizer_set_death_callback(keep_input);
}

static long begin_memory(void)
{
    return peak = live;
}

static size_t taken_since(long before)
{
    return peak > before ? (size_t)(peak - before) : 0;
}
#else
static void watch_memory(void)
{
}
static long begin_memory(void)
{
    return 0;
}
static size_t taken_since(long before)
{
    return (size_t)before;
}
#endif

/* ---- one input --------------------------------------------------------------------------------------------------------- */

static size_t most_memory;
static double slowest;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* From memory that ends where the input does, so that reading on is seen. */
static void try_input(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) abort();
    memcpy(exact, data, size);
    now = exact;
    now_size = size;
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = SECONDS}}, NULL);
    double start = seconds();
    long before = begin_memory();
    LLVMFuzzerTestOneInput(exact, size);
    size_t taken = taken_since(before);
    double took = seconds() - start;
    if (took > slowest) slowest = took;
    if (taken > most_memory) most_memory = taken;
    if (taken > size + BUDGET) {
        fprintf(stderr, "an input of %zu bytes took %zu bytes of memory\n", size, taken);
        abort();
    }
    now = NULL; /* a leak is told at the end and is of none */
    free(exact);
}

/* ---- mutations --------------------------------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* n bytes at `at`, the rest moves on; as many as there is room for. */
static void insert(uint8_t *data, size_t *size, size_t at, const uint8_t *from, size_t n)
{
    if (n > MAX_SIZE - *size) n = MAX_SIZE - *size;
    uint8_t copy[64];
    if (n > sizeof copy) n = sizeof copy;
    memcpy(copy, from, n);
    memmove(data + at + n, data + at, *size - at);
    memcpy(data + at, copy, n);
    *size += n;
}

static void mutate(uint8_t *data, size_t *size, uint64_t *s)
{
    static const int64_t odd[] = {0,         1,         -1,        2,          127,       128,       255,     256,
                                  INT16_MAX, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN, 1 << 20, 1 << 30};
    static const char *const words[] = {
        "0",  "-1",   "1e999",   "4294967296", "9223372036854775807", "null", "true", "[",  "]",  "{", "}", "\"\"",
        ",",  ":",    "\\u0000", "\xff",       "\xf0\x9f\x98\x80",    "{{",   "}}",   "{%", "%}", "|", "(", ")",
        ".*", "{0,}", "\n"};
    for (unsigned edits = 1 + (unsigned)(next(s) % 4); edits > 0 && *size > 0; edits--) {
        size_t at = next(s) % *size, n = 1 + next(s) % 16;
        if (n > *size - at) n = *size - at;
        switch (next(s) % 9) {
        case 0:
            data[at] ^= (uint8_t)(1u << next(s) % 8);
            break;
        case 1:
            data[at] = (uint8_t)next(s);
            break;
        case 2: /* cut the tail */
            if (next(s) % 4 == 0) *size = at;
            break;
        case 3: /* a length that lies */
        {
            int64_t value = odd[next(s) % (sizeof odd / sizeof *odd)];
            size_t width = (size_t)1 << next(s) % 4;
            if (width <= *size - at) memcpy(data + at, &value, width);
            break;
        }
        case 4: /* a word of the formats */
        {
            const char *word = words[next(s) % (sizeof words / sizeof *words)];
            insert(data, size, at, (const uint8_t *)word, strlen(word));
            break;
        }
        case 5: /* a stretch of it twice */
            insert(data, size, next(s) % *size, data + at, n);
            break;
        case 6: /* a stretch of it elsewhere */
            memmove(data + next(s) % (*size - n + 1), data + at, n);
            break;
        case 7: /* digits */
            for (size_t i = at; i < *size && i < at + 64; i++)
                if (data[i] >= '0' && data[i] <= '9') {
                    data[i] = (uint8_t)('0' + next(s) % 10);
                    break;
                }
            break;
        default: /* remove a stretch */
            memmove(data + at, data + at + n, *size - at - n);
            *size -= n;
        }
    }
}

/* ---- the corpus -------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list(const char *folder, char **name)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir) return perror(folder), 0;
    for (struct dirent *e; n < MAX_FILES && (e = readdir(dir));)
        if (e->d_name[0] != '.' && (name[n] = strdup(e->d_name))) n++;
    closedir(dir);
    if (n) qsort(name, n, sizeof *name, by_name);
    return n;
}

static size_t read_file(const char *folder, const char *name, uint8_t *data)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) return perror(path), exit(1), 0;
    size_t n = fread(data, 1, MAX_SIZE, f);
    fclose(f);
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t data[MAX_SIZE], work[MAX_SIZE];
    static char *name[MAX_FILES];
    if (argc != 2) return fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]), 2;
    size_t files = list(argv[1], name);
    if (!files) return fprintf(stderr, "%s: no files to replay\n", argv[1]), 1;
    unsigned long from = 0, to = MUTATIONS;
    const char *asked = getenv("LOREC_FUZZ_MUTATIONS"), *keep = getenv("LOREC_FUZZ_KEEP");
    if (asked && sscanf(asked, "%lu:%lu", &from, &to) != 2) {
        from = 0;
        to = strtoul(asked, NULL, 10);
    }
    if (keep) snprintf(keep_as, sizeof keep_as, "%s/finding-%ld", keep, (long)getpid());
    watch_memory();
    signal(SIGABRT, on_signal);
    signal(SIGPROF, on_signal);
    for (size_t f = 0; f < files; f++) {
        size_t n = read_file(argv[1], name[f], data);
        if (from == 0) try_input(data, n);
        for (unsigned long i = from; i < to; i++) {
            uint64_t s = (0x9e3779b97f4a7c15u + f) * (2 * (uint64_t)i + 1);
            for (int k = 0; k < 4; k++) next(&s);
            size_t size = n;
            memcpy(work, data, n);
            mutate(work, &size, &s);
            try_input(work, size);
        }
        free(name[f]);
    }
    printf("%zu corpus files, %zu mutations, at most %zu KiB and %.3f s each\n", files, files * (size_t)(to - from),
           most_memory >> 10, slowest);
    return 0;
}
