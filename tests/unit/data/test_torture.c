/* Memory that runs out and disks that fill up, at every single place where they can. */
#include "support/support.h"

#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/filter.h"

static dataset d;

static void write_files(void)
{
    test_file("t.csv",
              "user_id,item_id,rating,timestamp,title\na,x,5,3,\"The X\"\na,\"y\"\"\",3,2,Why\nb,x,4,1,The X\n");
    test_file("t.txt", "a 1 2 3\nb 2 1\n");
    test_file("p.txt", "a 1\na 2\nb 2\n");
    test_file("r.inter", "user_id:token\titem_id:token\trating:float\thour:token\nu\ti\t3\t7\nv\tj\t4\t8\n");
    test_file("r.item", "item_id:token\ttitle:token_seq\tkinds:token_seq\nj\tThe J\tp q\ni\tI\tp\n");
    test_file("r.kg", "head_id:token\trelation_id:token\ttail_id:token\nm1\tby\tp1\n");
    test_file("r.link", "item_id:token\tentity_id:token\ni\tm1\n");
    test_file("j.json", "{\"reviewerID\": \"a\", \"asin\": \"x\", \"overall\": 5.0, \"unixReviewTime\": 1400000000}\n"
                        "{'reviewerID': 'a', 'asin': u'y', 'overall': 4.0, 'unixReviewTime': 1400000001}\n");
    test_file("meta_j.json",
              "{\"asin\": \"x\", \"title\": \"X\", \"price\": \"$3\", \"categories\": [[\"a\", \"b\"]]}\n");
    test_file("items.tsv", "id\ttitle\tcategories_json\nx\tThe X\t[\"p\", \"q\"]\n");
    test_file("u.data", "1\t2\t3\t881250949\n");
    test_file("u.item", "2|GoldenEye (1995)|01-Jan-1995||http|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0|1|0|0\n");
    test_file("u.user", "1|24|M|technician|85711\n");
    test_file("ratings.dat", "1::2::3::978300760\n");
    test_file("movies.dat", "2::Caf\xE9 (1995)::Action|Drama\n");
    test_file("users.dat", "1::F::1::10::48067\n");
    const char *folder = test_path("parts");
    assert_ok(folder_make(folder));
    test_file("parts/train.txt", "a 1 2 3\nb 2 1\n");
    test_file("parts/test.txt", "a 4 5\nb 3\n");
}

/* Every allocation fails once, and then every one from there on, until it gets through. */
static void torture(lorec_err (*work)(void *ctx), void *ctx)
{
    for (int forever = 0; forever < 2; forever++) {
        size_t n = 1;
        for (;; n++) {
            (void)mem_fail_at(n, forever);
            lorec_err e = work(ctx);
            (void)mem_fail_at(0, false);
            if (!e) break;
            if (e != LOREC_RESOURCE) fail_msg("allocation %zu: error %d: %s", n, (int)e, lorec_error_message());
            assert_int_not_equal(lorec_error_message()[0], 0);
            if (n > 20000) fail_msg("allocation %zu still fails", n);
        }
        assert_true(n > 3);
    }
}

typedef struct reading {
    const char *path;
    import_options options;
} reading;

static lorec_err import_once(void *ctx)
{
    const reading *r = ctx;
    lorec_err e = dataset_import(&d, r->path, &r->options);
    if (!e)
        dataset_close(&d);
    else
        assert_null(d.memory);
    return e;
}

static void test_import_without_memory(void **state)
{
    (void)state;
    write_files();
    reading all[] = {{test_path("t.csv"), {.item_text = test_path("items.tsv")}},
                     {test_path("t.txt"), {0}},
                     {test_path("p.txt"), {0}},
                     {test_path("r.inter"), {.keep_unseen = true}},
                     {test_path("j.json"), {0}},
                     {test_path("u.data"), {0}},
                     {test_path("ratings.dat"), {0}},
                     {test_path("parts"), {0}},
                     {test_path("t.csv"), {.columns = "user=1,item=2"}}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) torture(import_once, &all[i]);
}

static lorec_err sample_and_filter(void *ctx)
{
    (void)ctx;
    dataset small;
    TRY(dataset_sample(&d, 10, 1));
    lorec_err e = dataset_filter(&small, &d, &(filter_options){.user_core = 2, .deduplicate = FILTER_KEEP_FIRST});
    dataset_close(&d);
    if (!e) dataset_close(&small);
    return e;
}

static void test_filter_without_memory(void **state)
{
    (void)state;
    torture(sample_and_filter, NULL);
}

static lorec_err open_once(void *ctx)
{
    lorec_err e = dataset_open(&d, ctx);
    if (!e) dataset_close(&d);
    return e;
}

static lorec_err save_once(void *ctx)
{
    return dataset_save(&d, ctx);
}

static size_t count_entries(const char *folder)
{
    char **there;
    size_t n;
    assert_ok(folder_list(folder, &there, &n));
    names_free(there, n);
    return n;
}

/* Whatever fails: the folder is absent or whole, and nothing else is left beside it. */
static void test_save_without_memory_or_disk(void **state)
{
    (void)state;
    assert_ok(folder_make(test_path("saved")));
    char folder[4096]; /* test_path's strings do not last that long */
    snprintf(folder, sizeof folder, "%s", test_path("saved/set"));
    write_files();
    assert_ok(dataset_import(&d, test_path("t.csv"), NULL));
    torture(save_once, folder);
    assert_int_equal(count_entries(test_path("saved")), 1);
    assert_ok(folder_remove(folder));

    dataset whole = d, opened;
    for (size_t n = 1;; n++) {
        (void)file_fail_at(n);
        lorec_err e = dataset_save(&whole, folder);
        (void)file_fail_at(0);
        if (!e) break;
        assert_int_equal(e, LOREC_RESOURCE);
        assert_int_equal(count_entries(test_path("saved")), 0);
        if (n > 2000) fail_msg("write %zu still fails", n);
    }
    assert_ok(dataset_open(&opened, folder));
    assert_string_equal(opened.sha256, whole.sha256);
    dataset_close(&opened);

    /* the same over an older set: that one stays as it was until the new one is whole */
    dataset newer;
    assert_ok(dataset_import(&newer, test_path("p.txt"), NULL));
    for (size_t n = 1;; n++) {
        (void)file_fail_at(n);
        lorec_err e = dataset_save(&newer, folder);
        (void)file_fail_at(0);
        assert_int_equal(count_entries(test_path("saved")), 1);
        assert_ok(dataset_open(&opened, folder));
        assert_string_equal(opened.sha256, e ? whole.sha256 : newer.sha256);
        dataset_close(&opened);
        if (!e) break;
    }
    dataset_close(&newer);
    dataset_close(&d);
    torture(open_once, folder);
}

int main(void)
{
    log_set_level(LOG_QUIET);
    (void)setenv("TMPDIR", "/dev/shm", access("/dev/shm", W_OK) == 0); /* thousands of saves, each synced */
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_import_without_memory),
                                       cmocka_unit_test(test_filter_without_memory),
                                       cmocka_unit_test(test_save_without_memory_or_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
