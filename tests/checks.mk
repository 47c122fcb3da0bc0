# SPDX-License-Identifier: Apache-2.0
# Static checks: `make check`, and each alone as check-NAME.

CHECKS := format headers layers sizes tidy cppcheck analyzer clang isa reproducible
C_FILES  = $(filter %.c,$(SRCS)) arch/riscv/asm_offsets.c
HEADERS  = $(shell find include -name '*.h' | sort)
ALL_C    = $(shell find $(LAYERS) include tests examples -name '*.[ch]' 2>/dev/null | sort)

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

check-layers: $(B)/hearth.elf
	$(call say,LAYERS,'$(words $(LAYERS)) of them')
	$(Q)NM=$(CROSS)nm $(PYTHON) tools/check-layers $(B) $(LAYERS)

check-sizes:
	$(call say,SIZES,'$(words $(LAYERS)) folders')
	$(Q)$(PYTHON) tools/check-sizes $(LAYERS)

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

check-isa: $(B)/hearth.elf
	$(call say,ISA,$<)
	$(Q)OBJDUMP=$(OBJDUMP) NM=$(CROSS)nm $(PYTHON) tools/check-isa $(B)

check-reproducible: $(B)/hearth.bin
	$(call say,SAME,'two builds in two directories')
	$(Q)tools/check-reproducible $(B) $(LAYERS)
