/* chat_stage.h: what methods that ask a language model are tested on: the sample catalogue, its split, a model with options at
 * their defaults, and a scripted server that is its language model.
 *
 *     chat_stage g;
 *     chat_stage_open(&g, "llmrank");                       // in place: a split points at its data
 *     chat_stage_set(&g, "copies", "1");
 *     chat_stage_fit(&g);
 *     chat_stage_reply(&g, "1. Heat");                       // the server's next answer
 *     g.r->score_items(g.self, g.session, ...);
 *     mock_request(g.server, 0)                              // what it was asked
 *     chat_stage_close(&g);
 *
 * Ownership: the stage owns all that is in it until chat_stage_close. */
#ifndef LOREC_TESTS_CHAT_STAGE_H
#define LOREC_TESTS_CHAT_STAGE_H

#include "data/split.h"
#include "mock_server.h"
#include "rec/recommender.h"

typedef struct chat_stage {
    dataset d;
    split s;
    const recommender *r;
    void *self;
    rec_session *session;
    mock_server *server;
} chat_stage;

void chat_stage_open(chat_stage *g, const char *key);
void chat_stage_close(chat_stage *g);
void chat_stage_set(chat_stage *g, const char *name, const char *value);
void chat_stage_fit(chat_stage *g);
void chat_stage_reply(chat_stage *g, const char *text);
const char *chat_stage_title(const chat_stage *g, uint32_t item, char room[128]);

#endif
