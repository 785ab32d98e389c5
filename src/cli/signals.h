/* signals.h: Ctrl-C and SIGTERM ask the work to stop at the next whole step; a second one ends the program at once.
 *
 *     signals_catch();
 *
 * Ownership: nothing. */
#ifndef LOREC_CLI_SIGNALS_H
#define LOREC_CLI_SIGNALS_H

void signals_catch(void);
void signals_release(void); /* as the system has it again: they end the program */

#endif
