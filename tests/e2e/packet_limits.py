#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real packets through a natively attached program: who gets what, tagged, IPv6 and in fragments.

usage: packet_limits.py [TEST]...    (root; $BUILD names the build directory)
"""

import json
import socket
import struct

from host import Counter, Host, settle
from netns import Lab, generate, generated, main, wait_for

HOST4, HOST6 = "10.9.0.1", "fd00:9::1"
POLITE, GREEDY = "10.9.0.2", "10.9.0.3"

POLICY = """
interfaces: [eth0]
protect: {udp: [9000], tcp: [9000]}
tiers:
  public: {packets: %s}
default: public
"""


def make(lab):
    """A host and a client on one link; the client answers for every address it forges."""
    host, client = lab.namespace("host"), lab.namespace("client")
    lab.veth(host, "eth0", client, "eth0")
    for namespace, four, six in ((host, HOST4, HOST6), (client, POLITE, "fd00:9::2")):
        namespace.address("eth0", f"{four}/24")
        namespace.address("eth0", f"{six}/64")
        namespace.offloads_off("eth0")
    client.address("eth0", f"{GREEDY}/24")
    return host, client


def ipv4_udp(src, dst, port, payload):
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, src, dst)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
    return header + struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def ethernet(dst_mac, tags, ethertype, payload):
    frame = bytes.fromhex(dst_mac.replace(":", "")) + b"\x02\0\0\0\0\x09"
    for tag in tags:
        frame += struct.pack("!HH", 0x8100, tag)
    return (frame + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def lost_on_the_way(client):
    return json.loads(client.ip("-s", "-j", "link", "show", "eth0"))[0]["stats64"]["tx"]["dropped"]


# Bursts are seconds long: a shared machine may let a sender wait, and no token is lost meanwhile.
def assert_within(share, found, expected):
    assert abs(found - expected) <= share * expected, f"{found}, expected {expected:.0f}"


def a_polite_client_loses_nothing_while_a_greedy_one_gets_its_limit():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST4, 9000)
        with Host(host, POLICY % "1000/second burst 3000") as sluice:
            mac = host.mac("eth0")
            senders = [generate(client, "eth0", mac, HOST4, source, rate=rate, seconds=4, port=9000)
                       for source, rate in ((POLITE, 500), (GREEDY, 10000))]
            polite, greedy = [generated(sender) for sender in senders]
            settle(host, client, POLITE, HOST4)
            arrived = {source: len(all) for source, all in counter.take().items()}
            # What the ring of the veth could not take, if anything, never reached the program.
            lost = lost_on_the_way(client)
            assert 0 <= polite["offered"] - arrived[POLITE] <= lost, f"{arrived[POLITE]} of {polite['offered']}"
            assert_within(0.02, arrived[GREEDY], 3000 + 1000 * greedy["seconds"])
            counted = sluice.source(GREEDY)
            strange = arrived[GREEDY] - counted["passed"]["packets"]
            assert 0 <= strange <= 3000, "counted from the moment it is tracked: half its burst"
            refused = greedy["offered"] - arrived[GREEDY]
            assert 0 <= refused - counted["dropped"]["packets"] <= lost, counted


DEEP = ("deep_tags", "over_deep_tags")


def judged(reasons):
    return reasons["conforming"] + reasons["over_packets"]


def tags_do_not_carry_packets_past_the_limit():
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, POLICY % "6/minute burst 10") as sluice:
            wire, mac = client.frames("eth0"), host.mac("eth0")
            inner = ipv4_udp("10.9.1.2", "10.9.1.1", 9000, b"x")
            for tags in ([], [100], [100, 200]):
                before = sluice.reasons()
                for _ in range(20):
                    wire.send(ethernet(mac, tags, 0x0800, inner))
                wait_for(lambda: judged(sluice.reasons()) >= judged(before) + 20, "all are judged")
                after = sluice.reasons()
                passed = after["conforming"] - before["conforming"]
                dropped = after["over_packets"] - before["over_packets"]
                assert passed + dropped == 20, (tags, passed, dropped)
                # One bucket whatever the tags: ten at first, then what ten seconds bring back.
                assert passed <= (2 if tags else 11), (tags, passed)
            for _ in range(20):
                wire.send(ethernet(mac, [1, 2, 3], 0x0800, inner))
            wait_for(lambda: sum(sluice.reasons()[name] for name in DEEP) == 20, "all are judged")
            reasons = sluice.reasons()
            assert reasons["deep_tags"] in (10, 11) and reasons["over_deep_tags"] in (9, 10), reasons


def ipv6_sources_get_their_limit_each_slash_64_one():
    with Lab() as lab:
        host, client = make(lab)
        host.ip("-6", "route", "add", "default", "via", "fd00:9::2")
        counter = Counter(host, HOST6, 9000)
        with Host(host, POLICY % "1000/second burst 2000"):
            mac = host.mac("eth0")
            report = generated(generate(client, "eth0", mac, HOST6, "2001:db8::1", sources=3,
                                        rate=9000, seconds=3, port=9000))
            arrived = {source: len(all) for source, all in counter.take().items()}
            assert len(arrived) == 3, arrived
            for count in arrived.values():
                assert_within(0.02, count, 2000 + 1000 * report["seconds"])


def fragments_are_charged_and_whole_datagrams_still_arrive():
    with Lab() as lab:
        host, client = make(lab)
        counters = [Counter(host, HOST4, 9000), Counter(host, HOST6, 9000)]
        with Host(host, POLICY % "6/minute burst 12") as sluice:
            for family, address in ((socket.AF_INET, HOST4), (socket.AF_INET6, HOST6)):
                with client.inside():
                    sender = socket.socket(family, socket.SOCK_DGRAM)
                # Three fragments each: the first four datagrams use the burst up.
                for _ in range(30):
                    sender.sendto(b"x" * 4000, (address, 9000))
            wait_for(lambda: sluice.reasons()["over_portless"] >= 90, "all are judged")
            settle(host, client, POLITE, HOST4)
            for counter in counters:
                arrived = [len(payload) for all in counter.take().values() for payload in all]
                assert arrived == [4000] * len(arrived) and len(arrived) in (4, 5), arrived
            reasons = sluice.reasons()
            assert reasons["portless"] >= 16 and reasons["over_portless"] >= 90, reasons


if __name__ == "__main__":
    main([
        a_polite_client_loses_nothing_while_a_greedy_one_gets_its_limit,
        tags_do_not_carry_packets_past_the_limit,
        ipv6_sources_get_their_limit_each_slash_64_one,
        fragments_are_charged_and_whole_datagrams_still_arrive,
    ])
