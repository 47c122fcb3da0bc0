/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mmio.h - a VM's board: the list of its devices, and which of them answers at which guest-physical
 * address.
 *
 * A kind of device is one file in guest/devices/ with one const struct device_ops. A VM's list is
 * built from its description when the VM is created (board_describe()); it may have any number of
 * one kind, each with its own addresses, interrupt number and state. Handlers run on the hart of
 * the accessing vcpu, concurrently for different vcpus: each device has its own lock (rank DEVICE).
 */
#pragma once

#include <hearth/core/vm_component.h>
#include <hearth/lib/types.h>

struct vm;
struct vcpu;
struct vm_config;
struct vm_device;
struct vcpu_exit;
struct exit_result;

/* What a device does as the VM's serial console. Any hart, no vcpu needed. */
struct device_console_ops {
    /* The VM's console received input (or gained room): look at console_client_*() again. */
    void (*event)(struct vm *vm, void *state);
    /* Takes up to len bytes of the console's input for others than the device's driver, those that
     * the device holds first; how many. */
    size_t (*read)(struct vm *vm, void *state, char *buf, size_t len);
    /* The console's line is broken for a moment, and then `key` comes. False: an earlier break is
     * still under way. */
    bool (*send_break)(struct vm *vm, void *state, char key);
};

struct device_ops {
    const char *name;
    uint32_t access_sizes; /* OR of the permitted access widths 1, 2, 4, 8; naturally aligned only.
                              Anything else is answered with an access fault, as a bus would. */
    size_t state_size;     /* bytes of state of one device, zeroed before init */

    /* Once for each device, before vcpus run; dev stays where it is as long as the VM lives. 0 or
     * -HV_E*. NULL: nothing to do. */
    int (*init)(struct vm *vm, struct vm_device *dev);
    /* VM (re)start: put every register to its reset value. All vcpus are stopped. */
    void (*reset)(struct vm *vm, void *state);
    /* Register access, offset from the device's base, offset + size within its size. 0, or
     * -HV_EFAULT: the guest gets the load/store access fault. */
    int (*read)(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t *value);
    int (*write)(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t value);
    /* The VM goes away, and this hart is to have nothing of it any more: cancels the device's timer
     * events on it. No vcpu runs. NULL: it has none. */
    void (*detach)(struct vm *vm, void *state);
    /* Adds the device's node(s) under /soc. NULL: none. libfdt sequential-write errors (< 0). */
    int (*fdt)(const struct vm *vm, void *fdt, const struct vm_device *dev);
    const struct device_console_ops *console; /* NULL: not a console */
};

/* One device of a VM. Constant after the VM was created. */
struct vm_device {
    const struct device_ops *ops;
    gpa_t base;    /* a multiple of 8; the device lies below VM_RAM_BASE */
    uint64_t size; /* bytes, a multiple of 8 */
    uint32_t irq;  /* source of the interrupt controller, below VM_CHANNEL_IRQ; 0: none */
    void *state;   /* ops->state_size bytes */
};

#define BOARD_DEVICES_MAX 16

/* Devices of a board that is to be made; the state of each is NULL. */
struct board_list {
    unsigned count;
    struct vm_device device[BOARD_DEVICES_MAX];
};

/* The layout of a VM's own devices: a subset of QEMU's virt, as VM_RAM_BASE is. Device code takes
 * addresses and interrupt numbers from its struct vm_device. */
#define BOARD_SYSCON_BASE 0x00100000ull
#define BOARD_RTC_BASE    0x00101000ull
#define BOARD_PLIC_BASE   0x0c000000ull
#define BOARD_UART_BASE   0x10000000ull

/* Interrupt numbers of that layout, as on virt. */
#define BOARD_UART_IRQ 10
#define BOARD_RTC_IRQ  11

/* Device-tree phandles of the generated tree: PLIC, syscon, and vcpu i's interrupt controller. */
#define BOARD_PHANDLE_PLIC    1
#define BOARD_PHANDLE_SYSCON  2
#define BOARD_PHANDLE_INTC(i) (16 + 2 * (uint32_t)(i))
#define BOARD_PHANDLE_CPU(i)  (17 + 2 * (uint32_t)(i))

extern const struct vm_component board_component;

/*
 * Appends a device to the list. 0, or why it is refused: -HV_EINVAL: base or size is not a multiple
 * of 8, it is empty or reaches into RAM, or there is no such interrupt; -HV_EEXIST: another device
 * has one of its addresses, or its interrupt; -HV_ENOSPC: BOARD_DEVICES_MAX are there.
 */
int __must_check board_add(struct board_list *list, const struct vm_device *dev);
/* The devices that a VM of this description has. 0, or board_add()'s error. */
int __must_check board_describe(const struct vm_config *config, struct board_list *list);
/* Allocates and initialises the devices of the list for a VM and resets them. 0, -HV_EINVAL
 * (an empty list), -HV_ENOMEM, or a device's error (-HV_EEXIST: a second interrupt controller); on
 * error nothing stays allocated. The VM's vcpus exist. */
int __must_check board_create(struct vm *vm, const struct board_list *list);
/* Both: the board of the VM's description. */
int __must_check board_init(struct vm *vm);
/* The VM's devices, *count of them, in the order of its list. Without a board: 0 of them. */
const struct vm_device *board_devices(const struct vm *vm, unsigned *count);
/* The VM's first device of this kind; NULL: it has none. */
const struct vm_device *board_find(const struct vm *vm, const struct device_ops *ops);
/* The device that is the VM's serial console, the first one that can be; NULL: none. */
const struct vm_device *board_console(const struct vm *vm);
/* Gives the devices' memory back: of a VM whose vcpus have never run, or after its
 * devices' detach on every hart. */
void board_destroy(struct vm *vm);
/* Every device to its reset values: VM (re)start, all vcpus stopped. Any hart. */
void board_reset(struct vm *vm);
/* For fdt(): opens the node "name@base" with its compatible (NUL-separated strings, the last NUL
 * counted) and reg. libfdt errors (< 0). */
int __must_check board_fdt_begin(void *fdt, const struct vm_device *dev, const char *name,
                                 const char *compatible, size_t compatible_size);
/* Tells the console's device that there is input. */
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
