# SPDX-License-Identifier: MIT
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
  javac -J-Xmx256m -d . J.java && java -Xmx128m -cp . J
  echo $?
}
# needs: go gcc
# limit: 300
p_go() {
  cat >g.go <<'G'
package main

// #include <stdlib.h>
// #include <string.h>
import "C"
import (
	"fmt"
	"sync"
)

func main() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	m := map[string]int{}
	for i := 0; i < 50; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			p := C.malloc(C.size_t(i*1000 + 1))
			C.memset(p, 1, C.size_t(i*1000+1))
			C.free(p)
			mu.Lock()
			m[fmt.Sprint(i%7)] += i
			mu.Unlock()
		}(i)
	}
	wg.Wait()
	fmt.Println(m)
}
G
  GOCACHE=$PWD/c GO111MODULE=off GOFLAGS=-p=2 go build g.go && ./g
}
# needs: rustc
# limit: 300
p_rust() {
  cat >r.rs <<'R'
use std::collections::BTreeMap;
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
fn main() {
    let map = Arc::new(Mutex::new(BTreeMap::new()));
    let (tx, rx) = mpsc::channel::<Vec<String>>();
    let threads: Vec<_> = (0..4u64).map(|t| {
        let (map, tx) = (map.clone(), tx.clone());
        thread::spawn(move || {
            for i in 0..5000u64 {
                *map.lock().unwrap().entry((i * 7919 + t) % 1009).or_insert(0u64) += i;
            }
            tx.send((0..2000).map(|i| format!("{}-{}", t, i)).collect()).unwrap();
        })
    }).collect();
    drop(tx);
    let bytes: usize = rx.iter().flatten().map(|s| s.len()).sum();
    for t in threads { t.join().unwrap(); }
    let caught = std::panic::catch_unwind(|| { let v: Vec<u8> = Vec::new(); v[bytes_of(&v)] });
    println!("{} {} {}", bytes, map.lock().unwrap().values().sum::<u64>(), caught.is_err());
    let out = std::process::Command::new("echo").arg("child").output().unwrap();
    print!("{}", String::from_utf8(out.stdout).unwrap());
    std::process::exit(6);
}
fn bytes_of(v: &Vec<u8>) -> usize { v.len() + 1 }
R
  rustc -O r.rs && ./r 2>/dev/null
  echo $?
}
# needs: tclsh
p_tcl() { echo 'for {set i 0} {$i < 20000} {incr i} {dict incr d [expr {$i * 7919 % 1009}]}; puts [dict size $d]; puts [llength [lsort [dict keys $d]]]; exit 4' | tclsh; echo $?; }
# needs: ruby
p_ruby() {
  ruby - <<'R'
h = Hash.new(0)
50000.times { |i| h[(i * 7919 % 1009).to_s] += 1 }
puts h.size
t = 4.times.map { |k| Thread.new { (1..5000).map(&:to_s).join.size } }
puts t.sum(&:value)
puts `echo child`
f = Fiber.new { 300.times { |i| Fiber.yield "f#{i}" * i } }
puts 300.times.sum { f.resume.size }
puts Process.wait2(fork { GC.start; exit! 3 })[1].exitstatus
GC.stress = true
puts [3, 1, 2].map(&:to_s).sort.join
R
}
# needs: php
p_php() {
  php -n -r '$a = []; for ($i = 0; $i < 50000; $i++) $a["k" . ($i * 7919 % 1009)][] = $i; ksort($a); echo count($a), " ", md5(json_encode($a)), "\n";
    echo preg_replace("/(\d+)/", "<$1>", implode(",", range(1, 9))), "\n"; $p = proc_open(["echo", "child"], [], $q); echo proc_close($p), "\n"; exit(4);'
  echo $?
}
# needs: lua5.4
p_lua() { lua5.4 -e 'local t = {} for i = 1, 60000 do local k = "k" .. (i * 7919 % 1009); t[k] = (t[k] or 0) + i end local n = 0 for _ in pairs(t) do n = n + 1 end print(n) local c = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield(("x"):rep(i)) end end) local s = 0 for i = 1, 1000 do s = s + #c() end print(s, pcall(error, "e")) os.exit(3, true)'; echo $?; }
# needs: ocaml ocamlopt gcc
p_ocaml() {
  printf 'let () = let h = Hashtbl.create 16 in for i = 1 to 50000 do Hashtbl.replace h (i * 7919 mod 1009) (string_of_int i) done; print_int (Hashtbl.length h); print_newline (); match Unix.fork () with 0 -> exit 3 | p -> (match Unix.waitpid [] p with _, Unix.WEXITED n -> Printf.printf "%%d\\n" n | _ -> ())\n' >o.ml
  ocaml unix.cma o.ml && ocamlopt -I +unix unix.cmxa o.ml -o o && ./o
}
# needs: guile
p_guile() { guile --no-auto-compile -c '(use-modules (ice-9 threads)) (define h (make-hash-table)) (do ((i 0 (+ i 1))) ((= i 30000)) (hash-set! h (modulo (* i 7919) 1009) i)) (display (hash-count (const #t) h)) (newline) (display (apply + (par-map (lambda (n) (length (iota n))) (iota 200)))) (newline) (gc) (exit 5)'; echo $?; }
# needs: Rscript
p_r() { Rscript --vanilla -e 'set.seed(7); m <- matrix(rnorm(40000), 200); cat(sprintf("%.6f\n", sum(abs(m %*% solve(m) - diag(200))) < 1e-6)); d <- data.frame(k = (1:50000 * 7919) %% 1009, v = 1:50000); print(dim(aggregate(v ~ k, d, sum))); print(unlist(parallel::mclapply(1:4, function(i) sum(1:i), mc.cores = 2))); print(nchar(paste(sapply(1:5000, function(i) toString(i)), collapse = ""))); gc() -> x; quit(status = 3)'; echo $?; }
