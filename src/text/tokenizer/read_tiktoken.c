/* tiktoken's vocabularies (qwen.tiktoken, LLaMA 3's and GLM-4's tokenizer.model): one token a line, its bytes in base64, a
 * blank, its rank, which is its id. Two neighbours merge where what they make is a token; the lowest rank goes first. Special
 * tokens follow the last rank; which, the class that reads the file has in its code. */
#include "text/tokenizer/parts.h"
#include "text/tokenizer/pre_names.h"

enum { SPLIT_MAX = 512 }; /* bytes of a token whose merges are looked for */

static lorec_err read_line(tokenizer *t, slice line, buf *bytes, buf *text)
{
    slice rank = line, token = slice_cut(&rank, ' ');
    uint64_t id;
    if (!slice_to_u64(rank, &id) || id > INT32_MAX) return err_set(LOREC_INPUT, "it is not base64, a blank and a rank");
    buf_clear(bytes);
    buf_clear(text);
    TRY(base64_decode(token, bytes));
    TRY(byte_level_encode((slice){bytes->p, bytes->n}, text));
    return vocabulary_add(&t->vocabulary, (int64_t)id, (slice){text->p ? text->p : "", text->n}, 0,
                          TOKENIZER_TYPE_NORMAL);
}

/* Every way to make a token of two others is a merge; its rank is the token's. Texts are bytes of one or two bytes each. */
static lorec_err add_merges(tokenizer *t)
{
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        slice text = vocabulary_text(&t->vocabulary, (int32_t)i);
        if (!text.p || text.n > SPLIT_MAX) continue;
        for (size_t cut = 1; cut < text.n; cut++) {
            int32_t left, right;
            if (((unsigned char)text.p[cut] & 0xC0) == 0x80) continue;
            if (vocabulary_find(&t->vocabulary, (slice){text.p, cut}, &left) &&
                vocabulary_find(&t->vocabulary, (slice){text.p + cut, text.n - cut}, &right))
                TRY(merges_add(&t->merges, left, right, (uint32_t)i, (int32_t)i));
        }
    }
    return LOREC_OK;
}

static lorec_err add_specials(tokenizer *t, const char *const *names, size_t n, const char *numbered, int count)
{
    int32_t id = (int32_t)t->vocabulary.n;
    for (size_t i = 0; i < n; i++)
        TRY(tokenizer_add(t, (added_token){.id = id++, .special = true}, slice_of(names[i])));
    for (int k = 0; k < count; k++) {
        char text[64];
        snprintf(text, sizeof text, numbered, k);
        TRY(tokenizer_add(t, (added_token){.id = id++, .special = true}, slice_of(text)));
    }
    return LOREC_OK;
}

static lorec_err add_steps(tokenizer *t, const char *words)
{
    step *made;
    TRY(steps_add(&t->pre_tokenizer, step_kind_find(pre_tokenizer_kinds, "Split"), &made));
    made->behavior = SPLIT_ISOLATED;
    TRY(regex_new(&made->pattern, slice_of(pre_name_find(words)->pattern[0]), REGEX_PLAIN));
    t->model = &model_bpe;
    t->byte_level = true;
    return preset_decoder(t, "{\"type\": \"ByteLevel\"}");
}

lorec_err read_tiktoken(tokenizer *t, slice file, bool qwen)
{
    static const char *const qwen_special[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    static const char *const llama_special[] = {"<|begin_of_text|>",
                                                "<|end_of_text|>",
                                                "<|reserved_special_token_0|>",
                                                "<|reserved_special_token_1|>",
                                                "<|reserved_special_token_2|>",
                                                "<|reserved_special_token_3|>",
                                                "<|start_header_id|>",
                                                "<|end_header_id|>",
                                                "<|reserved_special_token_4|>",
                                                "<|eot_id|>"};
    enum { LLAMA = 128000 };
    buf bytes = {0}, text = {0};
    size_t number = 0;
    lorec_err e = LOREC_OK;
    t->vocabulary.expected = file.n / 4;
    while (file.n && !e) {
        slice line = slice_trim(slice_cut(&file, '\n'));
        number++;
        if (line.n) e = read_line(t, line, &bytes, &text);
        if (e) err_context(e, "line %zu", number);
    }
    buf_free(&bytes);
    buf_free(&text);
    if (!e) e = vocabulary_check(&t->vocabulary);
    if (!e) e = add_merges(t);
    if (!e) e = add_steps(t, qwen ? "qwen2" : "llama3");
    if (!e && qwen) e = preset_normalizer(t, "{\"type\": \"NFC\"}");
    if (!e && qwen) e = add_specials(t, qwen_special, 3, "<|extra_%d|>", 205);
    if (e || qwen || t->vocabulary.n != LLAMA) return e;
    t->add_bos = true;
    TRY(add_specials(t, llama_special, sizeof llama_special / sizeof *llama_special, "", 0));
    for (int k = 5; k < 251; k++) {
        char name[64];
        snprintf(name, sizeof name, "<|reserved_special_token_%d|>", k);
        TRY(tokenizer_add(t, (added_token){.id = (int32_t)t->vocabulary.n, .special = true}, slice_of(name)));
    }
    return LOREC_OK;
}

bool looks_like_tiktoken(slice file)
{
    slice rest = file, line = slice_trim(slice_cut(&rest, '\n')), rank = line, token = slice_cut(&rank, ' ');
    uint64_t number;
    if (token.n < 4 || token.n % 4 || !slice_to_u64(rank, &number)) return false;
    for (size_t i = 0; i < token.n; i++)
        if ((unsigned char)token.p[i] <= 32 || (unsigned char)token.p[i] >= 127) return false;
    return true;
}
