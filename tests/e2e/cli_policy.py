#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line and policies: load, check, diff, show.

usage: cli_policy.py [SLUICE]        (build/sluice)
"""

import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest

from cli_lab import SLUICE, Server, answer, ask, file_of, problem, read_body, sluice


class Policy(unittest.TestCase):
    LOADED = {"generation": 13, "changes": ["tier public: packets 1/second -> 2/second"],
              "warnings": [{"line": 3, "column": 5, "text": "burst below 10"}],
              "notes": ["sizes wait for a restart"], "seconds": 0.25}

    def test_a_load_tells_changes_notes_and_warnings(self):
        with file_of(b"default: public\n") as file:
            done, asked = ask(answer(self.LOADED), "policy", "load", file.name)
            self.assertEqual(asked[0][1], "/v1/policy/load?path=" + file.name.replace("/", "%2F"))
            self.assertEqual(done.err, f"{file.name}:3:5: warning: burst below 10\n")
        self.assertIn("policy 13 is in force", done.out)
        self.assertIn("1/second -> 2/second", done.out)

    def test_a_policy_that_does_not_load_names_every_place(self):
        problems = [{"line": 2, "column": 3, "severity": "error", "text": "unknown key: tirs"},
                    {"line": 9, "column": 1, "severity": "error", "text": "no such tier"}]
        with file_of(b"x") as file:
            done, _ = ask(problem("422 Unprocessable", "bad policy", "nothing has changed",
                                  problems=problems), "policy", "load", file.name)
        self.assertEqual(done.code, 1)
        self.assertIn(f"{file.name}:2:3: error: unknown key: tirs\n", done.err)
        self.assertIn(f"{file.name}:9:1: error: no such tier\n", done.err)

    def test_an_empty_file_is_never_sent(self):
        with file_of(b"") as file:
            done, asked = ask(answer(self.LOADED), "policy", "load", file.name)
        self.assertEqual((done.code, asked), (1, []))
        self.assertIn("empty", done.err)

    def test_reload_sends_an_empty_body(self):
        _, asked = ask(answer(self.LOADED), "reload")
        self.assertEqual(asked[0][:2], ("POST", "/v1/policy/load"))
        self.assertEqual(asked[0][2]["content-length"], "0")

    def test_a_missing_file_or_a_directory_is_named(self):
        for path in ("/nonexistent.yaml", "/tmp"):
            done = sluice("policy", "load", path)
            self.assertEqual(done.code, 1)
            self.assertIn(f"cannot read {path}: ", done.err)

    def test_thirty_megabytes_reach_a_server_that_reads_slowly(self):
        text = b"  192.0.2.0/24: partner\n" * (30 * 1024 * 1024 // 24)
        got = []

        def respond(connection, _method, _target, begun):
            got.append(read_body(connection, begun, slowly=True))
            connection.sendall(answer(self.LOADED))
        with file_of(text) as file:
            done, _ = ask(respond, "policy", "load", file.name)
        self.assertEqual((done.code, got[0] == text), (0, True))

    def test_a_refusal_in_the_middle_of_an_upload_is_read(self):
        def respond(connection, _method, _target, _begun):
            connection.sendall(problem("413 Too Large", "too large", "at most 1 MiB"))
            connection.shutdown(socket.SHUT_RD)
        with file_of(b"x" * (20 << 20)) as file:
            done, _ = ask(respond, "policy", "load", file.name)
        self.assertEqual(done.code, 1)
        self.assertIn("too large; at most 1 MiB", done.err)

    def test_a_refusal_is_read_though_the_server_neither_reads_on_nor_closes(self):
        over, was_in_time = threading.Event(), []

        def respond(connection, _method, _target, _begun):
            connection.sendall(problem("413 Too Large", "too large", "at most 1 MiB"))
            was_in_time.append(over.wait(60))
        with file_of(b"x" * (20 << 20)) as file, Server(respond) as server:
            done = sluice("policy", "load", file.name, "--control", server.path)
            over.set()
        self.assertEqual((done.code, was_in_time), (1, [True]))

    def test_diff_lists_changes_or_says_there_are_none(self):
        with file_of(b"x") as file:
            done, _ = ask(answer({"changes": ["tier x: added"]}), "policy", "diff", file.name)
            self.assertEqual(done.out, "  * tier x: added\n")
            done, _ = ask(answer({"changes": []}), "policy", "diff", file.name)
            self.assertEqual(done.out, "loading it would change nothing\n")

    def test_check_runs_the_agents_program_beside_this_one_and_needs_no_agent(self):
        with tempfile.TemporaryDirectory() as directory:
            copy = os.path.join(directory, "sluice")
            daemon = os.path.join(directory, "sluiced")
            subprocess.run(["cp", SLUICE, copy], check=True)
            with open(daemon, "w", encoding="utf-8") as file:
                file.write("""#!/bin/sh
echo "$@"
echo "$2:3:5: error: unknown key: \\"x\\"" >&2
echo "$2:4:1: warning: small" >&2
echo "$2: error: cannot be read" >&2
echo "sluiced: odd" >&2
exit 1
""")
            os.chmod(daemon, 0o755)
            done = subprocess.run([copy, "policy", "check", "p.yaml"], capture_output=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout), (1, b"--check p.yaml\n"))
            self.assertEqual(done.stderr.count(b"\n"), 4)
            done = subprocess.run([copy, "policy", "check", "p.yaml", "--json"],
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (1, b"sluiced: odd\n"))
            self.assertEqual(json.loads(done.stdout), [
                {"line": 3, "column": 5, "severity": "error", "text": 'unknown key: "x"'},
                {"line": 4, "column": 1, "severity": "warning", "text": "small"},
                {"line": 0, "column": 0, "severity": "error", "text": "cannot be read"}])
            os.remove(daemon)
            done = subprocess.run([copy, "policy", "check", "p.yaml"], capture_output=True,
                                  env={"PATH": "/nonexistent"}, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"cannot run sluiced", done.stderr)


if __name__ == "__main__":
    unittest.main()
