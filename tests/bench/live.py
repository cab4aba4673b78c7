# SPDX-License-Identifier: BSD-2-Clause
"""Million packets a second on veth, with live frames.

The generator is pinned to one CPU, and the receiving program runs in that CPU's softirq: what is measured is
a core that does both. Contenders take turns, round by round.
"""

import os

import policies
from contenders import Attached, Hashlimit, Nftables, Sluice
from netns import LabError
from packets import BANS_MAX, OVER, PASSED
from results import SOURCES, Cell

OVER_NFTABLES, OVER_HASHLIMIT = 3, 2.5  # the flood: so many times the packets of each


class Row:
    """One contender, the columns it is measured in, and its rounds."""

    def __init__(self, name, contender, columns=SOURCES):
        self.name = name
        self.contender = contender
        self.columns = columns
        self.rates = {}
        self.shares = {}
        self.failed = None

    def cell(self, sources, at_least=None):
        rates = self.rates.get(sources)
        if not rates:
            return None
        return Cell(rates, at_least=at_least, share=self.shares.get(sources), digits=2)


def make_rows(lab):
    numbers = iter(range(100))
    slow = policies.simple(policies.SLOW)
    real = policies.simple(policies.REAL)
    fast = policies.simple(policies.FAST)
    full = policies.full(policies.REAL, policies.REAL)

    def sluice(*arguments, **options):
        return Sluice(lab, next(numbers), *arguments, **options)

    return [
        Row("bare XDP_DROP", Attached(lab, next(numbers), "bare")),
        Row("Sluice, unprotected",
            sluice(real, ("unprotected",), port=policies.UNPROTECTED_PORT)),
        Row("Sluice, passed (one source)", sluice(fast, PASSED), SOURCES[:1]),
        Row("Sluice, passed", sluice(real, PASSED), SOURCES[1:]),
        Row("Sluice, passed, all features", sluice(full, PASSED), SOURCES[1:]),
        Row("Sluice, over limit", sluice(slow, OVER)),
        Row("Sluice, over limit, 64 MiB of strangers",
            sluice(policies.LARGE + slow, OVER), SOURCES[2:3]),
        Row("Sluice, banned (262,144 at most)", sluice(real, ("banned",), bans=BANS_MAX),
            SOURCES[:3]),
        Row("Sluice's verdict, then XDP_DROP", Attached(lab, next(numbers), "verdict", slow)),
        Row("xdp-filter, denied by address",
            Attached(lab, next(numbers), "xdp-filter", bans=1 << 20), SOURCES[:3]),
        Row("nftables, dynamic set, netdev ingress", Nftables(lab, next(numbers))),
        Row("iptables, hashlimit, raw", Hashlimit(lab, next(numbers))),
    ]


def start(rows):
    for row in rows:
        try:
            row.contender.start()
        except LabError as error:
            row.failed = str(error)


def measure_column(rows, cpu, sources, quick):
    """Settle everybody, then rounds in turns."""
    present = [row for row in rows if not row.failed and sources in row.columns]
    settle, seconds, rounds = (1, 0.3, 2) if quick else (6, 1, 5)
    for row in present:
        row.contender.send(cpu, sources, settle if sources == "1048576" else settle / 2)
        row.contender.share()
    for _ in range(rounds):
        for row in present:
            row.rates.setdefault(sources, []).append(row.contender.send(cpu, sources, seconds))
    for row in present:
        row.shares[sources] = row.contender.share()


def wanted_flood(rows):
    """What the flood must reach, from the peers' own figures: None where they could not be had."""
    by_name = {row.name.split(",")[0]: row.cell("ever-new") for row in rows}
    wanted = [factor * by_name[name].value
              for name, factor in (("nftables", OVER_NFTABLES), ("iptables", OVER_HASHLIMIT))
              if by_name.get(name)]
    return max(wanted, default=None)


def report(rows, table):
    flood = wanted_flood(rows)
    for row in rows:
        if row.failed:
            table.row(f"{row.name}: not measured: {row.failed}", [None] * 4)
            continue
        is_ours = row.name.startswith("Sluice") and "unprotected" not in row.name
        table.row(row.name, [
            row.cell(sources, flood if is_ours and sources == "ever-new" else None)
            for sources in SOURCES])


def keep_off(cpu):
    """Agents, and this program, stay on the other CPUs; the generator asks for its own."""
    others = os.sched_getaffinity(0) - {cpu}
    if others:
        os.sched_setaffinity(0, others)


def fill(lab, table, cpu, quick):
    rows = make_rows(lab)
    home = os.sched_getaffinity(0)
    table.section("Live on veth, million packets a second on one core with its generator")
    try:
        keep_off(cpu)
        start(rows)
        for sources in SOURCES:
            measure_column(rows, cpu, sources, quick)
    finally:
        os.sched_setaffinity(0, home)
        for row in rows:
            row.contender.stop()
    report(rows, table)
