/* packed_tiles.h: inside tensor/cpu: packed_run for many rows where the CPU has AMX.
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_CPU_PACKED_TILES_H
#define LOREC_TENSOR_CPU_PACKED_TILES_H

#include "tensor/cpu/packed.h"

lorec_err packed_run_tiles(const packed_product *p);

#endif
