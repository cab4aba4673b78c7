#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Status, metrics, log and readiness of the HTTP plane, with a whole sluiced over real sockets.

    tests/e2e/http_control.py build/sluiced [TEST]...
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from http_control_lab import POLICY, Lab, LabTest
from http_lab import freeze, has_answer, kill


class StatusTest(LabTest):
    def test_status_tells_of_the_planes_there_are(self):
        self.lab.ask("/lists/a")
        status = self.lab.sluice("status", "--json").json()
        self.assertEqual((status["state"], status["packet_plane"]), ("serving", False))
        plane = status["http"]
        self.assertTrue(plane["serving"] and plane["answering"] and not plane["draining"])
        self.assertEqual(plane["listen"], [f"127.0.0.1:{self.lab.port}"])
        self.assertEqual(plane["connections"]["max"], 200)
        self.assertGreaterEqual(plane["requests"], 1)
        self.assertEqual([(each["server"], each["up"]) for each in plane["upstreams"]],
                         [(f"127.0.0.1:{self.lab.origin.port}", True)])
        text = self.lab.sluice("status").out
        for word in ("serving", f"127.0.0.1:{self.lab.port}", "UPSTREAM", "cache"):
            self.assertIn(word, text)
        for word in ("pinned", "REASON", "no packet", "generation 0"):
            self.assertNotIn(word, text)

    def test_what_has_no_packet_plane_cannot_be_detached_and_stays_ready(self):
        done = self.lab.sluice("detach")
        self.assertEqual(done.code, 1)
        self.assertIn("no packet plane", done.err)
        self.assertEqual(self.lab.sluice("status", "--json").json()["state"], "serving")

    def test_top_shows_requests_where_there_are_no_packets(self):
        stop = threading.Event()

        def knock():
            while not stop.wait(0.02):
                self.lab.ask("/lists/top")
        knocking = threading.Thread(target=knock)
        knocking.start()
        try:
            rates = self.lab.sluice("top", "--json").json()["http"]
            frame = self.lab.sluice("top", "--once").out
        finally:
            stop.set()
            knocking.join()
        self.assertGreater(rates["requests_per_second"], 1)
        self.assertGreater(rates["answers_per_second"]["2xx"], 1)
        self.assertGreater(rates["hits_per_second"], 1)
        self.assertRegex(frame, r"serving.*\nhttp +\d+/s  2xx \d+.* hits \d")
        self.assertRegex(frame, rf"default +127\.0\.0\.1:{self.lab.origin.port} +up +\d+\n")
        for word in ("SOURCE", "dropped", "REASON", "bans"):
            self.assertNotIn(word, frame)

    def test_the_metrics_are_what_promtool_checks(self):
        self.lab.ask("/lists/a")
        self.lab.ask("/bad%zz")
        time.sleep(1.1)  # what was scraped before is kept for a second
        _, text = self.lab.open("/metrics")
        for line in ("sluice_http_up 1", 'sluice_http_responses_total{class="2xx"}',
                     'sluice_http_requests_refused_total{reason="bad_path"}', "sluice_cache_hits_total",
                     'sluice_cache_not_stored_total{reason="no-freshness"}',
                     'sluice_http_upstream_seconds_bucket{le="+Inf"}', "sluice_http_memory_bytes",
                     f'sluice_http_upstream_up{{upstream="default",server="127.0.0.1:{self.lab.origin.port}"}} 1'):
            self.assertIn(line, text)
        refused = re.search(r'refused_total{reason="bad_path"} (\d+)', text)
        self.assertGreaterEqual(int(refused.group(1)), 1)
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is not installed (package prometheus)")
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_the_histogram_counts_every_answer_once(self):
        time.sleep(1.1)
        _, text = self.lab.open("/metrics")
        counts = [int(n) for n in re.findall(r'upstream_seconds_bucket{le="[^"]+"} (\d+)', text)]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(counts[-1], int(re.search(r"upstream_seconds_count (\d+)", text).group(1)))

    def test_a_child_that_hangs_costs_who_asks_a_second_and_others_nothing(self):
        child = self.lab.child()
        freeze(child)
        try:
            self.assertTrue(any(self.somebody_is_served_meanwhile() for _ in range(10)), "all wait for the child")
            done = self.lab.sluice("cache", "stats")
            self.assertEqual(done.code, 1)
            self.assertIn("did not answer in time", done.err)
            status = self.lab.sluice("status", "--json").json()["http"]
            self.assertEqual((status["serving"], status["answering"]), (True, False))
            self.assertIn("does not answer", self.lab.sluice("explain", "127.0.0.1").out)
            self.assertEqual(self.lab.open("/metrics")[0], 200)
        finally:
            os.kill(child, signal.SIGCONT)
        self.assertEqual(self.lab.sluice("cache", "stats").code, 0)

    def question(self, target):
        """A connection to the control socket on which so much is asked for."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(60)
        sock.connect(self.lab.socket)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return sock

    def somebody_is_served_meanwhile(self):
        """Whether one is answered while another waits. On a busy machine that second may be over before."""
        with self.question("/v1/cache/top") as waits, self.question("/v1/policy") as served:
            self.assertTrue(served.recv(100).startswith(b"HTTP/1.1 200 "))
            is_waiting = not has_answer(waits)
            self.assertIn(b" 504 ", waits.recv(100))
            return is_waiting

    def test_questions_under_way_when_the_child_dies_are_answered(self):
        said = b" 504 "
        for _ in range(5):  # on a busy machine the second that it is waited for may be over before
            if b" 504 " in said:
                child = self.lab.child()
                said = self.kill_while_it_is_asked(child)
        self.assertIn(b"ended meanwhile", said)
        self.lab.wait(lambda: self.lab.open("/readyz")[0] == 200, "the next child serves")
        status = self.lab.sluice("status", "--json").json()["http"]
        self.assertGreaterEqual(status["restarts"], 1)
        self.assertNotEqual(status["pid"], child)

    def kill_while_it_is_asked(self, child):
        """What who has asked is told."""
        freeze(child)
        with self.question("/v1/cache/stats") as asking:
            with self.question("/healthz") as behind:  # when this is answered that has been read
                self.assertIn(b"200", behind.recv(100))
            kill(child)
            said = asking.recv(65536)
        self.lab.wait(lambda: self.lab.open("/readyz")[0] == 200, "the next child serves")
        return said

    def test_a_crowd_asking_a_stuck_child_locks_nobody_out(self):
        child = self.lab.child()
        freeze(child)
        crowd = []
        try:
            for _ in range(60):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(self.lab.socket)
                sock.sendall(b"GET /v1/cache/top HTTP/1.1\r\nHost: x\r\n\r\n")
                crowd.append(sock)
            self.assertEqual(self.lab.sluice("policy", "show").code, 0)
            for sock in crowd[:30]:
                sock.close()
        finally:
            os.kill(child, signal.SIGCONT)
        for sock in crowd[30:]:
            sock.settimeout(60)
            self.assertTrue(sock.recv(12).startswith(b"HTTP/1.1 "))
            sock.close()
        self.assertEqual(self.lab.sluice("status").code, 0)

    def test_requests_sent_ahead_of_an_answer_from_the_child_are_answered_in_order(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.lab.socket)
            sock.sendall(b"GET /v1/cache/stats HTTP/1.1\r\nHost: x\r\n\r\n"
                         b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b""
            while more := sock.recv(65536):
                text += more
        self.assertLess(text.index(b'"enabled"'), text.index(b"alive"))

    def test_the_access_log_names_the_upstream_of_what_was_no_hit(self):
        for _ in range(2):
            self.lab.ask("/lists/logged")
        self.lab.ask("/off")

        def upstreams(target):  # each thread writes its lines by itself
            lines = [json.loads(line) for line in self.read(self.lab.log).splitlines()]
            return {line.get("upstream") for line in lines if line["target"] == target}
        upstream = f"127.0.0.1:{self.lab.origin.port}"
        self.lab.wait(lambda: upstreams("/lists/logged") == {upstream, None}, "the miss and the hit")
        self.lab.wait(lambda: upstreams("/off") == {upstream}, "what is never stored")

    def test_the_access_log_says_what_cache_and_limits_made_of_it(self):
        wanted = {"/lists/told": [("hit", None, None), ("miss", None, None)],
                  "/off?told": [("bypass", None, None)] * 2,
                  "/few": [("bypass", "ok", None), (None, "refused", "1-per-3600s")],
                  "/tried": [("bypass", "ok", None), ("bypass", "dry_run", "1-per-3600s")]}
        for target in wanted:
            self.lab.ask(target)
            self.lab.ask(target)

        self.lab.ask("/FEW")

        def said(target):  # each thread writes its lines by itself
            lines = [json.loads(line) for line in self.read(self.lab.log).splitlines()]
            self.assertEqual({line["route"] for line in lines if line["target"] == "/FEW"} - {"*"}, set())
            self.assertEqual({line["route"] for line in lines if line["target"] == "/few"} - {"GET /few"}, set())
            return sorted(((line.get("cache"), line.get("limit"), line.get("limit_name"))
                           for line in lines if line["target"] == target), key=str)
        self.lab.wait(lambda: len(said("/FEW")) == 1, "the path in capitals")
        for target, expected in wanted.items():
            self.lab.wait(lambda: said(target) == sorted(expected, key=str), f"{target}: {expected}")

    def test_the_log_tells_in_words_what_an_operator_did(self):
        self.lab.ask("/few")
        for words in (("limit", "reset", "127.0.0.1"), ("cache", "purge", "--tag", "lists", "--soft"),
                      ("cache", "purge", "--all")):
            self.assertEqual(self.lab.sluice(*words).code, 0, words)
        log = self.lab.read_log().decode()
        self.assertRegex(log, r'http: \d+ counts of "127\.0\.0\.1" are forgotten, as told\n')
        self.assertIn('cache: made stale, as told: tag "lists"\n', log)
        self.assertIn("cache: purged, as told: everything\n", log)
        self.assertNotIn("{", log)

    def test_the_access_log_is_opened_anew(self):
        self.lab.ask("/one")
        self.lab.wait(lambda: "/one" in self.read(self.lab.log), "a line in the file")
        os.rename(self.lab.log, self.lab.log + ".1")
        self.assertEqual(self.lab.sluice("log", "reopen").code, 0)
        self.lab.ask("/two")
        self.lab.wait(lambda: "/two" in self.read(self.lab.log), "a line in the new file")
        self.assertNotIn("/two", self.read(self.lab.log + ".1"))
        self.assertIn("/one", self.read(self.lab.log + ".1"))

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_an_answer_that_is_not_asked_for_by_the_right_method_is_405(self):
        conn = socket.socket(socket.AF_UNIX)
        conn.connect(self.lab.socket)
        conn.sendall(b"GET /v1/cache/purge HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertIn(b" 405 ", conn.recv(100))
        conn.close()


class ReadinessTest(unittest.TestCase):
    def test_readiness_fails_while_draining_and_while_no_child_serves(self):
        lab = Lab()
        try:
            self.assertEqual(lab.open("/readyz"), (200, "serving\n"))
            lab.origin.go_on.clear()
            asking = threading.Thread(target=lab.ask, args=("/slow",))
            asking.start()
            lab.wait(lambda: lab.origin.count("/slow"), "the origin is asked")
            lab.sluiced.terminate()
            lab.wait(lambda: lab.open("/readyz") == (503, "draining\n"), "draining")
            self.assertEqual(lab.open("/healthz"), (200, "alive\n"))
            self.assertEqual(lab.sluice("status", "--json").json()["state"], "draining")
            lab.origin.go_on.set()
            asking.join(60)
            self.assertEqual(lab.sluiced.wait(60), 0)
        finally:
            lab.close()

    def test_a_policy_without_a_cache_says_so(self):
        lab = Lab(POLICY.replace("cache: {{stale_on_error: 60 seconds}}", "cache: off"))
        try:
            self.assertIn("no cache", lab.sluice("cache", "stats").out)
            done = lab.sluice("cache", "purge", "--all")
            self.assertEqual(done.code, 1)
            self.assertIn("no cache", done.err)
        finally:
            lab.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
