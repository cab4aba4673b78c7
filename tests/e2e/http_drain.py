#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reload, drain and the access log: what becomes of connections and lines when the policy or the process changes."""

import os
import signal
import socket
import sys
import threading
import time

from http_lab import (
    PATIENCE, Lab, Origin, Proxy, Reader, eventually, free_port, freeze, policy, read_answer, run, says, tests_of)

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"


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
