# SPDX-License-Identifier: MIT
# Sourced by quickstart and tests/run: what is missing is installed, then the tree is built.
# The caller has set ROOT.

say() { printf '%s\n' "$*"; }

. "$ROOT/tests/lib/packages.sh"

# set_up DIR: it is set up, to the end, from this very folder and by this meson (not before an upgrade, or a move of the clone).
set_up() {
  local info
  [ -f "$1/build.ninja" ] && info=$(cat "$1/meson-info/meson-info.json" 2>/dev/null) &&
    [[ $info = *"\"$ROOT\""* && $info = *"\"$(meson --version)\""* ]]
}

# configure DIR COMPILER [OPTION]...: sets DIR up, or gives the options to what is set up.
configure() {
  local dir=$1 compiler=$2 log=$1.setup.log
  shift 2
  if ! set_up "$dir"; then
    rm -rf "$dir/meson-private" "$dir/meson-info" "$dir/build.ninja"
    CC=$compiler meson setup "$dir" "$ROOT" "$@" >"$log" 2>&1
  elif [ $# != 0 ] && [ "$(cat "$dir/options" 2>/dev/null)" != "$*" ]; then
    meson configure "$dir" "$@" >"$log" 2>&1
  else
    return 0
  fi || { cat "$log"; say "heaptap: meson could not set up $dir"; return 1; }
  printf '%s' "$*" >"$dir/options"
  rm -f "$log"
}

# tick TEXT: how far it is; one line that changes on a terminal, elsewhere a line every five seconds.
ticked=0
tick() {
  if [ -t 1 ]; then
    printf '\r\033[K%s' "$1"
  elif [ $((SECONDS - ticked)) -ge 5 ]; then
    say "$1"
    ticked=$SECONDS
  fi
}
ticks_end() { if [ -t 1 ]; then printf '\r\033[K'; fi; }

# build DIR [TARGET]...
build() {
  local dir=$1 line
  shift
  NINJA_STATUS='[%f/%t] ' ninja -C "$dir" "$@" 2>&1 | tee "$dir/build.log" | while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+/[0-9]+)\] ]]; then tick "building ${BASH_REMATCH[1]}"; fi
  done
  if [ "${PIPESTATUS[0]}" = 0 ]; then ticks_end; return 0; fi
  ticks_end
  tail -n 60 "$dir/build.log"
  say "heaptap: the build in $dir failed"
  return 1
}

# What every test program is built with.
test_options=(-Dtests=enabled -Dwerror=true)

# The browser tests drive Chromium by playwright-core; without npm they are skipped and say so.
install_playwright() {
  if [ -d "$ROOT/tests/web/node_modules/playwright-core" ] || ! command -v npm >/dev/null; then return 0; fi
  (cd "$ROOT/tests/web" && npm install --no-audit --no-fund --silent >/dev/null 2>&1) ||
    say "heaptap: npm could not install playwright-core; the browser tests are skipped"
}

# run_again SUITE BUILD FAILED: runs the tests that meson saw failing once more, alone, unless they are many (then it is no
# moment's failure) or HEAPTAP_TEST_STRICT is set. `repaired` is how many passed; each is shown as AGAIN.
run_again() {
  local name names=()
  repaired=0
  [ -z "${HEAPTAP_TEST_STRICT-}" ] && [ "$3" -gt 0 ] && [ "$3" -le 5 ] || return 0
  mapfile -t names < <(python3 - "$2/meson-logs/testlog.json" <<'EOF'
import json, sys
for line in open(sys.argv[1]):
    t = json.loads(line)
    if t["result"] in ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS"):
        print(t["name"].split(" / ", 1)[-1])
EOF
  )
  [ ${#names[@]} = "$3" ] || return 0
  for name in "${names[@]}"; do
    if timeout -k 10 600 meson test -C "$2" --no-rebuild --print-errorlogs -t 4 --logbase again "$name" >"$2/again.log" 2>&1; then
      say "AGAIN $1: $name failed and passed when run alone"
      repaired=$((repaired + 1))
    else
      tail -n 100 "$2/again.log"
    fi
  done
}
