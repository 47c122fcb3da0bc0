# SPDX-License-Identifier: Apache-2.0
# The real sources of test_run_model.c, whose harts are coroutines (model.h): compiled apart, with the model's headers
# before the fakes', and without ASan, which does not know the coroutines' stacks.
RUN_MODEL_SRCS := core/run.c core/request.c sbi/sse_exit.c core/exit.c kernel/work.c
RUN_MODEL_OBJS := $(RUN_MODEL_SRCS:%=$(B)/unit/model/%.o)
unit_run_model_SRCS := tests/unit/model/model.c
$(B)/unit/run_model: $(RUN_MODEL_OBJS)
$(B)/unit/run_model: HOSTCC += -Itests/unit/model/include
$(B)/unit/run_model: UNIT_CFLAGS += -fno-sanitize=address -O2
$(B)/unit/model/%.c.o: %.c tests/unit.mk tests/unit/model/model.mk
	$(call say,UNIT-CC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CPPFLAGS) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<
-include $(RUN_MODEL_OBJS:.o=.d)
