#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients that are slow, many, or gone: each has a neighbour who is served meanwhile."""

import os
import resource
import socket
import sys
import threading
import time

from http_lab import PATIENCE, Lab, Reader, eventually, has_answer, read_answer, run, says, tests_of

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def _drip(sock, data, every=0.05):
    def send():
        try:
            for byte in data:
                sock.send(bytes([byte]))
                time.sleep(every)
        except OSError:
            pass

    threading.Thread(target=send, daemon=True).start()


def a_slow_head_is_408_while_others_are_served():
    began = time.monotonic()
    with Lab(says(OK), http="  timeouts: {head: 1s}\n") as lab, lab.proxy.connect() as slow:
        _drip(slow, b"GET / HTTP/1.1\r\nHost: api.test\r\nX-A: " + b"a" * 1000)
        reader = Reader(slow)
        while not reader.held:
            assert lab.proxy.get("/").status == 200
            slow.settimeout(0.05)
            try:
                reader.more()
            except AssertionError:
                pass
        slow.settimeout(PATIENCE)
        assert 0.9 < time.monotonic() - began < 30, "all of it takes 50 seconds"
        assert read_answer(reader).status == 408
        assert lab.proxy.counters()["slow_head"] == 1


def a_connection_that_says_nothing_is_closed_without_a_word():
    with Lab(says(OK), http="  timeouts: {head: 1s, idle: 1s}\n") as lab:
        with lab.proxy.connect() as silent:
            assert Reader(silent).rest() == b""
        with lab.proxy.connect() as idle:
            reader = Reader(idle)
            idle.sendall(GET % b"/")
            assert read_answer(reader).status == 200
            assert reader.rest() == b""


def a_slow_body_is_408_and_the_upstream_is_let_go():
    with Lab(http="  timeouts: {body: 1s}\n  min_rate: {body: 1000}\n") as lab, lab.proxy.connect() as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000\r\n\r\n")
        _drip(slow, b"a" * 1000)
        answer = read_answer(Reader(slow))
        assert answer.status == 408 and answer.get("Connection") == "close"
        assert lab.proxy.counters()["slow_body"] == 1
        assert not lab.origin.requests
        assert lab.proxy.get("/").status == 200


def a_body_that_comes_fast_enough_is_not_slow():
    with Lab(http="  timeouts: {body: 3s}\n  min_rate: {body: 100}\n") as lab, lab.proxy.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(30):  # for longer than those three seconds
            sock.sendall(b"a" * 100)
            time.sleep(0.12)
        assert read_answer(Reader(sock)).status == 200


def a_reader_below_the_minimum_rate_is_reset():
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 50000000
    with Lab(says(big), http="  timeouts: {send: 1s}\n  min_rate: {send: 10000}\n") as lab:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", lab.proxy.port))
        slow.sendall(GET % b"/")
        eventually(lambda: lab.proxy.counters()["slow_reader"] == 1, "counted")
        slow.settimeout(PATIENCE)
        reader = Reader(slow)
        reader.rest()
        assert reader.ended == "reset", reader.ended
        slow.close()


def a_slow_reader_above_the_minimum_rate_gets_everything():
    body = os.urandom(1000000)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with Lab(says(raw), http="  timeouts: {send: 3s}\n  min_rate: {send: 1000}\n") as lab:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", lab.proxy.port))
        slow.settimeout(PATIENCE)
        slow.sendall(GET % b"/")
        got = b""
        while len(got) < len(raw):
            more = slow.recv(10000)
            if not more:
                break
            got += more
            time.sleep(0.04)
        assert got.endswith(body)
        slow.close()


def a_client_that_leaves_lets_go_of_its_upstream():
    gone = threading.Event()

    def serve(connection):
        connection.request()
        if not connection.reader.more():
            gone.set()

    with Lab(serve) as lab:
        sock = lab.proxy.connect()
        sock.sendall(GET % b"/")
        eventually(lambda: lab.origin.requests, "the request")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        assert gone.wait(PATIENCE), "the upstream waits on"


def a_client_that_closes_its_half_still_gets_the_answer():
    def serve(connection):
        connection.request()
        time.sleep(0.2)
        connection.send(OK)

    with Lab(serve) as lab, lab.proxy.connect() as sock:
        sock.sendall(GET % b"/")
        sock.shutdown(socket.SHUT_WR)
        assert read_answer(Reader(sock)).body == b"hi"


def an_upload_that_breaks_off_never_looks_complete_to_the_origin():
    with Lab() as lab:
        for head, part in ((b"Content-Length: 100", b"half"), (b"Transfer-Encoding: chunked", b"4\r\nhalf\r\n")):
            with lab.proxy.connect() as sock:
                sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\n%s\r\n\r\n" % head + part)
                time.sleep(0.2)
        eventually(lambda: lab.origin.connections == 2, "both connections")
        time.sleep(0.2)
        assert not lab.origin.requests


# ---- Numbers ----


def one_source_has_so_many_connections_and_no_more():
    with Lab(says(OK), http="  max: {per_source: 10}\n") as lab:
        socks = [lab.proxy.connect() for _ in range(10)]
        for sock in socks:
            sock.sendall(GET % b"/")
            assert read_answer(Reader(sock)).status == 200
        with lab.proxy.connect() as eleventh:
            answer = read_answer(Reader(eleventh))
            assert answer is None or answer.status == 503
        assert lab.proxy.counters()["refused_source"] == 1
        socks.pop().close()
        eventually(lambda: lab.proxy.counters()["connections"] == 9, "one less")
        assert lab.proxy.get("/").status == 200
        for sock in socks:
            sock.close()


def at_the_maximum_idle_connections_go_first():
    with Lab(says(OK), http="  max: {connections: 10, per_source: 1000}\n") as lab:
        idle = [lab.proxy.connect() for _ in range(10)]
        for sock in idle:
            sock.sendall(GET % b"/")
            assert read_answer(Reader(sock)).status == 200
        assert lab.proxy.get("/").status == 200
        assert lab.proxy.counters()["idle_evicted"] > 0
        assert Reader(idle[0]).rest() == b""


def at_the_maximum_of_busy_connections_new_ones_get_503():
    release = threading.Event()

    def serve(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(OK)

    # What the cache could give up is no connection.
    with Lab(serve, http="  max: {connections: 10, per_source: 1000}\n  cache: {size: 100 MiB}\n") as lab:
        busy = [lab.proxy.connect() for _ in range(10)]
        for i, sock in enumerate(busy):
            sock.sendall(GET % b"/%d" % i)
        eventually(lambda: len(lab.origin.requests) == 10, "ten requests")
        with lab.proxy.connect() as late:
            late.sendall(GET % b"/late")
            assert read_answer(Reader(late)).status == 503
        release.set()
        for sock in busy:
            assert read_answer(Reader(sock)).status == 200
        assert lab.proxy.counters()["refused_connections"] == 1


def at_the_memory_total_idle_connections_go_first_and_then_new_ones_get_503():
    total = 16 << 20
    with Lab(says(OK), http="  max: {memory: 16 MiB, limit_table: 1 MiB, connections: 20000, per_source: 20000}\n"
                            "  cache: off\n  timeouts: {head: 600s, idle: 600s}\n") as lab:
        idle = [_quiet(lab) for _ in range(1000)]
        for sock in idle:
            sock.sendall(GET % b"/")
        for sock in idle:
            assert read_answer(Reader(sock)).status == 200
        # Heads that do not end hold memory, each a block of it.
        busy, most = [], 0
        while lab.proxy.counters()["refused_memory"] == 0:
            assert len(busy) < 10000, "the total is not met"
            for _ in range(100):
                busy.append(_quiet(lab))
                busy[-1].sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\nX-A: " + b"a" * 3000)
            most = max(most, lab.proxy.counters()["memory"])
            assert most <= total, most
        counters = lab.proxy.counters()
        assert counters["idle_evicted"] >= 1000, counters["idle_evicted"]
        assert most > total * 3 // 4, most
        refused = [read_answer(Reader(sock)) for sock in busy[-20:] if has_answer(sock, 0.2)]
        assert refused and all(answer is None or answer.status == 503 for answer in refused), refused
        assert any(answer and answer.get("Retry-After") for answer in refused)
        for sock in idle + busy:
            sock.close()
        eventually(lambda: lab.proxy.counters()["connections"] == 0, "all gone")
        assert lab.proxy.get("/").status == 200


def _quiet(lab):
    sock = lab.proxy.connect()
    sock.settimeout(PATIENCE)
    return sock


def a_client_that_pipelines_for_ever_and_never_reads_holds_little():
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000
    with Lab(says(big)) as lab:
        before = lab.proxy.counters()["memory"]
        with lab.proxy.connect() as sock:
            sock.settimeout(1)
            try:
                while True:
                    sock.sendall(GET % b"/" * 100)
            except TimeoutError:
                pass  # nobody takes more of it
            assert lab.proxy.counters()["memory"] - before < 1 << 20
            assert len(lab.origin.requests) < 200, len(lab.origin.requests)
            assert lab.proxy.get("/").status == 200


def ten_thousand_idle_connections_cost_less_than_512_bytes_each():
    count = min(10000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with Lab(says(OK), http="  max: {connections: 20000, per_source: 20000}\n  timeouts: {head: 600s, idle: 600s}\n") as lab:
        assert lab.proxy.get("/").status == 200
        before = _rss(lab)
        socks = []
        for i in range(count):
            sock = socket.socket()
            sock.bind(("127.0.0.%d" % (1 + i % 4), 0))
            sock.connect(("127.0.0.1", lab.proxy.port))
            sock.sendall(GET % b"/")
            socks.append(sock)
            if i % 50 == 49:
                for waiting in socks[-50:]:
                    assert waiting.recv(1000).startswith(b"HTTP/1.1 200")
        each = (_rss(lab) - before) / len(socks)
        assert lab.proxy.counters()["connections"] == count
        assert each <= 512, "%d bytes each" % each
        print("   %d bytes each" % each)
        for sock in socks:
            sock.close()


def _rss(lab):
    with open("/proc/%d/statm" % lab.proxy.process.pid, encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def a_body_far_larger_than_memory_passes_through_little_of_it():
    size = 10 << 30

    def serve(connection):
        connection.head()
        left = size - len(connection.reader.held)
        while left:
            left -= len(connection.sock.recv(min(left, 1 << 20)))
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * (1 << 20)
        for _ in range(size >> 20):
            connection.sock.sendall(block)

    with Lab(serve, http="  max: {body: 16 GiB, memory: 64 MiB, limit_table: 1 MiB}\n  cache: off\n") as lab, lab.proxy.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"y" * (1 << 20)
        for _ in range(size >> 20):
            sock.sendall(block)
        reader = Reader(sock)
        assert reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        got = len(reader.held)
        while got < size:
            got += len(sock.recv(1 << 20))
        assert got == size
        assert lab.proxy.memory_kib() < 65536, lab.proxy.memory_kib()


def readers_that_never_read_stay_within_the_memory_total():
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10000000
    with Lab(says(big), http="  max: {memory: 16 MiB, limit_table: 1 MiB, per_source: 10000}\n  cache: off\n"
                             "  timeouts: {send: 2s}\n  min_rate: {send: 1000}\n") as lab:
        socks = []
        for _ in range(200):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", lab.proxy.port))
            sock.sendall(GET % b"/")
            socks.append(sock)
        time.sleep(1)
        assert lab.proxy.counters()["memory"] <= 16 << 20
        assert lab.proxy.alive()
        for sock in socks:
            sock.close()
        eventually(lambda: lab.proxy.counters()["connections"] == 0, "all gone")


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
