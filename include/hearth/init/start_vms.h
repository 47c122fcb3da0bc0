/* SPDX-License-Identifier: Apache-2.0 */
/* start_vms.h - which of the described VMs start at boot, in which order, after which delays. */
#pragma once

/* Begins to create and start the VMs with autostart, as work of this hart, and the shell. After
 * descriptions_read(). */
void start_vms(void);
