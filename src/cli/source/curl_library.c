/* SPDX-License-Identifier: MIT */
/* Loads libcurl with dlopen, so that the command also runs where libcurl is not installed. */
#include "config.h"

#include "cli/source/curl_library.h"

#include <dlfcn.h>

/* curl's header defines these as macros, which check the types of arguments. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

bool ht_curl_open(struct ht_curl *c)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return false;
#define X(name)                                                                                    \
    c->name = (__typeof__(c->name))dlsym(library, "curl_" #name);                                  \
    if (!c->name)                                                                                  \
        return false;
    HT_CURL_FUNCTIONS(X)
#undef X
    return true;
}
