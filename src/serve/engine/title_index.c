#include "serve/engine/title_index.h"

#include <stdlib.h>

#include "base/mem.h"
#include "serve/engine/item_words.h"
#include "text/words.h"

lorec_err title_index_open(title_index *t)
{
    *t = (title_index){0};
    return pthread_mutex_init(&t->lock, NULL) ? err_set(LOREC_RESOURCE, "no lock for the titles") : LOREC_OK;
}

void title_index_close(title_index *t)
{
    for (size_t i = 0; i < t->n; i++) mem_free(t->title[i].text);
    mem_free(t->title);
    pthread_mutex_destroy(&t->lock);
    *t = (title_index){0};
}

static lorec_err refresh(title_index *t, const live *v)
{
    size_t n = v->items.n;
    TRY(mem_grow(&t->title, &t->cap, n));
    for (; t->n < n; t->n++) t->title[t->n] = (folded_title){0};
    for (uint32_t i = 0; i < n; i++) {
        folded_title *f = &t->title[i];
        if (f->text && f->version == v->item[i].title_version) continue;
        buf b = {0};
        lorec_err e = words_fold(live_title(v, i), &b);
        if (e) {
            buf_free(&b);
            return e;
        }
        mem_free(f->text);
        *f = (folded_title){b.p, v->item[i].title_version};
    }
    return LOREC_OK;
}

/* ---- how well a title fits ---------------------------------------------------------------------------------------------- */

typedef enum fit { FIT_WHOLE, FIT_START, FIT_WORDS, FIT_PARTS, FIT_TEXT, FIT_NOT } fit;

/* A word that begins one of the title's words, or else stands in one. */
static fit fit_of_word(const char *title, slice word)
{
    fit best = FIT_NOT;
    size_t n = strlen(title);
    for (const char *at = title; (at = memmem(at, n - (size_t)(at - title), word.p, word.n)); at++) {
        if (at == title || at[-1] == ' ') return FIT_WORDS;
        best = FIT_PARTS;
    }
    return best;
}

static fit fit_of(const char *title, slice words)
{
    if (strncmp(title, words.p, words.n) == 0) return title[words.n] ? FIT_START : FIT_WHOLE;
    fit worst = FIT_WORDS;
    while (words.n) {
        fit f = fit_of_word(title, slice_cut(&words, ' '));
        if (f > worst) worst = f;
        if (f == FIT_NOT) return FIT_NOT;
    }
    return worst;
}

/* Are all of these words in what an item was described by? Both lists ascend. */
static bool has_words(const live_item *item, const uint32_t *word, uint32_t n)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < item->n_words && k < n; i++) k += item->word[i] == word[k];
    return n && k == n;
}

typedef struct hit {
    uint32_t item;
    fit how;
    uint64_t popularity;
} hit;

static int better(const void *a, const void *b)
{
    const hit *x = a, *y = b;
    if (x->how != y->how) return x->how < y->how ? -1 : 1;
    if (x->popularity != y->popularity) return x->popularity > y->popularity ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

static lorec_err find(title_index *t, const live *v, slice words, hit **hits, size_t *n)
{
    uint32_t *word, n_words;
    TRY(refresh(t, v));
    TRY(mem_new(hits, t->n));
    TRY(item_words(&words, 1, &word, &n_words));
    for (uint32_t i = 0; i < t->n; i++) {
        const live_item *item = &v->item[i];
        if (item->hidden || !item->known) continue;
        fit how = words.n ? fit_of(t->title[i].text, words) : FIT_PARTS;
        if (how == FIT_NOT && has_words(item, word, n_words)) how = FIT_TEXT;
        if (how != FIT_NOT) (*hits)[(*n)++] = (hit){i, how, item->popularity};
    }
    mem_free(word);
    return LOREC_OK;
}

lorec_err title_index_find(title_index *t, const live *v, slice words, size_t offset, size_t n, uint32_t *items,
                           size_t *found, size_t *total)
{
    hit *hits = NULL;
    buf folded = {0};
    *found = *total = 0;
    lorec_err e = words_fold(words, &folded);
    bool nothing = !e && words.n && !folded.n; /* "?!": no title can have it */
    pthread_mutex_lock(&t->lock);
    if (!e && !nothing) e = find(t, v, (slice){folded.p, folded.n}, &hits, total);
    pthread_mutex_unlock(&t->lock);
    if (*total) qsort(hits, *total, sizeof *hits, better);
    for (size_t i = offset; i < *total && *found < n; i++) items[(*found)++] = hits[i].item;
    mem_free(hits);
    buf_free(&folded);
    return e;
}
