/* One .safetensors file as weights. */
#include "tensor/safetensors.h"

#include "lm/files/place.h"

static bool is(const unsigned char *head, size_t n, uint64_t size)
{
    (void)size;
    return n > 8 && head[8] == '{';
}

static lorec_err open(weights *w, const char *path, size_t file)
{
    (void)path;
    safetensors f;
    const blob *b = weights_file(w, file);
    TRY(safetensors_read(&f, b));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < f.n && !e; i++) {
        const st_entry *s = &f.entry[i];
        weight x = {.type = s->dtype, .ndim = s->ndim};
        memcpy(x.shape, s->shape, sizeof x.shape);
        weight_place place = {.parts = 1, .part = {{.file = file, .at = f.buffer + s->begin, .rows = weight_rows(&x)}}};
        e = weights_add(w, s->name, &x, &place);
    }
    safetensors_close(&f);
    return e;
}

const weights_kind weights_safetensors = {"safetensors", is, open};
