#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tours of README.md, taken: every command in them is run, in order, each tour in a laboratory of its own.

usage: tests/e2e/tour.py [--write]

A command passes if it ends as the document shows (0, or the error of curl that is shown), and if every line that the
document shows without a figure is printed. --write puts what was printed into the document instead.
Needs root; BUILD names the programs, default build/.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.path.join(ROOT, os.environ.get("BUILD", "build")))
README = os.path.join(ROOT, "README.md")
SECTIONS = [re.compile(rf"^## {title}\n.*?(?=^## )", re.S | re.M)
            for title in ("Five minutes", "HTTP in a minute")]
ALONE = "unshare --mount --pid --net --fork --mount-proc --kill-child bash\nip link set lo up\n"
BLOCK = re.compile(r"^(```\w*)\n(.*?)^```\n", re.S | re.M)
END = "== end of command, status "
SECONDS = 60


class Shell:
    """The tour's own shell: mounts, process ids and all that it starts are gone with it."""

    def __init__(self, setup):
        first, *rest = setup.splitlines()
        enter = re.sub(r"\s*#.*", "", first).split()
        self.process = subprocess.Popen(enter, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, bufsize=1)
        for line in rest:
            self.run(line)
        self.run(f"PATH={BUILD}:$PATH")

    def run(self, command):
        """(what it printed, its exit status)"""
        self.process.stdin.write(f"{command}{self.wait_for_start(command)}\nstatus=$?; echo; echo '{END}'$status\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.startswith(END):
                return "".join(printed)[:-1], int(line[len(END):])
            printed.append(line)
        raise RuntimeError(f"the shell ended in: {command}")

    @staticmethod
    def wait_for_start(command):
        """What it says of its start belongs to it: until it can be asked, and a moment longer."""
        if not command.endswith("&"):
            return ""
        if "sluiced" not in command:
            return " sleep 4"
        control = re.search(r"--control \S+", command)
        ask = f"sluice status {control.group(0) if control else ''} >/dev/null 2>&1"
        return f" for i in $(seq 300); do {ask} && break; sleep 0.2; done; sleep 2"

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()


def steps(body):
    """(command, what is shown below it) of a block; a here-document belongs to its command."""
    for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
        lines = part.splitlines(keepends=True)
        length = 1
        word = re.search(r"<<(\w+)", lines[0])
        if word:
            length = 1 + next(i for i, line in enumerate(lines[1:], 1) if line.strip() == word.group(1))
        yield "".join(lines[:length]).rstrip("\n"), "".join(lines[length:])


def wanted_status(shown):
    found = re.search(r"^curl: \((\d+)\)", shown, re.M)
    return int(found.group(1)) if found else None


def plain(text):
    return {" ".join(line.split()) for line in text.splitlines()}


def judge(shown, printed, status):
    """None, or what is wrong."""
    wanted = wanted_status(shown)
    if wanted is not None and status != wanted:
        return f"status {status} instead of {wanted}"
    if wanted is None and status > 1:
        return f"status {status}:\n{printed}"
    missing = [line for line in plain(shown) - plain(printed) if not re.search(r"\d", line)]
    return f"not printed: {missing[0]}\nbut:\n{printed}" if missing else None


def take(section, write):
    """The section as it was printed, and how many steps went wrong."""
    setup = [body for _, body in BLOCK.findall(section) if body.startswith("unshare")]
    shell = Shell(setup[0] if setup else ALONE)
    failed = 0

    def replay(match):
        nonlocal failed
        body = match.group(2)
        if not body.startswith("$ "):
            return match.group(0)
        out = ""
        for command, shown in steps(body):
            printed, status = shell.run(command)
            wrong = None if write else judge(shown, printed, status)
            failed += bool(wrong)
            name = command.splitlines()[0]
            print(f"FAIL {name}\n{wrong}" if wrong else f"ok {name}", flush=True)
            out += f"$ {command}\n{printed}"
        return f"```\n{out}```\n"

    try:
        return BLOCK.sub(replay, section), failed
    finally:
        shell.close()


def main():
    write = "--write" in sys.argv[1:]
    if os.geteuid() != 0:
        print("skip the tour of README.md: needs root")
        return 77
    with open(README, encoding="utf-8") as file:
        text = file.read()
    failed = 0
    for section in SECTIONS:
        taken, wrong = take(section.search(text).group(0), write)
        text = section.sub(lambda match: taken, text)
        failed += wrong
    if write:
        with open(README, "w", encoding="utf-8") as file:
            file.write(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
