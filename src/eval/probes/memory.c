/* Has the language model read the data? It is shown lines of the data's files, in the files' order, and asked for the next one
 * (Di Palma et al., "Do LLMs memorize recommendation datasets?", SIGIR 2025, ask for MovieLens-1M's lines like so). Copies
 * count: a title, or a row's item, to the letter. What was shown is not counted as remembered. */
#include <math.h>

#include "base/mem.h"
#include "eval/probes/probes.h"
#include "lm/llm.h"
#include "tensor/rng.h"

enum { SHOWN = 5, AT_ONCE = 32, LINES = 100, LONGEST = 64 };

typedef struct line_kind {
    const char *probe, *instruction;
    /* Line `at` in two parts: what is given ("17::") and what is to be said ("From Dusk Till Dawn (1996)"). */
    lorec_err (*write)(const dataset *d, uint64_t at, buf *given, buf *said);
} line_kind;

static lorec_err put(buf *out, slice s)
{
    return buf_add(out, s.p, s.n);
}

static lorec_err title_line(const dataset *d, uint64_t at, buf *given, buf *said)
{
    TRY(put(given, names_at(&d->item_ids, (uint32_t)at)));
    TRY(buf_puts(given, "::"));
    return put(said, dataset_title(d, (uint32_t)at));
}

/* Rows by user, oldest first, as lorec keeps them: "user::" and the item's id. */
static lorec_err row_line(const dataset *d, uint64_t at, buf *given, buf *said)
{
    uint32_t low = 0, high = d->rows.n_users;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (d->rows.start[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    TRY(put(given, names_at(&d->user_ids, low)));
    TRY(buf_puts(given, "::"));
    return put(said, names_at(&d->item_ids, d->rows.item[at]));
}

static lorec_err prompt_of(const line_kind *k, const dataset *d, uint64_t at, buf *prompt, buf *said)
{
    buf_clear(prompt);
    TRY(buf_printf(prompt, "%s\n\n", k->instruction));
    for (uint64_t i = at - SHOWN; i <= at; i++) {
        buf_clear(said);
        TRY(k->write(d, i, prompt, said));
        if (i < at) TRY(buf_printf(prompt, "%.*s\n", (int)said->n, said->p ? said->p : ""));
    }
    return LOREC_OK;
}

/* Does the reply begin with what was to be said (after what was given, should the model repeat it)? */
static bool remembered(const llm_answer *a, const buf *said)
{
    slice line = slice_of(a->text ? a->text : "");
    line = slice_trim(line);
    line = slice_trim(slice_cut(&line, '\n'));
    for (size_t i = line.n; i-- > 1;)
        if (line.p[i] == ':' && line.p[i - 1] == ':' && said->n < line.n - i) {
            line = slice_trim((slice){line.p + i + 1, line.n - i - 1});
            break;
        }
    return said->n && line.n == said->n && memcmp(line.p, said->p, line.n) == 0;
}

static lorec_err ask_some(const line_kind *k, const probe_request *q, const uint64_t *at, size_t n, uint64_t *hits)
{
    const dataset *d = q->protocol->split->data;
    llm_request request[AT_ONCE] = {0};
    llm_answer answer[AT_ONCE] = {0};
    buf prompt[AT_ONCE] = {0}, said[AT_ONCE] = {0};
    bool chat = !(llm_can(q->lm) & LLM_COMPLETE);
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        e = prompt_of(k, d, at[i], &prompt[i], &said[i]);
        if (e) break;
        request[i] = (llm_request){
            .verb = chat ? LLM_VERB_CHAT : LLM_VERB_COMPLETE, .prompt = prompt[i].p, .params = {.max_tokens = LONGEST}};
        if (chat) request[i].messages = json_pack("[{s:s, s:s}]", "role", "user", "content", prompt[i].p);
        if (chat && !request[i].messages) e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    }
    if (!e) e = llm_ask(q->lm, request, n, answer, &(llm_watch){.label = k->probe});
    for (size_t i = 0; i < n && !e; i++) *hits += !answer[i].err && remembered(&answer[i], &said[i]);
    llm_answers_free(answer, n);
    for (size_t i = 0; i < n; i++) {
        json_decref((json_t *)(uintptr_t)request[i].messages);
        buf_free(&prompt[i]);
        buf_free(&said[i]);
    }
    return e;
}

static lorec_err complete(probe_findings *out, const probe_request *q, const line_kind *k, uint64_t n_lines)
{
    uint64_t *at = NULL, hits = 0;
    size_t n = q->lines ? q->lines : LINES;
    probe_finding *f;
    rng r = rng_make(q->seed, RNG_SAMPLING);
    if (n_lines <= SHOWN) return probe_skip(out, k->probe, "there are too few lines");
    TRY(mem_new(&at, n));
    for (size_t i = 0; i < n; i++) at[i] = SHOWN + (uint64_t)(rng_uniform(&r) * (double)(n_lines - SHOWN));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i += AT_ONCE) e = ask_some(k, q, at + i, n - i < AT_ONCE ? n - i : AT_ONCE, &hits);
    mem_free(at);
    if (!e) e = probe_add(out, k->probe, &f);
    TRY(e);
    f->n = n;
    f->value = (double)hits / (double)n;
    f->chance = 0;
    probe_judge(f);
    return LOREC_OK;
}

lorec_err probe_memory(probe_findings *out, const probe_request *q)
{
    static const line_kind titles = {"lines",
                                     "The file goes on like this, line by line, exactly as published:", title_line},
                           rows = {"rows",
                                   "The file of interactions goes on like this, line by line, exactly as published:",
                                   row_line};
    const dataset *d = q->protocol->split->data;
    if (!q->lm) return LOREC_OK;
    if (!(llm_can(q->lm) & (LLM_COMPLETE | LLM_CHAT))) return llm_need(q->lm, LLM_CHAT, "lorec data probe");
    TRY(complete(out, q, &titles, d->rows.n_items));
    return complete(out, q, &rows, d->rows.n);
}
