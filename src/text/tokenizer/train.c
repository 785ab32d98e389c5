#include "text/tokenizer/train.h"

#include <stdlib.h>

#include "text/tokenizer/parts.h"
#include "text/unicode.h"

enum { BYTES = 256, SIZE_MAX_ = 1 << 22, WORD_MAX = 1 << 12 };

struct tokenizer_trainer {
    tokenizer_training settings;
    ids words;
    uint64_t *count; /* [words.n] */
    size_t count_cap;
    regex *pattern; /* of BPE's words */
    regex_scratch *scratch;
    buf text;
};

static const char *const bpe_special[] = {"<|endoftext|>"};
static const char *const unigram_special[] = {"<unk>", "<s>", "</s>", "<pad>"};

lorec_err train_out_of_memory(void)
{
    return err_set(LOREC_RESOURCE, "out of memory while a vocabulary is made");
}

lorec_err tokenizer_trainer_new(tokenizer_trainer **out, const tokenizer_training *settings)
{
    *out = NULL;
    tokenizer_training s = *settings;
    bool bpe = s.kind == TOKENIZER_BPE;
    if (!s.special) {
        s.special = bpe ? bpe_special : unigram_special;
        s.n_special = bpe ? 1 : 4;
    }
    if (!s.least) s.least = 2;
    if (!s.longest) s.longest = 16;
    if (s.size < s.n_special + BYTES + 1 || s.size > SIZE_MAX_)
        return err_set(LOREC_USAGE, "a vocabulary of %zu tokens; from %zu (special tokens and bytes) to %d can be made",
                       s.size, s.n_special + BYTES + 1, SIZE_MAX_);
    if (!bpe && (s.n_special == 0 || strcmp(s.special[0], "<unk>")))
        return err_set(LOREC_USAGE, "the first special token of a Unigram vocabulary has to be <unk>");
    TRY(mem_new(out, 1));
    (*out)->settings = s;
    lorec_err e = regex_scratch_new(&(*out)->scratch);
    if (!e) e = regex_new(&(*out)->pattern, slice_of(byte_level_pattern), REGEX_PLAIN);
    if (e) {
        tokenizer_trainer_free(*out);
        *out = NULL;
    }
    return e;
}

void tokenizer_trainer_free(tokenizer_trainer *tr)
{
    if (!tr) return;
    ids_free(&tr->words);
    mem_free(tr->count);
    regex_free(tr->pattern);
    regex_scratch_free(tr->scratch);
    buf_free(&tr->text);
    mem_free(tr);
}

/* Words beyond WORD_MAX bytes teach nothing and would cost the square of their length: they are cut. */
static lorec_err count_word(tokenizer_trainer *tr, slice word)
{
    while (word.n) {
        slice part = {word.p, word.n > WORD_MAX ? WORD_MAX : word.n};
        while (part.n < word.n && ((unsigned char)word.p[part.n] & 0xC0) == 0x80) part.n--;
        uint32_t number;
        TRY(ids_add(&tr->words, part, &number));
        size_t had = tr->count_cap;
        TRY(mem_grow(&tr->count, &tr->count_cap, (size_t)number + 1));
        if (tr->count_cap > had) memset(tr->count + had, 0, (tr->count_cap - had) * sizeof *tr->count);
        tr->count[number]++;
        word.p += part.n;
        word.n -= part.n;
    }
    return LOREC_OK;
}

static lorec_err add_bpe(tokenizer_trainer *tr, slice text)
{
    regex_match m = {0};
    regex_scratch_start(tr->scratch, text.n);
    for (size_t done = 0; done < text.n; done = m.end) {
        TRY(regex_next(tr->pattern, tr->scratch, text, &m));
        if (!m.found) return count_word(tr, (slice){text.p + done, text.n - done});
        TRY(count_word(tr, (slice){text.p + done, m.begin - done}));
        TRY(count_word(tr, (slice){text.p + m.begin, m.end - m.begin}));
    }
    return LOREC_OK;
}

/* A "▁" for each space and one before the text; a word from each "▁" to the next. */
static lorec_err add_unigram(tokenizer_trainer *tr, slice text)
{
    static const char mark[] = "\xE2\x96\x81";
    for (bool more = text.n > 0; more;) {
        const char *space = memchr(text.p, ' ', text.n);
        slice word = slice_cut(&text, ' ');
        buf_clear(&tr->text);
        TRY(buf_add(&tr->text, mark, 3));
        TRY(buf_add(&tr->text, word.p, word.n));
        TRY(count_word(tr, (slice){tr->text.p, tr->text.n}));
        more = space != NULL;
    }
    return LOREC_OK;
}

lorec_err tokenizer_trainer_add(tokenizer_trainer *tr, slice text)
{
    buf valid = {0};
    lorec_err e = LOREC_OK;
    if (!utf8_valid(text)) {
        e = buf_add(&valid, "", 0);
        for (size_t i = 0, n; i < text.n && !e; i += n) {
            n = utf8_length((unsigned char)text.p[i]);
            if (n <= text.n - i && utf8_valid((slice){text.p + i, n}))
                e = buf_add(&valid, text.p + i, n);
            else
                n = 1;
        }
        text = (slice){valid.p, valid.n};
    }
    if (!e) e = tr->settings.kind == TOKENIZER_BPE ? add_bpe(tr, text) : add_unigram(tr, text);
    buf_free(&valid);
    return e;
}

static int by_text(const void *a, const void *b)
{
    const counted_word *x = a, *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = memcmp(x->text.p, y->text.p, n);
    return order ? order : x->text.n < y->text.n ? -1 : x->text.n > y->text.n;
}

lorec_err tokenizer_trainer_finish(tokenizer_trainer *tr, json_t **file)
{
    counted_word *word;
    *file = NULL;
    if (tr->words.n == 0) return err_set(LOREC_INPUT, "the corpus holds no words");
    TRY(mem_new(&word, tr->words.n));
    for (uint32_t i = 0; i < tr->words.n; i++) word[i] = (counted_word){ids_name(&tr->words, i), tr->count[i]};
    qsort(word, tr->words.n, sizeof *word, by_text);
    const tokenizer_training *s = &tr->settings;
    lorec_err e = s->kind == TOKENIZER_BPE ? train_bpe(word, tr->words.n, s, file)
                                           : train_unigram(word, tr->words.n, s, file);
    mem_free(word);
    return e;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

static json_t *special_tokens(const tokenizer_training *s)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < s->n_special && rows; i++)
        json_array_append_new(rows, json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i, "content",
                                              s->special[i], "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized",
                                              0, "special", 1));
    return rows;
}

static lorec_err append_special(json_t *rows, json_t *tokens_, const tokenizer_training *s, const char *name,
                                int segment)
{
    if (!name) return LOREC_OK;
    for (size_t i = 0; i < s->n_special; i++) {
        if (strcmp(s->special[i], name)) continue;
        int failed = json_array_append_new(rows,
                                           json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", name, "type_id", segment));
        failed |= json_object_set_new(
            tokens_, name, json_pack("{s:s, s:[I], s:[s]}", "id", name, "ids", (json_int_t)i, "tokens", name));
        return failed ? train_out_of_memory() : LOREC_OK;
    }
    return err_set(LOREC_USAGE, "\"%s\" is not among the special tokens", name);
}

static lorec_err post_processor(const tokenizer_training *s, json_t **out)
{
    static const char *const texts[] = {"A", "B"};
    *out = json_null();
    if (!s->bos && !s->eos) return LOREC_OK;
    json_t *single = json_array(), *pair = json_array(), *named = json_object();
    lorec_err e = single && pair && named ? LOREC_OK : train_out_of_memory();
    for (int k = 0; k < 3 && !e; k++) { /* single's A, pair's A and B */
        json_t *rows = k == 0 ? single : pair;
        int segment = k == 2;
        e = append_special(rows, named, s, s->bos, segment);
        if (!e && json_array_append_new(
                      rows, json_pack("{s:{s:s, s:i}}", "Sequence", "id", texts[segment], "type_id", segment)))
            e = train_out_of_memory();
        if (!e) e = append_special(rows, named, s, s->eos, segment);
    }
    if (!e)
        *out = json_pack("{s:s, s:O, s:O, s:O}", "type", "TemplateProcessing", "single", single, "pair", pair,
                         "special_tokens", named);
    json_decref(single);
    json_decref(pair);
    json_decref(named);
    return e ? e : *out ? LOREC_OK : train_out_of_memory();
}

lorec_err train_file(json_t *model, const tokenizer_training *s, const train_steps *around, json_t **file)
{
    json_t *normal = NULL, *pre = NULL, *back = NULL, *post = NULL;
    lorec_err e = model ? LOREC_OK : train_out_of_memory();
    *file = NULL;
    if (!e && around->normalizer) e = json_parse(&normal, around->normalizer, strlen(around->normalizer), "normalizer");
    if (!e) e = json_parse(&pre, around->pre_tokenizer, strlen(around->pre_tokenizer), "pre_tokenizer");
    if (!e) e = json_parse(&back, around->decoder, strlen(around->decoder), "decoder");
    if (!e) e = post_processor(s, &post);
    if (!e) {
        *file = json_pack("{s:s, s:n, s:n, s:o, s:O?, s:O, s:O, s:O, s:O}", "version", "1.0", "truncation", "padding",
                          "added_tokens", special_tokens(s), "normalizer", normal, "pre_tokenizer", pre,
                          "post_processor", post, "decoder", back, "model", model);
        if (!*file) e = train_out_of_memory();
    }
    json_decref(model);
    json_decref(normal);
    json_decref(pre);
    json_decref(back);
    json_decref(post);
    return e;
}
