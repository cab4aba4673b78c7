#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The HTTP child and its parent: what it may, what becomes of it when it dies, and what a reload changes.

Runs a sluiced of its own on loopback, with an origin beside it. As root the child is another user; without root it
is confined all the same.

    tests/e2e/http_child.py build/sluiced [TEST]...
"""

import ctypes
import http.client
import http.server
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from http_agent import command_of
from http_lab import PATIENCE, free_port, kill

SLUICED = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else os.path.join(
    os.environ.get("BUILD", "build"), "sluiced")


PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24
FILES = 1500


def have_few_files():
    """A process that may have FILES open files and cannot get more, root or not."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


class Origin(http.server.ThreadingHTTPServer):
    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.server.asked += 1
            if self.path == "/held":
                self.server.let_go.wait(PATIENCE)
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"hi\n")

        def handle(self):
            try:
                super().handle()
            except ConnectionError:
                pass  # the plane that was killed

        def log_message(self, *arguments):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked, self.let_go = 0, threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class HttpChild(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.origin = Origin()
        self.addCleanup(self.origin.server_close)
        self.addCleanup(self.origin.shutdown)
        self.port = free_port()
        self.policy = os.path.join(self.dir.name, "policy.yaml")
        self.log_path = os.path.join(self.dir.name, "log")
        self.write()
        self.log_file = open(self.log_path, "wb")
        self.addCleanup(self.log_file.close)
        self.sluiced = subprocess.Popen(
            [SLUICED, "--policy", self.policy, "--control", os.path.join(self.dir.name, "ctl"),
             "--metrics", "off", "--state", os.path.join(self.dir.name, "state")],
            stderr=self.log_file, preexec_fn=have_few_files)
        self.addCleanup(self.end)
        self.until(lambda: "ready" in self.log(), "it is ready")

    def end(self):
        if self.sluiced.poll() is None:
            self.sluiced.kill()
            self.sluiced.wait()

    def write(self, listen=None, connections=200):
        listen = listen or ["127.0.0.1:%d" % self.port]
        with open(self.policy, "w") as file:
            file.write("http:\n  listen: [%s]\n  upstream: [\"localhost:%d\"]\n"
                       "  max: {connections: %d, per_source: 200}\n"
                       % (", ".join('"%s"' % each for each in listen),
                          self.origin.server_address[1], connections))

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def until(self, condition, what, within=PATIENCE):
        end = time.monotonic() + within
        while not condition():
            self.assertLess(time.monotonic(), end, "never: %s\n%s" % (what, self.log()))
            time.sleep(0.01)

    def reload(self, word):
        self.sluiced.send_signal(signal.SIGHUP)
        self.until(lambda: word in self.log(), word)

    def get(self, port=None, path="/", timeout=PATIENCE):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def child(self):
        with open("/proc/%d/task/%d/children" % (self.sluiced.pid, self.sluiced.pid),
                  encoding="ascii") as file:
            pids = [int(pid) for pid in file.read().split()]
        return next((pid for pid in pids if "--http-child" in command_of(pid)), 0)

    def status_of(self, pid):
        with open("/proc/%d/status" % pid, encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def test_a_request_goes_through_a_process_without_privileges(self):
        self.assertEqual(self.get(), 200)
        status = self.status_of(self.child())
        self.assertEqual(int(status["CapPrm"], 16), 0)
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        if os.geteuid() == 0:
            self.assertNotIn("0", status["Uid"].split())
            self.assertNotIn("0", status["Gid"].split())
            self.assertEqual(status["Groups"].strip(), "")

    @unittest.skipIf(os.geteuid(), "another process's files are read as root")
    def test_the_child_has_no_file_but_its_log_sockets_and_event_loops(self):
        pid = self.child()
        links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
        for link in links:
            self.assertTrue(link in ("/dev/null", self.log_path) or
                            link.startswith(("socket:", "anon_inode:", "pipe:")), link)

    def test_a_killed_child_is_started_again_and_answers_within_a_second(self):
        """At the first or a later try: that second is ours, not that of a machine with much else to do."""
        taken = [1.0]
        while taken[-1] >= 1.0 and len(taken) < 4:  # each is waited for twice as long as the one before
            first = self.child()
            kill(first)
            begun = time.monotonic()
            self.assertEqual(self.get(), 200)
            taken.append(time.monotonic() - begun)
            self.assertNotEqual(self.child(), first)
        self.assertLess(taken[-1], 1.0, taken)
        self.assertIn("ended: signal 9", self.log())

    def test_a_child_that_dies_again_and_again_is_waited_for_longer(self):
        for wait in ("100ms", "200ms", "400ms"):
            kill(self.child())
            self.until(lambda: "again in %s" % wait in self.log(), wait)
            self.assertEqual(self.get(), 200)

    def test_a_reload_adds_and_removes_listeners_and_keeps_connections(self):
        kept = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        kept.request("GET", "/")
        kept.getresponse().read()
        other = free_port()
        child = self.child()
        self.write(["127.0.0.1:%d" % self.port, "127.0.0.1:%d" % other])
        self.reload("loaded in")
        self.assertEqual(self.get(other), 200)
        kept.request("GET", "/")
        self.assertEqual(kept.getresponse().status, 200)
        kept.close()
        self.write(["127.0.0.1:%d" % other])
        self.sluiced.send_signal(signal.SIGHUP)
        self.until(lambda: self.log().count("loaded in") == 2, "the second reload")
        self.assertEqual(self.get(other), 200)

        def is_refused():
            try:
                self.get()
            except ConnectionError:
                return True
            return False

        self.until(is_refused, "the listener that was removed refuses")
        self.assertEqual(self.child(), child)

    def test_a_reload_that_the_child_refuses_changes_nothing(self):
        child = self.child()
        others = ["127.0.0.%d:%d" % (i, self.port) for i in range(2, 40)]
        self.write(["127.0.0.1:%d" % self.port] + others)
        self.reload("the policy in force is untouched")
        self.assertIn("too few to serve", self.log())
        self.assertEqual(self.get(), 200)
        with socket.socket() as client:
            self.assertNotEqual(client.connect_ex(("127.0.0.2", self.port)), 0)
        self.assertEqual(self.child(), child)

    def test_a_reload_onto_a_port_in_use_changes_nothing(self):
        self.write(["127.0.0.1:%d" % self.origin.server_address[1]])
        self.reload("Address already in use; the policy in force is untouched")
        self.assertEqual(self.get(), 200)

    def test_a_unix_socket_is_served_and_taken_away_at_the_end(self):
        path = os.path.join(self.dir.name, "http.sock")
        self.write(["unix:" + path])
        self.reload("loaded in")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(path)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.sluiced.terminate()
        self.assertEqual(self.sluiced.wait(PATIENCE), 0)
        self.assertFalse(os.path.exists(path))

    def test_sigterm_lets_a_request_end_and_then_ends(self):
        answer = []
        client = threading.Thread(target=lambda: answer.append(self.get(path="/held")))
        client.start()
        self.until(lambda: self.origin.asked, "the request has come")
        self.sluiced.terminate()
        time.sleep(0.2)
        self.assertIsNone(self.sluiced.poll())
        self.origin.let_go.set()
        self.assertEqual(self.sluiced.wait(PATIENCE), 0)
        client.join()
        self.assertEqual(answer, [200])
        self.assertIn("drained: exit code 0", self.log())

    def test_a_child_without_its_parent_drains_and_ends(self):
        child = self.child()
        self.sluiced.kill()
        self.sluiced.wait()

        def is_gone():
            try:
                return self.status_of(child)["State"].startswith("Z")
            except FileNotFoundError:
                return True

        self.until(is_gone, "the child ends")

    def test_nobody_starts_the_child_by_hand(self):
        done = subprocess.run([SLUICED, "--http-child"], stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"not by hand", done.stderr)


if __name__ == "__main__":
    unittest.main()
