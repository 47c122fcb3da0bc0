# SPDX-License-Identifier: Apache-2.0
# Programs that the tests, the benchmarks and the examples run as guests: bare VS-mode programs, and Linux ones.

GUESTS     := $(patsubst tests/guests/%.c,%,$(wildcard tests/guests/*.c))
BENCHES    := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))
GUEST_LIB  := $(patsubst %,$(B)/guests/obj/%.o,$(wildcard tests/guests/lib/*.c tests/guests/lib/*.S))
GUEST_ELFS := $(GUESTS:%=$(B)/guests/%.elf)
BENCH_ELFS := $(BENCHES:%=$(B)/guests/%.elf)
EXAMPLES   := $(patsubst examples/guests/%.c,%,$(wildcard examples/guests/*.c))
EXAMPLE_ELFS := $(EXAMPLES:%=$(B)/guests/%.elf)
GUEST_BINS := $(GUESTS:%=$(B)/guests/%.bin) $(BENCHES:%=$(B)/guests/%.bin)
GUEST_FLAGS := -march=rv64gc -mabi=lp64 -mcmodel=medany -ffreestanding -fno-pie -fno-common \
               -fno-stack-protector -g -O1 -ffile-prefix-map=$(CURDIR)=. -Iinclude -Itests/guests/lib
GUEST_CFLAGS := -std=gnu11 $(WARN)

.PHONY: guests examples
guests: $(GUEST_ELFS) $(BENCH_ELFS) $(GUEST_BINS)
examples: $(EXAMPLE_ELFS)

$(B)/guests/obj/%.c.o: %.c tests/guests.mk | $(DEPS)/build.ready
	$(call say,GUEST-CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(GUEST_FLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/guests/obj/%.S.o: %.S tests/guests.mk | $(DEPS)/build.ready
	$(call say,GUEST-AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(GUEST_FLAGS) -MMD -MP -c -o $@ $<

# Tests check the backtraces of these guests.
$(B)/guests/obj/tests/guests/crash.c.o $(B)/guests/obj/examples/guests/broken.c.o: GUEST_CFLAGS += -fno-omit-frame-pointer -fno-optimize-sibling-calls

$(GUEST_ELFS): $(B)/guests/%.elf: $(B)/guests/obj/tests/guests/%.c.o
# A guest of more than one file has the others in a folder of its name.
GUEST_PARTS := $(filter-out tests/guests/lib/%,$(wildcard tests/guests/*/*.c))
$(foreach c,$(GUEST_PARTS),$(eval $(B)/guests/$(word 3,$(subst /, ,$c)).elf: $(B)/guests/obj/$c.o))
$(BENCH_ELFS): $(B)/guests/%.elf: $(B)/guests/obj/tests/bench/%.c.o
$(EXAMPLE_ELFS): $(B)/guests/%.elf: $(B)/guests/obj/examples/guests/%.c.o
$(GUEST_ELFS) $(BENCH_ELFS) $(EXAMPLE_ELFS): $(GUEST_LIB) tests/guests/lib/guest.ld
	$(call say,GUEST-LD,$@)
	$(Q)$(CROSS)gcc -march=rv64gc -mabi=lp64 -nostdlib -static -Wl,--build-id=none,--no-warn-mismatch \
		-Wl,-z,max-page-size=4096 -T tests/guests/lib/guest.ld -o $@ $(filter %.o,$^) \
		$$($(CROSS)gcc -march=rv64imac -mabi=lp64 -print-libgcc-file-name)

$(GUEST_BINS): %.bin: %.elf
	$(Q)$(OBJCOPY) -O binary $< $@

# A Linux program: the first program of the boot benchmark.
$(B)/guests/bench_init: tests/bench/bench_init.S tests/guests.mk | $(DEPS)/build.ready
	$(call say,GUEST-LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc -march=rv64gc -mabi=lp64 -nostdlib -static -Wl,--build-id=none -o $@ $<

# docs/extending.md: a copy of the tree with the example's files and table entries added, and its build.
.PHONY: example
example: | $(DEPS)/build.ready
	$(Q)$(PYTHON) examples/extension/apply $(B)/example
	@$(MAKE) --no-print-directory -C $(B)/example B=build build/hearth.bin build/guests/example.elf

# Linux programs in C without a libc, which tests add to Debian's initrd.
LINUX_PROGRAMS := $(patsubst tests/linux/%.c,$(B)/guests/linux/%,$(wildcard tests/linux/*.c))
guests: $(LINUX_PROGRAMS) examples
$(LINUX_PROGRAMS): $(B)/guests/linux/%: tests/linux/%.c tests/guests.mk | $(DEPS)/build.ready
	$(call say,GUEST-LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc -march=rv64gc -mabi=lp64d -O1 -ffreestanding -fno-stack-protector -nostdlib -static \
		-std=gnu11 $(WARN) -Wl,--build-id=none -o $@ $<

-include $(GUESTS:%=$(B)/guests/obj/tests/guests/%.c.d) $(BENCHES:%=$(B)/guests/obj/tests/bench/%.c.d) \
         $(EXAMPLES:%=$(B)/guests/obj/examples/guests/%.c.d) $(GUEST_LIB:.o=.d) \
         $(GUEST_PARTS:%=$(B)/guests/obj/%.d)
