/* rehearsal.h: a rehearsal in the calling thread: long loops take their first steps only, and add up what the rest would take,
 * so that a run can say its time before it begins.
 *
 *     rehearsal r = {0};
 *     rehearsal_begin(&r);
 *     e = method->fit(self, &fit);              // a training loop stops after a few steps
 *     rehearsal_end();
 *     use(r.seconds_left);                      // at most so much longer
 *
 *     if (rehearsal_now() && steps >= REHEARSAL_STEPS) { rehearsal_leave(seconds_of_the_rest); break; }   // in the loop
 *
 * Ownership: the caller's value, noted in the thread from begin to end. */
#ifndef LOREC_BASE_REHEARSAL_H
#define LOREC_BASE_REHEARSAL_H

#include <stdbool.h>

enum { REHEARSAL_STEPS = 3 };

typedef struct rehearsal {
    double seconds_left; /* of what was left out */
    int left_out;        /* how many loops left something out */
} rehearsal;

void rehearsal_begin(rehearsal *r);
void rehearsal_end(void);
bool rehearsal_now(void);
void rehearsal_leave(double seconds);

#endif
