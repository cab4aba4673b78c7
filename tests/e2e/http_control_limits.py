#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Control of limits and keys, with a whole sluiced over real sockets.

    tests/e2e/http_control_limits.py build/sluiced [TEST]...
"""

import json
import re
import subprocess
import time
import unittest

from http_control_lab import SLUICE, Lab


class LimitTest(unittest.TestCase):
    POLICY = """
http:
  listen: ["127.0.0.1:{listen}"]
  upstream: ["127.0.0.1:{origin}"]
  max: {{connections: 200, per_source: 150}}
  keys: {{file: "{log}", header: X-API-Key}}
  limits: ["3 per hour"]
  global_limits: ["1000 per hour"]
  routes:
    - {{match: "GET /keyed", limits: [{{limit: "2 per hour", key: api-key}}]}}
    - {{match: "GET /dry", limits: [{{limit: "1 per hour", dry_run: true}}]}}
"""

    def setUp(self):
        self.key = "s3cret-of-alice"
        line = self.line_of("alice", self.key)
        write = Lab.write

        def write_both(lab, policy):
            write(lab, policy)
            with open(lab.log, "w", encoding="utf-8") as keys:
                keys.write("# keys\n" + line)
        Lab.write = write_both
        try:
            self.lab = Lab(self.POLICY)
        finally:
            Lab.write = write

    def tearDown(self):
        self.lab.close()

    def line_of(self, name, key):
        done = subprocess.run([SLUICE, "key", "hash", name], input=key + "\n", text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def statuses(self, path, times, **headers):
        return [self.lab.ask(path, **headers).status for _ in range(times)]

    def clients(self, *words):
        return self.lab.sluice("clients", "--json", *words).json()["clients"]

    def test_clients_show_what_each_limit_has_left_and_over_only_who_is_over(self):
        self.assertEqual(self.statuses("/x", 4), [200, 200, 200, 429])
        self.assertEqual(self.statuses("/keyed", 1, X_API_Key=self.key), [200])
        rows = {(each["client"], each["route"]): each for each in self.clients()}
        mine = rows["127.0.0.1", "*"]
        self.assertEqual((mine["quota"], mine["remaining"], mine["over"]), (3, 0, True))
        self.assertTrue(3500 < mine["wait"] <= 3600 and 3500 < mine["reset"] <= 3600)
        alice = rows["key alice", "GET /keyed"]
        self.assertEqual((alice["quota"], alice["remaining"], alice["over"]), (2, 1, False))
        self.assertEqual({(each["client"], each["route"]) for each in self.clients("--over")},
                         {("127.0.0.1", "*")})
        self.assertEqual({each["client"] for each in self.clients("ALICE")}, {"key alice"})
        self.assertEqual(self.clients("nobody"), [])
        self.assertIn("refused for", self.lab.sluice("clients", "--over").out)
        self.assertIn("and 1 more", self.lab.sluice("clients", "--top", "2").out)

    def test_a_client_that_is_reset_begins_anew_and_others_do_not(self):
        self.statuses("/x", 3)
        self.assertEqual(self.statuses("/keyed", 3, X_API_Key=self.key), [200, 200, 429])
        self.assertEqual(self.lab.sluice("limit", "reset", "alice").code, 0)
        self.assertEqual(self.statuses("/keyed", 1, X_API_Key=self.key), [200])
        self.assertEqual(self.statuses("/x", 1), [429])
        self.assertEqual(self.lab.sluice("limit", "reset", "127.0.0.1").code, 0)
        self.assertEqual(self.statuses("/x", 1), [200])
        done = self.lab.sluice("limit", "reset", "192.0.2.1")
        self.assertEqual(done.code, 1)
        self.assertIn("nothing is counted", done.err)
        self.assertEqual(self.lab.sluice("limit", "reset", "no such key").code, 1)
        self.assertEqual(self.lab.sluice("limit", "reset").code, 2)

    def test_explain_covers_addresses_and_keys(self):
        self.statuses("/x", 4)
        self.statuses("/keyed", 1, X_API_Key=self.key)
        story = self.lab.sluice("explain", "--json", "127.0.0.1").json()
        self.assertEqual((story["address"], story["http"]["over"]), ("127.0.0.1", 1))
        self.assertIn(("*", 0), [(each["route"], each["remaining"]) for each in story["http"]["limits"]])
        self.assertIn("be refused", self.lab.sluice("explain", "127.0.0.1").out)
        story = self.lab.sluice("explain", "--json", "alice").json()
        self.assertEqual((story["key"], story["http"]["over"]), ("alice", 0))
        self.assertIn("let in", self.lab.sluice("explain", "alice").out)
        self.assertEqual(self.lab.sluice("explain", "127.0.0.0/8").code, 1)  # whose requests would that be?
        self.assertEqual(self.lab.sluice("explain", "--json", "192.0.2.9").json()["http"]["over"], 0)
        done = self.lab.sluice("explain", "mallory")
        self.assertEqual(done.code, 1)
        self.assertIn("nor the name of an API key", done.err)

    def test_the_metrics_count_by_limit_and_route(self):
        self.statuses("/x", 5)
        self.statuses("/dry", 3)
        time.sleep(1.1)
        _, text = self.lab.open("/metrics")
        for labels, count in (('route="*",limit="3-per-3600s",result="allowed"', 3),
                              ('route="*",limit="3-per-3600s",result="refused"', 2),
                              ('route="GET /dry",limit="1-per-3600s",result="dry_run"', 2),
                              ('route="GET /dry",limit="1-per-3600s",result="refused"', 0)):
            self.assertIn(f"sluice_limit_requests_total{{{labels}}} {count}\n", text)
        self.assertNotIn("127.0.0.1\"", re.sub(r'.*upstream_.*\n', "", text))

    def test_a_new_key_opens_what_its_line_says(self):
        done = subprocess.run([SLUICE, "key", "new", "bob", "--json"], text=True, capture_output=True)
        made = json.loads(done.stdout)
        self.assertEqual(made["line"] + "\n", self.line_of("bob", made["key"]))
        with open(self.lab.log, "a", encoding="utf-8") as keys:
            keys.write(made["line"] + "\n")
        self.assertEqual(self.lab.sluice("reload").code, 0)
        self.assertEqual(self.statuses("/keyed", 2, X_API_Key=made["key"]), [200, 200])
        self.assertEqual({each["client"] for each in self.clients("bob")}, {"key bob"})

    def test_a_broken_key_file_is_a_refusal_that_names_its_line(self):
        with open(self.lab.log, "a", encoding="utf-8") as keys:
            keys.write("eve - 123\n")
        done = self.lab.sluice("reload", "--json")
        self.assertEqual((done.code, done.json()["status"]), (1, 409), done.err)
        self.assertRegex(done.err, r"access\.log:3:.*64 hexadecimal digits.*untouched")

    def test_keys_and_names_that_no_file_may_hold_are_refused(self):
        for words, key, code in ((["hash"], "x", 2), (["hash", "a b"], "x", 2), (["hash", "-x"], "x", 2),
                                 (["new", "x" * 64], "", 2), (["hash", "a", "b c"], "x", 2),
                                 (["hash", "a"], "", 1), (["hash", "a"], "a b", 1),
                                 (["hash", "a"], "x" * 513, 1), (["burn", "a"], "x", 2)):
            done = subprocess.run([SLUICE, "key", *words], input=key, text=True, capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (code, ""), words)
            self.assertTrue(done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
