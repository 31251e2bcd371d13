# SPDX-License-Identifier: MIT
# Programs nobody wrote for heaptap. p_NAME runs in an empty directory of its own ($PWD), prints only what is the same at every
# run, and may use $PORT and the next one on 127.0.0.1. A line "# needs: COMMAND..." above it names what must be installed.
# "# ordinary" marks those of the ordinary test run. Servers run in the foreground: the runner kills what is left.

wait_port() { # PORT
  local i
  for i in $(seq 300); do
    if (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
    sleep 0.05
  done
  echo "nothing listens on port $1"
  return 1
}

# needs: sqlite3
# ordinary
p_sqlite3() {
  sqlite3 test.db <<'SQL'
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, amount REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60000)
INSERT INTO t SELECT i, 'name ' || (i * 7919 % 100003), i * 0.5 FROM n;
CREATE INDEX by_name ON t(name);
SELECT count(*), sum(amount), min(name), max(name) FROM t WHERE name BETWEEN 'name 2' AND 'name 5';
SELECT substr(name, 1, 7), count(*) FROM t GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;
DELETE FROM t WHERE id % 3 = 0; VACUUM; PRAGMA integrity_check;
SQL
  sqlite3 test.db .dump | md5sum
}

git_repository() {
  export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' HOME=$PWD GIT_CONFIG_NOSYSTEM=1
  git init -q -b main r && cd r || return 1
  git config user.name n && git config user.email e@example.com
  local i
  for i in $(seq 12); do
    seq "$i" "$((i * 300))" >"file$((i % 5))"
    git add -A && git commit -q -m "change $i"
  done
}
# needs: git
# ordinary
p_git_log() { git_repository && git log --stat --format='%H %s' -p | md5sum && git blame -s file1 | tail -n 2; }
# needs: git
# ordinary
p_git_gc() { git_repository && git gc -q --aggressive --prune=now && git fsck --full && git count-objects && git rev-parse HEAD; }

c_source() {
  cat >a.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int cmp(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
int main(void) {
  char *words[500];
  for (int i = 0; i < 500; i++) { words[i] = malloc(16); snprintf(words[i], 16, "%d", i * 7919 % 1009); }
  qsort(words, 500, sizeof *words, cmp);
  for (int i = 0; i < 500; i += 50) puts(words[i]);
  return 0;
}
C
}
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

# needs: python3
# ordinary
p_python3_json() {
  python3 - <<'P'
import json, hashlib
d = [{"id": i, "name": "n%d" % (i * 7919 % 100003), "tags": [str(j) for j in range(i % 7)]} for i in range(20000)]
for _ in range(3):
    s = json.dumps(d, sort_keys=True)
    assert json.loads(s) == d
print(len(s), hashlib.md5(s.encode()).hexdigest())
P
}
# needs: python3
# ordinary
p_python3_threads() {
  python3 - <<'P'
import queue, threading, zlib
q, out = queue.Queue(), {}
def work():
    while True:
        i = q.get()
        if i is None:
            return
        out[i] = zlib.crc32(zlib.compress(bytes(range(256)) * (i % 400 + 1), 6))
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for i in range(600): q.put(i)
for t in threads: q.put(None)
for t in threads: t.join()
print(sum(out.values()) % 1000003, len(out))
P
}
# needs: python3
# ordinary
p_python3_subprocess() {
  python3 - <<'P'
import multiprocessing, os, subprocess
print([subprocess.run(["sh", "-c", "echo %d; exit %d" % (i, i % 5)], capture_output=True).returncode for i in range(12)])
print(subprocess.run("seq 1000 | sort -rn | head -n 3", shell=True, capture_output=True).stdout)
with multiprocessing.Pool(3) as p:
    print(sum(p.map(abs, range(-500, 500))))
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitpid(pid, 0)[1])
print(sorted(os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))
P
}
# needs: python3
p_python3_suite() { python3 -m test -q test_json test_struct test_array test_heapq 2>/dev/null | grep -E '^(Result|All|Total tests)' ; python3 -m unittest -q test.test_bisect 2>&1 | grep -E '^(OK|FAILED)'; }
# needs: python3
p_python3_ctypes() {
  python3 - <<'P'
import ctypes, gc, mmap, signal, sqlite3, ssl
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
for i in range(3000):
    p = libc.malloc(i * 10); ctypes.memset(p, 1, i * 10); libc.free(p)
db = sqlite3.connect(":memory:"); db.execute("create table t(x)"); db.executemany("insert into t values(?)", [(i,) for i in range(5000)])
print(db.execute("select sum(x) from t").fetchone())
m = mmap.mmap(-1, 1 << 20); m[:5] = b"hello"; print(m[:5]); m.close()
signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
print(ssl.create_default_context().verify_mode, gc.collect() >= 0)
P
}
# needs: perl
# ordinary
p_perl() {
  perl -e 'my %h; for my $i (1..60000) { push @{$h{$i * 7919 % 1009}}, "v$i" } my $n = 0; for my $k (sort { $a <=> $b } keys %h) { $n += length(join ",", @{$h{$k}}) } print "$n\n"; my $s = "ab" x 20000; $s =~ s/(a)(b)/$2$1/g; print length($s), " ", substr($s, 0, 4), "\n"; my $pid = fork; if (!$pid) { exit 3 } waitpid $pid, 0; print $? >> 8, "\n"; exit 5'
  echo $?
}
# needs: node
# ordinary
p_node() {
  cat >n.js <<'J'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (isMainThread) {
  const objects = [];
  for (let i = 0; i < 30000; i++) objects.push({ id: i, name: 'n' + (i * 7919 % 100003), b: Buffer.alloc(i % 200, i & 255) });
  console.log(require('crypto').createHash('md5').update(JSON.stringify(objects)).digest('hex'));
  let left = 3, sum = 0;
  for (let w = 0; w < 3; w++)
    new Worker(__filename, { workerData: w }).on('message', (m) => { sum += m; if (--left === 0) console.log(sum); });
} else {
  let s = 0;
  for (let i = 0; i < 200000; i++) s = (s * 31 + i * workerData) % 1000003;
  parentPort.postMessage(s);
}
J
  node n.js
}
# needs: java javac
# ordinary
p_java() {
  cat >J.java <<'J'
import java.util.*;
import java.util.concurrent.*;
public class J {
  public static void main(String[] a) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<Integer>> all = new ArrayList<>();
    for (int t = 0; t < 16; t++) {
      final int seed = t;
      all.add(pool.submit(() -> { Map<String, Integer> m = new TreeMap<>(); for (int i = 0; i < 20000; i++) m.merge("k" + (i * 7919 + seed) % 1009, i, Integer::sum); return m.hashCode(); }));
    }
    int h = 0;
    for (Future<Integer> f : all) h = h * 31 + f.get();
    pool.shutdown();
    byte[] data = new byte[1 << 20];
    java.util.zip.Deflater d = new java.util.zip.Deflater(); d.setInput(data); d.finish();
    System.out.println(h + " " + d.deflate(new byte[1 << 16])); d.end();
    System.exit(9);
  }
}
J
  export JAVA_TOOL_OPTIONS=
  unset JAVA_TOOL_OPTIONS
  javac -J-Xmx256m -d . J.java && java -Xmx128m -cp . J
  echo $?
}
# needs: redis-server redis-benchmark redis-cli
# ordinary
p_redis() {
  redis-server --port "$PORT" --bind 127.0.0.1 --save '' --appendonly no --dir . --logfile redis.log &
  local server=$!
  wait_port "$PORT" || return 1
  redis-benchmark -h 127.0.0.1 -p "$PORT" -q -n 8000 -c 20 -r 1000 -d 300 -t set,get,lpush,lrange_100,hset,zadd >/dev/null
  for i in $(seq 50); do echo "SET key:$i value$((i * 7919 % 1009))"; echo "RPUSH list $i"; done | redis-cli -p "$PORT" | sort | uniq -c | sort -n | tail -n 1
  redis-cli -p "$PORT" GET key:33
  redis-cli -p "$PORT" LLEN list
  redis-cli -p "$PORT" BGSAVE >/dev/null
  sleep 0.3
  redis-cli -p "$PORT" SHUTDOWN NOSAVE
  wait $server
  echo "exit $?"
}
# needs: nginx curl
# ordinary
p_nginx() {
  mkdir -p html logs tmp
  for i in $(seq 20); do seq "$((i * 500))" >html/$i.txt; done
  printf '%s\n' 'daemon off; worker_processes 2; pid nginx.pid; error_log logs/error.log; user root;' \
    'events { worker_connections 64; }' \
    'http { access_log off; gzip on; gzip_types text/plain; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;' \
    "server { listen 127.0.0.1:$PORT; root html; } }" >nginx.conf
  [ "$(id -u)" = 0 ] || sed -i 's/ user root;//' nginx.conf
  nginx -p "$PWD" -c nginx.conf 2>/dev/null &
  local server=$!
  wait_port "$PORT" || return 1
  for i in $(seq 20); do curl -s "http://127.0.0.1:$PORT/$i.txt" | md5sum; done | md5sum
  for i in $(seq 20); do curl -s --compressed "http://127.0.0.1:$PORT/$i.txt" | md5sum; done | md5sum
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/none"
  kill -QUIT $server
  wait $server
  echo "exit $?"
}
# needs: memcached python3
# ordinary
p_memcached() {
  local user=()
  [ "$(id -u)" = 0 ] && user=(-u root)
  memcached -l 127.0.0.1 -p "$PORT" -U 0 -m 32 -t 3 "${user[@]}" &
  local server=$!
  wait_port "$PORT" || return 1
  python3 - "$PORT" <<'P'
import socket, sys, zlib
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); f = s.makefile("rwb")
sum_ = 0
for i in range(1500):
    v = (b"%d" % i) * (i % 50 + 1)
    f.write(b"set k%d 0 0 %d\r\n%s\r\n" % (i, len(v), v)); f.flush(); assert f.readline() == b"STORED\r\n"
for i in range(1500):
    f.write(b"get k%d\r\n" % i); f.flush(); n = int(f.readline().split()[3]); sum_ = zlib.crc32(f.read(n + 2), sum_); assert f.readline() == b"END\r\n"
print(sum_)
P
  kill -TERM $server
  wait $server
  echo "exit $?"
}

# needs: bash
p_bash() { bash -c 'declare -A a; for ((i = 0; i < 5000; i++)); do a[k$((i % 777))]+=$i; done; s=; for k in "${!a[@]}"; do s=$((s + ${#a[$k]})); done; echo $s; (exit 3); echo $?; echo $(echo nested $(echo more)); trap "echo bye" EXIT'; }
# needs: dash
p_dash() { dash -c 'i=0; while [ $i -lt 2000 ]; do s="$s$i"; i=$((i + 1)); done; echo ${#s}; ls /nonexistent 2>/dev/null; echo $?'; }
# needs: awk
p_awk() { seq 50000 | awk '{ a[$1 % 997] = a[$1 % 997] " " $1 } END { for (i = 0; i < 997; i += 100) print length(a[i]) }'; }
# needs: sort
p_sort() { seq 150000 | sort -R --random-source=/bin/ls | sort --parallel=3 -S 8M -n | md5sum; }
# needs: tar gzip bzip2 xz
p_archives() { mkdir d && for i in $(seq 30); do seq $((i * 200)) >d/$i; done; for z in gzip bzip2 xz; do tar -cf - --sort=name --mtime=@0 --owner=0 --group=0 d | $z -c | $z -dc | md5sum; done; }
# needs: zstd
p_zstd() { seq 200000 | zstd -q -T3 -9 -c | zstd -dc | md5sum; }
# needs: openssl
p_openssl() { openssl genrsa -out k.pem 2048 2>/dev/null && openssl rsa -in k.pem -check -noout && seq 1000 | openssl enc -aes-256-cbc -k x -pbkdf2 -nosalt | openssl md5; }
# needs: make gcc
p_make() {
  for i in $(seq 8); do echo "int f$i(int x) { return x * $i; }" >f$i.c; done
  printf 'O = $(patsubst %%.c,%%.o,$(wildcard f*.c))\nlib.a: $(O)\n\t@ar rcD $@ $(sort $(O))\n%%.o: %%.c\n\t@gcc -O2 -c $<\n' >Makefile
  make -s -j3 && ar t lib.a
}
# needs: cmake
p_cmake() { printf 'cmake_minimum_required(VERSION 3.10)\nproject(p NONE)\nforeach(i RANGE 300)\nlist(APPEND l ${i})\nendforeach()\nlist(LENGTH l n)\nmessage(STATUS "n ${n}")\n' >CMakeLists.txt && cmake -S . -B b | grep ' n '; }
# needs: gdb gcc
p_gdb() { c_source && gcc -g -o a a.c && gdb -q -batch -ex 'break main' -ex 'info line main' -ex 'print 6 * 7' ./a 2>/dev/null | tail -n 1; }
# needs: valgrind
p_valgrind() { env -u LD_PRELOAD valgrind -q /bin/true; echo $?; valgrind -q --tool=none /bin/echo under valgrind; }
# needs: dot
p_dot() { { echo 'digraph {'; for i in $(seq 60); do echo "n$i -> n$((i * 7 % 60))"; done; echo '}'; } | dot -Tplain | md5sum; }
# needs: jq
p_jq() { seq 5000 | jq -s 'map({id: ., s: tostring}) | group_by(.id % 10) | map(length)' -c; }
# needs: vim
p_vim() { seq 2000 >f && vim -es -u NONE -c '%s/1/one/g' -c '%sort!' -c 'wq' f </dev/null; md5sum <f; }
# needs: tclsh
p_tcl() { echo 'for {set i 0} {$i < 20000} {incr i} {dict incr d [expr {$i * 7919 % 1009}]}; puts [dict size $d]; puts [llength [lsort [dict keys $d]]]; exit 4' | tclsh; echo $?; }
# needs: go
p_go() {
  printf 'package main\nimport ("fmt"; "sync")\nfunc main() { var wg sync.WaitGroup; var mu sync.Mutex; m := map[string]int{}; for i := 0; i < 50; i++ { wg.Add(1); go func(i int) { defer wg.Done(); mu.Lock(); m[fmt.Sprint(i%%7)] += i; mu.Unlock() }(i) }; wg.Wait(); fmt.Println(m) }\n' >g.go
  HOME=$PWD GOCACHE=$PWD/c GO111MODULE=off GOFLAGS=-p=2 go run g.go
}
# needs: find grep sed diff
p_tools() { mkdir d && for i in $(seq 60); do seq $i >d/$i; done; find d -type f | sort | md5sum; grep -rc 3 d | sort | md5sum; sed 's/1/x/' d/50 | diff - d/50 | md5sum; }
# needs: objdump ld as
p_binutils() { printf '.globl _start\n_start: mov $60, %%eax\nmov $6, %%edi\nsyscall\n' >s.s && as -o s.o s.s && ld -o s s.o && ./s; echo $?; objdump -d s | tail -n 3; }
# needs: curl
p_curl() { seq 5000 >f && curl -s "file://$PWD/f" | md5sum; curl -s http://127.0.0.1:1/; echo $?; }
# needs: ssh-keygen
p_ssh_keygen() { ssh-keygen -q -t ed25519 -N '' -f k && ssh-keygen -y -f k | cut -d' ' -f1; }
# needs: psql
p_psql() { psql --version | cut -d' ' -f1; psql -h 127.0.0.1 -p 1 -c 'select 1' 2>/dev/null; echo $?; }
# needs: sshd ssh ssh-keygen
p_sshd() {
  [ "$(id -u)" = 0 ] || { echo "needs root"; return 0; }
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user && cp user.pub authorized && chmod 700 . && chmod 600 authorized
  "$(command -v sshd)" -D -q -p "$PORT" -o ListenAddress=127.0.0.1 -o HostKey="$PWD/host" -o AuthorizedKeysFile="$PWD/authorized" -o StrictModes=no -o PidFile=none -o UsePAM=no -f /dev/null &
  local server=$!
  wait_port "$PORT" || return 1
  ssh -q -F none -i user -p "$PORT" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes root@127.0.0.1 'echo in; exit 4'
  echo $?
  kill $server
  wait $server
}
# needs: ruby
p_ruby() { ruby -e 'h = Hash.new(0); 50000.times { |i| h[(i * 7919 % 1009).to_s] += 1 }; puts h.size; t = 4.times.map { |k| Thread.new { (1..5000).map(&:to_s).join.size } }; puts t.sum(&:value); puts `echo child`'; }
# needs: php
p_php() { php -n -r '$a = []; for ($i = 0; $i < 50000; $i++) $a["k" . ($i * 7919 % 1009)][] = $i; ksort($a); echo count($a), " ", md5(json_encode($a)), "\n";'; }
# needs: lua5.4
p_lua() { lua5.4 -e 'local t = {} for i = 1, 60000 do local k = "k" .. (i * 7919 % 1009); t[k] = (t[k] or 0) + i end local n = 0 for _ in pairs(t) do n = n + 1 end print(n)'; }
# needs: ocaml
p_ocaml() { printf 'let () = let h = Hashtbl.create 16 in for i = 1 to 50000 do Hashtbl.replace h (i * 7919 mod 1009) i done; print_int (Hashtbl.length h); print_newline ()\n' >o.ml && ocaml o.ml; }
# needs: guile
p_guile() { guile --no-auto-compile -c '(define h (make-hash-table)) (do ((i 0 (+ i 1))) ((= i 30000)) (hash-set! h (modulo (* i 7919) 1009) i)) (display (hash-count (const #t) h)) (newline)'; }
# needs: octave-cli
p_octave() { octave-cli --no-init-file --eval 'a = magic(200); disp(trace(a)); disp(rank(magic(20)))'; }
# needs: convert
p_imagemagick() { convert -size 300x200 plasma:red-blue -seed 1 -resize 50% x.png && convert x.png -format '%w %h\n' info:; }
# needs: ffmpeg
p_ffmpeg() { ffmpeg -loglevel error -f lavfi -i testsrc=duration=1:size=160x120:rate=10 -c:v mpeg4 -bitexact -threads 2 -f avi - | md5sum; }
# needs: haproxy curl
p_haproxy() {
  printf 'global\n  nbthread 2\ndefaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\nfrontend f\n  bind 127.0.0.1:%s\n  http-request return status 200 content-type text/plain string "fine"\n' "$PORT" >h.cfg
  haproxy -W -f h.cfg 2>/dev/null &
  local server=$!
  wait_port "$PORT" || return 1
  for i in $(seq 20); do curl -s "http://127.0.0.1:$PORT/"; done | md5sum
  kill $server
  wait $server
  echo $?
}
# needs: stress-ng
p_stress_ng() { stress-ng -q --malloc 2 --fork 1 --vfork 1 --clone 1 --pthread 1 --mmap 1 --timeout 3s; echo $?; }
# needs: xsltproc
p_xsltproc() { printf '<a><b>1</b><b>2</b></a>' >x.xml; printf '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:value-of select="sum(//b)"/></xsl:template></xsl:stylesheet>' >x.xsl; xsltproc x.xsl x.xml; }
