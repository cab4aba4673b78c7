# SPDX-License-Identifier: BSD-2-Clause
"""Requests from addresses of the loopback network, and files of keys, for the tests of limits."""

import hashlib
import os
import signal
import socket
import tempfile
import threading

from http_lab import PATIENCE, Reader, read_answer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
FOREVER = "per 10 hours"  # a window that no test outlives


def ask_from(lab, path="/", fields="", method="GET", source="127.0.0.1", body=b""):
    """One request from an address of the loopback network, on a connection of its own."""
    length = "Content-Length: %d\r\n" % len(body) if body else ""
    raw = ("%s %s HTTP/1.1\r\nHost: api.test\r\n%s%s\r\n" % (method, path, length, fields)).encode("latin-1") + body
    with socket.create_connection(("127.0.0.1", lab.proxy.port), timeout=PATIENCE, source_address=(source, 0)) as sock:
        sock.sendall(raw)
        return read_answer(Reader(sock), method)


def statuses_of(lab, count, *args, **options):
    return [ask_from(lab, *args, **options).status for _ in range(count)]


def let_in_of(lab, count, *args, **options):
    return statuses_of(lab, count, *args, **options).count(200)


def routes_of(*routes):
    return "  routes:\n" + "".join("    - %s\n" % route for route in routes)


def together(count, do):
    """do(i) at once for all i; what they returned."""
    results, ready = [None] * count, threading.Barrier(count)

    def one(i):
        ready.wait()
        results[i] = do(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def count_of(lab, limit, route="*"):
    """What one limit has done: allowed, refused, refused on a dry run."""
    lines = lab.proxy.signal(signal.SIGUSR2, "end")
    for line in lines:
        words = line.split("\t")
        if words[0] == "limit" and words[1:3] == [route, limit]:
            return tuple(int(word) for word in words[3:6])
    raise AssertionError("no such limit: %s" % lines)


def digest_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    def __init__(self, text):
        self.dir = tempfile.TemporaryDirectory(prefix="slkeys")
        self.path = os.path.join(self.dir.name, "keys")
        self.write(text)

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dir.cleanup()
