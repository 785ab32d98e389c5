#include "word_model.h"

#include <sys/stat.h>

#include "base/json.h"
#include "lm/model_folder.h"
#include "support.h"

static json_t *vocabulary_of(const char *words)
{
    json_t *all = json_pack("{s:i, s:i}", "<|end|>", 0, "<unk>", 1);
    assert_non_null(all);
    for (slice rest = slice_of(words); rest.n;) {
        slice word = slice_cut(&rest, ' ');
        char key[64];
        if (!word.n) continue;
        snprintf(key, sizeof key, "%.*s", (int)word.n, word.p);
        assert_null(json_object_get(all, key));
        assert_int_equal(json_object_set_new(all, key, json_integer((json_int_t)json_object_size(all))), 0);
    }
    return all;
}

static void write_json(json_t *o, const char *folder, const char *name)
{
    char path[512], *text = json_dumps(o, JSON_COMPACT);
    assert_non_null(text);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_file(path, text);
    free(text);
    json_decref(o);
}

const char *word_model(const char *name, const char *words, const word_model_options *o)
{
    int64_t width = o->width ? o->width : 32;
    json_t *vocabulary = vocabulary_of(words);
    json_t *config = json_pack("{s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:f, s:f, s:b}", "model_type", "llama",
                               "vocab_size", (json_int_t)json_object_size(vocabulary), "hidden_size", (json_int_t)width,
                               "num_hidden_layers", (json_int_t)(o->layers ? o->layers : 2), "num_attention_heads", 2,
                               "num_key_value_heads", 2, "intermediate_size", (json_int_t)(width * 3 / 2),
                               "max_position_embeddings", (json_int_t)(o->positions ? o->positions : 256),
                               "rms_norm_eps", 1e-5, "initializer_range", o->sd > 0 ? o->sd : .2, "tie_word_embeddings",
                               1);
    const char *path = test_path(name);
    lm_model *m;
    assert_ok(lm_model_make(&m, config, o->seed, "test"));
    json_decref(config);
    mkdir(path, 0777);
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    write_json(json_pack("{s:[{s:i, s:s, s:b}], s:{s:s}, s:{s:s, s:s, s:o}}", "added_tokens", "id", 0, "content",
                         "<|end|>", "special", 1, "pre_tokenizer", "type", "Whitespace", "model", "type", "WordLevel",
                         "unk_token", "<unk>", "vocab", vocabulary),
               name, "tokenizer.json");
    write_json(json_pack("{s:s}", "eos_token", "<|end|>"), name, "tokenizer_config.json");
    return path;
}
