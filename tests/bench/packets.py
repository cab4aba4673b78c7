# SPDX-License-Identifier: BSD-2-Clause
"""Nanoseconds of one packet, by BPF_PROG_TEST_RUN (the program `bench`)."""

import json
import os
import tempfile

import policies
from netns import LabError, build_path
from results import SOURCES, Cell

BANS_MAX = 262144  # what the map of bans holds by default
OTHER_BANS = 1000  # of sources that do not send: then the map is asked about every packet
WANTED_NS = (90, 190, 240, 230)

OVER = ("over_packets", "over_bytes", "over_connections", "contended")
PASSED = ("conforming",)


class Packets:
    """Runs `bench` in a namespace of its own, on one CPU."""

    def __init__(self, lab, cpu, quick):
        self.namespace = lab.namespace("packet")
        self.cpu = str(cpu)
        self.rounds = 3 if quick else 7
        self.packets = 1 << 18 if quick else 1 << 21

    def run(self, program, sources, policy=None, **options):
        command = ["taskset", "-c", self.cpu, build_path("bench"), "--program", program,
                   "--sources", sources, "--rounds", str(self.rounds),
                   "--packets", str(self.packets)]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            if policy:
                file.write(policy)
                file.flush()
                command += ["--policy", file.name]
            done = self.namespace.run(*command, timeout=600)
        if done.returncode:
            raise LabError(f"bench: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def ours(self, sources, policy, verdict, wanted=None, **options):
        report = self.run("sluice", sources, policy, **options)
        share = sum(report["reasons"].get(reason, 0) for reason in verdict)
        return Cell(report["ns"], at_most=wanted, share=share)


def rate_to_pass(sources):
    return policies.FAST if sources == "1" else policies.REAL


def full_to_pass(sources):
    if sources == "1":
        return policies.full(policies.FAST, policies.FAST, policies.FAST_VOLUME)
    return policies.full(policies.REAL, policies.REAL)


def bans_for(sources):
    return BANS_MAX if sources == "ever-new" else min(int(sources), BANS_MAX)


def rows_passed(packets, table):
    table.row("Sluice, unprotected", [
        packets.ours(sources, policies.simple(policies.REAL), ("unprotected",),
                     port=policies.UNPROTECTED_PORT) for sources in SOURCES])
    table.row("Sluice, passed, strangers", [
        packets.ours(sources, policies.simple(rate_to_pass(sources)), PASSED)
        for sources in SOURCES])
    table.row("Sluice, passed, tracked (65,536 at most)", [
        packets.ours(sources, policies.simple(rate_to_pass(sources), named=True), PASSED)
        for sources in SOURCES])
    for name, options in (("UDP", {}), ("TCP SYN", {"syn": True})):
        cells = [packets.ours(sources, full_to_pass(sources), PASSED,
                              WANTED_NS[3] if sources == "ever-new" else None,
                              other_bans=OTHER_BANS, **options) for sources in SOURCES]
        table.row(f"Sluice, passed, all features, {name}", cells)


def rows_refused(packets, table):
    table.row("Sluice, over limit", [
        packets.ours(sources, policies.simple(policies.SLOW), OVER) for sources in SOURCES[:3]]
        + [None])
    table.row("Sluice, over limit, 64 MiB of strangers", [
        None, None, packets.ours(SOURCES[2], policies.LARGE + policies.simple(policies.SLOW), OVER),
        None])
    for name, options in (("UDP", {}), ("TCP SYN", {"syn": True})):
        cells = [packets.ours(sources, policies.full(policies.SLOW, policies.SLOW), OVER, wanted,
                              other_bans=OTHER_BANS, **options)
                 for sources, wanted in zip(SOURCES, WANTED_NS)]
        table.row(f"Sluice, over limit, all features, {name}", cells)
    table.row("Sluice, banned (262,144 at most)", [
        packets.ours(sources, policies.simple(policies.REAL), ("banned",), bans=bans_for(sources))
        for sources in SOURCES[:3]] + [None])


def rows_peers(packets, table):
    cells = []
    for sources in SOURCES[:3]:
        report = packets.run("xdp-filter", sources, bans=sources)
        cells.append(Cell(report["ns"], share=1.0 if report["last"] == "drop" else 0.0))
    table.row("xdp-filter, denied by address", cells + [None])
    table.row("nftables, hashlimit", ["needs an skb: live only", None, None, None])


def fill(lab, table, cpu, quick):
    packets = Packets(lab, cpu, quick)
    table.section("One packet, ns (BPF_PROG_TEST_RUN, the harness included)")
    table.row("bare XDP_DROP", [Cell(packets.run("bare", sources)["ns"]) for sources in SOURCES],
              shares=False)
    rows_passed(packets, table)
    rows_refused(packets, table)
    try:
        rows_peers(packets, table)
    except LabError as error:
        table.row(f"xdp-filter: not measured: {error}", [None] * 4)
