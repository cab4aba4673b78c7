#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits that wait: for the status of an answer, for a place among the requests in flight, in a queue."""

import json
import socket
import sys
import threading
import time

from http_lab import PATIENCE, Lab, Reader, eventually, has_answer, read_answer, run, says, tests_of
from http_limits_lab import FOREVER, OK, ask_from, count_of, routes_of, statuses_of, together


def _held(answer=OK):
    """An origin's doing that waits with every answer, and the event it waits for."""
    release = threading.Event()

    def serve(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(answer)

    return serve, release


# ---- Counting only some answers ----


def _login(connection):
    while True:
        request = connection.request()
        if not request:
            return
        good = b"good" in request.body
        time.sleep(0.02)
        connection.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"200 OK" if good else b"401 No"))


LOGIN = routes_of('{match: "POST /login", limits: [{limit: "5 %s", count_status: [401]}]}' % FOREVER)


def only_answers_of_the_statuses_count():
    with Lab(_login, http=LOGIN) as lab:
        assert statuses_of(lab, 20, "/login", method="POST", body=b"good") == [200] * 20
        answer = ask_from(lab, "/login", method="POST", body=b"good")
        assert answer.get("X-RateLimit-Remaining") == "5", "what was held is given back before it is told"
        assert statuses_of(lab, 7, "/login", method="POST", body=b"bad") == [401] * 5 + [429] * 2
        assert statuses_of(lab, 2, "/login", method="POST", body=b"good") == [429] * 2


def a_thousand_logins_at_once_do_not_slip_through():
    with Lab(_login, http=LOGIN + "  max: {connections: 3000, per_source: 3000}\n", threads=2) as lab:
        said = together(1000, lambda i: ask_from(lab, "/login", method="POST", body=b"bad").status)
        assert sorted(set(said)) == [401, 429] and said.count(401) == 5, said.count(401)
        assert len(lab.origin.requests) == 5


def logins_that_break_off_count_once_the_origin_had_them():
    serve, ended = _held(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
    with Lab(serve, http=LOGIN) as lab:
        for i in range(5):
            sock = lab.proxy.connect()
            sock.sendall(b"POST /login HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nbad")
            eventually(lambda: len(lab.origin.requests) == i + 1, "the origin has it")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
        eventually(lambda: lab.proxy.counters()["aborted"] == 5, "all are noticed")
        ended.set()
        assert ask_from(lab, "/login", method="POST", body=b"bad").status == 429


def what_never_reached_the_origin_is_given_back():
    with Lab(_login, http=LOGIN) as lab:
        lab.origin.stop()
        assert statuses_of(lab, 10, "/login", method="POST", body=b"bad") == [502] * 10


# ---- Concurrency and queues ----


def _begin(lab, path="/a", fields=""):
    """A connection on which a request is under way."""
    sock = lab.proxy.connect()
    sock.sendall(("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path, fields)).encode())
    return sock


def _end(socks):
    """The answers on them."""
    answers = [read_answer(Reader(sock)) for sock in socks]
    for sock in socks:
        sock.close()
    return answers


def _answered(socks):
    return sum(has_answer(sock) for sock in socks)


def so_many_requests_of_one_client_are_in_flight_and_no_more():
    serve, release = _held()
    with Lab(serve, http=routes_of('{match: "/a", concurrency: 2}'), threads=2) as lab:
        socks = [_begin(lab, "/a" if i < 5 else "/b") for i in range(6)]
        eventually(lambda: _answered(socks[:5]) == 3 and len(lab.origin.requests) == 3, "the others are refused")
        release.set()
        said = _end(socks)
        assert sorted(answer.status for answer in said[:5]) == [200, 200, 429, 429, 429] and said[5].status == 200
        refused = [answer for answer in said if answer.status == 429][0]
        assert refused.get("Retry-After") == "1" and refused.get("RateLimit") is None
        assert json.loads(refused.body)["violated-policies"] == ["concurrency"]
        assert ask_from(lab, "/a").status == 200


def inventing_identities_gains_no_place_either():
    serve, release = _held()
    with Lab(serve, http=routes_of('{match: "/a", concurrency: 1, key: {header: X-User}}')) as lab:
        socks = [_begin(lab, fields="X-User: u%d\r\n" % i) for i in range(3)]
        eventually(lambda: _answered(socks) == 2 and lab.origin.requests, "two are refused")
        release.set()
        said = [answer.status for answer in _end(socks)]
        assert sorted(said) == [200, 429, 429], said


def a_client_that_breaks_off_gives_its_place_back():
    serve, _ = _held()
    with Lab(serve, http=routes_of('{match: "/a", concurrency: 1}')) as lab:
        sock = lab.proxy.connect()
        sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.origin.requests, "it is in flight")
        assert ask_from(lab, "/a").status == 429
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        lab.origin.serve = says(OK)
        eventually(lambda: ask_from(lab, "/a").status == 200, "the place is free")


def who_queues_is_let_in_in_order_as_others_end():
    http = routes_of('{match: "/a", concurrency: 1, on_limit: {queue: 60s}}')
    serve, release = _held()
    with Lab(serve, http=http, threads=2) as lab:
        socks = []
        for i in range(6):
            socks.append(_begin(lab, "/a?%d" % i))
            eventually(lambda i=i: lab.origin.requests and lab.proxy.counters()["limit_queued"] == i, "it waits")
        assert len(lab.origin.requests) == 1, "they wait at the origin"
        release.set()
        assert [answer.status for answer in _end(socks)] == [200] * 6
        order = [request.target for request in lab.origin.requests]
        assert order == ["/a?%d" % i for i in range(6)], order


def who_queues_is_let_in_when_its_time_comes():
    http = routes_of('{match: "/a", limits: ["3 per second"], on_limit: {queue: 60s}}')
    with Lab(says(OK), http=http, threads=2) as lab:
        began = time.monotonic()
        said = together(9, lambda i: (ask_from(lab, "/a").status, time.monotonic() - began))
        assert [status for status, _ in said] == [200] * 9
        assert 2 <= max(at for _, at in said) < 20
        assert count_of(lab, "3-per-1s", "/a") == (9, 0, 0)


def who_cannot_be_let_in_in_time_is_refused_at_once():
    http = routes_of('{match: "/a", limits: ["1 per minute"], on_limit: {queue: 20s}}')
    with Lab(says(OK), http=http) as lab:
        began = time.monotonic()
        assert statuses_of(lab, 2, "/a") == [200, 429]
        assert time.monotonic() - began < 15


def who_waits_too_long_is_refused():
    http = routes_of('{match: "/a", concurrency: 1, on_limit: {queue: 300ms}}')
    serve, release = _held()
    with Lab(serve, http=http) as lab:
        first = _begin(lab)
        eventually(lambda: lab.origin.requests, "the place is taken")
        began = time.monotonic()
        assert ask_from(lab, "/a").status == 429
        assert 0.3 <= time.monotonic() - began < 15
        release.set()
        assert _end([first])[0].status == 200


def a_client_that_goes_away_leaves_the_queue():
    http = routes_of('{match: "/a", concurrency: 1, on_limit: {queue: 60s}}')
    serve, release = _held()
    with Lab(serve, http=http) as lab:
        first = _begin(lab)
        eventually(lambda: lab.origin.requests, "the place is taken")
        socks = [lab.proxy.connect() for _ in range(20)]
        for sock in socks:
            sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.proxy.counters()["limit_queued"] == 20, "all wait")
        for sock in socks:
            sock.close()
        eventually(lambda: lab.proxy.counters()["connections"] <= 1, "all are noticed")
        release.set()
        assert _end([first])[0].status == 200
        assert ask_from(lab, "/a").status == 200
        assert len(lab.origin.requests) == 2


def a_queue_has_an_end():
    http = "  max: {per_source: 1000}\n" + routes_of('{match: "/a", concurrency: 1, on_limit: {queue: 60s}}')
    serve, release = _held()
    with Lab(serve, http=http) as lab:
        socks = [lab.proxy.connect() for _ in range(100)]
        for sock in socks:
            sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.proxy.counters()["limit_crowded"] == 35, "one in, 64 wait, the others are refused")
        release.set()
        for sock in socks:
            sock.close()


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
