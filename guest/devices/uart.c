/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uart.c - the guest's serial port: a 16550A with its FIFOs, at registers of one byte. Data sheet:
 * National Semiconductor PC16550D.
 *
 * The line of a VM's first serial port is its console; nothing is connected to further ones. A
 * character written is transmitted at once, and THRE and TEMT stay set, while the console has room
 * for it. Else it waits in the transmit FIFO, with THRE and TEMT
 * clear, until the console has room for all that is there; a character for which the FIFO has no
 * room is lost, and counted, as in the chip. Received characters wait in the console and move into
 * the receive FIFO as it has room: the device never overruns by itself, only in loopback.
 * Characters in the FIFO below the trigger level raise the time-out interrupt at once instead of
 * after four character times.
 *
 * A break, which the management shell can send, comes as the data sheet says: a character 0 with
 * LSR.BI. It is given to an empty FIFO only, so that BI belongs to the character on top, and the
 * key behind it before anything else.
 *
 * Locking: uart->lock (rank DEVICE), all fields, with one exception: lsr is changed under the lock
 * and may be read without it. A read of LSR that finds no error to clear has no side effect, and DR
 * is kept up to date by whoever fills or empties the FIFO, so the polling loops of guests take no
 * lock.
 */
#include "uart_regs.h"

#include <arch/atomic.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/lock.h>
#include <hearth/guest/mmio.h>
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
    bool tx_pending;  /* "transmitter holding register empty" waits to be seen */
    bool line;        /* what the interrupt controller was last told */
    char break_key;   /* comes behind a break; 0: no break is to come */
    bool break_given; /* the break itself is in the FIFO, or has been read */
    uint8_t head, count;
    char fifo[FIFO_SIZE];
    uint8_t tx_count; /* characters that wait in the transmit FIFO; 0: THRE is set */
    char tx_fifo[FIFO_SIZE];

    /* Made by uart_init(), no part of the device's state. */
    struct spinlock lock;
    const struct vm_device *dev;
    bool connected; /* to the VM's console; else nothing is at the other end */
};

static inline void set_lsr(struct uart *u, uint8_t lsr)
{
    atomic_store_relaxed(&u->lsr, lsr);
}

static unsigned fifo_limit(const struct uart *u)
{
    return u->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned rx_trigger(const struct uart *u)
{
    static const uint8_t level[4] = {1, 4, 8, 14};

    return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The highest-priority interrupt, as IIR shows it (without the FIFO bits). */
static uint8_t interrupt_id(const struct uart *u)
{
    if ((u->ier & IER_LINE) && (u->lsr & LSR_ERRORS))
        return IIR_LINE;
    if ((u->ier & IER_RX) && u->count > 0)
        return u->count >= rx_trigger(u) ? IIR_RX : IIR_TIMEOUT;
    if ((u->ier & IER_TX) && u->tx_pending)
        return IIR_TX;
    if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTA))
        return IIR_MODEM;
    return IIR_NONE;
}

static void update_line(struct vm *vm, struct uart *u)
{
    bool line = interrupt_id(u) != IIR_NONE;

    if (line != u->line) {
        u->line = line;
        vm_set_irq(vm, u->dev->irq, line);
    }
}

static void fifo_put(struct uart *u, char c)
{
    if (u->count == fifo_limit(u)) {
        set_lsr(u, u->lsr | LSR_OE);
        if (!(u->fcr & FCR_ENABLE)) /* without FIFO the new character takes the old one's place */
            u->fifo[u->head] = c;
        return;
    }
    u->fifo[(u->head + u->count) % FIFO_SIZE] = c;
    u->count++;
    set_lsr(u, u->lsr | LSR_DR);
}

static char fifo_get(struct uart *u)
{
    char c;

    if (u->count == 0)
        return 0;
    c = u->fifo[u->head];
    u->head = (uint8_t)((u->head + 1) % FIFO_SIZE);
    u->count--;
    if (u->count == 0)
        set_lsr(u, u->lsr & (uint8_t)~LSR_DR);
    return c;
}

static void fifo_clear(struct uart *u)
{
    u->head = 0;
    u->count = 0;
    set_lsr(u, u->lsr & (uint8_t)~LSR_DR);
}

/* A break that is to come, and its key: each on an empty FIFO. True: other input has to wait. */
static bool give_break(struct uart *u)
{
    if (u->break_key == 0)
        return false;
    if (u->count > 0)
        return true;
    if (!u->break_given) {
        u->break_given = true;
        fifo_put(u, 0);
        set_lsr(u, u->lsr | LSR_BI);
        return true;
    }
    fifo_put(u, u->break_key);
    u->break_key = 0;
    u->break_given = false;
    return false;
}

/* Moves waiting input into the FIFO. In loopback the receiver is cut off from the line. */
static void fifo_fill(struct vm *vm, struct uart *u)
{
    char buf[FIFO_SIZE];
    size_t room, n;

    if ((u->mcr & MCR_LOOP) || give_break(u))
        return;
    room = fifo_limit(u) - u->count;
    if (room == 0 || !u->connected || !console_client_has_input(vm->console))
        return;
    n = console_client_read(vm->console, buf, room);
    for (size_t i = 0; i < n; i++)
        fifo_put(u, buf[i]);
}

/* The console has no room for the character, or for those before it. */
static __noinline void uart_transmit_later(struct vm *vm, struct uart *u, char c)
{
    u->tx_pending = false;
    set_lsr(u, u->lsr & (uint8_t)~LSR_TX_IDLE);
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
        u->tx_pending = true; /* full, and empty again at once */
}

/* As much as the console has room for. (FCR's bit that empties the FIFO is ignored: the characters
 * are on their way.) */
static void uart_transmit_waiting(struct vm *vm, struct uart *u)
{
    size_t n;

    if (u->tx_count == 0)
        return;
    n = console_client_write(vm->console, u->tx_fifo, u->tx_count);
    u->tx_count = (uint8_t)(u->tx_count - n);
    memmove(u->tx_fifo, u->tx_fifo + n, u->tx_count);
    if (u->tx_count == 0) {
        set_lsr(u, u->lsr | LSR_TX_IDLE);
        u->tx_pending = true;
    }
}

static void uart_drop_waiting(struct vm *vm, struct uart *u)
{
    console_client_lost(vm->console, u->tx_count);
    u->tx_count = 0;
    set_lsr(u, u->lsr | LSR_TX_IDLE);
}

static void write_fcr(struct uart *u, uint8_t value)
{
    if ((value ^ u->fcr) & FCR_ENABLE)
        fifo_clear(u);
    if (!(value & FCR_ENABLE)) { /* the other bits are programmed only together with this one */
        u->fcr &= (uint8_t)~FCR_ENABLE;
        return;
    }
    if (value & FCR_CLEAR_RX)
        fifo_clear(u);
    u->fcr = value & 0xc9;
}

/* The modem's inputs: a terminal that is always there, or in loopback our own outputs. */
static uint8_t modem_signals(uint8_t mcr)
{
    if (!(mcr & MCR_LOOP))
        return MSR_DCD | MSR_DSR | MSR_CTS;
    return (uint8_t)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
                     (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr(struct uart *u, uint8_t value)
{
    uint8_t before = u->msr & (uint8_t)~MSR_DELTA, now, delta;

    u->mcr = value & MCR_MASK;
    now = modem_signals(u->mcr);
    delta = (uint8_t)((before ^ now) >> 4);
    if (now & MSR_RI) /* the ring indicator reports its trailing edge only */
        delta &= (uint8_t)~MSR_TERI;
    u->msr = (uint8_t)(now | (u->msr & MSR_DELTA) | delta);
}

static uint8_t read_iir(struct vm *vm, struct uart *u)
{
    uint8_t id = interrupt_id(u);

    if (id == IIR_TX) {
        u->tx_pending = false;
        update_line(vm, u);
    }
    return u->fcr & FCR_ENABLE ? id | IIR_FIFO : id;
}

/* Those that change what may interrupt bring the line up to date. */
static uint8_t read_register(struct vm *vm, struct uart *u, uint64_t reg)
{
    uint8_t value;

    switch (reg) {
    case REG_RBR_THR_DLL:
        if (u->lcr & LCR_DLAB)
            return u->dll;
        value = (uint8_t)fifo_get(u);
        fifo_fill(vm, u);
        update_line(vm, u);
        return value;
    case REG_IER_DLM:
        return u->lcr & LCR_DLAB ? u->dlm : u->ier;
    case REG_IIR_FCR:
        return read_iir(vm, u);
    case REG_LCR:
        return u->lcr;
    case REG_MCR:
        return u->mcr;
    case REG_LSR:
        value = u->lsr;
        set_lsr(u, value & (uint8_t)~LSR_ERRORS);
        update_line(vm, u);
        return value;
    case REG_MSR:
        value = u->msr;
        u->msr &= (uint8_t)~MSR_DELTA;
        update_line(vm, u);
        return value;
    default:
        return u->scr;
    }
}

static __attribute__((noinline)) int read_locked(struct vm *vm, struct uart *u, uint64_t offset,
                                                 uint64_t *value)
{
    if (offset >= REG_COUNT)
        return -HV_EFAULT;
    lock_acquire(&u->lock);
    *value = read_register(vm, u, offset);
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
        *value = 0; /* nothing to take, nothing to move */
        return 0;
    }
    return read_locked(vcpu->vm, u, offset, value);
}

static void write_register(struct vm *vm, struct uart *u, uint64_t reg, uint8_t value)
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
        fifo_put(u, (char)value);
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
        write_fcr(u, value);
        fifo_fill(vm, u);
        return;
    case REG_LCR:
        u->lcr = value;
        return;
    case REG_MCR:
        write_mcr(u, value);
        fifo_fill(vm, u);
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
    write_register(vcpu->vm, u, offset, (uint8_t)value);
    update_line(vcpu->vm, u);
    lock_release(&u->lock);
    return 0;
}

static void uart_console_event(struct vm *vm, void *state)
{
    struct uart *u = state;

    lock_acquire(&u->lock);
    uart_transmit_waiting(vm, u);
    fifo_fill(vm, u);
    update_line(vm, u);
    lock_release(&u->lock);
}

/* As firmware reads it: what it takes, and the errors it sees, the driver sees no more. */
static size_t uart_console_read(struct vm *vm, void *state, char *buf, size_t len)
{
    struct uart *u = state;
    size_t n = 0;

    lock_acquire(&u->lock);
    while (n < len) {
        if (u->count == 0)
            fifo_fill(vm, u);
        if (u->count == 0)
            break;
        buf[n++] = fifo_get(u);
        set_lsr(u, u->lsr & (uint8_t)~LSR_ERRORS);
    }
    fifo_fill(vm, u);
    update_line(vm, u);
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
        fifo_fill(vm, u);
        update_line(vm, u);
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
    u->msr = modem_signals(0);
    u->break_key = 0;
    u->break_given = false;
    uart_transmit_waiting(vm, u);
    uart_drop_waiting(vm, u);
    u->tx_pending = false;
    set_lsr(u, LSR_TX_IDLE);
    fifo_clear(u);
    fifo_fill(vm, u);
    update_line(vm, u);
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
