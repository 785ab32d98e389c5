/* Unigram from counted words (Kudo 2018, section 3.2, as SentencePiece does it): begin with the substrings that occur often,
 * fit their probabilities by expectation maximisation over all ways to cut each word, drop those whose loss would cost
 * the likelihood least, and again, until as many are left as are asked for. Single characters stay. */
#include <math.h>
#include <stdlib.h>

#include "base/threads.h"
#include "text/tokenizer/parts.h"
#include "text/tokenizer/train.h"
#include "text/unicode.h"

enum { BYTES = 256, ROUNDS = 2, SEEDS_PER_PIECE = 10, SEEDS_MIN = 100000, WORD_BYTES = 256 };
static const double least_count = 0.5, shrink = 0.75, spare = 1.1, byte_score = -1000;

typedef struct seed {
    slice text;
    double score; /* log-probability; of a seed: how often times how long */
    bool single;  /* one character */
} seed;

typedef struct unigram_training {
    const counted_word *word;
    size_t n_words;
    size_t longest; /* characters */
    seed *piece;
    size_t n, cap;
    byte_trie trie;
    double *expected; /* [n] */
    double *alpha, *beta;
    size_t alpha_cap, beta_cap;
} unigram_training;

static int by_score(const void *a, const void *b)
{
    const seed *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = memcmp(x->text.p, y->text.p, n);
    return order ? order : x->text.n < y->text.n ? -1 : x->text.n > y->text.n;
}

/* The logarithmic derivative of the gamma function: EM with a Dirichlet prior that favours few pieces. */
static double digamma(double x)
{
    double result = 0;
    for (; x < 7; x++) result -= 1 / x;
    x -= 0.5;
    double xx = 1 / x, xx2 = xx * xx, xx4 = xx2 * xx2;
    return result + log(x) + xx2 / 24 - 7.0 / 960 * xx4 + 31.0 / 8064 * xx4 * xx2 - 127.0 / 30720 * xx4 * xx4;
}

/* ---- seeds --------------------------------------------------------------------------------------------------------------- */

static lorec_err count_substrings(unigram_training *u, ids *texts, uint64_t **count, size_t *cap)
{
    for (size_t i = 0; i < u->n_words; i++) {
        slice word = u->word[i].text;
        if ((i & 0xFFF) == 0) TRY(cancel_check());
        for (size_t at = 0; at < word.n; at += utf8_length((unsigned char)word.p[at])) {
            size_t end = at;
            for (size_t k = 0; k < u->longest && end < word.n && (word.n <= WORD_BYTES || k == 0); k++) {
                uint32_t number;
                end += utf8_length((unsigned char)word.p[end]);
                TRY(ids_add(texts, (slice){word.p + at, end - at}, &number));
                size_t had = *cap;
                TRY(mem_grow(count, cap, (size_t)number + 1));
                if (*cap > had) memset(*count + had, 0, (*cap - had) * sizeof **count);
                (*count)[number] += u->word[i].count;
            }
        }
    }
    return LOREC_OK;
}

static size_t last_character(slice text)
{
    return (size_t)(text.p + text.n - utf8_previous(text.p, text.p + text.n));
}

/* A substring that always goes on with the same character teaches nothing that the longer one does not. */
static void find_inner(const ids *texts, const uint64_t *count, uint8_t *inner)
{
    for (uint32_t i = 0; i < texts->n; i++) {
        uint32_t number;
        slice text = ids_name(texts, i);
        text.n -= last_character(text);
        if (text.n && ids_find(texts, text, &number) && count[number] == count[i]) inner[number] = 1;
    }
}

static lorec_err make_seeds(unigram_training *u, const ids *texts, const uint64_t *count, size_t want)
{
    double all = 0;
    uint8_t *inner;
    TRY(mem_new(&u->piece, texts->n));
    TRY(mem_new(&inner, texts->n));
    find_inner(texts, count, inner);
    u->cap = texts->n;
    for (uint32_t i = 0; i < texts->n; i++) {
        slice text = ids_name(texts, i);
        size_t characters = 0;
        for (size_t k = 0; k < text.n; k++) characters += ((unsigned char)text.p[k] & 0xC0) != 0x80;
        if (characters > 1 && (count[i] < 2 || inner[i])) continue;
        u->piece[u->n++] = (seed){text, (double)count[i] * (double)characters, characters == 1};
    }
    mem_free(inner);
    qsort(u->piece, u->n, sizeof *u->piece, by_score);
    size_t limit = SEEDS_PER_PIECE * want > SEEDS_MIN ? SEEDS_PER_PIECE * want : SEEDS_MIN, kept = 0;
    for (size_t i = 0; i < u->n; i++)
        if (i < limit || u->piece[i].single) u->piece[kept++] = u->piece[i];
    u->n = kept;
    for (size_t i = 0; i < u->n; i++) all += u->piece[i].score;
    for (size_t i = 0; i < u->n; i++) u->piece[i].score = log(u->piece[i].score) - log(all);
    return LOREC_OK;
}

/* ---- expectation and maximisation ---------------------------------------------------------------------------------------- */

static lorec_err build_trie(unigram_training *u)
{
    byte_trie_free(&u->trie);
    for (size_t i = 0; i < u->n; i++) TRY(byte_trie_add(&u->trie, u->piece[i].text, (int32_t)i));
    return LOREC_OK;
}

static double log_add(double a, double b)
{
    if (a == -INFINITY) return b;
    return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

/* Adds to expected[] how often each piece is used in one word, over all ways to cut it; gives the word's log-likelihood. */
static double forward_backward(unigram_training *u, slice word, double count)
{
    double *alpha = u->alpha, *beta = u->beta;
    for (size_t i = 0; i <= word.n; i++) alpha[i] = beta[i] = -INFINITY;
    alpha[0] = beta[word.n] = 0;
    for (size_t at = 0; at < word.n; at++) {
        uint32_t node = 0;
        for (size_t end = at; alpha[at] > -INFINITY && end < word.n; end++) {
            node = byte_trie_step(&u->trie, node, (unsigned char)word.p[end]);
            if (!node) break;
            int32_t id = u->trie.value[node];
            if (id >= 0) alpha[end + 1] = log_add(alpha[end + 1], alpha[at] + u->piece[id].score);
        }
    }
    double total = alpha[word.n];
    for (size_t at = word.n; at-- > 0;) {
        uint32_t node = 0;
        for (size_t end = at; alpha[at] > -INFINITY && end < word.n; end++) {
            node = byte_trie_step(&u->trie, node, (unsigned char)word.p[end]);
            if (!node) break;
            int32_t id = u->trie.value[node];
            if (id < 0 || beta[end + 1] == -INFINITY) continue;
            beta[at] = log_add(beta[at], u->piece[id].score + beta[end + 1]);
            u->expected[id] += count * exp(alpha[at] + u->piece[id].score + beta[end + 1] - total);
        }
    }
    return total;
}

static lorec_err expect(unigram_training *u)
{
    size_t longest = 0;
    for (size_t i = 0; i < u->n_words; i++) longest = u->word[i].text.n > longest ? u->word[i].text.n : longest;
    TRY(mem_grow(&u->alpha, &u->alpha_cap, longest + 1));
    TRY(mem_grow(&u->beta, &u->beta_cap, longest + 1));
    memset(u->expected, 0, u->n * sizeof *u->expected);
    for (size_t i = 0; i < u->n_words; i++) {
        if ((i & 0xFFF) == 0) TRY(cancel_check());
        forward_backward(u, u->word[i].text, (double)u->word[i].count);
    }
    return LOREC_OK;
}

static void maximise(unigram_training *u)
{
    double sum = 0;
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++) {
        if (u->expected[i] < least_count && !u->piece[i].single) continue;
        u->piece[kept] = u->piece[i];
        u->expected[kept] = u->expected[i] < least_count ? least_count : u->expected[i];
        sum += u->expected[kept++];
    }
    u->n = kept;
    double all = digamma(sum);
    for (size_t i = 0; i < u->n; i++) u->piece[i].score = digamma(u->expected[i]) - all;
}

static lorec_err fit(unigram_training *u)
{
    for (int round = 0; round < ROUNDS; round++) {
        TRY(build_trie(u));
        TRY(expect(u));
        maximise(u);
    }
    return LOREC_OK;
}

/* ---- pruning ------------------------------------------------------------------------------------------------------------- */

/* The best way to cut `word` without the piece `without` (-1: none is left out); the ids are added to *path. */
static lorec_err best_way(unigram_training *u, slice word, int32_t without, tokens *path, int32_t *id, size_t *from)
{
    double *best = u->alpha;
    for (size_t i = 0; i <= word.n; i++) best[i] = -INFINITY;
    best[0] = 0;
    for (size_t at = 0; at < word.n; at++) {
        uint32_t node = 0;
        for (size_t end = at; best[at] > -INFINITY && end < word.n; end++) {
            node = byte_trie_step(&u->trie, node, (unsigned char)word.p[end]);
            if (!node) break;
            int32_t piece = u->trie.value[node];
            if (piece < 0 || piece == without || best[at] + u->piece[piece].score <= best[end + 1]) continue;
            best[end + 1] = best[at] + u->piece[piece].score;
            id[end + 1] = piece;
            from[end + 1] = at;
        }
    }
    for (size_t at = word.n; at > 0 && best[word.n] > -INFINITY; at = from[at]) TRY(tokens_add(path, id[at]));
    return LOREC_OK;
}

/* How often each piece is used in the best ways to cut the words. */
static lorec_err count_uses(unigram_training *u, double *uses, int32_t *id, size_t *from)
{
    tokens path = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < u->n_words && !e; i++) {
        path.n = 0;
        if ((i & 0xFFF) == 0) e = cancel_check();
        if (!e) e = best_way(u, u->word[i].text, -1, &path, id, from);
        for (size_t k = 0; k < path.n; k++) uses[path.id[k]] += (double)u->word[i].count;
    }
    tokens_free(&path);
    return e;
}

typedef struct loss {
    double value;
    size_t piece;
} loss;
static int by_loss(const void *a, const void *b)
{
    const loss *x = a, *y = b;
    if (x->value != y->value) return x->value > y->value ? -1 : 1;
    return x->piece < y->piece ? -1 : x->piece > y->piece;
}

/* What the likelihood loses if a piece goes and its uses are written by its next best way. */
static lorec_err losses(unigram_training *u, const double *uses, loss *l, int32_t *id, size_t *from)
{
    double sum = 0;
    tokens path = {0};
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < u->n; i++) sum += uses[i];
    for (size_t i = 0; i < u->n && !e; i++) {
        l[i] = (loss){u->piece[i].single ? INFINITY : uses[i] > 0 ? 0 : -INFINITY, i};
        if (u->piece[i].single || uses[i] == 0) continue;
        path.n = 0;
        e = best_way(u, u->piece[i].text, (int32_t)i, &path, id, from);
        if (e || path.n == 0) continue;
        double after = log(sum + uses[i] * ((double)path.n - 1)), alternatives = 0;
        for (size_t k = 0; k < path.n; k++) alternatives += log(uses[path.id[k]] + uses[i]) - after;
        l[i].value = uses[i] / sum * (log(uses[i]) - log(sum) - alternatives);
    }
    tokens_free(&path);
    return e;
}

static lorec_err prune(unigram_training *u, size_t want)
{
    double *uses = NULL;
    loss *l = NULL;
    int32_t *id = NULL;
    size_t *from = NULL, room = u->alpha_cap, kept = 0;
    lorec_err e = build_trie(u);
    if (!e) e = mem_new(&uses, u->n);
    if (!e) e = mem_new(&l, u->n);
    if (!e) e = mem_new(&id, room);
    if (!e) e = mem_new(&from, room);
    if (!e) e = count_uses(u, uses, id, from);
    if (!e) e = losses(u, uses, l, id, from);
    if (!e) {
        size_t target = (size_t)(shrink * (double)u->n) > want ? (size_t)(shrink * (double)u->n) : want;
        qsort(l, u->n, sizeof *l, by_loss);
        for (size_t i = 0; i < u->n; i++) uses[i] = 0; /* from here on: is the piece kept? */
        for (size_t i = 0; i < u->n; i++)
            if (i < target || u->piece[l[i].piece].single) uses[l[i].piece] = 1;
        for (size_t i = 0; i < u->n; i++)
            if (uses[i] > 0) u->piece[kept++] = u->piece[i];
        u->n = kept;
    }
    mem_free(uses);
    mem_free(l);
    mem_free(id);
    mem_free(from);
    return e;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------ */

static int put(json_t *rows, slice text, double score)
{
    json_t *row = json_array();
    int failed = !row || json_array_append_new(row, json_stringn(text.p, text.n)) ||
                 json_array_append_new(row, json_real(score)) || json_array_append(rows, row);
    json_decref(row);
    return failed;
}

/* LLaMA's steps: a "▁" is put before every text, so that one which begins with a space comes back with it. */
static const train_steps steps_of_marks = {
    "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"\xE2\x96\x81\"}, "
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\xE2\x96\x81\"}]}",
    "{\"type\": \"Metaspace\", \"replacement\": \"\xE2\x96\x81\", \"prepend_scheme\": \"never\", \"split\": true}",
    "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"\xE2\x96\x81\"}, "
    "\"content\": \" \"}, {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" "
    "\", "
    "\"start\": 1, \"stop\": 0}]}"};

static lorec_err make_file(unigram_training *u, const tokenizer_training *s, json_t **file)
{
    json_t *rows = json_array();
    int failed = rows == NULL;
    for (size_t i = 0; i < s->n_special && !failed; i++) failed = put(rows, slice_of(s->special[i]), 0);
    for (int b = 0; b < BYTES && !failed; b++) {
        char text[8];
        failed = put(rows, (slice){text, (size_t)snprintf(text, sizeof text, "<0x%02X>", (unsigned)b)}, byte_score);
    }
    for (size_t i = 0; i < u->n && !failed; i++) failed = put(rows, u->piece[i].text, u->piece[i].score);
    json_t *model = failed ? NULL
                           : json_pack("{s:s, s:i, s:b, s:O}", "type", "Unigram", "unk_id", 0, "byte_fallback", 1,
                                       "vocab", rows);
    json_decref(rows);
    if (!model) return train_out_of_memory();
    return train_file(model, s, &steps_of_marks, file);
}

lorec_err train_unigram(const counted_word *word, size_t n, const tokenizer_training *s, json_t **file)
{
    unigram_training u = {.word = word, .n_words = n, .longest = s->longest};
    ids texts = {0};
    uint64_t *count = NULL;
    size_t cap = 0, want = s->size - s->n_special - BYTES;
    *file = NULL;
    lorec_err e = count_substrings(&u, &texts, &count, &cap);
    if (!e) e = make_seeds(&u, &texts, count, want);
    mem_free(count);
    if (!e) e = mem_new(&u.expected, u.n);
    if (!e) e = fit(&u);
    size_t nearly = (size_t)(spare * (double)want);
    for (size_t before = u.n + 1; !e && u.n > nearly && u.n < before;) {
        before = u.n;
        e = prune(&u, nearly);
        if (!e) e = fit(&u);
    }
    if (!e) {
        size_t kept = 0;
        qsort(u.piece, u.n, sizeof *u.piece, by_score);
        size_t singles = 0;
        for (size_t i = 0; i < u.n; i++) singles += u.piece[i].single;
        if (singles > want)
            e = err_set(LOREC_USAGE, "the corpus has %zu characters; a vocabulary of %zu tokens has room for %zu",
                        singles, s->size, want);
        for (size_t i = 0, room = want - (e ? 0 : singles); i < u.n && !e; i++) /* single ones first, then by score */
            if (u.piece[i].single || room > 0) {
                room -= !u.piece[i].single;
                u.piece[kept++] = u.piece[i];
            }
        u.n = kept;
    }
    if (!e) e = make_file(&u, s, file);
    mem_free(u.piece);
    mem_free(u.expected);
    mem_free(u.alpha);
    mem_free(u.beta);
    byte_trie_free(&u.trie);
    ids_free(&texts);
    return e;
}
