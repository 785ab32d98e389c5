/* Adapters in peft's files: written and read again, and every fault by its name. */
#include "tiny_lm.h"

#include "base/file.h"
#include "lm/adapters/adapter_file.h"
#include "tensor/safetensors.h"

static void come_back(void **state)
{
    (void)state;
    static const adapter_options kinds[] = {
        {.kind = "lora", .rank = 3, .alpha = 5, .rslora = true, .dropout = .25, .targets = "c_attn,mlp.c_fc"},
        {.kind = "lora", .targets = "all"},
        {.kind = "lora"},
        {.kind = "houlsby", .width = 3, .act = ACT_GELU},
        {.kind = "pfeiffer"},
        {.kind = "prefix", .tokens = 4},
        {.kind = "prompt", .tokens = 2}};
    lm_model *m = tiny_lm(1, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        adapter *a, *b;
        char name[16];
        snprintf(name, sizeof name, "a%zu", i);
        const char *folder = test_path(name);
        assert_ok(adapter_new(&a, &m->net, 1, &kinds[i]));
        tiny_draw(adapter_params(a), i + 1, .3);
        assert_false(adapter_folder(folder));
        assert_ok(adapter_save(a, folder, "the-base"));
        assert_true(adapter_folder(folder));
        assert_ok(adapter_open(&b, &m->net, 1, folder));
        const adapter_options *x = adapter_settings(a), *y = adapter_settings(b);
        assert_string_equal(x->kind, y->kind);
        assert_true(x->rank == y->rank && x->alpha == y->alpha && x->rslora == y->rslora && x->dropout == y->dropout);
        assert_true(x->act == y->act);
        assert_int_equal(params_count(adapter_params(a)), params_count(adapter_params(b)));
        float *p = tiny_values(adapter_params(a)), *q = tiny_values(adapter_params(b));
        assert_memory_equal(p, q, (size_t)params_values(adapter_params(a)) * sizeof *p);
        free(p);
        free(q);
        adapter_free(a);
        adapter_free(b);
    }
    lm_model_free(m);
}

/* The names that peft gives. */
static void names(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(1, 0);
    adapter *a;
    assert_ok(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = 2, .targets = "c_attn"}));
    const char *folder = test_path("names");
    assert_ok(adapter_save(a, folder, NULL));
    safetensors f;
    assert_ok(safetensors_open(&f, test_path("names/adapter_model.safetensors")));
    assert_int_equal(f.n, 2 * TINY_LAYERS);
    const st_entry *down = safetensors_find(&f, "base_model.model.transformer.h.1.attn.c_attn.lora_A.weight"),
                   *up = safetensors_find(&f, "base_model.model.transformer.h.1.attn.c_attn.lora_B.weight");
    assert_non_null(down);
    assert_non_null(up);
    assert_true(down->shape[0] == 2 && down->shape[1] == TINY_WIDTH);
    assert_true(up->shape[0] == 3 * TINY_WIDTH && up->shape[1] == 2);
    safetensors_close(&f);
    json_t *json;
    assert_ok(json_read(&json, test_path("names/adapter_config.json")));
    assert_string_equal(json_string_value(json_object_get(json, "peft_type")), "LORA");
    assert_true(json_is_true(json_object_get(json, "fan_in_fan_out")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "target_modules"), 0)), "c_attn");
    json_decref(json);
    adapter_free(a);
    lm_model_free(m);
}

static void faults(void **state)
{
    (void)state;
    static const struct {
        const char *config, *says;
    } rows[] = {
        {"{", "adapter_config.json"},
        {"{}", "peft_type"},
        {"{\"peft_type\": \"IA3\"}", "IA3"},
        {"{\"peft_type\": \"LORA\", \"r\": 0, \"target_modules\": [\"c_attn\"]}", "\"r\""},
        {"{\"peft_type\": \"LORA\", \"r\": 99999999, \"target_modules\": [\"c_attn\"]}", "\"r\""},
        {"{\"peft_type\": \"LORA\", \"r\": 2}", "target_modules"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": \".*attn\"}", "pattern"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": [\"nothing\"]}", "nothing"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"use_dora\": true, \"target_modules\": [\"c_attn\"]}", "use_dora"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"rank_pattern\": {\"a\": 1}, \"target_modules\": [\"c_attn\"]}",
         "rank_pattern"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"bias\": \"all\", \"target_modules\": [\"c_attn\"]}", "bias"},
        {"{\"peft_type\": \"LORA\", \"r\": 3, \"target_modules\": [\"c_attn\"]}", "lora_A"}, /* the file has rank 2 */
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": [\"c_attn\", \"c_fc\"]}", "is missing"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": [\"0.attn.c_attn\"]}", "2 of its 4 tensors"},
        {"{\"peft_type\": \"PREFIX_TUNING\"}", "num_virtual_tokens"},
        {"{\"peft_type\": \"PROMPT_TUNING\", \"num_virtual_tokens\": 3}", "prompt_embeddings"},
    };
    lm_model *m = tiny_lm(1, 0);
    adapter *a;
    assert_fails(adapter_open(&a, &m->net, 1, test_path("nowhere")), LOREC_INPUT, "adapter_config.json");
    assert_ok(adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = 2, .targets = "c_attn"}));
    assert_ok(adapter_save(a, test_path("faults"), NULL));
    adapter_free(a);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_file("faults/adapter_config.json", rows[i].config);
        assert_fails(adapter_open(&a, &m->net, 1, test_path("faults")), LOREC_INPUT, rows[i].says);
        assert_null(a);
    }
    test_file("faults/adapter_config.json", "{\"peft_type\": \"LORA\", \"r\": 2, \"target_modules\": [\"c_attn\"]}");
    test_file("faults/adapter_model.safetensors", "short");
    assert_fails(adapter_open(&a, &m->net, 1, test_path("faults")), LOREC_INPUT, "adapter_model.safetensors");
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(come_back), cmocka_unit_test(names), cmocka_unit_test(faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
