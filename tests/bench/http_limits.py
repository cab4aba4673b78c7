# SPDX-License-Identifier: BSD-2-Clause
"""What a limit costs a request: refused, allowed, and allowed among many clients. What is allowed is a hit of 1 KiB."""

from http_servers import ALONE, Bare, Flask, Haproxy, Nginx, Sluice
from results import Cell

CLIENTS = 100_000


def sluice(limit, fields=True):
    return {"limit_table": 512, "http": f"  trusted_proxies: [\"127.0.0.1\"]\n  limits: [\"{limit}\"]\n"
                    + ("" if fields else "  limit_fields: off\n")}


def nginx(rate, burst):
    return {
        "top": f"limit_req_zone $binary_remote_addr zone=clients:64m rate={rate};\n"
               "    limit_req_status 429; limit_req_log_level info;\n"
               "    set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;",
        "location": f"limit_req zone=clients burst={burst} nodelay;",
    }


def haproxy(limit, period):
    return {
        "top": f"backend clients\n    stick-table type ip size 1m expire 1h store http_req_rate({period})",
        "rules": "http-request set-src hdr(x-forwarded-for) if { hdr(x-forwarded-for) -m found }\n"
                 "    http-request track-sc0 src table clients\n"
                 f"    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {limit} }}",
    }


def refusing(bench):
    return [bench.server(Bare), bench.server(Sluice, **sluice("1 per hour", fields=False)),
            bench.server(Sluice, **sluice("1 per hour")), bench.server(Nginx, **nginx("1r/m", 1)),
            bench.server(Haproxy, **haproxy(1, "1h")), None, None,
            bench.server(Flask, limit="1 per hour")]


def allowing(bench):
    many = "1000000 per second"
    return [bench.server(Bare), bench.server(Sluice, **sluice(many, fields=False)),
            bench.server(Sluice, **sluice(many)), bench.server(Nginx, **nginx("1000000r/s", 1000000)),
            bench.server(Haproxy, **haproxy(100_000_000, "10s")), None, None,
            bench.server(Flask, limit=many)]


def line(servers, runs, wanted):
    cells = []
    for column, server in enumerate(servers):
        results = runs.get(server) if server else None
        cells.append(Cell([run["cpu_us"] for run in results], digits=1,
                          at_most=wanted if column in (1, 2) else None) if results else None)
    return cells


def value(runs, server, factor=1.0, plus=0.0):
    results = runs.get(server)
    return Cell([run["cpu_us"] for run in results]).value * factor + plus if results else None


def measure(bench, servers, hit, *options, refusing=()):
    everybody = [server for server in servers + [hit] if server]
    bench.meet(everybody, "/a/limited")
    return bench.rounds(everybody, *ALONE, "-p", "/a/limited", *options, refusing=refusing)


def meet_clients(bench, servers, count):
    """Nearly all of them are known when it is measured; Flask-Limiter would take minutes."""
    for server in servers:
        if not server.failed:
            bench.load(server, "-p", "/a/limited", "-C", count, "-n", 3 * count, "-s", 60)


def fill(bench):
    table = bench.table
    table.section("With limits: CPU microseconds a request")
    hit = bench.server(Sluice)
    servers = refusing(bench)
    runs = measure(bench, servers, hit, refusing=servers[1:])
    bounds = [bound for bound in (value(runs, servers[0], 1.15), value(runs, hit)) if bound]
    table.row("refused", line(servers, runs, min(bounds, default=None)))
    table.row("system calls a refused request", bench.calls(servers, "/a/limited"))
    for server in servers:
        if server:
            server.stop()
    servers = allowing(bench)
    runs = measure(bench, servers, hit)
    table.row("allowed, one client", line(servers, runs, value(runs, hit, plus=0.5)))
    clients = CLIENTS // 20 if bench.quick else CLIENTS
    meet_clients(bench, servers[1:5], clients)
    runs = measure(bench, servers, hit, "-C", clients)
    table.row(f"allowed, among {clients:,} clients", line(servers, runs, value(runs, hit, plus=1.0)))
    table.row("our hit without limits, in the same turns", [None, Cell(
        [run["cpu_us"] for run in runs[hit]], digits=1)] if runs.get(hit) else [])
    for server in [hit, *servers]:
        if server:
            server.stop()
