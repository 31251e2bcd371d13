/* SPDX-License-Identifier: MIT */
/*
 * One file for each build-id, checked by a CRC and a key of what the answers depend on. It is
 * written under a temporary name and renamed. When all files together are too large, the least
 * recently used are removed.
 */
#include "config.h"

#include "symbolize/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "symbolize/elffile.h"
#include "symbolize/pool.h"

static const char magic[8] = "htsym 4";

enum { FILE_MAX = 64 << 20, TOTAL_MAX = 256 << 20, FRAMES_MAX = 4096, PATH_LEN = 4096 };

/* The file, in this machine's own types: header, addresses (sorted), frames, strings (the first is
 * ""). */
struct header {
    char magic[8];
    uint64_t key;
    uint32_t crc; /* CRC of everything after it */
    uint32_t n_addrs, n_frames, strings_size;
    struct ht_segments segments;
};

enum { CRC_FROM = offsetof(struct header, n_addrs) };

struct stored_addr {
    uint64_t vaddr;
    uint32_t first, n;
};

struct stored_frame {
    uint32_t name, file; /* into strings; 0 for unknown */
    uint32_t line, start_line;
};

struct ht_cache {
    char *image;
    const struct header *header;
    const struct stored_addr *addrs;
    const struct stored_frame *frames;
    const char *strings;
    struct ht_pool pool;
};

static bool directory(char *path, size_t size, bool make)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (xdg && *xdg == '/')
        n = snprintf(path, size, "%s", xdg);
    else if (home && *home == '/')
        n = snprintf(path, size, "%s/.cache", home);
    else
        return false;
    if (n < 0 || (size_t)n + sizeof "/heaptap" > size)
        return false;
    if (make)
        mkdir(path, 0700);
    strcat(path, "/heaptap");
    return !make || mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool file_name(char *path, size_t size, const char *build_id, bool make)
{
    char dir[PATH_LEN];
    /* The build-id comes from a profile: only hex digits may become part of a path. */
    if (!*build_id || strspn(build_id, "0123456789abcdef") != strlen(build_id) ||
        strlen(build_id) > 128 || !directory(dir, sizeof dir, make))
        return false;
    int n = snprintf(path, size, "%s/%s.sym", dir, build_id);
    return n > 0 && (size_t)n < size;
}

static char *read_whole(const char *path, size_t *size)
{
    struct stat st;
    char *image = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        st.st_size >= (off_t)sizeof(struct header) && st.st_size <= FILE_MAX &&
        (image = malloc((size_t)st.st_size))) {
        size_t have = 0;
        ssize_t n;
        while (have < (size_t)st.st_size &&
               (n = read(fd, image + have, (size_t)st.st_size - have)) > 0)
            have += (size_t)n;
        *size = have;
        /* The least recently used goes first when the cache grows too large. */
        futimens(fd, NULL);
    }
    close(fd);
    return image;
}

static bool valid(struct ht_cache *c, size_t size, uint64_t key)
{
    const struct header *h = c->header = (const struct header *)c->image;
    if (size < sizeof *h || memcmp(h->magic, magic, sizeof magic) || (key && h->key != key))
        return false;
    uint64_t need = sizeof *h + (uint64_t)h->n_addrs * sizeof *c->addrs +
                    (uint64_t)h->n_frames * sizeof *c->frames + h->strings_size;
    if (need != size || h->strings_size == 0)
        return false;
    c->addrs = (const struct stored_addr *)(h + 1);
    c->frames = (const struct stored_frame *)(c->addrs + h->n_addrs);
    c->strings = (const char *)(c->frames + h->n_frames);
    if (crc32_z(0, (const Bytef *)&h->n_addrs, size - CRC_FROM) != h->crc ||
        c->strings[h->strings_size - 1])
        return false;
    for (uint32_t i = 0; i < h->n_addrs; i++)
        if ((uint64_t)c->addrs[i].first + c->addrs[i].n > h->n_frames ||
            c->addrs[i].n > FRAMES_MAX || (i && c->addrs[i].vaddr <= c->addrs[i - 1].vaddr))
            return false;
    for (uint32_t i = 0; i < h->n_frames; i++)
        if (c->frames[i].name >= h->strings_size || c->frames[i].file >= h->strings_size)
            return false;
    return true;
}

struct ht_cache *ht_cache_load(const char *build_id, uint64_t key)
{
    char path[PATH_LEN + 256];
    size_t size = 0;
    if (!file_name(path, sizeof path, build_id, false))
        return NULL;
    struct ht_cache *c = calloc(1, sizeof *c);
    if (c && (!(c->image = read_whole(path, &size)) || !valid(c, size, key))) {
        ht_cache_close(c);
        return NULL;
    }
    return c;
}

void ht_cache_close(struct ht_cache *c)
{
    if (!c)
        return;
    ht_pool_finish(&c->pool);
    free(c->image);
    free(c);
}

static bool unpack(const struct ht_cache *c, struct ht_pool *pool, const struct stored_addr *s,
                   struct ht_addr *a)
{
    struct ht_sym_frame *f = s->n ? ht_pool_array(pool, s->n, sizeof *f) : NULL;
    if (s->n && !f)
        return false;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct stored_frame *sf = &c->frames[s->first + i];
        f[i] = (struct ht_sym_frame){sf->name ? c->strings + sf->name : NULL,
                                     sf->file ? c->strings + sf->file : NULL, sf->line,
                                     sf->start_line};
    }
    *a = (struct ht_addr){s->vaddr, f, s->n};
    return true;
}

const struct ht_segments *ht_cache_segments(const struct ht_cache *c)
{
    return &c->header->segments;
}

size_t ht_cache_get(const struct ht_cache *c, struct ht_addr *addrs, unsigned char *known, size_t n)
{
    size_t found = 0, k = 0;
    struct ht_pool *pool = (struct ht_pool *)&c->pool;
    for (size_t i = 0; i < n; i++) {
        while (k < c->header->n_addrs && c->addrs[k].vaddr < addrs[i].vaddr)
            k++;
        known[i] = k < c->header->n_addrs && c->addrs[k].vaddr == addrs[i].vaddr &&
                   unpack(c, pool, &c->addrs[k], &addrs[i]);
        found += known[i];
    }
    return found;
}

/* The file under construction. */
struct writer {
    struct stored_addr *addrs;
    struct stored_frame *frames;
    uint32_t n_addrs, n_frames;
    char *strings;
    size_t strings_size, strings_cap;
    uint32_t *slots; /* hash table of string offsets, 0 for free */
    size_t n_slots;  /* a power of two */
    bool failed;
};

static uint32_t put_string(struct writer *w, const char *s)
{
    if (!s || !*s || w->failed)
        return 0;
    size_t len = strlen(s) + 1;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)s[i]) * 1099511628211u;
    size_t slot = (hash ^ hash >> 32) & (w->n_slots - 1);
    for (; w->slots[slot]; slot = (slot + 1) & (w->n_slots - 1))
        if (!strcmp(w->strings + w->slots[slot], s))
            return w->slots[slot];
    if (w->strings_size + len > w->strings_cap) {
        size_t cap = 2 * w->strings_cap + len;
        char *bigger = cap <= FILE_MAX ? realloc(w->strings, cap) : NULL;
        if (!bigger) {
            w->failed = true;
            return 0;
        }
        w->strings = bigger;
        w->strings_cap = cap;
    }
    uint32_t at = w->slots[slot] = (uint32_t)w->strings_size;
    memcpy(w->strings + at, s, len);
    w->strings_size += len;
    return at;
}

static void put(struct writer *w, const struct ht_addr *a)
{
    w->addrs[w->n_addrs++] = (struct stored_addr){a->vaddr, w->n_frames, a->n_frames};
    for (uint32_t i = 0; i < a->n_frames; i++) {
        const struct ht_sym_frame *f = &a->frames[i];
        w->frames[w->n_frames++] = (struct stored_frame){
            put_string(w, f->name), put_string(w, f->file), f->line, f->start_line};
    }
}

/* Removes the files that were not used for longest until what is left fits. */
static void trim(const char *dir)
{
    for (int i = 0; i < 1000; i++) {
        DIR *d = opendir(dir);
        struct dirent *e;
        struct stat st;
        int64_t total = 0, oldest = INT64_MAX;
        char name[256] = "";
        if (!d)
            return;
        while ((e = readdir(d)))
            if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(st.st_mode)) {
                total += st.st_size;
                if (st.st_mtim.tv_sec < oldest) {
                    oldest = st.st_mtim.tv_sec;
                    snprintf(name, sizeof name, "%s", e->d_name);
                }
            }
        bool more = total > TOTAL_MAX && *name && unlinkat(dirfd(d), name, 0) == 0;
        closedir(d);
        if (!more)
            return;
    }
}

static bool write_all(int fd, const void *data, size_t n)
{
    for (const char *p = data; n;) {
        ssize_t w = write(fd, p, n);
        if (w <= 0)
            return false;
        p += w;
        n -= (size_t)w;
    }
    return true;
}

static void write_file(struct writer *w, const char *build_id, uint64_t key,
                       const struct ht_segments *segments)
{
    char path[PATH_LEN + 256], temp[PATH_LEN + 16], dir[PATH_LEN];
    if (!file_name(path, sizeof path, build_id, true) || !directory(dir, sizeof dir, false))
        return;
    snprintf(temp, sizeof temp, "%s/.new-XXXXXX", dir);
    struct header h = {.key = key,
                       .n_addrs = w->n_addrs,
                       .n_frames = w->n_frames,
                       .strings_size = (uint32_t)w->strings_size,
                       .segments = *segments};
    memcpy(h.magic, magic, sizeof magic);
    size_t addrs = w->n_addrs * sizeof *w->addrs, frames = w->n_frames * sizeof *w->frames;
    if (sizeof h + addrs + frames + w->strings_size > FILE_MAX)
        return;
    uLong crc = crc32_z(0, (const Bytef *)&h.n_addrs, sizeof h - CRC_FROM);
    crc = crc32_z(crc, (const Bytef *)w->addrs, addrs);
    crc = crc32_z(crc, (const Bytef *)w->frames, frames);
    h.crc = (uint32_t)crc32_z(crc, (const Bytef *)w->strings, w->strings_size);
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return;
    bool ok = write_all(fd, &h, sizeof h) && write_all(fd, w->addrs, addrs) &&
              write_all(fd, w->frames, frames) && write_all(fd, w->strings, w->strings_size);
    ok = close(fd) == 0 && ok;
    if (!ok || rename(temp, path))
        unlink(temp);
    trim(dir);
}

void ht_cache_store(const char *build_id, uint64_t key, const struct ht_segments *segments,
                    const struct ht_cache *old, const struct ht_addr *addrs, size_t n)
{
    if (old && old->header->key != key)
        old = NULL;
    struct ht_pool pool = {0};
    size_t n_old = old ? old->header->n_addrs : 0;
    size_t frames = old ? old->header->n_frames : 0;
    for (size_t i = 0; i < n; i++)
        frames += addrs[i].n_frames;
    struct writer w = {.n_slots = 1024};
    while (w.n_slots < 4 * frames + 4)
        w.n_slots *= 2;
    if (n + n_old < UINT32_MAX / 64 && frames < UINT32_MAX / 64) {
        w.addrs = calloc(n + n_old + 1, sizeof *w.addrs);
        w.frames = calloc(frames + 1, sizeof *w.frames);
        w.slots = calloc(w.n_slots, sizeof *w.slots);
        w.strings = calloc(1, 4096);
        w.strings_cap = 4096;
        w.strings_size = 1;
    }
    w.failed = !w.addrs || !w.frames || !w.slots || !w.strings;
    for (size_t i = 0, k = 0; !w.failed && (i < n || k < n_old);) {
        struct ht_addr a;
        if (k < n_old && (i == n || old->addrs[k].vaddr < addrs[i].vaddr)) {
            w.failed |= !unpack(old, &pool, &old->addrs[k++], &a);
        } else {
            if (k < n_old && old->addrs[k].vaddr == addrs[i].vaddr)
                k++;
            a = addrs[i++];
        }
        if (!w.failed && a.n_frames <= FRAMES_MAX)
            put(&w, &a);
    }
    if (!w.failed)
        write_file(&w, build_id, key, segments);
    free(w.addrs);
    free(w.frames);
    free(w.slots);
    free(w.strings);
    ht_pool_finish(&pool);
}
