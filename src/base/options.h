/* options.h: what can be set, as rows of a table: name, type, bounds, default, help. The command line, config files,
 * `lorec methods`, the printed settings of a run and the docs all come from the rows.
 *
 *     typedef struct ease { double l2; ... } ease;
 *     static const option ease_options[] = {
 *         OPTION_REAL(ease, l2, 500, 1e-6, 1e9, "strength of the L2 penalty on the item-item weights"),
 *     };
 *     options_default(ease_options, 1, &self);
 *     TRY(options_set(ease_options, 1, &self, "l2", "250"));    // unknown name: LOREC_USAGE with the nearest one
 *
 * Ownership: string options are `const char *` fields; options_set copies the text and options_free releases it. */
#ifndef LOREC_BASE_OPTIONS_H
#define LOREC_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

typedef enum option_type {
    OPTION_TYPE_INT,
    OPTION_TYPE_REAL,
    OPTION_TYPE_BOOL,
    OPTION_TYPE_TEXT,
    OPTION_TYPE_CHOICE
} option_type;

typedef struct option {
    const char *name;
    option_type type;
    size_t offset;              /* of the field: int64_t, double, bool, const char *, or int (index of the choice) */
    double def, min, max;       /* numbers and bool */
    const char *def_text;       /* text; the chosen word of a choice */
    const char *const *choices; /* NULL-terminated words of a choice */
    const char *help;
    const char *alias; /* another name (RecBole's word), or NULL */
    const char *fast;  /* the value that --fast sets, or NULL */
} option;

#define OPTION_INT(type_, field, def_, min_, max_, help_, ...)                                                         \
    {                                                                                                                  \
        .name = #field, .type = OPTION_TYPE_INT, .offset = offsetof(type_, field), .def = (def_), .min = (min_),       \
        .max = (max_), .help = (help_), __VA_ARGS__                                                                    \
    }
#define OPTION_REAL(type_, field, def_, min_, max_, help_, ...)                                                        \
    {                                                                                                                  \
        .name = #field, .type = OPTION_TYPE_REAL, .offset = offsetof(type_, field), .def = (def_), .min = (min_),      \
        .max = (max_), .help = (help_), __VA_ARGS__                                                                    \
    }
#define OPTION_BOOL(type_, field, def_, help_, ...)                                                                    \
    {                                                                                                                  \
        .name = #field, .type = OPTION_TYPE_BOOL, .offset = offsetof(type_, field), .def = (def_), .max = 1,           \
        .help = (help_), __VA_ARGS__                                                                                   \
    }
#define OPTION_TEXT(type_, field, def_, help_, ...)                                                                    \
    {                                                                                                                  \
        .name = #field, .type = OPTION_TYPE_TEXT, .offset = offsetof(type_, field), .def_text = (def_),                \
        .help = (help_), __VA_ARGS__                                                                                   \
    }
#define OPTION_CHOICE(type_, field, def_, choices_, help_, ...)                                                        \
    {                                                                                                                  \
        .name = #field, .type = OPTION_TYPE_CHOICE, .offset = offsetof(type_, field), .def_text = (def_),              \
        .choices = (choices_), .help = (help_), __VA_ARGS__                                                            \
    }

lorec_err options_default(const option *rows, size_t n, void *self);
lorec_err options_fast(const option *rows, size_t n, void *self); /* sets every row's `fast` value */
lorec_err options_set(const option *rows, size_t n, void *self, const char *name, const char *value);
const option *options_find(const option *rows, size_t n, const char *name);
lorec_err options_text(const option *row, const void *self, buf *out); /* the value as options_set would read it */
json_t *options_json(const option *rows, size_t n, const void *self);  /* {"l2": 500.0, ...}; NULL: out of memory */
json_t *options_describe(const option *rows, size_t n); /* [{"name","type","default","min","max","choices","help"}] */
lorec_err options_from_json(const option *rows, size_t n, void *self, const json_t *object); /* unknown keys fail */
void options_free(const option *rows, size_t n, void *self);

#endif
