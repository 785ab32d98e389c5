/* Byte-pair encoding (Sennrich et al. 2016): a word starts as its bytes or characters; the pair of neighbours whose merge
 * has the lowest rank (the leftmost of equal ones) becomes one symbol, until no pair has a merge.
 *
 * Short words keep their symbols in an array and look for the best pair anew each time; long ones keep a heap of pairs,
 * so that a text of n characters without a space costs n log n. */
#include "text/tokenizer/parts.h"
#include "text/unicode.h"

enum { SHORT = 48, NO_RANK = UINT32_MAX, UNKNOWN = -1 };

/* ---- the word as symbols ------------------------------------------------------------------------------------------------- */

static lorec_err symbol_add(workspace *w, size_t *n, int32_t id, size_t begin, size_t end)
{
    if (*n >= w->symbol_cap) TRY(mem_grow(&w->symbol, &w->symbol_cap, *n + 1));
    if (*n >= INT32_MAX) return err_set(LOREC_INPUT, "a word of more than 2^31 characters");
    w->symbol[(*n)++] = (bpe_symbol){.id = id, .begin = begin, .end = end};
    return LOREC_OK;
}

static lorec_err symbols_of_bytes(const tokenizer *t, workspace *w, slice *word, size_t *n)
{
    if (w->escaped.n) {
        buf_clear(&w->bytes);
        TRY(unicode_unescape(&w->bytes, *word));
        *word = (slice){w->bytes.p, w->bytes.n};
    }
    for (size_t i = 0; i < word->n; i++) {
        unsigned char b = (unsigned char)word->p[i];
        TRY(symbol_add(w, n, (i + 1 == word->n ? t->last_byte_id : t->byte_id)[b], i, i + 1));
    }
    return LOREC_OK;
}

/* The id of a character as its place in the word writes it ("##x", "x</w>"). */
static lorec_err character_id(const tokenizer *t, workspace *w, slice c, bool first, bool last, int32_t *id)
{
    slice text = c;
    if ((!first && t->prefix.n) || (last && t->suffix.n)) {
        buf_clear(&w->piece);
        if (!first && t->prefix.n) TRY(buf_add(&w->piece, t->prefix.p, t->prefix.n));
        TRY(buf_add(&w->piece, c.p, c.n));
        if (last && t->suffix.n) TRY(buf_add(&w->piece, t->suffix.p, t->suffix.n));
        text = (slice){w->piece.p, w->piece.n};
    }
    uint32_t loose;
    if (vocabulary_find(&t->vocabulary, text, id) && !t->special[*id]) return LOREC_OK;
    *id = ids_find(&t->loose, text, &loose) ? (int32_t)(t->vocabulary.n + loose) : UNKNOWN;
    return LOREC_OK;
}

static lorec_err symbols_of_characters(const tokenizer *t, workspace *w, slice word, size_t *n)
{
    for (const char *p = word.p, *end = p + word.n; p < end;) {
        const char *at = p;
        utf8_next(&p);
        int32_t id;
        TRY(character_id(t, w, (slice){at, (size_t)(p - at)}, at == word.p, p == end, &id));
        TRY(symbol_add(w, n, id, (size_t)(at - word.p), (size_t)(p - word.p)));
    }
    return LOREC_OK;
}

/* ---- merging ------------------------------------------------------------------------------------------------------------- */

static void rank_pair(const tokenizer *t, bpe_symbol *left, const bpe_symbol *right)
{
    const merge *m = merges_find(&t->merges, left->id, right->id);
    left->rank = m ? m->rank : NO_RANK;
    left->merged = m ? m->result : UNKNOWN;
}

static size_t merge_short(const tokenizer *t, bpe_symbol *s, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) rank_pair(t, &s[i], &s[i + 1]);
    s[n - 1].rank = NO_RANK;
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < s[best].rank) best = i;
        if (s[best].rank == NO_RANK) return n;
        s[best].id = s[best].merged;
        s[best].end = s[best + 1].end;
        memmove(&s[best + 1], &s[best + 2], (n - best - 2) * sizeof *s);
        n--;
        if (best + 1 < n)
            rank_pair(t, &s[best], &s[best + 1]);
        else
            s[best].rank = NO_RANK;
        if (best > 0) rank_pair(t, &s[best - 1], &s[best]);
    }
}

static bool before(const bpe_candidate *a, const bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static lorec_err heap_push(const tokenizer *t, workspace *w, int32_t left)
{
    int32_t right = left < 0 ? -1 : w->symbol[left].next;
    if (right < 0) return LOREC_OK;
    const merge *m = merges_find(&t->merges, w->symbol[left].id, w->symbol[right].id);
    if (!m) return LOREC_OK;
    if (w->heap_n >= w->heap_cap) TRY(mem_grow(&w->heap, &w->heap_cap, w->heap_n + 1));
    bpe_candidate c = {m->rank, left, m->left, m->right};
    size_t i = w->heap_n++;
    for (; i && before(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
    return LOREC_OK;
}

static bpe_candidate heap_pop(workspace *w)
{
    bpe_candidate *h = w->heap, top = h[0], last = h[--w->heap_n];
    size_t i = 0, n = w->heap_n;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&h[child + 1], &h[child])) child++;
        if (!before(&h[child], &last)) break;
        h[i] = h[child];
    }
    h[i] = last;
    return top;
}

/* Merged symbols keep their place; the ones that were merged away get an id that no candidate has. */
static lorec_err merge_long(const tokenizer *t, workspace *w, size_t *n)
{
    enum { GONE = -2 };
    bpe_symbol *s = w->symbol;
    w->heap_n = 0;
    for (size_t i = 0; i < *n; i++) {
        s[i].previous = (int32_t)i - 1;
        s[i].next = i + 1 < *n ? (int32_t)i + 1 : -1;
    }
    for (size_t i = 0; i + 1 < *n; i++) TRY(heap_push(t, w, (int32_t)i));
    while (w->heap_n) {
        bpe_candidate c = heap_pop(w);
        bpe_symbol *left = &s[c.left];
        if (left->id != c.left_id || left->next < 0 || s[left->next].id != c.right_id) continue; /* out of date */
        bpe_symbol *right = &s[left->next];
        left->id = merges_find(&t->merges, c.left_id, c.right_id)->result;
        left->end = right->end;
        right->id = GONE;
        left->next = right->next;
        if (right->next >= 0) s[right->next].previous = c.left;
        TRY(heap_push(t, w, left->previous));
        TRY(heap_push(t, w, c.left));
    }
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (s[i].id != GONE) s[kept++] = s[i];
    *n = kept;
    return LOREC_OK;
}

/* ---- ids ----------------------------------------------------------------------------------------------------------------- */

/* What no token stands for: its bytes where the vocabulary has them, else the unknown token, once for a run of them. */
static lorec_err put_unknown(const tokenizer *t, slice text, bool *after_unknown, tokens *out)
{
    bool bytes = t->byte_fallback;
    size_t n = text.n;
    const char *p = text.p;
    char one;
    if (bytes && !t->byte_level) {
        const char *q = p;
        int byte = unicode_byte(utf8_next(&q));
        if (byte >= 0 && (size_t)(q - p) == n) one = (char)byte, p = &one, n = 1;
    }
    for (size_t i = 0; i < n && bytes; i++) bytes = t->byte_id[(unsigned char)p[i]] >= 0;
    if (bytes) {
        for (size_t i = 0; i < n; i++) TRY(tokens_add(out, t->byte_id[(unsigned char)p[i]]));
        *after_unknown = false;
        return LOREC_OK;
    }
    bool repeated = *after_unknown && t->fuse_unknown;
    *after_unknown = true;
    int32_t unknown = t->role[TOKENIZER_UNK];
    return unknown < 0 || repeated ? LOREC_OK : tokens_add(out, unknown);
}

static lorec_err encode(const tokenizer *t, workspace *w, slice word, tokens *out)
{
    size_t n = 0;
    if (t->ignore_merges) {
        slice text = word;
        int32_t id;
        if (t->byte_level) {
            buf_clear(&w->bytes);
            buf_clear(&w->piece);
            if (w->escaped.n) TRY(unicode_unescape(&w->bytes, word));
            TRY(byte_level_encode(w->escaped.n ? (slice){w->bytes.p, w->bytes.n} : word, &w->piece));
            text = (slice){w->piece.p, w->piece.n};
        }
        if (vocabulary_find(&t->vocabulary, text, &id) && !t->special[id]) return tokens_add(out, id);
    }
    TRY(t->byte_level ? symbols_of_bytes(t, w, &word, &n) : symbols_of_characters(t, w, word, &n));
    if (n == 0) return LOREC_OK;
    if (n <= SHORT)
        n = merge_short(t, w->symbol, n);
    else
        TRY(merge_long(t, w, &n));
    bool after_unknown = false;
    for (size_t i = 0; i < n; i++) {
        const bpe_symbol *s = &w->symbol[i];
        if (s->id >= 0 && (size_t)s->id < t->vocabulary.n) {
            TRY(tokens_add(out, s->id));
            after_unknown = false;
        } else {
            TRY(put_unknown(t, (slice){word.p + s->begin, s->end - s->begin}, &after_unknown, out));
        }
    }
    return LOREC_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static lorec_err read_affix(buf *out, const json_t *row, const char *key)
{
    const char *text;
    TRY(json_get_string_or(row, key, "", &text));
    return buf_puts(out, text);
}

/* One merge: "left right" or ["left", "right"]. */
static lorec_err read_merge(const json_t *row, slice *left, slice *right)
{
    if (json_is_array(row) && json_array_size(row) == 2 && json_is_string(json_array_get(row, 0)) &&
        json_is_string(json_array_get(row, 1))) {
        const json_t *l = json_array_get(row, 0), *r = json_array_get(row, 1);
        *left = (slice){json_string_value(l), json_string_length(l)};
        *right = (slice){json_string_value(r), json_string_length(r)};
        return LOREC_OK;
    }
    if (json_is_string(row)) {
        slice rest = {json_string_value(row), json_string_length(row)};
        *left = slice_cut(&rest, ' ');
        *right = rest;
        if (left->n && right->n) return LOREC_OK;
    }
    return err_set(LOREC_INPUT, "it is neither \"left right\" nor [\"left\", \"right\"]");
}

lorec_err bpe_add_merge(tokenizer *t, slice left, slice right, uint32_t rank)
{
    int32_t l, r, made;
    buf joined = {0};
    slice tail = right;
    if (t->prefix.n && tail.n >= t->prefix.n && memcmp(tail.p, t->prefix.p, t->prefix.n) == 0)
        tail.p += t->prefix.n, tail.n -= t->prefix.n;
    lorec_err e = buf_add(&joined, left.p, left.n);
    if (!e) e = buf_add(&joined, tail.p, tail.n);
    bool known = !e && vocabulary_find(&t->vocabulary, left, &l) && vocabulary_find(&t->vocabulary, right, &r) &&
                 vocabulary_find(&t->vocabulary, (slice){joined.p, joined.n}, &made);
    buf_free(&joined);
    if (e) return e;
    if (!known)
        return err_set(LOREC_INPUT, "\"%.*s\" and \"%.*s\" or what they make is not in the vocabulary",
                       (int)(left.n > 60 ? 60 : left.n), left.p, (int)(right.n > 60 ? 60 : right.n), right.p);
    return merges_add(&t->merges, l, r, rank, made);
}

static lorec_err read(tokenizer *t, const json_t *row)
{
    const json_t *rows = json_object_get(row, "merges"), *one;
    TRY(json_get_bool_or(row, "byte_fallback", false, &t->byte_fallback));
    TRY(json_get_bool_or(row, "ignore_merges", false, &t->ignore_merges));
    TRY(json_get_bool_or(row, "fuse_unk", false, &t->fuse_unknown));
    TRY(read_affix(&t->prefix, row, "continuing_subword_prefix"));
    TRY(read_affix(&t->suffix, row, "end_of_word_suffix"));
    if (!json_is_array(rows)) return err_set(LOREC_INPUT, "the list \"merges\" is missing");
    size_t i;
    json_array_foreach(rows, i, one)
    {
        slice left, right;
        lorec_err e = read_merge(one, &left, &right);
        if (!e) e = bpe_add_merge(t, left, right, (uint32_t)i);
        if (e) return err_context(e, "merge %zu", i);
    }
    return LOREC_OK;
}

static lorec_err build(tokenizer *t)
{
    for (int b = 0; b < 256; b++) {
        char text[64];
        int32_t id;
        t->byte_id[b] = t->last_byte_id[b] = UNKNOWN;
        if (t->byte_level) {
            slice piece = {text, utf8_write(text, byte_level_character((unsigned char)b))};
            if (vocabulary_find(&t->vocabulary, piece, &id) && !t->special[id]) t->byte_id[b] = t->last_byte_id[b] = id;
            if (!t->suffix.n || t->suffix.n > sizeof text - UTF8_MAX) continue;
            memcpy(text + piece.n, t->suffix.p, t->suffix.n);
            piece.n += t->suffix.n;
            t->last_byte_id[b] = vocabulary_find(&t->vocabulary, piece, &id) && !t->special[id] ? id : UNKNOWN;
        } else {
            slice piece = {text, (size_t)snprintf(text, sizeof text, "<0x%02X>", (unsigned)b)};
            if (vocabulary_find(&t->vocabulary, piece, &id)) t->byte_id[b] = t->last_byte_id[b] = id;
        }
    }
    return LOREC_OK;
}

const model_kind model_bpe = {"BPE", read, build, encode, true};
