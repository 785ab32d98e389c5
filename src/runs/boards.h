/* boards.h: the results of run folders as one leaderboard, for `lorec compare` and for rows that join a run later.
 *
 *     boards b = {0};
 *     TRY(boards_add_run(&b, "runs/first"));
 *     TRY(boards_add_run(&b, "runs/second"));        // another protocol: LOREC_USAGE naming both
 *     TRY(leaderboard_finish(&b.board));
 *     boards_free(&b);
 *
 * Ownership: owns the board and its texts; run paths are borrowed. */
#ifndef LOREC_RUNS_BOARDS_H
#define LOREC_RUNS_BOARDS_H

#include "eval/leaderboard.h"

typedef struct boards {
    leaderboard board;
    bool started;
    const char *first_run;
    char *headline; /* the metric that the first run is sorted by */
} boards;

/* The same result twice counts once; a method of the same key with other options is told apart by its run's name. */
lorec_err boards_add_run(boards *b, const char *run);
void boards_free(boards *b);

#endif
