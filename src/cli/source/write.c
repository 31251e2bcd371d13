/* SPDX-License-Identifier: MIT */
/* The format of the file is given by --format, or by the suffix of its name. */
#include "config.h"

#include "cli/source/write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/words.h"

static const char *const formats[] = {"pb.gz", "pb", "text"};

bool ht_write_format_known(const char *format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (!strcmp(format, formats[i]))
            return true;
    return false;
}

static bool ends(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

static const char *format_of(const char *path)
{
    if (ends(path, ".pb"))
        return "pb";
    return ends(path, ".txt") || ends(path, ".heap") ? "text" : "pb.gz";
}

int ht_write_profile(const struct ht_profile *p, const char *path, const char *format)
{
    void *data;
    size_t size;
    char msg[256] = "out of memory";
    bool to_stdout = !strcmp(path, "-");
    if (!format)
        format = format_of(path);
    bool text = !strcmp(format, "text");
    if (to_stdout && !text && isatty(STDOUT_FILENO))
        return ht_complain(1, "not to a terminal: name a file with -o FILE, or --format=text");
    int err = text ? ht_profile_encode_text(p, &data, &size, msg, sizeof(msg))
                   : ht_profile_encode(p, strcmp(format, "pb") != 0, &data, &size);
    if (err)
        return ht_complain(1, "cannot write %s: %s", path, msg);
    if (!to_stdout)
        err = ht_file_replace(path, data, size);
    else if (fwrite(data, 1, size, stdout) != size || fflush(stdout))
        err = errno ? -errno : -EIO;
    free(data);
    return err ? ht_complain(1, "cannot write %s: %s", path, strerror(-err)) : 0;
}
