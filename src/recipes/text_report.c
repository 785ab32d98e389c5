#include "recipes/text_report.h"

#include "base/mem.h"
#include "text/unicode.h"

void text_report_free(text_report *r)
{
    ids_free(&r->words);
    ids_free(&r->rouge_words);
    texts_free(&r->said);
    texts_free(&r->meant);
    texts_free(&r->rouge_said);
    texts_free(&r->rouge_meant);
    mem_free(r->own);
    *r = (text_report){0};
}

static lorec_err add_small(texts *t, ids *words, slice s)
{
    buf small = {0};
    lorec_err e = utf8_valid(s) ? unicode_lower(&small, s) : buf_add(&small, s.p, s.n);
    if (!e) e = texts_add(t, words, (slice){small.p ? small.p : "", small.n}, TEXT_SPACES);
    buf_free(&small);
    return e;
}

lorec_err text_report_add(text_report *r, slice said, slice meant, slice feature)
{
    size_t i = r->said.n;
    TRY(mem_grow(&r->own, &r->own_cap, i + 1));
    r->own[i] = UINT32_MAX;
    if (feature.n) TRY(ids_add(&r->words, feature, &r->own[i]));
    if (!said.p) said = (slice){"", 0};
    if (!meant.p) meant = (slice){"", 0};
    TRY(add_small(&r->said, &r->words, said));
    TRY(add_small(&r->meant, &r->words, meant));
    TRY(texts_add(&r->rouge_said, &r->rouge_words, said, TEXT_ALNUM));
    return texts_add(&r->rouge_meant, &r->rouge_words, meant, TEXT_ALNUM);
}

static lorec_err put(json_t *into, const char *what, const char *name, double value)
{
    char key[96];
    snprintf(key, sizeof key, "%s %s", what, name);
    if (json_object_set_new(into, key, json_real(value)) == 0) return LOREC_OK;
    return err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
}

static lorec_err put_bleu(const text_report *r, const char *what, json_t *into)
{
    static const char *const name[BLEU_ORDERS] = {"bleu-1", "bleu-2", "bleu-3", "bleu-4"};
    bleu b = {0};
    for (size_t i = 0; i < r->said.n; i++) TRY(bleu_add(&b, texts_at(&r->said, i), texts_at(&r->meant, i)));
    for (size_t n = 1; n <= BLEU_ORDERS; n++) TRY(put(into, what, name[n - 1], bleu_value(&b, n)));
    return LOREC_OK;
}

static lorec_err put_rouge(const text_report *r, const char *what, json_t *into)
{
    static const char *const name[3] = {"rouge-1", "rouge-2", "rouge-l"};
    for (int k = 0; k < 3; k++) {
        rouge sum = {0}, one;
        char key[32];
        double n = r->said.n ? (double)r->said.n : 1;
        for (size_t i = 0; i < r->said.n; i++) {
            text_run said = texts_at(&r->rouge_said, i), meant = texts_at(&r->rouge_meant, i);
            TRY(k < 2 ? rouge_n(said, meant, (size_t)k + 1, &one) : rouge_l(said, meant, &one));
            sum.precision += one.precision;
            sum.recall += one.recall;
            sum.f1 += one.f1;
        }
        snprintf(key, sizeof key, "%s p", name[k]);
        TRY(put(into, what, key, sum.precision / n));
        snprintf(key, sizeof key, "%s r", name[k]);
        TRY(put(into, what, key, sum.recall / n));
        snprintf(key, sizeof key, "%s f", name[k]);
        TRY(put(into, what, key, sum.f1 / n));
    }
    return LOREC_OK;
}

static lorec_err put_features(text_report *r, const feature_words *features, const char *what, json_t *into)
{
    text_features f;
    bool *is = NULL;
    uint32_t number;
    lorec_err e = LOREC_OK;
    for (uint32_t i = 0; i < features->words.n && !e; i++)
        e = ids_add(&r->words, ids_name(&features->words, i), &number);
    if (!e) e = mem_new(&is, r->words.n);
    for (uint32_t i = 0; i < features->words.n && !e; i++)
        if (ids_find(&r->words, ids_name(&features->words, i), &number)) is[number] = true;
    if (!e) e = text_features_measure(&r->said, r->own, is, r->words.n, &f);
    mem_free(is);
    if (!e) e = put(into, what, "fmr", f.fmr);
    if (!e) e = put(into, what, "fcr", f.fcr);
    return e ? e : put(into, what, "div", f.div);
}

lorec_err text_report_json(text_report *r, const feature_words *features, const char *what, json_t *into)
{
    double x;
    TRY(put(into, what, "n", (double)r->said.n));
    TRY(put_bleu(r, what, into));
    TRY(put_rouge(r, what, into));
    TRY(text_distinct(&r->said, 1, &x));
    TRY(put(into, what, "distinct-1", x));
    TRY(text_distinct(&r->said, 2, &x));
    TRY(put(into, what, "distinct-2", x));
    TRY(text_unique(&r->said, &x));
    TRY(put(into, what, "usr", x));
    return features ? put_features(r, features, what, into) : LOREC_OK;
}
