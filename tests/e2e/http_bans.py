#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a ban does to connections, and what the agent makes of a child that asks for bans it has no right to.

usage: http_bans.py [TEST]...    (root; $BUILD names the build directory)
"""

import contextlib
import ctypes
import os
import re
import signal
import socket
import struct
import time

from host import settle
from http_lab import ROOT, Reader, eventually, freeze, kill, read_answer
from two_planes import BAD, CLIENT, ESCALATE, GOOD, HOST, HOST6, OTHER, Scene, is_reset, run_all

SYS_PIDFD_GETFD = 438
CHILD_FD = 3


# ---- A ban closes ------------------------------------------------------------------------


def a_ban_resets_every_open_connection_of_its_source_and_no_other():
    with Scene(http=ESCALATE) as scene:
        mine = [scene.connect() for _ in range(20)]
        others = [scene.connect(OTHER) for _ in range(5)]
        for sock in mine + others:
            sock.sendall(GOOD)
            assert read_answer(Reader(sock)).status == 200
        for _ in range(5):
            scene.send(BAD)
        assert all(is_reset(sock) for sock in mine)
        for sock in others:
            sock.sendall(GOOD)
            assert read_answer(Reader(sock)).status == 200


def a_ban_by_hand_or_of_a_network_resets_connections_too():
    with Scene() as scene:
        sock, other = scene.connect(), scene.connect(OTHER)
        for each in (sock, other):
            each.sendall(GOOD)
            assert read_answer(Reader(each)).status == 200
        scene.sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.2", "for": "1h"}')
        assert is_reset(sock)
        assert scene.story() == ["banned"] and scene.events()[0]["cause"] == "manual", scene.events()
        scene.sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.0/28", "for": "1h"}')
        assert is_reset(other)


def an_import_resets_those_it_bans_and_no_other():
    with Scene() as scene:
        sock, other = scene.connect(), scene.connect(OTHER)
        lines = ["10.8.%d.%d 1h" % (i // 256, i % 256) for i in range(5000)] + ["10.9.0.2 1h"]
        scene.sluice.ask("POST", "/v1/import", "\n".join(lines))
        assert is_reset(sock)
        other.sendall(GOOD)
        assert read_answer(Reader(other)).status == 200


def a_ban_for_packets_resets_connections_too():
    with Scene(top="bans: {after: 20 drops in 10 seconds, for: 1 minute}", tier=", connections: 1/second burst 5") as scene:
        sock = scene.connect()
        with scene.client.inside():
            knocking = [socket.socket() for _ in range(60)]
        for one in knocking:
            one.setblocking(False)
            one.connect_ex((HOST, 80))
        eventually(lambda: CLIENT in scene.bans(), "the datapath bans")
        assert scene.bans()[CLIENT]["cause"] == "drops"
        assert is_reset(sock)
        for one in knocking:
            one.close()


def a_ban_while_the_child_is_started_again_closes_what_waited_for_it():
    with Scene() as scene:
        for wait in ("100ms", "200ms", "400ms"):
            eventually(lambda: scene.send(GOOD) == 200, "a child serves")
            kill(scene.sluice.http_child())
            eventually(lambda: "again in %s" % wait in scene.sluice.log(), "it is to be started again")
        waiting, other = scene.connect(), scene.connect(OTHER)
        scene.sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.2", "for": "1h"}')
        assert is_reset(waiting)
        assert scene.ask(other).status == 200


def connections_that_wait_to_be_accepted_are_reset_too():
    with Scene() as scene:
        other = scene.connect(OTHER)
        assert scene.ask(other).status == 200
        child = scene.sluice.http_child()
        freeze(child)
        waiting = [scene.connect() for _ in range(50)]
        scene.sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.2", "for": "1h"}')
        time.sleep(0.2)
        os.kill(child, signal.SIGCONT)
        assert all(is_reset(sock) for sock in waiting)
        assert scene.ask(other).status == 200


# ---- A child that was taken over -----------------------------------------------------------


def _pipe_constants():
    """Version and number of BAN, as agent/http/pipe.h has them."""
    with open(os.path.join(ROOT, "agent", "http", "pipe.h"), encoding="utf-8") as header:
        text = header.read()
    kinds = re.findall(r"X\((\w+), (?:CHILD|PARENT),", text)
    return int(re.search(r"PIPE_VERSION\s+(\d+)", text).group(1)), kinds.index("BAN")


def _ban_message(number):
    version, kind = _pipe_constants()
    payload = struct.pack("=BB2xI4B12x", 4, 0, 40, 100, number >> 16 & 255, number >> 8 & 255, number & 255)
    return struct.pack("=HHIQ", version, kind, len(payload), 0) + payload


def _taken_over(scene):
    """The child's end of its pipe, as somebody who has taken it over would use it."""
    pidfd = os.pidfd_open(scene.sluice.http_child())
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, CHILD_FD, 0)
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=fd)


def a_hundred_thousand_asks_are_bounded_and_cost_packets_nothing():
    with Scene(http=ESCALATE + "  max: {per_source: 100}\n") as scene:
        # What passes meanwhile is counted where it arrives.
        with scene.host.inside():
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sink.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
            sink.bind((HOST, 9000))
        with scene.client.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.connect((HOST, 9000))
        sock, pipe = scene.connect(), _taken_over(scene)
        pipe.setblocking(True)
        messages = [_ban_message(i) for i in range(100000)]
        before, begun, slowest = scene.sluice.reasons(), time.monotonic(), 0.0
        for i, message in enumerate(messages):
            pipe.send(message)
            if i % 100 == 0:
                sender.send(b"x")
            if i % 10000 == 5000:
                asked = time.monotonic()
                assert scene.sluice.status()["state"] == "protecting"
                assert scene.ask(sock).status == 200
                slowest = max(slowest, time.monotonic() - asked)
        took = time.monotonic() - begun
        assert slowest < 30, "the agent is kept from others for %.1f s" % slowest
        eventually(lambda: len(scene.bans()) >= 100, "some are granted")
        assert len(scene.bans()) <= 100 * (int(took) + 2), (len(scene.bans()), took)
        time.sleep(1)
        pipe.send(messages[0])
        pipe.close()
        eventually(lambda: "beyond 100 a second" in scene.sluice.log(), "it is logged")
        after = scene.sluice.reasons()
        assert after["banned"] == before["banned"], "packets of the innocent were dropped"
        settle(scene.host, scene.client, CLIENT, HOST)
        sink.setblocking(False)
        arrived = 0
        with contextlib.suppress(BlockingIOError):
            while sink.recv(16):
                arrived += 1
        assert arrived == 1000, "%d of 1000 datagrams arrived" % arrived
        assert scene.send(GOOD) == 200


def a_child_cannot_have_its_own_host_or_a_proxy_banned():
    with Scene(http=ESCALATE + "  trusted_proxies: [%s]\n" % OTHER) as scene:
        version, kind = _pipe_constants()
        pipe = _taken_over(scene)
        for address in (HOST, OTHER, "127.0.0.1", "127.9.9.9"):
            payload = struct.pack("=BB2xI", 4, 0, 40) + socket.inet_aton(address) + bytes(12)
            pipe.send(struct.pack("=HHIQ", version, kind, len(payload), 0) + payload)
        payload = struct.pack("=BB2xI", 6, 0, 40) + socket.inet_pton(socket.AF_INET6, HOST6)
        pipe.send(struct.pack("=HHIQ", version, kind, len(payload), 0) + payload)
        eventually(lambda: scene.story(OTHER) == ["refused"], "it is told")
        pipe.close()
        time.sleep(0.2)
        assert not scene.bans(), scene.bans()
        assert scene.send(GOOD, OTHER) == 200


if __name__ == "__main__":
    run_all(globals())
