/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscon.c - the guest's test finisher (SiFive test device, as on QEMU's virt): writes to its one
 * register end or restart the VM. The device tree describes it as a syscon for poweroff and reboot.
 *
 * Locking: none. The write that formats the reason claims `failed` once, atomically.
 */
#include <arch/atomic.h>
#include <hearth/guest/board.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/vm.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

/* Low half of the value written at offset 0; the high half is the code of a failure. */
enum finisher {
    FINISH_FAIL = 0x3333,
    FINISH_PASS = 0x5555,
    FINISH_RESET = 0x7777,
};

struct syscon {
    uint32_t failed;
    char reason[32]; /* vm->stop_reason points here after a failure, as long as the VM exists */
};

static int syscon_read(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                       uint64_t *value)
{
    (void)vcpu;
    (void)state;
    (void)offset;
    (void)size;
    *value = 0;
    return 0;
}

static void syscon_fail(struct vm *vm, struct syscon *s, unsigned code)
{
    uint32_t expected = 0;

    if (!atomic_cas(&s->failed, &expected, 1))
        return; /* an earlier failure is stopping the VM */
    (void)snprintf(s->reason, sizeof(s->reason), "guest failure code %u", code);
    vm_request_stop(vm, VM_STOP_POWEROFF, s->reason);
}

static int syscon_write(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                        uint64_t value)
{
    (void)size;
    if (offset != 0)
        return 0;
    switch (value & 0xffff) {
    case FINISH_PASS:
        vm_request_stop(vcpu->vm, VM_STOP_POWEROFF, "syscon poweroff");
        break;
    case FINISH_RESET:
        vm_request_stop(vcpu->vm, VM_STOP_REBOOT, "syscon reboot");
        break;
    case FINISH_FAIL:
        syscon_fail(vcpu->vm, state, (unsigned)(value >> 16 & 0xffff));
        break;
    default:
        break;
    }
    return 0;
}

static void syscon_reset(struct vm *vm, void *state)
{
    struct syscon *s = state;

    (void)vm;
    atomic_store_relaxed(&s->failed, 0);
}

static int syscon_fdt_finisher(void *fdt, const char *name, const char *compatible, uint32_t value)
{
    int err = fdt_begin_node(fdt, name);

    err = err ? err : fdt_property(fdt, "compatible", compatible, (int)strlen(compatible) + 1);
    err = err ? err : fdt_property_u32(fdt, "regmap", BOARD_PHANDLE_SYSCON);
    err = err ? err : fdt_property_u32(fdt, "offset", 0);
    err = err ? err : fdt_property_u32(fdt, "value", value);
    return err ? err : fdt_end_node(fdt);
}

static int syscon_fdt(const struct vm *vm, void *fdt, const struct vm_device *dev)
{
    static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";
    bool first = board_find(vm, &syscon_ops) == dev; /* the kernel's poweroff uses this one */
    int err = board_fdt_begin(fdt, dev, "test", compatible, sizeof(compatible));

    if (first && !err)
        err = fdt_property_u32(fdt, "phandle", BOARD_PHANDLE_SYSCON);
    err = err ? err : fdt_end_node(fdt);
    if (err || !first)
        return err;
    err = err ? err : syscon_fdt_finisher(fdt, "poweroff", "syscon-poweroff", FINISH_PASS);
    return err ? err : syscon_fdt_finisher(fdt, "reboot", "syscon-reboot", FINISH_RESET);
}

const struct device_ops syscon_ops = {
    .name = "syscon",
    .access_sizes = 2 | 4,
    .state_size = sizeof(struct syscon),
    .reset = syscon_reset,
    .read = syscon_read,
    .write = syscon_write,
    .fdt = syscon_fdt,
};
