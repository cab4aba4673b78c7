#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Connections that are more than requests and answers: WebSockets, other upgrades, PROXY headers."""

import socket
import struct
import sys
import threading
import time

from http_lab import PATIENCE, Lab, Reader, read_answer, run, says, tests_of

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"


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


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
