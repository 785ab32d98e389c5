#include "text/chat.h"

#include "base/mem.h"
#include "tensor/gguf.h"
#include "text/chat_templates.h"

/* ---- opening ------------------------------------------------------------------------------------------------------- */

lorec_err chat_parse(chat_template **out, const char *source, size_t n, const json_t *tokens, const char *name)
{
    chat_template *c = NULL;
    *out = NULL;
    TRY(mem_new(&c, 1));
    lorec_err e = mem_dup(&c->name, name);
    c->tokens = tokens ? json_deep_copy(tokens) : json_object();
    if (!e && !c->tokens) e = err_set(LOREC_RESOURCE, "%s: out of memory", name);
    if (!e && source) e = template_parse(&c->parsed, source, n, name, TEMPLATE_TRIM);
    if (e) {
        chat_free(c);
        return e;
    }
    *out = c;
    return LOREC_OK;
}

void chat_free(chat_template *c)
{
    if (!c) return;
    template_free(c->parsed);
    json_decref(c->tokens);
    mem_free(c->name);
    mem_free(c);
}

static lorec_err open_builtin(chat_template **out, const chat_builtin *b)
{
    json_t *tokens = json_pack("{s:s, s:s}", "bos_token", b->bos, "eos_token", b->eos);
    if (!tokens) return err_set(LOREC_RESOURCE, "out of memory");
    lorec_err e = chat_parse(out, b->source, b->source ? strlen(b->source) : 0, tokens, b->name);
    json_decref(tokens);
    return e;
}

/* bos_token and its like: a string, or an object with the string in "content". */
static json_t *token_texts(const json_t *config)
{
    json_t *tokens = json_object(), *v;
    const char *key;
    json_object_foreach((json_t *)config, key, v)
    {
        size_t n = strlen(key);
        if (n < 6 || strcmp(key + n - 6, "_token") != 0) continue;
        if (json_is_object(v)) v = json_object_get(v, "content");
        if (json_is_string(v)) json_object_set(tokens, key, v);
    }
    return tokens;
}

/* chat_template: a text, or [{"name", "template"}] of which "default" is taken, or the only one. */
static const json_t *named_template(const json_t *v)
{
    if (json_is_array(v)) {
        const json_t *only = json_array_size(v) == 1 ? json_array_get(v, 0) : NULL;
        for (size_t i = 0; i < json_array_size(v); i++) {
            const char *name = json_string_value(json_object_get(json_array_get(v, i), "name"));
            if (name && strcmp(name, "default") == 0) only = json_array_get(v, i);
        }
        v = json_object_get(only, "template");
    }
    return json_is_string(v) ? v : NULL;
}

static lorec_err no_template(const char *name)
{
    return err_set(LOREC_INPUT, "%s: the model brings no chat template; name one (chatml, llama3, ... or none)", name);
}

static lorec_err from_config(chat_template **out, const json_t *config, const buf *jinja, const char *name)
{
    json_t *tokens = token_texts(config);
    const json_t *v = named_template(json_object_get(config, "chat_template"));
    lorec_err e;
    if (jinja->n)
        e = chat_parse(out, jinja->p, jinja->n, tokens, name);
    else if (v)
        e = chat_parse(out, json_string_value(v), json_string_length(v), tokens, name);
    else
        e = no_template(name);
    json_decref(tokens);
    return e;
}

static lorec_err open_folder(chat_template **out, const char *folder)
{
    buf path = {0}, jinja = {0};
    json_t *config = NULL;
    lorec_err e = path_join(&path, folder, "chat_template.jinja");
    if (!e && file_exists(path.p)) e = file_read(&jinja, path.p, 1 << 22);
    if (!e) e = path_join(&path, folder, "tokenizer_config.json");
    if (!e && file_exists(path.p)) e = json_read(&config, path.p);
    if (!e) e = from_config(out, config, &jinja, folder);
    json_decref(config);
    buf_free(&path);
    buf_free(&jinja);
    return e;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

/* The text of the token that a GGUF's key numbers, as a field of `tokens`. */
static void gguf_token(const gguf *g, const char *key, const char *field, json_t *tokens)
{
    gguf_strings all;
    int64_t id;
    slice text = {0};
    if (gguf_get_i64_or(g, key, 0, INT32_MAX, -1, &id) || id < 0) return;
    if (gguf_get_strings(g, "tokenizer.ggml.tokens", &all) || id >= (int64_t)all.n) return;
    for (int64_t i = 0; i <= id && gguf_strings_next(&all, &text); i++) continue;
    json_object_set_new(tokens, field, json_stringn(text.p, text.n));
}

static lorec_err open_gguf(chat_template **out, const char *path)
{
    gguf g;
    slice source;
    TRY(gguf_open(&g, path));
    json_t *tokens = json_object();
    gguf_token(&g, "tokenizer.ggml.bos_token_id", "bos_token", tokens);
    gguf_token(&g, "tokenizer.ggml.eos_token_id", "eos_token", tokens);
    lorec_err e = gguf_find(&g, "tokenizer.chat_template") ? gguf_get_string(&g, "tokenizer.chat_template", &source)
                                                           : no_template(path);
    if (!e) e = chat_parse(out, source.p, source.n, tokens, path);
    json_decref(tokens);
    gguf_close(&g);
    return e;
}

static lorec_err open_file(chat_template **out, const char *path)
{
    buf text = {0};
    json_t *config = NULL;
    lorec_err e;
    if (ends_with(path, ".gguf")) return open_gguf(out, path);
    if (ends_with(path, ".json")) {
        e = json_read(&config, path);
        if (!e) e = from_config(out, config, &text, path);
    } else {
        e = file_read(&text, path, 1 << 22);
        if (!e) e = chat_parse(out, text.p ? text.p : "", text.n, NULL, path);
    }
    json_decref(config);
    buf_free(&text);
    return e;
}

lorec_err chat_open(chat_template **out, const char *path_or_name)
{
    *out = NULL;
    if (folder_exists(path_or_name)) return open_folder(out, path_or_name);
    const chat_builtin *b = chat_builtin_find(path_or_name);
    if (b) return open_builtin(out, b);
    if (file_exists(path_or_name)) return open_file(out, path_or_name);
    size_t n = 0;
    while (chat_names[n]) n++;
    const char *near = err_nearest(path_or_name, chat_names, n);
    return err_set(LOREC_USAGE, "%s: neither a folder, a file nor the name of a chat template%s%s%s", path_or_name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* ---- rendering ----------------------------------------------------------------------------------------------------- */

static bool known_role(const char *role)
{
    static const char *const known[] = {"system",   "user",    "assistant",   "tool",  "developer",
                                        "function", "ipython", "observation", "model", NULL};
    for (size_t i = 0; known[i]; i++) {
        if (strcmp(role, known[i]) == 0) return true;
    }
    return false;
}

static lorec_err check(const chat_input *in)
{
    if (!json_is_array(in->messages)) return err_set(LOREC_INPUT, "messages have to be a list");
    for (size_t i = 0; i < json_array_size(in->messages); i++) {
        const json_t *m = json_array_get(in->messages, i);
        if (!json_is_object(m)) return err_set(LOREC_INPUT, "message %zu has to be an object", i);
        if (!json_is_string(json_object_get(m, "role")))
            return err_set(LOREC_INPUT, "message %zu: \"role\" has to be a text", i);
    }
    return LOREC_OK;
}

/* Without a template: what the messages say, one after the other. */
static lorec_err plainly(const chat_input *in, template_text *out)
{
    buf_clear(&out->text);
    out->n_spans = 0;
    for (size_t i = 0; i < json_array_size(in->messages); i++) {
        const json_t *content = json_object_get(json_array_get(in->messages, i), "content");
        if (json_is_string(content)) {
            TRY(buf_add(&out->text, json_string_value(content), json_string_length(content)));
            continue;
        }
        for (size_t k = 0; k < json_array_size(content); k++) {
            const json_t *text = json_object_get(json_array_get(content, k), "text");
            if (json_is_string(text)) TRY(buf_add(&out->text, json_string_value(text), json_string_length(text)));
        }
    }
    if (out->text.n == 0) return buf_add(&out->text, "", 0);
    TRY(mem_grow(&out->span, &out->span_cap, 1));
    out->span[out->n_spans++] = (template_span){out->text.n, false};
    return LOREC_OK;
}

lorec_err chat_render(const chat_template *c, const chat_input *in, template_text *out)
{
    lorec_err e = check(in);
    if (e) return err_context(e, "%s", c->name);
    if (!c->parsed) return plainly(in, out);
    json_t *values = in->values ? json_copy((json_t *)in->values) : json_object();
    if (!values) return err_set(LOREC_RESOURCE, "out of memory");
    json_object_set(values, "messages", (json_t *)in->messages);
    static const char *const none[] = {"tools", "documents"}; /* transformers defines them, as None */
    for (size_t i = 0; i < 2; i++)
        if (!json_object_get(values, none[i])) json_object_set_new(values, none[i], json_null());
    if (in->tools) json_object_set(values, "tools", (json_t *)in->tools);
    json_object_set_new(values, "add_generation_prompt", json_boolean(in->add_generation_prompt));
    e = template_render(
        c->parsed, &(template_values){.values = values, .trusted = c->tokens, .now = in->now, .is_own = known_role},
        out);
    json_decref(values);
    return e;
}

/* ---- special tokens ------------------------------------------------------------------------------------------------ */

static lorec_err add_piece(chat_pieces *out, const char *p, size_t n, int64_t special)
{
    if (n == 0) return LOREC_OK;
    TRY(mem_grow(&out->piece, &out->cap, out->n + 1));
    out->piece[out->n++] = (chat_piece){p, n, special};
    return LOREC_OK;
}

/* Special tokens by their first byte, the longest first: few texts begin with it, so that the search is quick. */
typedef struct finder {
    const slice *special;
    size_t *order;
    size_t start[257];
} finder;

static lorec_err finder_make(finder *f, const slice *special, size_t n)
{
    size_t at[256];
    f->special = special;
    TRY(mem_new(&f->order, n));
    for (size_t i = 0; i < n; i++)
        if (special[i].n) f->start[(unsigned char)special[i].p[0] + 1]++;
    for (size_t b = 0; b < 256; b++) {
        f->start[b + 1] += f->start[b];
        at[b] = f->start[b];
    }
    for (size_t i = 0; i < n; i++) {
        if (!special[i].n) continue;
        size_t first = (unsigned char)special[i].p[0], k = at[first]++;
        for (; k > f->start[first] && special[f->order[k - 1]].n < special[i].n; k--) f->order[k] = f->order[k - 1];
        f->order[k] = i;
    }
    return LOREC_OK;
}

static int64_t special_at(const finder *f, const char *p, size_t n)
{
    size_t first = (unsigned char)*p;
    for (size_t k = f->start[first]; k < f->start[first + 1]; k++) {
        const slice *s = &f->special[f->order[k]];
        if (s->n <= n && memcmp(s->p, p, s->n) == 0) return (int64_t)f->order[k];
    }
    return -1;
}

lorec_err chat_cut(const template_text *text, const slice *special, size_t n_special, chat_pieces *out)
{
    finder f = {0};
    size_t begin = 0, at = 0;
    out->n = 0;
    lorec_err e = finder_make(&f, special, n_special);
    for (size_t s = 0; s < text->n_spans && !e; s++) {
        size_t end = text->span[s].end;
        if (!text->span[s].from_template) {
            at = end;
            continue;
        }
        while (at < end && !e) {
            int64_t hit = special_at(&f, text->text.p + at, end - at);
            if (hit < 0) {
                at++;
                continue;
            }
            e = add_piece(out, text->text.p + begin, at - begin, -1);
            if (!e) e = add_piece(out, text->text.p + at, special[hit].n, hit);
            at += special[hit].n;
            begin = at;
        }
    }
    if (!e) e = add_piece(out, text->text.p + begin, text->text.n - begin, -1);
    mem_free(f.order);
    return e;
}

void chat_pieces_free(chat_pieces *p)
{
    mem_free(p->piece);
    *p = (chat_pieces){0};
}
