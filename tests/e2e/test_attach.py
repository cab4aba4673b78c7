#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Interfaces followed, programs attached, adopted, replaced and removed, on veth in namespaces of its own.

usage: test_attach.py DRIVER (attach/driver.c, built) OTHER_OBJECT (attach/other.bpf.c, built)

Prints "ok NAME" or "FAIL NAME: why" a line; exits 1 if any failed, 77 without root. The namespaces, and a bpffs of its
own in a mount namespace of its own, are gone afterwards.
"""
import json
import os
import subprocess
import sys

HOST, PEER = (f"slK{os.getpid()}-{who}" for who in ("host", "peer"))  # others may run this beside us
PINS = "/sys/fs/bpf/slK"
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=300).stdout


def host(*words, check=True):
    return run("nsenter", f"--net=/run/netns/{HOST}", *words, check=check)


def send_three():
    """Three datagrams from the peer to the host."""
    run("nsenter", f"--net=/run/netns/{PEER}", sys.executable, "-c",
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "[s.sendto(b'hello', ('10.99.0.1', 9)) for _ in range(3)]")


class Agent:
    """One life of attach/driver.c inside the host's namespace."""

    def __init__(self, pins=PINS):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{HOST}", sys.argv[1], pins],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()  # always: what is attached must not depend on a good end
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def say(self, command):
        """Log lines and answers of one command."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "done\n":
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError("the driver ended: " + "|".join(lines))

    def status(self, name):
        for line in self.say("status"):
            words = line.split(" ", 6)
            if words[0] == name:
                return dict(zip(("name", "ifindex", "mode", "adopted", "flags", "packets", "why"), words))
        return None


def program(name="sl0"):
    """Number of the XDP program that runs on a link, None if there is none."""
    link = json.loads(host("ip", "-j", "-d", "link", "show", "dev", name))[0]
    return link.get("xdp", {}).get("prog", {}).get("id")


def equal(what, expected):
    assert what == expected, f"{what!r} is not {expected!r}"


def holds(text, part):
    assert part in text, f"no {part!r} in {text!r}"


# ---- Attaching --------------------------------------------------------------------


@test
def an_interface_is_protected_and_stays_so_when_the_agent_is_killed():
    with Agent() as agent:
        holds(agent.say("apply sl0")[-1], "attached 1")
        equal(agent.status("sl0")["mode"] in ("native", "dispatcher"), True)
        mine = program()
    equal(program(), mine)
    assert mine, "nothing is attached"


@test
def packets_of_a_protected_interface_are_counted():
    with Agent() as agent:
        agent.say("apply sl0")
        before = int(agent.status("sl0")["packets"])
        send_three()
        assert int(agent.status("sl0")["packets"]) >= before + 3


@test
def the_next_agent_adopts_the_program_and_its_counters():
    with Agent() as agent:
        agent.say("apply sl0")
        send_three()
        counted, mine = int(agent.status("sl0")["packets"]), program()
    with Agent() as agent:
        agent.say("apply sl0")
        status = agent.status("sl0")
        equal(status["adopted"], "adopted")
        assert int(status["packets"]) >= counted
        equal(program(), mine)


@test
def a_program_with_other_maps_is_replaced_and_counts_on():
    with Agent() as agent:
        agent.say("apply sl0")
        send_three()
        counted, mine = int(agent.status("sl0")["packets"]), program()
    os.unlink(f"{PINS}/config")
    with Agent() as agent:
        holds("\n".join(agent.say("apply sl0")), "replaced without a gap")
        status = agent.status("sl0")
        equal(status["adopted"], "new")
        assert int(status["packets"]) >= counted
        assert program() not in (None, mine)


@test
def a_program_that_somebody_detached_is_attached_again_within_a_second():
    with Agent() as agent:
        agent.say("apply sl0")
        host("ip", "link", "set", "dev", "sl0", "xdp", "off")
        holds("\n".join(agent.say("wait 1000")), "somebody has detached")
        assert program()


@test
def without_lasting_pins_no_dispatcher_is_used():
    with Agent(pins="") as agent:
        agent.say("apply sl0")
        status = agent.status("sl0")
        equal(status["mode"], "native")
        holds(status["why"], "no bpffs")


@test
def an_interface_that_is_down_is_protected_too():
    host("ip", "link", "set", "sl0", "down")
    with Agent() as agent:
        holds(agent.say("apply sl0")[-1], "attached 1")
    host("ip", "link", "set", "sl0", "up")


# ---- Following -------------------------------------------------------------------------


@test
def a_name_without_an_interface_is_waited_for_and_protected_when_it_comes():
    with Agent() as agent:
        holds("\n".join(agent.say("apply sl7")), "waiting for sl7")
        equal(agent.status("sl7")["why"], "waiting for it to appear")
        host("ip", "link", "add", "sl7", "type", "veth", "peer", "name", "sl8")
        holds("\n".join(agent.say("wait 500")), "sl7: protected")
        assert program("sl7")
        host("ip", "link", "del", "sl7")
        holds("\n".join(agent.say("wait 500")), "is gone")


@test
def an_interface_that_is_removed_and_comes_back_is_protected_again():
    host("ip", "link", "add", "sl7", "type", "veth", "peer", "name", "sl8")
    with Agent() as agent:
        agent.say("apply sl7")
        pin = f"{PINS}/counters-{agent.status('sl7')['ifindex']}"
        assert os.path.exists(pin), "its counters are not pinned"
        host("ip", "link", "del", "sl7")
        host("ip", "link", "add", "sl7", "type", "veth", "peer", "name", "sl8")
        agent.say("wait 500")
        assert program("sl7")
        assert not os.path.exists(pin), "the pin of the removed one is left"
        host("ip", "link", "del", "sl7")


@test
def an_interface_that_goes_while_messages_are_lost_is_not_brought_back_by_older_ones():
    with Agent() as agent:
        agent.say("apply sl7")
        # Nobody reads meanwhile: the queue keeps that sl7 came and overflows before it goes.
        noise = "".join(f"link set dev sl0 alias noise{i}\n" for i in range(4000))
        batch = "link add sl7 type veth peer name sl8\n" + noise + "link del sl7\n"
        subprocess.run(["nsenter", f"--net=/run/netns/{HOST}", "ip", "-batch", "-"], input=batch,
                       check=True, capture_output=True, text=True, timeout=300)
        holds("\n".join(agent.say("wait 1000")), "some were missed")
        equal(agent.status("sl7")["why"], "waiting for it to appear")


@test
def a_renamed_interface_follows_the_policys_names():
    host("ip", "link", "add", "sl7", "type", "veth", "peer", "name", "sl8")
    with Agent() as agent:
        agent.say("apply sl7*")
        host("ip", "link", "set", "sl7", "name", "sl7b")
        agent.say("wait 500")
        equal(agent.status("sl7b")["mode"] != "none", True)
        host("ip", "link", "set", "sl7b", "name", "gone0")
        holds("\n".join(agent.say("wait 500")), "does not name it")
        equal(program("gone0"), None)
    host("ip", "link", "del", "gone0")


@test
def what_the_next_policy_does_not_name_is_detached():
    host("ip", "link", "add", "sl7", "type", "veth", "peer", "name", "sl8")
    with Agent() as agent:
        agent.say("apply sl0 sl7")
        agent.say("apply sl0")
        equal(program("sl7"), None)
        assert program("sl0")
    with Agent() as agent:
        agent.say("apply sl7")
        equal(program("sl0"), None)
    host("ip", "link", "del", "sl7")


@test
def a_glob_for_everything_leaves_loopback_alone():
    with Agent() as agent:
        agent.say("apply *")
        equal(program("lo"), None)
        assert program("sl0")


# ---- Stacked and strange -----------------------------------------------------------------


@test
def a_macvlan_on_a_protected_interface_is_skipped_and_protected_once_that_is_not():
    host("ip", "link", "add", "slm", "link", "sl0", "type", "macvlan")
    with Agent() as agent:
        agent.say("apply sl0 slm")
        equal(agent.status("slm")["mode"], "covered")
        equal(program("slm"), None)
        agent.say("apply slm")
        equal(agent.status("slm")["mode"] in ("native", "generic"), True)
        agent.say("apply slm sl0")
        equal(agent.status("slm")["mode"], "covered")
        equal(program("slm"), None)
    host("ip", "link", "del", "slm")


@test
def a_bridge_with_a_protected_port_is_skipped():
    host("ip", "link", "add", "slbr", "type", "bridge")
    host("ip", "link", "set", "sl0", "master", "slbr")
    with Agent() as agent:
        agent.say("apply sl0 slbr")
        equal(agent.status("slbr")["mode"], "covered")
    host("ip", "link", "del", "slbr")


@test
def an_interface_without_ethernet_headers_is_refused_with_a_reason():
    host("ip", "tuntap", "add", "sltun", "mode", "tun")
    with Agent() as agent:
        agent.say("apply sltun")
        holds(agent.status("sltun")["why"], "no Ethernet header")
        equal(program("sltun"), None)
    host("ip", "link", "del", "sltun")


@test
def somebody_elses_program_is_named_left_alone_and_followed_when_it_goes():
    host("ip", "link", "set", "dev", "sl0", "xdp", "obj", sys.argv[2], "sec", "xdp.frags")
    theirs = program()
    assert theirs
    with Agent() as agent:
        agent.say("apply sl0")
        status = agent.status("sl0")
        equal(status["mode"], "none")
        holds(status["why"], f'"other" (id {theirs})')
        agent.say("detach")
        equal(program(), theirs)
    with Agent() as agent:
        agent.say("apply sl0")
        host("ip", "link", "set", "dev", "sl0", "xdp", "off")
        holds("\n".join(agent.say("wait 1000")), "sl0: protected")


# ---- Leaving -------------------------------------------------------------------------------


@test
def detaching_finds_what_an_earlier_agent_attached():
    with Agent() as agent:
        agent.say("apply sl0")
    with Agent() as agent:
        holds("\n".join(agent.say("detach")), "1 XDP program of ours removed")
        equal(program(), None)
        equal([name for name in os.listdir(PINS) if name.startswith("counters-")], [])


# ---- Flags -----------------------------------------------------------------------------------


def tc(what):
    return host("tc", what, "show", "dev", "sl0", *(["ingress"] if what == "filter" else []))


@test
def a_policy_that_flags_brings_the_tc_program_and_one_that_does_not_takes_it_away():
    with Agent() as agent:
        agent.say("flags sl0")
        equal(agent.status("sl0")["flags"], "flags")
        holds(tc("filter"), "sl_flag")
    holds(tc("filter"), "sl_flag")
    with Agent() as agent:
        agent.say("apply sl0")
        assert "sl_flag" not in tc("filter")
        assert "clsact" not in tc("qdisc")


@test
def a_qdisc_that_was_there_before_is_used_and_left():
    host("tc", "qdisc", "add", "dev", "sl0", "clsact")
    with Agent() as agent:
        agent.say("flags sl0")
        holds(tc("filter"), "sl_flag")
        agent.say("detach")
    assert "sl_flag" not in tc("filter")
    holds(tc("qdisc"), "clsact")
    host("tc", "qdisc", "del", "dev", "sl0", "clsact")


@test
def a_qdisc_of_ours_stays_while_somebody_elses_filter_is_in_it():
    with Agent() as agent:
        agent.say("flags sl0")
        host("tc", "filter", "add", "dev", "sl0", "egress", "protocol", "all", "pref", "7", "bpf", "da",
             "obj", sys.argv[2], "sec", "tc")
        agent.say("detach")
    holds(tc("qdisc"), "clsact")
    host("tc", "qdisc", "del", "dev", "sl0", "clsact")


# ---- The stage -----------------------------------------------------------------------------------


def set_up():
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
    for name in (HOST, PEER):
        run("ip", "netns", "add", name)
    run("ip", "-n", HOST, "link", "add", "sl0", "type", "veth", "peer", "name", "sl1", "netns", PEER)
    for name, link, address in ((HOST, "sl0", "10.99.0.1/24"), (PEER, "sl1", "10.99.0.2/24")):
        run("ip", "-n", name, "link", "set", link, "up")
        run("ip", "-n", name, "addr", "add", address, "dev", link)


def tear_down():
    for name in (HOST, PEER):
        run("ip", "netns", "del", name, check=False)


def reset():
    """Every test begins with nothing attached, whatever the one before left."""
    host("ip", "link", "set", "dev", "sl0", "xdp", "off", check=False)
    host("ip", "link", "set", "dev", "sl0", "up", check=False)
    host("tc", "qdisc", "del", "dev", "sl0", "clsact", check=False)
    for name in ("sl7", "slm", "slbr", "sltun", "gone0"):
        host("ip", "link", "del", name, check=False)


def main():
    if os.geteuid():
        print("skip attach: needs root")
        return 77
    if "SL_UNSHARED" not in os.environ:
        os.environ["SL_UNSHARED"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
    failed = 0
    tear_down()
    try:
        set_up()
        for function in TESTS:
            reset()
            try:
                function()
                print(f"ok {function.__name__}", flush=True)
            except (AssertionError, subprocess.SubprocessError, OSError, TypeError) as why:
                failed += 1
                why = " ".join(str(part) for part in (why, getattr(why, "stderr", "")) if part)
                print(f"FAIL {function.__name__}: {why.strip() or 'not so'}", flush=True)
    finally:
        tear_down()
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) == 1:
        built = os.path.join(os.environ.get("BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build")), "tests", "e2e", "attach")
        sys.argv += [os.path.join(built, "driver"), os.path.join(built, "other.bpf.o")]
    sys.exit(main())
