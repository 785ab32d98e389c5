/* lm_handle.h: what is behind a lorec_lm; for api/lm*.c only.
 *
 *     TRY(lm_handle_prompt(m, text, 50, cut, keep, &ids));     // tokenised, and made to fit
 *
 * Ownership: as lorec/lm.h says. */
#ifndef LOREC_API_LM_HANDLE_H
#define LOREC_API_LM_HANDLE_H

#include <pthread.h>

#include "lm/embed/embed.h"
#include "lm/lm_text.h"
#include "lorec/lm.h"

struct lorec_lm {
    lm_text *text;    /* NULL: it only embeds */
    embedder *embeds; /* NULL: not asked for yet; set once, under the lock */
    pthread_mutex_t lock;
    lorec_lm_options o; /* its texts are owned */
    char *path, *tokenizer, *pooling, *prompt;
};

/* LOREC_USAGE: it only embeds. */
lorec_err lm_handle_need_text(const lorec_lm *m);
lorec_err lm_handle_session(const lorec_lm *m, bool keep,
                            lm_session **out); /* keep: what it read stays for more calls */
lorec_err lm_handle_prompt(const lorec_lm *m, const char *prompt, int64_t more, bool cut, int64_t keep, tokens *out);

#endif
