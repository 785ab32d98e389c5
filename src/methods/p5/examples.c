/* What is learned in an epoch: so many examples of each question for each user or row; an example is drawn anew each time. */
#include <math.h>

#include "base/mem.h"
#include "methods/p5/p5.h"

enum { TRIES = 50 };

/* ---- who and what can be asked about ---------------------------------------------------------------------------------------- */

static lorec_err find_users(p5_examples *x)
{
    const interactions *r = x->rows;
    TRY(mem_new(&x->walker, r->n_users));
    TRY(mem_new(&x->someone, r->n_users));
    for (uint32_t u = 0; u < r->n_users; u++) {
        uint64_t n = r->start[u + 1] - r->start[u];
        if (n > 1) x->walker[x->n[P5_NEXT]++] = u;
        if (n > 0) x->someone[x->n[P5_YESNO]++] = u;
    }
    x->n[P5_NEXT_CHOICE] = x->n[P5_NEXT_YESNO] = x->n[P5_NEXT];
    x->n[P5_CHOICE] = x->n[P5_YESNO];
    return LOREC_OK;
}

static lorec_err find_rows(p5_examples *x)
{
    const interactions *r = x->rows;
    bool readable = x->data && has_reviews(x->data);
    TRY(mem_new(&x->rated, r->n));
    TRY(mem_new(&x->reviewed, r->n));
    TRY(mem_new(&x->headed, r->n));
    for (uint64_t k = 0; k < r->n; k++) {
        bool rated = r->rating && r->rating[k] >= 1 && r->rating[k] <= 5;
        bool written = readable && review_of(x->data, row_of(r, k)).n;
        if (rated) x->rated[x->n[P5_RATING]++] = k;
        if (rated && written) x->reviewed[x->n[P5_REVIEW_RATING]++] = k;
        if (written && summary_of(x->data, row_of(r, k)).n) x->headed[x->n[P5_REVIEW_SUMMARY]++] = k;
    }
    return LOREC_OK;
}

static int64_t quota(const p5 *m, p5_ask ask)
{
    switch (ask) {
    case P5_NEXT:
        return m->quota_next;
    case P5_NEXT_CHOICE:
        return m->quota_next_choice;
    case P5_NEXT_YESNO:
        return m->quota_next_yesno;
    case P5_YESNO:
        return m->quota_yesno;
    case P5_CHOICE:
        return m->quota_choice;
    default:
        return 1;
    }
}

static lorec_err wanted(const p5 *m, bool family[6])
{
    bool all = !m->families || !*m->families;
    for (int f = 1; f < 6; f++) family[f] = all;
    for (slice rest = slice_of(all ? "" : m->families); rest.n;) {
        int64_t f;
        slice one = slice_cut(&rest, ',');
        if (!slice_to_i64(slice_trim(one), &f) || f < 1 || f > 5)
            return err_set(LOREC_USAGE, "p5: families are numbers from 1 to 5 with commas between, not \"%s\"",
                           m->families);
        family[f] = true;
    }
    return LOREC_OK;
}

lorec_err p5_examples_make(p5_examples *x, p5 *m, const fit_context *fit)
{
    bool family[6];
    *x = (p5_examples){.m = m, .rows = fit->train, .data = fit->split ? fit->split->data : NULL};
    TRY(wanted(m, family));
    TRY(find_users(x));
    TRY(find_rows(x));
    if (family[3] && x->data && has_reviews(x->data)) {
        TRY(feature_words_learn(&m->features, x->data, x->rows, NULL));
        TRY(explanations_make(&x->why, &m->features, x->data, x->rows, fit->seed));
        x->n[P5_EXPLANATION] = x->why.n;
    }
    uint64_t all = 0;
    for (int a = 0; a < P5_ASKS; a++) {
        x->count[a] = family[p5_family[a]] ? x->n[a] * (uint64_t)quota(m, (p5_ask)a) : 0;
        m->asks[a] = x->count[a] > 0;
        all += x->count[a];
    }
    for (int f = 1; f < 6 && m->families && *m->families; f++) {
        bool some = false;
        for (int a = 0; a < P5_ASKS; a++) some = some || (p5_family[a] == f && m->asks[a]);
        if (family[f] && !some)
            return err_set(LOREC_INPUT, "p5: family %d has nothing to learn from: %s", f,
                           f == 1             ? "it needs ratings of 1 to 5"
                           : f == 3 || f == 4 ? "it needs review texts (--review-text, for a file of reviews)"
                                              : "it needs users with two rows, and a quota above 0");
    }
    if (!all) return err_set(LOREC_INPUT, "p5: nothing to learn from; loosen the filter, the split or the quotas");
    if (all > UINT32_MAX)
        return err_set(LOREC_RESOURCE, "p5: %llu examples an epoch are too many; lower the quotas",
                       (unsigned long long)all);
    return mem_new(&x->candidate, (size_t)m->candidates);
}

void p5_examples_free(p5_examples *x)
{
    mem_free(x->walker);
    mem_free(x->someone);
    mem_free(x->rated);
    mem_free(x->reviewed);
    mem_free(x->headed);
    mem_free(x->candidate);
    explanations_free(&x->why);
    tokens_free(&x->text);
    tokens_free(&x->feature);
}

uint64_t p5_examples_count(const p5_examples *x)
{
    uint64_t all = 0;
    for (int a = 0; a < P5_ASKS; a++) all += x->count[a];
    return all;
}

/* ---- drawing -------------------------------------------------------------------------------------------------------------------- */

/* An item that the user never had, or, of one who had about all, any. */
static uint32_t draw_other(const p5_examples *x, uint32_t user, rng *r)
{
    uint32_t item = 0;
    for (int k = 0; k < TRIES; k++) {
        bool had = false;
        item = rng_below(r, x->m->n_items);
        for (uint64_t i = x->rows->start[user]; i < x->rows->start[user + 1] && !had; i++)
            had = x->rows->item[i] == item;
        if (!had) break;
    }
    return item;
}

/* The right one and others, in an order of chance. */
static void draw_candidates(const p5_examples *x, uint32_t user, uint32_t right, rng *r, p5_facts *f)
{
    uint32_t n = (uint32_t)x->m->candidates;
    x->candidate[0] = right;
    for (uint32_t i = 1; i < n; i++) x->candidate[i] = draw_other(x, user, r);
    rng_shuffle(r, x->candidate, n);
    f->candidate = x->candidate;
    f->n_candidates = n;
}

/* A target among the last rows of the training part (targets 0: any but the first), and a history that begins with one of the
 * first rows. */
static uint32_t draw_walk(const p5_examples *x, uint32_t user, rng *r, p5_facts *f)
{
    const interactions *rows = x->rows;
    const uint32_t *item = rows->item + rows->start[user];
    uint32_t n = (uint32_t)(rows->start[user + 1] - rows->start[user]);
    uint32_t late = x->m->targets > 0 && x->m->targets < n - 1 ? (uint32_t)x->m->targets : n - 1;
    uint32_t target = n - late + rng_below(r, late), begin = rng_below(r, target < 3 ? target : 3);
    if (target - begin > (uint32_t)x->m->max_history) begin = target - (uint32_t)x->m->max_history;
    f->history = item + begin;
    f->n_history = target - begin;
    f->arrows = rng_below(r, 2);
    return item[target];
}

/* A star as people mean it: a number with a tenth, near the middle of what is rounded to it. */
static int jittered(float rating, rng *r)
{
    static const double low[] = {1, 1.5, 2.5, 3.5, 4.5}, high[] = {1.4, 2.4, 3.4, 4.4, 5};
    int star = (int)lroundf(rating) - 1;
    star = star < 0 ? 0 : star > 4 ? 4 : star;
    double x = (low[star] + high[star]) / 2 + (high[star] - low[star]) / 4 * rng_normal(r);
    return (int)lround(10 * (x < 1 ? 1 : x > 5 ? 5 : x));
}

static lorec_err answer_text(const p5_examples *x, const char *word, tokens *target)
{
    TRY(tokenizer_encode(x->m->words, slice_of(word), TOKENIZER_PLAIN, target));
    return tokens_add(target, P5_END);
}

static lorec_err about_walk(p5_examples *x, p5_ask ask, uint64_t which, rng *r, p5_facts *f, tokens *target)
{
    f->user = x->walker[which % x->n[ask]];
    uint32_t right = draw_walk(x, f->user, r, f);
    bool yes = rng_below(r, 2);
    if (ask == P5_NEXT_YESNO) {
        f->item = yes ? right : draw_other(x, f->user, r);
        return answer_text(x, yes ? "yes" : "no", target);
    }
    if (ask == P5_NEXT_CHOICE) draw_candidates(x, f->user, right, r, f);
    return p5_write_item(x->m, right, target);
}

static lorec_err about_user(p5_examples *x, p5_ask ask, uint64_t which, rng *r, p5_facts *f, tokens *target)
{
    const interactions *rows = x->rows;
    f->user = x->someone[which % x->n[ask]];
    uint32_t right =
        rows->item[rows->start[f->user] + rng_below(r, (uint32_t)(rows->start[f->user + 1] - rows->start[f->user]))];
    bool yes = rng_below(r, 2);
    if (ask == P5_YESNO) {
        f->item = yes ? right : draw_other(x, f->user, r);
        return answer_text(x, yes ? "yes" : "no", target);
    }
    draw_candidates(x, f->user, right, r, f);
    return p5_write_item(x->m, right, target);
}

static uint32_t user_of(const interactions *rows, uint64_t row)
{
    uint32_t from = 0, to = rows->n_users;
    while (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        if (rows->start[middle] <= row)
            from = middle;
        else
            to = middle;
    }
    return from;
}

static lorec_err about_row(p5_examples *x, p5_ask ask, uint64_t row, rng *r, p5_facts *f, tokens *target)
{
    const interactions *rows = x->rows;
    f->user = user_of(rows, row);
    f->item = rows->item[row];
    if (ask == P5_RATING) return p5_write_stars(x->m, jittered(rows->rating[row], r), target);
    x->text.n = 0;
    TRY(p5_text(x->m, review_of(x->data, row_of(rows, row)), x->m->text_tokens, &x->text));
    f->review = x->text.id;
    f->n_review = x->text.n;
    if (ask == P5_REVIEW_RATING) return p5_write_stars(x->m, jittered(rows->rating[row], r), target);
    TRY(p5_text(x->m, summary_of(x->data, row_of(rows, row)), x->m->written - 1, target));
    return tokens_add(target, P5_END);
}

static lorec_err about_explanation(p5_examples *x, uint32_t which, p5_facts *f, tokens *target)
{
    buf text = {0};
    f->user = x->why.user[which];
    f->item = x->why.item[which];
    x->feature.n = 0;
    lorec_err e = p5_text(x->m, ids_name(&x->why.words, x->why.feature[which]), x->m->text_tokens, &x->feature);
    f->feature = x->feature.id;
    f->n_feature = x->feature.n;
    if (!e) e = explanations_text(&x->why, which, &text);
    if (!e) e = p5_text(x->m, (slice){text.p, text.n}, x->m->written - 1, target);
    buf_free(&text);
    return e ? e : tokens_add(target, P5_END);
}

lorec_err p5_example(p5_examples *x, uint64_t example, rng *r, tokens *source, tokens *target)
{
    p5_facts f = {.user = NO_USER};
    int ask = 0;
    for (; example >= x->count[ask]; ask++) example -= x->count[ask];
    switch ((p5_ask)ask) {
    case P5_NEXT:
    case P5_NEXT_CHOICE:
    case P5_NEXT_YESNO:
        TRY(about_walk(x, (p5_ask)ask, example, r, &f, target));
        break;
    case P5_YESNO:
    case P5_CHOICE:
        TRY(about_user(x, (p5_ask)ask, example, r, &f, target));
        break;
    case P5_RATING:
        TRY(about_row(x, P5_RATING, x->rated[example], r, &f, target));
        break;
    case P5_REVIEW_RATING:
        TRY(about_row(x, P5_REVIEW_RATING, x->reviewed[example], r, &f, target));
        break;
    case P5_REVIEW_SUMMARY:
        TRY(about_row(x, P5_REVIEW_SUMMARY, x->headed[example], r, &f, target));
        break;
    default:
        TRY(about_explanation(x, (uint32_t)example, &f, target));
    }
    const p5_templates *t = &x->m->templates[ask];
    return p5_write(x->m, &t->item[rng_below(r, (uint32_t)t->n - 1)], &f, source);
}
