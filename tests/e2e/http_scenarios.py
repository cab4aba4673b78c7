#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios in which both sides are scripted byte by byte, run by varnishtest; its own cache takes no part.

usage: http_scenarios.py [--build DIR] [NAME]...

Each file in scenarios/ starts the HTTP plane between a server and clients. The line that begins with "vtest" says
what it shows.
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import http_lab as lab

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios")
SECONDS = 30


def run(build, path, work):
    """None, or the end of what varnishtest said."""
    env = dict(os.environ, HTTP_TEST=os.path.join(build, "http-test"), PORT=str(lab.free_port()), TMPDIR=work)
    command = ["varnishtest", "-t", str(SECONDS), "-D", f"proxy={HERE}/proxy", "-D", f"port={env['PORT']}", path]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=2 * SECONDS)
    return None if done.returncode == 0 else done.stdout.decode("utf-8", "replace")


def claim_of(path):
    with open(path, encoding="utf-8") as text:
        return re.search(r'^vtest "(.*)"$', text.read(), re.M).group(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=lab.BUILD)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if not shutil.which("varnishtest"):
        print("skip http_scenarios: varnishtest is not installed")
        return 0
    failed = 0
    for path in sorted(glob.glob(os.path.join(HERE, "*.vtc"))):
        name = os.path.basename(path)[:-4]
        if options.names and name not in options.names:
            continue
        with tempfile.TemporaryDirectory(prefix="slvtc") as work:
            said = run(os.path.abspath(options.build), path, work)
        failed += said is not None
        if said is None:
            print(f"ok {name}: {claim_of(path)}")
            continue
        print(f"FAIL {name}: {claim_of(path)}")
        print("\n".join("# " + line for line in said.splitlines()[-60:]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
