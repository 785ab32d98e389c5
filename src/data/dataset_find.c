/* dataset_find.c: a user or an item from what a person types. */
#include "base/mem.h"
#include "data/dataset_memory.h"

static bool find_slowly(const names *v, slice id, uint32_t *number)
{
    for (uint32_t i = 0; i < v->n; i++) {
        slice there = names_at(v, i);
        if (there.n == id.n && memcmp(there.p, id.p, id.n) == 0) {
            *number = i;
            return true;
        }
    }
    return false;
}

static lorec_err lookup_fill(ids *v, const names *from)
{
    uint32_t number;
    for (uint32_t i = 0; i < from->n; i++) TRY(ids_add(v, names_at(from, i), &number));
    return LOREC_OK;
}

static bool find(lookup *l, const names *v, slice id, uint32_t *number)
{
    pthread_mutex_lock(&l->lock);
    if (!l->made) {
        /* A prepared folder that repeats an id would shift the numbers: then the slow way is the right one. */
        l->made = lookup_fill(&l->ids, v) == LOREC_OK && l->ids.n == v->n;
        if (!l->made) ids_free(&l->ids);
    }
    bool made = l->made;
    pthread_mutex_unlock(&l->lock);
    return made ? ids_find(&l->ids, id, number) : find_slowly(v, id, number);
}

bool dataset_find_user(const dataset *d, slice id, uint32_t *user)
{
    return find(&d->memory->users, &d->user_ids, id, user);
}

/* ---- titles ----------------------------------------------------------------------------------------------------------- */

/* Lower case of ASCII and of the two-byte letters of Latin-1, Greek and Cyrillic: enough to find a title typed by hand. */
static lorec_err fold(buf *out, slice s)
{
    buf_clear(out);
    TRY(buf_add(out, s.p, s.n));
    unsigned char *p = (unsigned char *)out->p, *end = p + out->n;
    for (; p < end; p++) {
        if (*p >= 'A' && *p <= 'Z') *p += 'a' - 'A';
        if (p + 1 >= end) continue;
        if (*p == 0xC3 && p[1] >= 0x80 && p[1] <= 0x9E && p[1] != 0x97)
            p[1] += 0x20; /* A-grave .. Thorn */
        else if (*p == 0xCE && p[1] >= 0x91 && p[1] <= 0x9F)
            p[1] += 0x20; /* Alpha .. Omicron */
        else if (*p == 0xCE && p[1] >= 0xA0 && p[1] <= 0xA9)
            *p = 0xCF, p[1] -= 0x20; /* Pi .. Omega */
        else if (*p == 0xD0 && p[1] >= 0x90 && p[1] <= 0x9F)
            p[1] += 0x20; /* A .. Pe */
        else if (*p == 0xD0 && p[1] >= 0xA0 && p[1] <= 0xAF)
            *p = 0xD1, p[1] -= 0x20; /* Er .. Ya */
    }
    return LOREC_OK;
}

static bool has_words(slice title, slice words)
{
    while (words.n) {
        slice word = slice_cut(&words, ' ');
        if (word.n && !memmem(title.p, title.n, word.p, word.n)) return false;
    }
    return true;
}

enum { SHOWN = 4 };
typedef struct matches {
    uint32_t n, item[SHOWN]; /* the first few */
} matches;

static void matches_add(matches *m, uint32_t item)
{
    if (m->n < SHOWN) m->item[m->n] = item;
    m->n++;
}

static lorec_err ambiguous(const dataset *d, const matches *m, slice words)
{
    buf b = {0};
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; !e && i < m->n && i < SHOWN; i++) {
        slice title = dataset_title(d, m->item[i]), id = names_at(&d->item_ids, m->item[i]);
        e = buf_printf(&b, "%s\"%.*s\" (id %.*s)", i ? ", " : "", (int)(title.n < 80 ? title.n : 80), title.p,
                       (int)(id.n < 80 ? id.n : 80), id.p);
    }
    if (!e)
        e = err_set(LOREC_USAGE, "\"%.*s\" fits %u items: %s%s; give one of the ids",
                    (int)(words.n < 80 ? words.n : 80), words.p, m->n, b.p, m->n > SHOWN ? " ..." : "");
    buf_free(&b);
    return e;
}

static lorec_err nothing_found(const dataset *d, slice words)
{
    char typed[64];
    snprintf(typed, sizeof typed, "%.*s", (int)(words.n < 63 ? words.n : 63), words.p);
    char *text = NULL;
    const char **titles = NULL;
    uint32_t n = d->rows.n_items;
    lorec_err e;
    TRY_GO(e, mem_new(&text, (size_t)n * 64), done);
    TRY_GO(e, mem_new(&titles, n), done);
    for (uint32_t i = 0; i < n; i++) {
        slice title = dataset_title(d, i);
        titles[i] = memcpy(text + (size_t)i * 64, title.p, title.n < 63 ? title.n : 63);
    }
    const char *near = err_nearest(typed, titles, n);
    e = near ? err_set(LOREC_USAGE, "no item has the id or title \"%s\"; did you mean \"%s\"?", typed, near)
             : err_set(LOREC_USAGE, "no item has the id or title \"%s\"; `lorec data show` lists some", typed);
done:
    mem_free(text);
    mem_free(titles);
    return e;
}

lorec_err dataset_find_item(const dataset *d, slice words, uint32_t *item)
{
    words = slice_trim(words);
    if (words.n == 0) return err_set(LOREC_USAGE, "an empty item name; give an id or words of a title");
    if (find(&d->memory->items, &d->item_ids, words, item)) return LOREC_OK;
    buf wanted = {0}, title = {0};
    matches whole = {0}, part = {0};
    lorec_err e;
    TRY_GO(e, fold(&wanted, words), done);
    slice w = {wanted.p, wanted.n};
    for (uint32_t i = 0; i < d->rows.n_items; i++) {
        TRY_GO(e, fold(&title, dataset_title(d, i)), done);
        slice t = {title.p, title.n};
        if (t.n == w.n && memcmp(t.p, w.p, w.n) == 0)
            matches_add(&whole, i);
        else if (has_words(t, w))
            matches_add(&part, i);
    }
    const matches *m = whole.n ? &whole : &part;
    if (m->n == 1)
        *item = m->item[0];
    else
        e = m->n ? ambiguous(d, m, words) : nothing_found(d, words);
done:
    buf_free(&wanted);
    buf_free(&title);
    return e;
}
