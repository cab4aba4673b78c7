#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What crosses the proxy between clients and an origin that both mean well."""

import hashlib
import os
import signal
import socket
import struct
import sys
import threading
import time

from http_lab import (PATIENCE, Lab, Origin, Proxy, Reader, echo, eventually, free_port, freeze, policy, read_answer,
                      run, says, tests_of)

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"


def a_get_comes_back_with_status_fields_and_body():
    with Lab(says(b"HTTP/1.1 201 Made\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 3\r\n\r\nabc")) as lab:
        answer = lab.proxy.get("/x?y=1")
        assert answer.line == "HTTP/1.1 201 Made"
        assert answer.all("X-A") == ["1", "2"]
        assert answer.body == b"abc"
        assert answer.get("Via") == "1.1 sluice"
        assert answer.get("Date")
        assert lab.origin.requests[0].line == "GET /x?y=1 HTTP/1.1"


def the_origin_learns_who_asked_and_how():
    with Lab() as lab:
        lab.proxy.get("/", "User-Agent: me\r\n")
        request = lab.origin.requests[0]
        assert request.all("X-Forwarded-For") == ["127.0.0.1"]
        assert request.all("X-Forwarded-Proto") == ["http"]
        assert request.all("X-Forwarded-Host") == ["api.test"]
        assert request.all("Forwarded") == ["for=127.0.0.1;host=api.test;proto=http"]
        assert request.all("Via") == ["1.1 sluice"]
        assert len(request.get("X-Request-Id")) == 16
        assert request.get("User-Agent") == "me"
        assert request.get("Connection") is None


def a_trusted_proxy_is_believed_and_appended_to():
    with Lab(http='  trusted_proxies: ["127.0.0.0/8"]\n') as lab:
        lab.proxy.get("/", "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
                           "X-Forwarded-Host: shop.test\r\nX-Request-Id: abc-1\r\nForwarded: for=9.9.9.9\r\n"
                           "Via: 1.0 front\r\nX-Original-URL: /admin\r\n")
        request = lab.origin.requests[0]
        assert request.get("X-Forwarded-For") == "6.6.6.6, 192.0.2.7, 127.0.0.1"
        assert request.get("X-Forwarded-Proto") == "https"
        assert request.get("X-Forwarded-Host") == "shop.test"
        assert request.get("X-Request-Id") == "abc-1"
        # The family that does not decide is written from the one that does.
        assert request.all("Forwarded") == ["for=192.0.2.7, for=127.0.0.1;host=api.test;proto=https"], \
            request.all("Forwarded")
        assert request.all("Via") == ["1.0 front", "1.1 sluice"]
        assert request.get("X-Original-URL") is None


def forwarded_decides_where_the_policy_says_so():
    with Lab(http='  trusted_proxies: ["127.0.0.0/8"]\n  forwarded: forwarded\n') as lab:
        lab.proxy.get("/", "Forwarded: for=192.0.2.7;proto=https\r\nX-Forwarded-For: 6.6.6.6\r\n")
        request = lab.origin.requests[0]
        assert request.get("Forwarded").startswith("for=192.0.2.7;proto=https, for=127.0.0.1"), request.get("Forwarded")
        assert request.all("X-Forwarded-For") == ["192.0.2.7, 127.0.0.1"], request.all("X-Forwarded-For")
        assert request.all("X-Forwarded-Proto") == ["https"]


def what_connection_names_takes_none_of_ours_away():
    with Lab() as lab:
        lab.proxy.get("/", "Via: 1.0 x\r\nX-Request-Id: 1\r\nConnection: via, x-request-id\r\n")
        request = lab.origin.requests[0]
        assert request.all("Via") == ["1.1 sluice"] and len(request.get("X-Request-Id")) == 16


def names_with_underscores_and_overrides_are_dropped_and_counted():
    with Lab() as lab:
        lab.proxy.get("/", "X_Forwarded_For: 6.6.6.6\r\nA_b: 1\r\nX-HTTP-Method-Override: DELETE\r\n")
        assert b"6.6.6.6" not in lab.origin.requests[0].raw_head and b"DELETE" not in lab.origin.requests[0].raw_head
        counters = lab.proxy.counters()
        assert counters["underscore_fields"] == 2 and counters["method_overrides"] == 1, counters


def an_override_passes_where_the_route_says_so():
    with Lab(http='  routes:\n    - {match: "/over", method_override: true, limits: []}\n') as lab:
        lab.proxy.get("/over", "X-HTTP-Method-Override: DELETE\r\n")
        assert lab.origin.requests[0].get("X-HTTP-Method-Override") == "DELETE"
        lab.proxy.get("/", "X-HTTP-Method-Override: DELETE\r\n")
        assert lab.origin.requests[1].get("X-HTTP-Method-Override") is None


def a_lenient_route_takes_what_others_refuse():
    with Lab(http='  routes:\n    - {match: "/files/*", path: lenient, limits: []}\n') as lab:
        for path in ("/files/a%2Fb", "/files/a%5Cb", "/files//b"):
            assert lab.proxy.get(path).status == 200, path
            assert lab.origin.requests[-1].target == path, lab.origin.requests[-1].target
            assert lab.proxy.get(path.replace("files", "other")).status == 400, path


def a_trusted_request_id_that_is_malformed_is_replaced():
    with Lab(http='  trusted_proxies: ["127.0.0.0/8"]\n') as lab:
        for bad in ("a b", "a" * 65, "a;b"):
            lab.proxy.get("/", "X-Request-Id: %s\r\n" % bad)
            assert len(lab.origin.requests[-1].get("X-Request-Id")) == 16


def http_1_0_without_host_is_served_and_closed():
    with Lab() as lab:
        with lab.proxy.connect() as sock:
            sock.sendall(b"GET /old HTTP/1.0\r\n\r\n")
            reader = Reader(sock)
            answer = read_answer(reader)
            assert answer.status == 200
            assert answer.get("Connection") == "close"
            assert not reader.more()
        assert lab.origin.requests[0].get("Host") == "127.0.0.1:%d" % lab.origin.port
        assert lab.origin.requests[0].get("Via") == "1.0 sluice"


def http_1_0_with_keep_alive_is_kept():
    with Lab() as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(2):
            sock.sendall(b"GET / HTTP/1.0\r\nHost: api.test\r\nConnection: keep-alive\r\n\r\n")
            answer = read_answer(reader)
            assert answer.get("Connection") == "keep-alive"


def a_connection_is_kept_on_both_sides():
    with Lab() as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for i in range(20):
            sock.sendall(GET % (b"/%d" % i))
            answer = read_answer(reader)
            assert b"GET /%d " % i in answer.body
            assert answer.get("Connection") is None
        assert lab.origin.connections == 1


def connection_close_of_the_client_closes_only_the_clients():
    with Lab(threads=1) as lab:
        for _ in range(3):
            with lab.proxy.connect() as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n")
                reader = Reader(sock)
                assert read_answer(reader).get("Connection") == "close"
                assert not reader.more()
        assert lab.origin.connections == 1


def connection_close_of_the_origin_closes_only_the_origins():
    with Lab(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", close=True)) as lab:
        with lab.proxy.connect() as sock:
            reader = Reader(sock)
            for _ in range(3):
                sock.sendall(GET % b"/")
                answer = read_answer(reader)
                assert answer.body == b"hi" and answer.get("Connection") is None
        assert lab.origin.connections == 3


def pipelined_requests_are_answered_in_order():
    def slow_first(connection):
        while True:
            request = connection.request()
            if not request:
                return
            if request.target == "/0":
                time.sleep(0.2)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (
                len(request.target), request.target.encode()))

    with Lab(slow_first) as lab, lab.proxy.connect() as sock:
        sock.sendall(b"".join(GET % (b"/%d" % i) for i in range(100)))
        reader = Reader(sock)
        for i in range(100):
            assert read_answer(reader).body == b"/%d" % i


def pipelined_requests_with_bodies_do_not_run_into_each_other():
    with Lab() as lab, lab.proxy.connect() as sock:
        post = b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\n\r\n%05d"
        chunk = b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%05d\r\n0\r\nX-T: 1\r\n\r\n"
        sock.sendall(b"".join((post if i % 2 else chunk) % i for i in range(40)))
        reader = Reader(sock)
        for i in range(40):
            assert read_answer(reader).body == b"%05d" % i


def a_request_cut_into_single_bytes_is_the_same_request():
    with Lab() as lab, lab.proxy.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw = b"POST /x HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
        for byte in raw:
            sock.send(bytes([byte]))
            time.sleep(0.001)
        assert read_answer(Reader(sock)).body == b"abc"
        assert lab.origin.requests[0].trailers == ["X-T: 1"]


def head_is_answered_without_a_body_and_with_its_length():
    with Lab(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(2):
            sock.sendall(b"HEAD / HTTP/1.1\r\nHost: api.test\r\n\r\n")
            answer = read_answer(reader, "HEAD")
            assert answer.get("Content-Length") == "1000"
        assert lab.origin.connections == 1


def answers_204_and_304_have_no_body_whatever_they_say():
    for line in (b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 304 Not Modified\r\n"):
        with Lab(says(line + b"\r\n")) as lab, lab.proxy.connect() as sock:
            reader = Reader(sock)
            for _ in range(2):
                sock.sendall(GET % b"/")
                answer = read_answer(reader)
                assert answer.get("Transfer-Encoding") is None
                assert not answer.body


def options_passes_and_with_max_forwards_zero_ends_here():
    with Lab() as lab:
        raw = b"OPTIONS / HTTP/1.1\r\nHost: api.test\r\nMax-Forwards: %d\r\n\r\n"
        assert lab.proxy.ask(raw % 3).status == 200
        assert lab.origin.requests[0].get("Max-Forwards") == "2"
        assert lab.proxy.ask(raw % 0).status == 200
        assert len(lab.origin.requests) == 1


def chunked_answers_stay_chunked_and_trailers_stay_trailers():
    raw = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
           b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\nSet-Cookie: a=b\r\n\r\n")
    with Lab(says(raw)) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(2):
            sock.sendall(GET % b"/")
            answer = read_answer(reader)
            assert answer.body == b"abcde"
            assert answer.trailers == ["X-T: 1"], answer.trailers
        assert lab.origin.connections == 1


def a_chunked_answer_to_http_1_0_ends_with_the_connection():
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with Lab(says(raw)) as lab:
        answer = lab.proxy.ask(b"GET / HTTP/1.0\r\nHost: api.test\r\nConnection: keep-alive\r\n\r\n")
        assert answer.get("Transfer-Encoding") is None
        assert answer.get("Connection") == "close"
        assert answer.body == b"abcde" and answer.complete


def an_answer_until_close_becomes_chunked():
    with Lab(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100000, close=True)) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(2):
            sock.sendall(GET % b"/")
            answer = read_answer(reader)
            assert answer.get("Transfer-Encoding") == "chunked"
            assert answer.body == b"x" * 100000


def bodies_of_every_size_arrive_whole_in_both_directions():
    with Lab(http="  max: {body: 64 MiB}\n") as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for size in (1, 4095, 4096, 65535, 65536, 65537, 300000, 5000000):
            body = os.urandom(size)
            for head, parts in ((b"Content-Length: %d" % size, [body]),
                                (b"Transfer-Encoding: chunked", chunks_of(body, 7777))):
                sender = threading.Thread(target=send_parts, args=(sock, head, parts))
                sender.start()
                answer = read_answer(reader)
                sender.join()
                assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest(), size


def chunks_of(body, size):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return [b"%x\r\n%s\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]


def send_parts(sock, head, parts):
    sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\n%s\r\n\r\n" % head)
    for part in parts:
        sock.sendall(part)


def a_thousand_tiny_chunks_are_one_body():
    with Lab() as lab, lab.proxy.connect() as sock:
        send_parts(sock, b"Transfer-Encoding: chunked", [b"".join(chunks_of(b"ab" * 1000, 2))])
        assert read_answer(Reader(sock)).body == b"ab" * 1000


def an_origin_may_answer_while_it_reads():
    def stream(connection):
        connection.head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            line = connection.reader.until(b"\r\n")
            chunk = connection.reader.exactly(int(line, 16) + 2)
            connection.send(line + chunk)
        connection.reader.until(b"0\r\n\r\n")
        connection.send(b"0\r\n\r\n")

    with Lab(stream) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert reader.until(b"\r\n\r\n")
        for i in range(5):
            sock.sendall(b"2\r\n%02d\r\n" % i)
            assert reader.until(b"%02d\r\n" % i)
        sock.sendall(b"0\r\n\r\n")
        assert reader.until(b"0\r\n\r\n")


# ---- Interim answers ----


def the_origins_100_reaches_the_client_that_waits():
    def serve(connection):
        head = connection.head()
        assert head.get("Expect") == "100-continue"
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = connection.reader.exactly(3)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body)

    with Lab(serve) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"abc")
        assert read_answer(reader).body == b"abc"


def an_origin_that_does_not_know_expect_does_not_stall_the_client():
    with Lab() as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"abc")
        assert read_answer(reader).body == b"abc"


def a_refusal_before_the_body_is_relayed_and_both_sides_closed():
    def serve(connection):
        connection.head()
        connection.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        connection.reader.rest()

    with Lab(serve) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 300000\r\nExpect: 100-continue\r\n\r\n")
        answer = read_answer(reader)
        assert answer.status == 403 and answer.body == b"no"
        assert answer.get("Connection") == "close"
        assert not reader.more()
        eventually(lambda: lab.origin.raw and lab.origin.connections == 1, "one connection")


def early_hints_are_passed_on_but_not_to_http_1_0():
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    with Lab(says(hint * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) as lab:
        with lab.proxy.connect() as sock:
            reader = Reader(sock)
            sock.sendall(GET % b"/")
            for _ in range(3):
                assert b"103 Early Hints\r\nLink: </a.css>" in reader.until(b"\r\n\r\n")
            assert read_answer(reader).body == b"hi"
        answer = lab.proxy.ask(b"GET / HTTP/1.0\r\nHost: api.test\r\n\r\n")
        assert answer.status == 200 and answer.body == b"hi"


# ---- Upgrade ----

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
WEBSOCKET = '  routes:\n    - {match: "/ws", upgrade: websocket, limits: []}\n'
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"


def _tunnel(connection):
    head = connection.head()
    if head.get("Upgrade") != "websocket":
        connection.send(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
        return
    connection.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Accept: y\r\n\r\nhello")
    while True:
        got = connection.reader.sock.recv(65536)
        if not got:
            return
        connection.send(got.upper())


def a_websocket_is_tunnelled_where_the_route_says_so():
    with Lab(_tunnel, http=WEBSOCKET) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(UPGRADE + b"early")
        head = reader.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: y" in head
        assert b"Upgrade: websocket" in head and b"Connection: Upgrade" in head
        assert reader.exactly(10) == b"helloEARLY"
        for size in (1, 1000, 200000):
            sender = threading.Thread(target=sock.sendall, args=(b"a" * size,))
            sender.start()
            assert reader.exactly(size) == b"A" * size
            sender.join()
        sock.shutdown(socket.SHUT_WR)
        assert not reader.more() and reader.ended == "closed"


def an_upgrade_elsewhere_is_an_ordinary_request():
    with Lab(http=WEBSOCKET) as lab:
        assert lab.proxy.ask(UPGRADE.replace(b"/ws", b"/other")).status == 200
        assert lab.origin.requests[0].get("Upgrade") is None


def a_101_to_another_protocol_than_was_asked_for_is_502():
    for says_what in (b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"", b"Upgrade: websocketx\r\n"):
        with Lab(says(b"HTTP/1.1 101 Switching\r\n" + says_what + b"\r\n"), http=WEBSOCKET) as lab:
            assert lab.proxy.ask(UPGRADE).status == 502, says_what


def what_follows_a_refused_handshake_is_a_request_and_judged_as_one():
    # Cache and limits of /secret would be passed by, were the first answer taken for a tunnel's beginning.
    with Lab(says(b"HTTP/1.1 426 No\r\nContent-Length: 0\r\n\r\n", OK), http=WEBSOCKET) as lab:
        with lab.proxy.connect() as sock:
            reader = Reader(sock)
            sock.sendall(UPGRADE + b"GET /a%00 HTTP/1.1\r\nHost: api.test\r\n\r\n")
            assert read_answer(reader).status == 426
            assert read_answer(reader).status == 400
        assert [request.target for request in lab.origin.requests] == ["/ws"]


def an_unsolicited_101_is_502():
    with Lab(says(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")) as lab:
        assert lab.proxy.get("/").status == 502


# ---- PROXY protocol ----

SENDERS = '  proxy_protocol: {required: ["127.0.0.0/8"]}\n'
V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + struct.pack("!H", 12) + bytes([192, 0, 2, 8, 127, 0, 0, 1]) + \
    struct.pack("!HH", 1234, 80)


def a_proxy_header_says_who_the_client_is():
    with Lab(http=SENDERS) as lab:
        for header, address in ((b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n", "192.0.2.7"), (V2, "192.0.2.8"),
                                (b"PROXY UNKNOWN\r\n", "127.0.0.1")):
            assert lab.proxy.ask(header + GET % b"/").status == 200
            assert lab.origin.requests[-1].get("X-Forwarded-For") == address


def _v2(command=0x21, family=0x11, body=V2[16:], length=None, signature=V2[:12]):
    return signature + bytes([command, family]) + struct.pack("!H", len(body) if length is None else length) + body


MALFORMED = [
    GET % b"/", b"PROXY \r\n", b"PROXY TCP4\r\n", b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 200 + b"\r\n",
    b"proxy TCP4 192.0.2.7 127.0.0.1 1 2\r\n", b"PROXY tcp4 192.0.2.7 127.0.0.1 1 2\r\n",
    b"PROXY  TCP4 192.0.2.7 127.0.0.1 1 2\r\n", b"PROXY TCP4  192.0.2.7 127.0.0.1 1 2\r\n",
    b"PROXY\tTCP4 192.0.2.7 127.0.0.1 1 2\r\n", b" PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\n", b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\r\n",
    b"PROXY TCP4 192.0.2.7 127.0.0.1 1\r\n", b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2 3\r\n",
    b"PROXY TCP4 192.0.2.256 127.0.0.1 1 2\r\n", b"PROXY TCP4 192.0.2 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.07 127.0.0.1 1 2\r\n", b"PROXY TCP4 0xc0.0.2.7 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 127.0.0.1 1 65536\r\n", b"PROXY TCP4 192.0.2.7 127.0.0.1 -1 2\r\n",
    b"PROXY TCP4 192.0.2.7 127.0.0.1 +1 2\r\n", b"PROXY TCP4 192.0.2.7\x00 127.0.0.1 1 2\r\n",
    b"PROXY TCP6 192.0.2.7 127.0.0.1 1 2\r\n", b"PROXY TCP4 ::1 ::1 1 2\r\n", b"PROXY TCP6 ::1%lo ::1 1 2\r\n",
    b"PROXY UDP4 192.0.2.7 127.0.0.1 1 2\r\n", b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\nPROXY TCP4 192.0.2.9 127.0.0.1 1 2\r\n",
    _v2(command=0x11), _v2(command=0x31), _v2(command=0x22), _v2(command=0x2f), _v2(family=0x13), _v2(family=0x41),
    _v2(family=0x12), _v2(body=V2[16:27]), _v2(body=b""), _v2(family=0x21), _v2(length=4097, body=b"x" * 4097),
    _v2(length=65535), _v2(signature=V2[:11] + b"\x0b"),
]


def without_its_proxy_header_a_connection_is_closed_unanswered():
    with Lab(http=SENDERS + "  timeouts: {head: 1s}\n") as lab:
        for raw in MALFORMED:
            with lab.proxy.connect() as sock:
                sock.sendall(raw + GET % b"/")
                got = Reader(sock).rest()
                assert got == b"" or (raw.count(b"PROXY T") == 2 and got.startswith(b"HTTP/1.1 400 ")), (raw, got[:100])
            assert not lab.origin.raw, raw


def who_is_no_sender_of_proxy_headers_is_closed_unanswered_and_takes_nobodys_place():
    with Lab(http='  proxy_protocol: {required: ["127.0.0.1"]}\n  max: {connections: 1}\n') as lab, lab.proxy.connect() as kept:
        kept.sendall(V2 + GET % b"/")
        assert read_answer(Reader(kept)).status == 200
        for raw in (V2 + GET % b"/", GET % b"/", b""):
            with socket.create_connection(("127.0.0.1", lab.proxy.port), source_address=("127.0.0.2", 0)) as sock:
                sock.settimeout(PATIENCE)
                try:
                    sock.sendall(raw)
                except OSError:
                    pass  # it is closed already
                assert Reader(sock).rest() == b"", raw
        kept.sendall(GET % b"/")
        assert read_answer(Reader(kept)).status == 200, "it had to make room"
        assert len(lab.origin.requests) == 2
        assert lab.proxy.counters()["proxy_bad"] == 3


def a_proxy_header_in_single_bytes_is_one():
    with Lab(http=SENDERS) as lab, lab.proxy.connect() as sock:
        for byte in b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n" + GET % b"/":
            sock.send(bytes([byte]))
            time.sleep(0.001)
        assert read_answer(Reader(sock)).status == 200
        assert lab.origin.requests[0].get("X-Forwarded-For") == "192.0.2.7"


# ---- Reload, drain, log ----


def a_reload_drops_no_connection_and_new_requests_take_the_new_policy():
    first, second = Origin(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1")), Origin(
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"))
    proxy = Proxy(policy(first.port), threads=2)
    with proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(GET % b"/")
        assert read_answer(reader).body == b"1"
        proxy.reload(policy(second.port))

        def takes_the_new_policy():
            sock.sendall(GET % b"/")
            return read_answer(reader).body == b"2"

        eventually(takes_the_new_policy, "the new policy")
    assert proxy.get("/").body == b"2"
    noise = proxy.stop()
    assert not noise and proxy.process.returncode == 0, noise
    first.stop()
    second.stop()


def an_exchange_keeps_the_policy_it_began_with():
    release = threading.Event()

    def held(connection):
        connection.request()
        release.wait(PATIENCE)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")

    origin, other = Origin(held), Origin()
    proxy = Proxy(policy(origin.port))
    with proxy.connect() as sock:
        sock.sendall(GET % b"/")
        eventually(lambda: origin.requests, "the request")
        for _ in range(5):
            proxy.reload(policy(other.port))
        release.set()
        assert read_answer(Reader(sock)).body == b"old"
    noise = proxy.stop()
    assert not noise and proxy.process.returncode == 0, noise
    origin.stop()
    other.stop()


def draining_finishes_what_runs_and_says_close():
    release = threading.Event()

    def held(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    origin = Origin(held)
    proxy = Proxy(policy(origin.port))
    with proxy.connect() as idle, proxy.connect() as busy:
        busy.sendall(GET % b"/")
        eventually(lambda: origin.requests, "the request")
        proxy.process.send_signal(signal.SIGTERM)
        assert Reader(idle).rest() == b""
        time.sleep(0.2)
        assert proxy.alive()
        release.set()
        answer = read_answer(Reader(busy))
        assert answer.body == b"done" and answer.get("Connection") == "close"
    proxy.process.wait(PATIENCE)
    noise = proxy.stop()
    assert not noise and proxy.process.returncode == 0, noise
    origin.stop()


def draining_has_a_deadline():
    release = threading.Event()

    def held(connection):
        connection.request()
        release.wait(PATIENCE)

    origin = Origin(held)
    proxy = Proxy(policy(origin.port, http="  timeouts: {drain: 1s}\n"))
    with proxy.connect() as busy:
        busy.sendall(GET % b"/")
        eventually(lambda: origin.requests, "the request")
        proxy.process.send_signal(signal.SIGTERM)
        reader = Reader(busy)
        assert reader.rest() == b""
        proxy.process.wait(PATIENCE)
        assert not release.is_set() and proxy.process.returncode == 0
    release.set()
    proxy.stop()
    origin.stop()


def a_client_that_connected_before_the_drain_is_still_served():
    for _ in range(10):  # it is waited for, and not for long: a test that was late tries again
        with Lab() as lab, lab.proxy.connect() as fresh:
            eventually(lambda: lab.proxy.counters()["connections"] == 1, "it is accepted")
            began = time.monotonic()
            lab.proxy.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            fresh.sendall(GET % b"/")
            took = time.monotonic() - began
            answer = read_answer(Reader(fresh))
            if answer or took < 0.5:
                break
    assert answer.status == 200 and answer.get("Connection") == "close"


def a_listener_that_goes_is_accepted_dry():
    with Lab() as lab:
        before = lab.proxy.port
        # Connections the plane has not accepted yet: it is stopped meanwhile.
        freeze(lab.proxy.process.pid)
        socks = [lab.proxy.connect() for _ in range(5)]
        for sock in socks:
            sock.sendall(GET % b"/")
        lab.proxy.port = free_port()
        lab.proxy.write(policy(lab.origin.port))
        lab.proxy.process.send_signal(signal.SIGHUP)
        lab.proxy.signal(signal.SIGCONT, "reloaded")
        for sock in socks:
            assert read_answer(Reader(sock)).status == 200
            sock.close()
        assert lab.proxy.get("/").status == 200
        try:
            socket.create_connection(("127.0.0.1", before)).close()
            raise AssertionError("the old listener is still there")
        except ConnectionRefusedError:
            pass


def the_access_log_is_json_and_survives_hostile_text():
    import json
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "access.log")
        with Lab(http="  access_log: {file: /dev/null, format: json}\n", log=path) as lab:
            lab.proxy.get("/a?b", 'User-Agent: "\\x\xff{}\r\nReferer: \t</script>\r\n')
            lab.proxy.ask(b"GET /%zz HTTP/1.1\r\nHost: api.test\r\n\r\n")
            eventually(lambda: _lines_of(path) == 2, "two lines")
            os.rename(path, path + ".1")
            lab.proxy.signal(signal.SIGUSR1, "log reopened")
            lab.proxy.get("/second")
            eventually(lambda: os.path.exists(path) and _lines_of(path) == 1, "a line in the new file")
        with open(path + ".1", encoding="utf-8") as log:
            lines = [json.loads(line) for line in log]
        assert [line["status"] for line in lines] == [200, 400]
        assert lines[0]["target"] == "/a?b" and lines[0]["client"] == "127.0.0.1"
        assert lines[0]["user_agent"] == '"\\x\xff{}'
        with open(path, encoding="utf-8") as log:
            assert [json.loads(line)["target"] for line in log] == ["/second"]


def _lines_of(path):
    with open(path, "rb") as log:
        return log.read().count(b"\n")


def a_full_disk_drops_lines_and_counts_them_and_nothing_else():
    with Lab(http="  access_log: {file: /dev/full, format: combined}\n", log="/dev/full") as lab:
        for _ in range(5):
            assert lab.proxy.get("/").status == 200
        eventually(lambda: lab.proxy.counters()["log_dropped"] == 5, "five dropped lines")


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
