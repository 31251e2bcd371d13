#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Malformed requests from six clients at once. By itself: fuzz_http.py HEAPTAP PROFILE SECONDS"""
import random
import socket
import sys
import threading
import time

SEEDS = [
    b"GET /1/debug/pprof/symbol?0x1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /1/debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0x10\r\n0\r\n\r\n",
    b"POST /1/debug/pprof/symbol HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    b"GET /1/api/source?file=%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /1/api/disassembly?function=%63odec::decode HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /1/api/profile?profile=ages HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HEAD /metrics HTTP/1.0\r\nHost: [::1]\r\nAuthorization: Bearer x\r\n\r\n",
    b"\0" * 40,
]
LARGE = [b"GET " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 9000 + b"\r\n"]


def malformed(r):
    data = bytearray(r.choice(LARGE) if r.random() < 0.002 else r.choice(SEEDS))
    for _ in range(r.randrange(1, 10)):
        i, k = r.randrange(len(data)), r.random()
        if k < 0.6:
            data[i] = r.randrange(256)
        elif k < 0.8 and len(data) > 12:
            del data[i:i + r.randrange(1, 9)]
        else:
            data[i:i] = bytes(r.choices(b"\r\n :/%?&=\0", k=3))
    return data


def fuzz(port, seconds):
    """How many were sent."""
    end, sent = time.monotonic() + seconds, [0] * 6

    def client(n):
        r = random.Random(n)
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=100) as c:
                    c.sendall(malformed(r))
                    c.shutdown(socket.SHUT_WR)
                    c.recv(200)
            except OSError:
                pass  # it hung up in the middle, as it may
            sent[n] += 1
    clients = [threading.Thread(target=client, args=(n,)) for n in range(len(sent))]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    return sum(sent)


if __name__ == "__main__":
    from server import Server, check, done
    with Server(sys.argv[1], "view", "--listen", ":0", sys.argv[2]) as s:
        n = fuzz(s.port, float(sys.argv[3]))
        check("serves afterwards", s.get("/1/debug/pprof/heap")[0] == 200)
    print(n, "malformed requests")
    done()
