/* SPDX-License-Identifier: Apache-2.0 */
/* test_channels.c - ipc/channels.c and its hypercalls: permissions by side and state, mappings and
 * events, and VMs that are created, restart and end. The publisher is sbi_vm. */
#include "fakes/sbi_vm.h"
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/ipc/channels.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/lib/errno.h>
#include <hearth/sbi/hvc.h>

#include <stdio.h>
#include <stdlib.h>

#define RAM       SBI_RAM_BASE
#define RW        3
#define WINDOW(i) (0x18000000000ull + (i) * GIB)
#define STATE     0xfffull

enum { RING, FRAMES, BACK, CHANNELS };

static struct vm sub;
static struct vm *const pub = &sbi_vm;
static char scratch[HVC_SCRATCH];
static unsigned generation; /* channels are never removed: each test uses its own names */
static char names[CHANNELS][VM_NAME_MAX + 1];

static void describe(struct vm *vm, const char *name, const char *peer, bool publisher)
{
    strcpy(vm->config.name, name);
    vm->config.channel_count = CHANNELS;
    vm->config.channel[RING] = (struct config_channel){.name = names[RING],
                                                       .peer = peer,
                                                       .size = 0x3000,
                                                       .publishes = publisher,
                                                       .writable = true};
    vm->config.channel[FRAMES] = (struct config_channel){
        .name = names[FRAMES], .peer = peer, .size = GIB, .publishes = publisher};
    vm->config.channel[BACK] = (struct config_channel){
        .name = names[BACK], .peer = peer, .size = 0x1000, .publishes = !publisher};
}

/* For mm/memslot.c: no VM in this test has RAM of its own. */
hpa_t page_alloc(unsigned order)
{
    (void)order;
    abort();
}

void page_free(hpa_t page, unsigned order)
{
    (void)page;
    (void)order;
    abort();
}

static int gone(void **state)
{
    (void)state;
    channels_component.vm_destroy(pub);
    channels_component.vm_destroy(&sub);
    channels_component.vm_destroy(&sub); /* no channels: no effect */
    /* A call that is refused stops no VM. */
    return fake_pages_out == 0 && fake_stop_calls == 0 ? 0 : 1;
}

static int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(1);
    sbi_self->slots[VCPU_SLOT_SBI + SBI_SLOT_HVC] = scratch;
    memset(&sub, 0, sizeof(sub));
    sub.memslots = pub->memslots;
    generation++;
    snprintf(names[RING], sizeof(names[RING]), "ring-%u", generation);
    snprintf(names[FRAMES], sizeof(names[FRAMES]), "frames-%u", generation);
    snprintf(names[BACK], sizeof(names[BACK]), "back-%u", generation);
    describe(pub, "pub", "sub", true);
    describe(&sub, "sub", "pub", false);
    memset(&fake_remap, 0, sizeof(fake_remap));
    memset(fake_lines, 0, sizeof(fake_lines));
    fake_lines_vm[0] = pub;
    fake_lines_vm[1] = &sub;
    pub->intc = sub.intc = &fake_intc;
    fake_remap_answer = 0;
    fake_remap_missing = fake_remap_refused = false;
    fake_stop_calls = 0;
    return 0;
}

/* Both VMs exist and run. */
static int both(void **state)
{
    (void)fresh(state);
    assert_int_equal(channels_component.vm_create(pub), 0);
    assert_int_equal(channels_component.vm_create(&sub), 0);
    channels_component.vm_started(pub);
    channels_component.vm_started(&sub);
    return 0;
}

static uint64_t status(struct vm *vm, uint64_t id)
{
    uint64_t value = ~0ull;

    assert_int_equal(channel_status(vm, id, &value), 0);
    return value;
}

static uint64_t events(struct vm *vm, uint64_t id)
{
    uint64_t value = ~0ull;

    assert_int_equal(channel_take_events(vm, id, &value), 0);
    return value;
}

static void published(uint64_t id, uint64_t size, uint64_t access)
{
    assert_int_equal(channel_publish(pub, id, RAM, size, access), 0);
}

static void subscribed(uint64_t id, uint64_t access)
{
    gpa_t gpa = 0;

    assert_int_equal(channel_subscribe(&sub, id, access, &gpa), 0);
    assert_int_equal(gpa, WINDOW(id));
}

static void test_publish(void **state)
{
    static const struct {
        uint64_t id, gpa, size, access;
        int err;
    } rows[] = {
        {CHANNELS, RAM, 0x1000, 1, -HV_EINVAL},
        {UINT64_MAX, RAM, 0x1000, 1, -HV_EINVAL},
        {BIT(32), RAM, 0x1000, 1, -HV_EINVAL},
        {BACK, RAM, 0x1000, 1, -HV_ENOTSUP},
        {RING, RAM, 0, 1, -HV_EINVAL},
        {RING, RAM, 0xfff, 1, -HV_EINVAL},
        {RING, RAM + 1, 0x1000, 1, -HV_EINVAL},
        {RING, RAM, 0x4000, 1, -HV_EINVAL}, /* enough RAM, but more than described */
        {RING, RAM, UINT64_MAX, 1, -HV_EINVAL},
        {RING, RAM, 0xfffffffffffff000, 1, -HV_EINVAL},
        {RING, RAM, 0x1000, 0, -HV_EINVAL},
        {RING, RAM, 0x1000, 2, -HV_EINVAL},
        {RING, RAM, 0x1000, 4, -HV_EINVAL},
        {RING, RAM, 0x1000, BIT(32) | 1, -HV_EINVAL},
        {FRAMES, RAM, 0x1000, RW, -HV_ENOTSUP},
        {FRAMES, RAM, 0x5000, 1, -HV_EFAULT},
        {RING, RAM - 0x1000, 0x2000, 1, -HV_EFAULT},
        {RING, RAM + 0x2000, 0x3000, 1, -HV_EFAULT},
        {RING, 0xfffffffffffff000, 0x2000, 1, -HV_EFAULT},
        {RING, 0, 0x1000, 1, -HV_EFAULT},
        {RING, WINDOW(RING), 0x1000, 1, -HV_EFAULT},
        {FRAMES, RAM + 0x1000, 4 * MIB, 1, -HV_EINVAL}, /* large regions are aligned to 2 MiB */
        {FRAMES, RAM, 2 * MIB + 0x1000, 1, -HV_EINVAL},
        {FRAMES, RAM, 2 * MIB, 1, -HV_EFAULT},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (channel_publish(pub, rows[i].id, rows[i].gpa, rows[i].size, rows[i].access) !=
            rows[i].err)
            fail_msg("row %u", i);
    }
    assert_int_equal(fake_lines[1], 0);
    assert_int_equal(status(pub, RING), SBI_CHANNEL_PUBLISHER);
    published(RING, 0x2000, RW);
    assert_int_equal(channel_publish(pub, RING, RAM, 0x2000, RW), -HV_EEXIST);
    assert_int_equal(status(pub, RING),
                     0x2000 | SBI_CHANNEL_PUBLISHER | SBI_CHANNEL_PUBLISHED | SBI_CHANNEL_WRITABLE);
    assert_int_equal(status(&sub, RING), 0x2000 | SBI_CHANNEL_PUBLISHED | SBI_CHANNEL_WRITABLE);
    published(FRAMES, 0x4000, 1); /* the same pages under another name */
    assert_int_equal(status(&sub, FRAMES), 0x4000 | SBI_CHANNEL_PUBLISHED);
    assert_int_equal(fake_lines[1], BIT(RING) | BIT(FRAMES));
    assert_int_equal(events(&sub, RING), SBI_CHANNEL_EVENT_CHANGED);
    assert_int_equal(fake_lines[1], BIT(FRAMES));
    assert_int_equal(fake_remap.mapped, 0);
}

static void test_subscribe(void **state)
{
    gpa_t gpa = 0;

    (void)state;
    assert_int_equal(channel_subscribe(&sub, CHANNELS, 1, &gpa), -HV_EINVAL);
    assert_int_equal(channel_subscribe(&sub, BACK, 1, &gpa), -HV_ENOTSUP);
    assert_int_equal(channel_subscribe(pub, RING, 1, &gpa), -HV_ENOTSUP);
    assert_int_equal(channel_subscribe(&sub, RING, 1, &gpa), -HV_EBUSY);
    published(RING, 0x3000, 1); /* less than described */
    assert_int_equal(channel_subscribe(&sub, RING, RW, &gpa), -HV_ENOTSUP);
    assert_int_equal(channel_subscribe(&sub, RING, 2, &gpa), -HV_EINVAL);
    assert_int_equal(channel_subscribe(&sub, RING, BIT(32) | 1, &gpa), -HV_EINVAL);
    fake_remap_answer = -HV_ENOMEM;
    assert_int_equal(channel_subscribe(&sub, RING, 1, &gpa), -HV_ENOMEM);
    assert_int_equal(status(&sub, RING), 0x3000 | SBI_CHANNEL_PUBLISHED);
    assert_int_equal(fake_lines[0], 0);
    fake_remap_answer = 0;
    subscribed(RING, 1);
    assert_int_equal(channel_subscribe(&sub, RING, 1, &gpa), -HV_EEXIST);
    assert_ptr_equal(fake_remap.vm, &sub);
    assert_ptr_equal(fake_remap.from, &pub->memslots);
    assert_int_equal(fake_remap.at, WINDOW(RING));
    assert_int_equal(fake_remap.gpa, RAM);
    assert_int_equal(fake_remap.size, 0x3000);
    assert_int_equal(fake_remap.prot, 1);
    assert_int_equal(events(pub, RING), SBI_CHANNEL_EVENT_CHANGED);
    assert_int_equal(channel_unsubscribe(pub, RING), -HV_ENOTSUP);
    assert_int_equal(channel_unsubscribe(&sub, FRAMES), -HV_EBUSY);
    assert_int_equal(channel_unsubscribe(&sub, RING), 0);
    assert_ptr_equal(fake_remap_asker, &sub);
    assert_int_equal(channel_unsubscribe(&sub, RING), -HV_EBUSY);
    assert_int_equal(fake_remap.removed, 1);
    assert_int_equal(fake_remap.wrong, 0);
    assert_int_equal(events(pub, RING), SBI_CHANNEL_EVENT_CHANGED);
    assert_int_equal(status(pub, RING) & STATE, SBI_CHANNEL_PUBLISHER | SBI_CHANNEL_PUBLISHED);
}

static void test_doorbells(void **state)
{
    (void)state;
    assert_int_equal(channel_notify(pub, CHANNELS), -HV_EINVAL);
    assert_int_equal(channel_notify(pub, RING), -HV_EBUSY);
    published(RING, 0x1000, RW);
    assert_int_equal(channel_notify(pub, RING), -HV_EBUSY);
    assert_int_equal(channel_notify(&sub, RING), -HV_EBUSY);
    subscribed(RING, RW);
    (void)events(pub, RING);
    (void)events(&sub, RING);
    assert_int_equal(fake_lines[0] | fake_lines[1], 0);
    assert_int_equal(channel_notify(pub, RING), 0);
    assert_int_equal(fake_lines[0], 0);
    assert_int_equal(fake_lines[1], BIT(RING));
    assert_int_equal(channel_notify(pub, RING), 0);
    assert_int_equal(channel_notify(&sub, RING), 0);
    assert_int_equal(fake_lines[0], BIT(RING));
    assert_int_equal(events(&sub, RING), SBI_CHANNEL_EVENT_DOORBELL);
    assert_int_equal(events(&sub, RING), 0);
    assert_int_equal(fake_lines[1], 0);
    assert_int_equal(channel_unpublish(pub, RING), 0);
    assert_ptr_equal(fake_remap_asker, pub);
    assert_int_equal(channel_notify(&sub, RING), -HV_EBUSY);
    assert_int_equal(events(pub, RING), SBI_CHANNEL_EVENT_DOORBELL); /* rung earlier */
    assert_int_equal(events(&sub, RING), SBI_CHANNEL_EVENT_CHANGED);
}

static void test_unpublish(void **state)
{
    (void)state;
    assert_int_equal(channel_unpublish(pub, RING), -HV_EBUSY);
    assert_int_equal(channel_unpublish(pub, BACK), -HV_ENOTSUP);
    assert_int_equal(channel_unpublish(&sub, RING), -HV_ENOTSUP);
    assert_int_equal(channel_unpublish(pub, UINT64_MAX), -HV_EINVAL);
    published(RING, 0x1000, RW);
    assert_int_equal(channel_unpublish(pub, RING), 0);
    assert_int_equal(fake_remap.removed, 0); /* no mapping */
    published(RING, 0x2000, RW);
    subscribed(RING, RW);
    assert_int_equal(channel_unpublish(pub, RING), 0);
    assert_int_equal(fake_remap.removed, 1);
    assert_int_equal(fake_remap.wrong, 0);
    assert_int_equal(status(&sub, RING), 0);
    assert_int_equal(channel_unsubscribe(&sub, RING), -HV_EBUSY);
    published(RING, 0x1000, 1);
    assert_int_equal(status(&sub, RING), 0x1000 | SBI_CHANNEL_PUBLISHED);
}

static void test_publisher_ends(void **state)
{
    (void)state;
    published(RING, 0x2000, RW);
    published(FRAMES, 0x1000, 1);
    subscribed(RING, RW);
    (void)events(&sub, RING);
    (void)events(&sub, FRAMES);
    assert_int_equal(channel_notify(&sub, RING), 0);
    channels_component.vm_ended(pub);
    assert_int_equal(fake_remap.removed, 1);
    assert_int_equal(fake_remap.wrong, 0);
    assert_int_equal(status(&sub, RING) | status(&sub, FRAMES), 0);
    assert_int_equal(fake_lines[0], 0);
    assert_int_equal(fake_lines[1], BIT(RING) | BIT(FRAMES));
    assert_int_equal(channel_notify(&sub, RING), -HV_EBUSY);
    channels_component.vm_started(pub); /* restarted */
    assert_int_equal(events(pub, RING), 0);
    published(RING, 0x1000, RW);
    subscribed(RING, RW);
    assert_int_equal(events(pub, RING), SBI_CHANNEL_EVENT_CHANGED);
    channels_component.vm_ended(pub);
    channels_component.vm_ended(pub); /* not repeated */
    assert_int_equal(fake_remap.removed, 2);
}

static void test_subscriber_ends(void **state)
{
    (void)state;
    published(RING, 0x2000, RW);
    published(FRAMES, 0x1000, 1);
    subscribed(RING, RW);
    (void)events(pub, RING);
    channels_component.vm_ended(&sub);
    assert_int_equal(fake_remap.removed, 1);
    assert_int_equal(fake_remap.wrong, 0);
    assert_int_equal(fake_lines[1], 0);
    assert_int_equal(fake_lines[0], BIT(RING)); /* and not frames, which it had not subscribed to */
    assert_int_equal(status(pub, RING) & STATE,
                     SBI_CHANNEL_PUBLISHER | SBI_CHANNEL_PUBLISHED | SBI_CHANNEL_WRITABLE);
    assert_int_equal(channel_unpublish(pub, FRAMES), 0); /* a VM that does not run has no events */
    assert_int_equal(fake_lines[1], 0);
    channels_component.vm_started(&sub);
    assert_int_equal(events(&sub, FRAMES), 0);
    subscribed(RING, RW);
}

/* The firmware refuses a fence: the subscriber is stopped, and until it has stopped the channel
 * does not change. */
static void test_fence_refused(void **state)
{
    gpa_t gpa;

    (void)state;
    published(RING, 0x2000, RW);
    subscribed(RING, RW);
    fake_remap_refused = true;
    assert_int_equal(channel_unsubscribe(&sub, RING), -HV_EIO);
    assert_int_equal(fake_stop_calls, 1);
    assert_int_equal(fake_stop_kind, VM_STOP_CRASH);
    assert_ptr_equal(fake_stop_vm, &sub);
    assert_int_equal(channel_unpublish(pub, RING), -HV_EIO);
    assert_int_equal(fake_stop_calls, 2);
    assert_true(status(pub, RING) & SBI_CHANNEL_SUBSCRIBED);
    channels_component.vm_ended(pub);
    assert_int_equal(fake_stop_calls, 3);
    assert_true(channels_component.vm_held(pub));
    assert_false(channels_component.vm_held(&sub));
    fake_remap_refused = false; /* the VM has stopped */
    channels_component.vm_ended(&sub);
    assert_false(channels_component.vm_held(pub));
    assert_int_equal(status(&sub, RING), 0);
    channels_component.vm_started(pub);
    channels_component.vm_started(&sub);
    published(RING, 0x1000, RW);
    fake_remap_answer = -HV_EIO; /* perhaps mapped */
    assert_int_equal(channel_subscribe(&sub, RING, RW, &gpa), -HV_EIO);
    assert_int_equal(fake_stop_calls, 4);
    fake_stop_calls = 0;
    channels_component.vm_ended(pub);
    assert_false(channels_component.vm_held(pub));
    assert_int_equal(fake_remap.removed, 2);
    assert_int_equal(fake_remap.wrong, 0);
}

/* The subscriber is created later, not at all, or without remote fences. */
static void test_creation(void **state)
{
    gpa_t gpa;

    (void)state;
    assert_int_equal(channels_component.vm_create(pub), 0);
    channels_component.vm_started(pub);
    published(RING, 0x1000, RW);
    assert_int_equal(channel_notify(pub, RING), -HV_EBUSY);
    fake_remap_missing = true;
    assert_int_equal(channels_component.vm_create(&sub), -HV_ENODEV);
    fake_remap_missing = false;
    assert_int_equal(channels_component.vm_create(&sub), 0);
    channels_component.vm_destroy(&sub); /* its creation fails later */
    assert_int_equal(channel_unpublish(pub, RING), 0);
    published(RING, 0x1000, RW);
    assert_int_equal(channels_component.vm_create(&sub), 0);
    assert_int_equal(channel_subscribe(&sub, RING, RW, &gpa), 0);
    assert_int_equal(status(pub, RING) & SBI_CHANNEL_SUBSCRIBED, SBI_CHANNEL_SUBSCRIBED);
}

/* The same name with another publisher or another subscriber is another channel. */
static void test_strangers(void **state)
{
    static const struct {
        const char *name, *peer;
    } strangers[] = {{"stranger", "pub"}, {"sub", "stranger"}};
    static struct vm stranger;
    gpa_t gpa;

    (void)state;
    published(RING, 0x1000, RW);
    for (unsigned i = 0; i < ARRAY_SIZE(strangers); i++) {
        memset(&stranger, 0, sizeof(stranger));
        describe(&stranger, strangers[i].name, strangers[i].peer, false);
        assert_int_equal(channels_component.vm_create(&stranger), 0);
        channels_component.vm_started(&stranger);
        assert_int_equal(status(&stranger, RING), 0);
        assert_int_equal(channel_subscribe(&stranger, RING, 1, &gpa), -HV_EBUSY);
        assert_int_equal(channel_notify(&stranger, RING), -HV_EBUSY);
        channels_component.vm_destroy(&stranger);
    }
    stranger.config.channel_count = 0; /* it is in no channel */
    assert_int_equal(channel_status(&stranger, RING, &gpa), -HV_EINVAL);
    assert_int_equal(channel_find(&stranger, names[RING], strlen(names[RING])), -HV_ENOENT);
}

static struct sbi_answer call(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return sbi_ecall(0x485643, nr, a0, a1, a2, a3);
}

static void test_hypercalls(void **state)
{
    const uint64_t len = strlen(names[FRAMES]);

    (void)state;
    memcpy(sbi_ram + 8, names[FRAMES], len);
    assert_sbi(call(0x1010, RAM + 8, 0, len, 0), 0, FRAMES);
    assert_sbi(call(0x1010, RAM + 8, 0, len - 1, 0), SBI_ERR_FAILED, 0);
    assert_sbi(call(0x1010, RAM + 8, 0, len + 1, 0), SBI_ERR_FAILED, 0);
    assert_sbi(call(0x1010, RAM + 8, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(call(0x1010, RAM + 8, 0, 32, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(call(0x1010, RAM + 8, BIT(32), len, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(call(0x1010, RAM + SBI_RAM_SIZE - 3, 0, len, 0), SBI_ERR_INVALID_ADDRESS, 0);
    rec.copy_limit = 3;
    assert_sbi(call(0x1010, RAM + 8, 0, len, 0), SBI_ERR_INVALID_ADDRESS, 0);

    sbi_a4 = 1;
    assert_sbi(call(0x1011, FRAMES, RAM | BIT(32), 1, 0x1000), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(call(0x1011, FRAMES, 0x1000, 0, 0x1000), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(call(0x1011, BACK, RAM, 0, 0x1000), SBI_ERR_DENIED, 0);
    assert_sbi(call(0x1011, FRAMES, RAM, 0, 0x1000), 0, 0);
    assert_sbi(call(0x1011, FRAMES, RAM, 0, 0x1000), SBI_ERR_ALREADY_AVAILABLE, 0);
    assert_sbi(call(0x1016, FRAMES, 0, 0, 0), 0, 0x1009);
    assert_sbi(call(0x1015, FRAMES, 0, 0, 0), SBI_ERR_INVALID_STATE, 0);
    subscribed(FRAMES, 1);
    assert_sbi(call(0x1015, FRAMES, 0, 0, 0), 0, 0);
    assert_sbi(call(0x1017, FRAMES, 0, 0, 0), 0, SBI_CHANNEL_EVENT_CHANGED);
    assert_sbi(call(0x1012, FRAMES, 0, 0, 0), 0, 0);
    assert_sbi(call(0x1012, FRAMES, 0, 0, 0), SBI_ERR_INVALID_STATE, 0);

    assert_int_equal(channel_publish(&sub, BACK, RAM, 0x1000, 1), 0);
    assert_sbi(call(0x1013, BACK, 3, 0, 0), SBI_ERR_DENIED, 0);
    fake_remap_answer = -HV_ENOMEM;
    assert_sbi(call(0x1013, BACK, 1, 0, 0), SBI_ERR_FAILED, 0);
    fake_remap_answer = 0;
    assert_sbi(call(0x1013, BACK, 1, 0, 0), 0, WINDOW(BACK));
    assert_sbi(call(0x1014, BACK, 0, 0, 0), 0, 0);
    assert_sbi(call(0x1014, BACK, 0, 0, 0), SBI_ERR_INVALID_STATE, 0);
    for (uint64_t nr = 0x1011; nr <= 0x1017; nr++)
        assert_sbi(call(nr, CHANNELS, 1, 0, 0x1000), SBI_ERR_INVALID_PARAM, 0);
}

/* The last test: fills the table. */
static void test_exhaustion(void **state)
{
    static char many[CHANNELS_MAX + 1][16];
    unsigned made = 0;

    (void)state;
    pub->config.channel_count = 1;
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        snprintf(many[i], sizeof(many[i]), "x%u", i);
        pub->config.channel[0].name = many[i];
        if (channels_component.vm_create(pub) == 0)
            made++;
        assert_true(pub->slots[VM_SLOT_CHANNELS] == NULL || made == i + 1);
        channels_component.vm_destroy(pub);
        assert_null(pub->slots[VM_SLOT_CHANNELS]);
    }
    assert_in_range(made, 64, CHANNELS_MAX - 1);
    pub->config.channel[0].name = many[0]; /* existing channels can still be used */
    assert_int_equal(channels_component.vm_create(pub), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_publish, both, gone),
        cmocka_unit_test_setup_teardown(test_subscribe, both, gone),
        cmocka_unit_test_setup_teardown(test_doorbells, both, gone),
        cmocka_unit_test_setup_teardown(test_unpublish, both, gone),
        cmocka_unit_test_setup_teardown(test_publisher_ends, both, gone),
        cmocka_unit_test_setup_teardown(test_subscriber_ends, both, gone),
        cmocka_unit_test_setup_teardown(test_fence_refused, both, gone),
        cmocka_unit_test_setup_teardown(test_creation, fresh, gone),
        cmocka_unit_test_setup_teardown(test_strangers, both, gone),
        cmocka_unit_test_setup_teardown(test_hypercalls, both, gone),
        cmocka_unit_test_setup_teardown(test_exhaustion, fresh, gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
