/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr.h - numbers of control and status registers (Debian's assemblers lack the H names) and their
 * fields. Privileged specification, chapter "CSRs"; H extension; Sstc; Smstateen.
 */
#pragma once

#ifndef __ASSEMBLER__
#include <hearth/lib/types.h>
#define UL(x) x##ul
#else
#define UL(x) x /* clang's assembler rejects the suffix */
#endif

#define CSR_SSP  0x011 /* Zicfiss */
#define CSR_SEED 0x015 /* Zkr */

#define CSR_FFLAGS     0x001
#define CSR_FCSR       0x003
#define CSR_VSTART     0x008
#define CSR_VXRM       0x00a
#define CSR_VCSR       0x00f
#define CSR_SSTATUS    0x100
#define CSR_SIE        0x104
#define CSR_STVEC      0x105
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG    0x10a
#define CSR_SSTATEEN0  0x10c
#define CSR_SSCRATCH   0x140
#define CSR_SEPC       0x141
#define CSR_SCAUSE     0x142
#define CSR_STVAL      0x143
#define CSR_SIP        0x144
#define CSR_STIMECMP   0x14d
#define CSR_SCTRCTL    0x14e
#define CSR_SISELECT   0x150
#define CSR_SIREG      0x151
#define CSR_STOPEI     0x15c
#define CSR_SATP       0x180

#define CSR_VSSTATUS  0x200
#define CSR_VSIE      0x204
#define CSR_VSTVEC    0x205
#define CSR_VSSCRATCH 0x240
#define CSR_VSEPC     0x241
#define CSR_VSCAUSE   0x242
#define CSR_VSTVAL    0x243
#define CSR_VSIP      0x244
#define CSR_VSTIMECMP 0x24d
#define CSR_VSISELECT 0x250
#define CSR_VSATP     0x280

#define CSR_HSTATUS    0x600
#define CSR_HEDELEG    0x602
#define CSR_HIDELEG    0x603
#define CSR_HIE        0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE      0x607
#define CSR_HVIEN      0x608
#define CSR_HVICTL     0x609
#define CSR_HENVCFG    0x60a
#define CSR_HSTATEEN0  0x60c
#define CSR_HTVAL      0x643
#define CSR_HIP        0x644
#define CSR_HVIP       0x645
#define CSR_HTINST     0x64a
#define CSR_HGATP      0x680

#define CSR_CYCLE   0xc00
#define CSR_TIME    0xc01
#define CSR_INSTRET 0xc02
#define CSR_VLENB   0xc22

#define CSR_SCOUNTOVF 0xda0

/* Bit n of hcounteren and scounteren enables access to CSR_CYCLE + n. */
#define COUNTEREN_CYCLE_TIME_INSTRET 7

#define SSTATUS_SIE        (UL(1) << 1)
#define SSTATUS_SPIE       (UL(1) << 5)
#define SSTATUS_UBE        (UL(1) << 6)
#define SSTATUS_SPP        (UL(1) << 8)
#define SSTATUS_VS         (UL(3) << 9)
#define SSTATUS_VS_INITIAL (UL(1) << 9)
#define SSTATUS_VS_CLEAN   (UL(2) << 9)
#define SSTATUS_FS         (UL(3) << 13)
#define SSTATUS_FS_INITIAL (UL(1) << 13)
#define SSTATUS_FS_CLEAN   (UL(2) << 13)
#define SSTATUS_SUM        (UL(1) << 18)
#define SSTATUS_MXR        (UL(1) << 19)
#define SSTATUS_SPELP      (UL(1) << 23)
#define SSTATUS_SDT        (UL(1) << 24)
#define SSTATUS_UXL_64     (UL(2) << 32)

#define HSTATUS_GVA     (UL(1) << 6)
#define HSTATUS_SPV     (UL(1) << 7)
#define HSTATUS_SPVP    (UL(1) << 8)
#define HSTATUS_HU      (UL(1) << 9)
#define HSTATUS_VGEIN   (UL(0x3f) << 12)
#define HSTATUS_VTVM    (UL(1) << 20)
#define HSTATUS_VTW     (UL(1) << 21)
#define HSTATUS_VTSR    (UL(1) << 22)
#define HSTATUS_VSXL_64 (UL(2) << 32)

#define SCAUSE_IRQ (UL(1) << 63)

#define HENVCFG_FIOM       (UL(1) << 0)
#define HENVCFG_LPE        (UL(1) << 2)
#define HENVCFG_SSE        (UL(1) << 3)
#define HENVCFG_CBIE       (UL(3) << 4)
#define HENVCFG_CBIE_FLUSH (UL(1) << 4) /* CBO.INVAL flushes */
#define HENVCFG_CBCFE      (UL(1) << 6)
#define HENVCFG_CBZE       (UL(1) << 7)
#define HENVCFG_PMM        (UL(3) << 32)
#define HENVCFG_PMM_7      (UL(2) << 32) /* PMLEN 7; 0: none */
#define HENVCFG_PMM_16     (UL(3) << 32)
#define SENVCFG_PMM_7      HENVCFG_PMM_7
#define HENVCFG_DTE        (UL(1) << 59)
#define HENVCFG_ADUE       (UL(1) << 61)
#define HENVCFG_PBMTE      (UL(1) << 62)
#define HENVCFG_STCE       (UL(1) << 63)

#define HSTATEEN0_ENVCFG (UL(1) << 62)
#define HSTATEEN0_SE0    (UL(1) << 63)

#define ATP_MODE_SHIFT   60
#define ATP_MODE_BARE    UL(0)
#define ATP_MODE_SV39    UL(8)
#define ATP_MODE_SV48    UL(9)
#define ATP_MODE_SV57    UL(10)
#define HGATP_VMID_SHIFT 44
#define HGATP_VMID_MASK  (UL(0x3fff) << 44)

#ifndef __ASSEMBLER__

#define csr_read(csr)                                                                              \
    ({                                                                                             \
        unsigned long v_;                                                                          \
        __asm__ volatile("csrr %0, %1" : "=r"(v_) : "i"(csr) : "memory");                          \
        v_;                                                                                        \
    })
#define csr_write(csr, val)                                                                        \
    __asm__ volatile("csrw %0, %1" ::"i"(csr), "rK"((unsigned long)(val)) : "memory")
#define csr_swap(csr, val)                                                                         \
    ({                                                                                             \
        unsigned long v_;                                                                          \
        __asm__ volatile("csrrw %0, %1, %2"                                                        \
                         : "=r"(v_)                                                                \
                         : "i"(csr), "rK"((unsigned long)(val))                                    \
                         : "memory");                                                              \
        v_;                                                                                        \
    })
#define csr_set(csr, bits)                                                                         \
    __asm__ volatile("csrs %0, %1" ::"i"(csr), "rK"((unsigned long)(bits)) : "memory")
#define csr_clear(csr, bits)                                                                       \
    __asm__ volatile("csrc %0, %1" ::"i"(csr), "rK"((unsigned long)(bits)) : "memory")
/* Clears the bits and returns those that were set, in one instruction: a bit that is set
 * concurrently is not lost. */
#define csr_test_and_clear(csr, bits)                                                              \
    ({                                                                                             \
        const unsigned long bits_ = (bits);                                                        \
        unsigned long v_;                                                                          \
        __asm__ volatile("csrrc %0, %1, %2" : "=r"(v_) : "i"(csr), "rK"(bits_) : "memory");        \
        v_ & bits_;                                                                                \
    })

#endif
