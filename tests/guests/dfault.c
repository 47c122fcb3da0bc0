/* SPDX-License-Identifier: Apache-2.0 */
/* dfault - a guest whose trap vector is unmapped: each trap raises another one. Hearth must stop
 * the VM. */
#include "guest.h"

void test_main(void)
{
    tap_plan(1);
    ok(true, "about to fault without a handler");
    csr_write(stvec, HOLE);
    (void)*(volatile uint32_t *)HOLE;
    /* Not reached: the harness expects the VM to be stopped before this line. */
    ok(false, "survived");
}
