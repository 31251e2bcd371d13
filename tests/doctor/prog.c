// SPDX-License-Identifier: MIT
// prog [WORD]...: does what the words say in turn, prints "ready", and ends when standard input does.
//   allocate=BYTES  in blocks of 1000, which stay      fork         a child goes on with the words, its parent waits
//   undumpable      nobody is to look into it          filter       a seccomp filter that lets everything through
//   strict          seccomp's strict mode: read and write alone
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile keep;

static void filter(void)
{
    struct sock_filter f[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog p = {.len = 1, .filter = f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
        exit(77);
}

int main(int argc, char **argv)
{
    char line[64];
    int pid = 0;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "allocate=", 9)) {
            for (long n = atol(argv[i] + 9) / 1000; n > 0; n--)
                keep = malloc(1000);
        } else if (!strcmp(argv[i], "undumpable")) {
            prctl(PR_SET_DUMPABLE, 0);
        } else if (!strcmp(argv[i], "filter")) {
            filter();
        } else if (!strcmp(argv[i], "strict")) {
            pid = getpid(); // no call after this one
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
                return 77;
        } else if (!strcmp(argv[i], "fork") && fork()) {
            wait(NULL);
            return 0;
        }
    }
    int n = snprintf(line, sizeof line, "ready %d\n", pid ? pid : getpid());
    return write(1, line, (size_t)n) != n || read(0, line, 1) < 0;
}
