/* ChatGLM-6B's vocabulary (icetk's ice_text.model): SentencePiece, around which its class writes line ends, tabs and runs of
 * 2 to 80 spaces as pieces of their own, and frames a text as: text [gMASK] <sop>. */
#include "text/tokenizer/sentencepiece.h"

enum { LONGEST = 80 };

static lorec_err run_blanks(const step *s, workspace *w)
{
    (void)s;
    buf_clear(&w->other);
    slice text = {w->text.p, w->text.n};
    for (size_t i = 0, n; i < text.n; i += n) {
        for (n = 0; i + n < text.n && text.p[i + n] == ' ' && n < LONGEST;) n++;
        if (n > 1) {
            TRY(buf_printf(&w->other, "<|blank_%zu|>", n));
            continue;
        }
        n = 1;
        const char *as = text.p[i] == '\n' ? "<n>" : text.p[i] == '\t' ? "<|tab|>" : NULL;
        TRY(as ? buf_puts(&w->other, as) : buf_add(&w->other, &text.p[i], 1));
    }
    workspace_swap_text(w);
    return LOREC_OK;
}
static const step_kind normalizer_blanks = {"blanks", NULL, run_blanks};

static size_t blank_length(slice piece)
{
    slice number = {piece.p + 8, piece.n > 10 ? piece.n - 10 : 0};
    uint64_t n;
    if (piece.n < 11 || memcmp(piece.p, "<|blank_", 8) || memcmp(piece.p + piece.n - 2, "|>", 2)) return 0;
    return slice_to_u64(number, &n) && n >= 2 && n <= LONGEST ? (size_t)n : 0;
}

static lorec_err run_unblank(const step *s, workspace *w)
{
    (void)s;
    buf_clear(&w->other);
    w->made.n = 0;
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        size_t from = w->other.n, n = blank_length(word);
        if (slice_is(word, "<n>")) word = slice_of("\n");
        if (slice_is(word, "<|tab|>")) word = slice_of("\t");
        if (n) TRY(buf_printf(&w->other, "%*s", (int)n, ""));
        if (!n) TRY(buf_add(&w->other, word.p, word.n));
        TRY(spans_add(&w->made, from, w->other.n));
    }
    workspace_swap_text(w);
    workspace_swap_words(w);
    return LOREC_OK;
}
static const step_kind decoder_blanks = {"blanks", NULL, run_unblank};

bool icetk_is(const tokenizer *t)
{
    int32_t id;
    return vocabulary_find(&t->vocabulary, slice_of("<n>"), &id) &&
           vocabulary_find(&t->vocabulary, slice_of("<|tab|>"), &id) &&
           vocabulary_find(&t->vocabulary, slice_of("<|blank_2|>"), &id);
}

lorec_err icetk_begin(tokenizer *t)
{
    step *made;
    int32_t mask, begin;
    TRY(steps_add(&t->normalizer, &normalizer_blanks, &made));
    TRY(steps_add(&t->decoder, &decoder_blanks, &made));
    if (!vocabulary_find(&t->vocabulary, slice_of("[gMASK]"), &mask) ||
        !vocabulary_find(&t->vocabulary, slice_of("<sop>"), &begin))
        return LOREC_OK;
    frame *frames[] = {&t->single, &t->pair};
    for (int k = 0; k < 2; k++) {
        TRY(frame_add(frames[k], FRAME_A, 0, 0));
        if (k == 1) TRY(frame_add(frames[k], FRAME_B, 0, 0));
        TRY(frame_add(frames[k], FRAME_TOKEN, mask, 0));
        TRY(frame_add(frames[k], FRAME_TOKEN, begin, 0));
    }
    return LOREC_OK;
}
