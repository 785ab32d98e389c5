/* prompt.h: the prompts of a method: templates in its folder (prompts/NAME.j2), built into the library, filled with values.
 *
 *     prompt *p;
 *     TRY(prompt_open(&p, "llmrank/prompts/rank.j2"));
 *     json_t *values = json_pack("{s:o, s:o}", "history", titles, "candidates", others);
 *     TRY(prompt_fill(p, values, &text));                     // text.p: replaced; titles are data, never template
 *     json_t *messages = prompt_user(text.p);                // [{"role": "user", "content": ...}]
 *     prompt_free(p);
 *
 * Ownership: a prompt owns its template, is immutable and may be shared by threads. */
#ifndef LOREC_RECIPES_PROMPT_H
#define LOREC_RECIPES_PROMPT_H

#include "base/json.h"

typedef struct prompt prompt;
lorec_err prompt_open(prompt **out,
                      const char *name); /* LOREC_USAGE: no such file; LOREC_INPUT: no template, with the line */
void prompt_free(prompt *p);
lorec_err prompt_fill(const prompt *p, const json_t *values, buf *text);
json_t *prompt_user(const char *text); /* one message of the user; NULL: out of memory */

#endif
