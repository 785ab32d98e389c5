#include "methods/describe.h"

const char *const method_task_words[METHOD_TASKS] = {"topn", "sequential", "click", "rating", "text"};
const char *const method_need_words[METHOD_NEEDS] = {"chat",      "logprobs", "weights", "images",
                                                     "item-text", "time",     "rating"};

static json_t *flags_json(unsigned flags, const char *const *word, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list; i++)
        if (flags & 1u << i) json_array_append_new(list, json_string(word[i]));
    return list;
}

static json_t *method_json(const recommender *r)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:o}", "key", r->key, "family", r->family ? r->family : "",
                     "title", r->title ? r->title : "", "cite", r->cite, "tasks",
                     flags_json(r->tasks, method_task_words, METHOD_TASKS), "needs",
                     flags_json(r->needs, method_need_words, METHOD_NEEDS), "options",
                     options_describe(r->options, r->n_options));
}

json_t *methods_json(const recommender *const *list, size_t n)
{
    json_t *methods = json_array();
    if (!list) n = registry_count();
    for (size_t i = 0; i < n && methods; i++)
        json_array_append_new(methods, method_json(list ? list[i] : registry_at(i)));
    return methods ? json_pack("{s:i, s:o}", "schema", 1, "methods", methods) : NULL;
}
