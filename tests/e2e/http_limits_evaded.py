#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients that try to get more through a limit than it allows, and those that must not suffer for it."""

import contextlib
import email.utils
import os
import struct
import sys
import tempfile
import threading
import time

from http_lab import BUILD, PATIENCE, Lab, Reader, eventually, read_answer, run, says, tests_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
FOREVER = "per 10 hours"  # a window that no test outlives


def _routes(*routes):
    return "  routes:\n" + "".join("    - %s\n" % route for route in routes)


# ---- Who it is ----


def two_cookies_of_one_name_count_as_the_address_whichever_the_origin_takes():
    http = _routes('{match: "/a", limits: [{limit: "9 %s", key: {cookie: sid}}, {limit: "50 %s", key: client}]}'
                   % (FOREVER, FOREVER))
    with Lab(says(OK), http=http) as lab:
        left = []
        for cookie in ("sid=a; sid=b", "sid=b; sid=a", "other=1", "sid=a"):
            with lab.proxy.connect() as sock:
                sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\nCookie: %s\r\n\r\n" % cookie.encode())
                left.append(read_answer(Reader(sock)).get("X-RateLimit-Remaining"))
        assert left == ["8", "7", "6", "8"], left


def a_method_in_other_letters_is_no_way_around_a_limit():
    for route in ('{match: "POST /login", limits: ["2 %s"]}', '{match: "/login", limits: ["2 %s"], per_method: true}'):
        _tries_methods(route % FOREVER)


def _tries_methods(route):
    with Lab(says(OK), http=_routes(route)) as lab:
        said = []
        for method in (b"POST", b"POSt", b"post", b"Post"):
            with lab.proxy.connect() as sock:
                sock.sendall(method + b" /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                said.append(read_answer(Reader(sock)).status)
        assert said == [200, 200, 429, 429], said


# ---- When it is ----


@contextlib.contextmanager
def _own_wall_clock():
    """Processes begun meanwhile have a wall clock of their own; yields what sets it ahead by so many seconds."""
    with tempfile.NamedTemporaryFile(prefix="slclock") as file:
        def put(ahead):
            os.pwrite(file.fileno(), struct.pack("=q", ahead), 0)

        put(0)
        os.environ.update(LD_PRELOAD=os.path.join(BUILD, "wall-clock.so"), WALL_CLOCK=file.name)
        try:
            yield put
        finally:
            del os.environ["LD_PRELOAD"], os.environ["WALL_CLOCK"]


def _is_ahead(lab, seconds):
    said = email.utils.parsedate_to_datetime(lab.proxy.get("/free").get("Date")).timestamp()
    return abs(said - time.time() - seconds) < 60


def a_wall_clock_set_back_and_forth_grants_nothing_and_locks_nobody_out():
    strategies = ("sliding-window", "fixed-window", "moving-window", "token-bucket")
    http = _routes('{match: "/free", exempt: true}', *(
        '{match: "/%s/%s", strategy: %s, limits: ["%s"]}' % (strategy, name, strategy, limit)
        for strategy in strategies for name, limit in (("long", "4 " + FOREVER), ("short", "1 per second"))))
    day = 86400
    with _own_wall_clock() as set_ahead, Lab(says(OK), http=http) as lab:
        for strategy in strategies:
            assert [lab.proxy.get("/%s/long" % strategy).status for _ in range(3)] == [200] * 3
        for ahead, left in (400 * day, 1), (-400 * day, 0), (400 * day, 0), (-day, 0), (0, 0):
            for strategy in strategies:
                lab.proxy.get("/%s/short" % strategy)
            set_ahead(ahead)
            eventually(lambda ahead=ahead: _is_ahead(lab, ahead), "the clock is noticed")
            for strategy in strategies:
                said = [lab.proxy.get("/%s/long" % strategy) for _ in range(2)]
                assert [answer.status for answer in said] == [200] * left + [429] * (2 - left), (strategy, ahead)
                reset = int(said[0].get("X-RateLimit-Reset")) - time.time() - ahead
                assert 0 < reset <= 10 * 3600 + 1, (strategy, ahead, reset)
                assert 0 < int(said[1].get("Retry-After")) <= 10 * 3600, (strategy, ahead)
            time.sleep(1.05)
            for strategy in strategies:
                assert lab.proxy.get("/%s/short" % strategy).status == 200, "locked out: %s, %d" % (strategy, ahead)


# ---- Queues ----


def who_comes_just_before_his_time_waits_for_no_longer():
    # Three milliseconds a request, and many of them: some come just before their time, however slow the origin is.
    http = _routes('{match: "/a", limits: ["300 per second burst 1"], on_limit: {queue: 20s}}')
    with Lab(says(OK), http=http) as lab, lab.proxy.connect() as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" * 60)
        reader = Reader(sock)
        assert [read_answer(reader).status for _ in range(60)] == [200] * 60
        assert lab.proxy.counters()["limit_queued"] > 0


def what_another_route_holds_is_waited_for_until_it_is_given_back():
    released = threading.Event()

    def serve(connection):
        while True:
            request = connection.request()
            if not request:
                return
            if request.target == "/slow":
                released.wait(PATIENCE)
            connection.send(OK)

    limit = 'limits: [{limit: "1 %s", shared: both, count_status: [401]}]' % FOREVER
    http = _routes('{match: "/slow", %s}' % limit, '{match: "/a", %s, on_limit: {queue: 60s}}' % limit)
    with Lab(serve, http=http) as lab, lab.proxy.connect() as holder, lab.proxy.connect() as waiter:
        holder.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.origin.requests, "one is held")
        waiter.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.proxy.counters()["limit_queued"] == 1, "the other one waits")
        released.set()
        waiter.settimeout(PATIENCE)
        assert read_answer(Reader(waiter)).status == 200


# ---- Answers that count ----


def _denies_at_the_head(connection):
    """401 for the head alone, late enough for the client to break off before."""
    while True:
        head = connection.head()
        if not head:
            return
        with connection.origin.lock:
            connection.origin.requests.append(head)
        time.sleep(PATIENCE)


LOGIN = _routes('{match: "POST /login", limits: [{limit: "3 %s", count_status: [401]}]}' % FOREVER)
HEAD = b"POST /login HTTP/1.1\r\nHost: a\r\nAuthorization: Basic abc\r\n"


def a_login_whose_body_turns_out_malformed_counts_once_the_origin_had_it():
    with Lab(_denies_at_the_head, http=LOGIN) as lab:
        for i in range(3):
            with lab.proxy.connect() as sock:
                sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n")
                eventually(lambda i=i: len(lab.origin.requests) == i + 1, "the origin has it")
                sock.sendall(b"zz\r\n")
                assert read_answer(Reader(sock)).status == 400
        with lab.proxy.connect() as sock:
            sock.sendall(HEAD + b"Content-Length: 3\r\n\r\nbad")
            assert read_answer(Reader(sock)).status == 429


def a_login_whose_body_does_not_come_counts_once_the_origin_had_it():
    with Lab(_denies_at_the_head, http=LOGIN + "  timeouts: {body: 1s}\n") as lab:
        socks = [lab.proxy.connect() for _ in range(3)]
        for sock in socks:
            sock.sendall(HEAD + b"Content-Length: 9\r\n\r\nbad")
        assert [read_answer(Reader(sock)).status for sock in socks] == [408] * 3
        with lab.proxy.connect() as sock:
            sock.sendall(HEAD + b"Content-Length: 3\r\n\r\nbad")
            assert read_answer(Reader(sock)).status == 429


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
