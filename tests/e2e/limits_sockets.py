#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits beside Flask-Limiter over real sockets: random requests of real clients, each at its own real instant.

What limits_oracle.py compares for thousands of traces on a clock of their own is compared here for what leaves the
socket. Flask-Limiter is told the instants that were measured; a request that may have been judged within 50 ms of the
edge of a window is where the comparison of its client ends.
"""

import heapq
import random
import socket
import subprocess
import sys
import time

from http_lab import PATIENCE, Lab, Reader, read_answer, run, says, tests_of
from limits_oracle import SYSTEM_PYTHON, flask_answers, items_of, name_of, same

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
STRATEGIES = ("fixed-window", "moving-window")
LIMITS = (["3 per 1 second"], ["2 per 2 second"], ["2 per 1 second", "5 per 3 second"], ["4 per 2 second", "3 per 1 second"])
CLIENTS = 48
SECONDS = 9  # three of the longest windows
EDGE = 0.05
SCHEDULED_FROM_EDGE = 0.12  # planned so far away that most are still 50 ms away when they are judged


class _Client:
    """An address of the loopback network, on a route of its own limits, and all that it did."""

    def __init__(self, lab, number):
        self.rng = random.Random(number)
        self.address = "127.0.%d.%d" % (1 + number // 200, 1 + number % 200)
        self.kind = number % len(STRATEGIES)
        self.limits = LIMITS[number // len(STRATEGIES) % len(LIMITS)]
        self.windows = [int(limit.split()[2]) for limit in self.limits]
        path = "/%d-%d" % (self.kind, LIMITS.index(self.limits))
        self.raw = ("GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n" % path).encode()
        self.socks = [socket.create_connection(("127.0.0.1", lab.proxy.port), timeout=PATIENCE,
                                               source_address=(self.address, 0)) for _ in range(2)]
        self.readers = [Reader(sock) for sock in self.socks]
        self.asked = []  # (before, after, status, RateLimit)

    def is_near_edge(self, before, after, distance):
        return any(before - distance < at[1] + window and at[0] + window < after + distance
                   for at in self.asked for window in self.windows)

    def ask(self):
        which = len(self.asked) % len(self.socks)
        before = time.monotonic()
        self.socks[which].sendall(self.raw)
        answer = read_answer(self.readers[which])
        self.asked.append((before, time.monotonic(), answer.status, dict(answer.fields)))

    def next_pause(self):
        return self.rng.choice((0, 0, 0.02, self.rng.uniform(0, 0.5), self.rng.uniform(0, 1.5)))

    def trace(self, start):
        asks = [[1700000000 + before - start, self.address] for before, *_ in self.asked]
        return {"strategy": STRATEGIES[self.kind], "limits": self.limits, "cost": 1, "asks": asks}


def _policy():
    routes = ['    - {match: "/%d-%d", strategy: %s, limits: [%s]}\n' %
              (kind, i, strategy, ", ".join('"%s"' % limit for limit in limits))
              for kind, strategy in enumerate(STRATEGIES) for i, limits in enumerate(LIMITS)]
    return "  routes:\n" + "".join(routes)


def _let_them_ask(clients, start):
    due = [(start + client.next_pause(), i) for i, client in enumerate(clients)]
    heapq.heapify(due)
    while due:
        at, i = heapq.heappop(due)
        now = time.monotonic()
        if now - start > SECONDS:
            continue
        if at > now:
            time.sleep(at - now)
        now = time.monotonic()
        if clients[i].is_near_edge(now, now, SCHEDULED_FROM_EDGE):
            heapq.heappush(due, (now + EDGE, i))
            continue
        clients[i].ask()
        heapq.heappush(due, (time.monotonic() + clients[i].next_pause(), i))


def _compare(client, theirs):
    """How many requests were compared, and how many of those refused."""
    compared = refused = 0
    asked, client.asked = client.asked, []
    for one, answer in zip(asked, theirs):
        if client.is_near_edge(one[0], one[1], EDGE):
            break
        client.asked.append(one)
        place = "request %d of %s %s" % (compared, STRATEGIES[client.kind], client.limits)
        same("status", one[2], answer[0], place)
        left = {name: remaining for name, (remaining, _) in items_of(one[3]).items()}
        same("remaining", left, {name_of(limit): stats[1] for limit, stats in answer[2].items()}, place)
        compared += 1
        refused += one[2] == 429
    return compared, refused


def real_clients_are_answered_as_flask_limiter_would_have_answered_them():
    with Lab(says(OK), http=_policy(), threads=2) as lab:
        clients = [_Client(lab, number) for number in range(CLIENTS)]
        start = time.monotonic()
        _let_them_ask(clients, start)
        for sock in [sock for client in clients for sock in client.socks]:
            sock.close()
    theirs = flask_answers([client.trace(start) for client in clients])
    done = [_compare(client, answers) for client, answers in zip(clients, theirs)]
    compared, refused = map(sum, zip(*done))
    print("   %d clients, %d requests, %d of them refused" % (CLIENTS, compared, refused))
    assert compared > 4 * CLIENTS and refused > CLIENTS, "next to nothing was compared"


def _has_flask_limiter():
    return not subprocess.run([SYSTEM_PYTHON, "-c", "import flask_limiter"], stderr=subprocess.DEVNULL,
                              check=False).returncode


if __name__ == "__main__":
    if _has_flask_limiter():
        sys.exit(run(tests_of(sys.modules[__name__])))
    print("skip real_clients_are_answered_as_flask_limiter_would_have_answered_them: python3-flask-limiter is not installed")
