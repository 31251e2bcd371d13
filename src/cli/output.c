/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ht_output_open(struct ht_output *o, const char *path)
{
    struct stat st;
    *o = (struct ht_output){.file = stdout};
    if (!path || !*path || !strcmp(path, "-"))
        return 0;
    o->path = path;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        o->file = fopen(path, "we");
        return o->file ? 0 : -errno;
    }
    if (asprintf(&o->temp, "%s.%d.tmp", path, (int)getpid()) < 0) {
        o->temp = NULL;
        return -ENOMEM;
    }
    int fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    o->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (o->file)
        return 0;
    int err = -errno;
    if (fd >= 0) {
        close(fd);
        unlink(o->temp);
    }
    free(o->temp);
    o->temp = NULL;
    return err;
}

int ht_output_close(struct ht_output *o, int failed)
{
    int err = 0;
    errno = 0;
    if (fflush(o->file) || ferror(o->file))
        err = errno ? -errno : -EIO;
    if (o->file != stdout && fclose(o->file) && !err)
        err = -errno;
    if (o->temp && (failed || err))
        unlink(o->temp);
    else if (o->temp && rename(o->temp, o->path)) {
        err = -errno;
        unlink(o->temp);
    }
    free(o->temp);
    o->temp = NULL;
    return err;
}
