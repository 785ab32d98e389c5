/* tokenizer_config.json, special_tokens_map.json and added_tokens.json beside a vocabulary. */
#include "text/tokenizer/parts.h"

/* A token is named by its text or by {"content": text, ...}. */
static const json_t *content_of(const json_t *token)
{
    const json_t *content = json_is_object(token) ? json_object_get(token, "content") : token;
    return json_is_string(content) ? content : NULL;
}

static slice text_of(const json_t *text)
{
    return (slice){json_string_value(text), json_string_length(text)};
}

static lorec_err read_flags(added_token *a, const json_t *row)
{
    TRY(json_get_bool_or(row, "special", a->special, &a->special));
    TRY(json_get_bool_or(row, "single_word", false, &a->single_word));
    TRY(json_get_bool_or(row, "lstrip", false, &a->strip_left));
    TRY(json_get_bool_or(row, "rstrip", false, &a->strip_right));
    return json_get_bool_or(row, "normalized", !a->special, &a->normalized);
}

static const added_token *find_added(const tokenizer *t, slice text)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].text.n == text.n && memcmp(t->added[i].text.p, text.p, text.n) == 0) return &t->added[i];
    return NULL;
}

/* {"151643": {"content": "<|endoftext|>", ...}, ...} */
static lorec_err read_decoder(tokenizer *t, json_t *rows)
{
    const char *key;
    json_t *row;
    t->vocabulary.expected = t->vocabulary.texts.n + json_object_size(rows);
    json_object_foreach(rows, key, row)
    {
        int64_t id;
        const json_t *content = content_of(row);
        if (!slice_to_i64(slice_of(key), &id) || id < 0 || id > INT32_MAX || !content)
            return err_set(LOREC_INPUT, "added_tokens_decoder: \"%.40s\" is not an id with a \"content\"", key);
        added_token a = {.id = (int32_t)id};
        TRY(read_flags(&a, row));
        if (!find_added(t, text_of(content))) TRY(tokenizer_add(t, a, text_of(content)));
    }
    return LOREC_OK;
}

/* Tokens that settings name as special are special even where the vocabulary does not know that. */
static lorec_err read_special(tokenizer *t, const json_t *token)
{
    const json_t *content = content_of(token);
    int32_t id;
    if (!content || find_added(t, text_of(content)) || !vocabulary_find(&t->vocabulary, text_of(content), &id))
        return LOREC_OK;
    added_token a = {.id = id, .special = true};
    if (json_is_object(token)) TRY(read_flags(&a, token));
    a.special = true;
    return tokenizer_add(t, a, text_of(content));
}

static lorec_err read_roles(tokenizer *t, const json_t *tree)
{
    for (int r = 0; r < TOKENIZER_ROLES; r++) {
        const json_t *token = json_object_get(tree, tokenizer_role_names[r]), *content = content_of(token);
        if (!content) continue;
        TRY(read_special(t, token));
        tokenizer_set_role(t, (tokenizer_role)r, text_of(content));
    }
    const json_t *more = json_object_get(tree, "additional_special_tokens"), *one;
    size_t i;
    json_array_foreach(more, i, one) TRY(read_special(t, one));
    return LOREC_OK;
}

/* {"<mask>": 32000, ...}: tokens of slow tokenizers. */
static lorec_err read_added_tokens(tokenizer *t, json_t *tree)
{
    const char *key;
    json_t *id;
    t->vocabulary.expected = t->vocabulary.texts.n + json_object_size(tree);
    json_object_foreach(tree, key, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
            return err_set(LOREC_INPUT, "the id of \"%.60s\" is not a whole number from 0 on", key);
        if (find_added(t, slice_of(key))) continue;
        TRY(tokenizer_add(t, (added_token){.id = (int32_t)json_integer_value(id)}, slice_of(key)));
    }
    return LOREC_OK;
}

static lorec_err read_config(tokenizer *t, json_t *tree)
{
    if (json_is_object(json_object_get(tree, "added_tokens_decoder")))
        TRY(read_decoder(t, json_object_get(tree, "added_tokens_decoder")));
    TRY(read_roles(t, tree));
    TRY(json_get_bool_or(tree, "add_bos_token", t->add_bos, &t->add_bos));
    return json_get_bool_or(tree, "add_eos_token", t->add_eos, &t->add_eos);
}

static lorec_err read_map(tokenizer *t, json_t *tree)
{
    return read_roles(t, tree);
}

lorec_err settings_read(tokenizer *t, const char *folder)
{
    static const struct {
        const char *name;
        lorec_err (*read)(tokenizer *t, json_t *tree);
    } files[] = {{"added_tokens.json", read_added_tokens},
                 {"tokenizer_config.json", read_config},
                 {"special_tokens_map.json", read_map}};
    buf path = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < sizeof files / sizeof *files && !e; i++) {
        e = path_join(&path, folder, files[i].name);
        if (e || !file_exists(path.p)) continue;
        json_t *tree;
        e = json_read(&tree, path.p);
        if (e) break;
        e = files[i].read(t, tree);
        json_decref(tree);
        if (e) err_context(e, "%s", path.p);
    }
    buf_free(&path);
    return e;
}
