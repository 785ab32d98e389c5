/* The files that people bring: what other programs export, in the forms in which they export it. */
#include "support/support.h"

#include <sys/stat.h>

#include "base/log.h"
#include "data/dataset.h"

static dataset d;

static void reads(const char *name, const char *text, const char *columns)
{
    assert_ok(dataset_import(&d, test_file(name, text), &(import_options){.columns = columns}));
}

/* Rows of the first user, in time order. */
static void first_is(const char *user, const char *item, float rating, int64_t time)
{
    assert_true(slice_is(names_at(&d.user_ids, 0), user));
    assert_true(slice_is(names_at(&d.item_ids, d.rows.item[0]), item));
    if (d.rows.rating) assert_near(d.rows.rating[0], rating, 1e-6);
    if (d.rows.time) assert_int_equal(d.rows.time[0], time);
}

static void test_spreadsheets(void **state)
{
    (void)state;
    reads("euro.csv", "Benutzer;Artikel;Bewertung;Datum\n1;x;3,5;31.05.2024 10:00\n2;y;4;1.6.2024\n", NULL);
    first_is("1", "x", 3.5F, 1717149600);
    assert_int_equal(d.rows.time[1], 1717200000);
    dataset_close(&d);
    reads("excel.csv", "\xEF\xBB\xBFUser ID;Item ID;Rating\r\n1;x;\"3,5\"\r\n1;\"a;b\";2\r\n", NULL);
    first_is("1", "x", 3.5F, 0);
    assert_int_equal(d.rows.n, 2);
    dataset_close(&d);
    reads("quoted.csv", "user,item,review,rating\n1,x,\"said \"\"good\"\",\nand left\",4\n1,y,,5\n", NULL);
    first_is("1", "x", 4, 0);
    assert_int_equal(d.rows.n, 2);
    dataset_close(&d);
}

static void test_words_for_numbers(void **state)
{
    (void)state;
    reads("liked.csv", "user_id,item_id,liked\n1,x,TRUE\n1,y,false\n2,x,No\n2,y,yes\n", NULL);
    static const float want[] = {1, 0, 0, 1};
    for (int i = 0; i < 4; i++) assert_near(d.rows.rating[i], want[i], 0);
    dataset_close(&d);
    reads("shop.csv", "event_time,event_type,product_id,user_id\n2019-10-01 00:00:02 UTC,view,x,7\n", NULL);
    first_is("7", "x", 0, 1569888002);
    assert_string_equal(json_string_value(json_array_get(json_object_get(d.manifest, "columns_unused"), 0)),
                        "event_type");
    dataset_close(&d);
    assert_fails(dataset_import(&d, test_file("us.csv", "user,item,date\n1,x,12/04/1997\n"), NULL), LOREC_INPUT,
                 "a date such as 2024-05-31 23:59:59: \"12/04/1997\"");
    assert_fails(dataset_import(&d, test_file("hole.csv", "user,item,rating\n1,x,4\n1,y,\n"), NULL), LOREC_INPUT,
                 "line 3: the rating is not a number: it is empty");
    assert_fails(dataset_import(&d, test_file("two.csv", "user;item;rating\n1;x;1,234,5\n"), NULL), LOREC_INPUT,
                 "line 2: the rating is not a number");
}

static void test_titles_as_ids(void **state)
{
    (void)state;
    reads("titles.csv", "user_id,title,rating\n1,\"Heat, 1995\",4\n1,Ronin,5\n", NULL);
    first_is("1", "Heat, 1995", 4, 0);
    dataset_close(&d);
    reads("chosen.csv", "user_id,what,rating\n1,Heat,4\n", "item=what"); /* the user is known by its name */
    first_is("1", "Heat", 4, 0);
    dataset_close(&d);
}

static void test_json(void **state)
{
    (void)state;
    static const char rows[] = "{\"user_id\": \"1\", \"item_id\": 5, \"rating\": 3.5, \"timestamp\": 1700000000}";
    char text[512];
    snprintf(text, sizeof text, "[%s,\n %s]", rows,
             "{\"user_id\": \"2\", \"item_id\": 5, \"rating\": true, "
             "\"timestamp\": 1700000001}");
    reads("array.json", text, NULL);
    first_is("1", "5", 3.5F, 1700000000);
    assert_near(d.rows.rating[1], 1, 0);
    dataset_close(&d);
    reads("indented.json",
          "\xEF\xBB\xBF\n[\n  {\n    \"customer\": \"c\",\n    \"product\": \"p\",\n    \"ts\": "
          "\"2024-05-31\"\n  }\n]\n",
          NULL);
    first_is("c", "p", 0, 1717113600);
    dataset_close(&d);
    reads("own.jsonl", "{\"who\": \"c\", \"what\": \"p\", \"item_id\": \"other\"}\n", "user=who,item=what");
    first_is("c", "p", 0, 0);
    dataset_close(&d);
    assert_fails(dataset_import(&d, test_file("no.jsonl", "{\"who\": \"c\", \"what\": \"p\"}\n"), NULL), LOREC_INPUT,
                 "line 1: no user id (looked for reviewerID ...; --columns user=KEY,item=KEY names it)");
    assert_fails(dataset_import(&d, test_file("typo.jsonl", "{\"who\": \"c\", \"what\": \"p\"}\n"),
                                &(import_options){.columns = "user=woh,item=what"}),
                 LOREC_USAGE, "no column \"woh\" (there are 2); did you mean \"who\"?");
    static const struct {
        const char *text, *message;
    } bad[] = {{"[{\"user_id\": 1, \"item_id\": 2},\n{\"user_id\": 1, \"item", "line 2: not a JSON object"},
               {"[{\"user_id\": 1, \"item_id\": 2}\n{\"user_id\": 1}]", "line 2: the array is not closed, or a comma"},
               {"[{\"user_id\": 1, \"item_id\": 2}\n,\n\n{\"user_id\": 1}]", "line 4: no item id"},
               {"[{\"user_id\": 1, \"item_id\": 2},\n[1]]", "line 2: not a JSON object"},
               {"[{\"user_id\": 1, \"item_id\": 2}]\n]", "line 2: text behind the end"},
               {"[{\"user_id\": 1, \"item_id\": 2}", "the array is not closed"},
               {"[[1, 2], [1, 3]]", "its form is not known"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(dataset_import(&d, test_file("bad.json", bad[i].text), NULL), LOREC_INPUT, bad[i].message);
    }
}

static void test_only(void **state)
{
    (void)state;
    static const char events[] = "user_id,item_id,event\n1,x,view\n1,y,\"cart\"\n2,x,purchase\n2,z,view\n";
    import_options o = {.only = "event=cart|purchase"};
    assert_ok(dataset_import(&d, test_file("events.csv", events), &o));
    assert_int_equal(d.rows.n, 2);
    assert_int_equal(d.rows.n_items, 2);
    const json_t *note = json_object_get(d.manifest, "only");
    assert_int_equal(json_integer_value(json_object_get(note, "left_out")), 2);
    assert_null(json_object_get(d.manifest, "columns_unused"));
    dataset_close(&d);
    assert_ok(dataset_import(&d,
                             test_file("events.jsonl", "{\"user_id\": 1, \"item_id\": 2, \"event\": \"cart\"}\n"
                                                       "{\"user_id\": 1, \"item_id\": 3}\n"),
                             &o));
    assert_int_equal(d.rows.n, 1);
    dataset_close(&d);
    const char *path = test_file("events.csv", events);
    assert_fails(dataset_import(&d, path, &(import_options){.only = "event=sale"}), LOREC_INPUT,
                 "leaves none of its 4");
    assert_fails(dataset_import(&d, path, &(import_options){.only = "evnt=cart"}), LOREC_USAGE,
                 "did you mean \"event\"");
    assert_fails(dataset_import(&d, path, &(import_options){.only = "event="}), LOREC_USAGE, "write COLUMN=WORD");
    assert_fails(dataset_import(&d, test_file("pairs.txt", "1 2\n1 3\n"),
                                &(import_options){.only = "event=a", .format = "pairs"}),
                 LOREC_USAGE, "--only is for CSV, TSV and JSON; this is read as pairs");
}

static void test_no_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *message;
    } forms[] = {{"PAR1....", "is a Parquet file"},
                 {"PK\3\4....", "is a zip archive or an Excel workbook"},
                 {"SQLite format 3....", "sqlite3 -csv"},
                 {"\x80\4\x95....", "is a Python pickle"},
                 {"\x89HDF....", "is an HDF5 file"}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_fails(dataset_import(&d, test_file("form", forms[i].bytes), NULL), LOREC_INPUT, forms[i].message);
    assert_fails(dataset_import(&d, "-", NULL), LOREC_INPUT, "write them to a file first");
}

static void test_folder_of_tables(void **state)
{
    (void)state;
    assert_int_equal(mkdir(test_path("shop"), 0777), 0);
    test_file("shop/orders.csv", "user_id,item_id,date\na,1,2024-05-01\nb,2,2024-05-02\n");
    test_file("shop/Products.csv",
              "id,name,category,price\n1,\"Tea, green\",Drinks,3.5\n2,Coffee,Drinks,4\n9,Milk,,1\n");
    test_file("shop/users.csv", "user_id,country\na,DE\nb,FR\n");
    assert_ok(dataset_import(&d, test_path("shop"), NULL));
    assert_true(slice_is(dataset_title(&d, 0), "Tea, green"));
    assert_int_equal(d.rows.n_items, 2);
    assert_non_null(dataset_column(&d, SIDE_ITEM, "category"));
    dataset_close(&d);
    test_file("shop/more.csv", "user_id,item_id,date\na,1,2024-05-01\n");
    assert_fails(dataset_import(&d, test_path("shop"), NULL), LOREC_INPUT, "several files could be the interactions");
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spreadsheets),
                                       cmocka_unit_test(test_words_for_numbers),
                                       cmocka_unit_test(test_titles_as_ids),
                                       cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_only),
                                       cmocka_unit_test(test_no_text),
                                       cmocka_unit_test(test_folder_of_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
