# SPDX-License-Identifier: MIT
# Sourced by setup.sh: which packages are wanted and missing, and their installation. Whatever is in the way is said in one line that
# ends in what to type. The caller has set ROOT.

# package_table KIND: lines of tests/packages.txt without remarks. KIND is "build" (without those marked "# test"), "all", or "foreign" (all,
# and those of the whole matrix of foreign programs).
package_table() {
  case $1 in
    build) grep -v '# test' "$ROOT/tests/packages.txt" ;;
    foreign) cat "$ROOT/tests/packages.txt" "$ROOT/tests/foreign/packages.txt" ;;
    *) cat "$ROOT/tests/packages.txt" ;;
  esac | sed 's/#.*//; s/[[:space:]]*$//' | grep -v '^$'
}

# wanted KIND: Debian's and Ubuntu's names, one a line; "a|b": either will do. wanted_fedora KIND: Fedora's.
wanted() { package_table "$1" | sed 's/[[:space:]].*//' | sort -u; }
wanted_fedora() { package_table "$1" | sed -n 's/.*fedora:\([^[:space:]]*\).*/\1/p' | tr , '\n' | sort -u; }

have_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# missing_packages KIND: the lines of wanted of which nothing is installed.
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

# choose_package "a|b": the first that can be had.
choose_package() {
  local name
  for name in ${1//|/ }; do
    if LC_ALL=C apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [^(]'; then say "$name"; return; fi
  done
}

# on_one_line: what comes in, without line ends.
on_one_line() { tr '\n' ' ' | sed 's/  */ /g; s/ $//'; }

# check_machine: 0 where heaptap can run at all.
check_machine() {
  local machine bits
  machine=$(uname -m)
  case $machine in
    x86_64) ;;
    i?86) say "heaptap: this is a 32-bit system ($machine), and heaptap profiles 64-bit x86 programs only: use a 64-bit system, where ./quickstart is all to type"; return 1 ;;
    *) say "heaptap: this machine is $machine, and heaptap runs on x86-64 only: type ./quickstart on such a machine"; return 1 ;;
  esac
  bits=$(getconf LONG_BIT 2>/dev/null) || bits=64
  if [ "$bits" != 64 ]; then
    say "heaptap: the programs of this system are of $bits bits, and heaptap profiles 64-bit x86 programs only: type ./quickstart in a 64-bit system"
    return 1
  fi
}

# By hand: what a system without apt must have.
by_hand() {
  local name
  name=$(. /etc/os-release 2>/dev/null && say "${PRETTY_NAME-}")
  if command -v dnf >/dev/null; then
    say "heaptap: ${name:-this system} has dnf, which quickstart does not use; have root type: dnf install $(wanted_fedora "$1" | on_one_line)   then run this again"
  else
    say "heaptap: ${name:-this system} has no apt-get; install what is in these Debian packages, then run this again: $(wanted "$1" | on_one_line)"
  fi
}

# run_apt DOING COMMAND...: runs it, with ticks; keeps what it says of failures in apt_said.
apt_said=
run_apt() {
  local doing=$1 line n=0 total=0
  shift
  { apt_said=$(
    { LC_ALL=C DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "$@" 2>&1 </dev/null || say "status $?"; } | while IFS= read -r line; do
      case $line in
        *" newly installed, "*) total=${line#*upgraded, } total=${total%% newly*} ;;
        "Get:"*) tick "$doing: downloading ${line#Get:}" >&3 ;;
        "Unpacking "*) n=$((n + 1)); tick "$doing $n/$((2 * total))" >&3 ;;
        "Setting up "*) n=$((n + 1)); tick "$doing $n/$((2 * total))" >&3 ;;
        E:* | W:* | "status "* | *"No space left"* | *"not enough"* | *"password"* | *sudo*) say "$line" ;;
      esac
    done
  ); } 3>&1
  ticks_end
  [[ $apt_said != *"status "* ]]
}

# why: the reason of apt's failure in words of our own, from what it said.
why() {
  local free
  case $apt_said in
    *"No space left"* | *"enough free space"*)
      free=$(df -h --output=avail /var/cache/apt/archives /usr 2>/dev/null | sed 1d | sort -h | head -n 1 | tr -d ' ')
      say "the disk is full (${free:-nothing} free where packages go): make room" ;;
    *"Could not resolve"* | *"Temporary failure"* | *"Could not connect"* | *"Network is unreachable"* | *"Connection "* | *"Failed to fetch"*)
      say "the packages' server does not answer: connect this machine to the network" ;;
    *"sudo: a "*) say "sudo refuses: have root type apt-get install $1" ;;
    *"lock"*) say "another package manager is at work: wait for it" ;;
    *) say "apt-get says: $(say "$apt_said" | grep '^E:' | head -n 1)" ;;
  esac
}

# install_missing KIND: 0 when everything of KIND is there in the end; else says what is not.
install_missing() {
  local kind=$1 missing line name names=() absent=() sudo=() updated=
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Whoever has installed what is needed by hand can go on.
    if command -v meson >/dev/null && command -v ninja >/dev/null && command -v gcc >/dev/null; then return 0; fi
    by_hand "$kind"
    return 1
  fi
  missing=$(missing_packages "$kind" | on_one_line)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "heaptap: packages are missing, and there is no sudo; have root type: apt-get install ${missing//|/ or }   then run this again"
      return 1
    fi
    # A question for the password is asked here, where it is seen, or not at all.
    if ! sudo -n true 2>/dev/null && ! { [ -t 0 ] && sudo -v; }; then
      say "heaptap: packages are missing, and sudo refuses; have root type: apt-get install ${missing//|/ or }   then run this again"
      return 1
    fi
    sudo=(sudo -n env LC_ALL=C DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
  fi
  say "installing $missing"
  # Where a list cannot be fetched apt-get says so and is content.
  if ! run_apt "reading the lists" "${sudo[@]}" apt-get update -q || [[ $apt_said = *"Failed to fetch"* ]]; then updated=no; fi
  for line in $missing; do
    name=$(choose_package "$line")
    if [ -n "$name" ]; then names+=("$name"); else absent+=("${line//|/ or }"); fi
  done
  if [ ${#absent[@]} != 0 ] && [ "$kind" = build ]; then
    if [ -n "$updated" ]; then
      say "heaptap: cannot install ${absent[*]}: $(why "$missing"), then run this again"
    else
      say "heaptap: this system's package sources do not have ${absent[*]}; add the section that has (on Ubuntu: add-apt-repository universe), then run this again"
    fi
    return 1
  fi
  # A server's package must not start its daemon (RUNLEVEL): the tests start their own, on their own ports.
  if [ ${#names[@]} != 0 ] && ! run_apt installing "${sudo[@]}" apt-get install -y -q --no-install-recommends "${names[@]}"; then
    if [ "$kind" = build ]; then
      say "heaptap: cannot install the packages: $(why "$missing"), then run this again"
      return 1
    fi
    # One package that cannot be had must not keep the others away.
    for name in "${names[@]}"; do
      run_apt "installing $name" "${sudo[@]}" apt-get install -y -q --no-install-recommends "$name" || true
    done
  fi
  missing=$(missing_packages "$kind" | on_one_line)
  [ -n "$missing" ] || return 0
  say "heaptap: could not install: $missing"
  return 1
}

# check_room DIR MEGABYTES: 0 where DIR can be written to and its disk has so much room.
check_room() {
  local said free
  if ! said=$(mkdir -p "$1/build" 2>&1) || ! said=$( (: >"$1/build/.room") 2>&1); then
    said=${said##*: }
    say "heaptap: cannot write to $1 (${said:-not permitted}): type  cp -r '$1' ~/heaptap && ~/heaptap/quickstart"
    return 1
  fi
  rm -f "$1/build/.room"
  free=$(df -m --output=avail "$1/build" 2>/dev/null | sed 1d | tr -d ' ')
  if [ -n "$free" ] && [ "$free" -lt "$2" ]; then
    say "heaptap: the disk of $1 is full ($free MB free, the build needs $2): make room, or type  cp -r '$1' OTHER_DISK && OTHER_DISK/$(basename "$1")/quickstart"
    return 1
  fi
}
