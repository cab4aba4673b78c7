#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Readers that never read, each on another object of a megabyte: the plane stays within its memory.

usage: http_cache_readers.py [--readers N]

The origin is a process of its own, so that descriptors suffice; it sends as fast as it is read.
"""

import argparse
import resource
import select
import socket
import subprocess
import sys
import time

import http_lab as lab

MEBIBYTE = 1 << 20
MEMORY = 96 * MEBIBYTE  # `max.memory`: cache and everything else
OTHER = 64 * MEBIBYTE  # program, stacks, scratch of the threads, and what malloc() has free in between
POLICY = """http:
  listen: ["127.0.0.1:PORT"]
  upstream: ["127.0.0.1:%d"]
  max: {memory: 96 MiB, connections: 20000, per_source: 20000, limit_table: 1 MiB}
  cache: {size: 64 MiB, object_max: 8 MiB}
  timeouts: {send: 6 seconds, idle: 6 seconds}
"""
ANSWER = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 1048576\r\n\r\n" + bytes(MEBIBYTE)


def raise_descriptors(wanted):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))


class Origin:
    """Answers each connection's requests with a megabyte, no faster than it is read."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.open = {}

    def run(self):
        print(self.listener.getsockname()[1], flush=True)
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.listener.fileno():
                    self.accept()
                else:
                    self.carry(fd)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            self.open[sock.fileno()] = [sock, 0, b""]
            self.poll.register(sock, select.EPOLLIN)

    def carry(self, fd):
        sock, left, head = self.open[fd]
        try:
            if not left:
                got = sock.recv(65536)
                head += got
                left = len(ANSWER) if b"\r\n\r\n" in head else 0
                if not got:
                    raise ConnectionResetError
            while left:
                left -= sock.send(memoryview(ANSWER)[len(ANSWER) - left:])
            self.open[fd] = [sock, 0, head if b"\r\n\r\n" not in head else b""]
            self.poll.modify(fd, select.EPOLLIN)
        except BlockingIOError:
            self.open[fd] = [sock, left, b"" if left else head]
            self.poll.modify(fd, select.EPOLLOUT if left else select.EPOLLIN)
        except OSError:
            self.poll.unregister(fd)
            sock.close()
            del self.open[fd]


class Lab:
    def __init__(self):
        self.origin = subprocess.Popen([sys.executable, __file__, "--origin"], stdout=subprocess.PIPE, text=True)
        self.proxy = lab.Proxy(POLICY % int(self.origin.stdout.readline()), threads=2)
        self.readers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.readers:
            sock.close()
        noise = self.proxy.stop()
        self.origin.kill()
        self.origin.wait()
        assert "Sanitizer" not in noise and not self.proxy.process.returncode, noise

    def begin_reading(self, count):
        """Clients that ask and never read. One that is refused at once is gone at once."""
        for i in range(count):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", self.proxy.port))
            sock.sendall(b"GET /%d HTTP/1.1\r\nHost: api.test\r\n\r\n" % i)
            self.readers.append(sock)

    def used(self):
        return self.proxy.counters()["memory"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=10000)
    parser.add_argument("--origin", action="store_true")
    options = parser.parse_args()
    raise_descriptors(65536)
    options.readers = min(options.readers, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
    if options.origin:
        Origin().run()

    def many_who_never_read_stay_within_the_memory_of_the_policy_and_it_comes_back():
        with Lab() as it:
            most = 0
            for _ in range(8):
                it.begin_reading(options.readers // 8)
                most = max(most, it.used())
            for _ in range(10):
                most = max(most, it.used())
                time.sleep(0.1)
            assert MEMORY / 2 < most <= MEMORY, most
            answer = it.proxy.get("/another")
            assert answer.status in (200, 502, 503), answer.line
            # Who reads nothing is reset after the time for sending, and the next one is served.
            lab.eventually(lambda: it.proxy.counters()["connections"] == 0, "all are reset", 120)
            assert it.proxy.get("/another").status == 200
            values = it.proxy.counters()
            assert values["slow_reader"] > 100, values["slow_reader"]
            peak = it.proxy.memory_kib() * 1024
            print("# %d readers: %d MiB of %d counted, %d MiB resident at most, %d reset for reading nothing" %
                  (options.readers, most // MEBIBYTE, MEMORY // MEBIBYTE, peak // MEBIBYTE, values["slow_reader"]))
            assert peak < MEMORY + OTHER, peak

    sys.argv[1:] = []
    return lab.run([many_who_never_read_stay_within_the_memory_of_the_policy_and_it_comes_back])


if __name__ == "__main__":
    sys.exit(main())
