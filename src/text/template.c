#include "text/template.h"

#include "text/template/eval.h"
#include "text/template/lex.h"

enum {
    SOURCE_MAX = 1 << 22,
    PARSE_MEMORY = 1 << 29,
    STEPS = 20000000,
    MEMORY = 1 << 28,
    OUTPUT = 1 << 25,
};

static lorec_err parse(template *t, const char *source, size_t n, unsigned flags)
{
    lexed tokens;
    unsigned line = 0;
    if (n > SOURCE_MAX) return err_set(LOREC_INPUT, "%s: a template of more than 4 MiB", t->name);
    if (!utf8_valid((slice){source, n})) return err_set(LOREC_INPUT, "%s: the template is not valid UTF-8", t->name);
    lorec_err e = template_lex(&t->memory, source, n, flags & TEMPLATE_TRIM, &tokens);
    line = tokens.line;
    if (!e) e = template_tree(t, &tokens, &line);
    return e ? err_context(e, "%s, line %u", t->name, line) : LOREC_OK;
}

lorec_err template_parse(template **out, const char *source, size_t n, const char *name, unsigned flags)
{
    template *t = NULL;
    *out = NULL;
    TRY(mem_new(&t, 1));
    t->memory.arena.limit = PARSE_MEMORY;
    t->memory.max_steps = SIZE_MAX;
    lorec_err e = mem_dup(&t->name, name);
    if (!e) e = parse(t, source, n, flags);
    if (e) {
        template_free(t);
        return e;
    }
    *out = t;
    return LOREC_OK;
}

void template_free(template *t)
{
    if (!t) return;
    arena_free(&t->memory.arena);
    ids_free(&t->names);
    mem_free(t->name);
    mem_free(t);
}

lorec_err template_read(template **out, const char *path)
{
    buf text = {0};
    *out = NULL;
    lorec_err e = file_read(&text, path, SOURCE_MAX + 1);
    if (!e) e = template_parse(out, text.p ? text.p : "", text.n, path, TEMPLATE_TRIM);
    buf_free(&text);
    return e;
}

/* ---- rendering ----------------------------------------------------------------------------------------------------- */

static lorec_err variables(tp_eval *e, const json_t *object, bool trusted)
{
    for (void *at = json_object_iter((json_t *)object); at; at = json_object_iter_next((json_t *)object, at)) {
        uint32_t name;
        tp_value v;
        if (!ids_find(&e->t->names, slice_of(json_object_iter_key(at)), &name)) continue; /* never asked for */
        TRY(tp_from_json(&e->m, json_object_iter_value(at), trusted, e->in->is_own, &v));
        TRY(tp_variable_set(e, name, v));
    }
    return LOREC_OK;
}

static lorec_err spans(const tp_builder *b, template_text *out)
{
    TRY(buf_add(&out->text, b->p, b->n));
    for (size_t i = 0; i < b->n;) {
        const unsigned char *other = memchr(b->origin + i, !b->origin[i], b->n - i);
        size_t end = other ? (size_t)(other - b->origin) : b->n;
        TRY(mem_grow(&out->span, &out->span_cap, out->n_spans + 1));
        out->span[out->n_spans++] = (template_span){end, b->origin[i]};
        i = end;
    }
    return LOREC_OK;
}

static lorec_err render(tp_eval *e, template_text *out)
{
    tp_builder b = {.m = &e->m};
    e->out = &b;
    TRY(tp_frame_push(e, NULL));
    TRY(tp_functions(e));
    TRY(variables(e, e->in->trusted, true));
    TRY(variables(e, e->in->values, false));
    TRY(tp_frame_push(e, e->frame));
    TRY(tp_run(e, e->t->root));
    return spans(&b, out);
}

lorec_err template_render(const template *t, const template_values *in, template_text *out)
{
    const template_limits *l = &in->limits;
    buf_clear(&out->text);
    out->n_spans = 0;
    tp_eval e = {.t = t, .in = in, .max_output = l->output ? l->output : OUTPUT};
    e.m.arena.limit = l->memory ? l->memory : MEMORY;
    e.m.max_steps = l->steps ? l->steps : STEPS;
    lorec_err err = render(&e, out);
    arena_free(&e.m.arena);
    if (!err) return LOREC_OK;
    buf_clear(&out->text);
    out->n_spans = 0;
    return err_context(err, "%s, line %u", t->name, e.line);
}

void template_text_free(template_text *t)
{
    buf_free(&t->text);
    mem_free(t->span);
    *t = (template_text){0};
}
