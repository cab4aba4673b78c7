#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Upstreams that are broken, hostile, slow, gone or flapping: what clients see is what the policy says."""

import socket
import sys
import threading
import time

from http_lab import (
    PATIENCE, Lab, Origin, Proxy, Reader, eventually, free_port, has_answer, policy, read_answer, run, says,
    tests_of)

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


# ---- Time ----


def an_upstream_that_never_answers_is_504():
    with Lab(lambda connection: time.sleep(PATIENCE), http="  timeouts: {response: 500ms}\n") as lab:
        began = time.monotonic()
        assert lab.proxy.get("/").status == 504
        assert 0.4 < time.monotonic() - began < 15
        assert lab.proxy.counters()["upstream_timeout"] == 1


def an_upstream_that_stops_in_the_middle_is_cut_off():
    def serve(connection):
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        time.sleep(PATIENCE)

    with Lab(serve, http="  timeouts: {response: 500ms}\n") as lab:
        answer = lab.proxy.get("/")
        assert answer.status == 502 or not answer.complete


def an_upstream_that_cannot_be_reached_is_502_at_once():
    proxy = Proxy(policy(free_port()))
    began = time.monotonic()
    assert proxy.get("/").status == 502
    assert time.monotonic() - began < 1
    assert proxy.stop() == ""


def an_upstream_that_does_not_accept_is_504():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    full = [socket.socket() for _ in range(4)]
    for sock in full:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    time.sleep(0.2)
    proxy = Proxy(policy(listener.getsockname()[1], http="  timeouts: {connect: 500ms}\n"))
    assert proxy.get("/").status == 504
    proxy.stop()
    for sock in full + [listener]:
        sock.close()


# ---- Retries ----


def _dies_when_reused(connection):
    if connection.request():
        connection.send(OK)
    if connection.head():
        return  # the second request on it is never answered


def a_get_on_a_connection_that_dies_is_sent_again():
    with Lab(_dies_when_reused) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(3):
            sock.sendall(GET % b"/")
            assert read_answer(reader).status == 200
        assert lab.proxy.counters()["retries"] == 2, lab.proxy.counters()["retries"]


def a_post_on_a_connection_that_dies_is_not_sent_again():
    with Lab(_dies_when_reused) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        sock.sendall(POST)
        assert read_answer(reader).status == 200
        sock.sendall(POST)
        assert read_answer(reader).status == 502
        assert len(lab.origin.requests) == 1
        assert lab.proxy.counters()["retries"] == 0


def a_put_whose_body_has_come_is_sent_again_whole():
    with Lab(_dies_when_reused) as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for _ in range(2):
            for framing in (b"Content-Length: 3\r\n\r\nabc",
                            b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"):
                sock.sendall(b"PUT / HTTP/1.1\r\nHost: api.test\r\n" + framing)
                assert read_answer(reader).status == 200
        assert all(request.body == b"abc" for request in lab.origin.requests)
        assert lab.proxy.counters()["retries"] > 0


def a_new_connection_that_closes_is_retried_only_where_the_route_says_so():
    for http, wanted in (("", 502), ('  routes:\n    - {match: "/*", retry: idempotent, limits: []}\n', 200)):
        answers = iter([b"", OK, OK])

        def serve(connection):
            connection.request()
            connection.send(next(answers))

        with Lab(serve, http=http) as lab:
            assert lab.proxy.get("/").status == wanted, http


def retries_are_never_more_than_a_tenth():
    with Lab(lambda connection: connection.request(), http='  routes:\n    - {match: "/*", retry: idempotent, limits: []}\n',
             upstream="health: {eject_after: 0}", threads=1) as lab:
        for _ in range(200):
            assert lab.proxy.get("/").status == 502
        counters = lab.proxy.counters()
        assert 10 <= counters["retries"] <= 20, counters["retries"]
        assert len(lab.origin.requests) <= 220


# ---- Several servers ----


def _named(name):
    return says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name))


def requests_are_spread_over_all_servers():
    origins = [Origin(_named(b"%d" % i)) for i in range(3)]
    proxy = Proxy(policy(*[origin.port for origin in origins]))
    seen = {proxy.get("/").body for _ in range(60)}
    assert seen == {b"0", b"1", b"2"}, seen
    assert proxy.stop() == ""


def the_server_with_the_fewest_requests_gets_the_next():
    release = threading.Event()

    def held(connection):
        connection.request()
        release.wait(PATIENCE)
        connection.send(OK)

    slow, fast = Origin(held), Origin(_named(b"fast"))
    proxy = Proxy(policy(slow.port, fast.port))
    asking = []
    while not slow.requests:
        asking.append(proxy.connect())
        asking[-1].sendall(GET % b"/")
        eventually(lambda: slow.requests or has_answer(asking[-1]), "one of them has it")
    for _ in range(20):
        assert proxy.get("/").body == b"fast"
    release.set()
    for sock in asking:
        sock.close()
    proxy.stop()


def a_killed_server_is_ejected_and_clients_see_nothing():
    live, dead = Origin(_named(b"live")), Origin(_named(b"dead"))
    proxy = Proxy(policy(live.port, dead.port))
    for _ in range(20):
        assert proxy.get("/").status == 200
    dead.stop()
    statuses = [proxy.get("/").status for _ in range(100)]
    assert statuses == [200] * 100, [s for s in statuses if s != 200]
    assert proxy.counters()["ejections"] >= 1
    proxy.stop()


def a_hung_server_costs_a_few_requests_and_is_ejected():
    live, hung = Origin(_named(b"live")), Origin(lambda connection: connection.request() and time.sleep(PATIENCE))
    proxy = Proxy(policy(live.port, hung.port, http="  timeouts: {response: 2s}\n",
                         upstream="health: {eject_after: 3, eject_for: 60s}"))
    statuses = [proxy.get("/").status for _ in range(60)]
    # A request that a server has begun to work on is not sent to another: its client is told.
    assert set(statuses) == {200, 504} and statuses.count(504) == 3, statuses
    assert statuses[-30:] == [200] * 30
    assert proxy.counters()["ejections"] == 1
    proxy.stop()


def statuses_eject_nobody():
    good, bad = Origin(_named(b"good")), Origin(says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"))
    proxy = Proxy(policy(good.port, bad.port, upstream="health: {eject_after: 1}"))
    statuses = [proxy.get("/").status for _ in range(60)]
    assert statuses.count(500) > 10, statuses
    assert proxy.counters()["ejections"] == 0
    proxy.stop()


def the_last_server_left_is_never_ejected():
    port = free_port()
    proxy = Proxy(policy(port))
    for _ in range(30):
        assert proxy.get("/").status == 502
    assert proxy.counters()["ejections"] == 0
    origin = Origin(_named(b"back"), port)
    assert proxy.get("/").body == b"back"
    proxy.stop()
    origin.stop()


def a_flapping_server_costs_clients_at_most_its_own_share():
    steady = Origin(_named(b"steady"))
    port = free_port()
    proxy = Proxy(policy(steady.port, port))
    failures = 0
    for i in range(6):
        flapping = Origin(_named(b"flap"), port)
        failures += sum(proxy.get("/").status != 200 for _ in range(20))
        flapping.stop()
        failures += sum(proxy.get("/").status != 200 for _ in range(20))
    assert failures == 0, failures
    proxy.stop()
    steady.stop()


def active_checks_take_a_server_out_and_back():
    well = threading.Event()
    well.set()

    def serve(connection):
        while True:
            request = connection.request()
            if not request:
                return
            if request.target == "/health":
                connection.send(OK if well.is_set() else b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
            else:
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nflaky")

    steady, flaky = Origin(_named(b"steady")), Origin(serve)
    proxy = Proxy(policy(steady.port, flaky.port, upstream="health: {path: /health, every: 100ms, timeout: 10s}"))
    eventually(lambda: proxy.get("/").body == b"flaky", "served by both")
    well.clear()
    eventually(lambda: {proxy.get("/").body for _ in range(40)} == {b"steady"}, "it is out")
    assert {proxy.get("/").body for _ in range(40)} == {b"steady"}, "it is back too early"
    well.set()
    eventually(lambda: proxy.get("/").body == b"flaky", "back again")
    proxy.stop()


# ---- The cap and the queue ----


def a_cap_holds_over_all_threads():
    running, most, lock, release = [0], [0], threading.Lock(), threading.Event()

    def serve(connection):
        while True:
            request = connection.request()
            if not request:
                return
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            release.wait(PATIENCE)
            time.sleep(0.05)
            with lock:
                running[0] -= 1
            connection.send(OK)

    with Lab(serve, upstream="max_requests: 2, queue: 50", threads=2) as lab:
        socks = [lab.proxy.connect() for _ in range(30)]
        for sock in socks:
            sock.sendall(GET % b"/")
        eventually(lambda: lab.proxy.counters()["queued"] == 28, "all but two wait")
        release.set()
        for sock in socks:
            assert read_answer(Reader(sock)).status == 200
            sock.close()
        assert most[0] == 2, most[0]


def the_queue_is_served_in_the_order_of_arrival():
    release = threading.Event()

    def serve(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(OK)

    with Lab(serve, upstream="max_requests: 1, queue: 50", threads=2) as lab:
        socks = [lab.proxy.connect() for _ in range(12)]
        for i, sock in enumerate(socks):
            sock.sendall(GET % b"/%d" % i)
            eventually(lambda n=i: lab.proxy.counters()["queued"] == n if n else lab.origin.requests, "it waits")
        release.set()
        for sock in socks:
            assert read_answer(Reader(sock)).status == 200
            sock.close()
        order = [request.target for request in lab.origin.requests]
        assert order == ["/%d" % i for i in range(12)], order


def a_full_queue_is_503_at_once_with_retry_after():
    release = threading.Event()

    def serve(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(OK)

    with Lab(serve, upstream="max_requests: 1, queue: 1") as lab:
        first, second = lab.proxy.connect(), lab.proxy.connect()
        first.sendall(GET % b"/")
        eventually(lambda: lab.origin.requests, "the first")
        second.sendall(GET % b"/")
        eventually(lambda: lab.proxy.counters()["queued"] == 1, "the second waits")
        answer = lab.proxy.get("/")
        assert answer.status == 503 and answer.get("Retry-After")
        release.set()
        assert read_answer(Reader(first)).status == 200
        assert read_answer(Reader(second)).status == 200


def clients_that_leave_the_queue_do_not_take_their_slot_along():
    release = threading.Event()

    def serve(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(OK)

    with Lab(serve, upstream="max_requests: 1, queue: 10") as lab:
        first = lab.proxy.connect()
        first.sendall(GET % b"/")
        eventually(lambda: lab.origin.requests, "the first")
        for _ in range(10):
            quitter = lab.proxy.connect()
            quitter.sendall(GET % b"/")
            quitter.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            time.sleep(0.02)
            quitter.close()
        eventually(lambda: lab.proxy.counters()["connections"] == 1, "they are noticed")
        last = lab.proxy.connect()
        last.sendall(GET % b"/")
        release.set()
        assert read_answer(Reader(first)).status == 200
        assert read_answer(Reader(last)).status == 200
        for _ in range(5):
            assert lab.proxy.get("/").status == 200


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
