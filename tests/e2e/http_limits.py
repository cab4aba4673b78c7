#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits as clients meet them: the HTTP plane on loopback, an origin behind it, clients at 127.0.0.0/8."""

import json
import re
import subprocess
import sys
import time

from http_lab import Lab, Reader, read_answer, run, says, tests_of
from http_limits_lab import FOREVER, OK, ask_from, count_of, let_in_of, routes_of, statuses_of, together


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
        assert statuses_of(lab, 2) == [200, 200]
        before = time.time()
        answer = ask_from(lab)
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
        assert statuses_of(lab, 2) == [200, 200]
        answer = ask_from(lab)
        assert answer.status == 429 and 1 <= int(answer.get("Retry-After")) <= 4
        time.sleep(int(answer.get("Retry-After")))
        assert ask_from(lab).status == 200


def a_limit_of_nothing_blocks():
    with Lab(says(OK), http='  limits: ["0/second"]\n') as lab:
        answer = ask_from(lab)
        assert answer.status == 429 and answer.get("Retry-After") == "1" and not lab.origin.requests


# ---- Scope ----


def defaults_count_for_each_route_and_what_matches_none_is_one_route():
    http = '  limits: ["2 %s"]\n' % FOREVER + routes_of('{match: "/a"}', '{match: "/b/*"}')
    with Lab(says(OK), http=http) as lab:
        assert let_in_of(lab, 3, "/a") == 2
        assert [ask_from(lab, path).status for path in ("/b/1", "/b/2", "/b/3")] == [200, 200, 429]
        assert [ask_from(lab, path).status for path in ("/x", "/y", "/z")] == [200, 200, 429]


def limits_of_a_route_replace_the_defaults_unless_it_wants_both():
    http = '  limits: ["2 %s"]\n' % FOREVER + routes_of(
        '{match: "/own", limits: ["4 %s"]}' % FOREVER,
        '{match: "/both", limits: ["4 %s"], and_defaults: true}' % FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert let_in_of(lab, 6, "/own") == 4
        assert let_in_of(lab, 6, "/both") == 2


def global_limits_count_everything_together():
    http = '  global_limits: ["3 %s"]\n' % FOREVER + routes_of('{match: "/a"}', '{match: "/b", limits: ["2 per day"]}')
    with Lab(says(OK), http=http) as lab:
        assert [ask_from(lab, path).status for path in ("/a", "/b", "/c", "/a", "/b")] == [200, 200, 200, 429, 429]
        assert ask_from(lab, "/a", source="127.0.0.2").status == 200


def a_shared_limit_counts_several_routes_in_one_place():
    http = routes_of(*('{match: "/%s", limits: [{limit: "3 %s", shared: both}]}' % (c, FOREVER) for c in "ab"))
    with Lab(says(OK), http=http) as lab:
        assert [ask_from(lab, path).status for path in ("/a", "/b", "/a", "/b", "/a")] == [200, 200, 200, 429, 429]


def methods_share_a_count_unless_it_is_per_method():
    http = routes_of('{match: "/a", limits: ["2 %s"]}' % FOREVER,
                     '{match: "/b", limits: ["2 %s"], per_method: true}' % FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert [ask_from(lab, "/a", method=m).status for m in ("GET", "DELETE", "GET")] == [200, 200, 429]
        assert let_in_of(lab, 3, "/b") == 2 and let_in_of(lab, 3, "/b", method="DELETE") == 2
        # Methods that nobody knows are one: inventing them gains nothing.
        assert [ask_from(lab, "/b", method=m).status for m in ("ONE", "TWO", "THREE")] == [200, 200, 429]


def a_request_may_cost_more_and_one_that_costs_nothing_only_looks():
    http = routes_of('{match: "GET /a", limits: [{limit: "10 %s", shared: s}], cost: 0}' % FOREVER,
                     '{match: "POST /a", limits: [{limit: "10 %s", shared: s}], cost: 4}' % FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert [ask_from(lab, "/a").get("X-RateLimit-Remaining") for _ in range(3)] == ["10"] * 3
        assert [ask_from(lab, "/a", method="POST").status for _ in range(3)] == [200, 200, 429]
        assert ask_from(lab, "/a").get("X-RateLimit-Remaining") == "2"


def a_dry_run_counts_and_refuses_nobody_and_says_nothing():
    with Lab(says(OK), http='  limits: [{limit: "2 %s", dry_run: true}]\n' % FOREVER) as lab:
        assert let_in_of(lab, 5) == 5
        assert ask_from(lab).get("RateLimit") is None
        assert count_of(lab, "2-per-36000s") == (2, 0, 4)


def counts_of_limits_tell_what_they_did_and_go_on_over_a_reload():
    http = '  limits: ["2 %s"]\n  global_limits: ["3 %s"]\n' % (FOREVER, FOREVER)
    with Lab(says(OK), http=http) as lab:
        assert let_in_of(lab, 4) == 2
        assert count_of(lab, "2-per-36000s") == (2, 2, 0) and count_of(lab, "3-per-36000s", "") == (2, 0, 0)
        lab.proxy.reload(lab.proxy.text + "  name: another\n")
        assert let_in_of(lab, 1) == 0
        assert count_of(lab, "2-per-36000s") == (2, 3, 0)


def exempt_routes_addresses_and_tiers_have_no_limit():
    text = "  cache: off\ntiers: {internal: unlimited}\nsources: {127.0.0.3/32: internal}\ndefault: allow\n"
    http = '  limits: ["1 %s"]\n  global_limits: ["2 %s"]\n' % (FOREVER, FOREVER) + routes_of(
        '{match: "/free", exempt: true}', '{match: "/some", exempt: ["127.0.0.2", internal]}')
    with Lab(says(OK), http=http + text) as lab:
        assert let_in_of(lab, 5, "/free") == 5 and ask_from(lab, "/free").get("RateLimit") is None
        assert let_in_of(lab, 5, "/some", source="127.0.0.2") == 5
        assert let_in_of(lab, 5, "/some", source="127.0.0.3") == 5
        assert let_in_of(lab, 5, "/some", source="127.0.0.4") == 1


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

        assert sum(together(16, many)) == 500
        assert count_of(lab, "500-per-36000s") == (500, 1100, 0)


def a_burst_makes_a_bucket_that_refills():
    with Lab(says(OK), http='  limits: ["1 per 4 seconds burst 5"]\n') as lab:
        assert let_in_of(lab, 5) == 5 and ask_from(lab).status == 429
        time.sleep(4.1)
        assert statuses_of(lab, 2) == [200, 429]


def a_full_table_lets_nobody_in_for_being_full():
    # So small a table has room for some hundreds of clients.
    http = '  limits: ["1 %s"]\n  trusted_proxies: ["127.0.0.1"]\n  max: {limit_table: 1 MiB}\n' % FOREVER
    with Lab(says(OK), http=http) as lab, lab.proxy.connect() as sock:
        reader, said = Reader(sock), []
        assert ask_from(lab, fields="X-Forwarded-For: 203.0.113.1\r\n").status == 200
        for i in range(3000):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.%d.%d\r\n\r\n" % (i // 250, i % 250))
            said.append(read_answer(reader).status)
        assert 300 < said.count(200) < 1200, said.count(200)
        assert ask_from(lab, fields="X-Forwarded-For: 203.0.113.1\r\n").status == 429


# ---- Answers ----


def fields_of_the_upstream_give_way_where_we_limit_and_pass_where_we_do_not():
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-RateLimit-Limit: 7\r\nRateLimit: \"o\";r=1;t=1\r\n" \
          b"RateLimit-Limit: 7\r\nX-RateLimit-Used: 1\r\n\r\nhi"
    with Lab(says(raw), http=routes_of('{match: "/a", limits: ["9 %s"]}' % FOREVER)) as lab:
        answer = ask_from(lab, "/a")
        assert answer.all("X-RateLimit-Limit") == ["9"] and len(answer.all("RateLimit")) == 1
        assert not answer.all("RateLimit-Limit") and not answer.all("X-RateLimit-Used")
        answer = ask_from(lab, "/b")
        assert answer.all("X-RateLimit-Limit") == ["7"] and answer.all("RateLimit") == ['"o";r=1;t=1']


def each_family_of_fields_can_be_turned_off():
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-RateLimit-Limit: 7\r\n\r\nhi"
    http = '  limits: ["1 %s"]\n  limit_fields: {x_ratelimit: off, retry_after: off}\n' % FOREVER
    with Lab(says(raw), http=http) as lab:
        assert ask_from(lab).all("X-RateLimit-Limit") == ["7"]  # passed: we say nothing of that family
        answer = ask_from(lab)
        assert answer.status == 429 and answer.get("RateLimit") and answer.get("RateLimit-Policy")
        assert answer.get("Retry-After") is None and answer.get("X-RateLimit-Limit") is None


def a_hit_carries_this_clients_numbers():
    raw = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\nX-RateLimit-Limit: 7\r\n\r\nhi"
    with Lab(says(raw), http='  limits: ["3 %s"]\n  cache: {heuristics: off}\n' % FOREVER) as lab:
        said = [ask_from(lab) for _ in range(4)] + [ask_from(lab, source="127.0.0.2")]
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
        said = together(6, lambda i: ask_from(lab, source="127.0.0.%d" % (1 + i % 2)))
        assert len(lab.origin.requests) == 1
        for last in 0, 1:
            left = sorted(int(answer.get("X-RateLimit-Remaining")) for answer in said[last::2])
            assert left == [7, 8, 9], left


def our_own_errors_carry_them_too():
    with Lab(says(OK), http='  limits: ["3 %s"]\n' % FOREVER) as lab:
        lab.origin.stop()
        answer = ask_from(lab)
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
    http = routes_of('{match: "/a", limits: ["0/second"], on_limit: {status: 503, type: text/plain, body: "go away"}}',
                     '{match: "/b", limits: ["0/second"], on_limit: {status: 420}}')
    with Lab(says(OK), http=http) as lab:
        answer = ask_from(lab, "/a")
        assert answer.line == "HTTP/1.1 503 Service Unavailable" and answer.body == b"go away"
        assert answer.get("Content-Type") == "text/plain" and answer.get("Retry-After") == "1"
        answer = ask_from(lab, "/b")
        assert answer.status == 420 and json.loads(answer.body)["status"] == 420


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
