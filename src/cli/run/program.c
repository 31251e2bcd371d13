/* SPDX-License-Identifier: MIT */
/*
 * Follows a program's name to the file that will run: PATH, then the interpreters of scripts. Finds
 * what prevents profiling (set-user-ID, static, another processor) before the program is started.
 */
#include "config.h"

#include "cli/run/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

int ht_program_find(const char *name, char *path, size_t size)
{
    struct stat st;
    if (!*name)
        return -ENOENT;
    if (strchr(name, '/')) {
        if ((size_t)snprintf(path, size, "%s", name) >= size)
            return -ENAMETOOLONG;
        if (stat(path, &st))
            return -errno;
        if (S_ISDIR(st.st_mode))
            return -EISDIR;
        return access(path, X_OK) ? -errno : 0;
    }
    const char *list = getenv("PATH");
    int err = -ENOENT;
    for (const char *at = list ? list : "/bin:/usr/bin"; at; at = strchr(at, ':')) {
        at += *at == ':' && at != list;
        int n = (int)strcspn(at, ":");
        if ((size_t)snprintf(path, size, "%.*s%s%s", n, at, n ? "/" : "", name) >= size ||
            stat(path, &st) || S_ISDIR(st.st_mode))
            continue;
        if (!access(path, X_OK))
            return 0;
        err = -EACCES;
    }
    return err;
}

const char *ht_program_why_not(const char *name, int err)
{
    if (err == -ENOENT)
        return strchr(name, '/') ? "no such file, or its interpreter is missing"
                                 : "no such program in PATH";
    if (err == -EACCES)
        return "it is not executable (chmod +x), or a directory above it may not be entered";
    if (err == -EISDIR)
        return "it is a directory";
    if (err == -ENOEXEC)
        return "it is no program of this machine";
    return strerror(-err);
}

static void obstacle(struct ht_program *p, enum ht_program_obstacle kind, const char *what,
                     const char *why, const char *remedy)
{
    p->obstacle = kind;
    snprintf(p->what, sizeof p->what, "%s", what);
    snprintf(p->why, sizeof p->why, "%s", why);
    snprintf(p->remedy, sizeof p->remedy, "%s", remedy);
}

/* Rights that make the kernel set AT_SECURE, so that the loader ignores LD_PRELOAD. */
static void check_secure(const char *path, struct ht_program *p)
{
    static const char why[] = "and the loader preloads nothing into such a program";
    struct stat st;
    struct statvfs fs;
    if (stat(path, &st) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
        (!statvfs(path, &fs) && (fs.f_flag & ST_NOSUID)))
        return;
    if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
        obstacle(p, HT_PROGRAM_REFUSES, "it is setuid", why, "run heaptap as its owner");
    else if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
        obstacle(p, HT_PROGRAM_REFUSES, "it is setgid", why, "run heaptap with its group");
    else if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
        obstacle(p, HT_PROGRAM_REFUSES, "it has file capabilities", why, "run heaptap as root");
}

/* By its name, or by the name of a link's target (/proc/PID/exe). */
static bool is_java(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    const char *base = strrchr(path, '/'), *end = strrchr(target, '/');
    return !strcmp(base ? base + 1 : path, "java") || (end && !strcmp(end, "/java"));
}

static void judge(const char *path, struct ht_program *p)
{
    const struct ht_program_facts *f = &p->facts;
    if (*f->sanitizer) {
        char what[100];
        snprintf(what, sizeof what, "it is built with %s", f->sanitizer);
        obstacle(p, HT_PROGRAM_SANITIZER, what,
                 "which has an allocator of its own and must come first", "build it without");
    } else if (!*f->loader_path && !f->loader) {
        if (f->go)
            obstacle(p, HT_PROGRAM_STATIC, "it is a static Go program",
                     "so nothing can be preloaded", "use Go's own runtime/pprof");
        else
            obstacle(p, HT_PROGRAM_STATIC, "it is statically linked", "so nothing can be preloaded",
                     "link it dynamically");
    } else if (f->musl) {
        obstacle(p, HT_PROGRAM_FOREIGN, "it is linked with musl",
                 "and heaptap needs the GNU C library", "build it for that");
    }
    if (f->go)
        snprintf(
            p->hint, sizeof p->hint,
            "it is a Go program: Go's heap is not malloc's (only C code called from Go shows)");
    else if (is_java(path))
        snprintf(p->hint, sizeof p->hint,
                 "the Java heap is not malloc's (only native memory shows)");
    else if (f->own_malloc)
        snprintf(p->hint, sizeof p->hint,
                 "it has a malloc of its own linked in%s%s%s, which preloading does not see",
                 *f->allocator ? " (" : "", f->allocator, *f->allocator ? ")" : "");
}

static void inspect(const char *path, struct ht_program *p, int scripts);

/* "#!/usr/bin/env -S A=b prog": the program is what matters. */
static void inspect_script(char *line, struct ht_program *p, int scripts)
{
    char *save, found[PATH_MAX];
    char *word = strtok_r(line, " \t\r", &save);
    if (!word)
        return;
    const char *base = strrchr(word, '/');
    if (base && !strcmp(base, "/env")) {
        char *next;
        do
            next = strtok_r(NULL, " \t\r", &save);
        while (next && (*next == '-' || strchr(next, '=')));
        if (next && !ht_program_find(next, found, sizeof found))
            word = found;
    }
    inspect(word, p, scripts + 1);
    if (p->obstacle) {
        char what[sizeof p->what];
        size_t length = strlen(word), skip = length > 80 ? length - 80 : 0;
        snprintf(what, sizeof what, "its interpreter %s: %.50s", word + skip, p->what);
        strcpy(p->what, what);
    }
}

static void inspect_elf(int fd, const char *path, const char *head, struct ht_program *p)
{
    uint16_t machine;
    memcpy(&machine, head + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
    p->kind = HT_PROGRAM_ELF;
    if (head[EI_CLASS] == ELFCLASS32) {
        obstacle(p, HT_PROGRAM_FOREIGN, "it is a 32-bit program", "and heaptap is 64-bit only",
                 "build it for 64 bits");
    } else if (machine != EM_X86_64) {
        obstacle(p, HT_PROGRAM_FOREIGN, "it is for another machine than x86-64",
                 "where heaptap runs", "build it for x86-64");
    } else {
        ht_program_read_facts(fd, &p->facts);
        if (p->facts.damaged)
            p->kind = HT_PROGRAM_DAMAGED;
        else if (!p->facts.runs)
            p->kind = HT_PROGRAM_DATA;
        else
            judge(path, p);
    }
}

static void inspect(const char *path, struct ht_program *p, int scripts)
{
    char head[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head - 1, 0);
    snprintf(p->file, sizeof p->file, "%s", path);
    p->kind = HT_PROGRAM_UNREAD;
    if (n >= 2 && head[0] == '#' && head[1] == '!') {
        close(fd);
        head[n] = 0;
        head[strcspn(head, "\n")] = 0;
        p->kind = HT_PROGRAM_LOOP;
        if (scripts < 5)
            inspect_script(head + 2, p, scripts);
        return;
    }
    if (n >= (ssize_t)sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG)) {
        p->elf = !scripts;
        inspect_elf(fd, path, head, p);
    } else if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG)) {
        p->kind = HT_PROGRAM_DAMAGED;
    } else if (n >= 0) {
        p->kind = memchr(head, 0, (size_t)n) ? HT_PROGRAM_DATA : HT_PROGRAM_TEXT;
    }
    if (fd >= 0)
        close(fd);
    if (!p->obstacle && !scripts) /* a script's own set-user-ID bits have no effect */
        check_secure(path, p);
}

void ht_program_inspect(const char *path, struct ht_program *p)
{
    memset(p, 0, sizeof *p);
    inspect(path, p, 0);
}

bool ht_program_is_library(const char *path)
{
    Elf64_Ehdr h;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool yes = fd >= 0 && pread(fd, &h, sizeof h, 0) == sizeof h &&
               !memcmp(h.e_ident, ELFMAG, SELFMAG) && h.e_ident[EI_CLASS] == ELFCLASS64 &&
               h.e_machine == EM_X86_64 && h.e_type == ET_DYN;
    if (fd >= 0)
        close(fd);
    return yes;
}
