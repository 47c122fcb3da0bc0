/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - opens a bundle: an archive that contains a device tree of the expected kind. Hostile
 * input. No state.
 */
#include <hearth/config/config.h>
#include <hearth/lib/cpio.h>
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>

#include <libfdt.h>

int bundle_open(struct bundle *b, const void *base, uint64_t size, const char **why)
{
    uint64_t dtb_size;
    uint32_t version;
    int err;

    *b = (struct bundle){.base = base, .size = size};
    err = cpio_find(base, size, "bundle.dtb", &b->dtb, &dtb_size);
    if (err) {
        *why =
            err == -HV_ENOENT ? "no bundle.dtb in the archive" : "not a cpio archive, or damaged";
        return err;
    }
    err = fdt_open_untrusted(b->dtb, dtb_size, why);
    if (err)
        return err;
    if (fdt_node_check_compatible(b->dtb, 0, "hearth,bundle") != 0) {
        *why = "bundle.dtb: compatible is not \"hearth,bundle\"";
        return -HV_EINVAL;
    }
    if (fdt_prop_u32(b->dtb, 0, "hearth,version", &version) != 0 || version != BUNDLE_VERSION) {
        *why = "bundle.dtb: hearth,version is not 1";
        return -HV_EINVAL;
    }
    if (fdt_path_offset(b->dtb, "/vms") < 0) {
        *why = "bundle.dtb: no node /vms";
        return -HV_EINVAL;
    }
    return 0;
}
