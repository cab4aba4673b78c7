# SPDX-License-Identifier: BSD-2-Clause
"""What runs inside the demonstration's namespaces: the API, and those who use it.

usage: parts.py serve ADDRESS PORT
       parts.py sink ADDRESS PORT
       parts.py polite ADDRESS PORT RATE SECONDS
       parts.py greedy ADDRESS PORT RATE SECONDS
       parts.py abuser ADDRESS PORT RATE SECONDS

Each prints what it has seen so far as one JSON object a line, four times a second.
"""

import http.server
import json
import os
import select
import socket
import struct
import sys
import time

REPORT_SECONDS = 0.25
SEQUENCE = struct.Struct("!Q")
SO_RCVBUFFORCE = 33
ANSWER_SECONDS = 10  # a request without an answer for so long is lost


class Reporter:
    """Prints at most every REPORT_SECONDS, so that nobody measured waits for a pipe."""

    def __init__(self):
        self.due = 0.0

    def tell(self, facts, now=None):
        """now None: the last word, printed in any case."""
        if now is not None and now < self.due:
            return
        self.due = (now or 0) + REPORT_SECONDS
        print(json.dumps(facts), flush=True)


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment an answer
    timeout = 60
    logins = 0  # that got as far as here

    def do_GET(self):
        self.answer(200, {"path": self.path, "hello": self.headers.get("X-Forwarded-For")})

    def do_POST(self):
        Api.logins += 1
        print(json.dumps({"serving": True, "logins": Api.logins}), flush=True)
        self.answer(401, {"error": "wrong password"})

    def answer(self, status, facts):
        body = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


def serve(address, port):
    server = http.server.ThreadingHTTPServer((address, int(port)), Api)
    print(json.dumps({"serving": True, "logins": 0}), flush=True)
    server.serve_forever()


def sink(address, port):
    """Counts the datagrams that reach a socket of the host, each sequence number once."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    receiver.bind((address, int(port)))
    receiver.settimeout(REPORT_SECONDS)
    reporter, seen = Reporter(), set()
    reporter.tell({"arrived": 0})
    while True:
        try:
            datagram = receiver.recv(2048)
            if len(datagram) >= SEQUENCE.size:
                seen.add(SEQUENCE.unpack_from(datagram)[0])
        except TimeoutError:
            pass
        reporter.tell({"arrived": len(seen)}, time.monotonic())


def read_answer(connection):
    """The path an answer with status 200 speaks of; anything else is an error."""
    head, _, body = b"", b"", b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed")
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if b" 200 " not in lines[0]:
        raise ConnectionError(lines[0].decode("latin-1"))
    length = next(int(line.split(b":")[1]) for line in lines
                  if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed")
        body += more
    return json.loads(body)["path"]


def quantile(sorted_numbers, share):
    if not sorted_numbers:
        return None
    return sorted_numbers[min(len(sorted_numbers) - 1, int(share * len(sorted_numbers)))]


class Polite:
    """Requests at a steady pace over one connection, each with a number its answer must repeat."""

    def __init__(self, address, port):
        self.peer = (address, int(port))
        self.connection = None
        self.sent = self.answered = 0
        self.taken = []

    def request(self):
        self.sent += 1
        before = time.monotonic()
        try:
            if self.connection is None:
                self.connection = socket.create_connection(self.peer, timeout=ANSWER_SECONDS)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            path = f"/users/{self.sent}"
            self.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: api\r\n\r\n".encode())
            self.answered += read_answer(self.connection) == path
            self.taken.append(time.monotonic() - before)
        except (OSError, ValueError, StopIteration):
            if self.connection:
                self.connection.close()
            self.connection = None

    def facts(self):
        taken = sorted(self.taken)
        return {"sent": self.sent, "answered": self.answered,
                "median": quantile(taken, 0.5), "p99": quantile(taken, 0.99)}


def polite(address, port, rate, seconds):
    client, reporter = Polite(address, port), Reporter()
    start = time.monotonic()
    while (now := time.monotonic()) < start + float(seconds):
        due = start + client.sent / float(rate)
        if due > now:
            time.sleep(due - now)
        client.request()
        reporter.tell(client.facts(), now)
    reporter.tell(client.facts())


def greedy(address, port, rate, seconds):
    """Numbered datagrams, many times the limit. The seconds told lie between the first and the last."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, int(port)))
    sender.setblocking(False)
    reporter, sent, refused = Reporter(), 0, 0
    start = last = time.monotonic()
    while (now := time.monotonic()) < start + float(seconds):
        due = int((now - start) * float(rate)) + 1 - sent
        for _ in range(min(due, 64)):
            try:
                sender.send(SEQUENCE.pack(sent))
                sent += 1
            except OSError:  # its own queue is full, or the host says nobody listens
                refused += 1
        if due > 0:
            last = now
        else:
            time.sleep(0.0002)  # short against the millisecond in which a token comes back
        reporter.tell({"sent": sent, "refused": refused, "seconds": last - start}, now)
    reporter.tell({"sent": sent, "refused": refused, "seconds": last - start})


class Abuser:
    """Guesses passwords and takes no refusal: goes on at once, and comes back however often it is thrown out."""

    LOGIN = b"POST /login HTTP/1.1\r\nHost: api\r\nContent-Length: 0\r\n\r\n"
    OPEN = 10  # connections, of which one is used
    PATIENCE_SECONDS = 0.1

    def __init__(self, address, port):
        self.peer = (address, int(port))
        self.connections = []
        self.counts = {"sent": 0, "guessed": 0, "refused": 0, "reset": 0, "unreachable": 0}

    def open(self):
        """All at once. TimeoutError: none of them gets through."""
        if self.connections:
            return
        waiting = []
        for _ in range(self.OPEN):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(self.peer)
            waiting.append(connection)
        _, self.connections, _ = select.select([], waiting, [], self.PATIENCE_SECONDS)
        for connection in waiting:
            if connection not in self.connections:
                connection.close()
        if not self.connections:
            raise TimeoutError
        for connection in self.connections:
            connection.settimeout(self.PATIENCE_SECONDS)

    def guess(self):
        connection, answer = self.connections[0], b""
        connection.sendall(self.LOGIN)
        self.counts["sent"] += 1
        while b"}\n" not in answer and not answer.endswith(b"}"):  # both answers are JSON
            more = connection.recv(4096)
            if not more:
                raise ConnectionResetError
            answer += more
        self.counts["refused" if b" 429 " in answer[:20] else "guessed"] += 1

    def give_up(self):
        for connection in self.connections:
            connection.setblocking(False)
            try:
                connection.recv(1)
            except ConnectionResetError:
                self.counts["reset"] += 1
            except OSError:
                pass
            connection.close()
        self.connections = []

    def go_on(self):
        try:
            self.open()
            self.guess()
        except TimeoutError:
            self.counts["unreachable"] += 1
            self.give_up()
        except OSError:
            self.counts["reset"] += 1
            self.give_up()


def abuser(address, port, rate, seconds):
    client, reporter, turns = Abuser(address, port), Reporter(), 0
    start = time.monotonic()
    while (now := time.monotonic()) < start + float(seconds):
        due = start + turns / float(rate)
        if due > now:
            time.sleep(due - now)
        turns = max(turns + 1, int((now - start) * float(rate)))  # what it missed it does not make up for
        client.go_on()
        reporter.tell(client.counts, now)
    reporter.tell(client.counts)


PARTS = {"serve": serve, "sink": sink, "polite": polite, "greedy": greedy, "abuser": abuser}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        sys.exit(__doc__)
    try:
        PARTS[sys.argv[1]](*sys.argv[2:])
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(1)  # nobody reads on
