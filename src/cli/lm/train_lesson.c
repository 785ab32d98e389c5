#include "cli/lm/train_lesson.h"

#include <inttypes.h>
#include <math.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"

typedef struct objective {
    const char *name;
    enum { OF_TEXTS, OF_PAIRS } kind;
    pairs_form form;
    bool says_tokens;
    lorec_err (*make)(lm_lesson *l, bool valid);
} objective;

static lm_forward forward_of(const lm_lesson *l)
{
    return (lm_forward){.net = l->model->net, .adapters = l->adapters, .recompute = l->words->recompute};
}

static lorec_err need_causal(const lm_lesson *l, bool causal, const char *what)
{
    const lm_model *m = l->model;
    if (!m->encoder && transformer_settings(m->net)->causal == causal) return LOREC_OK;
    return err_set(LOREC_INPUT, "objective %s is learned by %s; a model of type \"%s\" is none", what,
                   causal ? "models that continue texts" : "encoders of texts", m->arch->type);
}

/* ---- each objective ---------------------------------------------------------------------------------------------------- */

static lorec_err causal(lm_lesson *l, bool valid)
{
    lm_forward f = forward_of(l);
    TRY(need_causal(l, true, "causal"));
    lm_causal_task(valid ? &l->of_valid_texts : &l->of_texts, &f, valid ? &l->valid_texts : &l->texts);
    return LOREC_OK;
}

static lorec_err masked(lm_lesson *l, bool valid)
{
    lm_forward f = forward_of(l);
    masked_rule rule = {.rate = l->words->mask_rate, .mask = tokenizer_special(l->tokenizer, TOKENIZER_MASK)};
    TRY(need_causal(l, false, "masked"));
    if (rule.mask < 0)
        return err_set(LOREC_INPUT, "an encoder learns masked tokens, and this vocabulary has no mask token");
    lm_masked_task(valid ? &l->of_valid_texts : &l->of_texts, &f, valid ? &l->valid_texts : &l->texts, &rule);
    return LOREC_OK;
}

static lorec_err distil(lm_lesson *l, bool valid)
{
    const lm_train_words *w = l->words;
    lm_forward f = forward_of(l);
    TRY(need_causal(l, true, "distil"));
    if (!w->teacher) return err_set(LOREC_USAGE, "--objective distil needs --teacher MODEL");
    if (!l->teacher) TRY(lm_model_open_as(&l->teacher, w->teacher, LM_KEEP));
    TRY(lm_model_need_decoder(l->teacher));
    return lm_distil_task(valid ? &l->of_valid_texts : &l->of_texts, &f, valid ? &l->valid_texts : &l->texts,
                          l->teacher->net, w->temperature > 0 ? (float)w->temperature : 2, w->bf16);
}

static lorec_err seq2seq(lm_lesson *l, bool valid)
{
    if (l->words->recompute)
        return err_set(LOREC_USAGE, "--recompute: blocks that look at an encoder's output can not be recomputed");
    return lm_answers_task(valid ? &l->of_valid_pairs : &l->of_pairs, l->model, l->adapters,
                           valid ? &l->valid_pairs : &l->pairs);
}

/* The names of classes go into config.json, where transformers looks for them. */
static lorec_err name_classes(lm_lesson *l)
{
    json_t *id2label = json_object(), *label2id = json_object(), *config = l->model->config;
    bool failed = !id2label || !label2id;
    for (int64_t i = 0; i < l->pairs.classes && !failed; i++) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)i);
        failed = json_object_set_new(id2label, id, json_string(l->pairs.name[i])) ||
                 json_object_set_new(label2id, l->pairs.name[i], json_integer(i));
    }
    failed = failed || (config && (json_object_set(config, "id2label", id2label) ||
                                   json_object_set(config, "label2id", label2id)));
    json_decref(id2label);
    json_decref(label2id);
    return failed ? err_set(LOREC_RESOURCE, "out of memory for the names of classes") : LOREC_OK;
}

static lorec_err classes(lm_lesson *l, bool valid)
{
    lm_forward f = forward_of(l);
    int64_t n = l->pairs.classes, there = heads_classes_count(l->model->heads);
    if (l->model->encoder)
        return err_set(LOREC_INPUT, "classes are learned by an encoder or a decoder, not by both halves of one model");
    if (n < 2) return err_set(LOREC_INPUT, "%lld classes are none to tell apart", (long long)n);
    if (l->adapters && there == 0)
        return err_set(LOREC_USAGE,
                       "the model has no classifier yet, and one can not learn beside an adapter: train the "
                       "model whole, or begin with one that has it");
    if (there == 0) TRY(heads_add_classifier(l->model->heads, l->model->params, n));
    there = heads_classes_count(l->model->heads);
    if (n > there)
        return err_set(LOREC_INPUT, "the corpus has %lld classes, the model's classifier %lld", (long long)n,
                       (long long)there);
    if (!valid && !l->adapters) TRY(name_classes(l));
    lm_classes_task(valid ? &l->of_valid_pairs : &l->of_pairs, &f, l->model->heads,
                    valid ? &l->valid_pairs : &l->pairs);
    return LOREC_OK;
}

static lorec_err contrast(lm_lesson *l, bool valid)
{
    static const char *const names[] = {"mean", "first", "last"};
    const lm_train_words *w = l->words;
    lm_forward f = forward_of(l);
    int how = -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(w->pooling, names[i]) == 0) how = i;
    if (how < 0) return err_set(LOREC_USAGE, "--pooling %s: mean, first or last is needed", w->pooling);
    if (how == POOL_FIRST && transformer_settings(l->model->net)->causal)
        return err_set(LOREC_USAGE, "--pooling first: a decoder's first token sees no other; take mean or last");
    if (l->model->encoder) return err_set(LOREC_INPUT, "texts are compared by an encoder or a decoder alone");
    if (w->example_clip > 0)
        return err_set(LOREC_USAGE, "--example-clip: in a batch of pairs each loss depends on all of them");
    double temperature = w->temperature > 0 ? w->temperature : .05;
    if (w->learn_temperature && l->adapters)
        return err_set(LOREC_USAGE, "--learn-temperature: the temperature learns with the model, not with an adapter");
    if (w->learn_temperature && !l->log_scale) {
        l->log_scale = params_add(l->model->params, "logit_scale", INIT_CONST(log(1 / temperature)), 1, (int64_t[]){1});
        TRY(params_error(l->model->params));
    }
    lm_contrast_task(valid ? &l->of_valid_pairs : &l->of_pairs, &f, valid ? &l->valid_pairs : &l->pairs,
                     (lm_pooling)how, (float)temperature, l->log_scale);
    return LOREC_OK;
}

static lorec_err dpo(lm_lesson *l, bool valid)
{
    const lm_train_words *w = l->words;
    lm_forward f = forward_of(l);
    TRY(need_causal(l, true, "dpo"));
    return lm_preferred_task(valid ? &l->of_valid_pairs : &l->of_pairs, &f, valid ? &l->valid_pairs : &l->pairs,
                             w->beta > 0 ? (float)w->beta : .1f, w->bf16);
}

static const objective table[] = {{"causal", OF_TEXTS, 0, true, causal},
                                  {"masked", OF_TEXTS, 0, true, masked},
                                  {"distil", OF_TEXTS, 0, false, distil},
                                  {"seq2seq", OF_PAIRS, PAIRS_ANSWERS, true, seq2seq},
                                  {"classes", OF_PAIRS, PAIRS_CLASSES, false, classes},
                                  {"contrast", OF_PAIRS, PAIRS_ALIKE, false, contrast},
                                  {"dpo", OF_PAIRS, PAIRS_PREFERRED, false, dpo}};
enum { TABLE = sizeof table / sizeof *table };

/* ---- the corpus -------------------------------------------------------------------------------------------------------- */

static lorec_err read_texts(lm_lesson *l, int64_t context)
{
    const lm_train_words *w = l->words;
    TRY(corpus_read(&l->texts, l->tokenizer, l->chat, context, w->corpus));
    if (w->valid)
        TRY(corpus_read(&l->valid_texts, l->tokenizer, l->chat, context, w->valid));
    else if (w->valid_share > 0)
        TRY(corpus_split(&l->texts, &l->valid_texts, w->valid_share));
    l->sequences = l->texts.n;
    l->longest = l->texts.longest;
    l->learned = l->texts.learned;
    return LOREC_OK;
}

static lorec_err read_pairs(lm_lesson *l, pairs_form form, int64_t context)
{
    const lm_train_words *w = l->words;
    corpus_pairs *p = &l->pairs, *v = &l->valid_pairs;
    TRY(corpus_pairs_read(p, form, l->tokenizer, context, w->corpus));
    if (!w->valid && w->valid_share > 0) TRY(corpus_pairs_split(p, v, w->valid_share));
    if (w->valid) {
        for (int64_t i = 0; i < p->classes; i++) { /* their numbers are those of training */
            TRY(mem_grow(&v->name, &v->name_cap, (size_t)v->classes + 1));
            TRY(mem_dup(&v->name[v->classes], p->name[i]));
            v->classes++;
        }
        TRY(corpus_pairs_read(v, form, l->tokenizer, context, w->valid));
        if (v->classes > p->classes)
            return err_set(LOREC_INPUT, "%s: the class \"%s\" is not in %s", w->valid, v->name[p->classes], w->corpus);
    }
    l->sequences = p->a.n;
    l->longest = p->a.longest + p->b.longest;
    if (form == PAIRS_ANSWERS && p->b.n) l->learned = p->b.start[p->b.n];
    if (form == PAIRS_PREFERRED) l->learned = p->a.learned + p->b.learned;
    return LOREC_OK;
}

lorec_err lm_lesson_open(lm_lesson *l, int64_t context)
{
    const lm_train_words *w = l->words;
    const char *name = w->objective                                  ? w->objective
                       : l->model->encoder                           ? "seq2seq"
                       : transformer_settings(l->model->net)->causal ? "causal"
                                                                     : "masked";
    const objective *o = NULL;
    const char *names[TABLE];
    for (int i = 0; i < TABLE; i++) {
        names[i] = table[i].name;
        if (strcmp(name, table[i].name) == 0) o = &table[i];
    }
    if (!o) {
        const char *near = err_nearest(name, names, TABLE);
        return err_set(LOREC_USAGE, "there is no objective \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
                       near ? near : "", near ? "\"?" : "");
    }
    l->context = context;
    TRY(o->kind == OF_TEXTS ? read_texts(l, context) : read_pairs(l, o->form, context));
    if (l->sequences == 0) return err_set(LOREC_INPUT, "%s: there is nothing to learn from", w->corpus);
    int64_t valid = o->kind == OF_TEXTS ? l->valid_texts.n : l->valid_pairs.a.n;
    l->says_tokens = o->says_tokens;
    log_info("%s: %lld examples of at most %lld tokens, %lld to validate on", o->name, (long long)l->sequences,
             (long long)l->longest, (long long)valid);
    TRY(o->make(l, false));
    l->task = o->kind == OF_TEXTS ? &l->of_texts.task : &l->of_pairs.task;
    if (valid == 0) return LOREC_OK;
    TRY(o->make(l, true));
    l->valid = o->kind == OF_TEXTS ? &l->of_valid_texts.task : &l->of_valid_pairs.task;
    return LOREC_OK;
}

/* ---- beside the model -------------------------------------------------------------------------------------------------- */

static lorec_err write_tree(json_t *tree, const char *folder, const char *name)
{
    buf path = {0};
    lorec_err e = tree ? path_join(&path, folder, name) : err_set(LOREC_RESOURCE, "out of memory for %s", name);
    if (!e) e = json_write(tree, path.p);
    buf_free(&path);
    json_decref(tree);
    return e;
}

/* How texts become vectors, as sentence-transformers says it: whoever embeds with the model does as it learned. */
static lorec_err write_pooling(const lm_lesson *l, const char *folder)
{
    static const char *const types[] = {"Transformer", "Pooling", "Normalize"}, *const paths[] = {"", "1_Pooling",
                                                                                                  "2_Normalize"};
    const transformer_config *c = transformer_settings(l->model->net);
    const char *how = l->words->pooling;
    json_t *modules = json_array();
    buf pooling = {0};
    for (int i = 0; i < 3 && modules; i++) {
        char name[8], type[64];
        snprintf(name, sizeof name, "%d", i);
        snprintf(type, sizeof type, "sentence_transformers.models.%s", types[i]);
        if (json_array_append_new(
                modules, json_pack("{s:i, s:s, s:s, s:s}", "idx", i, "name", name, "path", paths[i], "type", type)))
            return json_decref(modules), err_set(LOREC_RESOURCE, "out of memory for modules.json");
    }
    lorec_err e = path_join(&pooling, folder, paths[1]);
    if (!e) e = folder_make(pooling.p);
    if (!e)
        e = write_tree(json_pack("{s:I, s:b, s:b, s:b, s:b, s:b, s:b}", "word_embedding_dimension",
                                 (json_int_t)c->width, "pooling_mode_cls_token", strcmp(how, "first") == 0,
                                 "pooling_mode_mean_tokens", strcmp(how, "mean") == 0, "pooling_mode_max_tokens", 0,
                                 "pooling_mode_mean_sqrt_len_tokens", 0, "pooling_mode_weightedmean_tokens", 0,
                                 "pooling_mode_lasttoken", strcmp(how, "last") == 0),
                       pooling.p, "config.json");
    if (!e)
        e = write_tree(json_pack("{s:I, s:b}", "max_seq_length", (json_int_t)l->context, "do_lower_case", 0), folder,
                       "sentence_bert_config.json");
    if (e)
        json_decref(modules);
    else
        e = write_tree(modules, folder, "modules.json");
    buf_free(&pooling);
    return e;
}

lorec_err lm_lesson_save(const lm_lesson *l, const char *folder)
{
    return l->pairs.form == PAIRS_ALIKE ? write_pooling(l, folder) : LOREC_OK;
}

static uint64_t hash_of(const corpus *c)
{
    if (!c->n) return 0;
    size_t n = (size_t)c->start[c->n];
    return XXH3_64bits(c->token, n * sizeof *c->token) ^ XXH3_64bits_withSeed(c->learn, n, 1);
}

lorec_err lm_lesson_identity(const lm_lesson *l, buf *out)
{
    uint64_t hash = l->pairs.a.n ? hash_of(&l->pairs.a) * 3 ^ hash_of(&l->pairs.b) : hash_of(&l->texts);
    if (l->pairs.label) hash ^= XXH3_64bits_withSeed(l->pairs.label, (size_t)l->pairs.a.n * sizeof *l->pairs.label, 2);
    return buf_printf(out, "corpus=%016" PRIx64 " objective=%s ", hash, l->task->name);
}

void lm_lesson_free(lm_lesson *l)
{
    lm_corpus_task_free(&l->of_texts);
    lm_corpus_task_free(&l->of_valid_texts);
    lm_pairs_task_free(&l->of_pairs);
    lm_pairs_task_free(&l->of_valid_pairs);
    corpus_free(&l->texts);
    corpus_free(&l->valid_texts);
    corpus_pairs_free(&l->pairs);
    corpus_pairs_free(&l->valid_pairs);
    lm_model_free(l->teacher);
}
