/*
 * board.c - which device answers at which guest-physical address: the table of rows, the devices'
 * memory, and the dispatch of register accesses.
 *
 * Locking: none here. Rows are constant, vm->slots does not change while vcpus run, and each
 * device has its own lock.
 */
#include <hearth/lib/errno.h>
#include <hearth/guest/mmio.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <libfdt.h>
#include <inttypes.h>
#include <stdio.h>

/*
 * Not overlapping; base and size multiples of 8, so that an aligned access that starts inside a row
 * ends inside it. In the order in which find_row() asks: what guests touch most comes first.
 */
const struct board_row board_rows[] = {
    {.ops = &uart_ops, .base = BOARD_UART_BASE, .size = 0x100, .irq = BOARD_UART_IRQ},
    {.ops = &plic_ops, .base = BOARD_PLIC_BASE, .size = 0x600000},
    {.ops = &rtc_ops, .base = BOARD_RTC_BASE, .size = 0x1000, .irq = BOARD_RTC_IRQ},
    {.ops = &syscon_ops, .base = BOARD_SYSCON_BASE, .size = 0x1000},
};
const unsigned board_row_count = ARRAY_SIZE(board_rows);

_Static_assert(ARRAY_SIZE(board_rows) <= BOARD_ROWS_MAX, "vm->slots[] has one for each row");

#define STATE_ALIGN 64 /* a cache line: devices of one VM do not share one */

static inline void *board_state(const struct vm *vm, uint64_t row)
{
    return vm->slots[VM_SLOT_BOARD + row];
}

static uint64_t state_total(void)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        total += align_up(board_rows[i].ops->state_size, STATE_ALIGN);
    return total;
}

int board_init(struct vm *vm)
{
    char *state = page_alloc_zeroed(page_order(state_total()));

    if (!state)
        return -HV_ENOMEM;
    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++) {
        vm->slots[VM_SLOT_BOARD + i] = state;
        state += align_up(board_rows[i].ops->state_size, STATE_ALIGN);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++) {
        const struct device_ops *ops = board_rows[i].ops;
        int err = ops->init ? ops->init(vm, board_state(vm, i)) : 0;

        if (err) {
            board_destroy(vm);
            return err;
        }
    }
    board_reset(vm);
    return 0;
}

void board_destroy(struct vm *vm)
{
    if (board_state(vm, 0))
        page_free_virt(board_state(vm, 0), page_order(state_total()));
    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        vm->slots[VM_SLOT_BOARD + i] = NULL;
    vm->intc = NULL;
}

void board_reset(struct vm *vm)
{
    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        if (board_rows[i].ops->reset)
            board_rows[i].ops->reset(vm, board_state(vm, i));
}

int board_fdt_begin(void *fdt, const struct board_row *row, const char *name,
                    const char *compatible, size_t compatible_size)
{
    fdt64_t reg[2] = {cpu_to_fdt64(row->base), cpu_to_fdt64(row->size)};
    char node[64];
    int err;

    (void)snprintf(node, sizeof(node), "%s@%" PRIx64, name, row->base);
    err = fdt_begin_node(fdt, node);
    err = err ? err : fdt_property(fdt, "compatible", compatible, (int)compatible_size);
    return err ? err : fdt_property(fdt, "reg", reg, sizeof(reg));
}

void board_console_event(struct vm *vm)
{
    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        if (board_rows[i].ops->console_event)
            board_rows[i].ops->console_event(vm, board_state(vm, i));
}

size_t board_console_read(struct vm *vm, char *buf, size_t len)
{
    size_t n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        if (board_rows[i].ops->console_read)
            n += board_rows[i].ops->console_read(vm, board_state(vm, i), buf + n, len - n);
    return n;
}

bool board_console_break(struct vm *vm, char key)
{
    bool sent = false;

    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        if (board_rows[i].ops->console_break)
            sent |= board_rows[i].ops->console_break(vm, board_state(vm, i), key);
    return sent;
}

static void board_detach(struct vm *vm)
{
    for (unsigned i = 0; i < ARRAY_SIZE(board_rows); i++)
        if (board_rows[i].ops->detach)
            board_rows[i].ops->detach(vm, board_state(vm, i));
}

/* The row that takes an access of this width at gpa, or NULL. */
static inline const struct board_row *find_row(gpa_t gpa, unsigned size)
{
    const struct board_row *row = board_rows;

    while (gpa - row->base >= row->size)
        if (unlikely(++row == board_rows + ARRAY_SIZE(board_rows)))
            return NULL;
    if (unlikely(!(row->ops->access_sizes & size) || (gpa & (size - 1))))
        return NULL;
    return row;
}

int mmio_read(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t *value)
{
    const struct board_row *row = find_row(gpa, size);

    if (unlikely(!row))
        return -HV_EFAULT;
    return row->ops->read(vcpu, board_state(vcpu->vm, (uint64_t)(row - board_rows)),
                          gpa - row->base, size, value);
}

int mmio_write(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t value)
{
    const struct board_row *row = find_row(gpa, size);

    if (unlikely(!row))
        return -HV_EFAULT;
    return row->ops->write(vcpu, board_state(vcpu->vm, (uint64_t)(row - board_rows)),
                           gpa - row->base, size, value & (UINT64_MAX >> (64 - 8 * size)));
}

const struct vm_component board_component = {
    .name = "board",
    .vm_create = board_init,
    .vm_destroy = board_destroy,
    .vm_detach = board_detach,
    .vm_reset = board_reset,
};
