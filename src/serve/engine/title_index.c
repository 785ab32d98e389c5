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
    mem_free(t->signature);
    pthread_mutex_destroy(&t->lock);
    *t = (title_index){0};
}

/* ---- signatures ---------------------------------------------------------------------------------------------------------- */

static uint64_t bit_of(uint32_t bytes)
{
    return (uint64_t)1 << (bytes * 0x9E3779B1u >> 26);
}

/* Of all words of a folded text; what lies across two words is no part of it. */
static title_signature sign(slice text)
{
    title_signature s = {0};
    uint32_t last = 0; /* bytes of the word so far, the latest lowest */
    for (size_t i = 0, n = 0; i < text.n; i++) {
        n = text.p[i] == ' ' ? 0 : n + 1;
        last = last << 8 | (unsigned char)text.p[i];
        if (n >= 2) s.pairs |= bit_of(last & 0xFFFF);
        if (n >= 3) s.triples |= bit_of(last & 0xFFFFFF);
    }
    return s;
}

static bool may_hold(title_signature title, title_signature words)
{
    return ((words.pairs & ~title.pairs) | (words.triples & ~title.triples)) == 0;
}

/* ---- folding ------------------------------------------------------------------------------------------------------------- */

static lorec_err fold_one(title_index *t, const live *v, uint32_t i)
{
    buf b = {0};
    lorec_err e = words_fold(live_title(v, i), &b);
    if (e) {
        buf_free(&b);
        return e;
    }
    mem_free(t->title[i].text);
    t->title[i] = (folded_title){b.p, (uint32_t)b.n, v->item[i].title_version};
    t->signature[i] = sign((slice){b.p, b.n});
    if (v->item[i].n_words)
        t->signature[i] = (title_signature){~(uint64_t)0, ~(uint64_t)0}; /* its other words count too */
    return LOREC_OK;
}

static lorec_err refresh(title_index *t, const live *v)
{
    size_t n = v->items.n;
    if (n == t->n && t->changes == v->title_changes) return LOREC_OK;
    TRY(mem_grow(&t->title, &t->cap, n));
    TRY(mem_grow(&t->signature, &t->signature_cap, n));
    for (; t->n < n; t->n++) t->title[t->n] = (folded_title){0};
    for (uint32_t i = 0; i < n; i++)
        if (!t->title[i].text || t->title[i].version != v->item[i].title_version) TRY(fold_one(t, v, i));
    t->changes = v->title_changes;
    return LOREC_OK;
}

lorec_err title_index_refresh(title_index *t, const live *v)
{
    pthread_mutex_lock(&t->lock);
    lorec_err e = refresh(t, v);
    pthread_mutex_unlock(&t->lock);
    return e;
}

/* ---- what is asked ------------------------------------------------------------------------------------------------------- */

typedef struct question {
    slice whole;                /* folded */
    uint32_t *hashed, n_hashed; /* its item_words */
    slice *word;                /* [n] each once, long ones first: they are in few titles */
    size_t n;
    title_signature signature;
} question;

static int longer_first(const void *a, const void *b)
{
    const slice *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n ? -1 : 1) : memcmp(x->p, y->p, x->n);
}

static lorec_err question_read(question *q, slice folded)
{
    *q = (question){.whole = folded, .signature = sign(folded)};
    TRY(mem_new(&q->word, folded.n / 2 + 1));
    TRY(item_words(&folded, 1, &q->hashed, &q->n_hashed));
    for (slice rest = folded; rest.n;) q->word[q->n++] = slice_cut(&rest, ' ');
    if (q->n) qsort(q->word, q->n, sizeof *q->word, longer_first);
    size_t kept = 0;
    for (size_t i = 0; i < q->n; i++)
        if (!kept || longer_first(&q->word[i], &q->word[kept - 1]) != 0) q->word[kept++] = q->word[i];
    q->n = kept;
    return LOREC_OK;
}

/* ---- how well a title fits ----------------------------------------------------------------------------------------------- */

typedef enum fit { FIT_WHOLE, FIT_START, FIT_WORDS, FIT_PARTS, FIT_TEXT, FIT_NOT } fit;

static bool begins(const char *at, slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (at[i] != word.p[i]) return false;
    return true;
}

/* A word that begins one of the title's words, or else stands in one. Titles are short: what sets up a search for longer texts
 * (memmem) costs more than this whole search. */
static fit fit_of_word(slice title, slice word)
{
    fit best = FIT_NOT;
    if (word.n > title.n) return FIT_NOT;
    const char *end = title.p + title.n - word.n + 1;
    for (const char *at = title.p; at < end && (at = memchr(at, *word.p, (size_t)(end - at))); at++) {
        if (!begins(at, word)) continue;
        if (at == title.p || at[-1] == ' ') return FIT_WORDS;
        best = FIT_PARTS;
    }
    return best;
}

static fit fit_of(slice title, const question *q)
{
    if (title.n >= q->whole.n && begins(title.p, q->whole)) return title.n > q->whole.n ? FIT_START : FIT_WHOLE;
    fit worst = FIT_WORDS;
    for (size_t i = 0; i < q->n; i++) {
        fit f = fit_of_word(title, q->word[i]);
        if (f > worst) worst = f;
        if (f == FIT_NOT) return FIT_NOT;
    }
    return worst;
}

/* Are all of these words in what an item was described by? Both lists ascend. */
static bool has_words(const live_item *item, const question *q)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < item->n_words && k < q->n_hashed; i++) k += item->word[i] == q->hashed[k];
    return q->n_hashed && k == q->n_hashed;
}

/* ---- the best of those that fit ------------------------------------------------------------------------------------------ */

typedef struct hit {
    uint32_t item;
    fit how;
    uint64_t popularity;
} hit;

static bool is_better(const hit *x, const hit *y)
{
    if (x->how != y->how) return x->how < y->how;
    if (x->popularity != y->popularity) return x->popularity > y->popularity;
    return x->item < y->item;
}

static int better_first(const void *a, const void *b)
{
    return is_better(a, b) ? -1 : is_better(b, a);
}

typedef struct hit_list { /* a heap, once it is full: the worst of the best `most` is its root */
    hit *hit;
    size_t n, cap, most, total;
} hit_list;

static void sink(hit_list *l, size_t i)
{
    hit moved = l->hit[i];
    for (size_t child; (child = 2 * i + 1) < l->n; i = child) {
        if (child + 1 < l->n && is_better(&l->hit[child], &l->hit[child + 1])) child++;
        if (!is_better(&moved, &l->hit[child])) break;
        l->hit[i] = l->hit[child];
    }
    l->hit[i] = moved;
}

static lorec_err offer(hit_list *l, hit h)
{
    l->total++;
    if (l->n < l->most) {
        TRY(mem_grow(&l->hit, &l->cap, l->n + 1));
        l->hit[l->n++] = h;
        for (size_t i = l->n / 2; l->n == l->most && i-- > 0;) sink(l, i);
    } else if (is_better(&h, &l->hit[0])) {
        l->hit[0] = h;
        sink(l, 0);
    }
    return LOREC_OK;
}

static lorec_err find(title_index *t, const live *v, const question *q, hit_list *l)
{
    TRY(refresh(t, v));
    for (uint32_t i = 0; i < t->n; i++) {
        if (!may_hold(t->signature[i], q->signature)) continue;
        fit how = q->n ? fit_of((slice){t->title[i].text, t->title[i].n}, q) : FIT_PARTS;
        const live_item *item = &v->item[i];
        if (how == FIT_NOT && has_words(item, q)) how = FIT_TEXT;
        if (how != FIT_NOT && item->known && !item->hidden) TRY(offer(l, (hit){i, how, item->popularity}));
    }
    return LOREC_OK;
}

/* The best of those that fit, in order: l->hit[0 .. l->n - 1], to mem_free. */
static lorec_err search(title_index *t, const live *v, slice words, hit_list *l)
{
    buf folded = {0};
    question q = {0};
    lorec_err e = words_fold(words, &folded);
    bool nothing = !e && words.n && !folded.n; /* "?!": no title can have it */
    if (!e) e = question_read(&q, (slice){folded.p, folded.n});
    pthread_mutex_lock(&t->lock);
    if (!e && !nothing && l->most) e = find(t, v, &q, l);
    pthread_mutex_unlock(&t->lock);
    if (l->n) qsort(l->hit, l->n, sizeof *l->hit, better_first);
    if (e) l->n = l->total = 0;
    mem_free(q.word);
    mem_free(q.hashed);
    buf_free(&folded);
    return e;
}

lorec_err title_index_find(title_index *t, const live *v, slice words, size_t offset, size_t n, uint32_t *items,
                           size_t *found, size_t *total)
{
    hit_list l = {.most = offset + n};
    lorec_err e = search(t, v, words, &l);
    *found = 0;
    *total = l.total;
    for (size_t i = offset; i < l.n && *found < n; i++) items[(*found)++] = l.hit[i].item;
    mem_free(l.hit);
    return e;
}

lorec_err title_index_only(title_index *t, const live *v, slice words, uint32_t *item)
{
    hit_list l = {.most = 2};
    lorec_err e = search(t, v, words, &l);
    bool one = l.n && (l.n < 2 || l.hit[1].how == FIT_TEXT || (l.hit[0].how == FIT_WHOLE && l.hit[1].how != FIT_WHOLE));
    *item = one && l.hit[0].how != FIT_TEXT ? l.hit[0].item : NO_NUMBER;
    mem_free(l.hit);
    return e;
}
