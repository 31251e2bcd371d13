/* SPDX-License-Identifier: MIT */
/* Numbers with units: no locale, no errno, usable before the C library is initialized. */
#include "config.h"

#include "region/units.h"

#include <signal.h>
#include <string.h>

/* Decimal digits with an optional fraction in thousandths; moves *s behind them. */
static bool number(const char **s, uint64_t *thousandths)
{
    uint64_t v = 0;
    const char *p = *s;
    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10, &v) || v > (1ull << 53) ||
            (v += (uint64_t)(*p - '0'), false))
            return false;
    if (v > (1ull << 53))
        return false;
    v *= 1000;
    if (*p == '.') {
        p++;
        for (uint64_t unit = 100; *p >= '0' && *p <= '9'; p++, unit /= 10)
            v += unit * (uint64_t)(*p - '0');
    }
    *s = p;
    *thousandths = v;
    return true;
}

bool ht_parse_size(const char *s, uint64_t *bytes)
{
    uint64_t v, shift = 0;
    if (!number(&s, &v))
        return false;
    switch (*s) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    default:
        break;
    }
    if (shift)
        s++;
    if (shift && *s == 'i')
        s++;
    if (*s == 'B' || *s == 'b')
        s++;
    if (*s)
        return false;
    unsigned __int128 n = ((unsigned __int128)v << shift) / 1000;
    *bytes = (uint64_t)n;
    return n <= (1ull << 50);
}

bool ht_parse_duration(const char *s, uint64_t *ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"", 1000000000},
                 {"s", 1000000000},
                 {"ms", 1000000},
                 {"us", 1000},
                 {"ns", 1},
                 {"m", 60000000000},
                 {"min", 60000000000},
                 {"h", 3600000000000},
                 {"d", 86400000000000}};
    uint64_t v;
    if (!number(&s, &v))
        return false;
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(s, units[i].unit)) {
            unsigned __int128 n = (unsigned __int128)v * units[i].ns / 1000;
            *ns = (uint64_t)n;
            return n < (1ull << 62);
        }
    return false;
}

bool ht_parse_signal(const char *s, int *out)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {{"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"USR1", SIGUSR1},
                 {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},     {"ALRM", SIGALRM}, {"TERM", SIGTERM},
                 {"URG", SIGURG},   {"WINCH", SIGWINCH},   {"IO", SIGIO},     {"PWR", SIGPWR},
                 {"PROF", SIGPROF}, {"VTALRM", SIGVTALRM}, {"CONT", SIGCONT}, {"CHLD", SIGCHLD},
                 {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"XCPU", SIGXCPU},
                 {"XFSZ", SIGXFSZ}, {"none", 0},           {"NONE", 0}};
    if (!strncmp(s, "SIG", 3))
        s += 3;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(s, names[i].name)) {
            *out = names[i].number;
            return true;
        }
    int base = 0;
    if (!strncmp(s, "RTMIN", 5) && (s[5] == '+' || !s[5])) {
        base = SIGRTMIN;
        s += s[5] ? 6 : 5;
        if (!*s) {
            *out = base;
            return true;
        }
    }
    uint64_t v;
    if (!number(&s, &v) || *s || v % 1000)
        return false;
    v = v / 1000 + (uint64_t)base;
    if (v < 1 || v > 64 || v == SIGKILL || v == SIGSTOP || v == SIGSEGV || v == SIGBUS ||
        v == SIGFPE || v == SIGILL || v == SIGABRT || v == SIGTRAP)
        return false;
    *out = (int)v;
    return true;
}
