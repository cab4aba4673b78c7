#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who is never banned, whatever comes from there; and what is no reason for a ban.

usage: http_spared.py [TEST]...    (root; $BUILD names the build directory)
"""

import contextlib
import hashlib
import os
import socket
import tempfile
import time

from http_lab import PATIENCE, Reader, eventually, read_answer
from two_planes import BAD, CLIENT, CLIENT6, ESCALATE, GOOD, OTHER, Scene, refusals, run_all


ASK = "  escalate: {after: 20 refused in 10 seconds, for: 2 seconds}\n"


def _never_banned(http, raw=GOOD, count=60, **words):
    """So many requests, most of them refused; nobody is banned for it."""
    with Scene(http=http, **words) as scene:
        with scene.connect() as sock:
            refused = refusals(scene, sock, count, raw)
        assert refused >= count - 10, refused
        time.sleep(0.3)
        assert not scene.bans() and not scene.story(), (scene.bans(), scene.story())


# ---- Refusals that are no reason ---------------------------------------------------------


def limits_under_a_shared_name_ban_nobody():
    _never_banned(ASK + '  limits: [{limit: "5 per minute", shared: all}]\n')


def forwarded_addresses_ban_nobody_neither_the_proxy_nor_whom_it_names():
    with Scene(http=ASK + '  limits: ["5 per minute"]\n  trusted_proxies: [%s]\n' % CLIENT) as scene:
        raw = GOOD.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: %s\r\n\r\n" % OTHER.encode())
        with scene.connect() as sock:
            assert refusals(scene, sock, 60, raw) == 55
        time.sleep(0.3)
        assert not scene.bans() and not scene.story() and not scene.story(OTHER)


def a_forwarded_address_from_a_stranger_is_not_believed():
    with Scene(http=ASK + '  limits: ["5 per minute"]\n') as scene:
        raw = GOOD.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: %s\r\n\r\n" % OTHER.encode())
        with scene.connect() as sock:
            assert refusals(scene, sock, 24, raw) == 19
            scene.ask(sock, raw)
        eventually(lambda: list(scene.bans()) == [CLIENT], "who connects is banned, not whom he names")


def _as_user(name):
    return GOOD.replace(b"\r\n\r\n", b"\r\nX-User: %s\r\n\r\n" % name.encode())


def who_is_refused_for_what_another_did_under_his_name_is_not_banned():
    with Scene(http=ASK + '  limits: [{limit: "5 per minute", key: {header: X-User}}]\n') as scene:
        with scene.connect(OTHER) as sock:
            assert refusals(scene, sock, 5, _as_user("me")) == 0
        with scene.connect() as sock:
            assert refusals(scene, sock, 60, _as_user("me")) == 60
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


def who_makes_up_a_name_for_each_request_is_banned_for_his_address():
    with Scene(http=ASK + '  limits: [{limit: "5 per minute", key: {header: X-User}}]\n') as scene:
        with scene.connect() as sock:
            assert [scene.ask(sock, _as_user("u%d" % i)).status for i in range(24)].count(429) == 19
            scene.ask(sock, _as_user("last"))
        eventually(lambda: list(scene.bans()) == [CLIENT], "he is banned")


def who_makes_up_more_names_than_his_address_may_bring_is_banned():
    http = ASK + '  max: {identities_per_source: 5}\n' \
                 '  limits: [{limit: "5000 per minute", key: {header: X-User}}]\n'
    with Scene(http=http) as scene:
        with scene.connect(OTHER) as sock:
            assert refusals(scene, sock, 60, _as_user("one")) == 0
        with scene.connect() as sock:
            assert [scene.ask(sock, _as_user("u%d" % i)).status for i in range(24)].count(429) == 19
            assert not scene.bans()
            scene.ask(sock, _as_user("last"))
        eventually(lambda: list(scene.bans()) == [CLIENT], "he is banned")


def who_is_refused_with_his_neighbours_for_want_of_room_is_not_banned():
    http = ASK + '  limits: ["5 per hour"]\n  max: {limit_table: 1 MiB}\n'
    with Scene(http=http) as scene:
        # A whole network behind the client's link.
        scene.client.ip("route", "add", "local", "10.10.0.0/16", "dev", "lo")
        scene.host.route("10.10.0.0/16", "via", CLIENT)
        for i in range(3000):
            assert scene.send(GOOD, "10.10.%d.%d" % (i >> 8, i & 255)) in (200, 429)
        for i in range(1, 9):
            scene.send(GOOD, "10.10.200.%d" % i)
        with scene.connect("10.10.200.77") as sock:
            assert refusals(scene, sock, 60) == 60, "he has an entry of his own: nothing is shown"
        time.sleep(0.3)
        assert not scene.bans() and not scene.story("10.10.200.77")


def _slowly(connection):
    while connection.request():
        time.sleep(1)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def too_many_requests_in_flight_ban_nobody():
    http = ASK + '  routes: [{match: "/*", concurrency: 1}]\n'
    with Scene(http=http, serve=_slowly) as scene:
        socks = [scene.connect() for _ in range(40)]
        for sock in socks:
            sock.sendall(GOOD)
        answers = [read_answer(Reader(sock)).status for sock in socks]
        assert answers.count(429) >= 30 and set(answers) == {200, 429}, answers
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


def dry_runs_ban_nobody():
    with Scene(http=ASK + '  limits: [{limit: "5 per minute", dry_run: true}]\n') as scene:
        with scene.connect() as sock:
            assert refusals(scene, sock, 60) == 0
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


def an_overloaded_upstream_bans_nobody():
    upstream = '{servers: ["127.0.0.1:1"], max_requests: 1, queue: 0}'
    with Scene(http=ASK + '  limits: ["5000 per minute"]\n', upstream=upstream) as scene:
        for _ in range(40):
            assert scene.send(GOOD) >= 500
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


# ---- Keys ----------------------------------------------------------------------------------


KEY = "0123456789abcdef0123456789abcdef"


@contextlib.contextmanager
def _with_keys(http):
    """The same part of a policy, with a file that has KEY in it."""
    with tempfile.TemporaryDirectory(prefix="slt-keys-") as place:
        path = os.path.join(place, "keys")
        with open(path, "w", encoding="ascii") as file:
            file.write("partner - %s\n" % hashlib.sha256(KEY.encode()).hexdigest())
        yield "  keys: {file: %s}\n" % path + http


def _keyed(key=KEY):
    return GOOD.replace(b"\r\n\r\n", b"\r\nX-API-Key: %s\r\n\r\n" % key.encode())


def clients_with_a_valid_key_are_never_banned_and_a_made_up_key_helps_nobody():
    for limit in ('["5 per minute"]', '[{limit: "5 per minute", key: api-key}]'):
        with _with_keys(ASK + "  limits: %s\n" % limit) as http, Scene(http=http) as scene:
            with scene.connect() as sock:
                assert refusals(scene, sock, 60, _keyed()) == 55
            time.sleep(0.3)
            assert not scene.bans() and not scene.story()
            with scene.connect(OTHER) as sock:
                assert refusals(scene, sock, 24, _keyed("made-up")) == 19
                scene.ask(sock, _keyed("made-up"))
            eventually(lambda: list(scene.bans()) == [OTHER], "a made-up key is the address it comes from")


def a_valid_key_that_is_never_let_in_bans_nobody_either():
    with _with_keys(ASK + '  limits: ["0 per minute"]\n') as http, Scene(http=http) as scene:
        with scene.connect() as sock:
            assert refusals(scene, sock, 60, _keyed()) == 60
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


def an_address_from_which_a_valid_key_was_served_is_not_banned_for_its_neighbours():
    with _with_keys(ASK + '  limits: [{limit: "9 per minute", key: api-key}]\n') as http, Scene(http=http) as scene:
        office, guest = scene.connect(), scene.connect()
        assert scene.ask(office, _keyed()).status == 200
        assert refusals(scene, guest, 60) == 51
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


# ---- Sources that are spared ---------------------------------------------------------------


def a_trusted_proxy_is_never_banned_for_what_comes_through_it():
    with Scene(http=ESCALATE + "  trusted_proxies: [%s]\n" % CLIENT) as scene:
        for _ in range(12):
            assert scene.send(BAD) == 400
        time.sleep(0.5)
        assert not scene.bans() and not scene.story()


def who_sends_proxy_headers_is_never_banned_nor_whom_they_name():
    header = b"PROXY TCP4 10.9.0.3 10.9.0.1 1000 80\r\n"
    with Scene(http=ESCALATE + "  proxy_protocol: {required: [%s]}\n" % CLIENT) as scene:
        for _ in range(12):
            assert scene.send(header + BAD) == 400
        time.sleep(0.5)
        assert not scene.bans() and not scene.story() and not scene.story(OTHER)


def whoever_comes_through_a_unix_socket_is_never_banned():
    with tempfile.TemporaryDirectory(prefix="slt-unix-") as place:
        os.chmod(place, 0o755)
        path = os.path.join(place, "http.sock")
        http = ESCALATE + '  limits: ["5 per minute"]\n'
        with Scene(http=http.replace("malformed: 5", "after: 20 refused in 10 seconds, malformed: 5"),
                   listen='"10.9.0.1:80", "unix:%s"' % path) as scene:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(path)
                assert refusals(scene, sock, 60) == 55
            for _ in range(12):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.settimeout(PATIENCE)
                    sock.connect(path)
                    assert scene.ask(sock, BAD).status == 400
            time.sleep(0.3)
            assert not scene.bans() and not scene.sluice.ask("GET", "/v1/events?last=100")


def what_is_only_too_much_or_unusual_breaks_no_framing():
    odd = (b"TRACE / HTTP/1.1\r\nHost: api.test\r\n\r\n",
           b"GET /a%2Fb HTTP/1.1\r\nHost: api.test\r\n\r\n",
           b"GET / HTTP/1.1\r\nHost: api.test\r\nX: " + b"x" * 20000 + b"\r\n\r\n",
           b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 99999999\r\n\r\n")
    with Scene(http=ESCALATE) as scene:
        for _ in range(4):
            for raw in odd:
                assert scene.send(raw) >= 400
        time.sleep(0.5)
        assert not scene.bans() and not scene.story()


def an_allowed_source_is_told_of_and_not_banned():
    with Scene(http=ESCALATE) as scene:
        scene.sluice.ask("POST", "/v1/allows", '{"prefix": "10.9.0.2"}')
        for _ in range(5):
            scene.send(BAD)
        eventually(lambda: scene.story() == ["malformed"], "it is told")
        assert not scene.bans()


def a_server_known_by_name_is_never_banned():
    with Scene(http=ESCALATE) as scene:
        # In the laboratory's own mounts; what is resolved again is the parent's to know.
        done = scene.host.run("sh", "-c", "echo '10.9.0.2 peer.test' >/tmp/sl-hosts-$$ && "
                              "mount --bind /tmp/sl-hosts-$$ /etc/hosts && rm /tmp/sl-hosts-$$")
        assert not done.returncode, done.stderr
        scene.reload(upstream='["127.0.0.1:%d", "peer.test:81"]' % scene.origin.port)
        for _ in range(5):
            scene.send(BAD)
        eventually(lambda: scene.story() == ["malformed"], "it is told")
        assert not scene.bans()


def a_network_that_holds_a_server_or_a_proxy_is_never_banned():
    with Scene(http=ESCALATE + '  trusted_proxies: ["fd00:9:0:1::77"]\n') as scene:
        for _ in range(5):
            scene.send(BAD, CLIENT6)
        eventually(lambda: scene.story("fd00:9:0:1::/64") == ["malformed"], "it is told")
        assert not scene.bans()
        time.sleep(1.1)  # a source is told of once a second
        scene.reload(http=ESCALATE, upstream='["127.0.0.1:%d", "[fd00:9:0:1::77]:81"]' % scene.origin.port)
        for _ in range(5):
            scene.send(BAD, CLIENT6)
        eventually(lambda: scene.story("fd00:9:0:1::/64") == ["malformed"] * 2, "it is told again")
        assert not scene.bans()


def nothing_is_banned_unless_the_policy_says_so():
    with Scene() as scene:
        for _ in range(40):
            assert scene.send(BAD) == 400
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


if __name__ == "__main__":
    run_all(globals())
