/* lorec lm train: small models from nothing, or any model further, whole or by an adapter. */
#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/lm/train_lesson.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "lm/adapters/adapter_file.h"
#include "runs/machine.h"

static lorec_err run(int argc, char **argv);
const command command_lm_train = {
    .name = "lm train",
    .summary = "train a small language model from nothing, or tune one",
    .usage = "lorec lm train --init NEW --corpus TEXTS --out FOLDER [--tokenizer FILE] [sizes] [options]\n"
             "lorec lm train --init MODEL --corpus TEXTS --out FOLDER [--lora R,ALPHA,TARGETS] [options]",
    .details =
        "TEXTS is a file or a folder of files. *.jsonl holds one object a line, any other file is one text; files may "
        "be\n"
        "compressed (.gz, .zst). What an object needs depends on --objective:\n"
        "  causal    {\"text\"}, {\"prompt\", \"answer\"} (only the answer is learned) or {\"messages\": [{\"role\",\n"
        "            \"content\"}]} (only what the assistant says; by the model's chat template); decoders\n"
        "  masked    the same; encoders\n"
        "  distil    as causal, but what --teacher would say, at --temperature (2)\n"
        "  seq2seq   {\"prompt\", \"answer\"}; encoder-decoders\n"
        "  classes   {\"text\", \"label\"}: a name, or a number from 0 on; the model's classifier, a new one where it "
        "has none\n"
        "  contrast  {\"anchor\", \"positive\"}: the batch's other pairs are negatives; --temperature (.05), "
        "--pooling\n"
        "  dpo       {\"prompt\", \"chosen\", \"rejected\"}; the reference is the model as it comes; --beta (.1)\n"
        "NEW makes a model of the sizes asked for (or of --config, a config.json of any architecture); without "
        "--tokenizer\n"
        "a vocabulary of --vocab tokens is made of the corpus first and kept in FOLDER (distil: the teacher's is "
        "taken).\n"
        "--example-clip X clips each example's gradient to a norm of X, --noise adds X times that of noise (DP-SGD).\n"
        "With --lora R,ALPHA,TARGETS the model rests (--base says in which form: f32, keep, bf16, q8, q4) and a "
        "low-rank\n"
        "adapter learns, written as peft does; TARGETS are names of products, \"q_proj,v_proj\", or \"all\"; "
        "left out: queries\n"
        "and values.\n"
        "Checkpoints go to FOLDER/checkpoints, every five minutes and on Ctrl-C; --resume goes on from there to "
        "the same\n"
        "result. The parameters kept are those of the best validation.",
    .examples =
        "  lorec lm train --init NEW --tokenizer models/gpt2 --corpus texts/ --out tiny --width 128 --layers 4\n"
        "  lorec lm train --init models/qwen3 --corpus chats.jsonl --lora 8,16,q_proj,v_proj --out my-lora --bf16\n",
    .run = run,
};

typedef struct job {
    lm_train_words w;
    lm_model *model;
    adapter *adapter;
    adapter_set set;
    tokenizer *tokenizer;
    chat_template *chat;
    lm_lesson lesson;
    trainer_report report;
    double valid_loss;
    buf checkpoints, identity;
} job;

/* ---- what learns ----------------------------------------------------------------------------------------------------------- */

/* "8,16,q_proj,v_proj" */
static lorec_err read_lora(const char *text, adapter_options *o)
{
    slice rest = slice_of(text), rank = slice_trim(slice_cut(&rest, ',')), alpha = slice_trim(slice_cut(&rest, ','));
    o->kind = "lora";
    if (!slice_to_i64(rank, &o->rank) || o->rank < 1)
        return err_set(LOREC_USAGE, "--lora %s: R,ALPHA,TARGETS is needed, such as 8,16,q_proj,v_proj", text);
    if (alpha.n && (!slice_to_f64(alpha, &o->alpha) || o->alpha == 0))
        return err_set(LOREC_USAGE, "--lora %s: \"%.*s\" is no number for alpha", text, (int)alpha.n, alpha.p);
    if (rest.n) o->targets = rest.p;
    return LOREC_OK;
}

static lorec_err open_adapter(job *j)
{
    const lm_train_words *w = &j->w;
    adapter_options o = {.seed = (uint64_t)w->seed, .dropout = w->lora_dropout};
    if (w->lora)
        TRY(read_lora(w->lora, &o));
    else
        o.kind = w->adapter;
    o.tokens = w->virtual_tokens;
    transformer *net[2];
    size_t n = lm_model_nets(j->model, net);
    if (w->adapter_from)
        TRY(adapter_open(&j->adapter, net, n, w->adapter_from));
    else
        TRY(adapter_new(&j->adapter, net, n, &o));
    params_freeze_all(j->model->params, true);
    j->set = (adapter_set){.item = &j->adapter, .n = 1};
    return LOREC_OK;
}

static bool with_adapter(const job *j)
{
    return j->w.lora || j->w.adapter || j->w.adapter_from;
}

static lorec_err open_model(job *j)
{
    const lm_train_words *w = &j->w;
    bool fresh = strcmp(w->init, "NEW") == 0;
    const char *words = w->tokenizer ? w->tokenizer : fresh ? w->out : w->init;
    if (fresh && !w->tokenizer) TRY(lm_train_make_words(w));
    TRY(tokenizer_open(&j->tokenizer, words));
    if (fresh) {
        TRY(lm_train_make(w, j->tokenizer, &j->model));
    } else {
        lm_form form = LM_F32;
        if (w->base && !lm_form_find(w->base, &form))
            return err_set(LOREC_USAGE, "--base %s: f32, keep, bf16, q8 or q4 is needed", w->base);
        if (form != LM_F32 && !with_adapter(j))
            return err_set(LOREC_USAGE, "--base %s rests, so something else has to learn: --lora", w->base);
        TRY(lm_model_open_as(&j->model, w->init, form));
    }
    if (!j->model->net || j->model->vision)
        return err_set(LOREC_INPUT, "%s: models of texts can be trained here", w->init);
    if (chat_open(&j->chat, words)) j->chat = NULL; /* many have none */
    size_t ids = tokenizer_size(j->tokenizer);
    int64_t rows = transformer_settings(j->model->net)->vocab_size;
    if (ids > (size_t)rows)
        return err_set(LOREC_INPUT, "the vocabulary has %zu tokens, the model's table %lld rows", ids, (long long)rows);
    return with_adapter(j) ? open_adapter(j) : LOREC_OK;
}

/* ---- what is learned from -------------------------------------------------------------------------------------------------- */

static int64_t context_of(const job *j)
{
    int64_t most = transformer_settings(j->model->net)->max_positions;
    if (j->adapter) most -= adapters_prefix_rows(&j->set, j->model->net) + adapters_prompt_rows(&j->set, j->model->net);
    return j->w.context && j->w.context < most ? j->w.context : most < 512 || j->w.context ? most : 512;
}

static lorec_err open_lesson(job *j)
{
    j->lesson = (lm_lesson){.words = &j->w,
                            .model = j->model,
                            .tokenizer = j->tokenizer,
                            .chat = j->chat,
                            .adapters = j->adapter ? &j->set : NULL};
    return lm_lesson_open(&j->lesson, context_of(j));
}

static lorec_err validate(void *ctx, const void *self, double *metric)
{
    job *j = ctx;
    (void)self;
    int64_t rows = j->w.batch * j->lesson.longest;
    TRY(lm_task_loss(j->lesson.valid, rows < 4096 ? rows : 4096, j->w.bf16, (uint64_t)j->w.seed, &j->valid_loss));
    *metric = -j->valid_loss;
    return LOREC_OK;
}

/* ---- training --------------------------------------------------------------------------------------------------------------- */

static lorec_err train(job *j)
{
    const lm_train_words *w = &j->w;
    TRY(path_join(&j->checkpoints, w->out, "checkpoints"));
    TRY(lm_train_identity(w, &j->identity));
    TRY(lm_lesson_identity(&j->lesson, &j->identity));
    uint64_t steps = ((uint64_t)j->lesson.sequences + (uint64_t)w->batch - 1) / (uint64_t)w->batch,
             each = w->accumulate > 1 ? (uint64_t)w->accumulate : 1;
    lm_train_options o = {.loop = {.epochs = w->epochs,
                                   .train_batch_size = w->batch,
                                   .eval_step = 1,
                                   .stopping_step = w->patience,
                                   .accumulate = w->accumulate,
                                   .max_minutes = w->max_minutes,
                                   .bf16 = w->bf16,
                                   .example_clip = w->example_clip,
                                   .example_noise = w->noise,
                                   .optimizer = {.kind = OPT_ADAMW,
                                                 .lr = w->lr > 0         ? w->lr
                                                       : with_adapter(j) ? 2e-4
                                                                         : 5e-4,
                                                 .beta2 = .95,
                                                 .weight_decay = w->weight_decay,
                                                 .clip_norm = w->clip},
                                   .schedule = {.kind = SCHEDULE_COSINE,
                                                .total = (steps + each - 1) / each * (uint64_t)w->epochs,
                                                .floor = .1}}};
    o.loop.schedule.warmup = (uint64_t)((double)o.loop.schedule.total * w->warmup);
    machine m;
    machine_look(&m);
    o.memory_limit = w->memory > 0 ? (size_t)w->memory << 20 : (size_t)m.memory_available;
    trainer_context c = {.seed = (uint64_t)w->seed,
                         .folder = j->checkpoints.p,
                         .resume = w->resume,
                         .identity = j->identity.p,
                         .validate = j->lesson.valid ? validate : NULL,
                         .validate_ctx = j,
                         .valid_metric = "-loss"};
    return lm_train(j->lesson.task, j->adapter ? adapter_params(j->adapter) : j->model->params, &o, &c, &j->report);
}

static lorec_err save(const job *j)
{
    const lm_train_words *w = &j->w;
    if (j->adapter) return adapter_save(j->adapter, w->out, w->init);
    TRY(lm_model_save(j->model, w->out));
    TRY(lm_lesson_save(&j->lesson, w->out));
    if (!w->tokenizer && strcmp(w->init, "NEW") == 0) return LOREC_OK; /* it is there */
    return lm_train_copy_words(w->tokenizer ? w->tokenizer : w->init, w->out);
}

static lorec_err say(job *j)
{
    const params *learned = j->adapter ? adapter_params(j->adapter) : j->model->params;
    const trainer_report *r = &j->report;
    if (j->lesson.valid) TRY(validate(j, NULL, &(double){0})); /* of the parameters that were kept */
    json_t *tree = json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "schema", 1, "out", j->w.out,
                             "parameters", (json_int_t)params_values(j->model->params), "trained_parameters",
                             (json_int_t)params_values(learned), "sequences", (json_int_t)j->lesson.sequences, "epochs",
                             (json_int_t)r->epochs, "steps", (json_int_t)r->steps, "train_loss", r->last_loss,
                             "seconds", r->seconds);
    bool perplexity = j->lesson.valid && j->lesson.says_tokens && isfinite(exp(j->valid_loss));
    if (tree && j->lesson.learned) json_object_set_new(tree, "tokens_learned", json_integer(j->lesson.learned));
    if (tree && j->lesson.valid) {
        json_object_set_new(tree, "valid_loss", json_real(j->valid_loss));
        if (perplexity) json_object_set_new(tree, "valid_perplexity", json_real(exp(j->valid_loss)));
    }
    if (j->w.json) return print_json_object(tree);
    json_decref(tree);
    printf("%s: loss %.4f after %lld epochs", j->w.out, r->last_loss, (long long)r->epochs);
    if (j->lesson.valid) printf("; on validation %.4f", j->valid_loss);
    if (perplexity) printf(", perplexity %.2f", exp(j->valid_loss));
    printf("\n");
    return LOREC_OK;
}

static lorec_err work(job *j)
{
    TRY(open_model(j));
    TRY(open_lesson(j));
    TRY(folder_make(j->w.out));
    signals_catch();
    TRY(train(j));
    TRY(save(j));
    return say(j);
}

static lorec_err run(int argc, char **argv)
{
    job j = {0};
    args a = {.command = &command_lm_train};
    lorec_err e = lm_train_words_parse(&j.w, &a, argc, argv);
    if (!e && !a.done) e = work(&j);
    lm_lesson_free(&j.lesson);
    adapter_free(j.adapter);
    lm_model_free(j.model);
    chat_free(j.chat);
    tokenizer_free(j.tokenizer);
    buf_free(&j.checkpoints);
    buf_free(&j.identity);
    args_free(&a);
    return e;
}
