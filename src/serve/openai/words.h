/* openai_words.h: replies in OpenAI's words.
 *
 *     json_t *reply = openai_whole(&head, choices, usage);
 *
 * Ownership: trees that go in are taken over; what comes out is the caller's. NULL: out of memory. */
#ifndef LOREC_SERVE_OPENAI_WORDS_H
#define LOREC_SERVE_OPENAI_WORDS_H

#include "base/json.h"

typedef struct openai_head {
    bool chat;
    const char *id, *model;
    int64_t created;
} openai_head;

typedef struct openai_part { /* a choice, or what is new of it */
    int64_t index;
    slice text;
    json_t *rows;       /* log probabilities of its tokens (desk.h), or NULL */
    size_t *offset;     /* of completions: bytes told so far; counted on */
    json_t *calls;      /* tool calls, or NULL */
    const char *finish; /* NULL: it goes on */
    bool first;         /* a stream's first piece of it: says who speaks */
} openai_part;

json_t *openai_choice(const openai_head *h, openai_part *p);
json_t *openai_delta(const openai_head *h, openai_part *p);
json_t *openai_usage(int64_t prompt, int64_t completion);
json_t *openai_whole(const openai_head *h, json_t *choices, json_t *usage);
/* choices NULL: none (the chunk of the usage). usage NULL: the field is left out. */
json_t *openai_chunk(const openai_head *h, json_t *choices, json_t *usage);

#endif
