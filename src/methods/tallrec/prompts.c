/* The question: liked titles, disliked titles, the title that is asked about. */
#include "base/mem.h"
#include "methods/tallrec/tallrec.h"
#include "recipes/history_fit.h"

lorec_err tallrec_answers(tallrec *m)
{
    const char *word[2] = {m->no ? m->no : "", m->yes ? m->yes : ""};
    for (int i = 0; i < 2; i++) {
        m->answer[i].n = 0;
        TRY(lm_text_continuation(m->lm, slice_of(word[i]), &m->answer[i]));
        if (!m->answer[i].n) return err_set(LOREC_USAGE, "tallrec: the answers yes and no must not be empty");
    }
    if (m->answer[0].id[0] == m->answer[1].id[0])
        return err_set(LOREC_INPUT,
                       "tallrec: \"%s\" and \"%s\" begin with the same token of this model; set other words: yes, no",
                       word[1], word[0]);
    return LOREC_OK;
}

lorec_err tallrec_write(const tallrec *m, uint32_t user, const uint32_t *history, size_t n, uint32_t target, buf *text)
{
    json_t *list[2] = {json_array(), json_array()};
    lorec_err e = list[0] && list[1] ? LOREC_OK : err_set(LOREC_RESOURCE, "out of memory for a prompt");
    for (size_t k = 0; k < n && !e; k++) {
        if (history[k] >= m->items.n) continue;
        json_t *to = list[likes_item(&m->likes, user, history[k])];
        if (json_array_append_new(to, catalogue_text(catalogue_title(&m->items, history[k]))))
            e = err_set(LOREC_RESOURCE, "out of memory for a prompt");
    }
    json_t *values = json_pack("{s:O?, s:O?, s:o, s:b, s:s, s:s, s:s}", "liked", list[1], "disliked", list[0], "target",
                               catalogue_text(catalogue_title(&m->items, target)), "framed", m->frame == 0, "things",
                               m->things, "yes", m->yes, "no", m->no);
    if (!e) e = prompt_fill(m->ask, values, text);
    json_decref(values);
    json_decref(list[0]);
    json_decref(list[1]);
    return e;
}

typedef struct question {
    const tallrec *m;
    uint32_t user, target;
    const uint32_t *end; /* of the history */
    buf text;
} question;

static lorec_err write_tokens(void *ctx, size_t kept, tokens *out)
{
    question *q = ctx;
    TRY(tallrec_write(q->m, q->user, q->end - kept, kept, q->target, &q->text));
    return lm_text_prompt(q->m->lm, (slice){q->text.p, q->text.n}, out);
}

lorec_err tallrec_question(const tallrec *m, uint32_t user, const uint32_t *history, size_t n, uint32_t target,
                           tokens *out)
{
    if (target >= m->items.n) return err_set(LOREC_USAGE, "tallrec: item %u is not in the catalogue", target);
    size_t longest = m->answer[0].n > m->answer[1].n ? m->answer[0].n : m->answer[1].n;
    int64_t positions = transformer_settings(m->lm->model->net)->max_positions;
    int64_t room = (m->cutoff < positions ? m->cutoff : positions) - (int64_t)longest - 1;
    question q = {.m = m, .user = user, .target = target, .end = history ? history + n : NULL};
    lorec_err e = history_fit(write_tokens, &q, n < (size_t)m->max_history ? n : (size_t)m->max_history, room,
                              "tallrec", out);
    buf_free(&q.text);
    return e;
}
