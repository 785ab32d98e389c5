#include "lm/train/pair.h"

#include "base/mem.h"

/* Where the text's vector is read: its first end-of-text token; models whose config says 2, which was never right, have it
 * as their largest id. A text without one: its last token. */
static int64_t end_of(const int32_t *id, int64_t length, int64_t end)
{
    int64_t at = length - 1;
    if (end == 2) {
        at = 0;
        for (int64_t i = 1; i < length; i++)
            if (id[i] > id[at]) at = i;
        return at;
    }
    for (int64_t i = length - 1; i >= 0; i--)
        if (id[i] == end) at = i;
    return at;
}

tensor *pair_texts(tape *t, const lm_model *m, const int32_t *ids, const int32_t *lengths, int64_t n)
{
    if (!m->net || !m->vision)
        return tape_fail(t,
                         err_set(LOREC_USAGE, "a model of type \"%s\" does not pair texts and images", m->arch->type));
    int64_t end, rows = 0;
    lorec_err e = json_get_i64_or(json_object_get(m->config, "text_config"), "eos_token_id", 0, INT32_MAX, 49407, &end);
    int32_t *last;
    if (!e) e = mem_new(&last, (size_t)n);
    if (e) return tape_fail(t, e);
    for (int64_t i = 0; i < n; rows += lengths[i++]) last[i] = (int32_t)(rows + end_of(ids + rows, lengths[i], end));
    token_rows in = {.ids = tape_ids(t, ids, rows), .sequences = tape_segments(t, lengths, n)};
    tensor *x = op_gather_rows(t, transformer_hidden(t, m->net, &in), tape_ids(t, last, n));
    mem_free(last);
    return op_l2_normalize(t, heads_project_text(t, m->heads, x), 1e-12f);
}

tensor *pair_images(tape *t, const lm_model *m, tensor *pixels)
{
    if (!m->vision) return tape_fail(t, err_set(LOREC_USAGE, "a model of type \"%s\" reads no images", m->arch->type));
    token_rows in;
    vision_rows(t, m->vision, pixels, &in);
    tensor *h = transformer_hidden(t, vision_body(m->vision), &in);
    tensor *x = h ? op_segment_reduce(t, h, in.sequences, SEGMENT_FIRST) : NULL;
    return op_l2_normalize(t, heads_project_image(t, m->heads, x), 1e-12f);
}
