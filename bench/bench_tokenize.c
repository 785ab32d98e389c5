/* How fast texts become ids: bench_tokenize VOCABULARY TEXT [SECONDS]. Lines of the file are texts; MB/s of one thread, the
 * median of rounds over the whole file, and the time to open the vocabulary. Without arguments it says so and ends. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "text/tokenizer.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static lorec_err round_trip(const tokenizer *t, slice text, bool whole, tokens *ids, double *seconds)
{
    double begin = clock_seconds();
    ids->n = 0;
    while (text.n) {
        slice line = whole ? text : slice_cut(&text, '\n');
        TRY(tokenizer_encode(t, line, TOKENIZER_PLAIN, ids));
        if (whole) break;
    }
    *seconds = clock_seconds() - begin;
    return LOREC_OK;
}

static lorec_err measure(const char *vocabulary, const char *path, double enough)
{
    tokenizer *t = NULL;
    buf text = {0};
    tokens ids = {0};
    double begin = clock_seconds(), took[64];
    lorec_err e = tokenizer_open(&t, vocabulary);
    double opened = clock_seconds() - begin;
    if (!e) e = file_read(&text, path, (size_t)1 << 30);
    for (int whole = 0; whole < 2 && !e; whole++) {
        size_t n = 0;
        double sum = 0;
        while (!e && n < 64 && (n < 3 || sum < enough)) {
            e = round_trip(t, (slice){text.p, text.n}, whole, &ids, &took[n]);
            sum += took[n++];
        }
        qsort(took, n, sizeof *took, by_value);
        if (!e)
            printf("%s, %s: %.1f MB/s (%zu ids, median of %zu rounds; opened in %.0f ms)\n", vocabulary,
                   whole ? "one text" : "a text a line", (double)text.n / 1e6 / took[n / 2], ids.n, n, opened * 1e3);
    }
    tokens_free(&ids);
    buf_free(&text);
    tokenizer_free(t);
    return e;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        printf("bench_tokenize VOCABULARY TEXT [SECONDS]: not run without files\n");
        return 0;
    }
    lorec_err e = measure(argv[1], argv[2], argc > 3 ? atof(argv[3]) : 3);
    if (e) fprintf(stderr, "%s\n", lorec_error_message());
    return e;
}
