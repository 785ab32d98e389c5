/* fellrec.h: the parts of FELLRec: users dealt out to clients (clients.c), what a client learns from (examples.c), the model in
 * two hands and the wire between them (wire.c), rounds of local learning (rounds.c), the mixing of adapters (mix.c), what the
 * server could read of what it is sent (study.c), the verbs (method.c).
 *
 * Ownership: the model owns everything below "fitted"; sessions borrow the language model and its adapters. */
#ifndef LOREC_METHODS_FELLREC_H
#define LOREC_METHODS_FELLREC_H

#include "lm/train/corpus.h"
#include "lm/train/objective.h"
#include "rec/recommender.h"
#include "recipes/base_model.h"
#include "recipes/grounding.h"
#include "recipes/prompt.h"
#include "tensor/optimizer.h"

typedef enum fellrec_mixing { MIX_DYNAMIC, MIX_FEDAVG, MIX_LOCAL, MIX_CENTRAL } fellrec_mixing;

/* Bytes that pass between clients and server, all clients together, by what they are. Float32, as they are computed. */
typedef struct fellrec_traffic {
    uint64_t adapters_up, adapters_down; /* the parts of adapters that clients hold, once a round */
    uint64_t hidden_up, hidden_down;     /* rows after the client's first blocks; rows before its last block */
    uint64_t gradients_up, gradients_down;
    uint64_t losses_up;
    uint64_t hidden_rows; /* tokens whose vectors the server saw */
} fellrec_traffic;

typedef struct fellrec {
    const char *model, *things, *verb, *encoder;
    int weights, mixing;
    int64_t clients, client_layers, factors, rounds, local_epochs, examples, max_history, min_history, cutoff;
    int64_t batch, micro_batch, warmup, stopping_step, beams, answer_tokens;
    double learning_rate, heat_alpha, heat_beta, heat_temperature;
    bool train_on_inputs, bf16;
    lora_settings low_rank;
    /* fitted */
    catalogue items;
    grounding *ground;
    prompt *ask;
    lm_text *lm;
    adapter **lora;     /* [n_clients] */
    size_t n_clients;   /* 1 where mixing is central */
    float *item_factor; /* [items][rank], and the clients' centres [n_clients][rank]: whose client a history is */
    float *centre;
    int64_t rank;
    fellrec_traffic traffic;
    int64_t rounds_run, best_round, used;
    double best_loss, best_sd;   /* on validation: mean over users, and over clients its standard deviation */
    double *client_loss;         /* [n_clients] at the best round; NAN: no validation rows */
    uint64_t *client_users;      /* [n_clients] */
    uint64_t parameters, shared; /* of an adapter; of these on the client's side */
} fellrec;

/* ---- clients.c ------------------------------------------------------------------------------------------------------------ */

lorec_err fellrec_deal(fellrec *m, const interactions *train, uint64_t seed);
size_t fellrec_client_of(const fellrec *m, const uint32_t *items, size_t n); /* nearest centre */

/* ---- examples.c ----------------------------------------------------------------------------------------------------------- */

/* The prompt's tokens about the latest of the items, appended. */
lorec_err fellrec_ask(const fellrec *m, const uint32_t *items, size_t n, tokens *out);
typedef struct client_texts {
    corpus train, valid;
} client_texts;
lorec_err fellrec_examples(fellrec *m, const fit_context *c, client_texts *out); /* out [n_clients] */

/* ---- wire.c --------------------------------------------------------------------------------------------------------------- */

/* A model in two hands: the client has the embedding, its first `front` blocks, the last block and the head; the server the
 * blocks between, with that client's adapter for them. Where nothing is left for the server (whole) all is the client's. */
typedef struct wire {
    const transformer *net;
    int64_t front;
    bool whole, train;
    tape *tape[3]; /* the client's front, the server, the client's end */
    float *hidden[2], *gradient[2];
    size_t cap[4];
    fellrec_traffic *traffic;
} wire;
lorec_err wire_open(wire *w, const transformer *net, int64_t client_layers, bool train, bool bf16, uint64_t seed,
                    fellrec_traffic *traffic);
void wire_close(wire *w);
/* Is a parameter of an adapter on the client's side? */
bool wire_client_has(const wire *w, const char *parameter);
/* Sum of -log p of what is learned, times `scale`. With a training wire its gradients go to the adapter. */
lorec_err wire_pass(wire *w, adapter *const *lora, const lm_batch *b, uint64_t step, float scale, double *loss);

/* ---- mix.c ---------------------------------------------------------------------------------------------------------------- */

/* S [n][n] = (1 + cos) / 2 of the clients' parameters theta [n][values]. */
void fellrec_similarity(const float *theta, size_t n, size_t values, double *s);
/* w [n] = tanh(alpha / p^(t / beta)), p = softmax(loss / temperature): near 1 once t is large; the client that learns worst opens
 * up last. */
void fellrec_heat(const double *loss, size_t n, double t, double alpha, double beta, double temperature, double *w);
/* theta_c <- (theta_c S_cc + sum over others of w_c S_cd theta_d) / (S_cc + sum of w_c S_cd), all clients at once. */
lorec_err fellrec_mix(float *theta, size_t n, size_t values, const double *s, const double *w);

/* ---- rounds.c, study.c ---------------------------------------------------------------------------------------------------- */

lorec_err fellrec_train(fellrec *m, const fit_context *c, const client_texts *texts);
lorec_err fellrec_study(const void *self, rec_session *s, const study_context *c, json_t **numbers);

#endif
