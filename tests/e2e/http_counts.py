#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts of limits outlive their child, the agent, and a takeover; a damaged file begins anew.

Runs on loopback and needs no privilege.
"""

import http.client
import os
import sys
import threading
import time

from http_agent import PATIENCE, Agent, Origin, Place, get, policy
from http_lab import eventually, free_port, kill, run, tests_of

LIMITS = '  limits: ["5 per hour", "1000 per day burst 9"]\n'


def _statuses(port, count):
    return [get(port)[0] for _ in range(count)]


def _saved(place):
    return os.path.join(place, "state", "limits.saved")


def counts_outlive_a_child_that_was_killed():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin) + LIMITS)
        assert _statuses(port, 3) == [200] * 3
        kill(agent.child())
        assert _statuses(port, 4) == [200, 200, 429, 429]
        agent.stop()
    origin.stop()


def counts_outlive_the_agent():
    origin, port = Origin(), free_port()
    with Place() as place:
        for answers in ([200, 200], [200, 200], [200, 429], [429, 429]):
            agent = Agent(place, policy(port, origin) + LIMITS)
            assert _statuses(port, 2) == answers, answers
            agent.stop()
        assert "saved counts that go on: 2;" in agent.log(), agent.log()
        assert os.stat(_saved(place)).st_mode & 0o777 == 0o600
    origin.stop()


def counts_go_along_in_a_takeover():
    origin, port = Origin(), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin) + LIMITS)
        assert _statuses(port, 4) == [200] * 4
        second = Agent(place, None, "--takeover")
        assert first.process.wait(PATIENCE) == 0
        assert _statuses(port, 3) == [200, 429, 429]
        second.stop()
        third = Agent(place, None)
        assert _statuses(port, 1) == [429], "the one that was taken over from wrote over what came later"
        third.stop()
    origin.stop()


def _ask_until(stop, port, statuses):
    """Requests at a steady pace, on one connection until it is closed."""
    link = None
    while not stop.is_set():
        try:
            link = link or http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            link.request("GET", "/")
            answer = link.getresponse()
            answer.read()
            statuses.append(answer.status)
        except (OSError, http.client.HTTPException):
            link = None  # the one that is taken over from closes what is idle
        time.sleep(0.002)


def while_a_takeover_is_under_way_both_count_in_one_place():
    origin, port, stop, statuses = Origin(), free_port(), threading.Event(), []
    with Place() as place:
        first = Agent(place, policy(port, origin) + '  limits: ["1000 per hour"]\n')
        asking = [threading.Thread(target=_ask_until, args=(stop, port, statuses)) for _ in range(4)]
        for thread in asking:
            thread.start()
        eventually(lambda: statuses.count(200) > 100, "requests come")
        second = Agent(place, None, "--takeover")
        assert first.process.wait(PATIENCE) == 0
        eventually(lambda: statuses.count(429) > 200, "the limit is reached", 60)
        stop.set()
        for thread in asking:
            thread.join()
        assert statuses.count(200) == 1000, statuses.count(200)
        second.stop()
        third = Agent(place, None)
        assert _statuses(port, 1) == [429]
        third.stop()
    origin.stop()


def another_size_of_the_table_and_other_limits_keep_what_still_counts():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin) + LIMITS)
        assert _statuses(port, 4) == [200] * 4
        agent.stop()
        more = '  max: {limit_table: 8 MiB}\n  limits: ["5 per hour", {limit: "900 per day", strategy: moving-window}]\n'
        agent = Agent(place, policy(port, origin) + more)
        assert _statuses(port, 2) == [200, 429]
        agent.stop()
    origin.stop()


def a_damaged_file_is_put_aside_and_limits_begin_anew():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin) + LIMITS)
        assert _statuses(port, 6) == [200] * 5 + [429]
        agent.stop()
        with open(_saved(place), "r+b") as file:
            file.seek(300)
            byte = file.read(1)
            file.seek(300)
            file.write(bytes([byte[0] ^ 1]))
        agent = Agent(place, policy(port, origin) + LIMITS)
        assert "damaged, or of another version; limits begin anew" in agent.log(), agent.log()
        assert os.path.exists(_saved(place) + ".damaged")
        assert _statuses(port, 6) == [200] * 5 + [429]
        agent.stop()
        assert os.path.exists(_saved(place))
    origin.stop()


def where_nothing_can_be_written_the_log_says_so_and_all_else_works():
    origin, port = Origin(), free_port()
    with Place() as place:
        with open(os.path.join(place, "state"), "w", encoding="ascii"):
            pass  # a file where the directory should be
        agent = Agent(place, policy(port, origin) + LIMITS)
        assert _statuses(port, 1) == [200]
        agent.stop()
        eventually(lambda: "limits begin anew with the next start" in agent.log(), "it is said")
    origin.stop()


if __name__ == "__main__":
    sys.exit(run(tests_of(sys.modules[__name__])))
