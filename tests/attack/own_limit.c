/* SPDX-License-Identifier: MIT */
/* Limits its own address space, then takes most of it; a child after that still works. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    struct rlimit limit = {200u << 20, 200u << 20};
    static void *volatile kept[1500];
    if (setrlimit(RLIMIT_AS, &limit))
        return 1;
    for (int i = 0; i < 1500; i++) /* 150 MB */
        if (!(kept[i] = malloc(100000)))
            return 2;
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < 1500; i++)
            free(kept[i]);
        exit(0);
    }
    int status = 1;
    return waitpid(child, &status, 0) == child && !status ? 4 : 3;
}
