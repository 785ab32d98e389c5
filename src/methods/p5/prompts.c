/* Templates with slots, and how they are written in tokens. The vocabulary is that of a tokenizer trained on the templates and
 * whatever texts there are; behind it stand "user_", "item_", numbers of two and of one digit, and the items' own tokens. */
#include <stdlib.h>

#include "base/mem.h"
#include "methods/p5/p5.h"
#include "recipes/method_files.h"
#include "text/tokenizer_train.h"

const char *const p5_ask_names[P5_ASKS] = {
    "rating", "next", "next-choice", "next-yesno", "explanation", "review-rating", "review-summary", "yesno", "choice"};
const int p5_family[P5_ASKS] = {1, 2, 2, 2, 3, 4, 4, 5, 5};

static const char *const slot_names[] = {
    [P5_USER] = "user",       [P5_ITEM] = "item",     [P5_HISTORY] = "history", [P5_CANDIDATES] = "candidates",
    [P5_FEATURE] = "feature", [P5_REVIEW] = "review",
};
enum { SLOTS = sizeof slot_names / sizeof *slot_names, STARS_FROM = 10, STARS_TO = 50 };
enum { USER_MARK, ITEM_MARK, DIGITS, OWN = DIGITS + DIGIT_TOKENS }; /* from first_id on */

static const char where[] = "p5/prompts/templates.json";

static lorec_err read_templates(json_t **out)
{
    const embedded_file *f = method_file_find(where);
    if (!f) return err_set(LOREC_USAGE, "there is no %s in this library", where);
    return json_parse(out, f->bytes, f->n, where);
}

/* ---- the tokenizer ------------------------------------------------------------------------------------------------------ */

lorec_err p5_words_train(p5 *m, const slice *text, size_t n)
{
    static const char *const special[] = {"<pad>", "</s>", "<unk>"};
    tokenizer_trainer *tr;
    json_t *all, *list, *one;
    const char *name;
    size_t i;
    TRY(read_templates(&all));
    lorec_err e = tokenizer_trainer_new(
        &tr, &(tokenizer_training){
                 .kind = TOKENIZER_BPE, .size = (size_t)m->vocabulary, .special = special, .n_special = 3, .least = 1});
    json_object_foreach(all, name, list)
    {
        json_array_foreach(list, i, one) if (!e) e = tokenizer_trainer_add(tr, slice_of(json_string_value(one)));
    }
    for (i = 0; i < n && !e; i++) e = tokenizer_trainer_add(tr, text[i]);
    if (!e) e = tokenizer_trainer_finish(tr, &m->vocabulary_file);
    tokenizer_trainer_free(tr);
    json_decref(all);
    return e;
}

static lorec_err open_tokenizer(p5 *m)
{
    char *text = json_dumps(m->vocabulary_file, JSON_COMPACT);
    if (!text) return err_set(LOREC_RESOURCE, "out of memory for a tokenizer");
    lorec_err e = tokenizer_from_json(&m->words, slice_of(text), "p5's tokenizer");
    free(text);
    m->first_id = e ? 0 : (int32_t)tokenizer_size(m->words);
    return e;
}

/* Which tokens begin a word: those that begin with a blank, and what stands before a number. */
static lorec_err find_beginnings(p5 *m)
{
    buf bytes = {0};
    lorec_err e = mem_new(&m->begins, (size_t)p5_tokens(m));
    for (int32_t i = P5_UNKNOWN + 1; i < m->first_id && !e; i++) {
        buf_clear(&bytes);
        e = tokenizer_bytes(m->words, i, &bytes);
        m->begins[i] = !e && bytes.n && bytes.p[0] == ' ';
    }
    m->begins[m->first_id + USER_MARK] = m->begins[m->first_id + ITEM_MARK] = true;
    buf_free(&bytes);
    return e;
}

/* ---- templates ------------------------------------------------------------------------------------------------------------ */

static void template_free(p5_template *t)
{
    for (size_t i = 0; i < t->n; i++) tokens_free(&t->piece[i].text);
    mem_free(t->piece);
}

static lorec_err add_piece(p5_template *t, p5_slot slot, p5_piece **out)
{
    TRY(mem_grow(&t->piece, &t->cap, t->n + 1));
    t->piece[t->n] = (p5_piece){.slot = slot};
    *out = &t->piece[t->n++];
    return LOREC_OK;
}

static lorec_err add_words(const p5 *m, p5_template *t, slice words)
{
    p5_piece *piece;
    while (words.n && words.p[words.n - 1] == ' ') words.n--; /* the slot brings its own */
    if (!words.n) return LOREC_OK;
    TRY(add_piece(t, P5_TEXT, &piece));
    return tokenizer_encode(m->words, words, TOKENIZER_PLAIN, &piece->text);
}

static lorec_err add_slot(p5_template *t, slice name)
{
    p5_piece *piece;
    for (int k = P5_USER; k < SLOTS; k++)
        if (slice_is(name, slot_names[k])) return add_piece(t, (p5_slot)k, &piece);
    return err_set(LOREC_INPUT, "%s: there is no {%.*s}", where, (int)name.n, name.p);
}

static lorec_err read_template(const p5 *m, slice text, p5_template *t)
{
    while (text.n) {
        const char *open = memchr(text.p, '{', text.n), *close = memchr(text.p, '}', text.n);
        if (!open || !close || close < open) return add_words(m, t, text);
        TRY(add_words(m, t, (slice){text.p, (size_t)(open - text.p)}));
        TRY(add_slot(t, (slice){open + 1, (size_t)(close - open - 1)}));
        text = (slice){close + 1, text.n - (size_t)(close + 1 - text.p)};
    }
    return LOREC_OK;
}

static lorec_err read_all(p5 *m)
{
    json_t *all;
    TRY(read_templates(&all));
    lorec_err e = LOREC_OK;
    for (int a = 0; a < P5_ASKS && !e; a++) {
        const json_t *list = json_object_get(all, p5_ask_names[a]);
        if (json_array_size(list) < 2) {
            e = err_set(LOREC_INPUT, "%s: \"%s\" needs two templates or more, of which the last is held out", where,
                        p5_ask_names[a]);
            break;
        }
        e = mem_new(&m->templates[a].item, json_array_size(list));
        for (; m->templates[a].n < json_array_size(list) && !e; m->templates[a].n++) {
            const json_t *one = json_array_get(list, m->templates[a].n);
            e = read_template(m, (slice){json_string_value(one), json_string_length(one)},
                              &m->templates[a].item[m->templates[a].n]);
        }
    }
    json_decref(all);
    return e;
}

/* ---- tries of answers ------------------------------------------------------------------------------------------------------- */

static lorec_err make_tries(p5 *m)
{
    tokens t = {0};
    uint64_t *start;
    lorec_err e = mem_new(&start, (size_t)m->n_items + 1);
    for (uint32_t i = 0; i < m->n_items && !e; i++) {
        e = p5_write_item(m, i, &t);
        start[i + 1] = t.n;
    }
    if (!e) e = trie_build(&m->items, t.id, start, m->n_items);
    mem_free(start);
    t.n = 0;
    uint64_t stars[STARS_TO - STARS_FROM + 2] = {0};
    for (int k = STARS_FROM; k <= STARS_TO && !e; k++) {
        e = p5_write_stars(m, k, &t);
        stars[k - STARS_FROM + 1] = t.n;
    }
    if (!e) e = trie_build(&m->stars, t.id, stars, STARS_TO - STARS_FROM + 1);
    tokens_free(&t);
    return e;
}

static lorec_err first_token(const p5 *m, const char *word, int32_t *out)
{
    tokens t = {0};
    lorec_err e = tokenizer_encode(m->words, slice_of(word), TOKENIZER_PLAIN, &t);
    if (!e && t.n) *out = t.id[0];
    tokens_free(&t);
    return e;
}

lorec_err p5_words_prepare(p5 *m)
{
    TRY(open_tokenizer(m));
    bool numbers = m->ids <= ITEM_IDS_RANDOM;
    m->first_item = m->first_id + (numbers ? DIGITS : OWN);
    if (numbers) m->written_as.n_tokens = DIGIT_TOKENS;
    m->n_items = m->written_as.n;
    if (m->written_as.n_tokens > INT32_MAX / 2 - (uint32_t)m->first_item)
        return err_set(LOREC_INPUT, "p5: too many tokens of items");
    TRY(find_beginnings(m));
    TRY(read_all(m));
    TRY(first_token(m, "yes", &m->yes));
    TRY(first_token(m, "no", &m->no));
    if (m->yes == m->no) return err_set(LOREC_INPUT, "p5: \"yes\" and \"no\" begin with the same token");
    TRY(tokenizer_encode(m->words, slice_of(" ,"), TOKENIZER_PLAIN, &m->comma));
    TRY(tokenizer_encode(m->words, slice_of(" ->"), TOKENIZER_PLAIN, &m->arrow));
    return make_tries(m);
}

void p5_words_free(p5 *m)
{
    for (int a = 0; a < P5_ASKS; a++) {
        for (size_t i = 0; i < m->templates[a].n; i++) template_free(&m->templates[a].item[i]);
        mem_free(m->templates[a].item);
        m->templates[a] = (p5_templates){0};
    }
    json_decref(m->vocabulary_file);
    tokenizer_free(m->words);
    mem_free(m->begins);
    tokens_free(&m->comma);
    tokens_free(&m->arrow);
    trie_free(&m->items);
    trie_free(&m->stars);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

lorec_err p5_text(const p5 *m, slice text, int64_t most, tokens *out)
{
    buf spaced = {0};
    size_t from = out->n;
    lorec_err e = buf_puts(&spaced, " ");
    if (!e) e = buf_add(&spaced, text.p, text.n);
    if (!e) e = tokenizer_encode(m->words, (slice){spaced.p, spaced.n}, TOKENIZER_PLAIN, out);
    buf_free(&spaced);
    if (!e && out->n - from > (size_t)most) out->n = from + (size_t)most;
    return e;
}

static lorec_err add_tokens(tokens *out, const int32_t *id, size_t n)
{
    for (size_t i = 0; i < n; i++) TRY(tokens_add(out, id[i]));
    return LOREC_OK;
}

/* Unknown users share the number 0. */
static lorec_err write_user(const p5 *m, uint32_t user, tokens *out)
{
    int32_t digit[DIGITS_LONGEST];
    size_t n = digits_write(user < m->n_users ? user + 1 : 0, digit);
    TRY(tokens_add(out, m->first_id + USER_MARK));
    for (size_t i = 0; i < n; i++) TRY(tokens_add(out, m->first_id + DIGITS + digit[i]));
    return LOREC_OK;
}

static lorec_err own_tokens(const p5 *m, uint32_t item, tokens *out)
{
    for (uint64_t k = m->written_as.start[item]; k < m->written_as.start[item + 1]; k++)
        TRY(tokens_add(out, m->first_item + m->written_as.token[k]));
    return LOREC_OK;
}

static lorec_err write_items(const p5 *m, const uint32_t *item, size_t n, const tokens *between, tokens *out)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        if (item[i] >= m->n_items) continue;
        if (!first) TRY(add_tokens(out, between->id, between->n));
        TRY(tokens_add(out, m->first_id + ITEM_MARK));
        TRY(own_tokens(m, item[i], out));
        first = false;
    }
    return LOREC_OK;
}

lorec_err p5_write(const p5 *m, const p5_template *t, const p5_facts *f, tokens *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const p5_piece *p = &t->piece[i];
        switch (p->slot) {
        case P5_TEXT:
            TRY(add_tokens(out, p->text.id, p->text.n));
            break;
        case P5_USER:
            TRY(write_user(m, f->user, out));
            break;
        case P5_ITEM:
            TRY(write_items(m, &f->item, 1, &m->comma, out));
            break;
        case P5_HISTORY:
            TRY(write_items(m, f->history, f->n_history, f->arrows ? &m->arrow : &m->comma, out));
            break;
        case P5_CANDIDATES:
            TRY(write_items(m, f->candidate, f->n_candidates, &m->comma, out));
            break;
        case P5_FEATURE:
            TRY(add_tokens(out, f->feature, f->n_feature));
            break;
        case P5_REVIEW:
            TRY(add_tokens(out, f->review, f->n_review));
            break;
        }
    }
    return tokens_add(out, P5_END);
}

lorec_err p5_write_item(const p5 *m, uint32_t item, tokens *out)
{
    TRY(own_tokens(m, item, out));
    return tokens_add(out, P5_END);
}

lorec_err p5_write_stars(const p5 *m, int tenths, tokens *out)
{
    char text[16];
    snprintf(text, sizeof text, "%d.%d", tenths / 10, tenths % 10);
    TRY(tokenizer_encode(m->words, slice_of(text), TOKENIZER_PLAIN, out));
    return tokens_add(out, P5_END);
}

/* ---- whole words -------------------------------------------------------------------------------------------------------------- */

void p5_word_places(const p5 *m, const int32_t *token, const int32_t *length, int64_t n, int32_t *place)
{
    for (int64_t i = 0, at = 0; i < n; i++) {
        int32_t word = 0;
        for (int32_t k = 0; k < length[i]; k++, at++) {
            word += k == 0 || m->begins[token[at]];
            place[at] = token[at] == P5_END ? 0 : word < P5_WORDS ? word : P5_WORDS - 1;
        }
    }
}

tensor *p5_word_vectors(const void *p5_, tape *t, const int32_t *token, const int32_t *length, int64_t n)
{
    const p5 *m = p5_;
    int64_t rows = 0;
    int32_t *place;
    if (!m->whole_words) return NULL;
    for (int64_t i = 0; i < n; i++) rows += length[i];
    if (mem_new(&place, (size_t)rows)) return tape_fail(t, LOREC_RESOURCE);
    p5_word_places(m, token, length, n, place);
    tensor *x = op_embed(t, m->whole, tape_ids(t, place, rows));
    mem_free(place);
    return x;
}
