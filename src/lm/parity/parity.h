/* parity.h: does a model compute what another implementation says? A fixture is a model folder with, beside it,
 *   input_ids.npy [b, t], attention_mask.npy [b, t] i64; decoder_input_ids.npy [b, u] of an encoder-decoder;
 *   pixel_values.npy [b, c, h, w] f32 of images
 *   hidden_states.npy [layers + 1, b, t, d], encoder_hidden_states.npy, decoder_hidden_states.npy, last_hidden_state.npy,
 *   encoder_last_hidden_state.npy, pooler_output.npy, logits.npy, text_embeds.npy, image_embeds.npy,
 *   logits_per_image.npy f32
 *   labels.npy i64 (-100: not counted), grads.safetensors: of the mean cross-entropy of the next label (decoder-only), or
 *   of the label itself
 *   meta.json: "adamw_losses" of training steps with "adamw": {"lr", "betas", "eps", "weight_decay"}
 * of which whatever is there is compared. With adapter_config.json and adapter_model.safetensors (peft's) the adapter acts, and it
 * is what learns.
 *
 *     parity p;
 *     TRY(parity_check(&p, "fixtures/gpt2"));
 *     for (size_t i = 0; i < p.n; i++) puts(p.row[i].what);    // p.row[i].error against p.row[i].allowed
 *     parity_free(&p);
 *
 * Ownership: a parity owns its rows until parity_free. */
#ifndef LOREC_LM_PARITY_PARITY_H
#define LOREC_LM_PARITY_PARITY_H

#include "base/err.h"
#include <stdbool.h>

typedef struct parity_row {
    char what[160];
    double error; /* values: largest difference over largest magnitude; gradients: norm of the difference over the norm
                     * (of at least 1e-5 of all gradients' norm, as some are zero but for rounding); losses: relative */
    double allowed; /* 1e-4, 1e-3, 1e-4 */
} parity_row;
typedef struct parity {
    parity_row *row;
    size_t n, cap, failed;
} parity;

lorec_err parity_check(parity *out, const char *folder);
void parity_free(parity *p);
static inline bool parity_ok(const parity_row *r)
{
    return r->error <= r->allowed; /* false for NaN */
}

#endif
