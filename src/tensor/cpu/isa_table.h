/* isa_table.h: the kernel sets, one a file; isa.c chooses. Private to tensor/cpu.
 *
 * Ownership: static tables. */
#ifndef LOREC_TENSOR_CPU_ISA_TABLE_H
#define LOREC_TENSOR_CPU_ISA_TABLE_H

#include "tensor/cpu/kernels.h"

extern const isa_kernels isa_portable;
#if defined(__x86_64__)
extern const isa_kernels isa_avx2, isa_avx512, isa_amx;
#endif

#endif
