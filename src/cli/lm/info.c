/* lorec lm info: what a model file is, what it holds, and what is wrong with it. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "lm/model_weights.h"
#include "text/chat.h"
#include "text/tokenizer.h"

static lorec_err run(int argc, char **argv);
const command command_lm_info = {
    .name = "lm info",
    .summary = "what a model file is, what it holds, and what is wrong with it",
    .usage = "lorec lm info MODEL [--tensors] [--values] [--json]",
    .details =
        "MODEL is a folder with config.json and weights, a .gguf, .safetensors, PyTorch .bin or llama2.c file. Says "
        "the\n"
        "format, architecture, sizes, parameters and bytes by type, vocabulary and chat template, and each problem\n"
        "found. --values reads every value and counts those that are NaN or infinite. Exit code 0 also with problems;\n"
        "3 where the file can not be opened.",
    .examples = "  lorec lm info models/qwen3\n  lorec lm info model.gguf --tensors\n",
    .run = run,
};

typedef struct info {
    const char *path;
    weights *w;
    uint64_t values, bytes, by_type[ELEMS];
    uint64_t bad; /* NaN, infinite */
    bool checked;
    const lm_arch *arch; /* NULL: not one that runs here */
    tokenizer *tokenizer;
    bool chat;
    json_t *problems; /* strings */
} info;

static void problem(info *in, const char *text)
{
    json_array_append_new(in->problems, json_string(text));
}

/* ---- looking ------------------------------------------------------------------------------------------------------------- */

static lorec_err count_bad(info *in, const weight *x)
{
    int64_t rows = weight_rows(x), width = rows ? weight_values(x) / rows : 0,
            at_once = width ? (1 << 20) / width + 1 : 1;
    float *v;
    uint64_t bad = 0;
    TRY(mem_new(&v, (size_t)((at_once < rows ? at_once : rows) * width)));
    lorec_err e = LOREC_OK;
    for (int64_t r = 0; r < rows && !e; r += at_once) {
        int64_t n = rows - r < at_once ? rows - r : at_once;
        e = weights_read_f32(in->w, x, r, n, v);
        for (int64_t i = 0; i < n * width && !e; i++) bad += !isfinite(v[i]);
    }
    mem_free(v);
    if (bad) {
        char text[320];
        snprintf(text, sizeof text, "%llu of %lld values of %.200s are NaN or infinite", (unsigned long long)bad,
                 (long long)weight_values(x), x->name);
        problem(in, text);
    }
    in->bad += bad;
    return e;
}

static lorec_err look_at_weights(info *in, bool values)
{
    in->checked = values;
    for (size_t i = 0; i < weights_count(in->w); i++) {
        const weight *x = weights_at(in->w, i);
        size_t bytes = 0;
        (void)elem_size(x->type, weight_values(x), &bytes);
        in->values += (uint64_t)weight_values(x);
        in->bytes += bytes;
        in->by_type[x->type] += (uint64_t)weight_values(x);
        if (values) TRY(count_bad(in, x));
    }
    return LOREC_OK;
}

/* A model is made of the config with no memory for values to speak of where they are packed; here only its words are read. */
static void look_at_config(info *in)
{
    const json_t *config = weights_config(in->w);
    if (!weights_count(in->w)) problem(in, "there are no weights");
    if (!config) {
        if (weights_count(in->w)) problem(in, "of its architecture nothing is known: config.json is needed beside it");
        return;
    }
    if (arch_need(config, &in->arch)) {
        problem(in, lorec_error_message());
        return;
    }
    transformer_config c;
    if (in->arch->read && in->arch->read(&c, config)) problem(in, lorec_error_message());
}

static void look_at_text(info *in)
{
    if (tokenizer_open(&in->tokenizer, in->path)) {
        in->tokenizer = NULL;
        if (weights_gguf(in->w) || folder_exists(in->path)) problem(in, lorec_error_message());
        return;
    }
    int64_t vocab = json_integer_value(json_object_get(weights_config(in->w), "vocab_size"));
    if (vocab && (int64_t)tokenizer_size(in->tokenizer) > vocab) {
        char text[128];
        snprintf(text, sizeof text, "the vocabulary has %zu tokens and the model %lld", tokenizer_size(in->tokenizer),
                 (long long)vocab);
        problem(in, text);
    }
}

static void look_at_chat(info *in)
{
    const gguf *g = weights_gguf(in->w);
    chat_template *c = NULL;
    slice s;
    if (g)
        in->chat = !gguf_get_string(g, "tokenizer.chat_template", &s);
    else if (folder_exists(in->path))
        in->chat = !chat_open(&c, in->path);
    chat_free(c);
}

/* ---- telling ------------------------------------------------------------------------------------------------------------- */

static json_t *types_json(const info *in)
{
    json_t *types = json_object();
    for (int t = 0; t < ELEMS; t++)
        if (in->by_type[t]) json_object_set_new(types, elem_name((elem)t), json_integer((json_int_t)in->by_type[t]));
    return types;
}

static json_t *tensors_json(const weights *w)
{
    json_t *all = json_array();
    for (size_t i = 0; i < weights_count(w); i++) {
        const weight *x = weights_at(w, i);
        json_t *shape = json_array();
        for (int d = 0; d < x->ndim; d++) json_array_append_new(shape, json_integer(x->shape[d]));
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:o}", "name", x->name, "type", elem_name(x->type), "shape", shape));
    }
    return all;
}

static lorec_err print_json(const info *in, bool tensors)
{
    json_t *config = weights_config(in->w) ? json_deep_copy(weights_config(in->w)) : json_null();
    json_t *root = json_pack("{s:i, s:s, s:s, s:b, s:I, s:I, s:I, s:o, s:o, s:b, s:o}", "schema", 1, "path", in->path,
                             "format", weights_format(in->w), "runs", in->arch != NULL, "tensors",
                             (json_int_t)weights_count(in->w), "parameters", (json_int_t)in->values, "bytes",
                             (json_int_t)in->bytes, "types", types_json(in), "config", config, "chat_template",
                             in->chat, "problems", json_incref(in->problems));
    if (root && in->tokenizer)
        json_object_set_new(root, "vocabulary", json_integer((json_int_t)tokenizer_size(in->tokenizer)));
    if (root && in->checked) json_object_set_new(root, "not_finite", json_integer((json_int_t)in->bad));
    if (root && tensors) json_object_set_new(root, "weights", tensors_json(in->w));
    return print_json_object(root);
}

static void print_numbers(const json_t *config)
{
    static const char *const keys[][3] = {{"width", "hidden_size", "n_embd"},
                                          {"layers", "num_hidden_layers", "n_layer"},
                                          {"heads", "num_attention_heads", "n_head"},
                                          {"vocabulary", "vocab_size", NULL},
                                          {"context", "max_position_embeddings", "n_positions"}};
    const char *gap = "";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(config, keys[i][1]);
        if (!v && keys[i][2]) v = json_object_get(config, keys[i][2]);
        if (!json_is_integer(v)) continue;
        printf("%s%s %lld", gap, keys[i][0], (long long)json_integer_value(v));
        gap = ", ";
    }
    if (*gap) puts("");
}

static lorec_err print_text(const info *in, bool tensors)
{
    const json_t *config = weights_config(in->w);
    const char *type = json_string_value(json_object_get(config, "model_type"));
    printf("%s: %s, %s%s\n", in->path, weights_format(in->w), type ? type : "architecture unknown",
           in->arch ? "" : " (does not run here)");
    print_numbers(config);
    printf("%zu tensors, %.4g million parameters, %.1f MiB:", weights_count(in->w), (double)in->values / 1e6,
           (double)in->bytes / (1 << 20));
    for (int t = 0; t < ELEMS; t++)
        if (in->by_type[t])
            printf(" %s %.3g%%", elem_name((elem)t), 100. * (double)in->by_type[t] / (double)in->values);
    puts("");
    if (in->tokenizer) printf("vocabulary: %zu tokens\n", tokenizer_size(in->tokenizer));
    if (!in->tokenizer) puts("vocabulary: none found");
    printf("chat template: %s\n", in->chat ? "yes" : "no");
    if (in->checked)
        printf("values: %llu of %llu are NaN or infinite\n", (unsigned long long)in->bad,
               (unsigned long long)in->values);
    for (size_t i = 0; i < json_array_size(in->problems); i++)
        printf("problem: %s\n", json_string_value(json_array_get(in->problems, i)));
    for (size_t i = 0; tensors && i < weights_count(in->w); i++) {
        const weight *x = weights_at(in->w, i);
        printf("  %-60s %-5s", x->name, elem_name(x->type));
        for (int d = 0; d < x->ndim; d++) printf(" %lld", (long long)x->shape[d]);
        puts("");
    }
    return LOREC_OK;
}

static lorec_err run(int argc, char **argv)
{
    bool json = false, tensors = false, values = false;
    const arg rows[] = {{"tensors", 0, ARG_FLAG, &tensors, NULL, "list every tensor with its type and shape"},
                        {"values", 0, ARG_FLAG, &values, NULL, "read every value: are any NaN or infinite?"},
                        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_lm_info, .rows = rows, .n = sizeof rows / sizeof *rows};
    info in = {.problems = json_array()};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 1, 1, "MODEL"), done);
    in.path = a.word[0];
    TRY_GO(e, weights_open(&in.w, in.path), done);
    TRY_GO(e, look_at_weights(&in, values), done);
    look_at_config(&in);
    look_at_text(&in);
    look_at_chat(&in);
    e = json ? print_json(&in, tensors) : print_text(&in, tensors);
done:
    weights_close(in.w);
    tokenizer_free(in.tokenizer);
    json_decref(in.problems);
    args_free(&a);
    return e;
}
