/* leaderboard_print.h: a leaderboard for people: the table, and in words what it does not show at first sight.
 *
 *     TRY(leaderboard_print(&board, "ndcg@10", "runs/first"));
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_CLI_LEADERBOARD_PRINT_H
#define LOREC_CLI_LEADERBOARD_PRINT_H

#include "eval/leaderboard.h"

/* On stdout, best first by `headline` where the table has it (by its first metric otherwise). run NULL: no next steps. */
lorec_err leaderboard_print(const leaderboard *b, const char *headline, const char *run);

#endif
