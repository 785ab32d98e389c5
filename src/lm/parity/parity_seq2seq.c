/* Encoder-decoders: input_ids, attention_mask, decoder_input_ids -> encoder_hidden_states, decoder_hidden_states, logits; the
 * training run derives the decoder's input from the labels. */
#include "base/mem.h"
#include "lm/encdec.h"
#include "lm/parity/parity_parts.h"

static lorec_err read(fixture *f)
{
    int64_t vocab = transformer_settings(f->model->net)->vocab_size;
    TRY(parity_read_tokens(f, &f->tokens, "input_ids.npy", "attention_mask.npy", vocab));
    TRY(parity_read_tokens(f, &f->decoder, "decoder_input_ids.npy", "decoder_attention_mask.npy", vocab));
    if (f->tokens.n != f->decoder.n)
        return err_set(LOREC_INPUT, "%s: %lld sources and %lld targets", f->folder, (long long)f->tokens.n,
                       (long long)f->decoder.n);
    return parity_read_labels(f, &f->decoder, vocab, false);
}

static token_rows rows(const fixture *f, const parity_tokens *x, const int32_t *id)
{
    return (token_rows){.ids = tape_ids(f->tape, id, x->n * x->length),
                        .sequences = tape_segments_even(f->tape, x->n, x->length),
                        .mask = x->mask};
}

static lorec_err values(fixture *f)
{
    encdec m;
    TRY(encdec_of(&m, f->model));
    const parity_tokens *x = &f->tokens, *y = &f->decoder;
    int64_t n = y->n * y->length, vocab = transformer_settings(m.decoder)->vocab_size;
    token_rows source = rows(f, x, x->id), target = rows(f, y, y->id);
    tensor *memory, *h;
    TRY(parity_compare_layers(f, m.encoder, &source, "encoder_hidden_states.npy", "encoder hidden", x->length, false,
                              &memory));
    TRY(parity_compare_file(f, memory, "encoder_last_hidden_state.npy", 3,
                            (int64_t[]){x->n, x->length, transformer_settings(m.encoder)->width}, x->mask,
                            x->n * x->length));
    cross_rows over = {.memory = memory, .rows = source.sequences, .mask = x->mask};
    target.cross = &over;
    TRY(parity_compare_layers(f, m.decoder, &target, "decoder_hidden_states.npy", "decoder hidden", y->length, false,
                              &h));
    lorec_err e;
    if (!parity_has(f, "logits.npy", &e)) return e;
    return parity_compare_file(f, transformer_logits(f->tape, m.decoder, h), "logits.npy", 3,
                               (int64_t[]){y->n, y->length, vocab}, y->mask, n);
}

static tensor *loss(fixture *f)
{
    encdec m;
    lorec_err e = encdec_of(&m, f->model);
    int32_t *input = NULL;
    if (!e) e = mem_new(&input, (size_t)f->targets);
    if (e) return tape_fail(f->tape, e);
    encdec_shift(&m, f->target, f->decoder.n, f->decoder.length, input);
    token_rows source = rows(f, &f->tokens, f->tokens.id), target = rows(f, &f->decoder, input);
    mem_free(input);
    cross_rows over;
    encdec_encode(f->tape, &m, &source, &over);
    target.cross = &over;
    tensor *h = transformer_hidden(f->tape, m.decoder, &target);
    return transformer_loss(f->tape, m.decoder, h, tape_ids(f->tape, f->target, f->targets));
}

const parity_kind parity_seq2seq = {read, values, loss};
