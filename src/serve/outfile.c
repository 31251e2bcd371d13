/* SPDX-License-Identifier: MIT */
/* Writes beside the file and renames at the end, so that a reader never sees half a file. */
#include "config.h"

#include "serve/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile/profile.h"
#include "util/utf8.h"

int ht_outfile_open(struct ht_outfile *o, const char *path)
{
    *o = (struct ht_outfile){.path = path};
    if (!strcmp(path, "-")) {
        o->f = stdout;
        return 0;
    }
    char *target;
    int err = ht_file_target(path, &target);
    if (err)
        return err;
    if (!target) {
        o->f = fopen(path, "we");
        return o->f ? 0 : -errno;
    }
    o->target = target;
    if (asprintf(&o->temporary, "%s.XXXXXX", target) < 0) {
        o->temporary = NULL;
        free(o->target);
        return -ENOMEM;
    }
    int fd = mkostemp(o->temporary, O_CLOEXEC);
    if (fd < 0) {
        err = -errno;
        free(o->temporary);
        free(o->target);
        return err;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    o->f = fdopen(fd, "w");
    if (o->f)
        return 0;
    err = -errno;
    close(fd);
    unlink(o->temporary);
    free(o->temporary);
    free(o->target);
    return err;
}

/* Writes to standard output in pieces; the state continues from one to the next. */
static ssize_t write_plain(void *cookie, const char *data, size_t size)
{
    char piece[4096];
    size_t done = 0;
    while (done < size) {
        size_t n = size - done < sizeof piece ? size - done : sizeof piece;
        for (size_t i = 0; i < n; i++)
            piece[i] = (char)ht_plain_byte(cookie, (unsigned char)data[done + i]);
        if (fwrite(piece, 1, n, stdout) != n)
            return done ? (ssize_t)done : -1;
        done += n;
    }
    return (ssize_t)done;
}

static int close_plain(void *cookie)
{
    free(cookie);
    return fflush(stdout);
}

int ht_outfile_open_plain(struct ht_outfile *o)
{
    static const cookie_io_functions_t io = {.write = write_plain, .close = close_plain};
    struct ht_plain *state = calloc(1, sizeof *state);
    *o = (struct ht_outfile){.path = "-"};
    o->f = state ? fopencookie(state, "w", io) : NULL;
    if (!o->f)
        free(state);
    return o->f ? 0 : -ENOMEM;
}

int ht_outfile_close(struct ht_outfile *o, int err)
{
    int failed = fflush(o->f) || ferror(o->f) ? -(errno ? errno : EIO) : 0;
    if (o->f != stdout && fclose(o->f) && !failed)
        failed = -errno;
    if (!err)
        err = failed;
    if (!o->temporary)
        return err;
    if (!err && rename(o->temporary, o->target))
        err = -errno;
    if (err)
        unlink(o->temporary);
    free(o->temporary);
    free(o->target);
    return err;
}
