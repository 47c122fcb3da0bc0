/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtc_alarm.c - a Linux program: `rtc_alarm SECONDS` sets the alarm of /dev/rtc0 so far ahead, and
 * leaves it on. (Debian's Goldfish driver has no `wakealarm` in sysfs; its busybox has no rtcwake.)
 */
#include <stdint.h>

#define SYS_ioctl  29
#define SYS_openat 56
#define SYS_exit   93
#define AT_FDCWD   (-100)

#define RTC_AIE_ON  0x7001
#define RTC_ALM_SET 0x40247007
#define RTC_RD_TIME 0x80247009

struct rtc_time {
    int32_t sec, min, hour, mday, mon, year, wday, yday, isdst;
};

static int64_t syscall3(int64_t nr, int64_t a, int64_t b, int64_t c)
{
    register int64_t a0 __asm__("a0") = a;
    register int64_t a1 __asm__("a1") = b;
    register int64_t a2 __asm__("a2") = c;
    register int64_t a3 __asm__("a3") = 0;
    register int64_t a7 __asm__("a7") = nr;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return a0;
}

static void __attribute__((noreturn)) exit_program(int status)
{
    for (;;)
        syscall3(SYS_exit, status, 0, 0);
}

/* The kernel's initial stack: argc, argv[]. */
void start_c(const int64_t *stack);
void start_c(const int64_t *stack)
{
    const char *arg = (const char *)stack[2];
    struct rtc_time t;
    int32_t seconds = 0;
    int64_t fd;

    if (stack[0] != 2)
        exit_program(2);
    for (; *arg >= '0' && *arg <= '9' && seconds < 10000; arg++)
        seconds = seconds * 10 + (*arg - '0');
    if (*arg != '\0' || seconds == 0)
        exit_program(2);
    fd = syscall3(SYS_openat, AT_FDCWD, (int64_t)"/dev/rtc0", 0);
    if (fd < 0)
        exit_program(3);
    if (syscall3(SYS_ioctl, fd, RTC_RD_TIME, (int64_t)&t) < 0)
        exit_program(4);
    seconds += t.sec + 60 * (t.min + 60 * t.hour);
    t.sec = seconds % 60;
    t.min = seconds / 60 % 60;
    t.hour = seconds / 3600 %
             24; /* RTC_ALM_SET uses the time of day only, tomorrow's if it has passed */
    if (syscall3(SYS_ioctl, fd, RTC_ALM_SET, (int64_t)&t) < 0)
        exit_program(5);
    if (syscall3(SYS_ioctl, fd, RTC_AIE_ON, 0) < 0)
        exit_program(6);
    exit_program(0);
}

__asm__(".globl _start\n"
        "_start: mv a0, sp\n"
        "        andi sp, sp, -16\n"
        "        j start_c\n");
