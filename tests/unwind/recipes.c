/* SPDX-License-Identifier: MIT */
/*
 * Every row of every function's unwind table, stepped by its recipe, by the row with all registers
 * and by libunwind: the return address, stack pointer and rbp they find must be the same. The rows
 * come from elfutils, so that three readers of .eh_frame have to agree. The stack is made up: the
 * word at an address is a hash of the address, and a step that reads the wrong word cannot go
 * unnoticed.
 */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <libunwind-x86_64.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cfi/cfi.h"
#include "image.h"

/* libunwind's own search of .eh_frame_hdr; exported for the users of its remote half. */
int _Ux86_64_dwarf_search_unwind_table(unw_addr_space_t, unw_word_t, unw_dyn_info_t *,
                                       unw_proc_info_t *, int, void *);

enum { KINDS = HT_STEP_OTHER + 1, REASONS = 32 };

static const char *const kind_name[KINDS] = {"unknown", "rsp",    "rbp", "rbp-deref",
                                             "plt",     "signal", "end", "other"};

struct tally {
    uint64_t rows, equal, wrong, other_with_call, kinds[KINDS], functions;
    struct {
        char text[64];
        uint64_t n, calls;
    } reasons[REASONS];
};

static uint64_t stack_word(uint64_t at)
{
    uint64_t x = at * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9ULL;
    return (x ^ (x >> 32)) & 0x7ffffffffff8ULL;
}

static const uint64_t first_sp = 0x7ffd12340008ULL, first_bp = 0x7ffd12345670ULL;

static uint64_t first_register(unsigned i)
{
    return 0x7ffd99000000ULL + i * 4096;
}

struct regs {
    uint64_t pc, sp, bp;
    bool end;
};

static bool step_recipe(uint64_t recipe, uint64_t pc, struct regs *out)
{
    uint64_t cfa, offset = (uint64_t)ht_recipe_cfa_offset(recipe);
    *out = (struct regs){0, 0, 0, false};
    switch (ht_recipe_kind(recipe)) {
    case HT_STEP_RSP:
        cfa = first_sp + offset;
        break;
    case HT_STEP_RBP:
        cfa = first_bp + offset;
        break;
    case HT_STEP_RBP_DEREF:
        cfa = stack_word(first_bp + offset);
        break;
    case HT_STEP_PLT:
        cfa = first_sp + 8 + ((pc & 15) >= offset ? 8 : 0);
        break;
    case HT_STEP_SIGNAL:
        *out = (struct regs){stack_word(first_sp + 168), stack_word(first_sp + 160),
                             stack_word(first_sp + 120), false};
        return true;
    case HT_STEP_END:
        *out = (struct regs){0, 0, 0, true};
        return true;
    default:
        return false;
    }
    *out = (struct regs){stack_word(cfa - 8), cfa, first_bp, false};
    if (ht_recipe_rbp(recipe) == HT_RBP_CFA)
        out->bp = stack_word(cfa + (uint64_t)ht_recipe_rbp_offset(recipe));
    else if (ht_recipe_rbp(recipe) == HT_RBP_RBP)
        out->bp = stack_word(first_bp + (uint64_t)ht_recipe_rbp_offset(recipe));
    else if (ht_recipe_rbp(recipe) == HT_RBP_LOST)
        out->bp = 0;
    return true;
}

/* What libunwind asks while it steps. */
struct question {
    const struct image *m;
    uint64_t pc;
    int found; /* of find_proc_info: 0, or why not */
};

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need,
                          void *arg)
{
    struct question *q = arg;
    const struct image *m = q->m;
    unw_dyn_info_t di;
    memset(&di, 0, sizeof di);
    di.start_ip = m->start;
    di.end_ip = m->end;
    di.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    di.u.rti.segbase = m->hdr;
    di.u.rti.table_data = (unw_word_t)m->table;
    di.u.rti.table_len = m->n_functions * 8 / sizeof(unw_word_t);
    return q->found = _Ux86_64_dwarf_search_unwind_table(as, ip, &di, pi, need, arg);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
}

static int get_dyn_info(unw_addr_space_t as, unw_word_t *at, void *arg)
{
    return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t as, unw_word_t at, unw_word_t *v, int write, void *arg)
{
    const struct image *m = ((struct question *)arg)->m;
    if (write)
        return -UNW_EINVAL;
    if (at >= m->start && at + 8 <= ((m->end + 4095) & ~4095ull))
        memcpy(v, (const void *)at, 8);
    else
        *v = stack_word(at);
    return 0;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t r, unw_word_t *v, int write, void *arg)
{
    if (write)
        return -UNW_EREADONLYREG;
    *v = r == UNW_X86_64_RIP   ? ((struct question *)arg)->pc
         : r == UNW_X86_64_RSP ? first_sp
         : r == UNW_X86_64_RBP ? first_bp
                               : first_register((unsigned)r);
    return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t r, unw_fpreg_t *v, int write, void *arg)
{
    return -UNW_EBADREG;
}

static int resume(unw_addr_space_t as, unw_cursor_t *c, void *arg)
{
    return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t as, unw_word_t at, char *b, size_t n, unw_word_t *o,
                         void *arg)
{
    return -UNW_ENOINFO;
}

static unw_addr_space_t space;

static bool step_libunwind(const struct image *m, uint64_t pc, struct regs *out)
{
    struct question q = {m, pc, -1};
    unw_cursor_t c;
    *out = (struct regs){0, 0, 0, false};
    if (unw_init_remote(&c, space, &q))
        return false;
    int r = unw_step(&c);
    if (q.found || r < 0)
        return false;
    if (!r) {
        out->end = true;
        return true;
    }
    return !unw_get_reg(&c, UNW_X86_64_RIP, &out->pc) &&
           !unw_get_reg(&c, UNW_X86_64_RSP, &out->sp) && !unw_get_reg(&c, UNW_X86_64_RBP, &out->bp);
}

static void describe(const struct image *m, uint64_t pc, char *text, size_t size)
{
    Dwarf_Frame *f = NULL;
    Dwarf_Op *ops = NULL;
    size_t n = 0;
    snprintf(text, size, "no rule");
    if (dwarf_cfi_addrframe(m->cfi, pc - m->bias, &f))
        return;
    if (!dwarf_frame_cfa(f, &ops, &n)) {
        int at = snprintf(text, size, "CFA");
        for (size_t i = 0; i < n && i < 4; i++)
            at += snprintf(text + at, size - (size_t)at, " %#x:%ld", ops[i].atom,
                           (long)ops[i].number);
    }
    free(f);
}

static void note_reason(struct tally *t, const struct image *m, uint64_t pc, bool calls)
{
    char text[64];
    describe(m, pc, text, sizeof text);
    for (unsigned i = 0; i < REASONS; i++) {
        if (t->reasons[i].n && strcmp(t->reasons[i].text, text) && i + 1 < REASONS)
            continue;
        memcpy(t->reasons[i].text, text, sizeof text);
        t->reasons[i].n++;
        t->reasons[i].calls += calls;
        return;
    }
}

struct row {
    uint64_t start, end; /* mapped addresses */
};

static bool made_up(void *ctx, uint64_t at, uint64_t *word)
{
    *word = stack_word(at);
    return true;
}

/* By the row with all registers, as the unwinder does where there is no recipe. */
static bool step_row(const struct ht_object *o, uint64_t pc, struct regs *out)
{
    struct ht_row row;
    struct ht_all_regs all = {.known = (1u << HT_N_REGS) - 1};
    *out = (struct regs){0, 0, 0, false};
    if (ht_cfi_row(pc, o, &row))
        return false;
    /* longjmp's and setcontext's last instructions: the stack pointer is in another register, which
     * libunwind, taking it for the CFA, does not look at. */
    if (!row.signal)
        row.rule[HT_REG_SP] = HT_RULE_SAME;
    out->end = row.rule[HT_REG_PC] == HT_RULE_UNDEFINED;
    if (out->end)
        return true;
    for (unsigned i = 0; i < HT_N_REGS; i++)
        all.r[i] = first_register(i);
    all.r[HT_REG_PC] = pc;
    all.r[HT_REG_SP] = first_sp;
    all.r[HT_REG_BP] = first_bp;
    if (!ht_cfi_step(&row, &all, made_up, NULL))
        return false;
    *out = (struct regs){all.r[HT_REG_PC], all.r[HT_REG_SP], all.r[HT_REG_BP], false};
    return true;
}

static bool equal(const struct regs *a, const struct regs *b)
{
    return a->end == b->end && (a->end || (a->pc == b->pc && a->sp == b->sp && a->bp == b->bp));
}

/* Where libunwind gives up (saved vector registers, as in ms_abi functions) elfutils' CFA decides.
 */
static bool cfa_is(const struct image *m, uint64_t pc, uint64_t cfa)
{
    Dwarf_Frame *f = NULL;
    Dwarf_Op *ops = NULL;
    size_t n = 0;
    if (dwarf_cfi_addrframe(m->cfi, pc - m->bias, &f))
        return false;
    bool is = !dwarf_frame_cfa(f, &ops, &n) && n == 1 && ops[0].atom == 0x92 /* DW_OP_bregx */ &&
              cfa == ops[0].number2 + (ops[0].number == HT_REG_SP   ? first_sp
                                       : ops[0].number == HT_REG_BP ? first_bp
                                                                    : 0);
    free(f);
    return is;
}

static void check(const struct image *m, uint64_t pc, const struct row *row, struct tally *t)
{
    struct ht_object o = {m->start, m->end, 0, m->hdr};
    struct regs by_recipe, by_row, theirs;
    uint64_t recipe = ht_cfi_recipe(pc, &o);
    unsigned kind = ht_recipe_kind(recipe);
    bool held = step_recipe(recipe, pc, &by_recipe), followed = step_row(&o, pc, &by_row);
    bool stepped = step_libunwind(m, pc, &theirs);
    t->rows++;
    t->kinds[kind]++;
    if (!held) {
        bool calls = image_calls(m, row->start, row->end);
        t->other_with_call += calls;
        note_reason(t, m, pc, calls);
    }
    if (!stepped && followed && !by_row.end && cfa_is(m, pc, by_row.sp)) {
        theirs = by_row;
        stepped = true;
    }
    if (stepped && followed && equal(&by_row, &theirs) && (!held || equal(&by_recipe, &theirs))) {
        t->equal++;
        return;
    }
    if (t->wrong++ < 10)
        printf("  %s+%#lx, %s: recipe %lx %lx %lx, row%s %lx %lx %lx, libunwind%s %lx %lx %lx\n",
               m->path, pc - m->bias, kind_name[kind], by_recipe.pc, by_recipe.sp, by_recipe.bp,
               followed ? "" : " fails", by_row.pc, by_row.sp, by_row.bp, stepped ? "" : " fails",
               theirs.pc, theirs.sp, theirs.bp);
}

static uint64_t rows_of(const struct image *m, uint64_t i, struct row *rows, uint64_t max)
{
    uint64_t pc = m->hdr + (uint64_t)(int64_t)m->table[i][0], n = 0;
    uint64_t next =
        i + 1 < m->n_functions ? m->hdr + (uint64_t)(int64_t)m->table[i + 1][0] : UINT64_MAX;
    while (pc < next && n < max) {
        Dwarf_Frame *f = NULL;
        Dwarf_Addr start, end;
        bool signal;
        if (dwarf_cfi_addrframe(m->cfi, pc - m->bias, &f))
            break; /* past the function */
        dwarf_frame_info(f, &start, &end, &signal);
        free(f);
        if (start + m->bias > pc || end + m->bias <= pc)
            break;
        rows[n++] = (struct row){pc, end + m->bias};
        pc = end + m->bias;
    }
    return n;
}

/* Of a module with more functions than `max`, every function too, but not each of its rows. */
static void check_image(const struct image *m, uint64_t max, struct tally *t)
{
    static struct row rows[16384];
    uint64_t every = max ? (m->n_functions + max - 1) / max : 1;
    for (uint64_t i = 0; i < m->n_functions; i++) {
        uint64_t n = rows_of(m, i, rows, sizeof rows / sizeof *rows);
        t->functions += n > 0;
        for (uint64_t j = n ? (i * 7919) % n % every : 0; j < n; j += every) {
            check(m, rows[j].start, &rows[j], t);
            if (rows[j].end - 1 > rows[j].start)
                check(m, rows[j].end - 1, &rows[j], t);
        }
    }
}

static void print(const char *what, const struct tally *t, double seconds)
{
    printf(
        "%-28s %8lu functions %9lu rows: %lu equal, %lu wrong, %lu other, %lu unknown (%.1f s)\n",
        what, t->functions, t->rows, t->equal, t->wrong, t->kinds[HT_STEP_OTHER],
        t->kinds[HT_STEP_UNKNOWN], seconds);
    for (unsigned i = 0; i < REASONS && t->reasons[i].n; i++)
        printf("    not held by a recipe: %-40s %lu rows, %lu may hold a call\n",
               t->reasons[i].text, t->reasons[i].n, t->reasons[i].calls);
}

static void add(struct tally *sum, const struct tally *t)
{
    sum->functions += t->functions;
    sum->rows += t->rows;
    sum->equal += t->equal;
    sum->wrong += t->wrong;
    sum->other_with_call += t->other_with_call;
    for (unsigned i = 0; i < KINDS; i++)
        sum->kinds[i] += t->kinds[i];
}

static int n_opened;

static void check_file(const char *path, uint64_t max, struct tally *sum)
{
    static struct tally t;
    struct image m;
    struct timespec a, b;
    memset(&t, 0, sizeof t);
    if (!image_open(&m, path)) {
        printf("%s: no unwind table that can be read, left out\n", path);
        image_close(&m);
        return;
    }
    n_opened++;
    clock_gettime(CLOCK_MONOTONIC, &a);
    check_image(&m, max, &t);
    clock_gettime(CLOCK_MONOTONIC, &b);
    print(basename(path), &t,
          (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9);
    add(sum, &t);
    image_close(&m);
}

static int check_loaded(struct dl_phdr_info *info, size_t size, void *sum)
{
    const char *name = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
    if (*name == '/')
        check_file(name, 0, sum);
    return 0;
}

/* recipes [--max FUNCTIONS] [PATTERN]...: what this program has loaded, and files by name. */
int main(int argc, char **argv)
{
    static unw_accessors_t accessors = {find_proc_info, put_unwind_info, get_dyn_info,
                                        access_mem,     access_reg,      access_fpreg,
                                        resume,         get_proc_name};
    static struct tally sum;
    uint64_t max = 0;
    int at = 1;
    if (argc > 2 && !strcmp(argv[1], "--max")) {
        max = strtoull(argv[2], NULL, 10);
        at = 3;
    }
    space = unw_create_addr_space(&accessors, 0);
    if (!space)
        return 1;
    unw_set_caching_policy(space, UNW_CACHE_NONE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    dl_iterate_phdr(check_loaded, &sum);
    for (; at < argc; at++) {
        glob_t g;
        if (!glob(argv[at], 0, NULL, &g)) {
            for (size_t i = 0; i < g.gl_pathc; i++)
                check_file(g.gl_pathv[i], max, &sum);
            globfree(&g);
        }
    }
    print("all", &sum, 0);
    printf("kinds:");
    for (unsigned i = 0; i < KINDS; i++)
        printf(" %s %lu", kind_name[i], sum.kinds[i]);
    printf("\nrows without a recipe that may hold a call: %lu\n", sum.other_with_call);
    unw_destroy_addr_space(space);
    return n_opened < 3 || sum.wrong || sum.equal < 10000;
}
