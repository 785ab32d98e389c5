/* wait.h: how long an idle worker spins before it sleeps.
 *
 * libgomp's default is some milliseconds. On a machine that others use too, every spinning worker keeps the one it waits
 * for off its core: small training steps were 15 times slower at a load of 8 a core. A microsecond or two costs nothing
 * where the cores are free. libgomp reads its settings when it is loaded, before main, so the program starts itself once
 * more with them. The user's own OMP_WAIT_POLICY or GOMP_SPINCOUNT win.
 *
 *     wait_politely(argv);      // the first thing in main
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_CLI_WAIT_H
#define LOREC_CLI_WAIT_H

void wait_politely(char **argv);

#endif
