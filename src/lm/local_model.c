#include "lm/local_model.h"

#include <stdio.h>

#include "base/mem.h"
#include "lm/adapters/adapter_file.h"

void local_model_close(local_model *m)
{
    chat_free(m->chat);
    adapter_free(m->adapter);
    lm_text_free(m->text);
    mem_free(m->special);
    mem_free(m->special_id);
    mem_free(m->path);
    *m = (local_model){0};
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

/* Every special token of the vocabulary: what chat_cut looks for in what a template wrote. */
static lorec_err find_specials(local_model *m)
{
    const tokenizer *t = m->text->tokenizer;
    size_t cap = 0, id_cap = 0;
    for (size_t i = 0; i < tokenizer_size(t); i++) {
        slice piece = tokenizer_piece(t, (int32_t)i);
        if (!piece.n || !tokenizer_is_special(t, (int32_t)i)) continue;
        TRY(mem_grow(&m->special, &cap, m->n_special + 1));
        TRY(mem_grow(&m->special_id, &id_cap, m->n_special + 1));
        m->special[m->n_special] = piece;
        m->special_id[m->n_special++] = (int32_t)i;
    }
    return LOREC_OK;
}

typedef struct words { /* behind the question mark */
    char chat[64], weights[16], adapter[1024];
} words;

static lorec_err read_words(slice rest, words *w)
{
    *w = (words){.weights = "keep"};
    while (rest.n) {
        slice value = slice_cut(&rest, '&'), name = slice_cut(&value, '=');
        if (slice_is(name, "chat"))
            snprintf(w->chat, sizeof w->chat, "%.*s", (int)value.n, value.p);
        else if (slice_is(name, "weights"))
            snprintf(w->weights, sizeof w->weights, "%.*s", (int)value.n, value.p);
        else if (slice_is(name, "adapter") && value.n < sizeof w->adapter)
            snprintf(w->adapter, sizeof w->adapter, "%.*s", (int)value.n, value.p);
        else
            return err_set(LOREC_USAGE,
                           "local:...?%.*s: chat=NAME, weights=FORM and adapter=FOLDER mean something here",
                           (int)name.n, name.p);
    }
    return LOREC_OK;
}

static lorec_err open_parts(local_model *m, const char *spec)
{
    words w;
    slice query = slice_of(spec), path = slice_cut(&query, '?');
    buf b = {0};
    TRY(read_words(query, &w));
    if (!lm_form_find(w.weights, &m->form))
        return err_set(LOREC_USAGE, "weights=%s: keep, f32, bf16, q8 or q4", w.weights);
    TRY(buf_add(&b, path.p, path.n));
    m->path = b.p;
    TRY(lm_text_open(&m->text, m->path, NULL, m->form));
    if (!m->text->model->net) return LOREC_OK;
    if (w.adapter[0]) TRY(adapter_open(&m->adapter, &m->text->model->net, 1, w.adapter));
    TRY(find_specials(m));
    lorec_err e = chat_open(&m->chat, w.chat[0] ? w.chat : m->path);
    return e == LOREC_INPUT && !w.chat[0] ? LOREC_OK : e; /* a model without a template completes */
}

lorec_err local_model_open(local_model *m, const char *spec)
{
    *m = (local_model){0};
    lorec_err e = open_parts(m, spec);
    if (e) local_model_close(m);
    return e;
}

bool local_model_speaks(const local_model *m)
{
    return m->text->model->net != NULL;
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

static lorec_err check_template(const local_model *m)
{
    if (m->chat) return LOREC_OK;
    return err_set(LOREC_USAGE, "the model has no chat template; name one: local:PATH?chat=NAME");
}

/* What a template makes of messages, as ids: special tokens come from the template alone. */
static lorec_err cut_ids(const local_model *m, const template_text *text, tokens *out)
{
    chat_pieces pieces = {0};
    tokenizer_part *part = NULL;
    lorec_err e = chat_cut(text, m->special, m->n_special, &pieces);
    if (!e) e = mem_new(&part, pieces.n);
    for (size_t k = 0; k < pieces.n && !e; k++) {
        const chat_piece *p = &pieces.piece[k];
        part[k] = (tokenizer_part){{p->p, p->n}, p->special < 0 ? -1 : m->special_id[p->special]};
    }
    if (!e) e = tokenizer_encode_parts(m->text->tokenizer, part, pieces.n, out);
    if (!e && out->n == 0) e = err_set(LOREC_INPUT, "the messages make an empty prompt");
    mem_free(part);
    chat_pieces_free(&pieces);
    return e;
}

lorec_err local_model_chat_ids(const local_model *m, const chat_input *in, tokens *out)
{
    template_text text = {0};
    TRY(check_template(m));
    bool plain = !m->chat->parsed || !m->n_special; /* text with the frame that the model's texts have */
    lorec_err e = chat_render(m->chat, in, &text);
    if (!e) e = plain ? lm_text_prompt(m->text, (slice){text.text.p, text.text.n}, out) : cut_ids(m, &text, out);
    template_text_free(&text);
    return e;
}

lorec_err local_model_knows_tools(const local_model *m, const chat_input *in, bool *out)
{
    template_text with = {0}, without = {0};
    chat_input bare = *in;
    bare.tools = NULL;
    TRY(check_template(m));
    lorec_err e = chat_render(m->chat, in, &with);
    if (!e) e = chat_render(m->chat, &bare, &without);
    *out = !e &&
           (with.text.n != without.text.n || (with.text.n && memcmp(with.text.p, without.text.p, with.text.n) != 0));
    template_text_free(&with);
    template_text_free(&without);
    return e;
}
