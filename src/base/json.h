/* json.h: jansson and libyaml behind the few calls that lorec makes of them, with errors that name the file and field.
 *
 *     json_t *config;
 *     TRY(json_read(&config, "run/config.json"));       // or .yaml, with yaml_read: the same tree
 *     int64_t layers;
 *     TRY(json_get_i64(config, "n_layer", 1, 4096, &layers));   // missing, of another type or out of range: LOREC_INPUT
 *     json_decref(config);
 *
 * Ownership: trees are jansson's: json_decref what you were given; strings got from a tree belong to the tree. */
#ifndef LOREC_BASE_JSON_H
#define LOREC_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

lorec_err json_read(json_t **out, const char *path);
lorec_err json_parse(json_t **out, const char *text, size_t n, const char *where); /* `where` names it in errors */
lorec_err json_write(const json_t *tree, const char *path); /* indented, sorted as built, all or nothing */
lorec_err yaml_read(json_t **out, const char *path); /* mappings, sequences, scalars typed as YAML's core schema */

/* Fields of an object. The plain form requires the field; the _or form gives `fallback` where it is absent or null. */
lorec_err json_get_i64(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out);
lorec_err json_get_i64_or(const json_t *object, const char *key, int64_t min, int64_t max, int64_t fallback,
                          int64_t *out);
lorec_err json_get_f64_or(const json_t *object, const char *key, double fallback, double *out);
lorec_err json_get_bool_or(const json_t *object, const char *key, bool fallback, bool *out);
lorec_err json_get_string(const json_t *object, const char *key, const char **out);
lorec_err json_get_string_or(const json_t *object, const char *key, const char *fallback, const char **out);

#endif
