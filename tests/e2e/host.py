# SPDX-License-Identifier: BSD-2-Clause
"""A protected host in a laboratory: the agent, its control socket, and sockets that count what arrives."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from netns import LabError, build_path, send_signal, wait_for

SO_RCVBUFFORCE = 33


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sluice", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Host:
    """Sluice in one namespace. Everything it writes lies in a directory of its own."""

    def __init__(self, namespace, policy):
        self.namespace = namespace
        self.directory = tempfile.mkdtemp(prefix="slt-")
        self.policy_path = os.path.join(self.directory, "policy.yaml")
        self.control = os.path.join(self.directory, "control")
        self.log_path = os.path.join(self.directory, "log")
        self.agent = None
        self.write_policy(policy)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *unused):
        try:
            self.stop()
        finally:
            if kind and kind is not KeyboardInterrupt:
                print(self.log(), end="")
            shutil.rmtree(self.directory, ignore_errors=True)

    def write_policy(self, policy):
        with open(self.policy_path, "w") as file:
            file.write(policy)

    def start(self, *options):
        with open(self.log_path, "a") as log:
            self.agent = self.namespace.start(
                build_path("sluiced"), "--policy", self.policy_path, "--control", self.control,
                "--metrics", "off", "--state", os.path.join(self.directory, "state"), *options,
                stdout=log, stderr=subprocess.STDOUT)
        wait_for(self._is_protecting, "sluiced protects")

    def take_over(self):
        """Another sluiced in the place of the one that runs."""
        before = self.agent
        self.start("--takeover")
        before.wait(60)
        wait_for(self._is_protecting, "the next sluiced protects")

    def _is_protecting(self):
        if self.agent.poll() is not None:
            raise LabError(f"sluiced ended with {self.agent.returncode}:\n{self.log()}")
        try:
            return self.status()["state"] == "protecting"
        except (OSError, LabError, http.client.HTTPException):
            return False

    def stop(self):
        if self.agent and self.agent.poll() is None:
            send_signal(self.agent, signal.SIGTERM)
            if self.agent.wait(60):
                raise LabError(f"sluiced ended with {self.agent.returncode}:\n{self.log()}")

    def kill(self):
        send_signal(self.agent, signal.SIGKILL)
        self.agent.wait()

    def http_child(self):
        """The process that serves HTTP, by its number out here; None while there is none."""
        for pid in children_of(children_of(self.agent.pid)[0]):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as command:
                if b"http-child" in command.read():
                    return pid
        return None

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def ask(self, method, path, body=None):
        connection = _UnixConnection(self.control)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise LabError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)

    def status(self):
        return self.ask("GET", "/v1/status")

    def reasons(self):
        """Packets by reason so far."""
        return {name: one["packets"] for name, one in self.status()["reasons"].items()}

    def source(self, address):
        return self.ask("GET", f"/v1/sources/{address}")

    def load(self, policy):
        return self.ask("POST", "/v1/policy/load", policy.encode())

    def interface(self, name):
        """Its status, or None while it is not protected."""
        for one in self.status()["interfaces"]:
            if one["name"] == name and one["mode"] not in ("none", "covered"):
                return one
        return None


def settle(host, client, source, address):
    """Wait until what source has sent to address has been judged: frames of a link arrive in their order."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.inside(), socket.socket(family, socket.SOCK_DGRAM) as last:
        last.bind((address, 0))  # a port that no policy protects
        last.settimeout(60)
        with client.inside(), socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.bind((source, 0))
            sender.sendto(b"last", last.getsockname())
        last.recv(16)


class Counter:
    """A UDP socket of a namespace that keeps what arrives until it is asked."""

    def __init__(self, namespace, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with namespace.inside():
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
            self.socket.bind((address, port))
        self.socket.setblocking(False)

    def take(self):
        """Payloads that have arrived, by sender's address."""
        arrived = {}
        while True:
            try:
                payload, sender = self.socket.recvfrom(65536)
            except BlockingIOError:
                return arrived
            arrived.setdefault(sender[0], []).append(payload)
