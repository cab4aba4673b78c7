#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Ten million forged sources at once with one offender and one polite client.

Each has a link of its own, so that nobody is crowded out before Sluice sees him, and what a link took is
known; the source table, the strangers' table and the CPUs are the same for all.

usage: packet_flood.py [TEST]...    (root; $BUILD names the build directory)
"""

import signal

from host import Counter, Host
from netns import Lab, generate, generated, main, send_signal, wait_for

# Link by link: the host's address, and who sends there.
LINKS = {"eth0": ("10.9.0.1", "10.9.0.2"), "eth1": ("10.9.1.1", "10.9.1.2"),
         "eth2": ("10.9.2.1", "10.9.2.2")}
FORGED = 10_000_000
RATE, BURST = 1000, 5000  # a machine that is busy for less than five seconds costs nobody a token
SECONDS_MAX = 300

POLICY = f"""
interfaces: ["eth*"]
protect: {{udp: [9000]}}
tiers:
  public: {{packets: {RATE}/second burst {BURST}}}
default: public
"""


def make(lab):
    """A host and three senders: polite, offender, flooder."""
    host = lab.namespace("host")
    senders = []
    for interface, (address, sender) in LINKS.items():
        senders.append(lab.namespace(f"to-{interface}"))
        lab.veth(host, interface, senders[-1], "eth0")
        host.address(interface, f"{address}/24")
        senders[-1].address("eth0", f"{sender}/24")
    return host, *senders


def send(host, sender, interface, base, **options):
    return generate(sender, "eth0", host.mac(interface), LINKS[interface][0], base,
                    seconds=SECONDS_MAX, port=9000, **options)


def stop(sender):
    send_signal(sender, signal.SIGINT)
    return generated(sender)


def forged(sluice):
    """Packets of the flood that the program has judged."""
    return sluice.interface("eth2")["packets"]


def under_ten_million_forged_sources_an_offender_keeps_its_limit_and_a_polite_client_all():
    with Lab() as lab:
        host, polite, offender, flooder = make(lab)
        counters = [Counter(host, LINKS[link][0], 9000) for link in ("eth0", "eth1")]
        with Host(host, POLICY) as sluice:
            flood = send(host, flooder, "eth2", "11.0.0.0", sources="ever-new", bits=24)
            senders = [send(host, polite, "eth0", LINKS["eth0"][1], rate=RATE // 4),
                       send(host, offender, "eth1", LINKS["eth1"][1], rate=10 * RATE)]
            wait_for(lambda: forged(sluice) >= FORGED, "ten million forged sources", SECONDS_MAX)
            reports = [stop(sender) for sender in senders]
            stop(flood)
            arrived = [sum(map(len, counter.take().values())) for counter in counters]

            # What the ring of a veth could not take never reached the program.
            assert arrived[0] == reports[0]["taken"], (arrived[0], reports[0])
            allowed = BURST + RATE * reports[1]["seconds"]
            assert abs(arrived[1] - allowed) <= 0.01 * allowed, (arrived[1], allowed)


if __name__ == "__main__":
    main([
        under_ten_million_forged_sources_an_offender_keeps_its_limit_and_a_polite_client_all,
    ])
