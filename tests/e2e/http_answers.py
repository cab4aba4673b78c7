#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an origin may answer: badly framed, cut short, followed by more; and what clients see of it."""

import sys
import time

from http_lab import Lab, Reader, eventually, read_answer, run, says, tests_of

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

# What an origin says, each of which is 502 to the client.
BAD = [
    b"hello\r\n\r\n",
    b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"ICY 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nhi",
    b"HTTP/1.1 200 OK\rContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A : b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: \x00\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX\x01A: b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
    b"HTTP/1.1 200 O\x00K\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: a b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhi\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nhi\r\n0\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/1.1\t200 OK\r\n\r\n",
    b"HTTP/1.1 +200 OK\r\n\r\n",
    b"http/1.1 200 OK\r\n\r\n",
    b"\nHTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n X-A: b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: evil\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-A: b\nSet-Cookie: evil\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\rSet-Cookie: evil\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello" + OK,
    b"HTTP/1.1 103 Hint\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + OK,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + OK,
    b"HTTP/1.1 103 Hint\r\n\r\n" * 1000 + OK,
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Le",
]
# Answers that begin well: the client must not take what it gets for all of it.
CUT = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-A",
]


def a_badly_framed_answer_is_502_and_its_connection_closed():
    said = []
    with Lab(lambda connection: connection.request() and connection.send(said[-1])) as lab:
        for raw in BAD:
            said.append(raw)
            answer = lab.proxy.get("/")
            assert answer.status == 502, "%d for %r" % (answer.status, raw[:60])
            assert answer.get("Content-Type") == "application/problem+json"


def a_bad_answer_does_not_spoil_the_clients_connection():
    with Lab(says(b"junk\r\n\r\n", close=True)) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(3):
            sock.sendall(GET % b"/")
            assert read_answer(reader).status == 502


def an_answer_that_is_cut_short_never_looks_complete():
    said = []
    with Lab(lambda connection: connection.request() and connection.send(said[-1])) as lab:
        for raw in CUT:
            said.append(raw)
            for version in (b"1.1", b"1.0"):
                answer = lab.proxy.ask(b"GET / HTTP/%s\r\nHost: api.test\r\n\r\n" % version)
                assert answer is None or answer.status == 502 or not answer.complete, raw


def an_answer_cut_later_closes_with_a_reset():
    def serve(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        time.sleep(0.3)

    with Lab(serve) as lab, lab.proxy.connect() as sock:
        sock.sendall(b"GET / HTTP/1.0\r\nHost: api.test\r\n\r\n")
        answer = read_answer(Reader(sock))
        assert answer.body == b"hi" and not answer.complete


def bytes_behind_an_answer_are_never_the_next_answer():
    with Lab(says(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(5):
            sock.sendall(GET % b"/")
            assert read_answer(reader).body == b"hi"
        assert lab.origin.connections == 5


def bytes_on_an_idle_connection_close_it():
    def serve(connection):
        while connection.request():
            connection.send(OK)
            time.sleep(0.1)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    with Lab(serve) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for strays in range(1, 4):
            sock.sendall(GET % b"/")
            assert read_answer(reader).body == b"hi"
            eventually(lambda: lab.proxy.counters()["upstream_stray"] == strays, "what came unasked is noticed")
        assert lab.origin.connections == 3


def content_with_head_is_not_the_next_answer():
    with Lab(says(OK)) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(3):
            sock.sendall(b"HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n")
            assert read_answer(reader, "HEAD").status == 200
        sock.sendall(GET % b"/")
        assert read_answer(reader).body == b"hi"


def a_compressed_body_is_passed_untouched():
    body = bytes(range(256)) * 100
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with Lab(says(raw)) as lab:
        answer = lab.proxy.get("/")
        assert answer.body == body and answer.get("Content-Encoding") == "gzip"


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
