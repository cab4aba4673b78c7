#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What every answer that is not shared says of the reason, and that every reason there is can be had."""

import os
import re
import sys

import http_lab as lab
from http_cache_rules_lab import FRESH, Lab, route

# What Cache-Status says of each reason for which an answer is not stored: how it comes about.
FORM = "Content-Type: text/html\r\n"
MANY = "".join("Surrogate-Key: %s\r\n" % " ".join("k%d" % (i * 13 + j) for j in range(13)) for i in range(5))
WHY_NOT_STORED = {
    "route-says-no": {"path": "/off"},
    "request-content": {"body": "x"},
    "method-override": {"path": "/over", "ask": "X-HTTP-Method-Override: PUT\r\n"},
    "request-no-store": {"says": FRESH, "ask": "Cache-Control: no-store\r\n"},
    "status-not-understood": {"says": FRESH, "status": "429 X"},
    "no-store": {"says": "Cache-Control: no-store\r\n"},
    "private": {"says": "Cache-Control: private, max-age=600\r\n"},
    "authorization": {"says": FRESH, "ask": "Authorization: x\r\n"},
    "set-cookie": {"says": FRESH + "Set-Cookie: a=b\r\n"},
    "vary-any": {"says": FRESH + "Vary: *\r\n"},
    "no-freshness": {},
    "stale-at-once": {"says": "Cache-Control: max-age=0\r\n"},
    "personal": {"path": "/p", "ask": "Cookie: a=b\r\n"},
    "content-type": {"path": "/me/x.css", "says": FORM},
    "too-large": {"says": FRESH, "content": "x" * 300000},
    "too-many-tags": {"says": FRESH + MANY},
    "bad-vary": {"says": FRESH + "Vary: a b\r\n"},
}
# Known only when the head, which would say it, has gone; or not to be brought about from outside.
COUNTED_ONLY = {"stored", "method", "incomplete", "no-space", "too-many-variants", "overtaken"}
WHY_ROUTES = route("GET /off", "cache: off") + route("GET /p", "cache: 600 seconds") + \
    route("GET /me/*", "cache: 600 seconds") + route("GET /over", "method_override: true")
STORE, FRESHNESS, FORWARD = ("storable.h", "STORE_VERDICTS"), ("freshness.h", "FRESHNESS_VERDICTS"), \
    ("cache_status.h", "FORWARD_REASONS")


def labels_of(name, table):
    """Labels of a table of the sources."""
    with open(os.path.join(lab.ROOT, "agent", "cache", name), encoding="utf-8") as source:
        rows = source.read().split("#define %s(X)" % table)[1].split("\nenum ")[0]
    return re.findall(r'^\s+X\([A-Z_]+, "([a-z-]*)",', rows, re.M)


def every_reason_not_to_store_is_told():
    with Lab("{size: 64 MiB, object_max: 200 KiB, request_directives: honour}", WHY_ROUTES) as it:
        for label, how in WHY_NOT_STORED.items():
            path = how.get("path", "/" + label)
            it.script.set(path, how.get("says", ""), how.get("content", "content"), how.get("status", "200 OK"))
            answer = it.ask(path, how.get("ask", ""), body=how.get("body", ""))
            assert "detail=" + label in answer.said.split("; "), (label, answer.said)
    assert set(WHY_NOT_STORED) | COUNTED_ONLY == set(labels_of(*STORE))


def every_reason_is_explained_to_users():
    with open(os.path.join(lab.ROOT, "docs", "caching.md"), encoding="utf-8") as page:
        explained = set(re.findall(r"`([a-z-]+)`", page.read()))
    unexplained = (set(labels_of(*STORE) + labels_of(*FORWARD) + labels_of(*FRESHNESS)) - explained -
                   {"", "stored", "method", "fresh", "miss", "partial"})
    assert not unexplained, unexplained


def every_reason_to_ask_the_origin_is_told():
    told = set()
    with Lab("{size: 64 MiB, request_directives: honour}", WHY_ROUTES) as it:
        def ask(path, fields="", method="GET"):
            said = it.ask(path, fields, method).said
            told.update(re.findall("fwd=([a-z-]+)", said))
            return said

        it.script.set("/vary", FRESH + "Vary: X-Kind\r\n")
        it.script.set("/stale", "Cache-Control: max-age=1\r\nAge: 9\r\nETag: \"1\"\r\n")
        it.script.set("/asked", FRESH + 'ETag: "1"\r\n')
        it.script.set("/no-cache", 'Cache-Control: no-cache\r\nETag: "1"\r\n')
        assert "fwd=uri-miss; fwd-status=200; stored" in ask("/vary", "X-Kind: 1\r\n")
        assert "fwd=vary-miss" in ask("/vary", "X-Kind: 2\r\n")
        ask("/stale")
        assert "fwd=stale" in ask("/stale")
        ask("/asked")
        assert "fwd=request" in ask("/asked", "Cache-Control: no-cache\r\n")
        assert "detail=precondition" in ask("/asked", 'If-Match: "1"\r\n')
        ask("/no-cache")
        assert "fwd=stale" in ask("/no-cache") and "detail=no-cache" in ask("/no-cache")
        assert "fwd=method" in ask("/asked", method="POST")
        assert "fwd=bypass; fwd-status=200; detail=route-says-no" in ask("/off")
    # "miss" is for caches that cannot tell, "partial" for those that store parts.
    assert told == set(labels_of(*FORWARD)) - {"", "miss", "partial"}, told


def error_of_our_own_says_why_it_did_not_come_from_the_cache():
    with Lab("{size: 64 MiB, request_directives: honour, stale_on_error: 0s}", WHY_ROUTES) as it:
        it.script.set("/stale", "Cache-Control: max-age=1\r\nAge: 9\r\nETag: \"1\"\r\n")
        it.ask("/stale")
        it.origin.stop()
        for path, why in (("/miss", "fwd=uri-miss"), ("/stale", "fwd=stale"), ("/off", "fwd=bypass; detail=route-says-no")):
            answer = it.ask(path)
            assert answer.status == 502 and why in answer.said, (path, answer.raw_head)
        assert it.ask("/miss", "Cache-Control: only-if-cached\r\n").said == ""
        assert it.ask("/a//b").said == "" and it.ask("/a//b").status == 400


def what_was_stored_but_could_not_be_used_says_why():
    with Lab("{size: 64 MiB, request_directives: honour}", WHY_ROUTES) as it:
        it.script.set("/a", FRESH + "Age: 100\r\n")
        it.ask("/a")
        for says, label in (("no-cache", "request-no-cache"), ("max-age=10", "request-max-age"),
                            ("min-fresh=550", "request-min-fresh")):
            answer = it.ask("/a", "Cache-Control: %s\r\n" % says)
            assert "detail=" + label in answer.said, answer.said
        it.ask("/p")
        assert "detail=personal" in it.ask("/p", "Cookie: a=b\r\n").said
        it.script.set("/stale", "Cache-Control: max-age=1\r\nAge: 9\r\nETag: \"1\"\r\n")
        it.ask("/stale")
        answer = it.ask("/stale", "Cache-Control: max-stale=100\r\n")
        assert answer.is_hit and "detail=max-stale" in answer.said, answer.said


if __name__ == "__main__":
    sys.exit(lab.run(lab.tests_of(sys.modules[__name__])))
