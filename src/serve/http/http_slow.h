/* http_slow.h: clients that send a byte now and then so as never to be idle. A request's head has to be there within
 * HEAD_SECONDS of the connection's begin or of the reply before, its body within BODY_SECONDS more; after that the socket
 * is shut and the daemon sees the end.
 *
 *     TRY(slow_open(&s));                                       // a thread that looks once a second
 *     slow_client *c = slow_begin(s, socket);                   // NULL: out of memory; the others take NULL
 *     slow_head(s, c); slow_whole(s, c); slow_replied(s, c);    // as the request goes on
 *     slow_end(s, c);                                           // before the socket is closed
 *     slow_close(s);
 *
 * Ownership: a slow_watch owns its clients until slow_end; any thread may call. */
#ifndef LOREC_SERVE_HTTP_HTTP_SLOW_H
#define LOREC_SERVE_HTTP_HTTP_SLOW_H

#include <stdint.h>

#include "base/err.h"

enum { HEAD_SECONDS = 30, BODY_SECONDS = 60 };

typedef struct slow_watch slow_watch;
typedef struct slow_client slow_client;

/* `head`, `body`: seconds; 0: those above. */
lorec_err slow_open(slow_watch **out, double head, double body);
void slow_close(slow_watch *s);
slow_client *slow_begin(slow_watch *s, int socket);
void slow_head(slow_watch *s, slow_client *c);
void slow_whole(slow_watch *s, slow_client *c);
void slow_replied(slow_watch *s, slow_client *c);
void slow_end(slow_watch *s, slow_client *c);
uint64_t slow_shut(slow_watch *s); /* how many were shut so far */

#endif
