/* Downloads from file:// and archives, good and hostile. */
#include "support/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "data/fetch.h"

typedef struct entry {
    const char *name, *text, *link; /* link: a symbolic link to there */
} entry;

static const char *make_archive(const char *name, const entry *entries, size_t n)
{
    const char *path = test_path(name);
    struct archive *a = archive_write_new();
    if (strstr(name, ".zip"))
        archive_write_set_format_zip(a);
    else
        archive_write_set_format_pax_restricted(a), archive_write_add_filter_gzip(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, entries[i].name);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_filetype(e, entries[i].link ? AE_IFLNK : entries[i].text ? AE_IFREG : AE_IFDIR);
        if (entries[i].link) archive_entry_set_symlink(e, entries[i].link);
        archive_entry_set_size(e, entries[i].text ? (la_int64_t)strlen(entries[i].text) : 0);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        if (entries[i].text) archive_write_data(a, entries[i].text, strlen(entries[i].text));
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    return path;
}

static void check_text(const char *path, const char *text)
{
    buf b = {0};
    assert_ok(file_read(&b, path, 1000));
    assert_string_equal(b.p, text);
    buf_free(&b);
}

static void test_unpack(void **state)
{
    (void)state;
    const entry one[] = {{"ml/", NULL, NULL}, {"ml/u.data", "1\t2\t3\t4\n", NULL}, {"ml/deep/er/x", "y", NULL}};
    assert_ok(archive_unpack(make_archive("one.zip", one, 3), test_path("one")));
    check_text(test_path("one/u.data"), "1\t2\t3\t4\n"); /* the only folder is the set's */
    check_text(test_path("one/deep/er/x"), "y");
    const entry two[] = {{"a.csv", "1", NULL}, {"b.csv", "2", NULL}};
    assert_ok(archive_unpack(make_archive("two.tar.gz", two, 2), test_path("two")));
    check_text(test_path("two/b.csv"), "2");
}

static void refused(const char *archive, const entry *e, size_t n, const char *message)
{
    const char *folder = test_path("refused");
    assert_fails(archive_unpack(make_archive(archive, e, n), folder), LOREC_INPUT, message);
    assert_false(folder_exists(folder));
    assert_false(file_exists(test_path("escaped")));
}

static void test_hostile(void **state)
{
    (void)state;
    refused("up.zip", (entry[]){{"ok", "1", NULL}, {"../escaped", "x", NULL}}, 2, "unsafe path");
    refused("up2.tar.gz", (entry[]){{"a/../../escaped", "x", NULL}}, 1, "unsafe path");
    refused("root.tar.gz", (entry[]){{"/tmp/lorec-escaped", "x", NULL}}, 1, "unsafe path");
    refused("link.tar.gz", (entry[]){{"l", NULL, "/etc"}, {"l/escaped", "x", NULL}}, 2, "neither a file nor a folder");
    assert_fails(archive_unpack(test_file("no.zip", "this is no archive at all"), test_path("refused")), LOREC_INPUT,
                 "no.zip");
    /* cut in the middle */
    const entry big[] = {{"a", "0123456789012345678901234567890123456789", NULL}};
    const char *path = make_archive("cut.tar.gz", big, 1);
    assert_int_equal(truncate(path, 60), 0);
    assert_fails(archive_unpack(path, test_path("refused")), LOREC_INPUT, "cut.tar.gz");
    assert_false(folder_exists(test_path("refused")));
}

static void test_fetch(void **state)
{
    (void)state;
    char url[4200], hex[65];
    const char *from = test_file("from.txt", "hello\n");
    snprintf(url, sizeof url, "file://%s", from);
    assert_ok(file_sha256(from, hex));
    assert_ok(fetch_file(url, test_path("to.txt"), hex, true));
    check_text(test_path("to.txt"), "hello\n");
    hex[0] = hex[0] == '0' ? '1' : '0';
    assert_fails(fetch_file(url, test_path("bad.txt"), hex, true), LOREC_INPUT, "sha256");
    assert_false(file_exists(test_path("bad.txt")));
    assert_fails(fetch_file(url, test_path("not.txt"), NULL, false), LOREC_FAILED,
                 "could not be fetched"); /* file:// unasked */
    snprintf(url, sizeof url, "file://%s", test_path("nothing"));
    assert_fails(fetch_file(url, test_path("not.txt"), NULL, true), LOREC_FAILED, "could not be fetched");
    assert_false(file_exists(test_path("not.txt")));
    assert_false(file_exists(test_path("not.txt.part")));
}

static void test_names(void **state)
{
    (void)state;
    const public_set *set;
    const char *category;
    assert_ok(public_set_find("amazon-2023:All_Beauty", &set, &category));
    assert_string_equal(category, "All_Beauty");
    assert_fails(public_set_find("ml-2m", &set, &category), LOREC_USAGE, "did you mean");
    for (size_t i = 0; i < n_public_sets; i++) {
        assert_true(!public_sets[i].sha256 || strlen(public_sets[i].sha256) == 64);
        assert_non_null(strstr(public_sets[i].licence, "https://"));
    }
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unpack), cmocka_unit_test(test_hostile),
                                       cmocka_unit_test(test_fetch), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
