#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fetches that nobody waits for, and fetches that many wait for, when they fail or are overtaken.

The origin answers a path with what was set for it, and can be made to hold its answers back: what a client
gets meanwhile it did not get from there.
"""

import signal
import sys
import threading
import time

import http_lab as lab

CACHE = "  cache: {size: 64 MiB}\n"
STALE = "Cache-Control: max-age=1, stale-while-revalidate=600\r\nAge: 5\r\n"
FRESH = "Cache-Control: max-age=600\r\n"


class Script:
    """What the origin says: fields and content by path. While a path is held its answers wait."""

    def __init__(self):
        self.says, self.gates, self.closes = {}, {}, set()
        self.asked = []
        self.lock = threading.Lock()

    def set(self, path, fields, body="old", status="200 OK"):
        self.says[path] = (status, fields, body)

    def hold(self, path):
        self.gates[path] = threading.Event()

    def let_go(self, path):
        self.gates.pop(path).set()

    def count(self, path):
        with self.lock:
            return sum(1 for request in self.asked if request.target == path)

    def last(self, path):
        with self.lock:
            return [request for request in self.asked if request.target == path][-1]

    def serve(self, connection):
        while True:
            request = connection.request()
            if not request:
                return
            with self.lock:
                self.asked.append(request)
            gate = self.gates.get(request.target)
            if gate:
                gate.wait(60)
            if request.target in self.closes:
                return
            status, fields, body = self.says[request.target]
            tag = next((line.split(": ")[1] for line in fields.split("\r\n") if line.startswith("ETag: ")), None)
            if tag and request.get("If-None-Match") == tag:
                connection.send(("HTTP/1.1 304 Not Modified\r\n%s\r\n" % fields).encode())
            else:
                connection.send(("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" %
                                 (status, fields, len(body), body)).encode())


class Lab(lab.Lab):
    def __init__(self, http=CACHE, **options):
        self.script = Script()
        super().__init__(self.script.serve, http=http, **options)

    def __exit__(self, *why):
        for gate in list(self.script.gates.values()):
            gate.set()
        super().__exit__(*why)

    def get(self, path, fields=""):
        answer = self.proxy.get(path, fields)
        answer.said = answer.get("Cache-Status") or ""
        return answer

    def becomes(self, path, body):
        lab.eventually(lambda: self.get(path).body == body.encode(), "%s is %s" % (path, body))

    def all_have_asked(self, count):
        lab.eventually(lambda: self.proxy.counters()["requests"] == count, "all have asked")

    def get_all(self, path, count, fields=lambda i: ""):
        answers = [None] * count

        def ask(i):
            answers[i] = self.get(path, fields(i))

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        return threads, answers


def join(threads):
    for thread in threads:
        thread.join()


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


# ---- Many wait ----


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
