#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits beside Flask-Limiter, and beside their definition: the same random traces, the same instants.

fixed-window and moving-window, one limit and several: no difference in which request is refused, nor in what is
left. Where the fields differ, and they do on purpose, is said at the comparison: docs/policy.md has the list.
Instants are multiples of 1/1024 s, exact in floats as in nanoseconds, and no multiples of a second: at those
Flask-Limiter's "reset" is a second later than the window's end.
"""

import json
import math
import os
import random
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORACLE = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "limits-oracle")
FLASK_SIDE = os.path.join(ROOT, "tests", "e2e", "limits", "flask_side.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # which has Debian's packages, whatever python3 is here

TRACES = 2000
ASKS = 15
TICK_NS = 1953125  # 2/1024 s: exact in nanoseconds
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _seconds(ticks):
    return ticks / 512


# ---- Traces ----


def _limits(rng, count):
    chosen, windows = [], set()
    while len(chosen) < count:
        unit, multiple = rng.choice(list(UNITS)), rng.choice((1, 1, 1, 2, 5))
        if UNITS[unit] * multiple in windows:
            continue
        windows.add(UNITS[unit] * multiple)
        chosen.append("%d per %d %s" % (rng.choice((1, 2, 3, 5, 8)), multiple, unit))
    return chosen


def _trace(seed):
    rng = random.Random(seed)
    trace = {"strategy": rng.choice(("fixed-window", "moving-window")), "limits": _limits(rng, rng.choice((1, 1, 2, 3))),
             "asks": [], "ticks": []}
    trace["cost"] = min([rng.choice((1, 1, 2, 3))] + [int(limit.split()[0]) for limit in trace["limits"]])
    ticks = 1700000000 * 512 + 1
    for _ in range(ASKS):
        ticks += 2 * rng.choice((0, 0, 1, rng.randint(0, 512), rng.randint(0, 20 * 512), 256, 30 * 512, 1800 * 512))
        trace["ticks"].append(ticks)
        trace["asks"].append([_seconds(ticks), rng.choice(("192.0.2.1", "192.0.2.1", "192.0.2.2"))])
    return trace


def _policy(trace):
    text = 'http:\n  listen: ["127.0.0.1:1"]\n  upstream: ["127.0.0.1:2"]\n  strategy: %s\n  limits: [%s]\n' % (
        trace["strategy"], ", ".join('{limit: "%s", cost: %d}' % (limit, trace.get("cost", 1)) for limit in trace["limits"]))
    return "policy %d\n%s" % (len(text), text)


def _ours(lines):
    done = subprocess.run([ORACLE], input="".join(lines), stdout=subprocess.PIPE, check=True, text=True)
    answers = []
    for line in done.stdout.splitlines():
        verdict, _, fields = line.partition(" ")
        answers.append((verdict == "in", dict(field.split(": ", 1) for field in fields.split("|") if field)))
    return answers


def items_of(fields):
    """{name: (remaining, seconds)} of RateLimit."""
    found = re.findall(r'"([^"]+)";r=(\d+);t=(\d+)', fields["RateLimit"])
    return {name: (int(left), int(after)) for name, left, after in found}


def name_of(limit):
    count, _, multiple, unit = limit.split()
    return "%s-per-%ds" % (count, int(multiple) * UNITS[unit])


def flask_answers(traces):
    given = "".join(json.dumps({key: trace[key] for key in ("strategy", "limits", "cost", "asks")}) + "\n" for trace in traces)
    done = subprocess.run([SYSTEM_PYTHON, FLASK_SIDE], input=given, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- Comparing ----


class Difference(Exception):
    pass


def same(what, ours, theirs, place):
    if ours != theirs:
        raise Difference("%s: ours %r, wanted %r, at %s" % (what, ours, theirs, place))


def _compare_fields(trace, now, fields, theirs, place):
    status, headers, stats, ends = theirs
    items, is_fixed = items_of(fields), trace["strategy"] == "fixed-window"
    for limit, (_, remaining) in stats.items():
        left, after = items[name_of(limit)]
        same("remaining of " + limit, left, remaining, place)
        # Of a moving window Flask-Limiter's reset is when the newest leaves, ours when the oldest does.
        if is_fixed and ends[limit] is not None and ends[limit] > now:
            same("t of " + limit, after, math.ceil(ends[limit] - now), place)
    # Shown is, of several that let in, the one with the least left; Flask-Limiter shows the shortest.
    if status == 429 or len(trace["limits"]) == 1:
        for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining") + (("X-RateLimit-Reset",) if is_fixed else ()):
            same(name, fields[name], headers[name], place)
    if status == 429:
        # Ours is rounded up, so that who waits for so long is let in; theirs is cut, and goes by their reset.
        ours, theirs = int(fields["Retry-After"]), int(headers["Retry-After"])
        if not (0 <= ours - theirs <= 1 if is_fixed else 1 <= ours <= theirs + 1):
            raise Difference("Retry-After: ours %d, theirs %d, at %s" % (ours, theirs, place))


def thousands_of_traces_are_answered_as_flask_limiter_does():
    traces = [_trace(seed) for seed in range(TRACES)]
    lines = []
    for trace in traces:
        lines.append(_policy(trace))
        lines += ["ask %d %s /\n" % (ticks * TICK_NS, ask[1]) for ticks, ask in zip(trace["ticks"], trace["asks"])]
    ours, refused = iter(_ours(lines)), 0
    for number, (trace, theirs) in enumerate(zip(traces, flask_answers(traces))):
        for i, answer in enumerate(theirs):
            place = "trace %d, request %d of %s %s" % (number, i, trace["strategy"], trace["limits"])
            let_in, fields = next(ours)
            same("verdict", 200 if let_in else 429, answer[0], place)
            _compare_fields(trace, trace["asks"][i][0], fields, answer, place)
            refused += not let_in
    assert next(ours, None) is None
    print("   %d traces, %d requests, %d refused" % (TRACES, TRACES * ASKS, refused))
    assert refused > TRACES


def _seconds_of(limit):
    return int(limit.split()[2]) * UNITS[limit.split()[3]]


def sliding_windows_keep_their_definition_on_the_same_traces():
    """All of several limits are charged, or none; up to 100 a sliding window refuses nothing that fits it."""
    traces = [dict(_trace(seed), strategy="sliding-window") for seed in range(TRACES)]
    lines, refused = [], 0
    for trace in traces:
        lines.append(_policy(trace))
        lines += ["ask %d %s /\n" % (ticks * TICK_NS, ask[1]) for ticks, ask in zip(trace["ticks"], trace["asks"])]
    ours = iter(_ours(lines))
    for number, trace in enumerate(traces):
        admitted, cost = {}, trace["cost"]
        for now, address in trace["asks"]:
            place = "trace %d at %r: %s" % (number, now, trace["limits"])
            before = admitted.setdefault(address, [])
            left = {limit: int(limit.split()[0]) - cost * sum(at > now - _seconds_of(limit) for at in before)
                    for limit in trace["limits"]}
            let_in, fields = next(ours)
            same("let in, by the definition", let_in, min(left.values()) >= cost, place)
            if let_in:
                before.append(now)
            refused += not let_in
            shown = {limit: items_of(fields)[name_of(limit)][0] for limit in left}
            same("remaining, by the definition", shown, {limit: n - cost * let_in for limit, n in left.items()}, place)
    assert next(ours, None) is None
    print("   %d traces, %d requests, %d refused" % (TRACES, TRACES * ASKS, refused))
    assert refused > TRACES


def who_waits_for_retry_after_is_let_in_and_who_waits_a_second_less_is_not():
    lines, expected = [], []
    for seed in range(200):
        rng = random.Random(seed)
        strategy = rng.choice(("sliding-window", "fixed-window", "moving-window"))
        # In Flask-Limiter's order the first that refuses ends it: what the others would say is not asked.
        trace = {"strategy": strategy, "limits": _limits(rng, rng.choice((1, 2) if strategy == "sliding-window" else (1,)))}
        now = 1700000000 * 10**9 + rng.randint(0, 10**9)
        fill = ["ask %d 192.0.2.1 /\n" % now] * 9
        retry = [int(fields["Retry-After"]) for let_in, fields in _ours([_policy(trace)] + fill) if not let_in][0]
        for seconds in (retry, retry - 1):
            lines += [_policy(trace)] + fill + ["ask %d 192.0.2.1 /\n" % (now + seconds * 10**9)]
            expected.append(seconds == retry)
    for i, (let_in, fields) in enumerate(_ours(lines)[9::10]):
        assert let_in == expected[i], "%s: %s" % (lines[11 * i], fields)


def _windows(rng, count):
    """A trace for a sliding window of N: [(instant, cost)], most of it around the limit."""
    costs = [max(1, count // part) for part in (1, 2, 3, 7, 20, 90, 130)] + [1]
    now, asks = 10**18, []
    for _ in range(150):
        now += rng.choice((0, 1, rng.randint(0, 10**9), rng.randint(0, 10**10), 10**9, 60 * 10**9, 60 * 10**9 - 1))
        asks.append((now, rng.randrange(len(costs))))
    return costs, asks


def sliding_windows_keep_their_definition_from_one_to_a_million():
    checked = refused = 0
    counts = [1, 2, 3, 10, 49, 50, 51, 99, 100, 101, 150, 199, 201, 1000, 9999, 10000, 100000, 123457, 999999, 1000000]
    for seed, count in enumerate(counts * 4):
        costs, asks = _windows(random.Random(seed), count)
        routes = "".join('    - {match: "/%d", cost: %d, limits: [{limit: "%d per minute", shared: all}]}\n'
                         % (i, cost, count) for i, cost in enumerate(costs))
        text = 'http:\n  listen: ["127.0.0.1:1"]\n  upstream: ["127.0.0.1:2"]\n  routes:\n' + routes
        lines = ["policy %d\n%s" % (len(text), text)]
        lines += ["ask %d 192.0.2.1 /%d\n" % ask for ask in asks]
        admitted = []
        for (now, kind), (let_in, fields) in zip(asks, _ours(lines)):
            admitted = [(at, cost) for at, cost in admitted if at > now - 60 * 10**9]
            total = sum(cost for _, cost in admitted) + costs[kind]
            if let_in:
                assert total <= count, "%d let in where %d may be" % (total, count)
                admitted.append((now, costs[kind]))
            else:
                assert total > count - count // 50, "refused at %d of %d" % (total, count)
            left = int(fields["X-RateLimit-Remaining"])
            truth = count - sum(cost for _, cost in admitted)
            assert truth - count // 50 <= left <= truth, "%d left where %d are" % (left, truth)
            checked += 1
            refused += not let_in
    print("   %d requests, %d refused" % (checked, refused))
    assert refused > checked // 10


def clocks_that_jump_grant_nothing_and_lock_nobody_out():
    """The wall clock is no part of a decision; instants of another thread's older clock grant nothing."""
    trace = {"strategy": "sliding-window", "limits": ["5 per 1 minute"]}
    start = 1700000000 * 10**9
    asks = [start, start - 10**9, start, start - 10**9, start - 5, start - 10**9, start + 10**9, start + 60 * 10**9 - 1,
            start + 60 * 10**9]
    said = [let_in for let_in, _ in _ours([_policy(trace)] + ["ask %d 192.0.2.1 /\n" % at for at in asks])]
    assert said == [True] * 5 + [False] * 3 + [True], said


def main():
    tests = [clocks_that_jump_grant_nothing_and_lock_nobody_out,
             sliding_windows_keep_their_definition_from_one_to_a_million,
             sliding_windows_keep_their_definition_on_the_same_traces,
             who_waits_for_retry_after_is_let_in_and_who_waits_a_second_less_is_not,
             thousands_of_traces_are_answered_as_flask_limiter_does]
    if not os.path.exists(ORACLE):
        print("FAIL %s: not built" % ORACLE)
        return 1
    has_flask = subprocess.run([SYSTEM_PYTHON, "-c", "import flask_limiter"], stderr=subprocess.DEVNULL,
                               check=False).returncode == 0
    failed = 0
    for test in tests:
        if test is tests[-1] and not has_flask:
            print("skip %s: python3-flask-limiter is not installed" % test.__name__)
            continue
        try:
            test()
            print("ok %s" % test.__name__, flush=True)
        except (AssertionError, Difference, subprocess.CalledProcessError) as why:
            failed += 1
            print("FAIL %s: %s" % (test.__name__, why), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
