/* SPDX-License-Identifier: Apache-2.0 */
/* greeting.h - a line in the log when a VM starts. */
#pragma once

#include <hearth/core/vm_component.h>

extern const struct vm_component greeting_component;
