/* KAR (Xi et al., RecSys 2024): what a language model knows of items and concludes about users, as vectors that a
 * hybrid-expert adaptor makes small and a click model takes as two further fields. Card: card.md. Rule to beat: the same
 * model with knowledge=none, and with knowledge=shuffled. */
#include "base/mem.h"
#include "methods/kar/kar.h"
#include "rec/arrays.h"

enum { EXPERT_HIDDEN = 128, EXPERT_OUT = 32 };

static const char *const knowledge_words[] = {"both", "items", "users", "shuffled", "none", NULL};

static const option options[] = {
    CLICK_OPTIONS_AS(kar, 256, 32, "3"),
    CLICK_DEEP_OPTIONS_AS(kar, "200,80", 0),
    LLM_OPTIONS_FAST(kar, chat, 0, 512, "32"),
    OPTION_CHOICE(kar, knowledge, "both", knowledge_words,
                  "what the language model is asked about; shuffled: both, handed to the wrong ones"),
    OPTION_INT(kar, history, 30, 1, 10000, "a user's first rows told to it, at most half; they are no examples"),
    OPTION_TEXT(kar, encoder, "", "folder of the model that makes vectors of its texts; empty: hashed words"),
    OPTION_INT(kar, dimension, 256, 1, 65536, "of hashed words"),
    OPTION_INT(kar, shared, 2, 0, 64, "experts that users and items share"),
    OPTION_INT(kar, dedicated, 5, 1, 64, "experts of each alone", .fast = "2"),
    OPTION_TEXT(kar, thing, "film", "what an item is, in the prompts"),
    OPTION_TEXT(
        kar, factors,
        "genre, director and actors, period and country, characters, plot, mood, acclaim, production, soundtrack",
        "what the language model goes through"),
    {.name = "max_history",
     .type = OPTION_TYPE_INT,
     .offset = offsetof(kar, click.max_history),
     .def = 5,
     .min = 1,
     .max = 10000,
     .help = "how much of the past the click model reads"},
};

/* ---- the hybrid-expert adaptor -------------------------------------------------------------------------------------------- */

static const char *expert_name(char room[64], const char *group, int64_t k, const char *part)
{
    snprintf(room, 64, "%s.%d.%s", group, (int)k, part);
    return room;
}

static void add_experts(const kar *m, const char *group, int64_t n)
{
    char name[64];
    params *ps = m->click.params;
    for (int64_t k = 0; k < n; k++) {
        params_add(ps, expert_name(name, group, k, "0.weight"), init_xavier_uniform(m->width, EXPERT_HIDDEN), 2,
                   (int64_t[]){EXPERT_HIDDEN, m->width});
        params_add(ps, expert_name(name, group, k, "0.bias"), INIT_ZERO, 1, (int64_t[]){EXPERT_HIDDEN});
        params_add(ps, expert_name(name, group, k, "1.weight"), init_xavier_uniform(EXPERT_HIDDEN, EXPERT_OUT), 2,
                   (int64_t[]){EXPERT_OUT, EXPERT_HIDDEN});
        params_add(ps, expert_name(name, group, k, "1.bias"), INIT_ZERO, 1, (int64_t[]){EXPERT_OUT});
    }
}

static tensor *expert(const kar *m, tape *t, tensor *x, const char *group, int64_t k)
{
    char name[64];
    const params *ps = m->click.params;
    for (int layer = 0; layer < 2; layer++) {
        tensor *w = params_find(ps, expert_name(name, group, k, layer ? "1.weight" : "0.weight"));
        tensor *b = params_find(ps, expert_name(name, group, k, layer ? "1.bias" : "0.bias"));
        x = op_linear(t, x, w, b, LINEAR_OUT_IN, ACT_RELU);
    }
    return x;
}

static int64_t add_adaptor(const kar *m, const char *type, const kar_vectors *v)
{
    char name[64];
    if (!v->v) return 0;
    int64_t experts = m->shared + m->dedicated;
    snprintf(name, sizeof name, "%s.gate.weight", type);
    params_add(m->click.params, name, init_xavier_uniform(m->width, experts), 2, (int64_t[]){experts, m->width});
    add_experts(m, type, m->dedicated);
    return EXPERT_OUT;
}

/* [n, EXPERT_OUT]: experts weighed by the gate of that type. x is a constant: no gradient goes into the vectors. */
static tensor *adapted(const kar *m, tape *t, tensor *x, const char *type)
{
    char name[64];
    snprintf(name, sizeof name, "%s.gate.weight", type);
    tensor *gate = op_softmax(t, op_linear(t, x, params_find(m->click.params, name), NULL, LINEAR_OUT_IN, ACT_NONE));
    tensor *sum = NULL;
    for (int64_t k = 0; k < m->shared + m->dedicated; k++) {
        bool common = k < m->shared;
        tensor *one = expert(m, t, x, common ? "shared" : type, common ? k : k - m->shared);
        one = op_mul(t, one, op_slice(t, gate, 1, k, k + 1));
        sum = sum ? op_add(t, sum, one) : one;
    }
    return sum;
}

static tensor *known(const kar *m, tape *t, const click_batch *b, bool users)
{
    float *x;
    const kar_vectors *v = users ? &m->users : &m->items;
    size_t width = (size_t)m->width;
    if (mem_new(&x, (size_t)b->n * width)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0; i < b->n; i++) {
        const float *from = kar_vector(v, users ? b->pairs[i].user : b->pairs[i].item, m->width);
        if (from) memcpy(x + (size_t)i * width, from, width * sizeof *x);
    }
    tensor *out = tape_f32(t, x, 2, (int64_t[]){b->n, m->width});
    mem_free(x);
    return adapted(m, t, out, users ? "user" : "item");
}

/* ---- the click model ---------------------------------------------------------------------------------------------------------- */

static lorec_err build(click *c)
{
    const kar *m = (const kar *)(const void *)c;
    if ((m->items.v && m->items.n != c->features.n_items) || (m->users.v && m->users.n != c->features.n_users))
        return err_set(LOREC_INPUT,
                       "kar: the vectors are of other users or items; the model's files do not belong together");
    TRY(click_add_table(c, "embedding.weight", c->embedding_size, INIT_NORMAL(0.01)));
    if (m->items.v || m->users.v) add_experts(m, "shared", m->shared);
    int64_t more = add_adaptor(m, "user", &m->users) + add_adaptor(m, "item", &m->items);
    return click_add_mlp(c, "deep", ((int64_t)c->features.n + 1) * c->embedding_size + more, true);
}

static tensor *logit(const click *c, tape *t, const click_batch *b)
{
    const kar *m = (const kar *)(const void *)c;
    int n = 2;
    int64_t width = (int64_t)c->features.n * c->embedding_size;
    tensor *past = op_embed(t, params_find(c->params, "embedding.weight"), b->history);
    tensor *all[4] = {op_reshape(t, click_fields(c, t, b, "embedding.weight"), 2, (int64_t[]){b->n, width}),
                      op_segment_reduce(t, past, b->history_rows, SEGMENT_MEAN)};
    if (m->users.v) all[n++] = known(m, t, b, true);
    if (m->items.v) all[n++] = known(m, t, b, false);
    return op_reshape(t, click_mlp(c, t, op_concat(t, all, n, 1), "deep", true), 1, (int64_t[]){b->n});
}

static const click_network network = {.label = "kar", .reads_history = true, .build = build, .logit = logit};

/* ---- the verbs ------------------------------------------------------------------------------------------------------------------ */

static lorec_err fit(void *self, const fit_context *f)
{
    kar *m = self;
    uint32_t *skipped;
    TRY(llm_tally_new(&m->tally));
    if (m->knowledge != KAR_NONE) TRY(kar_ask(m, f));
    TRY(mem_new(&skipped, f->train->n_users));
    for (uint32_t u = 0; u < f->train->n_users; u++) /* with knowledge=none too: the same examples */
        skipped[u] = kar_begin(f->train->start[u + 1] - f->train->start[u], m->history);
    m->click.skipped = skipped;
    lorec_err e = click_fit(m, &network, f);
    m->click.skipped = NULL;
    mem_free(skipped);
    return e;
}

static lorec_err save_vectors(const kar *m, const char *folder, const char *name, const kar_vectors *v)
{
    return v->v ? array_save(folder, name, NPY_F32, 2, (int64_t[]){v->n, m->width}, v->v) : LOREC_OK;
}

static lorec_err load_vectors(kar *m, const char *folder, const char *name, kar_vectors *v)
{
    int64_t shape[2];
    TRY(array_load((void **)&v->v, folder, name, NPY_F32, 2, shape));
    if (shape[0] >= UINT32_MAX || shape[1] < 1 || (m->width && m->width != shape[1]))
        return err_set(LOREC_INPUT, "%s/%s.npy: its shape fits no other file of the model", folder, name);
    v->n = (uint32_t)shape[0];
    m->width = shape[1];
    return LOREC_OK;
}

static lorec_err save(const void *self, const char *folder)
{
    const kar *m = self;
    TRY(save_vectors(m, folder, "user_knowledge", &m->users));
    TRY(save_vectors(m, folder, "item_knowledge", &m->items));
    return click_save(m, folder);
}

static lorec_err load(void *self, const char *folder)
{
    kar *m = self;
    int what = m->knowledge;
    TRY(llm_tally_new(&m->tally));
    if (what != KAR_NONE && what != KAR_ITEMS) TRY(load_vectors(m, folder, "user_knowledge", &m->users));
    if (what != KAR_NONE && what != KAR_USERS) TRY(load_vectors(m, folder, "item_knowledge", &m->items));
    return click_load(m, &network, folder);
}

static void release(void *self)
{
    kar *m = self;
    mem_free(m->users.v);
    mem_free(m->items.v);
    llm_tally_free(m->tally);
    click_release(m);
}

static json_t *counts(const void *self)
{
    const kar *m = self;
    json_t *o = click_counts(m);
    if (!o) return NULL;
    const char *how = m->knowledge == KAR_NONE ? "none" : *m->encoder ? m->encoder : "hashed words";
    bool ok = json_object_set_new(o, "encoder", json_string(how)) == 0 &&
              json_object_set_new(o, "knowledge_width", json_integer(m->width)) == 0 &&
              (!m->tally || llm_tally_json(m->tally, o));
    if (ok) return o;
    json_decref(o);
    return NULL;
}

const recommender recommender_kar = {
    .key = "kar",
    .title = "KAR: a language model's knowledge of items and users as fields of a click model",
    .family = "click",
    .cite = "Xi et al. Towards Open-World Recommendation with Knowledge Augmentation from Large Language Models. "
            "RecSys 2024",
    .controls = "kar?knowledge=none",
    .tasks = TASK_CLICK | TASK_TOPN,
    .needs = NEED_CHAT | NEED_ITEM_TEXT,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .size = sizeof(kar),
    .n_items_at = offsetof(kar, click.features.n_items),
    .check = click_check,
    .fit = fit,
    .score = click_score,
    .score_items = click_score_items,
    .score_pairs = click_score_pairs,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
};
