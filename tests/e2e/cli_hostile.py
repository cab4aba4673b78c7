#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line against servers that lie, stall and shout.

usage: cli_hostile.py [SLUICE]        (build/sluice)
"""

import time
import unittest

from cli_lab import Server, answer, ask, sluice


class HostileServers(unittest.TestCase):
    def refused(self, text, why):
        done, _ = ask(text, "status")
        self.assertEqual((done.code, done.out), (1, ""), text[:80])
        self.assertIn(why, done.err)
        self.assertEqual(done.err.count("\n"), 1)

    def test_every_beginning_of_a_good_answer_is_refused(self):
        text = answer({"state": "x"})
        for length in range(len(text)):
            self.refused(text[:length], "close" if not length else "ends early")

    def test_every_beginning_of_a_chunked_answer_is_refused(self):
        text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2;x=y\r\n1}\r\n0\r\nA: b\r\n\r\n"
        self.assertEqual(ask(text, "metrics")[0].out, '{"a":1}')
        for length in range(48, len(text)):
            self.refused(text[:length], "ends early")

    def test_what_is_not_http_is_refused(self):
        head = b"HTTP/1.1 200 OK\r\n"
        for text, why in (
                (b"SSH-2.0-OpenSSH\r\n", "not HTTP"), (b"HTTP/1.1 999 Odd\r\n\r\n", "not HTTP"),
                (b"HTTP/1.1 2000 OK\r\n\r\n", "not HTTP"), (b"\0\0\0\0", "NUL"),
                (head + b"Content-Length: -1\r\n\r\n", "no number"),
                (head + b"Content-Length: 99999999999999999999\r\n\r\n", "no number"),
                (head + b"Content-Length: 999999999999\r\n\r\n", "too large"),
                (head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "two Content-Lengths"),
                (head + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both"),
                (head + b"Transfer-Encoding: gzip\r\n\r\n", "not chunked"),
                (head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "no size"),
                (head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "no size"),
                (head + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than it says"),
                (head + b"no colon\r\n\r\n", "no name"),
                (head + b"A: " + b"x" * 5000, "too long"),
                (head + b"A: b\r\n" * 5000, "head is too large")):
            self.refused(text, why)

    def test_truncated_or_foreign_json_is_refused(self):
        for body in (b"", b"{", b'{"state": "x', b"[1,", b"\xff\xfe", b"<html>", b"[" * 100000,
                     b'{"a": 1e999}'):
            self.refused(answer(body), "no JSON")

    def test_json_of_the_wrong_shape_shows_nothing_and_breaks_nothing(self):
        shapes = [[], {}, [[]], [1, None, "x"], {"reasons": [], "interfaces": {}, "tables": 3},
                  {"reasons": {"a": None}, "tables": {"b": []}, "limits": [1], "ban": [],
                   "interfaces": [None]}]
        for body in shapes:
            for words in (["status"], ["sources"], ["explain", "::1"], ["bans"], ["allows"],
                          ["events"], ["ban", "::1"], ["detach"], ["reload"]):
                done, _ = ask(answer(body), *words)
                self.assertIn(done.code, (0, 1), (words, body))

    def test_an_endless_body_ends_at_the_limit(self):
        def respond(connection, _method, _target, _begun):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b" " * 1048576)
        done, _ = ask(respond, "status", timeout=300)
        self.assertEqual(done.code, 1)
        self.assertIn("too large", done.err)

    def test_an_endless_line_of_a_stream_ends_at_the_limit(self):
        def respond(connection, _method, _target, _begun):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)
        done, _ = ask(respond, "events", "--follow")
        self.assertEqual(done.code, 1)
        self.assertIn("too long", done.err)

    def test_a_silent_server_is_given_up_after_five_seconds_even_if_its_head_trickles(self):
        def silent(_connection, _method, _target, _begun):
            time.sleep(12)

        def trickle(connection, _method, _target, _begun):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(120):
                connection.sendall(b"A: b\r\n")
                time.sleep(0.1)
        for respond in (silent, trickle):
            begun = time.monotonic()
            with Server(respond) as server:
                done = sluice("status", "--control", server.path)
                taken = time.monotonic() - begun
            self.assertEqual(done.code, 1)
            self.assertIn("no answer in time", done.err)
            self.assertGreater(taken, 4.5)

    def test_interim_answers_and_bodies_until_close_are_understood(self):
        text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\n\r\n[]"
        self.assertEqual(ask(text, "bans", "--json")[0].out, "[]\n")


if __name__ == "__main__":
    unittest.main()
