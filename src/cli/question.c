#include "cli/question.h"

lorec_err question_open(question *q, const question_words *w, const char *metrics)
{
    split_options o = {.seed = (uint64_t)w->seed};
    TRY(split_parse(&o, w->split));
    TRY(dataset_load(&q->data, w->data,
                     &(import_options){.format = w->format, .columns = w->columns, .item_text = w->item_text}));
    lorec_err e = split_make(&q->split, &q->data, &o);
    if (e) goto no_split;
    e = protocol_make(&q->protocol, &q->split, w->candidates, metrics, w->keep_seen, (uint64_t)w->seed);
    if (!e) return LOREC_OK;
    split_close(&q->split);
no_split:
    dataset_close(&q->data);
    return e;
}

void question_close(question *q)
{
    protocol_close(&q->protocol);
    split_close(&q->split);
    dataset_close(&q->data);
}
