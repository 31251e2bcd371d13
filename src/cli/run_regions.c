/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/run_regions.h"
#include "profile/profile.h"
#include "region/pattern.h"
#include "region/stream.h"
#include "region/view.h"

#define MAX_NUMBERED 100000

struct ht_run_entry {
    char path[320];
    uint32_t pid, image; /* image: counts the execs of one process */
    uint64_t ticks;
    enum { ENTRY_NEW, ENTRY_OURS, ENTRY_OTHER, ENTRY_DONE } state;
    bool present;
};

void ht_run_regions_init(struct ht_run_regions *r, uint64_t run_id, const char *cwd)
{
    struct utsname u;
    memset(r, 0, sizeof *r);
    r->run_id = run_id;
    r->cwd = cwd;
    r->started = time(NULL);
    if (!uname(&u))
        snprintf(r->host, sizeof r->host, "%s", u.nodename);
}

void ht_run_regions_finish(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_profiles; i++) {
        for (size_t k = 0; k < r->profiles[i].n_numbered; k++)
            free(r->profiles[i].numbered[k]);
        free(r->profiles[i].numbered);
        free(r->profiles[i].path);
    }
    free(r->profiles);
    free(r->living);
    free(r->entries);
}

/* Room for one more, zeroed; NULL when out of memory. */
static void *append(void *list, size_t *n, size_t size)
{
    void **array = list;
    if (!(*n & (*n - 1))) { /* full at every power of two */
        void *more = reallocarray(*array, *n ? *n * 2 : 1, size);
        if (!more)
            return NULL;
        *array = more;
    }
    return memset((char *)*array + (*n)++ * size, 0, size);
}

/* --- reading ----------------------------------------------------------------------------------- */

static bool read_fully(int fd, void *to, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)done);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* A copy, header alone or whole: nobody can change it or cut it short under us. */
static unsigned char *copy_region(const char *path, bool whole, struct ht_view *v)
{
    struct stat st;
    unsigned char *copy = NULL;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_uid != geteuid() && geteuid()) ||
        st.st_size < HT_HEADER_SIZE)
        goto out;
    size_t size = HT_HEADER_SIZE;
    struct ht_region_header h;
    if (whole) {
        /* What was never written takes no blocks: no more than what there is. */
        if (pread(fd, &h, sizeof h, 0) != sizeof h)
            goto out;
        uint64_t n = HT_HEADER_SIZE + (uint64_t)h.n_chunks * HT_CHUNK_SIZE;
        uint64_t most = (uint64_t)st.st_blocks * 512 / HT_CHUNK_SIZE * HT_CHUNK_SIZE +
                        HT_HEADER_SIZE + HT_CHUNK_SIZE;
        n = n < most ? n : most;
        size = n < (uint64_t)st.st_size ? n : (uint64_t)st.st_size;
    }
    copy = malloc(size);
    if (copy && (!read_fully(fd, copy, size) || ht_view_init(v, copy, size, NULL, 0))) {
        free(copy);
        copy = NULL;
    }
out:
    close(fd);
    return copy;
}

/* The same process still runs; one that waits to be reaped does not. */
static bool is_alive(uint32_t pid, uint64_t ticks)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    char *p = strrchr(text, ')'); /* field 2 may hold anything */
    if (!p || p[1] != ' ')
        return false;
    char state = p[2];
    unsigned long threads = 0;
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p + 1, ' ');
        if (p && field == 19)
            threads = strtoul(p, NULL, 10);
    }
    if (!p || state == 'X' || (state == 'Z' && threads < 2)) /* the first thread may leave first */
        return false;
    return !ticks || strtoull(p, NULL, 10) == ticks;
}

/* --- writing ----------------------------------------------------------------------------------- */

struct buffer {
    unsigned char *data;
    size_t size, room;
};

static int take(void *sink, const void *data, size_t n)
{
    struct buffer *b = sink;
    if (n > b->room - b->size) {
        size_t room = (b->size + n) * 2;
        unsigned char *more = realloc(b->data, room);
        if (!more)
            return -ENOMEM;
        b->data = more;
        b->room = room;
    }
    memcpy(b->data + b->size, data, n);
    b->size += n;
    return 0;
}

static bool taken(const struct ht_run_regions *r, const char *path)
{
    for (size_t i = 0; i < r->n_profiles; i++)
        if (!strcmp(r->profiles[i].path, path))
            return true;
    return false;
}

static void fail(struct ht_run_regions *r, const char *what, int error, const char *then)
{
    if (!r->n_failures++)
        snprintf(r->failure, sizeof r->failure, "cannot write %s: %s; %s", what, strerror(-error), then);
}

static struct ht_pattern values(const struct ht_run_regions *r, const char *name, uint32_t pid)
{
    return (struct ht_pattern){
        .name = name,
        .host = r->host,
        .pid = pid,
        .seconds = (uint64_t)time(NULL),
        .last = true,
        .relative = (pid_t)pid != r->root,
    };
}

static int write_as(const struct ht_run_regions *r, const struct ht_region_header *h,
                    const char *pattern, const struct buffer *b, char *path, size_t size)
{
    struct ht_pattern v = values(r, h->name, h->pid);
    v.number = (uint32_t)(h->dumps + h->dump_failures);
    if (!ht_pattern_expand(path, size, pattern, &v))
        return -ENAMETOOLONG;
    /* The image that came after this one by exec has the name already. */
    for (uint32_t n = h->pid; taken(r, path); n = 1)
        if (!ht_pattern_insert(path, size, n))
            return -ENAMETOOLONG;
    return ht_file_replace(path, b->data, b->size);
}

/* The profile of a process that could not write it. */
static int write_profile(struct ht_run_regions *r, const struct ht_view *v, char *path, size_t size)
{
    static struct ht_stream_workspace workspace;
    struct buffer b = {NULL, 0, 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct ht_stream_options o = {.gzip = true,
                                  .time_nanos = now.tv_sec * 1000000000ll + now.tv_nsec};
    int64_t n = ht_stream_profile(v, &o, &workspace, take, &b);
    int error = n < 0 ? (int)n : write_as(r, v->header, v->header->output, &b, path, size);
    if (n >= 0 && error) {
        char wanted[PATH_MAX], usual[PATH_MAX] = "";
        snprintf(wanted, sizeof wanted, "%s", path);
        for (size_t i = 0, k = 0; r->cwd[i] && k + 2 < sizeof usual; i++) {
            usual[k++] = r->cwd[i];
            if (r->cwd[i] == '%')
                usual[k++] = '%';
        }
        strncat(usual, "/heaptap.%e.%p.pb.gz", sizeof usual - strlen(usual) - 1);
        int again = write_as(r, v->header, usual, &b, path, size);
        fail(r, wanted, error,
             again ? "the profile stays in its region (heaptap recover)" : "written here instead");
        error = again;
    }
    free(b.data);
    return error;
}

/* --- finished processes ------------------------------------------------------------------------ */

#define NO_TIME "19700101T000000Z" /* what %t of second 0 is */

/* The files of the run that a pattern names, whatever the time in them. */
static void find_files(const struct ht_run_regions *r, const char *path, struct ht_run_profile *to)
{
    char quoted[2 * PATH_MAX];
    size_t n = 0;
    for (const char *p = path; *p && n + sizeof NO_TIME + 2 < sizeof quoted; p++) {
        if (!strncmp(p, NO_TIME, sizeof NO_TIME - 1)) {
            n += (size_t)sprintf(quoted + n, "????????T??????Z");
            p += sizeof NO_TIME - 2;
            continue;
        }
        if (strchr("\\*?[", *p))
            quoted[n++] = '\\';
        quoted[n++] = *p;
    }
    quoted[n] = 0;
    glob_t g;
    if (glob(quoted, GLOB_NOSORT, NULL, &g))
        return;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct stat st;
        if (stat(g.gl_pathv[i], &st) || st.st_mtim.tv_sec < r->started || !S_ISREG(st.st_mode))
            continue;
        char **slot = append(&to->numbered, &to->n_numbered, sizeof *slot);
        if (slot && !(*slot = strdup(g.gl_pathv[i])))
            to->n_numbered--;
    }
    globfree(&g);
}

static void find_numbered(const struct ht_run_regions *r, const struct ht_region_header *h,
                          struct ht_run_profile *to)
{
    uint64_t n = h->dumps + h->dump_failures;
    for (uint64_t i = 0; i < n && i < MAX_NUMBERED; i++) {
        char path[PATH_MAX];
        struct ht_pattern v = values(r, h->name, h->pid);
        v.number = (uint32_t)i;
        v.last = false;
        v.seconds = 0;
        if (ht_pattern_expand(path, sizeof path, h->output, &v))
            find_files(r, path, to);
    }
    for (size_t i = 0; i < to->n_numbered; i++) /* with %n the last one is found as well */
        if (!strcmp(to->numbered[i], to->path)) {
            free(to->numbered[i]);
            to->numbered[i] = to->numbered[--to->n_numbered];
        }
}

static uint64_t total_lost(const struct ht_region_header *h)
{
    uint64_t n = 0;
    for (int i = 0; i < HT_LOSS_COUNT; i++)
        n += h->losses[i];
    return n;
}

/* Returns whether the region is no longer needed. */
static bool settle(struct ht_run_regions *r, const struct ht_view *v)
{
    const struct ht_region_header *h = v->header;
    char path[PATH_MAX];
    if (h->state == HT_STATE_DUMPED) {
        snprintf(path, sizeof path, "%.*s", (int)sizeof h->last_dump, h->last_dump);
    } else if (!ht_region_has_samples(v)) {
        return true;
    } else if (write_profile(r, v, path, sizeof path)) {
        return false;
    }
    struct ht_run_profile *p = append(&r->profiles, &r->n_profiles, sizeof *p);
    if (!p || !(p->path = strdup(path)))
        return r->n_profiles -= p != NULL, false;
    snprintf(p->name, sizeof p->name, "%s", h->name);
    p->pid = h->pid;
    p->samples = h->samples;
    p->lost = total_lost(h);
    p->truncated = h->truncated;
    p->rate = h->rate;
    p->figures = true;
    find_numbered(r, h, p);
    return true;
}

static void settle_entry(struct ht_run_regions *r, struct ht_run_entry *e)
{
    struct ht_view v;
    unsigned char *copy = copy_region(e->path, true, &v);
    if (copy && settle(r, &v))
        unlink(e->path);
    free(copy);
    e->state = ENTRY_DONE;
}

/* --- looking ----------------------------------------------------------------------------------- */

static struct ht_run_entry *find_entry(struct ht_run_regions *r, const char *path)
{
    for (size_t i = 0; i < r->n_entries; i++)
        if (!strcmp(r->entries[i].path, path))
            return &r->entries[i];
    return append(&r->entries, &r->n_entries, sizeof *r->entries);
}

static void look_at(struct ht_run_regions *r, const char *dir, const char *name)
{
    struct ht_view v;
    uint32_t pid, image;
    unsigned long long ticks;
    char rest, path[sizeof r->entries->path];
    if (sscanf(name, "%u.%llu.%u%c", &pid, &ticks, &image, &rest) != 3 ||
        (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return;
    struct ht_run_entry *e = find_entry(r, path);
    if (!e)
        return;
    strcpy(e->path, path);
    e->pid = pid;
    e->ticks = ticks;
    e->image = image;
    e->present = true;
    if (e->state != ENTRY_NEW)
        return;
    unsigned char *header = copy_region(path, false, &v); /* else it is still being made */
    if (header) {
        e->state = v.header->run_id == r->run_id ? ENTRY_OURS : ENTRY_OTHER;
        if (e->state == ENTRY_OURS && (pid_t)pid == r->root)
            r->seen_root = true;
        free(header);
    }
}

static void look_in(struct ht_run_regions *r, const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        look_at(r, dir, e->d_name);
    if (d)
        closedir(d);
}

static void look(struct ht_run_regions *r)
{
    for (size_t i = 0; i < r->n_entries; i++)
        r->entries[i].present = false;
    const char *own = getenv("HEAPTAP_REGION_DIR");
    char dir[64];
    glob_t g;
    if (own && *own == '/') {
        look_in(r, own);
    } else if (geteuid()) {
        snprintf(dir, sizeof dir, "/dev/shm/heaptap-%u", geteuid());
        look_in(r, dir);
    } else if (!glob("/dev/shm/heaptap-[0-9]*", 0, NULL, &g)) { /* children may drop to other users */
        for (size_t i = 0; i < g.gl_pathc; i++)
            look_in(r, g.gl_pathv[i]);
        globfree(&g);
    }
    size_t kept = 0;
    for (size_t i = 0; i < r->n_entries; i++)
        if (r->entries[i].present)
            r->entries[kept++] = r->entries[i];
    r->n_entries = kept;
}

/* By process; its newest image first, which has had the first choice of a name. */
static int by_process(const void *a, const void *b)
{
    const struct ht_run_entry *x = a, *y = b;
    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->ticks != y->ticks)
        return x->ticks < y->ticks ? -1 : 1;
    return x->image > y->image ? -1 : x->image < y->image;
}

static void list_living(struct ht_run_regions *r, const struct ht_run_entry *e)
{
    struct ht_view v;
    unsigned char *header = copy_region(e->path, false, &v);
    bool again = r->n_living && r->living[r->n_living - 1].pid == e->pid;
    struct ht_run_living *l =
        header && !again ? append(&r->living, &r->n_living, sizeof *l) : NULL;
    if (l) {
        snprintf(l->name, sizeof l->name, "%s", v.header->name);
        l->pid = e->pid;
    }
    free(header);
}

void ht_run_regions_sweep(struct ht_run_regions *r, bool last)
{
    look(r);
    if (r->n_entries)
        qsort(r->entries, r->n_entries, sizeof *r->entries, by_process);
    for (size_t i = 0; i < r->n_entries; i++) {
        struct ht_run_entry *e = &r->entries[i];
        if (e->state != ENTRY_OURS)
            continue;
        if (!is_alive(e->pid, e->ticks))
            settle_entry(r, e);
        else if (last)
            list_living(r, e);
    }
}

void ht_run_regions_add_file(struct ht_run_regions *r, const char *pattern, const char *name,
                             pid_t pid)
{
    struct ht_pattern v = values(r, name, (uint32_t)pid);
    struct ht_run_profile found = {0}, *p;
    char path[PATH_MAX];
    v.seconds = 0;
    if (ht_pattern_expand(path, sizeof path, pattern, &v))
        find_files(r, path, &found);
    if (found.n_numbered && (p = append(&r->profiles, &r->n_profiles, sizeof *p))) {
        p->path = found.numbered[--found.n_numbered];
        p->pid = (uint32_t)pid;
        snprintf(p->name, sizeof p->name, "%s", name);
    }
    for (size_t i = 0; i < found.n_numbered; i++)
        free(found.numbered[i]);
    free(found.numbered);
}
