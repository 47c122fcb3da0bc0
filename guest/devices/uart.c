/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uart.c - the guest's serial port: a 16550A with FIFOs and byte-wide registers. Data sheet:
 * National Semiconductor PC16550D.
 *
 * A VM's first serial port is its console; the others are connected to nothing. While the console
 * has room, a character written is transmitted at once, and THRE and TEMT stay set. Otherwise it
 * waits in the transmit FIFO, with THRE and TEMT clear, until the console has room for the whole
 * FIFO. A character for which the FIFO has no room is lost, as in the chip, and counted. Received
 * characters wait in the console and move into the receive FIFO as it has room, so it overruns only
 * in loopback. Characters in the FIFO below the trigger level raise the time-out interrupt at once
 * instead of after four character times.
 *
 * A break, which the management shell can send, arrives as the data sheet says: a character 0 with
 * LSR.BI. It enters only an empty FIFO, so that BI belongs to the top character, and its key
 * follows it before any other input.
 *
 * Locking: uart->lock (rank DEVICE) protects all fields. lsr is changed under the lock but may be
 * read without it: reading LSR has no side effect when no error bit is set, and DR is updated with
 * every change of the FIFO. So guests' polling loops take no lock.
 */
#include "uart_regs.h"

#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/lock.h>
#include <hearth/guest/board.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <libfdt.h>

#include <string.h>

#define UART_CLOCK_HZ 3686400

#define FIFO_SIZE 16
#define DLL_RESET 0x0c

struct uart {
    uint8_t lsr;
    uint8_t ier, fcr, lcr, mcr, msr, scr, dll, dlm;
    bool tx_pending;  /* "transmitter holding register empty" is to be reported */
    bool line;        /* level last reported to the interrupt controller */
    char break_key;   /* follows a break; 0: no break is pending */
    bool break_given; /* the break is in the FIFO or has been read */
    uint8_t head, count;
    char fifo[FIFO_SIZE];
    uint8_t tx_count; /* characters in the transmit FIFO; 0: THRE is set */
    char tx_fifo[FIFO_SIZE];

    /* Initialised by uart_init(), not part of the device's state. */
    struct spinlock lock;
    const struct vm_device *dev;
    bool connected; /* to the VM's console; false: to nothing */
};

static inline void uart_set_lsr(struct uart *u, uint8_t lsr)
{
    atomic_store_relaxed(&u->lsr, lsr);
}

static unsigned uart_fifo_limit(const struct uart *u)
{
    return u->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned uart_rx_trigger(const struct uart *u)
{
    static const uint8_t level[4] = {1, 4, 8, 14};

    return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The highest-priority interrupt, as IIR shows it (without the FIFO bits). */
static uint8_t uart_interrupt_id(const struct uart *u)
{
    if ((u->ier & IER_LINE) && (u->lsr & LSR_ERRORS))
        return IIR_LINE;
    if ((u->ier & IER_RX) && u->count > 0)
        return u->count >= uart_rx_trigger(u) ? IIR_RX : IIR_TIMEOUT;
    if ((u->ier & IER_TX) && u->tx_pending)
        return IIR_TX;
    if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTA))
        return IIR_MODEM;
    return IIR_NONE;
}

/* Not inlined, so that accesses which leave the line as it is are short. */
static __noinline void uart_set_line(struct vm *vm, struct uart *u, bool line)
{
    u->line = line;
    vm_set_irq(vm, u->dev->irq, line);
}

static inline void uart_update_line(struct vm *vm, struct uart *u)
{
    bool line = uart_interrupt_id(u) != IIR_NONE;

    if (line != u->line)
        uart_set_line(vm, u, line);
}

static void uart_fifo_put(struct uart *u, char c)
{
    if (u->count == uart_fifo_limit(u)) {
        uart_set_lsr(u, u->lsr | LSR_OE);
        if (!(u->fcr & FCR_ENABLE)) /* without FIFO the new character replaces the old one */
            u->fifo[u->head] = c;
        return;
    }
    u->fifo[(u->head + u->count) % FIFO_SIZE] = c;
    u->count++;
    uart_set_lsr(u, u->lsr | LSR_DR);
}

static char uart_fifo_get(struct uart *u)
{
    char c;

    if (u->count == 0)
        return 0;
    c = u->fifo[u->head];
    u->head = (uint8_t)((u->head + 1) % FIFO_SIZE);
    u->count--;
    if (u->count == 0)
        uart_set_lsr(u, u->lsr & (uint8_t)~LSR_DR);
    return c;
}

static void uart_fifo_clear(struct uart *u)
{
    u->head = 0;
    u->count = 0;
    uart_set_lsr(u, u->lsr & (uint8_t)~LSR_DR);
}

/* Puts a pending break, and then its key, into the FIFO, each when it is empty. Returns true while
 * other input has to wait. */
static bool uart_give_break(struct uart *u)
{
    if (u->break_key == 0)
        return false;
    if (u->count > 0)
        return true;
    if (!u->break_given) {
        u->break_given = true;
        uart_fifo_put(u, 0);
        uart_set_lsr(u, u->lsr | LSR_BI);
        return true;
    }
    uart_fifo_put(u, u->break_key);
    u->break_key = 0;
    u->break_given = false;
    return false;
}

/* Moves waiting input into the FIFO. Loopback disconnects the receiver from the line. */
static void uart_fifo_fill(struct vm *vm, struct uart *u)
{
    char buf[FIFO_SIZE];
    size_t room, n;

    if ((u->mcr & MCR_LOOP) || uart_give_break(u))
        return;
    room = uart_fifo_limit(u) - u->count;
    if (room == 0 || !u->connected || !console_client_has_input(vm->console))
        return;
    n = console_client_read(vm->console, buf, room);
    for (size_t i = 0; i < n; i++)
        uart_fifo_put(u, buf[i]);
}

/* Queues a character for which the console has no room yet. */
static __noinline void uart_transmit_later(struct vm *vm, struct uart *u, char c)
{
    u->tx_pending = false;
    uart_set_lsr(u, u->lsr & (uint8_t)~LSR_TX_IDLE);
    if (u->tx_count < FIFO_SIZE)
        u->tx_fifo[u->tx_count++] = c;
    else
        console_client_lost(vm->console, 1);
}

static inline void uart_transmit(struct vm *vm, struct uart *u, char c)
{
    if (unlikely(u->tx_count != 0) ||
        unlikely(u->connected && console_client_write(vm->console, &c, 1) == 0))
        uart_transmit_later(vm, u, c);
    else
        u->tx_pending = true; /* filled, and emptied at once */
}

/* Transmits as much of the FIFO as the console has room for. (FCR's bit that clears the transmit
 * FIFO is ignored: its characters count as transmitted.) */
static void uart_transmit_waiting(struct vm *vm, struct uart *u)
{
    size_t n;

    if (u->tx_count == 0)
        return;
    n = console_client_write(vm->console, u->tx_fifo, u->tx_count);
    u->tx_count = (uint8_t)(u->tx_count - n);
    memmove(u->tx_fifo, u->tx_fifo + n, u->tx_count);
    if (u->tx_count == 0) {
        uart_set_lsr(u, u->lsr | LSR_TX_IDLE);
        u->tx_pending = true;
    }
}

static void uart_drop_waiting(struct vm *vm, struct uart *u)
{
    console_client_lost(vm->console, u->tx_count);
    u->tx_count = 0;
    uart_set_lsr(u, u->lsr | LSR_TX_IDLE);
}

static void uart_write_fcr(struct uart *u, uint8_t value)
{
    if ((value ^ u->fcr) & FCR_ENABLE)
        uart_fifo_clear(u);
    if (!(value & FCR_ENABLE)) { /* without the enable bit the other bits are not written */
        u->fcr &= (uint8_t)~FCR_ENABLE;
        return;
    }
    if (value & FCR_CLEAR_RX)
        uart_fifo_clear(u);
    u->fcr = value & 0xc9;
}

/* Modem inputs: an always present terminal, or in loopback the port's own outputs. */
static uint8_t uart_modem_signals(uint8_t mcr)
{
    if (!(mcr & MCR_LOOP))
        return MSR_DCD | MSR_DSR | MSR_CTS;
    return (uint8_t)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
                     (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void uart_write_mcr(struct uart *u, uint8_t value)
{
    uint8_t before = u->msr & (uint8_t)~MSR_DELTA, now, delta;

    u->mcr = value & MCR_MASK;
    now = uart_modem_signals(u->mcr);
    delta = (uint8_t)((before ^ now) >> 4);
    if (now & MSR_RI) /* TERI reports only the trailing edge of the ring indicator */
        delta &= (uint8_t)~MSR_TERI;
    u->msr = (uint8_t)(now | (u->msr & MSR_DELTA) | delta);
}

static uint8_t uart_read_iir(struct vm *vm, struct uart *u)
{
    uint8_t id = uart_interrupt_id(u);

    if (id == IIR_TX) {
        u->tx_pending = false;
        uart_update_line(vm, u);
    }
    return u->fcr & FCR_ENABLE ? id | IIR_FIFO : id;
}

/* Reads that change an interrupt condition update the interrupt line. */
static uint8_t uart_read_register(struct vm *vm, struct uart *u, uint64_t reg)
{
    uint8_t value;

    switch (reg) {
    case REG_RBR_THR_DLL:
        if (u->lcr & LCR_DLAB)
            return u->dll;
        value = (uint8_t)uart_fifo_get(u);
        uart_fifo_fill(vm, u);
        uart_update_line(vm, u);
        return value;
    case REG_IER_DLM:
        return u->lcr & LCR_DLAB ? u->dlm : u->ier;
    case REG_IIR_FCR:
        return uart_read_iir(vm, u);
    case REG_LCR:
        return u->lcr;
    case REG_MCR:
        return u->mcr;
    case REG_LSR:
        value = u->lsr;
        uart_set_lsr(u, value & (uint8_t)~LSR_ERRORS);
        uart_update_line(vm, u);
        return value;
    case REG_MSR:
        value = u->msr;
        u->msr &= (uint8_t)~MSR_DELTA;
        uart_update_line(vm, u);
        return value;
    default:
        return u->scr;
    }
}

static __attribute__((noinline)) int uart_read_locked(struct vm *vm, struct uart *u,
                                                      uint64_t offset, uint64_t *value)
{
    if (offset >= REG_COUNT)
        return -HV_EFAULT;
    lock_acquire(&u->lock);
    *value = uart_read_register(vm, u, offset);
    lock_release(&u->lock);
    return 0;
}

static int uart_read(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                     uint64_t *value)
{
    struct uart *u = state;
    uint8_t lsr;

    (void)size;
    if (offset == REG_LSR) {
        lsr = atomic_load_acquire(&u->lsr);
        if (!(lsr & LSR_ERRORS)) {
            *value = lsr;
            return 0;
        }
    } else if (offset == REG_RBR_THR_DLL && !(atomic_load_acquire(&u->lsr) & LSR_DR) &&
               !(atomic_load_relaxed(&u->lcr) & LCR_DLAB) &&
               !console_client_has_input(vcpu->vm->console)) {
        *value = 0; /* the FIFO and the console are empty */
        return 0;
    }
    return uart_read_locked(vcpu->vm, u, offset, value);
}

static void uart_write_register(struct vm *vm, struct uart *u, uint64_t reg, uint8_t value)
{
    switch (reg) {
    case REG_RBR_THR_DLL:
        if (u->lcr & LCR_DLAB) {
            u->dll = value;
            return;
        }
        if (!(u->mcr & MCR_LOOP)) {
            uart_transmit(vm, u, (char)value);
            return;
        }
        u->tx_pending = true;
        uart_fifo_put(u, (char)value);
        return;
    case REG_IER_DLM:
        if (u->lcr & LCR_DLAB) {
            u->dlm = value;
            return;
        }
        if (((value & ~u->ier) & IER_TX) && u->tx_count == 0)
            u->tx_pending = true;
        u->ier = value & IER_MASK;
        return;
    case REG_IIR_FCR:
        uart_write_fcr(u, value);
        uart_fifo_fill(vm, u);
        return;
    case REG_LCR:
        u->lcr = value;
        return;
    case REG_MCR:
        uart_write_mcr(u, value);
        uart_fifo_fill(vm, u);
        return;
    case REG_SCR:
        u->scr = value;
        return;
    default: /* LSR (factory test only) and MSR: no effect */
        return;
    }
}

static int uart_write(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct uart *u = state;

    (void)size;
    if (offset >= REG_COUNT)
        return -HV_EFAULT;
    lock_acquire(&u->lock);
    uart_write_register(vcpu->vm, u, offset, (uint8_t)value);
    uart_update_line(vcpu->vm, u);
    lock_release(&u->lock);
    return 0;
}

static void uart_console_event(struct vm *vm, void *state)
{
    struct uart *u = state;

    lock_acquire(&u->lock);
    uart_transmit_waiting(vm, u);
    uart_fifo_fill(vm, u);
    uart_update_line(vm, u);
    lock_release(&u->lock);
}

/* Reads input for the SBI console, as firmware reads the UART: the driver no longer sees those
 * characters and their errors. */
static size_t uart_console_read(struct vm *vm, void *state, char *buf, size_t len)
{
    struct uart *u = state;
    size_t n = 0;

    lock_acquire(&u->lock);
    while (n < len) {
        if (u->count == 0)
            uart_fifo_fill(vm, u);
        if (u->count == 0)
            break;
        buf[n++] = uart_fifo_get(u);
        uart_set_lsr(u, u->lsr & (uint8_t)~LSR_ERRORS);
    }
    uart_fifo_fill(vm, u);
    uart_update_line(vm, u);
    lock_release(&u->lock);
    return n;
}

static bool uart_console_break(struct vm *vm, void *state, char key)
{
    struct uart *u = state;
    bool sent;

    lock_acquire(&u->lock);
    sent = u->break_key == 0;
    if (sent) {
        u->break_key = key;
        u->break_given = false;
        uart_fifo_fill(vm, u);
        uart_update_line(vm, u);
    }
    lock_release(&u->lock);
    return sent;
}

static int uart_init(struct vm *vm, struct vm_device *dev)
{
    struct uart *u = dev->state;

    lock_init(&u->lock, RANK_DEVICE);
    u->dev = dev;
    u->connected = board_console(vm) == dev;
    return 0;
}

static void uart_reset(struct vm *vm, void *state)
{
    struct uart *u = state;

    lock_acquire(&u->lock);
    u->ier = u->fcr = u->lcr = u->mcr = u->scr = u->dlm = 0;
    u->dll = DLL_RESET;
    u->msr = uart_modem_signals(0);
    u->break_key = 0;
    u->break_given = false;
    uart_transmit_waiting(vm, u);
    uart_drop_waiting(vm, u);
    u->tx_pending = false;
    uart_set_lsr(u, LSR_TX_IDLE);
    uart_fifo_clear(u);
    uart_fifo_fill(vm, u);
    uart_update_line(vm, u);
    lock_release(&u->lock);
}

static int uart_fdt(const struct vm *vm, void *fdt, const struct vm_device *dev)
{
    static const char compatible[] = "ns16550a";
    int err = board_fdt_begin(fdt, dev, "serial", compatible, sizeof(compatible));

    (void)vm;
    err = err ? err : fdt_property_u32(fdt, "clock-frequency", UART_CLOCK_HZ);
    err = err ? err : fdt_property_u32(fdt, "interrupts", dev->irq);
    err = err ? err : fdt_property_u32(fdt, "interrupt-parent", BOARD_PHANDLE_PLIC);
    return err ? err : fdt_end_node(fdt);
}

static const struct device_console_ops uart_console_ops = {
    .event = uart_console_event,
    .read = uart_console_read,
    .send_break = uart_console_break,
};

const struct device_ops uart_ops = {
    .name = "uart",
    .access_sizes = 1 | 2 | 4,
    .state_size = sizeof(struct uart),
    .init = uart_init,
    .reset = uart_reset,
    .read = uart_read,
    .write = uart_write,
    .fdt = uart_fdt,
    .console = &uart_console_ops,
};
