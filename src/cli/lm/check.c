/* lorec lm check: a model beside what another implementation computed from the same weights. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "lm/parity/parity.h"

static bool has(const char *folder, const char *name)
{
    buf path = {0};
    bool there = !path_join(&path, folder, name) && file_exists(path.p);
    buf_free(&path);
    return there;
}

/* A model without a fixture's arrays is what people try first. */
static lorec_err check_folder(const char *folder)
{
    if (!folder_exists(folder) || has(folder, "input_ids.npy") || has(folder, "pixel_values.npy")) return LOREC_OK;
    return err_set(LOREC_INPUT, "%s: no input_ids.npy in it: it is no fixture; see `lorec lm check --help`", folder);
}

static lorec_err run_check(int argc, char **argv);
const command command_lm_check = {
    .name = "lm check",
    .summary = "compare a model with what another implementation computed from the same weights",
    .usage = "lorec lm check FOLDER [--json]",
    .details = "FOLDER holds config.json, model.safetensors and input_ids.npy, and beside them any of logits.npy,\n"
               "hidden_states.npy, labels.npy, grads.safetensors and meta.json (adamw_losses), as Hugging Face's\n"
               "transformers computes them. One line a quantity: its error, what is allowed, and whether it agrees.\n"
               "Exit code 1 where one does not.",
    .examples = "  lorec lm check fixtures/gpt2\n",
    .run = run_check,
};

static json_t *rows_json(const char *folder, const parity *p)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < p->n && rows; i++)
        json_array_append_new(rows, json_pack("{s:s, s:f, s:f, s:b}", "what", p->row[i].what, "error", p->row[i].error,
                                              "allowed", p->row[i].allowed, "ok", parity_ok(&p->row[i])));
    return rows ? json_pack("{s:i, s:s, s:o, s:I}", "schema", 1, "folder", folder, "quantities", rows, "failed",
                            (json_int_t)p->failed)
                : NULL;
}

static lorec_err print_rows(const parity *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const parity_row *r = &p->row[i];
        printf("%-56s error %.2e  allowed %.0e  %s\n", r->what, r->error, r->allowed,
               parity_ok(r) ? "ok" : "FALLS SHORT");
    }
    return LOREC_OK;
}

static lorec_err run_check(int argc, char **argv)
{
    bool json = false;
    const arg words[] = {{"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_lm_check, .rows = words, .n = 1};
    parity p = {0};
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 1, 1, "FOLDER"), done);
    TRY_GO(e, check_folder(a.word[0]), done);
    TRY_GO(e, parity_check(&p, a.word[0]), done);
    e = json ? print_json_object(rows_json(a.word[0], &p)) : print_rows(&p);
    if (!e && p.failed) e = err_set(LOREC_FAILED, "%s: %zu of %zu quantities fall short", a.word[0], p.failed, p.n);
done:
    parity_free(&p);
    args_free(&a);
    return e;
}
