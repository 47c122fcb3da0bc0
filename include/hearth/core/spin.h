/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin.h - vcpus that burn their turns waiting for a sibling, in a loop with the pause hint
 * (Zihintpause). The hint cannot be made to trap, so it is looked for where a turn ends.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;

/* Before and behind the pc, so many bytes of code are looked at: a loop that waits is short. */
#define SPIN_WINDOW 32u

/*
 * The vcpu, loaded and just preempted, has had its turn, and was in a loop that waits, perhaps for
 * a sibling: it should give way, and get short turns until it has left that loop. Run loop, its
 * hart.
 */
bool spin_gives_way(struct vcpu *vcpu);
