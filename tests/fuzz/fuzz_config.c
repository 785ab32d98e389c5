/* Any config.json: refused with a message, or a model within a budget of memory that runs; what it writes is read again. */
#include <stdint.h>
#include <stdlib.h>

#include "lm/model_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES = 1 << 18, ROWS = 5, MOST_LAYERS = 64, MOST_LOGITS = 1 << 16 };

static void need_message(lorec_err e)
{
    if (e && !lorec_error_message()[0]) abort();
}

static void run(const transformer *net)
{
    const transformer_config *c = transformer_settings(net);
    if (c->layers > MOST_LAYERS || c->headless || c->vocab_size > MOST_LOGITS / ROWS) return;
    if (c->name[PART_CROSS_Q]) return;
    tape *t = tape_new(&(tape_options){.memory_limit = 256 << 20});
    if (!t) return;
    tape_begin(t, 0);
    int32_t last = (int32_t)c->vocab_size - 1, id[ROWS] = {0, last, last / 2, 0, last};
    token_rows in = {.ids = tape_ids(t, id, ROWS), .sequences = tape_segments(t, (int32_t[]){3, 2}, 2)};
    float *y = malloc(sizeof *y * (size_t)c->vocab_size * ROWS);
    tensor *logits = transformer_logits(t, net, transformer_hidden(t, net, &in));
    if (y) need_message(tape_read(t, logits, y, c->vocab_size * ROWS));
    free(y);
    tape_free(t);
}

/* Makes it twice: of the config, and of what it writes. */
static void make(const lm_arch *a, const json_t *json, bool again)
{
    transformer_config c;
    transformer *net = NULL;
    params *ps = params_new(1);
    if (!ps) return;
    params_limit(ps, VALUES);
    lorec_err e = a->read(&c, json);
    if (!e) e = transformer_new(&net, ps, &c, "");
    need_message(e);
    if (!again && e) abort(); /* what was written is refused */
    if (!e) run(net);
    if (!e && again && a->write) {
        json_t *written = a->write(transformer_settings(net));
        if (written) make(a, written, false);
        json_decref(written);
    }
    transformer_free(net);
    params_free(ps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json;
    const lm_arch *a;
    lorec_err e = json_parse(&json, (const char *)data, size, "fuzz");
    need_message(e);
    if (e) return 0;
    e = arch_need(json, &a);
    need_message(e);
    if (!e && a->read_encoder) {
        transformer_config c;
        e = a->read_encoder(&c, json);
        if (!e) e = transformer_check(&c);
        need_message(e);
    }
    if (!e && a->read_vision) {
        vision_config v;
        e = a->read_vision(&v, json);
        need_message(e);
    }
    if (!e && a->read) make(a, json, true);
    json_decref(json);
    return 0;
}
