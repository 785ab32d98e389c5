/* coding.h: a reply made smaller for clients that can read gzip (RFC 9110, 12.5.3), and the tag by which a client asks whether
 * what it has is still right (8.8.3, 13.1.2).
 *
 *     bool packed = coding_pays(type, n) && coding_accepts_gzip(accept_encoding);
 *     if (packed) TRY(coding_gzip(bytes, n, &small));
 *     char tag[CODING_TAG];
 *     coding_tag(bytes, n, packed, tag);                // "\"0123456789abcdef-gz\"": each form has its own
 *     if (coding_matches(if_none_match, tag)) ...       // 304
 *
 * Ownership: buffers are the caller's. */
#ifndef LOREC_SERVE_HTTP_CODING_H
#define LOREC_SERVE_HTTP_CODING_H

#include "base/str.h"

enum { CODING_TAG = 24 };

/* A text of a kind that shrinks, of more than one packet. */
bool coding_pays(const char *type, size_t n);
/* Accept-Encoding; NULL: no such header. "gzip;q=0" is a no, and "*" counts where gzip is not named. */
bool coding_accepts_gzip(const char *header);
lorec_err coding_gzip(const void *bytes, size_t n, buf *out);
void coding_tag(const void *bytes, size_t n, bool packed, char out[CODING_TAG]);
/* If-None-Match: a list of tags, weak ones alike, or "*". NULL: no such header. */
bool coding_matches(const char *header, const char *tag);

#endif
