# SPDX-License-Identifier: BSD-2-Clause
"""What the agent's own work takes, and what the tables weigh."""

import json
import time

import policies
from contenders import ADDRESS, address_of
from host import Host
from netns import LabError
from paced import Paced
from results import Cell

PREFIXES = 100_000
BANS = 100_000
WANTED_RELOAD_S = 1.0
WANTED_IMPORT_S = 2.0
WANTED_STRANGERS_MIB = 16
WANTED_TRACKED_BYTES = 256


class Agent(Host):
    """The agent, with a look at the maps it has pinned."""

    def start_seconds(self):
        """From executing it until it says that it protects."""
        began = time.monotonic()
        self.start()
        return time.monotonic() - began

    def maps(self):
        """By name: what bpftool says of the maps of this laboratory's file system."""
        listed = self.namespace.run("sh", "-c", "for map in /sys/fs/bpf/sluice/*/*; do "
                                    "bpftool -j map show pinned $map 2>/dev/null && echo; done")
        shown = [json.loads(line) for line in listed.stdout.splitlines() if line.startswith("{")]
        return {one["name"]: one for one in shown if "name" in one}


def seconds_of(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


def start_times(host, rounds):
    times = []
    for _ in range(rounds):
        times.append(host.start_seconds())
        host.ask("POST", "/v1/detach")
        host.stop()
    return times


def appear_times(lab, host, outside, agent, rounds):
    """From making an interface that the policy names until it is attached."""
    times = []
    for i in range(rounds):
        name = f"eth{i + 1}"
        began = time.monotonic()
        lab.veth(host, name, outside, name)
        while not agent.interface(name):
            if time.monotonic() - began > 10:
                raise LabError(f"{name} was not attached within 10 s")
        times.append(time.monotonic() - began)
        host.ip("link", "delete", name)
    return times


def rows_attach(lab, host, outside, agent, table, rounds):
    table.single("start: from executing sluiced to protecting, s",
                 Cell(start_times(agent, rounds), digits=3))
    agent.start()
    table.single("attach: from a new interface to protected, s",
                 Cell(appear_times(lab, host, outside, agent, rounds), digits=3))


def rows_reload(host, outside, agent, table, rounds, cpu):
    texts = [policies.with_prefixes(PREFIXES, tier) for tier in ("partner", "public")]
    agent.load(texts[1])
    quiet = Paced(outside, host, ADDRESS, policies.PORT, cpu)
    with quiet:
        time.sleep(rounds / 2)
    busy = Paced(outside, host, ADDRESS, policies.PORT, cpu)
    with busy:
        times = [seconds_of(lambda: agent.load(texts[i & 1])) for i in range(rounds)]
    table.single(f"reload of {PREFIXES:,} prefixes, s",
                 Cell(times, at_most=WANTED_RELOAD_S, digits=3))
    table.single(f"lost meanwhile, of {busy.sent:,} numbered packets", Cell([busy.lost], at_most=0))
    table.single("longest way of a packet meanwhile, ms", Cell([busy.longest_ms], digits=3))
    table.single("... and without a reload, ms", Cell([quiet.longest_ms], digits=3))
    table.single("largest gap between arrivals meanwhile, ms", Cell([busy.gap_ms], digits=3))
    table.single("... and without a reload, ms", Cell([quiet.gap_ms], digits=3))


def rows_import(agent, table, rounds):
    """Other bans each time, so that none is there already."""
    before = agent.maps()["bans"]["bytes_memlock"]
    times, most = [], min(rounds, 2)  # the map holds 262,144
    for i in range(most):
        first = (16 << 24) + i * BANS
        lines = "".join(f"{address_of(first + n)} 1h\n" for n in range(BANS)).encode()
        times.append(seconds_of(lambda: agent.ask("POST", "/v1/import", lines)))
    weight = (agent.maps()["bans"]["bytes_memlock"] - before) / (most * BANS)
    table.single(f"import of {BANS:,} bans, s", Cell(times, at_most=WANTED_IMPORT_S, digits=3))
    table.single("memory of a ban, bytes (beside the map's own)", Cell([weight]))


def rows_memory(agent, table):
    maps = agent.maps()
    sources = maps["sources"]
    tracked = (sources["bytes_memlock"] + maps["filter"]["bytes_memlock"]) / sources["max_entries"]
    table.single("memory of the strangers, MiB",
                 Cell([maps["strangers"]["bytes_value"] * maps["strangers"]["max_entries"] / 2**20],
                      at_most=WANTED_STRANGERS_MIB, digits=2))
    table.single("... as the kernel accounts for it, MiB",
                 Cell([maps["strangers"]["bytes_memlock"] / 2**20], digits=2))
    table.single("memory of a tracked source, bytes, its share of the filter included",
                 Cell([tracked], at_most=WANTED_TRACKED_BYTES))


def fill(lab, table, cpu, quick):
    rounds = 2 if quick else 5
    host, outside = lab.namespace("agent"), lab.namespace("outside")
    lab.veth(host, "eth0", outside, "eth0")
    host.address("eth0", f"{ADDRESS}/24")
    outside.address("eth0", "10.9.0.2/24")
    table.section("The agent, and its memory")
    agent = Agent(host, policies.with_prefixes(10, "partner"))
    try:
        rows_attach(lab, host, outside, agent, table, rounds)
        rows_reload(host, outside, agent, table, rounds, cpu)
        rows_import(agent, table, rounds)
        rows_memory(agent, table)
    finally:
        agent.__exit__(None)
