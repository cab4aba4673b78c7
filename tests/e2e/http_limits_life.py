#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits with a whole sluiced: what becomes of counts and keys when processes and policies come and go."""

import os
import signal
import socket
import subprocess
import sys
import tempfile

from http_agent import SLUICED, Agent
from http_lab import BUILD, PATIENCE, Origin, Reader, eventually, free_port, read_answer, run, says, tests_of
from http_limits_lab import FOREVER, OK, Keys, digest_of


class _Agent(Agent):
    """In a place of its own, with an origin that says 200; gone at the end of `with`."""

    def __init__(self, http):
        self.dir = tempfile.TemporaryDirectory(prefix="slagent")
        os.chmod(self.dir.name, 0o755)
        self.origin = Origin(says(OK))
        self.port = free_port()
        super().__init__(self.dir.name, self.policy_with(http))

    def policy_with(self, http):
        return ('http:\n  listen: ["127.0.0.1:%d"]\n  upstream: ["127.0.0.1:%d"]\n  cache: off\n'
                "  max: {connections: 500, per_source: 400}\n%s" % (self.port, self.origin.port, http))

    def get(self, fields=""):
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as sock:
            sock.sendall(("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % fields).encode())
            return read_answer(Reader(sock)).status

    def reload_with(self, http, word="loaded"):
        self.reload(self.policy_with(http), word)

    def load_again(self):
        """What the command line says of a reload."""
        return subprocess.run([os.path.join(BUILD, "sluice"), "policy", "load", self.policy, "--control", self.control],
                              stdout=subprocess.PIPE, text=True, check=True).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.origin.stop()
        self.dir.cleanup()


def a_killed_child_and_a_reload_keep_the_counts():
    with _Agent('  limits: ["4 %s"]\n' % FOREVER) as agent:
        assert [agent.get() for _ in range(2)] == [200, 200]
        old = agent.child()
        os.kill(old, signal.SIGKILL)
        eventually(lambda: agent.child() not in (0, old), "another child")
        assert agent.get() == 200
        agent.reload_with('  limits: ["4 %s"]\n  name: another\n' % FOREVER)
        assert [agent.get() for _ in range(2)] == [200, 429]
        # Another N for the same window: the same counts.
        agent.reload_with('  limits: ["6 %s"]\n' % FOREVER)
        assert [agent.get() for _ in range(3)] == [200, 200, 429]


def keys_are_read_again_with_the_policy_and_a_broken_file_changes_nothing():
    with Keys("alice - %s\n" % digest_of("a-key")) as keys:
        os.chmod(keys.dir.name, 0o755)
        http = '  keys: {file: "%s"}\n  key: api-key\n  limits: ["1 %s"]\n' % (keys.path, FOREVER)
        with _Agent(http) as agent:
            assert [agent.get() for _ in range(2)] == [200, 429]
            bob = "X-API-Key: b-key\r\n"
            assert agent.get("X-API-Key: a-key\r\n") == 200 and agent.get(bob) == 429
            keys.write("alice - %s\nbob - %s\n" % (digest_of("a-key"), digest_of("b-key")))
            assert "these changes:\n  * http.keys: the keys in the file have changed\n" in agent.load_again()
            assert "nothing has changed" in agent.load_again()
            assert agent.get(bob) == 200 and agent.get(bob) == 429
            keys.write("alice - b-key\n")
            agent.reload_with(http, "the policy in force is untouched")
            assert ":1:9: expected the key's SHA-256" in agent.log(), agent.log()
            assert agent.get("X-API-Key: a-key\r\n") == 429


def policy_check_finds_a_broken_line_of_the_key_file():
    with Keys("alice - %s\nbob\n" % digest_of("a-key")) as keys:
        policy = os.path.join(keys.dir.name, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as file:
            file.write('http:\n  listen: ["127.0.0.1:1"]\n  upstream: ["127.0.0.1:2"]\n  keys: {file: "%s"}\n' % keys.path)
        done = subprocess.run([SLUICED, "--check", policy], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode, "it passed"
        said = done.stderr.decode()
        assert "policy.yaml:4:16: error: key file %s:2:4: expected the name of a tier" % keys.path in said, said


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
