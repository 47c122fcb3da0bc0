/* SPDX-License-Identifier: Apache-2.0 */
/* start_vms.h - starts the described VMs at boot, in their order and after their delays. */
#pragma once

/* Starts the shell, and queues work of this hart that creates and starts the VMs with autostart.
 * After descriptions_read(). */
void start_vms(void);
