/*
 * console.c - the one serial line, shared by the hypervisor and its VMs.
 *
 * Owns: the device, which VM or the shell is attached, what stands on the terminal's current line,
 * and each VM's end of the line (struct guest_console: unfinished output line, ring of what it
 * wrote unattached, ring of received bytes). The shell draws its line through here, so that lines
 * of others can come between and the line is there again behind them. Locking: console_lock guards
 * everything here but the rings' consumer side: a ring's tail is moved under its rx_lock, its head
 * under console_lock; neither lock is taken inside the other. The panic path takes none.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <hearth/console.h>
#include <hearth/console_ring.h>
#include <hearth/lock.h>
#include <hearth/log.h>
#include <hearth/mmio.h>
#include <hearth/machine_end.h>
#include <hearth/page_alloc.h>
#include <hearth/sbi_client.h>
#include <hearth/shell.h>
#include <hearth/text.h>
#include <hearth/vm.h>

#include <stdio.h>
#include <string.h>

#define RX_SIZE     4096u /* power of two */
#define GUEST_LINE  256
#define WRITE_CHUNK 512 /* bytes of a guest's output for which the lock is held at a time */
#define HOST_LINE_MOST                                                                             \
    1536                      /* bytes of a line of the hypervisor's, or of a VM's with its prefix \
                               */
#define INPUT_MAX        1024 /* bytes taken from the device in one go */
#define KEY_DETACH       0x1d /* Ctrl-] */
#define REPLAY_MAX       (2 * RING_SIZE) /* a VM that writes faster than that is cut */
#define PANIC_WAIT_SPINS 1000000u

struct guest_console {
    struct vm *vm;
    struct guest_console *next; /* console_lock */
    bool ended;                 /* console_lock */

    /* Output of the current line while not attached, as the guest sent it. console_lock. */
    uint32_t line_len;
    char line[GUEST_LINE];
    struct console_ring ring; /* console_lock: what it wrote unattached */

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
    LINE_SHELL,  /* the shell's prompt and what is typed there */
    LINE_OUTPUT, /* the beginning of a line of a command's */
};

static struct spinlock console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static const struct console_ops *device;    /* set once at boot; NULL: the firmware */
static struct guest_console *consoles;      /* console_lock: in order of creation */
static struct guest_console *attached;      /* console_lock */
static enum line_owner line_owner;          /* console_lock */
static struct guest_console *last_attached; /* console_lock: before the shell */
static bool shell_attached;                 /* console_lock to change; atomic to look */
static bool colour;                         /* set once at boot */

/* The shell's line as it is to be drawn; console_lock. len 0: it has none at present. */
static struct {
    char text[SHELL_LINE_MAX];
    size_t len, back; /* bytes; columns from the end to the cursor */
} shell_line;
static uint32_t panic_began; /* atomic */

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

/* Lines that come while a command is in the middle of one of its own wait for the end of it, so
 * that a line of JSON stays one; when there is no more room they do not. console_lock. */
static struct {
    bool on; /* the present line of the hypervisor's goes there */
    size_t len;
    char text[4096];
} deferred;

static void host_put(const char *buf, size_t len)
{
    if (likely(!deferred.on)) {
        device_write(buf, len);
        return;
    }
    len = MIN(len, sizeof(deferred.text) - deferred.len);
    memcpy(deferred.text + deferred.len, buf, len);
    deferred.len += len;
}

static void deferred_flush(void)
{
    if (deferred.len != 0)
        device_write(deferred.text, deferred.len);
    deferred.len = 0;
}

/* The hypervisor's text comes on a line of its own, whatever the attached VM left there. */
static void host_line_begin(void)
{
    if (line_owner == LINE_GUEST)
        device_write("\r\n", 2);
    else if (line_owner == LINE_SHELL)
        device_write("\r\x1b[K", 4);
    else if (line_owner == LINE_OUTPUT) {
        deferred.on = sizeof(deferred.text) - deferred.len > HOST_LINE_MOST;
        if (deferred.on)
            return;
        device_write("\r\n", 2);
        line_owner = LINE_EMPTY;
        deferred_flush();
    }
}

static void shell_line_draw(void)
{
    char move[16];

    if (shell_line.len == 0 || !shell_attached)
        return;
    device_write(shell_line.text, shell_line.len);
    if (shell_line.back != 0)
        device_write(move,
                     (size_t)snprintf(move, sizeof(move), "\x1b[%uD", (unsigned)shell_line.back));
    line_owner = LINE_SHELL;
}

/* A line of the hypervisor's or of another VM is whole. */
static void line_ended(void)
{
    if (deferred.on) {
        deferred.on = false;
        return;
    }
    line_owner = LINE_EMPTY;
    shell_line_draw();
}

static void host_write_locked(const char *buf, size_t len)
{
    if (len == 0)
        return;
    if (!deferred.on)
        host_line_begin();
    write_cooked(host_put, buf, len);
    if (buf[len - 1] == '\n')
        line_ended();
    else if (!deferred.on)
        line_owner = LINE_HOST;
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
    if (atomic_load_relaxed(&line_owner) == LINE_GUEST ||
        atomic_load_relaxed(&line_owner) == LINE_SHELL) {
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
        host_put(out, text_escape(out, sizeof(out), text + pos, len - pos, &taken));
    host_put("\r\n", 2);
    line_ended();
}

void console_write_text(const char *head, size_t head_len, const char *text, size_t len)
{
    console_acquire();
    host_line_begin();
    host_put(head, head_len);
    host_end_escaped(text, len);
    lock_release(&console_lock);
}

static const char colours[6][6] = {"\x1b[36m", "\x1b[33m", "\x1b[32m",
                                   "\x1b[35m", "\x1b[34m", "\x1b[31m"};

void console_set_colour(bool on)
{
    colour = on;
}

/* Puts the unfinished line of a VM that is not attached on the terminal, prefixed and harmless. */
static void guest_line_flush(struct guest_console *c)
{
    /* The line end of a terminal in raw mode is "\r\n": none of it is the text's. */
    while (c->line_len > 0 && c->line[c->line_len - 1] == '\r')
        c->line_len--;

    host_line_begin();
    if (colour)
        host_put(colours[c->vm->id % ARRAY_SIZE(colours)], 5);
    host_put("[", 1);
    host_put(c->vm->config.name, strnlen(c->vm->config.name, VM_NAME_MAX));
    host_put("] ", 2);
    if (colour)
        host_put("\x1b[0m", 4);
    host_end_escaped(c->line, c->line_len);
    c->line_len = 0;
}

static __noinline void guest_unattached(struct guest_console *c, const char *buf, size_t len)
{
    ring_put(&c->ring, buf, len);
    if (c->vm->config.policy.console_buffered)
        return;
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
    char *page = NULL;

    /* Pages come before the console's lock. Looking without it may give one too many or too few:
     * then it goes back, or bytes are lost and counted. */
    if (unlikely(c != atomic_load_relaxed(&attached)) && ring_wants_page(&c->ring, len))
        page = page_alloc_zeroed(0);
    console_acquire();
    if (likely(c == attached))
        guest_write_raw(buf, len);
    else {
        if (page != NULL && ring_give_page(&c->ring, page))
            page = NULL;
        guest_unattached(c, buf, len);
    }
    lock_release(&console_lock);
    if (unlikely(page != NULL))
        page_free_virt(page, 0);
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

/* What the VM wrote unattached is not shown again. */
static void ring_forget(struct guest_console *c)
{
    c->ring.tail = c->ring.head;
    c->ring.lost = 0;
}

/* Makes c the attached VM; what it wrote of its current line appears raw (a prompt, say). */
static void attach(struct guest_console *c)
{
    shell_attached = false;
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
    ring_forget(c);
}

static void attach_shell(void)
{
    if (attached != NULL)
        last_attached = attached;
    attached = NULL;
    shell_attached = true;
    host_say("hearth: console: the shell (help; console NAME goes back to a VM)\n");
}

bool console_shell_attached(void)
{
    return atomic_load_relaxed(&shell_attached);
}

bool console_last_attached(char *name)
{
    bool there;

    console_acquire();
    there = last_attached != NULL;
    if (there)
        memcpy(name, last_attached->vm->config.name, VM_NAME_MAX + 1);
    lock_release(&console_lock);
    return there;
}

void console_shell_line(const char *text, size_t len, size_t back)
{
    console_acquire();
    if (line_owner == LINE_SHELL) {
        host_line_begin();
        line_owner = LINE_EMPTY;
    } else if (len != 0 && line_owner == LINE_GUEST) {
        device_write("\r\n", 2);
    }
    shell_line.len = MIN(len, sizeof(shell_line.text));
    shell_line.back = back;
    memcpy(shell_line.text, text, shell_line.len);
    shell_line_draw();
    lock_release(&console_lock);
}

void console_shell_enter(void)
{
    console_acquire();
    shell_line.len = 0;
    if (line_owner == LINE_SHELL)
        device_write("\r\n", 2);
    line_owner = LINE_EMPTY;
    deferred_flush();
    lock_release(&console_lock);
}

void console_shell_write(const char *buf, size_t len)
{
    console_acquire();
    if (shell_attached && len != 0) {
        if (line_owner == LINE_GUEST || line_owner == LINE_HOST)
            device_write("\r\n", 2);
        write_cooked(device_write, buf, len);
        line_owner = buf[len - 1] == '\n' ? LINE_EMPTY : LINE_OUTPUT;
        if (line_owner == LINE_EMPTY)
            deferred_flush();
    }
    lock_release(&console_lock);
}

/* Some more of what the VM wrote unattached; when that is all of it, the VM is attached. */
bool console_attach_piece(struct vm *vm, uint64_t *shown)
{
    struct guest_console *c = vm->console;
    const char *buf;
    uint64_t lost;
    bool done = false;
    size_t n;

    console_acquire();
    if (*shown == 0) {
        host_say("hearth: console: attached to ");
        host_say(vm->config.name);
        host_say("\n");
        *shown = 1;
    }
    lost = ring_mark_lost(&c->ring);
    n = *shown < REPLAY_MAX ? ring_take(&c->ring, &buf, WRITE_CHUNK) : 0;
    if (*shown >= REPLAY_MAX)
        lost += c->ring.head - c->ring.tail;
    if (lost != 0) {
        char text[64];

        (void)snprintf(text, sizeof(text), "hearth: console: %lu bytes lost here\n", lost);
        host_say(text);
    }
    if (n != 0)
        guest_write_raw(buf, n);
    *shown += n;
    /* At once: what is typed as an answer to what was seen is the VM's. */
    if (n == 0 || c->ring.head == c->ring.tail) {
        shell_attached = false;
        attached = c;
        c->line_len = 0;
        ring_forget(c);
        done = true;
    }
    lock_release(&console_lock);
    return done;
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
    if (attached == NULL && !shell_attached) {
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
        if (attached == NULL && !shell_attached)
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
    if (last_attached == c)
        last_attached = NULL;
    lock_release(&console_lock);
}

void console_guest_destroy(struct vm *vm)
{
    for (unsigned i = 0; i < RING_PAGES; i++)
        if (vm->console->ring.page[i] != NULL)
            page_free_virt(vm->console->ring.page[i], 0);
    page_free_virt(vm->console, page_order(sizeof(*vm->console)));
    vm->console = NULL;
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
    bool typed = false; /* at the shell */

    console_acquire();
    for (unsigned i = 0; i < INPUT_MAX; i++) {
        int byte = device != NULL ? device->read() : sbi_client_getchar();

        if (byte < 0)
            break;
        if (shell_attached) {
            shell_put((char)byte);
            typed = true;
            continue;
        }
        if (byte == KEY_DETACH) {
            /* Input given before the switch is its VM's: tell it before another one comes in. */
            if (woken != NULL) {
                lock_release(&console_lock);
                board_console_event(woken);
                woken = NULL;
                console_acquire();
            }
            if (management.shell) {
                attach_shell();
                typed = true;
            } else {
                attach(next_running(attached));
            }
            continue;
        }
        if (attached != NULL && rx_put(attached, (char)byte))
            woken = attached->vm;
    }
    lock_release(&console_lock);

    if (woken != NULL)
        board_console_event(woken);
    if (typed)
        shell_wake();
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
