/* A model's folder as Hugging Face keeps it: config.json, and the weights in one file or in several with an index:
 *   {"weight_map": {"tensor's name": "model-00001-of-00002.safetensors", ...}} */
#include "base/log.h"
#include "base/mem.h"
#include "lm/files/place.h"

static lorec_err check_map(weights *w, json_t *map)
{
    const char *name;
    json_t *file;
    size_t known = 0;
    json_object_foreach(map, name, file)
    {
        if (!weights_has(w, name))
            return err_set(LOREC_INPUT, "the tensor %.200s is not in %.200s", name, json_string_value(file));
        known++;
    }
    if (weights_count(w) > known)
        log_debug("%zu tensors are in the files but not in their index", weights_count(w) - known);
    return LOREC_OK;
}

/* Each file that the index names, once. A name is a file beside the index, no path. */
static lorec_err open_shards(weights *w, const char *folder, json_t *map)
{
    const char *name;
    json_t *file, *seen = json_object();
    buf path = {0};
    lorec_err e = seen ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory");
    json_object_foreach(map, name, file)
    {
        const char *shard = json_string_value(file);
        if (!shard || !*shard || strchr(shard, '/') || strlen(shard) != json_string_length(file))
            e = err_set(LOREC_INPUT, "\"%.200s\" is not in a file of this folder", name);
        if (e) break;
        if (json_object_get(seen, shard)) continue;
        if (json_object_set_new(seen, shard, json_true())) e = err_set(LOREC_RESOURCE, "out of memory");
        if (!e) e = path_join(&path, folder, shard);
        if (!e) e = weights_open_file(w, path.p);
        if (e) break;
    }
    buf_free(&path);
    json_decref(seen);
    return e;
}

static lorec_err open_index(weights *w, const char *folder, const char *path)
{
    json_t *index;
    TRY(json_read(&index, path));
    json_t *map = json_object_get(index, "weight_map");
    lorec_err e = json_is_object(map) ? LOREC_OK : err_set(LOREC_INPUT, "there is no object \"weight_map\"");
    if (!e) e = open_shards(w, folder, map);
    if (!e) e = check_map(w, map);
    json_decref(index);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

/* The one file of the folder whose name ends so; "" where there is none, LOREC_INPUT where there are several. Of a model in
 * parts: the first. */
static lorec_err only_file(buf *out, const char *folder, const char *ending)
{
    char **names;
    size_t n, found = 0;
    TRY(folder_list(folder, &names, &n));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < n && !e; i++) {
        size_t length = strlen(names[i]), end = strlen(ending);
        int64_t number, count;
        if (length <= end || strcmp(names[i] + length - end, ending)) continue;
        if (gguf_part_of(names[i], &number, &count) && number > 1) continue;
        if (found++) e = err_set(LOREC_INPUT, "%s: more than one %s file lies here; name the one", folder, ending);
        if (!e) e = path_join(out, folder, names[i]);
    }
    names_free(names, n);
    return e;
}

static lorec_err open_values(weights *w, const char *folder)
{
    static const struct {
        const char *name;
        bool index;
    } known[] = {{"model.safetensors", false},
                 {"model.safetensors.index.json", true},
                 {"pytorch_model.bin", false},
                 {"pytorch_model.bin.index.json", true}};
    buf path = {0};
    lorec_err e = LOREC_OK;
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known && !e && !found; i++) {
        e = path_join(&path, folder, known[i].name);
        found = !e && file_exists(path.p);
        if (found) e = known[i].index ? open_index(w, folder, path.p) : weights_open_file(w, path.p);
    }
    buf_free(&path);
    return e;
}

lorec_err weights_open_folder(weights *w, const char *folder)
{
    buf path = {0};
    json_t *config = NULL;
    lorec_err e = path_join(&path, folder, "config.json");
    if (!e && !file_exists(path.p)) {
        buf lone = {0};
        e = only_file(&lone, folder, ".gguf");
        if (!e && lone.n) e = weights_open_file(w, lone.p);
        if (!e && !lone.n) e = err_set(LOREC_INPUT, "%s: no model is in it: neither a config.json nor a .gguf", folder);
        buf_free(&lone);
    } else if (!e) {
        e = json_read(&config, path.p);
        if (!e) weights_set_config(w, config);
        if (!e) e = open_values(w, folder);
    }
    buf_free(&path);
    return e;
}
