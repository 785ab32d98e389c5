#include "cli/lm/train_parts.h"

#include "base/log.h"
#include "text/tokenizer_train.h"

lorec_err lm_train_words_parse(lm_train_words *w, args *a, int argc, char **argv)
{
    *w = (lm_train_words){.arch = "llama",
                          .width = 128,
                          .layers = 4,
                          .heads = 4,
                          .epochs = 1,
                          .batch = 8,
                          .patience = 3,
                          .seed = 1,
                          .clip = 1,
                          .warmup = .05,
                          .valid_share = .05,
                          .weight_decay = .01,
                          .pooling = "mean",
                          .vocab_kind = "bpe",
                          .vocab = 4000};
    const arg rows[] = {
        {"init", 0, ARG_TEXT, &w->init, "NEW|MODEL", "where the weights come from"},
        {"corpus", 0, ARG_TEXT, &w->corpus, "PATH", "what is learned from: a file or a folder"},
        {"objective", 0, ARG_TEXT, &w->objective, "WHAT",
         "causal, masked, seq2seq, classes, contrast, distil or dpo; default: "
         "what the model is for"},
        {"out", 'o', ARG_TEXT, &w->out, "FOLDER", "the model's (or adapter's) folder"},
        {"tokenizer", 0, ARG_TEXT, &w->tokenizer, "FILE", "a vocabulary, where MODEL has none or for NEW"},
        {"vocab", 0, ARG_INT, &w->vocab, "N", "NEW without --tokenizer: tokens of its vocabulary (4000)", .min = 270,
         .max = 1 << 20},
        {"vocab-kind", 0, ARG_TEXT, &w->vocab_kind, "KIND", "and what it is: bpe or unigram (bpe)"},
        {"config", 0, ARG_TEXT, &w->config, "FILE", "NEW: a config.json that says what model"},
        {"arch", 0, ARG_TEXT, &w->arch, "TYPE", "NEW: llama or gpt2"},
        {"width", 0, ARG_INT, &w->width, "N", "NEW: values of a token's vector (128)", .min = 1, .max = 1 << 16},
        {"layers", 0, ARG_INT, &w->layers, "N", "NEW: blocks (4)", .min = 1, .max = 1024},
        {"heads", 0, ARG_INT, &w->heads, "N", "NEW: attention heads (4)", .min = 1, .max = 1024},
        {"kv-heads", 0, ARG_INT, &w->kv_heads, "N", "NEW: key heads (as many as heads)", .min = 1, .max = 1024},
        {"ffn", 0, ARG_INT, &w->ffn, "N", "NEW: width of the feed-forward layers", .min = 1, .max = 1 << 18},
        {"context", 0, ARG_INT, &w->context, "N", "tokens of a sequence at most (512, or the model's)", .min = 2,
         .max = 1 << 20},
        {"lora", 0, ARG_TEXT, &w->lora, "R,ALPHA,TARGETS", "tune a low-rank adapter; the model rests"},
        {"lora-dropout", 0, ARG_REAL, &w->lora_dropout, "P", "of what the low-rank adapter reads (0)", .min = 0,
         .max = .95},
        {"adapter", 0, ARG_TEXT, &w->adapter, "KIND", "tune houlsby, pfeiffer, prefix or prompt"},
        {"tokens", 0, ARG_INT, &w->virtual_tokens, "N", "prefix, prompt: how many (20)", .min = 1, .max = 4096},
        {"adapter-from", 0, ARG_TEXT, &w->adapter_from, "FOLDER", "go on with an adapter that is there"},
        {"base", 0, ARG_TEXT, &w->base, "FORM", "how a model that rests is held: f32, keep, bf16, q8, q4"},
        {"valid", 0, ARG_TEXT, &w->valid, "PATH", "validate on these texts"},
        {"valid-share", 0, ARG_REAL, &w->valid_share, "P", "or on this share of the corpus (.05; 0: none)", .min = 0,
         .max = .5},
        {"epochs", 0, ARG_INT, &w->epochs, "N", "passes over the corpus (1)", .min = 1, .max = 1e6},
        {"batch", 0, ARG_INT, &w->batch, "N", "sequences of a step (8)", .min = 1, .max = 1 << 20},
        {"accumulate", 0, ARG_INT, &w->accumulate, "N", "steps of an update (1)", .min = 1, .max = 1 << 16},
        {"patience", 0, ARG_INT, &w->patience, "N", "epochs without a better validation (3)", .min = 1, .max = 1e6},
        {"lr", 0, ARG_REAL, &w->lr, "X", "largest step size (5e-4; adapters 2e-4)", .min = 1e-9, .max = 10},
        {"weight-decay", 0, ARG_REAL, &w->weight_decay, "X", "AdamW's (.01)", .min = 0, .max = 10},
        {"clip", 0, ARG_REAL, &w->clip, "X", "largest gradient norm (1; 0: any)", .min = 0, .max = 1e9},
        {"warmup", 0, ARG_REAL, &w->warmup, "P", "share of the updates (.05); then a cosine to a tenth", .min = 0,
         .max = 1},
        {"mask-rate", 0, ARG_REAL, &w->mask_rate, "P", "encoders: share of masked tokens (.15)", .min = .01, .max = .9},
        {"teacher", 0, ARG_TEXT, &w->teacher, "MODEL", "distil: what is imitated"},
        {"temperature", 0, ARG_REAL, &w->temperature, "X", "distil (2), contrast (.05)", .min = 1e-4, .max = 1e3},
        {"learn-temperature", 0, ARG_FLAG, &w->learn_temperature, NULL, "contrast: it learns, from there on"},
        {"pooling", 0, ARG_TEXT, &w->pooling, "HOW", "contrast: a text's vector is the mean, first or last token's"},
        {"beta", 0, ARG_REAL, &w->beta, "X", "dpo: how far from the reference (.1)", .min = 1e-6, .max = 1e3},
        {"example-clip", 0, ARG_REAL, &w->example_clip, "X", "largest norm of one example's gradient", .min = 1e-9,
         .max = 1e9},
        {"noise", 0, ARG_REAL, &w->noise, "X", "and normal noise of X times that", .min = 0, .max = 1e6},
        {"max-minutes", 0, ARG_REAL, &w->max_minutes, "N", "stop after so long", .min = 0, .max = 1e6},
        {"memory", 0, ARG_INT, &w->memory, "MIB", "refuse to need more (what is free)", .min = 1, .max = 1 << 26},
        {"bf16", 0, ARG_FLAG, &w->bf16, NULL, "compute in bfloat16; masters stay f32"},
        {"recompute", 0, ARG_FLAG, &w->recompute, NULL, "keep less for the way back, run blocks twice"},
        {"seed", 0, ARG_INT, &w->seed, "N", "of all that is drawn (1)", .min = 0, .max = 1e15},
        {"resume", 0, ARG_FLAG, &w->resume, NULL, "go on from FOLDER's checkpoint"},
        {"json", 0, ARG_FLAG, &w->json, NULL, "one JSON object on stdout"},
    };
    a->rows = rows;
    a->n = sizeof rows / sizeof *rows;
    lorec_err e = args_parse(a, argc, argv);
    if (!e && !a->done) e = args_need_words(a, 0, 0, "no words");
    a->rows = NULL;
    a->n = 0;
    if (e || a->done) return e;
    if (!w->init || !w->corpus || !w->out) return err_set(LOREC_USAGE, "--init, --corpus and --out are needed");
    if ((w->lora != NULL) + (w->adapter != NULL) + (w->adapter_from != NULL) > 1)
        return err_set(LOREC_USAGE, "one of --lora, --adapter and --adapter-from");
    if (w->noise > 0 && !(w->example_clip > 0))
        return err_set(LOREC_USAGE, "--noise is in units of --example-clip, which is needed too");
    if (w->teacher && (!w->objective || strcmp(w->objective, "distil")))
        return err_set(LOREC_USAGE, "--teacher goes with --objective distil");
    if (!w->tokenizer && w->teacher && strcmp(w->init, "NEW") == 0)
        w->tokenizer = w->teacher; /* its logits are of its tokens */
    return LOREC_OK;
}

/* ---- a fresh model --------------------------------------------------------------------------------------------------------- */

static json_t *config_of(const lm_train_words *w)
{
    int64_t positions = w->context ? w->context : 512, kv = w->kv_heads ? w->kv_heads : w->heads;
    if (strcmp(w->arch, "gpt2") == 0)
        return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "model_type", "gpt2", "n_embd",
                         (json_int_t)w->width, "n_layer", (json_int_t)w->layers, "n_head", (json_int_t)w->heads,
                         "n_inner", (json_int_t)(w->ffn ? w->ffn : 4 * w->width), "n_positions", (json_int_t)positions,
                         "embd_pdrop", .0, "attn_pdrop", .0, "resid_pdrop", .0);
    int64_t ffn = w->ffn ? w->ffn : (w->width * 8 / 3 + 31) / 32 * 32;
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b}", "model_type", w->arch, "hidden_size",
                     (json_int_t)w->width, "num_hidden_layers", (json_int_t)w->layers, "num_attention_heads",
                     (json_int_t)w->heads, "num_key_value_heads", (json_int_t)kv, "intermediate_size", (json_int_t)ffn,
                     "max_position_embeddings", (json_int_t)positions, "rms_norm_eps", 1e-5, "initializer_range", .02,
                     "tie_word_embeddings", 1);
}

lorec_err lm_train_make(const lm_train_words *w, const tokenizer *t, lm_model **out)
{
    json_t *json = NULL;
    if (w->config)
        TRY(json_read(&json, w->config));
    else
        json = config_of(w);
    if (!json) return err_set(LOREC_RESOURCE, "out of memory for a config");
    static const struct {
        tokenizer_role role;
        const char *key;
    } roles[] = {{TOKENIZER_BOS, "bos_token_id"}, {TOKENIZER_EOS, "eos_token_id"}, {TOKENIZER_PAD, "pad_token_id"}};
    int failed = json_object_set_new(json, "vocab_size", json_integer((json_int_t)tokenizer_size(t)));
    for (size_t i = 0; i < sizeof roles / sizeof *roles && !failed; i++) {
        int32_t id = tokenizer_special(t, roles[i].role);
        if (id >= 0 || !json_object_get(json, roles[i].key))
            failed = json_object_set_new(json, roles[i].key, id >= 0 ? json_integer(id) : json_null());
    }
    lorec_err e = failed ? err_set(LOREC_RESOURCE, "out of memory for a config")
                         : lm_model_make(out, json, (uint64_t)w->seed, w->config ? w->config : "the sizes asked for");
    json_decref(json);
    return e;
}

/* ---- a vocabulary of its own ------------------------------------------------------------------------------------------- */

static lorec_err add_text(void *ctx, slice text)
{
    return tokenizer_trainer_add(ctx, text);
}

/* What else transformers wants to know of a vocabulary. */
static lorec_err write_words_config(const char *folder)
{
    buf path = {0};
    json_t *config = json_pack("{s:s, s:s, s:s, s:s, s:s}", "tokenizer_class", "PreTrainedTokenizerFast", "eos_token",
                               "</s>", "pad_token", "<pad>", "unk_token", "<unk>", "mask_token", "<mask>");
    lorec_err e = config ? path_join(&path, folder, "tokenizer_config.json")
                         : err_set(LOREC_RESOURCE, "out of memory for tokenizer_config.json");
    if (!e) e = json_write(config, path.p);
    json_decref(config);
    buf_free(&path);
    return e;
}

lorec_err lm_train_make_words(const lm_train_words *w)
{
    static const char *const marks[] = {"<unk>", "<pad>", "</s>", "<mask>"};
    bool bpe = strcmp(w->vocab_kind, "bpe") == 0;
    tokenizer_training how = {.kind = bpe ? TOKENIZER_BPE : TOKENIZER_UNIGRAM,
                              .size = (size_t)w->vocab,
                              .special = marks,
                              .n_special = sizeof marks / sizeof *marks,
                              .eos = "</s>"};
    tokenizer_trainer *tr;
    json_t *file = NULL;
    buf path = {0};
    if (!bpe && strcmp(w->vocab_kind, "unigram") != 0)
        return err_set(LOREC_USAGE, "--vocab-kind %s: bpe or unigram is needed", w->vocab_kind);
    TRY(tokenizer_trainer_new(&tr, &how));
    lorec_err e = corpus_texts(w->corpus, add_text, tr);
    if (!e) e = tokenizer_trainer_finish(tr, &file);
    if (e == LOREC_INPUT && !strstr(lorec_error_message(), w->corpus)) e = err_context(e, "%s", w->corpus);
    if (!e) e = folder_make(w->out);
    if (!e) e = path_join(&path, w->out, "tokenizer.json");
    if (!e) e = json_write(file, path.p);
    if (!e) e = write_words_config(w->out);
    if (!e) log_info("%s: a vocabulary of the corpus", path.p);
    json_decref(file);
    buf_free(&path);
    tokenizer_trainer_free(tr);
    return e;
}

/* ---- resuming --------------------------------------------------------------------------------------------------------------- */

lorec_err lm_train_identity(const lm_train_words *w, buf *out)
{
    return buf_printf(out,
                      "init=%s adapter=%s%s base=%s recompute=%d example_clip=%g noise=%g temperature=%g beta=%g "
                      "pooling=%s teacher=%s ",
                      w->init,
                      w->lora           ? w->lora
                      : w->adapter      ? w->adapter
                      : w->adapter_from ? w->adapter_from
                                        : "none",
                      w->lora_dropout > 0 ? " with dropout" : "", w->base ? w->base : "f32", w->recompute,
                      w->example_clip, w->noise, w->temperature, w->beta, w->pooling, w->teacher ? w->teacher : "none");
}

/* ---- the tokenizer's files --------------------------------------------------------------------------------------------------- */

static lorec_err copy_file(const char *from, const char *to)
{
    file_map m;
    writer out;
    TRY(file_map_open(&m, from));
    lorec_err e = writer_open(&out, to);
    if (!e) {
        writer_put(&out, m.bytes, m.size);
        e = writer_commit(&out);
    }
    file_map_close(&m);
    return e;
}

lorec_err lm_train_copy_words(const char *from, const char *folder)
{
    static const char *const names[] = {"tokenizer.json",
                                        "tokenizer_config.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "vocab.txt",
                                        "tokenizer.model",
                                        "spiece.model",
                                        "sentencepiece.bpe.model",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "chat_template.jinja",
                                        "tokenizer.bin",
                                        "generation_config.json"};
    buf source = {0}, target = {0};
    lorec_err e = LOREC_OK;
    if (!folder_exists(from)) {
        e = path_join(&target, folder, path_base(from));
        bool model = strstr(from, ".gguf") != NULL;
        if (!e && model)
            log_warn("%s: the vocabulary stays in that file; name it with --tokenizer", from);
        else if (!e && strcmp(from, target.p) != 0)
            e = copy_file(from, target.p);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && !e && folder_exists(from); i++) {
        e = path_join(&source, from, names[i]);
        if (!e) e = path_join(&target, folder, names[i]);
        if (!e && file_exists(source.p) && strcmp(source.p, target.p) != 0) e = copy_file(source.p, target.p);
    }
    buf_free(&source);
    buf_free(&target);
    return e;
}
