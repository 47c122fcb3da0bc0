/* SPDX-License-Identifier: Apache-2.0 */
/* uart_regs.h - 16550A registers, for uart.c. */
#pragma once

/* Register offsets. DLAB selects the register at offsets 0 and 1, the access direction at 0 and
 * 2. */
enum uart_reg {
    REG_RBR_THR_DLL = 0,
    REG_IER_DLM = 1,
    REG_IIR_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCR = 7,
    REG_COUNT = 8,
};

#define IER_RX       0x01
#define IER_TX       0x02
#define IER_LINE     0x04
#define IER_MODEM    0x08
#define IER_MASK     0x0f
#define IIR_NONE     0x01
#define IIR_MODEM    0x00
#define IIR_TX       0x02
#define IIR_RX       0x04
#define IIR_LINE     0x06
#define IIR_TIMEOUT  0x0c
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define LCR_DLAB     0x80
#define MCR_DTR      0x01
#define MCR_RTS      0x02
#define MCR_OUT1     0x04
#define MCR_OUT2     0x08
#define MCR_LOOP     0x10
#define MCR_MASK     0x1f
#define LSR_DR       0x01
#define LSR_OE       0x02
#define LSR_BI       0x10
#define LSR_ERRORS   (LSR_OE | LSR_BI) /* cleared by reading */
#define LSR_TX_IDLE  0x60              /* THRE and TEMT */
#define MSR_DELTA    0x0f /* DCTS DDSR TERI DDCD: 4 bits below the signals they belong to */
#define MSR_TERI     0x04
#define MSR_CTS      0x10
#define MSR_DSR      0x20
#define MSR_RI       0x40
#define MSR_DCD      0x80
