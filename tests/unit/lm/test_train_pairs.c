/* Corpora of pairs and of classes: what is read and what is refused; each task's loss, and that clipped examples add up. */
#include "tiny_lm.h"

#include "base/file.h"
#include "base/mem.h"
#include "lm/train/train.h"
#include "text/tokenizer_train.h"

/* Of bytes alone, behind "<pad>" and "</s>", which ends framed texts. */
static tokenizer *bytes_tokenizer(void)
{
    static const char *const marks[] = {"<pad>", "</s>"};
    tokenizer_trainer *tr;
    json_t *file;
    tokenizer *t;
    assert_ok(tokenizer_trainer_new(
        &tr,
        &(tokenizer_training){.kind = TOKENIZER_BPE, .size = 259, .special = marks, .n_special = 2, .eos = "</s>"}));
    assert_ok(tokenizer_trainer_add(tr, slice_of("a text")));
    assert_ok(tokenizer_trainer_finish(tr, &file));
    assert_ok(json_write(file, test_path("tokenizer.json")));
    json_decref(file);
    tokenizer_trainer_free(tr);
    assert_ok(tokenizer_open(&t, test_path("tokenizer.json")));
    return t;
}

static lorec_err read_some(corpus_pairs *p, pairs_form form, const tokenizer *t, const char *name, const char *text)
{
    return corpus_pairs_read(p, form, t, 8, test_file(name, text));
}

static int64_t length_of(const corpus *c, int64_t i)
{
    return c->start[i + 1] - c->start[i];
}

static void reads_each_form(void **state)
{
    (void)state;
    tokenizer *t = bytes_tokenizer();
    corpus_pairs p = {0}, other = {0};

    assert_ok(read_some(&p, PAIRS_ANSWERS, t, "a.jsonl",
                        "{\"prompt\": \"a prompt too long\", \"answer\": \"yes\"}\n\n"
                        "{\"prompt\": \"ab\", \"answer\": \"no\"}\n"));
    assert_int_equal(p.a.n, 2);
    assert_int_equal(length_of(&p.a, 0), 8);
    assert_int_equal(length_of(&p.a, 1), 3);
    assert_int_equal(length_of(&p.b, 0), 4);
    assert_int_equal(p.b.token[3], tokenizer_special(t, TOKENIZER_EOS));
    corpus_pairs_free(&p);

    assert_ok(read_some(&p, PAIRS_CLASSES, t, "b.jsonl",
                        "{\"text\": \"a\", \"label\": \"good\"}\n{\"text\": \"b\", \"label\": \"bad\"}\n"
                        "{\"text\": \"c\", \"label\": \"good\"}\n{\"text\": \"d\", \"label\": \"bad\"}\n"));
    assert_int_equal(p.classes, 2);
    assert_string_equal(p.name[1], "bad");
    assert_memory_equal(p.label, ((int32_t[]){0, 1, 0, 1}), 4 * sizeof(int32_t));
    assert_ok(corpus_pairs_split(&p, &other, .25));
    assert_int_equal(p.a.n, 3);
    assert_int_equal(other.a.n, 1);
    assert_int_equal(other.label[0], 1); /* the fourth */
    assert_int_equal(other.classes, 2);
    corpus_pairs_free(&p);
    corpus_pairs_free(&other);

    assert_ok(read_some(&p, PAIRS_CLASSES, t, "c.jsonl", "{\"text\": \"a\", \"label\": 2}\n"));
    assert_int_equal(p.classes, 3);
    assert_int_equal(p.label[0], 2);
    corpus_pairs_free(&p);

    assert_ok(read_some(&p, PAIRS_PREFERRED, t, "d.jsonl",
                        "{\"prompt\": \"ab\", \"chosen\": \"y\", \"rejected\": \"no\"}\n"));
    assert_int_equal(length_of(&p.a, 0), 4);
    assert_int_equal(length_of(&p.b, 0), 5);
    assert_memory_equal(p.a.learn, ((uint8_t[]){0, 0, 1, 1}), 4);
    assert_memory_equal(p.b.learn, ((uint8_t[]){0, 0, 1, 1, 1}), 5);
    corpus_pairs_free(&p);
    tokenizer_free(t);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        pairs_form form;
        const char *name, *text, *says;
    } of[] = {
        {PAIRS_ANSWERS, "e.jsonl", "{\"prompt\": \"a\"}\n", "answer"},
        {PAIRS_ANSWERS, "f.jsonl", "{\"prompt\": \"a\", \"answer\": \"longer than it may be\"}\n", "context of 8"},
        {PAIRS_PREFERRED, "g.jsonl", "{\"prompt\": \"a\", \"chosen\": \"longer than all\", \"rejected\": \"\"}\n",
         "context of 8"},
        {PAIRS_CLASSES, "h.jsonl", "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"a\", \"label\": 1}\n", "line 2"},
        {PAIRS_CLASSES, "i.jsonl", "{\"text\": \"a\", \"label\": 1e9}\n", "label"},
        {PAIRS_CLASSES, "j.jsonl", "{\"text\": \"a\", \"label\": 1000000}\n", "label"},
        {PAIRS_ALIKE, "k.txt", "a text\n", "one object a line"},
        {PAIRS_ALIKE, "l.jsonl", "{\"anchor\"\n", "line 1"},
    };
    tokenizer *t = bytes_tokenizer();
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        corpus_pairs p = {0};
        assert_fails(read_some(&p, of[i].form, t, of[i].name, of[i].text), LOREC_INPUT, of[i].says);
        corpus_pairs_free(&p);
    }
    tokenizer_free(t);
}

static lorec_err count(void *ctx, slice text)
{
    *(size_t *)ctx += text.n;
    return LOREC_OK;
}

static void gives_every_text(void **state)
{
    (void)state;
    size_t n = 0;
    assert_ok(
        corpus_texts(test_file("m.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"four\"}], \"label\": "
                                          "\"none\", \"text\": \"seven..\", \"n\": 3}\n"),
                     count, &n));
    assert_int_equal(n, 11);
    assert_ok(corpus_texts(test_file("n.txt", "one\n\ntwo\n"), count, &n));
    assert_int_equal(n, 17);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------- */

/* Pairs of five tokens each, the last three of them learned; two classes. */
static corpus_pairs made_pairs(pairs_form form, int n)
{
    corpus_pairs p = {.form = form};
    assert_ok(mem_grow(&p.label, &p.label_cap, (size_t)n));
    for (int i = 0; i < n; i++) {
        static const uint8_t learn[] = {0, 0, 1, 1, 1};
        assert_ok(corpus_add(&p.a, (int32_t[]){i, 3, 2 * i, 7, 1}, learn, 5));
        assert_ok(corpus_add(&p.b, (int32_t[]){i, 3, 9, 16 - i, 5}, learn, 5));
        p.label[i] = i % 2;
    }
    return p;
}

enum { CLASSES, ALIKE, PREFERRED, ANSWERS, TASKS };

static lm_model *model_for(int which)
{
    if (which != ANSWERS) return tiny_lm(2, 0);
    json_t *config = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:i, s:i}", "model_type", "t5",
                               "vocab_size", TINY_VOCAB, "d_model", 16, "d_kv", 8, "d_ff", 32, "num_layers", 1,
                               "num_heads", 2, "relative_attention_num_buckets", 8, "dropout_rate", 0.,
                               "decoder_start_token_id", 0, "pad_token_id", 0);
    lm_model *m;
    assert_non_null(config);
    assert_ok(lm_model_make(&m, config, 2, "t5"));
    json_decref(config);
    return m;
}

static void make_task(lm_pairs_task *task, int which, lm_model *m, const corpus_pairs *p)
{
    lm_forward f = {.net = m->net};
    if (which == CLASSES) {
        assert_ok(heads_add_classifier(m->heads, m->params, 2));
        lm_classes_task(task, &f, m->heads, p);
    } else if (which == ALIKE) {
        lm_contrast_task(task, &f, p, POOL_MEAN, .1f, NULL);
    } else if (which == ANSWERS) {
        assert_ok(lm_answers_task(task, m, NULL, p));
    } else {
        assert_ok(lm_preferred_task(task, &f, p, .5f, false));
    }
}

static const pairs_form forms[] = {PAIRS_CLASSES, PAIRS_ALIKE, PAIRS_PREFERRED, PAIRS_ANSWERS};

static lm_train_options options(int64_t epochs)
{
    return (lm_train_options){
        .loop = {.epochs = epochs, .train_batch_size = 6, .optimizer = {.kind = OPT_ADAMW, .lr = 1e-2}}};
}

static void losses_fall(void **state)
{
    (void)state;
    for (int which = 0; which < TASKS; which++) {
        lm_model *m = model_for(which);
        corpus_pairs p = made_pairs(forms[which], 6);
        if (which == CLASSES) corpus_free(&p.b), p.b = (corpus){0};
        lm_pairs_task task;
        double before, after;
        make_task(&task, which, m, &p);
        assert_ok(lm_task_loss(&task.task, 1000, false, 1, &before));
        if (which == PREFERRED) assert_near(before, log(2), 1e-5); /* the model is its own reference */
        lm_train_options o = options(40);
        assert_ok(lm_train(&task.task, m->params, &o, &(trainer_context){.seed = 3}, NULL));
        assert_ok(lm_task_loss(&task.task, 1000, false, 1, &after));
        if (!(after < before / 2)) fail_msg("task %s: %g, before %g", task.task.name, after, before);
        lm_pairs_task_free(&task);
        corpus_pairs_free(&p);
        lm_model_free(m);
    }
}

/* Where no example's loss reads another's, clipping to a huge norm is plain descent of the mean; to a small norm, no step is
 * longer than that. */
static void clipped_examples_add_up(void **state)
{
    (void)state;
    static const double clips[] = {0, 1e6, 1e-3};
    for (int which = 0; which < TASKS; which++) {
        float *values[3], *start = NULL;
        int64_t n = 0;
        if (which == ALIKE) continue;
        for (int k = 0; k < 3; k++) {
            lm_model *m = model_for(which);
            corpus_pairs p = made_pairs(forms[which], 6);
            if (which == CLASSES) corpus_free(&p.b), p.b = (corpus){0};
            lm_pairs_task task;
            make_task(&task, which, m, &p);
            lm_train_options o = options(1);
            o.loop.optimizer = (optimizer_options){.kind = OPT_SGD, .lr = 1};
            o.loop.example_clip = clips[k];
            if (k == 0) start = tiny_values(m->params);
            assert_ok(lm_train(&task.task, m->params, &o, &(trainer_context){.seed = 3}, NULL));
            values[k] = tiny_values(m->params);
            n = params_values(m->params);
            lm_pairs_task_free(&task);
            corpus_pairs_free(&p);
            lm_model_free(m);
        }
        double moved = 0;
        for (int64_t i = 0; i < n; i++) moved += pow((double)values[2][i] - (double)start[i], 2);
        assert_true(tiny_apart(values[0], start, n) > 1e-3);
        assert_near(tiny_apart(values[0], values[1], n), 0, 1e-4);
        assert_true(sqrt(moved) > 1e-5 && sqrt(moved) < 1.01e-3);
        for (int k = 0; k < 3; k++) free(values[k]);
        free(start);
    }
}

static void distils(void **state)
{
    (void)state;
    lm_model *teacher = tiny_lm(2, 0), *m = tiny_lm(7, 0);
    corpus_pairs p = made_pairs(PAIRS_PREFERRED, 6);
    lm_corpus_task task;
    double same, before, after;
    assert_ok(lm_distil_task(&task, &(lm_forward){.net = teacher->net}, &p.a, teacher->net, 2, false));
    assert_ok(lm_task_loss(&task.task, 1000, false, 1, &same));
    assert_near(same, 0, 1e-5);
    lm_corpus_task_free(&task);
    assert_ok(lm_distil_task(&task, &(lm_forward){.net = m->net}, &p.a, teacher->net, 2, false));
    assert_ok(lm_task_loss(&task.task, 1000, false, 1, &before));
    lm_train_options o = options(40);
    assert_ok(lm_train(&task.task, m->params, &o, &(trainer_context){.seed = 3}, NULL));
    assert_ok(lm_task_loss(&task.task, 1000, false, 1, &after));
    assert_true(before > .1 && after < before / 2);
    lm_corpus_task_free(&task);
    corpus_pairs_free(&p);
    lm_model_free(m);
    lm_model_free(teacher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_each_form),  cmocka_unit_test(refuses),
                                       cmocka_unit_test(gives_every_text), cmocka_unit_test(losses_fall),
                                       cmocka_unit_test(distils),          cmocka_unit_test(clipped_examples_add_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
