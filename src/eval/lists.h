/* lists.h: rankings that were made elsewhere, and answers (qrels), as files.
 *
 * One item a line, fields between tabs, or between blanks where a line has no tab:
 *   user item rank score     lists.tsv; a first line "user item ..." is a heading; score, or rank and score, may be
 *                            absent (then the order of the lines is the order)
 *   qid Q0 doc rank score tag ...   TREC's run: the score orders, the rank is not read; equal scores are ties
 * TREC's qrels: "qid iteration doc relevance".
 *
 *     TRY(evaluate_lists(&r, &p, PART_TEST, "lists.tsv"));                       // ids are the data set's
 *     TRY(evaluate_trec(&r, metrics, n, "qrels.txt", "run.txt", 1));             // no data set: ids are the files' own
 *
 * Ids that the data set lacks, an item twice in a list, a rank twice, numbers that are none: LOREC_INPUT with the line.
 *
 * Ownership: the caller's arrays and paths are borrowed. */
#ifndef LOREC_EVAL_LISTS_H
#define LOREC_EVAL_LISTS_H

#include "eval/evaluate.h"

/* One line of a list; rows are sorted by user, then by place. */
typedef struct list_row {
    uint32_t user, item;
    double key; /* the rank, the line, or minus the score: smaller is better */
    float score;
    uint32_t line;
} list_row;
typedef struct list_file {
    list_row *row;
    size_t n, cap;
    bool ties; /* equal keys are ties (TREC) and not an error */
} list_file;
/* What an id means: numbers for user and item, or LOREC_INPUT without file and line (they are put before it). */
typedef lorec_err (*list_find)(void *ctx, slice user, slice item, list_row *row);

lorec_err list_file_read(list_file *out, const char *path, list_find find, void *ctx);
void list_file_free(list_file *f);
/* Where the user's rows begin, and how many there are. */
size_t list_file_user(const list_file *f, uint32_t user, size_t *n);
/* Places of the relevant items (ascending numbers) in a list; rows that `drop` marks are not there. */
void list_places(const list_file *f, const list_row *row, size_t n, const bool *drop, const uint32_t *relevant,
                 size_t n_relevant, place *places);

/* Every query of the qrels counts, those without answers in the run as misses (trec_eval -c); a document is relevant
 * from min_relevance on; queries without a relevant one are left out and counted. report.user numbers the queries in
 * order of the qrels. */
lorec_err evaluate_trec(report *out, const metric *metrics, size_t n_metrics, const char *qrels, const char *run,
                        int64_t min_relevance);

#endif
