/* A model on this machine (local:PATH): opened, and joined to the provider. How it answers is in local_ask.c. */
#include "lm/provider/local.h"

#include "base/mem.h"

static void shut(llm *m)
{
    local *l = m->self;
    chat_free(l->chat);
    embedder_free(l->embedder);
    lm_session_free(l->session);
    lm_text_free(l->text);
    mem_free(l->special);
    mem_free(l->special_id);
    mem_free(l->path);
    mem_free(l);
}

/* Every special token of the vocabulary: what chat_cut looks for in what a template wrote. */
static lorec_err find_specials(local *l)
{
    const tokenizer *t = l->text->tokenizer;
    size_t cap = 0, id_cap = 0;
    for (size_t i = 0; i < tokenizer_size(t); i++) {
        slice piece = tokenizer_piece(t, (int32_t)i);
        if (!piece.n || !tokenizer_is_special(t, (int32_t)i)) continue;
        TRY(mem_grow(&l->special, &cap, l->n_special + 1));
        TRY(mem_grow(&l->special_id, &id_cap, l->n_special + 1));
        l->special[l->n_special] = piece;
        l->special_id[l->n_special++] = (int32_t)i;
    }
    return LOREC_OK;
}

typedef struct words { /* behind the question mark */
    char chat[64], weights[16];
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
        else
            return err_set(LOREC_USAGE, "local:...?%.*s: chat=NAME and weights=FORM mean something here", (int)name.n,
                           name.p);
    }
    return LOREC_OK;
}

/* A model that continues texts has a session and, with a template, chats; one that only reads embeds. */
static lorec_err open_text(local *l, const words *w)
{
    lm_form form;
    if (!lm_form_find(w->weights, &form))
        return err_set(LOREC_USAGE, "weights=%s: keep, f32, bf16, q8 or q4", w->weights);
    TRY(lm_text_open(&l->text, l->path, NULL, form));
    if (!l->text->model->net) return LOREC_OK;
    lorec_err e = lm_text_session(&l->session, l->text, &(lm_session_options){.keep = true, .bf16 = form == LM_BF16});
    if (e == LOREC_INPUT) return LOREC_OK; /* an encoder */
    TRY(e);
    TRY(find_specials(l));
    e = chat_open(&l->chat, w->chat[0] ? w->chat : l->path);
    return e == LOREC_INPUT && !w->chat[0] ? LOREC_OK : e; /* a model without a template completes */
}

static lorec_err open(llm *m, const char *rest)
{
    local *l;
    words w;
    slice query = slice_of(rest), path = slice_cut(&query, '?');
    buf b = {0};
    TRY(mem_new(&l, 1));
    m->self = l;
    TRY(read_words(query, &w));
    TRY(buf_add(&b, path.p, path.n));
    l->path = b.p;
    TRY(open_text(l, &w));
    return mem_dup(&m->name, path_base(l->path));
}

static unsigned can(const llm *m)
{
    const local *l = m->self;
    unsigned text = l->session ? LLM_COMPLETE | LLM_LOGPROBS | LLM_SCORE : 0u;
    return text | (l->session && l->chat ? LLM_CHAT | LLM_TOOLS : 0u) | LLM_EMBED | LLM_WEIGHTS;
}

static int64_t count(llm *m, const char *text, size_t n)
{
    const local *l = m->self;
    tokens ids = {0};
    lorec_err e = tokenizer_encode(l->text->tokenizer, (slice){text, n}, TOKENIZER_PLAIN, &ids);
    int64_t found = e ? -1 : (int64_t)ids.n;
    tokens_free(&ids);
    return found;
}

static const struct lm_text *weights(const llm *m)
{
    const local *l = m->self;
    return l->text;
}

const llm_backend llm_here = {
    .prefix = "local:", .open = open, .can = can, .ask = local_ask, .close = shut, .tokens = count, .weights = weights};
