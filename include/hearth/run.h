/* run.h - what a hart does all day. */
#pragma once

#include <hearth/types.h>

/* Runs vcpus as the scheduler gives them, sleeps when there are none. Never returns; interrupts are off throughout,
 * taken as exits or polled. */
__noreturn void run_hart(void);
