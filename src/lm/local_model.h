/* local_model.h: a model on this disk to talk with: weights, tokenizer, chat template, and the ids that messages become.
 *
 *     local_model m;
 *     TRY(local_model_open(&m, "models/qwen3?weights=q8"));      // ?chat=NAME, weights=keep|f32|bf16|q8|q4,
 *                                                               // adapter=FOLDER (peft's), joined by &
 *     tokens ids = {0};
 *     TRY(local_model_chat_ids(&m, &(chat_input){.messages = messages, .add_generation_prompt = true}, &ids));
 *     local_model_close(&m);
 *
 * Special tokens in the ids come from the template alone: what a message says is data (text/chat.h).
 *
 * Ownership: a local_model owns its parts until local_model_close and never changes: threads may share it. */
#ifndef LOREC_LM_LOCAL_MODEL_H
#define LOREC_LM_LOCAL_MODEL_H

#include "lm/adapters/adapter.h"
#include "lm/lm_text.h"
#include "text/chat.h"

typedef struct local_model {
    char *path;
    lm_form form;
    lm_text *text;
    adapter *adapter;    /* to act on all that is read (a session's adapters); NULL: none */
    chat_template *chat; /* NULL: none */
    slice *special;      /* [n_special] what the template may write */
    int32_t *special_id;
    size_t n_special;
} local_model;

lorec_err local_model_open(local_model *m, const char *spec);
void local_model_close(local_model *m);
/* It continues texts. */
bool local_model_speaks(const local_model *m);
/* Appended. LOREC_USAGE: there is no template; LOREC_INPUT: it refuses the messages, or they make nothing. */
lorec_err local_model_chat_ids(const local_model *m, const chat_input *in, tokens *out);
/* Does the template write tools down? */
lorec_err local_model_knows_tools(const local_model *m, const chat_input *in, bool *out);

#endif
