/* SPDX-License-Identifier: MIT */
/* Files, not pipes, so that neither this process nor the other can block the other. */
#include "config.h"

#include "util/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start(char *const argv[], FILE *in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t fa;
    int err = posix_spawn_file_actions_init(&fa);
    if (err)
        return -err;
    if (in)
        posix_spawn_file_actions_adddup2(&fa, fileno(in), STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
    err = posix_spawnp(pid, argv[0], &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    return -err;
}

static int finish(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return -ENOENT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int copy(FILE *from, FILE *to)
{
    char buf[65536];
    size_t n;
    rewind(from);
    while ((n = fread(buf, 1, sizeof(buf), from)) > 0)
        if (fwrite(buf, 1, n, to) != n)
            return -(errno ? errno : EIO);
    return ferror(from) ? -EIO : 0;
}

int ht_run_beside(char *const argv[], FILE *in, FILE *out, unsigned seconds)
{
    FILE *printed = tmpfile();
    pid_t pid;
    int err = printed ? 0 : -errno;
    if (!err && in && (fflush(in) || fseek(in, 0, SEEK_SET)))
        err = -errno;
    if (!err)
        err = start(argv, in, fileno(printed), &pid);
    if (!err) {
        const struct rlimit most = {seconds, seconds};
        if (seconds)
            prlimit(pid, RLIMIT_CPU, &most, NULL);
        err = finish(pid);
    }
    if (!err)
        err = copy(printed, out);
    if (printed)
        fclose(printed);
    return err;
}
