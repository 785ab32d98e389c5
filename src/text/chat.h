/* chat.h: messages as the one text that a model was tuned on, by its own chat template.
 *
 *     chat_template *c;
 *     TRY(chat_open(&c, "models/qwen"));                         // tokenizer_config.json, chat_template.jinja; or by name
 *     json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "Five films like Alien?");
 *     template_text text = {0};
 *     TRY(chat_render(c, &(chat_input){.messages = messages, .add_generation_prompt = true}, &text));
 *     TRY(chat_cut(&text, special, n_special, &pieces));         // what is text and which special tokens stand between
 *     template_text_free(&text);
 *     chat_free(c);
 *
 * What a message says is data: "<|im_end|>" in an item's title is eleven letters and signs, never the token, because a
 * special token is only taken from bytes that the template itself wrote. Roles count as the template's own if they are known
 * ones (system, user, assistant, tool ...); others are text like any other.
 *
 * Ownership: a chat_template owns its parts until chat_free; it is immutable and may be shared by threads. Pieces point into
 * the text they were cut from. */
#ifndef LOREC_TEXT_CHAT_H
#define LOREC_TEXT_CHAT_H

#include "text/template.h"

typedef struct chat_template {
    template *parsed; /* NULL: none, the messages' contents one after the other */
    json_t *tokens;   /* bos_token, eos_token ... : texts that count as the template's */
    char *name;
} chat_template;

/* From a model's folder (chat_template.jinja, or chat_template in tokenizer_config.json, the one named "default" where there
 * are several), from a file (.jinja, .j2, .json, .gguf), or by a built-in name (chat_names). LOREC_INPUT where a folder has none:
 * say which with a name. */
lorec_err chat_open(chat_template **out, const char *path_or_name);
/* From texts that are at hand (a GGUF's metadata): `tokens` is an object of special token texts, or NULL; not taken over. */
lorec_err chat_parse(chat_template **out, const char *source, size_t n, const json_t *tokens, const char *name);
void chat_free(chat_template *c);

/* Built-in templates, NULL-terminated: chatml, llama2, llama3, mistral, gemma, phi3, zephyr, deepseek, chatglm3, baichuan2,
 * vicuna, alpaca, none. */
extern const char *const chat_names[];

typedef struct chat_input {
    const json_t *messages;     /* [{"role", "content", ...}] */
    const json_t *tools;        /* as in OpenAI's API, or NULL */
    const json_t *values;       /* further variables of the template (enable_thinking ...), or NULL */
    bool add_generation_prompt; /* end where the assistant begins */
    const int64_t *now;         /* for templates that tell the date; NULL: they tell their own */
} chat_input;

lorec_err chat_render(const chat_template *c, const chat_input *in, template_text *out);

/* A stretch of the rendered text: a special token, or text in which none may be looked for. */
typedef struct chat_piece {
    const char *p;
    size_t n;
    int64_t special; /* its place in the list, or -1 */
} chat_piece;

typedef struct chat_pieces {
    chat_piece *piece;
    size_t n, cap;
} chat_pieces;

/* Cuts at every special token (the longest that fits, from the left) that the template wrote whole. Text between two cuts
 * is one piece, whoever wrote it, so that words that begin in the template and end in a message are tokenised as one. */
lorec_err chat_cut(const template_text *text, const slice *special, size_t n_special, chat_pieces *out);
void chat_pieces_free(chat_pieces *p);

#endif
