# Hearth: one Makefile for everything; `make help` lists what it can do.
#
# All products are under build/. What the build needs from outside (compilers, newlib-nano,
# libfdt, the demonstration guest) is fetched by tools/setup into a cache and linked from
# build/deps and build/guest.
#
#   V=1         print the commands        DEBUG=1    assertions and UBSan in trap mode
#   CC=clang    build with clang          B=DIR      put the products of this build in DIR

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

B      ?= build
DEPS   := build/deps
CROSS  ?= riscv64-unknown-elf-
CC     := $(if $(filter command environment,$(origin CC)),$(CC),$(CROSS)gcc)
LD     := $(CROSS)ld
OBJCOPY := $(CROSS)objcopy
OBJDUMP := $(CROSS)objdump
HOSTCC ?= gcc
PYTHON ?= /usr/bin/python3
# This version is in Debian 12 and 13; their default versions format macros differently.
CLANG_FORMAT ?= clang-format-19
PYTEST ?= $(PYTHON) -m pytest -p no:cacheprovider

comma := ,
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

# ---------------------------------------------------------------- the hypervisor

SRCS := $(sort $(filter-out arch/riscv/asm_offsets.c,\
          $(wildcard arch/riscv/*.c arch/riscv/*.S core/*.c core/*/*.c sbi/*.c mm/*.c \
                     guest/*.c guest/devices/*.c drivers/*.c)))
OBJS := $(patsubst %,$(B)/obj/%.o,$(SRCS))

IS_CLANG := $(findstring clang,$(notdir $(CC)))

# clang before 17 refuses the names zicsr and zifencei, whose instructions it has anyway. Files that
# switch FP or vector state name the wider set they may use: `MARCH_arch/riscv/fpu.S := rv64gc`.
MARCH_GCC   := rv64imac_zicsr_zifencei
MARCH_CLANG := rv64imac
MARCH       := $(if $(IS_CLANG),$(MARCH_CLANG),$(MARCH_GCC))
MABI        := lp64
march        = $(or $(MARCH_$(1)),$(MARCH))
MARCH_arch/riscv/fpu.S       := rv64imafdc
MARCH_arch/riscv/vector.S    := rv64imafdcv

WARN := -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wconversion -Wmissing-prototypes \
        -Wcast-qual -Wstrict-prototypes -Wpointer-arith -Wwrite-strings
WARN_GCC   := -Wlogical-op -Wduplicated-cond -Wduplicated-branches
WARN_CLANG := -Wthread-safety

CPPFLAGS := -Iinclude -I$(B)/include -isystem $(DEPS)/newlib/include -isystem $(DEPS)/libfdt/include
CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-common -fno-pie -fno-strict-aliasing \
          -fno-omit-frame-pointer -ffunction-sections -fdata-sections -fno-stack-protector \
          -mabi=$(MABI) -mcmodel=medany -ffile-prefix-map=$(CURDIR)=. \
          $(WARN) -Wframe-larger-than=1024 \
          $(if $(IS_CLANG),--target=riscv64-unknown-elf $(WARN_CLANG),$(WARN_GCC)) $(EXTRA_CFLAGS)
ASFLAGS := -g -mabi=$(MABI) -mcmodel=medany -ffile-prefix-map=$(CURDIR)=. -Wundef \
           $(if $(IS_CLANG),--target=riscv64-unknown-elf,-Wa$(comma)--debug-prefix-map=$(CURDIR)=.)
LDFLAGS := -static -nostdlib --gc-sections --no-warn-mismatch --build-id=none \
           -z max-page-size=4096 -z noexecstack \
           --no-warn-rwx-segments # boot.S and stage1.c map each part with its own permissions
# The integer-only multilib: gcc maps no other spelling of -march to it.
LIBS     = $(DEPS)/newlib/lib/libc.a $(DEPS)/libfdt/lib/libfdt.a \
           $(shell $(CROSS)gcc -march=rv64imac -mabi=lp64 -print-libgcc-file-name)

ifeq ($(DEBUG),1)
CFLAGS += -DHEARTH_DEBUG=1 -fsanitize=undefined -fsanitize-undefined-trap-on-error
endif

.PHONY: all
all: $(B)/hearth.elf $(B)/hearth.bin

$(B)/hearth.bin: $(B)/hearth.elf
	$(call say,OBJCOPY,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

$(B)/hearth.elf: $(OBJS) linker.ld $(B)/flags
	$(call say,LD,$@)
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -Map $(B)/hearth.map -o $@ \
		$(OBJS) --start-group $(LIBS) --end-group

$(B)/obj/%.c.o: %.c $(B)/flags | $(DEPS)/build.ready $(B)/include/asm_offsets.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -march=$(call march,$<) -MMD -MP -c -o $@ $<

$(B)/obj/%.S.o: %.S $(B)/flags | $(DEPS)/build.ready $(B)/include/asm_offsets.h
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ASFLAGS) -march=$(call march,$<) -MMD -MP -c -o $@ $<

# Structure offsets for the assembly: the compiler writes `->NAME value` lines into its output.
$(B)/obj/arch/riscv/asm_offsets.s: arch/riscv/asm_offsets.c $(B)/flags | $(DEPS)/build.ready
	$(call say,OFFSETS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -g0 -march=$(MARCH) -MMD -MP -S -o $@ $<

$(B)/include/asm_offsets.h: $(B)/obj/arch/riscv/asm_offsets.s
	@mkdir -p $(@D)
	$(Q)sed -n -e '1i /* Generated from arch/riscv/asm_offsets.c. */\n#pragma once' \
		-e 's/^.*"->\([A-Za-z0-9_]*\) [$$#]*\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' $< > $@.tmp
	$(Q)cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@

# Rewritten only when the compiler or its flags change: everything compiled depends on it.
$(B)/flags: FORCE | $(DEPS)/build.ready
	@mkdir -p $(@D)
	@{ echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(ASFLAGS) $(LDFLAGS) $(MARCH)'; \
	   $(CC) --version; readlink $(DEPS)/newlib $(DEPS)/libfdt; echo '$(OBJS)'; } > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@

.PHONY: FORCE
FORCE:

-include $(OBJS:.o=.d) $(B)/obj/arch/riscv/asm_offsets.d

# ---------------------------------------------------------------- set-up

# A plain `make` runs the set-up only when its results are not there; run, test and check always do
# (it takes well under a second then).
$(DEPS)/build.ready: $(if $(wildcard $(DEPS)/newlib/lib/libc.a),,FORCE) \
                     $(if $(wildcard $(DEPS)/libfdt/lib/libfdt.a),,FORCE)
	@tools/setup build

SETUPS := $(addprefix setup-,build run test long check debug)
.PHONY: $(SETUPS)
$(SETUPS): setup-%:
	@tools/setup $*

# ---------------------------------------------------------------- running it

EXAMPLE ?= examples/debian.toml

.PHONY: run debug
run: setup-run
	@$(MAKE) --no-print-directory all examples
	@$(PYTHON) tools/hearth run $(EXAMPLE) $(RUN_ARGS)

debug: setup-debug
	@$(MAKE) --no-print-directory all examples
	@$(PYTHON) tools/hearth run $(EXAMPLE) --gdb $(RUN_ARGS)

# ---------------------------------------------------------------- guests for the tests

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

$(B)/guests/obj/%.c.o: %.c Makefile | $(DEPS)/build.ready
	$(call say,GUEST-CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(GUEST_FLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/guests/obj/%.S.o: %.S Makefile | $(DEPS)/build.ready
	$(call say,GUEST-AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(GUEST_FLAGS) -MMD -MP -c -o $@ $<

# Their backtraces are looked at.
$(B)/guests/obj/tests/guests/crash.c.o $(B)/guests/obj/examples/guests/broken.c.o: GUEST_CFLAGS += -fno-omit-frame-pointer -fno-optimize-sibling-calls

$(GUEST_ELFS): $(B)/guests/%.elf: $(B)/guests/obj/tests/guests/%.c.o
$(BENCH_ELFS): $(B)/guests/%.elf: $(B)/guests/obj/tests/bench/%.c.o
$(EXAMPLE_ELFS): $(B)/guests/%.elf: $(B)/guests/obj/examples/guests/%.c.o
$(GUEST_ELFS) $(BENCH_ELFS) $(EXAMPLE_ELFS): $(GUEST_LIB) tests/guests/lib/guest.ld
	$(call say,GUEST-LD,$@)
	$(Q)$(CROSS)gcc -march=rv64gc -mabi=lp64 -nostdlib -static -Wl,--build-id=none,--no-warn-mismatch \
		-Wl,-z,max-page-size=4096 -T tests/guests/lib/guest.ld -o $@ $(filter %.o,$^) \
		$$($(CROSS)gcc -march=rv64imac -mabi=lp64 -print-libgcc-file-name)

$(GUEST_BINS): %.bin: %.elf
	$(Q)$(OBJCOPY) -O binary $< $@

# A Linux program: the boot benchmark's user space.
$(B)/guests/bench_init: tests/bench/bench_init.S Makefile | $(DEPS)/build.ready
	$(call say,GUEST-LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc -march=rv64gc -mabi=lp64 -nostdlib -static -Wl,--build-id=none -o $@ $<

# docs/extending.md: a copy of the tree with the example's files and rows added, built for itself.
.PHONY: example
example: | $(DEPS)/build.ready
	$(Q)$(PYTHON) examples/extension/apply $(B)/example
	@$(MAKE) --no-print-directory -C $(B)/example B=build build/hearth.bin build/guests/example.elf

# Linux programs in C without a libc, which tests put into Debian's initrd.
LINUX_PROGRAMS := $(patsubst tests/linux/%.c,$(B)/guests/linux/%,$(wildcard tests/linux/*.c))
guests: $(LINUX_PROGRAMS) examples
$(LINUX_PROGRAMS): $(B)/guests/linux/%: tests/linux/%.c Makefile | $(DEPS)/build.ready
	$(call say,GUEST-LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CROSS)gcc -march=rv64gc -mabi=lp64d -O1 -ffreestanding -fno-stack-protector -nostdlib -static \
		-std=gnu11 $(WARN) -Wl,--build-id=none -o $@ $<

-include $(GUESTS:%=$(B)/guests/obj/tests/guests/%.c.d) $(BENCHES:%=$(B)/guests/obj/tests/bench/%.c.d) \
         $(EXAMPLES:%=$(B)/guests/obj/examples/guests/%.c.d) $(GUEST_LIB:.o=.d)

# ---------------------------------------------------------------- unit tests, on the host

-include tests/unit/sources.mk
UNITS := $(sort $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_CFLAGS := -std=gnu11 -g -O1 -fno-strict-aliasing -fno-omit-frame-pointer \
               -fsanitize=address,undefined -fno-sanitize-recover=all $(WARN) $(WARN_GCC) \
               -DHEARTH_UNIT_TEST=1
UNIT_CPPFLAGS := -Itests/unit/fakes/include -Iinclude -Itests/unit -Itests/unit/fakes
unit_objs = $(patsubst %,$(B)/unit/obj/%.o,tests/unit/test_$(1).c $(unit_$(1)_SRCS))

.PHONY: unit
unit: $(UNITS:%=$(B)/unit/%)
	@for t in $(UNITS); do echo "== $$t"; timeout 120 $(B)/unit/$$t || { echo "unit: $$t failed"; exit 1; }; done
	@echo "unit: $(words $(UNITS)) test programs passed"

$(B)/unit/obj/%.c.o: %.c Makefile
	$(call say,UNIT-CC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CPPFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

define unit_rule
$$(B)/unit/$(1): $$(call unit_objs,$(1)) tests/unit/sources.mk
	$$(call say,UNIT-LD,$$@)
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) -o $$@ $$(filter %.o,$$^) -lcmocka -lfdt
endef
$(foreach u,$(UNITS),$(eval $(call unit_rule,$(u))))
-include $(patsubst %.o,%.d,$(foreach u,$(UNITS),$(call unit_objs,$(u))))

# ---------------------------------------------------------------- tests and benchmark

.PHONY: test test-long test-repeat e2e bench test-tools
test: setup-test
	@$(MAKE) --no-print-directory all guests unit
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) $(wildcard tests/tools tests/e2e)

test-long: setup-long
	@$(MAKE) --no-print-directory all guests
	$(Q)$(PYTEST) -m long $(PYTEST_ARGS) $(wildcard tests/tools tests/e2e)

# A test that fails once in a while is wrong, or shows that something else is.
N     ?= 20
TESTS ?= tests/e2e
test-repeat: setup-test
	@$(MAKE) --no-print-directory all guests
	$(Q)for i in $$(seq $(N)); do echo "== $$i of $(N)"; \
		$(PYTEST) -q -m 'not long' $(PYTEST_ARGS) $(TESTS) || exit 1; done

test-tools: setup-test
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) tests/tools

e2e: setup-test
	@$(MAKE) --no-print-directory all guests
	$(Q)$(PYTEST) -m 'not long' $(PYTEST_ARGS) tests/e2e

bench: setup-run
	@$(MAKE) --no-print-directory all guests $(B)/guests/bench_init
	$(Q)$(PYTHON) tests/bench/bench.py --json $(B)/bench.json $(BENCH_ARGS)

# ---------------------------------------------------------------- checks that run nothing

CHECKS := format headers includes tidy cppcheck analyzer clang fp reproducible
C_FILES  = $(filter %.c,$(SRCS)) arch/riscv/asm_offsets.c
HEADERS  = $(shell find include -name '*.h' | sort)
ALL_C    = $(shell find arch core sbi mm guest drivers include tests examples -name '*.[ch]' 2>/dev/null | sort)

.PHONY: check $(CHECKS:%=check-%)
check: setup-check
	@$(MAKE) --no-print-directory --keep-going $(CHECKS:%=check-%)
	@echo "check: no findings ($(CHECKS))"

check-format:
	$(call say,FORMAT,'$(words $(ALL_C)) files')
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(ALL_C)
	$(Q)! LC_ALL=C.UTF-8 grep -nE '.{101}' $(ALL_C) # comments are not reflowed

.PHONY: format
format:
	$(Q)$(CLANG_FORMAT) -i $(ALL_C)

check-includes:
	$(call say,INCLUDES,'directions')
	$(Q)$(PYTHON) tools/check-includes

check-headers: $(HEADERS:%=$(B)/headers/%.o)

# Compiled as if it were a file of its own: a header has to bring everything it uses.
$(B)/headers/%.h.o: %.h $(B)/flags | $(DEPS)/build.ready $(B)/include/asm_offsets.h
	$(call say,HEADER,$<)
	@mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(CC) -I. $(CPPFLAGS) $(CFLAGS) -march=$(MARCH) -MMD -MP -MT $@ -MF $(@:.o=.d) \
		-x c -c -o $@ -
-include $(patsubst %,$(B)/headers/%.d,$(HEADERS))

TIDY_FLAGS = --target=riscv64-unknown-elf -march=$(MARCH_CLANG) $(CPPFLAGS) -std=gnu11 -ffreestanding \
             -mabi=$(MABI) -mcmodel=medany
check-tidy: $(C_FILES:%=$(B)/tidy/%.ok)
$(B)/tidy/%.c.ok: %.c .clang-tidy $(HEADERS) | $(DEPS)/build.ready $(B)/include/asm_offsets.h
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(TIDY_FLAGS) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

check-cppcheck: | $(DEPS)/build.ready $(B)/include/asm_offsets.h
	$(call say,CPPCHECK,'$(words $(C_FILES)) files')
	@mkdir -p $(B)/cppcheck
	$(Q)cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--suppressions-list=tools/cppcheck.suppressions --error-exitcode=1 \
		--cppcheck-build-dir=$(B)/cppcheck --template=gcc \
		-D__riscv -D__riscv_xlen=64 -D__GNUC__=12 -Iinclude -I$(B)/include $(C_FILES)

check-analyzer:
	@$(MAKE) --no-print-directory B=$(B)/analyzer EXTRA_CFLAGS=-fanalyzer $(B)/analyzer/hearth.elf

check-clang:
	@$(MAKE) --no-print-directory B=$(B)/clang CC=clang $(B)/clang/hearth.elf

check-fp: $(B)/hearth.elf
	$(call say,FP,$<)
	$(Q)OBJDUMP=$(OBJDUMP) NM=$(CROSS)nm $(PYTHON) tools/check-fp $(B)

check-reproducible: $(B)/hearth.bin
	$(call say,SAME,'two builds in two directories')
	$(Q)tools/check-reproducible $(B)

# ---------------------------------------------------------------- the rest

.PHONY: clean distclean help
clean:
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name deps ! -name guest -exec rm -rf {} + 2>/dev/null || true

distclean:
	$(Q)rm -rf build

help:
	@echo 'make               build/hearth.elf and build/hearth.bin'
	@echo 'make run           boot $(EXAMPLE) in QEMU; Ctrl-A X leaves (EXAMPLE=FILE, RUN_ARGS=...)'
	@echo 'make debug         the same, waiting for gdb'
	@echo 'make test          unit, tool and end-to-end tests (PYTEST_ARGS=...)'
	@echo 'make unit e2e test-tools test-long   parts of it; the long ones'
	@echo 'make test-repeat   the end-to-end tests N=20 times in a row (TESTS=tests/e2e/test_linux.py)'
	@echo 'make bench         costs of exits and of booting; a table, and build/bench.json'
	@echo 'make check         static checks; each alone: $(CHECKS:%=check-%)'
	@echo 'make fuzz          libFuzzer on what reads bundles and device trees (FUZZ_SECONDS=20)'
	@echo 'make format        clang-format all of the C code'
	@echo 'make guests        the bare programs that the tests run'
	@echo 'make examples      the bare programs that examples/*.toml run (make run makes them, too)'
	@echo 'make example       build/example: the tree with the additions of docs/extending.md'
	@echo 'make clean         remove the products; distclean: also the links to the cache'
	@echo 'Variables: V=1 (show commands) DEBUG=1 (assertions, UBSan) CC=clang B=DIR'
