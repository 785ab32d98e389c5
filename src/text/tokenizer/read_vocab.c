/* vocab.txt (BERT) and vocab.json with merges.txt (GPT-2, RoBERTa, BART, Qwen, CLIP): vocabularies without their steps,
 * which the classes named in tokenizer_config.json have in their code. */
#include "text/tokenizer/parts.h"

/* Steps written as rows of a tokenizer.json; NULL: none. */
static lorec_err add_steps(steps *s, const step_kind *kinds, const char *list, const char *what, const char *rows)
{
    json_t *tree;
    if (!rows) return LOREC_OK;
    TRY(json_parse(&tree, rows, strlen(rows), what));
    lorec_err e = steps_read(s, kinds, list, what, tree);
    json_decref(tree);
    return e;
}

lorec_err preset_normalizer(tokenizer *t, const char *rows)
{
    return add_steps(&t->normalizer, normalizer_kinds, "normalizers", "normalizer", rows);
}
lorec_err preset_pre_tokenizer(tokenizer *t, const char *rows)
{
    return add_steps(&t->pre_tokenizer, pre_tokenizer_kinds, "pretokenizers", "pre_tokenizer", rows);
}
lorec_err preset_decoder(tokenizer *t, const char *rows)
{
    return add_steps(&t->decoder, decoder_kinds, "decoders", "decoder", rows);
}

static lorec_err add_special(tokenizer *t, const char *text, bool strip_left)
{
    int32_t id;
    if (!vocabulary_find(&t->vocabulary, slice_of(text), &id)) return LOREC_OK;
    return tokenizer_add(t, (added_token){.id = id, .special = true, .strip_left = strip_left}, slice_of(text));
}

/* ---- vocab.txt ---------------------------------------------------------------------------------------------------------- */

lorec_err bert_steps(tokenizer *t, bool lower, bool accents, bool cjk)
{
    buf rows = {0};
    lorec_err e = buf_printf(&rows,
                             "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": %s, "
                             "\"strip_accents\": %s, \"lowercase\": %s}",
                             cjk ? "true" : "false", accents ? "true" : "false", lower ? "true" : "false");
    if (!e) e = preset_normalizer(t, rows.p);
    if (!e) e = preset_pre_tokenizer(t, "{\"type\": \"BertPreTokenizer\"}");
    buf_free(&rows);
    return e;
}

/* Whether a vocabulary is of lower case: tokenizer_config.json says it, else the pieces tell ("The" is a word or not). */
static lorec_err read_bert_settings(tokenizer *t, const char *folder, bool *lower, bool *accents, bool *cjk)
{
    buf path = {0};
    json_t *tree = NULL;
    int32_t id;
    *lower = !vocabulary_find(&t->vocabulary, slice_of("The"), &id);
    lorec_err e = path_join(&path, folder, "tokenizer_config.json");
    if (!e && file_exists(path.p)) {
        e = json_read(&tree, path.p);
        if (!e) e = json_get_bool_or(tree, "do_lower_case", *lower, lower);
    }
    if (!e) e = json_get_bool_or(tree, "strip_accents", *lower, accents);
    if (!e) e = json_get_bool_or(tree, "tokenize_chinese_chars", true, cjk);
    json_decref(tree);
    buf_free(&path);
    return e;
}

lorec_err read_vocab_txt(tokenizer *t, const char *path, const char *folder)
{
    static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    lines l;
    slice line;
    int64_t id = 0;
    bool lower, accents, cjk;
    t->model = &model_wordpiece;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) e = vocabulary_add(&t->vocabulary, id++, line, 0, TOKENIZER_TYPE_NORMAL);
    lorec_err closed = lines_close(&l);
    TRY(e ? e : closed);
    TRY(buf_puts(&t->prefix, "##"));
    t->longest_word = 100;
    TRY(read_bert_settings(t, folder, &lower, &accents, &cjk));
    TRY(bert_steps(t, lower, accents, cjk));
    TRY(preset_decoder(t, "{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}"));
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) TRY(add_special(t, special[i], false));
    TRY(settings_read(t, folder));
    roles_guess(t);
    if (t->role[TOKENIZER_UNK] < 0)
        return err_set(LOREC_INPUT, "no line is \"[UNK]\": a vocab.txt of WordPiece needs it");
    return frames_simple(t, t->role[TOKENIZER_CLS], t->role[TOKENIZER_SEP]);
}

/* ---- vocab.json and merges.txt ------------------------------------------------------------------------------------------ */

static lorec_err read_merges(tokenizer *t, const char *path)
{
    lines l;
    slice line;
    uint32_t rank = 0;
    TRY(lines_open(&l, path));
    lorec_err e = LOREC_OK;
    while (!e && lines_next(&l, &line)) {
        if (line.n == 0 || (line.n >= 9 && memcmp(line.p, "#version:", 9) == 0)) continue;
        slice right = line, left = slice_cut(&right, ' ');
        e = left.n && right.n ? bpe_add_merge(t, left, right, rank++)
                              : err_set(LOREC_INPUT, "it is not two pieces with a blank between");
        if (e) err_context(e, "%s, line %zu", path, l.number);
    }
    lorec_err closed = lines_close(&l);
    return e ? e : closed;
}

/* What the class of a tokenizer does beside its vocabulary. The first row whose class is named counts; the last is GPT-2's. */
static const struct {
    const char *class_name, *normalizer, *pre_tokenizer;
    bool frame; /* <s> text </s> */
} classes[] = {
    {"Qwen2", "{\"type\": \"NFC\"}",
     "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"behavior\": \"Isolated\", \"pattern\": "
     "{\"Regex\": "
     "\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "
     "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}}, "
     "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}",
     false},
    {"CLIP",
     "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Replace\", \"pattern\": {\"Regex\": "
     "\"\\\\s+\"}, \"content\": \" \"}, {\"type\": \"Lowercase\"}]}",
     "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"behavior\": \"Removed\", \"invert\": true, "
     "\"pattern\": {\"Regex\": "
     "\"<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|"
     "[^\\\\s\\\\p{L}\\\\p{N}]+\"}}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}",
     true},
    {"", NULL, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}", false},
};

static size_t class_of(const tokenizer *t, const char *folder, bool *framed)
{
    size_t row = sizeof classes / sizeof *classes - 1;
    buf path = {0};
    json_t *tree = NULL;
    const char *name = NULL;
    int32_t id;
    if (!path_join(&path, folder, "tokenizer_config.json") && file_exists(path.p) && !json_read(&tree, path.p))
        name = json_string_value(json_object_get(tree, "tokenizer_class"));
    if (!name && vocabulary_find(&t->vocabulary, slice_of("a</w>"), &id)) name = "CLIP";
    for (size_t k = 0; name && k < row; k++)
        if (strstr(name, classes[k].class_name)) row = k;
    /* RoBERTa's and BART's vocabularies are told by their mask */
    *framed = classes[row].frame ||
              (!classes[row].class_name[0] && vocabulary_find(&t->vocabulary, slice_of("<mask>"), &id));
    json_decref(tree);
    buf_free(&path);
    return row;
}

/* "<s>" is special where it is one of the first or last ids; elsewhere ("<unk>" in Qwen's) it is a word like any other. */
static lorec_err add_guessed(tokenizer *t, const char *text)
{
    int32_t id;
    if (!vocabulary_find(&t->vocabulary, slice_of(text), &id)) return LOREC_OK;
    bool edge = id < 10 || (size_t)id + 10 > t->vocabulary.n;
    return edge ? add_special(t, text, false) : LOREC_OK;
}

lorec_err read_vocab_json(tokenizer *t, json_t *tree, const char *folder)
{
    static const char *const special[] = {"<s>", "<pad>", "</s>", "<unk>", "<|endoftext|>", "<|startoftext|>"};
    json_t *model = NULL;
    bool framed = false;
    buf path_of_merges = {0};
    model = json_pack("{s:s, s:O, s:[]}", "type", "BPE", "vocab", tree, "merges");
    lorec_err e = model ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    json_t *whole = e ? NULL : json_pack("{s:O}", "model", model);
    if (!e && !whole) e = err_set(LOREC_RESOURCE, "out of memory");
    if (!e) e = read_tokenizer_json(t, whole);
    json_decref(whole);
    json_decref(model);
    size_t row = e ? 0 : class_of(t, folder, &framed);
    if (!e && strcmp(classes[row].class_name, "CLIP") == 0) e = buf_puts(&t->suffix, "</w>");
    if (!e) e = path_join(&path_of_merges, folder, "merges.txt");
    if (!e) e = read_merges(t, path_of_merges.p);
    buf_free(&path_of_merges);
    if (!e) e = preset_normalizer(t, classes[row].normalizer);
    if (!e) e = preset_pre_tokenizer(t, classes[row].pre_tokenizer);
    if (!e) e = preset_decoder(t, "{\"type\": \"ByteLevel\"}");
    for (size_t i = 0; i < sizeof special / sizeof *special && !e; i++) e = add_guessed(t, special[i]);
    if (!e) e = add_special(t, "<mask>", true);
    if (e) return e;
    roles_guess(t);
    TRY(settings_read(t, folder));
    return framed ? frames_simple(t, t->role[TOKENIZER_BOS], t->role[TOKENIZER_EOS]) : LOREC_OK;
}
