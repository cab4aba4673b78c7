#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits as clients meet them: the HTTP plane on loopback, an origin behind it, clients at 127.0.0.0/8."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from http_agent import command_of
from http_lab import (PATIENCE, Lab, Origin, Reader, echo, eventually, free_port, has_answer, read_answer, run, says,
                      tests_of)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
FOREVER = "per 10 hours"  # a window that no test outlives


def _ask(lab, path="/", fields="", method="GET", source="127.0.0.1", body=b""):
    """One request from an address of the loopback network, on a connection of its own."""
    length = "Content-Length: %d\r\n" % len(body) if body else ""
    raw = ("%s %s HTTP/1.1\r\nHost: api.test\r\n%s%s\r\n" % (method, path, length, fields)).encode("latin-1") + body
    with socket.create_connection(("127.0.0.1", lab.proxy.port), timeout=PATIENCE, source_address=(source, 0)) as sock:
        sock.sendall(raw)
        return read_answer(Reader(sock), method)


def _statuses(lab, count, *args, **options):
    return [_ask(lab, *args, **options).status for _ in range(count)]


def _let_in(lab, count, *args, **options):
    return _statuses(lab, count, *args, **options).count(200)


def _routes(*routes):
    return "  routes:\n" + "".join("    - %s\n" % route for route in routes)


def _together(count, do):
    """do(i) at once for all i; what they returned."""
    results, ready = [None] * count, threading.Barrier(count)

    def one(i):
        ready.wait()
        results[i] = do(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# ---- What everybody tries first ----


def twenty_per_minute_and_twenty_five_curls_are_twenty_times_200_then_429():
    with Lab(says(OK), http='  limits: ["20 per minute"]\n') as lab:
        url = "http://127.0.0.1:%d/" % lab.proxy.port
        said = [subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url], stdout=subprocess.PIPE,
                               check=True).stdout.decode() for _ in range(25)]
        assert said == ["200"] * 20 + ["429"] * 5, said
        assert len(lab.origin.requests) == 20


def a_refusal_says_what_when_and_why():
    with Lab(says(OK), http='  limits: ["2 per minute; 100 per hour"]\n') as lab:
        assert _statuses(lab, 2) == [200, 200]
        before = time.time()
        answer = _ask(lab)
        assert answer.status == 429 and answer.get("Content-Type") == "application/problem+json"
        assert 40 <= int(answer.get("Retry-After")) <= 60
        assert answer.get("X-RateLimit-Limit") == "2" and answer.get("X-RateLimit-Remaining") == "0"
        assert before + 59 <= int(answer.get("X-RateLimit-Reset")) <= time.time() + 61
        assert answer.get("RateLimit-Policy") == '"2-per-60s";q=2;w=60, "100-per-3600s";q=100;w=3600'
        assert re.fullmatch(r'"2-per-60s";r=0;t=([45]\d|60), "100-per-3600s";r=98;t=3[56]\d\d', answer.get("RateLimit"))
        problem = json.loads(answer.body)
        assert problem["status"] == 429 and problem["violated-policies"] == ["2-per-60s"]
        assert problem["type"].endswith("#quota-exceeded") and answer.get("Cache-Control") == "no-store"


def who_comes_back_after_retry_after_is_let_in():
    with Lab(says(OK), http='  limits: ["2 per 4 seconds"]\n') as lab:
        assert _statuses(lab, 2) == [200, 200]
        answer = _ask(lab)
        assert answer.status == 429 and 1 <= int(answer.get("Retry-After")) <= 4
        time.sleep(int(answer.get("Retry-After")))
        assert _ask(lab).status == 200


def a_limit_of_nothing_blocks():
    with Lab(says(OK), http='  limits: ["0/second"]\n') as lab:
        answer = _ask(lab)
        assert answer.status == 429 and answer.get("Retry-After") == "1" and not lab.origin.requests


# ---- Scope ----


def defaults_count_for_each_route_and_what_matches_none_is_one_route():
    http = '  limits: ["2 %s"]\n' % FOREVER + _routes('{match: "/a"}', '{match: "/b/*"}')
    with Lab(says(OK), http=http) as lab:
        assert _let_in(lab, 3, "/a") == 2
        assert _ask(lab, "/b/1").status == 200 and _ask(lab, "/b/2").status == 200 and _ask(lab, "/b/3").status == 429
        assert _ask(lab, "/x").status == 200 and _ask(lab, "/y").status == 200 and _ask(lab, "/z").status == 429


def limits_of_a_route_replace_the_defaults_unless_it_wants_both():
    http = '  limits: ["2 %s"]\n' % FOREVER + _routes(
        '{match: "/own", limits: ["4 %s"]}' % FOREVER,
        '{match: "/both", limits: ["4 %s"], and_defaults: true}' % FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert _let_in(lab, 6, "/own") == 4
        assert _let_in(lab, 6, "/both") == 2


def global_limits_count_everything_together():
    http = '  global_limits: ["3 %s"]\n' % FOREVER + _routes('{match: "/a"}', '{match: "/b", limits: ["2 per day"]}')
    with Lab(says(OK), http=http) as lab:
        assert [_ask(lab, path).status for path in ("/a", "/b", "/c", "/a", "/b")] == [200, 200, 200, 429, 429]
        assert _ask(lab, "/a", source="127.0.0.2").status == 200


def a_shared_limit_counts_several_routes_in_one_place():
    http = _routes(*('{match: "/%s", limits: [{limit: "3 %s", shared: both}]}' % (c, FOREVER) for c in "ab"))
    with Lab(says(OK), http=http) as lab:
        assert [_ask(lab, path).status for path in ("/a", "/b", "/a", "/b", "/a")] == [200, 200, 200, 429, 429]


def methods_share_a_count_unless_it_is_per_method():
    http = _routes('{match: "/a", limits: ["2 %s"]}' % FOREVER,
                   '{match: "/b", limits: ["2 %s"], per_method: true}' % FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert [_ask(lab, "/a", method=m).status for m in ("GET", "DELETE", "GET")] == [200, 200, 429]
        assert _let_in(lab, 3, "/b") == 2 and _let_in(lab, 3, "/b", method="DELETE") == 2
        # Methods that nobody knows are one: inventing them gains nothing.
        assert [_ask(lab, "/b", method=m).status for m in ("ONE", "TWO", "THREE")] == [200, 200, 429]


def a_request_may_cost_more_and_one_that_costs_nothing_only_looks():
    http = _routes('{match: "GET /a", limits: [{limit: "10 %s", shared: s}], cost: 0}' % FOREVER,
                   '{match: "POST /a", limits: [{limit: "10 %s", shared: s}], cost: 4}' % FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert [_ask(lab, "/a").get("X-RateLimit-Remaining") for _ in range(3)] == ["10"] * 3
        assert [_ask(lab, "/a", method="POST").status for _ in range(3)] == [200, 200, 429]
        assert _ask(lab, "/a").get("X-RateLimit-Remaining") == "2"


def a_dry_run_counts_and_refuses_nobody_and_says_nothing():
    with Lab(says(OK), http='  limits: [{limit: "2 %s", dry_run: true}]\n' % FOREVER) as lab:
        assert _let_in(lab, 5) == 5
        assert _ask(lab).get("RateLimit") is None
        assert _count(lab, "2-per-36000s") == (2, 0, 4)


def _count(lab, limit, route="*"):
    """What one limit has done: allowed, refused, refused on a dry run."""
    lines = lab.proxy.signal(signal.SIGUSR2, "end")
    for line in lines:
        words = line.split("\t")
        if words[0] == "limit" and words[1:3] == [route, limit]:
            return tuple(int(word) for word in words[3:6])
    raise AssertionError("no such limit: %s" % lines)


def counts_of_limits_tell_what_they_did_and_go_on_over_a_reload():
    http = '  limits: ["2 %s"]\n  global_limits: ["3 %s"]\n' % (FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert _let_in(lab, 4) == 2
        assert _count(lab, "2-per-36000s") == (2, 2, 0) and _count(lab, "3-per-36000s", "") == (2, 0, 0)
        lab.proxy.reload(lab.proxy.text + "  name: another\n")
        assert _let_in(lab, 1) == 0
        assert _count(lab, "2-per-36000s") == (2, 3, 0)


def exempt_routes_addresses_and_tiers_have_no_limit():
    text = "  cache: off\ntiers: {internal: unlimited}\nsources: {127.0.0.3/32: internal}\ndefault: allow\n"
    http = '  limits: ["1 %s"]\n  global_limits: ["2 %s"]\n' % (FOREVER, FOREVER) + _routes(
        '{match: "/free", exempt: true}', '{match: "/some", exempt: ["127.0.0.2", internal]}')
    with Lab(says(OK), http=http + text) as lab:
        assert _let_in(lab, 5, "/free") == 5 and _ask(lab, "/free").get("RateLimit") is None
        assert _let_in(lab, 5, "/some", source="127.0.0.2") == 5
        assert _let_in(lab, 5, "/some", source="127.0.0.3") == 5
        assert _let_in(lab, 5, "/some", source="127.0.0.4") == 1


# ---- Who is counted ----


def every_address_is_counted_by_itself():
    with Lab(says(OK), http='  limits: ["2 %s"]\n' % FOREVER) as lab:
        for last in range(1, 6):
            assert _let_in(lab, 3, source="127.0.0.%d" % last) == 2


def what_strangers_say_about_forwarding_is_ignored():
    with Lab(says(OK), http='  limits: ["5 %s"]\n' % FOREVER) as lab:
        names = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")
        said = [_ask(lab, fields="%s: 198.51.100.%d\r\n" % (names[i % 6], i)).status for i in range(30)]
        assert said.count(200) == 5, said


def thousands_of_forwarded_addresses_and_ten_megabytes_of_them_change_nothing():
    many = "X-Forwarded-For: %s\r\n" % ", ".join("198.51.%d.%d" % (i // 250, i % 250) for i in range(4000))
    http = '  limits: ["5 %s"]\n  max: {head: 128 KiB}\n' % FOREVER
    for trusted in "", '  trusted_proxies: ["127.0.0.1"]\n':
        with Lab(says(OK), http=http + trusted) as lab:
            assert _let_in(lab, 10, fields=many) == (5 if not trusted else 5)
            with lab.proxy.connect() as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\n")
                line = b"X-Forwarded-For: " + b"198.51.100.7, " * 4000 + b"1.2.3.4\r\n"
                try:
                    for _ in range(10 * 1024 * 1024 // len(line)):
                        sock.sendall(line)
                except OSError:
                    pass  # it was refused on the way
                try:
                    answer = read_answer(Reader(sock))
                except OSError:
                    answer = None
                assert answer is None or answer.status == 431
            assert lab.proxy.memory_kib() < 200 * 1024


def behind_a_trusted_proxy_its_clients_are_counted():
    http = '  limits: ["2 %s"]\n  trusted_proxies: ["127.0.0.9"]\n' % FOREVER
    with Lab(says(OK), http=http) as lab:
        for client in "198.51.100.1", "198.51.100.2":
            assert _let_in(lab, 3, fields="X-Forwarded-For: %s\r\n" % client, source="127.0.0.9") == 2
        # What the client put in front of it is the client's word.
        assert _ask(lab, fields="X-Forwarded-For: 8.8.8.8, 198.51.100.1\r\n", source="127.0.0.9").status == 429


def ipv6_is_counted_by_its_first_64_bits():
    http = '  limits: ["2 %s"]\n  trusted_proxies: ["127.0.0.9"]\n' % FOREVER
    with Lab(says(OK), http=http) as lab:
        said = [_ask(lab, fields="X-Forwarded-For: %s\r\n" % client, source="127.0.0.9").status
                for client in ("2001:db8::1", "2001:db8::2", "2001:db8::ffff:1", "2001:db8:0:1::1")]
        assert said == [200, 200, 429, 200]


def _digest(key):
    return hashlib.sha256(key.encode()).hexdigest()


class _Keys:
    def __init__(self, text):
        self.dir = tempfile.TemporaryDirectory(prefix="slkeys")
        self.path = os.path.join(self.dir.name, "keys")
        self.write(text)

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dir.cleanup()


def keys_of_the_file_are_clients_wherever_they_come_from():
    with _Keys("# who\nalice - %s\nbob - %s\nbob - %s\n" % (_digest("a-key"), _digest("b-key"), _digest("b-new"))) as keys:
        http = '  keys: {file: "%s"}\n  key: api-key\n  limits: ["2 %s"]\n' % (keys.path, FOREVER)
        with Lab(says(OK), http=http) as lab:
            ask = lambda key, source: _ask(lab, fields="X-API-Key: %s\r\n" % key, source=source).status
            assert [ask("a-key", "127.0.0.%d" % i) for i in (1, 2, 3)] == [200, 200, 429]
            # Two keys of one client count together.
            assert [ask("b-key", "127.0.0.1"), ask("b-new", "127.0.0.1"), ask("b-key", "127.0.0.2")] == [200, 200, 429]


def keys_that_nobody_knows_and_no_key_count_as_the_address():
    with _Keys("alice - %s\n" % _digest("a-key")) as keys:
        http = '  keys: {file: "%s"}\n  key: api-key\n  limits: ["3 %s"]\n' % (keys.path, FOREVER)
        with Lab(says(OK), http=http) as lab:
            said = [_ask(lab, fields="X-API-Key: invented-%d\r\n" % i).status for i in range(5)]
            assert said == [200, 200, 200, 429, 429] and _ask(lab).status == 429
            # A name is no key, nor is its digest; of two lines neither is believed.
            for value in "alice", _digest("a-key"), "a-key\r\nX-API-Key: a-key":
                assert _ask(lab, fields="X-API-Key: %s\r\n" % value).status == 429
            assert _ask(lab, fields="X-API-Key: a-key\r\n").status == 200


def tiers_come_from_the_key_else_from_the_address():
    with _Keys("alice gold %s\nbob - %s\n" % (_digest("a-key"), _digest("b-key"))) as keys:
        head = "tiers: {silver: unlimited}\nsources: {127.0.0.2/32: silver}\ndefault: allow\n"
        http = '  keys: {file: "%s"}\n  limits:\n' % keys.path + "".join(
            '    - {limit: "%d %s", tiers: [%s], key: [api-key]}\n' % (count, FOREVER, tier)
            for count, tier in ((5, "gold"), (3, "silver")))
        with Lab(says(OK), http=http) as lab:
            lab.proxy.reload(head + lab.proxy.text)
            alice, bob = "X-API-Key: a-key\r\n", "X-API-Key: b-key\r\n"
            assert _let_in(lab, 8, fields=alice, source="127.0.0.2") == 5
            assert _let_in(lab, 8, fields=bob, source="127.0.0.2") == 3
            assert _let_in(lab, 8, source="127.0.0.2") == 3
            assert _let_in(lab, 8, fields=bob, source="127.0.0.3") == 8  # of no tier


def inventing_headers_and_cookies_gains_nothing():
    for key, field in ("{header: X-User}", "X-User: u%d\r\n"), ("{cookie: sid}", "Cookie: sid=u%d\r\n"):
        with Lab(says(OK), http='  key: %s\n  limits: ["3 %s"]\n' % (key, FOREVER)) as lab:
            said = [_ask(lab, fields=field % i).status for i in range(6)]
            assert said == [200, 200, 200, 429, 429, 429], said
            assert _ask(lab).status == 429  # without one it is the address that counts
            assert _ask(lab, fields=field % 0, source="127.0.0.2").status == 200


def an_identity_is_one_wherever_it_comes_from():
    with Lab(says(OK), http='  key: {header: X-User}\n  limits: ["3 %s"]\n' % FOREVER) as lab:
        said = [_ask(lab, fields="X-User: mary\r\n", source="127.0.0.%d" % i).status for i in range(1, 6)]
        assert said == [200, 200, 200, 429, 429]


def beside_a_limit_on_the_address_identities_have_counts_of_their_own():
    http = '  limits: [{limit: "3 %s", key: {header: X-User}}, {limit: "10 %s", key: client, name: address}]\n' % (
        FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert _let_in(lab, 5, fields="X-User: mary\r\n") == 3
        assert _let_in(lab, 5, fields="X-User: john\r\n") == 3
        assert _let_in(lab, 5, fields="X-User: jane\r\n") == 3
        assert _let_in(lab, 5, fields="X-User: paul\r\n") == 1


def several_parts_count_together():
    http = '  limits: [{limit: "2 %s", key: [client, {header: X-User}]}, {limit: "9 %s", key: source}]\n' % (
        FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        for source in "127.0.0.1", "127.0.0.2":
            for user in "mary", "john":
                assert _let_in(lab, 3, fields="X-User: %s\r\n" % user, source=source) == 2


def a_source_brings_so_many_new_identities_a_minute():
    http = '  max: {identities_per_source: 5}\n  limits: [{limit: "100 %s", key: {header: X-User}}, ' \
           '{limit: "1000 %s", key: client}]\n' % (FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        said = [_ask(lab, fields="X-User: u%d\r\n" % i) for i in range(8)]
        assert [answer.status for answer in said] == [200] * 5 + [429] * 3
        assert json.loads(said[7].body)["violated-policies"] == ["identities-per-source"]
        assert 40 <= int(said[7].get("Retry-After")) <= 60
        assert _ask(lab, fields="X-User: u3\r\n").status == 200  # it is not new
        assert _ask(lab, fields="X-User: u7\r\n", source="127.0.0.2").status == 200
        # Asked again it is no older than before.
        assert _statuses(lab, 3, fields="X-User: u6\r\n") == [429] * 3
        assert lab.proxy.counters()["limit_inventions"] == 6


def a_dry_run_refuses_nobody_for_inventing_either():
    http = '  max: {identities_per_source: 5}\n  limits: [{limit: "1 %s", key: {header: X-User}, dry_run: true}]\n' % FOREVER
    with Lab(says(OK), http=http) as lab:
        assert [_ask(lab, fields="X-User: u%d\r\n" % i).status for i in range(10)] == [200] * 10


def a_connection_that_names_an_identity_header_is_refused():
    with Lab(says(OK), http='  limits: [{limit: "3 %s", key: {header: X-User}}]\n' % FOREVER) as lab:
        assert _ask(lab, fields="X-User: a\r\nConnection: X-User\r\n").status == 400


def _held(answer=OK):
    """An origin's doing that waits with every answer, and the event it waits for."""
    release = threading.Event()

    def serve(connection):
        while connection.request():
            release.wait(PATIENCE)
            connection.send(answer)

    return serve, release


# ---- Counting only some answers ----


def _login(connection):
    while True:
        request = connection.request()
        if not request:
            return
        good = b"good" in request.body
        time.sleep(0.02)
        connection.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"200 OK" if good else b"401 No"))


LOGIN = _routes('{match: "POST /login", limits: [{limit: "5 %s", count_status: [401]}]}' % FOREVER)


def only_answers_of_the_statuses_count():
    with Lab(_login, http=LOGIN) as lab:
        assert _statuses(lab, 20, "/login", method="POST", body=b"good") == [200] * 20
        answer = _ask(lab, "/login", method="POST", body=b"good")
        assert answer.get("X-RateLimit-Remaining") == "5", "what was held is given back before it is told"
        assert _statuses(lab, 7, "/login", method="POST", body=b"bad") == [401] * 5 + [429] * 2
        assert _statuses(lab, 2, "/login", method="POST", body=b"good") == [429] * 2


def a_thousand_logins_at_once_do_not_slip_through():
    with Lab(_login, http=LOGIN + "  max: {connections: 3000, per_source: 3000}\n", threads=2) as lab:
        said = _together(1000, lambda i: _ask(lab, "/login", method="POST", body=b"bad").status)
        assert sorted(set(said)) == [401, 429] and said.count(401) == 5, said.count(401)
        assert len(lab.origin.requests) == 5


def logins_that_break_off_count_once_the_origin_had_them():
    serve, ended = _held(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
    with Lab(serve, http=LOGIN) as lab:
        for i in range(5):
            sock = lab.proxy.connect()
            sock.sendall(b"POST /login HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nbad")
            eventually(lambda: len(lab.origin.requests) == i + 1, "the origin has it")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
        eventually(lambda: lab.proxy.counters()["aborted"] == 5, "all are noticed")
        ended.set()
        assert _ask(lab, "/login", method="POST", body=b"bad").status == 429


def what_never_reached_the_origin_is_given_back():
    with Lab(_login, http=LOGIN) as lab:
        lab.origin.stop()
        assert _statuses(lab, 10, "/login", method="POST", body=b"bad") == [502] * 10


# ---- Exactness ----


def eight_threads_let_in_exactly_as_many_as_one():
    http = '  limits: ["500 %s"]\n  max: {per_source: 2000}\n' % FOREVER
    with Lab(says(OK), http=http, threads=8) as lab:
        def many(_):
            let_in = 0
            with lab.proxy.connect() as sock:
                reader = Reader(sock)
                for _ in range(100):
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")
                    let_in += read_answer(reader).status == 200
            return let_in

        assert sum(_together(16, many)) == 500
        assert _count(lab, "500-per-36000s") == (500, 1100, 0)


def a_burst_makes_a_bucket_that_refills():
    with Lab(says(OK), http='  limits: ["1 per 4 seconds burst 5"]\n') as lab:
        assert _let_in(lab, 5) == 5 and _ask(lab).status == 429
        time.sleep(4.1)
        assert _statuses(lab, 2) == [200, 429]


def a_full_table_lets_nobody_in_for_being_full():
    # So small a table has room for some hundreds of clients.
    http = '  limits: ["1 %s"]\n  trusted_proxies: ["127.0.0.1"]\n  max: {limit_table: 1 MiB}\n' % FOREVER
    with Lab(says(OK), http=http) as lab, lab.proxy.connect() as sock:
        reader, said = Reader(sock), []
        assert _ask(lab, fields="X-Forwarded-For: 203.0.113.1\r\n").status == 200
        for i in range(3000):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.%d.%d\r\n\r\n" % (i // 250, i % 250))
            said.append(read_answer(reader).status)
        assert 300 < said.count(200) < 1200, said.count(200)
        assert _ask(lab, fields="X-Forwarded-For: 203.0.113.1\r\n").status == 429


# ---- Answers ----


def fields_of_the_upstream_give_way_where_we_limit_and_pass_where_we_do_not():
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-RateLimit-Limit: 7\r\nRateLimit: \"o\";r=1;t=1\r\n" \
          b"RateLimit-Limit: 7\r\nX-RateLimit-Used: 1\r\n\r\nhi"
    with Lab(says(raw), http=_routes('{match: "/a", limits: ["9 %s"]}' % FOREVER)) as lab:
        answer = _ask(lab, "/a")
        assert answer.all("X-RateLimit-Limit") == ["9"] and len(answer.all("RateLimit")) == 1
        assert not answer.all("RateLimit-Limit") and not answer.all("X-RateLimit-Used")
        answer = _ask(lab, "/b")
        assert answer.all("X-RateLimit-Limit") == ["7"] and answer.all("RateLimit") == ['"o";r=1;t=1']


def each_family_of_fields_can_be_turned_off():
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-RateLimit-Limit: 7\r\n\r\nhi"
    http = '  limits: ["1 %s"]\n  limit_fields: {x_ratelimit: off, retry_after: off}\n' % FOREVER
    with Lab(says(raw), http=http) as lab:
        assert _ask(lab).all("X-RateLimit-Limit") == ["7"]  # passed: we say nothing of that family
        answer = _ask(lab)
        assert answer.status == 429 and answer.get("RateLimit") and answer.get("RateLimit-Policy")
        assert answer.get("Retry-After") is None and answer.get("X-RateLimit-Limit") is None


def a_hit_carries_this_clients_numbers():
    raw = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\nX-RateLimit-Limit: 7\r\n\r\nhi"
    with Lab(says(raw), http='  limits: ["3 %s"]\n  cache: {heuristics: off}\n' % FOREVER) as lab:
        said = [_ask(lab) for _ in range(4)] + [_ask(lab, source="127.0.0.2")]
        assert [answer.status for answer in said] == [200, 200, 200, 429, 200]
        assert [answer.get("X-RateLimit-Remaining") for answer in said] == ["2", "1", "0", "0", "2"]
        assert all(answer.all("X-RateLimit-Limit") == ["3"] for answer in said)
        assert len(lab.origin.requests) == 1
        assert "hit" in said[4].get("Cache-Status") and said[3].get("Cache-Status") is None


def who_waits_for_anothers_fetch_gets_his_own_numbers():
    def serve(connection):
        while connection.request():
            time.sleep(0.3)
            connection.send(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nhi")

    with Lab(serve, http='  limits: ["10 %s"]\n  cache: {heuristics: off}\n' % FOREVER) as lab:
        said = _together(6, lambda i: _ask(lab, source="127.0.0.%d" % (1 + i % 2)))
        assert len(lab.origin.requests) == 1
        for last in 0, 1:
            left = sorted(int(answer.get("X-RateLimit-Remaining")) for answer in said[last::2])
            assert left == [7, 8, 9], left


def our_own_errors_carry_them_too():
    with Lab(says(OK), http='  limits: ["3 %s"]\n' % FOREVER) as lab:
        lab.origin.stop()
        answer = _ask(lab)
        assert answer.status == 502 and answer.get("X-RateLimit-Remaining") == "2"


def a_refused_head_has_no_content_and_the_connection_goes_on():
    with Lab(says(OK), http='  limits: ["0/second"]\n') as lab, lab.proxy.connect() as sock:
        reader = Reader(sock)
        for method in "HEAD", "GET", "POST", "HEAD":
            body = b"content" if method == "POST" else b""
            sock.sendall(b"%s / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (method.encode(), len(body), body))
            answer = read_answer(reader, method)
            assert answer.status == 429 and answer.get("Connection") is None
            assert method == "HEAD" or answer.body


def a_refused_body_is_not_read_and_the_connection_ends():
    with Lab(says(OK), http='  limits: ["0/second"]\n') as lab, lab.proxy.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
        answer = read_answer(Reader(sock))
        assert answer.status == 429 and answer.get("Connection") == "close"


def a_route_may_have_an_answer_of_its_own():
    http = _routes('{match: "/a", limits: ["0/second"], on_limit: {status: 503, type: text/plain, body: "go away"}}',
                   '{match: "/b", limits: ["0/second"], on_limit: {status: 420}}')
    with Lab(says(OK), http=http) as lab:
        answer = _ask(lab, "/a")
        assert answer.line == "HTTP/1.1 503 Service Unavailable" and answer.body == b"go away"
        assert answer.get("Content-Type") == "text/plain" and answer.get("Retry-After") == "1"
        answer = _ask(lab, "/b")
        assert answer.status == 420 and json.loads(answer.body)["status"] == 420


# ---- Concurrency and queues ----


def _begin(lab, path="/a", fields=""):
    """A connection on which a request is under way."""
    sock = lab.proxy.connect()
    sock.sendall(("GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path, fields)).encode())
    return sock


def _end(socks):
    """The answers on them."""
    answers = [read_answer(Reader(sock)) for sock in socks]
    for sock in socks:
        sock.close()
    return answers


def _answered(socks):
    return sum(has_answer(sock) for sock in socks)


def so_many_requests_of_one_client_are_in_flight_and_no_more():
    serve, release = _held()
    with Lab(serve, http=_routes('{match: "/a", concurrency: 2}'), threads=2) as lab:
        socks = [_begin(lab, "/a" if i < 5 else "/b") for i in range(6)]
        eventually(lambda: _answered(socks[:5]) == 3 and len(lab.origin.requests) == 3, "the others are refused")
        release.set()
        said = _end(socks)
        assert sorted(answer.status for answer in said[:5]) == [200, 200, 429, 429, 429] and said[5].status == 200
        refused = [answer for answer in said if answer.status == 429][0]
        assert refused.get("Retry-After") == "1" and refused.get("RateLimit") is None
        assert json.loads(refused.body)["violated-policies"] == ["concurrency"]
        assert _ask(lab, "/a").status == 200


def inventing_identities_gains_no_place_either():
    serve, release = _held()
    with Lab(serve, http=_routes('{match: "/a", concurrency: 1, key: {header: X-User}}')) as lab:
        socks = [_begin(lab, fields="X-User: u%d\r\n" % i) for i in range(3)]
        eventually(lambda: _answered(socks) == 2 and lab.origin.requests, "two are refused")
        release.set()
        said = [answer.status for answer in _end(socks)]
        assert sorted(said) == [200, 429, 429], said


def a_client_that_breaks_off_gives_its_place_back():
    serve, _ = _held()
    with Lab(serve, http=_routes('{match: "/a", concurrency: 1}')) as lab:
        sock = lab.proxy.connect()
        sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.origin.requests, "it is in flight")
        assert _ask(lab, "/a").status == 429
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        lab.origin.serve = says(OK)
        eventually(lambda: _ask(lab, "/a").status == 200, "the place is free")


def who_queues_is_let_in_in_order_as_others_end():
    http = _routes('{match: "/a", concurrency: 1, on_limit: {queue: 60s}}')
    serve, release = _held()
    with Lab(serve, http=http, threads=2) as lab:
        socks = []
        for i in range(6):
            socks.append(_begin(lab, "/a?%d" % i))
            eventually(lambda i=i: lab.origin.requests and lab.proxy.counters()["limit_queued"] == i, "it waits")
        assert len(lab.origin.requests) == 1, "they wait at the origin"
        release.set()
        assert [answer.status for answer in _end(socks)] == [200] * 6
        order = [request.target for request in lab.origin.requests]
        assert order == ["/a?%d" % i for i in range(6)], order


def who_queues_is_let_in_when_its_time_comes():
    http = _routes('{match: "/a", limits: ["3 per second"], on_limit: {queue: 60s}}')
    with Lab(says(OK), http=http, threads=2) as lab:
        began = time.monotonic()
        said = _together(9, lambda i: (_ask(lab, "/a").status, time.monotonic() - began))
        assert [status for status, _ in said] == [200] * 9
        assert 2 <= max(at for _, at in said) < 20
        assert _count(lab, "3-per-1s", "/a") == (9, 0, 0)


def who_cannot_be_let_in_in_time_is_refused_at_once():
    http = _routes('{match: "/a", limits: ["1 per minute"], on_limit: {queue: 20s}}')
    with Lab(says(OK), http=http) as lab:
        began = time.monotonic()
        assert _statuses(lab, 2, "/a") == [200, 429]
        assert time.monotonic() - began < 15


def who_waits_too_long_is_refused():
    http = _routes('{match: "/a", concurrency: 1, on_limit: {queue: 300ms}}')
    serve, release = _held()
    with Lab(serve, http=http) as lab:
        first = _begin(lab)
        eventually(lambda: lab.origin.requests, "the place is taken")
        began = time.monotonic()
        assert _ask(lab, "/a").status == 429
        assert 0.3 <= time.monotonic() - began < 15
        release.set()
        assert _end([first])[0].status == 200


def a_client_that_goes_away_leaves_the_queue():
    http = _routes('{match: "/a", concurrency: 1, on_limit: {queue: 60s}}')
    serve, release = _held()
    with Lab(serve, http=http) as lab:
        first = _begin(lab)
        eventually(lambda: lab.origin.requests, "the place is taken")
        socks = [lab.proxy.connect() for _ in range(20)]
        for sock in socks:
            sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.proxy.counters()["limit_queued"] == 20, "all wait")
        for sock in socks:
            sock.close()
        eventually(lambda: lab.proxy.counters()["connections"] <= 1, "all are noticed")
        release.set()
        assert _end([first])[0].status == 200
        assert _ask(lab, "/a").status == 200
        assert len(lab.origin.requests) == 2


def a_queue_has_an_end():
    http = "  max: {per_source: 1000}\n" + _routes('{match: "/a", concurrency: 1, on_limit: {queue: 60s}}')
    serve, release = _held()
    with Lab(serve, http=http) as lab:
        socks = [lab.proxy.connect() for _ in range(100)]
        for sock in socks:
            sock.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: lab.proxy.counters()["limit_crowded"] == 35, "one in, 64 wait, the others are refused")
        release.set()
        for sock in socks:
            sock.close()


# ---- Over the life of processes ----


class _Agent:
    """sluiced itself, with its child."""

    def __init__(self, http):
        self.dir = tempfile.TemporaryDirectory(prefix="slagent")
        os.chmod(self.dir.name, 0o755)
        self.origin = Origin(says(OK))
        self.port = free_port()
        self.policy = os.path.join(self.dir.name, "policy.yaml")
        self.log_path = os.path.join(self.dir.name, "log")
        self.write(http)
        build = os.environ.get("BUILD", "build")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(build, "sluiced"), "--policy", self.policy, "--control",
                 os.path.join(self.dir.name, "ctl"), "--metrics", "off", "--state", self.dir.name], stderr=log)
        eventually(lambda: "ready" in self.log(), "it is ready")

    def write(self, http):
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write('http:\n  listen: ["127.0.0.1:%d"]\n  upstream: ["127.0.0.1:%d"]\n  cache: off\n'
                       "  max: {connections: 500, per_source: 400}\n%s" % (self.port, self.origin.port, http))

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()

    def child(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii") as file:
            pids = [int(pid) for pid in file.read().split()]
        return next((pid for pid in pids if "--http-child" in command_of(pid)), 0)

    def get(self, fields=""):
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as sock:
            sock.sendall(("GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % fields).encode())
            return read_answer(Reader(sock)).status

    def reload(self, word):
        before = self.log().count(word)
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.log().count(word) > before, word)

    def load_again(self):
        """What the command line says of a reload."""
        return subprocess.run([os.path.join(os.environ.get("BUILD", "build"), "sluice"), "policy", "load", self.policy,
                               "--control", os.path.join(self.dir.name, "ctl")], stdout=subprocess.PIPE, text=True,
                              check=True).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.origin.stop()
        self.dir.cleanup()


def a_killed_child_and_a_reload_keep_the_counts():
    with _Agent('  limits: ["4 %s"]\n' % FOREVER) as agent:
        assert [agent.get() for _ in range(2)] == [200, 200]
        old = agent.child()
        os.kill(old, signal.SIGKILL)
        eventually(lambda: agent.child() not in (0, old), "another child")
        assert agent.get() == 200
        agent.write('  limits: ["4 %s"]\n  name: another\n' % FOREVER)
        agent.reload("loaded")
        assert [agent.get() for _ in range(2)] == [200, 429]
        # Another N for the same window: the same counts.
        agent.write('  limits: ["6 %s"]\n' % FOREVER)
        agent.reload("loaded")
        assert [agent.get() for _ in range(3)] == [200, 200, 429]


def keys_are_read_again_with_the_policy_and_a_broken_file_changes_nothing():
    with _Keys("alice - %s\n" % _digest("a-key")) as keys:
        os.chmod(keys.dir.name, 0o755)
        http = '  keys: {file: "%s"}\n  key: api-key\n  limits: ["1 %s"]\n' % (keys.path, FOREVER)
        with _Agent(http) as agent:
            assert [agent.get() for _ in range(2)] == [200, 429]
            bob = "X-API-Key: b-key\r\n"
            assert agent.get("X-API-Key: a-key\r\n") == 200 and agent.get(bob) == 429
            keys.write("alice - %s\nbob - %s\n" % (_digest("a-key"), _digest("b-key")))
            assert "these changes:\n  * http.keys: the keys in the file have changed\n" in agent.load_again()
            assert "nothing has changed" in agent.load_again()
            assert agent.get(bob) == 200 and agent.get(bob) == 429
            keys.write("alice - b-key\n")
            agent.reload("the policy in force is untouched")
            assert ":1:9: expected the key's SHA-256" in agent.log(), agent.log()
            assert agent.get("X-API-Key: a-key\r\n") == 429


def policy_check_finds_a_broken_line_of_the_key_file():
    with _Keys("alice - %s\nbob\n" % _digest("a-key")) as keys:
        policy = os.path.join(keys.dir.name, "policy.yaml")
        with open(policy, "w", encoding="utf-8") as file:
            file.write('http:\n  listen: ["127.0.0.1:1"]\n  upstream: ["127.0.0.1:2"]\n  keys: {file: "%s"}\n' % keys.path)
        done = subprocess.run([os.path.join(os.environ.get("BUILD", "build"), "sluiced"), "--check", policy],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode, "it passed"
        said = done.stderr.decode()
        assert "policy.yaml:4:16: error: key file %s:2:4: expected the name of a tier" % keys.path in said, said


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
