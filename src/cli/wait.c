#include "cli/wait.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void wait_politely(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    /* A token of a language model is some 200 parallel products of 0.2 ms each: a worker that slept between them would cost
     * a fifth of the time. */
    bool lm = argv[0] && argv[1] && strcmp(argv[1], "lm") == 0;
    if (n <= 0 || setenv("GOMP_SPINCOUNT", lm ? "20000" : "500", 1)) return;
    path[n] = 0;
    execv(path, argv); /* where that can not be done, things go on as they are */
}
