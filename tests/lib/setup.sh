# SPDX-License-Identifier: MIT
# Sourced by quickstart and tests/run: what is missing is installed, then the tree is built.
# The caller has set ROOT.

say() { printf '%s\n' "$*"; }

# wanted KIND: the packages of tests/packages.txt; KIND is "build" (without those marked "# test"), "all", or "foreign" (all, and
# those of the whole matrix of foreign programs).
wanted() {
  case $1 in
    build) grep -v '# test' "$ROOT/tests/packages.txt" ;;
    foreign) cat "$ROOT/tests/packages.txt" "$ROOT/tests/foreign/packages.txt" ;;
    *) cat "$ROOT/tests/packages.txt" ;;
  esac |
    sed 's/#.*//; s/[[:space:]]*$//' | grep -v '^$' | sort -u
}

have_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# "a|b": either will do, the first that can be had is installed.
missing_packages() {
  local line name ok
  wanted "$1" | while read -r line; do
    ok=
    for name in ${line//|/ }; do
      if have_package "$name"; then ok=1; fi
    done
    [ -n "$ok" ] || say "$line"
  done
}

choose_package() {
  local name
  for name in ${1//|/ }; do
    if apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [^(]'; then say "$name"; return; fi
  done
}

# install_missing KIND: 0 when everything of KIND is there in the end; else says what is not.
install_missing() {
  local kind=$1 missing names=() line name sudo=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    if command -v meson >/dev/null && command -v ninja >/dev/null && command -v gcc >/dev/null; then return 0; fi
    say "heaptap: this system has no apt; install what these Debian packages hold, then run this again:"
    wanted "$kind" | tr '\n' ' '; say
    return 1
  fi
  missing=$(missing_packages "$kind")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "heaptap: not root and no sudo; have root run: apt-get install" $missing
      return 1
    fi
    sudo=(sudo)
  fi
  say "installing:" $missing
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null || say "heaptap: apt-get update failed; trying with the lists there are"
  for line in $missing; do
    name=$(choose_package "$line")
    if [ -n "$name" ]; then names+=("$name"); fi
  done
  # A server's package must not start its daemon: the tests start their own, on their own ports.
  if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "${names[@]}" >/dev/null; then
    # One package that cannot be had must not keep the others away.
    for name in "${names[@]}"; do
      "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "$name" >/dev/null || true
    done
  fi
  missing=$(missing_packages "$kind")
  [ -z "$missing" ] && return 0
  say "heaptap: could not install:" $missing
  return 1
}

# configure DIR COMPILER [OPTION]...: sets DIR up, or gives the options to what is set up.
configure() {
  local dir=$1 compiler=$2 log=$1.setup.log
  shift 2
  if [ ! -f "$dir/build.ninja" ]; then
    # What an interrupted setup leaves is no build folder yet.
    rm -rf "$dir/meson-private" "$dir/meson-info"
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
