# SPDX-License-Identifier: BSD-2-Clause
"""One abusive client beside a polite one: what the polite one gets, and what the host spends.

Three namespaces, joined by veth. The kernel's receive work runs on the server's core, as it does where the network
card interrupts that core; senders and origin have the other.
"""

import json
import os
import subprocess
import time

from http_servers import ORIGIN, SIZES, Haproxy, Nginx, Sluice
from http_limits import haproxy, nginx
from netns import LabError, build_path
from results import Cell

ABUSE = 50_000  # requests a second
POLITE = 50
LIMIT = 100     # requests a second of one client
PORT = 8080
HOST = "10.9.{}.1"

SLUICE = {
    "top": "interfaces: [\"eth*\"]\nprotect: {tcp: [8080]}\n"
           "tiers:\n  public: {packets: 10000000/second}\ndefault: public\n",
    "http": f"  limits: [\"{LIMIT} per second\"]\n"
            "  escalate: {after: 1000 refused in 10 seconds, for: 1 minute}\n",
}


def busy_ticks(cpu):
    """Of one core, since the start: everything but idling."""
    with open("/proc/stat", encoding="ascii") as file:
        for row in file:
            if row.startswith(f"cpu{cpu} "):
                ticks = [int(word) for word in row.split()[1:9]]
                return sum(ticks) - ticks[3] - ticks[4]
    raise LabError(f"no cpu{cpu} in /proc/stat")


def cpu_seconds(server):
    """Of all processes of a server that are there now; see clock_getcpuclockid(3) for the clock's number."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in server.pids())


class Picture:
    def __init__(self, lab, cpu, quick):
        self.seconds = 2 if quick else 20
        self.load_cpu = cpu
        self.server_cpu = min(os.sched_getaffinity(0))
        self.host = lab.namespace("host")
        self.clients = [lab.namespace(name) for name in ("abuser", "polite")]
        for i, client in enumerate(self.clients):
            lab.veth(self.host, f"eth{i}", client, "eth0")
            self.host.address(f"eth{i}", HOST.format(i) + "/24")
            client.address("eth0", f"10.9.{i}.2/24")
            self.receive_on_the_server(f"eth{i}")
        self.origin = self.host.start("taskset", "-c", str(cpu), build_path("http-bare"), "answer",
                                      str(ORIGIN), *map(str, SIZES))

    def receive_on_the_server(self, interface):
        # /sys as it is shows another namespace's interfaces, and has the BPF file system in it.
        path = f"/mnt/class/net/{interface}/queues/rx-0/rps_cpus"
        done = self.host.run("sh", "-c", "mountpoint -q /mnt || mount -t sysfs sysfs /mnt; "
                             f"echo {1 << self.server_cpu:x} > {path}")
        if done.returncode:
            raise LabError(f"{path}: {done.stderr.strip()}")

    def load(self, number, rate, connections, seconds):
        with self.clients[number].inside():
            return subprocess.Popen(
                ["taskset", "-c", str(self.load_cpu), build_path("http-load"), "-r", str(rate), "-c",
                 str(connections), "-s", str(seconds), "-p", "/a/picture", HOST.format(number),
                 str(PORT)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def take(self, kind, abuse, **options):
        """What the clients got, and shares of the server's core: what its processes had, and all that was busy."""
        server = kind(self.host, PORT, self.server_cpu, **options)
        server.address = "0.0.0.0"
        try:
            server.start()
            if server.failed:
                raise LabError(server.failed)
            before, spent = busy_ticks(self.server_cpu), cpu_seconds(server)
            began = time.monotonic()
            seconds = self.seconds if abuse else min(self.seconds, 5)
            loads = [self.load(0, ABUSE, 64, seconds)] if abuse else []
            loads.append(self.load(1, POLITE, 1, seconds))
            said = [process.communicate(timeout=120) for process in loads]
            took = time.monotonic() - began
            busy = (busy_ticks(self.server_cpu) - before) / os.sysconf("SC_CLK_TCK")
            shares = 100 * (cpu_seconds(server) - spent) / took, 100 * busy / took
            if any(process.returncode for process in loads):
                raise LabError(f"http-load: {said}")
            return [json.loads(out) for out, _ in said], shares
        finally:
            server.stop()


def fill(lab, table, cpu, quick):
    picture = Picture(lab, cpu, quick)
    table.section(f"One client at {ABUSE:,} requests a second for {picture.seconds} s, beside one at "
                  f"{POLITE} a second; {LIMIT} a second are allowed each")
    # Sluice last: its packet plane stays when it goes.
    contenders = {3: (Nginx, nginx(f"{LIMIT}r/s", LIMIT)), 4: (Haproxy, haproxy(LIMIT, "1s")),
                  1: (Sluice, SLUICE)}
    names = (
        "polite client: requests answered with 200", "... 99th percentile, ms",
        "abusive client: requests answered", "... of them with 200",
        "CPU of the server's processes, % of their core", "... without the abuse",
        "the core was busy, %, kernel's receiving and other work on it included", "... without the abuse")
    rows = [[None] * 5 for _ in names]
    for column, (kind, options) in contenders.items():
        _, quiet = picture.take(kind, False, **options)
        (abuser, polite), busy = picture.take(kind, True, **options)
        figures = (polite["statuses"].get("200", 0), polite["p99_us"] / 1000, abuser["requests"],
                   abuser["statuses"].get("200", 0), busy[0], quiet[0], busy[1], quiet[1])
        for cells, figure, digits in zip(rows, figures, (0, 2, 0, 0, 1, 1, 1, 1)):
            cells[column] = Cell([figure], digits=digits)
    for name, cells in zip(names, rows):
        table.row(name, cells)
