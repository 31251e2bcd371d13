# SPDX-License-Identifier: MIT
# needs: gcc
# ordinary
p_gcc() { c_source && gcc -O2 -c a.c && objdump -d a.o | tail -n +4 | md5sum && gcc -o a a.o && ./a; }
# needs: g++
p_gxx() {
  printf '#include <map>\n#include <regex>\n#include <iostream>\nint main() { std::map<std::string, int> m; for (int i = 0; i < 3000; i++) m[std::to_string(i * 7919 %% 4001)]++; std::regex r("1.*9"); int n = 0; for (auto &k : m) n += std::regex_match(k.first, r); std::cout << n << "\\n"; try { m.at("x"); } catch (const std::out_of_range &) { std::cout << "caught\\n"; } }\n' >b.cc
  g++ -O1 -o b b.cc && ./b
}
# needs: clang
# ordinary
p_clang() { c_source && clang -O2 -c a.c && objdump -d a.o | tail -n +4 | md5sum && clang -o a a.o && ./a; }
# A tree of sources at hand everywhere is heaptap's own.
# needs: make gcc
# limit: 300
p_make() {
  cat >Makefile <<'M'
S = $(FOREIGN_ROOT)/src
O = $(patsubst $(S)/%.c,%.o,$(wildcard $(S)/region/*.c $(S)/profile/*.c $(S)/report/*.c))
vpath %.c $(S)
lib.a: $(O)
	@ar rcD $@ $(sort $(O))
%.o: %.c
	@mkdir -p $(@D)
	@gcc -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -w -I$(S) -I$(FOREIGN_ROOT)/include -I$(FOREIGN_BUILD) -I$(FOREIGN_BUILD)/proto -c -o $@ $<
M
  make -s -j4 && ar t lib.a | sort | md5sum && objdump -d lib.a | tail -n +3 | md5sum
}
# needs: meson ninja gcc
# only: glibc jemalloc
# not exact: minutes
# limit: 600
p_meson_ninja() {
  meson setup --buildtype=plain -Dwerror=false b "$FOREIGN_ROOT" >/dev/null && ninja -C b -j3 heaptap libheaptap.so >/dev/null || return 1
  objdump -d --section=.text b/libheaptap.so | tail -n +4 | md5sum
  env -u LD_PRELOAD b/heaptap --version
}
# needs: cmake
p_cmake() { printf 'cmake_minimum_required(VERSION 3.10)\nproject(p NONE)\nforeach(i RANGE 300)\nlist(APPEND l ${i})\nendforeach()\nlist(LENGTH l n)\nmessage(STATUS "n ${n}")\n' >CMakeLists.txt && cmake -S . -B b | grep ' n '; }
# needs: gdb gcc
p_gdb() { c_source && gcc -g -o a a.c && gdb -q -nx -batch -ex 'break cmp' -ex 'info line main' -ex 'print 6 * 7' -ex run -ex 'bt 1' -ex delete -ex continue ./a | sed '/^Using host libthread_db\|^\[Thread debugging\|exited/d; s/0x7[0-9a-f]*/STACK/g'; }
# Memcheck puts its own functions in malloc's place before the preloaded ones are seen.
# needs: valgrind gcc
# limit: 300
p_valgrind() {
  env -u LD_PRELOAD valgrind -q /bin/true
  echo $?
  c_source && gcc -g -o a a.c && valgrind -q --tool=none ./a | md5sum
  valgrind -q --error-exitcode=9 ./a | md5sum
  echo "${PIPESTATUS[0]}"
}
# needs: objdump ld as
p_binutils() { printf '.globl _start\n_start: mov $60, %%eax\nmov $6, %%edi\nsyscall\n' >s.s && as -o s.o s.s && ld -o s s.o && ./s; echo $?; objdump -d s | tail -n 3; }
