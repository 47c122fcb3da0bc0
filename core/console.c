/*
 * console.c - the one serial line, shared by the hypervisor and its VMs.
 *
 * Owns: the device, which VM is attached, what stands on the terminal's current line, and each VM's
 * end of the line (struct guest_console: unfinished output line, ring of received bytes). Locking:
 * console_lock guards everything here but the rings' consumer side: a ring's tail is moved under
 * its rx_lock, its head under console_lock; neither lock is taken inside the other. The panic path
 * takes none.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/console.h>
#include <hearth/lock.h>
#include <hearth/log.h>
#include <hearth/mmio.h>
#include <hearth/page_alloc.h>
#include <hearth/sbi_client.h>
#include <hearth/text.h>
#include <hearth/vm.h>

#include <string.h>

#define RX_SIZE          4096u /* power of two */
#define GUEST_LINE       256
#define WRITE_CHUNK      512  /* bytes of a guest's output for which the lock is held at a time */
#define INPUT_MAX        1024 /* bytes taken from the device in one go */
#define KEY_NEXT_VM      0x1d /* Ctrl-] */
#define PANIC_WAIT_SPINS 1000000u

struct guest_console {
    struct vm *vm;
    struct guest_console *next; /* console_lock */
    bool ended;                 /* console_lock */

    /* Output of the current line while not attached, as the guest sent it. console_lock. */
    uint32_t line_len;
    char line[GUEST_LINE];

    struct spinlock rx_lock;
    uint32_t rx_head;    /* console_lock to move; free running */
    uint32_t rx_tail;    /* rx_lock to move */
    uint64_t rx_dropped; /* console_lock */
    char rx[RX_SIZE];
};

/* Whose text stands on the terminal's current line. */
enum line_owner {
    LINE_EMPTY,
    LINE_HOST,
    LINE_GUEST,
};

static struct spinlock console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static const struct console_ops *device; /* set once at boot; NULL: the firmware */
static struct guest_console *consoles;   /* console_lock: in order of creation */
static struct guest_console *attached;   /* console_lock */
static enum line_owner line_owner;       /* console_lock */
static uint32_t panic_began;             /* atomic */

/* The console's lock; a hart that finds a panic under way stops here, so that the report stays
 * whole. */
static void console_acquire(void)
{
    lock_acquire(&console_lock);
    if (likely(!atomic_load_relaxed(&panic_began)))
        return;
    lock_release(&console_lock);
    for (;;)
        cpu_relax();
}

void console_panic_begin(void)
{
    atomic_store_seq(&panic_began, 1);
    /* The line that another hart is writing just now may end first; this hart may hold the lock
     * itself. */
    for (unsigned i = 0; i < PANIC_WAIT_SPINS && atomic_load_relaxed(&console_lock.raw.owner) !=
                                                     atomic_load_relaxed(&console_lock.raw.next);
         i++)
        cpu_relax();
}

static __noinline void firmware_write(const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!sbi_client_putchar(buf[i]))
            return;
    }
}

static void device_write(const char *buf, size_t len)
{
    if (likely(device != NULL))
        device->write(buf, len);
    else
        firmware_write(buf, len);
}

void console_set_device(const struct console_ops *ops)
{
    console_acquire();
    device = ops;
    lock_release(&console_lock);
}

/* Writes with "\r\n" for "\n", through `write`. */
static void write_cooked(void (*write)(const char *, size_t), const char *buf, size_t len)
{
    while (len != 0) {
        const char *nl = memchr(buf, '\n', len);
        size_t n = nl != NULL ? (size_t)(nl - buf) : len;

        if (n != 0)
            write(buf, n);
        if (nl == NULL)
            return;
        write("\r\n", 2);
        buf += n + 1;
        len -= n + 1;
    }
}

/* The hypervisor's text comes on a line of its own, whatever the attached VM left there. */
static void host_line_begin(void)
{
    if (line_owner == LINE_GUEST)
        device_write("\r\n", 2);
}

static void host_write_locked(const char *buf, size_t len)
{
    if (len == 0)
        return;
    host_line_begin();
    write_cooked(device_write, buf, len);
    line_owner = buf[len - 1] == '\n' ? LINE_EMPTY : LINE_HOST;
}

void console_write(const char *buf, size_t len)
{
    console_acquire();
    host_write_locked(buf, len);
    lock_release(&console_lock);
}

void console_write_panic(const char *buf, size_t len)
{
    const struct console_ops *d = atomic_load_relaxed(&device);
    void (*write)(const char *, size_t) = firmware_write;

    if (d != NULL)
        write = d->write_panic != NULL ? d->write_panic : d->write;
    if (len == 0)
        return;
    if (atomic_load_relaxed(&line_owner) == LINE_GUEST) {
        atomic_store_relaxed(&line_owner, LINE_HOST);
        write("\r\n", 2);
    }
    write_cooked(write, buf, len);
}

void console_drain(void)
{
    const struct console_ops *d = atomic_load_relaxed(&device);

    if (d != NULL && d->drain != NULL)
        d->drain();
}

/* The rest of the hypervisor's line, which has been begun. */
static void host_end_escaped(const char *text, size_t len)
{
    char out[GUEST_LINE];

    for (size_t pos = 0, taken; pos < len; pos += taken)
        device_write(out, text_escape(out, sizeof(out), text + pos, len - pos, &taken));
    device_write("\r\n", 2);
    line_owner = LINE_EMPTY;
}

void console_write_text(const char *head, size_t head_len, const char *text, size_t len)
{
    console_acquire();
    host_line_begin();
    device_write(head, head_len);
    host_end_escaped(text, len);
    lock_release(&console_lock);
}

/* Puts the unfinished line of a VM that is not attached on the terminal, prefixed and harmless. */
static void guest_line_flush(struct guest_console *c)
{
    /* The line end of a terminal in raw mode is "\r\n": none of it is the text's. */
    while (c->line_len > 0 && c->line[c->line_len - 1] == '\r')
        c->line_len--;

    host_write_locked("[", 1);
    host_write_locked(c->vm->config.name, strnlen(c->vm->config.name, VM_NAME_MAX));
    host_write_locked("] ", 2);
    host_end_escaped(c->line, c->line_len);
    c->line_len = 0;
}

static __noinline void guest_line_add(struct guest_console *c, const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (buf[i] == '\n') {
            guest_line_flush(c);
            continue;
        }
        if (c->line_len == GUEST_LINE)
            guest_line_flush(c);
        c->line[c->line_len++] = buf[i];
    }
}

static void guest_write_raw(const char *buf, size_t len)
{
    device_write(buf, len);
    line_owner = buf[len - 1] == '\n' ? LINE_EMPTY : LINE_GUEST;
}

static __noinline void guest_write_chunk(struct guest_console *c, const char *buf, size_t len)
{
    console_acquire();
    if (likely(c == attached))
        guest_write_raw(buf, len);
    else
        guest_line_add(c, buf, len);
    lock_release(&console_lock);
}

/* Hot while a guest boots: a byte a call. */
void console_guest_write(struct vm *vm, const char *buf, size_t len)
{
    struct guest_console *c = vm->console;

    if (unlikely(c == NULL))
        return;
    for (; unlikely(len > WRITE_CHUNK); buf += WRITE_CHUNK, len -= WRITE_CHUNK)
        guest_write_chunk(c, buf, WRITE_CHUNK);
    if (likely(len != 0))
        guest_write_chunk(c, buf, len);
}

static void host_say(const char *text)
{
    host_write_locked(text, strlen(text));
}

/* Makes c the attached VM; what it wrote of its current line appears raw (a prompt, say). */
static void attach(struct guest_console *c)
{
    attached = c;
    if (c == NULL) {
        host_say("hearth: console: no VM attached\n");
        return;
    }
    host_say("hearth: console: attached to ");
    host_say(c->vm->config.name);
    host_say("\n");
    if (c->line_len != 0)
        guest_write_raw(c->line, c->line_len);
    c->line_len = 0;
}

/* The next VM after c, around the list, that has not ended; c itself last; NULL: none. */
static struct guest_console *next_running(const struct guest_console *c)
{
    struct guest_console *i;

    for (i = c != NULL ? c->next : consoles; i != NULL; i = i->next) {
        if (!i->ended)
            return i;
    }
    for (i = consoles; i != NULL; i = i->next) {
        if (!i->ended)
            return i;
        if (i == c)
            break;
    }
    return NULL;
}

struct guest_console *console_guest_create(struct vm *vm)
{
    struct guest_console *c = page_alloc_zeroed(page_order(sizeof(*c)));

    if (c == NULL)
        return NULL;
    c->vm = vm;
    lock_init(&c->rx_lock, RANK_CONSOLE);
    return c;
}

void console_guest_list(struct vm *vm)
{
    struct guest_console *c = vm->console;
    struct guest_console **link;

    console_acquire();
    for (link = &consoles; *link != NULL; link = &(*link)->next)
        ;
    *link = c;
    /* Said only when there is a choice: the one VM of a machine is attached without words. */
    if (attached == NULL) {
        if (consoles == c)
            attached = c;
        else
            attach(c);
    }
    lock_release(&console_lock);
}

void console_guest_started(struct vm *vm)
{
    struct guest_console *c = vm->console;

    console_acquire();
    if (c->ended) {
        c->ended = false;
        if (attached == NULL)
            attach(c);
    }
    lock_release(&console_lock);
}

/* console_lock held. */
static void guest_end(struct guest_console *c)
{
    if (c->ended)
        return;
    c->ended = true;
    if (c != attached) {
        if (c->line_len != 0)
            guest_line_flush(c);
        return;
    }
    attached = NULL;
    if (next_running(c) != NULL)
        attach(next_running(c));
}

void console_guest_ended(struct vm *vm)
{
    if (vm->console == NULL)
        return;
    console_acquire();
    guest_end(vm->console);
    lock_release(&console_lock);
}

void console_guest_unlist(struct vm *vm)
{
    struct guest_console *c = vm->console;
    struct guest_console **link;

    console_acquire();
    guest_end(c);
    for (link = &consoles; *link != NULL && *link != c; link = &(*link)->next)
        ;
    if (*link == c)
        *link = c->next;
    lock_release(&console_lock);
}

void console_guest_destroy(struct vm *vm)
{
    page_free_virt(vm->console, page_order(sizeof(*vm->console)));
    vm->console = NULL;
}

bool console_shell_attached(void)
{
    return false;
}

/* One byte for the attached VM. False when its ring is full: the newest byte is the one that is
 * lost. */
static bool rx_put(struct guest_console *c, char byte)
{
    uint32_t head = c->rx_head;

    if (head - atomic_load_acquire(&c->rx_tail) >= RX_SIZE) {
        c->rx_dropped++;
        return false;
    }
    c->rx[head % RX_SIZE] = byte;
    atomic_store_release(&c->rx_head, head + 1);
    return true;
}

void console_input(void)
{
    struct vm *woken = NULL;

    console_acquire();
    for (unsigned i = 0; i < INPUT_MAX; i++) {
        int byte = device != NULL ? device->read() : sbi_client_getchar();

        if (byte < 0)
            break;
        if (byte == KEY_NEXT_VM) {
            /* Input given before the switch is its VM's: tell it before another one comes in. */
            if (woken != NULL) {
                lock_release(&console_lock);
                board_console_event(woken);
                woken = NULL;
                console_acquire();
            }
            attach(next_running(attached));
            continue;
        }
        if (attached != NULL && rx_put(attached, (char)byte))
            woken = attached->vm;
    }
    lock_release(&console_lock);

    if (woken != NULL)
        board_console_event(woken);
}

size_t console_guest_read(struct vm *vm, char *buf, size_t len)
{
    struct guest_console *c = vm->console;
    size_t n = 0;
    uint32_t tail, head;

    if (c == NULL)
        return 0;
    lock_acquire(&c->rx_lock);
    tail = c->rx_tail;
    head = atomic_load_acquire(&c->rx_head);
    while (n < len && tail != head)
        buf[n++] = c->rx[tail++ % RX_SIZE];
    atomic_store_release(&c->rx_tail, tail);
    lock_release(&c->rx_lock);
    return n;
}

bool console_guest_has_input(struct vm *vm)
{
    struct guest_console *c = vm->console;

    return c != NULL && atomic_load_acquire(&c->rx_head) != atomic_load_relaxed(&c->rx_tail);
}
