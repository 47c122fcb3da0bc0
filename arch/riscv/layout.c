/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c - where the image and the direct map are in physical memory; set by boot.S, const after.
 */
#include <arch/layout.h>

hpa_t direct_map_phys;
hpa_t image_phys;

hpa_t image_to_phys(const void *p)
{
    return (uintptr_t)p - IMAGE_BASE + image_phys;
}
