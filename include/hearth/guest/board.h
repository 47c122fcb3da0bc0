/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.h - a VM's board: the list of its devices, and the dispatch of accesses by guest-physical
 * address.
 *
 * A kind of device is one file in guest/devices/ with one const struct device_ops. A VM's list is
 * built from its description when the VM is created (board_describe()). It may have any number of
 * devices of one kind, each with its own addresses, interrupt number and state. Handlers run on the
 * hart of the accessing vcpu, concurrently for different vcpus, so each device has its own lock
 * (rank DEVICE).
 */
#pragma once

#include <hearth/core/vm_component.h>
#include <hearth/lib/types.h>

struct vm;
struct vcpu;
struct vm_config;
struct vm_device;
struct vcpu_exit;

/* Operations of a device that can be the VM's serial console. Any hart, no vcpu needed. */
struct device_console_ops {
    /* The VM's console has received input, or gained room for output: the device calls
     * console_client_*() again. */
    void (*event)(struct vm *vm, void *state);
    /* Takes up to len bytes of console input, first those that the device holds, for a reader other
     * than the device's driver. Returns the number of bytes. */
    size_t (*read)(struct vm *vm, void *state, char *buf, size_t len);
    /* Sends a break and then `key` to the guest. False: an earlier break is still pending. */
    bool (*send_break)(struct vm *vm, void *state, char key);
};

struct device_ops {
    const char *name;
    uint32_t access_sizes; /* OR of the permitted access widths 1, 2, 4, 8, naturally aligned.
                              Other accesses raise an access fault, as on a bus. */
    size_t state_size;     /* bytes of state of one device, zeroed before init */

    /* Called once for each device before vcpus run. dev does not move as long as the VM exists.
     * Returns 0 or -HV_E*. NULL: nothing to do. */
    int (*init)(struct vm *vm, struct vm_device *dev);
    /* VM (re)start: sets every register to its reset value. All vcpus are stopped. */
    void (*reset)(struct vm *vm, void *state);
    /* Register access at an offset from the device's base; offset + size is within its size.
     * Returns 0, or -HV_EFAULT: the guest receives a load/store access fault. */
    int (*read)(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t *value);
    int (*write)(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t value);
    /* The VM is being destroyed: cancels the device's timer events on this hart. No vcpu runs.
     * NULL: it has none. */
    void (*detach)(struct vm *vm, void *state);
    /* Adds the device's nodes under /soc. Returns 0 or an error (< 0) of libfdt's sequential-write
     * functions. NULL: no nodes. */
    int (*fdt)(const struct vm *vm, void *fdt, const struct vm_device *dev);
    const struct device_console_ops *console; /* NULL: not a console */
};

/* One device of a VM. Constant after the VM's creation. */
struct vm_device {
    const struct device_ops *ops;
    gpa_t base;    /* a multiple of 8; the device lies below VM_RAM_BASE */
    uint64_t size; /* bytes, a multiple of 8 */
    uint32_t irq;  /* interrupt source, below VM_CHANNEL_IRQ; 0: none */
    void *state;   /* ops->state_size bytes */
};

#define BOARD_DEVICES_MAX 16

/* Devices of a board to be created; the state of each is NULL. */
struct board_list {
    unsigned count;
    struct vm_device device[BOARD_DEVICES_MAX];
};

/* Addresses of the standard devices: a subset of QEMU's virt, as is VM_RAM_BASE. Device code uses
 * the addresses and interrupt numbers in its struct vm_device instead. */
#define BOARD_SYSCON_BASE 0x00100000ull
#define BOARD_RTC_BASE    0x00101000ull
#define BOARD_PLIC_BASE   0x0c000000ull
#define BOARD_UART_BASE   0x10000000ull

/* Interrupt numbers of the standard devices, as on virt. */
#define BOARD_UART_IRQ 10
#define BOARD_RTC_IRQ  11

/* Phandles in the generated device tree: PLIC, syscon, and vcpu i's interrupt controller and cpu
 * node. */
#define BOARD_PHANDLE_PLIC    1
#define BOARD_PHANDLE_SYSCON  2
#define BOARD_PHANDLE_INTC(i) (16 + 2 * (uint32_t)(i))
#define BOARD_PHANDLE_CPU(i)  (17 + 2 * (uint32_t)(i))

extern const struct vm_component board_component;

/*
 * Appends a device to the list. Returns 0; -HV_EINVAL: base or size is not a multiple of 8, the
 * range is empty or reaches into RAM, or the interrupt does not exist; -HV_EEXIST: another device
 * has one of its addresses, or its interrupt; -HV_ENOSPC: the list already has BOARD_DEVICES_MAX
 * devices.
 */
int __must_check board_add(struct board_list *list, const struct vm_device *dev);
/* Fills the list with the devices of a VM with this description. Returns 0 or board_add()'s
 * error. */
int __must_check board_describe(const struct vm_config *config, struct board_list *list);
/* Allocates, initialises and resets the devices of the list for a VM, whose vcpus exist. Returns 0;
 * -HV_EINVAL: the list is empty; -HV_ENOMEM; or a device's error (-HV_EEXIST: a second interrupt
 * controller). On error nothing stays allocated. */
int __must_check board_create(struct vm *vm, const struct board_list *list);
/* Both of the above: creates the board of the VM's description. */
int __must_check board_init(struct vm *vm);
/* Returns the VM's devices in the order of its list, and their number in *count: 0 without a
 * board. */
const struct vm_device *board_devices(const struct vm *vm, unsigned *count);
/* Returns the VM's first device of this kind; NULL: none. */
const struct vm_device *board_find(const struct vm *vm, const struct device_ops *ops);
/* Returns the VM's serial console: its first device that can be one; NULL: none. */
const struct vm_device *board_console(const struct vm *vm);
/* Frees the devices' memory, if the VM's vcpus have never run or after the devices' detach on every
 * hart. */
void board_destroy(struct vm *vm);
/* Resets every device: VM (re)start, all vcpus stopped. Any hart. */
void board_reset(struct vm *vm);
/* For fdt(): opens the node "name@base" and writes its compatible (NUL-separated strings; the size
 * includes the last NUL) and reg. Returns 0 or a libfdt error (< 0). */
int __must_check board_fdt_begin(void *fdt, const struct vm_device *dev, const char *name,
                                 const char *compatible, size_t compatible_size);
/* Tells the console's device that it has input, or room for output. */
void board_console_event(struct vm *vm);
/* Reads up to len bytes of the VM's input in order and returns the number. For the SBI consoles,
 * which also read the input that the UART has already received, as firmware would. Takes device
 * locks. */
size_t board_console_read(struct vm *vm, char *buf, size_t len);
/* Sends a break and then a key on the VM's serial line: Linux's Magic SysRq. Returns false and
 * sends nothing while the guest has not read an earlier break, because a second break before the
 * key would cancel the first. */
bool board_console_break(struct vm *vm, char key);

/*
 * Performs one access of `size` = 1, 2, 4 or 8 bytes at gpa. Returns 0 with *value read
 * (zero-extended) or written; -HV_EFAULT: no device is there, or it refused the width, the
 * alignment or the offset. Bits of a written value above its width are ignored.
 */
int __must_check mmio_read(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t *value);
int __must_check mmio_write(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t value);

/* The devices. */
extern const struct device_ops uart_ops, plic_ops, rtc_ops, syscon_ops;
