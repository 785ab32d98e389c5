/* line_reader.h: lines that somebody types, with editing and a history that is kept (libedit); or lines from a pipe, without a
 * prompt and without an escape.
 *
 *     line_reader *r;
 *     TRY(line_reader_open(&r, "chat", words, n));        // Tab completes one of them where it begins a line
 *     slice line;
 *     while (line_reader_next(r, &line)) ...           // without its end; false at the end of the input
 *     line_reader_close(r);
 *
 * At a terminal Ctrl-C leaves the line (an empty one comes), and ends the input where nothing was typed, as Ctrl-D does.
 * The history is $XDG_STATE_HOME/lorec/NAME (or ~/.local/state/lorec/NAME), for its owner only.
 *
 * Ownership: a line lives until the next one is read; the words are the caller's and live as long as the reader. */
#ifndef LOREC_CLI_LINE_READER_H
#define LOREC_CLI_LINE_READER_H

#include "base/str.h"

typedef struct line_reader line_reader;
lorec_err line_reader_open(line_reader **out, const char *name, const char *const *word, size_t n_words);
bool line_reader_next(line_reader *r, slice *line);
bool line_reader_edits(const line_reader *r); /* somebody types at a terminal */
void line_reader_close(line_reader *r);

#endif
