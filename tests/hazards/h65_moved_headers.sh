#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 65: a library whose program headers are not in its first page, as BOLT and patchelf leave them.
# Shows: its functions are named, and it is one module, at the start and when it is loaded later.
# Seen failing without "headers are where the loader has them" (mutants).
command -v gcc >/dev/null || { echo "no gcc here"; exit 77; }
[ -x "$H_BUILD/heaptap" ] || exit 77
cd "$H_TMP" || exit 1
cat >site.c <<'C'
#include <stdlib.h>
__attribute__((noinline)) void *site_moved(int n) { void *p = malloc(n); __asm__ volatile("" ::"r"(p) : "memory"); return p; }
C
cat >main.c <<'C'
#include <dlfcn.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  void *(*site)(int) = library ? (void *(*)(int))dlsym(library, "site_moved") : 0;
  for (int i = 0; site && i < 2000; i++)
    free(site(64 + i % 3));
  return site ? !site(1 << 20) : 3;
}
C
gcc -O1 -shared -fPIC -Wl,--build-id site.c -o site.so && gcc -O1 main.c -o main -ldl || exit 1
python3 - <<'P' || exit 1
import struct
d = bytearray(open("site.so", "rb").read())
offset, = struct.unpack_from("<Q", d, 32)
size, n = struct.unpack_from("<HH", d, 54)
headers = d[offset:offset + size * n]
d[offset:offset + size * n] = bytes(size * n)  # nobody reads them there any more
d += bytes(-len(d) % 4096)
struct.pack_into("<Q", d, 32, len(d))
open("moved.so", "wb").write(d + headers)
P
./main ./moved.so || { echo "the moved library does not load here"; exit 77; }
export HEAPTAP_REGION_DIR=$H_TMP XDG_CACHE_HOME=$H_TMP/cache
for preload in "" "$H_TMP/moved.so"; do
  rm -f p.pb.gz
  LD_PRELOAD="$H_PRELOAD $preload" HEAPTAP_RATE=1 HEAPTAP_OUTPUT="$H_TMP/p.pb.gz" ./main "$H_TMP/moved.so" || { echo "exit $?"; exit 1; }
  "$H_BUILD/heaptap" top p.pb.gz >top 2>&1
  grep -q ' site_moved$' top || { echo "its function has no name:"; head -n 9 top; exit 1; }
  n=$("$H_BUILD/heaptap" raw p.pb.gz | grep -c '^[0-9]*: .*/moved\.so')
  [ "$n" = 1 ] || { echo "$n mappings of one library"; exit 1; }
done
