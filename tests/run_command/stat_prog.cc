// SPDX-License-Identifier: MIT
// What `heaptap stat` counts. plain: by each way of allocating; op: benchmarks; grow: the most is in
// use at the end; else a status.
#include <heaptap/bench.h>

#include <cstdlib>
#include <cstring>

static void *volatile keep;

static void plain()
{
    for (size_t i = 0; i < 1000; i++) {
        void *p = malloc(i % 200), *q = calloc(3, i % 50 + 1), *r = nullptr;
        p = realloc(p, 300 + i);
        keep = q;
        if (i % 3)
            free(p);
        if (!posix_memalign(&r, 64, 100) && i % 2)
            free(r);
        char *c = new char[i % 70 + 1];
        keep = c;
        if (i % 5)
            delete[] c;
    }
    void *most = malloc(8 << 20);
    keep = most;
    free(most);
}

static void operations()
{
    struct heaptap_bench b;
    keep = malloc(12345); // before the first benchmark
    heaptap_bench_begin(&b, "33 at once");
    for (int i = 0; i < 1000; i++) {
        for (int k = 0; k < 32; k++) {
            void *p = malloc(62);
            keep = p;
            free(p);
        }
        keep = malloc(64);
    }
    heaptap_bench_end(&b, 1000);
    keep = malloc(54321); // between
    heaptap_bench_begin(&b, "seldom");
    for (int i = 0; i < 1000; i += 4)
        keep = malloc(10);
    heaptap_bench_end(&b, 1000);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "plain"))
        plain();
    else if (argc > 1 && !strcmp(argv[1], "op"))
        operations();
    else if (argc > 1 && !strcmp(argv[1], "grow")) {
        keep = malloc(1 << 20);
        keep = malloc(1000); // less than 0.2 % more: no new peak is stored
    } else if (argc > 1) {
        keep = malloc(100);
        return atoi(argv[1]);
    }
    return 0;
}
