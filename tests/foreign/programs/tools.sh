# SPDX-License-Identifier: MIT
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
# needs: dot
p_dot() { { echo 'digraph {'; for i in $(seq 60); do echo "n$i -> n$((i * 7 % 60))"; done; echo '}'; } | dot -Tplain | md5sum; }
# needs: jq
p_jq() { seq 5000 | jq -s 'map({id: ., s: tostring}) | group_by(.id % 10) | map(length)' -c; }
# needs: vim
p_vim() { seq 2000 >f && vim -es -u NONE -c '%s/1/one/g' -c '%sort!' -c 'wq' f </dev/null; md5sum <f; }
# needs: find grep sed diff
p_tools() { mkdir d && for i in $(seq 60); do seq $i >d/$i; done; find d -type f | sort | md5sum; grep -rc 3 d | sort | md5sum; sed 's/1/x/' d/50 | diff - d/50 | md5sum; }
# needs: curl
p_curl() { seq 5000 >f && curl -s "file://$PWD/f" | md5sum; curl -s http://127.0.0.1:1/; echo $?; }
# needs: ssh-keygen
p_ssh_keygen() { ssh-keygen -q -t ed25519 -N '' -f k && ssh-keygen -y -f k | cut -d' ' -f1; }
# needs: convert-im6.q16
p_imagemagick() {
  convert-im6.q16 -seed 1 -size 300x200 plasma:red-blue -resize 50% -blur 0x3 x.png && convert-im6.q16 x.png -format '%w %h\n' info:
  convert-im6.q16 -size 400x300 gradient:blue-red -rotate 30 -swirl 40 -colors 32 y.gif && convert-im6.q16 y.gif rgb:- | md5sum
}
# needs: ffmpeg
p_ffmpeg() {
  ffmpeg -nostdin -loglevel error -f lavfi -i testsrc=duration=2:size=160x120:rate=10 -f lavfi -i sine=duration=2 -c:v mpeg4 -c:a pcm_s16le -bitexact -threads 2 v.avi && md5sum <v.avi
  ffmpeg -nostdin -loglevel error -i v.avi -vf scale=80:60,hue=h=90 -threads 2 -f rawvideo - | md5sum
}
# needs: xsltproc
p_xsltproc() { printf '<a><b>1</b><b>2</b></a>' >x.xml; printf '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:value-of select="sum(//b)"/></xsl:template></xsl:stylesheet>' >x.xsl; xsltproc x.xsl x.xml; }
# needs: chromium
# ordinary
# limit: 300
p_chromium() {
  cat >p.html <<'P'
<!DOCTYPE html><meta charset="utf-8"><title>t</title><style>body { margin: 0; font: 16px monospace } div { float: left; width: 20px; height: 20px }</style>
<canvas id="c" width="64" height="64"></canvas><p id="p"></p><script>
for (let i = 0; i < 200; i++) { const d = document.createElement('div'); d.style.background = `hsl(${i * 7 % 360} 80% 50%)`; document.body.append(d) }
const g = document.getElementById('c').getContext('2d'); g.fillStyle = '#36c'; g.fillRect(8, 8, 48, 48);
document.getElementById('p').textContent = [...Array(20000).keys()].map(i => ({ k: i * 7919 % 1009 })).reduce((a, b) => a + b.k, 0) + ' ' + g.getImageData(20, 20, 1, 1).data.join(',');
</script>
P
  local flags=(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-extensions --virtual-time-budget=3000)
  chromium "${flags[@]}" --user-data-dir="$PWD/one" --dump-dom "file://$PWD/p.html" 2>/dev/null | md5sum
  echo "${PIPESTATUS[0]}"
  chromium "${flags[@]}" --user-data-dir="$PWD/two" --window-size=500,400 --screenshot="$PWD/s.png" "file://$PWD/p.html" >/dev/null 2>&1
  echo "$?"
  md5sum <s.png
}
