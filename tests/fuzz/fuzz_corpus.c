/* Any bytes as *.jsonl of each form that corpora have: refused with a message, or sequences within the context. */
#include "lm/train/corpus_pairs.h"
#include "text/chat.h"
#include "tokenizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTEXT = 24 };

static const tokenizer *bytes_tokenizer(void)
{
    static tokenizer *t;
    static char piece[260][8];
    static slice pieces[260];
    tokenizer_vocabulary v = tokenizer_vocabulary_none();
    if (t) return t;
    int32_t type[260];
    for (int i = 0; i < 260; i++) {
        snprintf(piece[i], sizeof piece[i], i < 4 ? "<s%d>" : "<0x%02X>", i < 4 ? i : i - 4);
        pieces[i] = slice_of(piece[i]);
        type[i] = i < 4 ? TOKENIZER_TYPE_CONTROL : TOKENIZER_TYPE_BYTE;
    }
    v.model = "llama";
    v.n = 260;
    v.piece = pieces;
    v.type = type;
    if (tokenizer_from_vocabulary(&t, &v, "bytes")) abort();
    return t;
}

static void check(const corpus *c, const tokenizer *t)
{
    for (int64_t i = 0; i < c->n; i++) {
        if (c->start[i + 1] <= c->start[i] || c->start[i + 1] - c->start[i] > CONTEXT) abort();
        for (int64_t k = c->start[i]; k < c->start[i + 1]; k++)
            if (c->token[k] < 0 || (size_t)c->token[k] >= tokenizer_size(t) || c->learn[k] > 1) abort();
    }
}

static lorec_err take(void *ctx, slice text)
{
    *(size_t *)ctx += text.n;
    return LOREC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static chat_template *chat;
    const tokenizer *t = bytes_tokenizer();
    const char *path = tokenizer_file("corpus.jsonl", data, size);
    corpus c = {0};
    size_t n = 0;
    if (!chat && chat_open(&chat, "chatml")) abort();
    if (corpus_read(&c, t, chat, CONTEXT, path) && !lorec_error_message()[0]) abort();
    check(&c, t);
    corpus_free(&c);
    if (corpus_texts(path, take, &n) && !lorec_error_message()[0]) abort();
    for (int form = PAIRS_ANSWERS; form <= PAIRS_PREFERRED; form++) {
        corpus_pairs p = {0}, other = {0};
        if (corpus_pairs_read(&p, (pairs_form)form, t, CONTEXT, path) == LOREC_OK) {
            if (form != PAIRS_CLASSES && p.a.n != p.b.n) abort();
            check(&p.a, t);
            check(&p.b, t);
            for (int64_t i = 0; p.label && i < p.a.n; i++)
                if (p.label[i] < 0 || p.label[i] >= p.classes) abort();
            if (corpus_pairs_split(&p, &other, .3)) abort();
        } else if (!lorec_error_message()[0]) {
            abort();
        }
        corpus_pairs_free(&p);
        corpus_pairs_free(&other);
    }
    return 0;
}
