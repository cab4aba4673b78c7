#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line against a control server of our own that answers what each test wants.

usage: cli.py [SLUICE]        (build/sluice)
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SLUICE = os.path.join(ROOT, os.environ.get("BUILD", "build"), "sluice")

ZERO = {"packets": 0, "bytes": 0}
SOURCE = {
    "source": "192.0.2.66", "tier": "public", "rule": None,
    "passed": {"packets": 1200345, "bytes": 90000000},
    "flagged": ZERO, "dropped": {"packets": 3600000, "bytes": 270000000},
    "banned_until": "2099-01-01T00:00:00Z",
    "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:10:00Z",
}
STATUS = {
    "version": "0.1.0", "pid": 4242, "started": "2026-01-01T00:00:00Z", "uptime": 11520,
    "state": "protecting", "generation": 12,
    "policy": {"path": "/etc/sluice/policy.yaml", "loaded": "2026-01-01T00:00:00Z",
               "reloads": 3, "failed_reloads": 1, "tiers": 3, "prefixes": 120000},
    "interfaces": [{"name": "eth0", "ifindex": 2, "mode": "native", "adopted": True,
                    "flags": True, "why": "dispatcher refused by the kernel",
                    "packets": 5000000, "bytes": 3650722201,
                    "dropped": {"packets": 3600000, "bytes": 270000000}}],
    "reasons": {"conforming": {"verdict": "pass", "packets": 1200345, "bytes": 90000000},
                "over_packets": {"verdict": "drop", "packets": 3600000, "bytes": 270000000},
                "malformed": {"verdict": "drop", "packets": 0, "bytes": 0}},
    "tiers": {"public": {"passed": {"packets": 1200345, "bytes": 1}, "flagged": ZERO,
                         "dropped": {"packets": 3600000, "bytes": 1}}},
    "tables": {"sources": {"used": 32768, "max": 65536},
               "strangers": {"used": 12, "max": 2097152, "bytes": 16777216},
               "bans": {"used": 1, "max": 262144}, "ban_prefixes": {"used": 0},
               "allows": {"used": 0}},
    "faults": {"evicted": 0, "promote_budget": 77}, "events_lost": 0, "pinned": True,
}
BAN = {"prefix": "192.0.2.66", "since": "2026-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z",
       "remaining": 600, "strikes": 2, "cause": "manual", "reason": "scraper"}
EXPLAIN = {
    "address": "192.0.2.66", "source": "192.0.2.66", "tier": "public",
    "rule": {"prefix": "192.0.2.0/24", "line": 9, "passed": {"packets": 5, "bytes": 500},
             "flagged": ZERO, "dropped": {"packets": 1234567, "bytes": 1}}, "verdict": "drop", "reason": "banned",
    "why": "banned by hand", "tracked": True,
    "limits": [{"kind": "packets", "rate": 2000, "burst": 4000, "tokens": 1000, "share": 0.25},
               {"kind": "bytes", "rate": 1048576, "burst": 2097152, "tokens": 2097152,
                "share": 1.0}],
    "ban": BAN, "allow": None, "counts": SOURCE,
}
EVENT = {"time": "2026-01-01T00:00:05Z", "source": "192.0.2.66", "event": "limited",
         "tier": "public", "reason": "over_packets", "packets": 1234567, "until": None,
         "strikes": 0, "interface": "eth0"}


def answer(body, status="200 OK", kind="application/json"):
    """The bytes of a whole answer."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def problem(status, title, detail, **more):
    return answer({"status": int(status[:3]), "title": title, "detail": detail, **more}, status,
                  "application/problem+json")


class Server:
    """A Unix socket on which respond(connection, method, target, body) answers."""

    def __init__(self, respond):
        self.directory = tempfile.TemporaryDirectory(prefix="slL")
        self.path = os.path.join(self.directory.name, "control")
        self.requests = []
        self.respond = respond
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(30)
        self.directory.cleanup()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self.exchange(connection)
                except OSError:
                    pass

    def exchange(self, connection):
        text = b""
        while b"\r\n\r\n" not in text:
            more = connection.recv(65536)
            if not more:
                return
            text += more
        head, body = text.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        self.requests.append((method, target, fields))
        self.respond(connection, method, target, (body, int(fields.get("content-length", 0))))


def read_body(connection, begun, slowly=False):
    body, total = begun
    pieces, have = [body], len(body)
    while have < total:
        more = connection.recv(65536)
        if not more:
            break
        pieces.append(more)
        have += len(more)
        if slowly and len(pieces) % 50 == 0:
            time.sleep(0.01)
    return b"".join(pieces)


def canned(text):
    """Respond with these bytes, whatever is asked."""
    def respond(connection, _method, _target, begun):
        read_body(connection, begun)
        connection.sendall(text)
    return respond


def by_path(answers):
    def respond(connection, _method, target, begun):
        read_body(connection, begun)
        connection.sendall(answers[target.split("?")[0]])
    return respond


class Outcome:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")


def sluice(*words, stdin=b"", locale="C.UTF-8", timeout=120, env=None):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": locale, "TERM": "xterm-256color"} | (env or {})
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return Outcome(subprocess.run([SLUICE, *words], input=stdin, capture_output=True,
                                  env=environment, timeout=timeout, check=False))


def ask(respond, *words, **more):
    """Run one command against a server of its own; returns its outcome and what was asked."""
    if isinstance(respond, bytes):
        respond = canned(respond)
    with Server(respond) as server:
        outcome = sluice(*words, "--control", server.path, **more)
        return outcome, server.requests


def file_of(text):
    file = tempfile.NamedTemporaryFile(suffix=".yaml")
    file.write(text)
    file.flush()
    return file


class CommandLine(unittest.TestCase):
    def test_alone_it_shows_the_short_help(self):
        done = sluice()
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertIn("usage: sluice COMMAND", done.out)

    def test_every_command_has_help_completion_and_a_place_in_the_manual(self):
        names = [line.split()[0] for line in sluice("help").out.splitlines()
                 if line.startswith("  ")]
        self.assertGreater(len(names), 17)
        pages = ["completions/sluice.bash", "completions/_sluice", "completions/sluice.fish",
                 "man/sluice.8"]
        texts = []
        for page in pages:
            with open(os.path.join(ROOT, page), encoding="utf-8") as file:
                texts.append(file.read())
        for name in names:
            self.assertEqual(sluice("help", name).code, 0, name)
            self.assertEqual(sluice(name, "--help").code, 0, name)
            for page, text in zip(pages, texts):
                self.assertRegex(text, rf"\b{name}\b", page)

    def test_an_unknown_command_is_a_usage_error_with_a_guess(self):
        done = sluice("staus")
        self.assertEqual((done.code, done.out), (2, ""))
        self.assertIn("did you mean `sluice status`?", done.err)
        self.assertNotIn("mean", sluice("xyzzyplugh").err)

    def test_what_makes_no_sense_is_a_usage_error(self):
        for words in (["ban"], ["ban", "192.0.2.1", "x"], ["status", "--top", "3"], ["--nope"],
                      ["sources", "--top"], ["sources", "--top", "0"], ["sources", "--top", "x"],
                      ["sources", "--by", "colour"], ["sources", "--all", "192.0.2.1"],
                      ["status", "--json=yes"], ["policy", "load"], ["policy", "show", "x"],
                      ["policy", "burn", "x"], ["events", "--last", "-1"], ["events", "--last", "10001"],
                      ["help", "nope"],
                      ["ban", "\udcff"]):
            done = sluice(*words)
            self.assertEqual(done.code, 2, words)
            self.assertTrue(done.err, words)

    def test_a_missing_agent_is_named_with_what_to_do_and_exits_3(self):
        done = sluice("status", "--control", "/nonexistent/control")
        self.assertEqual(done.code, 3)
        self.assertEqual(done.err, "sluice: cannot reach the agent at /nonexistent/control: "
                                   "No such file or directory; is sluiced running?\n")

    def test_the_socket_may_be_named_before_and_behind_the_command(self):
        with Server(canned(answer([BAN]))) as server:
            for words in (["--control", server.path, "bans"], ["bans", "--control", server.path],
                          ["--json", f"--control={server.path}", "bans"]):
                self.assertEqual(sluice(*words).code, 0, words)

    def test_a_socket_path_too_long_for_a_socket_is_refused(self):
        done = sluice("status", "--control", "/" + "x" * 200)
        self.assertEqual(done.code, 3)
        self.assertIn("107 bytes", done.err)


class Answers(unittest.TestCase):
    def test_json_is_what_the_server_sent_in_its_order(self):
        done, asked = ask(answer([SOURCE]), "sources", "--json")
        self.assertEqual(json.loads(done.out), [SOURCE])
        self.assertEqual(list(json.loads(done.out)[0]), list(SOURCE))
        self.assertEqual(asked[0][:2], ("GET", "/v1/sources?top=100&by=dropped"))

    def test_sources_are_a_table_for_people(self):
        done, asked = ask(answer([SOURCE]), "sources", "--top", "5", "--by=bytes")
        self.assertEqual(asked[0][1], "/v1/sources?top=5&by=bytes")
        title, row = done.out.splitlines()
        self.assertIn("DROPPED", title)
        for part in ("192.0.2.66", "public", "1.20 M", "3.60 M", "75.0 %", "█"):
            self.assertIn(part, row)

    def test_without_utf8_everything_is_ascii(self):
        for words, body in ((["sources"], [SOURCE]), (["status"], STATUS),
                            (["explain", "192.0.2.66"], EXPLAIN)):
            done, _ = ask(answer(body), *words, locale="C")
            self.assertTrue(done.out.isascii(), words)
            self.assertIn("#", done.out)

    def test_one_source_is_asked_for_by_its_escaped_name(self):
        done, asked = ask(answer(SOURCE), "sources", "2001:db8::/64")
        self.assertEqual(done.code, 0)
        self.assertEqual(asked[0][1], "/v1/sources/2001:db8::%2F64")

    def test_all_sources_come_as_lines(self):
        line = json.dumps(SOURCE).encode()
        done, asked = ask(answer(line + b"\n" + line + b"\n", kind="application/jsonl"),
                          "sources", "--all")
        self.assertEqual([json.loads(text) for text in done.out.splitlines()], [SOURCE] * 2)
        self.assertEqual(asked[0][1], "/v1/sources?all=1")

    def test_status_tells_state_policy_reasons_and_only_real_faults(self):
        done, _ = ask(answer(STATUS), "status")
        self.assertEqual(done.code, 0)
        for part in ("protecting", "up 3h12m", "/etc/sluice/policy.yaml", "generation 12", "native",
                     "adopted", "dispatcher refused", "over_packets", "75.0 %", "50.0 %", "77",
                     "promote_budget"):
            self.assertIn(part, done.out)
        for part in ("evicted", "malformed", "\x1b"):
            self.assertNotIn(part, done.out)

    def test_explain_tells_the_rule_the_buckets_and_the_ban(self):
        done, asked = ask(answer(EXPLAIN), "explain", "192.0.2.66")
        self.assertEqual(asked[0][1], "/v1/explain/192.0.2.66")
        for part in ("be dropped", "line 9", "192.0.2.0/24", "1000", "4000", "2.00 MiB",
                     "10m00s", "strike 2", "scraper", "3.60 M"):
            self.assertIn(part, done.out)

    def test_rules_are_a_table_with_the_line_of_each(self):
        rule = EXPLAIN["rule"] | {"tier": "deny"}
        done, asked = ask(answer([rule]), "rules", "--top", "7", "--by", "bytes")
        self.assertEqual(asked[0][1], "/v1/rules?top=7&by=bytes")
        self.assertRegex(done.out.splitlines()[1], r"^192\.0\.2\.0/24 +9 +deny +5 +0 +1\.23 M +100\.0 %$")
        self.assertEqual(ask(answer([]), "rules")[0].out, "no packet came from a prefix of the policy yet\n")
        self.assertEqual(sluice("rules", "--by", "colour").code, 2)

    def test_sources_leave_the_bar_out_where_it_does_not_fit(self):
        narrow, _ = ask(answer([SOURCE]), "sources", env={"COLUMNS": "80"})
        self.assertLessEqual(max(map(len, narrow.out.splitlines())), 80)
        self.assertIn("BANNED FOR", narrow.out)
        wide, _ = ask(answer([SOURCE]), "sources", env={"COLUMNS": "120"})
        self.assertGreater(max(map(len, wide.out.splitlines())), 80)

    def test_explain_calls_nobody_limited_who_is_judged_by_rule(self):
        rule = EXPLAIN | {"tier": "deny", "tracked": False, "ban": None, "limits": []}
        done, _ = ask(answer(rule), "explain", "192.0.2.66")
        self.assertIn("counted with its line of the policy", done.out)
        self.assertIn("rule     passed 5, flagged 0, dropped 1.23 M packets\n", done.out)
        done, _ = ask(answer(rule | {"rule": None}), "explain", "192.0.2.66")
        self.assertIn("counted with its tier only", done.out)
        done, _ = ask(answer(EXPLAIN | {"tracked": False}), "explain", "192.0.2.66")
        self.assertIn("a stranger: limited like all", done.out)

    def test_a_ban_says_how_long_and_why(self):
        done, asked = ask(answer(BAN), "ban", "192.0.2.66", "--for", "10m", "--reason", "scraper")
        self.assertEqual(done.out,
                         "192.0.2.66 is banned for 10m00s, until 2099-01-01T00:00:00Z\n")
        self.assertEqual(asked[0][0], "POST")
        self.assertTrue(asked[0][1].startswith("/v1/bans?careful=1"), asked)

    def test_with_force_nobody_is_asked_to_be_careful(self):
        for words in (["ban", "0.0.0.0/0"], ["import", "-"]):
            self.assertIn("careful=1", ask(answer(BAN), *words)[1][0][1])
            self.assertNotIn("careful", ask(answer(BAN), *words, "--force")[1][0][1])

    def test_a_ban_names_the_other_end_of_the_ssh_session(self):
        session = {"SSH_CONNECTION": "2001:db8::7%eth0 50000 2001:db8::1 22"}
        _, asked = ask(answer(BAN), "ban", "192.0.2.66", env=session)
        self.assertEqual(asked[0][1], "/v1/bans?careful=1&caller=2001:db8::7")

    def test_sudo_does_not_hide_the_ssh_session(self):
        with Server(canned(answer(BAN))) as server:
            command = f"env -u SSH_CONNECTION {SLUICE} ban 192.0.2.66 --control {server.path}; exit $?"
            done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=30,
                                  env=os.environ | {"SSH_CONNECTION": "198.51.100.9 50000 192.0.2.1 22"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(server.requests[0][1], "/v1/bans?careful=1&caller=198.51.100.9")

    def test_bodies_of_ban_and_allow_hold_what_was_typed(self):
        bodies = []

        def respond(connection, _method, _target, begun):
            bodies.append(json.loads(read_body(connection, begun)))
            connection.sendall(answer(BAN))
        ask(respond, "ban", "192.0.2.0/24")
        ask(respond, "allow", "192.0.2.1", "--reason", 'a "friend"')
        self.assertEqual(bodies, [{"prefix": "192.0.2.0/24", "for": "3600s"},
                                  {"prefix": "192.0.2.1", "reason": 'a "friend"'}])

    def test_unban_and_disallow_delete_by_prefix(self):
        for word, path in (("unban", "bans"), ("disallow", "allows")):
            done, asked = ask(answer({"prefix": "192.0.2.0/24"}), word, "192.0.2.0/24")
            self.assertEqual(done.code, 0)
            self.assertEqual(asked[0][:2], ("DELETE", f"/v1/{path}?prefix=192.0.2.0%2F24"))

    def test_lists_are_tables_and_say_when_they_are_empty(self):
        self.assertIn("scraper", ask(answer([BAN]), "bans")[0].out)
        self.assertEqual(ask(answer([]), "bans")[0].out, "nobody is banned\n")
        self.assertEqual(ask(answer([]), "bans", "--json")[0].out, "[]\n")
        allow = {"prefix": "192.0.2.1", "until": None, "remaining": None, "reason": "me"}
        self.assertIn("never", ask(answer([allow]), "allows")[0].out)

    def test_a_refusal_says_what_why_and_what_next(self):
        done, _ = ask(problem("409 Conflict", "an allow covers it", "remove line 12 first"),
                      "ban", "10.0.0.1")
        self.assertEqual(done.code, 1)
        self.assertEqual(done.err, "sluice: cannot ban 10.0.0.1: an allow covers it; "
                                   "remove line 12 first\n")

    def test_import_reports_refused_lines_and_fails(self):
        body = {"imported": 2, "refused": 1, "problems": [{"line": 3, "text": "no address: x"}]}
        done, asked = ask(answer(body), "import", "-", stdin=b"192.0.2.1\n192.0.2.2\nx\n")
        self.assertEqual((done.code, done.out), (1, "2 banned\n"))
        self.assertIn("stdin:3: no address: x", done.err)
        self.assertEqual(asked[0][2]["content-type"], "text/plain")
        _, asked = ask(answer(body), "import", "-", stdin=b' [{"prefix": "192.0.2.1"}]')
        self.assertEqual(asked[0][2]["content-type"], "application/json")

    def test_events_are_lines(self):
        done, asked = ask(answer([EVENT]), "events", "--last", "7")
        self.assertEqual(asked[0][1], "/v1/events?last=7")
        for part in ("192.0.2.66", "limited", "1.23 M packets", "over_packets", "eth0"):
            self.assertIn(part, done.out)
        stopped = EVENT | {"event": "stopped", "reason": None, "interface": None}
        self.assertIn("stopped    public      1.23 M packets since the last event\n",
                      ask(answer([stopped]), "events")[0].out)
        self.assertNotIn("packet", ask(answer([stopped | {"packets": 0}]), "events")[0].out)
        done, _ = ask(answer([EVENT | {"packets": 1}]), "events")
        self.assertIn(" 1 packet, over_packets", done.out)

    def test_followed_events_arrive_as_they_happen_in_whatever_pieces(self):
        line = json.dumps(EVENT).encode() + b"\n"
        reported = threading.Event()

        def respond(connection, _method, _target, _begun):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for byte in line:
                connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
            reported.wait(60)
        with Server(respond) as server:
            with subprocess.Popen([SLUICE, "events", "--follow", "--json", "--control",
                                   server.path], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as process:
                self.assertEqual(json.loads(process.stdout.readline()), EVENT)
                reported.set()
                self.assertEqual(process.wait(60), 1)
                self.assertIn(b"ends early", process.stderr.read())

    def test_metrics_and_the_policy_are_passed_on_byte_for_byte(self):
        text = "a 1\n# é\n".encode()
        for words in (["metrics"], ["policy", "show"]):
            done, _ = ask(answer(text, kind="text/plain"), *words)
            self.assertEqual(done.out.encode(), text)

    def test_a_closed_pipe_is_no_news(self):
        with Server(canned(answer([SOURCE] * 5000))) as server:
            done = subprocess.run(f"{SLUICE} sources --control {server.path} | head -1", shell=True,
                                  capture_output=True, timeout=120, check=False)
        self.assertEqual(done.stderr, b"")
        self.assertIn(b"SOURCE", done.stdout)

    def test_a_full_disk_is_an_error(self):
        with Server(canned(answer([SOURCE]))) as server, open("/dev/full", "wb") as full:
            done = subprocess.run([SLUICE, "sources", "--control", server.path], stdout=full,
                                  stderr=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)

    def test_what_a_stranger_named_cannot_move_the_cursor(self):
        evil = "\x1b[2J\x9b31m\u202e\x7f"
        source = dict(SOURCE, source=evil, tier=evil)
        story = dict(EXPLAIN, why=evil, tier=evil, address=evil, ban=dict(BAN, reason=evil))
        cases = ((["sources"], [source]), (["sources", "--json"], [source]),
                 (["bans"], [dict(BAN, prefix=evil, reason=evil)]),
                 (["explain", "192.0.2.1"], story),
                 (["events"], [dict(EVENT, source=evil, event=evil, tier=evil)]),
                 (["status"], dict(STATUS, state=evil, reasons={evil: {"packets": 3}})))
        for words, body in cases:
            done, _ = ask(answer(body), *words)
            self.assertEqual(done.code, 0, words)
            for sign in "\x1b\x9b\u202e\x7f":
                self.assertNotIn(sign, done.out, words)
        done, _ = ask(problem("400 Bad", evil, evil), "ban", evil)
        self.assertNotIn("\x1b", done.err)


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


class Top(unittest.TestCase):
    def grown(self, count):
        source = json.loads(json.dumps(SOURCE))
        status = json.loads(json.dumps(STATUS))
        source["dropped"]["packets"] += count
        status["reasons"]["over_packets"]["packets"] += count
        return status, source

    def respond(self):
        looks = []

        def respond(connection, _method, target, begun):
            read_body(connection, begun)
            is_status = target == "/v1/status"
            looks.append(is_status)
            status, source = self.grown(50000 * ((len(looks) - 1) // 2))
            connection.sendall(answer(status if is_status else [source]))
        return respond

    def test_one_frame_shows_rates_from_two_looks(self):
        begun = time.monotonic()
        done, asked = ask(self.respond(), "top", "--once")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(len(asked), 4)
        # Fifty thousand in a second, or a little longer: a machine with much else to do looks again when it can.
        rate = float(re.search(r"dropped +(\d+\.?\d*) k/s", done.out).group(1))
        self.assertTrue(50 / (time.monotonic() - begun) < rate < 55, done.out)
        self.assertRegex(done.out, rf"192\.0\.2\.66 +public +0 +0 +{rate} k")
        self.assertTrue(all(len(line) <= 80 for line in done.out.splitlines()))

    def test_json_holds_the_same_rates(self):
        done, _ = ask(self.respond(), "top", "--json")
        rates = json.loads(done.out)
        self.assertGreater(rates["seconds"], 0.9)
        self.assertAlmostEqual(rates["sources"][0]["packets_per_second"]["dropped"] * rates["seconds"], 50000, delta=1)

    def test_a_missing_agent_exits_3(self):
        self.assertEqual(sluice("top", "--control", "/nonexistent").code, 3)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and "/" in sys.argv[1]:
        SLUICE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
