/* FaiRLLM (Zhang et al., RecSys 2023): does a language model recommend otherwise to "a female fan of X" than to "a fan of X"? A
 * study: lists for an attribute's values against the neutral list, and the spread of their similarities. Card: card.md. */
#include "methods/fairllm/fairllm.h"
#include "recipes/tidy.h"

static const char *const scales[] = {"paper", "code", NULL};

static const option options[] = {
    LLM_OPTIONS(fairllm, chat, 0, 2000),
    OPTION_INT(fairllm, anchors, 500, 1, 1e6, "items asked about, the most popular ones", .fast = "2"),
    OPTION_INT(fairllm, k, 20, 1, 200, "titles asked for, and compared", .fast = "5"),
    OPTION_CHOICE(fairllm, serp, "paper", scales, "scale of SERP: at most 1, or as the authors' program has it"),
    OPTION_INT(fairllm, rounds, 999, 1, 1e6, "times that values are dealt anew, for what chance gives"),
    OPTION_TEXT(fairllm, attributes, "", "a JSON file {\"age\": [\"old\", \"young\"], ...} instead of the 31 values"),
    OPTION_TEXT(fairllm, things, "films", "what to recommend, in the prompts"),
};

static lorec_err prepare(fairllm *m)
{
    static const char *const file[FAIR_PROMPTS] = {"fairllm/prompts/system.j2", "fairllm/prompts/ask.j2",
                                                   "fairllm/prompts/reworded.j2"};
    for (int i = 0; i < FAIR_PROMPTS; i++) TRY(prompt_open(&m->prompt[i], file[i]));
    return llm_tally_new(&m->tally);
}

static lorec_err fit(void *self, const fit_context *c)
{
    fairllm *m = self;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(catalogue_tidy(&m->items));
    TRY(fair_attributes_read(&m->table, m->attributes));
    return prepare(m);
}

static lorec_err save(const void *self, const char *folder)
{
    const fairllm *m = self;
    buf path = {0};
    TRY(catalogue_save(&m->items, folder));
    lorec_err e = path_join(&path, folder, "attributes.json");
    if (!e) e = json_write(m->table, path.p);
    buf_free(&path);
    return e;
}

static lorec_err load(void *self, const char *folder)
{
    fairllm *m = self;
    buf path = {0};
    TRY(catalogue_load(&m->items, folder));
    lorec_err e = path_join(&path, folder, "attributes.json");
    if (!e) e = fair_attributes_read(&m->table, path.p);
    buf_free(&path);
    return e ? e : prepare(m);
}

static void release(void *self)
{
    fairllm *m = self;
    catalogue_free(&m->items);
    json_decref(m->table);
    for (int i = 0; i < FAIR_PROMPTS; i++) prompt_free(m->prompt[i]);
    llm_tally_free(m->tally);
}

static json_t *counts(const void *self)
{
    return llm_tally_counts(((const fairllm *)self)->tally);
}

const recommender recommender_fairllm = {
    .key = "fairllm",
    .title = "FaiRLLM: how far a language model's lists depend on a sensitive attribute",
    .family = "study",
    .cite =
        "Zhang, Bao, Zhang, Wang, Feng, He. Is ChatGPT Fair for Recommendation? Evaluating Fairness in Large Language "
        "Model Recommendation. RecSys 2023",
    .tasks = TASK_TEXT,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .size = sizeof(fairllm),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .study = fair_study,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(fairllm, items.n),
};
