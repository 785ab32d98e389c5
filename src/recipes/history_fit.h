/* history_fit.h: a prompt about a history, of which the oldest goes until the prompt fits into the model.
 *
 *     lorec_err write(void *ctx, size_t kept, tokens *out);         // appends the prompt with the latest `kept` items
 *     TRY(history_fit(write, ctx, n, room, "tallrec", &out));
 *
 * Ownership: everything is borrowed for the call. */
#ifndef LOREC_RECIPES_HISTORY_FIT_H
#define LOREC_RECIPES_HISTORY_FIT_H

#include "text/tokenizer.h"

typedef lorec_err (*history_writer)(void *ctx, size_t kept, tokens *out);

/* With as many of the latest n items as leave it at most `room` tokens long. LOREC_INPUT, naming `method`: not even the prompt
 * without a history is. */
lorec_err history_fit(history_writer write, void *ctx, size_t n, int64_t room, const char *method, tokens *out);

#endif
