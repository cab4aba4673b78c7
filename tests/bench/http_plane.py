# SPDX-License-Identifier: BSD-2-Clause
"""The HTTP plane beside others: CPU microseconds a request, in turns, on one core of loopback in a namespace.

The server has one core, the load generator and the origin the other. CPU time is what the kernel's clock of the
server's processes says (user, system, and the softirq work done within their calls: loopback delivers in the
sender's own call, so each side pays for what it sends).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import http_limits
import http_picture
from http_servers import ALONE, CLIENTS_MAX, ORIGIN, SIZES, Ats, Bare, Haproxy, Nginx, Sluice, Varnish
from netns import LabError, build_path, wait_for
from results import Cell

COLUMNS = ("bare loop", "Sluice", "Sluice, limit fields", "nginx", "HAProxy", "Varnish", "ATS",
           "Flask-Limiter")
SERVERS = (Bare, Sluice, Sluice, Nginx, Haproxy, Varnish, Ats)
LIMIT_FIELDS = '  limits: ["1000000 per second"]\n'  # never reached: only its fields are there
KEYS = 100_000
OBJECTS = (1_000, 100_000, 5_000_000)
STORED_FROM = 1_000_000  # numbers of keys that nobody has asked for yet
FILL_SECONDS = 240
IDLE = CLIENTS_MAX - 100
TRACED = 10_000  # requests whose system calls are counted


class Bench:
    """A namespace, an origin, and who is measured against it."""

    def __init__(self, lab, table, cpu, quick):
        self.table = table
        self.quick = quick
        self.load_cpu = cpu
        self.server_cpu = min(os.sched_getaffinity(0))
        self.namespace = lab.namespace("http")
        self.namespace.ip("link", "set", "lo", "mtu", "16384")
        self.namespace.sysctl("net.ipv4.tcp_rmem", "4096 1048576 6291456")
        self.namespace.sysctl("net.ipv4.ip_local_port_range", "10000 65000")
        self.next_port = 8000
        self.next_key = STORED_FROM
        self.servers = []
        self.origin = self.namespace.start(
            "taskset", "-c", str(cpu), build_path("http-bare"), "answer", str(ORIGIN), *map(str, SIZES))

    def server(self, kind, *arguments, **options):
        """A server that has been started; one that cannot be says why in .failed."""
        self.next_port += 1
        server = kind(self.namespace, self.next_port, self.server_cpu, *arguments, **options)
        self.servers.append(server)
        try:
            server.start()
        except (LabError, OSError, subprocess.SubprocessError) as error:
            server.failed = str(error)
        return server

    def stop(self):
        for server in self.servers:
            server.stop()

    def command(self, server, *options):
        return ["taskset", "-c", str(self.load_cpu), build_path("http-load"), *map(str, options),
                "127.0.0.1", str(server.port)]

    def load(self, server, *options):
        """What one run of the load generator says."""
        pids = ",".join(map(str, server.pids()))
        with self.namespace.inside():  # but this machine's own process numbers
            done = subprocess.run(self.command(server, "-P", pids, *options), capture_output=True,
                                  text=True, timeout=600)
        if done.returncode:
            raise LabError(f"{server.name}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def rounds(self, servers, *options, refusing=()):
        """In turns. By server, its runs; a callable option is asked anew for each run. Who refuses is to answer 429."""
        seconds = 0.3 if self.quick else 1
        runs = {server: [] for server in servers if not server.failed}
        for _ in range(1 if self.quick else 5):
            for server, results in runs.items():
                given = [option() if callable(option) else option for option in options]
                results.append(self.load(server, "-s", seconds, "-w", seconds / 10, *given))
        for server in list(runs):
            self.only(runs, server, "429" if server in refusing else "200")
        return runs

    def only(self, runs, server, status):
        """A server that answered otherwise, or not at all, was not measured; a row says so."""
        answered = [(run["requests"], run["statuses"].get(status, 0)) for run in runs[server]]
        if not all(requests and right >= 0.99 * requests for requests, right in answered):
            self.table.row(f"not measured: {server.name}: {sum(right for _, right in answered):,} times {status} "
                           f"in {sum(requests for requests, _ in answered):,} answers", [])
            del runs[server]

    def meet(self, servers, path):
        """Once each: who asks while the first answer is under way is answered in other words than afterwards."""
        for server in servers:
            if server and not server.failed:
                self.load(server, "-c", 1, "-n", 1, "-s", 5, "-p", path)

    def fill(self, server, path, first, count):
        asked = self.load(server, "-p", path, "-f", first, "-n", count, "-s", FILL_SECONDS)["requests"]
        if asked < count:
            raise LabError(f"{server.name}: {asked:,} of {count:,} objects within {FILL_SECONDS} s")

    def new_keys(self, count):
        """The first of so many keys that nothing has been stored under."""
        self.next_key += count
        return self.next_key - count

    def calls(self, servers, path):
        """System calls a request, one cell a server; none without strace."""
        if not shutil.which("strace"):
            return []
        return [Cell([self.system_calls(server, path)], digits=2) if server and not server.failed else None
                for server in servers]

    def system_calls(self, server, path):
        """As strace counts them while so many requests are answered; connecting is in it, 64 times."""
        with tempfile.NamedTemporaryFile("r") as out:
            tracer = subprocess.Popen(
                ["strace", "-f", "-c", "-o", out.name, *(f"-p{pid}" for pid in server.pids())],
                stderr=subprocess.DEVNULL)
            wait_for(lambda: all(tracer_of(pid) for pid in server.pids()), "strace has attached", 20)
            result = self.load(server, "-p", path, "-n", TRACED // 5 if self.quick else TRACED, "-s", 3 if self.quick else 8)
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)
            total = re.search(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?total", out.read(), re.M)
        if not total:
            raise LabError("strace printed no total")
        return int(total.group(1)) / result["requests"]


def tracer_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"TracerPid:\s+(\d+)", file.read()).group(1))


def cells(servers, runs, figure, digits=1, wanted=None):
    """One cell a server; wanted: by column, what the figure is to be at most."""
    line = []
    for column, server in enumerate(servers):
        results = runs.get(server)
        line.append(Cell([result[figure] for result in results], digits=digits,
                         at_most=(wanted or {}).get(column)) if results else None)
    return line


def median(servers, runs, column, figure="cpu_us"):
    results = runs.get(servers[column])
    return Cell([result[figure] for result in results]).value if results else None


def times(factor, value):
    return None if value is None else factor * value


def both(value):
    """Wanted of Sluice with the limits' fields and without."""
    return {1: value, 2: value}


# ---- The rows ----


def rows_hits(bench, servers):
    """Returns the runs of 1 KiB."""
    for path in ("/a/hit", "/b/hit"):
        bench.meet(servers, path)
    small = bench.rounds(servers, *ALONE, "-p", "/a/hit")
    large = bench.rounds(servers, *ALONE, "-p", "/b/hit")
    table = bench.table
    table.row("1 KiB hit", cells(servers, small, "cpu_us", wanted=both(
        times(1.15, median(servers, small, 0)))))
    table.row("... requests a second", rates(servers, small))
    table.row("... 99th percentile, µs, 64 connections", cells(
        servers, small, "p99_us", 0, both(median(servers, small, 4, "p99_us"))))
    table.row("64 KiB hit", cells(servers, large, "cpu_us", wanted=both(
        times(1.15, median(servers, large, 0)))))
    table.row("... requests a second", rates(servers, large))
    return small


def rates(servers, runs):
    return [Cell([one["requests"] / one["seconds"] for one in runs[server]]) if runs.get(server) else None
            for server in servers]


def rows_keys(bench, servers, small):
    caches = [server for server in servers[1:] if not server.failed]
    keys = KEYS // 20 if bench.quick else KEYS
    for server in caches:
        bench.fill(server, "/a/########", 0, keys)
    zipf = bench.rounds(servers, *ALONE, "-p", "/a/########", "-k", keys, "-z")
    count = keys // 5
    stored = bench.rounds(caches, "-p", "/a/########", "-n", count, "-f",
                          lambda: bench.new_keys(2 * count), "-s", 30, "-w", 0)
    table = bench.table
    table.row(f"hits among {keys:,} keys, as Zipf has them", cells(servers, zipf, "cpu_us", wanted={
        column: times(1.25, median(servers, small, column)) for column in (1, 2)}))
    table.row(f"{keys:,} misses, stored", cells(servers, stored, "cpu_us", wanted=both(
        times(0.9, median(servers, stored, 4)))))


def rows_proxied(bench):
    servers = [bench.server(kind, "proxied", **options_of(column))
               for column, kind in enumerate(SERVERS)]
    runs = bench.rounds(servers, "-p", "/a/proxied")
    peers = [value for value in (median(servers, runs, 3), median(servers, runs, 4)) if value]
    bounds = [value for value in (times(0.80, min(peers, default=None)),
                                  times(1.25, median(servers, runs, 0))) if value]
    bench.table.row("1 KiB proxied, not stored", cells(servers, runs, "cpu_us", wanted=both(
        min(bounds, default=None))))
    bench.table.row("... requests a second", rates(servers, runs))
    return servers


def rows_calls(bench, cached, proxied):
    bench.table.row("system calls a 1 KiB hit", bench.calls(cached, "/a/hit"))
    bench.table.row("system calls a proxied request", bench.calls(proxied, "/a/proxied"))


def rows_objects(bench):
    """What the number of stored objects changes in a hit. The others are in the row of keys."""
    sizes = OBJECTS[:1] if bench.quick else OBJECTS
    server = bench.server(Sluice, cache=6144)
    if server.failed:
        raise LabError(server.failed)
    filled = 0
    for count in sizes:
        bench.fill(server, "/c/########", filled, count - filled)
        filled = count
        runs = bench.rounds([server], *ALONE, "-p", "/c/########", "-k", count)
        bench.table.row(f"a hit among {count:,} objects, any of them", [
            None, Cell([run["cpu_us"] for run in runs[server]], digits=1)])
    server.stop()


def memory_of(server):
    """Bytes that the server's processes have for themselves."""
    total = 0
    for pid in server.pids():
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += sum(int(size) for size in re.findall(r"^Private_Dirty:\s+(\d+)", file.read(), re.M))
    return total * 1024


def open_idle(bench, server, count):
    """So many connections that have had one answer each, until the input is closed."""
    with bench.namespace.inside():
        idle = subprocess.Popen(bench.command(server, "-c", count, "-1", "-s", 30, "-p", "/a/hit"),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    report = idle.stdout.readline()
    if not report or json.loads(report)["requests"] != count:
        raise LabError(f"{server.name}: no {count} connections")
    return idle


def idle_bytes(bench, server):
    """What one more costs: the first ones bring along what is there once."""
    few = IDLE // 10
    with open_idle(bench, server, few):
        before = memory_of(server)
        with open_idle(bench, server, IDLE - few):
            return (memory_of(server) - before) / (IDLE - few)


def row_idle(bench):
    line = [None] * len(COLUMNS)
    for column in (1, 3, 4):
        server = bench.server(SERVERS[column])
        if server.failed:
            continue
        line[column] = Cell([idle_bytes(bench, server)], at_most=512 if column == 1 else None)
        server.stop()
    bench.table.row(f"memory of one of {IDLE:,} idle connections, bytes", line)


def options_of(column):
    return {"http": LIMIT_FIELDS} if column == 2 else {}


def last_line(text):
    return (text.strip().splitlines() or ["?"])[-1][:120]


def attempt(table, rows, *arguments):
    """What cannot be measured is said, and the rest is."""
    try:
        rows(*arguments)
    except (LabError, OSError, subprocess.SubprocessError) as error:
        table.row(f"not measured: {rows.__module__}.{rows.__name__}: {last_line(str(error))}", [])


def rows_served(bench):
    cached = [bench.server(kind, **options_of(column)) for column, kind in enumerate(SERVERS)]
    small = rows_hits(bench, cached)
    attempt(bench.table, rows_keys, bench, cached, small)
    proxied = rows_proxied(bench)
    attempt(bench.table, rows_calls, bench, cached, proxied)
    for server in cached + proxied:
        server.stop()


def fill(lab, table, cpu, quick):
    home = os.sched_getaffinity(0)
    bench = Bench(lab, table, cpu, quick)
    try:
        os.sched_setaffinity(0, {cpu})
        table.section("CPU microseconds a request, but where a unit is named")
        rows_served(bench)
        for rows in (rows_objects, row_idle, http_limits.fill):
            attempt(table, rows, bench)
        for name, why in {server.name: server.failed for server in bench.servers if server.failed}.items():
            table.row(f"not measured: {name}: {last_line(why)}", [])
    finally:
        os.sched_setaffinity(0, home)
        bench.stop()
    attempt(table, http_picture.fill, lab, table, cpu, quick)
