# SPDX-License-Identifier: BSD-2-Clause
"""The command line under test, and servers that answer it as an agent does, or does not."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SLUICE = os.path.join(ROOT, os.environ.get("BUILD", "build"), "sluice")
if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and "/" in sys.argv[1]:
    SLUICE = os.path.abspath(sys.argv.pop(1))

ZERO = {"packets": 0, "bytes": 0}
SOURCE = {
    "source": "192.0.2.66", "tier": "public", "rule": None,
    "passed": {"packets": 1200345, "bytes": 90000000},
    "flagged": ZERO, "dropped": {"packets": 3600000, "bytes": 270000000},
    "banned_until": "2099-01-01T00:00:00Z",
    "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:10:00Z",
}
STATUS = {
    "version": "0.1.0", "pid": 4242, "started": "2026-01-01T00:00:00Z", "uptime": 11520,
    "state": "protecting", "generation": 12,
    "policy": {"path": "/etc/sluice/policy.yaml", "loaded": "2026-01-01T00:00:00Z",
               "reloads": 3, "failed_reloads": 1, "tiers": 3, "prefixes": 120000},
    "interfaces": [{"name": "eth0", "ifindex": 2, "mode": "native", "adopted": True,
                    "flags": True, "why": "dispatcher refused by the kernel",
                    "packets": 5000000, "bytes": 3650722201,
                    "dropped": {"packets": 3600000, "bytes": 270000000}}],
    "reasons": {"conforming": {"verdict": "pass", "packets": 1200345, "bytes": 90000000},
                "over_packets": {"verdict": "drop", "packets": 3600000, "bytes": 270000000},
                "malformed": {"verdict": "drop", "packets": 0, "bytes": 0}},
    "tiers": {"public": {"passed": {"packets": 1200345, "bytes": 1}, "flagged": ZERO,
                         "dropped": {"packets": 3600000, "bytes": 1}}},
    "tables": {"sources": {"used": 32768, "max": 65536},
               "strangers": {"used": 12, "max": 2097152, "bytes": 16777216},
               "bans": {"used": 1, "max": 262144}, "ban_prefixes": {"used": 0},
               "allows": {"used": 0}},
    "faults": {"evicted": 0, "promote_budget": 77}, "events_lost": 0, "pinned": True,
}
BAN = {"prefix": "192.0.2.66", "since": "2026-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z",
       "remaining": 600, "strikes": 2, "cause": "manual", "reason": "scraper"}
EXPLAIN = {
    "address": "192.0.2.66", "source": "192.0.2.66", "tier": "public",
    "rule": {"prefix": "192.0.2.0/24", "line": 9, "passed": {"packets": 5, "bytes": 500},
             "flagged": ZERO, "dropped": {"packets": 1234567, "bytes": 1}}, "verdict": "drop", "reason": "banned",
    "why": "banned by hand", "tracked": True,
    "limits": [{"kind": "packets", "rate": 2000, "burst": 4000, "tokens": 1000, "share": 0.25},
               {"kind": "bytes", "rate": 1048576, "burst": 2097152, "tokens": 2097152,
                "share": 1.0}],
    "ban": BAN, "allow": None, "counts": SOURCE,
}
EVENT = {"time": "2026-01-01T00:00:05Z", "source": "192.0.2.66", "event": "limited",
         "tier": "public", "reason": "over_packets", "packets": 1234567, "until": None,
         "strikes": 0, "interface": "eth0"}


def answer(body, status="200 OK", kind="application/json"):
    """The bytes of a whole answer."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def problem(status, title, detail, **more):
    return answer({"status": int(status[:3]), "title": title, "detail": detail, **more}, status,
                  "application/problem+json")


class Server:
    """A Unix socket on which respond(connection, method, target, body) answers."""

    def __init__(self, respond):
        self.directory = tempfile.TemporaryDirectory(prefix="slL")
        self.path = os.path.join(self.directory.name, "control")
        self.requests = []
        self.respond = respond
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(30)
        self.directory.cleanup()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self.exchange(connection)
                except OSError:
                    pass

    def exchange(self, connection):
        text = b""
        while b"\r\n\r\n" not in text:
            more = connection.recv(65536)
            if not more:
                return
            text += more
        head, body = text.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        self.requests.append((method, target, fields))
        self.respond(connection, method, target, (body, int(fields.get("content-length", 0))))


def read_body(connection, begun, slowly=False):
    body, total = begun
    pieces, have = [body], len(body)
    while have < total:
        more = connection.recv(65536)
        if not more:
            break
        pieces.append(more)
        have += len(more)
        if slowly and len(pieces) % 50 == 0:
            time.sleep(0.01)
    return b"".join(pieces)


def canned(text):
    """Respond with these bytes, whatever is asked."""
    def respond(connection, _method, _target, begun):
        read_body(connection, begun)
        connection.sendall(text)
    return respond


def by_path(answers):
    def respond(connection, _method, target, begun):
        read_body(connection, begun)
        connection.sendall(answers[target.split("?")[0]])
    return respond


class Outcome:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")


def sluice(*words, stdin=b"", locale="C.UTF-8", timeout=120, env=None):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": locale, "TERM": "xterm-256color"} | (env or {})
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return Outcome(subprocess.run([SLUICE, *words], input=stdin, capture_output=True,
                                  env=environment, timeout=timeout, check=False))


def ask(respond, *words, **more):
    """Run one command against a server of its own; returns its outcome and what was asked."""
    if isinstance(respond, bytes):
        respond = canned(respond)
    with Server(respond) as server:
        outcome = sluice(*words, "--control", server.path, **more)
        return outcome, server.requests


def file_of(text):
    file = tempfile.NamedTemporaryFile(suffix=".yaml")
    file.write(text)
    file.flush()
    return file
