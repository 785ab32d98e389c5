/* tokenizer.json of Hugging Face's tokenizers. */
#include "text/tokenizer/parts.h"

static slice text_of(const json_t *text)
{
    return (slice){json_string_value(text), json_string_length(text)};
}

/* {"piece": id, ...} */
static lorec_err read_map(tokenizer *t, json_t *map)
{
    const char *key;
    size_t n;
    json_t *value;
    t->vocabulary.expected = json_object_size(map);
    json_object_keylen_foreach(map, key, n, value)
    {
        if (!json_is_integer(value))
            return err_set(LOREC_INPUT, "vocab: the id of \"%.60s\" is not a whole number", key);
        TRY(vocabulary_add(&t->vocabulary, json_integer_value(value), (slice){key, n}, 0, TOKENIZER_TYPE_NORMAL));
    }
    return LOREC_OK;
}

/* [["piece", score], ...] */
static lorec_err read_scored(tokenizer *t, const json_t *list)
{
    size_t i;
    const json_t *row;
    t->vocabulary.expected = json_array_size(list);
    json_array_foreach(list, i, row)
    {
        const json_t *text = json_array_get(row, 0), *score = json_array_get(row, 1);
        if (!json_is_string(text) || !json_is_number(score))
            return err_set(LOREC_INPUT, "vocab: row %zu is not a piece and its score", i);
        TRY(vocabulary_add(&t->vocabulary, (int64_t)i, text_of(text), json_number_value(score), TOKENIZER_TYPE_NORMAL));
    }
    return LOREC_OK;
}

static lorec_err read_added(tokenizer *t, const json_t *list)
{
    size_t i;
    const json_t *row;
    t->vocabulary.expected = t->vocabulary.texts.n + json_array_size(list);
    json_array_foreach(list, i, row)
    {
        const json_t *content = json_object_get(row, "content");
        int64_t id;
        added_token a = {0};
        if (!json_is_string(content)) return err_set(LOREC_INPUT, "row %zu has no text \"content\"", i);
        TRY(json_get_i64(row, "id", 0, INT32_MAX, &id));
        TRY(json_get_bool_or(row, "special", false, &a.special));
        TRY(json_get_bool_or(row, "single_word", false, &a.single_word));
        TRY(json_get_bool_or(row, "lstrip", false, &a.strip_left));
        TRY(json_get_bool_or(row, "rstrip", false, &a.strip_right));
        TRY(json_get_bool_or(row, "normalized", !a.special, &a.normalized));
        a.id = (int32_t)id;
        TRY(tokenizer_add(t, a, text_of(content)));
    }
    return LOREC_OK;
}

/* Old files do not say the model's type; its fields tell. */
static const model_kind *kind_of(const json_t *model)
{
    static const model_kind *const kinds[] = {&model_bpe, &model_unigram, &model_wordpiece, &model_wordlevel};
    const char *type = json_string_value(json_object_get(model, "type"));
    for (size_t k = 0; type && k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(type, kinds[k]->name) == 0) return kinds[k];
    if (type) return NULL;
    if (json_object_get(model, "merges")) return &model_bpe;
    if (json_is_array(json_object_get(model, "vocab"))) return &model_unigram;
    return json_object_get(model, "continuing_subword_prefix") ? &model_wordpiece : &model_wordlevel;
}

static lorec_err read_model(tokenizer *t, const json_t *model)
{
    json_t *vocab = json_object_get(model, "vocab");
    t->model = kind_of(model);
    if (!t->model)
        return err_set(LOREC_INPUT, "the model's type is \"%.60s\"; BPE, Unigram, WordPiece and WordLevel are known",
                       json_string_value(json_object_get(model, "type")));
    if (json_is_object(vocab))
        TRY(read_map(t, vocab));
    else if (json_is_array(vocab))
        TRY(read_scored(t, vocab));
    else
        return err_set(LOREC_INPUT, "the vocabulary \"vocab\" is missing");
    const char *unknown;
    TRY(json_get_string_or(model, "unk_token", "", &unknown));
    tokenizer_set_role(t, TOKENIZER_UNK, slice_of(unknown));
    return t->model->read(t, model);
}

lorec_err read_tokenizer_json(tokenizer *t, const json_t *tree)
{
    const json_t *model = json_object_get(tree, "model"), *added = json_object_get(tree, "added_tokens");
    if (!json_is_object(model)) return err_set(LOREC_INPUT, "it has no object \"model\": it is not a tokenizer.json");
    lorec_err e = read_model(t, model);
    if (e) return err_context(e, "model");
    e = read_added(t, added);
    if (e) return err_context(e, "added_tokens");
    TRY(steps_read(&t->normalizer, normalizer_kinds, "normalizers", "normalizer", json_object_get(tree, "normalizer")));
    TRY(steps_read(&t->pre_tokenizer, pre_tokenizer_kinds, "pretokenizers", "pre_tokenizer",
                   json_object_get(tree, "pre_tokenizer")));
    TRY(steps_read(&t->decoder, decoder_kinds, "decoders", "decoder", json_object_get(tree, "decoder")));
    return frames_read(t, json_object_get(tree, "post_processor"));
}

/* Where no settings file names them: the special tokens by the names that models use. */
void roles_guess(tokenizer *t)
{
    static const struct {
        tokenizer_role role;
        const char *text;
    } usual[] = {
        {TOKENIZER_BOS, "<s>"},
        {TOKENIZER_BOS, "<|begin_of_text|>"},
        {TOKENIZER_BOS, "<bos>"},
        {TOKENIZER_BOS, "[BOS]"},
        {TOKENIZER_BOS, "<|startoftext|>"},
        {TOKENIZER_EOS, "</s>"},
        {TOKENIZER_EOS, "<|endoftext|>"},
        {TOKENIZER_EOS, "<|end_of_text|>"},
        {TOKENIZER_EOS, "<eos>"},
        {TOKENIZER_EOS, "[EOS]"},
        {TOKENIZER_UNK, "<unk>"},
        {TOKENIZER_UNK, "[UNK]"},
        {TOKENIZER_SEP, "[SEP]"},
        {TOKENIZER_PAD, "[PAD]"},
        {TOKENIZER_PAD, "<pad>"},
        {TOKENIZER_CLS, "[CLS]"},
        {TOKENIZER_MASK, "[MASK]"},
        {TOKENIZER_MASK, "<mask>"},
    };
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        int32_t id;
        if (t->role[usual[i].role] >= 0 || !vocabulary_find(&t->vocabulary, slice_of(usual[i].text), &id)) continue;
        uint8_t type = t->vocabulary.type[id];
        if (type == TOKENIZER_TYPE_CONTROL || type == TOKENIZER_TYPE_UNKNOWN) t->role[usual[i].role] = id;
    }
}

lorec_err tokenizer_from_json(tokenizer **out, slice bytes, const char *where)
{
    *out = NULL;
    json_t *tree;
    TRY(json_parse(&tree, bytes.p ? bytes.p : "", bytes.n, where));
    tokenizer *t = NULL;
    lorec_err e = tokenizer_new(&t);
    if (!e) e = read_tokenizer_json(t, tree);
    if (!e) roles_guess(t);
    if (!e) e = tokenizer_finish(t);
    json_decref(tree);
    if (e) {
        tokenizer_free(t);
        return err_context(e, "%s", where);
    }
    *out = t;
    return LOREC_OK;
}
