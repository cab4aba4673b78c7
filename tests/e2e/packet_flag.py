#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flagged packets reach the stack with their mark, and an accepted socket has that of its SYN.

usage: packet_flag.py [TEST]...    (root; $BUILD names the build directory)
"""

import socket

from host import Host
from netns import Lab, main

ADDRESS = {4: ("10.9.0.1", "10.9.0.2"), 6: ("fd00:9::1", "fd00:9::2")}

POLICY = """
interfaces: [eth0]
protect: {tcp: [9000]}
tiers:
  public: {connections: 1/minute burst 2, over: flag}
default: public
flag: {mark: 0x20, mask: 0xf0, accept: %s}
"""


def make(lab):
    host, client = lab.namespace("host"), lab.namespace("client")
    lab.veth(host, "eth0", client, "eth0")
    for four in (True, False):
        length = 24 if four else 64
        host.address("eth0", f"{ADDRESS[4 if four else 6][0]}/{length}")
        client.address("eth0", f"{ADDRESS[4 if four else 6][1]}/{length}")
    return host, client


def accepted_marks(host, client, family, count):
    """Marks of so many sockets accepted one after the other."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    address = ADDRESS[family][0]
    marks, kept = [], []
    with host.inside():
        listener = socket.create_server((address, 9000), family=kind)
    listener.settimeout(60)
    for _ in range(count):
        with client.inside():
            kept.append(socket.create_connection((address, 9000), timeout=60))
        accepted, _ = listener.accept()
        kept.append(accepted)
        marks.append(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_MARK))
    for one in [*kept, listener]:
        one.close()
    return marks


def an_accepted_socket_carries_the_mark_of_its_syn():
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, POLICY % "true") as sluice:
            assert host.sysctl("net.ipv4.tcp_fwmark_accept") == "1"
            for family in (4, 6):
                marks = accepted_marks(host, client, family, 4)
                assert marks == [0, 0, 0x20, 0x20], marks
            assert sluice.interface("eth0")["flags"], sluice.interface("eth0")
            assert sluice.reasons()["flag_over"] == 4


def the_sysctl_is_left_alone_unless_the_policy_asks():
    with Lab() as lab:
        host, client = make(lab)
        with Host(host, POLICY % "false"):
            assert host.sysctl("net.ipv4.tcp_fwmark_accept") == "0"
            assert accepted_marks(host, client, 4, 4) == [0, 0, 0, 0]


def the_mark_is_seen_by_the_firewall_in_its_mask_only():
    with Lab() as lab:
        host, client = make(lab)
        script = """table inet t {
            chain c {
                type filter hook input priority 0
                tcp flags syn meta mark 0x20 counter comment "flagged"
                tcp flags syn meta mark 0x0 counter comment "plain"
            }
        }"""
        done = host.run("nft", "-f", "-", input=script)
        assert not done.returncode, done.stderr
        with Host(host, POLICY % "false"):
            accepted_marks(host, client, 4, 5)
            rules = host.run("nft", "list", "ruleset").stdout
            assert 'counter packets 3 ' in next(x for x in rules.splitlines() if "flagged" in x)
            assert 'counter packets 2 ' in next(x for x in rules.splitlines() if "plain" in x)


if __name__ == "__main__":
    main([
        an_accepted_socket_carries_the_mark_of_its_syn,
        the_sysctl_is_left_alone_unless_the_policy_asks,
        the_mark_is_seen_by_the_firewall_in_its_mask_only,
    ])
