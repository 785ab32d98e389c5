/* backend.h: what stands behind llm.h: one file and one row in backends.c each.
 *
 *     const llm_backend llm_replay = {"replay:", open, can, ask, close, ...};
 *
 * Ownership: `self` is the backend's, from open to close. Answers are the caller's and come zeroed. */
#ifndef LOREC_LM_PROVIDER_BACKEND_H
#define LOREC_LM_PROVIDER_BACKEND_H

#include "lm/llm.h"
#include "lm/provider/prices.h"

typedef struct llm_backend {
    const char *prefix; /* of the spec */
    lorec_err (*open)(llm *m, const char *rest);
    unsigned (*can)(const llm *m);
    lorec_err (*ask)(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch);
    void (*close)(llm *m);
    bool (*knows)(llm *m, const llm_request *q, double *seconds); /* answered already, and how long it took; or NULL */
    int64_t (*tokens)(llm *m, const char *text, size_t n);        /* by the model's tokenizer; or NULL, or -1 */
    const struct lm_text *(*weights)(const llm *m);               /* or NULL */
} llm_backend;

extern const llm_backend *const llm_backends[];
extern const size_t llm_n_backends;

struct llm {
    const llm_backend *backend;
    void *self;
    char *spec, *name;
    llm_options options; /* defaults filled in */
    llm_price price;
    llm_usage used;
};

/* Books an answer that came: tokens, money, seconds. */
void llm_book(llm *m, const llm_answer *a);
/* LOREC_RESOURCE where the budget has no room for so much more. */
lorec_err llm_budget(const llm *m, int64_t more_tokens, double more_money);
/* Bytes of what a request sends, and tokens as far as can be told. */
int64_t llm_request_tokens(llm *m, const llm_request *q, bool *counted);
/* Nobody waits any more: the message is set. */
bool llm_stopped(const llm_watch *watch);
/* The answer failed for good with this thread's message. */
void llm_answer_fail(llm_answer *a, lorec_err e);

/* A request and an answer as JSON: what a transcript keeps. The request's form is canonical: equal requests, equal bytes. */
json_t *llm_request_json(const char *model, const llm_request *q); /* NULL: out of memory */
json_t *llm_answer_json(const llm_request *q, const llm_answer *a);
lorec_err llm_answer_from_json(const json_t *j, const llm_request *q, llm_answer *out);

#endif
