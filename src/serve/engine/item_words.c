#include "serve/engine/item_words.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"
#include "text/words.h"

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static lorec_err hash_words(const slice *texts, size_t n_texts, word_list *w, uint32_t *out, uint32_t *n)
{
    ids vocabulary = {0};
    lorec_err e = LOREC_OK;
    w->n = 0;
    for (size_t i = 0; i < n_texts && !e; i++)
        if (texts[i].n) e = words_read(texts[i], &vocabulary, true, w);
    uint32_t k = 0;
    for (uint32_t i = 0; !e && i < vocabulary.n && k < ITEM_WORDS_MOST; i++) {
        slice name = ids_name(&vocabulary, i);
        out[k++] = (uint32_t)(XXH3_64bits(name.p, name.n) % ITEM_WORDS);
    }
    ids_free(&vocabulary);
    TRY(e);
    if (k) qsort(out, k, sizeof *out, by_number);
    *n = 0;
    for (uint32_t i = 0; i < k; i++)
        if (i == 0 || out[i] != out[i - 1]) out[(*n)++] = out[i];
    return LOREC_OK;
}

lorec_err item_words(const slice *texts, size_t n_texts, uint32_t **out, uint32_t *n)
{
    uint32_t found[ITEM_WORDS_MOST];
    word_list w = {0};
    *out = NULL;
    *n = 0;
    lorec_err e = hash_words(texts, n_texts, &w, found, n);
    word_list_free(&w);
    TRY(e);
    TRY(mem_new(out, *n));
    if (*n) memcpy(*out, found, *n * sizeof *found);
    return LOREC_OK;
}

static lorec_err words_of(const dataset *d, const column *titles, const column *categories, uint32_t i, word_list *w,
                          uint32_t *out, uint32_t *n)
{
    slice text[1 + 16];
    size_t k = 0;
    if (titles) text[k++] = dataset_title(d, i);
    if (categories && categories->kind == COLUMN_TOKEN) text[k++] = names_at(&categories->words, categories->code[i]);
    if (categories && categories->kind == COLUMN_TOKEN_SEQ)
        for (uint64_t c = categories->first[i]; c < categories->first[i + 1] && k < 17; c++)
            text[k++] = names_at(&categories->words, categories->code[c]);
    return hash_words(text, k, w, out, n);
}

static lorec_err fill(word_sets *s, const dataset *d, word_list *w, uint32_t *items_with)
{
    const column *titles = dataset_column(d, SIDE_ITEM, "title"),
                 *categories = dataset_column(d, SIDE_ITEM, "categories");
    if (!categories) categories = dataset_column(d, SIDE_ITEM, "genres");
    s->n = d->rows.n_items;
    TRY(mem_new(&s->start, (size_t)s->n + 1));
    TRY(mem_new(&s->weight, ITEM_WORDS));
    if (!titles && !categories) return LOREC_OK;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t found[ITEM_WORDS_MOST], n;
        TRY(words_of(d, titles, categories, i, w, found, &n));
        uint64_t at = s->start[i];
        TRY(mem_grow(&s->word, &s->word_cap, (size_t)(at + n)));
        for (uint32_t k = 0; k < n; k++) {
            s->word[at + k] = found[k];
            items_with[found[k]]++;
        }
        s->start[i + 1] = at + n;
    }
    for (uint32_t k = 0; k < ITEM_WORDS; k++) s->weight[k] = (float)log((1.0 + s->n) / (1.0 + items_with[k])) + 1;
    return LOREC_OK;
}

lorec_err word_sets_of_data(word_sets *s, const dataset *d)
{
    *s = (word_sets){0};
    word_list w = {0};
    uint32_t *items_with;
    TRY(mem_new(&items_with, ITEM_WORDS));
    lorec_err e = fill(s, d, &w, items_with);
    mem_free(items_with);
    word_list_free(&w);
    if (e) word_sets_free(s);
    return e;
}

void word_sets_free(word_sets *s)
{
    mem_free(s->start);
    mem_free(s->word);
    mem_free(s->weight);
    *s = (word_sets){0};
}
