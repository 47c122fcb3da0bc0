/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin.h - detection of vcpus that wait for a sibling in a loop with the pause hint (Zihintpause).
 * The hint cannot be made to trap, so the code around the pc is searched for it when a slice ends.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;

/* Bytes searched before and behind the pc: waiting loops are short. */
#define SPIN_WINDOW 32u

/*
 * True: the slice of the vcpu, which is loaded and was just preempted, is over, and it was in a
 * waiting loop. It should yield; its slices are short until it has left the loop. For the run loop,
 * on the vcpu's hart.
 */
bool spin_yields(struct vcpu *vcpu);
