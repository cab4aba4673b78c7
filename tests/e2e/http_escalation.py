#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who will not listen at the HTTP plane is dropped at the network card, for longer each time.

usage: http_escalation.py [TEST]...    (root; $BUILD names the build directory)
"""

import datetime
import subprocess
import time

from http_lab import eventually
from netns import build_path
from two_planes import (BAD, CLIENT, CLIENT6, ESCALATE, GOOD, LIMITED, NEIGHBOUR6, OTHER, Scene, is_reset, refusals,
                        run_all)


LONG = ESCALATE.replace("for: 2 seconds", "for: 1 minute")  # what is to be seen while it lasts


def _moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _span_of(ban):
    return _moment(ban["until"]) - _moment(ban["since"])


# ---- Framing -----------------------------------------------------------------------------


def broken_framing_is_a_ban_and_not_before_the_pattern_is_whole():
    with Scene(http=LONG) as scene:
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
            assert ban["strikes"] == strike and _span_of(ban) == seconds, ban
            eventually(lambda: not scene.is_unreachable(), "service again")
            assert time.time() > _moment(ban["until"]) - 1, "the ban was cut short"
            assert scene.send(GOOD) == 200
        eventually(lambda: scene.story().count("ban_ended") == 2, "both ends are told")
        assert scene.story() == ["malformed", "banned", "ban_ended"] * 2, scene.story()


def a_ban_that_is_ended_by_hand_is_told_and_service_is_back():
    with Scene(http=ESCALATE) as scene:
        for source, prefix in ((CLIENT, CLIENT), (CLIENT6, "fd00:9:0:1::/64")):
            for _ in range(5):
                scene.send(BAD, source)
            eventually(lambda prefix=prefix: prefix in scene.bans(), "the source is banned")
            scene.sluice.ask("DELETE", "/v1/bans?prefix=" + source)
            assert scene.send(GOOD, source) == 200
            assert scene.story(prefix) == ["malformed", "banned", "ban_ended"], scene.story(prefix)


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
    with Scene(http=LONG) as scene:
        for i in range(5):
            scene.send(BAD, (CLIENT6, NEIGHBOUR6)[i % 2])
        eventually(lambda: "fd00:9:0:1::/64" in scene.bans(), "the /64 is banned")
        assert scene.is_unreachable(NEIGHBOUR6) and scene.is_unreachable(CLIENT6)
        assert scene.send(GOOD) == 200


# ---- Refusals ----------------------------------------------------------------------------


def who_ignores_40_refusals_is_dropped_at_the_card_and_comes_back():
    with Scene(http=LIMITED) as scene:
        sock, idle = scene.connect(), scene.connect()
        assert refusals(scene, sock, 44) == 39
        time.sleep(0.3)
        assert not scene.bans(), "banned too early"
        before = scene.dropped()
        assert scene.ask(sock).status == 429
        assert is_reset(sock) and is_reset(idle), "connections of a banned source stay open"
        ban = scene.bans()[CLIENT]
        assert ban["reason"] == "ignores refusals" and _span_of(ban) == 8, ban
        assert scene.is_unreachable()
        eventually(lambda: not scene.is_unreachable(), "service again")
        assert scene.dropped() > before, "nothing was dropped at the card"
        with scene.connect() as sock:
            assert scene.ask(sock).status == 429, "the count of the minute goes on"
            assert refusals(scene, sock, 38) == 38
            assert scene.ask(sock).status == 429
            assert is_reset(sock)
        assert _span_of(scene.bans()[CLIENT]) == 16, scene.bans()
        assert scene.story() == ["refused", "banned", "ban_ended", "refused", "banned"], scene.story()
        assert scene.events()[0]["requests"] == 40
        assert len([each for each in scene.origin.requests]) == 5, "more than the limit got through"


def who_waits_as_he_is_told_is_never_banned():
    with Scene(http=LIMITED.replace("5 per minute", "5 per second")) as scene:
        served, end = 0, time.monotonic() + 6
        with scene.connect() as sock:
            while time.monotonic() < end or served < 15 and time.monotonic() < end + 60:
                answer = scene.ask(sock)
                served += answer.status == 200
                if answer.status == 429:
                    time.sleep(int(answer.get("Retry-After")))
        # He asks once too often each second; the pattern takes four times as many.
        assert served >= 15 and not scene.bans(), (served, scene.bans())


def refusals_before_the_time_of_the_pattern_do_not_count():
    with Scene(http=LIMITED.replace("40 refused in 10 seconds", "6 refused in 1 second")) as scene:
        sock = scene.connect()
        assert refusals(scene, sock, 10) == 5
        time.sleep(1.2)
        assert refusals(scene, sock, 5) == 5
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


def the_story_of_one_source_is_told_in_order_from_the_flag_to_its_return():
    with Scene(http=LIMITED, top="flag: {mark: 0x1, accept: true}",
               tier=", connections: 1/minute burst 2, over: flag") as scene:
        socks = [scene.connect() for _ in range(3)]
        assert refusals(scene, socks[2], 44) == 39
        assert scene.ask(socks[2]).status == 429
        eventually(lambda: "ban_ended" in scene.story(), "it is over")
        assert scene.story() == ["flagged", "refused", "banned", "ban_ended"], scene.story()
        told = subprocess.run([build_path("sluice"), "events", "--control", scene.sluice.control],
                              capture_output=True, text=True, timeout=60).stdout.splitlines()
        for line, words in zip(told, ("flagged", "40 requests", "for 8s until", "ban_ended")):
            assert CLIENT in line and words in line, told


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


if __name__ == "__main__":
    run_all(globals())
