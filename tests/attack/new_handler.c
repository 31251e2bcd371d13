/* SPDX-License-Identifier: MIT */
/* A C program, without libstdc++ in sight, whose plugin is in C++. */
#include <dlfcn.h>

int main(void)
{
    void *plugin = dlopen(PLUGIN, RTLD_NOW);
    int (*run)(void) = plugin ? (int (*)(void))dlsym(plugin, "run") : 0;
    return run ? run() : 99;
}
