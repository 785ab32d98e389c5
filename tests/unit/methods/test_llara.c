/* LLaRA on people of four tastes. What two kinds of items say lies in two places: of some the title's word tells the taste and
 * the recommender knows nothing, of others it is the other way round. Titles alone find the one, vectors alone the other,
 * both together both. */
#include "support/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/options.h"
#include "base/threads.h"
#include "methods/llara/llara.h"
#include "methods/registry.h"
#include "support/word_model.h"
#include "tensor/rng.h"

enum { TASTES = 2, HUBS = 4, WARM = 8, KNOWN = 8, FRESH = 4, LONG = 240, SHORT = 240, ASKED = 24 };
enum { FIRST_WARM = HUBS, FIRST_OTHER = FIRST_WARM + WARM, FIRST_KNOWN = FIRST_OTHER + WARM,
       FIRST_FRESH = FIRST_KNOWN + KNOWN, ITEMS = FIRST_FRESH + FRESH };
static const char *const genre[TASTES] = {"Space", "Love"};
static const char words[] = "Space Love War Tale Film Hub h0 h1 h2 h3 h4 h5 h6 h7 h8 h9 h10 h11 a b c d e f g h \" , . : ? Here Which "
                            "Answer One list person far choose Name next";

/* Any item's taste is its number modulo 4. */
static void title_of(int i, char room[32])
{
    int k = i - FIRST_WARM;
    if (i < HUBS)
        snprintf(room, 32, "Hub h%d", i);
    else if (i < FIRST_KNOWN)
        snprintf(room, 32, "Film %c %c", 'a' + k % 8, 'a' + k / 8);
    else
        snprintf(room, 32, "%s %c %c", genre[i % TASTES], 'a' + k % 8, 'a' + k / 8);
}

/* So many different items of a taste, first .. first + n - 1 drawn from. */
static void draw(rng *r, int taste, int first, int n, int many, int *out)
{
    for (int k = 0; k < many;) {
        int i = first + (int)rng_below(r, (uint32_t)n);
        bool there = i % TASTES != taste;
        for (int j = 0; j < k; j++) there = there || out[j] == i;
        if (!there) out[k++] = i;
    }
}

static void add_user(dataset_builder *b, int user, const int *item, int n)
{
    char u[16], id[16];
    for (int k = 0; k < n; k++) {
        snprintf(u, sizeof u, "u%d", user);
        snprintf(id, sizeof id, "i%d", item[k]);
        assert_ok(dataset_builder_row(
            b, &(raw_row){.user = slice_of(u), .item = slice_of(id), .rating = NAN, .time = 1000 + k}));
    }
}

/* Everybody ends with a hub of the own taste (in the training part), and two rows that nobody learns from. Those with three
 * items before it teach the language model; those with two teach the recommender alone. */
static void make_data(dataset *d, split *s)
{
    dataset_builder *b = dataset_builder_new("tastes");
    rng r = rng_make(2, RNG_USER);
    for (int u = 0; u < LONG + SHORT; u++) {
        int taste = (int)rng_below(&r, TASTES), seq[6], before = u < LONG ? 3 : 2;
        int first = u >= LONG ? FIRST_OTHER : u % 2 ? FIRST_WARM : FIRST_KNOWN;
        draw(&r, taste, first, WARM, before, seq);
        draw(&r, taste, 0, HUBS, 2, seq + before);
        seq[before + 2] = FIRST_FRESH + u % FRESH;
        add_user(b, u, seq, before + 3);
    }
    for (int i = 0; i < ITEMS; i++) {
        char id[16], title[32];
        snprintf(id, sizeof id, "i%d", i);
        title_of(i, title);
        assert_ok(dataset_builder_cell(b, SIDE_ITEM, "title", COLUMN_TEXT, slice_of(id), slice_of(title), ' '));
    }
    assert_ok(dataset_builder_finish(b, false, d));
    assert_ok(split_make(s, d, &(split_options){0}));
}

static uint32_t number_of(const dataset *d, int i)
{
    char title[32];
    title_of(i, title);
    for (uint32_t k = 0; k < d->rows.n_items; k++)
        if (slice_is(dataset_title(d, k), title)) return k;
    fail_msg("no item is called %s", title);
    return 0;
}

static void set(const recommender *r, void *self, const char *name, const char *value)
{
    assert_ok(options_set(r->options, r->n_options, self, name, value));
}

static const char *model;
static void *fitted(const split *s, const char *kind, const char *epochs, const char *vectors)
{
    const char *const small[] = {"weights",         "f32", "prompt",        kind, "vectors",       vectors, "epochs", epochs,
                                 "backbone_epochs", getenv("BE")?getenv("BE"):"40",  "backbone_size", "16",   "candidates",    "20",    "batch",  "16",
                                 "micro_batch",     "16",  "learning_rate", getenv("LR")?getenv("LR"):"0.01", "lora_rank",     getenv("RK")?getenv("RK"):"16",    NULL};
    const recommender *r = registry_find("llara");
    void *self;
    assert_ok(recommender_new(r, &self));
    for (int i = 0; small[i]; i += 2) set(r, self, small[i], small[i + 1]);
    set(r, self, "model", model);
    assert_ok(r->fit(self, &(fit_context){.split = s, .train = &s->train, .seed = 3}));
    return self;
}

/* Which hub, of one of each taste, follows three items of a kind? The share that is right. */
static double right(const split *s, const void *self, int first, int n)
{
    const recommender *r = registry_find("llara");
    rec_session *session = rec_session_new(1);
    rng draws = rng_make(5, RNG_USER);
    int good = 0;
    for (int k = 0; k < ASKED; k++) {
        int taste = k % TASTES, pick[3];
        uint32_t history[3], candidate[TASTES];
        float score[TASTES];
        draw(&draws, taste, first, n, n / TASTES < 3 ? n / TASTES : 3, pick);
        int have = n / TASTES < 3 ? n / TASTES : 3;
        for (int i = 0; i < have; i++) history[i] = number_of(s->data, pick[i]);
        for (int i = 0; i < TASTES; i++) candidate[i] = number_of(s->data, i + TASTES * (int)rng_below(&draws, HUBS / TASTES));
        query q = {.user = NO_USER, .items = history, .n = (size_t)have, .now = INT64_MIN};
        assert_ok(r->score_items(self, session, &q, 1, (const uint64_t[]){0, TASTES}, candidate, score));
        int best = 0;
        for (int i = 1; i < TASTES; i++) best = score[i] > score[best] ? i : best;
        good += best == taste;
    }
    rec_session_free(session);
    return (double)good / ASKED;
}

static void titles_and_vectors_together(void **state)
{
    (void)state;
    dataset d;
    split s;
    model = word_model("lm", words, &(word_model_options){.seed = 1, .width = atoi(getenv("W")?getenv("W"):"32")});
    make_data(&d, &s);
    const char *const kinds[] = {"text", "id", "hybrid", "hybrid"}, *const vectors[] = {"learned", "learned", "learned", "random"};
    for (int i = 0; i < 4; i++) {
        void *self = fitted(&s, kinds[i], getenv("EP"), vectors[i]);
        printf("%s %s: by vectors %.3f by titles %.3f (loss %.3f)\n", kinds[i], vectors[i], right(&s, self, FIRST_OTHER, WARM),
               right(&s, self, FIRST_FRESH, FRESH), ((llara*)self)->report.last_loss);
        recommender_free(registry_find("llara"), self);
    }
    split_close(&s);
    dataset_close(&d);
}

int main(void)
{
    par_set_workers(1); /* steps this small only wait for each other */
    const struct CMUnitTest tests[] = {cmocka_unit_test(titles_and_vectors_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
