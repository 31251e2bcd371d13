/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/run/program.h"

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
        return S_ISDIR(st.st_mode) ? -EISDIR : access(path, X_OK) ? -errno : 0;
    }
    const char *list = getenv("PATH");
    int error = -ENOENT;
    for (const char *at = list ? list : "/bin:/usr/bin"; at; at = strchr(at, ':')) {
        at += *at == ':' && at != list;
        int n = (int)strcspn(at, ":");
        if ((size_t)snprintf(path, size, "%.*s%s%s", n, at, n ? "/" : "", name) >= size ||
            stat(path, &st) || S_ISDIR(st.st_mode))
            continue;
        if (!access(path, X_OK))
            return 0;
        error = -EACCES;
    }
    return error;
}

static void obstacle(struct ht_program *p, enum ht_program_obstacle what, const char *why)
{
    p->obstacle = what;
    snprintf(p->why, sizeof p->why, "%s", why);
}

/* What makes the kernel set AT_SECURE, with which the loader drops LD_PRELOAD. */
static void check_secure(const char *path, struct ht_program *p)
{
    struct stat st;
    struct statvfs fs;
    if (stat(path, &st) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
        (!statvfs(path, &fs) && (fs.f_flag & ST_NOSUID)))
        return;
    if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
        obstacle(p, HT_PROGRAM_REFUSES, "it is setuid, and the loader preloads nothing into such a "
                                        "program; run heaptap as its owner");
    else if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
        obstacle(p, HT_PROGRAM_REFUSES, "it is setgid, and the loader preloads nothing into such a "
                                        "program; run heaptap with its group");
    else if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
        obstacle(p, HT_PROGRAM_REFUSES, "it has file capabilities, and the loader preloads nothing "
                                        "into such a program; run heaptap as root");
}

struct facts {
    bool interp, musl, loader, go, defines_malloc, hides_malloc;
    char sanitizer[32];
};

static void read_symbols(Elf *elf, Elf_Scn *section, GElf_Shdr *h, struct facts *f)
{
    static const struct {
        const char *symbol, *name;
    } sanitizers[] = {{"__asan_init", "AddressSanitizer"}, {"__tsan_init", "ThreadSanitizer"},
                      {"__msan_init", "MemorySanitizer"},  {"__lsan_init", "LeakSanitizer"},
                      {"__hwasan_init", "HWAddressSanitizer"}};
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !h->sh_entsize)
        return;
    GElf_Sym sym;
    for (int i = 1; gelf_getsym(data, i, &sym); i++) {
        int type = GELF_ST_TYPE(sym.st_info);
        const char *name = elf_strptr(elf, h->sh_link, sym.st_name);
        if (!name || (type != STT_FUNC && type != STT_NOTYPE))
            continue;
        if (sym.st_shndx != SHN_UNDEF && type == STT_FUNC && !strcmp(name, "malloc")) {
            if (h->sh_type == SHT_DYNSYM)
                f->defines_malloc = true;
            else
                f->hides_malloc = true;
        }
        if (name[0] == '_' && name[1] == '_')
            for (size_t k = 0; k < sizeof sanitizers / sizeof *sanitizers; k++)
                if (!strcmp(name, sanitizers[k].symbol))
                    snprintf(f->sanitizer, sizeof f->sanitizer, "%s", sanitizers[k].name);
    }
}

static void read_dynamic(Elf *elf, Elf_Scn *section, GElf_Shdr *h, struct facts *f)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn dyn;
    for (int i = 0; data && gelf_getdyn(data, i, &dyn); i++) {
        const char *s = NULL;
        if (dyn.d_tag == DT_SONAME || dyn.d_tag == DT_NEEDED)
            s = elf_strptr(elf, h->sh_link, dyn.d_un.d_val);
        if (!s)
            continue;
        if (dyn.d_tag == DT_SONAME && !strncmp(s, "ld-linux", 8))
            f->loader = true;
        else if (!strncmp(s, "libasan.so", 10) || strstr(s, "clang_rt.asan"))
            strcpy(f->sanitizer, "AddressSanitizer");
        else if (!strncmp(s, "libtsan.so", 10) || strstr(s, "clang_rt.tsan"))
            strcpy(f->sanitizer, "ThreadSanitizer");
        else if (!strncmp(s, "liblsan.so", 10))
            strcpy(f->sanitizer, "LeakSanitizer");
    }
}

static void read_facts(Elf *elf, struct facts *f)
{
    size_t n = 0, names = 0, size = 0;
    const char *raw = elf_rawfile(elf, &size);
    GElf_Phdr ph;
    elf_getphdrnum(elf, &n);
    for (size_t i = 0; i < n && gelf_getphdr(elf, (int)i, &ph); i++)
        if (ph.p_type == PT_INTERP) {
            f->interp = true;
            f->musl = raw && ph.p_offset < size && ph.p_filesz <= size - ph.p_offset &&
                      memmem(raw + ph.p_offset, ph.p_filesz, "ld-musl", 7);
        }
    Elf_Scn *section = NULL;
    GElf_Shdr h;
    elf_getshdrstrndx(elf, &names);
    while ((section = elf_nextscn(elf, section))) {
        if (!gelf_getshdr(section, &h))
            continue;
        const char *name = elf_strptr(elf, names, h.sh_name);
        f->go |= name && !strcmp(name, ".go.buildinfo");
        if (h.sh_type == SHT_DYNSYM || h.sh_type == SHT_SYMTAB)
            read_symbols(elf, section, &h, f);
        else if (h.sh_type == SHT_DYNAMIC)
            read_dynamic(elf, section, &h, f);
    }
}

static void judge(const char *path, const struct facts *f, struct ht_program *p)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    if (*f->sanitizer) {
        char why[200];
        snprintf(why, sizeof why,
                 "it is built with %s, which has an allocator of its own and must come first; build "
                 "it without", f->sanitizer);
        obstacle(p, HT_PROGRAM_SANITIZER, why);
    } else if (!f->interp && !f->loader) {
        obstacle(p, HT_PROGRAM_STATIC,
                 f->go ? "it is a static Go program; use Go's own runtime/pprof"
                       : "it is statically linked, so nothing can be preloaded; link it dynamically");
    } else if (f->musl) {
        obstacle(p, HT_PROGRAM_FOREIGN, "it is linked with musl, and heaptap needs the GNU C library");
    }
    if (f->go)
        snprintf(p->hint, sizeof p->hint,
                 "it is a Go program: Go's heap is not malloc's (only C code called from Go shows)");
    else if (!strcmp(base, "java"))
        snprintf(p->hint, sizeof p->hint,
                 "the Java heap is not malloc's (only native memory shows)");
    else if (f->defines_malloc || f->hides_malloc)
        snprintf(p->hint, sizeof p->hint,
                 "it has a malloc of its own linked in, which preloading does not see");
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
        char why[sizeof p->why];
        size_t length = strlen(word), skip = length > 80 ? length - 80 : 0;
        int n = snprintf(why, sizeof why, "its interpreter %s: ", word + skip);
        snprintf(why + n, sizeof why - (size_t)n, "%.*s", 160, p->why);
        strcpy(p->why, why);
    }
}

static void inspect(const char *path, struct ht_program *p, int scripts)
{
    char head[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head - 1, 0);
    if (n >= 2 && head[0] == '#' && head[1] == '!' && scripts < 5) {
        close(fd);
        head[n] = 0;
        head[strcspn(head, "\n")] = 0;
        inspect_script(head + 2, p, scripts);
        return;
    }
    if (n >= (ssize_t)sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG)) {
        uint16_t machine;
        p->elf = !scripts;
        memcpy(&machine, head + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
        Elf *elf = NULL;
        if (head[EI_CLASS] == ELFCLASS32) {
            obstacle(p, HT_PROGRAM_FOREIGN, "it is a 32-bit program, and heaptap is 64-bit only");
        } else if (machine != EM_X86_64) {
            obstacle(p, HT_PROGRAM_FOREIGN, "it is for another machine than x86-64");
        } else if (elf_version(EV_CURRENT) != EV_NONE &&
                   (elf = elf_begin(fd, ELF_C_READ_MMAP, NULL))) {
            struct facts f = {0};
            read_facts(elf, &f);
            judge(path, &f, p);
        }
        elf_end(elf);
    }
    if (fd >= 0)
        close(fd);
    if (!p->obstacle && !scripts) /* a script's own bits count for nothing */
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
