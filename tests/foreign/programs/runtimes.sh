# SPDX-License-Identifier: MIT
# Languages whose runtimes bring signal handlers, heaps, loaders and threads of their own.
# needs: erl erlc
# ordinary: glibc
# only: glibc jemalloc
p_erlang() { # beam.smp has a sigaction of its own
  cat >t.erl <<'E'
-module(t).
-export([main/0]).
work(N) -> lists:foldl(fun(I, M) -> maps:update_with((I * 7919) rem 1009, fun(L) -> [I | L] end, [I], M) end, #{}, lists:seq(1, N)).
main() ->
  Me = self(),
  [spawn(fun() -> Me ! maps:size(work(N * 1000)) end) || N <- lists:seq(1, 8)],
  io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 8)])]),
  T = ets:new(t, [set, public]),
  [ets:insert(T, {I, binary:copy(<<"x">>, I rem 300)}) || I <- lists:seq(1, 20000)],
  io:format("~p ~p~n", [ets:info(T, size), erlang:crc32(term_to_binary(lists:sort(ets:tab2list(T))))]),
  io:format("~s", [os:cmd("echo from a shell")]),
  halt(3).
E
  export HEAPTAP_SIGNAL=none # inet_gethost ends its own children by SIGUSR1 (docs/run.md)
  erlc t.erl && erl -noshell -s t main
  echo "exit $?"
}
# needs: /usr/lib/rabbitmq/bin/rabbitmq-server erl
# only: glibc
# limit: 300
p_rabbitmq() {
  export HEAPTAP_SIGNAL=none RABBITMQ_NODENAME=t@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$PORT RABBITMQ_DIST_PORT=$((PORT + 1)) \
    RABBITMQ_MNESIA_BASE=$PWD/m RABBITMQ_LOG_BASE=$PWD/l RABBITMQ_ENABLED_PLUGINS_FILE=$PWD/p RABBITMQ_CONF_ENV_FILE=/dev/null ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ERL_ARGS='+S 1' PATH=/usr/lib/rabbitmq/bin:$PATH
  echo '[].' >p
  rabbitmq-server >out 2>&1 &
  local server=$!
  wait_port "$PORT" || return 1
  printf 'AMQP\0\0\x09\x01' >/dev/tcp/127.0.0.1/"$PORT"
  rabbitmqctl -q await_startup >/dev/null 2>&1
  rabbitmqctl -q add_vhost v >/dev/null 2>&1
  rabbitmqctl -q list_vhosts name 2>/dev/null | sort
  rabbitmqctl -q stop >/dev/null 2>&1
  wait $server
  echo "exit $?"
}
# needs: emacs
# ordinary: glibc
# only: glibc jemalloc
p_emacs() {
  cat >t.el <<'E'
(let ((h (make-hash-table :test 'equal)))
  (dotimes (i 60000) (let ((k (format "k%d" (% (* i 7919) 1009)))) (puthash k (cons i (gethash k h)) h)))
  (message "%d %d" (hash-table-count h) (length (gethash "k77" h))))
(with-temp-buffer
  (dotimes (i 20000) (insert (format "line %d %s\n" i (make-string (% i 60) ?x))))
  (message "%d" (how-many "9 x+$" (point-min)))
  (message "%s" (md5 (buffer-string))))
(message "%s" (shell-command-to-string "echo from a shell"))
(garbage-collect)
(kill-emacs 5)
E
  emacs -Q --batch -l t.el 2>&1
  echo "exit $?"
}
# needs: sbcl
# ordinary: glibc
# only: glibc jemalloc
p_sbcl() {
  cat >t.lisp <<'L'
(let ((h (make-hash-table :test 'equal)))
  (dotimes (i 200000) (push i (gethash (format nil "k~d" (mod (* i 7919) 1009)) h)))
  (format t "~d ~d~%" (hash-table-count h) (length (gethash "k77" h))))
(sb-ext:gc :full t)
(format t "~a" (with-output-to-string (s) (sb-ext:run-program "/bin/echo" '("from" "a" "program") :output s)))
(sb-ext:exit :code 6)
L
  sbcl --script t.lisp
  echo "exit $?"
}
# needs: swipl
# ordinary: glibc
# only: glibc jemalloc
p_swipl() {
  cat >t.pl <<'P'
queens(N, Qs) :- numlist(1, N, Ns), select_all(Ns, [], Qs).
select_all([], Qs, Qs).
select_all(Ns, Acc, Qs) :- select(Q, Ns, Rest), safe(Q, 1, Acc), select_all(Rest, [Q|Acc], Qs).
safe(_, _, []).
safe(Q, D, [Q1|Qs]) :- Q =\= Q1 + D, Q =\= Q1 - D, D1 is D + 1, safe(Q, D1, Qs).
main :- findall(Q, queens(7, Q), All), length(All, N), writeln(N),
  numlist(1, 40000, L), foldl([I, A0, A]>>(A is (A0 * 31 + I) mod 1000003), L, 7, S), writeln(S),
  concurrent_maplist([X, Y]>>(numlist(1, X, M), sum_list(M, Y)), [1000, 2000, 3000], Sums), writeln(Sums), halt(4).
:- initialization(main).
P
  swipl t.pl
  echo "exit $?"
}
# needs: Rscript
# ordinary: glibc
# only: glibc jemalloc
p_R_parallel() {
  cat >t.R <<'R'
library(parallel)
x <- mclapply(1:6, function(i) sum(sapply(1:3000, function(j) nchar(paste0("k", (j * 7919 + i) %% 1009)))), mc.cores = 3)
print(unlist(x))
m <- matrix((1:90000) %% 17, 300); print(sum(m %*% t(m)))
l <- split(1:50000, (1:50000 * 7919) %% 1009); print(length(l)); gc(verbose = FALSE) -> g
print(tryCatch(stop("caught"), error = function(e) conditionMessage(e)))
quit(status = 9)
R
  Rscript --vanilla t.R
  echo "exit $?"
}
# needs: ghc
# only: glibc jemalloc
# limit: 300
p_ghc() {
  cat >T.hs <<'H'
import qualified Data.Map.Strict as M
import Control.Concurrent
main :: IO ()
main = do
  let m = M.fromListWith (+) [((i * 7919) `mod` 1009, i) | i <- [1 .. 200000 :: Int]]
  print (M.size m, sum (M.elems m))
  done <- newEmptyMVar
  mapM_ (\k -> forkIO (putMVar done $! sum [1 .. k * 10000 :: Int])) [1 .. 4]
  xs <- mapM (const (takeMVar done)) [1 .. 4 :: Int]
  print (sum xs)
H
  ghc -v0 -O -threaded T.hs && ./T +RTS -N2
  echo "exit $?"
}
# needs: racket
# only: glibc jemalloc
p_racket() {
  cat >t.rkt <<'P'
#lang racket/base
(require racket/list)
(define words (for/list ([i 60000]) (number->string (modulo (* i 7919) 100003))))
(displayln (apply + (map string-length (sort words string<?))))
(define h (make-hash))
(for ([w words]) (hash-update! h (string-length w) add1 0))
(displayln (sort (hash->list h) < #:key car))
(displayln (for/sum ([t (for/list ([i 4]) (let ([c (make-channel)]) (thread (lambda () (channel-put c (for/sum ([j 10000]) j)))) c))]) (channel-get t)))
(exit 4)
P
  racket t.rkt
  echo "exit $?"
}
