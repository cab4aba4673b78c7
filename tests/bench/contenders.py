# SPDX-License-Identifier: BSD-2-Clause
"""Who is measured live: each protects a namespace of its own behind a veth pair of its own.

Whatever a contender lets pass is dropped by the next rule behind it, so that nobody is charged for the
rest of the host. share() says what part of the packets since the last call had the row's verdict.
"""

import json
import os
import subprocess
import tempfile

import policies
from host import Host
from netns import LabError, build_path

ADDRESS = "10.9.0.1"
ELEMENTS = 1 << 21  # room for every source of the largest row, twice
TIMEOUT = 60        # seconds without a packet after which a source is forgotten, as Sluice does

FIRST_SOURCE = policies.RANGE.split("/", 1)[0]
FLOOD_BITS = 25     # 33 million sources: more than leave in one turn

DROP_THE_REST = """\
table netdev rest {
    chain ingress { type filter hook ingress device "eth0" priority 10; policy accept; drop; }
}
"""

NFT_LIMIT = """\
table netdev limiter {
    set sources { type ipv4_addr; flags dynamic, timeout; timeout %ds; size %d; }
    chain ingress {
        type filter hook ingress device "eth0" priority 0; policy accept;
        update @sources { ip saddr limit rate over 1/minute burst 2 packets } counter drop
        counter drop
    }
}
"""

HASHLIMIT = ["-m", "hashlimit", "--hashlimit-above", "1/minute", "--hashlimit-burst", "2",
             "--hashlimit-mode", "srcip", "--hashlimit-name", "bench",
             "--hashlimit-htable-size", str(ELEMENTS // 2),
             "--hashlimit-htable-max", str(ELEMENTS),
             "--hashlimit-htable-expire", str(TIMEOUT * 1000)]


def address_of(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


class Contender:
    """A protected namespace and its sender; subclasses put a limiter into it."""

    def __init__(self, lab, number, port=policies.PORT):
        self.port = port
        self.host = lab.namespace(f"host{number}")
        self.sender = lab.namespace(f"send{number}")
        lab.veth(self.host, "eth0", self.sender, "eth0")
        self.host.address("eth0", f"{ADDRESS}/24")
        self.mac = self.host.mac("eth0")
        self.floods = 0

    def start(self):
        """Protect."""

    def stop(self):
        """End what start() began; the namespaces are the lab's."""

    def share(self):
        return None

    def nft(self, rules):
        done = self.host.run("nft", "-f", "-", input=rules)
        if done.returncode:
            raise LabError(f"nft: {done.stderr.strip()}")

    def _sources(self, sources):
        """Ever new also means: none of the flood before this one."""
        if sources != "ever-new":
            return ["--sources", sources, "--base", FIRST_SOURCE]
        first = (16 << 24) + (self.floods << FLOOD_BITS)
        self.floods += 1
        return ["--sources", sources, "--base", address_of(first), "--bits", str(FLOOD_BITS)]

    def send(self, cpu, sources, seconds):
        """Millions of packets a second that the other end took from the wire."""
        done = self.sender.run(
            "taskset", "-c", str(cpu), build_path("trafficgen"), "--interface", "eth0",
            "--dst", f"{self.mac}/{ADDRESS}", "--port", str(self.port),
            "--seconds", str(seconds), *self._sources(sources))
        if done.returncode:
            raise LabError(f"trafficgen: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        return report["taken"] / report["seconds"] / 1e6


class Attached(Contender):
    """A program that `bench` keeps attached natively: bare, xdp-filter, verdict."""

    def __init__(self, lab, number, program, policy=None, bans=0):
        super().__init__(lab, number)
        self.program = program
        self.policy = policy
        self.bans = bans
        self.process = None

    def start(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(self.policy or "")
            file.flush()
            self.process = self.host.start(
                build_path("bench"), "--program", self.program, "--attach", "eth0",
                "--policy", file.name, "--bans", str(self.bans), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if self.process.stdout.readline().strip() != "attached":
                raise LabError(self.process.stderr.read().strip().splitlines()[-1])

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(60)


class Sluice(Contender):
    """The real agent with its program attached natively."""

    def __init__(self, lab, number, policy, verdict, port=policies.PORT, bans=0):
        super().__init__(lab, number, port)
        self.agent = Host(self.host, policy)
        self.verdict = verdict
        self.bans = bans
        self.before = {}

    def start(self):
        self.nft(DROP_THE_REST)
        self.agent.start()
        mode = self.agent.interface("eth0")["mode"]
        if mode not in ("native", "dispatcher"):
            raise LabError(f"attached in mode {mode}, not natively")
        if self.bans:
            lines = (f"{address_of((16 << 24) + i)} 1h\n" for i in range(self.bans))
            self.agent.ask("POST", "/v1/import", "".join(lines).encode())
        self.share()

    def stop(self):
        self.agent.__exit__(None)

    def share(self):
        after = self.agent.reasons()
        grown = {name: count - self.before.get(name, 0) for name, count in after.items()}
        self.before = after
        total = sum(grown.values())
        return sum(grown.get(name, 0) for name in self.verdict) / total if total else None


class Counted(Contender):
    """A limiter of the stack, whose rules count: first what it refuses, then the rest."""

    def __init__(self, lab, number):
        super().__init__(lab, number)
        self.before = (0, 0)

    def counters(self):
        raise NotImplementedError

    def share(self):
        after = self.counters()
        refused, rest = (now - then for now, then in zip(after, self.before))
        self.before = after
        return refused / (refused + rest) if refused + rest else None


class Nftables(Counted):
    def start(self):
        self.host.poll("eth0")
        self.nft(NFT_LIMIT % (TIMEOUT, ELEMENTS))

    def counters(self):
        listed = self.host.run("nft", "-j", "list", "chain", "netdev", "limiter", "ingress")
        return tuple(part["counter"]["packets"]
                     for item in json.loads(listed.stdout)["nftables"] if "rule" in item
                     for part in item["rule"]["expr"] if "counter" in part)


class Hashlimit(Counted):
    def start(self):
        self.host.poll("eth0")
        for rule in (HASHLIMIT, []):
            done = self.host.run("iptables", "-t", "raw", "-A", "PREROUTING", *rule, "-j", "DROP")
            if done.returncode:
                raise LabError(f"iptables: {done.stderr.strip()}")

    def counters(self):
        listed = self.host.run("iptables", "-t", "raw", "-L", "PREROUTING", "-v", "-x", "-n")
        return tuple(int(line.split()[0]) for line in listed.stdout.splitlines()[2:])
