#include "lm/train/corpus_pairs.h"

#include "base/mem.h"
#include "lm/train/corpus_parts.h"

void corpus_pairs_free(corpus_pairs *p)
{
    for (int64_t i = 0; i < p->classes; i++) mem_free(p->name[i]);
    mem_free(p->name);
    mem_free(p->label);
    corpus_free(&p->a);
    corpus_free(&p->b);
    *p = (corpus_pairs){0};
}

typedef struct reading_pairs {
    corpus_pairs *p;
    corpus_reading r;
} reading_pairs;

/* A framed text of at most the context's tokens; `whole`: longer ones are an error instead of cut. */
static lorec_err put_text(reading_pairs *x, const json_t *line, const char *key, corpus *to, bool whole)
{
    const char *text;
    corpus_reading *r = &x->r;
    r->ids.n = 0;
    TRY(json_get_string(line, key, &text));
    TRY(corpus_put_text(r, slice_of(text), TOKENIZER_FRAME, true));
    int64_t n = (int64_t)r->ids.n;
    if (n == 0) return err_set(LOREC_INPUT, "\"%s\" has no tokens", key);
    if (n > r->context && whole)
        return err_set(LOREC_INPUT, "\"%s\" has %lld tokens, more than the context of %lld", key, (long long)n,
                       (long long)r->context);
    return corpus_put(to, r->ids.id, r->learn, n < r->context ? n : r->context);
}

enum { MOST_CLASSES = 1 << 14 }; /* names are looked up one by one */

static lorec_err add_name(corpus_pairs *p, const char *name, int32_t *id)
{
    for (*id = 0; *id < p->classes; ++*id)
        if (strcmp(p->name[*id], name) == 0) return LOREC_OK;
    if (p->classes == MOST_CLASSES) return err_set(LOREC_INPUT, "more than %d classes", MOST_CLASSES);
    TRY(mem_grow(&p->name, &p->name_cap, (size_t)p->classes + 1));
    TRY(mem_dup(&p->name[p->classes], name));
    p->classes++;
    return LOREC_OK;
}

static lorec_err put_label(corpus_pairs *p, const json_t *line)
{
    const char *name;
    int64_t number;
    int32_t id;
    TRY(mem_grow(&p->label, &p->label_cap, (size_t)p->a.n + 1));
    if (!json_is_integer(json_object_get(line, "label"))) {
        TRY(json_get_string(line, "label", &name));
        TRY(add_name(p, name, &id));
        p->label[p->a.n] = id;
        return LOREC_OK;
    }
    TRY(json_get_i64(line, "label", 0, MOST_CLASSES - 1, &number));
    char text[24] = "0";
    bool named = p->classes > 0 && strcmp(p->name[0], text) != 0;
    for (int64_t i = p->classes; i <= number && !named; i++) {
        snprintf(text, sizeof text, "%lld", (long long)i);
        TRY(add_name(p, text, &id));
    }
    snprintf(text, sizeof text, "%lld", (long long)number);
    if (named || strcmp(p->name[number], text) != 0)
        return err_set(LOREC_INPUT, "labels are all names, or all numbers from 0 on");
    p->label[p->a.n] = (int32_t)number;
    return LOREC_OK;
}

static lorec_err one(void *ctx, const json_t *line)
{
    reading_pairs *x = ctx;
    corpus_pairs *p = x->p;
    const char *prompt, *chosen, *rejected;
    switch (p->form) {
    case PAIRS_ANSWERS:
        TRY(put_text(x, line, "prompt", &p->a, false));
        return put_text(x, line, "answer", &p->b, true);
    case PAIRS_ALIKE:
        TRY(put_text(x, line, "anchor", &p->a, false));
        return put_text(x, line, "positive", &p->b, false);
    case PAIRS_CLASSES:
        TRY(put_label(p, line));
        return put_text(x, line, "text", &p->a, false);
    case PAIRS_PREFERRED:
        TRY(json_get_string(line, "prompt", &prompt));
        TRY(json_get_string(line, "chosen", &chosen));
        TRY(json_get_string(line, "rejected", &rejected));
        TRY(corpus_prompt_and_answer(&x->r, prompt, chosen, &p->a));
        TRY(corpus_prompt_and_answer(&x->r, prompt, rejected, &p->b));
        if (p->a.n != p->b.n) return err_set(LOREC_INPUT, "an answer without tokens");
    }
    return LOREC_OK;
}

static lorec_err no_text(void *ctx, slice text)
{
    (void)ctx;
    (void)text;
    return err_set(LOREC_INPUT, "this objective learns from *.jsonl, one object a line");
}

lorec_err corpus_pairs_read(corpus_pairs *p, pairs_form form, const tokenizer *t, int64_t context, const char *path)
{
    if (context < 2) return err_set(LOREC_USAGE, "a context of %lld tokens; at least 2 are needed", (long long)context);
    p->form = form;
    reading_pairs x = {.p = p, .r = {.t = t, .context = context}};
    lorec_err e = corpus_walk(path, &(corpus_visitor){one, no_text, &x});
    corpus_reading_free(&x.r);
    return e;
}

/* ---- a part for validation --------------------------------------------------------------------------------------------- */

static lorec_err move_one(const corpus *from, int64_t i, corpus *to)
{
    int64_t at = from->start[i];
    return corpus_put(to, from->token + at, from->learn + at, from->start[i + 1] - at);
}

lorec_err corpus_pairs_split(corpus_pairs *p, corpus_pairs *other, double share)
{
    corpus_pairs rest = {.form = p->form};
    lorec_err e = LOREC_OK;
    double due = 0;
    other->form = p->form;
    for (int64_t i = 0; i < p->a.n && !e; i++) {
        due += share;
        corpus_pairs *to = due >= 1 ? other : &rest;
        if (due >= 1) due -= 1;
        if (p->label) e = mem_grow(&to->label, &to->label_cap, (size_t)to->a.n + 1);
        if (p->label && !e) to->label[to->a.n] = p->label[i];
        if (!e) e = move_one(&p->a, i, &to->a);
        if (!e && p->b.n) e = move_one(&p->b, i, &to->b);
    }
    for (int64_t c = 0; c < p->classes && !e; c++) {
        int32_t id;
        e = add_name(&rest, p->name[c], &id);
        if (!e) e = add_name(other, p->name[c], &id);
    }
    if (e) {
        corpus_pairs_free(&rest);
        return e;
    }
    corpus_pairs_free(p);
    *p = rest;
    return LOREC_OK;
}
