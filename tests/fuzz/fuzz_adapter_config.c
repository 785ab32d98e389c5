/* Any bytes as an adapter's adapter_config.json beside weights that are there: refused with a message, or an adapter that runs. */
#include "base/file.h"
#include "lm/adapters/adapter_file.h"
#include "lm/model_folder.h"
#include "tokenizers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lm_model *tiny(void)
{
    static lm_model *m;
    transformer_config c = {.vocab_size = 9,
                            .width = 8,
                            .layers = 1,
                            .heads = 2,
                            .ffn_width = 8,
                            .max_positions = 16,
                            .weights = INIT_NORMAL(.3)};
    if (!m && lm_model_new(&m, "gpt2", &c, 1)) abort();
    return m;
}

static void run(lm_model *m, adapter *a)
{
    tape *t = tape_new(&(tape_options){.memory_limit = 32 << 20});
    if (!t) abort();
    adapter_set set = {.item = &a, .n = 1};
    tape_begin(t, 0);
    token_rows in = {.ids = tape_ids(t, (int32_t[]){1, 2, 3}, 3),
                     .sequences = tape_segments(t, (int32_t[]){3}, 1),
                     .adapters = &set};
    float y[3 * 8];
    if (tape_read(t, transformer_hidden(t, m->net, &in), y, 3 * 8) && !lorec_error_message()[0]) abort();
    tape_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lm_model *m = tiny();
    adapter *a;
    const char *path = tokenizer_file("adapter_config.json", data, size);
    static bool there;
    if (!there) { /* weights of an adapter that a right config fits */
        if (adapter_new(&a, &m->net, 1, &(adapter_options){.kind = "lora", .rank = 2, .targets = "c_attn"})) abort();
        if (adapter_save(a, tokenizer_folder, NULL)) abort();
        adapter_free(a);
        there = true;
        path = tokenizer_file("adapter_config.json", data, size);
    }
    (void)path;
    if (adapter_open(&a, &m->net, 1, tokenizer_folder) == LOREC_OK) {
        run(m, a);
        adapter_free(a);
    } else if (!lorec_error_message()[0]) {
        abort();
    }
    return 0;
}
