#include <unistd.h>

#include "base/certificates.h"
#include "support/support.h"

static void the_environment_comes_first(void **state)
{
    (void)state;
    unsetenv("CURL_CA_BUNDLE");
    unsetenv("SSL_CERT_FILE");
    const char *found = certificates_file();
    if (found) assert_int_equal(access(found, R_OK), 0);
    setenv("SSL_CERT_FILE", "/mine.pem", 1);
    assert_string_equal(certificates_file(), "/mine.pem"); /* even where it is not there: its absence is to be told */
    setenv("CURL_CA_BUNDLE", "/curls.pem", 1);
    assert_string_equal(certificates_file(), "/curls.pem");
    setenv("CURL_CA_BUNDLE", "", 1);
    assert_string_equal(certificates_file(), "/mine.pem");
    unsetenv("SSL_CERT_FILE");
    const char *again = certificates_file();
    assert_true(again == found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_environment_comes_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
