/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel - memory channels between two VMs that run this program: role=1 publishes "ring"
 * (read-write, 1 MiB) and "frames" (read-only, 4 MiB), role=2 publishes "back" (4 KiB). Each VM
 * restarts once before it prints its plan: the subscriber as soon as it can write to the ring, the
 * publisher when the subscriber asks for it in the ring. final=2: the publisher ends by a crash.
 * Without role=: the errors of a VM without channels.
 */
#include "channel/channel.h"

uint64_t doorbells[CHANNELS], changes[CHANNELS], unexpected_irqs;

bool is_result(struct sbi_result r, int64_t error, uint64_t value, const char *name)
{
    bool good = ok(r.error == error && r.value == value, "%s", name);

    if (!good)
        note("error %ld, value %lx", r.error, r.value);
    return good;
}

uint64_t load_cause(uint64_t at)
{
    struct trap t = trap_of(peek(at));

    return t.taken && t.tval == at ? t.cause : ~0ul;
}

uint64_t store_cause(uint64_t at)
{
    struct trap t = trap_of(poke(at, 1));

    return t.taken && t.tval == at ? t.cause : ~0ul;
}

uint64_t amo_cause(uint64_t at)
{
    struct trap t = trap_of(__atomic_fetch_add((uint64_t *)at, 1, __ATOMIC_SEQ_CST));

    return t.taken && t.tval == at ? t.cause : ~0ul;
}

/* Four tests at an address without memory. */
void is_hole(uint64_t at, const char *when)
{
    struct trap jump = trap_of_jump(at);

    is(load_cause(at), CAUSE_LOAD_ACCESS, "%s: load", when);
    is(store_cause(at), CAUSE_STORE_ACCESS, "%s: store", when);
    is(amo_cause(at), CAUSE_STORE_ACCESS, "%s: atomic access", when);
    ok(jump.taken && jump.cause == CAUSE_INSN_ACCESS && jump.tval == at, "%s: fetch", when);
}

void require(bool done, const char *what)
{
    if (!done)
        bail_out(what);
}

/* ---- interrupts, all to the boot hart */

static void on_irq(unsigned irq)
{
    const uint64_t claim = THRESHOLD(this_hart()->id) + 4;
    uint32_t source;

    if (irq != IRQ_EXT)
        return;
    source = read32(claim);
    if (source >= 64 && source < 64 + CHANNELS) {
        struct sbi_result r = channel_call(SBI_HVC_CHANNEL_EVENTS, source - 64);

        doorbells[source - 64] += r.value & SBI_CHANNEL_EVENT_DOORBELL ? 1 : 0;
        changes[source - 64] += r.value & SBI_CHANNEL_EVENT_CHANGED ? 1 : 0;
        unexpected_irqs += r.error != 0 || r.value == 0;
    } else if (source != 0) {
        unexpected_irqs++;
    }
    if (source != 0)
        write32(claim, source);
}

void irqs_listen(void)
{
    for (unsigned i = 0; i < CHANNELS; i++)
        write32(PLIC_BASE + 4 * (64 + i), 1);
    write32(ENABLE(boot_hart) + 8, BIT(CHANNELS) - 1);
    write32(THRESHOLD(boot_hart), 0);
    this_hart()->irq_fn = on_irq;
    irq_enable(BIT(IRQ_EXT));
}

void restart(void)
{
    sbi(SBI_EXT_SRST, 0, SBI_SRST_TYPE_COLD_REBOOT, 0);
    bail_out("no restart");
}

/* ---- both sides: 16 tests */

static void names(void)
{
    static const char list[3][8] = {"ring", "frames", "back"};

    is_result(channel_find(list[0], 4), 0, RING, "ring");
    is_result(channel_find(list[1], 6), 0, FRAMES, "frames");
    is_result(channel_find(list[2], 4), 0, BACK, "back");
    is_result(channel_find(list[0], 3), SBI_ERR_FAILED, 0, "a prefix of a name");
    is_result(channel_find(list[0], 5), SBI_ERR_FAILED, 0, "a longer name");
    is_result(channel_find(list[0], 0), SBI_ERR_INVALID_PARAM, 0, "an empty name");
    is_result(channel_find(list[0], 32), SBI_ERR_INVALID_PARAM, 0, "a name too long");
    is_result(channel_find(list[0], ~0ul), SBI_ERR_INVALID_PARAM, 0, "a name of -1 bytes");
    is_result(channel_find((char *)HOLE, 4), SBI_ERR_INVALID_ADDRESS, 0, "a name in a hole");
    is_result(channel_find((char *)~1ul, 4), SBI_ERR_INVALID_ADDRESS, 0, "a name that wraps");
    is_result(hvc(SBI_HVC_CHANNEL_FIND, (uint64_t)list, BIT(32), 4, 0, 0), SBI_ERR_INVALID_PARAM, 0,
              "an address above 2^64");
}

static void missing_channel(uint64_t id)
{
    static const uint64_t rest[] = {SBI_HVC_CHANNEL_UNPUBLISH, SBI_HVC_CHANNEL_UNSUBSCRIBE,
                                    SBI_HVC_CHANNEL_NOTIFY, SBI_HVC_CHANNEL_STATUS,
                                    SBI_HVC_CHANNEL_EVENTS};
    bool good = channel_publish(id, RING_AT, 4096, RW).error == SBI_ERR_INVALID_PARAM &&
                channel_subscribe(id, RW).error == SBI_ERR_INVALID_PARAM;

    for (unsigned i = 0; i < ARRAY_SIZE(rest); i++) {
        struct sbi_result r = channel_call(rest[i], id);

        good &= r.error == SBI_ERR_INVALID_PARAM && r.value == 0;
    }
    ok(good, "no channel %lx", id);
}

void common_errors(void)
{
    names();
    missing_channel(CHANNELS);
    missing_channel(16);
    missing_channel(BIT(32));
    missing_channel(~0ul);
    is((uint64_t)channel_call(SBI_HVC_CHANNEL_EVENTS + 1, 0).error, (uint64_t)SBI_ERR_NOT_SUPPORTED,
       "an unknown function");
}

void test_main(void)
{
    const uint64_t role = boot_option("role");

    if (role == 1)
        run_publisher();
    else if (role == 2)
        run_subscriber();
    if (role != 0)
        return;
    tap_plan(2);
    is((uint64_t)channel_call(SBI_HVC_CHANNEL_STATUS, 0).error,
       (uint64_t)(on_hearth() ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED), "no channels");
    is((uint64_t)channel_find("ring", 4).error,
       (uint64_t)(on_hearth() ? SBI_ERR_FAILED : SBI_ERR_NOT_SUPPORTED), "names without channels");
}
