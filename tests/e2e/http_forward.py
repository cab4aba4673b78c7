#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What crosses the proxy between clients and an origin that both mean well."""

import hashlib
import os
import socket
import sys
import threading
import time

from http_lab import Lab, Reader, eventually, read_answer, run, says, tests_of

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


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
