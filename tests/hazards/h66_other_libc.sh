#!/bin/bash
# SPDX-License-Identifier: MIT
# only: glibc
# Hazard 66: LD_PRELOAD reaches a program of another C library (musl, as in Alpine's containers), whose loader takes our library; or it
# names a library of another processor or byte order.
# Shows: the musl program does what it does alone, and one line says that it is not profiled; glibc's loader says a line of the foreign
# library, and the program runs, with heaptap run too, which says that there is no profile. Seen failing without "musl's list of objects is asked
# for", without "glibc's entry of the list is not looked for" and without "no start on another C library" (mutants): it crashes.
cat >"$H_TMP/a.c" <<'C'
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int handled;
static void handler(int n) { handled = n; }

static void *work(void *arg)
{
  for (int i = 1; i < 20000; i++) {
    char *p = malloc((size_t)i), *q = calloc((size_t)i, 3), *r = NULL;
    if (!p || !q || posix_memalign((void **)&r, 64, (size_t)i) || (unsigned long)r % 64) abort();
    memset(p, 1, (size_t)i);
    memset(r, 2, (size_t)i);
    for (int k = 0; k < 3 * i; k++) if (q[k]) abort();
    p = realloc(p, 2 * (size_t)i);
    if (!p || p[0] != 1 || p[i - 1] != 1) abort();
    free(p); free(q); free(r);
    if (i % 100 == 0) i += 100;
  }
  return arg;
}

int main(void)
{
  pthread_t t[4];
  struct sigaction a = {.sa_handler = handler};
  sigaction(SIGUSR2, &a, NULL);
  for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, work, NULL);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  raise(SIGUSR2);
  errno = 0;
  void *volatile none = malloc((size_t)1 << 62);
  int no_memory = errno == ENOMEM && !none;
  free(aligned_alloc(4096, 8192));
  prctl(PR_SET_NAME, "other");
  pid_t pid = fork();
  if (!pid) { work(NULL); _exit(7); }
  int status;
  waitpid(pid, &status, 0);
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  printf("%d %d %d %s\n", handled, no_memory, WEXITSTATUS(status), strdup("ran"));
  return 5;
}
C
export LD_PRELOAD=
if musl-gcc -O1 -o "$H_TMP/a" "$H_TMP/a.c" 2>"$H_TMP/err" && [ "$("$H_TMP/a")" = "12 1 7 ran" ]; then
  for start in "" 0; do
    said=$(HEAPTAP_RATE=$H_RATE HEAPTAP_START=${start:-1} LD_PRELOAD=$H_BUILD/libheaptap.so "$H_TMP/a" 2>"$H_TMP/err")
    rc=$?
    [ $rc = 5 ] && [ "$said" = "12 1 7 ran" ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] && grep -q "^heaptap: this program is not profiled: it is linked with musl" "$H_TMP/err" ||
      { echo "over musl: exit $rc, $said"; cat "$H_TMP/err"; exit 1; }
  done
else
  musl=none
fi

# e_machine 183 is aarch64; EI_DATA 2 is big-endian.
printf '#include <stdio.h>\nint main(void) { puts("ran"); return 5; }\n' >"$H_TMP/b.c"
gcc -o "$H_TMP/b" "$H_TMP/b.c" || exit 1
for patch in '18 \267\000' '5 \002'; do
  cp "$H_BUILD/libheaptap.so" "$H_TMP/libheaptap.so"
  printf "${patch#* }" | dd of="$H_TMP/libheaptap.so" bs=1 seek="${patch%% *}" conv=notrunc status=none
  said=$(LD_PRELOAD=$H_TMP/libheaptap.so "$H_TMP/b" 2>"$H_TMP/err")
  rc=$?
  [ $rc = 5 ] && [ "$said" = ran ] && [ "$(wc -l <"$H_TMP/err")" = 1 ] && grep -q "ignored" "$H_TMP/err" || { echo "patched at ${patch%% *}: exit $rc, $said"; cat "$H_TMP/err"; exit 1; }
  cp "$H_BUILD/heaptap" "$H_TMP/heaptap"
  said=$("$H_TMP/heaptap" run -- "$H_TMP/b" 2>"$H_TMP/err")
  rc=$?
  [ $rc = 5 ] && [ "$said" = ran ] && grep -q "cannot be preloaded" "$H_TMP/err" && grep -q "^heaptap: no profile" "$H_TMP/err" ||
    { echo "heaptap run, patched at ${patch%% *}: exit $rc, $said"; cat "$H_TMP/err"; exit 1; }
done
[ "${musl-}" != none ] || { echo "no musl-gcc here (musl-tools)"; exit 77; }
