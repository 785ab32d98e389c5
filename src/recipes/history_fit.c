#include "recipes/history_fit.h"

lorec_err history_fit(history_writer write, void *ctx, size_t n, int64_t room, const char *method, tokens *out)
{
    size_t from = out->n;
    for (size_t kept = n;; kept--) {
        out->n = from;
        TRY(write(ctx, kept, out));
        if ((int64_t)(out->n - from) <= room) return LOREC_OK;
        if (kept == 0) break;
    }
    return err_set(LOREC_INPUT,
                   "%s: a question without any history takes %zu tokens, and the model and the options (cutoff, "
                   "candidates) leave it %lld",
                   method, out->n - from, (long long)room);
}
