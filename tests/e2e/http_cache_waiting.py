#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches that many wait for: one for all, what a purge does to them, and what they get when it fails."""

import sys
import threading
import time

import http_lab as lab
from http_cache_lab import CACHE, FRESH, Lab, join


def who_asks_whether_something_stale_has_changed_waits_with_the_others():
    with Lab() as it:
        it.script.set("/a", 'Cache-Control: max-age=0\r\nETag: "1"\r\n')
        it.get("/a")
        it.script.hold("/a")
        threads, answers = it.get_all("/a", 12, lambda i: 'If-None-Match: "1"\r\n' if i % 2 else "")
        lab.eventually(lambda: it.script.count("/a") == 2, "it is asked")
        it.all_have_asked(13)
        it.script.set("/a", FRESH + 'ETag: "1"\r\n')
        it.script.let_go("/a")
        join(threads)
        assert sorted(answer.status for answer in answers) == [200] * 6 + [304] * 6
        assert it.script.count("/a") == 2, it.script.count("/a")
        values = it.proxy.counters()
        assert (values["cache_hits"], values["cache_misses"], values["cache_collapsed"]) == (0, 13, 11), values


def who_has_waited_long_enough_asks_for_himself_and_so_does_who_is_one_too_many():
    with Lab(http="  cache: {size: 64 MiB, wait: 3s, waiters: 2}\n") as it:
        it.script.set("/a", FRESH)
        it.script.hold("/a")
        threads, answers = it.get_all("/a", 3)
        lab.eventually(lambda: it.script.count("/a") == 2, "the third asks for himself")
        assert it.proxy.counters()["cache_misses"] == 3
        lab.eventually(lambda: it.script.count("/a") == 3, "the second has waited long enough")
        it.script.let_go("/a")
        join(threads)
        assert all(answer.body == b"old" for answer in answers)


def each_variant_that_many_wait_for_is_fetched_once():
    with Lab() as it:
        it.script.set("/a", FRESH + "Vary: X-Kind\r\n")
        it.script.hold("/a")
        threads, answers = it.get_all("/a", 20, lambda i: "X-Kind: %d\r\n" % (i % 2))
        lab.eventually(lambda: it.script.count("/a") == 1, "it is fetched")
        it.all_have_asked(20)
        it.script.let_go("/a")
        join(threads)
        assert all(answer.status == 200 for answer in answers)
        assert it.script.count("/a") == 2, it.script.count("/a")


def who_asks_after_a_purge_does_not_get_what_was_asked_for_before_it():
    with Lab() as it:
        it.script.set("/a", FRESH)
        it.script.hold("/a")
        first, before = it.get_all("/a", 3)
        it.all_have_asked(3)
        lab.eventually(lambda: it.script.count("/a") == 1, "it is fetched")
        gate = it.script.gates.pop("/a")
        it.proxy.ask(b"PUT /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n")
        it.script.set("/a", FRESH, "new")
        after = it.get("/a")
        assert after.body == b"new", after.body
        it.script.set("/a", FRESH)
        gate.set()
        join(first)
        assert [answer.body for answer in before] == [b"old"] * 3
        assert it.get("/a").body == b"new"


def purges_send_no_stampede_and_what_they_ended_is_never_seen_again():
    with Lab(threads=2) as it:
        it.script.set("/a", FRESH, "0")
        ended, stop, seen = [0], threading.Event(), []

        def ask():
            while not stop.is_set():
                least = ended[0]
                seen.append((least, int(it.get("/a").body)))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for number in range(1, 21):
            time.sleep(0.03)
            it.script.set("/a", FRESH, str(number))
            it.proxy.ask(b"PUT /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n")
            ended[0] = number
        stop.set()
        join(threads)
        assert all(got >= least for least, got in seen), [each for each in seen if each[1] < each[0]]
        fetched = sum(1 for request in it.script.asked if request.method == "GET")
        assert len(seen) > 20 and fetched <= 1 + 2 * 20, (len(seen), fetched)


def those_who_wait_for_a_fetch_that_fails_get_what_is_stale_without_asking_themselves():
    with Lab() as it:
        it.script.set("/a", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"1\"\r\n")
        it.get("/a")
        it.script.hold("/a")
        it.script.closes.add("/a")
        threads, answers = it.get_all("/a", 10)
        lab.eventually(lambda: it.script.count("/a") == 2, "it is asked")
        it.all_have_asked(11)
        it.script.let_go("/a")
        join(threads)
        assert all(answer.status == 200 and "detail=stale-on-error" in answer.said for answer in answers), \
            [(answer.status, answer.said) for answer in answers]
        assert it.script.count("/a") <= 3, it.script.count("/a")  # with the leader's one retry


def those_who_wait_for_a_fetch_that_ends_in_an_error_get_what_is_stale_where_that_is_allowed():
    with Lab() as it:
        it.script.set("/a", "Cache-Control: max-age=1, stale-if-error=600\r\nAge: 5\r\n")
        it.get("/a")
        it.script.hold("/a")
        it.script.set("/a", "", "broken", "500 Internal Server Error")
        threads, answers = it.get_all("/a", 10)
        lab.eventually(lambda: it.script.count("/a") == 2, "it is asked")
        it.all_have_asked(11)
        it.script.let_go("/a")
        join(threads)
        assert all(answer.body == b"old" and "detail=stale-if-error" in answer.said for answer in answers), \
            [(answer.status, answer.said) for answer in answers]
        assert it.script.count("/a") == 2, it.script.count("/a")


def what_is_stale_stands_in_while_the_upstream_and_its_queue_are_full():
    with Lab(upstream="max_requests: 1, queue: {length: 1, wait: 4s}") as it:
        it.script.set("/a", "Cache-Control: max-age=1\r\nAge: 5\r\nETag: \"1\"\r\n")
        it.get("/a")
        it.script.set("/busy", "")
        it.script.hold("/busy")
        threads, _ = it.get_all("/busy", 1)
        lab.eventually(lambda: it.script.count("/busy") == 1, "the upstream is busy")
        late = it.get("/a")  # waits for its turn in vain
        assert late.status == 200 and "detail=stale-on-error" in late.said, late.said
        waiting, answers = it.get_all("/waits", 1)
        lab.eventually(lambda: it.proxy.counters()["queued"] == 2, "one waits")
        full = it.get("/a")
        assert full.status == 200 and full.body == b"old", full.line
        assert it.proxy.counters()["queue_full"] == 1
        join(waiting)
        assert answers[0].status == 503
        it.script.let_go("/busy")
        join(threads)
        assert it.script.count("/a") == 1


def confirmation_brings_the_tags_that_it_names():
    routes = '  routes: [{match: "POST /change", invalidates: [new]}]\n'
    with Lab(http=CACHE + routes) as it:
        it.script.set("/change", "")
        it.script.set("/a", 'Cache-Control: max-age=0\r\nETag: "1"\r\nSurrogate-Key: old\r\n')
        it.get("/a")
        it.script.set("/a", FRESH + 'ETag: "1"\r\nSurrogate-Key: new\r\n')
        it.get("/a")
        assert "; hit" in it.get("/a").said
        it.proxy.ask(b"POST /change HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n")
        assert "; hit" not in it.get("/a").said


def those_who_wait_for_a_dead_origin_are_told_so_after_two_tries_between_them():
    with Lab() as it:
        it.script.closes.add("/a")
        it.script.hold("/a")
        threads, answers = it.get_all("/a", 10)
        lab.eventually(lambda: it.script.count("/a") == 1, "it is asked")
        it.all_have_asked(10)
        it.script.let_go("/a")
        join(threads)
        assert [answer.status for answer in answers] == [502] * 10
        assert it.script.count("/a") <= 4, it.script.count("/a")  # each try may be repeated once


if __name__ == "__main__":
    sys.exit(lab.run(lab.tests_of(sys.modules[__name__])))
