#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two planes, one decision: who will not listen at the HTTP plane is dropped at the network card.

Real clients in network namespaces, a sluiced of its own with both planes, and an origin behind it.

usage: http_escalation.py [TEST]...    (root; $BUILD names the build directory)
"""

import contextlib
import ctypes
import datetime
import hashlib
import os
import re
import shutil
import socket
import struct
import tempfile
import time

from http_lab import ROOT, Reader, eventually, read_answer
from netns import main
from two_planes import BAD, CLIENT, CLIENT6, GOOD, HOST, HOST6, NEIGHBOUR6, OTHER, Scene, is_reset

def span_of(ban):
    since, until = (datetime.datetime.fromisoformat(ban[key].replace("Z", "+00:00")) for key in ("since", "until"))
    return (until - since).total_seconds()


SYS_PIDFD_GETFD = 438
CHILD_FD = 3
ESCALATE = "  escalate: {malformed: 5 in 10 seconds, slow: 3 in 10 seconds, for: 2 seconds, up to: 1 minute}\n"


# ---- Framing -----------------------------------------------------------------------------


def broken_framing_is_a_ban_and_not_before_the_pattern_is_whole():
    with Scene(http=ESCALATE) as scene:
        assert [scene.send(BAD) for _ in range(4)] == [400] * 4
        time.sleep(0.3)
        assert not scene.bans() and scene.send(GOOD) == 200
        assert scene.send(BAD) == 400
        eventually(lambda: CLIENT in scene.bans(), "the source is banned")
        ban = scene.bans()[CLIENT]
        assert ban["cause"] == "http" and ban["reason"] == "breaks HTTP framing" and ban["strikes"] == 1, ban
        before = scene.dropped()
        assert scene.is_unreachable(), "packets of a banned source pass"
        assert scene.dropped() > before, "dropped elsewhere than at the card"
        assert scene.send(GOOD, OTHER) == 200, "a neighbour is served"
        assert scene.story()[-2:] == ["malformed", "banned"], scene.story()
        told = scene.events()[-2]
        assert told["requests"] == 5 and told["packets"] == 0, told


def each_ban_is_twice_as_long_and_service_comes_back_in_between():
    with Scene(http=ESCALATE) as scene:
        for strike, seconds in ((1, 2), (2, 4)):
            for _ in range(5):
                scene.send(BAD)
            eventually(lambda: CLIENT in scene.bans(), "the source is banned")
            ban = scene.bans()[CLIENT]
            assert ban["strikes"] == strike and span_of(ban) == seconds, ban
            begun = time.monotonic()
            eventually(lambda: not scene.is_unreachable(), "service again")
            assert time.monotonic() - begun > seconds - 1, "the ban was cut short"
            assert scene.send(GOOD) == 200
        eventually(lambda: scene.story().count("ban_ended") == 2, "both ends are told")
        assert scene.story() == ["malformed", "banned", "ban_ended"] * 2, scene.story()


def strikes_outlive_the_child_and_the_agent():
    with Scene(http=ESCALATE) as scene:
        for _ in range(5):
            scene.send(BAD)
        eventually(lambda: CLIENT in scene.bans(), "the source is banned")
        scene.sluice.stop()
        scene.sluice.start()
        eventually(lambda: not scene.is_unreachable(), "service again")
        for _ in range(5):
            scene.send(BAD)
        eventually(lambda: CLIENT in scene.bans(), "the source is banned again")
        assert scene.bans()[CLIENT]["strikes"] == 2, scene.bans()


def an_ipv6_source_is_banned_with_its_whole_network():
    with Scene(http=ESCALATE) as scene:
        for i in range(5):
            scene.send(BAD, (CLIENT6, NEIGHBOUR6)[i % 2])
        eventually(lambda: "fd00:9:0:1::/64" in scene.bans(), "the /64 is banned")
        assert scene.is_unreachable(NEIGHBOUR6) and scene.is_unreachable(CLIENT6)
        assert scene.send(GOOD) == 200


# ---- Refusals ----------------------------------------------------------------------------

LIMITED = """  limits: ["5 per minute"]
  escalate: {after: 40 refused in 10 seconds, for: 2 seconds, up to: 1 minute}
"""


def refused_of(scene, sock, count, raw=GOOD):
    """How many of so many requests on one connection are answered 429."""
    return [scene.ask(sock, raw).status for _ in range(count)].count(429)


def who_ignores_40_refusals_is_dropped_at_the_card_and_comes_back():
    with Scene(http=LIMITED) as scene:
        sock, idle = scene.connect(), scene.connect()
        assert refused_of(scene, sock, 44) == 39
        time.sleep(0.3)
        assert not scene.bans(), "banned too early"
        before = scene.dropped()
        assert scene.ask(sock).status == 429
        assert is_reset(sock) and is_reset(idle), "connections of a banned source stay open"
        ban = scene.bans()[CLIENT]
        assert ban["reason"] == "ignores refusals" and span_of(ban) == 2, ban
        assert scene.is_unreachable()
        eventually(lambda: not scene.is_unreachable(), "service again")
        assert scene.dropped() > before, "nothing was dropped at the card"
        with scene.connect() as sock:
            assert scene.ask(sock).status == 429, "the count of the minute goes on"
            assert refused_of(scene, sock, 38) == 38
            assert scene.ask(sock).status == 429
            assert is_reset(sock)
        assert span_of(scene.bans()[CLIENT]) == 4, scene.bans()
        assert scene.story() == ["refused", "banned", "ban_ended", "refused", "banned"], scene.story()
        assert scene.events()[0]["requests"] == 40
        assert len([each for each in scene.origin.requests]) == 5, "more than the limit got through"


def who_waits_as_he_is_told_is_never_banned():
    with Scene(http=LIMITED.replace("5 per minute", "5 per second")) as scene:
        served, end = 0, time.monotonic() + 6
        with scene.connect() as sock:
            while time.monotonic() < end:
                answer = scene.ask(sock)
                served += answer.status == 200
                if answer.status == 429:
                    time.sleep(int(answer.get("Retry-After")))
        # He asks once too often each second; the pattern takes four times as many.
        assert served >= 15 and not scene.bans(), (served, scene.bans())


def refusals_before_the_time_of_the_pattern_do_not_count():
    with Scene(http=LIMITED.replace("40 refused in 10 seconds", "6 refused in 1 second")) as scene:
        sock = scene.connect()
        assert refused_of(scene, sock, 10) == 5
        time.sleep(1.2)
        assert refused_of(scene, sock, 5) == 5
        time.sleep(0.3)
        assert not scene.bans()


def a_polite_neighbour_notices_nothing():
    with Scene(http=LIMITED.replace("5 per minute", "30 per minute")) as scene:
        sock, other = scene.connect(), scene.connect(OTHER)
        for i in range(70):
            scene.ask(sock)
            if i % 3 == 0:
                assert scene.ask(other).status == 200
        eventually(lambda: CLIENT in scene.bans(), "the abuser is banned")
        assert scene.ask(other).status == 200 and list(scene.bans()) == [CLIENT]


def never_banned(http, raw=GOOD, count=60, **words):
    """So many requests, most of them refused; nobody is banned for it."""
    with Scene(http=http, **words) as scene:
        with scene.connect() as sock:
            refused = refused_of(scene, sock, count, raw)
        assert refused >= count - 10, refused
        time.sleep(0.3)
        assert not scene.bans() and not scene.story(), (scene.bans(), scene.story())


ASK = "  escalate: {after: 20 refused in 10 seconds, for: 2 seconds}\n"


def limits_under_a_shared_name_ban_nobody():
    never_banned(ASK + '  limits: [{limit: "5 per minute", shared: all}]\n')


def forwarded_addresses_ban_nobody_neither_the_proxy_nor_whom_it_names():
    with Scene(http=ASK + '  limits: ["5 per minute"]\n  trusted_proxies: [%s]\n' % CLIENT) as scene:
        raw = GOOD.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: %s\r\n\r\n" % OTHER.encode())
        with scene.connect() as sock:
            assert refused_of(scene, sock, 60, raw) == 55
        time.sleep(0.3)
        assert not scene.bans() and not scene.story() and not scene.story(OTHER)


def a_forwarded_address_from_a_stranger_is_not_believed():
    with Scene(http=ASK + '  limits: ["5 per minute"]\n') as scene:
        raw = GOOD.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: %s\r\n\r\n" % OTHER.encode())
        with scene.connect() as sock:
            assert refused_of(scene, sock, 24, raw) == 19
            scene.ask(sock, raw)
        eventually(lambda: list(scene.bans()) == [CLIENT], "who connects is banned, not whom he names")


def identities_that_a_client_makes_up_ban_nobody_but_his_own_address_does():
    never_banned(ASK + '  limits: [{limit: "0 per minute", key: {header: X-User}}]\n', count=15,
                 raw=GOOD.replace(b"\r\n\r\n", b"\r\nX-User: me\r\n\r\n"))


def dry_runs_ban_nobody():
    with Scene(http=ASK + '  limits: [{limit: "5 per minute", dry_run: true}]\n') as scene:
        with scene.connect() as sock:
            assert refused_of(scene, sock, 60) == 0
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


def an_overloaded_upstream_bans_nobody():
    upstream = '{servers: ["127.0.0.1:1"], max_requests: 1, queue: 0}'
    with Scene(http=ASK + '  limits: ["5000 per minute"]\n', upstream=upstream) as scene:
        for _ in range(40):
            assert scene.send(GOOD) >= 500
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


KEY = "0123456789abcdef0123456789abcdef"


def with_keys(scene_http):
    directory = tempfile.mkdtemp(prefix="slt-keys-")
    path = os.path.join(directory, "keys")
    with open(path, "w", encoding="ascii") as file:
        file.write("partner - %s\n" % hashlib.sha256(KEY.encode()).hexdigest())
    return "  keys: {file: %s}\n" % path + scene_http, directory


def keyed(key=KEY):
    return GOOD.replace(b"\r\n\r\n", b"\r\nX-API-Key: %s\r\n\r\n" % key.encode())


def clients_with_a_valid_key_are_never_banned_and_a_made_up_key_helps_nobody():
    for limit in ('["5 per minute"]', '[{limit: "5 per minute", key: api-key}]'):
        http, directory = with_keys(ASK + "  limits: %s\n" % limit)
        with Scene(http=http) as scene:
            with scene.connect() as sock:
                assert refused_of(scene, sock, 60, keyed()) == 55
            time.sleep(0.3)
            assert not scene.bans() and not scene.story()
            with scene.connect(OTHER) as sock:
                assert refused_of(scene, sock, 24, keyed("made-up")) == 19
                scene.ask(sock, keyed("made-up"))
            eventually(lambda: list(scene.bans()) == [OTHER], "a made-up key is the address it comes from")
        shutil.rmtree(directory)


def an_address_from_which_a_valid_key_was_served_is_not_banned_for_its_neighbours():
    http, directory = with_keys(ASK + '  limits: [{limit: "9 per minute", key: api-key}]\n')
    with Scene(http=http) as scene:
        office, guest = scene.connect(), scene.connect()
        assert scene.ask(office, keyed()).status == 200
        assert refused_of(scene, guest, 60) == 51
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()
    shutil.rmtree(directory)


# ---- Slowness ----------------------------------------------------------------------------


def heads_that_never_end_are_a_ban():
    with Scene(http=ESCALATE) as scene:
        socks = [scene.connect() for _ in range(3)]
        for sock in socks:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: ")
        eventually(lambda: CLIENT in scene.bans(), "the source is banned")
        assert scene.bans()[CLIENT]["reason"] == "is slow on purpose"
        assert scene.story()[-2:] == ["slow", "banned"], scene.story()
        for sock in socks:
            sock.close()


def bodies_that_never_come_are_a_ban():
    with Scene(http=ESCALATE) as scene:
        socks = [scene.connect() for _ in range(3)]
        for sock in socks:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\nx")
        eventually(lambda: CLIENT in scene.bans(), "the source is banned")
        for sock in socks:
            sock.close()


# ---- A ban closes ------------------------------------------------------------------------


def a_ban_resets_every_open_connection_of_its_source_and_no_other():
    with Scene(http=ESCALATE) as scene:
        mine = [scene.connect() for _ in range(20)]
        others = [scene.connect(OTHER) for _ in range(5)]
        for sock in mine + others:
            sock.sendall(GOOD)
            assert read_answer(Reader(sock)).status == 200
        for _ in range(5):
            scene.send(BAD)
        assert all(is_reset(sock) for sock in mine)
        for sock in others:
            sock.sendall(GOOD)
            assert read_answer(Reader(sock)).status == 200


def a_ban_by_hand_or_of_a_network_resets_connections_too():
    with Scene() as scene:
        sock, other = scene.connect(), scene.connect(OTHER)
        for each in (sock, other):
            each.sendall(GOOD)
            assert read_answer(Reader(each)).status == 200
        scene.sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.2", "for": "1h"}')
        assert is_reset(sock)
        assert scene.story() == ["banned"] and scene.events()[0]["cause"] == "manual", scene.events()
        scene.sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.0/28", "for": "1h"}')
        assert is_reset(other)


def an_import_resets_those_it_bans_and_no_other():
    with Scene() as scene:
        sock, other = scene.connect(), scene.connect(OTHER)
        lines = ["10.8.%d.%d 1h" % (i // 256, i % 256) for i in range(5000)] + ["10.9.0.2 1h"]
        scene.sluice.ask("POST", "/v1/import", "\n".join(lines))
        assert is_reset(sock)
        other.sendall(GOOD)
        assert read_answer(Reader(other)).status == 200


def a_ban_for_packets_resets_connections_too():
    with Scene(top="bans: {after: 20 drops in 10 seconds, for: 1 minute}", tier=", connections: 1/second burst 5") as scene:
        sock = scene.connect()
        with scene.client.inside():
            knocking = [socket.socket() for _ in range(60)]
        for one in knocking:
            one.setblocking(False)
            one.connect_ex((HOST, 80))
        eventually(lambda: CLIENT in scene.bans(), "the datapath bans")
        assert scene.bans()[CLIENT]["cause"] == "drops"
        assert is_reset(sock)
        for one in knocking:
            one.close()


# ---- Who is never banned -------------------------------------------------------------------


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
        scene.reload(http=ESCALATE, upstream='["127.0.0.1:%d", "[fd00:9:0:1::77]:81"]' % scene.origin.port)
        for _ in range(5):
            scene.send(BAD, CLIENT6)
        eventually(lambda: scene.story("fd00:9:0:1::/64") == ["malformed"] * 2, "it is told again")
        assert not scene.bans()


def pipe_constants():
    """Version and number of BAN, as agent/http/pipe.h has them."""
    with open(os.path.join(ROOT, "agent", "http", "pipe.h"), encoding="utf-8") as header:
        text = header.read()
    kinds = re.findall(r"X\((\w+), (?:CHILD|PARENT),", text)
    return int(re.search(r"PIPE_VERSION\s+(\d+)", text).group(1)), kinds.index("BAN")


def ban_message(number):
    version, kind = pipe_constants()
    payload = struct.pack("=BB2xI4B12x", 4, 0, 40, 100, number >> 16 & 255, number >> 8 & 255, number & 255)
    return struct.pack("=HHIQ", version, kind, len(payload), 0) + payload


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def taken_over(scene):
    """The child's end of its pipe, as somebody who has taken it over would use it."""
    agent = children_of(scene.sluice.agent.pid)[0]
    child = next(pid for pid in children_of(agent)
                 if b"http-child" in open("/proc/%d/cmdline" % pid, "rb").read())
    pidfd = os.pidfd_open(child)
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, CHILD_FD, 0)
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=fd)


def a_hundred_thousand_asks_are_bounded_and_cost_packets_nothing():
    with Scene(http=ESCALATE + "  max: {per_source: 100}\n") as scene:
        # What passes meanwhile is counted where it arrives.
        with scene.host.inside():
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sink.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
            sink.bind((HOST, 9000))
        with scene.client.inside():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.connect((HOST, 9000))
        sock, pipe = scene.connect(), taken_over(scene)
        pipe.setblocking(True)
        messages = [ban_message(i) for i in range(100000)]
        before, begun, slowest = scene.sluice.reasons(), time.monotonic(), 0.0
        for i, message in enumerate(messages):
            pipe.send(message)
            if i % 100 == 0:
                sender.send(b"x")
            if i % 10000 == 5000:
                asked = time.monotonic()
                assert scene.sluice.status()["state"] == "protecting"
                assert scene.ask(sock).status == 200
                slowest = max(slowest, time.monotonic() - asked)
        took = time.monotonic() - begun
        assert slowest < 2, "the agent is kept from others for %.1f s" % slowest
        eventually(lambda: len(scene.bans()) >= 100, "some are granted")
        assert len(scene.bans()) <= 100 * (int(took) + 2), (len(scene.bans()), took)
        time.sleep(1)
        pipe.send(messages[0])
        pipe.close()
        eventually(lambda: "beyond 100 a second" in scene.sluice.log(), "it is logged")
        after = scene.sluice.reasons()
        assert after["banned"] == before["banned"], "packets of the innocent were dropped"
        time.sleep(0.2)
        sink.setblocking(False)
        arrived = 0
        with contextlib.suppress(BlockingIOError):
            while sink.recv(16):
                arrived += 1
        assert arrived == 1000, "%d of 1000 datagrams arrived" % arrived
        assert scene.send(GOOD) == 200


def a_child_cannot_have_its_own_host_or_a_proxy_banned():
    with Scene(http=ESCALATE + "  trusted_proxies: [%s]\n" % OTHER) as scene:
        version, kind = pipe_constants()
        pipe = taken_over(scene)
        for address in (HOST, OTHER, "127.0.0.1", "127.9.9.9"):
            payload = struct.pack("=BB2xI", 4, 0, 40) + socket.inet_aton(address) + bytes(12)
            pipe.send(struct.pack("=HHIQ", version, kind, len(payload), 0) + payload)
        payload = struct.pack("=BB2xI", 6, 0, 40) + socket.inet_pton(socket.AF_INET6, HOST6)
        pipe.send(struct.pack("=HHIQ", version, kind, len(payload), 0) + payload)
        eventually(lambda: scene.story(OTHER) == ["refused"], "it is told")
        pipe.close()
        time.sleep(0.2)
        assert not scene.bans(), scene.bans()
        assert scene.send(GOOD, OTHER) == 200


def nothing_is_banned_unless_the_policy_says_so():
    with Scene() as scene:
        for _ in range(40):
            assert scene.send(BAD) == 400
        time.sleep(0.3)
        assert not scene.bans() and not scene.story()


if __name__ == "__main__":
    main([value for name, value in list(globals().items())
          if callable(value) and getattr(value, "__module__", "") == "__main__" and name[0].islower()
          and name not in ("span_of", "pipe_constants", "ban_message", "children_of", "taken_over",
                           "refused_of", "never_banned", "with_keys", "keyed")])
