# SPDX-License-Identifier: MIT
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

nginx_start() { # sets $server
  mkdir -p html logs tmp
  for i in $(seq 20); do seq "$((i * 500))" >html/$i.txt; done
  printf '%s\n' 'daemon off; worker_processes 2; pid nginx.pid; error_log logs/error.log; user root;' \
    'events { worker_connections 64; }' \
    'http { access_log off; gzip on; gzip_types text/plain; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;' \
    "server { listen 127.0.0.1:$PORT; root html; } }" >nginx.conf
  [ "$(id -u)" = 0 ] || sed -i 's/ user root;//' nginx.conf
  nginx -p "$PWD" -c nginx.conf 2>/dev/null &
  server=$!
  wait_port "$PORT"
}
# needs: nginx curl
# ordinary
p_nginx() {
  nginx_start || return 1
  for i in $(seq 20); do curl -s "http://127.0.0.1:$PORT/$i.txt" | md5sum; done | md5sum
  for i in $(seq 20); do curl -s --compressed "http://127.0.0.1:$PORT/$i.txt" | md5sum; done | md5sum
  curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$PORT/none"
  kill -QUIT $server
  wait $server
  echo "exit $?"
}
# needs: nginx wrk curl
p_nginx_wrk() {
  nginx_start || return 1
  wrk -t2 -c20 -d2s "http://127.0.0.1:$PORT/5.txt" | grep -c 'Non-2xx\|Socket errors'
  wrk -t2 -c20 -d1s -H 'Accept-Encoding: gzip' "http://127.0.0.1:$PORT/9.txt" | grep -c 'Non-2xx\|Socket errors'
  curl -s "http://127.0.0.1:$PORT/7.txt" | md5sum
  kill -QUIT $server
  wait $server
  echo "exit $?"
}
# needs: memcached /usr/bin/python3
# ordinary
p_memcached() {
  local user=()
  [ "$(id -u)" = 0 ] && user=(-u root)
  memcached -l 127.0.0.1 -p "$PORT" -U 0 -m 32 -t 3 "${user[@]}" &
  local server=$!
  wait_port "$PORT" || return 1
  /usr/bin/python3 - "$PORT" <<'P'
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
# needs: haproxy curl wrk
p_haproxy() {
  printf 'global\n  nbthread 2\ndefaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\nfrontend f\n  bind 127.0.0.1:%s\n  default_backend b\nbackend b\n  server s 127.0.0.1:%s\nfrontend g\n  bind 127.0.0.1:%s\n  http-request return status 200 content-type text/plain string "fine"\n' "$PORT" "$((PORT + 1))" "$((PORT + 1))" >h.cfg
  haproxy -W -f h.cfg 2>/dev/null &
  local server=$!
  wait_port "$PORT" || return 1
  for i in $(seq 20); do curl -s "http://127.0.0.1:$PORT/"; done | md5sum
  wrk -t2 -c10 -d1s "http://127.0.0.1:$PORT/" | grep -c 'Non-2xx\|Socket errors'
  kill -USR1 $server
  wait $server
  echo $?
}
# The child that speaks to the unknown runs under a seccomp filter, in a chroot and as another user.
# needs: root sshd ssh ssh-keygen
# ordinary
p_sshd() {
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user && cp user.pub authorized
  "$(command -v sshd)" -D -q -p "$PORT" -o ListenAddress=127.0.0.1 -o HostKey="$PWD/host" -o AuthorizedKeysFile="$PWD/authorized" -o StrictModes=no -o PidFile=none -o UsePAM=no -f /dev/null &
  local server=$! to=(ssh -q -F none -i user -p "$PORT" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o IdentitiesOnly=yes root@127.0.0.1)
  wait_port "$PORT" || return 1
  # A stranger who never says who he is: the child that waits for it is sandboxed, and has what was preloaded.
  exec 9<>"/dev/tcp/127.0.0.1/$PORT" && read -r -u 9 && printf 'SSH-2.0-stranger\r\n' >&9 && read -r -u 9 -N 4
  local monitor child library
  for monitor in $(<"/proc/$server/task/$server/children"); do
    for child in $(<"/proc/$monitor/task/$monitor/children"); do
      grep ^Seccomp: "/proc/$child/status"
      for library in ${LD_PRELOAD//:/ }; do # all of them are in the sandbox, or a line too many is printed
        [[ $(<"/proc/$child/maps") == *"$library"* ]] || echo "no $library in the sandbox"
      done
    done
  done
  exec 9>&-
  sleep 0.3 # between two connections: the listener has the first one's pipe until that ends
  "${to[@]}" 'echo in; exit 4'
  echo $?
  sleep 0.3
  seq 60000 | "${to[@]}" -C 'sort -rn' | md5sum
  sleep 0.3
  ssh-keygen -q -t ed25519 -N '' -f stranger && "${to[@]//user/stranger}" 'echo never'
  echo $?
  sleep 0.3
  kill $server
  wait $server
  echo $?
}

# A server that refuses to be root runs as USER then, in a directory of its own.
server_user() { # USER; sets $as
  as=()
  if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid="$1" --regid="$1" --clear-groups)
    mkdir own && chown "$1" own && cd own
  fi
}
# needs: /usr/lib/postgresql/*/bin/postgres /usr/lib/postgresql/*/bin/pgbench setpriv
# ordinary
# limit: 300
p_postgres() {
  local as bin=(/usr/lib/postgresql/*/bin) sql
  bin=${bin[-1]}
  server_user postgres
  "${as[@]}" "$bin/initdb" -D data -A trust -U postgres -N --no-instructions >/dev/null || return 1
  "${as[@]}" "$bin/postgres" -D data -p "$PORT" -k "$PWD" -c listen_addresses=127.0.0.1 -c fsync=off -c autovacuum=off -c shared_buffers=16MB -c max_connections=20 2>log &
  local server=$! to=(-h 127.0.0.1 -p "$PORT" -U postgres)
  wait_until says 'ready to accept connections' log || return 1
  "$bin/pgbench" "${to[@]}" -i -q -s 1 postgres 2>/dev/null || return 1
  "$bin/pgbench" "${to[@]}" -n -c 4 -j 2 -t 150 --random-seed=7 postgres 2>/dev/null | grep processed
  sql='select sum(abalance), min(abalance), (select sum(bbalance) from pgbench_branches), (select sum(tbalance) from pgbench_tellers), (select count(*) from pgbench_history) from pgbench_accounts'
  "$bin/psql" "${to[@]}" -qAt postgres <<Q
$sql;
set work_mem = '256kB';
select md5(string_agg(x::text, ',' order by x desc)) from (select i * 7919 % 100003 as x from generate_series(1, 60000) i) t;
set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
select bid, count(*), sum(aid) from pgbench_accounts group by bid;
do \$\$ begin for i in 1..300 loop begin perform 1 / (i % 2); exception when division_by_zero then null; end; end loop; end \$\$;
select count(*) from pgbench_accounts a join pgbench_history h using (aid);
Q
  kill -INT $server
  wait $server
  echo "exit $?"
}
# needs: mariadbd mariadb-install-db mariadb
# limit: 300
p_mariadb() {
  local as=() me=root
  [ "$(id -u)" = 0 ] || me=$(id -un)
  mariadb-install-db --no-defaults --datadir="$PWD/data" --user="$me" --auth-root-authentication-method=normal --skip-test-db >/dev/null 2>&1 || return 1
  mariadbd --no-defaults --datadir="$PWD/data" --user="$me" --port="$PORT" --bind-address=127.0.0.1 --socket="$PWD/s" --pid-file="$PWD/p" --innodb-buffer-pool-size=16M --innodb-flush-log-at-trx-commit=0 2>/dev/null &
  local server=$! jobs=() n
  wait_port "$PORT" || return 1
  client() { mariadb --no-defaults -h 127.0.0.1 -P "$PORT" -u root -N "$@"; }
  client -e 'create database d; create table d.t(k int primary key auto_increment, n int, v varchar(200)) engine=innodb'
  for n in 1 2 3 4; do
    for i in $(seq 150); do echo "insert into t(n, v) values($n, repeat('$i-', 20)); select count(*) from t where n = $n; update t set v = concat(v, '$n') where n = $n and v like '$i-%';"; done | client d >out.$n &
    jobs+=($!)
  done
  wait "${jobs[@]}"
  cat out.? | md5sum
  client d -e "select n, count(*), sum(length(v)) from t group by n order by n; select md5(group_concat(v order by n, v)) from t; check table t; select json_length(json_arrayagg(v)) from t"
  kill $server
  wait $server
  echo "exit $?"
}
# needs: sqlite3
p_sqlite_load() {
  sqlite3 f.db 'pragma journal_mode=wal; create table t(n, i, v)' && local n jobs=()
  for n in 1 2 3 4; do
    { echo '.timeout 60000'; for i in $(seq 250); do echo "insert into t values($n, $i, hex(zeroblob($i))); select count(*) from t where n = $n;"; done; } | sqlite3 f.db >out.$n &
    jobs+=($!)
  done
  wait "${jobs[@]}"
  cat out.? | md5sum
  sqlite3 f.db 'select n, count(*), sum(length(v)) from t group by n; pragma integrity_check'
}
