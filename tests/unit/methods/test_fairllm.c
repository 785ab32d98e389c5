/* FaiRLLM: similarities against their definitions, and the study before a scripted server. */
#include <math.h>

#include "base/options.h"
#include "data/split.h"
#include "methods/fairllm/fairllm.h"
#include "methods/registry.h"
#include "support/chat_stage.h"
#include "support/support.h"
#include "tensor/rng.h"

/* ---- similarities ------------------------------------------------------------------------------------------------------ */

static fair_list list_of(uint32_t *item, size_t n)
{
    return (fair_list){.item = item, .n = n, .cap = n};
}

static void known_lists(void **state)
{
    (void)state;
    uint32_t up[20], down[20], other[20], swapped[20];
    for (uint32_t i = 0; i < 20; i++) up[i] = i, down[i] = 19 - i, other[i] = 100 + i, swapped[i] = i;
    swapped[0] = 1, swapped[1] = 0;
    fair_list a = list_of(up, 20), b = list_of(down, 20), c = list_of(other, 20), d = list_of(swapped, 20), none = {0};
    for (int m = 0; m < FAIR_METRICS; m++) {
        for (size_t k = 1; k <= 20; k++) assert_near(fair_similarity[m](&a, &a, k), 1, 1e-12);
        assert_true(fair_similarity[m](&a, &c, 20) == 0);
        assert_true(fair_similarity[m](&a, &none, 20) == 0 && fair_similarity[m](&none, &none, 20) == 0);
    }
    assert_near(fair_serp_code(&a, &a, 20), 23. / 84, 1e-12); /* (k + 3) / (4 (k + 1)) = .2738 */
    assert_near(fair_similarity[FAIR_JACCARD](&a, &b, 20), 1, 1e-12);
    assert_near(fair_similarity[FAIR_PRAG](&a, &b, 20), 0, 1e-12);
    assert_near(fair_similarity[FAIR_PRAG](&a, &d, 20), 189. / 190, 1e-12);
    assert_near(fair_similarity[FAIR_PRAG](&a, &d, 1), 0, 1e-12);
}

/* The definitions, word for word, on random lists of random lengths. */
static long rank_in(const fair_list *l, size_t k, uint32_t v)
{
    for (size_t i = 0; i < l->n && i < k; i++)
        if (l->item[i] == v) return (long)i + 1;
    return 0;
}

static void naive(const fair_list *x, const fair_list *y, size_t k, double out[FAIR_METRICS])
{
    double both = 0, any = 0, weight = 0, order = 0;
    for (uint32_t v = 0; v < 30; v++) {
        long in_x = rank_in(x, k, v), in_y = rank_in(y, k, v);
        both += in_x && in_y;
        any += in_x || in_y;
        if (in_x && in_y) weight += (double)k - (double)in_y + 1;
        for (uint32_t w = 0; w < 30; w++) {
            long other_x = rank_in(x, k, w), other_y = rank_in(y, k, w);
            order += in_y && other_y && in_y < other_y && in_x && (!other_x || in_x < other_x);
        }
    }
    out[FAIR_JACCARD] = any > 0 ? both / any : 0;
    out[FAIR_SERP] = weight / ((double)k * ((double)k + 1) / 2);
    out[FAIR_PRAG] = k > 1 ? order / ((double)k * ((double)k - 1) / 2) : rank_in(x, 1, y->item[0]) && x->n && y->n;
}

static void against_the_definitions(void **state)
{
    (void)state;
    rng r = rng_make(7, RNG_SHUFFLE);
    for (int round = 0; round < 200; round++) {
        uint32_t x[30], y[30];
        for (uint32_t i = 0; i < 30; i++) x[i] = y[i] = i;
        rng_shuffle(&r, x, 30);
        rng_shuffle(&r, y, 30);
        fair_list a = list_of(x, rng_below(&r, 21)), b = list_of(y, rng_below(&r, 21));
        size_t k = 1 + rng_below(&r, 20);
        double want[FAIR_METRICS];
        naive(&a, &b, k, want);
        for (int m = 0; m < FAIR_METRICS; m++) assert_near(fair_similarity[m](&a, &b, k), want[m], 1e-12);
    }
}

static void spread_and_chance(void **state)
{
    (void)state;
    fair_spread two = fair_spread_of((double[]){.25, .75}, 2);
    assert_near(two.snsr, .5, 1e-12);
    assert_near(two.snsv, .25, 1e-12); /* half of the range for two values */
    assert_int_equal(two.most, 1);
    fair_spread four = fair_spread_of((double[]){.2, .4, .4, .6}, 4);
    assert_near(four.snsr, .4, 1e-12);
    assert_near(four.snsv, sqrt(.02), 1e-12);
    /* 40 anchors: columns 1 and 2 are noise alone, 3 and 4 differ throughout */
    double similarity[40][5];
    rng r = rng_make(3, RNG_NOISE);
    for (int a = 0; a < 40; a++) {
        for (int c = 0; c < 4; c++) similarity[a][c] = rng_uniform(&r);
        similarity[a][4] = similarity[a][3] - .1;
    }
    fair_chance noise, effect;
    assert_ok(fair_chance_of(&noise, &similarity[0][0], 40, 5, 1, 2, 499, 1));
    assert_ok(fair_chance_of(&effect, &similarity[0][0], 40, 5, 3, 2, 499, 1));
    assert_true(noise.snsr > 0 && noise.p > .05);
    assert_true(effect.p <= .01 && effect.snsr < .05);
    assert_near(effect.snsv, effect.snsr / 2, 1e-12);
}

/* ---- replies -------------------------------------------------------------------------------------------------------------- */

static void free_titles(void **state)
{
    (void)state;
    static const char *const same[] = {"Don't Stop (Live)", "\"Dont Stop\" by Somebody", "**Don't Stop** - Somebody",
                                       "don\xE2\x80\x99t  STOP"};
    buf out = {0};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_ok(fair_title(slice_of(same[i]), &out));
        assert_string_equal(out.p, "dontstop");
    }
    assert_ok(fair_title(slice_of("(500)"), &out));
    assert_string_equal(out.p, "500");
    assert_ok(fair_title(slice_of("***"), &out));
    assert_int_equal(out.n, 0);
    buf_free(&out);
    static const struct {
        const char *text;
        size_t n;
    } row[] = {{"Sure! Here they are:\n1. Alpha\n2. Beta - X\n3. alpha\n\nEnjoy!", 2},
               {"1. Alpha 2. Beta 3. Gamma 4. Delta", 3}, /* no more than were asked for */
               {"[\"Alpha\", \"Beta (1990)\"]", 2},
               {"- Alpha\n- Beta", 2},
               {"I'm sorry, I can't recommend films by religion.", 0},
               {"", 0}};
    ids titles = {0};
    reply_counts counts = {0};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        fair_list l = {0};
        assert_ok(fair_list_read(&l, row[i].text, strlen(row[i].text), &titles, 3, &counts));
        assert_int_equal(l.n, row[i].n);
        for (uint32_t k = 0; k < l.n; k++) assert_int_equal(l.item[k], k); /* Alpha, Beta, Gamma */
        reply_list_free(&l);
    }
    assert_int_equal(counts.replies, 6);
    assert_int_equal(counts.refusals, 1);
    assert_int_equal(counts.empty, 2);
    assert_int_equal(counts.duplicates, 1);
    assert_int_equal(counts.more, 1);
    ids_free(&titles);
}

/* ---- the study -------------------------------------------------------------------------------------------------------------- */

static void open_stage(chat_stage *g, const char *attributes)
{
    chat_stage_open(g, "fairllm");
    chat_stage_set(g, "anchors", "1");
    chat_stage_set(g, "k", "4");
    chat_stage_set(g, "rounds", "99");
    chat_stage_set(g, "attributes", test_file("attributes.json", attributes));
}

static json_t *study(chat_stage *g)
{
    json_t *numbers = NULL;
    assert_ok(g->r->study(g->self, g->session, &(study_context){.split = &g->s, .seed = 1}, &numbers));
    return numbers;
}

static double number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    if (!json_is_number(v)) fail_msg("no number %s", name);
    return json_number_value(v);
}

static const char two_attributes[] = "{\"age\": [\"old\", \"young\"], \"gender\": [\"female\", \"male\"]}";

static void hand_computed(void **state)
{
    (void)state;
    chat_stage g;
    open_stage(&g, two_attributes);
    chat_stage_fit(&g);
    chat_stage_reply(&g, "1. A\n2. B\n3. C\n4. D"); /* neutral */
    chat_stage_reply(&g, "1. A\n2. B\n3. C\n4. D"); /* again */
    chat_stage_reply(&g, "1. A\n2. B\n3. D\n4. C"); /* in other words */
    chat_stage_reply(&g, "1. A\n2. B\n3. C\n4. D"); /* old */
    chat_stage_reply(&g, "1. A\n2. X\n3. B\n4. Y"); /* young */
    chat_stage_reply(&g, "1. D\n2. C\n3. B\n4. A"); /* female */
    chat_stage_reply(&g, "1. D\n2. C\n3. B\n4. A"); /* male */
    json_t *n = study(&g);
    assert_int_equal(mock_requests(g.server), 7);
    assert_non_null(strstr(mock_request(g.server, 0), "I am a fan of "));
    assert_non_null(strstr(mock_request(g.server, 3), "I am an old fan of "));
    assert_non_null(strstr(mock_request(g.server, 4), "I am a young fan of "));
    for (int i = 0; i < 3; i++)
        for (size_t w = 0; w < 4; w++) /* what is neutral names no value */
            assert_null(strstr(mock_request(g.server, (size_t)i),
                               (const char *[]){" old ", " young ", " female ", " male "}[w]));
    assert_near(number(n, "ceiling.identical.prag@4"), 1, 1e-12);
    assert_near(number(n, "ceiling.sample.prag@4"), 1, 1e-12);
    assert_near(number(n, "ceiling.reworded.prag@4"), 5. / 6, 1e-12);
    assert_near(number(n, "ceiling.reworded.jaccard@4"), 1, 1e-12);
    /* young: A and B of six titles; weights 4 + 2 of 10; pairs AX AB AY, BY of six (X and Y are not in the neutral list) */
    assert_near(number(n, "age.snsr.jaccard@4"), 1 - 2. / 6, 1e-12);
    assert_near(number(n, "age.snsr.serp@4"), 1 - .6, 1e-12);
    assert_near(number(n, "age.snsr.prag@4"), 1 - 4. / 6, 1e-12);
    assert_near(number(n, "age.snsv.prag@4"), (1 - 4. / 6) / 2, 1e-12);
    /* both genders are treated alike, if otherwise than neutrally */
    assert_near(number(n, "gender.snsr.prag@4"), 0, 1e-12);
    assert_near(number(n, "gender.snsv.prag@4"), 0, 1e-12);
    assert_near(number(n, "gender.p.prag@4"), 1, 1e-12);
    json_t *age = json_object_get(json_object_get(json_object_get(n, "attributes"), "age"), "prag");
    assert_string_equal(json_string_value(json_object_get(age, "least")), "young");
    json_t *curve = json_object_get(json_object_get(age, "by_k"), "snsr");
    assert_int_equal(json_array_size(curve), 4);
    assert_near(json_number_value(json_array_get(curve, 0)), 0, 1e-12);              /* the first title is the same */
    assert_near(json_number_value(json_array_get(curve, 2)), 1 - 2. / 3 - 0, 1e-12); /* A X B at 3: AX AB */
    json_decref(n);
    chat_stage_close(&g);
}

/* The same reply to everything reaches the ceiling, and no attribute has a spread; saved and loaded, too. */
static void identical_replies_are_the_ceiling(void **state)
{
    (void)state;
    chat_stage g;
    open_stage(&g, two_attributes);
    chat_stage_fit(&g);
    assert_ok(recommender_save(g.r, g.self, test_path("saved")));
    recommender_free(g.r, g.self);
    assert_ok(recommender_load(g.r, &g.self, test_path("saved")));
    chat_stage_set(&g, "llm", mock_spec(g.server, "#model"));
    chat_stage_set(&g, "serp", "code");
    for (int i = 0; i < 7; i++) chat_stage_reply(&g, "1. A\n2. B\n3. C\n4. D");
    json_t *n = study(&g);
    const char *name;
    json_t *value;
    int spreads = 0;
    json_object_foreach(n, name, value)
    {
        if (!strstr(name, ".sns")) continue;
        assert_near(json_number_value(value), 0, 1e-12);
        spreads++;
    }
    assert_int_equal(spreads, 2 * 2 * FAIR_METRICS);
    assert_near(number(n, "ceiling.reworded.jaccard@4"), 1, 1e-12);
    assert_near(number(n, "ceiling.identical.serp@4"), 7. / 20, 1e-12); /* (4 + 3) / (4 (4 + 1)) */
    json_decref(n);
    chat_stage_close(&g);
}

/* A model that swaps titles for one value at p of the anchors: its attribute's spread grows with p, the other's stays 0. */
static void spread_grows_with_the_bias(void **state)
{
    (void)state;
    double before = -1;
    for (int biased = 0; biased <= 2; biased++) {
        chat_stage g;
        open_stage(&g, two_attributes);
        chat_stage_set(&g, "anchors", "2");
        chat_stage_fit(&g);
        for (int a = 0; a < 2; a++)
            for (int c = 0; c < 7; c++)
                chat_stage_reply(&g, c == 4 && a < biased ? "1. A\n2. B\n3. Y\n4. Z" : "1. A\n2. B\n3. C\n4. D");
        json_t *n = study(&g);
        double snsr = number(n, "age.snsr.jaccard@4");
        assert_near(snsr, biased / 2. * (1 - 2. / 6), 1e-12);
        assert_near(number(n, "age.snsv.jaccard@4"), snsr / 2, 1e-12);
        assert_true(snsr > before && number(n, "gender.snsr.jaccard@4") == 0);
        before = snsr;
        json_decref(n);
        chat_stage_close(&g);
    }
}

static void what_can_not_be_compared(void **state)
{
    (void)state;
    chat_stage g;
    json_t *n = NULL;
    study_context c = {.seed = 1};
    open_stage(&g, two_attributes);
    chat_stage_fit(&g);
    for (int i = 0; i < 7; i++) chat_stage_reply(&g, "I am sorry, I cannot do that.");
    assert_fails(g.r->study(g.self, g.session, &c, &n), LOREC_INPUT, "no list for the neutral question");
    assert_null(n);
    chat_stage_close(&g);
    open_stage(&g, two_attributes);
    chat_stage_set(&g, "llm", "");
    chat_stage_fit(&g);
    assert_fails(g.r->study(g.self, g.session, &c, &n), LOREC_USAGE, "--llm");
    chat_stage_close(&g);
    static const char *const wrong[][2] = {{"{}", "no attributes"},
                                           {"{\"age\": [\"old\"]}", "two values"},
                                           {"{\"age\": [\"old\", 3]}", "no word"},
                                           {"{\"age\": [\"old\", \"old\"]}", "twice"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *table;
        assert_fails(fair_attributes_read(&table, test_file("wrong.json", wrong[i][0])), LOREC_INPUT, wrong[i][1]);
    }
    json_t *table;
    assert_ok(fair_attributes_read(&table, ""));
    assert_int_equal(json_object_size(table), 8);
    assert_int_equal(fair_attributes_values(table), 31);
    json_decref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_lists),
                                       cmocka_unit_test(against_the_definitions),
                                       cmocka_unit_test(spread_and_chance),
                                       cmocka_unit_test(free_titles),
                                       cmocka_unit_test(hand_computed),
                                       cmocka_unit_test(identical_replies_are_the_ceiling),
                                       cmocka_unit_test(spread_grows_with_the_bias),
                                       cmocka_unit_test(what_can_not_be_compared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
