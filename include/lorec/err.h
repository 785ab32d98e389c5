/* lorec/err.h: how every lorec function says that something went wrong.
 *
 * A function that can fail returns lorec_err. Zero is success; anything else is a kind of failure, and
 * lorec_error_message() then says what failed, where (file, line, field) and what to do:
 *
 *     lorec_err e = lorec_dataset_open(&data, "ml-100k");
 *     if (e) fprintf(stderr, "%s\n", lorec_error_message());
 *
 * Ownership: the message belongs to the calling thread and lives until its next failing lorec call. */
#ifndef LOREC_ERR_H
#define LOREC_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LOREC_API __attribute__((visibility("default")))
#else
#define LOREC_API
#endif

/* The values are also the program's exit codes. They are never renumbered. */
typedef enum lorec_err {
    LOREC_OK = 0,
    LOREC_FAILED = 1,    /* the work was understood but could not be done (no convergence, a remote side failed) */
    LOREC_USAGE = 2,     /* the caller asked for something that does not exist or does not fit together */
    LOREC_INPUT = 3,     /* a file, a row or a reply is not what it has to be */
    LOREC_RESOURCE = 4,  /* memory, disk, permission, descriptors */
    LOREC_CANCELLED = 5, /* the caller, a deadline or a signal asked to stop; what was done so far is kept */
} lorec_err;

/* The message of this thread's last failure, one line, UTF-8, never NULL. */
LOREC_API const char *lorec_error_message(void);

/* The library's version, "major.minor.patch". */
LOREC_API const char *lorec_version(void);

#ifdef __cplusplus
}
#endif
#endif
