/* TALLRec (Bao et al., RecSys 2023): a language model whose low-rank adapter learns from few questions "will this person, who
 * liked these and disliked those, like this one?"; its score is what it gives to Yes against No. Card: card.md. Rule to beat:
 * the share of liked items in the question. */
#include "base/mem.h"
#include "lm/adapters/adapter_file.h"
#include "lm/session/score.h"
#include "methods/tallrec/tallrec.h"

enum { ASK_AT_ONCE = 64 };

static const char *const frames[] = {"instruction", "none", NULL};

static const option options[] = {
    BASE_MODEL_OPTIONS(tallrec, "q8"),
    OPTION_TEXT(tallrec, adapter, "", "go on with this adapter (peft's folder), tuned on instructions"),
    OPTION_TEXT(tallrec, instructions, "", "stage one: instructions to learn first, as `lorec lm train` reads them"),
    OPTION_INT(tallrec, examples, 64, 0, 1e9, "K: questions to learn from, drawn at random; 0: all", .fast = "64"),
    OPTION_INT(tallrec, max_history, 10, 0, 10000, "titles of the history, the latest"),
    OPTION_INT(tallrec, min_history, 10, 0, 10000, "rows before one that is learned from"),
    OPTION_REAL(tallrec, liked_above, 3, -1e9, 1e9, "an item is liked that was rated above this"),
    OPTION_INT(tallrec, cutoff, 512, 16, 1 << 20, "tokens of a question with its answer; older titles go"),
    OPTION_INT(tallrec, max_candidates, 200, 1, 1e6, "refuse longer lists: each item is a question"),
    LORA_OPTIONS(tallrec, low_rank, 16, .05, "q_proj,v_proj"),
    OPTION_INT(tallrec, epochs, 200, 0, 1e6, "passes over the questions; 0: the model as it is", .fast = "10"),
    OPTION_REAL(tallrec, learning_rate, 1e-4, 1e-9, 10, "largest step size", .alias = "lr"),
    OPTION_INT(tallrec, batch, 128, 1, 1 << 20, "questions of an update", .alias = "train_batch_size"),
    OPTION_INT(tallrec, micro_batch, 32, 1, 1 << 20, "questions at once, for memory"),
    OPTION_INT(tallrec, warmup, 20, 0, 1e9, "updates until the largest step size"),
    OPTION_INT(tallrec, eval_step, 10, 1, 1e6, "validate every so many epochs"),
    OPTION_INT(tallrec, stopping_step, 10, 1, 1e6, "stop after more validations without a better one",
               .alias = "patience"),
    OPTION_INT(tallrec, instruction_epochs, 3, 1, 1e6, "passes over the instructions", .fast = "1"),
    OPTION_REAL(tallrec, instruction_rate, 3e-4, 1e-9, 10, "largest step size over the instructions"),
    OPTION_BOOL(tallrec, train_on_inputs, 1, "learn to say the questions too, not the answers alone"),
    OPTION_BOOL(tallrec, bf16, 0, "compute in bfloat16"),
    OPTION_CHOICE(tallrec, frame, "instruction", frames, "what is said around the two lists and the question"),
    OPTION_TEXT(tallrec, things, "films", "what the items are, in the prompt"),
    OPTION_TEXT(tallrec, yes, "Yes.", "the answer of who likes it; its first token is compared"),
    OPTION_TEXT(tallrec, no, "No.", "and of who does not"),
};

/* ---- questions ------------------------------------------------------------------------------------------------------------ */

typedef struct asked {
    tokens all;
    int32_t length[ASK_AT_ONCE];
    contrast answer[ASK_AT_ONCE];
} asked;

/* The session's language model, with the adapter on. */
static lorec_err session_of(const tallrec *m, rec_session *s, lm_session **out)
{
    *out = rec_session_own(s, m);
    if (*out) return LOREC_OK;
    TRY(lm_text_session(out, m->lm, &(lm_session_options){.bf16 = m->bf16, .adapters = &m->set}));
    rec_session_set_own(s, m, *out, (void (*)(void *))lm_session_free);
    return LOREC_OK;
}

static lorec_err ask(const tallrec *m, lm_session *s, asked *a, const pair *p, size_t n, float *share)
{
    a->all.n = 0;
    for (size_t i = 0; i < n; i++) {
        size_t before = a->all.n;
        TRY(tallrec_question(m, p[i].user, p[i].history.items, p[i].history.n, p[i].item, &a->all));
        a->length[i] = (int32_t)(a->all.n - before);
    }
    TRY(lm_contrast(s, a->all.id, a->length, (int64_t)n, m->answer[1].id[0], m->answer[0].id[0], a->answer));
    for (size_t i = 0; i < n; i++) share[i] = (float)a->answer[i].share;
    return LOREC_OK;
}

static lorec_err score_pairs(const void *self, rec_session *session, const pair *p, size_t n, float *probability)
{
    const tallrec *m = self;
    lm_session *s;
    asked *a;
    TRY(session_of(m, session, &s));
    TRY(mem_new(&a, 1));
    lorec_err e = LOREC_OK;
    for (size_t at = 0; at < n && !e; at += ASK_AT_ONCE)
        e = ask(m, s, a, p + at, n - at < ASK_AT_ONCE ? n - at : ASK_AT_ONCE, probability + at);
    tokens_free(&a->all);
    mem_free(a);
    return e;
}

static lorec_err score_items(const void *self, rec_session *s, const query *q, size_t n, const uint64_t *start,
                             const uint32_t *candidate, float *scores)
{
    const tallrec *m = self;
    pair *p;
    TRY(catalogue_check_lists(&m->items, "tallrec", m->max_candidates, n, start, candidate));
    TRY(mem_new(&p, (size_t)start[n] + 1));
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = start[i]; k < start[i + 1]; k++)
            p[k] = (pair){.user = q[i].user, .item = candidate[k], .row = UINT64_MAX, .history = q[i]};
    lorec_err e = score_pairs(self, s, p, (size_t)start[n], scores);
    mem_free(p);
    return e;
}

/* ---- the model ------------------------------------------------------------------------------------------------------------ */

static lorec_err open_model(tallrec *m)
{
    TRY(base_model_open(&m->lm, "tallrec", m->model, (lm_form)m->weights));
    TRY(prompt_open(&m->ask, "tallrec/prompts/ask.j2"));
    return tallrec_answers(m);
}

static lorec_err fit(void *self, const fit_context *c)
{
    tallrec *m = self;
    TRY(open_model(m));
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(likes_make(&m->likes, c->split, c->train, m->liked_above));
    bool begun = m->adapter && *m->adapter;
    TRY(begun ? adapter_open(&m->lora, &m->lm->model->net, 1, m->adapter)
              : lora_new(&m->lora, m->lm, &m->low_rank, c->seed));
    m->set = (adapter_set){.item = &m->lora, .n = 1};
    return tallrec_tune(m, c);
}

static lorec_err save(const void *self, const char *folder)
{
    const tallrec *m = self;
    TRY(catalogue_save(&m->items, folder));
    TRY(likes_save(&m->likes, folder));
    return lora_save(m->lora, folder, "adapter", m->model);
}

static lorec_err load(void *self, const char *folder)
{
    tallrec *m = self;
    TRY(open_model(m));
    TRY(catalogue_load(&m->items, folder));
    TRY(likes_load(&m->likes, folder));
    TRY(lora_load(&m->lora, m->lm, folder, "adapter"));
    m->set = (adapter_set){.item = &m->lora, .n = 1};
    return LOREC_OK;
}

static void release(void *self)
{
    tallrec *m = self;
    catalogue_free(&m->items);
    likes_free(&m->likes);
    prompt_free(m->ask);
    adapter_free(m->lora);
    lm_text_free(m->lm);
    tokens_free(&m->answer[0]);
    tokens_free(&m->answer[1]);
}

static json_t *counts(const void *self)
{
    const tallrec *m = self;
    json_t *o = trainer_report_json(&m->report, m->lora ? (uint64_t)params_values(adapter_params(m->lora)) : 0);
    if (!o) return NULL;
    json_object_set_new(o, "examples", json_integer((json_int_t)m->used));
    json_object_set_new(o, "examples_liked", json_integer((json_int_t)m->positive));
    return o;
}

const recommender recommender_tallrec = {
    .key = "tallrec",
    .title = "TALLRec: a language model tuned on few yes/no questions",
    .family = "tuned",
    .cite = "Bao, Zhang, Zhang, Wang, Feng, He. TALLRec: An Effective and Efficient Tuning Framework to Align Large "
            "Language Model with Recommendation. RecSys 2023",
    .controls = "liked-share",
    .tasks = TASK_CLICK | TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_WEIGHTS | NEED_ITEM_TEXT,
    .size = sizeof(tallrec),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score_items = score_items,
    .score_pairs = score_pairs,
    .lessons = tallrec_lessons,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(tallrec, items.n),
};
