# SPDX-License-Identifier: BSD-2-Clause
"""The policies of the measurements. All of them take the coarse clock, as 2000/second burst 4000 does."""

PORT = 443
UNPROTECTED_PORT = 9999
RANGE = "16.0.0.0/4"  # every source that sends: tests/bench/step.h

REAL = "2000/second burst 4000"
# One source that sends as fast as a core goes would be over any usual limit.
FAST = "20000000/second burst 40000000"
FAST_VOLUME = "10 GB/second burst 20 GB"
# Who is over it stays over it while it is measured.
SLOW = "1/minute burst 2"


# Holds the debts of a million sources at once; 16 MiB hold half as many.
LARGE = "tables: {strangers: 64 MiB}\n"


def simple(packets, named=False):
    """One limit; named: an explicit prefix names every source, so each has an entry of its own."""
    sources = f"sources: {{{RANGE}: public}}\n" if named else ""
    return f"""\
interfaces: [eth0]
protect: {{tcp: [80, {PORT}], udp: [{PORT}]}}
tiers: {{public: {{packets: {packets}}}}}
{sources}default: public
"""


def full(packets, connections, volume="20 MB/second burst 40 MB"):
    """All features: three limits, prefixes, automatic bans (that nobody reaches), events."""
    return f"""\
interfaces: [eth0]
protect: {{tcp: [80, {PORT}], udp: [{PORT}]}}
tiers:
  public: {{packets: {packets}, bytes: {volume}, connections: {connections}}}
  partner: {{packets: 20000/second, bytes: 200 MB/second, over: flag}}
  internal: unlimited
sources:
  10.0.0.0/8: internal
  198.51.100.0/24: partner
  203.0.113.66: deny
default: public
bans: {{after: 1000000000 drops in 1 second, for: 1 minute, up to: 1 hour}}
"""


def with_prefixes(count, tier):
    """A policy of so many prefixes beside the protected service; tier is that of all of them."""
    lines = [f"  {100 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24: {tier}" for i in range(count)]
    return f"""\
interfaces: ["eth*"]
protect: {{udp: [{PORT}]}}
tiers: {{public: {{packets: 1000000/second burst 2000000}}, partner: {{packets: 20000/second}}}}
sources:
""" + "\n".join(lines) + "\ndefault: public\n"
