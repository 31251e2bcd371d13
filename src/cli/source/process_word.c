/* SPDX-License-Identifier: MIT */
/* Asks /proc for every process what it is called and in which control group it is. */
#include "config.h"

#include "cli/source/process_word.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "snapshot/list.h"
#include "snapshot/region.h"
#include "snapshot/title.h"

#define LISTED 5

struct match {
    pid_t pid, parent;
    uint64_t start;
    char title[48];
    const char *path; /* of a dead one's region */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "nginx: master process nginx" and "redis-server *:6379" begin with the name. */
static bool is_title(char *title, const char *name)
{
    title[strcspn(title, " ")] = '\0';
    size_t n = strlen(title);
    if (n && title[n - 1] == ':')
        title[n - 1] = '\0';
    return !strcmp(base_name(title), name);
}

static bool is_called(pid_t pid, const char *name)
{
    char text[4096], path[64];
    ht_process_text(pid, "comm", text, sizeof text);
    text[strcspn(text, "\n")] = '\0';
    if (!strcmp(text, name))
        return true;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    char *deleted = strstr(text, " (deleted)");
    if (deleted)
        *deleted = '\0';
    if (*text && !strcmp(base_name(text), name))
        return true;
    ht_process_text(pid, "cmdline", text, sizeof text);
    return is_title(text, name);
}

/* Whether a part of a control group's path is the unit's, or the container's of that id. */
static bool is_unit_part(const char *part, size_t n, const char *unit)
{
    static const char *const endings[] = {"", ".service", ".scope", ".slice"};
    size_t k = strlen(unit);
    if (!k)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (n == k + strlen(endings[i]) && !strncmp(part, unit, k) &&
            !strncmp(part + k, endings[i], n - k))
            return true;
    if (k < 8 || strspn(unit, "0123456789abcdef") < k)
        return false;
    for (size_t i = 0; i + k <= n; i++) /* docker-ID.scope, cri-containerd-ID.scope, ID */
        if ((!i || part[i - 1] == '-') && !strncmp(part + i, unit, k))
            return true;
    return false;
}

static bool is_in(pid_t pid, const char *unit)
{
    char text[4096];
    ht_process_text(pid, "cgroup", text, sizeof text);
    for (char *part = text; *part; part += *part != '\0') {
        size_t n = strcspn(part, "/\n");
        if (is_unit_part(part, n, unit))
            return true;
        part += n;
    }
    return false;
}

static void describe(struct match *m)
{
    char text[4096];
    ht_process_title(m->pid, m->title, sizeof m->title);
    ht_process_text(m->pid, "stat", text, sizeof text);
    char *behind = strrchr(text, ')');
    int parent = 0;
    if (behind)
        sscanf(behind + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
               "%*d %" SCNu64,
               &parent, &m->start);
    m->parent = parent;
}

static int find(const char *name, bool all, struct match **out, size_t *n)
{
    struct ht_listed *list = NULL;
    size_t n_list = 0;
    int err = all ? 0 : ht_list(&list, &n_list);
    DIR *d = err ? NULL : opendir("/proc");
    bool unit = *name == '@';
    *out = NULL;
    *n = 0;
    for (struct dirent *e; d && !err && (e = readdir(d));) {
        pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)atol(e->d_name) : 0;
        bool wanted = pid && pid != getpid() && all;
        for (size_t i = 0; pid && !wanted && i < n_list; i++)
            wanted = list[i].alive && list[i].pid == pid;
        if (!wanted || !(unit ? is_in(pid, name + 1) : is_called(pid, name)))
            continue;
        struct match *more = reallocarray(*out, *n + 1, sizeof *more);
        if (!more) {
            err = -ENOMEM;
            break;
        }
        *out = more;
        more[*n] = (struct match){.pid = pid};
        describe(&more[(*n)++]);
    }
    if (d)
        closedir(d);
    free(list);
    return err;
}

/* Chooses one process: the newest, or the one of which the others are descendants. NULL: several
 * are left. */
static const struct match *choose(const struct match *m, size_t n, bool newest)
{
    const struct match *found = NULL;
    for (size_t i = 0; i < n; i++) {
        bool child = false;
        if (newest) {
            if (!found || m[i].start > found->start ||
                (m[i].start == found->start && m[i].pid > found->pid))
                found = &m[i];
            continue;
        }
        for (size_t k = 0; k < n; k++)
            child |= m[k].pid == m[i].parent;
        if (child)
            continue;
        if (found)
            return NULL;
        found = &m[i];
    }
    return found;
}

static void say_several(const char *name, const struct match *m, size_t n, bool dead, char *msg,
                        size_t size)
{
    int at = snprintf(msg, size, "%zu %sprocesses are %s %s:", n, dead ? "dead " : "",
                      *name == '@' ? "in unit" : "called", *name == '@' ? name + 1 : name);
    for (size_t i = 0; i < n && i < LISTED && at > 0 && (size_t)at < size; i++)
        at += snprintf(msg + at, size - (size_t)at, " %d (%s)%s", (int)m[i].pid, m[i].title,
                       i + 1 < n ? "," : "");
    if (at > 0 && (size_t)at < size)
        snprintf(msg + at, size - (size_t)at, "%s; name one by its PID, or the newest: newest:%s",
                 n > LISTED ? " ..." : "", name);
}

int ht_process_word(const char **word, char buf[HT_PROCESS_WORD], bool all, bool files, char *msg,
                    size_t msg_size)
{
    pid_t pid;
    struct match *m = NULL;
    size_t n = 0;
    bool newest = !strncmp(*word, "newest:", 7);
    const char *name = *word + (newest ? 7 : 0);
    if (!*name || ht_region_is_pid(*word, &pid) || strchr(name, '/') || !strcmp(name, "-") ||
        (files && !newest && *name != '@' && !access(*word, F_OK)))
        return 0;
    int err = find(name, all, &m, &n);
    const struct match *one = err ? NULL : choose(m, n, newest);
    if (err)
        snprintf(msg, msg_size, "cannot list the processes: %s", strerror(-err));
    else if (one)
        snprintf(buf, HT_PROCESS_WORD, "%d", (int)one->pid), *word = buf;
    else if (n)
        say_several(name, m, n, false, msg, msg_size), err = -ENOTUNIQ;
    else
        snprintf(msg, msg_size, "no %sprocess is %s %s%s", all ? "" : "profiled ",
                 *name == '@' ? "in unit" : "called", *name == '@' ? name + 1 : name,
                 all ? "" : " (heaptap ps lists them)"),
            err = -ENOENT;
    free(m);
    return err;
}

static bool was_called(const struct ht_listed *e, const char *name)
{
    char title[sizeof e->command_line];
    snprintf(title, sizeof title, "%s", e->command_line);
    return !strcmp(e->name, name) || !strcmp(base_name(e->exe), name) || is_title(title, name);
}

static int find_dead(const char *name, const struct ht_listed *list, size_t n, struct match **out,
                     size_t *found)
{
    *found = 0;
    *out = calloc(n + 1, sizeof **out);
    if (!*out)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct ht_listed *e = &list[i];
        if (e->alive || e->dumped || !*e->path || *e->damage || !e->samples || !was_called(e, name))
            continue;
        struct match *m = &(*out)[(*found)++];
        *m = (struct match){.pid = e->pid, .start = e->start_wall_ns, .path = e->path};
        snprintf(m->title, sizeof m->title, "%.*s", (int)sizeof m->title - 1, e->command_line);
    }
    return 0;
}

static void say_none_dead(const char *name, const struct ht_listed *list, size_t n, char *msg,
                          size_t size)
{
    snprintf(msg, size,
             "no process called %s left a profile that is not written yet (heaptap ps lists them)",
             name);
    for (size_t i = 0; i < n; i++)
        if (list[i].alive && was_called(&list[i], name))
            snprintf(msg, size, "%s (pid %d) is alive: heaptap dump %d writes its profile", name,
                     (int)list[i].pid, (int)list[i].pid);
}

int ht_dead_word(const char **word, char buf[HT_DEAD_WORD], char *msg, size_t msg_size)
{
    pid_t pid;
    struct ht_listed *list = NULL;
    struct match *m = NULL;
    size_t n_list = 0, n = 0;
    const bool newest = !strncmp(*word, "newest:", 7);
    const char *name = *word + (newest ? 7 : 0);
    if (!*name || ht_region_is_pid(*word, &pid) || strchr(name, '/') || !strcmp(name, "-") ||
        (!newest && !access(*word, F_OK)))
        return 0;
    int err = ht_list(&list, &n_list);
    if (!err)
        err = find_dead(name, list, n_list, &m, &n);
    const struct match *one = err ? NULL : choose(m, n, newest);
    if (err)
        snprintf(msg, msg_size, "cannot list the processes: %s", strerror(-err));
    else if (one)
        snprintf(buf, HT_DEAD_WORD, "%s", one->path), *word = buf;
    else if (n)
        say_several(name, m, n, true, msg, msg_size), err = -ENOTUNIQ;
    else
        say_none_dead(name, list, n_list, msg, msg_size), err = -ENOENT;
    free(m);
    free(list);
    return err;
}
