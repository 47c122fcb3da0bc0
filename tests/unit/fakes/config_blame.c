/* config_blame.c - fake: for tests that link config_sched.c but read no description. */
#include "../../../config/config_reader.h"

#include <hearth/lib/errno.h>

int config_blame(const struct config_reader *r, const char *property)
{
    (void)r;
    (void)property;
    return -HV_EINVAL;
}

int config_refuse_value(const struct config_reader *r, const char *property, uint64_t value,
                        const char *problem)
{
    (void)value;
    (void)problem;
    return config_blame(r, property);
}
