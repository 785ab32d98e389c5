/* messages.h: dialogues as OpenAI's API has them, made part by part.
 *
 *     json_t *d = json_array();
 *     TRY(message_add(d, "system", "You rank films."));
 *     TRY(message_add(d, "user", prompt));
 *     TRY(message_add_image(d, "poster.png"));                  // to the last message, as a data: URL
 *     TRY(message_add_tool_call(d, "call-1", "find", arguments));
 *     TRY(message_add_tool_result(d, "call-1", "find", "3 films"));
 *
 * Ownership: the dialogue is the caller's; texts are copied into it. LOREC_INPUT for a text that is not valid UTF-8. */
#ifndef LOREC_LM_MESSAGES_H
#define LOREC_LM_MESSAGES_H

#include "base/json.h"

lorec_err message_add(json_t *dialogue, const char *role, const char *text);
lorec_err message_add_text(json_t *dialogue, const char *text);  /* one more part of the last message */
lorec_err message_add_image(json_t *dialogue, const char *path); /* png, jpeg, webp or gif, 20 MiB at most */
lorec_err message_add_image_url(json_t *dialogue, const char *url);
lorec_err message_add_tool_call(json_t *dialogue, const char *id, const char *name, const json_t *arguments);
lorec_err message_add_tool_result(json_t *dialogue, const char *id, const char *name, const char *text);

#endif
