#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A sluiced takes over from another under load, and nobody notices.

Clients hammer the listener with new connections and with requests on old ones, in numbers, so that an answer lost,
cut, refused or another's is seen. Runs on loopback and needs no privilege.
"""

import os
import socket
import subprocess
import sys
import time

from http_agent import SLUICED, Agent, Load, Origin, Place, ask_control, get, policy
from http_lab import PATIENCE, Reader, eventually, free_port, freeze, read_answer, run, tests_of

GET = b"GET %s HTTP/1.1\r\nHost: api.test\r\n\r\n"


def a_successor_takes_every_connection_and_no_client_sees_an_error():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        agents = [Agent(place, policy(port, origin))]
        load = Load(port)
        for _ in range(3):
            load.go_on(100)
            agents.append(Agent(place, None, "--takeover"))
            assert agents[-2].process.wait(PATIENCE) == 0
            assert "took over from the sluiced that ran" in agents[-1].log()
        load.go_on(100)
        done, errors = load.stop()
        assert not errors, "%d of %d: %s" % (len(errors), done, errors[:3])
        assert ask_control(agents[-1], "GET", "/v1/status")[1]["pid"] == agents[-1].process.pid
        for agent in agents:
            agent.stop()
    origin.stop()


def a_request_that_runs_is_finished_by_the_one_that_has_it():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.settimeout(PATIENCE)
            sock.sendall(GET % b"/held")
            eventually(lambda: ask_control(first, "GET", "/v1/status")[1]["http"]["requests"] == 1, "it runs")
            second = Agent(place, None, "--takeover")
            assert first.process.poll() is None
            for _ in range(20):  # at sockets that the first one has closed, and the second holds open
                assert get(port)[0] == 200
            assert first.process.poll() is None
            origin.let_go.set()
            answer = read_answer(Reader(sock))
            assert answer.status == 200 and answer.body == b"a/held" and answer.get("Connection") == "close"
        assert first.process.wait(PATIENCE) == 0
        assert get(port)[0] == 200
        second.stop()
    origin.stop()


def connections_that_wait_in_the_queue_are_served_by_the_next():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        freeze(first.child())  # it accepts nothing any more
        waiting = []
        for i in range(50):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.settimeout(PATIENCE)
            sock.sendall(GET % b"/%d" % i)
            waiting.append(sock)
        second = Agent(place, None, "--takeover")
        for i, sock in enumerate(waiting):
            assert read_answer(Reader(sock)).body == b"a/%d" % i
            sock.close()
        first.process.terminate()  # its child cannot drain: the second signal does not wait
        first.process.terminate()
        assert first.process.wait(PATIENCE) == 0
        assert get(port)[0] == 200
        second.stop()
    origin.stop()


def a_successor_whose_policy_is_bad_touches_nothing():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        load = Load(port)
        load.go_on(10)
        first.write("http: {listen: nonsense}\n")
        second = Agent(place, None, "--takeover", wait=False)
        assert second.process.wait(PATIENCE) == 1
        assert "nothing was taken over" in second.log(), second.log()
        assert "takes over" not in first.log()
        load.go_on(10)
        done, errors = load.stop()
        assert done and not errors, errors[:3]
        first.stop()
    origin.stop()


def a_successor_that_fails_halfway_leaves_the_first_as_it_was():
    origin, port, other = Origin("a"), free_port(), free_port()
    with Place() as place, socket.create_server(("127.0.0.1", other)):
        first = Agent(place, policy(port, origin))
        load = Load(port)
        # A listener it cannot have: seen only after the first one has let go.
        first.write(policy('"127.0.0.1:%d", "127.0.0.1:%d"' % (port, other), origin))
        second = Agent(place, None, "--takeover", wait=False)
        assert second.process.wait(PATIENCE) == 1
        assert "Address already in use" in second.log(), second.log()
        first.write(policy(port, origin))
        first.until(lambda: "this one goes on" in first.log(), "it goes on")
        load.go_on(50)
        done, errors = load.stop()
        assert done and not errors, errors[:3]
        assert ask_control(first, "GET", "/v1/status")[1]["pid"] == first.process.pid
        third = Agent(place, None, "--takeover")
        assert first.process.wait(PATIENCE) == 0
        assert get(port)[0] == 200
        third.stop()
    origin.stop()


def a_successor_that_is_killed_halfway_leaves_the_first_as_it_was():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        # Says all the right things up to TAKE, and is gone.
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as taker:
            taker.connect(first.control + ".handover")
            taker.sendall(b"SLH1" + (3).to_bytes(4, sys.byteorder) + b"\0" * 320)
            first.until(lambda: "takes over" in first.log(), "it lets go")
        first.until(lambda: "this one goes on" in first.log(), "it goes on")
        eventually(lambda: ask_control(first, "GET", "/v1/status")[0] == 200, "it answers commands")
        assert get(port)[0] == 200
        first.stop()
    origin.stop()


def nonsense_at_the_handover_socket_changes_nothing():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        for words in (b"", b"x", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 328, b"SLH1" + b"\xff" * 324, b"SLH1" + b"\0" * 70000,
                      b"SLH1" + (5).to_bytes(4, sys.byteorder) + b"\0" * 320):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as taker:
                taker.connect(first.control + ".handover")
                taker.sendall(words)
                time.sleep(0.05)
        assert "takes over" not in first.log()
        assert get(port)[0] == 200
        first.stop()
    origin.stop()


def only_its_own_user_and_root_are_given_anything():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        path = first.control + ".handover"
        assert os.stat(path).st_mode & 0o777 == 0o600, oct(os.stat(path).st_mode)
        if os.geteuid() == 0:
            os.chmod(path, 0o666)  # somebody was careless: the peer's user still counts
            asked = subprocess.run([sys.executable, "-c", """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
s.connect(sys.argv[1])
print(len(s.recv(1000)))
""", path], capture_output=True, text=True, timeout=PATIENCE)
            assert asked.stdout == "0\n", asked
        assert get(port)[0] == 200
        first.stop()
    origin.stop()


def without_the_word_a_second_sluiced_is_refused():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin))
        second = Agent(place, None, wait=False)
        assert second.process.wait(PATIENCE) == 1
        assert "already running" in second.log()
        assert get(port)[0] == 200
        first.stop()
    origin.stop()


def with_nobody_to_take_over_from_it_just_starts():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        agent = Agent(place, policy(port, origin), "--takeover")
        assert "nothing to take over" in agent.log()
        assert get(port)[0] == 200
        assert agent.stop() == 0
        assert not os.path.exists(agent.control + ".handover")
    origin.stop()


def a_unix_listener_and_the_metrics_go_over_and_their_files_stay():
    origin, port, metrics = Origin("a"), free_port(), free_port()
    with Place() as place:
        path = os.path.join(place, "http.sock")
        first = Agent(place, policy('"unix:%s", "[::1]:%d"' % (path, port), origin), metrics="127.0.0.1:%d" % metrics)
        second = Agent(place, None, "--takeover", metrics="127.0.0.1:%d" % metrics)
        assert first.process.wait(PATIENCE) == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(path)
            client.sendall(GET % b"/x")
            assert read_answer(Reader(client)).body == b"a/x"
        assert get(port, host="::1")[0] == 200
        assert get(metrics, "/healthz")[0] == 200
        assert second.stop() == 0
        assert not os.path.exists(path) and not os.path.exists(second.control)
        first.stop()
    origin.stop()


def another_number_of_threads_loses_nobody():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        agents = [Agent(place, policy(port, origin, http="  threads: 2\n"))]
        load = Load(port)
        for threads in (4, 1, 3):
            agents[-1].write(policy(port, origin, http="  threads: %d\n" % threads))
            agents.append(Agent(place, None, "--takeover"))
            assert agents[-2].process.wait(PATIENCE) == 0
            load.go_on(50)
            assert len(os.listdir("/proc/%d/task" % agents[-1].child())) == threads + 1
        done, errors = load.stop()
        assert done and not errors, errors[:3]
        for agent in agents:
            agent.stop()
    origin.stop()


def counts_go_over_as_they_are():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        first = Agent(place, policy(port, origin, http="  limits: [5 per hour]\n"))
        assert [get(port)[0] for _ in range(3)] == [200] * 3
        second = Agent(place, None, "--takeover")
        assert [get(port)[0] for _ in range(3)] == [200, 200, 429]
        assert first.process.wait(PATIENCE) == 0
        second.stop()
    origin.stop()


# ---- Under a service manager ----


class _Manager:
    """What systemd does for a service: hears what it says, keeps its descriptors, hands them to the next process."""

    def __init__(self, place):
        self.path = os.path.join(place, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.kept = []

    def listen(self):
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self.socket, 4096, 253)
            except BlockingIOError:
                return
            if b"FDSTOREREMOVE=1" in text:
                self.forget()
            elif b"FDSTORE=1" in text:
                self.kept += fds
            else:
                assert not fds, text

    def keeps(self, count):
        self.listen()
        return len(self.kept) == count

    def forget(self):
        for fd in self.kept:
            os.close(fd)
        self.kept = []

    def start(self, place, text):
        kept = list(self.kept)

        def put():
            for i, fd in enumerate([os.dup(fd) for fd in kept]):
                os.dup2(fd, 3 + i)

        return Agent(place, text, program=["sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", SLUICED],
                     env={**os.environ, "NOTIFY_SOCKET": self.path, "LISTEN_FDS": str(len(kept)), "LISTEN_FDNAMES": "http"},
                     close_fds=False, preexec_fn=put)


def a_restart_by_the_service_manager_refuses_nobody():
    origin, port = Origin("a"), free_port()
    with Place() as place:
        manager = _Manager(place)
        path = os.path.join(place, "http.sock")
        text = policy('"127.0.0.1:%d", "unix:%s"' % (port, path), origin, http="  threads: 2\n")
        agent = manager.start(place, text)
        load = Load(port)
        for _ in range(3):
            load.go_on(75)
            eventually(lambda: manager.keeps(3), "two of TCP, one a thread, and the Unix one are kept")
            assert agent.stop() == 0
            agent = manager.start(place, None)
        load.go_on(75)
        done, errors = load.stop()
        assert not errors, "%d of %d: %s" % (len(errors), done, errors[:3])
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(path)
            client.sendall(GET % b"/x")
            assert read_answer(Reader(client)).body == b"a/x"
        agent.reload(policy(port, origin, http="  threads: 2\n"))
        eventually(lambda: manager.keeps(2) and not os.path.exists(path), "the Unix one goes")
        agent.stop()
        manager.forget()
        manager.socket.close()
    origin.stop()


if __name__ == "__main__":
    if not os.path.exists(SLUICED):
        print("FAIL %s: not built" % SLUICED)
        sys.exit(1)
    sys.exit(run(tests_of(sys.modules[__name__])))
