/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - the boot sequence. Runs on the hart that the firmware selected, initially on boot.S's
 * stack and map, and ends in the run loop like every other hart. Fatal boot errors are printed as
 * one line, and the machine is shut down.
 */
#include <arch/csr.h>
#include <arch/layout.h>
#include <hearth/arch/boot.h>
#include <hearth/arch/upcalls.h>
#include <hearth/init/boot_arguments.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/mm/boot_memory.h>
#include <hearth/console/console.h>
#include <hearth/config/descriptions.h>
#include <hearth/platform/entropy.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/arch/guest_trial.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/open_state.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/irq.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/observe.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/work.h>
#include <hearth/core/sched.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/sbi/lcof.h>
#include <hearth/kernel/machine.h>
#include <hearth/mm/gstage.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/platform/platform.h>
#include <hearth/core/run.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/init/hart.h>
#include <hearth/init/selftest.h>
#include <hearth/init/start_vms.h>
#include <hearth/mm/stage1.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/mm/vmid.h>
#include <hearth/platform/wallclock.h>

#include <libfdt.h>
#include <string.h>

#define HEARTH_VERSION "0.1"

__noreturn static void main_boot_failed(const char *what, const char *why)
{
    log_error("boot failed: %s%s%s", what, why != NULL ? ": " : "", why != NULL ? why : "");
    machine_off(MACHINE_EXIT_BOOT_FAILED);
}

/* Finds registers that guests can access and no bit disables (open_state.h). */
static void main_find_open_state(uint64_t hgatp)
{
    char why[OPEN_STATE_NAME_MAX] = "";

    if (open_state_find(hgatp, why) < 0)
        main_boot_failed("guests could see each other's state, which cannot be switched", why);
}

/* Probes the harts' features, partly by running a few instructions in VS- and VU-mode. */
static int main_probe_isa(void)
{
    struct gstage empty, code;
    int err = isa_probe_modes();
    uint64_t size;
    hpa_t first;

    if (err < 0)
        return err;
    if (gstage_init(&empty, host_isa.gstage_levels) < 0)
        return -HV_ENOMEM;
    if (gstage_init(&code, host_isa.gstage_levels) < 0) {
        gstage_destroy(&empty);
        return -HV_ENOMEM;
    }
    guest_trial_range(&first, &size);
    err = gstage_map(&code, first, first, size, GSTAGE_R | GSTAGE_X);
    if (err == 0) {
        isa_probe(gstage_hgatp(&empty, 0), gstage_hgatp(&code, 0));
        main_find_open_state(gstage_hgatp(&code, 0));
    }
    gstage_destroy(&code);
    gstage_destroy(&empty);
    return err;
}

/*
 * Free memory is RAM without reserved ranges, this image, the device tree and the bundle. Tree and
 * bundle are read in place, even inside a reserved range. 0 or -HV_E* from main_probe_isa().
 */
static int main_init_memory(const struct platform *p)
{
    static struct mem_range keep[PLATFORM_RESERVED_MAX + 3]; /* too large for the stack */
    extern const char image_start[], image_end[];
    const struct mem_range tree = {virt_to_phys(p->fdt), fdt_totalsize(p->fdt)};
    const struct mem_range bundle = {p->initrd, p->initrd_size};
    struct stage1_plan plan = {.ram = p->mem, .ram_count = p->mem_count, .keep = keep};
    uint32_t n = p->reserved_count;
    int err;

    memcpy(keep, p->reserved, n * sizeof(keep[0]));
    keep[n++] = (struct mem_range){image_to_phys(image_start), (uint64_t)(image_end - image_start)};
    plan.keep_count = n;
    plan.read_only[0] = tree;
    plan.read_only[1] = bundle;
    keep[n++] = tree;
    keep[n++] = bundle;
    if (boot_memory_init(p->mem, p->mem_count, keep, n) < 0)
        main_boot_failed("memory", "too little for the page allocator");
    err = main_probe_isa();
    return err < 0 ? err : stage1_init(&plan);
}

/* Sets the handlers of interrupts and IPIs. */
static void main_set_handlers(void)
{
    irq_set_handler(IRQ_S_SOFT, ipi_interrupt);
    irq_set_handler(IRQ_S_TIMER, timer_interrupt);
    irq_set_handler(IRQ_S_EXT, hostirq_interrupt);
    irq_set_handler(IRQ_LCOF, lcof_interrupt);
    ipi_add_listener(observe_apply);
    ipi_add_listener(work_interrupted);
    ipi_add_listener(sched_interrupted);
    machine_set_drain(console_drain);
}

/* Checks that the bundle is inside the direct map and does not overlap other data. */
static void main_check_bundle(const struct platform *p)
{
    extern const char image_start[], image_end[];
    const hpa_t start = p->initrd;
    const uint64_t size = p->initrd_size;

    if (size == 0)
        return;
    if (!range_within(start, size, direct_map_phys, DIRECT_MAP_SIZE))
        main_boot_failed("device tree", "the initrd is outside the direct map");
    if (ranges_overlap(start, size, image_to_phys(image_start),
                       (uint64_t)(image_end - image_start)))
        main_boot_failed("device tree", "the initrd overlaps the hypervisor");
    if (ranges_overlap(start, size, virt_to_phys(p->fdt), fdt_totalsize(p->fdt)))
        main_boot_failed("device tree", "the initrd overlaps the device tree");
}

static void main_warn_platform(const struct platform *p)
{
    if (p->harts_unused != 0)
        log_warn("device tree: more than %u harts: %u are not used", HARTS_MAX, p->harts_unused);
    for (uint32_t i = 0; i < p->misplaced_count; i++)
        log_warn("device tree: %s: its register address is invalid: it is ignored",
                 p->misplaced[i]);
    if (p->uart.kind == UART_NONE)
        log_warn("device tree: no supported UART: using the firmware's console");
}

static void main_read_platform(hpa_t fdt)
{
    const char *why = NULL;

    if (fdt < direct_map_phys || fdt - direct_map_phys >= DIRECT_MAP_SIZE || (fdt & 7) != 0)
        main_boot_failed("device tree", "the address in a1 is invalid");
    if (platform_read(phys_to_virt(fdt), 16 * MIB, this_hart()->hartid, &host_platform, &why) < 0)
        main_boot_failed("device tree", why);
    timer_set_frequency(host_platform.timebase_hz);
    if (isa_read(host_platform.fdt, &host_isa, &why) < 0)
        main_boot_failed("device tree", why);
    boot_arguments_read(host_platform.fdt);
    main_check_bundle(&host_platform);
    if (!host_isa.h)
        main_boot_failed("this machine's harts lack the H extension", NULL);
}

static void main_read_bundle(void)
{
    const char *why = NULL;

    if (host_platform.initrd_size == 0)
        main_boot_failed("no bundle", "pass one as the initrd (tools/hearth bundle)");
    if (descriptions_read(phys_to_virt(host_platform.initrd), host_platform.initrd_size, &why) < 0)
        main_boot_failed("bundle", why);
}

/* Names the modes that G-stages may have, like "Sv39x4/48x4/57x4". */
static const char *main_gstage_modes(void)
{
    static const char *const names[8] = {
        [BIT(0)] = "Sv39x4",
        [BIT(1)] = "Sv48x4",
        [BIT(0) | BIT(1)] = "Sv39x4/48x4",
        [BIT(2)] = "Sv57x4",
        [BIT(0) | BIT(2)] = "Sv39x4/57x4",
        [BIT(1) | BIT(2)] = "Sv48x4/57x4",
        [BIT(0) | BIT(1) | BIT(2)] = "Sv39x4/48x4/57x4",
    };

    return names[host_isa.gstage_modes >> 3 & 7];
}

/* Continues boot_main() on the boot hart's own stack, which has guard pages. */
static void main_on_stack(void)
{
    wallclock_init(&host_platform);
    host_drivers_probe(&host_platform);
    console_init_device();
    main_warn_platform(&host_platform);
    if (!entropy_init(host_platform.fdt))
        log_warn("the host's device tree has no rng-seed: the guests' seeds can be guessed");
    vmid_init(host_isa.vmid_bits);
    hart_init_self();
    harts_start();
    console_start(&host_platform);
    log_info("Hearth " HEARTH_VERSION " on %u harts, %lu MiB free, G-stage %s, %u VMID bits%s",
             harts_online(), page_alloc_free_bytes() / MIB, main_gstage_modes(), host_isa.vmid_bits,
             host_isa.sstc ? ", Sstc" : "");
    selftest_run(this_hart()->index);
    trace_init();
    main_read_bundle();
    start_vms();
    run_hart();
}

void boot_main(uint64_t hartid, hpa_t fdt)
{
    int err;

    sbi_client_init();
    console_init();
    main_set_handlers();
    this_hart()->hartid = hartid;
    main_read_platform(fdt);
    err = main_init_memory(&host_platform);
    if (err == -HV_ENODEV)
        main_boot_failed("this machine's harts have no usable hgatp mode", NULL);
    if (err < 0 || harts_init(&host_platform, hartid) < 0)
        main_boot_failed("memory", "too little for the hypervisor's own tables");
    if (harts[this_hart()->index] != this_hart())
        main_boot_failed("device tree", "the boot hart is not among its cpus");
    switch_stack(this_hart()->stack_top, main_on_stack);
}
