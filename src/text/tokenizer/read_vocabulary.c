/* Vocabularies as GGUF files hold them: "llama" (SentencePiece BPE), "gpt2" (byte-level BPE), "bert" (WordPiece), "t5"
 * (SentencePiece Unigram), "gemma4" (BPE over characters). Each kind a row. */
#include "text/tokenizer/pre_names.h"
#include "text/tokenizer/sentencepiece.h"

tokenizer_vocabulary tokenizer_vocabulary_none(void)
{
    tokenizer_vocabulary v = {.add_bos = -1,
                              .add_eos = -1,
                              .add_sep = -1,
                              .add_space_prefix = -1,
                              .remove_extra_whitespaces = -1,
                              .lowercase = -1,
                              .strip_accents = -1};
    for (int r = 0; r < TOKENIZER_ROLES; r++) v.role[r] = -1;
    return v;
}

static bool said(int8_t value, bool fallback)
{
    return value < 0 ? fallback : value != 0;
}

static void default_role(tokenizer *t, tokenizer_role role, int32_t id)
{
    if (t->role[role] < 0 && id >= 0 && (size_t)id < t->vocabulary.n) t->role[role] = id;
}

static lorec_err read_llama(tokenizer *t, const tokenizer_vocabulary *v)
{
    default_role(t, TOKENIZER_UNK, 0);
    default_role(t, TOKENIZER_BOS, 1);
    default_role(t, TOKENIZER_EOS, 2);
    t->add_bos = said(v->add_bos, true);
    t->add_eos = said(v->add_eos, false);
    return sentencepiece_finish(
        t, &(sentencepiece){.bpe = true, .escape = true, .dummy_prefix = said(v->add_space_prefix, true)});
}

static lorec_err read_t5(tokenizer *t, const tokenizer_vocabulary *v)
{
    default_role(t, TOKENIZER_PAD, 0);
    default_role(t, TOKENIZER_EOS, 1);
    default_role(t, TOKENIZER_UNK, 2);
    t->add_bos = said(v->add_bos, false);
    t->add_eos = said(v->add_eos, true);
    return sentencepiece_finish(t, &(sentencepiece){.escape = true,
                                                    .charsmap = v->charsmap,
                                                    .dummy_prefix = said(v->add_space_prefix, false),
                                                    .remove_extra = said(v->remove_extra_whitespaces, false)});
}

/* Control tokens are found where that is asked for, user-defined ones always, both in the text as it comes. */
static lorec_err add_pieces(tokenizer *t)
{
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        uint8_t type = t->vocabulary.type[i];
        bool special = type == TOKENIZER_TYPE_CONTROL || type == TOKENIZER_TYPE_UNKNOWN;
        if (!special && type != TOKENIZER_TYPE_USER_DEFINED) continue;
        added_token a = {.id = (int32_t)i, .special = special};
        TRY(tokenizer_add(t, a, vocabulary_text(&t->vocabulary, (int32_t)i)));
        t->vocabulary.type[i] = type;
    }
    return LOREC_OK;
}

static lorec_err read_bert(tokenizer *t, const tokenizer_vocabulary *v)
{
    step *made;
    bool lower = said(v->lowercase, true);
    default_role(t, TOKENIZER_PAD, 0);
    default_role(t, TOKENIZER_UNK, 100);
    default_role(t, TOKENIZER_BOS, 101);
    default_role(t, TOKENIZER_SEP, 102);
    default_role(t, TOKENIZER_MASK, 103);
    default_role(t, TOKENIZER_CLS, t->role[TOKENIZER_BOS]);
    t->model = &model_wordpiece;
    t->first_marked = true;
    TRY(add_pieces(t));
    TRY(bert_steps(t, lower, said(v->strip_accents, lower), true));
    TRY(preset_decoder(t, "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\xE2\x96\x81\"}, \"content\": \" \"}"));
    TRY(steps_add(&t->decoder, &decoder_clean, &made));
    TRY(preset_decoder(t, "{\"type\": \"Fuse\"}"));
    TRY(preset_decoder(t, "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}"));
    return frames_simple(t, said(v->add_bos, true) ? t->role[TOKENIZER_CLS] : -1,
                         said(v->add_sep, true) ? t->role[TOKENIZER_SEP] : -1);
}

static lorec_err add_patterns(tokenizer *t, const pre_name *pre)
{
    const step_kind *split = step_kind_find(pre_tokenizer_kinds, "Split");
    for (size_t i = 0; i < PRE_PATTERNS && pre->pattern[i]; i++) {
        step *made;
        TRY(steps_add(&t->pre_tokenizer, split, &made));
        made->behavior = SPLIT_ISOLATED;
        TRY(buf_puts(&made->content, pre->pattern[i])); /* for export_json.c */
        TRY(regex_new(&made->pattern, slice_of(pre->pattern[i]), REGEX_PLAIN));
    }
    return LOREC_OK;
}

/* Merges whose pieces or product the file lacks could never be written down as ids: they are passed over. */
static lorec_err add_merges(tokenizer *t, const tokenizer_vocabulary *v)
{
    for (size_t i = 0; i < v->n_merges; i++) {
        slice m = v->merge[i];
        const char *blank = m.n > 1 ? memchr(m.p + 1, ' ', m.n - 1) : NULL;
        if (!blank || i > UINT32_MAX - 1)
            return err_set(LOREC_INPUT, "merge %zu is not two pieces with a blank between", i);
        slice left = {m.p, (size_t)(blank - m.p)}, right = {blank + 1, m.n - left.n - 1};
        lorec_err e = bpe_add_merge(t, left, right, (uint32_t)i);
        if (e == LOREC_RESOURCE) return e;
    }
    return LOREC_OK;
}

static lorec_err read_characters(tokenizer *t)
{
    step *made;
    for (size_t i = 0; i < t->vocabulary.n; i++) t->byte_fallback |= t->vocabulary.type[i] == TOKENIZER_TYPE_BYTE;
    TRY(steps_add(&t->normalizer, &normalizer_sentencepiece, &made));
    made->split = true;
    TRY(preset_decoder(t, "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\xE2\x96\x81\"}, \"content\": \" \"}"));
    TRY(preset_decoder(t, "{\"type\": \"ByteFallback\"}"));
    return preset_decoder(t, "{\"type\": \"Fuse\"}");
}

static lorec_err read_gpt2(tokenizer *t, const tokenizer_vocabulary *v)
{
    const char *name = v->pre && v->pre[0] ? v->pre : strcmp(v->model, "gemma4") == 0 ? "gemma4" : "default";
    const pre_name *pre = pre_name_find(name);
    if (!pre)
        return err_set(LOREC_INPUT, "tokenizer.ggml.pre is \"%.60s\": how its model cuts words is not known here",
                       name);
    t->model = &model_bpe;
    t->ignore_merges = pre->ignore_merges;
    t->byte_level = !pre->characters;
    TRY(add_patterns(t, pre));
    TRY(add_merges(t, v));
    TRY(add_pieces(t));
    TRY(t->byte_level ? preset_decoder(t, "{\"type\": \"ByteLevel\"}") : read_characters(t));
    t->add_bos = said(v->add_bos, pre->add_bos);
    t->add_eos = said(v->add_eos, false);
    if (!said(v->add_sep, pre->add_sep)) return LOREC_OK;
    default_role(t, TOKENIZER_CLS, t->role[TOKENIZER_BOS]);
    default_role(t, TOKENIZER_SEP, t->role[TOKENIZER_EOS]);
    return frames_simple(t, t->role[TOKENIZER_BOS], t->role[TOKENIZER_SEP]);
}

/* What files do not say about their special tokens, by what their models are called. */
static void strip_by_name(tokenizer *t, const tokenizer_vocabulary *v)
{
    bool phi3 = v->name && (strcasestr(v->name, "phi-3") || strcasestr(v->name, "phi3"));
    bool mask = v->pre && strncmp(v->pre, "jina-v2-", 8) == 0;
    for (size_t i = 0; i < t->n_added; i++) {
        added_token *a = &t->added[i];
        slice text = {a->text.p, a->text.n};
        a->strip_right |= phi3 && !slice_is(text, "<unk>") && !slice_is(text, "<s>") &&
                          !slice_is(text, "<|endoftext|>");
        a->strip_left |= mask && slice_is(text, "<mask>");
    }
}

static const struct {
    const char *name;
    lorec_err (*read)(tokenizer *t, const tokenizer_vocabulary *v);
} kinds[] = {{"llama", read_llama}, {"gpt2", read_gpt2}, {"bert", read_bert}, {"t5", read_t5}, {"gemma4", read_gpt2}};

/* Converters have written ends of turns and of texts as ordinary tokens; llama.cpp goes by these names, and so do the ids
 * that its users know. Whatever the file says, such a token in a user's text stays text. */
static void mark_controls(tokenizer *t)
{
    static const char *const names[] = {"</s>",
                                        "<eos>",
                                        "[EOS]",
                                        "[EOT]",
                                        "<EOT>",
                                        "_<EOT>",
                                        "[e~[",
                                        "<turn|>",
                                        "<|tool_response>",
                                        "<end_of_turn>",
                                        "<end_of_utterance>",
                                        "<|eot_id|>",
                                        "<|eom_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<|calls|>",
                                        "<|flush|>",
                                        "<|endoftext|>",
                                        "<|end_of_text|>",
                                        ("<\xEF\xBD\x9C"
                                         "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"),
                                        "<|fim_prefix|>",
                                        "<fim-prefix>",
                                        "<fim_prefix>",
                                        "<PRE>",
                                        "<|code_prefix|>",
                                        "<|prefix|>",
                                        "<|fim_suffix|>",
                                        "<fim-suffix>",
                                        "<fim_suffix>",
                                        "<SUF>",
                                        "<|code_suffix|>",
                                        "<|suffix|>",
                                        "<|fim_middle|>",
                                        "<fim-middle>",
                                        "<fim_middle>",
                                        "<MID>",
                                        "<|code_middle|>",
                                        "<|middle|>",
                                        "<|fim_pad|>",
                                        "<fim-pad>",
                                        "<fim_pad>",
                                        "<PAD>",
                                        "[PAD]",
                                        "<|fim_repo|>",
                                        "<|repo_name|>",
                                        "<fim-repo>",
                                        "<REPO>",
                                        "<reponame>",
                                        "<|file_sep|>"};
    int32_t id, gemma;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!vocabulary_find(&t->vocabulary, slice_of(names[i]), &id)) continue;
        if (i == 0 && vocabulary_find(&t->vocabulary, slice_of("<|tool_response>"), &gemma))
            continue; /* a word there */
        uint8_t *type = &t->vocabulary.type[id];
        if (*type == TOKENIZER_TYPE_NORMAL || *type == TOKENIZER_TYPE_USER_DEFINED) *type = TOKENIZER_TYPE_CONTROL;
    }
}

lorec_err read_vocabulary(tokenizer *t, const tokenizer_vocabulary *v)
{
    t->vocabulary.expected = v->n;
    for (size_t i = 0; i < v->n; i++) {
        int32_t type = v->type ? v->type[i] : TOKENIZER_TYPE_NORMAL;
        if (type < TOKENIZER_TYPE_NORMAL || type > TOKENIZER_TYPE_BYTE) type = TOKENIZER_TYPE_UNUSED;
        double score = v->score ? (double)v->score[i] : 0;
        if (score != score) return err_set(LOREC_INPUT, "the score of token %zu is no number", i);
        TRY(vocabulary_add(&t->vocabulary, (int64_t)i, v->piece[i], score, (tokenizer_type)type));
    }
    TRY(vocabulary_check(&t->vocabulary));
    for (int r = 0; r < TOKENIZER_ROLES; r++)
        if (v->role[r] >= 0 && (size_t)v->role[r] < v->n) t->role[r] = (int32_t)v->role[r];
    mark_controls(t);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (v->model && strcmp(v->model, kinds[k].name) == 0) {
            TRY(kinds[k].read(t, v));
            strip_by_name(t, v);
            return LOREC_OK;
        }
    return err_set(LOREC_INPUT, "tokenizer.ggml.model is \"%.60s\"; llama, gpt2, bert, t5 and gemma4 are read",
                   v->model ? v->model : "");
}

/* ---- the public ways in ------------------------------------------------------------------------------------------------- */

static lorec_err finish(tokenizer **out, tokenizer *t, lorec_err e, const char *where)
{
    if (!e) roles_guess(t);
    if (!e) e = tokenizer_finish(t);
    if (e) {
        tokenizer_free(t);
        return err_context(e, "%s", where);
    }
    *out = t;
    return LOREC_OK;
}

lorec_err tokenizer_from_vocabulary(tokenizer **out, const tokenizer_vocabulary *v, const char *where)
{
    tokenizer *t;
    *out = NULL;
    TRY(tokenizer_new(&t));
    return finish(out, t, read_vocabulary(t, v), where);
}

lorec_err tokenizer_from_sentencepiece(tokenizer **out, slice bytes, const char *where)
{
    tokenizer *t;
    *out = NULL;
    TRY(tokenizer_new(&t));
    return finish(out, t, read_sentencepiece(t, bytes), where);
}

lorec_err tokenizer_from_llama2c(tokenizer **out, slice bytes, const char *where)
{
    tokenizer *t;
    *out = NULL;
    TRY(tokenizer_new(&t));
    return finish(out, t, read_llama2c(t, bytes), where);
}
