#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Connections whose SYN was flagged: from the cache, or not at all, or as any other, for a while.

usage: http_caution.py [TEST]...    (root; $BUILD names the build directory)
"""

import threading
import time

from http_lab import PATIENCE, eventually
from two_planes import CLIENT, OTHER, Scene, run_all

_let_go = threading.Event()  # what /slow waits for
FLAG = "flag: {mark: 0x20, mask: 0xf0, accept: true}"
TIER = ", connections: 1/minute burst 2, over: flag"


def _request(path, method="GET"):
    return ("%s %s HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n" % (method, path)
            if method == "POST" else "%s %s HTTP/1.1\r\nHost: api.test\r\n\r\n" % (method, path)).encode()


def _answers(connection):
    """/cached... may be stored for a second, /slow waits to be let go, the rest is not to be stored."""
    while True:
        asked = connection.request()
        if not asked:
            return
        if asked.target.startswith("/slow"):
            _let_go.wait(PATIENCE)
        life = b"max-age=1" if asked.target.startswith("/cached") else b"no-store"
        connection.send(b"HTTP/1.1 200 OK\r\nCache-Control: %s\r\nContent-Length: 3\r\n\r\nhi\n" % life)


def _scene_of(http, top=FLAG, **words):
    return Scene(http=http, top=top, tier=TIER, serve=_answers, **words)


def _plain_and_flagged(scene, source=CLIENT):
    """A connection within the limit, and one whose SYN is over it."""
    plain = scene.connect(source)
    scene.connect(source).close()
    return plain, scene.connect(source)


def _seen(scene, path):
    return sum(asked.target == path for asked in scene.origin.requests)


def cache_only_answers_from_the_cache_stale_or_not_and_never_from_the_origin():
    with _scene_of("  caution: cache-only\n") as scene:
        plain, flagged = _plain_and_flagged(scene)
        assert scene.ask(plain, _request("/cached")).status == 200
        hit = scene.ask(flagged, _request("/cached"))
        assert hit.status == 200 and "hit" in hit.get("Cache-Status"), hit.fields
        time.sleep(1.6)
        stale = scene.ask(flagged, _request("/cached"))
        assert stale.status == 200 and int(stale.get("Age")) >= 1, stale.fields
        assert _seen(scene, "/cached") == 1, "a flagged request reached the origin"
        assert scene.ask(plain, _request("/cached")).status == 200
        assert _seen(scene, "/cached") == 2, "others have it fetched anew"


def cache_only_refuses_what_is_not_cached_and_says_when_to_come_back():
    for raw, method in ((_request("/other"), "GET"), (_request("/cached", "POST"), "POST"),
                        (_request("/cached-not-yet"), "GET")):
        with _scene_of("  caution: cache-only\n  caution_for: 30s\n") as scene:
            plain, flagged = _plain_and_flagged(scene)
            refused = scene.ask(flagged, raw, method)
            assert refused.status == 429 and 15 <= int(refused.get("Retry-After")) <= 30, refused.fields
            assert not scene.origin.requests, "a flagged request reached the origin"
            assert scene.ask(plain, raw, method).status == 200


def refuse_refuses_what_is_cached_too():
    with _scene_of("  caution: refuse\n") as scene:
        plain, flagged = _plain_and_flagged(scene)
        assert scene.ask(plain, _request("/cached")).status == 200
        refused = scene.ask(flagged, _request("/cached"))
        assert refused.status == 429 and 45 <= int(refused.get("Retry-After")) <= 60, refused.fields
        assert scene.send(_request("/cached"), OTHER) == 200, "another source has its own bucket"


def caution_is_over_after_its_time_on_the_same_connection():
    with _scene_of("  caution: cache-only\n  caution_for: 1s\n") as scene:
        _, flagged = _plain_and_flagged(scene)
        time.sleep(1.2)
        assert scene.ask(flagged, _request("/other")).status == 200


def normal_serves_flagged_connections():
    with _scene_of("  caution: normal\n") as scene:
        _, flagged = _plain_and_flagged(scene)
        assert scene.ask(flagged, _request("/other")).status == 200


def a_trusted_proxy_is_served_whatever_its_syns():
    with _scene_of("  caution: refuse\n  trusted_proxies: [%s]\n" % CLIENT) as scene:
        _, flagged = _plain_and_flagged(scene)
        assert scene.ask(flagged, _request("/other")).status == 200


def a_sender_of_proxy_headers_is_served_whatever_its_syns():
    header = b"PROXY TCP4 192.0.2.7 10.9.0.1 1000 80\r\n"
    with _scene_of("  caution: refuse\n  proxy_protocol: {required: [%s]}\n" % CLIENT) as scene:
        _, flagged = _plain_and_flagged(scene)
        assert scene.ask(flagged, header + _request("/other")).status == 200


def without_marks_on_accepted_sockets_nobody_is_flagged():
    with _scene_of("  caution: refuse\n", top="flag: {mark: 0x20, mask: 0xf0}") as scene:
        _, flagged = _plain_and_flagged(scene)
        assert scene.ask(flagged, _request("/other")).status == 200


def _ask_later(scene, sock, raw, into):
    def run():
        sock.settimeout(60)
        into.append((scene.ask(sock, raw).status, time.monotonic()))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def when_the_upstream_is_busy_flagged_requests_are_shed_and_others_wait():
    upstream = '{servers: ["127.0.0.1:PORT"], max_requests: 1, queue: {length: 10, wait: 60s}}'
    with _scene_of("  caution: normal\n", upstream=upstream) as scene:
        _let_go.clear()
        plain, flagged = _plain_and_flagged(scene)
        other, got = scene.connect(OTHER), []
        threads = [_ask_later(scene, plain, _request("/slow"), got)]
        eventually(lambda: _seen(scene, "/slow") == 1, "the slot is taken")
        threads.append(_ask_later(scene, other, _request("/waits"), got))
        time.sleep(0.2)
        shed = scene.ask(flagged, _request("/shed"))
        assert shed.status == 503 and shed.get("Retry-After") == "1", shed.fields
        assert not got, "it was told at once"
        _let_go.set()
        for thread in threads:
            thread.join()
        assert [status for status, _ in got] == [200, 200], got
        assert _seen(scene, "/shed") == 0 and _seen(scene, "/waits") == 1
        assert scene.ask(scene.connect(OTHER), _request("/again")).status == 200


def when_the_upstream_is_busy_a_flagged_request_gets_what_is_stale():
    upstream = '{servers: ["127.0.0.1:PORT"], max_requests: 1, queue: {length: 10, wait: 60s}}'
    with _scene_of("  caution: normal\n", upstream=upstream) as scene:
        plain, flagged = _plain_and_flagged(scene)
        assert scene.ask(plain, _request("/cached")).status == 200
        time.sleep(1.2)
        _let_go.clear()
        thread = _ask_later(scene, plain, _request("/slow"), [])
        eventually(lambda: _seen(scene, "/slow") == 1, "the slot is taken")
        assert scene.ask(flagged, _request("/cached")).status == 200
        assert _seen(scene, "/cached") == 1
        _let_go.set()
        thread.join()


if __name__ == "__main__":
    run_all(globals())
