/* SPDX-License-Identifier: MIT */
/*
 * open(2) takes the lowest free number, and nothing tells it to take another. So where there are
 * other threads the files are opened by a thread of our own that has a table of descriptors of its
 * own. It begins with the program's, shared, and leaves it by close_range(2), which makes an empty
 * one and touches none of the program's files (before Linux 5.9: with a copy). The caller waits for
 * it as for a vfork's child, so no two run at once, and it has the caller's thread-local memory. It
 * ends by exit(2): there is nothing to wait for, and no signal.
 */
#include "config.h"

#include "target/os/descriptors.h"

#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "target/os/sys.h"

struct call {
    void (*fn)(void *ctx);
    void *ctx;
    bool shared; /* it begins with the program's table */
    bool done;
};

/* True when this is certainly the only thread: the number of links of /proc/self/task is two
 * more than that of threads. */
static bool alone(void)
{
    struct stat st;
    return !SYS_FAILED(SYS2(SYS_stat, "/proc/self/task", &st)) && st.st_nlink == 3;
}

/* valgrind ends the program at a clone(2) that is neither pthread_create nor fork. This is its
 * own protocol for a question: rotations that cancel out, and an exchange of a register with
 * itself. */
static bool on_valgrind(void)
{
    uint64_t request[6] = {0x1001}, answer = 0;
    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(request)
                     : "cc", "memory", "rdi");
    return answer != 0;
}

static void in_thread(struct call *c)
{
    if (c->shared && SYS_FAILED(SYS3(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE)))
        return;
    c->done = true;
    c->fn(c->ctx);
}

/* Starts a thread that runs in_thread(c) on the rest of this stack, below the red zone, and
 * ends. When this returns it no longer uses the memory. */
static void run_thread(struct call *c, uint64_t files)
{
    uint64_t flags =
        CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_VFORK | files;
    long r = SYS_clone;
#ifdef HT_INJECT
    if (ht_inject(SYS_clone, &r))
        return;
#endif
    register struct call *argument __asm__("r12") = c;
    register void (*run)(struct call *) __asm__("r13") = in_thread;
    register long none1 __asm__("r10") = 0;
    register long none2 __asm__("r8") = 0;
    __asm__ volatile("lea -256(%%rsp), %%rsi\n\t"
                     "and $-16, %%rsi\n\t"
                     "syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r12, %%rdi\n\t"
                     "call *%%r13\n\t"
                     "xor %%edi, %%edi\n\t"
                     "mov %[leave], %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n"
                     "1:"
                     : "+a"(r)
                     : "D"(flags), "d"(0L), "r"(argument), "r"(run), "r"(none1),
                       "r"(none2), [leave] "i"(SYS_exit)
                     : "rsi", "rcx", "r11", "memory", "cc");
}

void ht_own_descriptors(void (*fn)(void *ctx), void *ctx)
{
    struct call c = {.fn = fn, .ctx = ctx, .shared = true};
    uint64_t before, held = ~(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) |
                              1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1) | 1ull << (SIGSYS - 1));
    SYS4(SYS_rt_sigprocmask, SIG_BLOCK, &held, &before, 8);
    if (!alone() && !on_valgrind()) {
        run_thread(&c, CLONE_FILES);
        if (!c.done) {
            c.shared = false;
            run_thread(&c, 0);
        }
    }
    if (!c.done) /* no other thread would see it, or no thread can be made */
        fn(ctx);
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
}
