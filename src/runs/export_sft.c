#include "runs/export_sft.h"

#include "base/mem.h"
#include "eval/slate.h"
#include "eval/trial.h"
#include "runs/entries.h"
#include "runs/workbench.h"

typedef struct exporting {
    const settings *s;
    workbench w;
    const recommender *r;
    void *self;
    json_t *options; /* as resolved */
    const char *folder;
    fit_context fit;
} exporting;

/* ---- lessons --------------------------------------------------------------------------------------------------------------- */

typedef struct jsonl {
    writer w;
    const dataset *d;
    uint64_t n;
} jsonl;

static json_t *id_json(slice id)
{
    json_t *o = json_stringn(id.p, id.n);
    return o ? o : json_string("?"); /* no UTF-8 */
}

static lorec_err put(void *ctx, const tuning_text *l)
{
    jsonl *out = ctx;
    json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "prompt", l->prompt, "answer", l->answer, "user",
                          id_json(names_at(&out->d->user_ids, l->user)), "item",
                          id_json(names_at(&out->d->item_ids, l->item)));
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text) return err_set(LOREC_INPUT, "a prompt holds a text that is not valid UTF-8");
    writer_put(&out->w, text, strlen(text));
    writer_put(&out->w, "\n", 1);
    out->n++;
    free(text);
    return LOREC_OK;
}

static lorec_err write_lessons(exporting *x, bool valid, uint64_t *n)
{
    buf path = {0};
    jsonl out = {.d = x->w.data};
    lorec_err e = path_join(&path, x->folder, valid ? "valid.jsonl" : "train.jsonl");
    if (!e) e = writer_open(&out.w, path.p);
    buf_free(&path);
    TRY(e);
    e = x->r->lessons(x->self, &x->fit, valid, put, &out);
    if (e)
        writer_abort(&out.w);
    else
        e = writer_commit(&out.w);
    *n = out.n;
    return e;
}

/* ---- what goes with them ------------------------------------------------------------------------------------------------------- */

static const json_t *option_of(const exporting *x, const char *name)
{
    return json_object_get(x->options, name);
}

/* ["q_proj", "v_proj"] of "q_proj,v_proj"; "all" is peft's "all-linear". */
static json_t *targets(const char *words)
{
    if (strcmp(words, "all") == 0) return json_string("all-linear");
    json_t *list = json_array();
    for (slice rest = slice_of(words); rest.n;) {
        slice word = slice_trim(slice_cut(&rest, ','));
        if (word.n) json_array_append_new(list, json_stringn(word.p, word.n));
    }
    return list;
}

static lorec_err write_json(const exporting *x, const char *name, json_t *o)
{
    buf path = {0};
    lorec_err e = o ? path_join(&path, x->folder, name) : err_set(LOREC_RESOURCE, "out of memory for %s", name);
    if (!e) e = json_write(o, path.p);
    buf_free(&path);
    json_decref(o);
    return e;
}

static lorec_err write_peft(const exporting *x)
{
    const json_t *rank = option_of(x, "lora_rank"), *alpha = option_of(x, "lora_alpha"),
                 *dropout = option_of(x, "lora_dropout");
    const char *words = json_string_value(option_of(x, "lora_targets"));
    const char *base = json_string_value(option_of(x, "model"));
    return write_json(x, "adapter_config.json",
                      json_pack("{s:s, s:s, s:I, s:f, s:f, s:o, s:s, s:b, s:s}", "peft_type", "LORA", "task_type",
                                "CAUSAL_LM", "r", rank ? json_integer_value(rank) : (json_int_t)8, "lora_alpha",
                                alpha ? json_number_value(alpha) : 16., "lora_dropout",
                                dropout ? json_number_value(dropout) : .05, "target_modules",
                                targets(words && *words ? words : "q_proj,v_proj"), "base_model_name_or_path",
                                base ? base : "", "fan_in_fan_out", 0, "bias", "none"));
}

static lorec_err write_candidates(const exporting *x)
{
    buf path = {0};
    lorec_err e = path_join(&path, x->folder, "candidates.tsv");
    if (!e) e = slate_write(&x->w.test, path.p);
    buf_free(&path);
    return e;
}

static lorec_err write_readme(const exporting *x, const sft_exported *n)
{
    buf text = {0}, path = {0};
    writer w;
    bool tunes = options_find(x->r->options, x->r->n_options, "adapter") != NULL;
    lorec_err e = buf_printf(
        &text,
        "# %s on %s: what to tune a language model on\n\n"
        "Written by `lorec export-sft %s` from the training part of the split \"%s\"; no row of the test part is in "
        "it.\n\n"
        "- `train.jsonl`: %llu prompts with their answers, `valid.jsonl`: %llu. Learn the answer and the model's end "
        "token after\n  it; the prompt is to stand as it is, without a chat template.\n"
        "- `adapter_config.json`: peft's form, with the method's rank, alpha, dropout and products. Read it with\n"
        "  `peft.LoraConfig.from_pretrained(THIS_FOLDER)`, put your model's name in, and tune with the trainer of your "
        "choice.\n%s\n"
        "Here the same is\n\n    lorec lm train --init MODEL --corpus train.jsonl --valid valid.jsonl --out ADAPTER "
        "--lora "
        "R,ALPHA,TARGETS\n\n"
        "What comes back is judged on the same split, beside the same controls:\n\n",
        x->r->title, x->w.data->name, x->r->key, x->w.split.id, (unsigned long long)n->train,
        (unsigned long long)n->valid,
        n->candidates ? "- `candidates.tsv`: what is ranked for each test user (`--eval slate:candidates.tsv`).\n"
                      : "");
    const char *eval = n->candidates ? " --eval slate:candidates.tsv" : "";
    if (!e && tunes)
        e = buf_printf(&text, "    lorec run %s --data DATA --split %s%s --set model=MODEL --adapter ADAPTER\n",
                       x->r->key, x->s->split, eval);
    if (!e && options_find(x->r->options, x->r->n_options, "llm"))
        e = buf_printf(&text,
                       "    lorec run %s --data DATA --split %s%s --llm local:MODEL --adapter ADAPTER\n"
                       "    lorec run %s --data DATA --split %s%s --llm http://HOST/v1#TUNED     # served elsewhere\n",
                       x->r->key, x->s->split, eval, x->r->key, x->s->split, eval);
    if (!e) e = path_join(&path, x->folder, "README.md");
    if (!e) e = writer_open(&w, path.p);
    if (!e) {
        writer_put(&w, text.p, text.n);
        e = writer_commit(&w);
    }
    buf_free(&text);
    buf_free(&path);
    return e;
}

static lorec_err write_manifest(const exporting *x, const sft_exported *n)
{
    const dataset *d = x->w.data;
    return write_json(x, "manifest.json",
                      json_pack("{s:i, s:s, s:{s:s, s:s}, s:s, s:s, s:I, s:I, s:O}", "schema", 1, "method", x->r->key,
                                "data", "name", d->name, "sha256", d->sha256, "split", x->w.split.id, "protocol",
                                x->w.test.id, "train", (json_int_t)n->train, "valid", (json_int_t)n->valid, "options",
                                x->options));
}

/* ---- all of it --------------------------------------------------------------------------------------------------------------------- */

static lorec_err export_all(exporting *x, sft_exported *out, uint64_t seed)
{
    x->fit = (fit_context){.split = &x->w.split, .train = &x->w.split.train, .seed = seed, .fast = x->s->fast};
    if (!(x->options = options_json(x->r->options, x->r->n_options, x->self)))
        return err_set(LOREC_RESOURCE, "out of memory while writing down the options of %s", x->r->key);
    TRY(folder_make(x->folder));
    TRY(write_lessons(x, false, &out->train));
    TRY(write_lessons(x, true, &out->valid));
    out->candidates = x->w.test.kind == CANDIDATES_SLATE;
    if (out->candidates) TRY(write_candidates(x));
    TRY(write_peft(x));
    TRY(write_readme(x, out));
    return write_manifest(x, out);
}

static lorec_err one_method(const settings *s, entries *list)
{
    TRY(entries_plan(list, s));
    size_t asked = 0;
    for (size_t i = 0; i < list->n; i++) asked += list->at[i].as != ROLE_CONTROL;
    if (asked != 1) return err_set(LOREC_USAGE, "lorec export-sft: one method at a time");
    if (list->at[0].r->lessons) return LOREC_OK;
    return err_set(LOREC_USAGE,
                   "%s does not tune a language model on prompts that are texts; `lorec methods` has those that do "
                   "(needs: weights)",
                   list->at[0].r->key);
}

lorec_err export_sft(sft_exported *out, const settings *s, const char *folder)
{
    exporting x = {.s = s, .folder = folder};
    entries list = {0};
    uint64_t *seed = NULL;
    size_t n;
    *out = (sft_exported){0};
    lorec_err e = one_method(s, &list);
    if (!e) e = settings_seeds(s, &seed, &n);
    if (!e) x.r = list.at[0].r;
    if (!e) e = workbench_open_on(&x.w, s, NULL, &x.r, 1);
    bool open = !e;
    const entry *en = e ? NULL : &list.at[0];
    if (!e)
        e = trial_model(
            &(trial_request){.recommender = en->r, .set = en->set.item, .n_set = en->set.n, .fast = s->fast}, &x.self);
    if (!e) e = export_all(&x, out, seed[0]);
    if (x.self) recommender_free(x.r, x.self);
    if (open) workbench_close(&x.w);
    json_decref(x.options);
    entries_free(&list);
    mem_free(seed);
    return e;
}
