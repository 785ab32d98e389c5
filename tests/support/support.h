/* support.h: what every unit test includes: cmocka in its required order, and a few helpers.
 *
 *     assert_ok(dataset_open(&d, path));                        // prints the library's message where it fails
 *     const char *p = shared_path("data/ml-100k/u.data");       // NULL where ../shared is absent: then skip_without_shared()
 *     const char *tmp = test_folder();                          // a fresh folder, removed at exit
 *
 * Ownership: strings belong to the support and live until exit. */
#ifndef LOREC_TESTS_SUPPORT_H
#define LOREC_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        lorec_err ok_err_ = (call);                                                                                    \
        if (ok_err_) fail_msg("%s: error %d: %s", #call, (int)ok_err_, lorec_error_message());                         \
    } while (0)

/* Fails with the given kind, and with a message that contains `text`. */
#define assert_fails(call, kind, text)                                                                                 \
    do {                                                                                                               \
        lorec_err f_err_ = (call);                                                                                     \
        if (f_err_ != (kind))                                                                                          \
            fail_msg("%s: error %d where %d was due: %s", #call, (int)f_err_, (int)(kind), lorec_error_message());     \
        if (!strstr(lorec_error_message(), (text)))                                                                    \
            fail_msg("%s: \"%s\" lacks \"%s\"", #call, lorec_error_message(), (text));                                 \
    } while (0)

#define assert_near(a, b, tolerance)                                                                                   \
    do {                                                                                                               \
        double near_a_ = (a), near_b_ = (b), near_d_ = near_a_ - near_b_;                                              \
        if (!(near_d_ <= (tolerance) && -near_d_ <= (tolerance)))                                                      \
            fail_msg("%s = %.9g, %s = %.9g: further apart than %g", #a, near_a_, #b, near_b_, (double)(tolerance));    \
    } while (0)

const char *shared_path(const char *below);
void skip_without_shared(const char *what); /* says what is skipped, then skip() */
const char *test_folder(void);
const char *test_path(const char *name);                   /* test_folder()/name */
const char *test_file(const char *name, const char *text); /* a file with that text there */

#endif
