#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make run`: what it promises, how it ends, and that it leaves nothing behind.

usage: demo.py [TEST]...    (root; $BUILD names the build directory)
"""

import glob
import os
import re
import signal
import subprocess
import sys
import tempfile

from netns import Lab, build_path, main, send_signal, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(ROOT, "tools", "demo")
RUN = os.path.join(DEMO, "run")
SHORT = ["--seconds", "5"]
NOBODY = 65534

sys.path.insert(0, DEMO)

POLICY = """
interfaces: [%s]
protect: {udp: [9000]}
tiers:
  public: {packets: 1000/second burst 1000}
default: public
"""


def command(*options):
    return [RUN, "--build", os.path.dirname(build_path("sluiced")), *options]


def start(*options, **environment):
    """A demonstration whose output is a pipe, in a session of its own."""
    return subprocess.Popen(command(*options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True, env=os.environ | environment)


def left_behind(pid):
    """Namespaces and processes of the demonstration that ran as pid."""
    names = [name for name in os.listdir("/run/netns") if name.startswith(f"sld{pid}-")]
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                session = int(file.read().rpartition(")")[2].split()[3])
        except OSError:
            continue
        if session == pid and int(path.split("/")[2]) != pid:
            names.append(path)
    return names


def rows(output):
    """{client: (offered, passed, dropped)} of the table at the end."""
    found = re.findall(r"^ (polite|greedy|abuser|flood) .*?([\d,]+) +([\d,]+) +([\d,]+)  +[\d,]+/\w+ \+ [\d,]+ +(\w+)$",
                       output, re.M)
    return {name: tuple(int(number.replace(",", "")) for number in numbers) + (mode,)
            for name, *numbers, mode in found}


def the_polite_loses_nothing_and_the_greedy_gets_its_limit_before_everybodys_eyes():
    demo = start(*SHORT)
    output, errors = demo.communicate(timeout=300)
    assert demo.returncode == 0, output + errors
    table = rows(output)
    offered, passed, dropped, mode = table["polite"]
    assert offered == passed > 900 and dropped == 0 and mode == "native", table
    offered, passed, dropped, mode = table["greedy"]
    # It sends for five seconds, or stops a little earlier where the machine let it wait.
    may = int(re.search(r"= ([\d,]+) allowed", output).group(1).replace(",", ""))
    assert 5000 <= may <= 6100 and abs(passed - may) <= 0.02 * may, (may, table)
    assert passed + dropped <= offered and mode == "native", table
    assert table["flood"][0] > 100_000, table
    offered, passed, dropped, mode = table["abuser"]
    assert dropped > 50 and passed + dropped <= offered and mode == "native", table
    assert "the abuser was banned for 2 s" in output and "5 of 5 guesses" in output, output
    assert re.search(r"10\.9\.2\.2 +flagged +guests +.*\n.* refused +guests +100 requests\n"
                     r".* banned +guests +for 2s until .* strike 1, http\n.* ban_ended ", output), output
    assert "$ sluice explain 10.9.1.2" in output and "tier     known" in output, output
    assert "\033" not in output, "no escapes in a pipe"
    assert not left_behind(demo.pid), left_behind(demo.pid)


def interrupted_with(number, after):
    with tempfile.TemporaryDirectory(prefix="slt-demo-") as place:
        demo = start(TMPDIR=place)
        for line in demo.stdout:
            if after in line:
                break
        os.kill(demo.pid, number)
        demo.communicate(timeout=120)
        assert demo.returncode == 128 + number, demo.returncode
        assert not left_behind(demo.pid), left_behind(demo.pid)
        assert not os.listdir(place), os.listdir(place)


def interrupted_it_leaves_nothing_behind():
    interrupted_with(signal.SIGINT, "4.")
    interrupted_with(signal.SIGTERM, "setting the scene")


def a_reader_that_goes_away_ends_it_cleanly():
    demo = start(*SHORT)
    demo.stdout.readline()
    demo.stdout.close()
    errors = demo.stderr.read()
    demo.wait(300)
    assert demo.returncode and "Traceback" not in errors, errors
    assert not left_behind(demo.pid), left_behind(demo.pid)


def without_root_it_says_so_in_one_line():
    done = subprocess.run(command(), capture_output=True, text=True, timeout=120,
                          preexec_fn=lambda: os.setuid(NOBODY))
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.count("\n") == 1 and "root" in done.stderr, done.stderr


def the_verdict_turns_at_two_percent_and_at_one_lost_packet():
    from result import Abuser, Greedy, Polite, Row, check_abuser, check_greedy, check_mode, check_polite

    def row(offered, passed):
        return Row("x", "x", offered, passed, offered - passed, "x", "native")

    def greedy(arrived, offered=100_000):
        return check_greedy(Greedy(row(offered, arrived), arrived, 9.0, 1000, 1000)).holds

    assert [greedy(n) for n in (9799, 9800, 10200, 10201)] == [False, True, True, False]
    assert not greedy(10_000, 19_999) and greedy(10_000, 20_000), "a limit not tried is not shown"
    assert check_polite(Polite(row(7, 7), 5, 5, 0.1, 0.1)).holds
    for lost in (Polite(row(7, 7), 5, 4, 0.1, 0.1), Polite(row(7, 6), 5, 5, 0.1, 0.1),
                 Polite(row(0, 0), 0, 0, None, None)):
        assert not check_polite(lost).holds, lost
    def abuser(reached, bans, dropped=9):
        return check_abuser(Abuser(row(20, 20 - dropped), 5, reached, 100, 10, bans)).holds

    assert abuser(5, [2, 4, 8]) and abuser(4, [2]), "stopped, each time for longer"
    assert not abuser(6, [2, 4]) and not abuser(5, []) and not abuser(5, [2, 2]) and not abuser(5, [2], 0)
    assert not check_mode([row(1, 1), Row("x", "x", 1, 1, 0, "x", "generic")]).holds


class Own:
    """A namespace with an interface and a policy for it: `make run IFACE=eth0 POLICY=...` in there."""

    def __init__(self, lab, names):
        self.host, other = lab.namespace("host"), lab.namespace("other")
        lab.veth(self.host, "eth0", other, "eth0")
        self.directory = tempfile.TemporaryDirectory(prefix="slt-demo-")
        self.policy = os.path.join(self.directory.name, "policy.yaml")
        self.control = os.path.join(self.directory.name, "control")
        with open(self.policy, "w") as file:
            file.write(POLICY % names)

    def command(self, interface="eth0"):
        return command("--interface", interface, "--policy", self.policy, "--control", self.control,
                       "--", "--metrics", "off", "--state", self.directory.name)


def an_interface_is_protected_until_ctrl_c_and_limited_beyond():
    with Lab() as lab:
        own = Own(lab, "eth0")
        run = own.host.start(*own.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        sluice = [build_path("sluice"), "status", "--control", own.control]
        wait_for(lambda: "protecting" in subprocess.run(sluice, capture_output=True, text=True).stdout,
                 "eth0 is protected")
        send_signal(run, signal.SIGINT)
        output, _ = run.communicate(timeout=120)
        assert run.returncode == 0 and "goes on limiting eth0" in output and "--detach" in output, output
        assert "xdp" in own.host.ip("link", "show", "eth0"), "still attached"
        done = own.host.run(build_path("sluiced"), "--detach", "--control", own.control)
        assert done.returncode == 0, done.stderr
        assert "xdp" not in own.host.ip("link", "show", "eth0")


def an_interface_the_policy_does_not_name_is_left_alone():
    with Lab() as lab:
        own = Own(lab, "\"ens*\"")
        done = own.host.run(*own.command())
        assert done.returncode == 1 and "interfaces: [eth0]" in done.stderr, done
        assert done.stderr.count("\n") == 1, done.stderr
        done = own.host.run(*own.command("eth7"))
        assert done.returncode == 1 and "no interface eth7" in done.stderr, done
        assert "xdp" not in own.host.ip("link", "show", "eth0")


if __name__ == "__main__":
    main([
        the_verdict_turns_at_two_percent_and_at_one_lost_packet,
        without_root_it_says_so_in_one_line,
        the_polite_loses_nothing_and_the_greedy_gets_its_limit_before_everybodys_eyes,
        interrupted_it_leaves_nothing_behind,
        a_reader_that_goes_away_ends_it_cleanly,
        an_interface_is_protected_until_ctrl_c_and_limited_beyond,
        an_interface_the_policy_does_not_name_is_left_alone,
    ])
