/* openai_messages.h: the messages and tools of a chat, checked, and tool calls found in what a model wrote.
 *
 *     json_t *messages;
 *     TRY(openai_messages(x, body_messages, &messages));      // roles known, contents one text each, arguments as trees
 *     json_t *calls = openai_tool_calls(text, n, &rest);       // NULL: there are none
 *
 * Ownership: trees are the caller's. */
#ifndef LOREC_SERVE_OPENAI_MESSAGES_H
#define LOREC_SERVE_OPENAI_MESSAGES_H

#include "serve/http/exchange.h"

lorec_err openai_messages(exchange *x, const json_t *in, json_t **out);
lorec_err openai_check_tool(exchange *x, const json_t *tool, size_t i);

/* <tool_call>{"name", "arguments"}</tool_call>, [TOOL_CALLS] [...], or nothing but such an object or list ("parameters" is
 * taken for "arguments"): [{"id", "type", "function": {"name", "arguments": text}}]. `rest`: what stands before the calls. */
json_t *openai_tool_calls(slice text, const char *id, slice *rest);
/* Could a text that begins so still become a call? Its pieces are held back then. */
bool openai_may_call(slice text);

#endif
