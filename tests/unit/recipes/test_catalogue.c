/* Texts that a method keeps, and the files built into the library. */
#include "recipes/catalogue.h"
#include "recipes/method_files.h"
#include "support/support.h"

static void texts_survive_the_data(void **state)
{
    (void)state;
    dataset d;
    catalogue c, again;
    assert_ok(dataset_sample_named(&d, "sample"));
    assert_ok(catalogue_make(&c, &d, &d.rows, true));
    assert_int_equal(c.n, d.rows.n_items);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < c.n; i++) {
        slice a = catalogue_title(&c, i), b = dataset_title(&d, i);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.p, b.p, a.n);
        assert_true(catalogue_categories(&c, i).n > 0);
        rows += c.popularity[i];
    }
    assert_int_equal(rows, d.rows.n);
    dataset_close(&d);
    assert_ok(catalogue_save(&c, test_folder()));
    assert_ok(catalogue_load(&again, test_folder()));
    assert_int_equal(again.n, c.n);
    assert_memory_equal(again.bytes, c.bytes, c.start[2 * c.n]);
    assert_memory_equal(again.popularity, c.popularity, c.n * sizeof *c.popularity);
    json_t *titles = catalogue_titles(&again, (uint32_t[]){3, 1}, 2);
    assert_int_equal(json_array_size(titles), 2);
    assert_memory_equal(json_string_value(json_array_get(titles, 1)), catalogue_title(&c, 1).p,
                        catalogue_title(&c, 1).n);
    json_decref(titles);
    catalogue_free(&again);
    /* files of two catalogues in one folder do not load */
    c.n--;
    c.start[2 * c.n] = c.start[2 * (c.n + 1)];
    assert_ok(catalogue_save(&c, test_path(".")));
    c.n++;
    catalogue_free(&c);
}

static void bytes_that_are_no_text(void **state)
{
    (void)state;
    json_t *v = catalogue_text((slice){"a\xff"
                                       "b",
                                       3});
    assert_string_equal(json_string_value(v), "a?b");
    json_decref(v);
}

static void data_without_titles_says_so(void **state)
{
    (void)state;
    dataset d;
    catalogue c;
    const char *path = test_file("plain.csv", "user,item,time\na,b,1\na,c,2\nd,b,3\n");
    assert_ok(dataset_import(&d, path, &(import_options){0}));
    assert_fails(catalogue_make(&c, &d, NULL, true), LOREC_INPUT, "--item-text");
    assert_ok(catalogue_make(&c, &d, NULL, false));
    assert_memory_equal(catalogue_title(&c, 0).p, "b", 1);
    catalogue_free(&c);
    dataset_close(&d);
}

static void cards_are_built_in(void **state)
{
    (void)state;
    const embedded_file *f = method_file_find("gptrec/card.md");
    assert_non_null(f);
    assert_memory_equal(f->bytes, "# GPTRec", 8);
    assert_int_equal(strlen(f->bytes), f->n);
    assert_null(method_file_find("gptrec/none.md"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_survive_the_data), cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(data_without_titles_says_so), cmocka_unit_test(cards_are_built_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
