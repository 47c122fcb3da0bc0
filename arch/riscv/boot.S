/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.S - startup code from the firmware to C. Owns the RISC-V Linux boot image header (Linux
 * Documentation/arch/riscv/boot-image-header.rst), the first page table, and the entry of secondary harts (SBI HSM).
 *
 * Entry (RISC-V boot protocol): a0 = hart id, a1 = physical address of the device tree, satp = 0, any hart, any
 * 2 MiB-aligned load address. Until satp is written this code runs at its physical address, so symbols must be
 * referenced relative to pc.
 *
 * The rest of the image is built for rv64imac. The first instructions use only I and Zicsr, and test the other
 * extensions: a hart without them traps to boot_trap, which uses the same subset to print a message.
 */
#include <arch/csr.h>
#include <arch/layout.h>
#include <asm_offsets.h>

#define PTE_V   0x01
#define PTE_RWX 0xce /* RWX A D */
#define PTE_RW  0xc6 /* RW A D */

    .section .head.text, "ax"
    .option push
    .option norvc
    .option norelax                     /* else the linker may use compressed instructions */
    .globl _start
_start:
    j       boot_entry
    .balign 4
    .word   0
    .balign 8
    .dword  0x200000                    /* text_offset */
    .dword  image_end - image_start     /* image_size */
    .dword  0                           /* flags: little-endian */
    .word   2                           /* header version 0.2 */
    .word   0
    .dword  0
    .ascii  "RISCV\0\0\0"
    .ascii  "RSC\x05"
    .word   0

    /* Handles a trap before stvec is set to trap_entry. s5 = physical address of the message. */
    .balign 4
boot_trap:
    mv      a0, s5
    /* Prints the message at physical address a0 through DBCN or the legacy call; then ends the machine through SRST or
     * the legacy shutdown. */
boot_fail:
    mv      s5, a0
4:  lbu     s6, 0(s5)
    beqz    s6, 5f
    mv      a0, s6
    li      a7, 0x4442434e              /* DBCN, console_write_byte */
    li      a6, 2
    ecall
    beqz    a0, 7f
    mv      a0, s6
    li      a7, 1
    ecall
7:  addi    s5, s5, 1
    j       4b
5:  li      a7, 0x53525354
    li      a6, 0
    li      a0, 0
    li      a1, 1
    ecall
    li      a7, 8
    ecall
park:
    wfi
    j       park

boot_entry:
    csrw    CSR_SIE, zero
    csrw    CSR_SATP, zero
    csrw    CSR_SSCRATCH, zero
    lla     t0, boot_trap
    csrw    CSR_STVEC, t0

    /* Firmware without HSM starts all harts: only the first one continues. */
    lla     s5, msg_no_a
    lla     t0, boot_lottery
    li      t1, 1
    amoswap.w.aq t1, t1, (t0)
    bnez    t1, park

    lla     s5, msg_no_m
    mul     t1, t1, t1
    lla     s5, msg_no_c
    .option rvc
    .balign 4                           /* without C, both are one reserved instruction */
    c.nop
    c.nop
    .option norvc
    lla     s5, msg_trap
    .option pop

    mv      s0, a0                      /* hart id */
    mv      s1, a1                      /* device tree, physical */
    lla     s2, _start                  /* load address */
    li      t0, 0x1fffff
    and     t0, t0, s2
    lla     a0, msg_align
    bnez    t0, boot_fail

    lla     t0, bss_start
    lla     t1, bss_end
1:  sd      zero, (t0)
    addi    t0, t0, 8
    bltu    t0, t1, 1b

    /* The direct map starts at the load address rounded down to 128 GiB (0 on most machines). */
    srli    s3, s2, 37
    slli    s3, s3, 37
    lla     t0, direct_map_phys
    sd      s3, (t0)
    lla     t0, image_phys
    sd      s2, (t0)

    /* boot_root[256 + i] = 1 GiB leaf of the direct map, i < 192. */
    lla     t0, boot_root
    li      t1, 256 * 8
    add     t1, t0, t1
    srli    t2, s3, 2
    ori     t2, t2, PTE_V | PTE_RW
    li      t3, DIRECT_MAP_SIZE >> 30
    li      t4, 1 << 28
2:  sd      t2, (t1)
    add     t2, t2, t4
    addi    t1, t1, 8
    addi    t3, t3, -1
    bnez    t3, 2b

    /* boot_root[510] -> boot_image: two 2 MiB leaves, executable and writable until stage1_init(). */
    lla     t1, boot_image
    srli    t2, t1, 2
    ori     t2, t2, PTE_V
    li      t3, 510 * 8
    add     t3, t0, t3
    sd      t2, (t3)
    srli    t2, s2, 2
    ori     t2, t2, PTE_V | PTE_RWX
    sd      t2, 0(t1)
    li      t3, 1 << 19
    add     t2, t2, t3
    sd      t2, 8(t1)

    /* After satp is written, the next fetch, at a physical address, faults and jumps to stvec, a virtual address. */
    srli    t0, t0, 12
    li      t1, 8 << ATP_MODE_SHIFT     /* Sv39; clang's assembler rejects the suffix in ATP_MODE_SV39 */
    or      t0, t0, t1
    lla     t1, 3f
    sub     t1, t1, s2
    li      t2, IMAGE_BASE
    add     t1, t1, t2
    csrw    CSR_STVEC, t1
    sfence.vma
    csrw    CSR_SATP, t0
    lla     a0, msg_sv39                /* no fault: the hart has ignored the mode */
    j       boot_fail
    .balign 4
3:  lla     sp, boot_stack_top
    lla     tp, boot_hart
    lla     t0, trap_entry
    csrw    CSR_STVEC, t0
    /* Set boot_hart's stack bounds now, so that an early fault is reported. */
    lla     t0, boot_stack
    sd      t0, HART_STACK_LOW(tp)
    sd      sp, HART_STACK_TOP(tp)
    lla     t0, boot_emergency_top
    sd      t0, HART_EMERGENCY_TOP(tp)
    mv      s4, zero
    mv      a0, s0
    mv      a1, s1
    mv      fp, zero                    /* the backtrace ends here */
    call    boot_main
    j       park

/* void switch_stack(uint64_t sp, void (*fn)(void)) calls fn on another stack and never returns. */
    .text
    .globl switch_stack
switch_stack:
    mv      sp, a0
    mv      fp, zero
    mv      ra, zero
    jr      a1

/* Entry of a secondary hart, started by HSM: a0 = hart id, a1 = physical address of its struct hart_start_args. */
    .globl secondary_start
    .balign 4
secondary_start:
    csrw    CSR_SIE, zero
    csrw    CSR_SSCRATCH, zero
    ld      t0, START_SATP(a1)
    ld      sp, START_SP(a1)
    ld      tp, START_HART(a1)
    lla     t1, 6f
    lla     t2, image_start
    sub     t1, t1, t2
    li      t2, IMAGE_BASE
    add     t1, t1, t2
    csrw    CSR_STVEC, t1
    sfence.vma
    csrw    CSR_SATP, t0
    .balign 4
6:  lla     t0, trap_entry
    csrw    CSR_STVEC, t0
    mv      fp, zero
    call    main_secondary
    j       park

    .section .rodata
msg_align: .asciz "\r\nhearth: boot failed: loaded at an address that is not 2 MiB-aligned\r\n"
msg_no_a:  .asciz "\r\nhearth: boot failed: this hart lacks the A extension\r\n"
msg_no_m:  .asciz "\r\nhearth: boot failed: this hart lacks the M extension\r\n"
msg_no_c:  .asciz "\r\nhearth: boot failed: this hart lacks compressed instructions (C or Zca)\r\n"
msg_trap:  .asciz "\r\nhearth: boot failed: an unexpected trap in the first instructions\r\n"
msg_sv39:  .asciz "\r\nhearth: boot failed: this hart has no Sv39\r\n"

    .data
    .balign 8
    .globl boot_lottery
boot_lottery: .dword 0

    .bss
    .balign 4096
boot_root:  .skip 4096
boot_image: .skip 4096
    .globl boot_stack
boot_stack: .skip 16384
boot_stack_top:
boot_emergency: .skip 4096
boot_emergency_top:
