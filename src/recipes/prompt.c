#include "recipes/prompt.h"

#include "base/mem.h"
#include "recipes/method_files.h"
#include "text/template.h"

struct prompt {
    template *t;
};

lorec_err prompt_open(prompt **out, const char *name)
{
    *out = NULL;
    const embedded_file *f = method_file_find(name);
    if (!f) return err_set(LOREC_USAGE, "there is no prompt \"%s\" in this library", name);
    prompt *p;
    TRY(mem_new(&p, 1));
    lorec_err e = template_parse(&p->t, f->bytes, f->n, name, TEMPLATE_TRIM);
    if (e)
        mem_free(p);
    else
        *out = p;
    return e;
}

void prompt_free(prompt *p)
{
    if (!p) return;
    template_free(p->t);
    mem_free(p);
}

lorec_err prompt_fill(const prompt *p, const json_t *values, buf *text)
{
    template_text out = {0};
    lorec_err e = values ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a prompt's values");
    if (!e) e = template_render(p->t, &(template_values){.values = values}, &out);
    buf_clear(text);
    if (!e) e = buf_add(text, out.text.p ? out.text.p : "", out.text.n);
    template_text_free(&out);
    return e;
}

json_t *prompt_user(const char *text)
{
    return json_pack("[{s:s, s:s}]", "role", "user", "content", text);
}
