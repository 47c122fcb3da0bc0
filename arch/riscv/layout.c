/* SPDX-License-Identifier: Apache-2.0 */
/* layout.c - physical addresses of the image and of the direct map; set by boot.S, then constant.
 * */
#include <arch/layout.h>

hpa_t direct_map_phys;
hpa_t image_phys;

hpa_t image_to_phys(const void *p)
{
    return (uintptr_t)p - IMAGE_BASE + image_phys;
}
