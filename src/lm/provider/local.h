/* local.h: the two halves of a local model behind the provider.
 *
 *     const llm_backend llm_here = {..., .ask = local_ask};
 *
 * Ownership: a local owns all of its parts; it is llm's `self`. */
#ifndef LOREC_LM_PROVIDER_LOCAL_H
#define LOREC_LM_PROVIDER_LOCAL_H

#include "lm/embed/embed.h"
#include "lm/local_model.h"
#include "lm/provider/backend.h"

typedef struct local {
    local_model m;
    adapter_set adapters; /* the model's, where it has one */
    lm_session *session;  /* NULL: the model does not continue texts */
    embedder *embedder;   /* opened when vectors are first asked for */
} local;

lorec_err local_ask(llm *m, const llm_request *q, size_t n, llm_answer *out, const llm_watch *watch);

#endif
