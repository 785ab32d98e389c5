#include "cli/lm/session.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/adapters/adapter_file.h"

lorec_err lm_words_open(lm_words *w, bool keep)
{
    lm_form form = LM_KEEP;
    if (!w->model) return err_set(LOREC_USAGE, "--model M is needed");
    if (w->weights && !lm_form_find(w->weights, &form))
        return err_set(LOREC_USAGE, "--weights %s: there are keep, f32, bf16, q8, q4", w->weights);
    lorec_err e = lm_text_open(&w->text, w->model, w->tokenizer, form);
    if (e == LOREC_INPUT && !w->tokenizer && strstr(lorec_error_message(), "no tokenizer.json"))
        e = err_context(e, "the vocabulary (--tokenizer FILE names one that lies elsewhere)");
    if (e) return e;
    lm_session_options o = {.bf16 = w->bf16, .keep = keep, .memory = (size_t)w->memory_mib << 20};
    if (w->adapter) {
        transformer *net[2];
        size_t n = lm_model_nets(w->text->model, net);
        if (n == 0) return err_set(LOREC_INPUT, "%s: it reads no texts", w->model);
        TRY(adapter_open(&w->acts, net, n, w->adapter));
        w->set = (adapter_set){.item = &w->acts, .n = 1};
        o.adapters = &w->set;
    }
    TRY(lm_text_session(&w->session, w->text, &o));
    log_debug("%s: %zu bytes of keys and values a token", w->model, lm_session_cost(w->session, 1, 0));
    return LOREC_OK;
}

void lm_words_close(lm_words *w)
{
    lm_session_free(w->session);
    adapter_free(w->acts);
    lm_text_free(w->text);
}

lorec_err text_lines_read(text_lines *t, const char *path)
{
    TRY(file_read(&t->bytes, path, LINE_MAX_BYTES));
    slice rest = {t->bytes.p, t->bytes.n};
    while (rest.n) {
        slice line = slice_cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        if (line.n == 0) return err_set(LOREC_INPUT, "%s, line %zu is empty; each line is one text", path, t->n + 1);
        TRY(mem_grow(&t->line, &t->cap, t->n + 1));
        t->line[t->n++] = line;
    }
    return t->n ? LOREC_OK : err_set(LOREC_INPUT, "%s is empty; each line is one text", path);
}

void text_lines_free(text_lines *t)
{
    mem_free(t->line);
    buf_free(&t->bytes);
}
