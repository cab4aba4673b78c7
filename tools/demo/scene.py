# SPDX-License-Identifier: BSD-2-Clause
"""The scene of the demonstration: a protected host, and four who send to it, each from a namespace of his own.

    polite  eth0 ----- eth-polite |
    greedy  eth0 ----- eth-greedy | host: sluiced on eth-* and in front of an API, a socket that counts datagrams
    abuser  eth0 ----- eth-abuser |
    flood   eth0 ----- eth-flood  |

What was offered is counted where it is sent, what arrived where it arrives; Sluice's counters have to agree.
"""

import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from host import Host  # noqa: E402
from netns import Lab, LabError, build_path, generate, generated, wait_for  # noqa: E402,F401

POLICY_PATH = os.path.join(ROOT, "docs", "examples", "demo.yaml")
CLIENTS = ("polite", "greedy", "abuser", "flood")
PORT = 80
API = ("127.0.0.1", 5000)
POLITE_RATE = 200  # requests a second
GREEDY_RATE = 10_000  # datagrams a second
ABUSER_RATE = 400  # logins a second
FORGED_SOURCES = 1_000_000
FORGED_FIRST = "100.64.0.0"
STARTS_SECONDS = 60  # a busy machine takes its time to verify a BPF program


def host_address(client):
    return f"10.9.{CLIENTS.index(client)}.1"


def address(client):
    return f"10.9.{CLIENTS.index(client)}.2"


class Stage(Lab):
    """A laboratory whose namespaces are told from those of the tests."""

    def __init__(self):
        super().__init__()
        self.prefix = f"sld{os.getpid()}"


class Part:
    """One of parts.py running in a namespace; knows the last thing it said."""

    def __init__(self, namespace, role, *arguments):
        self.role = role
        self.said = None
        # A session of its own: Ctrl-C is for the demonstration, which then ends everybody in order.
        self.process = namespace.start(
            sys.executable, os.path.join(HERE, "parts.py"), role, *map(str, arguments),
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True)
        self.reader = threading.Thread(target=self._listen, daemon=True)
        self.reader.start()

    def _listen(self):
        for line in self.process.stdout:
            self.said = json.loads(line)

    def wait_until_it_speaks(self):
        wait_for(lambda: self.said is not None or self.process.poll() is not None,
                 f"{self.role} starts", STARTS_SECONDS)
        if self.said is None:
            raise LabError(f"{self.role} ended with {self.process.returncode} before it began")

    def last_word(self):
        """Wait for its end; what it said at last."""
        status = self.process.wait(60)
        self.reader.join(10)
        if status or self.said is None:
            raise LabError(f"{self.role} ended with {status}")
        return self.said


class Scene:
    """Stands on a Stage, which tears it down."""

    def __init__(self, stage):
        self.host = stage.namespace("host")
        self.client = {}
        for name in CLIENTS:
            self.client[name] = stage.namespace(name)
            self._join(name)

    def _join(self, name):
        """A link whose ends know each other: every frame on it is the client's traffic or an answer to it."""
        interface, client = f"eth-{name}", self.client[name]
        self.host.ip("link", "add", interface, "type", "veth", "peer", "name", "eth0",
                     "netns", client.name)
        for namespace, link, own in ((self.host, interface, host_address(name)),
                                     (client, "eth0", address(name))):
            namespace.ip("link", "set", link, "addrgenmode", "none")
            namespace.ip("link", "set", link, "up")
            namespace.address(link, f"{own}/24")
        self.host.neighbor(address(name), client.mac("eth0"), interface)
        client.neighbor(host_address(name), self.host.mac(interface), "eth0")

    def open_api(self):
        self.api = Part(self.host, "serve", *API)
        self.sink = Part(self.host, "sink", host_address("greedy"), PORT)
        self.api.wait_until_it_speaks()
        self.sink.wait_until_it_speaks()

    def protect(self):
        """Sluice in front of the API, for a `with` block."""
        with open(POLICY_PATH, encoding="utf-8") as file:
            self.sluice = Host(self.host, file.read())
        return self.sluice

    def start_clients(self, seconds):
        self.parts = {
            name: Part(self.client[name], name, host_address(name), PORT, rate, seconds)
            for name, rate in (("polite", POLITE_RATE), ("greedy", GREEDY_RATE), ("abuser", ABUSER_RATE))}
        for part in self.parts.values():
            part.wait_until_it_speaks()

    def start_flood(self, seconds):
        """As fast as it goes. The host has no route back: what passes ends in its stack."""
        return generate(self.client["flood"], "eth0", self.host.mac("eth-flood"),
                        host_address("polite"), FORGED_FIRST, sources=FORGED_SOURCES,
                        proto="tcp-syn", port=PORT, seconds=seconds)

    def sent(self, name):
        """Frames a client has handed to its link; those the link could not take included."""
        link = json.loads(self.client[name].ip("-s", "-j", "link", "show", "eth0"))[0]
        return link["stats64"]["tx"]["packets"] + link["stats64"]["tx"]["dropped"]

    def at_the_nic(self):
        """By client: what Sluice has counted on his interface, and how it is attached."""
        seen = {}
        for one in self.sluice.status()["interfaces"]:
            dropped = one["dropped"]["packets"]
            seen[one["name"].removeprefix("eth-")] = {
                "passed": one["packets"] - dropped, "dropped": dropped, "mode": one["mode"]}
        return seen

    def ask(self, *command, columns=0):
        """What a command of `sluice` prints, in lines of so many columns."""
        done = subprocess.run([build_path("sluice"), *command, "--control", self.sluice.control],
                              capture_output=True, text=True, timeout=30,
                              env=os.environ | {"COLUMNS": str(columns)})
        return done.stdout + done.stderr
