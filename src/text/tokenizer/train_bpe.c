/* Byte-level BPE from counted words: again and again the pair of neighbours that occurs most often becomes a symbol (of equal
 * ones the pair with the smaller ids, as Hugging Face's trainer has it). Counts are kept up to date word by word; a heap may
 * hold outdated counts, which are seen and put back when they come up. */
#include "base/threads.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/train.h"
#include "text/unicode.h"

enum { BYTES = 256 };

typedef struct training_word {
    int32_t *symbol;
    size_t n;
    uint64_t count;
} training_word;

typedef struct pair_entry {
    int32_t left, right;
    int64_t count;
    uint32_t *where; /* words that hold it or did, ascending stretch by stretch */
    size_t n, cap;
    bool queued;
} pair_entry;

typedef struct candidate {
    int64_t count;
    uint32_t pair;
} candidate;

typedef struct bpe_training {
    training_word *word;
    size_t n_words;
    int32_t *symbols; /* all words' */
    ids pair_ids;     /* the 8 bytes of a pair -> index into pair */
    pair_entry *pair;
    size_t pair_cap;
    candidate *heap;
    size_t heap_n, heap_cap;
    uint32_t *fresh; /* pairs that got new occurrences since they were queued */
    size_t fresh_n, fresh_cap;
    ids pieces; /* as the vocabulary writes them; piece i has id first + i */
    size_t first;
    json_t *vocab, *merges;
} bpe_training;

/* ---- pairs --------------------------------------------------------------------------------------------------------------- */

static lorec_err pair_at(bpe_training *b, int32_t left, int32_t right, uint32_t *index)
{
    int32_t key[2] = {left, right};
    uint32_t known = b->pair_ids.n;
    TRY(mem_grow(&b->pair, &b->pair_cap, (size_t)known + 1)); /* first: every id has its entry */
    TRY(ids_add(&b->pair_ids, (slice){(const char *)key, sizeof key}, index));
    if (*index == known) b->pair[known] = (pair_entry){.left = left, .right = right};
    return LOREC_OK;
}

static lorec_err pair_change(bpe_training *b, int32_t left, int32_t right, int sign, uint32_t word)
{
    uint32_t index;
    TRY(pair_at(b, left, right, &index));
    pair_entry *p = &b->pair[index];
    p->count += sign * (int64_t)b->word[word].count;
    if (sign < 0) return LOREC_OK;
    if (!p->n || p->where[p->n - 1] != word) {
        TRY(mem_grow(&p->where, &p->cap, p->n + 1));
        p->where[p->n++] = word;
    }
    if (p->queued) return LOREC_OK;
    p->queued = true;
    TRY(mem_grow(&b->fresh, &b->fresh_cap, b->fresh_n + 1));
    b->fresh[b->fresh_n++] = index;
    return LOREC_OK;
}

static bool before(const bpe_training *b, candidate x, candidate y)
{
    if (x.count != y.count) return x.count > y.count;
    const pair_entry *p = &b->pair[x.pair], *q = &b->pair[y.pair];
    return p->left != q->left ? p->left < q->left : p->right < q->right;
}

static lorec_err heap_push(bpe_training *b, candidate c)
{
    TRY(mem_grow(&b->heap, &b->heap_cap, b->heap_n + 1));
    size_t i = b->heap_n++;
    for (; i && before(b, c, b->heap[(i - 1) / 2]); i = (i - 1) / 2) b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = c;
    return LOREC_OK;
}

static candidate heap_pop(bpe_training *b)
{
    candidate top = b->heap[0], last = b->heap[--b->heap_n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < b->heap_n; i = child) {
        if (child + 1 < b->heap_n && before(b, b->heap[child + 1], b->heap[child])) child++;
        if (!before(b, b->heap[child], last)) break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return top;
}

static lorec_err queue_fresh(bpe_training *b)
{
    for (size_t i = 0; i < b->fresh_n; i++) {
        pair_entry *p = &b->pair[b->fresh[i]];
        p->queued = false;
        if (p->count > 0) TRY(heap_push(b, (candidate){p->count, b->fresh[i]}));
    }
    b->fresh_n = 0;
    return LOREC_OK;
}

/* ---- merging ------------------------------------------------------------------------------------------------------------- */

static lorec_err merge_word(bpe_training *b, uint32_t number, int32_t left, int32_t right, int32_t made)
{
    training_word *w = &b->word[number];
    size_t kept = 0;
    for (size_t i = 0; i < w->n; kept++) {
        if (i + 1 >= w->n || w->symbol[i] != left || w->symbol[i + 1] != right) {
            w->symbol[kept] = w->symbol[i++];
            continue;
        }
        if (kept) {
            TRY(pair_change(b, w->symbol[kept - 1], left, -1, number));
            TRY(pair_change(b, w->symbol[kept - 1], made, 1, number));
        }
        if (i + 2 < w->n) {
            TRY(pair_change(b, right, w->symbol[i + 2], -1, number));
            TRY(pair_change(b, made, w->symbol[i + 2], 1, number));
        }
        w->symbol[kept] = made;
        i += 2;
    }
    w->n = kept;
    return LOREC_OK;
}

static lorec_err put_piece(bpe_training *b, slice text, int32_t *id)
{
    uint32_t number, known = b->pieces.n;
    TRY(ids_add(&b->pieces, text, &number));
    *id = (int32_t)(b->first + number);
    if (number < known) return LOREC_OK;
    return json_object_setn_new(b->vocab, text.p, text.n, json_integer(*id)) ? train_out_of_memory() : LOREC_OK;
}

static slice piece_of(const bpe_training *b, int32_t id)
{
    return ids_name(&b->pieces, (uint32_t)((size_t)id - b->first));
}

static lorec_err do_merge(bpe_training *b, uint32_t index)
{
    pair_entry p = b->pair[index];
    buf joined = {0};
    slice left = piece_of(b, p.left), right = piece_of(b, p.right);
    int32_t made;
    json_t *row = json_sprintf("%.*s %.*s", (int)left.n, left.p, (int)right.n, right.p);
    lorec_err e = row && !json_array_append_new(b->merges, row) ? LOREC_OK : train_out_of_memory();
    if (!e) e = buf_add(&joined, left.p, left.n);
    if (!e) e = buf_add(&joined, right.p, right.n);
    if (!e) e = put_piece(b, (slice){joined.p, joined.n}, &made);
    buf_free(&joined);
    b->pair[index].where = NULL; /* a new list, should the pair come back */
    b->pair[index].n = b->pair[index].cap = 0;
    for (size_t i = 0; i < p.n && !e; i++) e = merge_word(b, p.where[i], p.left, p.right, made);
    mem_free(p.where);
    b->pair[index].count = 0;
    return e ? e : queue_fresh(b);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */

static lorec_err begin(bpe_training *b, const counted_word *word, size_t n, const tokenizer_training *s,
                       int32_t byte_id[BYTES])
{
    size_t all = 0;
    b->first = s->n_special;
    b->vocab = json_object();
    b->merges = json_array();
    if (!b->vocab || !b->merges) return train_out_of_memory();
    for (size_t i = 0; i < s->n_special; i++)
        if (json_object_set_new(b->vocab, s->special[i], json_integer((json_int_t)i))) return train_out_of_memory();
    for (uint32_t c = 0; c <= 0x143; c++) { /* in the order of the characters that stand for them */
        int byte = byte_level_byte(c);
        char text[UTF8_MAX];
        if (byte >= 0) TRY(put_piece(b, (slice){text, utf8_write(text, c)}, &byte_id[byte]));
    }
    for (size_t i = 0; i < n; i++) all += word[i].text.n;
    TRY(mem_new(&b->symbols, all));
    TRY(mem_new(&b->word, n));
    b->n_words = n;
    int32_t *at = b->symbols;
    for (size_t i = 0; i < n; i++) {
        b->word[i] = (training_word){at, word[i].text.n, word[i].count};
        for (size_t k = 0; k < word[i].text.n; k++) *at++ = byte_id[(unsigned char)word[i].text.p[k]];
        for (size_t k = 0; k + 1 < word[i].text.n; k++)
            TRY(pair_change(b, b->word[i].symbol[k], b->word[i].symbol[k + 1], 1, (uint32_t)i));
    }
    return queue_fresh(b);
}

static lorec_err grow(bpe_training *b, const tokenizer_training *s)
{
    while (b->first + b->pieces.n < s->size && b->heap_n) {
        TRY(cancel_check());
        candidate top = heap_pop(b);
        int64_t count = b->pair[top.pair].count;
        if (count != top.count) { /* outdated: back into the heap with what is true now */
            if (count > 0 && count < top.count) TRY(heap_push(b, (candidate){count, top.pair}));
            continue;
        }
        if (count < (int64_t)s->least) break;
        TRY(do_merge(b, top.pair));
    }
    return LOREC_OK;
}

static const train_steps steps_of_bytes = {
    NULL, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true}",
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true}"};

lorec_err train_bpe(const counted_word *word, size_t n, const tokenizer_training *s, json_t **file)
{
    bpe_training b = {0};
    int32_t byte_id[BYTES];
    *file = NULL;
    if (n > UINT32_MAX) return err_set(LOREC_INPUT, "more than 2^32 different words");
    lorec_err e = begin(&b, word, n, s, byte_id);
    if (!e) e = grow(&b, s);
    if (!e) {
        json_t *model = json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:O, s:O}", "type", "BPE", "dropout",
                                  "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                                  "byte_fallback", 0, "ignore_merges", 0, "vocab", b.vocab, "merges", b.merges);
        e = train_file(model, s, &steps_of_bytes, file);
    }
    for (uint32_t i = 0; i < b.pair_ids.n; i++) mem_free(b.pair[i].where);
    mem_free(b.pair);
    mem_free(b.heap);
    mem_free(b.fresh);
    mem_free(b.word);
    mem_free(b.symbols);
    ids_free(&b.pair_ids);
    ids_free(&b.pieces);
    json_decref(b.vocab);
    json_decref(b.merges);
    return e;
}
