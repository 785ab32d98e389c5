/* Decoder-only models and encoders: input_ids, attention_mask -> hidden_states, logits, pooler_output. */
#include "lm/parity/parity_parts.h"

static const transformer *body(const fixture *f)
{
    return f->model->net ? f->model->net : f->model->encoder;
}

static lorec_err read(fixture *f)
{
    const transformer_config *c = transformer_settings(body(f));
    TRY(parity_read_tokens(f, &f->tokens, "input_ids.npy", "attention_mask.npy", c->vocab_size));
    return parity_read_labels(f, &f->tokens, c->vocab_size, c->causal);
}

static token_rows rows(fixture *f)
{
    const parity_tokens *x = &f->tokens;
    return (token_rows){.ids = tape_ids(f->tape, x->id, x->n * x->length),
                        .sequences = tape_segments_even(f->tape, x->n, x->length),
                        .mask = x->mask,
                        .adapters = f->adapter ? &f->set : NULL};
}

static lorec_err values(fixture *f)
{
    const parity_tokens *x = &f->tokens;
    const transformer *net = body(f);
    const transformer_config *c = transformer_settings(net);
    int64_t n = x->n * x->length;
    token_rows in = rows(f);
    tensor *h;
    TRY(parity_compare_layers(f, net, &in, "hidden_states.npy", "hidden", x->length, false, &h));
    TRY(parity_compare_file(f, h, "last_hidden_state.npy", 3, (int64_t[]){x->n, x->length, c->width}, x->mask, n));
    lorec_err e;
    if (heads_has_pooler(f->model->heads))
        TRY(parity_compare_file(f, heads_pooled(f->tape, f->model->heads, h, in.sequences), "pooler_output.npy", 2,
                                (int64_t[]){x->n, c->width}, NULL, x->n));
    int64_t classes = heads_classes_count(f->model->heads);
    if (classes)
        return parity_compare_file(f, heads_classes(f->tape, f->model->heads, h, in.sequences), "logits.npy", 2,
                                   (int64_t[]){x->n, classes}, NULL, x->n);
    if (!parity_has(f, "logits.npy", &e)) return e;
    if (f->adapter) h = transformer_hidden(f->tape, net, &in); /* with its prompt's rows in front */
    if (heads_has_discriminator(f->model->heads))
        return parity_compare_file(f, heads_tokens(f->tape, f->model->heads, h), "logits.npy", 2,
                                   (int64_t[]){x->n, x->length}, x->mask, n);
    return parity_compare_file(f, transformer_logits(f->tape, net, h), "logits.npy", 3,
                               (int64_t[]){x->n, x->length, c->vocab_size}, x->mask, n);
}

static tensor *loss(fixture *f)
{
    token_rows in = rows(f);
    tensor *h = transformer_hidden(f->tape, body(f), &in);
    return transformer_loss(f->tape, body(f), h, tape_ids(f->tape, f->target, f->targets));
}

const parity_kind parity_text = {read, values, loss};
