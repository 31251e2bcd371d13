/* SPDX-License-Identifier: MIT */
/* svg and png: graphviz lays dot's output out. */
#include "config.h"

#include "report/graphviz.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report/report.h"

extern char **environ;

static int fail(const struct ht_report_options *o, int err, const char *line)
{
    if (o->msg && o->msg_size)
        snprintf(o->msg, o->msg_size, "%s", line);
    return err;
}

static int start(const char *format, int in, int out, pid_t *pid)
{
    char option[16];
    snprintf(option, sizeof(option), "-T%s", format);
    char dot[] = "dot", *argv[] = {dot, option, NULL};
    posix_spawn_file_actions_t fa;
    int err = posix_spawn_file_actions_init(&fa);
    if (err)
        return -err;
    posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
    err = posix_spawnp(pid, "dot", &fa, NULL, argv, environ);
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

/* Files, not pipes, so that neither this process nor graphviz can block the other. */
int ht_graphviz_run(FILE *graph, FILE *out, const char *format, unsigned seconds)
{
    FILE *drawing = tmpfile();
    pid_t pid;
    int err = drawing ? 0 : -errno;
    if (!err && (fflush(graph) || fseek(graph, 0, SEEK_SET)))
        err = -errno;
    if (!err)
        err = start(format, fileno(graph), fileno(drawing), &pid);
    if (!err) {
        const struct rlimit most = {seconds, seconds};
        if (seconds)
            prlimit(pid, RLIMIT_CPU, &most, NULL);
        err = finish(pid);
    }
    if (!err)
        err = copy(drawing, out);
    if (drawing)
        fclose(drawing);
    return err;
}

int ht_report_graphviz(FILE *out, struct ht_profile *p, const struct ht_report_options *o,
                       const char *format)
{
    if (o->json)
        return ht_report_dot(out, p, o);
    FILE *graph = tmpfile();
    if (!graph)
        return fail(o, -errno, "cannot make a temporary file (is $TMPDIR writable?)");
    int err = ht_report_dot(graph, p, o);
    if (!err) {
        err = ht_graphviz_run(graph, out, format, 0);
        if (err == -ENOENT)
            fail(o, err,
                 "graphviz is not installed: no program 'dot' (apt-get install graphviz, or "
                 "use the dot, folded or flame report)");
        else if (err && !ferror(out)) /* a full disk is no failure of dot's */
            fail(o, err, "graphviz's dot failed on the graph");
    }
    fclose(graph);
    return err;
}
