/* Images: pixel_values -> hidden_states, last_hidden_state, pooler_output; with texts (CLIP): text_embeds, image_embeds,
 * logits_per_image. */
#include "base/mem.h"
#include "lm/parity/parity_parts.h"
#include "lm/train/pair.h"

static lorec_err read(fixture *f)
{
    if (!f->model->net) return LOREC_OK;
    return parity_read_tokens(f, &f->tokens, "input_ids.npy", NULL, transformer_settings(f->model->net)->vocab_size);
}

static lorec_err check_images(fixture *f, tensor *pixels, int64_t n)
{
    const vision_tower *v = f->model->vision;
    int64_t length = vision_length(v), width = vision_settings(v)->body.width;
    token_rows in;
    tensor *h;
    vision_rows(f->tape, v, pixels, &in);
    TRY(parity_compare_layers(f, vision_body(v), &in, "hidden_states.npy", "hidden", length, true, &h));
    TRY(parity_compare_file(f, h, "last_hidden_state.npy", 3, (int64_t[]){n, length, width}, NULL, n * length));
    if (heads_has_pooler(f->model->heads))
        TRY(parity_compare_file(f, heads_pooled(f->tape, f->model->heads, h, in.sequences), "pooler_output.npy", 2,
                                (int64_t[]){n, width}, NULL, n));
    int64_t classes = heads_classes_count(f->model->heads);
    if (!classes) return LOREC_OK;
    return parity_compare_file(f, heads_classes(f->tape, f->model->heads, h, in.sequences), "logits.npy", 2,
                               (int64_t[]){n, classes}, NULL, n);
}

static lorec_err check_pair(fixture *f, tensor *pixels, int64_t n)
{
    const parity_tokens *x = &f->tokens;
    int32_t *length;
    TRY(mem_new(&length, (size_t)x->n));
    for (int64_t i = 0; i < x->n; i++) length[i] = (int32_t)x->length;
    tensor *image = pair_images(f->tape, f->model, pixels), *text = pair_texts(f->tape, f->model, x->id, length, x->n);
    mem_free(length);
    tensor *both = heads_similarity(f->tape, f->model->heads, image, text);
    TRY(tape_error(f->tape));
    int64_t d = tensor_size(image, 1);
    TRY(parity_compare_file(f, text, "text_embeds.npy", 2, (int64_t[]){x->n, d}, NULL, x->n));
    TRY(parity_compare_file(f, image, "image_embeds.npy", 2, (int64_t[]){n, d}, NULL, n));
    return parity_compare_file(f, both, "logits_per_image.npy", 2, (int64_t[]){n, x->n}, NULL, n);
}

static lorec_err values(fixture *f)
{
    npy a;
    TRY(path_join(&f->path, f->folder, "pixel_values.npy"));
    TRY(npy_open(&a, f->path.p, NPY_F32, 4));
    tensor *pixels = tape_f32(f->tape, a.data, 4, a.shape);
    lorec_err e = f->model->net ? check_pair(f, pixels, a.shape[0]) : check_images(f, pixels, a.shape[0]);
    npy_close(&a);
    return e;
}

const parity_kind parity_vision = {.read = read, .values = values};
