/* chat_templates.h: chat templates by name, for models whose files bring none.
 *
 *     const chat_builtin *b = chat_builtin_find("chatml");
 *     b->source, b->bos, b->eos
 *
 * Ownership: everything is static. */
#ifndef LOREC_TEXT_CHAT_TEMPLATES_H
#define LOREC_TEXT_CHAT_TEMPLATES_H

typedef struct chat_builtin {
    const char *name, *bos, *eos;
    const char *source; /* NULL: no template, contents as they stand */
} chat_builtin;

const chat_builtin *chat_builtin_find(const char *name); /* NULL: there is none of that name */

#endif
