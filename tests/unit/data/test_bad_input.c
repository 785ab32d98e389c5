/* What bad files get: a message with the file, the line and what to do; never a crash, never a silent nothing. */
#include "support/support.h"

#include <sys/stat.h>

#include "data/dataset.h"

static dataset d;

/* A file with `n` bytes of text (NUL bytes included). */
static const char *raw_file(const char *name, const char *bytes, size_t n)
{
    const char *p = test_path(name);
    FILE *f = fopen(p, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) fail_msg("%s can not be written", p);
    return p;
}

static void fails(const char *name, const char *text, const char *message)
{
    assert_fails(dataset_import(&d, test_file(name, text), NULL), LOREC_INPUT, message);
    assert_non_null(strstr(lorec_error_message(), name));
}

static void test_nothing_there(void **state)
{
    (void)state;
    fails("empty.csv", "", "is empty");
    fails("header.csv", "user_id,item_id,rating\n", "no interactions");
    fails("blank.csv", "\n\n\n", "");
    assert_fails(dataset_import(&d, test_path("nowhere.csv"), NULL), LOREC_INPUT, "nowhere.csv");
    assert_int_equal(mkdir(test_path("hollow"), 0777), 0);
    assert_fails(dataset_import(&d, test_path("hollow"), NULL), LOREC_INPUT, "hollow");
    fails("empty.inter", "", "is empty");
    fails("header.inter", "user_id:token\titem_id:token\n", "no interactions");
}

static void test_wrong_rows(void **state)
{
    (void)state;
    fails("few.csv", "user_id,item_id,rating\na,x,1\na,y\n", "line 3: 2 columns where 3 are needed");
    fails("many.csv", "user_id,item_id\na,x\na,y\nb,x,9\n", "line 4: 3 columns where 2 are needed");
    fails("rating.csv", "user_id,item_id,rating\na,x,good\n", "line 2: the rating is not a number");
    fails("nan.csv", "user_id,item_id,rating\na,x,nan\n", "line 2: the rating is not a number");
    fails("time.csv", "user_id,item_id,timestamp\na,x,1\na,x,yesterday\n", "line 3: the time is not");
    fails("no-time.csv", "user_id,item_id,timestamp\na,x,1\na,x,\n", "line 3: the time is not");
    fails("no-user.csv", "user_id,item_id\n,x\n", "line 2: no user id");
    fails("no-item.csv", "user_id,item_id\na,\n", "line 2: no item id");
    fails("quote.csv", "user_id,item_id\na,\"x\nb,y\n", "line 2: a quote that is not closed");
    fails("after-quote.csv", "user_id,item_id\na,\"x\"y\nb,y\n", "line 2: text after a closing quote");
    fails("columns.csv", "one,two\n1,2\n3,4,5\n", "line 3: 3 columns where 2 are needed");
    fails("unknown.csv", "item_id,two\nx,y\n", "line 1: no column looks like the user (there are: item_id, two)");
    fails("three.dat", "1::2::3::4\n1::2\n", "line 2: 2 columns where 4 are needed");
    fails("type.inter", "user_id:token\titem_id:word\nu\ti\n", "line 1, field 2");
    fails("fields.inter", "user_id:token\titem_id:token\nu\ti\nu\n", "line 3: 1 column where 2 are needed");
    fails("lacks.inter", "user:token\tthing:token\nu\ti\n", "no field user_id:token");
    fails("cut.json", "{\"reviewerID\": \"a\", \"asin\": \"x\", \"overall\": 5}\n{\"reviewerID\": \"a\", \"as",
          "line 2: column");
    fails("list.json", "{\"reviewerID\": \"a\", \"asin\": \"x\"}\n[1, 2]\n", "line 2: not a JSON object");
    fails("nobody.json", "{\"reviewerID\": \"a\", \"asin\": \"x\"}\n{\"asin\": \"x\"}\n", "line 2: no user id");
}

static void test_encodings(void **state)
{
    (void)state;
    fails("latin1.csv", "user_id,item_id\na,x\nb,caf\xE9\n",
          "line 3: not UTF-8; convert the file with `iconv -f LATIN1");
    fails("latin1.txt", "a x y\nb caf\xE9 z w\n", "line 2: not UTF-8");
    fails("overlong.csv", "user_id,item_id\na,\xC0\xAF\n", "line 2: not UTF-8");
    raw_file("utf16.csv", "\xFF\xFEu\0s\0", 6);
    assert_fails(dataset_import(&d, test_path("utf16.csv"), NULL), LOREC_INPUT, "is UTF-16");
    raw_file("nul.csv", "user_id,item_id\na,x\na,y\0z\n", 26);
    assert_fails(dataset_import(&d, test_path("nul.csv"), NULL), LOREC_INPUT, "line 3: a NUL byte");
    assert_ok(
        dataset_import(&d, test_file("bom.csv", "\xEF\xBB\xBFuser_id,item_id\r\na,x\r\nb,\"y \"\"z\"\"\"\r\n"), NULL));
    assert_int_equal(d.rows.n, 2);
    assert_true(slice_is(names_at(&d.user_ids, 0), "a"));
    assert_true(slice_is(names_at(&d.item_ids, 0), "x")); /* without the \r */
    assert_true(slice_is(names_at(&d.item_ids, 1), "y \"z\""));
    dataset_close(&d);
    assert_ok(dataset_import(&d,
                             test_file("bom.txt", "\xEF\xBB\xBF"
                                                  "a 1 2 3\r\nb 2\r\n"),
                             NULL));
    assert_true(slice_is(names_at(&d.user_ids, 0), "a"));
    assert_int_equal(d.rows.n, 4);
    dataset_close(&d);
}

static void test_skipped_and_counted(void **state)
{
    (void)state;
    const char *p = test_file("mixed.csv", "user_id,item_id,rating\na,x,1\nbad\nb,y,2\nc,,3\nd,z,many\n");
    assert_ok(dataset_import(&d, p, &(import_options){.skip_bad_rows = true}));
    assert_int_equal(d.rows.n, 2);
    assert_int_equal(json_integer_value(json_object_get(d.manifest, "bad_rows_skipped")), 3);
    dataset_close(&d);
    p = test_file("allbad.csv", "user_id,item_id,rating\na,x,?\nb,y,?\n");
    assert_fails(dataset_import(&d, p, &(import_options){.skip_bad_rows = true}), LOREC_INPUT, "all rows were bad");
}

static void test_times(void **state)
{
    (void)state;
    const char *p = test_file("ms.csv", "user_id,item_id,timestamp\na,x,1393545600999\na,y,1393545600000\n");
    assert_ok(dataset_import(&d, p, NULL));
    assert_int_equal(d.rows.time[0], 1393545600);
    assert_int_equal(d.rows.time[1], 1393545600);
    assert_true(slice_is(names_at(&d.item_ids, d.rows.item[0]), "y")); /* the milliseconds decided the order */
    assert_string_equal(json_string_value(json_object_get(d.manifest, "time_unit")), "ms");
    dataset_close(&d);
    assert_ok(dataset_import(&d, test_file("us.csv", "user_id,item_id,timestamp\na,x,1393545600000001\n"), NULL));
    assert_int_equal(d.rows.time[0], 1393545600);
    dataset_close(&d);
    fails("units.csv", "user_id,item_id,timestamp\na,x,1393545600\na,y,1393545600000\n", "different units");
    assert_ok(dataset_import(
        &d, test_file("iso.csv", "user,item,date\na,x,2018-05-06 12:34:56\na,y,2018-05-06T12:34:55Z\n"), NULL));
    assert_int_equal(d.rows.time[0], 1525610095);
    assert_int_equal(d.rows.time[1], 1525610096);
    dataset_close(&d);
    /* equal times keep the order of the file; rows come sorted whatever their order was; negative times are before 1970 */
    assert_ok(dataset_import(&d, test_file("equal.csv", "u,i,t\na,p,7\na,q,7\na,r,-3\na,s,7\n"), NULL));
    for (uint32_t k = 0; k < 4; k++) assert_int_equal(names_at(&d.item_ids, d.rows.item[k]).p[0], "rpqs"[k]);
    dataset_close(&d);
}

static void test_small_and_odd(void **state)
{
    (void)state;
    assert_ok(dataset_import(&d, test_file("one.csv", "user_id,item_id\nonly,thing\n"), NULL)); /* one user, one item */
    assert_int_equal(d.rows.n, 1);
    dataset_close(&d);
    assert_ok(
        dataset_import(&d, test_file("twice.txt", "a 1\na 1\na 1\n"), NULL)); /* duplicates stay: filters remove them */
    assert_int_equal(d.rows.n, 3);
    dataset_close(&d);
    assert_ok(
        dataset_import(&d, test_file("last.csv", "user_id,item_id\na,x\nb,y"), NULL)); /* no line end at the end */
    assert_int_equal(d.rows.n, 2);
    dataset_close(&d);
    /* ids are words: leading zeros, large numbers and blanks inside are kept */
    assert_ok(dataset_import(&d, test_file("ids.csv", "user_id,item_id\n007,9223372036854775808\n7,a b\n"), NULL));
    assert_int_equal(d.rows.n_users, 2);
    assert_true(slice_is(names_at(&d.user_ids, 0), "007"));
    assert_true(slice_is(names_at(&d.item_ids, 0), "9223372036854775808"));
    assert_true(slice_is(names_at(&d.item_ids, 1), "a b"));
    dataset_close(&d);
    /* quoted line ends, and semicolons */
    assert_ok(dataset_import(&d, test_file("semi.csv", "user;item;rating\na;\"x\ny\";4.5\nb;z;3\n"), NULL));
    assert_int_equal(d.rows.n, 2);
    assert_true(slice_is(names_at(&d.item_ids, 0), "x\ny"));
    assert_near(d.rows.rating[0], 4.5, 0);
    dataset_close(&d);
    assert_ok(dataset_import(&d, test_file("plain", "3,10,4.0,1393545600\n3,11,5.0,1393545601\n"),
                             NULL)); /* no header at all */
    assert_int_equal(d.rows.n, 2);
    assert_int_equal(d.rows.time[1], 1393545601);
    dataset_close(&d);
    assert_ok(dataset_import(&d, test_file("odd.csv", "stars,who,what\n4,ann,x\n2,bob,y\n"),
                             &(import_options){.columns = "user=who,item=3,rating=stars"}));
    assert_true(slice_is(names_at(&d.user_ids, 1), "bob"));
    assert_near(d.rows.rating[1], 2, 0);
    dataset_close(&d);
    assert_fails(dataset_import(&d, test_path("odd.csv"), &(import_options){.columns = "user=whom,item=what"}),
                 LOREC_USAGE, "did you mean \"who\"");
    assert_fails(dataset_import(&d, test_path("odd.csv"), &(import_options){.columns = "person=who"}), LOREC_USAGE,
                 "--columns");
}

/* A line of 10 MB is an item list as good as any, or an id that can not be one. */
static void test_long_lines(void **state)
{
    (void)state;
    enum { BYTES = 10 << 20 };
    char *text = malloc(BYTES + 2);
    assert_non_null(text);
    for (size_t i = 0; i < BYTES; i++) text[i] = i % 2 ? ' ' : (char)('a' + i / 2 % 26);
    memcpy(text + BYTES, "\n", 2);
    assert_ok(dataset_import(&d, test_file("long.txt", text), &(import_options){.format = "sequences"}));
    assert_int_equal(d.rows.n, BYTES / 2 - 1);
    assert_int_equal(d.rows.n_items, 26);
    dataset_close(&d);
    memset(text, 'x', BYTES);
    memcpy(text, "user,item\n", 10);
    text[15] = ',';
    fails("long.csv", text, "line 2: an item id of more than 4096 bytes");
    free(text);
}

static void test_broken_compression(void **state)
{
    (void)state;
    raw_file("cut.csv.gz", "\x1F\x8B\x08\0\0\0\0\0\0\3KL", 12);
    assert_fails(dataset_import(&d, test_path("cut.csv.gz"), NULL), LOREC_INPUT, "cut.csv.gz");
    raw_file("not.csv.gz", "\x1F\x8Bgarbage that is no gzip", 25);
    assert_fails(dataset_import(&d, test_path("not.csv.gz"), NULL), LOREC_INPUT, "not.csv.gz");
}

/* A prepared folder in which anything is wrong is refused when it is opened. */
static void test_damaged_folder(void **state)
{
    (void)state;
    const char *folder = test_path("prepared");
    assert_ok(dataset_sample(&d, 20, 1));
    uint64_t rows = d.rows.n;
    assert_ok(dataset_save(&d, folder));
    dataset_close(&d);
    static const char *const files[] = {"manifest.json",
                                        "item.npy",
                                        "start.npy",
                                        "rating.npy",
                                        "time.npy",
                                        "user_ids.start.npy",
                                        "item_ids.text.npy",
                                        "item.title.start.npy",
                                        "item.category.code.npy",
                                        "item.tags.first.npy",
                                        "item.price.value.npy"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4200], moved[4300];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        snprintf(moved, sizeof moved, "%s.away", path);
        assert_int_equal(rename(path, moved), 0);
        assert_int_equal(dataset_open(&d, folder), LOREC_INPUT);
        FILE *in = fopen(moved, "rb"), *out = fopen(path, "wb"); /* half of it */
        fseek(in, 0, SEEK_END);
        long size = ftell(in);
        rewind(in);
        for (long k = 0; k < size / 2; k++) fputc(fgetc(in), out);
        fclose(out);
        assert_int_equal(dataset_open(&d, folder), LOREC_INPUT);
        rewind(in);
        out = fopen(path, "wb"); /* whole, but its last byte is 255: an item, offset or code that does not exist */
        for (long k = 0; k < size; k++) fputc(k + 1 < size ? fgetc(in) : 255, out);
        fclose(out);
        fclose(in);
        bool numbers_only = strstr(path, "rating") || strstr(path, "time.npy") || strstr(path, "text") ||
                            strstr(path, "value");
        lorec_err e = dataset_open(&d, folder);
        if (numbers_only)
            assert_ok(e);
        else
            assert_int_equal(e, LOREC_INPUT);
        if (!e) dataset_close(&d);
        assert_int_equal(rename(moved, path), 0);
    }
    assert_ok(dataset_open(&d, folder));
    assert_int_equal(d.rows.n, rows);
    dataset_close(&d);
    assert_fails(dataset_open(&d, test_folder()), LOREC_INPUT, "is not a prepared data set");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_wrong_rows),
                                       cmocka_unit_test(test_encodings),     cmocka_unit_test(test_skipped_and_counted),
                                       cmocka_unit_test(test_times),         cmocka_unit_test(test_small_and_odd),
                                       cmocka_unit_test(test_long_lines),    cmocka_unit_test(test_broken_compression),
                                       cmocka_unit_test(test_damaged_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
