/* transcript.h: answers kept by what was asked, in one SQLite file.
 *
 *     transcript *t;
 *     TRY(transcript_open(&t, "run.sqlite", true));             // true: made if absent, and written to
 *     TRY(transcript_find(t, key, &answer_text, &found));
 *     TRY(transcript_put(t, key, model, request_text, answer_text, seconds));     // on disk when it returns
 *     transcript_close(t);
 *
 * The file: table answer(key blob primary key, model text, request text, answer text, seconds real, made text); the key is
 * the sha256 of the request's canonical JSON, which holds model, messages, parameters and sample number. application_id is
 * LOREC_TRANSCRIPT, user_version the version of this form. Several processes may read and write one file.
 *
 * Ownership: a transcript owns its connection until transcript_close and belongs to one thread. */
#ifndef LOREC_LM_PROVIDER_TRANSCRIPT_H
#define LOREC_LM_PROVIDER_TRANSCRIPT_H

#include "base/json.h"

enum { LOREC_TRANSCRIPT = 0x4c524354, TRANSCRIPT_VERSION = 1, TRANSCRIPT_KEY = 32 };

typedef struct transcript transcript;

/* LOREC_INPUT for a file that is no transcript, is damaged, or was made by a newer lorec. */
lorec_err transcript_open(transcript **out, const char *path, bool write);
void transcript_close(transcript *t);

lorec_err transcript_key(const json_t *request, unsigned char key[TRANSCRIPT_KEY], char **canonical);
/* The answer's JSON, or *answer NULL. seconds (or NULL): what it took when it was asked. */
lorec_err transcript_find(transcript *t, const unsigned char key[TRANSCRIPT_KEY], json_t **answer, double *seconds);
/* An answer that is there already stays: the first one counts. */
lorec_err transcript_put(transcript *t, const unsigned char key[TRANSCRIPT_KEY], const char *model, const char *request,
                         const char *answer, double seconds);
lorec_err transcript_model(transcript *t, char **model); /* the one whose answers it holds; several: LOREC_USAGE */
lorec_err transcript_count(transcript *t, int64_t *n);
/* Every entry in the order of its key; an error of `entry` ends it. */
typedef lorec_err (*transcript_entry)(void *ctx, const char *model, const char *request, const char *answer,
                                      double seconds);
lorec_err transcript_each(transcript *t, transcript_entry entry, void *ctx);

#endif
