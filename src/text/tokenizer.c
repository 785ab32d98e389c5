#include "text/tokenizer.h"

#include "text/tokenizer/parts.h"
#include "text/unicode.h"

/* ---- lists of ids ------------------------------------------------------------------------------------------------------- */

lorec_err tokens_add(tokens *t, int32_t id)
{
    if (t->n >= t->cap) TRY(mem_grow(&t->id, &t->cap, t->n + 1));
    t->id[t->n++] = id;
    return LOREC_OK;
}

void tokens_free(tokens *t)
{
    mem_free(t->id);
    *t = (tokens){0};
}

/* ---- making ------------------------------------------------------------------------------------------------------------- */

lorec_err tokenizer_new(tokenizer **out)
{
    TRY(mem_new(out, 1));
    tokenizer *t = *out;
    pthread_mutex_init(&t->lock, NULL);
    for (int r = 0; r < TOKENIZER_ROLES; r++) t->role[r] = -1;
    return LOREC_OK;
}

void tokenizer_free(tokenizer *t)
{
    if (!t) return;
    tokenizer_drop_idle(t);
    pthread_mutex_destroy(&t->lock);
    steps_free(&t->normalizer);
    steps_free(&t->pre_tokenizer);
    steps_free(&t->decoder);
    frame_free(&t->single);
    frame_free(&t->pair);
    for (size_t i = 0; i < t->n_added; i++) buf_free(&t->added[i].text);
    mem_free(t->added);
    byte_trie *tries[] = {&t->raw_added, &t->normalized_added, &t->first, &t->inner, &t->kept};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) byte_trie_free(tries[i]);
    packed_trie_free(&t->packed);
    mem_free(t->special);
    mem_free(t->merges.slot);
    buf_free(&t->prefix);
    buf_free(&t->suffix);
    ids_free(&t->loose);
    vocabulary_free(&t->vocabulary);
    mem_free(t);
}

/* ByteLevel as the last pre-tokenizer: words stay bytes and the model takes them so. Elsewhere its characters are made. */
static void settle_byte_level(tokenizer *t)
{
    for (size_t i = 0; i < t->pre_tokenizer.n; i++) {
        step *s = &t->pre_tokenizer.at[i];
        if (strcmp(s->kind->name, "ByteLevel")) continue;
        bool last = i + 1 == t->pre_tokenizer.n && t->model == &model_bpe && !t->prefix.n;
        s->split = !last;
        t->byte_level |= last;
    }
}

/* Texts may be cut before every "▁" that follows something else if no token and no added token crosses such a place:
 * then words are remembered, and a long text is many short words. */
static lorec_err settle_marks(tokenizer *t)
{
    int32_t mark;
    if (t->model != &model_bpe || t->byte_level || t->ignore_merges || t->prefix.n || t->suffix.n ||
        t->pre_tokenizer.n || !vocabulary_find(&t->vocabulary, slice_of("\xE2\x96\x81"), &mark))
        return LOREC_OK;
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        slice text = vocabulary_text(&t->vocabulary, (int32_t)i);
        bool after_mark = true;
        for (size_t k = 0; k < text.n && !t->special[i];) {
            bool is = k + 3 <= text.n && memcmp(text.p + k, "\xE2\x96\x81", 3) == 0;
            if (is && !after_mark) return LOREC_OK;
            after_mark = is;
            k += is ? 3 : 1;
        }
    }
    step *made;
    return steps_add(&t->pre_tokenizer, &pre_tokenizer_marks, &made);
}

lorec_err tokenizer_finish(tokenizer *t)
{
    TRY(vocabulary_check(&t->vocabulary));
    TRY(mem_new(&t->special, t->vocabulary.n));
    for (size_t i = 0; i < t->vocabulary.n; i++) {
        uint8_t type = t->vocabulary.type[i];
        t->special[i] = type == TOKENIZER_TYPE_CONTROL || type == TOKENIZER_TYPE_UNKNOWN;
    }
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].special) t->special[t->added[i].id] = 1;
    settle_byte_level(t);
    TRY(settle_marks(t));
    TRY(t->model->build(t));
    for (size_t i = 0; i < t->normalizer.n; i++) t->normalizer.at[i].keep = t->kept.nodes ? &t->kept : NULL;
    TRY(added_build(t));
    if (t->single.n == 0 || t->pair.n == 0)
        TRY(frames_simple(t, t->add_bos ? t->role[TOKENIZER_BOS] : -1, t->add_eos ? t->role[TOKENIZER_EOS] : -1));
    return tokenizer_find_anchor(t);
}

/* ---- encoding ----------------------------------------------------------------------------------------------------------- */

static lorec_err encode_word(const tokenizer *t, workspace *w, slice word, tokens *out)
{
    cached_word *c = NULL;
    if (w->cache && word.n <= WORD_CACHE_BYTES) {
        uint64_t hash = 0;
        for (size_t i = 0; i < word.n; i++) hash = (hash ^ (unsigned char)word.p[i]) * 0x9E3779B97F4A7C15ull;
        c = &w->cache[(hash >> 32) % WORD_CACHE];
        if (c->n && c->bytes == word.n && memcmp(c->text, word.p, word.n) == 0) {
            for (size_t i = 0; i < c->n; i++) TRY(tokens_add(out, c->id[i]));
            return LOREC_OK;
        }
    }
    size_t from = out->n;
    TRY(t->model->encode(t, w, word, out));
    size_t n = out->n - from;
    if (!c || n == 0 || n > WORD_CACHE_IDS) return LOREC_OK;
    c->bytes = (uint8_t)word.n;
    c->n = (uint8_t)n;
    memcpy(c->text, word.p, word.n);
    memcpy(c->id, out->id + from, n * sizeof *c->id);
    return LOREC_OK;
}

/* w->text is normalised and holds no added tokens. */
static lorec_err encode_normalized(const tokenizer *t, workspace *w, tokens *out)
{
    if (w->text.n == 0) return LOREC_OK;
    w->words.n = 0;
    TRY(spans_add(&w->words, 0, w->text.n));
    TRY(steps_run(&t->pre_tokenizer, w));
    for (size_t i = 0; i < w->words.n; i++) {
        slice word = workspace_word(w, i);
        if (word.n) TRY(encode_word(t, w, word, out));
    }
    return LOREC_OK;
}

static lorec_err set_text(workspace *w, const char *p, size_t n)
{
    buf_clear(&w->text);
    return buf_add(&w->text, p, n);
}

/* A stretch of the text without raw added tokens. */
static lorec_err encode_stretch(const tokenizer *t, workspace *w, slice s, bool at_start, unsigned flags, tokens *out)
{
    w->at_start = at_start;
    TRY(set_text(w, s.p, s.n));
    TRY(steps_run(&t->normalizer, w));
    span at;
    int32_t id;
    slice whole = {w->text.p, w->text.n};
    if (!t->normalized_added.nodes || !added_next(t, &t->normalized_added, whole, 0, flags, &at, &id))
        return encode_normalized(t, w, out);
    buf held = w->held;
    w->held = w->text;
    w->text = held;
    whole = (slice){w->held.p, w->held.n};
    for (size_t from = 0;;) {
        bool found = added_next(t, &t->normalized_added, whole, from, flags, &at, &id);
        size_t stop = found ? at.begin : whole.n;
        w->at_start = at_start && from == 0;
        TRY(set_text(w, whole.p + from, stop - from));
        TRY(encode_normalized(t, w, out));
        if (!found) return LOREC_OK;
        TRY(tokens_add(out, id));
        from = at.end;
    }
}

static lorec_err encode_with(const tokenizer *t, workspace *w, slice text, bool at_start, unsigned flags, tokens *out)
{
    buf_clear(&w->escaped);
    if (unicode_needs_escape(text)) {
        TRY(unicode_escape(&w->escaped, text));
        text = (slice){w->escaped.p, w->escaped.n};
    }
    regex_scratch_start(w->regex, text.n);
    for (size_t from = 0;;) {
        span at;
        int32_t id;
        bool found = t->raw_added.nodes && added_next(t, &t->raw_added, text, from, flags, &at, &id);
        size_t stop = found ? at.begin : text.n;
        slice stretch = {text.p + from, stop - from};
        if (stretch.n) TRY(encode_stretch(t, w, stretch, at_start && from == 0, flags, out));
        if (!found) return LOREC_OK;
        TRY(tokens_add(out, id));
        from = at.end;
    }
}

static lorec_err encode_bare(const tokenizer *t, slice text, unsigned flags, tokens *out)
{
    if (text.n == 0) return LOREC_OK;
    workspace *w;
    TRY(workspace_take(t, &w));
    lorec_err e = encode_with(t, w, text, true, flags, out);
    workspace_give(t, w);
    return e;
}

static lorec_err put_frame(const tokenizer *t, const frame *f, const slice text[2], unsigned flags, tokens *out,
                           tokens *segment)
{
    for (size_t i = 0; i < f->n; i++) {
        const frame_part *part = &f->part[i];
        size_t from = out->n;
        if (part->what == FRAME_TOKEN)
            TRY(tokens_add(out, part->id));
        else
            TRY(encode_bare(t, text[part->what == FRAME_B], flags, out));
        for (size_t k = from; segment && k < out->n; k++) TRY(tokens_add(segment, part->segment));
    }
    return LOREC_OK;
}

static lorec_err undo(lorec_err e, tokens *out, size_t n)
{
    if (e) out->n = n;
    return e;
}

lorec_err tokenizer_encode(const tokenizer *t, slice text, unsigned flags, tokens *out)
{
    size_t before = out->n;
    if (!(flags & TOKENIZER_FRAME)) return undo(encode_bare(t, text, flags, out), out, before);
    return undo(put_frame(t, &t->single, (slice[2]){text, {0}}, flags, out, NULL), out, before);
}

lorec_err tokenizer_encode_parts(const tokenizer *t, const tokenizer_part *part, size_t n, tokens *out)
{
    size_t before = out->n;
    workspace *w;
    lorec_err e = LOREC_OK;
    TRY(workspace_take(t, &w));
    for (size_t i = 0; i < n && !e; i++) {
        if (part[i].id >= 0)
            e = tokens_add(out, part[i].id);
        else if (part[i].text.n)
            e = encode_with(t, w, part[i].text, i == 0, TOKENIZER_PLAIN, out);
    }
    workspace_give(t, w);
    return undo(e, out, before);
}

lorec_err tokenizer_encode_pair(const tokenizer *t, slice a, slice b, unsigned flags, tokens *out, tokens *segment)
{
    static const frame_part bare[] = {{FRAME_A, 0, 0}, {FRAME_B, 0, 1}};
    frame plain = {.part = (frame_part *)bare, .n = 2};
    size_t before = out->n;
    const frame *f = flags & TOKENIZER_FRAME ? &t->pair : &plain;
    return undo(put_frame(t, f, (slice[2]){a, b}, flags, out, segment), out, before);
}

/* ---- what it holds ------------------------------------------------------------------------------------------------------ */

const char *const tokenizer_role_names[TOKENIZER_ROLES] = {
    [TOKENIZER_BOS] = "bos_token",  [TOKENIZER_EOS] = "eos_token", [TOKENIZER_UNK] = "unk_token",
    [TOKENIZER_SEP] = "sep_token",  [TOKENIZER_PAD] = "pad_token", [TOKENIZER_CLS] = "cls_token",
    [TOKENIZER_MASK] = "mask_token"};

void tokenizer_set_role(tokenizer *t, tokenizer_role role, slice text)
{
    int32_t id;
    if (vocabulary_find(&t->vocabulary, text, &id)) t->role[role] = id;
}

size_t tokenizer_size(const tokenizer *t)
{
    return t->vocabulary.n;
}

slice tokenizer_piece(const tokenizer *t, int32_t id)
{
    return vocabulary_text(&t->vocabulary, id);
}

bool tokenizer_find(const tokenizer *t, slice piece, int32_t *id)
{
    return vocabulary_find(&t->vocabulary, piece, id);
}

bool tokenizer_is_special(const tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->vocabulary.n && t->special[id];
}

int32_t tokenizer_special(const tokenizer *t, tokenizer_role role)
{
    return t->role[role];
}

int32_t tokenizer_byte(const tokenizer *t, unsigned char byte)
{
    return t->byte_level || t->byte_fallback ? t->byte_id[byte] : -1;
}
