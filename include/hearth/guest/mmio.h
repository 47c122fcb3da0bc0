/*
 * mmio.h - the guest's board: which device answers at which guest-physical address.
 *
 * A device is one file in guest/devices/ with one const struct device_ops, and one row in the table
 * board_rows[] (guest/board.c). State is allocated per VM. Handlers run on the hart of the
 * accessing vcpu, concurrently for different vcpus: each device has its own lock (rank DEVICE).
 */
#pragma once

#include <hearth/core/vm_component.h>
#include <hearth/lib/types.h>

struct vm;
struct vcpu;
struct board_row;
struct vcpu_exit;
struct exit_result;

struct device_ops {
    const char *name;
    uint32_t access_sizes; /* OR of the permitted access widths 1, 2, 4, 8; naturally aligned only.
                              Anything else is answered with an access fault, as a bus would. */
    size_t state_size;     /* bytes of per-VM state, zeroed before init */

    /* Once per VM, before vcpus run. 0 or -HV_E*. NULL: nothing to do. */
    int (*init)(struct vm *vm, void *state);
    /* VM (re)start: put every register to its reset value. All vcpus are stopped. */
    void (*reset)(struct vm *vm, void *state);
    /* Register access, offset from the row's base, offset + size within the row's size. 0, or
     * -HV_EFAULT: the guest gets the load/store access fault. */
    int (*read)(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t *value);
    int (*write)(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t value);
    /* The VM's console received input (or gained room): look at console_client_*() again. NULL: not
     * a console. May be called from any hart without a vcpu. */
    void (*console_event)(struct vm *vm, void *state);
    /* Takes up to len bytes of the console's input for others than the device's driver, those that
     * the device holds first; how many. NULL: not a console. */
    size_t (*console_read)(struct vm *vm, void *state, char *buf, size_t len);
    /* The console's line is broken for a moment, and then `key` comes. NULL: not a console. As
     * above.
     */
    bool (*console_break)(struct vm *vm, void *state, char key);
    /* The VM goes away, and this hart is to have nothing of it any more: cancels the device's timer
     * events on it. No vcpu runs. NULL: it has none. */
    void (*detach)(struct vm *vm, void *state);
    /* Adds the device's node(s) under /soc. NULL: none. libfdt sequential-write errors (< 0). */
    int (*fdt)(const struct vm *vm, void *fdt, const struct board_row *row);
};

/* One device instance on the board. */
struct board_row {
    const struct device_ops *ops;
    gpa_t base;
    uint64_t size;
    uint32_t irq; /* PLIC source, 0 = none */
};

#define BOARD_ROWS_MAX 16 /* VM_SLOT_BOARD */
extern const struct board_row board_rows[];
extern const unsigned board_row_count;

/* Guest-physical layout: a subset of QEMU's virt, as VM_RAM_BASE is. */
#define BOARD_SYSCON_BASE 0x00100000ull
#define BOARD_RTC_BASE    0x00101000ull
#define BOARD_PLIC_BASE   0x0c000000ull
#define BOARD_UART_BASE   0x10000000ull

/* PLIC source numbers, as on virt. */
#define BOARD_UART_IRQ 10
#define BOARD_RTC_IRQ  11

/* Device-tree phandles of the generated tree: PLIC, syscon, and vcpu i's interrupt controller. */
#define BOARD_PHANDLE_PLIC    1
#define BOARD_PHANDLE_SYSCON  2
#define BOARD_PHANDLE_INTC(i) (16 + 2 * (uint32_t)(i))
#define BOARD_PHANDLE_CPU(i)  (17 + 2 * (uint32_t)(i))

extern const struct vm_component board_component;

/* Allocates and initialises the devices of a VM and resets them. 0, -HV_ENOMEM, or a device's
 * error; on error nothing stays allocated. */
int __must_check board_init(struct vm *vm);
/* Gives the devices' memory back: of a VM whose vcpus have never run, or after its
 * devices' detach on every hart. */
void board_destroy(struct vm *vm);
/* Every device to its reset values: VM (re)start, all vcpus stopped. Any hart. */
void board_reset(struct vm *vm);
/* For fdt(): opens the node "name@base" with its compatible (NUL-separated strings, the last NUL
 * counted) and reg. libfdt errors (< 0). */
int __must_check board_fdt_begin(void *fdt, const struct board_row *row, const char *name,
                                 const char *compatible, size_t compatible_size);
/* Tells the devices that the VM's console has input. */
void board_console_event(struct vm *vm);
/* What was typed for the VM, in its order, up to len bytes; returns how many. For the SBI's
 * consoles, which see the input that their UART has taken in, as firmware would. Takes device
 * locks. */
size_t board_console_read(struct vm *vm, char *buf, size_t len);
/* A break on the VM's serial line, and a key behind it: how Linux's Magic SysRq is called. False:
 * nothing was sent, because the guest has not taken the break before yet: another one ahead of the
 * key would call it off. */
bool board_console_break(struct vm *vm, char key);

/*
 * One access of `size` = 1, 2, 4 or 8 bytes at gpa. 0 with *value read (zero-extended) or written;
 * -HV_EFAULT: nothing is there, or the device refused the width, the alignment or the offset. Bits
 * of a written value above its width are ignored.
 */
int __must_check mmio_read(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t *value);
int __must_check mmio_write(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t value);

/* The devices. */
extern const struct device_ops uart_ops, plic_ops, rtc_ops, syscon_ops;
