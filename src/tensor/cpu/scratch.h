/* scratch.h: memory that a thread keeps for its kernels, so that a training step asks the system for none.
 *
 *     float *panel = scratch_get(SCRATCH_PANELS, bytes);   // 64-byte aligned, not zeroed; NULL: out of memory, message set
 *
 * Ownership: the thread's, until it ends; what a slot held is lost when the slot is asked for more. */
#ifndef LOREC_TENSOR_CPU_SCRATCH_H
#define LOREC_TENSOR_CPU_SCRATCH_H

#include <stddef.h>

/* One user each, so that a caller's memory outlives the calls it makes. */
enum scratch_slot { SCRATCH_PANELS, SCRATCH_LEFT, SCRATCH_TILE, SCRATCH_SUMS, SCRATCH_OP, SCRATCH_ROWS, SCRATCH_SLOTS };

void *scratch_get(enum scratch_slot slot, size_t bytes);

#endif
