#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches that nobody waits for, and what stands in for an answer that does not come.

The origin answers a path with what was set for it, and can be made to hold its answers back: what a client
gets meanwhile it did not get from there.
"""

import signal
import sys
import time

import http_lab as lab
from http_cache_lab import CACHE, FRESH, STALE, Lab, join


# ---- Nobody waits ----


def who_asks_within_stale_while_revalidate_is_answered_while_it_is_fetched():
    with Lab() as it:
        it.script.set("/a", STALE)
        it.get("/a")
        it.script.set("/a", FRESH, "new")
        it.script.hold("/a")
        stale = it.get("/a")
        assert stale.body == b"old", stale.body
        assert "; hit" in stale.said and "detail=stale-while-revalidate" in stale.said, stale.said
        assert "ttl=-" in stale.said and int(stale.get("Age")) >= 5, stale.said
        lab.eventually(lambda: it.script.count("/a") == 2, "it is fetched anew")
        it.script.let_go("/a")
        it.becomes("/a", "new")
        assert it.script.count("/a") == 2
        assert it.proxy.counters()["cache_refreshes"] == 1


def many_who_ask_meanwhile_cost_one_fetch():
    with Lab(threads=2) as it:
        it.script.set("/a", STALE)
        it.get("/a")
        it.script.hold("/a")
        threads, answers = it.get_all("/a", 30)
        join(threads)
        assert all(answer.body == b"old" for answer in answers)
        lab.eventually(lambda: it.script.count("/a") == 2, "it is fetched anew")
        time.sleep(0.2)
        assert it.script.count("/a") == 2, it.script.count("/a")


def refresh_asks_whether_what_is_stored_is_still_true_and_passes_no_condition_of_the_client():
    with Lab() as it:
        it.script.set("/a", STALE + 'ETag: "1"\r\n')
        it.get("/a")
        it.script.set("/a", FRESH + 'ETag: "1"\r\nX-Version: 2\r\n')
        part = it.get("/a", "Range: bytes=1-\r\n")
        assert part.status == 206 and part.body == b"ld", part.line
        lab.eventually(lambda: it.get("/a").get("X-Version") == "2", "it is freshened")
        asked = it.script.last("/a")
        assert asked.all("If-None-Match") == ['"1"'] and not asked.get("Range"), asked.raw_head
        assert it.script.count("/a") == 2


def refresh_without_a_validator_fetches_the_whole_whatever_part_the_client_wanted():
    with Lab() as it:
        it.script.set("/a", STALE)
        it.get("/a")
        it.script.set("/a", FRESH, "new")
        it.get("/a", 'Range: bytes=1-\r\nIf-None-Match: "x"\r\n')
        it.becomes("/a", "new")
        asked = it.script.last("/a")
        assert not asked.get("Range") and not asked.get("If-None-Match"), asked.raw_head


def head_is_answered_from_what_is_stale_and_fetches_nothing():
    with Lab() as it:
        it.script.set("/a", STALE)
        it.get("/a")
        head = it.proxy.ask(b"HEAD /a HTTP/1.1\r\nHost: api.test\r\n\r\n", "HEAD")
        assert head.status == 200 and "; hit" in head.get("Cache-Status"), head.get("Cache-Status")
        time.sleep(0.2)
        assert it.script.count("/a") == 1


def what_is_hot_and_near_its_end_is_fetched_early():
    with Lab(http="  cache: {size: 64 MiB, refresh_early: 50%}\n") as it:
        it.script.set("/a", "Cache-Control: max-age=600\r\nAge: 400\r\n")
        it.get("/a")
        it.script.set("/a", FRESH, "new")
        it.script.hold("/a")
        for _ in range(3):  # from the second hit on it is hot
            assert it.get("/a").body == b"old"
        lab.eventually(lambda: it.script.count("/a") == 2, "it is fetched anew")
        it.script.let_go("/a")
        it.becomes("/a", "new")
        assert it.script.count("/a") == 2


def what_is_cold_or_far_from_its_end_is_not_fetched_early():
    with Lab(http="  cache: {size: 64 MiB, refresh_early: 50%}\n") as it:
        it.script.set("/cold", "Cache-Control: max-age=600\r\nAge: 400\r\n")
        it.script.set("/young", "Cache-Control: max-age=600\r\nAge: 100\r\n")
        for path in ("/cold", "/cold", "/young", "/young", "/young", "/young"):
            it.get(path)
        time.sleep(0.2)
        assert it.script.count("/cold") == 1 and it.script.count("/young") == 1


def refresh_that_a_purge_overtakes_is_not_stored():
    for tag in ("", 'ETag: "1"\r\n'):  # a new answer, and a confirmation
        with Lab() as it:
            it.script.set("/a", STALE + tag)
            it.get("/a")
            it.script.hold("/a")
            it.get("/a")
            lab.eventually(lambda: it.script.count("/a") == 2, "it is fetched anew")
            gate = it.script.gates.pop("/a")
            it.proxy.ask(b"DELETE /a HTTP/1.1\r\nHost: api.test\r\n\r\n")
            gate.set()
            time.sleep(0.3)
            it.script.set("/a", FRESH, "new")
            again = it.get("/a")
            assert again.body == b"new" and "; hit" not in again.said, again.said


def refresh_that_fails_leaves_what_is_stale_and_is_not_tried_again_at_once():
    with Lab() as it:
        it.script.set("/a", STALE)
        it.get("/a")
        it.script.closes.add("/a")
        began = time.monotonic()
        for _ in range(20):
            answer = it.get("/a")
            assert answer.status == 200 and "; hit" in answer.said, answer.said
            time.sleep(0.02)
        lab.eventually(lambda: it.script.count("/a") >= 2, "it is tried")
        tries = 1 + int(time.monotonic() - began)  # one a second, and each may be repeated once
        assert it.script.count("/a") <= 1 + 2 * tries, (it.script.count("/a"), tries)


def answer_to_a_refresh_that_may_not_be_stored_is_thrown_away():
    with Lab() as it:
        it.script.set("/a", STALE)
        it.get("/a")
        it.script.set("/a", "Cache-Control: no-store\r\n", "secret")
        assert it.get("/a").body == b"old"
        lab.eventually(lambda: it.script.count("/a") == 2, "it is fetched anew")
        assert it.get("/a").body == b"old"


def refreshes_at_a_time_are_bounded_and_who_asks_does_not_notice():
    with Lab(threads=1) as it:
        paths = ["/%d" % i for i in range(70)]
        for path in paths:
            it.script.set(path, STALE)
            it.get(path)
            it.script.hold(path)
        for path in paths:
            assert it.get(path).body == b"old"
        lab.eventually(lambda: len(it.script.asked) >= 70 + 64, "64 are fetched")
        time.sleep(0.2)
        assert len(it.script.asked) == 70 + 64, len(it.script.asked)


def drain_ends_a_refresh_that_hangs():
    with Lab() as it:
        it.script.set("/a", STALE)
        it.get("/a")
        it.script.hold("/a")
        it.get("/a")
        lab.eventually(lambda: it.script.count("/a") == 2, "it is fetched anew")
        it.proxy.process.send_signal(signal.SIGTERM)
        assert it.proxy.process.wait(25) == 0  # the origin would hold it for 60


def refresh_is_no_request_and_no_line_of_the_log():
    with lab.tempfile.NamedTemporaryFile() as log:
        with Lab(http=CACHE + "  access_log: {file: %s}\n" % log.name, log=log.name) as it:
            it.script.set("/a", STALE)
            it.get("/a")
            it.script.set("/a", FRESH, "new")
            it.get("/a")
            it.becomes("/a", "new")
            asked = it.proxy.counters()["requests"]
            assert it.proxy.counters()["accepted"] == asked, asked
            lab.eventually(lambda: it.proxy.counters()["answered_2xx"] == asked, "all are counted")
        with open(log.name, encoding="utf-8") as lines:
            assert len(lines.readlines()) == asked


# ---- When there is no answer ----


def stale_after(says, age, http=CACHE):
    """Whether what the origin said so of stands in for it once it closes without an answer."""
    with Lab(http=http) as it:
        it.script.set("/a", 'Cache-Control: %s\r\nAge: %d\r\nETag: "1"\r\n' % (says, age))
        it.get("/a")
        it.script.closes.add("/a")
        answer = it.get("/a")
        assert answer.status in (200, 502), answer.line
        assert (answer.status == 200) == ("detail=stale-on-error" in answer.said), answer.said
        return answer.status == 200


def what_is_stale_stands_in_for_as_long_as_the_policy_says_and_no_longer():
    assert stale_after("max-age=1", 50) and not stale_after("max-age=1", 70)
    for_long = "  cache: {size: 64 MiB, stale_on_error: 1 hour}\n"
    assert stale_after("max-age=1", 3000, for_long) and not stale_after("max-age=1", 4000, for_long)
    assert not stale_after("max-age=1", 5, "  cache: {size: 64 MiB, stale_on_error: 0s}\n")


def what_is_not_to_be_used_stale_does_not_stand_in():
    for says in ("must-revalidate, max-age=1", "proxy-revalidate, max-age=1", "s-maxage=1", "no-cache"):
        assert not stale_after(says, 5), says


def what_was_purged_does_not_stand_in():
    with Lab() as it:
        it.script.set("/a", FRESH)
        it.get("/a")
        it.script.set("/b", "Location: /a\r\n")
        it.proxy.ask(b"POST /b HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n")
        it.script.closes.add("/a")
        assert it.get("/a").status == 502


def error_of_the_origin_is_bridged_only_where_answer_or_route_says_so():
    routes = '  routes: [{match: "GET /r", cache: {for: 1s, stale_if_error: 1 hour}}]\n'
    for path, says, is_bridged in (("/a", "max-age=1", False), ("/a", "max-age=1, stale-if-error=600", True),
                                   ("/a", "max-age=1, stale-if-error=2", False), ("/r", "max-age=1", True)):
        for status in ("500 X", "502 X", "503 X", "504 X"):
            with Lab(http=CACHE + routes) as it:
                it.script.set(path, 'Cache-Control: %s\r\nAge: 5\r\nETag: "1"\r\n' % says)
                it.get(path)
                it.script.set(path, "", "broken", status)
                answer = it.get(path)
                assert (answer.body == b"old") == is_bridged, (path, says, status)
                assert ("detail=stale-if-error" in answer.said) == is_bridged, answer.said
    with Lab() as it:
        it.script.set("/a", 'Cache-Control: max-age=1, stale-if-error=600\r\nAge: 5\r\nETag: "1"\r\n')
        it.get("/a")
        it.script.set("/a", "", "gone", "404 X")
        assert it.get("/a").status == 404, "404 is an answer"


if __name__ == "__main__":
    sys.exit(lab.run(lab.tests_of(sys.modules[__name__])))
