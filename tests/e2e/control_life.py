#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The life of a sluiced without interfaces: its start, its files, its signals, its end.

    tests/e2e/control_life.py build/sluiced [TEST]...
"""

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

from control_lab import POLICY, SLUICED, Agent


class LifeTest(unittest.TestCase):
    def setUp(self):
        self.agent = Agent()
        self.addCleanup(self.agent.dir.cleanup)

    def start(self, env=None):
        self.agent.start(env)
        self.addCleanup(lambda: self.agent.process.poll() is None and self.agent.stop())

    def run_other(self, *more):
        return subprocess.run(self.agent.command(*more), stderr=subprocess.PIPE, timeout=120)

    def test_the_socket_is_for_its_owner_and_group(self):
        self.start()
        self.assertEqual(os.stat(self.agent.socket).st_mode & 0o777, 0o660)

    def test_sigterm_ends_it_with_0_and_takes_the_socket_away(self):
        self.start()
        self.assertEqual(self.agent.stop(), 0)
        self.assertFalse(os.path.exists(self.agent.socket))
        self.assertIn(b"stopped", self.agent.read_log())

    def test_a_second_one_says_that_the_first_is_running_and_harms_nothing(self):
        self.start()
        other = self.run_other("--metrics", "off")
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"already running", other.stderr)
        self.assertEqual(self.agent.ask("GET", "/healthz").status, 200)

    def test_a_socket_left_by_a_crash_is_replaced(self):
        self.start()
        self.agent.process.kill()
        self.agent.process.wait()
        self.assertTrue(os.path.exists(self.agent.socket))
        self.agent.start()
        self.assertEqual(self.agent.ask("GET", "/healthz").status, 200)

    def test_a_file_that_is_no_socket_is_not_replaced(self):
        os.mkdir(os.path.dirname(self.agent.socket))
        with open(self.agent.socket, "w") as f:
            f.write("precious")
        other = self.run_other()
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"no socket", other.stderr)
        with open(self.agent.socket) as f:
            self.assertEqual(f.read(), "precious")

    def test_sighup_loads_a_good_policy_and_keeps_the_old_one_over_a_bad_one(self):
        self.start()
        with open(self.agent.policy, "w") as f:
            f.write(POLICY.replace("2000/second", "3000/second"))
        self.agent.process.send_signal(signal.SIGHUP)
        self.wait_for(b"loaded in")
        with open(self.agent.policy, "w") as f:
            f.write("tiers: 7\n")
        self.agent.process.send_signal(signal.SIGHUP)
        self.wait_for(b"untouched")
        self.assertIn(b"3000/second", self.agent.ask("GET", "/v1/policy").body)
        policy = self.agent.ask("GET", "/v1/status").json()["policy"]
        self.assertEqual((policy["reloads"], policy["failed_reloads"]), (1, 1))

    def wait_for(self, text):
        for _ in range(3000):
            if text in self.agent.read_log():
                return
            time.sleep(0.02)
        self.fail(self.agent.read_log())

    def test_systemd_is_told_of_ready_reloading_and_stopping(self):
        path = os.path.join(self.agent.dir.name, "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(path)
        manager.settimeout(60)
        self.addCleanup(manager.close)
        self.start(dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="200000"))
        def hear():
            """The next word, but for those about listening sockets that the manager keeps."""
            while (word := manager.recv(1024)).startswith(b"FDSTORE"):
                pass
            return word
        self.assertIn(b"READY=1", hear())
        self.assertEqual(hear(), b"WATCHDOG=1")
        self.agent.process.send_signal(signal.SIGHUP)
        for word in (b"RELOADING=1\nMONOTONIC_USEC=", b"READY=1"):
            while not (told := hear()).startswith(word):
                self.assertEqual(told, b"WATCHDOG=1")
        self.agent.process.terminate()
        while b"STOPPING=1" not in manager.recv(1024):
            pass

    def test_every_start_that_fails_says_why_in_its_last_line(self):
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        self.addCleanup(taken.close)
        cases = (
            (("--policy", "/nonexistent.yaml"), 1, b"/nonexistent.yaml"),
            (("--metrics", "nowhere"), 1, b"expected ADDRESS:PORT"),
            (("--metrics", "127.0.0.1:%d" % taken.getsockname()[1]), 1, b"in use"),
            (("--control", "/" + "x" * 200), 1, b"bytes"),
            (("--control", "/nonexistent/dir/control"), 1, b"directory"),
            (("--log-level", "loud"), 2, b"expected error"),
            (("--nonsense",), 2, b"--help"),
            (("surplus",), 2, b"too many"),
        )
        for more, status, text in cases:
            with self.subTest(more=more):
                other = self.run_other(*more)
                self.assertEqual(other.returncode, status, other.stderr)
                self.assertIn(text, other.stderr)

    def test_check_finds_every_mistake_and_their_places(self):
        bad = os.path.join(self.agent.dir.name, "bad.yaml")
        with open(bad, "w") as f:
            f.write("tiers:\n  public: {packets: 0/second}\nnonsense: 1\n")
        found = subprocess.run([SLUICED, "--check", bad], capture_output=True, timeout=120)
        self.assertEqual(found.returncode, 1)
        self.assertIn(b"bad.yaml:2:", found.stderr)
        self.assertIn(b"bad.yaml:3:", found.stderr)
        good = subprocess.run([SLUICED, "--check", self.agent.policy], capture_output=True,
                              timeout=120)
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertNotIn(b"interfaces", good.stdout)

    def test_check_names_the_interfaces_a_policy_is_about(self):
        policy = os.path.join(self.agent.dir.name, "named.yaml")
        with open(policy, "w") as f:
            f.write('interfaces: [eth0, "ens*"]\nprotect: everything\ntiers:\n  a: unlimited\ndefault: a\n')
        found = subprocess.run([SLUICED, "--check", policy], capture_output=True, timeout=120)
        self.assertIn(b"\ninterfaces: eth0 ens*\n", found.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2, warnings="ignore")
