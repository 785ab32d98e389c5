/* lorec lm ask: one question to a language model, wherever it runs. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "lm/llm.h"
#include "lm/messages.h"

static lorec_err run(int argc, char **argv);
const command command_lm_ask = {
    .name = "lm ask",
    .summary = "ask a language model: a server, a local model or a transcript",
    .usage = "lorec lm ask --llm SPEC (--prompt TEXT | --messages FILE) [--record FILE] [--dry-run] [--json]",
    .details = "SPEC is http://HOST:PORT/v1#MODEL (any server that speaks OpenAI's words), local:PATH, replay:FILE or\n"
               "record:FILE=SPEC; --record FILE is short for the last. A key is taken from LOREC_API_KEY (or the "
               "variable that\n"
               "--key-variable names; OPENAI_API_KEY goes to api.openai.com only) and is written nowhere. --dry-run "
               "says what\n"
               "the question would take and sends nothing. FILE of --messages is a JSON list of messages.",
    .examples = "  lorec lm ask --llm http://localhost:8080/v1#qwen --prompt \"Five films like Alien?\" --stream\n"
                "  lorec lm ask --llm http://localhost:8080/v1#qwen --prompt Hello --record talk.sqlite\n"
                "  lorec lm ask --llm replay:talk.sqlite --prompt Hello --json\n",
    .run = run,
};

typedef struct words {
    const char *spec, *prompt, *messages, *record, *system;
    text_list image, stop;
    llm_options options;
    llm_params params;
    int64_t samples;
    bool dry, json, stream, complete;
} words;

static lorec_err dialogue(const words *w, json_t **out)
{
    *out = NULL;
    if (!w->prompt == !w->messages) return err_set(LOREC_USAGE, "give --prompt or --messages, one of the two");
    if (w->messages) {
        TRY(json_read(out, w->messages));
        if (json_is_object(*out)) { /* {"messages": [...]} */
            json_t *inner = json_incref(json_object_get(*out, "messages"));
            json_decref(*out);
            *out = inner;
        }
        return json_is_array(*out) ? LOREC_OK : err_set(LOREC_INPUT, "%s: a list of messages is needed", w->messages);
    }
    *out = json_array();
    if (w->system) TRY(message_add(*out, "system", w->system));
    TRY(message_add(*out, "user", w->prompt));
    for (size_t i = 0; i < w->image.n; i++) TRY(message_add_image(*out, w->image.item[i]));
    return LOREC_OK;
}

static json_t *answer_json(const llm_answer *a)
{
    static const char *const finish[] = {"none", "stop", "length", "content_filter", "tool_calls"};
    if (a->err) return json_pack("{s:s}", "error", a->why ? a->why : "not answered");
    json_t *o = json_pack("{s:s%, s:s, s:{s:I, s:I}, s:f, s:I, s:b}", "text", a->text, a->n, "finish",
                          finish[a->finish], "usage", "prompt_tokens", (json_int_t)a->prompt_tokens,
                          "completion_tokens", (json_int_t)a->completion_tokens, "seconds", a->seconds, "tries",
                          (json_int_t)a->tries, "replayed", (int)a->replayed);
    if (a->tool_calls) json_object_set(o, "tool_calls", a->tool_calls);
    if (a->logprobs) json_object_set(o, "logprobs", a->logprobs);
    return o;
}

static lorec_err show(const words *w, const llm *m, const llm_answer *a, size_t n)
{
    if (w->json) {
        llm_usage u = llm_used(m);
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) json_array_append_new(list, answer_json(&a[i]));
        return print_json_object(json_pack("{s:i, s:s, s:o, s:o}", "schema", 1, "model", llm_name(m), "answers", list,
                                           "money", u.priced ? json_real(u.money) : json_null()));
    }
    for (size_t i = 0; i < n && !w->stream; i++) {
        if (a[i].err) continue;
        fwrite(a[i].text, 1, a[i].n, stdout);
        putchar('\n');
        char *calls = a[i].tool_calls ? json_dumps(a[i].tool_calls, JSON_INDENT(2)) : NULL;
        if (calls) puts(calls);
        free(calls);
    }
    if (w->stream) putchar('\n');
    return LOREC_OK;
}

static void print_piece(void *ctx, size_t i, const char *piece, size_t n)
{
    (void)ctx, (void)i;
    if (!piece) fputs("\n[again]\n", stdout);
    fwrite(piece ? piece : "", 1, n, stdout);
    fflush(stdout);
}

static lorec_err ask(const words *w, llm *m, const llm_request *q, size_t n)
{
    llm_answer *a;
    TRY(mem_new(&a, n));
    const llm_watch watch = {.text = w->stream && !w->json ? print_piece : NULL, .label = n > 1 ? "ask" : NULL};
    lorec_err e = llm_ask(m, q, n, a, &watch);
    if (!e) e = show(w, m, a, n);
    for (size_t i = 0; i < n && !e; i++)
        if (a[i].err) e = err_set(a[i].err, "%s", a[i].why ? a[i].why : "not answered");
    llm_answers_free(a, n);
    mem_free(a);
    return e;
}

static lorec_err preview(const words *w, llm *m, const llm_request *q, size_t n)
{
    llm_estimate e;
    buf text = {0};
    TRY(llm_preview(m, q, n, &e));
    if (w->json) {
        json_t *o = llm_estimate_json(&e);
        if (o) json_object_set_new(o, "schema", json_integer(1));
        return print_json_object(o);
    }
    lorec_err err = llm_estimate_text(&e, &text);
    if (!err) puts(text.p);
    buf_free(&text);
    return err;
}

static lorec_err work(words *w)
{
    llm *m = NULL;
    json_t *d = NULL;
    llm_request *q = NULL;
    buf spec = {0};
    lorec_err e = w->spec ? LOREC_OK : err_set(LOREC_USAGE, "--llm is missing; see `lorec lm ask --help`");
    if (!e) e = w->record ? buf_printf(&spec, "record:%s=%s", w->record, w->spec) : buf_puts(&spec, w->spec);
    if (!e) e = dialogue(w, &d);
    if (!e) e = llm_open(&m, spec.p, &w->options);
    if (!e) e = mem_new(&q, (size_t)w->samples);
    w->params.stop = w->stop.item;
    w->params.n_stop = w->stop.n;
    for (int64_t i = 0; i < w->samples && !e; i++) {
        q[i] = (llm_request){.messages = d, .params = w->params, .sample = i};
        if (w->complete && w->prompt)
            q[i] = (llm_request){.verb = LLM_VERB_COMPLETE, .prompt = w->prompt, .params = w->params, .sample = i};
    }
    if (!e && w->image.n) e = llm_need(m, LLM_IMAGES, "--image");
    if (!e) e = w->dry ? preview(w, m, q, (size_t)w->samples) : ask(w, m, q, (size_t)w->samples);
    mem_free(q);
    json_decref(d);
    llm_close(m);
    buf_free(&spec);
    return e;
}

static lorec_err run(int argc, char **argv)
{
    words w = {.samples = 1};
    const arg rows[] = {
        {"llm", 'l', ARG_TEXT, &w.spec, "SPEC", "which model: see above"},
        {"prompt", 'p', ARG_TEXT, &w.prompt, "TEXT", "the user's message"},
        {"system", 0, ARG_TEXT, &w.system, "TEXT", "the system's message before it"},
        {"image", 0, ARG_LIST, &w.image, "FILE", "an image beside it; may be repeated"},
        {"messages", 0, ARG_TEXT, &w.messages, "FILE", "a whole dialogue as JSON"},
        {"complete", 0, ARG_FLAG, &w.complete, NULL, "continue the prompt as plain text, without a chat template"},
        {"record", 0, ARG_TEXT, &w.record, "FILE", "keep answers there, and take those that it has"},
        {"temperature", 't', ARG_REAL, &w.params.temperature, "T", "0, the default: the likeliest tokens", 0, 100},
        {"top-p", 0, ARG_REAL, &w.params.top_p, "P", "draw among the likeliest tokens of this share", 0, 1},
        {"max-tokens", 'n', ARG_INT, &w.params.max_tokens, "N", "at most; default: as the model has it", 1, 1e7},
        {"seed", 0, ARG_INT, &w.params.seed, "N", "of the model's draws", 1, 1e15},
        {"logprobs", 0, ARG_INT, &w.params.logprobs, "K", "tell the K likeliest tokens at each place", 1, 100},
        {"stop", 0, ARG_LIST, &w.stop, "TEXT", "end before this text; may be repeated"},
        {"samples", 0, ARG_INT, &w.samples, "N", "ask so many times", 1, 1e5},
        {"stream", 0, ARG_FLAG, &w.stream, NULL, "print the answer while it is made"},
        {"dry-run", 0, ARG_FLAG, &w.dry, NULL, "say calls, tokens, seconds and money, and send nothing"},
        {"prices", 0, ARG_TEXT, &w.options.prices, "FILE", "what tokens cost (YAML)"},
        {"budget-tokens", 0, ARG_INT, &w.options.budget_tokens, "N", "stop before more tokens are used", 1, 1e15},
        {"budget-money", 0, ARG_REAL, &w.options.budget_money, "M", "stop before more is spent", 0, 1e9},
        {"concurrency", 0, ARG_INT, &w.options.concurrency, "N", "requests at once; default 4", 1, 256},
        {"timeout", 0, ARG_REAL, &w.options.timeout, "S", "seconds to wait for an answer; default 600", .001, 1e6},
        {"tries", 0, ARG_INT, &w.options.tries, "N", "of a request; default 6", 1, 100},
        {"key-variable", 0, ARG_TEXT, &w.options.key_variable, "NAME", "the environment variable that holds the key"},
        {"json", 0, ARG_FLAG, &w.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_lm_ask, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 0, 0, "no words");
    if (!e && !a.done) {
        signals_catch();
        e = work(&w);
    }
    text_list_free(&w.image);
    text_list_free(&w.stop);
    args_free(&a);
    return e;
}
