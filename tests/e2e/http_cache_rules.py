#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What may be shared, with whom.

One origin that says what was set for a path and counts, and a proxy for each policy. The rules themselves have
their unit tests; here they are seen to be asked, with what a route declares.
"""

import sys
import time

import http_lab as lab
from http_cache_rules_lab import FRESH, Lab, route

# ---- Per-user data ----


PERSONAL = ("Cookie: a=1\r\n", "Authorization: Bearer x\r\n", "X-Api-Key: k\r\n", "X-User: u\r\n")
KNOWN_BY = '  global_limits: [{limit: 100000/second, key: {header: X-User}}]\n'


def explicit_freshness_from_the_origin_is_obeyed_also_for_a_request_with_cookies():
    with Lab() as it:
        it.script.set("/a", FRESH)
        assert it.is_shared("/a", "Cookie: session=1\r\n", "Cookie: session=2\r\n")


def lifetime_of_the_policy_is_not_applied_to_a_request_that_says_who_asks():
    with Lab(routes=route("GET /p", "cache: 600 seconds"), more=KNOWN_BY) as it:
        assert it.is_shared("/p")
        for field in PERSONAL:
            assert not it.ask("/p", field).is_hit, "a stored one was used for " + field
    for field in PERSONAL:
        with Lab(routes=route("GET /p", "cache: 600 seconds"), more=KNOWN_BY) as it:
            assert not it.is_shared("/p", field), field
            assert "detail=personal" in it.ask("/p", field).said or "authorization" in it.ask("/p", field).said
            assert not it.ask("/p").is_hit, "one for " + field + " was used for somebody else"


def guessed_lifetime_is_not_applied_to_a_request_that_says_who_asks():
    old = "Last-Modified: Mon, 01 Jan 2018 00:00:00 GMT\r\n"
    for field in ("",) + PERSONAL:
        with Lab("{size: 64 MiB, heuristics: on}", more=KNOWN_BY) as it:
            it.script.set("/a", old)
            assert it.is_shared("/a", field) == (not field), field


def field_in_the_key_makes_each_of_its_values_a_cache_of_its_own():
    keys = (("headers: [X-User]", "X-User: %s\r\n"), ("headers: [authorization]", "Authorization: %s\r\n"),
            ("cookies: [a]", "Cookie: a=%s\r\n"), ("headers: [X-Api-Key]", "X-Api-Key: %s\r\n"))
    for key, field in keys:
        is_credential = not field.startswith("Cookie")
        with Lab(routes=route("GET /p", "cache: {for: 600 seconds, key: {%s}}" % key), more=KNOWN_BY) as it:
            assert it.is_shared("/p", field % "one"), (key, is_credential)
            assert not it.ask("/p", field % "two").is_hit, key
            assert it.ask("/p", field % "two").is_hit, key
            assert it.ask("/p", field % "one").is_hit, key


def field_that_connection_takes_out_is_no_part_of_what_is_stored():
    with Lab() as it:
        it.script.set("/a", FRESH + "Vary: Origin\r\n")
        for named in ("Origin", "close, origin", "keep-alive\r\nConnection: ORIGIN"):
            assert not it.ask("/a", "Connection: %s\r\nOrigin: good\r\n" % named).is_hit
        assert not it.ask("/a", "Origin: good\r\n").is_hit, "the answer to a request without it was stored under it"
        assert it.ask("/a", "Origin: good\r\n").is_hit
        assert it.ask("/a", "Connection: keep-alive, TE\r\nTE: trailers\r\nOrigin: good\r\n").is_hit


def answer_that_depends_on_the_clients_address_is_not_shared():
    with Lab() as it:
        for name in ("X-Forwarded-For", "x-forwarded-for, Accept", "Forwarded", "X-Real-IP"):
            it.script.set("/a", FRESH + "Vary: %s\r\n" % name)
            assert not it.is_shared("/a"), name


def cookies_of_one_name_are_no_key_since_nobody_knows_which_one_the_origin_takes():
    for field in ("Cookie: a=one; a=two\r\n", "Cookie: a=one\r\nCookie: a=two\r\n", "Cookie: a=two; b=1; a=one\r\n"):
        with Lab(routes=route("GET /p", "cache: {for: 600 seconds, key: {cookies: [a]}}"), more=KNOWN_BY) as it:
            assert not it.ask("/p", field).is_hit and not it.ask("/p", field).is_hit, field
            for one in ("Cookie: a=one\r\n", "Cookie: a=two\r\n"):
                assert not it.ask("/p", one).is_hit, "poisoned by " + field
            assert it.ask("/p", "Cookie: a=one\r\n").is_hit and not it.ask("/p", field).is_hit, field


def identity_in_the_key_makes_each_client_a_cache_of_its_own():
    routes = route("GET /p", 'cache: {for: 600 seconds, key: {identity: true}}, key: {header: X-User}')
    with Lab(routes=routes) as it:
        assert it.is_shared("/p", "X-User: one\r\n")
        assert not it.ask("/p", "X-User: two\r\n").is_hit and not it.ask("/p").is_hit
        assert it.ask("/p", "X-User: two\r\n").is_hit and it.ask("/p", "X-User: one\r\n").is_hit
        assert not it.is_shared("/p", "X-User: one\r\nCookie: other=1\r\n"), "a cookie is not of its identity"


def field_under_ignore_does_not_make_a_request_personal():
    for ignored, field in (("authorization", "Authorization: x\r\n"), ("cookie", "Cookie: a=1; b=2\r\n"),
                           ("{cookie: a}", "Cookie: a=1\r\n"), ("x-user", "X-User: u\r\n")):
        with Lab(routes=route("GET /p", "cache: 600 seconds, ignore: [%s]" % ignored), more=KNOWN_BY) as it:
            assert it.is_shared("/p", field, ""), ignored
            assert it.ask("/p", field).is_hit, ignored


def cookie_that_is_not_ignored_beside_one_that_is_makes_a_request_personal():
    with Lab(routes=route("GET /p", "cache: 600 seconds, ignore: [{cookie: a}]")) as it:
        assert not it.is_shared("/p", "Cookie: a=1; session=2\r\n")


def identity_header_is_treated_as_authorization_is():
    for field in ("Authorization: Basic YTpi\r\n", "X-Api-Key: k\r\n", "X-User: u\r\n"):
        for says, is_shared in (("max-age=600", False), ("public, max-age=600", True), ("s-maxage=600", True),
                                ("must-revalidate, max-age=600", True)):
            with Lab(more=KNOWN_BY) as it:
                it.script.set("/a", "Cache-Control: %s\r\n" % says)
                assert it.is_shared("/a", field) == is_shared, field + says


def header_that_only_another_route_counts_by_says_who_asks_here_too():
    routes = route("GET /p", "cache: 600 seconds") + \
        route("GET /other", 'limits: [{limit: 100000/second, key: {header: X-User}}]')
    with Lab(routes=routes) as it:
        assert not it.is_shared("/p", "X-User: u\r\n")


def lifetime_of_the_policy_covers_six_statuses_unless_the_route_names_others():
    for status, is_covered in (("200 OK", 1), ("203 X", 1), ("301 X", 1), ("308 X", 1), ("404 X", 1), ("410 X", 1),
                               ("204 X", 0), ("302 X", 0), ("400 X", 0), ("403 X", 0), ("500 X", 0), ("503 X", 0)):
        with Lab(routes=route("GET /p", "cache: 600 seconds")) as it:
            it.script.set("/p", status=status, body="" if "204" in status else "x")
            if "204" not in status:
                assert it.is_shared("/p") == bool(is_covered), status
    with Lab(routes=route("GET /p", "cache: 600 seconds, status: [403]")) as it:
        it.script.set("/p", status="403 X")
        assert it.is_shared("/p")
        it.script.set("/p", status="200 OK")
    with Lab(routes=route("GET /p", "cache: 600 seconds, status: [403]")) as it:
        assert not it.is_shared("/p")
    with Lab(routes=route("GET /p", 'cache: 600 seconds, status: ["4xx"]')) as it:
        it.script.set("/p", status="418 X")
        assert it.is_shared("/p")


def lifetime_of_the_policy_leaves_out_the_statuses_that_the_route_excepts():
    for status, is_covered in (("200 OK", 1), ("410 X", 1), ("404 X", 0), ("403 X", 0)):
        with Lab(routes=route("GET /p", "cache: 600 seconds, status: {except: [404]}")) as it:
            it.script.set("/p", status=status)
            assert it.is_shared("/p") == bool(is_covered), status


def lifetime_of_the_policy_covers_nothing_that_says_otherwise():
    for says in ("Set-Cookie: a=b\r\n", "Vary: *\r\n", "Vary: Accept, *\r\n", "Cache-Control: private\r\n",
                 "Cache-Control: no-store\r\n"):
        with Lab(routes=route("GET /p", "cache: 600 seconds, share_set_cookie: true")) as it:
            it.script.set("/p", says)
            assert not it.is_shared("/p"), says


def answer_that_sets_a_cookie_is_shared_only_where_the_route_says_so():
    routes = route("GET /yes", "share_set_cookie: true") + route("GET /no", "cache: 600 seconds")
    with Lab(routes=routes) as it:
        for path in ("/yes", "/no"):
            it.script.set(path, FRESH + "Set-Cookie: a=b\r\n")
        assert it.is_shared("/yes") and it.ask("/yes").get("Set-Cookie") == "a=b"
        assert not it.is_shared("/no")


# ---- Poisoning and deception ----


def request_with_content_is_forwarded_and_neither_looked_up_nor_stored():
    for method in ("GET", "HEAD"):
        with Lab() as it:
            it.script.set("/a", FRESH)
            first = it.ask("/a", method=method, body="x")
            assert "fwd=bypass" in first.said and "detail=request-content" in first.said, first.said
            assert not it.ask("/a").is_hit, "it was stored"
            assert not it.ask("/a", method=method, body="x").is_hit, "it was looked up"


def target_that_names_another_host_than_host_is_refused():
    with Lab() as it:
        answer = it.ask("http://evil.test/a")
        assert answer.status == 400 and not it.script.asked, answer.line


def host_that_is_not_served_gets_421_and_nothing_is_asked():
    with Lab(more='  hosts: ["api.test", "*.example.com"]\n') as it:
        assert it.ask("/a", host="evil.test").status == 421 and not it.script.asked
        assert it.ask("/a", host="b.example.com").status == 200


def what_a_stranger_says_of_where_a_request_came_from_is_not_what_the_origin_obeys():
    with Lab() as it:
        it.script.set("/a", FRESH)
        it.ask("/a", "X-Forwarded-Host: evil.test\r\nX-Original-URL: /evil\r\nX-Forwarded-Proto: https\r\n"
                     "X-HTTP-Method-Override: PURGE\r\n")
        got = it.script.asked[0]
        assert "evil" not in got.raw_head.decode() and got.all("X-Forwarded-Proto") == ["http"], got.raw_head
        assert not got.get("X-HTTP-Method-Override")


def page_under_a_name_that_promises_something_else_is_not_stored():
    with Lab(routes=route("GET /me/*", "cache: 600 seconds")) as it:
        for path in ("/me/x.css", "/me/y.css"):
            it.script.set(path, "Content-Type: text/html\r\n" if "x" in path else "Content-Type: text/css\r\n")
        assert not it.is_shared("/me/x.css") and it.is_shared("/me/y.css")


# ---- Keys ----


def spellings_of_one_url_are_one_key():
    with Lab() as it:
        it.script.set("/a/b~", FRESH)
        it.ask("/a/b~")
        for path, host in (("/a/b~", "API.test"), ("/a/b~", "api.test:80"), ("/a/b~", "api.test."),
                           ("/a/%62%7e", "api.test"), ("/a/./b~", "api.test"), ("/x/../a/b~", "api.test")):
            assert it.ask(path, host=host).is_hit, (path, host)
        for path, host in (("/a/b~?", "api.test"), ("/A/b~", "api.test"), ("/a/b~", "other.test"),
                           ("/a/b~", "api.test:8080")):
            assert not it.ask(path, host=host).is_hit, (path, host)


def scheme_is_part_of_the_key_as_a_trusted_proxy_tells_it_and_nobody_else():
    for more, differs in (("", False), ('  trusted_proxies: ["127.0.0.1"]\n', True)):
        with Lab(more=more) as it:
            it.script.set("/a", FRESH)
            it.ask("/a")
            assert it.ask("/a", "X-Forwarded-Proto: https\r\n").is_hit != differs, more


def query_counts_as_the_route_says():
    routes = route("GET /only", "cache: {for: 600s, key: {query: [b, a]}}") + \
        route("GET /none", "cache: {for: 600s, key: {query: none}}") + \
        route("GET /but", "cache: {for: 600s, key: {query: {except: [utm]}}}")
    with Lab(routes=routes) as it:
        for first, second, is_same in (
                ("/only?a=1&b=2&c=3", "/only?c=4&b=2&a=1", True), ("/only?a=1&a=2", "/only?a=2&a=1", False),
                ("/none?a=1", "/none?b=1", True), ("/but?utm=1&a=1", "/but?a=1&utm=2", True),
                ("/but?a=1&b=1", "/but?b=1&a=1", False)):
            it.ask(first)
            assert it.ask(second).is_hit == is_same, (first, second)


# ---- What crosses the cache ----


def fields_that_connection_names_are_neither_stored_nor_forwarded():
    with Lab() as it:
        it.script.set("/a", FRESH + "Connection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n")
        first, second, third = it.ask("/a"), it.ask("/a"), it.ask("/a", "Connection: X-Mine\r\nX-Mine: 1\r\n")
        assert second.is_hit
        for answer in (first, second, third):
            assert answer.get("X-End") == "2" and not answer.get("X-Hop"), answer.raw_head
        assert len(it.script.asked) == 2 and not it.script.asked[1].get("X-Mine")


def interim_answers_are_passed_on_and_not_stored():
    with Lab() as it:
        it.script.set("/a", FRESH)
        it.script.interim["/a"] = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        with it.proxy.connect() as sock:
            sock.sendall(b"GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n" * 2)
            reader = lab.Reader(sock)
            assert [lab.read_answer(reader).status for _ in range(3)] == [103, 200, 200]


def confirmation_without_a_date_makes_young_again_and_its_age_counts():
    with Lab() as it:
        it.script.set("/d", 'ETag: "a"\r\nCache-Control: max-age=2\r\n')
        it.ask("/d")
        time.sleep(3.1)  # by the Date of the first answer it would be stale for ever
        it.script.set("/d", 'ETag: "a"\r\n', body="", status="304 X")
        assert "fwd-status=304; stored" in it.ask("/d").said
        again = it.ask("/d")
        assert again.is_hit and int(again.get("Age")) < 2, again.said
        assert len(again.all("Date")) == 1 and it.asked("/d") == 2

        it.script.set("/e", 'ETag: "a"\r\nCache-Control: max-age=0\r\n')
        it.ask("/e")
        it.script.set("/e", 'ETag: "a"\r\nCache-Control: max-age=100\r\nAge: 40\r\n', body="", status="304 X")
        it.ask("/e")
        again = it.ask("/e")
        assert again.is_hit and 40 <= int(again.get("Age")) < 45 and len(again.all("Age")) == 1, again.raw_head


def what_the_origin_will_not_have_kept_any_longer_is_forgotten():
    for word in ("no-store", "private"):
        with Lab() as it:
            it.script.set("/p", 'ETag: "a"\r\nCache-Control: max-age=1\r\n')
            it.ask("/p")
            time.sleep(1.1)
            said = 'ETag: "a"\r\nCache-Control: %s\r\n' % word
            it.script.only_new["/p"] = said
            it.script.set("/p", said, body="mine")
            answer = it.ask("/p")
            assert answer.status == 200 and answer.body == b"mine" and answer.get("Cache-Control") == word, answer.raw_head
            assert "detail=" + word in answer.said and it.asked("/p") == 3, answer.said
            it.origin.stop()
            assert it.ask("/p").status == 502, "it stood in"


def what_one_who_says_who_he_is_may_not_share_stays_for_the_others():
    with Lab(routes=route("GET /p", "cache: 600 seconds")) as it:
        it.script.set("/p", 'ETag: "a"\r\n')
        it.ask("/p")
        it.script.only_new["/p"] = 'ETag: "a"\r\nCache-Control: private\r\n'
        it.script.set("/p", it.script.only_new["/p"], body="mine")
        answer = it.ask("/p", "Cookie: a=1\r\n")
        assert answer.body == b"mine" and answer.get("Cache-Control") == "private", answer.raw_head
        other = it.ask("/p")
        assert other.is_hit and other.body == b"content", other.said


def part_is_never_taken_for_the_whole():
    with Lab() as it:
        it.script.set("/ranges", FRESH + 'ETag: "1"\r\n')
        assert it.ask("/ranges", "Range: bytes=2-3\r\n").body == b"nt"
        whole = it.ask("/ranges")
        assert whole.status == 200 and whole.body == b"content" and not whole.is_hit
        part = it.ask("/ranges", "Range: bytes=2-3\r\n")
        assert part.status == 206 and part.body == b"nt" and part.is_hit


def request_directives_are_ignored_or_honoured_as_the_policy_says():
    for mode, is_hit in (("ignore", True), ("honour", False)):
        with Lab("{size: 64 MiB, request_directives: %s}" % mode) as it:
            it.script.set("/a", FRESH + "Age: 50\r\n")
            it.ask("/a")
            for says in ("no-cache", "max-age=10", "min-fresh=590"):
                assert it.ask("/a", "Cache-Control: %s\r\n" % says).is_hit == is_hit, (mode, says)
            only = it.ask("/new", "Cache-Control: only-if-cached\r\n")
            assert only.status == (200 if is_hit else 504), only.line


def every_unsafe_method_invalidates_also_one_nobody_knows():
    for method in ("POST", "PUT", "DELETE", "PATCH", "FROBNICATE", "PURGE"):
        with Lab() as it:
            it.script.set("/a", FRESH)
            it.ask("/a")
            it.ask("/a", method=method)
            assert not it.ask("/a").is_hit, method
    for method in ("HEAD", "OPTIONS"):
        with Lab() as it:
            it.script.set("/a", FRESH)
            it.ask("/a")
            it.ask("/a", method=method)
            assert it.ask("/a").is_hit, method


def what_a_change_names_is_invalidated_where_it_is_of_the_same_origin():
    for field in ("Location", "Content-Location"):
        for value, is_gone in (("/b", True), ("http://api.test/b", True), ("b", True), ("http://evil.test/b", False),
                               ("https://api.test/b", False)):
            with Lab() as it:
                it.script.set("/b", FRESH)
                it.ask("/b")
                it.script.set("/a", "%s: %s\r\n" % (field, value))
                it.ask("/a", method="POST")
                assert it.ask("/b").is_hit != is_gone, (field, value)


def groups_are_invalidated_by_an_unsafe_answer_of_their_own_origin():
    for method, host, is_gone in (("POST", "api.test", True), ("GET", "api.test", False), ("POST", "b.test", False)):
        with Lab() as it:
            it.script.set("/b", FRESH + 'Cache-Groups: "one", "two";x\r\n')
            it.script.set("/c", FRESH + 'Cache-Groups: "three"\r\n')
            it.ask("/b")
            it.ask("/c")
            it.script.set("/a", 'Cache-Group-Invalidation: "two"\r\n')
            it.ask("/a", method=method, host=host)
            assert it.ask("/b").is_hit != is_gone, (method, host)
            assert it.ask("/c").is_hit


def targeted_field_decides_alone_and_one_with_a_fault_not_at_all():
    for fields, is_shared in (
            ("CDN-Cache-Control: max-age=600\r\nCache-Control: no-store\r\n", True),
            ("CDN-Cache-Control: no-store\r\n" + FRESH, False),
            ("CDN-Cache-Control: private=?0\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n", False),
            ("CDN-Cache-Control: max-age=\r\n" + FRESH, True), ("CDN-Cache-Control:\r\n" + FRESH, True),
            ("Sluice-Cache-Control: no-store\r\nCDN-Cache-Control: max-age=600\r\n", False)):
        with Lab() as it:
            it.script.set("/a", fields)
            assert it.is_shared("/a") == is_shared, fields


if __name__ == "__main__":
    sys.exit(lab.run(lab.tests_of(sys.modules[__name__])))
