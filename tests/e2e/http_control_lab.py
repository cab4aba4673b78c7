# SPDX-License-Identifier: BSD-2-Clause
"""A whole sluiced over real sockets, an origin, and the command line, for the tests of control."""

import http.client
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from http_lab import free_port

BUILD = os.environ.get("BUILD", "build")
SLUICED = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 else os.path.join(BUILD, "sluiced"))
SLUICE = os.path.join(os.path.dirname(SLUICED), "sluice")

POLICY = """
http:
  listen: ["127.0.0.1:{listen}"]
  upstream: ["127.0.0.1:{origin}"]
  max: {{connections: 200, per_source: 150}}
  access_log: {{file: "{log}", format: json}}
  timeouts: {{drain: 60 seconds}}
  cache: {{stale_on_error: 60 seconds}}
  routes:
    - {{match: "GET /lists/*", cache: 60 seconds, tags: [lists]}}
    - {{match: "GET /lang", cache: {{for: 60 seconds, key: {{headers: [accept-language]}}}}}}
    - {{match: "GET /search", cache: {{for: 60 seconds, key: {{query: [q]}}}}}}
    - {{match: "GET /off", cache: off}}
    - {{match: "GET /few", cache: off, limits: ["1 per hour"]}}
    - {{match: "GET /tried", cache: off, limits: ["1 per hour"], dry_run: true}}
"""


class Origin(http.server.ThreadingHTTPServer):
    """Answers what it is told to; counts what it is asked; a path that begins with /slow waits to be let go."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.asked, self.answers, self.lock = [], {}, threading.Lock()
        self.is_dead = False  # then it closes instead of answering
        self.go_on = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, path):
        with self.lock:
            return sum(1 for method, at in self.asked if at == path)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        with self.server.lock:
            self.server.asked.append((self.command, self.path))
        if self.server.is_dead:
            self.close_connection = True
            return
        if self.path.startswith("/slow"):
            self.server.go_on.wait(60)
        headers = {"Cache-Control": "max-age=60"} if "/" not in self.path[1:] else {}
        headers.update(self.server.answers.get(self.path, {}))
        if self.path in ("/lang", "/search") or self.path.startswith("/search?"):
            headers = {}
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"content\n")

    do_GET = do_PURGE = answer


class Outcome:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


class Lab:
    def __init__(self, policy=POLICY):
        self.origin = Origin()
        self.dir = tempfile.mkdtemp(prefix="slH")
        os.chmod(self.dir, 0o755)
        self.port, self.metrics = free_port(), free_port()
        self.policy, self.log = os.path.join(self.dir, "policy.yaml"), os.path.join(self.dir, "access.log")
        self.socket = os.path.join(self.dir, "control")
        self.write(policy)
        self.told = open(os.path.join(self.dir, "log"), "w+b")
        self.sluiced = subprocess.Popen(
            [SLUICED, "--policy", self.policy, "--control", self.socket, "--metrics",
             f"127.0.0.1:{self.metrics}", "--state", os.path.join(self.dir, "state")], stderr=self.told)
        self.wait(lambda: b"ready:" in self.read_log(), "ready")

    def write(self, policy):
        with open(self.policy, "w", encoding="utf-8") as out:
            out.write(policy.format(listen=self.port, origin=self.origin.port, log=self.log))

    def read_log(self):
        with open(self.told.name, "rb") as log:
            return log.read()

    def wait(self, is_true, what, seconds=60):
        end = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > end or self.sluiced.poll() is not None:
                raise AssertionError(f"waited in vain: {what}\n{self.read_log().decode()}")
            time.sleep(0.02)

    def ask(self, path, method="GET", **headers):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        conn.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = conn.getresponse()
        answer.body = answer.read()
        conn.close()
        return answer

    def is_hit(self, path, **headers):
        return "; hit" in self.ask(path, **headers).headers["Cache-Status"]

    def sluice(self, *words):
        return Outcome(subprocess.run([SLUICE, "--control", self.socket, *words], text=True,
                                      capture_output=True, timeout=120))

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def open(self, path):
        """(status, body) on the metrics listener."""
        conn = http.client.HTTPConnection("127.0.0.1", self.metrics, timeout=60)
        try:
            conn.request("GET", path)
            answer = conn.getresponse()
            return answer.status, answer.read().decode()
        finally:
            conn.close()

    def child(self):
        return self.sluice("status", "--json").json()["http"]["pid"]

    def close(self):
        self.origin.go_on.set()
        self.sluiced.terminate()
        try:
            self.sluiced.wait(60)
        except subprocess.TimeoutExpired:
            self.sluiced.kill()
            self.sluiced.wait()
        self.told.close()
        self.origin.shutdown()
        self.origin.server_close()
        shutil.rmtree(self.dir)


class LabTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def purge(self, *words):
        done = self.lab.sluice("cache", "purge", *words)
        self.assertEqual(done.code, 0, done.err)
        return done
