/* A tokenizer that came from a GGUF file as a tokenizer.json. What it does is known from its kind (read_vocabulary.c), so each
 * kind has its steps here in Hugging Face's words. */
#include <math.h>
#include <stdlib.h>

#include "text/tokenizer/export.h"

#define MARK "\xe2\x96\x81"

static lorec_err no_memory(void)
{
    return err_set(LOREC_RESOURCE, "out of memory for a tokenizer.json");
}

static lorec_err put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) ? no_memory() : LOREC_OK;
}

static lorec_err add(json_t *list, json_t *value)
{
    return json_array_append_new(list, value) ? no_memory() : LOREC_OK;
}

static json_t *text_json(slice s)
{
    return json_stringn(s.p, s.n);
}

/* ---- the model ----------------------------------------------------------------------------------------------------------- */

/* Rows of the model that no token has stand at the end; transformers' own files have none. */
static size_t used_tokens(const tokenizer *t)
{
    size_t n = t->vocabulary.n;
    while (n && t->vocabulary.type[n - 1] == TOKENIZER_TYPE_UNUSED) n--;
    return n;
}

/* "▁un" and "able" of GGUF are "un" and "##able". */
static lorec_err wordpiece_text(const tokenizer *t, int32_t id, buf *out)
{
    slice s = vocabulary_text(&t->vocabulary, id);
    buf_clear(out);
    if (t->special[id] || t->vocabulary.type[id] == TOKENIZER_TYPE_UNUSED) return buf_add(out, s.p, s.n);
    if (s.n > 3 && memcmp(s.p, MARK, 3) == 0) return buf_add(out, s.p + 3, s.n - 3);
    TRY(buf_puts(out, "##"));
    return buf_add(out, s.p, s.n);
}

static lorec_err vocabulary_map(const tokenizer *t, json_t **out)
{
    buf piece = {0};
    lorec_err e = (*out = json_object()) ? LOREC_OK : no_memory();
    for (size_t i = 0; i < used_tokens(t) && !e; i++) {
        slice s = vocabulary_text(&t->vocabulary, (int32_t)i);
        if (!s.p) continue;
        if (t->model == &model_wordpiece) {
            e = wordpiece_text(t, (int32_t)i, &piece);
            s = (slice){piece.p, piece.n};
        }
        if (!e && json_object_setn_new(*out, s.p, s.n, json_integer((json_int_t)i))) e = no_memory();
    }
    buf_free(&piece);
    return e;
}

static lorec_err scored_list(const tokenizer *t, json_t **out)
{
    lorec_err e = (*out = json_array()) ? LOREC_OK : no_memory();
    for (size_t i = 0; i < used_tokens(t) && !e; i++) {
        slice s = vocabulary_text(&t->vocabulary, (int32_t)i);
        e = add(*out, json_pack("[o, f]", text_json(s.p ? s : slice_of("")), t->vocabulary.score[i]));
    }
    return e;
}

static int by_rank(const void *a, const void *b)
{
    const merge *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->left != y->left ? (x->left < y->left ? -1 : 1) : (x->right > y->right) - (x->right < y->right);
}

/* Merges of loose characters, which are no tokens, come to no token either. */
static lorec_err merges_list(const tokenizer *t, json_t **out)
{
    merge *m;
    size_t n = 0, all = t->vocabulary.n;
    TRY(mem_new(&m, t->merges.n));
    for (size_t i = 0; i < t->merges.size; i++) {
        merge one = t->merges.slot[i];
        if (one.left >= 0 && (size_t)one.left < all && (size_t)one.right < all && (size_t)one.result < all)
            m[n++] = one;
    }
    if (n) qsort(m, n, sizeof *m, by_rank);
    lorec_err e = (*out = json_array()) ? LOREC_OK : no_memory();
    for (size_t i = 0; i < n && !e; i++)
        e = add(*out, json_pack("[o, o]", text_json(vocabulary_text(&t->vocabulary, m[i].left)),
                                text_json(vocabulary_text(&t->vocabulary, m[i].right))));
    mem_free(m);
    return e;
}

static json_t *unknown_json(const tokenizer *t)
{
    int32_t id = t->role[TOKENIZER_UNK];
    return id < 0 ? json_null() : text_json(vocabulary_text(&t->vocabulary, id));
}

static lorec_err model_json(const tokenizer *t, json_t *file)
{
    json_t *words = NULL, *joined = NULL, *model = NULL;
    lorec_err e = t->model == &model_unigram ? scored_list(t, &words) : vocabulary_map(t, &words);
    if (!e && t->model == &model_bpe) e = merges_list(t, &joined);
    if (!e && t->model == &model_bpe)
        model = json_pack("{s:s, s:n, s:o, s:n, s:n, s:b, s:b, s:b, s:O, s:O}", "type", "BPE", "dropout", "unk_token",
                          t->byte_level ? json_null() : unknown_json(t), "continuing_subword_prefix",
                          "end_of_word_suffix", "fuse_unk", t->fuse_unknown, "byte_fallback", t->byte_fallback,
                          "ignore_merges", t->ignore_merges, "vocab", words, "merges", joined);
    else if (!e && t->model == &model_wordpiece)
        model = json_pack("{s:s, s:o, s:s, s:I, s:O}", "type", "WordPiece", "unk_token", unknown_json(t),
                          "continuing_subword_prefix", "##", "max_input_chars_per_word",
                          (json_int_t)(t->longest_word ? t->longest_word : 1 << 20), "vocab", words);
    else if (!e)
        model = json_pack("{s:s, s:o, s:O, s:b}", "type", "Unigram", "unk_id",
                          t->role[TOKENIZER_UNK] < 0 ? json_null() : json_integer(t->role[TOKENIZER_UNK]), "vocab",
                          words, "byte_fallback", t->byte_fallback);
    json_decref(words);
    json_decref(joined);
    return e ? e : put(file, "model", model);
}

/* ---- steps --------------------------------------------------------------------------------------------------------------- */

#define REPLACE(from, to) json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String", from, "content", to)

static lorec_err sequence(json_t *file, const char *part, const char *list, json_t *rows)
{
    if (!rows) return no_memory();
    if (json_array_size(rows) == 0) {
        json_decref(rows);
        return put(file, part, json_null());
    }
    return put(file, part, json_pack("{s:s, s:o}", "type", "Sequence", list, rows));
}

static lorec_err byte_level_steps(const tokenizer *t, json_t *file)
{
    json_t *rows = json_array();
    lorec_err e = rows ? LOREC_OK : no_memory();
    for (size_t i = 0; i < t->pre_tokenizer.n && !e; i++) {
        const step *s = &t->pre_tokenizer.at[i];
        e = add(rows, json_pack("{s:s, s:{s:o}, s:s, s:b}", "type", "Split", "pattern", "Regex",
                                text_json((slice){s->content.p ? s->content.p : "", s->content.n}), "behavior",
                                "Isolated", "invert", 0));
    }
    if (!e)
        e = add(rows, json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                                "use_regex", 0));
    if (e) {
        json_decref(rows);
        return e;
    }
    TRY(put(file, "normalizer", json_null()));
    TRY(sequence(file, "pre_tokenizer", "pretokenizers", rows));
    return put(file, "decoder",
               json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                         "use_regex", 0));
}

static lorec_err wordpiece_steps(const tokenizer *t, json_t *file)
{
    const step *s = t->normalizer.at;
    TRY(put(file, "normalizer",
            json_pack("{s:s, s:b, s:b, s:b, s:b}", "type", "BertNormalizer", "clean_text", s->clean,
                      "handle_chinese_chars", s->cjk, "strip_accents", s->accents, "lowercase", s->lower)));
    TRY(put(file, "pre_tokenizer", json_pack("{s:s}", "type", "BertPreTokenizer")));
    return put(file, "decoder", json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", "##", "cleanup", 1));
}

static lorec_err charsmap_row(const charsmap *map, json_t *rows)
{
    buf bytes = {0}, text = {0};
    lorec_err e = charsmap_bytes(map, &bytes);
    if (!e) e = base64_encode((slice){bytes.p, bytes.n}, &text);
    if (!e)
        e = add(rows, json_pack("{s:s, s:o}", "type", "Precompiled", "precompiled_charsmap",
                                text_json((slice){text.p, text.n})));
    buf_free(&bytes);
    buf_free(&text);
    return e;
}

/* SentencePiece's normalizer in pieces: its rules, spaces trimmed and joined, one before the text, all of them "▁". */
static lorec_err sentencepiece_normalizer(const step *s, json_t *rows)
{
    if (s->map.units) TRY(charsmap_row(&s->map, rows));
    if (s->clean) {
        TRY(add(rows, json_pack("{s:s, s:b, s:b}", "type", "Strip", "strip_left", 1, "strip_right", 1)));
        TRY(add(rows,
                json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "Regex", " {2,}", "content", " ")));
    }
    if (s->left) TRY(add(rows, json_pack("{s:s, s:s}", "type", "Prepend", "prepend", MARK)));
    return s->split ? add(rows, REPLACE(" ", MARK)) : LOREC_OK;
}

static lorec_err sentencepiece_decoder(const step *s, json_t *rows)
{
    if (s->split) TRY(add(rows, REPLACE(MARK, " ")));
    TRY(add(rows, json_pack("{s:s}", "type", "ByteFallback")));
    TRY(add(rows, json_pack("{s:s}", "type", "Fuse")));
    if (!s->left) return LOREC_OK;
    return add(rows, json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content", " ", "start", 1, "stop", 0));
}

static lorec_err sentencepiece_steps(const tokenizer *t, json_t *file)
{
    const step *s = t->normalizer.at;
    json_t *before = json_array(), *after = json_array();
    lorec_err e = before && after ? sentencepiece_normalizer(s, before) : no_memory();
    if (!e) e = sentencepiece_decoder(s, after);
    if (!e) e = sequence(file, "normalizer", "normalizers", json_incref(before));
    if (!e) e = put(file, "pre_tokenizer", json_null());
    if (!e) e = sequence(file, "decoder", "decoders", json_incref(after));
    json_decref(before);
    json_decref(after);
    return e;
}

/* ---- added tokens, frames -------------------------------------------------------------------------------------------------- */

/* By id, as transformers wants them. */
static lorec_err added_json(const tokenizer *t, json_t *file)
{
    json_t *rows = json_array();
    size_t *which; /* of each id: its number in t->added + 1 */
    lorec_err e = rows ? mem_new(&which, t->vocabulary.n) : no_memory();
    if (e) return json_decref(rows), e;
    for (size_t i = 0; i < t->n_added; i++) which[t->added[i].id] = i + 1;
    for (size_t id = 0; id < t->vocabulary.n && !e; id++) {
        if (!which[id]) continue;
        const added_token *a = &t->added[which[id] - 1];
        e = add(rows, json_pack("{s:I, s:o, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)a->id, "content",
                                text_json((slice){a->text.p, a->text.n}), "single_word", a->single_word, "lstrip",
                                a->strip_left, "rstrip", a->strip_right, "normalized", 0, "special", a->special));
    }
    mem_free(which);
    return e ? (json_decref(rows), e) : put(file, "added_tokens", rows);
}

static lorec_err frame_json(const tokenizer *t, const frame *f, json_t *named, json_t **out)
{
    lorec_err e = (*out = json_array()) ? LOREC_OK : no_memory();
    for (size_t i = 0; i < f->n && !e; i++) {
        const frame_part *p = &f->part[i];
        if (p->what != FRAME_TOKEN) {
            e = add(*out, json_pack("{s:{s:s, s:i}}", "Sequence", "id", p->what == FRAME_A ? "A" : "B", "type_id",
                                    (int)p->segment));
            continue;
        }
        json_t *text = text_json(vocabulary_text(&t->vocabulary, p->id));
        e = add(*out, json_pack("{s:{s:O, s:i}}", "SpecialToken", "id", text, "type_id", (int)p->segment));
        if (!e && json_object_setn_new(named, json_string_value(text), json_string_length(text),
                                       json_pack("{s:O, s:[i], s:[O]}", "id", text, "ids", (int)p->id, "tokens", text)))
            e = no_memory();
        json_decref(text);
    }
    return e;
}

static lorec_err frames_json(const tokenizer *t, json_t *file)
{
    json_t *named = json_object(), *single = NULL, *pair = NULL;
    lorec_err e = named ? frame_json(t, &t->single, named, &single) : no_memory();
    if (!e) e = frame_json(t, &t->pair, named, &pair);
    if (!e)
        e = put(file, "post_processor",
                json_pack("{s:s, s:O, s:O, s:O}", "type", "TemplateProcessing", "single", single, "pair", pair,
                          "special_tokens", named));
    json_decref(named);
    json_decref(single);
    json_decref(pair);
    return e;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

static lorec_err config_json(const tokenizer *t, json_t *config)
{
    TRY(put(config, "tokenizer_class", json_string("PreTrainedTokenizerFast")));
    TRY(put(config, "clean_up_tokenization_spaces", json_false()));
    for (int r = 0; r < TOKENIZER_ROLES; r++)
        if (t->role[r] >= 0)
            TRY(put(config, tokenizer_role_names[r], text_json(vocabulary_text(&t->vocabulary, t->role[r]))));
    return LOREC_OK;
}

static lorec_err check_texts(const tokenizer *t)
{
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        slice s = vocabulary_text(&t->vocabulary, (int32_t)i);
        if (!s.p || !utf8_valid(s)) return err_set(LOREC_INPUT, "token %zu is no UTF-8, which JSON needs", i);
        if (!isfinite(t->vocabulary.score[i])) return err_set(LOREC_INPUT, "the score of token %zu is infinite", i);
    }
    return LOREC_OK;
}

static lorec_err all_json(const tokenizer *t, json_t *file, json_t *config)
{
    bool pieces = t->normalizer.n == 1 && t->normalizer.at[0].kind == &normalizer_sentencepiece &&
                  !t->normalizer.at[0].right;
    bool bytes = t->model == &model_bpe && t->byte_level && t->normalizer.n == 0;
    bool words = t->model == &model_wordpiece && t->first_marked && t->normalizer.n == 1;
    if (!pieces && !bytes && !words)
        return err_set(LOREC_INPUT, "how this vocabulary (%s) takes texts is not written as tokenizer.json here",
                       t->model->name);
    TRY(check_texts(t));
    TRY(put(file, "version", json_string("1.0")));
    TRY(put(file, "truncation", json_null()));
    TRY(put(file, "padding", json_null()));
    TRY(added_json(t, file));
    TRY(bytes ? byte_level_steps(t, file) : words ? wordpiece_steps(t, file) : sentencepiece_steps(t, file));
    TRY(frames_json(t, file));
    TRY(model_json(t, file));
    return config_json(t, config);
}

/* What was written is read again, and has to do as the tokenizer. */
static lorec_err check(const tokenizer *t, const json_t *file)
{
    tokenizer *again = NULL;
    const char *text = NULL;
    char *bytes = json_dumps(file, JSON_COMPACT);
    if (!bytes) return no_memory();
    lorec_err e = tokenizer_from_json(&again, slice_of(bytes), "the vocabulary as tokenizer.json");
    if (!e) e = export_same(t, again, &text);
    tokenizer_free(again);
    free(bytes);
    if (e || !text) return e;
    return err_set(LOREC_INPUT, "a tokenizer.json can not say what this vocabulary makes of the text \"%s\"", text);
}

lorec_err tokenizer_to_json(const tokenizer *t, json_t **out, json_t **config)
{
    *out = json_object();
    *config = json_object();
    lorec_err e = *out && *config ? all_json(t, *out, *config) : no_memory();
    if (!e) e = check(t, *out);
    if (!e) return LOREC_OK;
    json_decref(*out);
    json_decref(*config);
    *out = *config = NULL;
    return e;
}
