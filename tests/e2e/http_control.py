#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The control socket, the command line and the metrics of the HTTP plane, with a whole sluiced over real sockets.

    tests/e2e/http_control.py build/sluiced [TEST]...
"""

import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from http_lab import free_port, freeze, has_answer, kill

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


class PurgeTest(LabTest):
    def test_by_tag_every_response_that_has_it_goes_and_others_stay(self):
        for path in ("/lists/a", "/lists/b", "/other"):
            self.lab.ask(path)
            self.assertTrue(self.lab.is_hit(path), path)
        self.purge("--tag", "lists")
        self.assertFalse(self.lab.is_hit("/lists/a"))
        self.assertFalse(self.lab.is_hit("/lists/b"))
        self.assertTrue(self.lab.is_hit("/other"))

    def test_the_tags_an_origin_gives_are_purged_too(self):
        self.lab.origin.answers["/tagged"] = {"Surrogate-Key": "red green"}
        self.lab.ask("/tagged")
        self.assertTrue(self.lab.is_hit("/tagged"))
        self.purge("--tag", "gree")
        self.assertTrue(self.lab.is_hit("/tagged"))
        self.purge("--tag", "green")
        self.assertFalse(self.lab.is_hit("/tagged"))

    def test_a_url_covers_all_variants_and_no_other_url(self):
        for language in ("de", "en"):
            self.lab.ask("/lang", Accept_Language=language)
            self.assertTrue(self.lab.is_hit("/lang", Accept_Language=language))
        self.lab.ask("/language")
        self.purge(self.lab.url("/lang"))
        for language in ("de", "en"):
            self.assertFalse(self.lab.is_hit("/lang", Accept_Language=language), language)
        self.assertTrue(self.lab.is_hit("/language"))

    def test_a_url_covers_what_vary_tells_apart(self):
        self.lab.origin.answers["/vary"] = {"Vary": "Accept"}
        for kind in ("a/b", "c/d"):
            self.lab.ask("/vary", Accept=kind)
            self.assertTrue(self.lab.is_hit("/vary", Accept=kind))
        self.assertEqual(self.purge(self.lab.url("/vary"), "--json").json()["purged"], 2)
        self.assertFalse(self.lab.is_hit("/vary", Accept="a/b"))
        self.assertFalse(self.lab.is_hit("/vary", Accept="c/d"))

    def test_a_url_is_read_as_requests_are(self):
        for spelling in ("/lists/n%65w", "/lists/./x/../new", "/lists/new"):
            self.lab.ask("/lists/new")
            self.assertTrue(self.lab.is_hit("/lists/new"))
            self.purge(f"HTTP://127.0.0.1:{self.lab.port}{spelling}")
            self.assertFalse(self.lab.is_hit("/lists/new"), spelling)

    def test_of_a_query_counts_what_the_route_puts_in_the_key(self):
        self.lab.ask("/search?q=1&track=7")
        self.lab.ask("/search?q=2")
        self.assertTrue(self.lab.is_hit("/search?track=8&q=1"))
        self.purge(self.lab.url("/search?other=9&q=1"))
        self.assertFalse(self.lab.is_hit("/search?q=1"))
        self.assertTrue(self.lab.is_hit("/search?q=2"))

    def test_a_prefix_is_literal_and_a_glob_is_not(self):
        paths = ("/pre-a", "/pre-b", "/pra-c")
        for path in paths:
            self.lab.ask(path)
        self.purge("--prefix", self.lab.url("/pr*"))
        self.assertTrue(all(self.lab.is_hit(path) for path in paths))
        self.purge("--prefix", self.lab.url("/pre"))
        self.assertEqual([self.lab.is_hit(path) for path in paths], [False, False, True])
        self.purge("--glob", "*/pr?-[bc]")
        self.assertTrue(all(self.lab.is_hit(path) for path in paths))
        self.purge("--glob", "*/pr?-b")
        self.assertEqual([self.lab.is_hit(path) for path in paths], [True, False, True])

    def test_all_is_all(self):
        for path in ("/lists/q", "/q"):
            self.lab.ask(path)
            self.assertTrue(self.lab.is_hit(path))
        self.purge("--all")
        self.assertFalse(self.lab.is_hit("/lists/q"))
        self.assertFalse(self.lab.is_hit("/q"))

    def test_what_was_on_its_way_before_a_purge_is_not_stored(self):
        for number, how in enumerate((["--all"], ["--glob", "*slow*"])):
            path = f"/slow{number}"
            self.lab.origin.go_on.clear()
            asking = threading.Thread(target=self.lab.ask, args=(path,))
            asking.start()
            self.lab.wait(lambda: self.lab.origin.count(path), "the origin is asked")
            self.purge(*how)
            self.lab.origin.go_on.set()
            asking.join(10)
            self.assertFalse(self.lab.is_hit(path), how)
            self.assertTrue(self.lab.is_hit(path), how)

    def test_what_was_purged_hard_is_not_used_when_the_upstream_fails_and_what_was_purged_softly_is(self):
        lab = Lab()
        try:
            for path in ("/lists/hard", "/lists/soft"):
                lab.ask(path)
                self.assertTrue(lab.is_hit(path))
            lab.origin.is_dead = True
            self.assertEqual(lab.sluice("cache", "purge", lab.url("/lists/hard")).code, 0)
            self.assertEqual(lab.sluice("cache", "purge", "--soft", lab.url("/lists/soft")).code, 0)
            self.assertEqual(lab.ask("/lists/hard").status, 502)
            self.assertEqual(lab.ask("/lists/soft").status, 200)
        finally:
            lab.close()

    def test_an_http_purge_is_a_method_like_any_other(self):
        self.lab.ask("/kept")
        asked = self.lab.origin.count("/kept")
        self.assertEqual(self.lab.ask("/kept", "PURGE").body, b"content\n")
        self.assertEqual(self.lab.origin.count("/kept"), asked + 1)
        status, _ = self.lab.open("/v1/cache/purge")
        self.assertEqual(status, 404)

    def test_what_makes_no_sense_purges_nothing_and_says_why(self):
        self.lab.ask("/stays")
        for words, code, why in (
                (["127.0.0.1/stays"], 1, "http://"), (["http:///stays"], 1, "host"),
                (["http://h/a b"], 1, "printable"), (["http://h/%zz"], 1, "path"),
                (["http://h/a%2Fb"], 1, "refused"), (["--prefix", "/stays"], 1, "http://"),
                (["--tag", ""], 1, "tag"), (["--tag", "x" * 1025], 1, "1024"),
                (["--glob", "x" * 2049], 1, "2048"), ([], 2, "one of"),
                (["--all", "--tag", "x"], 2, "one of"), (["--all", "--by", "hits"], 2, "takes")):
            done = self.lab.sluice("cache", "purge", *words)
            self.assertEqual((done.code, done.out), (code, ""), words)
            self.assertIn(why, done.err, words)
        self.assertTrue(self.lab.is_hit("/stays"))


class ShowTest(LabTest):
    def test_show_tells_each_variant_and_what_it_would_be_good_for(self):
        self.lab.origin.answers["/shown"] = {"Vary": "Accept", "Cache-Tag": "one, two", "ETag": '"x"'}
        begun = time.monotonic()
        self.lab.ask("/shown", Accept="text/a")
        self.lab.ask("/shown", Accept="text/b")
        shown = self.lab.sluice("cache", "show", "--json", self.lab.url("/shown")).json()
        self.assertEqual(shown["found"], 2)
        variant = sorted(shown["variants"], key=lambda each: each["vary"])[0]
        self.assertEqual((variant["status"], variant["size"], variant["verdict"], variant["hit"]),
                         (200, 8, "fresh", True))
        self.assertEqual((variant["tags"], variant["vary"], variant["etag"], variant["lifetime_from"]),
                         (["one", "two"], ["accept:text/a"], '"x"', "origin"))
        self.assertLessEqual(variant["age"], time.monotonic() - begun + 1)
        self.assertEqual(variant["age"] + variant["ttl"], 60)

    def test_show_says_why_it_would_miss(self):
        self.lab.ask("/lists/soft")
        self.lab.sluice("cache", "purge", "--soft", "--all")
        text = self.lab.sluice("cache", "show", self.lab.url("/lists/soft")).out
        self.assertIn("lists", text)
        self.assertRegex(text, "purged|stale")
        self.assertIn("not cached", self.lab.sluice("cache", "show", self.lab.url("/off")).out)
        self.assertIn("nothing is stored", self.lab.sluice("cache", "show", self.lab.url("/never")).out)

    def test_top_ranks_by_hits_and_by_bytes(self):
        for times, path in ((5, "/top-a"), (3, "/top-b")):
            for _ in range(times):
                self.lab.ask(path)
        urls = [each["url"] for each in self.lab.sluice("cache", "top", "--json").json()]
        self.assertLess(urls.index(self.lab.url("/top-a")), urls.index(self.lab.url("/top-b")))
        self.lab.origin.answers["/top-big"] = {"X-Long": "x" * 3000}
        self.lab.ask("/top-big")
        top = self.lab.sluice("cache", "top", "--json", "--by", "bytes", "--top", "1").json()
        self.assertEqual([each["url"] for each in top], [self.lab.url("/top-big")])
        self.assertEqual(self.lab.sluice("cache", "top", "--by", "colour").code, 2)

    def test_status_and_stats_agree_on_what_the_cache_takes(self):
        self.lab.ask("/lists/agreed")
        stats = self.lab.sluice("cache", "stats", "--json").json()
        cache = self.lab.sluice("status", "--json").json()["http"]["cache"]
        self.assertEqual({name: stats[name] for name in ("bytes", "tables_bytes", "max_bytes")},
                         {name: cache[name] for name in ("bytes", "tables_bytes", "max_bytes")})
        total = re.search(r"cache +(\S+ \S+) ", self.lab.sluice("status").out.split("MEMORY")[1])[1]
        self.assertIn(f" {total} of ", self.lab.sluice("cache", "stats").out)

    def test_stats_count_hits_misses_and_why(self):
        before = self.lab.sluice("cache", "stats", "--json").json()
        self.lab.ask("/counted")
        self.lab.ask("/counted")
        self.lab.ask("/off")
        self.lab.ask("/n/o")
        after = self.lab.sluice("cache", "stats", "--json").json()
        for key, more in (("hits", 1), ("stored", 1), ("misses", 2)):
            self.assertEqual(after[key] - before[key], more, key)
        self.assertEqual(after["forwarded"]["bypass"] - before["forwarded"]["bypass"], 1)
        self.assertEqual(after["forwarded"]["uri-miss"] - before["forwarded"]["uri-miss"], 2)
        self.assertEqual(after["not_stored"]["no-freshness"] - before["not_stored"]["no-freshness"], 1)
        text = self.lab.sluice("cache", "stats").out
        self.assertRegex(text, r"hit +\d+ +\d")
        self.assertIn("no-freshness", text)


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
