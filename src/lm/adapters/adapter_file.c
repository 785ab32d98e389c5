#include "lm/adapters/adapter_file.h"

#include <math.h>

#include "base/mem.h"
#include "lm/adapters/adapter_parts.h"
#include "lm/arch.h"
#include "tensor/safetensors.h"

static const char *const CONFIG = "adapter_config.json", *const WEIGHTS = "adapter_model.safetensors";
static const char *const PREFIX = "base_model.model.";

bool adapter_folder(const char *path)
{
    buf file = {0};
    bool there = path_join(&file, path, CONFIG) == LOREC_OK && file_exists(file.p);
    buf_free(&file);
    return there;
}

/* ---- reading the config ------------------------------------------------------------------------------------------------ */

/* Fields that change what is computed and that are not known here: absent, null, false or empty, or refused. */
static lorec_err refuse(const json_t *json)
{
    static const char *const fields[] = {
        "use_dora",        "use_qalora",        "rank_pattern",      "alpha_pattern",     "layers_to_transform",
        "exclude_modules", "modules_to_save",   "target_parameters", "layer_replication", "trainable_token_indices",
        "lora_bias",       "prefix_projection", "megatron_config",   "arrow_config",      "alora_invocation_tokens"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *v = json_object_get(json, fields[i]);
        bool empty = !v || json_is_null(v) || json_is_false(v) || (json_is_array(v) && json_array_size(v) == 0) ||
                     (json_is_object(v) && json_object_size(v) == 0);
        if (!empty) return err_set(LOREC_INPUT, "\"%s\" is set; such an adapter can not be used here", fields[i]);
    }
    const char *bias;
    TRY(json_get_string_or(json, "bias", "none", &bias));
    if (strcmp(bias, "none") != 0)
        return err_set(LOREC_INPUT, "\"bias\" is \"%s\"; only adapters without biases can be used here", bias);
    return LOREC_OK;
}

/* "q_proj,v_proj" of a list, or of a plain name. */
static lorec_err read_targets(const json_t *json, buf *targets)
{
    const json_t *v = json_object_get(json, "target_modules");
    if (json_is_string(v)) {
        const char *text = json_string_value(v);
        if (strcmp(text, "all-linear") == 0) return buf_puts(targets, "all");
        if (strpbrk(text, "*+?()[]|\\^$,"))
            return err_set(LOREC_INPUT, "\"target_modules\" is the pattern \"%s\"; write the names as a list", text);
        return buf_puts(targets, text);
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *text = json_string_value(json_array_get(v, i));
        if (!text || strchr(text, ',')) return err_set(LOREC_INPUT, "\"target_modules\" has to be a list of names");
        TRY(buf_printf(targets, "%s%s", i ? "," : "", text));
    }
    return targets->n ? LOREC_OK : err_set(LOREC_INPUT, "\"target_modules\" is missing or empty");
}

static lorec_err read_bottleneck(adapter_options *o, const json_t *json)
{
    TRY(json_get_i64(json, "width", 1, 1 << 16, &o->width));
    return arch_get_activation(json, "activation", "relu", &o->act);
}

static lorec_err read_config(adapter_options *o, buf *targets, const json_t *json)
{
    const char *type;
    TRY(json_get_string(json, "peft_type", &type));
    const adapter_kind *kind = adapter_kind_of_peft(type);
    if (!kind)
        return err_set(LOREC_INPUT, "\"peft_type\" is \"%s\"; LORA, PREFIX_TUNING and PROMPT_TUNING can be used here",
                       type);
    o->kind = kind->name;
    TRY(refuse(json));
    if (kind->table) return json_get_i64(json, "num_virtual_tokens", 1, 1 << 16, &o->tokens);
    if (!kind->peft) return read_bottleneck(o, json);
    TRY(json_get_i64_or(json, "r", 1, 1 << 16, 8, &o->rank));
    TRY(json_get_f64_or(json, "lora_alpha", 8, &o->alpha));
    TRY(json_get_f64_or(json, "lora_dropout", 0, &o->dropout));
    TRY(json_get_bool_or(json, "use_rslora", false, &o->rslora));
    if (!isfinite(o->alpha) || o->alpha == 0) return err_set(LOREC_INPUT, "\"lora_alpha\" is %g", o->alpha);
    TRY(read_targets(json, targets));
    o->targets = targets->p;
    return LOREC_OK;
}

/* ---- reading the tensors ------------------------------------------------------------------------------------------------ */

/* By its name, or without the first part of the module's: a file made over the bare model leaves "transformer." or "model." out. */
static const st_entry *entry_of(const safetensors *f, const char *name, buf *other)
{
    const st_entry *e = safetensors_find(f, name);
    size_t n = strlen(PREFIX);
    if (e || strncmp(name, PREFIX, n) != 0) return e;
    const char *dot = strchr(name + n, '.');
    buf_clear(other);
    if (!dot || buf_printf(other, "%s%s", PREFIX, dot + 1) != LOREC_OK) return NULL;
    return safetensors_find(f, other->p);
}

static lorec_err read_one(const safetensors *f, tensor *p, size_t *used, buf *other)
{
    const char *name = tensor_name(p);
    const st_entry *entry = entry_of(f, name, other);
    if (!entry) return err_set(LOREC_INPUT, "the parameter %s is missing", name);
    bool same = entry->ndim == tensor_dims(p);
    for (int d = 0; same && d < entry->ndim; d++) same = entry->shape[d] == tensor_size(p, d);
    if (!same)
        return err_set(LOREC_INPUT, "the parameter %s has %lld values where this model and config need %lld", name,
                       (long long)st_entry_count(entry), (long long)tensor_count(p));
    int64_t n = tensor_count(p);
    float *values;
    TRY(mem_new(&values, (size_t)n));
    lorec_err e = safetensors_read_f32(f, entry, values, n);
    for (int64_t i = 0; i < n && !e; i++)
        if (!isfinite(values[i])) e = err_set(LOREC_INPUT, "value %lld of %s is not a number", (long long)i, name);
    if (!e) e = tensor_write(p, values, n);
    mem_free(values);
    (*used)++;
    return e;
}

static lorec_err read_weights(adapter *a, const char *path)
{
    safetensors f;
    buf other = {0};
    size_t used = 0;
    TRY(safetensors_open(&f, path));
    lorec_err e = LOREC_OK;
    for (size_t i = 0; i < params_count(a->params) && !e; i++) e = read_one(&f, params_at(a->params, i), &used, &other);
    if (!e && used < f.n)
        e = err_set(LOREC_INPUT, "%zu of its %zu tensors belong to no product that can be adapted here", f.n - used,
                    f.n);
    buf_free(&other);
    safetensors_close(&f);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

lorec_err adapter_open(adapter **out, transformer *const *net, size_t n, const char *folder)
{
    *out = NULL;
    buf path = {0}, targets = {0};
    json_t *json = NULL;
    adapter_options o = {0};
    lorec_err e = path_join(&path, folder, CONFIG);
    if (!e) e = json_read(&json, path.p);
    if (!e) {
        e = read_config(&o, &targets, json);
        if (!e) e = adapter_new(out, net, n, &o);
        if (e == LOREC_USAGE) e = LOREC_INPUT; /* what the file says, not the caller */
        if (e) e = err_context(e, "%s", path.p);
    }
    if (!e) e = path_join(&path, folder, WEIGHTS);
    if (!e) e = read_weights(*out, path.p);
    if (e) {
        adapter_free(*out);
        *out = NULL;
    }
    json_decref(json);
    buf_free(&path);
    buf_free(&targets);
    return e;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

/* The last part of a site's module: "q_proj" of "model.layers.0.self_attn.q_proj.weight". */
static lorec_err last_part(const adapter_site *s, buf *name)
{
    const char *full = tensor_name(s->weight);
    size_t end = strlen(full), tail = strlen(".weight");
    if (end > tail && strcmp(full + end - tail, ".weight") == 0) end -= tail;
    size_t begin = end;
    while (begin > 0 && full[begin - 1] != '.') begin--;
    buf_clear(name);
    return buf_add(name, full + begin, end - begin);
}

/* As they were given; where they were not, the last parts of what was found, each once. */
static json_t *targets_of(const adapter *a)
{
    json_t *list = json_array();
    buf name = {0};
    slice rest = slice_of(a->targets ? a->targets : "");
    bool all = !a->targets;
    lorec_err e = LOREC_OK;
    while (rest.n && !e) {
        slice one = slice_trim(slice_cut(&rest, ','));
        all = all || slice_is(one, "all");
        if (one.n && !all) e = json_array_append_new(list, json_stringn(one.p, one.n)) ? LOREC_RESOURCE : LOREC_OK;
    }
    if (all) json_array_clear(list);
    for (size_t i = 0; all && i < a->n && !e; i++) {
        bool there = false;
        e = last_part(&a->site[i], &name);
        for (size_t j = 0; !e && j < json_array_size(list); j++)
            there = there || strcmp(json_string_value(json_array_get(list, j)), name.p) == 0;
        if (!e && !there && json_array_append_new(list, json_string(name.p))) e = LOREC_RESOURCE;
    }
    buf_free(&name);
    if (!e) return list;
    json_decref(list);
    return NULL;
}

static json_t *config_of(const adapter *a, const char *base)
{
    const adapter_options *o = &a->o;
    json_t *json = json_pack("{s:s?, s:b, s:s, s:s}", "base_model_name_or_path", base, "inference_mode", true,
                             "peft_type", a->kind->peft_type, "task_type", "CAUSAL_LM");
    if (!json) return NULL;
    json_t *more;
    if (a->kind->table) {
        more = json_pack("{s:I, s:I, s:I, s:I, s:i}", "num_virtual_tokens", (json_int_t)o->tokens, "token_dim",
                         (json_int_t)(a->kind->prefix ? a->kv_width : tensor_size(a->table, 1)), "num_layers",
                         (json_int_t)a->layers, "num_attention_heads", (json_int_t)a->kv_heads,
                         "num_transformer_submodules", 1);
        if (more && a->kind->prompt) json_object_set_new(more, "prompt_tuning_init", json_string("RANDOM"));
        if (more && a->kind->prefix) json_object_set_new(more, "prefix_projection", json_false());
    } else if (!a->kind->peft) {
        more = json_pack("{s:I, s:s}", "width", (json_int_t)tensor_size(a->site[0].down, 0), "activation",
                         arch_activation_word(o->act));
    } else {
        bool in_out = transformer_settings(a->site[0].net)->layout == LINEAR_IN_OUT;
        more = json_pack("{s:I, s:f, s:f, s:b, s:b, s:s, s:o, s:b}", "r", (json_int_t)o->rank, "lora_alpha", o->alpha,
                         "lora_dropout", o->dropout, "use_rslora", o->rslora, "fan_in_fan_out", in_out, "bias", "none",
                         "target_modules", targets_of(a), "init_lora_weights", true);
    }
    if (more && json_object_update(json, more) == 0) {
        json_decref(more);
        return json;
    }
    json_decref(more);
    json_decref(json);
    return NULL;
}

lorec_err adapter_save(const adapter *a, const char *folder, const char *base)
{
    json_t *json = config_of(a, base);
    if (!json) return err_set(LOREC_RESOURCE, "out of memory while writing %s", CONFIG);
    buf path = {0};
    lorec_err e = folder_make(folder);
    if (!e) e = path_join(&path, folder, WEIGHTS);
    if (!e) e = params_save(a->params, path.p);
    if (!e) e = path_join(&path, folder, CONFIG); /* last: where it is, the adapter is whole */
    if (!e) e = json_write(json, path.p);
    buf_free(&path);
    json_decref(json);
    return e;
}
