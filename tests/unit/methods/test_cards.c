/* What lies beside the methods' code says what the code does: the options that cards and expect.yaml name are there and take those
 * values, and expect.yaml has the fields that it may have. */
#include <ctype.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "methods/registry.h"
#include "recipes/method_files.h"
#include "support/model.h"
#include "support/support.h"

static const embedded_file *file_of(const recommender *r, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", r->key, name);
    return method_file_find(path);
}

/* Does it take this value? `of` says where it stands. */
static void takes(const recommender *r, const char *name, const char *value, const char *of)
{
    void *self = model_new(r, NULL, NULL);
    if (options_set(r->options, r->n_options, self, name, value))
        fail_msg("%s of %s: %s=%s: %s", of, r->key, name, value, lorec_error_message());
    recommender_free(r, self);
}

/* ---- cards: `name=value`, or `method.name=value`, between backticks ------------------------------------------------------- */

static bool is_word(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)p[i]) && p[i] != '_' && p[i] != '-') return false;
    return n > 0 && isalpha((unsigned char)*p);
}

static size_t check_setting(const recommender *r, slice word)
{
    char name[64], value[128];
    slice rest = word, left = slice_cut(&rest, '=');
    if (!rest.n || left.n >= sizeof name || rest.n >= sizeof value) return 0;
    if (isupper((unsigned char)rest.p[0])) return 0; /* FOLDER, FILE: a place for one's own */
    const char *dot = memchr(left.p, '.', left.n);
    if (dot) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - left.p), left.p);
        r = registry_find(name);
        if (!r) fail_msg("a card names \"%s\", which is no method", name);
        left = (slice){dot + 1, left.n - (size_t)(dot + 1 - left.p)};
    }
    if (!is_word(left.p, left.n)) return 0;
    snprintf(name, sizeof name, "%.*s", (int)left.n, left.p);
    snprintf(value, sizeof value, "%.*s", (int)rest.n, rest.p);
    takes(r, name, value, "card.md");
    return 1;
}

static void cards_name_options_that_are_there(void **state)
{
    (void)state;
    size_t cards = 0, settings = 0;
    for (size_t i = 0; i < registry_count(); i++) {
        const recommender *r = registry_at(i);
        const embedded_file *card = file_of(r, "card.md");
        if (!card) continue; /* a classic */
        cards++;
        static const char *const parts[] = {"**What it is.**", "**From where.**", "## What must show"};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
            if (!strstr(card->bytes, parts[k])) fail_msg("the card of %s lacks \"%s\"", r->key, parts[k]);
        slice rest = {card->bytes, card->n};
        for (bool quoted = false; rest.n; quoted = !quoted) {
            slice piece = slice_cut(&rest, '`');
            while (quoted && piece.n) settings += check_setting(r, slice_cut(&piece, ' '));
        }
    }
    print_message("%zu cards, %zu settings\n", cards, settings);
    assert_true(cards >= 15 && settings > 50);
}

/* ---- expect.yaml ---------------------------------------------------------------------------------------------------------- */

static void check_set(const recommender *r, const json_t *set)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)set, name, v)
    {
        char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);
        takes(r, name, text ? text : json_string_value(v), "expect.yaml");
        free(text);
    }
}

/* {paper: 0.1, at_least: 0.2}: numbers, or an object of them. */
static void check_numbers(const recommender *r, const char *row, const json_t *v)
{
    const char *name;
    json_t *number;
    if (json_is_number(v)) return;
    if (!json_object_size(v)) fail_msg("expect.yaml of %s: %s: a metric without a number", r->key, row);
    json_object_foreach((json_t *)(uintptr_t)v, name, number) check_numbers(r, row, number);
}

static void check_row(const recommender *r, const json_t *row, const json_t *all)
{
    static const char *const known[] = {"name", "data", "protocol", "set", "metrics", "relative_to", "compare"};
    const char *name = json_string_value(json_object_get(row, "name")), *key,
               *to = json_string_value(json_object_get(row, "relative_to"));
    json_t *v;
    assert_non_null(name);
    json_object_foreach((json_t *)(uintptr_t)row, key, v)
    {
        bool is = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) is |= strcmp(known[i], key) == 0;
        if (!is) fail_msg("expect.yaml of %s: %s: there is no field \"%s\"", r->key, name, key);
    }
    check_set(r, json_object_get(row, "set"));
    v = json_object_get(row, "metrics");
    if (!json_object_size(v)) fail_msg("expect.yaml of %s: %s: no metrics", r->key, name);
    check_numbers(r, name, v);
    bool found = !to;
    for (size_t i = 0; i < json_array_size(all) && !found; i++)
        found = strcmp(json_string_value(json_object_get(json_array_get(all, i), "name")), to) == 0;
    if (!found) fail_msg("expect.yaml of %s: %s: there is no row \"%s\"", r->key, name, to);
    v = json_object_get(row, "compare");
    if (v) takes(r, json_string_value(json_object_get(v, "set")), "2", "expect.yaml");
}

static void expectations_can_be_asked_for(void **state)
{
    (void)state;
    size_t files = 0, rows = 0;
    for (size_t i = 0; i < registry_count(); i++) {
        const recommender *r = registry_at(i);
        const embedded_file *f = file_of(r, "expect.yaml");
        json_t *all;
        if (!f) continue;
        files++;
        assert_ok(yaml_read(&all, test_file("expect.yaml", f->bytes)));
        if (!json_array_size(all)) fail_msg("expect.yaml of %s is no list of rows", r->key);
        rows += json_array_size(all);
        for (size_t k = 0; k < json_array_size(all); k++) check_row(r, json_array_get(all, k), all);
        json_decref(all);
    }
    print_message("%zu files, %zu rows\n", files, rows);
    assert_true(files >= 14 && rows > files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cards_name_options_that_are_there),
                                       cmocka_unit_test(expectations_can_be_asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
