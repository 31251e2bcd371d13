# SPDX-License-Identifier: MIT
# Servers of files, mail and pages, and the manager of a user's services: a process for each session, under other users, with sandboxes.
# needs: squid curl /usr/bin/python3
# only: glibc jemalloc
p_squid() { # its shared memory goes by the name after -n: that of a squid that was killed stays, and is in the way of the next
  chmod 755 .
  mkdir www && for i in $(seq 10); do seq "$((i * 700))" >www/$i.txt; done
  /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory www $((PORT + 1)) >/dev/null 2>&1 &
  local origin=$!
  printf '%s\n' "http_port 127.0.0.1:$PORT" "pid_filename $PWD/pid" "cache_log $PWD/log" 'access_log none' 'visible_hostname t' 'http_access allow localhost' \
    'http_access deny all' 'shutdown_lifetime 0 seconds' 'coredump_dir none' 'pinger_enable off' 'cache_mem 8 MB' >s.conf
  touch log && chmod 666 log
  squid -n "t$PORT" -N -f "$PWD/s.conf" 2>/dev/null &
  local server=$!
  wait_port $((PORT + 1)) && wait_port "$PORT" || return 1
  for i in $(seq 30); do curl -s -x "http://127.0.0.1:$PORT" "http://127.0.0.1:$((PORT + 1))/$((i % 10 + 1)).txt" | md5sum; done | md5sum
  curl -s -o /dev/null -w '%{http_code}\n' -x "http://127.0.0.1:$PORT" "http://127.0.0.1:$((PORT + 1))/none"
  kill -TERM $server
  wait $server
  echo "exit $?"
  kill $origin
}
# needs: /usr/sbin/smbd smbclient root
# only: glibc jemalloc
p_samba() { # which ends its process group
  mkdir share var
  for i in $(seq 5); do seq "$((i * 500))" >share/$i.txt; done
  chmod 755 . share
  local d=$PWD/var
  printf '%s\n' '[global]' "smb ports = $PORT" 'interfaces = lo' 'bind interfaces only = yes' "private dir = $d" "lock directory = $d" "state directory = $d" \
    "cache directory = $d" "pid directory = $d" "ncalrpc dir = $d/ncalrpc" "log file = $PWD/log" 'disable netbios = yes' 'server role = standalone server' \
    'map to guest = Bad User' 'load printers = no' 'printcap name = /dev/null' 'disable spoolss = yes' '[s]' "path = $PWD/share" 'guest ok = yes' >smb.conf
  setsid /usr/sbin/smbd -F --no-process-group -s "$PWD/smb.conf" >/dev/null 2>&1 &
  local server=$!
  wait_port "$PORT" || return 1
  for i in 1 5 3; do smbclient -s smb.conf -p "$PORT" -N //127.0.0.1/s -c "get $i.txt" >/dev/null 2>&1; echo "got $i: $?"; done
  md5sum 1.txt 3.txt 5.txt
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /usr/sbin/dovecot /usr/lib/dovecot/imap /usr/bin/python3 root
# only: glibc jemalloc
p_dovecot() {
  mkdir mail run state
  chown nobody:nogroup mail
  chmod 755 .
  printf '%s\n' 'protocols = imap' 'listen = 127.0.0.1' "base_dir = $PWD/run" "state_dir = $PWD/state" "log_path = $PWD/log" 'ssl = no' 'disable_plaintext_auth = no' \
    "mail_location = maildir:$PWD/mail" 'first_valid_uid = 1' 'import_environment = LD_PRELOAD FOREIGN_DESCRIPTORS FOREIGN_RUN HEAPTAP_RATE HEAPTAP_REGION_DIR HEAPTAP_OUTPUT' \
    'service imap-login {' 'inet_listener imap {' "port = $PORT" '}' 'inet_listener imaps {' 'port = 0' '}' 'chroot =' '}' 'service anvil {' 'chroot =' '}' \
    'passdb {' 'driver = static' 'args = password=x' '}' 'userdb {' 'driver = static' "args = uid=nobody gid=nogroup home=$PWD/mail" '}' >d.conf
  /usr/sbin/dovecot -F -c "$PWD/d.conf" &
  local server=$!
  wait_port "$PORT" || return 1
  /usr/bin/python3 - "$PORT" <<'P'
import imaplib, sys, zlib
m = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
print(m.login("u", "x"))
for i in range(50):
    m.append("INBOX", None, '"01-Jan-2024 00:00:00 +0000"', b"Subject: m%d\r\n\r\n%s\r\n" % (i, b"v" * i * 20))
print(m.select("INBOX"), m.search(None, "SUBJECT", '"m4"'))
print(zlib.crc32(b"".join(m.fetch(str(i), "(BODY[])")[1][0][1] for i in range(1, 51))), m.logout()[0])
P
  kill -TERM $server
  wait $server
  echo "exit $?"
}
# needs: /lib/systemd/systemd unshare root
# only: glibc jemalloc
p_systemd_user() { # in a mount namespace that looks as if the machine had been started by systemd
  mkdir -p run .config/systemd/user
  printf '%s\n' '[Unit]' 'DefaultDependencies=no' '[Service]' 'Type=oneshot' 'ExecStart=/bin/sh -c "seq 2000 | sort | md5sum >%h/out"' >.config/systemd/user/a.service
  printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'Requires=a.service' 'After=a.service' '[Service]' 'Type=oneshot' 'ExecStart=/bin/sh -c "cat %h/out >%h/more; : >%h/done"' >.config/systemd/user/t.service
  XDG_RUNTIME_DIR=$PWD/run SYSTEMD_LOG_TARGET=null unshare -m sh -c 'mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec /lib/systemd/systemd --user --unit=t.service' &
  local server=$!
  wait_until test -e done || return 1
  kill -TERM $server
  wait $server
  echo "exit $?"
  cat out more
}
