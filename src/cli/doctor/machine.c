/* SPDX-License-Identifier: MIT */
/* Checks of this machine and of what a program inherits from here. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "cli/process/figures.h"
#include "cli/run/library.h"
#include "region/note.h"
#include "region/pattern.h"
#include "region/size.h"
#include "region/units.h"
#include "symbolize/elffile.h"
#include "util/kernel.h"
#include "util/openat2.h"

#define LITTLE_REGION (64u << 20) /* no ordinary program's region grows beyond this */

/* Reads the library's note. 0; -ENOENT: it has none; or another -errno. */
static int read_note(const char *path, struct ht_note *out)
{
    struct ht_elf e;
    int err = ht_elf_open(&e, path);
    if (err)
        return err;
    Elf_Scn *section = NULL;
    size_t names = 0;
    GElf_Shdr h;
    err = -ENOENT;
    elf_getshdrstrndx(e.elf, &names);
    while (err && (section = elf_nextscn(e.elf, section))) {
        const char *name = gelf_getshdr(section, &h) ? elf_strptr(e.elf, names, h.sh_name) : NULL;
        Elf_Data *data = name && !strcmp(name, HT_NOTE_SECTION) ? elf_getdata(section, NULL) : NULL;
        size_t head = sizeof(Elf64_Nhdr) + sizeof HT_NOTE_OWNER;
        if (data && data->d_size >= head + sizeof *out) {
            memcpy(out, (const char *)data->d_buf + head, sizeof *out);
            out->version[sizeof out->version - 1] = 0;
            err = 0;
        }
    }
    ht_elf_finish(&e);
    return err;
}

/* The library that a process has, or the one that run would preload. */
void ht_check_library(struct ht_doctor *d)
{
    char path[PATH_MAX + 64];
    struct ht_finding *f;
    struct ht_note note;
    if (d->pid && !*d->library)
        return;
    int fd = -1;
    if (d->pid) { /* links are resolved within its root */
        fd = ht_subject_look(d, d->library, O_NOFOLLOW);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    } else if (!ht_library_locate(path)) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "libheaptap.so is not there");
        ht_why(f, "neither beside this command nor in %s", HT_LIBDIR);
        ht_remedy(f, "build or install it");
        return;
    } else if (strpbrk(path, ": ")) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "%s cannot be preloaded", path);
        ht_why(f, "for the loader takes no ':' or ' ' in a path");
        ht_remedy(f, "move it");
        return;
    }
    int err = read_note(path, &note);
    if (fd >= 0)
        close(fd);
    const char *shown = d->pid ? d->library : path;
    if (d->pid && fd < 0) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s has been replaced or removed since", shown);
        ht_why(f, "so its version cannot be told");
        ht_remedy(f, "start the program again to have the new one");
    } else if (err) {
        f = ht_found(&d->findings, d->pid ? HT_LEVEL_NOTE : HT_LEVEL_OBSTACLE,
                     "%s is of another version", shown);
        ht_why(f, err == -ENOENT ? "for it does not say which regions it makes"
                                 : "for it cannot be read as a library");
        ht_remedy(f, "install the library and the command of one build");
    } else if (note.layout != HT_LAYOUT_VERSION) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE,
                     "%s is heaptap %s, and this command " HT_VERSION, shown, note.version);
        ht_why(f, "its regions have layout %u, and this command reads %u", note.layout,
               HT_LAYOUT_VERSION);
        ht_remedy(f, "install the library and the command of one build");
    } else {
        ht_found(&d->findings, HT_LEVEL_OK, "%s, heaptap %s, layout %u", shown, note.version,
                 note.layout);
    }
}

/* Tried in a child, because a seccomp filter may kill the process that makes the call. */
enum { NO_WIPE = 1, NO_POPULATE = 2, NO_OPENAT2 = 4, NO_MEMORY = 8 };

static int try_kernel(void)
{
    int bad = 0;
    void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NO_MEMORY;
    if (madvise(p, 4096, MADV_WIPEONFORK))
        bad |= NO_WIPE;
    if (madvise(p, 4096, MADV_POPULATE_WRITE) && errno != EINVAL) /* EINVAL: before Linux 5.14 */
        bad |= NO_POPULATE;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    int fd = ht_openat2(AT_FDCWD, "/", &how);
    if (fd < 0)
        bad |= NO_OPENAT2;
    else
        close(fd);
    return bad;
}

void ht_check_kernel(struct ht_doctor *d)
{
    struct utsname u;
    struct ht_finding *f;
    int status;
    uname(&u);
    pid_t child = fork();
    if (!child)
        _exit(try_kernel());
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return;
    if (WIFSIGNALED(status)) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "a seccomp filter kills (%s)",
                     strsignal(WTERMSIG(status)));
        ht_why(f, "at a call that the library makes at start: madvise or mmap");
        ht_remedy(f, "allow them in the sandbox's profile");
        return;
    }
    int bad = WEXITSTATUS(status);
    if (bad & (NO_WIPE | NO_MEMORY)) {
        f = ht_found(&d->findings, HT_LEVEL_OBSTACLE, "Linux %s: %s", u.release,
                     bad & NO_MEMORY ? "no memory can be mapped" : "no MADV_WIPEONFORK");
        ht_why(f, "without which nothing is profiled (Linux 4.14, or a sandbox refuses it)");
        ht_remedy(f, "a newer kernel, or another sandbox");
    }
    if (bad & NO_POPULATE) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "Linux %s: MADV_POPULATE_WRITE is refused",
                     u.release);
        ht_why(f,
               "so regions are in the programs' own memory and go with them when they are killed");
        ht_remedy(f, "allow madvise in the sandbox's profile");
    }
    if (bad & NO_OPENAT2) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "Linux %s: no openat2", u.release);
        ht_why(f, "so processes in containers are read from their memory alone");
        ht_remedy(f, "Linux 5.6 or newer, or as root");
    }
    if (!bad)
        ht_found(&d->findings, HT_LEVEL_OK, "Linux %s, %s", u.release, u.machine);
}

void ht_check_seccomp(struct ht_doctor *d)
{
    struct ht_finding *f;
    if (!d->status.seccomp) {
        ht_found(&d->findings, HT_LEVEL_OK, "no filter");
        return;
    }
    f = ht_found(&d->findings, HT_LEVEL_NOTE, "a filter is in force here");
    ht_why(f, "which programs that are started from here have at their start");
    ht_remedy(f, "what it refuses is under kernel, shared memory and output");
}

static size_t open_descriptors(pid_t pid)
{
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *at = opendir(path);
    while (at && readdir(at))
        n++;
    if (at)
        closedir(at);
    return n > 2 ? n - 2 : 0;
}

void ht_check_limits(struct ht_doctor *d)
{
    rlim_t as = ht_subject_limit(d, RLIMIT_AS), memlock = ht_subject_limit(d, RLIMIT_MEMLOCK);
    rlim_t file = ht_subject_limit(d, RLIMIT_FSIZE), files = ht_subject_limit(d, RLIMIT_NOFILE);
    uint64_t size = ht_region_size(as, memlock);
    size_t before = d->findings.n;
    char text[24], of[24];
    struct ht_finding *f;
    if (size < LITTLE_REGION) {
        bool by_memlock = ht_region_size(as, RLIM_INFINITY) > size;
        ht_figure_bytes((double)(by_memlock ? memlock : as), of, sizeof of);
        ht_figure_bytes((double)size, text, sizeof text);
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s (ulimit -%c)", of, by_memlock ? 'l' : 'v');
        ht_why(f, "of which a region gets %s at most; samples beyond it are counted as lost", text);
        ht_remedy(f, "a larger limit, or none");
    }
    if (file != RLIM_INFINITY && file < size) {
        ht_figure_bytes((double)file, of, sizeof of);
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "files may have %s (ulimit -f)", of);
        ht_why(f,
               "so %s in the programs' own memory and go with them when they are killed; no "
               "larger profile is written",
               file < HT_REGION_FILE_LEAST ? "regions are" : "longer regions go on");
        ht_remedy(f, "ulimit -f unlimited");
    }
    size_t n = d->pid ? open_descriptors(d->pid) : 0;
    if (files <= n || files < 8) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%llu descriptors (ulimit -n), %zu in use",
                     (unsigned long long)files, n);
        ht_why(f, "and none is left for a profile of its own");
        ht_remedy(f, d->pid ? "heaptap dump writes it from outside" : "a larger limit");
    }
    if (d->findings.n == before)
        ht_found(&d->findings, HT_LEVEL_OK, "none in the way");
}

static long read_number(const char *path)
{
    long n = -2;
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%ld", &n) != 1)
        n = -2;
    if (f)
        fclose(f);
    return n;
}

void ht_check_tracing(struct ht_doctor *d)
{
    long yama = read_number("/proc/sys/kernel/yama/ptrace_scope");
    long perf = read_number("/proc/sys/kernel/perf_event_paranoid");
    bool is_private =
        d->has_region && !d->region.fresh && atomic_load(&d->region.view.header->private_from);
    char scope[40] = "no yama";
    struct ht_finding *f;
    if (yama >= 0)
        snprintf(scope, sizeof scope, "yama ptrace_scope %ld", yama);
    if (yama >= 1 && geteuid() && (!d->pid || is_private)) {
        f = ht_found(&d->findings, HT_LEVEL_NOTE, "%s", scope);
        ht_why(f, "so a region in a process's own memory can be read by root alone");
        ht_remedy(f, "as root, or sysctl kernel.yama.ptrace_scope=0");
    } else {
        ht_found(
            &d->findings, HT_LEVEL_OK,
            "%s; perf_event_paranoid %ld (heap profiles use no perf events; heaptap cpu needs 2 or "
            "less, or root)",
            scope, perf);
    }
}

/* For such a value the library prints a line and takes its default; run refuses it. */
void ht_check_settings(struct ht_doctor *d)
{
    static const struct {
        const char *name, *use;
    } sizes[] = {{"HEAPTAP_RATE", "a size from 1 to 1024G, such as 512k"},
                 {"HEAPTAP_GROWTH", "a size such as 64M"}};
    const char *v;
    uint64_t n = 512 * 1024;
    int number;
    size_t before = d->findings.n;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (*(v = ht_subject_variable(d, sizes[i].name)) &&
            (!ht_parse_size(v, &n) || !n || (!i && n > (1ull << 40))))
            ht_remedy(
                ht_found(&d->findings, HT_LEVEL_NOTE, "%s=%s cannot be used", sizes[i].name, v),
                "%s", sizes[i].use);
    if (*(v = ht_subject_variable(d, "HEAPTAP_SIGNAL")) && !ht_parse_signal(v, &number))
        ht_remedy(ht_found(&d->findings, HT_LEVEL_NOTE, "HEAPTAP_SIGNAL=%s cannot be used", v),
                  "the name of a signal, such as USR2, or none");
    if (*(v = ht_subject_variable(d, "HEAPTAP_INTERVAL")) && (!ht_parse_duration(v, &n) || !n))
        ht_remedy(ht_found(&d->findings, HT_LEVEL_NOTE, "HEAPTAP_INTERVAL=%s cannot be used", v),
                  "a time such as 500ms, 10s or 5m");
    if (*(v = ht_subject_variable(d, "HEAPTAP_OUTPUT")) && ht_pattern_check(v))
        ht_remedy(ht_found(&d->findings, HT_LEVEL_NOTE, "HEAPTAP_OUTPUT=%s cannot be used", v),
                  "%%p %%n %%e %%h %%t %%%%");
    if (!strcmp(ht_subject_variable(d, "HEAPTAP_START"), "0")) {
        struct ht_finding *f = ht_found(&d->findings, HT_LEVEL_NOTE, "HEAPTAP_START=0");
        ht_why(f, "so nothing is sampled until the program calls heaptap_start()");
        ht_remedy(f, "unset it");
    }
    v = ht_subject_variable(d, "HEAPTAP_RATE");
    if (d->findings.n == before)
        ht_found(&d->findings, HT_LEVEL_OK, "a sample every %s%s", *v ? v : "512k",
                 strcmp(v, "1") != 0 ? "; what allocates less may leave none (--exact)" : "");
}

const struct ht_check ht_machine_checks[] = {
    {"library", ht_check_library},
    {"settings", ht_check_settings},
    {"shared memory", ht_check_shared_memory},
    {"limits", ht_check_limits},
    {"seccomp", ht_check_seccomp},
    {"output", ht_check_output},
    {"kernel", ht_check_kernel},
    {"tracing", ht_check_tracing},
    {NULL, NULL},
};
