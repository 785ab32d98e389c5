/* packed_tiles.h: inside tensor/cpu: packed_run for many rows where the CPU has AMX, and where it has AVX-512 only (not for
 * f16 weights, which are multiplied in f32).
 *
 * Ownership: everything is borrowed. */
#ifndef LOREC_TENSOR_CPU_PACKED_TILES_H
#define LOREC_TENSOR_CPU_PACKED_TILES_H

#include "tensor/cpu/packed.h"

lorec_err packed_run_tiles(const packed_product *p);
lorec_err packed_run_vectors(const packed_product *p);

#endif
