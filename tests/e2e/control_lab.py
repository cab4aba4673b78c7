# SPDX-License-Identifier: BSD-2-Clause
"""An agent, and its control socket byte by byte."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time

from http_lab import free_port

BUILD = os.environ.get("BUILD", "build")
SLUICED = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 else os.path.join(BUILD, "sluiced"))

POLICY = """
tiers:
  public: {packets: 2000/second burst 4000}
default: public
http:
  listen: ["127.0.0.1:%d"]
  upstream: ["127.0.0.1:1"]
""" % free_port()
CONTROL_MAX = 128
HEAD_MAX = 16384
BODY_MAX = 128 << 20


class Answer:
    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.lines = head.decode("latin-1").split("\r\n")
        self.status = int(self.lines[0].split()[1]) if raw else 0

    def field(self, name):
        for line in self.lines[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def json(self):
        return json.loads(self.body)


def read_all(sock):
    """Everything until the peer closes. A reset after the answer counts as an end."""
    got = b""
    try:
        while True:
            more = sock.recv(65536)
            if not more:
                return got
            got += more
    except ConnectionResetError:
        return got


def read_answer(sock):
    """One answer with a Content-Length, for connections that stay open."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = sock.recv(1)
        if not more:
            return Answer(got)
        got += more
    length = int(Answer(got).field("Content-Length") or 0)
    body = b""
    while len(body) < length:
        body += sock.recv(length - len(body))
    return Answer(got + body)


class Agent:
    """A sluiced in a directory of its own."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="slC")
        self.socket = os.path.join(self.dir.name, "run", "control")
        self.policy = os.path.join(self.dir.name, "policy.yaml")
        self.log = os.path.join(self.dir.name, "log")
        self.port = free_port()
        self.process = None
        with open(self.policy, "w") as f:
            f.write(POLICY)

    def command(self, *more):
        return [SLUICED, "--policy", self.policy, "--control", self.socket, "--metrics",
                f"127.0.0.1:{self.port}", "--state", os.path.join(self.dir.name, "state"), *more]

    def start(self, env=None):
        with open(self.log, "ab") as log:
            told = log.tell()
            self.process = subprocess.Popen(self.command(), stderr=log, env=env)
        for _ in range(3000):
            if b"ready:" in self.read_log()[told:]:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(self.read_log().decode())

    def read_log(self):
        with open(self.log, "rb") as f:
            return f.read()

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)

    def connect(self, timeout=60):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(self.socket)
        return s

    def connect_metrics(self, timeout=60):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data, connect=None):
        with (connect or self.connect)() as s:
            try:
                s.sendall(data)
            except BrokenPipeError:
                pass
            return Answer(read_all(s))

    def ask(self, method, target, body=b"", connect=None):
        head = (f"{method} {target} HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        return self.raw(head.encode() + body, connect)

    def memory_kib(self, name="VmRSS"):
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        return 0
