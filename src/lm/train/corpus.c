#include "lm/train/corpus.h"

#include "base/mem.h"

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

lorec_err corpus_add(corpus *c, const int32_t *token, const uint8_t *learn, int64_t n)
{
    if (n < 2) return LOREC_OK;
    int64_t at = c->n ? c->start[c->n] : 0;
    TRY(mem_grow(&c->token, &c->cap[0], (size_t)(at + n)));
    TRY(mem_grow(&c->learn, &c->cap[1], (size_t)(at + n)));
    TRY(mem_grow(&c->start, &c->cap[2], (size_t)c->n + 2));
    memcpy(c->token + at, token, (size_t)n * sizeof *token);
    for (int64_t i = 0; i < n; i++) c->learn[at + i] = learn ? learn[i] != 0 : 1;
    c->start[c->n] = at;
    c->start[++c->n] = at + n;
    int64_t learned = corpus_learned(c, c->n - 1);
    if (learned == 0) c->n--; /* nothing to say */
    c->learned += learned;
    if (learned && n > c->longest) c->longest = n;
    return LOREC_OK;
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

typedef struct reading {
    corpus *c;
    const tokenizer *t;
    const chat_template *chat;
    int64_t context;
    tokens ids; /* of the example at hand */
    uint8_t *learn;
    size_t learn_cap;
} reading;

/* Appends a text whose tokens are all learned, or none. */
static lorec_err put(reading *r, slice text, bool learn)
{
    size_t before = r->ids.n;
    TRY(tokenizer_encode(r->t, text, TOKENIZER_PLAIN, &r->ids));
    TRY(mem_grow(&r->learn, &r->learn_cap, r->ids.n + 1));
    memset(r->learn + before, learn, r->ids.n - before);
    return LOREC_OK;
}

static lorec_err put_special(reading *r, int32_t id, bool learn)
{
    if (id < 0) return LOREC_OK;
    TRY(tokens_add(&r->ids, id));
    TRY(mem_grow(&r->learn, &r->learn_cap, r->ids.n + 1));
    r->learn[r->ids.n - 1] = learn;
    return LOREC_OK;
}

static lorec_err plain_text(reading *r, slice text)
{
    r->ids.n = 0;
    TRY(put_special(r, tokenizer_special(r->t, TOKENIZER_BOS), true));
    TRY(put(r, text, true));
    TRY(put_special(r, tokenizer_special(r->t, TOKENIZER_EOS), true));
    for (int64_t at = 0, n = (int64_t)r->ids.n; at < n; at += r->context)
        TRY(corpus_add(r->c, r->ids.id + at, NULL, n - at < r->context ? n - at : r->context));
    return LOREC_OK;
}

/* What is in r->ids as one sequence; where it is too long, its first tokens go, but none that is learned. */
static lorec_err one_sequence(reading *r)
{
    int64_t n = (int64_t)r->ids.n, over = n > r->context ? n - r->context : 0;
    for (int64_t i = 0; i <= over && over; i++)
        if (r->learn[i])
            return err_set(LOREC_INPUT, "an answer of more tokens than the context of %lld; make that longer",
                           (long long)r->context);
    return corpus_add(r->c, r->ids.id + over, r->learn + over, n - over);
}

static lorec_err prompt_and_answer(reading *r, const char *prompt, const char *answer)
{
    r->ids.n = 0;
    TRY(put_special(r, tokenizer_special(r->t, TOKENIZER_BOS), false));
    TRY(put(r, slice_of(prompt), false));
    TRY(put(r, slice_of(answer), true));
    TRY(put_special(r, tokenizer_special(r->t, TOKENIZER_EOS), true));
    return one_sequence(r);
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

static lorec_err put_pieces(reading *r, const specials *s, const template_text *text, size_t from)
{
    chat_pieces pieces = {0};
    r->ids.n = 0;
    lorec_err e = chat_cut(text, s->text, s->n, &pieces);
    for (size_t i = 0; i < pieces.n && !e; i++) {
        const chat_piece *p = &pieces.piece[i];
        e = p->special >= 0 ? put_special(r, s->id[p->special], false) : put(r, (slice){p->p, p->n}, false);
    }
    for (size_t i = from; i < r->ids.n && !e; i++) r->learn[i] = 1;
    chat_pieces_free(&pieces);
    return e;
}

/* Message m of the assistant is learned: what comes after the conversation up to it, as the template writes both. One sequence
 * an answer, so that a template may write earlier turns as it likes. */
static lorec_err one_answer(reading *r, const specials *s, const json_t *messages, size_t m)
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
    if (!e) e = one_sequence(r);
    template_text_free(&prompt);
    template_text_free(&whole);
    json_decref(before);
    json_decref(with);
    return e;
}

static lorec_err conversation(reading *r, const json_t *messages)
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

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

static lorec_err json_line(reading *r, const json_t *line)
{
    const char *text, *answer;
    const json_t *messages = json_object_get(line, "messages");
    if (json_is_array(messages)) return conversation(r, messages);
    if (json_object_get(line, "prompt")) {
        TRY(json_get_string(line, "prompt", &text));
        TRY(json_get_string(line, "answer", &answer));
        return prompt_and_answer(r, text, answer);
    }
    if (!json_object_get(line, "text"))
        return err_set(LOREC_INPUT,
                       "an object with \"text\", with \"prompt\" and \"answer\", or with \"messages\" is needed");
    TRY(json_get_string(line, "text", &text));
    return plain_text(r, slice_of(text));
}

static lorec_err read_jsonl(reading *r, const char *path)
{
    lines l;
    slice line;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        if (slice_trim(line).n == 0) continue;
        json_t *tree;
        char where[64];
        snprintf(where, sizeof where, "line %zu", l.number);
        e = json_parse(&tree, line.p, line.n, where);
        if (!e) {
            e = json_line(r, tree);
            if (e) e = err_context(e, "line %zu", l.number);
            json_decref(tree);
        }
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

static lorec_err read_text(reading *r, const char *path)
{
    lines l;
    slice line;
    buf all = {0};
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        e = buf_add(&all, line.p, line.n);
        if (!e) e = buf_add(&all, "\n", 1);
    }
    lorec_err closed = lines_close(&l);
    if (!e) e = closed;
    if (!e && all.n) e = plain_text(r, (slice){all.p, all.n});
    buf_free(&all);
    return e;
}

static bool is_jsonl(const char *path)
{
    size_t n = strlen(path);
    static const char *const ends[] = {".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t m = strlen(ends[i]);
        if (n >= m && strcmp(path + n - m, ends[i]) == 0) return true;
    }
    return false;
}

static lorec_err read_file(reading *r, const char *path)
{
    lorec_err e = is_jsonl(path) ? read_jsonl(r, path) : read_text(r, path);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

static lorec_err read_folder(reading *r, const char *path)
{
    char **names;
    size_t n;
    buf file = {0};
    TRY(folder_list(path, &names, &n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        e = path_join(&file, path, names[i]);
        if (!e && !folder_exists(file.p)) e = read_file(r, file.p);
    }
    buf_free(&file);
    names_free(names, n);
    return e;
}

lorec_err corpus_read(corpus *c, const tokenizer *t, const chat_template *chat, int64_t context, const char *path)
{
    if (context < 2) return err_set(LOREC_USAGE, "a context of %lld tokens; at least 2 are needed", (long long)context);
    reading r = {.c = c, .t = t, .chat = chat, .context = context};
    lorec_err e = folder_exists(path) ? read_folder(&r, path) : read_file(&r, path);
    tokens_free(&r.ids);
    mem_free(r.learn);
    return e;
}
