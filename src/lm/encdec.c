#include "lm/encdec.h"

#include "base/mem.h"

static lorec_err token_of(const json_t *config, const char *key, int32_t fallback, int64_t vocab, int32_t *out)
{
    int64_t id;
    TRY(json_get_i64_or(config, key, 0, vocab - 1, fallback < vocab ? fallback : 0, &id));
    *out = (int32_t)id;
    return LOREC_OK;
}

lorec_err encdec_of(encdec *out, const lm_model *m)
{
    if (!m->encoder || !m->net)
        return err_set(LOREC_INPUT, "a model of type \"%s\" %s", m->arch->type,
                       m->encoder ? "without its decoder" : "is no encoder-decoder");
    *out = (encdec){.encoder = m->encoder, .decoder = m->net};
    int64_t vocab = transformer_settings(m->net)->vocab_size;
    TRY(token_of(m->config, "pad_token_id", 0, vocab, &out->pad));
    TRY(token_of(m->config, "eos_token_id", 1, vocab, &out->end));
    return token_of(m->config, "decoder_start_token_id", out->pad, vocab, &out->start);
}

tensor *encdec_encode(tape *t, const encdec *m, const token_rows *source, cross_rows *over)
{
    tensor *memory = transformer_hidden(t, m->encoder, source);
    *over = (cross_rows){.memory = memory, .rows = source->sequences, .mask = source->mask};
    return memory;
}

static void shift(const encdec *m, const int32_t *target, int64_t length, int32_t *out)
{
    out[0] = m->start;
    for (int64_t i = 1; i < length; i++) out[i] = target[i - 1] < 0 ? m->pad : target[i - 1];
}

void encdec_shift(const encdec *m, const int32_t *target, int64_t n, int64_t length, int32_t *out)
{
    for (int64_t i = 0; i < n && length > 0; i++) shift(m, target + i * length, length, out + i * length);
}

void encdec_shift_packed(const encdec *m, const int32_t *target, const int32_t *lengths, int64_t n, int32_t *out)
{
    int64_t at = 0;
    for (int64_t i = 0; i < n; at += lengths[i++])
        if (lengths[i] > 0) shift(m, target + at, lengths[i], out + at);
}

/* ---- targets, given their sources ------------------------------------------------------------------------------------- */

static int64_t sum(const int32_t *lengths, int64_t n)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < n; i++) rows += lengths[i];
    return rows;
}

static lorec_err check(const encdec_batch *b)
{
    for (int64_t i = 0; i < b->sources; i++)
        if (b->source_lengths[i] < 1) return err_set(LOREC_USAGE, "source %lld is empty", (long long)i);
    for (int64_t i = 0; i < b->targets; i++)
        if (b->target_lengths[i] < 1) return err_set(LOREC_USAGE, "target %lld is empty", (long long)i);
    if (!b->first && b->sources != b->targets)
        return err_set(LOREC_USAGE, "%lld targets for %lld sources; say which belong together", (long long)b->targets,
                       (long long)b->sources);
    return LOREC_OK;
}

/* Each target's own copy of its source's rows, as attention pairs segments one to one: [sum of copies, width]. */
static tensor *repeat_memory(tape *t, const encdec_batch *b, const segments *rows, tensor *memory, const segments **out)
{
    int64_t total = 0, n = 0;
    for (int64_t s = 0; s < b->sources; s++) total += (b->first[s + 1] - b->first[s]) * b->source_lengths[s];
    int32_t *row = NULL, *length = NULL;
    lorec_err e = total > INT32_MAX ? err_set(LOREC_RESOURCE, "too many targets at once") : LOREC_OK;
    if (!e) e = mem_new(&row, (size_t)total);
    if (!e) e = mem_new(&length, (size_t)b->targets);
    int64_t at = 0;
    for (int64_t s = 0; s < b->sources && !e; s++)
        for (int64_t k = b->first[s]; k < b->first[s + 1]; k++) {
            length[n++] = b->source_lengths[s];
            for (int32_t r = rows->start[s]; r < rows->start[s + 1]; r++) row[at++] = r;
        }
    tensor *x = e ? tape_fail(t, e) : op_gather_rows(t, memory, tape_ids(t, row, total));
    *out = e ? NULL : tape_segments(t, length, n);
    mem_free(row);
    mem_free(length);
    return x;
}

tensor *encdec_loss(tape *t, const encdec *m, const encdec_batch *b)
{
    lorec_err e = check(b);
    if (e) return tape_fail(t, e);
    int64_t rows = sum(b->target_lengths, b->targets);
    int32_t *input;
    if (mem_new(&input, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    encdec_shift_packed(m, b->target, b->target_lengths, b->targets, input);
    token_rows source = {.ids = tape_ids(t, b->source, sum(b->source_lengths, b->sources)),
                         .sequences = tape_segments(t, b->source_lengths, b->sources),
                         .vectors = b->source_vectors,
                         .adapters = b->adapters};
    cross_rows over;
    tensor *memory = encdec_encode(t, m, &source, &over);
    if (memory && b->first) over.memory = repeat_memory(t, b, source.sequences, memory, &over.rows);
    token_rows target = {.ids = tape_ids(t, input, rows),
                         .sequences = tape_segments(t, b->target_lengths, b->targets),
                         .cross = &over,
                         .adapters = b->adapters};
    mem_free(input);
    tensor *h = transformer_hidden(t, m->decoder, &target);
    return transformer_loss(t, m->decoder, h, tape_ids(t, b->target, rows));
}

lorec_err encdec_score(const encdec *m, bool bf16, const encdec_batch *b, float *logp)
{
    int64_t rows = sum(b->target_lengths, b->targets), at = 0;
    float *loss = NULL;
    tape *t = tape_new(&(tape_options){.compute = bf16 ? DTYPE_BF16 : DTYPE_F32});
    if (!t) return LOREC_RESOURCE;
    lorec_err e = mem_new(&loss, (size_t)rows);
    tape_begin(t, 0);
    if (!e) e = tape_read(t, encdec_loss(t, m, b), loss, rows);
    for (int64_t i = 0; i < b->targets && !e; i++) {
        double all = 0;
        for (int32_t j = 0; j < b->target_lengths[i]; j++) all += (double)loss[at++];
        logp[i] = (float)-all;
    }
    mem_free(loss);
    tape_free(t);
    return e;
}
