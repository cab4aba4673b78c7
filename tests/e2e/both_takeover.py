#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where both planes run: a takeover forgets nothing and leaves no gap, and packets do not notice that the child dies.

usage: both_takeover.py [TEST]...    (root; $BUILD names the build directory)
"""

import http.client
import os
import signal
import socket
import struct
import threading
import time

from host import Counter, Host, settle
from netns import Lab, build_path, main, send_signal, wait_for

HOST, CLIENT, GREEDY = "10.9.0.1", "10.9.0.2", "10.9.0.3"

POLICY = """
interfaces: [eth0]
protect: {udp: [9000]}
tiers:
  public: {packets: %s}
default: public
http:
  listen: ["10.9.0.1:80"]
  upstream: ["10.9.0.1:5000"]
  cache: off
  limits: ["1000000 per minute"]
"""
SLOW = POLICY % "1/minute burst 20"


def make(lab):
    host, client = lab.namespace("host"), lab.namespace("client")
    lab.veth(host, "eth0", client, "eth0")
    host.address("eth0", f"{HOST}/24")
    client.address("eth0", f"{CLIENT}/24")
    client.address("eth0", f"{GREEDY}/24")
    return host, client


def send(host, client, source, count):
    with client.inside():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((source, 0))
    for number in range(count):
        sender.sendto(struct.pack("!Q", number), (HOST, 9000))
    sender.close()
    settle(host, client, source, HOST)


def serve(host):
    """An origin in the host's namespace that says ok to whatever."""
    with host.inside():
        listener = socket.create_server((HOST, 5000), backlog=128)

    def answer(sock):
        held = b""
        while True:
            more = sock.recv(65536)
            if not more:
                return
            held += more
            while b"\r\n\r\n" in held:
                held = held.split(b"\r\n\r\n", 1)[1]
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def accept():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


class Requests:
    """One after the other, each on a connection of its own, until stopped."""

    def __init__(self, client):
        self.client, self.done, self.errors, self.running = client, 0, [], True
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while self.running:
            try:
                with self.client.inside():
                    sock = socket.create_connection((HOST, 80), timeout=60)
                connection = http.client.HTTPConnection(HOST)
                connection.sock = sock
                connection.request("GET", "/")
                assert connection.getresponse().status == 200
                connection.close()
                self.done += 1
            except Exception as error:
                self.errors.append(repr(error))
            time.sleep(0.005)

    def stop(self):
        self.running = False
        self.thread.join()
        return self.done, self.errors


def both_planes_go_over_with_what_they_know():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        origin = serve(host)
        with Host(host, SLOW) as sluice:
            send(host, client, GREEDY, 50)
            assert len(counter.take().get(GREEDY, [])) == 20
            sluice.ask("POST", "/v1/bans", '{"prefix": "10.9.0.77", "for": "1h"}')
            dropped = sluice.source(GREEDY)["dropped"]["packets"]
            requests = Requests(client)
            for _ in range(2):
                wanted = requests.done + 10
                wait_for(lambda: requests.done >= wanted or requests.errors, "requests are served")
                sluice.take_over()
                send(host, client, GREEDY, 50)
                assert len(counter.take().get(GREEDY, [])) <= 1
            done, errors = requests.stop()
            assert not errors, (done, errors[:3])
            bans = sluice.ask("GET", "/v1/bans")
            assert [ban["prefix"] for ban in bans] == ["10.9.0.77"], bans
            assert sluice.source(GREEDY)["dropped"]["packets"] >= dropped + 90
            assert sluice.interface("eth0")
        origin.close()


def a_successor_that_fails_gives_both_planes_back():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        origin = serve(host)
        with Host(host, SLOW) as sluice:
            send(host, client, GREEDY, 50)
            assert len(counter.take().get(GREEDY, [])) == 20
            requests = Requests(client)
            # A listener that is taken: seen only after the first one has let go of the datapath.
            sluice.write_policy(SLOW.replace('"10.9.0.1:80"', '"10.9.0.1:80", "10.9.0.1:5000"'))
            second = host.run(build_path("sluiced"), "--policy", sluice.policy_path, "--control", sluice.control,
                              "--metrics", "off", "--state", sluice.directory + "/state", "--takeover")
            assert second.returncode == 1 and "Address already in use" in str(second.stderr), second
            wait_for(lambda: "has everything again" in sluice.log(), "the first one goes on")
            assert sluice.status()["policy"]["failed_reloads"] == 0
            wait_for(lambda: sluice.interface("eth0"), "and protects")
            send(host, client, GREEDY, 50)
            assert len(counter.take().get(GREEDY, [])) <= 1
            done, errors = requests.stop()
            assert not errors and done, (done, errors[:3])
        origin.close()


def a_successor_that_is_killed_gives_both_planes_back():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        with Host(host, SLOW) as sluice:
            send(host, client, GREEDY, 50)
            assert len(counter.take().get(GREEDY, [])) == 20
            first = sluice.agent
            # Killed as soon as the first one has let go, wherever it is then.
            second = host.start(build_path("sluiced"), "--policy", sluice.policy_path, "--control", sluice.control,
                                "--metrics", "off", "--state", sluice.directory + "/state", "--takeover")
            wait_for(lambda: "takes over" in sluice.log(), "the first one lets go")
            send_signal(second, signal.SIGKILL)
            second.wait(60)
            if "the other sluiced serves" not in sluice.log():  # it was fast, and is the one that runs
                wait_for(lambda: "has everything again" in sluice.log(), "the first one goes on")
                assert first.poll() is None
                wait_for(lambda: sluice.interface("eth0"), "and protects")
            send(host, client, GREEDY, 50)
            assert len(counter.take().get(GREEDY, [])) <= 1


def the_packet_plane_does_not_notice_that_the_child_was_killed():
    with Lab() as lab:
        host, client = make(lab)
        counter = Counter(host, HOST, 9000)
        origin = serve(host)
        with Host(host, SLOW) as sluice:
            before, attached = sluice.status(), host.run("ip", "link", "show", "eth0").stdout
            send(host, client, GREEDY, 10)
            assert len(counter.take().get(GREEDY, [])) == 10
            for _ in range(3):  # each time it is longer until the next one is started
                wait_for(lambda: sluice.status()["http"]["answering"], "a child serves")
                killed = sluice.http_child()
                os.kill(killed, signal.SIGKILL)
                wait_for(lambda: sluice.http_child() != killed, "it is gone")
            send(host, client, GREEDY, 10)  # what is left of the burst, to the packet
            assert len(counter.take().get(GREEDY, [])) == 10
            send(host, client, GREEDY, 50)
            assert len(counter.take().get(GREEDY, [])) <= 1
            wait_for(lambda: sluice.status()["http"]["answering"], "another serves")
            after = sluice.status()
            assert after["http"]["restarts"] == before["http"]["restarts"] + 3, after["http"]
            assert after["generation"] == before["generation"]
            assert host.run("ip", "link", "show", "eth0").stdout == attached  # the same program, by its number
            requests = Requests(client)
            wait_for(lambda: requests.done or requests.errors, "a request is answered")
            done, errors = requests.stop()
            assert not errors and done, (done, errors[:3])
        origin.close()


if __name__ == "__main__":
    main([
        the_packet_plane_does_not_notice_that_the_child_was_killed,
        both_planes_go_over_with_what_they_know,
        a_successor_that_fails_gives_both_planes_back,
        a_successor_that_is_killed_gives_both_planes_back,
    ])
