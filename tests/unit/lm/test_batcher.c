/* The batcher: the same tokens alone and in company, whoever joins, leaves, is cancelled or late; stop texts; constraints. */
#include "lm/session/batcher.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/decode/decode.h"
#include "tiny_lm.h"

enum { MOST = 32 };
typedef struct kept {
    int32_t token[MOST];
    size_t n, told, tops;
    double sum;
    batch_reason reason;
    bool done, complete;
    char text[256], message[256];
    buf streamed;
    int64_t cancel_after;
} kept;

static lorec_err keep_token(void *ctx, const batch_token *t)
{
    kept *k = ctx;
    assert_int_equal(t->tops, k->tops);
    for (size_t i = 1; i < t->tops; i++) assert_true(t->top[i - 1].logp >= t->top[i].logp);
    if (t->tops) assert_true(t->top[0].logp >= t->logp);
    assert_ok(buf_add(&k->streamed, t->text.p, t->text.n));
    return ++k->told == (size_t)k->cancel_after ? LOREC_CANCELLED : LOREC_OK;
}

static void keep_reply(void *ctx, const batch_reply *r)
{
    kept *k = ctx;
    assert_false(k->done);
    k->done = true;
    k->reason = r->reason;
    k->complete = r->complete;
    k->n = r->n;
    k->sum = r->sum;
    assert_true(r->n <= MOST);
    if (r->n) memcpy(k->token, r->token, r->n * sizeof *r->token);
    snprintf(k->text, sizeof k->text, "%.*s", (int)r->text.n, r->text.p);
    snprintf(k->message, sizeof k->message, "%s", r->error ? r->message : "");
    if (r->reason != BATCH_CANCELLED && r->reason != BATCH_FAILED && r->reason != BATCH_DEADLINE) {
        if (k->told) assert_int_equal(k->streamed.n, r->text.n); /* what was streamed is the text */
        if (k->told && r->text.n) assert_memory_equal(k->streamed.p, r->text.p, r->text.n);
    }
    buf_free(&k->streamed);
}

static batch_request request_of(kept *k, const int32_t *prompt, int64_t n, uint64_t seed)
{
    *k = (kept){.n = 0};
    return (batch_request){.prompt = prompt,
                           .n = n,
                           .max_tokens = 6 + (int64_t)seed % 5,
                           .seed = seed,
                           .how = {.temperature = seed % 3 ? 1 : 0, .top_p = .9f},
                           .token = keep_token,
                           .done = keep_reply,
                           .ctx = k};
}

static void alone_and_in_company(void **state)
{
    (void)state;
    enum { N = 12 };
    lm_model *m = tiny_lm(3, 0);
    static kept alone[N], together[N];
    static int32_t prompt[N][20];
    int64_t length[N];
    rng r = rng_make(2, RNG_USER);
    for (int i = 0; i < N; i++) {
        length[i] = 1 + rng_below(&r, 19);
        for (int64_t j = 0; j < length[i]; j++) prompt[i][j] = (int32_t)rng_below(&r, 3);
    }
    for (int keep = 0; keep < 2; keep++) {
        lm_session *s;
        batcher *b;
        assert_ok(lm_session_open(&s, m->net, &(lm_session_options){.keep = keep}));
        assert_ok(batcher_new(&b, s, &(batcher_options){.running = 1}));
        for (int i = 0; i < N; i++) {
            batch_request q = request_of(&alone[i], prompt[i], length[i], (uint64_t)i);
            assert_ok(batcher_run(b, &q, 1));
            assert_true(alone[i].done);
            /* the same as decode_sample draws */
            decode_options o = {.count = 1, .max_tokens = q.max_tokens, .end = -1, .how = q.how};
            decoded d;
            lm_session *other = lm_session_new(m->net, false);
            assert_ok(decode_sample(other, prompt[i], &(int32_t){(int32_t)length[i]}, &q.seed, 1, &o, &d));
            assert_int_equal(d.found[0].n, alone[i].n);
            assert_memory_equal(d.found[0].token, alone[i].token, alone[i].n * sizeof(int32_t));
            assert_near(d.found[0].logp, alone[i].sum, 1e-4);
            decoded_free(&d);
            lm_session_free(other);
        }
        batcher_free(b);
        assert_ok(batcher_new(&b, s, &(batcher_options){.running = 4, .tokens_at_once = 7})); /* prompts in parts */
        bool more = true;
        uint64_t id;
        for (int i = 0; i < N || more;) { /* they come one by one, a few steps apart */
            if (i < N) {
                batch_request q = request_of(&together[i], prompt[i], length[i], (uint64_t)i);
                assert_ok(batcher_add(b, &q, &id));
                i++;
            }
            for (int k = 0; k < 2; k++) assert_ok(batcher_step(b, &more));
        }
        for (int i = 0; i < N; i++) {
            assert_true(together[i].done);
            assert_int_equal(together[i].reason, BATCH_LENGTH);
            assert_int_equal(together[i].n, alone[i].n);
            assert_int_equal(together[i].told, alone[i].n);
            assert_memory_equal(together[i].token, alone[i].token, alone[i].n * sizeof(int32_t));
            assert_near(together[i].sum, alone[i].sum, 1e-4);
        }
        batcher_free(b);
        lm_session_free(s);
    }
    lm_model_free(m);
}

static void some_leave_early(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    lm_session *s = lm_session_new(m->net, false);
    batcher *b;
    static kept k[6];
    const int32_t prompt[] = {1, 2, 3, 4};
    uint64_t id[6];
    bool more;
    assert_ok(batcher_new(&b, s, &(batcher_options){.running = 4}));
    for (int i = 0; i < 6; i++) {
        batch_request q = request_of(&k[i], prompt, 4, 4);
        q.max_tokens = 8;
        if (i == 1) q.deadline = clock_seconds() - 1;
        if (i == 2) k[i].cancel_after = 3;
        assert_ok(batcher_add(b, &q, &id[i]));
    }
    assert_int_equal(batcher_waiting(b), 6);
    batcher_cancel(b, id[5]); /* while it waits */
    batcher_cancel(b, 999);
    assert_ok(batcher_step(b, &more));
    assert_int_equal(k[1].reason, BATCH_DEADLINE);
    assert_ok(batcher_step(b, &more));
    batcher_cancel(b, id[0]); /* while it speaks */
    while (more) assert_ok(batcher_step(b, &more));
    assert_int_equal(k[0].reason, BATCH_CANCELLED);
    assert_int_equal(k[0].n, 2);
    assert_int_equal(k[1].n, 0);
    assert_int_equal(k[2].reason, BATCH_CANCELLED);
    assert_int_equal(k[2].n, 3);
    assert_int_equal(k[3].reason, BATCH_LENGTH);
    assert_int_equal(k[4].reason, BATCH_LENGTH);
    assert_memory_equal(k[3].token, k[4].token, 8 * sizeof(int32_t)); /* the same question, the same answer */
    assert_int_equal(k[5].reason, BATCH_CANCELLED);
    batch_request q = request_of(&k[0], prompt, 4, 4), late = request_of(&k[1], prompt, 4, 4);
    assert_ok(batcher_add(b, &q, &id[0]));
    assert_ok(batcher_step(b, &more));
    assert_ok(batcher_add(b, &late, &id[0]));
    batcher_free(b); /* both are told */
    assert_int_equal(k[0].reason, BATCH_CANCELLED);
    assert_int_equal(k[1].reason, BATCH_CANCELLED);
    lm_session_free(s);
    lm_model_free(m);
}

static void little_memory_makes_them_wait(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    lm_session *s;
    batcher *b;
    static kept k[5];
    const int32_t prompt[] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t row = TINY_LAYERS * 2 * TINY_WIDTH * sizeof(float);
    assert_ok(lm_session_open(&s, m->net, &(lm_session_options){.memory = 100 * row, .keep = true}));
    assert_ok(batcher_new(&b, s, &(batcher_options){0}));
    batch_request q[5];
    for (int i = 0; i < 5; i++) q[i] = request_of(&k[i], prompt + i, 4, (uint64_t)i);
    assert_ok(batcher_run(b, q, 5));
    for (int i = 0; i < 5; i++) assert_int_equal(k[i].reason, BATCH_LENGTH);
    uint64_t id;
    q[0].max_tokens = 33;
    assert_fails(batcher_add(b, q, &id), LOREC_RESOURCE, "of up to 101 tokens does not fit");
    q[0].n = 0;
    assert_fails(batcher_add(b, q, &id), LOREC_USAGE, "at least 1");
    q[0] = request_of(&k[0], (int32_t[]){TINY_VOCAB}, 1, 1);
    assert_fails(batcher_add(b, q, &id), LOREC_USAGE, "token 17");
    batcher_free(b);
    lm_session_free(s);
    lm_model_free(m);
}

/* Tokens 0 .. 16 are the letters a .. q. */
static tokenizer *letters(void)
{
    buf json = {0};
    tokenizer *t;
    assert_ok(buf_puts(&json, "{\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {"));
    for (int i = 0; i < TINY_VOCAB; i++) assert_ok(buf_printf(&json, "%s\"%c\": %d", i ? ", " : "", 'a' + i, i));
    assert_ok(buf_puts(&json, "}}, \"decoder\": {\"type\": \"Fuse\"}}"));
    assert_ok(tokenizer_from_json(&t, (slice){json.p, json.n}, "letters"));
    buf_free(&json);
    return t;
}

static void stops_and_texts(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    lm_session *s = lm_session_new(m->net, false);
    tokenizer *t = letters();
    batcher *b;
    static kept k;
    const int32_t prompt[] = {1, 2, 3, 4};
    assert_ok(batcher_new(&b, s, &(batcher_options){0}));
    batch_request q = request_of(&k, prompt, 4, 4);
    q.max_tokens = 12;
    q.tokenizer = t;
    k.tops = q.tops = 3;
    assert_ok(batcher_run(b, &q, 1));
    assert_int_equal(strlen(k.text), 12);
    char whole[32];
    strcpy(whole, k.text);
    for (size_t at = 0; at < 9; at++) { /* a stop text of three letters, that is of three tokens */
        char stop[4] = {whole[at], whole[at + 1], whole[at + 2], 0}, expected[32];
        strcpy(expected, whole);
        *strstr(expected, stop) = 0;
        const char *stops[] = {"never", stop};
        q = request_of(&k, prompt, 4, 4);
        q.max_tokens = 12;
        q.tokenizer = t;
        q.stop = stops;
        q.stops = 2;
        assert_ok(batcher_run(b, &q, 1));
        assert_int_equal(k.reason, BATCH_STOP);
        assert_string_equal(k.text, expected);
        assert_int_equal(k.n, strlen(expected) + 3);
    }
    int32_t end = k.token[1];
    q = request_of(&k, prompt, 4, 4);
    q.end = &end;
    q.ends = 1;
    assert_ok(batcher_run(b, &q, 1));
    assert_int_equal(k.reason, BATCH_END);
    assert_true(k.n <= 2 && k.token[k.n - 1] == end);
    batcher_free(b);
    tokenizer_free(t);
    lm_session_free(s);
    lm_model_free(m);
}

static lorec_err nothing_allowed(const void *self, const uint64_t *state, token_list *out)
{
    (void)self, (void)state, (void)out;
    return LOREC_OK;
}

static void begin(const void *self, uint64_t *state)
{
    (void)self, (void)state;
}

static void only_what_is_allowed(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    lm_session *s = lm_session_new(m->net, false);
    const int32_t token[] = {5, 6, 5, 6, 7, 8}, prompt[] = {1, 2, 3, 4}, end = 16;
    const uint64_t start[] = {0, 2, 5, 6};
    trie t;
    batcher *b;
    static kept k[40];
    assert_ok(trie_build(&t, token, start, 3));
    constraint only = constraint_of_trie(&t);
    assert_ok(batcher_new(&b, s, &(batcher_options){0}));
    size_t seen[3] = {0};
    batch_request q[40];
    for (int i = 0; i < 40; i++) {
        q[i] = request_of(&k[i], prompt, 4, 1);
        q[i].number = (uint64_t)i;
        q[i].how = (sampling){.temperature = 5};
        q[i].only = &only;
        q[i].end = &end;
        q[i].ends = 1;
    }
    assert_ok(batcher_run(b, q, 40));
    for (int i = 0; i < 40; i++) {
        assert_int_equal(k[i].reason, BATCH_END);
        assert_true(k[i].complete);
        size_t n = k[i].n - (k[i].token[k[i].n - 1] == end), who = 9;
        for (size_t j = 0; j < 3; j++)
            if (n == start[j + 1] - start[j] && memcmp(token + start[j], k[i].token, n * sizeof *token) == 0) who = j;
        assert_true(who < 3);
        seen[who]++;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    static const constraint_verbs empty = {.words = 0, .start = begin, .allowed = nothing_allowed};
    constraint none = {&empty, NULL};
    q[0] = request_of(&k[0], prompt, 4, 1);
    q[0].only = &none;
    assert_ok(batcher_run(b, q, 1));
    assert_int_equal(k[0].reason, BATCH_FAILED);
    assert_non_null(strstr(k[0].message, "allows nothing"));
    float nan_[TINY_VOCAB * TINY_WIDTH];
    for (int i = 0; i < TINY_VOCAB * TINY_WIDTH; i++) nan_[i] = NAN;
    assert_ok(tensor_write(params_find(m->params, "transformer.wte.weight"), nan_, TINY_VOCAB * TINY_WIDTH));
    q[0] = request_of(&k[0], prompt, 4, 1);
    assert_ok(batcher_run(b, q, 1));
    assert_int_equal(k[0].reason, BATCH_FAILED);
    assert_non_null(strstr(k[0].message, "is nan"));
    batcher_free(b);
    trie_free(&t);
    lm_session_free(s);
    lm_model_free(m);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    lm_model *m = tiny_lm(3, 0);
    tokenizer *t = letters();
    static kept k[3];
    static const char *const stops[] = {"xyz"};
    const int32_t prompt[] = {1, 2, 3, 4};
    for (size_t at = 1, failed = 1; failed; at++) {
        lm_session *s = lm_session_new(m->net, false);
        batcher *b = NULL;
        batch_request q[3];
        for (int i = 0; i < 3; i++) {
            q[i] = request_of(&k[i], prompt, 1 + i, 1);
            q[i].tokenizer = t;
            q[i].token = NULL;
            q[i].stop = stops;
            q[i].stops = 1;
        }
        mem_fail_at(at, false);
        lorec_err e = batcher_new(&b, s, &(batcher_options){0});
        if (!e) e = batcher_run(b, q, 3);
        mem_fail_at(0, false);
        failed = e != LOREC_OK;
        for (int i = 0; i < 3; i++) failed = failed || k[i].reason == BATCH_FAILED;
        batcher_free(b);
        lm_session_free(s);
    }
    for (int i = 0; i < 3; i++) assert_int_equal(k[i].reason, BATCH_LENGTH);
    tokenizer_free(t);
    lm_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_and_in_company),          cmocka_unit_test(some_leave_early),
        cmocka_unit_test(little_memory_makes_them_wait), cmocka_unit_test(stops_and_texts),
        cmocka_unit_test(only_what_is_allowed),          cmocka_unit_test(survives_lack_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
