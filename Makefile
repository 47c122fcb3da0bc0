# SPDX-License-Identifier: Apache-2.0
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
# Where tools/hearth and the tests find what has been built.
export HEARTH_BUILD := $(abspath $(B))
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

# From the ground up: a folder uses those before it, and none behind it (tools/check-layers).
LAYERS := lib arch kernel mm platform drivers console core ipc guest sbi config monitor init
SRCS := $(sort $(filter-out arch/riscv/asm_offsets.c,\
          $(foreach layer,$(LAYERS),$(wildcard $(layer)/*.[cS] $(layer)/*/*.[cS]))))
OBJS := $(patsubst %,$(B)/obj/%.o,$(SRCS))

IS_CLANG := $(findstring clang,$(notdir $(CC)))

# clang before 17 refuses the names zicsr and zifencei, whose instructions it has anyway. Files that
# switch FP or vector state name the wider set they may use, without C: with D that has Zcd's loads and
# stores, and a hart with Zca alone has not.
MARCH_GCC   := rv64imac_zicsr_zifencei
MARCH_CLANG := rv64imac
MARCH       := $(if $(IS_CLANG),$(MARCH_CLANG),$(MARCH_GCC))
MABI        := lp64
march        = $(or $(MARCH_$(1)),$(MARCH))
MARCH_arch/riscv/fpu.S       := rv64imafd
MARCH_arch/riscv/vector.S    := rv64imafdv

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
	@{ echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(ASFLAGS) $(LDFLAGS) $(MARCH) $(MARCH_arch/riscv/fpu.S)'; \
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

# ---------------------------------------------------------------- tests and checks

# In this order; a copy of the tree without them builds the hypervisor alone.
include $(wildcard $(patsubst %,tests/%.mk,guests unit fuzz run checks))

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
	@echo 'make test-debug    end-to-end tests of a build with assertions and UBSan, in build/debug'
	@echo 'make test-repeat   the end-to-end tests N=20 times in a row (TESTS=tests/e2e/test_linux.py)'
	@echo 'make bench         costs of exits and of booting; a table, and build/bench.json'
	@echo 'make check         static checks; each alone: $(CHECKS:%=check-%)'
	@echo 'make fuzz          libFuzzer on what reads bundles and device trees (FUZZ_SECONDS=20)'
	@echo 'make mutants       faults made on purpose: do the unit tests notice them? (MUTANTS=TEST...)'
	@echo 'make format        clang-format all of the C code'
	@echo 'make guests        the bare programs that the tests run'
	@echo 'make examples      the bare programs that examples/*.toml run (make run makes them, too)'
	@echo 'make example       build/example: the tree with the additions of docs/extending.md'
	@echo 'make clean         remove the products; distclean: also the links to the cache'
	@echo 'Variables: V=1 (show commands) DEBUG=1 (assertions, UBSan) CC=clang B=DIR'
