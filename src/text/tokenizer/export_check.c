#include "text/tokenizer/export.h"
#include "text/tokenizer/pre_names.h"

/* Contractions, numbers, case, scripts, spaces and lines of all kinds, marks: where ways of cutting words part. */
static const char *const texts[] = {
    "The quick brown fox, 42 times.",
    " two  spaces\tand a tab\n",
    "I'm sure they'LL say don't; we've 's",
    "12345678 3.14159 1,234,567 0x1F 2024-11-26",
    "line\n\n\nline\r\n  indented\n\t\ttabs   ",
    "CamelCaseWords and snake_case_words, ALLCAPS",
    "f(x) = {a: [1, 2], \"b\": 'c'}; // ok? ==> !== ***",
    "\xC3\x9C"
    "ber gro\xC3\x9F"
    "e Stra\xC3\x9F"
    "en, \xC3\xA9t\xC3\xA9",
    "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82 \xD0\xBC\xD0\xB8\xD1\x80",
    "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82",
    "\xE3\x81\x93\xE3\x82\x93 \xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4",
    "\xEF\xBC\xA1\xEF\xBC\xA2 \xE2\x91\xA0 \xEF\xAC\x81 \xC2\xBD",
    "\xF0\x9F\x98\x80\xF0\x9F\x8E\x89 \xE2\x80\xA6 \xE2\x80\x94 \xC2\xAB\xC2\xBB",
    "https://x.y/z?a=1&b=2 user@host.org #tag $9.99",
};

static lorec_err same_ids(const tokenizer *a, const tokenizer *b, slice text, unsigned flags, bool *same)
{
    tokens x = {0}, y = {0};
    lorec_err e = tokenizer_encode(a, text, flags, &x);
    if (!e) e = tokenizer_encode(b, text, flags, &y);
    *same = !e && x.n == y.n && (!x.n || memcmp(x.id, y.id, x.n * sizeof *x.id) == 0);
    tokens_free(&x);
    tokens_free(&y);
    return e;
}

lorec_err export_same(const tokenizer *a, const tokenizer *b, const char **text)
{
    *text = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bool plain, framed;
        TRY(same_ids(a, b, slice_of(texts[i]), TOKENIZER_PLAIN, &plain));
        TRY(same_ids(a, b, slice_of(texts[i]), TOKENIZER_FRAME, &framed));
        if (plain && framed) continue;
        *text = texts[i];
        return LOREC_OK;
    }
    return LOREC_OK;
}

static lorec_err reads_back(const tokenizer *t, const tokenizer_vocabulary *v, const char **text)
{
    tokenizer *again;
    TRY(tokenizer_from_vocabulary(&again, v, "the vocabulary as GGUF has it"));
    lorec_err e = export_same(t, again, text);
    tokenizer_free(again);
    return e;
}

lorec_err export_check(const tokenizer *t, const char *pre, tokenizer_vocabulary *v)
{
    const char *text, *miss;
    const pre_name *row;
    bool cuts = strcmp(v->model, "gpt2") == 0;
    v->pre = cuts && pre && pre_name_find(pre) ? pre : NULL;
    TRY(reads_back(t, v, &text));
    if (!text) return LOREC_OK;
    for (size_t i = 0; cuts && (row = pre_name_at(i)); i++) {
        if (row->characters) continue;
        mem_free(v->owned_pre);
        v->owned_pre = NULL;
        char *name;
        TRY(mem_dup(&name, row->names)); /* the first of them */
        name[strcspn(name, " ")] = 0;
        v->pre = v->owned_pre = name;
        TRY(reads_back(t, v, &miss));
        if (!miss) return LOREC_OK;
    }
    return err_set(LOREC_INPUT, "GGUF can not say what this vocabulary (%s) makes of the text \"%s\"", v->model, text);
}
