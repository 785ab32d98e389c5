#include "serve/engine/served.h"

#include <stdio.h>

static const char prefix[] = "recommend:";

/* A run by its name on the command line, which stays when it is trained again. */
static const char *named(const server *s, size_t i)
{
    return s->retrainer && i < s->engine.n_split ? retrain_name(s->retrainer, i) : s->engine.run[i]->path;
}

bool served_model(const server *s, size_t i, char id[SERVED_ID])
{
    const char *chat = desk_chat_model(s->desk), *embed = desk_embed_model(s->desk), *name[2];
    size_t n = 0;
    if (chat) name[n++] = chat;
    if (embed && !(chat && strcmp(chat, embed) == 0)) name[n++] = embed;
    if (i < n) return snprintf(id, SERVED_ID, "%s", name[i]) >= 0;
    if (i - n >= s->engine.n) return false;
    bool by_run = i - n < s->engine.n_split; /* a run's further methods go by their keys */
    return snprintf(id, SERVED_ID, "%s%s", prefix,
                    by_run ? path_base(named(s, i - n)) : s->engine.run[i - n]->advisor.r->key) >= 0;
}

static bool is_variant(const server *s, size_t i, slice word)
{
    const variant *r = s->engine.run[i];
    return slice_is(word, path_base(named(s, i))) || slice_is(word, named(s, i)) || slice_is(word, r->path) ||
           slice_is(word, r->advisor.r->key);
}

bool served_recommender(const server *s, slice model, int *which)
{
    size_t n = strlen(prefix);
    if (model.n <= n || memcmp(model.p, prefix, n) != 0) return false;
    for (size_t i = 0; i < s->engine.n; i++)
        if (is_variant(s, i, (slice){model.p + n, model.n - n})) return *which = (int)i, true;
    return false;
}

lorec_err served_variant(const server *s, exchange *x, slice method, int *which)
{
    if (!method.n) return LOREC_OK;
    const char *keys[64];
    size_t n = s->engine.n < 64 ? s->engine.n : 64;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(method.n < 63 ? method.n : 63), method.p);
    for (size_t i = 0; i < s->engine.n; i++)
        if (is_variant(s, i, method)) return *which = (int)i, LOREC_OK;
    for (size_t i = 0; i < n; i++) keys[i] = s->engine.run[i]->advisor.r->key;
    const char *near = err_nearest(word, keys, n);
    snprintf(x->param, sizeof x->param, "method");
    return exchange_refuse(x, 404, "\"method\": \"%s\" is not served here%s%s%s; see /v1/methods", word,
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}
