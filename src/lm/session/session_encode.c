/* Prompts of an encoder-decoder model: read by the encoder; what each of the decoder's blocks looks at is kept. */
#include "base/mem.h"
#include "lm/adapters/adapter.h"
#include "lm/session/session_parts.h"

lorec_err session_encode(lm_session *s, const int32_t *tokens, const int32_t *lengths, const int32_t *item, int64_t n)
{
    const transformer_config *c = transformer_settings(s->net);
    int64_t rows = 0, width = transformer_settings(s->opt.encoder)->width;
    TRY(mem_grow(&s->source, &s->source_cap, (size_t)n));
    TRY(mem_grow(&s->source_adapter, &s->source_adapter_cap, (size_t)n));
    for (int64_t i = 0; i < n; i++) {
        if (lengths[i] < 1) return err_set(LOREC_USAGE, "prompt %lld is empty", (long long)i);
        s->source[i] = (kv_span){(int32_t)rows, lengths[i]};
        s->source_adapter[i] = item ? item[i] : s->use;
        rows += lengths[i];
        if (rows > INT32_MAX || i >= session_beginning_of(s, INT32_MAX))
            return err_set(LOREC_RESOURCE, "too many tokens at once");
    }
    s->sources = n;
    float *memory;
    int32_t *row = NULL;
    adapter_set set;
    token_rows in = {.adapters = session_acting(s, s->source_adapter, n, &set)};
    TRY(mem_new(&memory, (size_t)(rows * width)));
    lorec_err e;
    TRY_GO(e, mem_new(&row, (size_t)rows), done);
    for (int64_t i = 0; i < rows; i++) row[i] = (int32_t)i;
    TRY_GO(e, kv_cache_reserve(s->cross, rows), done);
    TRY_GO(e, session_layers(s, s->opt.encoder, &in, tokens, rows, lengths, n, memory), done);
    for (int64_t layer = 0; layer < c->layers && !e; layer++) {
        tape_begin(s->tape, 0);
        cross_rows cross = {.memory = tape_f32(s->tape, memory, 2, (int64_t[]){rows, width}),
                            .rows = tape_segments(s->tape, lengths, n),
                            .cache = s->cross};
        transformer_keep_cross(s->tape, s->net, layer, &(token_rows){.adapters = in.adapters, .cross = &cross}, row);
        e = tape_error(s->tape);
    }
done:
    mem_free(memory);
    mem_free(row);
    return e;
}
