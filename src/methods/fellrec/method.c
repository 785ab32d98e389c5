/* FELLRec (Zhao et al., arXiv 2402.09959): clients tune adapters of one language model on their own users; a server holds the
 * model's middle and mixes the adapters, each client's by likeness and by how far its learning is. A title is written and grounded
 * in the catalogue, as BIGRec does. Card: card.md. To beat: the same with plain averages, alone, and with all data in one place. */
#include <math.h>

#include "base/mem.h"
#include "lm/decode/decode.h"
#include "methods/fellrec/fellrec.h"
#include "rec/arrays.h"
#include "recipes/tidy.h"

static const char *const mixings[] = {"dynamic", "fedavg", "local", "central", NULL};

static const option options[] = {
    BASE_MODEL_OPTIONS(fellrec, "q8"),
    OPTION_INT(fellrec, clients, 5, 1, 1000, "how many; users are dealt out by k-means"),
    OPTION_INT(fellrec, client_layers, 20, 0, 4096,
               "blocks at the client's front, beside the last one; the server has what is between", .fast = "1"),
    OPTION_CHOICE(fellrec, mixing, "dynamic", mixings,
                  "of adapters; fedavg: their mean, local: none, central: one client that has all data"),
    OPTION_INT(fellrec, factors, 32, 1, 1024, "of the factorisation that clients are made by"),
    OPTION_INT(fellrec, rounds, 75, 1, 1e6, "of local learning and mixing", .fast = "4"),
    OPTION_INT(fellrec, local_epochs, 5, 1, 1000, "passes over a client's texts in a round", .fast = "1"),
    OPTION_INT(fellrec, stopping_step, 5, 0, 1e6, "stop after more rounds without a better one", .alias = "patience"),
    OPTION_INT(fellrec, examples, 1024, 0, 1e9, "texts to learn from, of all clients; 0: every place"),
    OPTION_INT(fellrec, max_history, 10, 1, 10000, "titles of the history, the latest"),
    OPTION_INT(fellrec, min_history, 3, 1, 10000, "rows before one that is learned from"),
    OPTION_INT(fellrec, cutoff, 512, 16, 1 << 20, "tokens of a text; older titles go"),
    OPTION_INT(fellrec, answer_tokens, 32, 2, 512, "of a title, its end included"),
    LORA_OPTIONS(fellrec, low_rank, 16, .05, "q_proj,v_proj"),
    OPTION_REAL(fellrec, learning_rate, 1e-4, 1e-9, 10, "step size", .alias = "lr"),
    OPTION_INT(fellrec, batch, 64, 1, 1 << 20, "texts of an update", .alias = "train_batch_size"),
    OPTION_INT(fellrec, micro_batch, 4, 1, 1 << 20, "texts at once, for memory"),
    OPTION_INT(fellrec, warmup, 20, 0, 1e9, "updates until the full step size, in the first round"),
    OPTION_REAL(fellrec, heat_alpha, .7, 1e-6, 1e6, "how open clients are from the start"),
    OPTION_REAL(fellrec, heat_beta, 1, 1e-6, 1e6, "how many rounds it takes them to open up"),
    OPTION_REAL(fellrec, heat_temperature, .05, 1e-6, 1e6, "how much differences of loss count"),
    OPTION_BOOL(fellrec, train_on_inputs, 1, "learn to say the questions too, not the titles alone"),
    OPTION_BOOL(fellrec, bf16, 0, "compute in bfloat16"),
    OPTION_INT(fellrec, beams, 4, 1, 64, "of a title that is written", .fast = "1"),
    OPTION_TEXT(fellrec, encoder, "", "a model folder that makes titles vectors; empty: hashed character n-grams"),
    OPTION_TEXT(fellrec, things, "films", "what the items are, in the prompt"),
    OPTION_TEXT(fellrec, verb, "watched", "what was done with them"),
};

/* ---- scoring: a title from the own client's model, then the catalogue by distance ------------------------------------------ */

typedef struct desks { /* a session of each client's model */
    const fellrec *m;
    adapter_set *set;
    lm_session **lm;
} desks;

static void desks_free(void *own)
{
    desks *d = own;
    if (!d) return;
    for (size_t c = 0; d->lm && c < d->m->n_clients; c++) lm_session_free(d->lm[c]);
    mem_free(d->lm);
    mem_free(d->set);
    mem_free(d);
}

static lorec_err desk_of(const fellrec *m, rec_session *s, size_t client, lm_session **out)
{
    desks *d = rec_session_own(s, m);
    if (!d) {
        TRY(mem_new(&d, 1));
        *d = (desks){.m = m};
        lorec_err e = mem_new(&d->set, m->n_clients);
        if (!e) e = mem_new(&d->lm, m->n_clients);
        if (e) {
            desks_free(d);
            return e;
        }
        rec_session_set_own(s, m, d, desks_free);
    }
    d->set[client] = (adapter_set){.item = &m->lora[client], .n = 1};
    if (!d->lm[client])
        TRY(lm_text_session(&d->lm[client], m->lm,
                            &(lm_session_options){.bf16 = m->bf16, .adapters = &d->set[client]}));
    *out = d->lm[client];
    return LOREC_OK;
}

static lorec_err write_title(const fellrec *m, lm_session *lm, const tokens *asked, buf *text)
{
    const decode_options o = {.count = m->beams, .max_tokens = m->answer_tokens, .end = m->lm->end[0]};
    int32_t length = (int32_t)asked->n;
    decoded out = {0};
    buf_clear(text);
    lorec_err e = decode_beam(lm, asked->id, &length, 1, &o, &out);
    if (!e && out.n) {
        size_t n = (size_t)out.found[0].n;
        while (n > 0 && out.found[0].token[n - 1] == o.end) n--;
        if (n) e = tokenizer_decode(m->lm->tokenizer, out.found[0].token, n, TOKENIZER_PLAIN, text);
    }
    decoded_free(&out);
    return e;
}

static lorec_err score_one(const fellrec *m, rec_session *s, const query *q, tokens *asked, buf *text, float *scores)
{
    lm_session *lm;
    TRY(desk_of(m, s, fellrec_client_of(m, q->items, q->n), &lm));
    asked->n = 0;
    TRY(fellrec_ask(m, q->items, q->n, asked));
    TRY(write_title(m, lm, asked, text));
    slice title = grounding_title((slice){text->p ? text->p : "", text->n});
    TRY(grounding_distances(m->ground, &title, 1, scores));
    for (uint32_t i = 0; i < m->items.n; i++) scores[i] = title.n ? -scores[i] : 0; /* nothing written: ties */
    return LOREC_OK;
}

static lorec_err score(const void *self, rec_session *s, const query *q, size_t n, float *scores)
{
    const fellrec *m = self;
    tokens asked = {0};
    buf text = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) e = score_one(m, s, &q[i], &asked, &text, scores + i * m->items.n);
    tokens_free(&asked);
    buf_free(&text);
    return e;
}

/* ---- the other verbs -------------------------------------------------------------------------------------------------------- */

static lorec_err open_model(fellrec *m)
{
    TRY(base_model_open(&m->lm, "fellrec", m->model, (lm_form)m->weights));
    TRY(prompt_open(&m->ask, "fellrec/prompts/next.j2"));
    if (!m->lm->ends)
        return err_set(
            LOREC_INPUT,
            "fellrec: the tokenizer of %s names no end token, so a title could not end; add eos_token to its "
            "tokenizer_config.json",
            m->model);
    return grounding_make(&m->ground, &m->items, m->encoder);
}

static lorec_err make_adapters(fellrec *m, uint64_t seed)
{
    TRY(mem_new(&m->lora, m->n_clients));
    for (size_t c = 0; c < m->n_clients; c++) /* all begin alike */
        TRY(lora_new(&m->lora[c], m->lm, &m->low_rank, seed));
    return LOREC_OK;
}

static lorec_err fit(void *self, const fit_context *c)
{
    fellrec *m = self;
    client_texts *texts;
    TRY(catalogue_make(&m->items, c->split->data, c->train, true));
    TRY(catalogue_tidy(&m->items));
    TRY(open_model(m));
    TRY(fellrec_deal(m, c->train, c->seed));
    TRY(make_adapters(m, c->seed));
    TRY(mem_new(&texts, m->n_clients));
    lorec_err e = fellrec_examples(m, c, texts);
    if (!e) e = fellrec_train(m, c, texts);
    for (size_t i = 0; i < m->n_clients; i++) {
        corpus_free(&texts[i].train);
        corpus_free(&texts[i].valid);
    }
    mem_free(texts);
    return e;
}

static const char *adapter_name(char room[32], size_t client)
{
    snprintf(room, 32, "adapter-%zu", client);
    return room;
}

static lorec_err save(const void *self, const char *folder)
{
    const fellrec *m = self;
    char name[32];
    TRY(catalogue_save(&m->items, folder));
    TRY(array_save(folder, "item_factors", NPY_F32, 2, (int64_t[]){m->items.n, m->rank}, m->item_factor));
    TRY(array_save(folder, "centres", NPY_F32, 2, (int64_t[]){(int64_t)m->n_clients, m->rank}, m->centre));
    for (size_t c = 0; c < m->n_clients; c++) TRY(lora_save(m->lora[c], folder, adapter_name(name, c), m->model));
    return LOREC_OK;
}

static lorec_err load(void *self, const char *folder)
{
    fellrec *m = self;
    int64_t items[2], centres[2];
    char name[32];
    TRY(catalogue_load(&m->items, folder));
    TRY(open_model(m));
    TRY(array_load((void **)&m->item_factor, folder, "item_factors", NPY_F32, 2, items));
    TRY(array_load((void **)&m->centre, folder, "centres", NPY_F32, 2, centres));
    if (items[0] != m->items.n || items[1] != centres[1] || centres[0] < 1)
        return err_set(LOREC_INPUT, "%s: item_factors.npy, centres.npy and the titles do not belong together", folder);
    m->rank = items[1];
    m->n_clients = (size_t)centres[0];
    TRY(mem_new(&m->lora, m->n_clients));
    for (size_t c = 0; c < m->n_clients; c++) TRY(lora_load(&m->lora[c], m->lm, folder, adapter_name(name, c)));
    return LOREC_OK;
}

static void release(void *self)
{
    fellrec *m = self;
    for (size_t c = 0; m->lora && c < m->n_clients; c++) adapter_free(m->lora[c]);
    mem_free(m->lora);
    mem_free(m->item_factor);
    mem_free(m->centre);
    mem_free(m->client_loss);
    mem_free(m->client_users);
    catalogue_free(&m->items);
    grounding_free(m->ground);
    prompt_free(m->ask);
    lm_text_free(m->lm);
}

static json_t *counts(const void *self)
{
    const fellrec *m = self;
    const fellrec_traffic *t = &m->traffic;
    json_t *clients = json_array(),
           *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}",
                          "parameters", (json_int_t)m->parameters, "parameters_at_client", (json_int_t)m->shared,
                          "rounds", (json_int_t)m->rounds_run, "best_round", (json_int_t)m->best_round, "examples",
                          (json_int_t)m->used, "valid_loss", isfinite(m->best_loss) ? m->best_loss : 0.0,
                          "valid_loss_sd", isfinite(m->best_sd) ? m->best_sd : 0.0, "bytes_crossed", "adapters_up",
                          (json_int_t)t->adapters_up, "adapters_down", (json_int_t)t->adapters_down, "hidden_up",
                          (json_int_t)t->hidden_up, "hidden_down", (json_int_t)t->hidden_down, "gradients_up",
                          (json_int_t)t->gradients_up, "gradients_down", (json_int_t)t->gradients_down, "losses_up",
                          (json_int_t)t->losses_up, "hidden_rows", (json_int_t)t->hidden_rows);
    for (size_t c = 0; clients && m->client_loss && c < m->n_clients; c++)
        json_array_append_new(clients,
                              json_pack("{s:I, s:o}", "users", (json_int_t)m->client_users[c], "valid_loss",
                                        isnan(m->client_loss[c]) ? json_null() : json_real(m->client_loss[c])));
    if (o && clients && json_object_set_new(o, "clients", clients) == 0) return o;
    json_decref(o);
    return NULL;
}

const recommender recommender_fellrec = {
    .key = "fellrec",
    .title = "FELLRec: clients' adapters of a language model, mixed by a server that holds its middle",
    .family = "private",
    .cite = "Zhao, Wang, Xu, Ng, Chua. LLM-based Federated Recommendation. arXiv 2402.09959, 2024",
    .controls = "bm25",
    .tasks = TASK_TOPN | TASK_SEQUENTIAL,
    .needs = NEED_WEIGHTS | NEED_ITEM_TEXT,
    .size = sizeof(fellrec),
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .fit = fit,
    .score = score,
    .study = fellrec_study,
    .save = save,
    .load = load,
    .release = release,
    .counts = counts,
    .n_items_at = offsetof(fellrec, items.n),
};
