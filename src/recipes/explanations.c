#include "recipes/explanations.h"

#include <stdlib.h>

#include "base/mem.h"
#include "recipes/catalogue.h"
#include "tensor/rng.h"

enum { SHORTEST = 3, LONGEST = 20, LETTERS = 3 };

void feature_words_free(feature_words *f)
{
    ids_free(&f->words);
}

void explanations_free(explanations *x)
{
    mem_free(x->user);
    mem_free(x->item);
    mem_free(x->feature);
    mem_free(x->row);
    ids_free(&x->words);
    texts_free(&x->said);
    *x = (explanations){0};
}

/* ---- reviews ------------------------------------------------------------------------------------------------------------ */

static slice text_of(const dataset *d, const char *name, uint64_t row)
{
    const column *c = dataset_column(d, SIDE_ROW, name);
    return c && c->kind == COLUMN_TEXT && row < c->n ? names_at(&c->words, (uint32_t)row) : (slice){"", 0};
}

bool has_reviews(const dataset *d)
{
    const column *c = dataset_column(d, SIDE_ROW, "review");
    return c && c->kind == COLUMN_TEXT;
}

slice review_of(const dataset *d, uint64_t row)
{
    return text_of(d, "review", row);
}

slice summary_of(const dataset *d, uint64_t row)
{
    return text_of(d, "summary", row);
}

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'' ||
           (unsigned char)c > 127;
}

typedef struct sentence {
    uint32_t *word;
    size_t n, cap;
    buf text;
} sentence;

static lorec_err add_word(sentence *s, ids *words, slice w)
{
    buf_clear(&s->text);
    TRY(buf_add(&s->text, w.p, w.n));
    for (size_t i = 0; i < w.n; i++)
        if (s->text.p[i] >= 'A' && s->text.p[i] <= 'Z') s->text.p[i] = (char)(s->text.p[i] - 'A' + 'a');
    TRY(mem_grow(&s->word, &s->cap, s->n + 1));
    TRY(ids_add(words, (slice){s->text.p, s->text.n}, &s->word[s->n]));
    s->n++;
    return LOREC_OK;
}

/* The next sentence with a word in it; *found is false where the text ends. */
static lorec_err next_sentence(sentence *s, slice *rest, ids *words, bool *found)
{
    s->n = 0;
    while (rest->n) {
        size_t n = 0;
        while (n < rest->n && in_word(rest->p[n])) n++;
        if (n) TRY(add_word(s, words, (slice){rest->p, n}));
        bool ends = n < rest->n && strchr(".!?;\n\r", rest->p[n]);
        size_t step = n < rest->n ? n + 1 : n;
        *rest = (slice){rest->p + step, rest->n - step};
        if (ends && s->n) break;
    }
    *found = s->n > 0;
    return LOREC_OK;
}

static void sentence_free(sentence *s)
{
    mem_free(s->word);
    buf_free(&s->text);
}

/* ---- which words are features ----------------------------------------------------------------------------------------------- */

static const char *const determiners[] = {"the", "a",   "an",    "this",  "my",    "its", "your", "her",
                                          "his", "our", "their", "these", "those", "any", "no",   NULL};
static const char *const function_words[] = {
    "is",    "was",    "are",   "were", "be",   "been",  "and",     "but",   "or",    "nor",    "for",  "of",
    "in",    "on",     "to",    "with", "that", "which", "who",     "it",    "i",     "so",     "as",   "at",
    "has",   "had",    "have",  "from", "by",   "when",  "because", "if",    "than",  "not",    "very", "really",
    "too",   "would",  "will",  "can",  "does", "did",   "do",      "you",   "they",  "we",     "he",   "she",
    "after", "before", "while", "just", "also", "all",   "only",    "about", "into",  "out",    "up",   "down",
    "again", "there",  "what",  "how",  "more", "most",  "much",    "well",  "could", "should", NULL};
enum { KIND_PLAIN, KIND_DETERMINER, KIND_FUNCTION };

typedef struct counts {                    /* of a word */
    uint32_t places, heads, reviews, last; /* last: the review that was counted, from 1 */
    uint8_t kind;
} counts;

typedef struct learning {
    ids words;
    counts *of;
    size_t cap;
    sentence now;
} learning;

static lorec_err name_kind(learning *l, const char *const *list, uint8_t kind)
{
    for (; *list; list++) {
        uint32_t w;
        TRY(ids_add(&l->words, slice_of(*list), &w));
        TRY(mem_grow(&l->of, &l->cap, l->words.n));
        l->of[w] = (counts){.kind = kind};
    }
    return LOREC_OK;
}

static void count_sentence(learning *l, uint32_t review)
{
    const sentence *s = &l->now;
    for (size_t i = 0; i < s->n; i++) {
        counts *c = &l->of[s->word[i]];
        uint8_t before = i ? l->of[s->word[i - 1]].kind : KIND_FUNCTION,
                earlier = i > 1 ? l->of[s->word[i - 2]].kind : KIND_FUNCTION;
        bool begun = before == KIND_DETERMINER || (before == KIND_PLAIN && earlier == KIND_DETERMINER);
        bool ended = i + 1 == s->n || l->of[s->word[i + 1]].kind != KIND_PLAIN;
        c->places++;
        c->heads += begun && ended;
        c->reviews += c->last != review;
        c->last = review;
    }
}

static lorec_err count_review(learning *l, slice text, uint32_t review)
{
    for (;;) {
        bool found;
        uint32_t known = l->words.n;
        TRY(next_sentence(&l->now, &text, &l->words, &found));
        if (!found) return LOREC_OK;
        TRY(mem_grow(&l->of, &l->cap, l->words.n));
        for (uint32_t w = known; w < l->words.n; w++) l->of[w] = (counts){0};
        count_sentence(l, review);
    }
}

typedef struct ranked {
    uint32_t word, reviews;
} ranked;

static int ranked_order(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->reviews != y->reviews) return x->reviews > y->reviews ? -1 : 1;
    return (x->word > y->word) - (x->word < y->word);
}

static lorec_err choose(feature_words *out, const learning *l, const feature_words_options *o)
{
    uint32_t least = o && o->least ? o->least : 5, most = o && o->most ? o->most : 500, n = 0, number;
    double share = o && o->share > 0 ? o->share : .2;
    ranked *list;
    TRY(mem_new(&list, l->words.n));
    for (uint32_t w = 0; w < l->words.n; w++) {
        const counts *c = &l->of[w];
        if (c->kind != KIND_PLAIN || c->reviews < least || c->heads < share * c->places) continue;
        if (ids_name(&l->words, w).n >= LETTERS) list[n++] = (ranked){w, c->reviews};
    }
    if (n) qsort(list, n, sizeof *list, ranked_order);
    lorec_err e = n ? LOREC_OK
                    : err_set(LOREC_INPUT,
                              "no word of the reviews is a feature: none heads a noun phrase in %u reviews", least);
    for (uint32_t i = 0; i < n && i < most && !e; i++)
        e = ids_add(&out->words, ids_name(&l->words, list[i].word), &number);
    mem_free(list);
    return e;
}

lorec_err feature_words_learn(feature_words *out, const dataset *d, const interactions *rows,
                              const feature_words_options *o)
{
    *out = (feature_words){0};
    if (!has_reviews(d))
        return err_set(LOREC_INPUT,
                       "%s has no review texts; keep them with --review-text, where the file is one of reviews",
                       d->name);
    learning l = {0};
    lorec_err e = name_kind(&l, determiners, KIND_DETERMINER);
    if (!e) e = name_kind(&l, function_words, KIND_FUNCTION);
    for (uint64_t r = 0; r < rows->n && !e; r++) e = count_review(&l, review_of(d, row_of(rows, r)), (uint32_t)r + 1);
    if (!e) e = choose(out, &l, o);
    ids_free(&l.words);
    mem_free(l.of);
    sentence_free(&l.now);
    if (e) feature_words_free(out);
    return e;
}

lorec_err feature_words_save(const feature_words *f, const char *folder)
{
    buf path = {0};
    json_t *list = json_array();
    lorec_err e = list ? path_join(&path, folder, "features.json") : LOREC_RESOURCE;
    for (uint32_t i = 0; i < f->words.n && !e; i++) {
        slice w = ids_name(&f->words, i);
        if (json_array_append_new(list, catalogue_text(w)))
            e = err_set(LOREC_RESOURCE, "out of memory for a list of features");
    }
    if (!e) e = json_write(list, path.p);
    json_decref(list);
    buf_free(&path);
    return e;
}

lorec_err feature_words_load(feature_words *out, const char *folder)
{
    buf path = {0};
    json_t *list = NULL, *word;
    size_t i;
    uint32_t number;
    *out = (feature_words){0};
    lorec_err e = path_join(&path, folder, "features.json");
    if (!e) e = json_read(&list, path.p);
    if (!e && !json_is_array(list)) e = err_set(LOREC_INPUT, "%s is no list of words", path.p);
    json_array_foreach(list, i, word)
    {
        if (!e && !json_is_string(word)) e = err_set(LOREC_INPUT, "%s: entry %zu is no word", path.p, i + 1);
        if (!e) e = ids_add(&out->words, (slice){json_string_value(word), json_string_length(word)}, &number);
    }
    json_decref(list);
    buf_free(&path);
    if (e) feature_words_free(out);
    return e;
}

/* ---- explanations ---------------------------------------------------------------------------------------------------------- */

typedef struct found {
    sentence now, kept;
    uint32_t feature, seen; /* of the kept one; sentences that would have done */
} found;

static lorec_err keep_sentence(explanations *x, const feature_words *f, found *b, rng *r)
{
    uint32_t number;
    if (b->now.n < SHORTEST || b->now.n > LONGEST) return LOREC_OK;
    for (size_t i = 0; i < b->now.n; i++) {
        if (!ids_find(&f->words, ids_name(&x->words, b->now.word[i]), &number)) continue;
        if (rng_below(r, ++b->seen)) return LOREC_OK; /* each of them alike (reservoir) */
        TRY(mem_grow(&b->kept.word, &b->kept.cap, b->now.n));
        memcpy(b->kept.word, b->now.word, b->now.n * sizeof *b->now.word);
        b->kept.n = b->now.n;
        b->feature = b->now.word[i];
        return LOREC_OK;
    }
    return LOREC_OK;
}

static lorec_err add_row(explanations *x, uint32_t user, uint32_t item, uint64_t row, const found *b)
{
    uint32_t i = x->n;
    TRY(mem_grow(&x->user, &x->cap[0], i + 1));
    TRY(mem_grow(&x->item, &x->cap[1], i + 1));
    TRY(mem_grow(&x->feature, &x->cap[2], i + 1));
    TRY(mem_grow(&x->row, &x->cap[3], i + 1));
    TRY(texts_add_words(&x->said, b->kept.word, b->kept.n));
    x->user[i] = user;
    x->item[i] = item;
    x->feature[i] = b->feature;
    x->row[i] = row;
    x->n++;
    return LOREC_OK;
}

lorec_err explanations_make(explanations *out, const feature_words *f, const dataset *d, const interactions *rows,
                            uint64_t seed)
{
    found b = {0};
    lorec_err e = LOREC_OK;
    *out = (explanations){0};
    for (uint32_t u = 0; u < rows->n_users && !e; u++)
        for (uint64_t k = rows->start[u]; k < rows->start[u + 1] && !e; k++) {
            uint64_t row = row_of(rows, k);
            slice text = review_of(d, row);
            rng r = rng_make(seed, RNG_USER + row); /* the row's own: the same whatever part it is asked in */
            bool more = true;
            b.seen = 0;
            while (!e) {
                e = next_sentence(&b.now, &text, &out->words, &more);
                if (e || !more) break;
                e = keep_sentence(out, f, &b, &r);
            }
            if (!e && b.seen) e = add_row(out, u, rows->item[k], row, &b);
        }
    if (!e && !out->n)
        e = err_set(LOREC_INPUT, "no review has a sentence of %d to %d words with a feature", SHORTEST, LONGEST);
    sentence_free(&b.now);
    sentence_free(&b.kept);
    if (e) explanations_free(out);
    return e;
}

lorec_err explanations_text(const explanations *x, uint32_t i, buf *out)
{
    text_run run = texts_at(&x->said, i);
    buf_clear(out);
    for (size_t k = 0; k < run.n; k++) {
        slice w = ids_name(&x->words, run.word[k]);
        if (k) TRY(buf_puts(out, " "));
        TRY(buf_add(out, w.p, w.n));
    }
    return LOREC_OK;
}
