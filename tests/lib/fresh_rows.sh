# SPDX-License-Identifier: MIT
# Sourced by tests/fresh: its rows, each for $suite.
# Limits of time are for what hangs: a busy machine is no failure.

# Everything outside the clone, the package manager's places and what the kernel shows; stamp: of what is newer.
strays() { # STAMP EXCEPT...
  local stamp=$1 e skip=()
  shift
  for e in ./proc ./dev ./sys ./run/lock ./var/cache/apt ./var/lib/apt ./var/lib/dpkg ./var/log ./usr ./etc ./bin ./sbin ./lib ./lib64 ./boot "$@"; do
    skip+=(-path "$e" -prune -o)
  done
  (cd "$root" && find . -xdev "${skip[@]}" -newer "$stamp" \( -type f -o -type l -o -type s -o -type p \) -print | head -n 20)
}

# In a bare root, as root, in a path with a space; then a second time without anything to install.
row_quickstart() {
  local log=$logs/$suite-quickstart.log began size build again user system
  new_root "$suite" || { bad "$suite: no root" /dev/null; return; }
  unpack "/root/heap tap"
  size=$(root_size)
  touch "$root/stamp"
  began=$SECONDS
  if in_root 1200 root "heap tap/quickstart" >"$log" 2>&1 && shows_owners "$log"; then
    began=$((SECONDS - began))
    size=$(($(root_size) - size))
    build=$(du -sm "$root/root/heap tap/build" | cut -f1)
    ok "$suite: quickstart as root, in $began s with its packages; $size MB, $build of them the build"
    figure "quickstart, as root, with packages" "$began s, $size MB"
  else
    bad "$suite: quickstart as root" "$log"
    return
  fi
  if ! grep -q '^installing [0-9]*/[0-9]*$' "$log" || ! grep -q '^building [0-9]*/[0-9]*$' "$log"; then
    bad "$suite: quickstart does not say how far it is" "$log"
  fi
  size=$(strays ./stamp "./root/heap tap" ./var/lib ./var/cache ./tmp/tmp.never)
  if [ -z "$size" ]; then ok "$suite: nothing is left outside the clone and the package manager's places"; else
    say "$size" >"$log.strays"
    bad "$suite: quickstart leaves files outside the clone" "$log.strays"
  fi
  # From nothing, with the packages there: the build alone, and not a file outside the clone.
  rm -rf "$root/root/heap tap/build"
  sleep 1
  touch "$root/stamp"
  began=$SECONDS
  # Processor time: a busy machine has less of it, and is not what is measured.
  if { TIMEFORMAT='%0U %0S' && time in_root 1200 root "heap tap/quickstart" >"$log" 2>&1; } 2>"$log.time" && shows_owners "$log"; then
    again=$((SECONDS - began))
    read -r user system <"$log.time"
    figure "quickstart, packages there" "$again s ($((user + system)) s of processor time), $build MB"
    if [ $((user + system)) -le 90 ]; then
      ok "$suite: quickstart in $again s when the packages are there, $((user + system)) s of processor time (at most 90, a minute of two cores)"
    else
      bad "$suite: quickstart takes $((user + system)) s of processor time when the packages are there, at most 90" "$log"
    fi
  else
    bad "$suite: quickstart with the packages there" "$log"
  fi
  size=$(cd "$root" && find . -xdev -path "./root/heap tap" -prune -o -path ./proc -prune -o -path ./dev -prune -o -newer ./stamp -type f -print)
  if [ -z "$size" ]; then ok "$suite: it writes no file outside the clone"; else
    say "$size" >"$log.strays"
    bad "$suite: it writes outside the clone" "$log.strays"
  fi
  began=$SECONDS
  if in_root 600 root "heap tap/quickstart" >"$log" 2>&1 && shows_owners "$log"; then
    ok "$suite: quickstart again, in $((SECONDS - began)) s"
    figure "quickstart again" "$((SECONDS - began)) s"
  else
    bad "$suite: quickstart a second time" "$log"
  fi
}

# sudo_root: a root with sudo and two users: ada may use it, eve may not.
sudo_root() {
  new_root "$suite" || return 1
  in_root 1200 root bash -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends sudo &&
    useradd -m ada && useradd -m eve && echo "ada ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ada' >"$logs/$suite-sudo.log" 2>&1 ||
    { bad "$suite: a root with sudo" "$logs/$suite-sudo.log"; return 1; }
}

# As a user with sudo; then by sudo itself, and as the user once more.
row_user() {
  local log=$logs/$suite-user.log began
  sudo_root || return
  unpack /home/ada/heaptap ada
  began=$SECONDS
  if in_root 1200 ada heaptap/quickstart >"$log" 2>&1 && shows_owners "$log"; then
    ok "$suite: quickstart as a user with sudo, in $((SECONDS - began)) s with its packages"
    figure "quickstart, a user with sudo, with packages" "$((SECONDS - began)) s"
  else
    bad "$suite: quickstart as a user with sudo" "$log"
    return
  fi
  rm -rf "$root/home/ada/heaptap/build"
  if in_root 1200 ada sudo heaptap/quickstart >"$log" 2>&1 && shows_owners "$log"; then
    if in_root 600 ada heaptap/quickstart >"$log" 2>&1 && shows_owners "$log"; then
      ok "$suite: sudo ./quickstart, then ./quickstart in the same clone"
    else
      bad "$suite: ./quickstart after sudo ./quickstart" "$log"
    fi
  else
    bad "$suite: sudo ./quickstart" "$log"
  fi
}

# refuses NAME PATTERN USER COMMAND...: fails with one last line that says what is missing and what to type.
refuses() {
  local name=$1 pattern=$2 user=$3 log=$logs/$suite-bad.log rc
  shift 3
  in_root 600 "$user" "$@" >"$log" 2>&1
  rc=$?
  # "installing NAMES" and ticks may come before it.
  if [ $rc != 0 ] && [ $rc -lt 99 ] && [ "$(grep -cv '^installing \|^reading the lists' "$log")" = 1 ] && tail -n 1 "$log" | grep -Eq "^heaptap: .*($pattern)"; then
    refused=$((refused + 1))
    ok "$suite: $name: $(tail -n 1 "$log" | cut -c10-150)"
  else
    bad "$suite: $name: exit $rc, not one line that matches \"$pattern\"" "$log" 8
  fi
}

row_bad() {
  local refused=0
  sudo_root || return
  unpack /home/eve/heaptap eve
  unpack /home/ada/heaptap ada
  refuses "sudo refuses" "sudo refuses; have root type: apt-get install .*gcc" eve heaptap/quickstart
  local empty='mount -t tmpfs empty "$root/var/cache/apt/archives" && mkdir "$root/var/cache/apt/archives/partial"'
  root_net='' root_mount=$empty refuses "no network" "connect this machine to the network" ada heaptap/quickstart
  chroot "$root" sh -c 'mkdir -p /shim; printf "#!/bin/sh\necho aarch64\n" >/shim/uname; chmod 755 /shim/uname'
  refuses "arm64" "machine is aarch64, and heaptap runs on x86-64 only" ada env PATH=/shim:/usr/bin:/bin heaptap/quickstart
  refuses "32-bit" "32-bit system \\(i686\\).*64-bit" ada setarch i686 heaptap/quickstart
  root_mount='mount --bind "$root/home/ada/heaptap" "$root/home/ada/heaptap" && mount -o remount,ro,bind "$root/home/ada/heaptap"' \
    refuses "a read-only clone" "cannot write to .*Read-only.*cp -r" ada heaptap/quickstart
  root_mount='mount -t tmpfs -o size=9m,mode=777 full "$root/mnt" && cp -r "$root/home/ada/heaptap/." "$root/mnt" && chmod -R a+rwX "$root/mnt"' \
    refuses "a full disk" "full \\(.* MB free, the build needs" ada /mnt/quickstart
  root_mount=${empty/tmpfs /tmpfs -o size=40m } \
    refuses "no room for the packages" "disk is full .*make room" ada heaptap/quickstart
  chroot "$root" sh -c 'dpkg --force-all --purge sudo >/dev/null 2>&1; [ ! -e /usr/bin/sudo ] || rm /usr/bin/sudo'
  refuses "no sudo" "there is no sudo; have root type: apt-get install .*gcc" ada heaptap/quickstart
  sed -i 's/^sqlite3 /no-such-package-0 /' "$root/home/ada/heaptap/tests/packages.txt"
  refuses "a mirror that lacks a package" "package sources do not have no-such-package-0; add" root bash /home/ada/heaptap/quickstart
  chroot "$root" sh -c 'mv /usr/bin/apt-get /usr/bin/apt-got; printf "PRETTY_NAME=\"Plan 10\"\n" >/etc/os-release.new; mv /etc/os-release.new /etc/os-release'
  refuses "an unknown distribution" "Plan 10 has no apt-get; install what is in these Debian packages.*meson" ada heaptap/quickstart
  figure "bad input, a line for each" "$refused of 10"
}

# one_build NAME COMPILER OPTION...: without a warning.
one_build() {
  local name=$1 compiler=$2 log=$logs/$suite-build.log
  shift 2
  if in_root 1200 root bash -c 'cd /src && rm -rf b && c=$1 && shift && CC=$c meson setup b "$@" && ninja -C b && b/heaptap --version' bash "$compiler" "$@" >"$log" 2>&1 &&
    ! grep 'warning: ' "$log" | grep -qv '^lto-wrapper: warning: using serial'; then
    built=$((built + 1))
    return 0
  fi
  grep -A6 'warning: \|error: \|ERROR' "$log" >"$log.why" || tail -n 10 "$log" >"$log.why"
  bad "$suite: $compiler, $name" "$log.why"
  return 1
}

# build_root: a root that has what a build needs, and HEAD in /src.
build_root() {
  new_root "$suite" || { bad "$suite: no root" /dev/null; return 1; }
  unpack /src
  in_root 1200 root bash -c "apt-get update -qq; ROOT=/src; . /src/tests/lib/setup.sh; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \$(wanted build | on_one_line)" >"$logs/$suite-build.log" 2>&1 ||
    { bad "$suite: packages of the build" "$logs/$suite-build.log"; return 1; }
}

row_build() {
  local c built version kind
  build_root || return
  # The roots' own compilers: gcc 10, 12, 14 and 16, clang 11, 14, 19 and what unstable has.
  for c in gcc clang; do
    in_root 1200 root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$c" >"$logs/$suite-build.log" 2>&1 || { skip "$suite: $c cannot be installed"; continue; }
    version=$(chroot "$root" "$c" -dumpfullversion 2>/dev/null || chroot "$root" "$c" -dumpversion)
    # The linker's plugin for LTO, which clang only recommends: a package of its own, or before LLVM 12 a part of llvm-dev.
    if [ "$c" = clang ]; then
      in_root 1200 root bash -c 'DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; apt-get install -y -qq --no-install-recommends "llvm-$1-linker-tools" ||
        apt-get install -y -qq --no-install-recommends "llvm-$1-dev"' bash "${version%%.*}" >"$logs/$suite-build.log" 2>&1 ||
        { skip "$suite: the linker's plugin of $c $version cannot be installed"; continue; }
    fi
    built=0
    for kind in plain debugoptimized release minsize; do one_build "$kind" "$c" "--buildtype=$kind"; done
    one_build "release with LTO" "$c" --buildtype=release -Db_lto=true
    if [ "$built" = 5 ]; then ok "$suite: $c $version: plain, debugoptimized, release, minsize, LTO: no warning"; fi
    figure "$c, five ways, no warning" "$version: $built of 5"
  done
}

row_optional() {
  local built=0 option
  build_root || return
  # What an option changes is little: the rest of the sources comes from ccache, its warnings too.
  in_root 1200 root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ccache >"$logs/$suite-build.log" 2>&1 ||
    { bad "$suite: ccache" "$logs/$suite-build.log"; return; }
  for option in readline microhttpd jansson curl zstd; do one_build "without $option" "ccache gcc" --buildtype=plain "-D$option=disabled"; done
  # What is not there is left out without being asked.
  in_root 600 root env DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq libreadline-dev libmicrohttpd-dev libjansson-dev libcurl4-openssl-dev >"$logs/$suite-build.log" 2>&1
  if one_build "without any of their packages" "ccache gcc" --buildtype=plain -Dzstd=disabled && off_commands; then built=$((built + 1)); fi
  if [ "$built" = 7 ]; then ok "$suite: without readline, microhttpd, jansson, curl, zstd, one by one and all: no warning, a line each where they are asked for"; fi
  figure "without each optional library, and without all" "$built of 7"
}

# off_commands: what is missing turns its command off with one line.
off_commands() {
  local log=$logs/$suite-off.log word fine=1
  in_root 60 root /src/b/heaptap run --exact -o /tmp/p.pb.gz -- ls / >"$log" 2>&1 || { bad "$suite: heaptap run" "$log"; return 1; }
  for word in "serve" "push http://localhost:1 /tmp/p.pb.gz" "top --json /tmp/p.pb.gz" "ps --json" "top http://localhost:1/x"; do
    # shellcheck disable=SC2086
    in_root 20 root /src/b/heaptap $word >"$log" 2>&1
    if ! [[ $? = [12] ]] || [ "$(wc -l <"$log")" != 1 ] || ! grep -q 'built without lib' "$log"; then
      bad "$suite: heaptap $word, built without what it needs" "$log" 5
      fine=
    fi
  done
  [ -n "$fine" ]
}

# boot_root: the root's own systemd, with the package of build/packages: the unit in its limits, and the drop-in.
boot_root() {
  local log=$root/booted.log deb=/src/build/packages/heaptap_*_amd64.deb
  if ! command -v systemd-nspawn >/dev/null; then skip "$suite: the booted system: systemd-nspawn is not installed (systemd-container)"; return; fi
  # shellcheck disable=SC2016
  in_root 1200 root bash -c 'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd dbus && apt-get install -y -qq $1 &&
    printf "[Service]\nType=oneshot\nExecStart=/src/tests/packages/booted-in-root\n" >/etc/systemd/system/booted.service &&
    mkdir -p /etc/systemd/system/multi-user.target.wants &&
    ln -s ../booted.service /etc/systemd/system/multi-user.target.wants/booted.service' bash "$deb" >"$logs/$suite-boot.log" 2>&1 ||
    { bad "$suite: the package of the booted system" "$logs/$suite-boot.log"; return; }
  rm -f "$root/etc/resolv.conf"
  timeout -k 5 120 systemd-nspawn --quiet --register=no --keep-unit -D "$root" --boot >"$logs/$suite-boot.log" 2>&1 </dev/null
  if ! [ -s "$log" ]; then
    skip "$suite: the booted system: its systemd does not come up here: $(tail -n 1 "$logs/$suite-boot.log" | tr -cd '[:print:]')"
  elif tail -n 1 "$log" | grep -q '^booted: .* 0 failed'; then
    ok "$suite: $(tail -n 1 "$log")"
    figure "the unit and a drop-in, booted" "$(tail -n 1 "$log" | sed 's/^booted: //')"
  else
    bad "$suite: the booted system" "$log"
  fi
}

# The Debian package, built and used in this root; the tarball, built once in the oldest root and used in this bare one.
row_packages() {
  local log=$logs/$suite-packages.log name tarball
  new_root "$suite" || { bad "$suite: no root" /dev/null; return; }
  unpack /src
  if in_root 3600 root /src/tests/packages/deb-in-root >"$log" 2>&1; then
    ok "$suite: $(tail -n 1 "$log")"
  else
    bad "$suite: the Debian package" "$log"
  fi
  figure "the Debian package" "$(tail -n 1 "$log" | sed 's/^deb: //')"
  boot_root
  log=$logs/$suite-portable.log
  name=heaptap-$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$ROOT/meson.build")-linux-x86_64
  tarball=${HEAPTAP_BUILD:-$ROOT/build}/packages/$name.tar.zst
  # Another process: it has a root of its own.
  if [ -z "${portable_built-}" ] && ! "$ROOT/packaging/portable" >"$log" 2>&1; then
    bad "$suite: packaging/portable" "$log"
    return
  fi
  portable_built=1
  new_root "$suite" || { bad "$suite: no root" /dev/null; return; }
  unpack /src
  mkdir -p "$root/opt" && zstd -dc "$tarball" | tar -C "$root/opt" -x
  if in_root 600 root /src/tests/packages/portable-in-root "/opt/$name" >"$log" 2>&1; then
    ok "$suite: $(tail -n 1 "$log")"
  else
    bad "$suite: the tarball" "$log"
  fi
  figure "the tarball, nothing installed" "$(tail -n 1 "$log" | sed 's/^portable: //'), $(($(stat -c %s "$tarball") / 1024)) KiB"
}

row_tests() {
  local log=$logs/$suite-tests.log began=$SECONDS
  new_root "$suite" || { bad "$suite: no root" /dev/null; return; }
  unpack /root/heaptap
  in_root 10800 root heaptap/tests/run >"$log" 2>&1
  if tail -n 1 "$log" | grep -Eq '^[0-9]+ passed, 0 failed, [0-9]+ skipped$'; then
    ok "$suite: tests/run in $(((SECONDS - began) / 60)) min: $(tail -n 1 "$log")"
  else
    { grep -A3 '^FAIL' "$log" | head -n 60; tail -n 3 "$log"; } >"$log.why"
    bad "$suite: tests/run" "$log.why" 80
  fi
  figure "tests/run" "$(tail -n 1 "$log"), $(((SECONDS - began) / 60)) min"
}
