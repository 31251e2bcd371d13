# SPDX-License-Identifier: MIT
# Sourced by what tests packages. The program that is profiled is bash: it is on every system.
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
unset LD_PRELOAD "${!HEAPTAP_@}"
say() { printf '%s\n' "$*"; }
ok() { passed=$((passed + 1)); say "ok   $*"; }
skip() { skipped=$((skipped + 1)); say "SKIP $*"; }
bad() { failed=$((failed + 1)); say "FAIL $*"; }
# check WORDS COMMAND...: ok when the command succeeds.
check() {
  local words=$1
  shift
  if "$@" >"$work/log" 2>&1; then ok "$words"; else
    bad "$words"
    tail -n 15 "$work/log" | sed 's/^/     /'
  fi
}
finish() { say "$1: $passed passed, $failed failed, $skipped skipped"; [ "$failed" = 0 ]; }

# bash's symbols are exported, so its stacks have names. An array of 40,000 elements is some MB.
script='a=(); for ((i = 0; i < 40000; i++)); do a[i]=x$i; done; echo ${#a[@]}'
# works HEAPTAP: what an installed command must do.
works() {
  heaptap=$1
  check "heaptap --version" "$heaptap" --version
  check "heaptap run: exit status, output, a profile with stacks and names" run_bash
  check "LD_PRELOAD=\$(heaptap lib)" preload_bash
  check "heaptap env for a shell" env_bash
  check "heaptap dump of a living process" dump_bash
  check "heaptap flame" flame
  check "heaptap serve" serve
  check "heaptap top --json, shell" other_libraries
}
run_bash() {
  local out rc=0
  out=$("$heaptap" run --rate=4k -o "$work/run.pb.gz" -- bash --norc -c "$script; exit 3") || rc=$?
  say "rc $rc, out $out"
  [ "$rc" = 3 ] && [ "$out" = 40000 ] && "$heaptap" top -i alloc_space --cum "$work/run.pb.gz" >"$work/top" && cat "$work/top" &&
    grep -q ' xmalloc$' "$work/top" && grep -q ' main$' "$work/top"
}
preload_bash() {
  local out
  out=$(LD_PRELOAD=$("$heaptap" lib) HEAPTAP_RATE=4k HEAPTAP_OUTPUT="$work/lib.pb.gz" bash --norc -c "$script") &&
    [ "$out" = 40000 ] && "$heaptap" top -i alloc_space --cum "$work/lib.pb.gz" | grep ' main$'
}
env_bash() (
  cd "$work" && eval "$("$heaptap" env --rate=4k -o "$work/env.%e.pb.gz")" && bash --norc -c "$script" && [ -s "$work/env.bash.pb.gz" ]
)
dump_bash() {
  local pid i rc=1
  mkfifo "$work/fifo"
  LD_PRELOAD=$("$heaptap" lib) HEAPTAP_RATE=4k HEAPTAP_OUTPUT="$work/at-end.pb.gz" bash --norc -c "$script >'$work/ready'; read -r x <'$work/fifo'" &
  pid=$!
  for ((i = 0; i < 200; i++)); do [ ! -s "$work/ready" ] || break; sleep 0.05; done
  "$heaptap" dump "$pid" -o "$work/dump.pb.gz" && "$heaptap" ps && "$heaptap" top --cum "$work/dump.pb.gz" | grep ' main$' && rc=0
  echo >"$work/fifo"
  wait "$pid"
  rm -f "$work/fifo" "$work/ready"
  return "$rc"
}
flame() { "$heaptap" flame "$work/run.pb.gz" -o "$work/flame.html" && grep -q '</html>' "$work/flame.html"; }
serve() {
  local pid i port= rc=1
  "$heaptap" serve --listen=127.0.0.1:0 "$work/run.pb.gz" >"$work/serving" 2>&1 &
  pid=$!
  for ((i = 0; i < 200; i++)); do
    port=$(sed -n 's,.*http://127.0.0.1:\([0-9]*\)/.*,\1,p' "$work/serving")
    [ -z "$port" ] || break
    sleep 0.05
  done
  cat "$work/serving"
  if [ -n "$port" ] && exec 5<>"/dev/tcp/127.0.0.1/$port"; then
    printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&5
    grep -m1 '200 OK' <&5 && rc=0
    exec 5>&-
  fi
  kill "$pid"
  wait "$pid"
  return "$rc"
}
other_libraries() {
  "$heaptap" top --json "$work/run.pb.gz" | grep -q '^{\|^\[' && echo top | "$heaptap" shell "$work/run.pb.gz" | grep -i 'flat%'
}
