# SPDX-License-Identifier: BSD-2-Clause
"""A whole sluiced that serves HTTP on loopback, parent and child, and an origin beside it.

What the tests of processes, takeover and reload share; http_lab.py is the plane alone.
"""

import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from http_lab import BUILD, PATIENCE, eventually

SLUICED = os.environ.get("SLUICED", os.path.join(BUILD, "sluiced"))


class Origin(http.server.ThreadingHTTPServer):
    """Answers /N with N, so that an answer can be told from another's; /held once it is let go."""

    daemon_threads = True
    request_queue_size = 512

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            if self.path == "/held":
                self.server.let_go.wait(PATIENCE)
            body = (self.server.name + self.path).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self):
            try:
                super().handle()
            except (ConnectionError, ValueError):
                pass  # the plane that was killed, or a test that ended

        def log_message(self, *arguments):
            pass

    def __init__(self, name="", address=("127.0.0.1", 0)):
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, self.Handler)
        self.name = name
        self.let_go = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()


started = []  # agents, to be ended with the place they run in


class Agent:
    """One sluiced. Several may share a place: the second takes over from the first."""

    def __init__(self, place, policy, *options, metrics="off", wait=True, program=(SLUICED,), **popen):
        self.place = place
        self.policy = os.path.join(place, "policy.yaml")
        self.control = os.path.join(place, "control")
        self.log_path = os.path.join(place, "log.%d.%d" % (time.monotonic_ns(), id(self)))
        if policy:
            self.write(policy)
        self.log_file = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [*program, "--policy", self.policy, "--control", self.control, "--metrics", metrics,
             "--state", os.path.join(place, "state"), *options], stdout=subprocess.DEVNULL,
            stderr=self.log_file, **popen)
        started.append(self)
        if wait:
            self.until(lambda: "ready: " in self.log(), "it is ready")

    def kill(self):
        """Whatever became of the test."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def write(self, policy):
        with open(self.policy + ".new", "w", encoding="utf-8") as file:
            file.write(policy)
        os.rename(self.policy + ".new", self.policy)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def until(self, condition, what, within=PATIENCE):
        end = time.monotonic() + within
        while not condition():
            assert time.monotonic() < end, "never: %s\n%s" % (what, self.log())
            time.sleep(0.01)

    def reload(self, policy, word="loaded in"):
        before = self.log().count(word)
        self.write(policy)
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.log().count(word) > before, word)

    def child(self):
        """The process id of the HTTP child; 0: none at present."""
        with open("/proc/%d/task/%d/children" % (2 * (self.process.pid,)), encoding="ascii") as file:
            for pid in map(int, file.read().split()):
                if "--http-child" in command_of(pid):
                    return pid
        return 0

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.log_file.close()
        return self.process.returncode


def command_of(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


class Place(tempfile.TemporaryDirectory):
    """A directory that the child, who is nobody, may look into."""

    def __enter__(self):
        os.chmod(self.name, 0o755)
        return self.name

    def __exit__(self, *why):
        noise = ""
        while started:
            agent = started.pop()
            agent.kill()
            noise += agent.log()
        super().__exit__(*why)
        assert "Sanitizer" not in noise, noise


def policy(port, *origins, http=""):
    servers = ", ".join('"%s"' % (origin if isinstance(origin, str) else "127.0.0.1:%d" % origin.port)
                        for origin in origins)
    listen = port if isinstance(port, str) else '"127.0.0.1:%d"' % port
    extra = http if "cache:" in http else http + "  cache: off\n"
    return "http:\n  listen: [%s]\n  upstream: [%s]\n%s" % (listen, servers, extra)


# ---- Clients that count what goes wrong ----


class Load:
    """Clients in threads: some keep a connection, some make a new one for each request. Every answer is looked at."""

    def __init__(self, port, keeping=3, new=3):
        self.port = port
        self.ended = threading.Event()
        self.done = 0
        self.closed = 0  # kept connections that the server closed
        self.errors = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i, i < keeping), daemon=True)
                        for i in range(keeping + new)]
        for thread in self.threads:
            thread.start()

    def run(self, number, keeps):
        connection, i = None, 0
        while not self.ended.is_set():
            i += 1
            path = "/%d-%d" % (number, i)
            try:
                if connection is None:
                    connection = self.connect()
                closes = self.ask(connection, path)
                self.closed += closes and keeps
                if closes or not keeps:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException, AssertionError) as why:
                with self.lock:
                    self.errors.append("%s %s: %r" % ("kept" if keeps else "new", path, why))
                connection = None
            time.sleep(0.001)

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, connection, path):
        """True: the server said that it closes the connection, as it may at any time."""
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # RFC 9112 section 9.3.1: a connection that was idle may close at any moment. A fresh one may not.
            if not getattr(connection, "was_used", False):
                raise
            self.again(path)
            return True
        body = answer.read().decode()
        assert answer.status == 200, "status %d" % answer.status
        assert body.endswith(path), "%r is another's" % body
        with self.lock:
            self.done += 1
        connection.was_used = True
        return answer.will_close

    def go_on(self, count):
        """Wait until so many more have been answered."""
        wanted = self.done + count
        eventually(lambda: self.done >= wanted, "%d more are answered; %s" % (count, self.errors[:3]))

    def again(self, path):
        connection = self.connect()
        self.ask(connection, path)
        connection.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.done, self.errors


def get(port, path="/", timeout=PATIENCE, host="127.0.0.1"):
    """Status and body."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def ask_control(agent, method, path, body=b""):
    """The control socket's answer, as Python values."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(agent.control)
        client.sendall(b"%s %s HTTP/1.1\r\nHost: sluice\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                       % (method.encode(), path.encode(), len(body), body))
        got = b""
        while True:
            more = client.recv(65536)
            if not more:
                break
            got += more
    head, _, content = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)
