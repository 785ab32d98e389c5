/* template.h: texts made from a template and values: the part of Jinja that Hugging Face's chat templates and prompts use.
 *
 *     template *t;
 *     TRY(template_parse(&t, source, n, "rank.j2", TEMPLATE_TRIM));    // LOREC_INPUT: "rank.j2, line 3: ..."
 *     template_text out = {0};
 *     TRY(template_render(t, &(template_values){.values = json}, &out));
 *     use(out.text.p, out.text.n);                                     // out.span says which bytes the template wrote
 *     template_text_free(&out);
 *     template_free(t);
 *
 * Every byte of the output knows where it is from: written in the template (or in `trusted` values), or brought by `values`.
 * A tokenizer looks for special tokens in the first kind only, so that an item's title can not end a turn (text/chat.h).
 * The mark follows a byte through every operation: concatenation, slices, filters, macros, set blocks.
 *
 * The language: {{ }}, {% %}, {# #} with -, +; if, for (with else, filter, loop, recursive), set (also as a block), macro,
 * call, filter, with, raw, break, continue, generation (its body); namespace(), range(), dict(), raise_exception(),
 * strftime_now() where a time is given; filters, tests and methods as listed in docs/llm.md. Lists and
 * dicts can not be changed in place (nor can they in transformers). include, import and extends are not there.
 * No template hangs or takes all memory: steps, nesting, memory and output have limits.
 *
 * Ownership: a template owns its tree until template_free, is immutable and may be rendered by many threads at once. Values
 * are borrowed for the call. A template_text owns its buffers until template_text_free; rendering replaces what it held. */
#ifndef LOREC_TEXT_TEMPLATE_H
#define LOREC_TEXT_TEMPLATE_H

#include "base/json.h"

typedef struct template template;

enum {
    TEMPLATE_TRIM =
        1, /* trim_blocks and lstrip_blocks: lines that hold a tag only leave nothing; chat templates need it */
};

/* LOREC_INPUT with name and line for what is not a template; `name` is copied. */
lorec_err template_parse(template **out, const char *source, size_t n, const char *name, unsigned flags);
void template_free(template *t);

typedef struct template_limits { /* 0: the default */
    size_t steps;                /* evaluated nodes; 20 million */
    size_t memory;               /* bytes while rendering; 256 MiB */
    size_t output;               /* bytes; 32 MiB */
} template_limits;

typedef struct template_values {
    const json_t *values;  /* an object of variables, or NULL */
    const json_t *trusted; /* another, whose texts count as the template's own (bos_token); or NULL */
    bool (*is_own)(
        const char *role); /* whether the text of a "role" field of `values` counts as the template's; or NULL */
    const int64_t *now;    /* seconds since 1970 for strftime_now (UTC); NULL: the function is undefined */
    template_limits limits;
} template_values;

typedef struct template_span {
    size_t end;         /* bytes [previous end, end) of the text */
    bool from_template; /* otherwise from a value */
} template_span;

typedef struct template_text {
    buf text; /* valid UTF-8 without invalid bytes, may hold NUL */
    template_span *span;
    size_t n_spans, span_cap;
} template_text;

/* LOREC_INPUT for what the template refuses (raise_exception) or can not do with these values, with the line. */
lorec_err template_render(const template *t, const template_values *in, template_text *out);
void template_text_free(template_text *t);

/* A prompt in a file, parsed with TEMPLATE_TRIM. */
lorec_err template_read(template **out, const char *path);

#endif
