#include "text/tokenizer/parts.h"

enum { SEQUENCE_DEPTH = 8, STEPS_MAX = 256 };

lorec_err steps_add(steps *s, const step_kind *kind, step **out)
{
    if (s->n >= STEPS_MAX) return err_set(LOREC_INPUT, "more than %d steps in a row", STEPS_MAX);
    TRY(mem_grow(&s->at, &s->cap, s->n + 1));
    s->at[s->n] = (step){.kind = kind};
    *out = &s->at[s->n++];
    return LOREC_OK;
}

const step_kind *step_kind_find(const step_kind *kinds, const char *name)
{
    for (const step_kind *k = kinds; k->name; k++)
        if (strcmp(k->name, name) == 0) return k;
    return NULL;
}

static lorec_err read_rows(steps *s, const step_kind *kinds, const char *list, const char *what, const json_t *row,
                           int depth)
{
    if (!row || json_is_null(row)) return LOREC_OK;
    const char *type;
    TRY(json_get_string(row, "type", &type));
    if (strcmp(type, "Sequence") == 0) {
        const json_t *rows = json_object_get(row, list), *one;
        size_t i;
        if (!json_is_array(rows) || depth >= SEQUENCE_DEPTH)
            return err_set(LOREC_INPUT, "a Sequence without its list \"%s\", or more than %d in one another", list,
                           SEQUENCE_DEPTH);
        json_array_foreach(rows, i, one) TRY(read_rows(s, kinds, list, what, one, depth + 1));
        return LOREC_OK;
    }
    const step_kind *kind = step_kind_find(kinds, type);
    if (!kind) {
        const char *names[64];
        size_t n = 0;
        for (const step_kind *k = kinds; k->name && n < 64; k++) names[n++] = k->name;
        const char *near = err_nearest(type, names, n);
        return err_set(LOREC_INPUT, "there is no %s \"%.60s\"%s%s", what, type, near ? "; the nearest is " : "",
                       near ? near : "");
    }
    step *made;
    TRY(steps_add(s, kind, &made));
    return kind->read ? kind->read(made, row) : LOREC_OK;
}

lorec_err steps_read(steps *s, const step_kind *kinds, const char *list, const char *what, const json_t *row)
{
    lorec_err e = read_rows(s, kinds, list, what, row, 0);
    return e ? err_context(e, "%s", what) : LOREC_OK;
}

lorec_err steps_run(const steps *s, workspace *w)
{
    for (size_t i = 0; i < s->n; i++) TRY(s->at[i].kind->run(&s->at[i], w));
    return LOREC_OK;
}

void steps_free(steps *s)
{
    for (size_t i = 0; i < s->n; i++) {
        regex_free(s->at[i].pattern);
        buf_free(&s->at[i].text);
        buf_free(&s->at[i].content);
        charsmap_free(&s->at[i].map);
    }
    mem_free(s->at);
    *s = (steps){0};
}

lorec_err step_pattern(step *s, const json_t *pattern)
{
    const json_t *text = json_object_get(pattern, "String"), *expression = json_object_get(pattern, "Regex");
    const json_t *said = json_is_string(text) ? text : json_is_string(expression) ? expression : NULL;
    if (!said) return err_set(LOREC_INPUT, "a pattern is neither {\"String\": ...} nor {\"Regex\": ...}");
    slice p = {json_string_value(said), json_string_length(said)};
    if (said == text) TRY(buf_add(&s->text, p.p, p.n));
    return regex_new(&s->pattern, p, said == text ? REGEX_LITERAL : REGEX_PLAIN);
}
