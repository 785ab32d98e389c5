/* Masked language models: BERT's rule (Devlin et al., NAACL 2019, 3.1). */
#include "base/mem.h"
#include "lm/objectives/parts.h"

tensor *objective_masked(tape *t, const lm_forward *f, const lm_batch *b, const masked_rule *rule, rng *r,
                         int64_t *targets)
{
    int64_t rows = lm_batch_rows(b), vocab = transformer_settings(f->net)->vocab_size;
    double rate = rule->rate > 0 ? rule->rate : .15;
    int32_t *read = NULL, *say = NULL;
    lorec_err e = mem_new(&read, (size_t)rows);
    if (!e) e = mem_new(&say, (size_t)rows);
    *targets = 0;
    for (int64_t i = 0; i < rows && !e; i++) {
        read[i] = b->token[i];
        say[i] = -1;
        double pick = rng_uniform(r), how = rng_uniform(r);
        int32_t random = (int32_t)rng_below(r, (uint32_t)vocab); /* always three draws a row */
        if ((b->learn && !b->learn[i]) || pick >= rate) continue;
        say[i] = b->token[i];
        read[i] = how < .8 ? rule->mask : how < .9 ? random : b->token[i];
        ++*targets;
    }
    tensor *loss = NULL;
    if (e) {
        tape_fail(t, e);
    } else {
        lm_batch masked = {.n = b->n, .token = read, .length = b->length};
        loss = transformer_loss(t, f->net, lm_batch_hidden(t, f, &masked), tape_ids(t, say, rows));
    }
    mem_free(read);
    mem_free(say);
    return loss;
}
