#include "base/mem.h"
#include "lm/train/corpus_parts.h"

void corpus_free(corpus *c)
{
    mem_free(c->token);
    mem_free(c->learn);
    mem_free(c->start);
    *c = (corpus){0};
}

int64_t corpus_learned(const corpus *c, int64_t i)
{
    int64_t sum = 0;
    for (int64_t at = c->start[i] + 1; at < c->start[i + 1]; at++) sum += c->learn[at];
    return sum;
}

lorec_err corpus_put(corpus *c, const int32_t *token, const uint8_t *learn, int64_t n)
{
    int64_t at = c->n ? c->start[c->n] : 0;
    TRY(mem_grow(&c->token, &c->cap[0], (size_t)(at + n)));
    TRY(mem_grow(&c->learn, &c->cap[1], (size_t)(at + n)));
    TRY(mem_grow(&c->start, &c->cap[2], (size_t)c->n + 2));
    memcpy(c->token + at, token, (size_t)n * sizeof *token);
    for (int64_t i = 0; i < n; i++) c->learn[at + i] = learn ? learn[i] != 0 : 1;
    c->start[c->n] = at;
    c->start[++c->n] = at + n;
    c->learned += corpus_learned(c, c->n - 1);
    if (n > c->longest) c->longest = n;
    return LOREC_OK;
}

lorec_err corpus_add(corpus *c, const int32_t *token, const uint8_t *learn, int64_t n)
{
    bool any = !learn && n > 1;
    for (int64_t i = 1; i < n && !any; i++) any = learn[i] != 0;
    return any ? corpus_put(c, token, learn, n) : LOREC_OK;
}

lorec_err corpus_split(corpus *c, corpus *other, double share)
{
    corpus rest = {0};
    lorec_err e = LOREC_OK;
    double due = 0;
    for (int64_t i = 0; i < c->n && !e; i++) {
        due += share;
        corpus *to = due >= 1 ? other : &rest;
        if (due >= 1) due -= 1;
        e = corpus_add(to, c->token + c->start[i], c->learn + c->start[i], c->start[i + 1] - c->start[i]);
    }
    if (e) {
        corpus_free(&rest);
        return e;
    }
    corpus_free(c);
    *c = rest;
    return LOREC_OK;
}

/* ---- texts ------------------------------------------------------------------------------------------------------------- */

lorec_err corpus_put_text(corpus_reading *r, slice text, unsigned flags, bool learn)
{
    size_t before = r->ids.n;
    TRY(tokenizer_encode(r->t, text, flags, &r->ids));
    TRY(mem_grow(&r->learn, &r->learn_cap, r->ids.n + 1));
    memset(r->learn + before, learn, r->ids.n - before);
    return LOREC_OK;
}

lorec_err corpus_put_special(corpus_reading *r, int32_t id, bool learn)
{
    if (id < 0) return LOREC_OK;
    TRY(tokens_add(&r->ids, id));
    TRY(mem_grow(&r->learn, &r->learn_cap, r->ids.n + 1));
    r->learn[r->ids.n - 1] = learn;
    return LOREC_OK;
}

static lorec_err plain_text(void *ctx, slice text)
{
    corpus_reading *r = ctx;
    r->ids.n = 0;
    TRY(corpus_put_special(r, tokenizer_special(r->t, TOKENIZER_BOS), true));
    TRY(corpus_put_text(r, text, TOKENIZER_PLAIN, true));
    TRY(corpus_put_special(r, tokenizer_special(r->t, TOKENIZER_EOS), true));
    for (int64_t at = 0, n = (int64_t)r->ids.n; at < n; at += r->context)
        TRY(corpus_add(r->c, r->ids.id + at, NULL, n - at < r->context ? n - at : r->context));
    return LOREC_OK;
}

/* Where it is too long, its first tokens go, but none that is learned. */
lorec_err corpus_put_answer(corpus_reading *r, corpus *to)
{
    int64_t n = (int64_t)r->ids.n, over = n > r->context ? n - r->context : 0;
    for (int64_t i = 0; i <= over && over; i++)
        if (r->learn[i])
            return err_set(LOREC_INPUT, "an answer of more tokens than the context of %lld; make that longer",
                           (long long)r->context);
    return corpus_add(to, r->ids.id + over, r->learn + over, n - over);
}

lorec_err corpus_prompt_and_answer(corpus_reading *r, const char *prompt, const char *answer, corpus *to)
{
    r->ids.n = 0;
    TRY(corpus_put_special(r, tokenizer_special(r->t, TOKENIZER_BOS), false));
    TRY(corpus_put_text(r, slice_of(prompt), TOKENIZER_PLAIN, false));
    TRY(corpus_put_text(r, slice_of(answer), TOKENIZER_PLAIN, true));
    TRY(corpus_put_special(r, tokenizer_special(r->t, TOKENIZER_EOS), true));
    return corpus_put_answer(r, to);
}

/* ---- conversations ------------------------------------------------------------------------------------------------------- */

/* The special tokens as texts, so that chat_cut can find those that the template writes. */
typedef struct specials {
    slice *text;
    int32_t *id;
    size_t n, text_cap, id_cap;
} specials;

static lorec_err specials_of(const tokenizer *t, specials *s)
{
    for (size_t i = 0; i < tokenizer_size(t); i++) {
        slice piece = tokenizer_piece(t, (int32_t)i);
        if (!tokenizer_is_special(t, (int32_t)i) || !piece.p || !piece.n) continue;
        TRY(mem_grow(&s->text, &s->text_cap, s->n + 1));
        TRY(mem_grow(&s->id, &s->id_cap, s->n + 1));
        s->text[s->n] = piece;
        s->id[s->n++] = (int32_t)i;
    }
    return LOREC_OK;
}

static lorec_err put_pieces(corpus_reading *r, const specials *s, const template_text *text, size_t from)
{
    chat_pieces pieces = {0};
    r->ids.n = 0;
    lorec_err e = chat_cut(text, s->text, s->n, &pieces);
    for (size_t i = 0; i < pieces.n && !e; i++) {
        const chat_piece *p = &pieces.piece[i];
        e = p->special >= 0 ? corpus_put_special(r, s->id[p->special], false)
                            : corpus_put_text(r, (slice){p->p, p->n}, TOKENIZER_PLAIN, false);
    }
    for (size_t i = from; i < r->ids.n && !e; i++) r->learn[i] = 1;
    chat_pieces_free(&pieces);
    return e;
}

/* Message m of the assistant is learned: what comes after the conversation up to it, as the template writes both. One sequence
 * an answer, so that a template may write earlier turns as it likes. */
static lorec_err one_answer(corpus_reading *r, const specials *s, const json_t *messages, size_t m)
{
    json_t *before = json_array(), *with = json_array();
    template_text prompt = {0}, whole = {0};
    lorec_err e = before && with ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a conversation");
    for (size_t i = 0; i <= m && !e; i++) {
        json_t *one = json_array_get(messages, i);
        if ((i < m && json_array_append(before, one)) || json_array_append(with, one)) e = LOREC_RESOURCE;
    }
    if (!e) e = chat_render(r->chat, &(chat_input){.messages = before, .add_generation_prompt = true}, &prompt);
    if (!e) e = chat_render(r->chat, &(chat_input){.messages = with}, &whole);
    if (!e) e = put_pieces(r, s, &prompt, SIZE_MAX);
    size_t from = r->ids.n;
    if (!e) e = put_pieces(r, s, &whole, from);
    if (!e) e = corpus_put_answer(r, r->c);
    template_text_free(&prompt);
    template_text_free(&whole);
    json_decref(before);
    json_decref(with);
    return e;
}

static lorec_err conversation(corpus_reading *r, const json_t *messages)
{
    if (!r->chat) return err_set(LOREC_INPUT, "\"messages\" need the model's chat template, and it has none");
    specials s = {0};
    lorec_err e = specials_of(r->t, &s);
    for (size_t m = 0; m < json_array_size(messages) && !e; m++) {
        const char *role;
        e = json_get_string(json_array_get(messages, m), "role", &role);
        if (!e && strcmp(role, "assistant") == 0) e = one_answer(r, &s, messages, m);
    }
    mem_free(s.text);
    mem_free(s.id);
    return e;
}

/* ---- lines of objects ------------------------------------------------------------------------------------------------- */

static lorec_err json_line(void *ctx, const json_t *line)
{
    corpus_reading *r = ctx;
    const char *text, *answer;
    const json_t *messages = json_object_get(line, "messages");
    if (json_is_array(messages)) return conversation(r, messages);
    if (json_object_get(line, "prompt")) {
        TRY(json_get_string(line, "prompt", &text));
        TRY(json_get_string(line, "answer", &answer));
        return corpus_prompt_and_answer(r, text, answer, r->c);
    }
    if (!json_object_get(line, "text"))
        return err_set(LOREC_INPUT,
                       "an object with \"text\", with \"prompt\" and \"answer\", or with \"messages\" is needed");
    TRY(json_get_string(line, "text", &text));
    return plain_text(r, slice_of(text));
}

lorec_err corpus_read(corpus *c, const tokenizer *t, const chat_template *chat, int64_t context, const char *path)
{
    if (context < 2) return err_set(LOREC_USAGE, "a context of %lld tokens; at least 2 are needed", (long long)context);
    corpus_reading r = {.c = c, .t = t, .chat = chat, .context = context};
    lorec_err e = corpus_walk(path, &(corpus_visitor){json_line, plain_text, &r});
    corpus_reading_free(&r);
    return e;
}

void corpus_reading_free(corpus_reading *r)
{
    tokens_free(&r->ids);
    mem_free(r->learn);
}
