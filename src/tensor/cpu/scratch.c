#include "tensor/cpu/scratch.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/mem.h"

typedef struct slots {
    struct {
        void *p;
        size_t bytes;
    } of[SCRATCH_SLOTS];
} slots;

static pthread_key_t key;
static bool have_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local slots *mine; /* the key's value again: quicker to read, and its destructor frees it */

static void slots_free(void *p)
{
    slots *s = p;
    for (int i = 0; i < SCRATCH_SLOTS; i++) mem_free(s->of[i].p);
    mem_free(s);
}

static void make_key(void)
{
    have_key = pthread_key_create(&key, slots_free) == 0;
}

void *scratch_get(enum scratch_slot slot, size_t bytes)
{
    if (!mine) {
        pthread_once(&once, make_key);
        slots *s;
        if (mem_new(&s, 1)) return NULL;
        if (!have_key || pthread_setspecific(key, s)) {
            mem_free(s);
            err_set(LOREC_RESOURCE, "this thread can keep no scratch memory");
            return NULL;
        }
        mine = s;
    }
    if (bytes < 4096) bytes = 4096; /* large enough to be aligned */
    if (mine->of[slot].bytes < bytes) {
        mem_free(mine->of[slot].p);
        mine->of[slot].bytes = 0;
        char *p;
        mine->of[slot].p = NULL;
        if (mem_new(&p, bytes + bytes / 4)) return NULL;
        mine->of[slot].p = p;
        mine->of[slot].bytes = bytes + bytes / 4;
    }
    return mine->of[slot].p;
}
