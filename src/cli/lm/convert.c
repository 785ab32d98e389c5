/* lorec lm convert and lorec lm quantize: one model file out of another. */
#include <stdio.h>

#include "base/log.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "lm/convert/convert.h"

static lorec_err run_convert(int argc, char **argv);
const command command_lm_convert = {
    .name = "lm convert",
    .summary = "write a model in another format: a folder of Hugging Face's, or GGUF",
    .usage = "lorec lm convert IN OUT [--type f32|f16|bf16] [--tokenizer FILE] [--json]",
    .details =
        "IN is a folder with config.json and safetensors or PyTorch weights (whole or in shards), a .gguf, or a\n"
        "checkpoint of llama2.c. OUT is a .gguf file, which llama.cpp loads, or a new folder: config.json and\n"
        "model.safetensors, in several files with an index where they are large. The vocabulary goes along: into\n"
        "GGUF as llama.cpp reads it (tried on some texts: where it would give other ids it is left out, and said), "
        "into a\n"
        "folder as tokenizer.json; between two of a kind as it is.\n"
        "Without --type tensors keep their type; in a folder quantised ones become f32.",
    .examples = "  lorec lm convert models/qwen3 qwen3.gguf --type bf16\n"
                "  lorec lm convert llama-2-7b.Q4_0.gguf models/llama2 --type f16\n"
                "  lorec lm convert stories260K.bin stories.gguf --tokenizer tok512.bin\n",
    .run = run_convert,
};

static lorec_err run_quantize(int argc, char **argv);
const command command_lm_quantize = {
    .name = "lm quantize",
    .summary = "write a model as GGUF with matrices of 4, 5, 6 or 8 bits",
    .usage = "lorec lm quantize IN OUT.gguf --type q8_0|q4_0|q4_1|q5_0|q5_1|q4_k|q5_k|q6_k [--tokenizer FILE] [--json]",
    .details =
        "IN is whatever lorec lm convert reads. Each block of 32 values (256 of the k types) gets the scale, or scale\n"
        "and minimum, with the least squared error. Matrices whose rows are no whole number of blocks take the "
        "nearest\n"
        "type that fits: q4_k q5_0, q5_k q5_1, q6_k q8_0, otherwise f16. The table that logits come from is q6_k or\n"
        "q8_0 at least; vectors are f32.",
    .examples = "  lorec lm quantize models/qwen3 qwen3-q4_k.gguf --type q4_k\n",
    .run = run_quantize,
};

typedef struct words {
    const char *type, *tokenizer, *name;
    double shard;
    bool json;
} words;

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), k = strlen(with);
    return n >= k && strcmp(s + n - k, with) == 0;
}

static lorec_err print_report(const char *out, const convert_report *r, bool json)
{
    if (json)
        return print_json_object(json_pack(
            "{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:s}", "schema", 1, "out", out, "tensors", (json_int_t)r->tensors,
            "left_out", (json_int_t)r->left_out, "other_type", (json_int_t)r->wider, "values", (json_int_t)r->values,
            "bytes", (json_int_t)r->bytes, "tokenizer", *r->vocabulary != 0, "vocabulary", r->vocabulary));
    printf("%s: %zu tensors, %.4g million values, %.1f MiB (%.2f bits a value)\n", out, r->tensors,
           (double)r->values / 1e6, (double)r->bytes / (1 << 20),
           r->values ? 8. * (double)r->bytes / (double)r->values : 0.);
    if (r->wider)
        printf("%zu matrices are in another type than asked for, as their rows are no whole blocks or they give the "
               "logits\n",
               r->wider);
    if (r->left_out) printf("%zu tensors have no place there\n", r->left_out);
    if (*r->vocabulary)
        printf("vocabulary: %s\n", r->vocabulary);
    else
        puts("no vocabulary went along");
    return LOREC_OK;
}

/* What is not *.gguf becomes a folder; who names a file of weights means something else. */
static lorec_err check_out(const char *out)
{
    static const char *const files[] = {".safetensors", ".bin", ".pt", ".pth", ".json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (ends(out, files[i]))
            return err_set(LOREC_USAGE, "%s: OUT is a file that ends in .gguf, or a new folder, which gets all of %s",
                           out, "config.json, model.safetensors and the vocabulary");
    return LOREC_OK;
}

static lorec_err convert(const char *in, const char *out, const words *say, bool quantised)
{
    convert_options o = {.typed = say->type != NULL,
                         .tokenizer = say->tokenizer,
                         .name = say->name,
                         .shard_bytes = (uint64_t)(say->shard * 1e9)};
    convert_report r;
    weights *w;
    if (say->type && !elem_find(say->type, &o.type))
        return err_set(LOREC_USAGE, "--type %s: there are %s", say->type,
                       quantised ? "q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k" : "f32, f16, bf16");
    if (say->type && quantised != elem_quantised(o.type))
        return err_set(LOREC_USAGE,
                       quantised ? "%s is not quantised; `lorec lm convert` writes it"
                                 : "%s is quantised; `lorec lm quantize` writes it",
                       elem_name(o.type));
    if (say->type && !quantised && o.type > ELEM_BF16)
        return err_set(LOREC_USAGE, "weights are written as f32, f16 or bf16, not as %s", elem_name(o.type));
    TRY(check_out(out));
    TRY(weights_open(&w, in));
    lorec_err e = ends(out, ".gguf") ? convert_to_gguf(w, out, &o, &r) : convert_to_folder(w, out, &o, &r);
    weights_close(w);
    if (e) return strstr(lorec_error_message(), in) ? e : err_context(e, "%s", in);
    return print_report(out, &r, say->json);
}

static lorec_err run(const command *c, bool quantised, int argc, char **argv)
{
    words say = {0};
    const arg rows[] = {
        {"type", 't', ARG_TEXT, &say.type, "TYPE", quantised ? "of matrices" : "of all values (default: as they are)"},
        {"tokenizer", 0, ARG_TEXT, &say.tokenizer, "FILE", "where the vocabulary is, if not beside the model"},
        {"name", 0, ARG_TEXT, &say.name, "TEXT", "what the model is called in a GGUF file"},
        {"shard", 0, ARG_REAL, &say.shard, "GB", "about how large the files of a folder get (default: 5)", .min = 1e-6,
         .max = 1e6},
        {"json", 0, ARG_FLAG, &say.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = c, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 2, 2, "IN OUT");
    if (!e && !a.done && quantised && !say.type)
        e = err_set(LOREC_USAGE, "--type is needed: q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k or q6_k");
    if (!e && !a.done && quantised && !ends(a.word[1], ".gguf"))
        e = err_set(LOREC_USAGE, "quantised weights are written as GGUF: OUT has to end in .gguf");
    if (!e && !a.done) {
        signals_catch();
        e = convert(a.word[0], a.word[1], &say, quantised);
    }
    args_free(&a);
    return e;
}

static lorec_err run_convert(int argc, char **argv)
{
    return run(&command_lm_convert, false, argc, argv);
}

static lorec_err run_quantize(int argc, char **argv)
{
    return run(&command_lm_quantize, true, argc, argv);
}
