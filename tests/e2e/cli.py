#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line against a control server of our own that answers what each test wants.

usage: cli.py [SLUICE]        (build/sluice)
"""

import json
import os
import re
import subprocess
import threading
import time
import unittest

from cli_lab import (
    BAN, EVENT, EXPLAIN, ROOT, SLUICE, SOURCE, STATUS, ZERO, Server, answer, ask, canned, problem, read_body,
    sluice)


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
        idle = rule["rule"] | {"passed": ZERO, "dropped": ZERO}
        self.assertNotIn("rule  ", ask(answer(rule | {"rule": idle, "counts": None}), "explain", "192.0.2.66")[0].out)
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
    unittest.main()
