#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of clients when the policy is loaded anew, when the child dies, hangs, or may do too much.

Runs a sluiced of its own on loopback. As root the child is another user, and names are tested behind a private
/etc/hosts; without root the rest holds all the same.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import time

from http_agent import SLUICED, Agent, Load, Origin, Place, ask_control, get, policy, status_of
from http_lab import PATIENCE, Reader, eventually, free_port, freeze, kill, read_answer, run, tests_of

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"

CAPABILITIES = {"KILL": 5, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "SYS_ADMIN": 21,
                "PERFMON": 38, "BPF": 39}


def _bits(*names):
    return sum(1 << CAPABILITIES[name] for name in names)


# ---- Reloads ----


def twenty_reloads_under_load_cost_no_client_anything():
    a, b, port, other = Origin("a"), Origin("b"), free_port(), free_port()
    variants = [
        policy(port, a),
        policy(port, b, http="  routes:\n    - {match: \"/*\", limits: []}\n"),
        policy('"127.0.0.1:%d", "127.0.0.1:%d"' % (port, other), a, b),
        policy(port, b, a, http="  limits: [100000000 per minute]\n  timeouts: {idle: 30s}\n"),
    ]
    with Place() as place:
        agent = Agent(place, variants[0])
        child = agent.child()
        load = Load(port)
        for i in range(20):
            agent.reload(variants[i % 4])
            time.sleep(0.1)
            load.go_on(10)
        done, errors = load.stop()
        assert not errors, "%d of %d: %s" % (len(errors), done, errors[:3])
        assert not load.closed, (done, load.closed)
        assert agent.child() == child
        assert agent.stop() == 0
    a.stop()
    b.stop()


def an_address_that_another_program_listens_on_is_not_shared_with_it():
    origin, port = Origin(), free_port()
    with Place() as place, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        path = os.path.join(place, "policy.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(policy(port, origin))
        done = subprocess.run([SLUICED, "--policy", path, "--control", path + ".control", "--state", path + ".state",
                               "--metrics", "off"], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1, done
        assert f"listening on 127.0.0.1:{port}: Address already in use" in done.stderr, done.stderr
    origin.stop()


def a_reload_may_widen_the_address_it_listens_on():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin))
        agent.reload(policy('"0.0.0.0:%d"' % port, origin))
        assert get(port)[0] == 200
        agent.reload(policy(port, origin))
        assert get(port)[0] == 200
        assert agent.stop() == 0
    origin.stop()


def a_reload_says_what_waits_for_a_restart():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin, http="  threads: 1\n  cache: {size: 100 MiB}\n"))
        agent.reload(policy(port, origin, http="  threads: 2\n  cache: {size: 200 MiB}\n"))
        assert "http.threads: the new number waits for a restart" in agent.log(), agent.log()
        assert "http.cache.size: the new size waits for a restart" in agent.log(), agent.log()
        assert len(os.listdir("/proc/%d/task" % agent.child())) == 2  # one of them the child's own
        agent.stop()
    origin.stop()


# ---- The child dies, or worse ----


def under_load_a_killed_child_answers_again_within_a_second():
    """At the first or a later try: that second is ours, not that of a machine with much else to do."""
    took = [_time_without_a_child()]
    while took[-1] >= 1.0 and len(took) < 10:
        took.append(_time_without_a_child())
    assert took[-1] < 1.0, took


def _time_without_a_child():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin))
        load = Load(port)
        load.go_on(50)
        killed = agent.child()
        os.kill(killed, signal.SIGKILL)
        began = time.monotonic()
        agent.until(lambda: agent.child() not in (0, killed), "another child")
        assert get(port)[0] == 200
        took = time.monotonic() - began
        load.go_on(50)
        done, errors = load.stop()
        print("   again after %.0f ms; %d requests, %d cut" % (took * 1000, done, len(errors)))
        assert len(errors) <= len(load.threads), errors[:3]  # what was under way, and nothing after it
        assert not any("Refused" in error for error in errors), errors
        agent.stop()
    origin.stop()
    return took


def a_child_that_hangs_holds_up_neither_a_reload_nor_the_end():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin))
        freeze(agent.child())
        agent.process.terminate()
        agent.until(lambda: ask_control(agent, "GET", "/v1/status")[1]["state"] == "draining", "it has heard that")
        assert agent.process.poll() is None  # it waits for the drain
        agent.process.terminate()
        assert agent.process.wait(PATIENCE) == 0
        agent.stop()
    origin.stop()


def a_child_that_breaks_the_protocol_is_ended_and_started_again():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin))
        first = agent.child()
        _speak_as(first)
        agent.until(lambda: "breaks the protocol; it is ended" in agent.log(), "it is ended")
        agent.until(lambda: agent.child() not in (0, first), "another child")
        assert get(port)[0] == 200
        agent.stop()
    origin.stop()


def _speak_as(child):
    """Write nonsense to the child's end of the socketpair, as a child that was taken over would."""
    pidfd = os.pidfd_open(child)
    fd = _syscall(438, pidfd, 3, 0)  # pidfd_getfd
    with socket.socket(fileno=fd) as pipe:
        pipe.send(b"nonsense")
    os.close(pidfd)


def _syscall(*arguments):
    import ctypes

    result = ctypes.CDLL(None, use_errno=True).syscall(*arguments)
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result


# ---- What it may ----


def the_child_has_no_privilege_whatever():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin))
        assert get(port)[0] == 200
        status = status_of(agent.child())
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[which], 16) == 0, (which, status[which])
        assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
        if os.geteuid() == 0:
            assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split(), status
            assert not status["Groups"].strip(), status["Groups"]
        agent.stop()
    origin.stop()


def the_parent_keeps_what_it_needs_and_nothing_else():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin))
        status = status_of(agent.process.pid)
        needed = _bits("NET_ADMIN", "BPF", "PERFMON")
        reserve = _bits("SYS_ADMIN", "NET_BIND_SERVICE", "KILL", "SETUID", "SETGID")
        had = _bits(*CAPABILITIES) if os.geteuid() == 0 else 0
        assert int(status["CapPrm"], 16) == (needed | reserve) & had, status["CapPrm"]
        assert int(status["CapEff"], 16) == needed & had, status["CapEff"]
        assert int(status["CapInh"], 16) == 0 and int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"].strip() == "1"
        # What is in reserve is put back after use.
        kill(agent.child())
        eventually(lambda: "ended: signal 9" in agent.log() and agent.child(), "started again")
        assert get(port)[0] == 200
        status = status_of(agent.process.pid)
        assert int(status["CapEff"], 16) == needed & had, status["CapEff"]
        agent.stop()
    origin.stop()


def _nofile(soft, hard):
    def limit():
        import ctypes

        ctypes.CDLL(None).prctl(24, 24, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_SYS_RESOURCE: nobody raises it again
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return limit


def the_number_of_files_is_raised_and_connections_are_fitted_to_it():
    origin, port = Origin(), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin, http="  max: {connections: 5000}\n"), preexec_fn=_nofile(256, 4000))
        with open("/proc/%d/limits" % agent.child(), encoding="ascii") as limits:
            line = next(line for line in limits if line.startswith("Max open files"))
        assert line.split()[3:5] == ["4000", "4000"], line
        assert "instead of 5000, as the process may have 4000 open files" in agent.log(), agent.log()
        assert get(port)[0] == 200
        agent.stop()
    origin.stop()


# ---- Addresses ----


def ipv6_is_served_and_asked_like_ipv4():
    origin, port = Origin("six", ("::1", 0)), free_port()
    with Place() as place:
        agent = Agent(place, policy('"[::1]:%d"' % port, "[::1]:%d" % origin.port))
        assert get(port, host="::1") == (200, "six/")
        with socket.create_server(("127.0.0.1", port)):
            pass  # an IPv6 listener takes no IPv4 address along
        agent.stop()
    origin.stop()


def a_unix_socket_is_served_and_asked_like_any():
    with Place() as place:
        inner, outer = os.path.join(place, "origin.sock"), os.path.join(place, "http.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(inner)
            os.chmod(inner, 0o777)
            listener.listen()
            agent = Agent(place, policy('"unix:%s"' % outer, "unix:" + inner))
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE)
                client.connect(outer)
                client.sendall(GET % b"/x")
                listener.settimeout(PATIENCE)
                asked, _ = listener.accept()
                head = Reader(asked).until(b"\r\n\r\n")
                assert head.startswith(b"GET /x HTTP/1.1\r\nHost: api.test\r\n"), head
                # RFC 7239 section 6: who it is cannot be said.
                assert b"Forwarded: for=unknown" in head and b"X-Forwarded-For: unknown\r\n" in head, head
                asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                assert read_answer(Reader(client)).body == b"ok"
                asked.close()
            agent.stop()


def names_are_asked_for_again_and_keep_their_last_good_answer():
    if os.geteuid() != 0:
        print("skip names_are_asked_for_again_and_keep_their_last_good_answer: needs root for a private /etc/hosts")
        return
    first = Origin("first", ("127.0.0.2", 0))
    second = Origin("second", ("127.0.0.3", first.port))
    port = free_port()
    with Place() as place:
        hosts = os.path.join(place, "hosts")
        _write(hosts, "127.0.0.2 api.sluice.test\n")
        starter = os.path.join(place, "start")
        _write(starter, "#!/bin/sh\nmount --bind %s /etc/hosts && exec %s \"$@\"\n" % (hosts, SLUICED))
        os.chmod(starter, 0o755)
        text = policy(port, "api.sluice.test:%d" % first.port)
        agent = Agent(place, text, program=["unshare", "--mount", starter])
        assert get(port)[1] == "first/"
        _write(hosts, "127.0.0.3 api.sluice.test\n")
        agent.reload(text)
        eventually(lambda: get(port)[1] == "second/", "the new address, after a reload")
        _write(hosts, "127.0.0.2 another.sluice.test\n")
        agent.reload(text)
        time.sleep(0.5)
        assert get(port)[1] == "second/", (get(port), agent.log())  # the last good answer
        _write(hosts, "127.0.0.2 api.sluice.test\n")
        eventually(lambda: get(port)[1] == "first/", "the new address, by itself", 60)
        agent.stop()
    first.stop()
    second.stop()


def a_name_that_nobody_knows_is_502_and_said():
    port = free_port()
    with Place() as place:
        agent = Agent(place, policy(port, "nobody.invalid:80"), wait=False)
        # Whoever asks for names here may take his time to find out.
        agent.until(lambda: "ready: " in agent.log(), "ready without it", 180)
        assert "nobody.invalid cannot be resolved" in agent.log(), agent.log()
        assert get(port)[0] == 502
        agent.stop()


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


if __name__ == "__main__":
    if not os.path.exists(SLUICED):
        print("FAIL %s: not built" % SLUICED)
        sys.exit(1)
    sys.exit(run(tests_of(sys.modules[__name__])))
