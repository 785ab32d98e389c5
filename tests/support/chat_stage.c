#include "chat_stage.h"

#include "methods/registry.h"
#include "model.h"
#include "support.h"

void chat_stage_open(chat_stage *g, const char *key)
{
    *g = (chat_stage){.r = registry_find(key)};
    assert_ok(dataset_sample_named(&g->d, "sample"));
    assert_ok(split_make(&g->s, &g->d, &(split_options){0}));
    g->self = model_new(g->r, NULL, NULL);
    g->server = mock_start();
    g->session = rec_session_new(1);
    assert_non_null(g->session);
    chat_stage_set(g, "llm", mock_spec(g->server, "#model"));
    chat_stage_set(g, "concurrency", "1");
}

void chat_stage_close(chat_stage *g)
{
    rec_session_free(g->session);
    recommender_free(g->r, g->self);
    mock_stop(g->server);
    split_close(&g->s);
    dataset_close(&g->d);
}

void chat_stage_set(chat_stage *g, const char *name, const char *value)
{
    model_set(g->r, g->self, name, value);
}

void chat_stage_fit(chat_stage *g)
{
    model_fit(g->r, g->self, &g->s, 1);
}

void chat_stage_reply(chat_stage *g, const char *text)
{
    json_t *o = json_pack("{s:[{s:{s:s, s:s}, s:s}], s:{s:i, s:i}}", "choices", "message", "role", "assistant",
                          "content", text, "finish_reason", "stop", "usage", "prompt_tokens", 10, "completion_tokens",
                          5);
    char *body = json_dumps(o, JSON_COMPACT);
    assert_non_null(body);
    mock_push(g->server, &(mock_reply){.body = body});
    free(body);
    json_decref(o);
}

const char *chat_stage_title(const chat_stage *g, uint32_t item, char room[128])
{
    slice t = dataset_title(&g->d, item);
    snprintf(room, 128, "%.*s", (int)t.n, t.p);
    return room;
}
