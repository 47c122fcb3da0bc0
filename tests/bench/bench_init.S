/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_init.S - the first program of Linux's user space in the boot benchmark
 * (rdinit=/bench_init): its first instruction reads the time. It prints `# bench user ticks=N` and
 * powers the machine off.
 */
#define SYS_write  64
#define SYS_reboot 142

    .option norelax /* gp is not set */
    .globl  _start
    .text
_start:
    rdtime  s0
    la      s1, end /* digits, from the last to the first */
    li      t0, 10
1:  remu    t1, s0, t0
    divu    s0, s0, t0
    addi    t1, t1, '0'
    addi    s1, s1, -1
    sb      t1, (s1)
    bnez    s0, 1b

    la      a1, text
    la      a2, end - 20
    sub     a2, a2, a1
    call    print
    mv      a1, s1
    la      a2, newline_end
    sub     a2, a2, a1
    call    print

    li      a7, SYS_reboot
    li      a0, 0xfee1dead
    li      a1, 672274793
    li      a2, 0x4321fedc /* power off */
    ecall
2:  j       2b

print: /* a1: text, a2: length */
    li      a7, SYS_write
    li      a0, 1
    ecall
    ret

    .data
text:
    .ascii  "\n# bench user ticks="
    .space  20
end:
    .ascii  "\n"
newline_end:
