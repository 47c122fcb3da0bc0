# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets (clang): `make fuzz FUZZ_SECONDS=60`. Corpora grow in $(B)/fuzz/NAME.corpus.

FUZZ_SECONDS ?= 20
FUZZ_CFLAGS  := -std=gnu11 -g -O1 -fno-sanitize-recover=all -fsanitize=fuzzer,address,undefined
FUZZERS      := cpio config host_tree image

fuzz_cpio_SRCS      := lib/cpio.c
fuzz_config_SRCS    := config/config.c lib/symbols.c config/config_channels.c config/config_sched.c config/config_keys.c config/bundle.c lib/cpio.c lib/fdt_util.c tests/unit/fakes/sbi_names.c
fuzz_config_SEEDS   := $(B)/unit/data/bundle.dtb
fuzz_host_tree_SRCS := lib/fdt_util.c platform/platform.c platform/platform_dev.c arch/riscv/isa.c arch/riscv/isa_policy.c
fuzz_host_tree_SEEDS := $(filter $(B)/unit/data/qemu-%,$(FDT_UNIT_DATA))
fuzz_image_SRCS     := guest/image.c

define fuzz_rule
$$(B)/fuzz/$(1): tests/fuzz/fuzz_$(1).c $$(fuzz_$(1)_SRCS) $$(wildcard include/hearth/*/*.h) | $$(fuzz_$(1)_SEEDS)
	$$(call say,FUZZ-CC,$$@)
	@mkdir -p $$@.corpus
	$$(Q)clang $$(FUZZ_CFLAGS) $$(UNIT_CPPFLAGS) -o $$@ $$(filter %.c,$$^) -lfdt
	$$(if $$(fuzz_$(1)_SEEDS),@cp $$(fuzz_$(1)_SEEDS) $$@.corpus/)

.PHONY: fuzz-$(1)
fuzz-$(1): $$(B)/fuzz/$(1)
	$$(Q)$$< -max_total_time=$$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 -use_value_profile=1 \
		-artifact_prefix=$$<. $$<.corpus
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))

.PHONY: fuzz
fuzz: $(FUZZERS:%=fuzz-%)
