# SPDX-License-Identifier: MIT
# Servers that a distribution runs: with pools of processes or threads, and users, sandboxes and signals of their own.
apache_start() { # MPM; sets $server. Prefork ends its process group, which must be its own
  mkdir -p html
  for i in $(seq 10); do seq "$((i * 500))" >html/$i.txt; done
  local m=/usr/lib/apache2/modules
  printf '%s\n' "ServerRoot $PWD" "Listen 127.0.0.1:$PORT" 'ServerName localhost' "PidFile $PWD/pid" "ErrorLog $PWD/error.log" "DefaultRuntimeDir $PWD" \
    "LoadModule mpm_$1_module $m/mod_mpm_$1.so" "LoadModule authz_core_module $m/mod_authz_core.so" "LoadModule deflate_module $m/mod_deflate.so" \
    "LoadModule filter_module $m/mod_filter.so" 'AddOutputFilterByType DEFLATE text/plain' 'StartServers 2' 'User nobody' 'Group nogroup' \
    "DocumentRoot $PWD/html" "<Directory $PWD/html>" 'Require all granted' '</Directory>' >a.conf
  chmod 755 . html
  setsid /usr/sbin/apache2 -f "$PWD/a.conf" -DFOREGROUND 2>/dev/null &
  server=$!
  wait_port "$PORT"
}
apache_use() {
  for i in $(seq 10); do curl -s "http://127.0.0.1:$PORT/$i.txt" | md5sum; done | md5sum
  for i in $(seq 10); do curl -s --compressed "http://127.0.0.1:$PORT/$i.txt" | md5sum; done | md5sum
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/none"
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /usr/sbin/apache2 curl root
# ordinary: glibc
# only: glibc jemalloc
p_apache_event() { apache_start event && apache_use; }
# needs: /usr/sbin/apache2 curl root
# ordinary: glibc
# only: glibc jemalloc
p_apache_prefork() { apache_start prefork && apache_use; }
# needs: unbound unbound-control-setup /usr/bin/python3
# ordinary: glibc
# only: glibc jemalloc
p_unbound() {
  printf '%s\n' server: '  do-daemonize: no' "  interface: 127.0.0.1@$PORT" '  use-syslog: no' '  logfile: "u.log"' '  pidfile: "u.pid"' '  chroot: ""' '  username: ""' '  num-threads: 2' \
    "  directory: \"$PWD\"" '  module-config: "iterator"' '  local-zone: "t.test." static' $(for i in $(seq 200); do echo "  local-data:_\"h$i.t.test._A_10.0.$((i / 100)).$((i % 100))\""; done) >u.conf
  sed -i 's/local-data:_"\(.*\)_A_\(.*\)"/  local-data: "\1 A \2"/' u.conf
  unbound -c u.conf 2>/dev/null &
  local server=$!
  /usr/bin/python3 - "$PORT" <<'P'
import socket, struct, sys, time, zlib
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.1", int(sys.argv[1]))); s.settimeout(1)
def ask(i):
    q = struct.pack(">HHHHHH", i, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(x)]) + x for x in (b"h%d" % (i % 200 + 1), b"t", b"test")) + b"\0\0\1\0\1"
    for _ in range(60):
        try:
            s.send(q); return s.recv(600)
        except OSError:
            time.sleep(0.1)
sum_ = 0
for i in range(2000):
    sum_ = zlib.crc32(ask(i), sum_)
print(sum_)
P
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: mosquitto /usr/bin/python3
# ordinary: glibc
# only: glibc jemalloc
p_mosquitto() {
  printf '%s\n' "listener $PORT 127.0.0.1" 'allow_anonymous true' 'persistence false' 'log_dest none' >m.conf
  mosquitto -c m.conf &
  local server=$!
  wait_port "$PORT" || return 1
  /usr/bin/python3 - "$PORT" <<'P'
import socket, struct, sys, zlib
def text(b): return struct.pack(">H", len(b)) + b
def packet(kind, body):
    n, out = len(body), b""
    while True:
        n, d = n >> 7, n & 127
        out += bytes([d | (128 if n else 0)])
        if not n: return bytes([kind]) + out + body
def client(name):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); f = s.makefile("rwb")
    f.write(packet(0x10, text(b"MQTT") + b"\4\2\0\x3c" + text(name))); f.flush(); assert f.read(4) == b"\x20\2\0\0"; return f
def read(f):
    kind, n, shift = f.read(1)[0], 0, 0
    while True:
        d = f.read(1)[0]; n |= (d & 127) << shift; shift += 7
        if d < 128: return kind, f.read(n)
sub, pub = client(b"sub"), client(b"pub")
sub.write(packet(0x82, b"\0\1" + text(b"t/#") + b"\0")); sub.flush(); read(sub)
sum_ = 0
for i in range(3000):
    pub.write(packet(0x30, text(b"t/%d" % (i % 50)) + b"v" * (i % 300))); pub.flush()
    sum_ = zlib.crc32(read(sub)[1], sum_)
print(sum_)
P
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /usr/sbin/named dig root
# only: glibc jemalloc
p_bind9() {
  printf '%s\n' '$TTL 60' '@ SOA ns.t.test. h.t.test. 1 60 60 60 60' '@ NS ns.t.test.' 'ns A 127.0.0.1' $(for i in $(seq 200); do echo "h${i}_A_10.0.0.$i"; done) | tr _ ' ' >zone
  printf '%s\n' "options { directory \"$PWD\"; listen-on port $PORT { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; session-keyfile \"k\"; recursion no; };" 'controls { };' \
    "zone \"t.test\" { type master; file \"$PWD/zone\"; };" >n.conf
  /usr/sbin/named -g -c n.conf 2>log &
  local server=$!
  wait_port "$PORT" || return 1
  for i in 1 50 150 200; do dig +short +tries=5 -p "$PORT" @127.0.0.1 "h$i.t.test"; done
  dig +noall +answer -p "$PORT" @127.0.0.1 none.t.test
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /usr/sbin/php-fpm8.2 cgi-fcgi
# only: glibc jemalloc
p_php_fpm() {
  printf '%s\n' '[global]' "error_log = $PWD/log" 'daemonize = no' '[www]' "listen = $PWD/sock" 'pm = static' 'pm.max_children = 2' >f.conf
  [ "$(id -u)" = 0 ] && printf '%s\n' 'user = nobody' 'group = nogroup' >>f.conf
  chmod 755 .
  printf '%s\n' '<?php $a = []; for ($i = 0; $i < 20000; $i++) $a[] = str_repeat(chr(65 + $i % 26), $i % 90);' 'sort($a); echo md5(implode(",", $a)), " ", count($a), "\n";' >t.php
  /usr/sbin/php-fpm8.2 -n -y "$PWD/f.conf" -F 2>/dev/null &
  local server=$!
  wait_until test -S sock || return 1
  for i in $(seq 10); do SCRIPT_FILENAME=$PWD/t.php REQUEST_METHOD=GET cgi-fcgi -bind -connect sock; done | grep -c '^[0-9a-f]* 20000'
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /usr/sbin/slapd slapadd ldapsearch
# only: glibc jemalloc
p_slapd() {
  mkdir db
  printf '%s\n' 'include /etc/ldap/schema/core.schema' "pidfile $PWD/pid" 'modulepath /usr/lib/ldap' 'moduleload back_mdb' 'database mdb' 'suffix "dc=t"' "directory $PWD/db" 'maxsize 16777216' >s.conf
  { printf 'dn: dc=t\nobjectClass: domain\ndc: t\n\n'
    for i in $(seq 500); do printf 'dn: cn=p%d,dc=t\nobjectClass: person\ncn: p%d\nsn: s%d\n\n' "$i" "$i" $((i % 7)); done; } >t.ldif
  slapadd -q -f s.conf -l t.ldif 2>/dev/null
  echo "added $?"
  /usr/sbin/slapd -d 0 -f s.conf -h "ldap://127.0.0.1:$PORT" 2>/dev/null &
  local server=$!
  wait_port "$PORT" || return 1
  for i in $(seq 0 6); do ldapsearch -LLL -x -H "ldap://127.0.0.1:$PORT" -b dc=t "(sn=s$i)" cn | grep -c '^cn:'; done
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /usr/sbin/varnishd curl /usr/bin/python3 /usr/bin/cc
# only: glibc
p_varnish() { # which has jemalloc linked in: over another allocator it is that one's, bare, too
  mkdir www && for i in $(seq 10); do seq "$((i * 700))" >www/$i.txt; done
  chmod 755 . www
  /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory www $((PORT + 1)) >/dev/null 2>&1 &
  local origin=$!
  /usr/sbin/varnishd -F -j none -n "$PWD/v" -a "127.0.0.1:$PORT" -b "127.0.0.1:$((PORT + 1))" -s malloc,16m >/dev/null 2>&1 &
  local server=$!
  wait_port $((PORT + 1)) && wait_port "$PORT" || return 1
  for i in $(seq 30); do curl -s "http://127.0.0.1:$PORT/$((i % 10 + 1)).txt" | md5sum; done | md5sum
  kill -TERM $server
  wait $server
  echo "exit $?"
  kill $origin
}
