/* The model in two hands. Each hand has a tape of its own; what passes between them is copied out of one and into the other, as it
 * would be between machines, and counted. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "methods/fellrec/fellrec.h"

enum { FRONT, MIDDLE, END };

lorec_err wire_open(wire *w, const transformer *net, int64_t client_layers, bool train, bool bf16, uint64_t seed,
                    fellrec_traffic *traffic)
{
    int64_t layers = transformer_settings(net)->layers;
    *w = (wire){
        .net = net, .front = client_layers, .whole = client_layers >= layers - 1, .train = train, .traffic = traffic};
    for (int i = 0; i < 3; i++) {
        w->tape[i] = tape_new(
            &(tape_options){.train = train, .compute = bf16 ? DTYPE_BF16 : DTYPE_F32, .seed = seed + (uint64_t)i});
        if (!w->tape[i]) {
            wire_close(w);
            return LOREC_RESOURCE;
        }
    }
    return LOREC_OK;
}

void wire_close(wire *w)
{
    for (int i = 0; i < 3; i++)
        if (w->tape[i]) tape_free(w->tape[i]);
    for (int i = 0; i < 2; i++) {
        mem_free(w->hidden[i]);
        mem_free(w->gradient[i]);
    }
    *w = (wire){0};
}

bool wire_client_has(const wire *w, const char *name)
{
    if (w->whole) return true;
    for (const char *p = name; *p; p++) { /* "...layers.3.self_attn...": the first part that is a number */
        if (*p != '.' || p[1] < '0' || p[1] > '9') continue;
        char *end;
        long layer = strtol(p + 1, &end, 10);
        if (*end != '.') continue;
        return layer < w->front || layer == transformer_settings(w->net)->layers - 1;
    }
    return true;
}

static token_rows rows_of(tape *t, adapter_set *set, const lm_batch *b)
{
    return (token_rows){.ids = tape_ids(t, b->token, lm_batch_rows(b)),
                        .sequences = tape_segments(t, b->length, b->n),
                        .adapters = set};
}

static tensor *loss_of(tape *t, const transformer *net, tensor *x, const lm_batch *b, float scale)
{
    int64_t rows = lm_batch_rows(b);
    int32_t *next;
    if (mem_new(&next, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    for (int64_t i = 0, row = 0; i < b->n; row += b->length[i++])
        for (int64_t r = row; r < row + b->length[i]; r++)
            next[r] = r + 1 < row + b->length[i] && (!b->learn || b->learn[r + 1]) ? b->token[r + 1] : -1;
    tensor *each = transformer_loss(t, net, transformer_final(t, net, x), tape_ids(t, next, rows));
    mem_free(next);
    return op_scale(t, op_sum(t, each), scale, 0);
}

/* x of one tape arrives as a leaf of another. */
static lorec_err send(wire *w, int from, tensor *x, int to, uint64_t *bytes, tensor **leaf)
{
    int64_t n, shape[2];
    TRY(tape_error(w->tape[from]));
    n = tensor_count(x);
    shape[0] = tensor_size(x, 0);
    shape[1] = tensor_size(x, 1);
    TRY(mem_grow(&w->hidden[from], &w->cap[from], (size_t)n));
    TRY(tape_read(w->tape[from], x, w->hidden[from], n));
    *bytes += (uint64_t)n * sizeof(float);
    *leaf = tape_leaf(w->tape[to], w->hidden[from], 2, shape);
    return LOREC_OK;
}

/* What flowed to a leaf goes back to where it came from. */
static lorec_err send_back(wire *w, const tensor *leaf, int to, tensor *x, uint64_t *bytes)
{
    int64_t n = tensor_count(leaf);
    TRY(mem_grow(&w->gradient[to], &w->cap[2 + to], (size_t)n));
    TRY(tensor_read_grad(leaf, w->gradient[to], n));
    *bytes += (uint64_t)n * sizeof(float);
    return tape_backward_from(w->tape[to], x, w->gradient[to]);
}

static tensor *in_compute(tape *t, tensor *x, bool bf16)
{
    return bf16 ? op_cast(t, x, DTYPE_BF16) : x;
}

lorec_err wire_pass(wire *w, adapter *const *lora, const lm_batch *b, uint64_t step, float scale, double *loss)
{
    const transformer *net = w->net;
    int64_t layers = transformer_settings(net)->layers;
    adapter_set set = {.item = lora, .n = 1};
    tape **t = w->tape;
    float value;
    for (int i = 0; i < 3; i++) tape_begin(t[i], step);
    token_rows in[3] = {rows_of(t[FRONT], &set, b), rows_of(t[MIDDLE], &set, b), rows_of(t[END], &set, b)};
    tensor *front = transformer_blocks(t[FRONT], net, 0, w->whole ? layers : w->front,
                                       transformer_embed(t[FRONT], net, &in[FRONT]), &in[FRONT]);
    bool bf16 = front && tensor_dtype(front) == DTYPE_BF16;
    if (w->whole) {
        tensor *all = loss_of(t[FRONT], net, front, b, scale);
        TRY(tape_read(t[FRONT], all, &value, 1));
        *loss = value;
        return w->train ? tape_backward(t[FRONT], all) : LOREC_OK;
    }
    tensor *at_server = NULL, *at_client = NULL;
    TRY(send(w, FRONT, front, MIDDLE, &w->traffic->hidden_up, &at_server));
    w->traffic->hidden_rows += (uint64_t)lm_batch_rows(b);
    in[MIDDLE].ids = in[END].ids = NULL; /* the server has no tokens */
    tensor *middle = transformer_blocks(t[MIDDLE], net, w->front, layers - 1, in_compute(t[MIDDLE], at_server, bf16),
                                        &in[MIDDLE]);
    TRY(send(w, MIDDLE, middle, END, &w->traffic->hidden_down, &at_client));
    tensor *last = transformer_blocks(t[END], net, layers - 1, layers, in_compute(t[END], at_client, bf16), &in[END]);
    tensor *all = loss_of(t[END], net, last, b, scale);
    TRY(tape_read(t[END], all, &value, 1));
    *loss = value;
    if (!w->train) return LOREC_OK;
    TRY(tape_backward(t[END], all));
    TRY(send_back(w, at_client, MIDDLE, middle, &w->traffic->gradients_up));
    if (w->front == 0) return LOREC_OK; /* nothing before it learns: no gradient is asked for */
    return send_back(w, at_server, FRONT, front, &w->traffic->gradients_down);
}
