/* A model on this machine (local:PATH): opened, and joined to the provider. How it answers is in local_ask.c. */
#include "lm/provider/local.h"

#include "base/mem.h"

static void shut(llm *m)
{
    local *l = m->self;
    embedder_free(l->embedder);
    lm_session_free(l->session);
    local_model_close(&l->m);
    mem_free(l);
}

/* A model that continues texts has a session and, with a template, chats; one that only reads embeds. */
static lorec_err open(llm *m, const char *rest)
{
    local *l;
    TRY(mem_new(&l, 1));
    m->self = l;
    TRY(local_model_open(&l->m, rest));
    slice acts = slice_of(rest);
    slice_cut_text(&acts, "adapter=");
    acts = slice_cut(&acts, '&');
    buf name = {0}; /* a transcript must not take one for the other */
    TRY(buf_puts(&name, path_base(l->m.path)));
    TRY(acts.n ? buf_printf(&name, "+%.*s", (int)acts.n, acts.p) : LOREC_OK);
    m->name = name.p;
    if (!local_model_speaks(&l->m)) return LOREC_OK;
    l->adapters = (adapter_set){.item = &l->m.adapter, .n = 1};
    const lm_session_options o = {
        .keep = true, .bf16 = l->m.form == LM_BF16, .adapters = l->m.adapter ? &l->adapters : NULL};
    lorec_err e = lm_text_session(&l->session, l->m.text, &o);
    return e == LOREC_INPUT ? LOREC_OK : e; /* an encoder */
}

static unsigned can(const llm *m)
{
    const local *l = m->self;
    unsigned text = l->session ? LLM_COMPLETE | LLM_LOGPROBS | LLM_SCORE : 0u;
    return text | (l->session && l->m.chat ? LLM_CHAT | LLM_TOOLS : 0u) | LLM_EMBED | LLM_WEIGHTS;
}

static int64_t count(llm *m, const char *text, size_t n)
{
    const local *l = m->self;
    tokens ids = {0};
    lorec_err e = tokenizer_encode(l->m.text->tokenizer, (slice){text, n}, TOKENIZER_PLAIN, &ids);
    int64_t found = e ? -1 : (int64_t)ids.n;
    tokens_free(&ids);
    return found;
}

static const struct lm_text *weights(const llm *m)
{
    const local *l = m->self;
    return l->m.text;
}

const llm_backend llm_here = {
    .prefix = "local:", .open = open, .can = can, .ask = local_ask, .close = shut, .tokens = count, .weights = weights};
