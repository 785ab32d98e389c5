/* What --json puts on stdout, read as another program would: one object, the words and types of the contract. */
#include "support/support.h"

#include <jansson.h>
#include <sys/wait.h>

/* Runs the program in the test's folder; *code is its exit code. What it printed is read as exactly one JSON value. */
static json_t *call(const char *words, int *code)
{
    const char *program = getenv("LOREC_BIN");
    if (!program) fail_msg("LOREC_BIN is not set: run by ctest");
    char command[4096];
    snprintf(command, sizeof command, "cd '%s' && LOREC_THREADS=1 '%s' %s 2>stderr.txt", test_folder(), program, words);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    json_error_t error;
    json_t *root = json_loadf(f, 0, &error); /* anything after the value is an error */
    int status = pclose(f);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
    if (!root && *code == 0) fail_msg("lorec %s: line %d: %s", words, error.line, error.text);
    return root;
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    if (!s) fail_msg("\"%s\" is no text", key);
    return s;
}

static double number(const json_t *o, const char *key)
{
    if (!json_is_number(json_object_get(o, key))) fail_msg("\"%s\" is no number", key);
    return json_number_value(json_object_get(o, key));
}

static const json_t *row(const json_t *list, const char *method)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text(json_array_get(list, i), "method"), method) == 0) return json_array_get(list, i);
    fail_msg("no row of %s", method);
    return NULL;
}

static void check_result(const json_t *r)
{
    const json_t *metrics = json_object_get(r, "metrics"), *ci = json_object_get(r, "ci95"),
                 *cost = json_object_get(r, "cost");
    assert_string_equal(text(r, "status"), "ok");
    assert_true(json_is_null(json_object_get(r, "why")));
    assert_true(json_is_integer(json_object_get(r, "seed")));
    assert_true(json_is_object(json_object_get(r, "counts")));
    double recall = number(metrics, "recall@10"), ndcg = number(metrics, "ndcg@10");
    assert_true(recall >= 0 && recall <= 1 && ndcg <= recall); /* one target each: no user's ndcg is above its recall */
    const json_t *range = json_object_get(ci, "ndcg@10");
    assert_int_equal(json_array_size(range), 2);
    assert_true(json_real_value(json_array_get(range, 0)) <= ndcg && ndcg <= json_real_value(json_array_get(range, 1)));
    assert_true(number(cost, "train_s") >= 0 && number(cost, "eval_s") >= 0 && number(cost, "rss_mib") > 1);
    assert_true(number(cost, "llm_tokens") == 0);
}

static void test_run(void **state)
{
    (void)state;
    int code;
    json_t *root = call("run itemknn --data sample --seed 1,2 --out r --json", &code);
    assert_int_equal(code, 0);
    assert_int_equal(number(root, "schema"), 1);
    const json_t *data = json_object_get(root, "data"), *protocol = json_object_get(root, "protocol");
    assert_string_equal(text(data, "name"), "sample");
    assert_true(number(data, "users") == 1500 && number(data, "items") == 600 && number(data, "interactions") > 10000);
    assert_int_equal(strlen(text(data, "sha256")), 64);
    assert_int_equal(strncmp(text(protocol, "id"), "loo-full-v1:", 12), 0);
    assert_string_equal(text(protocol, "split"), "loo");
    assert_string_equal(text(protocol, "candidates"), "full");
    assert_true(number(protocol, "users") == 1500);
    assert_true(json_is_true(json_object_get(protocol, "seen_masked")));
    assert_string_equal(text(protocol, "ties"), "expected");

    const json_t *results = json_object_get(root, "results"), *summary = json_object_get(root, "summary");
    assert_int_equal(json_array_size(results), 10); /* itemknn, pop, markov, repeat, ease; two seeds each */
    for (size_t i = 0; i < json_array_size(results); i++) check_result(json_array_get(results, i));
    assert_string_equal(text(row(results, "itemknn"), "role"), "method");
    assert_string_equal(text(row(results, "ease"), "role"), "control");

    const json_t *knn = row(summary, "itemknn"), *versus = json_object_get(knn, "vs");
    assert_int_equal(json_array_size(json_object_get(knn, "seeds")), 2);
    const json_t *ndcg = json_object_get(json_object_get(knn, "metrics"), "ndcg@10");
    assert_near(number(ndcg, "sd"), 0, 1e-12); /* nothing in it is drawn */
    const json_t *pop = json_object_get(json_object_get(versus, "pop"), "ndcg@10");
    assert_near(number(pop, "delta"),
                number(ndcg, "mean") -
                    number(json_object_get(json_object_get(row(summary, "pop"), "metrics"), "ndcg@10"), "mean"),
                1e-6);
    assert_int_equal(json_array_size(json_object_get(pop, "ci95")), 2);
    assert_true(number(pop, "p_holm") > 0 && number(pop, "p_holm") < 0.05);
    assert_int_equal(json_object_size(versus), 4);

    json_t *kept = json_load_file(test_path("r/result.json"), 0, NULL); /* result.json is the same object */
    assert_non_null(kept);
    assert_int_equal(json_object_size(kept), json_object_size(root));
    assert_int_equal(json_array_size(json_object_get(kept, "results")), json_array_size(results));
    assert_string_equal(text(json_object_get(kept, "protocol"), "id"), text(protocol, "id"));
    json_decref(kept);
    json_decref(root);
}

static void test_recommend(void **state)
{
    (void)state;
    int code;
    json_t *made = call("run markov --data sample --no-controls --out m --json", &code);
    assert_int_equal(code, 0);
    json_decref(made);
    json_t *root = call("recommend m --user reader0001 -k 7 --json", &code);
    assert_int_equal(code, 0);
    assert_string_equal(text(root, "user"), "reader0001");
    assert_string_equal(text(root, "method"), "markov");
    const json_t *history = json_object_get(root, "history"), *list = json_object_get(root, "recommendations");
    assert_true(json_array_size(history) > 3);
    for (size_t i = 1; i < json_array_size(history); i++)
        assert_true(number(json_array_get(history, i - 1), "time") <= number(json_array_get(history, i), "time"));
    assert_int_equal(json_array_size(list), 7);
    for (size_t i = 0; i < 7; i++) {
        const json_t *item = json_array_get(list, i);
        assert_int_equal(number(item, "rank"), i + 1);
        assert_true(*text(item, "id") && *text(item, "title"));
        assert_true(i == 0 || number(item, "score") <= number(json_array_get(list, i - 1), "score"));
        for (size_t h = 0; h < json_array_size(history); h++)
            assert_string_not_equal(text(item, "id"), text(json_array_get(history, h), "id"));
    }
    json_decref(root);
}

static void test_methods_and_doctor(void **state)
{
    (void)state;
    int code;
    json_t *root = call("methods --json", &code);
    assert_int_equal(code, 0);
    const json_t *methods = json_object_get(root, "methods");
    assert_true(json_array_size(methods) >= 10);
    for (size_t i = 0; i < json_array_size(methods); i++) {
        const json_t *m = json_array_get(methods, i), *options = json_object_get(m, "options");
        assert_true(*text(m, "key") && *text(m, "family") && *text(m, "title"));
        assert_true(json_array_size(json_object_get(m, "tasks")) > 0);
        assert_true(json_is_array(json_object_get(m, "needs")) && json_is_array(options));
        for (size_t o = 0; o < json_array_size(options); o++) {
            const json_t *row_of = json_array_get(options, o);
            assert_true(*text(row_of, "name") && *text(row_of, "type") && *text(row_of, "help"));
            assert_non_null(json_object_get(row_of, "default"));
        }
    }
    json_decref(root);
    root = call("doctor --json", &code);
    assert_int_equal(code, 0);
    assert_true(number(root, "threads") == 1 && number(root, "cores") >= 1 && number(root, "gflops") > 0);
    assert_true(*text(root, "isa") && json_object_size(json_object_get(root, "libraries")) > 5);
    json_decref(root);
}

static void test_no_object_when_nothing_could_begin(void **state)
{
    (void)state;
    int code;
    test_file("tiny.csv", "user,item,timestamp\na,x,1\na,y,2\na,z,3\nb,y,1\nb,z,2\nb,x,3\n");
    json_t *root = call("run pop --data tiny.csv --out t --json", &code);
    assert_int_equal(code, 0);
    assert_string_equal(text(row(json_object_get(root, "results"), "pop"), "status"), "ok");
    json_decref(root);
    assert_null(call("run pop --data no-such-file.csv --out u --json", &code));
    assert_int_equal(code, 3);
    assert_null(call("run pop --data tiny.csv --splt loo --json", &code));
    assert_int_equal(code, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_run), cmocka_unit_test(test_recommend),
                                       cmocka_unit_test(test_methods_and_doctor),
                                       cmocka_unit_test(test_no_object_when_nothing_could_begin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
