/* What is run beside what was asked for, and with which settings. */
#include "runs/entries.h"
#include "support/support.h"

static const entry *find(const entries *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i].name, name) == 0) return &list->at[i];
    fail_msg("%s is not run", name);
    return NULL;
}

/* --fast shortens what is shown and what differs from it by one option; the rule to beat stays whole, asked for or not. */
static void fast_leaves_controls_whole(void **state)
{
    (void)state;
    settings s;
    entries list = {0};
    assert_ok(settings_default(&s));
    assert_ok(settings_set(&s, "methods", "kar,llara,ease"));
    assert_ok(settings_set(&s, "llm", "http://127.0.0.1:1/v1#none"));
    assert_ok(settings_set(&s, "fast", "true"));
    assert_ok(entries_plan(&list, &s));
    const struct {
        const char *name;
        role as;
        bool fast;
    } due[] = {{"kar", ROLE_METHOD, true},      {"kar:knowledge=none", ROLE_CONTROL, true},
               {"llara", ROLE_METHOD, true},    {"sasrec", ROLE_CONTROL, false},
               {"ease", ROLE_BOTH, false},      {"pop", ROLE_CONTROL, false},
               {"markov", ROLE_CONTROL, false}, {"repeat", ROLE_CONTROL, false}};
    assert_int_equal(list.n, sizeof due / sizeof *due);
    for (size_t i = 0; i < list.n; i++) {
        const entry *en = find(&list, due[i].name);
        assert_int_equal(en->as, due[i].as);
        assert_int_equal(en->fast, due[i].fast);
    }
    entries_free(&list);
    assert_ok(settings_set(&s, "fast", "false"));
    assert_ok(entries_plan(&list, &s));
    for (size_t i = 0; i < list.n; i++) assert_false(list.at[i].fast);
    entries_free(&list);
    settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fast_leaves_controls_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
