/* question.h: what lists made elsewhere are lists of: a data set, a split of it and a protocol, as the options of
 * `lorec eval` and `lorec data export-split` name them. (A run's own come from settings: runs/workbench.h.)
 *
 *     question_words w = QUESTION_DEFAULTS;            // arg rows: QUESTION_ARGS(w)
 *     question q;
 *     TRY(question_open(&q, &w, "recall@10,ndcg@10"));
 *     use(&q.protocol, &q.split);
 *     question_close(&q);
 *
 * Ownership: a question owns its parts until question_close and must not move (they point at each other). */
#ifndef LOREC_CLI_QUESTION_H
#define LOREC_CLI_QUESTION_H

#include "cli/args.h"
#include "eval/protocol.h"

typedef struct question_words {
    const char *data, *format, *columns, *item_text, *split, *candidates;
    int64_t seed; /* of random splits and drawn candidates */
    bool keep_seen;
} question_words;
#define QUESTION_DEFAULTS                                                                                              \
    {                                                                                                                  \
        .split = "loo", .candidates = "full", .seed = 42                                                               \
    }

#define QUESTION_ARGS(w)                                                                                                \
    {"data", 'd', ARG_TEXT, &(w).data, "PATH", "a prepared folder, a raw file or folder, or \"sample\""},               \
        {"format", 0, ARG_TEXT, &(w).format, "NAME", "the form of a raw file (lorec data formats); guessed if absent"}, \
        {"columns", 0, ARG_TEXT, &(w).columns, "MAP", "columns of CSV/TSV: user=a,item=b,rating=c,time=d"},             \
        {"split",    's',     ARG_TEXT,                                                                                 \
         &(w).split, "WORDS", "loo, ratio:8:1:1, ratio-random:8:1:1, ratio-all, time, files (default loo)"},            \
        {"eval", 'e', ARG_TEXT, &(w).candidates, "CANDIDATES", "full, uniform@99, pop@99, slate:FILE (default full)"},  \
        {"keep-seen", 0, ARG_FLAG, &(w).keep_seen, NULL, "what a user had before may be recommended again"},            \
    {                                                                                                                   \
        "seed", 0, ARG_INT, &(w).seed, "N", "of random splits and drawn candidates (default 42)", .min = 0,             \
                                                                                                  .max = 1e15           \
    }

typedef struct question {
    dataset data;
    split split;
    protocol protocol;
} question;

lorec_err question_open(question *q, const question_words *w, const char *metrics);
void question_close(question *q);

#endif
