/* SPDX-License-Identifier: MIT */
/* Recognises other kinds of files by how they begin, to name them in the message. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "profile/legacy_lines.h"
#include "profile/store.h"

struct kind {
    const char *magic;
    size_t n;
    const char *name;
};

#define KIND(magic, name)                                                                          \
    {                                                                                              \
        magic, sizeof(magic) - 1, name                                                             \
    }

/* First bytes of a file. */
static const struct kind files[] = {
    KIND("\x7f"
         "ELF",
         "an ELF file (a program, a library or a core), no profile of one"),
    KIND("PERFILE2", "perf's data (perf_to_profile converts it)"),
    KIND("gmon", "gprof's profile"),
    KIND("JAVA PROFILE ", "a Java heap dump (hprof)"),
    KIND("FLR\0", "a Java Flight Recorder file"),
    KIND("\xfd"
         "7zXZ",
         "compressed by xz (unxz unpacks it)"),
    KIND("BZh", "compressed by bzip2 (bunzip2 unpacks it)"),
    KIND("\x04\x22\x4d\x18", "compressed by lz4 (unlz4 unpacks it)"),
    KIND("PK\x03\x04", "a zip archive"),
    KIND("go 1.", "a Go execution trace (go tool trace reads it)"),
};

/* Beginning of the first line that is neither empty nor a comment. */
static const struct kind texts[] = {
    KIND("--- contentionz ", "a contention profile (gperftools' text)"),
    KIND("--- contention:", "a contention profile (Go's text)"),
    KIND("--- mutex:", "a mutex profile (Go's text)"),
    KIND("--- threadz ", "a thread profile (gperftools' text)"),
    KIND("--- Thread ", "a thread profile (gperftools' text)"),
    KIND("--- symbol", "a symbolized profile of old gperftools (pprof --raw)"),
    KIND("<!DOCTYPE", "an HTML page"),
    KIND("<!doctype", "an HTML page"),
    KIND("<html", "an HTML page"),
    KIND("{", "JSON"),
    KIND("desc: ", "massif's profile (valgrind; ms_print reads it)"),
    KIND("v ", "heaptrack's data (heaptrack_print reads it)"),
    KIND("events:", "callgrind's profile (valgrind)"),
    KIND("version: ", "callgrind's profile (valgrind)"),
    KIND("goroutine ", "a Go stack trace"),
};

bool ht_is_text(const void *data, size_t size)
{
    const unsigned char *b = data;
    for (size_t i = 0; i < size && i < 64; i++)
        if ((b[i] < ' ' || b[i] > '~') && b[i] != '\t' && b[i] != '\n' && b[i] != '\r')
            return false;
    return true;
}

static const char *of(const struct kind *k, size_t n_kinds, const char *data, size_t size)
{
    for (size_t i = 0; i < n_kinds; i++)
        if (size >= k[i].n && !memcmp(data, k[i].magic, k[i].n))
            return k[i].name;
    return NULL;
}

/* "--- heapz 1 ---" and "--- contentionz 1 ---" begin Java's texts too, whose next line says so. */
static const char *java_text(struct ht_lines in)
{
    static const char heap[] = "--- heapz ";
    bool is_heap = of(&(struct kind)KIND("--- heapz ", heap), 1, in.line,
                      (size_t)(in.line_end - in.line)) != NULL;
    for (int lines = 0; lines < 8 && ht_lines_next(&in); lines++)
        if (memmem(in.line, (size_t)(in.line_end - in.line), "format = java", 13))
            return is_heap ? "a Java heap profile (text)" : "a Java contention profile (text)";
    return is_heap ? "a heap profile of a kind that is not known (--- heapz)" : NULL;
}

/* "goroutine profile: total 7" */
static const char *go_count(const struct ht_lines *in)
{
    return memmem(in->line, (size_t)(in->line_end - in->line), " profile: total ", 16)
               ? "a Go count profile (goroutine or threadcreate, debug=1)"
               : NULL;
}

static uint64_t word(const uint8_t *b, size_t at, size_t width, bool big)
{
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | b[at * width + (big ? i : width - 1 - i)];
    return v;
}

/* gperftools' CPU profile: words of either width and order, 0 3 VERSION PERIOD 0. */
static const char *cpu_profile(const uint8_t *b, size_t size)
{
    for (size_t width = 4; width <= 8; width += 4)
        for (int big = 0; big < 2 && size >= 5 * width; big++) {
            if (word(b, 0, width, big) || word(b, 1, width, big) != 3 ||
                word(b, 2, width, big) > 1 || !word(b, 3, width, big) || word(b, 4, width, big))
                continue;
            return word(b, 2, width, big) ? "a Java CPU profile (binary)"
                                          : "a CPU profile (gperftools' binary form)";
        }
    return NULL;
}

const char *ht_foreign_kind(const void *data, size_t size)
{
    const char *name = of(files, sizeof(files) / sizeof(*files), data, size);
    struct ht_lines in = {.at = data, .end = (const char *)data + (size > 4096 ? 4096 : size)};
    if (!name)
        name = cpu_profile(data, size);
    if (name || !ht_is_text(data, size) || !ht_lines_next_full(&in))
        return name;
    if (!memcmp(in.line, "---", in.line_end - in.line < 3 ? (size_t)(in.line_end - in.line) : 3) &&
        (name = java_text(in)))
        return name;
    size_t n = (size_t)(in.line_end - in.line);
    name = go_count(&in);
    return name ? name : of(texts, sizeof(texts) / sizeof(*texts), in.line, n);
}
