/* SPDX-License-Identifier: Apache-2.0 */
/* dfault - a guest whose trap vector is unmapped: each trap raises the next. Its VM is to be
 * stopped. */
#include "guest.h"

void test_main(void)
{
    tap_plan(1);
    ok(true, "about to fault without a handler");
    csr_write(stvec, HOLE);
    (void)*(volatile uint32_t *)HOLE;
    /* Never here: the harness wants the VM stopped, not one more line. */
    ok(false, "survived");
}
