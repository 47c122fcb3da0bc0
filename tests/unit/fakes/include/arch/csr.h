/* csr.h - fake: the numbers and fields of the real header, and an array for the registers. */
#pragma once

#define __ASSEMBLER__ 1 /* only the numbers */
#include_next <arch/csr.h>
#undef __ASSEMBLER__
#include <hearth/types.h>

extern uint64_t fake_csr[4096]; /* fakes/csr.c */

#define csr_read(csr)        (fake_csr[(csr)])
#define csr_write(csr, val)  ((void)(fake_csr[(csr)] = (uint64_t)(val)))
#define csr_set(csr, bits)   ((void)(fake_csr[(csr)] |= (uint64_t)(bits)))
#define csr_clear(csr, bits) ((void)(fake_csr[(csr)] &= ~(uint64_t)(bits)))
#define csr_swap(csr, val)                                                                         \
    ({                                                                                             \
        uint64_t old_ = fake_csr[(csr)];                                                           \
        fake_csr[(csr)] = (uint64_t)(val);                                                         \
        old_;                                                                                      \
    })
