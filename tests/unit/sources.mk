# SPDX-License-Identifier: Apache-2.0
# What each host unit test is linked from, beside its own tests/unit/test_NAME.c. One row a test:
#
#   unit_NAME_SRCS := guest/insn_decode.c tests/unit/fakes/some_fake.c
#
# Real sources, and those fakes of tests/unit/fakes/*.c that the test wants; libfdt and cmocka are
# always there. tests/unit/fakes/include comes before include/ in the search path, so
# #include <arch/csr.h> finds the fake. Everything is compiled by the host's gcc with
# -fsanitize=address,undefined and the hypervisor's own warnings. Add rows at the end.


SBI_UNIT_SRCS := $(addprefix sbi/,sbi.c sbi_state.c base.c time.c spi.c rfnc.c hsm.c srst.c dbcn.c susp.c sta.c legacy.c \
                                pmu.c pmu_info.c pmu_hw.c pmu_hpm.c perf.c fwft.c dbtr.c dbtr_hw.c) \
                 arch/riscv/host_pmu.c mm/memslot.c mm/page_alloc.c kernel/lock.c \
                 $(addprefix tests/unit/fakes/,sbi_vm.c console_guest.c virq.c vm_stop.c fake.c bulk.c firmware.c firmware_pmu.c timer.c)
SBI_UNIT_SRCS += $(addprefix sbi/,sse.c sse_exit.c sse_state.c sse_context.c) tests/unit/fakes/request.c
SBI_UNIT_SRCS += $(addprefix sbi/,hvc.c hvc_log.c host_comm.c mpxy.c) tests/unit/fakes/messages.c
SBI_UNIT_SRCS += sbi/hvc_channel.c ipc/channels.c tests/unit/fakes/remap.c
unit_channels_SRCS := $(filter-out mm/page_alloc.c,$(SBI_UNIT_SRCS)) tests/unit/fakes/page_alloc.c
unit_remap_SRCS := core/remap.c mm/gstage.c mm/memslot.c mm/page_alloc.c kernel/lock.c \
                   $(addprefix tests/unit/fakes/,fake.c bulk.c timer.c)
unit_sbi_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_hsm_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_pmu_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_hpm_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_fwft_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_sse_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_sse_model_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_hvc_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_sta_SRCS := $(SBI_UNIT_SRCS)
SCHED_UNIT_SRCS := $(wildcard core/sched/*.c) lib/tree.c core/stats.c kernel/lock.c \
                   $(addprefix tests/unit/fakes/,fake.c bulk.c timer.c)
unit_sched_SRCS := $(SCHED_UNIT_SRCS)
unit_sched_sim_SRCS := $(SCHED_UNIT_SRCS)
unit_vm_work_SRCS := $(SCHED_UNIT_SRCS) core/vm_work.c kernel/work.c
unit_place_SRCS := core/sched/place.c
unit_tree_SRCS := lib/tree.c
unit_spin_SRCS := core/spin.c tests/unit/fakes/fake.c
unit_messages_SRCS := ipc/messages.c $(addprefix tests/unit/fakes/,lock.c page_alloc.c)
unit_sbi_dbtr_SRCS := $(SBI_UNIT_SRCS)
unit_sbi_mpxy_SRCS := $(SBI_UNIT_SRCS)

unit_text_SRCS := lib/text.c
CONSOLE_UNIT_SRCS := $(wildcard console/*.c) kernel/log.c lib/text.c \
                     $(addprefix tests/unit/fakes/,bulk.c lock.c page_alloc.c hart.c timer.c)
unit_console_SRCS := $(CONSOLE_UNIT_SRCS)
unit_console_flow_SRCS := $(CONSOLE_UNIT_SRCS)

unit_insn_decode_SRCS := guest/insn_decode.c
$(B)/unit/obj/tests/unit/test_insn_decode.c.o: $(B)/unit/gen/insn_table.h
$(B)/unit/obj/tests/unit/test_insn_decode.c.o: UNIT_CPPFLAGS += -I$(B)/unit/gen
$(B)/unit/gen/insn_table.h: tests/unit/gen_insn_table.py
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) $< $(CROSS)as $(OBJCOPY) $@

BOARD_UNIT_SRCS := guest/board.c $(addprefix guest/devices/,uart.c plic.c rtc.c syscon.c) \
                   $(addprefix tests/unit/fakes/,lock.c hart.c page_alloc.c virq.c console_guest.c \
                                                 timer.c vm_stop.c wallclock.c)
unit_board_SRCS := $(BOARD_UNIT_SRCS)

# Device trees that QEMU generates, for the tests that read them: build/unit/data/NAME.dtb.
FDT_UNIT_DATA := $(patsubst tests/unit/data/%.dts,$(B)/unit/data/%.dtb,$(wildcard tests/unit/data/*.dts))
$(FDT_UNIT_DATA): $(B)/unit/data/%.dtb: tests/unit/data/%.dts
	$(call say,DTC,$<)
	@mkdir -p $(@D)
	$(Q)dtc -q -I dts -O dtb -o $@ $<
$(B)/unit/platform $(B)/unit/isa: $(FDT_UNIT_DATA)

unit_cpio_SRCS := lib/cpio.c
unit_platform_SRCS := lib/fdt_util.c platform/platform.c platform/platform_dev.c
unit_ns16550_SRCS := drivers/ns16550.c drivers/console_device.c tests/unit/fakes/io.c
unit_hostirq_SRCS := platform/hostirq.c drivers/plic.c drivers/aplic.c drivers/imsic.c \
                     $(addprefix tests/unit/fakes/,io.c lock.c hart.c csr.c)
unit_machine_SRCS := kernel/machine.c drivers/finisher.c drivers/goldfish_rtc.c drivers/console_device.c drivers/host_drivers.c platform/wallclock.c \
                     $(addprefix tests/unit/fakes/,io.c hart.c timer.c)
unit_plic_SRCS := $(BOARD_UNIT_SRCS)
unit_rtc_SRCS := $(BOARD_UNIT_SRCS)

unit_page_alloc_SRCS := mm/page_alloc.c kernel/lock.c tests/unit/fakes/fake.c tests/unit/fakes/bulk.c
unit_gstage_SRCS := mm/gstage.c mm/page_alloc.c kernel/lock.c tests/unit/fakes/fake.c tests/unit/fakes/bulk.c
unit_vmid_SRCS := mm/vmid.c kernel/lock.c tests/unit/fakes/fake.c tests/unit/fakes/bulk.c
unit_memslot_SRCS := mm/memslot.c mm/page_alloc.c kernel/lock.c tests/unit/fakes/fake.c tests/unit/fakes/bulk.c
unit_guest_mem_SRCS := mm/guest_mem.c tests/unit/fakes/fake.c tests/unit/fakes/bulk.c
unit_lock_SRCS := kernel/lock.c tests/unit/fakes/fake.c tests/unit/fakes/bulk.c
$(B)/unit/obj/kernel/lock.c.o: UNIT_CPPFLAGS += -DHEARTH_DEBUG=1
unit_isa_SRCS := lib/fdt_util.c arch/riscv/isa.c arch/riscv/isa_policy.c
unit_entropy_SRCS := platform/entropy.c
unit_config_SRCS := config/config.c lib/symbols.c config/config_channels.c config/config_sched.c config/config_keys.c config/bundle.c lib/cpio.c lib/fdt_util.c tests/unit/fakes/sbi_names.c
unit_virq_SRCS := core/request.c $(addprefix tests/unit/fakes/,fake.c bulk.c)
unit_uart_SRCS := $(BOARD_UNIT_SRCS)
unit_page_fault_SRCS := $(BOARD_UNIT_SRCS) guest/page_fault.c guest/virtual_insn.c guest/gva_walk.c \
                        guest/insn_decode.c tests/unit/fakes/csr.c
unit_gva_walk_SRCS := guest/gva_walk.c
unit_guest_fdt_SRCS := guest/guest_fdt.c lib/fdt_util.c platform/platform.c platform/platform_dev.c arch/riscv/isa.c arch/riscv/isa_policy.c \
                       $(BOARD_UNIT_SRCS)
$(B)/unit/guest_fdt: $(FDT_UNIT_DATA)
unit_loader_SRCS := guest/loader.c guest/image.c guest/guest_fdt.c platform/entropy.c \
                    mm/memslot.c mm/page_alloc.c kernel/lock.c $(addprefix tests/unit/fakes/,fake.c bulk.c)

unit_bits_SRCS :=
unit_stats_SRCS := core/stats.c $(addprefix tests/unit/fakes/,hart.c timer.c)
unit_restart_log_SRCS := core/restart_log.c
unit_trace_SRCS := kernel/trace.c core/trace_vcpu.c monitor/trace_control.c monitor/trace_dump.c core/stats.c $(addprefix tests/unit/fakes/,hart.c timer.c csr.c page_alloc.c)
unit_guest_backtrace_SRCS := monitor/guest_backtrace.c lib/symbols.c guest/gva_walk.c
unit_symbols_SRCS := lib/symbols.c
unit_line_edit_SRCS := monitor/shell/line_edit.c
unit_shell_words_SRCS := monitor/shell/shell_words.c lib/json.c lib/text.c
unit_console_ring_SRCS := console/console_ring.c tests/unit/fakes/bulk.c

include tests/unit/model/model.mk
unit_timer_SRCS := kernel/timer.c lib/tree.c kernel/lock.c $(addprefix tests/unit/fakes/,fake.c bulk.c)
unit_vtimer_SRCS := core/vtimer.c $(addprefix tests/unit/fakes/,csr.c hart.c request.c timer.c virq.c)
unit_work_SRCS := kernel/work.c $(addprefix tests/unit/fakes/,hart.c lock.c timer.c)
unit_exit_SRCS := sbi/sse_exit.c core/exit.c kernel/lock.c \
                  $(addprefix tests/unit/fakes/,fake.c bulk.c vm_stop.c trace.c)
unit_open_state_SRCS := arch/riscv/open_state_find.c arch/riscv/open_state.c tests/unit/fakes/csr.c
VCPU_UNIT_SRCS := core/vcpu.c kernel/lock.c \
                  $(addprefix tests/unit/fakes/,fake.c bulk.c page_alloc.c timer.c trace.c)
unit_vcpu_SRCS := $(VCPU_UNIT_SRCS)
unit_vcpu_hsm_SRCS := $(VCPU_UNIT_SRCS)
$(B)/unit/obj/core/vcpu.c.o: $(B)/include/asm_offsets.h
$(B)/unit/obj/core/vcpu.c.o: UNIT_CPPFLAGS += -I$(B)/include
unit_vm_SRCS := core/vm.c kernel/lock.c $(addprefix tests/unit/fakes/,fake.c bulk.c page_alloc.c)
LIFECYCLE_UNIT_SRCS := $(addprefix core/,lifecycle.c pause.c teardown.c restart_log.c) kernel/lock.c \
                       $(addprefix tests/unit/fakes/,fake.c bulk.c request.c timer.c)
unit_lifecycle_SRCS := $(LIFECYCLE_UNIT_SRCS)
unit_lifecycle_race_SRCS := $(LIFECYCLE_UNIT_SRCS)
unit_run_SRCS := core/run.c core/request.c $(addprefix tests/unit/fakes/,fake.c bulk.c trace.c)
