# SPDX-License-Identifier: Apache-2.0
# Unit tests: the real sources, linked for the host with fakes (tests/unit/sources.mk), under ASan and UBSan.

include tests/unit/sources.mk
UNITS := $(sort $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_CFLAGS := -std=gnu11 -g -O1 -fno-strict-aliasing -fno-omit-frame-pointer \
               -fsanitize=address,undefined -fno-sanitize-recover=all $(WARN) $(WARN_GCC) \
               -DHEARTH_UNIT_TEST=1
UNIT_CPPFLAGS := -Itests/unit/fakes/include -Iinclude -Itests/unit -Itests/unit/fakes
unit_objs = $(patsubst %,$(B)/unit/obj/%.o,tests/unit/test_$(1).c $(unit_$(1)_SRCS))

.PHONY: unit
unit: $(UNITS:%=$(B)/unit/%)
	@for t in $(UNITS); do echo "== $$t"; timeout 900 $(B)/unit/$$t || { echo "unit: $$t failed"; exit 1; }; done
	@echo "unit: $(words $(UNITS)) test programs passed"

$(B)/unit/obj/%.c.o: %.c tests/unit.mk
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
