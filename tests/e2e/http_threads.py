#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The HTTP plane under ThreadSanitizer: four threads share a cache, limits, pools and queues while policies change.

`make tests-thread` builds what this runs. A data race, a lock order that can deadlock or a use after free in any thread
is printed by the sanitizer and fails the test. The load finds races by chance; what it must at least have done is
counted, so that a test that did nothing fails too.
"""

import http.client
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import http_lab
from http_lab import PATIENCE, Origin, Proxy, eventually, policy, run, tests_of

THREAD_BUILD = os.path.join(http_lab.BUILD, "thread")
SECONDS = 8
# The sanitizer wants its shadow where a kernel that spreads addresses widely may have put something else.
WITHOUT_ASLR = ["setarch", os.uname().machine, "-R"] if shutil.which("setarch") else []

ROUTES = """  threads: 4
  max: {memory: 64 MiB, limit_table: 4 MiB, connections: 1000, per_source: 1000}
  cache: {size: 20 MiB, object_max: 1 MiB}
  routes:
    - {match: "/stored/*", cache: 1 second, tags: [things], limits: []}
    - {match: "POST /stored/*", invalidates: [things, "/stored/*"], limits: []}
    - {match: "/limited/*", limits: ["50 per second", "20/second burst 30"], cache: off}
    - {match: "/plain/*", limits: [], cache: off}
"""
VARIANT = ROUTES.replace("50 per second", "500 per second").replace(
    "cache: 1 second", "cache: {for: 1 second, stale_while_revalidate: 10 seconds}")


def _answer(connection):
    """Slow now and then, sized by its path, storable or not."""
    while True:
        request = connection.request()
        if not request:
            return
        size = int(re.search(r"(\d+)$", request.target.split("?")[0]).group(1)) * 997 % 70000
        if random.random() < 0.05:
            time.sleep(0.02)
        if random.random() < 0.02:
            connection.reset()
            return
        says = b"no-store" if random.random() < 0.1 else b"public"
        connection.send(b"HTTP/1.1 200 OK\r\nCache-Control: %s\r\nCache-Tag: tag%d\r\nETag: \"1\"\r\nContent-Length: %d\r\n\r\n"
                        % (says, size % 7, size) + b"x" * size)


class _Clients:
    """Threads that ask for whatever, on connections that they keep or break."""

    def __init__(self, port, count=12):
        self.port = port
        self.done = [0] * count
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        dice = random.Random(number)
        connection = None
        while not self.ended.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                self.ask(connection, dice)
                self.done[number] += 1
                if dice.random() < 0.1:
                    raise ConnectionError("broken off")
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None

    def ask(self, connection, dice):
        place = dice.choice(("/stored", "/stored", "/stored", "/limited", "/plain"))
        method = "POST" if dice.random() < 0.02 else "GET"
        connection.request(method, "%s/%d" % (place, dice.randrange(30)), body=b"x" * 100 if method == "POST" else None)
        answer = connection.getresponse()
        if dice.random() < 0.05:
            raise ConnectionError("left in the middle")
        answer.read()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return sum(self.done)


def _proxy(origins, text):
    """The sanitized plane; http_lab starts what HTTP_TEST says."""
    wrapper = os.path.join(THREAD_BUILD, "http-test-fixed")
    with open(wrapper, "w", encoding="ascii") as script:
        script.write("#!/bin/sh\nexec %s %s \"$@\"\n" % (" ".join(WITHOUT_ASLR), os.path.join(THREAD_BUILD, "http-test")))
    os.chmod(wrapper, 0o755)
    http_lab.HTTP_TEST = wrapper
    os.environ["TSAN_OPTIONS"] = "halt_on_error=0 second_deadlock_stack=1 exitcode=66"
    return Proxy(policy(*[origin.port for origin in origins], http=text, upstream="max_requests: 6, queue: 100"),
                 threads=4)


def _judge(proxy):
    noise = proxy.stop()
    reports = re.findall(r"WARNING: ThreadSanitizer: .*?\n(?:.*\n){0,40}", noise)
    assert not reports, "%d reports, the first:\n%s" % (len(reports), reports[0])
    assert proxy.process.returncode == 0, (proxy.process.returncode, noise[-2000:])


def reloads_fills_purges_and_limits_race_in_four_threads_without_a_report():
    origins = [Origin(_answer) for _ in range(3)]
    proxy = _proxy(origins, ROUTES)
    clients = _Clients(proxy.port)
    end, reloads = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or reloads <= 10 or sum(clients.done) <= 500:
        assert time.monotonic() < end + 300, (sum(clients.done), reloads)
        text, some = ((VARIANT, origins[1:]), (ROUTES, origins))[reloads % 2]
        proxy.reload(policy(*[origin.port for origin in some], http=text, upstream="max_requests: 6, queue: 100"))
        proxy.signal(signal.SIGUSR1, "log reopened")
        proxy.counters()
        reloads += 1
        time.sleep(0.05)
    counters = proxy.counters()
    done = clients.stop()
    print("   %d requests, %d reloads, %s" % (done, reloads, {name: counters.get(name) for name in (
        "cache_hits", "cache_collapsed", "retries", "queued", "idle_evicted")}))
    _judge(proxy)
    for origin in origins:
        origin.stop()


def a_drain_under_load_ends_without_a_report():
    origin = Origin(_answer)
    proxy = _proxy([origin], ROUTES)
    clients = _Clients(proxy.port)
    time.sleep(2)
    eventually(lambda: sum(clients.done) > 50, "some are served", 120)
    proxy.process.terminate()
    proxy.process.wait(PATIENCE + 60)
    clients.stop()
    _judge(proxy)
    origin.stop()


def _unit(name):
    path = os.path.join(THREAD_BUILD, "tests", "unit", name)
    done = subprocess.run(WITHOUT_ASLR + [path], capture_output=True, text=True, timeout=400)
    said = done.stdout + done.stderr
    assert "WARNING: ThreadSanitizer" not in said, said[-3000:]
    assert done.returncode == 0, said[-2000:]


def the_store_filled_and_purged_by_many_threads_gives_no_report():
    _unit("test_cache_threads")


def the_limit_table_under_eight_threads_gives_no_report():
    _unit("test_limit_table_shared")


if __name__ == "__main__":
    if not os.path.exists(os.path.join(THREAD_BUILD, "http-test")):
        print("FAIL %s/http-test: not built (make tests-thread)" % THREAD_BUILD)
        sys.exit(1)
    sys.exit(run(tests_of(sys.modules[__name__])))
