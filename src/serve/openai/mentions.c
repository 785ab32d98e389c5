#include "serve/openai/mentions.h"

#include <xxhash.h>

#include "base/mem.h"
#include "recipes/tidy.h"
#include "text/unicode.h"

enum { WORDS_MOST = 24 };

typedef struct slot {
    uint64_t key; /* hash of the words; 0: free */
    uint32_t item;
} slot;

struct mentions {
    pthread_rwlock_t lock;
    slot *slot; /* [room], a power of two */
    size_t room, used;
    uint32_t items; /* of the live, that are in it */
};

/* ---- words ------------------------------------------------------------------------------------------------------------------ */

typedef struct word {
    uint64_t hash;
    size_t begin, end; /* bytes of the text */
    bool capital, letters, digits, article;
    size_t n; /* characters */
} word;

static bool is_quote_in_word(uint32_t c)
{
    return c == '\'' || c == 0x2019;
}

static bool is_capital(uint32_t c)
{
    if (c < 0x80) return c >= 'A' && c <= 'Z';
    char raw[UTF8_MAX];
    buf low = {0};
    size_t n = utf8_write(raw, c);
    bool changed = unicode_lower(&low, (slice){raw, n}) == LOREC_OK && (low.n != n || memcmp(low.p, raw, n) != 0);
    buf_free(&low);
    return changed;
}

/* Without case and accents. */
static lorec_err hash_word(slice text, word *w, buf *apart, buf *low)
{
    static const char *const articles[] = {"the", "a", "an"};
    XXH64_hash_t h;
    buf_clear(apart);
    buf_clear(low);
    TRY(unicode_normalize(apart, text, UNICODE_NFKD));
    TRY(unicode_lower(low, (slice){apart->p, apart->n}));
    buf_clear(apart);
    for (const char *p = low->p; p < low->p + low->n;) {
        uint32_t c = utf8_next(&p);
        if (!unicode_is_nonspacing(c) && !is_quote_in_word(c)) TRY(utf8_put(apart, c));
    }
    h = XXH3_64bits(apart->p ? apart->p : "", apart->n);
    w->hash = h;
    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++)
        w->article = w->article || slice_is((slice){apart->p, apart->n}, articles[i]);
    return LOREC_OK;
}

typedef struct words {
    word *w;
    size_t n, cap;
} words;

/* The text has to be valid UTF-8. */
static lorec_err cut_words(slice text, words *out)
{
    buf apart = {0}, low = {0};
    lorec_err e = LOREC_OK;
    const char *end = text.p + text.n;
    for (const char *p = text.p; p < end && !e;) {
        const char *begin = p;
        uint32_t c = utf8_next(&p);
        if (!unicode_is_word(c)) continue;
        word w = {.begin = (size_t)(begin - text.p), .capital = is_capital(c)};
        for (const char *q = begin; q < end;) {
            uint32_t d = utf8_next(&q);
            if (!unicode_is_word(d) && !is_quote_in_word(d)) break;
            w.letters = w.letters || !unicode_is_number(d);
            w.digits = w.digits || unicode_is_number(d);
            w.n++;
            p = q;
        }
        w.end = (size_t)(p - text.p);
        e = hash_word((slice){begin, (size_t)(p - begin)}, &w, &apart, &low);
        if (!e) e = mem_grow(&out->w, &out->cap, out->n + 1);
        if (!e) out->w[out->n++] = w;
    }
    buf_free(&apart);
    buf_free(&low);
    return e;
}

static uint64_t add_word(uint64_t key, uint64_t hash)
{
    const uint64_t two[2] = {key, hash};
    uint64_t h = XXH3_64bits(two, sizeof two);
    return h ? h : 1;
}

/* ---- the table ---------------------------------------------------------------------------------------------------------------- */

static slot *find_slot(const mentions *t, uint64_t key)
{
    size_t i = (size_t)key & (t->room - 1);
    while (t->slot[i].key && t->slot[i].key != key) i = (i + 1) & (t->room - 1);
    return &t->slot[i];
}

static lorec_err make_room(mentions *t)
{
    if (t->room && t->used * 2 < t->room) return LOREC_OK;
    mentions larger = {.room = t->room ? t->room * 2 : 1024};
    TRY(mem_new(&larger.slot, larger.room));
    for (size_t i = 0; i < t->room; i++)
        if (t->slot[i].key) *find_slot(&larger, t->slot[i].key) = t->slot[i];
    mem_free(t->slot);
    t->slot = larger.slot;
    t->room = larger.room;
    return LOREC_OK;
}

static lorec_err add_form(mentions *t, const live *v, const word *w, size_t n, uint32_t item)
{
    if (n == 0 || n > WORDS_MOST) return LOREC_OK;
    TRY(make_room(t));
    uint64_t key = 0;
    for (size_t i = 0; i < n; i++) key = add_word(key, w[i].hash);
    slot *s = find_slot(t, key);
    if (s->key && v->item[s->item].popularity >= v->item[item].popularity) return LOREC_OK;
    t->used += s->key == 0;
    *s = (slot){key, item};
    return LOREC_OK;
}

/* "Matrix, The (1999)": so; "The Matrix"; "Matrix". */
static lorec_err add_item(mentions *t, const live *v, uint32_t item)
{
    slice title = live_title(v, item);
    words all = {0}, tidy = {0};
    buf text = {0};
    lorec_err e = LOREC_OK;
    if (utf8_valid(title)) {
        e = cut_words(title, &all);
        if (!e) e = add_form(t, v, all.w, all.n, item);
        if (!e) e = tidy_title(title, &text);
        if (!e) e = cut_words((slice){text.p, text.n}, &tidy);
        if (!e) e = add_form(t, v, tidy.w, tidy.n, item);
        if (!e && tidy.n > 1 && tidy.w[0].article) e = add_form(t, v, tidy.w + 1, tidy.n - 1, item);
    }
    mem_free(all.w);
    mem_free(tidy.w);
    buf_free(&text);
    return e;
}

lorec_err mentions_update(mentions **out, const live *v)
{
    if (!*out) {
        TRY(mem_new(out, 1));
        pthread_rwlock_init(&(*out)->lock, NULL);
    }
    mentions *t = *out;
    if (t->items == v->items.n) return LOREC_OK;
    lorec_err e = LOREC_OK;
    pthread_rwlock_wrlock(&t->lock);
    for (; t->items < v->items.n && !e; t->items++) e = add_item(t, v, t->items);
    pthread_rwlock_unlock(&t->lock);
    return e;
}

void mentions_free(mentions *t)
{
    if (!t) return;
    pthread_rwlock_destroy(&t->lock);
    mem_free(t->slot);
    mem_free(t);
}

/* ---- looking ------------------------------------------------------------------------------------------------------------------- */

static uint32_t item_at(const mentions *t, const live *v, uint64_t key)
{
    if (!t->room) return NO_NUMBER;
    const slot *s = find_slot(t, key);
    if (!s->key || s->item >= v->items.n || v->item[s->item].hidden || !v->item[s->item].known) return NO_NUMBER;
    return s->item;
}

static bool is_set_off(slice text, const word *first, const word *last)
{
    static const char *const marks[] = {
        "\"", "\xe2\x80\x9c", "\xe2\x80\x9d", "\xe2\x80\x9e", "\xc2\xab", "\xc2\xbb", "*", "_", "`"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t n = strlen(marks[i]);
        if (first->begin >= n && !memcmp(text.p + first->begin - n, marks[i], n) && last->end < text.n) return true;
    }
    return false;
}

static bool begins_sentence(slice text, size_t at)
{
    while (at > 0 && (text.p[at - 1] == ' ' || text.p[at - 1] == '\t')) at--;
    return at == 0 || strchr(".!?:\n\r", text.p[at - 1]) != NULL;
}

/* One word, an article aside, is a title only where something says so. */
static bool is_meant(slice text, const word *w, size_t n)
{
    const word *only = &w[n - 1];
    if (n > 2 || (n == 2 && !w[0].article)) return true;
    if (is_set_off(text, &w[0], only)) return true;
    if (only->letters && only->digits) return true;
    if (!only->capital || (n == 1 && only->n < 4)) return false;
    return n == 2 || !begins_sentence(text, only->begin) || only->end == text.n || strchr(",;\n", text.p[only->end]);
}

static lorec_err scan(const mentions *t, const live *v, slice text, const words *w, title_hits *out)
{
    for (size_t i = 0; i < w->n;) {
        uint64_t key = 0;
        size_t best = 0;
        uint32_t item = NO_NUMBER;
        for (size_t k = 0; k < WORDS_MOST && i + k < w->n; k++) {
            key = add_word(key, w->w[i + k].hash);
            uint32_t found = item_at(t, v, key);
            if (found == NO_NUMBER || !is_meant(text, w->w + i, k + 1)) continue;
            best = k + 1;
            item = found;
        }
        if (best) {
            TRY(mem_grow(&out->hit, &out->cap, out->n + 1));
            out->hit[out->n++] = (title_hit){item, w->w[i].begin, w->w[i + best - 1].end - w->w[i].begin};
        }
        i += best ? best : 1;
    }
    return LOREC_OK;
}

lorec_err mentions_scan(mentions *t, const live *v, slice text, title_hits *out)
{
    words w = {0};
    if (!utf8_valid(text)) return LOREC_OK;
    lorec_err e = cut_words(text, &w);
    pthread_rwlock_rdlock(&t->lock);
    if (!e) e = scan(t, v, text, &w, out);
    pthread_rwlock_unlock(&t->lock);
    mem_free(w.w);
    return e;
}

uint32_t mentions_find(mentions *t, const live *v, slice title)
{
    words w = {0};
    uint64_t key = 0;
    uint32_t item = NO_NUMBER;
    if (utf8_valid(title) && cut_words(title, &w) == LOREC_OK && w.n && w.n <= WORDS_MOST) {
        for (size_t i = 0; i < w.n; i++) key = add_word(key, w.w[i].hash);
        pthread_rwlock_rdlock(&t->lock);
        item = item_at(t, v, key);
        pthread_rwlock_unlock(&t->lock);
    }
    mem_free(w.w);
    return item;
}
