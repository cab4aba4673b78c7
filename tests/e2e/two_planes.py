# SPDX-License-Identifier: BSD-2-Clause
"""A host with both planes, an origin behind it, and real clients in a network namespace of their own."""

import contextlib
import socket

from host import Host
from http_lab import PATIENCE, Origin, Reader, has_answer, read_answer
from netns import Lab, main

HOST, CLIENT, OTHER = "10.9.0.1", "10.9.0.2", "10.9.0.3"
HOST6, CLIENT6, NEIGHBOUR6 = "fd00:9::1", "fd00:9:0:1::2", "fd00:9:0:1::3"

POLICY = """
interfaces: [eth0]
protect: {tcp: [80]}
tiers:
  public: {packets: 100000/second burst 100000%(tier)s}
default: public
%(top)s
http:
  listen: [%(listen)s]
  upstream: %(upstream)s
  timeouts: {head: 1s, body: 1s}
%(http)s
"""

BAD = b"GET / HTTP/1.1\r\nHost: api.test\r\nBad Name: x\r\n\r\n"
GOOD = b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"
ESCALATE = "  escalate: {malformed: 5 in 10 seconds, slow: 3 in 10 seconds, for: 2 seconds, up to: 1 minute}\n"
LIMITED = """  limits: ["5 per minute"]
  escalate: {after: 40 refused in 10 seconds, for: 8 seconds, up to: 1 minute}
"""


class Scene:
    """A host with both planes and an origin, and a client that reaches it over a link."""

    def __init__(self, http="", top="", tier="", listen='"10.9.0.1:80", "[fd00:9::1]:80"', upstream=None, serve=None):
        self.words = {"http": http, "top": top, "tier": tier, "listen": listen}
        self.upstream = upstream
        self.serve = serve
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        try:
            return self.begin()
        except BaseException:
            self.stack.close()
            raise

    def __exit__(self, *why):
        self.stack.__exit__(*why)

    def begin(self):
        lab = self.stack.enter_context(Lab())
        self.host, self.client = lab.namespace("host"), lab.namespace("client")
        lab.veth(self.host, "eth0", self.client, "eth0")
        for namespace, addresses in ((self.host, [HOST + "/24", HOST6 + "/48"]),
                                     (self.client, [CLIENT + "/24", OTHER + "/24", CLIENT6 + "/48",
                                                    NEIGHBOUR6 + "/48"])):
            for address in addresses:
                namespace.address("eth0", address)
        with self.host.inside():
            self.origin = Origin(self.serve)
        self.stack.callback(self.origin.stop)
        self.words["upstream"] = (self.upstream or '["127.0.0.1:PORT"]').replace("PORT", str(self.origin.port))
        self.sluice = self.stack.enter_context(Host(self.host, POLICY % self.words))
        return self

    def reload(self, **words):
        self.words.update(words)
        self.sluice.load(POLICY % self.words)

    # ---- Clients ----

    def connect(self, source=CLIENT, timeout=PATIENCE):
        """A socket of the client's, its connection open."""
        host = HOST6 if ":" in source else HOST
        with self.client.inside():
            sock = socket.create_connection((host, 80), timeout=timeout, source_address=(source, 0))
        return sock

    def send(self, raw, source=CLIENT):
        """One raw request on a connection of its own; the status, or None where nothing came."""
        with self.connect(source) as sock:
            try:
                sock.sendall(raw)
                answer = read_answer(Reader(sock))
            except (AssertionError, ConnectionError):
                return None
            return answer.status if answer else None

    def is_unreachable(self, source=CLIENT):
        try:
            with self.connect(source, timeout=0.5):
                return False
        except OSError:
            return True

    def ask(self, sock, raw=GOOD, method="GET"):
        """One more request on an open connection; the whole answer."""
        sock.sendall(raw)
        return read_answer(Reader(sock), method)

    # ---- What Sluice says ----

    def bans(self):
        return {ban["prefix"]: ban for ban in self.sluice.ask("GET", "/v1/bans")}

    def events(self, source=CLIENT):
        return [event for event in self.sluice.ask("GET", "/v1/events?last=1000") if event["source"] == source]

    def story(self, source=CLIENT):
        return [event["event"] for event in self.events(source)]

    def dropped(self):
        return self.sluice.reasons()["banned"]


def is_reset(sock):
    """What became of an idle connection: True if it was reset."""
    if not has_answer(sock, PATIENCE):
        return False
    try:
        return sock.recv(1) == b"" and False
    except ConnectionResetError:
        return True


def refusals(scene, sock, count, raw=GOOD):
    """How many of so many requests on one connection are answered 429."""
    return [scene.ask(sock, raw).status for _ in range(count)].count(429)


def run_all(names):
    """The tests of a module: its functions whose names do not begin with an underscore."""
    main([value for name, value in names.items()
          if callable(value) and getattr(value, "__module__", "") == names["__name__"] and name[0].islower()])
