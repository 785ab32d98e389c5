/* The study: every anchor asked about once neutrally, twice more for the ceiling, and once for each value of each attribute. */
#include <stdlib.h>

#include "base/mem.h"
#include "methods/fairllm/study.h"

/* ---- whom to ask about ---------------------------------------------------------------------------------------------------- */

typedef struct counted {
    uint32_t item, rows;
} counted;

static int more_popular(const void *a, const void *b)
{
    const counted *x = a, *y = b;
    if (x->rows != y->rows) return x->rows > y->rows ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

static lorec_err choose_anchors(study *s)
{
    const catalogue *items = &s->m->items;
    counted *all;
    TRY(mem_new(&all, items->n));
    for (uint32_t i = 0; i < items->n; i++) all[i] = (counted){i, items->popularity[i]};
    if (items->n) qsort(all, items->n, sizeof *all, more_popular);
    size_t n = (size_t)s->m->anchors < items->n ? (size_t)s->m->anchors : items->n;
    lorec_err e = mem_new(&s->anchor, n);
    for (size_t i = 0; i < n && !e; i++) s->anchor[i] = all[i].item;
    s->anchors = n;
    mem_free(all);
    return e;
}

/* ---- asking ----------------------------------------------------------------------------------------------------------------- */

static lorec_err write_request(const study *s, uint32_t anchor, size_t col, json_t **messages)
{
    const fairllm *m = s->m;
    const char *value = s->value[col];
    buf system = {0}, text = {0};
    json_t *values = json_pack(
        "{s:o, s:s, s:s, s:s, s:I}", "anchor", catalogue_text(catalogue_title(&m->items, anchor)), "value", value,
        "article", *value && strchr("aeiouAEIOU", *value) ? "an" : "a", "things", m->things, "k", (json_int_t)m->k);
    lorec_err e = prompt_fill(m->prompt[FAIR_SYSTEM], values, &system);
    if (!e) e = prompt_fill(m->prompt[col == REWORDED ? FAIR_REWORDED : FAIR_ASK], values, &text);
    if (!e && !(*messages = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", system.p, "role", "user",
                                      "content", text.p)))
        e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    json_decref(values);
    buf_free(&system);
    buf_free(&text);
    return e;
}

/* A row of similarities of the lists, unless the anchor is left out. */
static void measure(study *s, const fair_list *list)
{
    const fair_list *neutral = &list[IDENTICAL];
    if (!neutral->n) {
        s->mute++;
        return;
    }
    for (size_t c = 0; c < s->columns; c++) s->no_list[c] += !list[c].n;
    for (int metric = 0; metric < FAIR_METRICS; metric++) {
        fair_similarity_fn similar = fair_similarity[metric];
        if (metric == FAIR_SERP && s->m->serp == FAIR_SERP_CODE) similar = fair_serp_code;
        for (size_t k = 1; k <= s->k; k++)
            for (size_t c = 0; c < s->columns; c++) {
                double x = similar(neutral, &list[c], k);
                s->sum[metric][(k - 1) * s->columns + c] += x;
                if (k == s->k) s->similarity[metric][s->rows * s->columns + c] = x;
            }
    }
    s->rows++;
}

static lorec_err read_answers(study *s, const llm_answer *answer)
{
    fair_list *list;
    ids titles = {0}; /* lists are compared with those of the same anchor alone */
    for (size_t c = 0; c < s->columns; c++)
        if (answer[c].err) {
            s->failed++;
            return LOREC_OK;
        }
    TRY(mem_new(&list, s->columns));
    lorec_err e = LOREC_OK;
    for (size_t c = 0; c < s->columns && !e; c++)
        e = fair_list_read(&list[c], answer[c].text, answer[c].n, &titles, s->k, &s->replies);
    if (!e) measure(s, list);
    for (size_t c = 0; c < s->columns; c++) reply_list_free(&list[c]);
    mem_free(list);
    ids_free(&titles);
    return e;
}

static lorec_err ask_about(study *s, llm *lm, uint32_t anchor)
{
    llm_request *request = NULL;
    llm_answer *answer = NULL;
    json_t **messages;
    lorec_err e;
    TRY(mem_new(&messages, s->columns));
    TRY_GO(e, mem_new(&request, s->columns), done);
    TRY_GO(e, mem_new(&answer, s->columns), done);
    for (size_t c = 0; c < s->columns; c++) {
        TRY_GO(e, write_request(s, anchor, c, &messages[c]), done);
        request[c] = (llm_request){.verb = LLM_VERB_CHAT, .messages = messages[c], .sample = c == SAMPLE};
    }
    e = llm_use_ask(lm, s->m->tally, &s->m->chat, request, s->columns, answer, "fairllm");
    if (!e) e = read_answers(s, answer);
    llm_answers_free(answer, s->columns);
done:
    for (size_t c = 0; c < s->columns; c++) json_decref(messages[c]);
    mem_free(messages);
    mem_free(request);
    mem_free(answer);
    return e;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------- */

static lorec_err prepare(study *s)
{
    const char *name;
    json_t *values, *value;
    size_t col = CEILINGS, i;
    TRY(choose_anchors(s));
    TRY(mem_new(&s->value, s->columns));
    TRY(mem_new(&s->no_list, s->columns));
    for (int c = 0; c < CEILINGS; c++) s->value[c] = "";
    json_object_foreach(s->m->table, name, values)
    {
        json_array_foreach(values, i, value) s->value[col++] = json_string_value(value);
    }
    for (int metric = 0; metric < FAIR_METRICS; metric++) {
        TRY(mem_new(&s->similarity[metric], s->anchors * s->columns));
        TRY(mem_new(&s->sum[metric], s->k * s->columns));
    }
    return LOREC_OK;
}

static void study_free(study *s)
{
    mem_free(s->anchor);
    mem_free(s->value);
    mem_free(s->no_list);
    for (int metric = 0; metric < FAIR_METRICS; metric++) {
        mem_free(s->similarity[metric]);
        mem_free(s->sum[metric]);
    }
}

lorec_err fair_study(const void *self, rec_session *session, const study_context *c, json_t **numbers)
{
    const fairllm *m = self;
    study s = {.m = m, .c = c, .k = (size_t)m->k, .columns = CEILINGS + fair_attributes_values(m->table)};
    llm *lm;
    lorec_err e;
    *numbers = NULL;
    TRY(llm_use(&lm, session, m, &m->chat, LLM_CHAT, "fairllm"));
    TRY_GO(e, prepare(&s), done);
    for (size_t a = 0; a < s.anchors; a++) TRY_GO(e, ask_about(&s, lm, s.anchor[a]), done);
    llm_tally_replies(m->tally, &s.replies);
    if (!s.rows) {
        e = err_set(
            LOREC_INPUT,
            "fairllm: of %zu anchors %zu got no list for the neutral question and %zu had requests that failed; "
            "nothing can be compared. See what the model says: `lorec lm ask`",
            s.anchors, s.mute, s.failed);
        goto done;
    }
    *numbers = json_object();
    e = *numbers ? study_summarise(&s, *numbers) : err_set(LOREC_RESOURCE, "out of memory for the numbers of a study");
    if (e) {
        json_decref(*numbers);
        *numbers = NULL;
    }
done:
    study_free(&s);
    return e;
}
