/* lorec lm chat-template: the prompt that a model would get for these messages. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/lm/commands.h"
#include "cli/print.h"
#include "data/readers.h"
#include "text/chat.h"

static lorec_err run(int argc, char **argv);
const command command_lm_chat_template = {
    .name = "lm chat-template",
    .summary = "print the prompt that a model's chat template makes of messages",
    .usage = "lorec lm chat-template --model MODEL [--messages FILE | --prompt TEXT] [--json]",
    .details =
        "MODEL is a folder with tokenizer_config.json or chat_template.jinja, such a file itself, a Jinja file, or "
        "the\n"
        "name of a built-in template: chatml, llama2, llama3, mistral, gemma, phi3, zephyr, deepseek, chatglm3,\n"
        "baichuan2, vicuna, alpaca, none. FILE holds a JSON list of messages, or an object with \"messages\", "
        "\"tools\"\n"
        "and further variables of the template. --json tells which bytes the template wrote and which the messages\n"
        "brought: special tokens are only ever taken from the first.",
    .examples = "  lorec lm chat-template --model chatml --prompt \"Five films like Alien?\"\n"
                "  lorec lm chat-template --model models/qwen --messages dialogue.json --set enable_thinking=false\n",
    .run = run,
};

typedef struct words {
    const char *model, *messages, *prompt, *date;
    text_list set;
    bool open, json;
} words;

/* {"messages": [...], "tools": ..., others}: from the file, or of the one prompt. */
static lorec_err request(const words *w, json_t **out)
{
    *out = NULL;
    if (!w->messages == !w->prompt) return err_set(LOREC_USAGE, "give --messages or --prompt, one of the two");
    if (w->prompt)
        *out = json_pack("{s:[{s:s, s:s}]}", "messages", "role", "user", "content", w->prompt);
    else
        TRY(json_read(out, w->messages));
    if (json_is_array(*out)) *out = json_pack("{s:o}", "messages", *out);
    return *out ? LOREC_OK : err_set(LOREC_INPUT, "the prompt is not valid UTF-8");
}

/* --set a=1: JSON where it is, a text otherwise. */
static lorec_err set_values(json_t *values, const text_list *set)
{
    for (size_t i = 0; i < set->n; i++) {
        slice rest = slice_of(set->item[i]), name = slice_cut(&rest, '=');
        if (name.p + name.n == rest.p) return err_set(LOREC_USAGE, "--set %s: NAME=VALUE is needed", set->item[i]);
        char key[128];
        snprintf(key, sizeof key, "%.*s", (int)name.n, name.p);
        json_t *v = json_loadb(rest.p, rest.n, JSON_DECODE_ANY, NULL);
        if (!v) v = json_stringn(rest.p, rest.n);
        if (!v || json_object_set_new(values, key, v) != 0)
            return err_set(LOREC_USAGE, "--set %s: not valid UTF-8", set->item[i]);
    }
    return LOREC_OK;
}

static json_t *as_json(const template_text *t)
{
    json_t *spans = json_array();
    for (size_t i = 0, at = 0; i < t->n_spans; at = t->span[i++].end)
        json_array_append_new(spans, json_pack("{s:s%, s:s}", "text", t->text.p + at, t->span[i].end - at, "from",
                                               t->span[i].from_template ? "template" : "values"));
    return json_pack("{s:i, s:s%, s:o}", "schema", 1, "text", t->text.p ? t->text.p : "", t->text.n, "spans", spans);
}

static lorec_err render(const words *w, json_t *values)
{
    chat_template *c = NULL;
    template_text text = {0};
    int64_t now;
    if (w->date && !parse_time(slice_of(w->date), &now))
        return err_set(LOREC_USAGE, "--date %s: seconds since 1970 or 2024-07-26 is needed", w->date);
    lorec_err e = set_values(values, &w->set);
    if (!e) e = chat_open(&c, w->model);
    if (!e)
        e = chat_render(c,
                        &(chat_input){.messages = json_object_get(values, "messages"),
                                      .tools = json_object_get(values, "tools"),
                                      .values = values,
                                      .add_generation_prompt = !w->open,
                                      .now = w->date ? &now : NULL},
                        &text);
    if (!e && w->json)
        e = print_json_object(as_json(&text));
    else if (!e)
        fwrite(text.text.p, 1, text.text.n, stdout);
    template_text_free(&text);
    chat_free(c);
    return e;
}

static lorec_err run(int argc, char **argv)
{
    words w = {0};
    const arg rows[] = {
        {"model", 'm', ARG_TEXT, &w.model, "MODEL", "a model's folder, a template file, or a built-in name"},
        {"messages", 0, ARG_TEXT, &w.messages, "FILE", "JSON: the messages, or an object that holds them"},
        {"prompt", 'p', ARG_TEXT, &w.prompt, "TEXT", "one message of the user"},
        {"set", 0, ARG_LIST, &w.set, "NAME=VALUE", "a variable of the template; may be repeated"},
        {"date", 0, ARG_TEXT, &w.date, "TIME", "what templates that tell the date take for now"},
        {"no-generation-prompt", 0, ARG_FLAG, &w.open, NULL, "do not begin the assistant's turn"},
        {"json", 0, ARG_FLAG, &w.json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_lm_chat_template, .rows = rows, .n = sizeof rows / sizeof *rows};
    json_t *values = NULL;
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 0, 0, "no words");
    if (!e && !a.done && !w.model) e = err_set(LOREC_USAGE, "--model is missing; see `lorec lm chat-template --help`");
    if (!e && !a.done) e = request(&w, &values);
    if (!e && !a.done) e = render(&w, values);
    json_decref(values);
    text_list_free(&w.set);
    args_free(&a);
    return e;
}
