/* A local model behind the provider: the same tokens, scores and vectors as when it is asked directly. */
#include "tiny_lm.h"

#include <sys/stat.h>

#include "lm/decode/decode.h"
#include "lm/llm.h"
#include "lm/lm_text.h"
#include "lm/messages.h"
#include "lm/session/score.h"

/* 17 tokens: single characters and three special ones. */
static const char vocabulary[] =
    "{\"added_tokens\": [{\"id\": 13, \"content\": \"<|end|>\", \"special\": true}, {\"id\": 14, \"content\": "
    "\"<|user|>\", "
    "\"special\": true}, {\"id\": 15, \"content\": \"<|bot|>\", \"special\": true}, {\"id\": 16, \"content\": \"<x>\", "
    "\"special\": true}], \"decoder\": {\"type\": \"Fuse\"}, \"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": "
    "{\"a\": 0, \"b\": 1, \"c\": 2, \"d\": 3, \"e\": 4, \"n\": 5, \"u\": 6, \"s\": 7, \"r\": 8, \"<\": 9, \"|\": 10, "
    "\">\": "
    "11, \" \": 12}}}";
static const char template[] =
    "{\"eos_token\": \"<|end|>\", \"chat_template\": \"{% for m in messages %}<|{{ m.role }}|>"
    "{{ m.content }}<|end|>{% endfor %}<|bot|>\"}";

static const char *folder(bool with_template)
{
    static char spec[2][1024];
    const char *name = with_template ? "chatty" : "plain", *path = test_path(name);
    char file[64];
    lm_model *m = tiny_lm(3, 0);
    mkdir(path, 0777);
    assert_ok(lm_model_save(m, path));
    lm_model_free(m);
    snprintf(file, sizeof file, "%s/tokenizer.json", name);
    test_file(file, vocabulary);
    snprintf(file, sizeof file, "%s/tokenizer_config.json", name);
    test_file(file, with_template ? template : "{\"eos_token\": \"<|end|>\"}");
    snprintf(spec[with_template], sizeof spec[0], "local:%s", path);
    return spec[with_template];
}

static void chats(void **state)
{
    (void)state;
    llm *m;
    llm_answer a;
    llm_params p = {.max_tokens = 6, .logprobs = 2};
    assert_ok(llm_open(&m, folder(true), NULL));
    assert_ok(llm_need(m, LLM_CHAT | LLM_LOGPROBS | LLM_SCORE | LLM_WEIGHTS | LLM_EMBED, "test"));
    assert_fails(llm_need(m, LLM_IMAGES, "test"), LOREC_USAGE, "images");
    assert_ok(llm_chat(m, NULL, "ab <|end|>", &p, &a));
    assert_int_equal(a.prompt_tokens, 1 + 10 + 1 + 1); /* what stands in the message are characters, not the end */

    const lm_text *t = llm_weights(m);
    const int32_t ids[] = {14, 0, 1, 12, 9, 10, 4, 5, 3, 10, 11, 13, 15}, length = 13;
    lm_session *s;
    decoded d;
    assert_ok(lm_text_session(&s, t, &(lm_session_options){0}));
    assert_ok(decode_sample(s, ids, &length, &(uint64_t){0}, 1,
                            &(decode_options){.count = 1, .max_tokens = 6, .end = 13}, &d));
    assert_int_equal(json_array_size(a.logprobs), d.found[0].n);
    double sum = 0;
    for (size_t i = 0; i < json_array_size(a.logprobs); i++) {
        const json_t *row = json_array_get(a.logprobs, i);
        assert_true(slice_is(tokenizer_piece(t->tokenizer, d.found[0].token[i]),
                             json_string_value(json_object_get(row, "token"))));
        assert_int_equal(json_array_size(json_object_get(row, "top")), 2);
        sum += json_number_value(json_object_get(row, "logprob"));
    }
    assert_near(sum, d.found[0].logp, 1e-4);
    assert_int_equal(a.finish, d.found[0].complete && d.found[0].n < 6 ? LLM_FINISH_STOP : a.finish);
    decoded_free(&d);
    lm_session_free(s);
    llm_answers_free(&a, 1);
    llm_close(m);
}

static void scores(void **state)
{
    (void)state;
    llm *m;
    llm_answer a[3];
    const char *const one[] = {"ab", "c", "dead"}, *const two[] = {" ", "ab"};
    json_t *d = json_array();
    assert_ok(message_add(d, "user", "cab"));
    const llm_request q[3] = {{.verb = LLM_VERB_SCORE, .prompt = "cab", .text = one, .n_text = 3},
                              {.verb = LLM_VERB_SCORE, .prompt = "sun", .text = two, .n_text = 2},
                              {.verb = LLM_VERB_SCORE, .messages = d, .text = two, .n_text = 2}};
    assert_ok(llm_open(&m, folder(true), NULL));
    assert_ok(llm_ask(m, q, 3, a, NULL));
    const int32_t prompts[] = {2, 0, 1, 7, 6, 5, 14, 2, 0, 1, 13, 15}, lengths[] = {3, 3, 6};
    const int32_t texts[] = {0, 1, 2, 3, 4, 0, 3, 12, 0, 1, 12, 0, 1}, text_lengths[] = {2, 1, 4, 1, 2, 1, 2};
    const int64_t first[] = {0, 3, 5, 7};
    double sum[7];
    lm_session *s;
    assert_ok(lm_text_session(&s, llm_weights(m), &(lm_session_options){0}));
    assert_ok(lm_score(s,
                       &(score_ask){.prompts = 3,
                                    .prompt = prompts,
                                    .prompt_length = lengths,
                                    .n = 7,
                                    .token = texts,
                                    .length = text_lengths,
                                    .first = first},
                       sum));
    for (size_t r = 0; r < 3; r++) {
        assert_int_equal(a[r].err, LOREC_OK);
        for (size_t k = 0; k < q[r].n_text; k++) {
            assert_near(a[r].score[k], sum[first[r] + (int64_t)k], 1e-5);
            assert_int_equal(a[r].score_tokens[k], text_lengths[first[r] + (int64_t)k]);
        }
    }
    lm_session_free(s);
    llm_answers_free(a, 3);
    llm_close(m);
    json_decref(d);
}

static void vectors(void **state)
{
    (void)state;
    llm *m;
    llm_answer a;
    const char *const texts[] = {"cab", "sun"};
    assert_ok(llm_open(&m, folder(false), NULL));
    assert_ok(llm_ask(m, &(llm_request){.verb = LLM_VERB_EMBED, .text = texts, .n_text = 2}, 1, &a, NULL));
    assert_int_equal(a.width, TINY_WIDTH);
    double apart = 0;
    for (size_t i = 0; i < a.width; i++) apart += fabs((double)a.vector[i] - (double)a.vector[a.width + i]);
    assert_true(apart > 1e-3);
    llm_answers_free(&a, 1);
    llm_close(m);
}

static void one_fails_alone(void **state)
{
    (void)state;
    llm *m;
    llm_answer a[3];
    char recorded[2048];
    const llm_request q[3] = {{.verb = LLM_VERB_COMPLETE, .prompt = "cab", .params.max_tokens = 5},
                              {.verb = LLM_VERB_COMPLETE,
                               .prompt = "abababababababababababababababababababababababababab",
                               .params.max_tokens = 5},
                              {.verb = LLM_VERB_COMPLETE,
                               .prompt = "sun",
                               .params = {.max_tokens = 5, .temperature = 1, .seed = 4},
                               .sample = 1}};
    snprintf(recorded, sizeof recorded, "record:%s=%s", test_path("local.sqlite"), folder(false));
    assert_ok(llm_open(&m, recorded, NULL));
    assert_fails(llm_need(m, LLM_CHAT, "x"), LOREC_USAGE, "chat");
    assert_non_null(llm_weights(m));
    llm_estimate e;
    assert_ok(llm_preview(m, q, 3, &e));
    assert_true(e.counted && e.calls == 3 && e.prompt_tokens == 3 + 52 + 3);
    assert_ok(llm_ask(m, q, 3, a, NULL));
    assert_int_equal(a[0].err, LOREC_OK);
    assert_int_equal(a[1].err, LOREC_INPUT);
    assert_int_equal(a[2].err, LOREC_OK);
    assert_int_equal(a[0].prompt_tokens, 3);
    char first[64], third[64];
    snprintf(first, sizeof first, "%s", a[0].text);
    snprintf(third, sizeof third, "%s", a[2].text);
    llm_answers_free(a, 3);
    assert_ok(llm_ask(m, q, 3, a, NULL));
    assert_true(a[0].replayed && a[2].replayed && a[1].err == LOREC_INPUT);
    llm_answers_free(a, 3);
    llm_close(m);
    assert_ok(llm_open(&m, folder(false), NULL)); /* draws are functions of seed and sample */
    assert_ok(llm_ask(m, q, 3, a, NULL));
    assert_string_equal(a[0].text, first);
    assert_string_equal(a[2].text, third);
    llm_answers_free(a, 3);
    llm_close(m);
}

static void budget_stops(void **state)
{
    (void)state;
    enum { N = 6 };
    llm *m;
    llm_request q[N];
    llm_answer a[N];
    for (int i = 0; i < N; i++)
        q[i] = (llm_request){.verb = LLM_VERB_COMPLETE, .prompt = "cab", .params.max_tokens = 5, .sample = i};
    assert_ok(llm_open(&m, folder(false), &(llm_options){.budget_tokens = 30}));
    assert_fails(llm_ask(m, q, N, a, NULL), LOREC_RESOURCE, "budget of 30 tokens");
    for (int i = 0; i < N; i++) assert_int_equal(a[i].err, i < 3 ? LOREC_OK : LOREC_CANCELLED);
    assert_true(llm_used(m).prompt_tokens + llm_used(m).completion_tokens <= 30);
    llm_answers_free(a, N);
    llm_close(m);
}

static void specs(void **state)
{
    (void)state;
    llm *m;
    char spec[2048];
    assert_fails(llm_open(&m, "local:/nowhere", NULL), LOREC_INPUT, "nowhere");
    snprintf(spec, sizeof spec, "%s?frobnicate=1", folder(false));
    assert_fails(llm_open(&m, spec, NULL), LOREC_USAGE, "chat=NAME");
    snprintf(spec, sizeof spec, "%s?weights=q9", folder(false));
    assert_fails(llm_open(&m, spec, NULL), LOREC_USAGE, "q8");
    snprintf(spec, sizeof spec, "%s?chat=none&weights=f32", folder(false));
    assert_ok(llm_open(&m, spec, NULL));
    assert_ok(llm_need(m, LLM_CHAT, "x"));
    llm_answer a;
    assert_ok(llm_chat(m, NULL, "cab", &(llm_params){.max_tokens = 3}, &a));
    assert_int_equal(a.prompt_tokens, 3);
    llm_answers_free(&a, 1);
    llm_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chats),           cmocka_unit_test(scores),       cmocka_unit_test(vectors),
        cmocka_unit_test(one_fails_alone), cmocka_unit_test(budget_stops), cmocka_unit_test(specs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
