/* What a run would take: calls, tokens, time, money. */
#include "base/mem.h"
#include "lm/provider/backend.h"

enum { BYTES_A_TOKEN = 4, ASSUMED_COMPLETION = 256 };
#define ASSUMED_SECONDS 2.0

static int64_t text_tokens(llm *m, const char *text, size_t n, bool *counted)
{
    int64_t k = m->backend->tokens ? m->backend->tokens(m, text, n) : -1;
    if (k >= 0) return k;
    *counted = false;
    return (int64_t)((n + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN);
}

int64_t llm_request_tokens(llm *m, const llm_request *q, bool *counted)
{
    int64_t n = 0;
    *counted = true;
    if (q->prompt)
        n += text_tokens(m, q->prompt, strlen(q->prompt), counted) *
             (q->verb == LLM_VERB_SCORE && q->n_text ? (int64_t)q->n_text : 1);
    for (size_t i = 0; i < q->n_text; i++) n += text_tokens(m, q->text[i], strlen(q->text[i]), counted);
    const json_t *parts[] = {q->messages, q->tools};
    for (size_t i = 0; i < 2; i++) {
        char *text = parts[i] ? json_dumps(parts[i], JSON_COMPACT) : NULL;
        if (text) n += text_tokens(m, text, strlen(text), counted);
        free(text);
    }
    return n;
}

lorec_err llm_preview(llm *m, const llm_request *q, size_t n, llm_estimate *out)
{
    double known_seconds = 0;
    *out = (llm_estimate){.counted = true, .priced = m->price.known};
    for (size_t i = 0; i < n; i++) {
        double seconds;
        if (m->backend->knows && m->backend->knows(m, &q[i], &seconds)) {
            out->known++;
            known_seconds += seconds;
            continue;
        }
        bool counted;
        out->calls += q[i].verb == LLM_VERB_SCORE ? (int64_t)q[i].n_text : 1;
        out->prompt_tokens += (double)llm_request_tokens(m, &q[i], &counted);
        if (q[i].verb == LLM_VERB_CHAT || q[i].verb == LLM_VERB_COMPLETE)
            out->completion_tokens += q[i].params.max_tokens ? (double)q[i].params.max_tokens : ASSUMED_COMPLETION;
        out->counted = out->counted && counted;
    }
    out->timed = out->known > 0 && known_seconds > 0;
    double each = out->timed ? known_seconds / (double)out->known : ASSUMED_SECONDS;
    out->seconds = each * (double)out->calls / (double)m->options.concurrency;
    out->money = price_of(&m->price, out->prompt_tokens, out->completion_tokens);
    return LOREC_OK;
}

lorec_err llm_estimate_text(const llm_estimate *e, buf *out)
{
    TRY(buf_printf(out, "%lld calls", (long long)e->calls));
    if (e->known) TRY(buf_printf(out, " (%lld more are answered by the transcript)", (long long)e->known));
    TRY(buf_printf(out, ", %.0f tokens to read%s and at most %.0f to write, about %.0f s%s", e->prompt_tokens,
                   e->counted ? "" : " (4 bytes taken for one)", e->completion_tokens, e->seconds,
                   e->timed ? "" : " (2 s a call taken)"));
    return e->priced ? buf_printf(out, ", at most %.4g in money", e->money) : buf_puts(out, ", no price known");
}

json_t *llm_estimate_json(const llm_estimate *e)
{
    json_t *o = json_pack("{s:I, s:I, s:f, s:f, s:f, s:b, s:b}", "calls", (json_int_t)e->calls, "known",
                          (json_int_t)e->known, "prompt_tokens", e->prompt_tokens, "completion_tokens",
                          e->completion_tokens, "seconds", e->seconds, "tokens_counted", (int)e->counted, "timed",
                          (int)e->timed);
    if (o) json_object_set_new(o, "money", e->priced ? json_real(e->money) : json_null());
    return o;
}
