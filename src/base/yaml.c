/* YAML as a JSON tree (json.h): libyaml's events, one recursive walk, scalars typed by YAML 1.2's core schema. */
#include <yaml.h>

#include "base/json.h"

enum { DEPTH_MAX = 64 };

typedef struct walk {
    yaml_parser_t parser;
    const char *path;
    int depth;
} walk;

static lorec_err bad(const walk *w, const yaml_mark_t *at, const char *what)
{
    return err_set(LOREC_INPUT, "%s, line %zu, column %zu: %s", w->path, at->line + 1, at->column + 1, what);
}

static lorec_err next_event(walk *w, yaml_event_t *event)
{
    if (yaml_parser_parse(&w->parser, event)) return LOREC_OK;
    return bad(w, &w->parser.problem_mark, w->parser.problem ? w->parser.problem : "not valid YAML");
}

static bool is_word(slice s, const char *const *words)
{
    for (; *words; words++) {
        if (slice_is(s, *words)) return true;
    }
    return false;
}

static json_t *scalar(const yaml_event_t *event)
{
    slice s = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        static const char *const nulls[] = {"", "~", "null", "Null", "NULL", "None", NULL};
        static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE",
                                                                                        NULL};
        int64_t whole;
        double real;
        if (is_word(s, nulls)) return json_null();
        if (is_word(s, yes)) return json_true();
        if (is_word(s, no)) return json_false();
        if (slice_to_i64(s, &whole)) return json_integer(whole);
        if (slice_to_f64(s, &real)) return json_real(real);
    }
    return json_stringn(s.p, s.n);
}

static lorec_err value(walk *w, yaml_event_t *event, json_t **out);

static lorec_err sequence(walk *w, json_t *list)
{
    for (;;) {
        yaml_event_t event;
        TRY(next_event(w, &event));
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        json_t *item = NULL;
        lorec_err e = end ? LOREC_OK : value(w, &event, &item);
        yaml_event_delete(&event);
        if (e || end) return e;
        if (json_array_append_new(list, item) != 0) return err_set(LOREC_RESOURCE, "%s: out of memory", w->path);
    }
}

static lorec_err mapping(walk *w, json_t *object)
{
    for (;;) {
        yaml_event_t key, event;
        TRY(next_event(w, &key));
        if (key.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&key);
            return LOREC_OK;
        }
        lorec_err e = LOREC_OK;
        json_t *item = NULL;
        if (key.type != YAML_SCALAR_EVENT) e = bad(w, &key.start_mark, "a key has to be a word");
        const char *name = e ? "" : (const char *)key.data.scalar.value;
        if (e == LOREC_OK && json_object_get(object, name)) {
            e = bad(w, &key.start_mark, "this key stands twice");
        }
        if (e == LOREC_OK) e = next_event(w, &event);
        if (e == LOREC_OK) {
            e = value(w, &event, &item);
            yaml_event_delete(&event);
        }
        if (e == LOREC_OK && json_object_set_new(object, name, item) != 0)
            e = bad(w, &key.start_mark, "the key is not valid UTF-8");
        yaml_event_delete(&key);
        if (e) return e;
    }
}

static lorec_err value(walk *w, yaml_event_t *event, json_t **out)
{
    *out = NULL;
    lorec_err e = LOREC_OK;
    if (++w->depth > DEPTH_MAX) return bad(w, &event->start_mark, "nested too deeply");
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        *out = scalar(event);
        if (!*out) e = bad(w, &event->start_mark, "not valid UTF-8");
        break;
    case YAML_SEQUENCE_START_EVENT:
        *out = json_array();
        e = *out ? sequence(w, *out) : err_set(LOREC_RESOURCE, "%s: out of memory", w->path);
        break;
    case YAML_MAPPING_START_EVENT:
        *out = json_object();
        e = *out ? mapping(w, *out) : err_set(LOREC_RESOURCE, "%s: out of memory", w->path);
        break;
    default:
        e = bad(w, &event->start_mark, "anchors and aliases are not read; write the value out");
    }
    w->depth--;
    if (e) {
        json_decref(*out);
        *out = NULL;
    }
    return e;
}

static lorec_err document(walk *w, json_t **out)
{
    for (;;) {
        yaml_event_t event;
        TRY(next_event(w, &event));
        yaml_event_type_t type = event.type;
        lorec_err e = LOREC_OK;
        bool skip = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT;
        if (type == YAML_STREAM_END_EVENT) {
            *out = json_object(); /* an empty file sets nothing */
            if (!*out) e = err_set(LOREC_RESOURCE, "%s: out of memory", w->path);
        } else if (!skip) {
            e = value(w, &event, out);
        }
        yaml_event_delete(&event);
        if (!skip) return e;
    }
}

lorec_err yaml_read(json_t **out, const char *path)
{
    *out = NULL;
    buf text = {0};
    walk w = {.path = path};
    lorec_err e = file_read(&text, path, 1 << 24);
    if (e == LOREC_OK && !yaml_parser_initialize(&w.parser)) e = err_set(LOREC_RESOURCE, "%s: out of memory", path);
    if (e == LOREC_OK) {
        yaml_parser_set_input_string(&w.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
        e = document(&w, out);
        yaml_parser_delete(&w.parser);
    }
    buf_free(&text);
    return e;
}
