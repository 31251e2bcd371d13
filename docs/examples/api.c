/* SPDX-License-Identifier: MIT */
/*
 * A program that steers its own profile. It needs the header alone: without the library every call
 * says -ENOSYS, and nothing else changes.
 *
 *   cc -I include docs/examples/api.c -o api
 *   ./api
 *   heaptap run --start=off --exact -- ./api /tmp/requests.pb.gz
 */
#include <heaptap/heaptap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *requests[1000];

static void load_configuration(void)
{
    free(malloc(1 << 20)); /* not what we want to see */
}

static void serve(int n)
{
    for (int i = 0; i < n; i++)
        requests[i] = strdup("a request that is kept");
}

int main(int argc, char **argv)
{
    load_configuration();

    int error = heaptap_call_start();
    if (error)
        printf("not profiled: %s\n", strerror(-error));
    else
        printf("heaptap %s, active: %d\n", heaptap_call_version(), heaptap_call_active());

    serve(1000);

    if (!error && argc > 1) {
        heaptap_call_stop();
        error = heaptap_call_dump(argv[1]);
        printf("%s: %s\n", argv[1], error ? strerror(-error) : "written");
    }
    for (int i = 0; i < 1000; i++)
        free(requests[i]);
    return 0;
}
