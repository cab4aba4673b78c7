#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run the npm package http-cache-tests against the HTTP plane and compare with what is expected.

usage: http_cache_suite.py [--build DIR] [--update] [--only ID]

Twice: with the policy the tests assume, and with the shipped defaults. What does not pass is named, with its
kind, in the .expected file beside each policy; a test that is not named there has to pass, and one that is
has to fail still. A test counts only if those it depends on pass, as the package's own display rates it.
--update writes the files anew; --only shows one test in full.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time

import npm
from http_lab import free_port

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGE = "http-cache-tests@0.4.5"
POLICIES = ["http_cache_suite", "http_cache_defaults"]
RUN_SECONDS = 300
TRIES = 3

# Rates results as the package's display does; prints id, kind and what came of it.
RATE = """
import fs from 'fs'
import { determineTestResult } from './lib/display.mjs'
import tests from './tests/index.mjs'
import surrogate from './tests/surrogate-control.mjs'
tests.push(surrogate)
const results = JSON.parse(fs.readFileSync(process.argv[2]))
const rated = []
for (const suite of tests) {
  for (const test of suite.tests) {
    if (test.browser_only === true) continue
    const outcome = determineTestResult(tests, test.id, results)[2]
    const said = results[test.id]
    const kind = (test.kind || 'required') + (suite === surrogate ? '-surrogate' : '')
    rated.push([test.id, kind, outcome, Array.isArray(said) ? said[1] : ''])
  }
}
console.log(JSON.stringify(rated))
"""
PASSES = {"\u2705", "Y"}


def skip(reason):
    print(f"skip http-cache-tests: {reason}")
    sys.exit(0)


def wait_for(port):
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


def install(build):
    """The package's directory, with the program that rates; skips if it cannot be had."""
    try:
        package = npm.install(build, PACKAGE)
    except npm.Unavailable as why:
        skip(why)
    with open(os.path.join(package, "rate.mjs"), "w", encoding="utf-8") as out:
        out.write(RATE)
    return package


def environment(**values):
    env = {key: value for key, value in os.environ.items() if not key.lower().startswith("npm_")}
    env.update({f"npm_config_{key}": value for key, value in values.items()})
    env["npm_package_config_id"] = ""
    return env


class Proxy:
    """The package's origin, and the HTTP plane in front of it."""

    def __init__(self, build, package, policy):
        self.port, origin = free_port(), free_port()
        work = os.path.join(build, "npm")
        with open(os.path.join(HERE, policy + ".yaml"), encoding="utf-8") as text:
            rules = text.read().replace("18080", str(self.port)).replace("18081", str(origin))
        path = os.path.join(work, policy + ".yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(rules)
        pidfile = os.path.join(work, "origin.pid")
        env = environment(protocol="http", port=str(origin), pidfile=pidfile)
        self.log = open(os.path.join(work, policy + ".log"), "w", encoding="utf-8")
        self.children = [
            subprocess.Popen(["node", "server/server.mjs"], cwd=package, env=env, stdout=self.log, stderr=self.log),
            subprocess.Popen([os.path.join(build, "http-test"), path], stdout=self.log, stderr=self.log),
        ]
        try:
            wait_for(origin)
            wait_for(self.port)
        except RuntimeError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for child in self.children:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.log.close()


def run(build, package, policy, only=""):
    with Proxy(build, package, policy) as proxy:
        env = environment(base=f"http://127.0.0.1:{proxy.port}", id=only)
        done = subprocess.run(["node", "--no-warnings", "cli.mjs"], cwd=package, env=env, timeout=RUN_SECONDS,
                              capture_output=True, text=True, check=True)
    if only:
        print(done.stdout)
        return []
    results = os.path.join(build, "npm", policy + ".json")
    with open(results, "w", encoding="utf-8") as out:
        out.write(done.stdout)
    rated = subprocess.run(["node", "--no-warnings", "rate.mjs", results], cwd=package, capture_output=True,
                           text=True, check=True, timeout=60)
    return json.loads(rated.stdout)


def expected_path(policy):
    return os.path.join(HERE, policy + ".expected")


def read_expected(policy):
    with open(expected_path(policy), encoding="utf-8") as text:
        lines = [line.split("#")[0].split() for line in text]
    return {fields[1] for fields in lines if fields}


def write_expected(policy, rated):
    with open(expected_path(policy), "w", encoding="utf-8") as out:
        out.write(f"# Tests of {PACKAGE} that do not pass under {policy}.yaml, by kind.\n")
        for test, kind, outcome, _ in sorted(rated, key=lambda each: (not each[1].startswith("required"), each[0])):
            if not kind.startswith("check") and outcome not in PASSES:
                out.write(f"{kind} {test}\n")


def run_until_expected(build, package, policy):
    """Many tests wait for seconds to pass, which a busy machine may spoil: what comes out otherwise is run again."""
    rated = run(build, package, policy)
    for _ in range(TRIES - 1):
        odd = {each[0] for each in unexpected(policy, rated)}
        if not odd:
            break
        print(f"# {policy}: again for {', '.join(sorted(odd))}")
        again = {each[0]: each for each in run(build, package, policy)}
        rated = [again[each[0]] if each[0] in odd else each for each in rated]
    return rated


def unexpected(policy, rated):
    expected = read_expected(policy)
    return [each for each in rated
            if not each[1].startswith("check") and (each[2] in PASSES) == (each[0] in expected)]


def compare(policy, rated):
    """Prints a line for each test; returns whether all came out as expected."""
    expected, good = read_expected(policy), True
    for test, kind, outcome, said in rated:
        if kind.startswith("check"):
            continue
        passes = outcome in PASSES
        if passes == (test not in expected):
            print(f"ok {policy}: {kind} {test} {'passes' if passes else 'fails, as is known'}")
            continue
        good = False
        why = "passes now; the expected list is out of date" if passes else said or outcome
        print(f"FAIL {policy}: {kind} {test}: {re.sub(chr(10), ' ', str(why))}")
    return good


def summary(policy, rated):
    counts = []
    for wanted in ("required", "optimal", "required-surrogate", "optimal-surrogate"):
        of_kind = [outcome in PASSES for _, kind, outcome, _ in rated if kind == wanted]
        counts.append(f"{sum(of_kind)} of {len(of_kind)} {wanted}")
    print(f"# {policy}: {', '.join(counts)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("BUILD", os.path.join(ROOT, "build")))
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    if not os.path.exists(os.path.join(build, "http-test")):
        skip(f"{build}/http-test is not built")
    package = install(build)
    good = True
    for policy in POLICIES[:1] if options.only else POLICIES:
        if options.only:
            run(build, package, policy, options.only)
            return 0
        rated = run(build, package, policy) if options.update else run_until_expected(build, package, policy)
        if options.update:
            write_expected(policy, rated)
        good &= compare(policy, rated)
        summary(policy, rated)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
