/* The table of sensitive attributes and their values. */
#include "methods/fairllm/fairllm.h"
#include "recipes/method_files.h"

static lorec_err check(const json_t *table, const char *where)
{
    const char *name;
    json_t *values, *value;
    size_t i;
    if (!json_object_size(table))
        return err_set(LOREC_INPUT, "%s: no attributes; it has to be like {\"age\": [\"old\", \"young\"]}", where);
    json_object_foreach((json_t *)(uintptr_t)table, name, values)
    {
        if (json_array_size(values) < 2)
            return err_set(LOREC_INPUT, "%s: \"%s\" needs a list of two values or more to compare", where, name);
        json_array_foreach(values, i, value)
        {
            if (!json_string_length(value))
                return err_set(LOREC_INPUT, "%s: \"%s\": value %zu is no word", where, name, i + 1);
            for (size_t k = 0; k < i; k++)
                if (json_equal(value, json_array_get(values, k)))
                    return err_set(LOREC_INPUT, "%s: \"%s\" has \"%s\" twice", where, name, json_string_value(value));
        }
    }
    return LOREC_OK;
}

lorec_err fair_attributes_read(json_t **out, const char *path)
{
    bool own = path && *path;
    *out = NULL;
    if (own) {
        TRY(json_read(out, path));
    } else {
        path = "fairllm/attributes.json";
        const embedded_file *f = method_file_find(path);
        if (!f) return err_set(LOREC_USAGE, "there is no %s in this library", path);
        TRY(json_parse(out, f->bytes, f->n, path));
    }
    lorec_err e = check(*out, path);
    if (!e) return LOREC_OK;
    json_decref(*out);
    *out = NULL;
    return e;
}

size_t fair_attributes_values(const json_t *attributes)
{
    size_t n = 0;
    const char *name;
    json_t *values;
    json_object_foreach((json_t *)(uintptr_t)attributes, name, values) n += json_array_size(values);
    return n;
}
