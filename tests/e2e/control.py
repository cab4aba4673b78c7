#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The control socket and the metrics listener against clients kind, clumsy and hostile.

Runs a sluiced of its own, on a policy without interfaces: neither root nor BPF is needed. Each hostile client
has a control beside it: somebody else who is served meanwhile.

    tests/e2e/control.py build/sluiced [TEST]...
"""

import os
import select
import socket
import sys
import time
import unittest

from control_lab import BODY_MAX, CONTROL_MAX, HEAD_MAX, POLICY, Agent, Answer, read_all, read_answer
from http_lab import eventually


class ControlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = Agent()
        cls.agent.start()

    @classmethod
    def tearDownClass(cls):
        cls.agent.stop()
        cls.agent.dir.cleanup()

    def tearDown(self):
        """Whatever a test did, the next one is served, by the same process."""
        self.assert_serves()
        self.assertIsNone(self.agent.process.poll())

    def assert_serves(self):
        begun = time.monotonic()
        self.assertEqual(self.agent.ask("GET", "/healthz").status, 200)
        self.assertLess(time.monotonic() - begun, 9, "it waited for somebody's deadline")

    def assert_problem(self, answer, status):
        self.assertEqual(answer.status, status, answer.raw[:300])
        self.assertEqual(answer.field("Content-Type"), "application/problem+json")
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"] and problem["detail"])

    # ---- Kind ---------------------------------------------------------------------

    def test_status_is_json_with_the_documented_keys(self):
        answer = self.agent.ask("GET", "/v1/status")
        self.assertEqual(answer.field("Content-Type"), "application/json")
        self.assertLessEqual({"version", "pid", "state", "policy", "interfaces", "reasons",
                              "tables", "faults", "pinned"}, answer.json().keys())
        self.assertEqual(answer.json()["pid"], self.agent.process.pid)

    def test_requests_follow_each_other_on_one_connection(self):
        with self.agent.connect() as s:
            for _ in range(3):
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(read_answer(s).body, b"alive\n")

    def test_requests_sent_ahead_are_answered_in_order(self):
        with self.agent.connect() as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                      b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                      b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertEqual([read_answer(s).status for _ in range(3)], [200, 404, 200])
            self.assertEqual(read_all(s), b"")

    def test_a_request_in_single_bytes_is_answered(self):
        with self.agent.connect() as s:
            for byte in b"POST /v1/policy/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}":
                s.sendall(bytes([byte]))
            self.assertIn(read_answer(s).status, (200, 422))

    def test_head_has_the_length_and_no_body(self):
        answer = self.agent.ask("HEAD", "/healthz")
        self.assertEqual((answer.status, answer.field("Content-Length"), answer.body),
                         (200, "6", b""))

    def test_a_client_that_asks_first_is_told_to_go_on(self):
        body = POLICY.encode()
        with self.agent.connect() as s:
            s.sendall(b"POST /v1/policy/diff HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                      b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            self.assertEqual(s.recv(25), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(body)
            self.assertEqual(Answer(read_all(s)).json()["changes"], [])

    def test_a_client_that_half_closes_after_its_request_is_answered(self):
        with self.agent.connect() as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(read_answer(s).status, 200)
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(s), b"")

    def test_following_events_stays_open(self):
        with self.agent.connect() as s:
            s.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200 OK", s.recv(4096))
            s.settimeout(1)
            with self.assertRaises(TimeoutError):
                s.recv(1)

    def test_without_a_packet_plane_its_commands_are_409(self):
        for target in ("/v1/sources", "/v1/rules", "/v1/bans", "/v1/sources/192.0.2.7"):
            self.assert_problem(self.agent.ask("GET", target), 409)

    def test_the_policy_in_force_loads_again_without_a_change(self):
        text = self.agent.ask("GET", "/v1/policy")
        self.assertEqual(text.field("Content-Type"), "application/yaml")
        self.assertEqual(self.agent.ask("POST", "/v1/policy/diff", text.body).json()["changes"],
                         [])

    # ---- Clumsy -------------------------------------------------------------------

    def test_a_policy_that_does_not_load_changes_nothing_and_says_where(self):
        before = self.agent.ask("GET", "/v1/policy").body
        answer = self.agent.ask("POST", "/v1/policy/load", POLICY.encode() + b"nonsense: 1\n")
        self.assert_problem(answer, 422)
        problem = answer.json()["problems"][0]
        self.assertEqual((problem["line"], problem["severity"]), (8, "error"))
        self.assertEqual(self.agent.ask("GET", "/v1/policy").body, before)

    def test_ten_megabytes_of_nonsense_are_one_answer(self):
        noise = os.urandom(1 << 20) * 10
        self.assert_problem(self.agent.ask("POST", "/v1/policy/load", noise), 422)

    def test_deep_nesting_is_an_error_and_not_a_crash(self):
        self.assert_problem(self.agent.ask("POST", "/v1/policy/load", b"[" * 1000000), 422)
        self.assertIn(self.agent.ask("POST", "/v1/bans", b"[" * 60000).status, (400, 409))

    def test_another_method_is_405_with_the_right_ones(self):
        answer = self.agent.ask("PUT", "/v1/bans")
        self.assert_problem(answer, 405)
        self.assertEqual(answer.field("Allow"), "GET, POST, DELETE")

    def test_bad_parameters_are_400(self):
        for target in ("/v1/sources?top=-1", "/v1/sources?top=99999999999999999999",
                       "/v1/sources?by=size", "/v1/rules?by=size", "/v1/rules?top=x", "/v1/sources?all=2", "/v1/events?last=x",
                       "/v1/events?follow=%00", "/v1/explain/%zz", "/v1/cache/show",
                       "/v1/cache/show?url=%zz", "/v1/cache/top?by=size", "/v1/cache/top?top=0",
                       "/v1/cache/top?top=1001", "/v1/clients?over=2", "/v1/clients?top=0",
                       "/v1/clients?key=" + "x" * 300):
            self.assert_problem(self.agent.ask("GET", target), 400)

    def test_what_is_neither_an_address_nor_a_key_is_404(self):
        self.assert_problem(self.agent.ask("GET", "/v1/explain/300.1.1.1"), 404)

    # ---- Hostile ------------------------------------------------------------------

    def test_malformed_requests_are_refused_and_the_connection_closed(self):
        cases = {
            b"\x00\x01\x02\x03\r\n\r\n": 400,
            b"GET /healthz\r\n\r\n": 400,
            b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n": 400,
            b"GET /healthz HTTP/1.1\r\n\r\n": 400,
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n": 400,
            b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n": 400,
            b"GET /healthz HTTP/1.1\nHost: x\n\n": 400,
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n": 400,
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n": 400,
            b"POST /v1/bans HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n": 400,
            b"POST /v1/bans HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n": 400,
            b"POST /v1/bans HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n": 400,
            b"POST /v1/bans HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 411,
            b"POST /v1/bans HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n": 501,
            b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n": 400,
            b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n": 501,
        }
        for request, status in cases.items():
            with self.subTest(request=request):
                answer = self.agent.raw(request)
                self.assertIn(answer.status, {status, 400} if status >= 500 else {status})
                self.assertEqual(answer.field("Connection"), "close")

    def test_a_head_up_to_the_limit_is_served_and_one_beyond_is_431(self):
        start = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: "
        fits = HEAD_MAX - len(start) - 4
        self.assertEqual(self.agent.raw(start + b"a" * fits + b"\r\n\r\n").status, 200)
        self.assert_problem(self.agent.raw(start + b"a" * (fits + 1) + b"\r\n\r\n"), 431)
        self.assert_problem(self.agent.raw(start + b"a" * (10 << 20)), 431)

    def test_a_body_beyond_its_limit_is_refused_before_it_is_sent(self):
        for target, limit in (("/v1/bans", 65536), ("/v1/policy/load", BODY_MAX)):
            with self.agent.connect() as s:
                s.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                          % (target.encode(), limit + 1))
                self.assert_problem(read_answer(s), 413)

    def test_the_answer_is_read_by_a_client_that_sends_on(self):
        request = (b"POST /v1/bans HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
                   + b"x" * 1000000)
        self.assert_problem(self.agent.raw(request), 413)

    def test_a_slow_head_is_408_after_its_deadline_and_others_are_served(self):
        begun = time.monotonic()
        with self.agent.connect(timeout=60) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\n")
            for _ in range(5):
                s.sendall(b"A")
                self.assert_serves()
                time.sleep(0.5)
            self.assert_problem(Answer(read_all(s)), 408)
        self.assertGreater(time.monotonic() - begun, 9)
        self.assertLess(time.monotonic() - begun, 40)

    def test_a_slow_body_is_408_and_one_that_makes_progress_is_not(self):
        length = 4 << 20
        head = (b"POST /v1/policy/diff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % length)
        with self.agent.connect(60) as slow, self.agent.connect(60) as steady:
            slow.sendall(head + b"# ")
            steady.sendall(head)
            for _ in range(14):  # 14 seconds: beyond the deadline of a head
                time.sleep(1)
                steady.sendall(b"#" * (length // 14))
            self.assert_problem(Answer(read_all(slow)), 408)
            steady.sendall(b"#" * (length - 14 * (length // 14)))
            self.assertEqual(Answer(read_all(steady)).status, 422)

    def test_a_hundred_clients_at_once_are_all_answered(self):
        clients = [self.agent.connect() for _ in range(100)]
        for s in clients:
            s.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for s in clients:
            self.assertEqual(Answer(read_all(s)).status, 200)
            s.close()

    def test_a_crowd_that_says_nothing_keeps_nobody_out(self):
        crowd = [self.agent.connect() for _ in range(3 * CONTROL_MAX)]
        self.assert_serves()
        for s in crowd:
            s.close()

    def test_followers_leave_room_for_others(self):
        crowd = []
        for _ in range(64):
            s = self.agent.connect()
            s.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            crowd.append(s)
        statuses = [Answer(s.recv(4096)).status for s in crowd]
        self.assertEqual((statuses.count(200), statuses.count(503)), (32, 32))
        self.assert_serves()
        for s in crowd:
            s.close()

    def test_large_bodies_together_are_bounded(self):
        head = (b"POST /v1/policy/diff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % BODY_MAX)
        piece = b"#" * (1 << 20)
        crowd = [self.agent.connect() for _ in range(4)]
        for s in crowd:
            try:
                s.sendall(head + piece * 100)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused long ago
        self.assertLess(self.agent.memory_kib(), 400 << 10)
        eventually(lambda: len(select.select(crowd, [], [], 0)[0]) >= 2, "two are refused")
        time.sleep(0.2)
        refused = select.select(crowd, [], [], 0)[0]
        self.assertEqual(len(refused), 2)
        for s in refused:
            self.assert_problem(Answer(read_all(s)), 503)
        self.assert_serves()
        for s in crowd:
            s.close()
        eventually(lambda: self.agent.memory_kib() < 100 << 10, "it is given back")

    def test_a_client_that_never_reads_costs_only_itself(self):
        with self.agent.connect() as s:
            s.setblocking(False)
            try:
                for _ in range(100000):
                    s.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            except BlockingIOError:
                pass
            self.assert_serves()
            self.assertLess(self.agent.memory_kib(), 100 << 10)

    # ---- Strangers ------------------------------------------------------------------

    def test_the_metrics_listener_only_reads(self):
        strangers = self.agent.connect_metrics
        self.assertEqual(self.agent.ask("GET", "/metrics", connect=strangers).status, 200)
        self.assertEqual(self.agent.ask("GET", "/healthz", connect=strangers).status, 200)
        self.assertEqual(self.agent.ask("GET", "/readyz", connect=strangers).status, 200)
        for method, target in (("GET", "/v1/status"), ("POST", "/v1/detach"),
                               ("POST", "/v1/bans"), ("GET", "/v1/policy")):
            self.assert_problem(self.agent.ask(method, target, connect=strangers), 404)
        self.assert_problem(self.agent.ask("POST", "/metrics", connect=strangers), 405)
        self.assert_problem(self.agent.ask("GET", "/metrics", b"x", connect=strangers), 413)

    def test_the_metrics_are_text_that_counts_reloads(self):
        answer = self.agent.ask("GET", "/metrics")
        self.assertTrue(answer.field("Content-Type").startswith("text/plain; version=0.0.4"))
        self.assertIn(b'sluice_reloads_total{result="failed"}', answer.body)

    def test_a_crowd_at_the_metrics_leaves_the_control_socket_alone(self):
        crowd = [self.agent.connect_metrics() for _ in range(200)]
        self.assert_serves()
        self.assertEqual(
            self.agent.ask("GET", "/healthz", connect=self.agent.connect_metrics).status, 200)
        for s in crowd:
            s.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2, warnings="ignore")
