# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces for end-to-end tests.

A Lab makes namespaces whose names begin with "slt", joins them with veth pairs, runs
processes in them, and removes all of it when its `with` block is left: also by an error,
Ctrl-C or SIGTERM. It touches nothing outside its own namespaces.

    with Lab() as lab:
        host, client = lab.namespace("host"), lab.namespace("client")
        lab.veth(host, "eth0", client, "eth0")
        host.address("eth0", "10.9.0.1/24")
        with client.inside():
            s = socket.create_connection(...)   # a socket of the client's namespace
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

SIOCETHTOOL = 0x8946
ETHTOOL_SGRO = 0x2C
ETHTOOL_STXCSUM = 0x17


class LabError(Exception):
    """Something the laboratory itself could not do."""


def _call(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Namespace:
    """One network namespace; made by Lab.namespace()."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.path = f"/run/netns/{name}"

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace: sockets made here belong to it for good."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(there)
            yield
        finally:
            _setns(home)
            os.close(there)
            os.close(home)

    def ip(self, *arguments):
        return _call("ip", "-n", self.name, *arguments)

    def links(self):
        return json.loads(self.ip("-j", "-d", "link", "show"))

    def mac(self, interface):
        return json.loads(self.ip("-j", "link", "show", interface))[0]["address"]

    def index(self, interface):
        return json.loads(self.ip("-j", "link", "show", interface))[0]["ifindex"]

    def address(self, interface, address):
        # nodad: an IPv6 address is usable at once.
        extra = ["nodad"] if ":" in address else []
        self.ip("address", "add", address, "dev", interface, *extra)

    def neighbor(self, address, mac, interface):
        self.ip("neighbor", "replace", address, "lladdr", mac, "dev", interface)

    def route(self, prefix, *how):
        self.ip("route", "add", prefix, *how)

    def sysctl(self, name, value=None):
        path = "/proc/sys/" + name.replace(".", "/")
        with self.inside():
            if value is None:
                with open(path) as file:
                    return file.read().strip()
            with open(path, "w") as file:
                file.write(str(value))
        return None

    def offloads_off(self, interface):
        """Real checksums in what leaves, for whoever looks at frames on the way."""
        self._ethtool(interface, ETHTOOL_STXCSUM, 0)

    def poll(self, interface):
        """NAPI on a veth without an XDP program: redirected frames arrive only there."""
        self._ethtool(interface, ETHTOOL_SGRO, 1)

    def _ethtool(self, interface, command, value):
        buffer = ctypes.create_string_buffer(struct.pack("II", command, value))
        request = struct.pack("16sP", interface.encode(), ctypes.addressof(buffer))
        with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCETHTOOL, request)

    def run(self, *command, **options):
        """Run to its end; returns subprocess.CompletedProcess."""
        options = {"capture_output": True, "text": True, "timeout": 120} | options
        return subprocess.run(self._command(command), **options)

    def start(self, *command, **options):
        """Start in the background; the lab ends it if nobody else does. See send_signal()."""
        with self.lab.undisturbed():
            process = subprocess.Popen(self._command(command), **options)
            self.lab.processes.append(process)
        return process

    def _command(self, command):
        holder = f"/proc/{self.lab.holder.pid}/ns"
        return ["nsenter", f"--mount={holder}/mnt", f"--pid={holder}/pid_for_children",
                f"--net={self.path}", *command]

    def frames(self, interface, kind=0):
        """A socket that sends whole Ethernet frames; kind: the EtherType to receive, 0 none."""
        with self.inside():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            raw.bind((interface, kind))
            return raw


class Lab:
    """Namespaces, links and processes of one test."""

    def __init__(self):
        self.prefix = f"slt{os.getpid()}"
        self.namespaces = []
        self.processes = []
        self.holder = None
        self._old_handlers = {}
        self._undisturbed = 0  # blocks of undisturbed() we are in
        self._interrupted_by = None

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._old_handlers[number] = signal.signal(number, self._interrupt)
        try:
            self._hold_mounts()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *unused):
        self.remove()

    def _interrupt(self, number, frame):
        if self._interrupted_by is not None:
            return  # once is enough: what is made is being removed
        self._interrupted_by = number
        if not self._undisturbed:
            raise KeyboardInterrupt(number)

    @contextlib.contextmanager
    def undisturbed(self):
        """A signal waits for the end of the block: between making a thing and knowing of it."""
        self._undisturbed += 1
        try:
            yield
        finally:
            self._undisturbed -= 1
            # Also in place of an error: it may be the signal's doing.
            if not self._undisturbed and self._interrupted_by is not None:
                raise KeyboardInterrupt(self._interrupted_by)

    def _hold_mounts(self):
        """A machine in small: a BPF file system and processes of its own, ended all together."""
        script = "mount -t bpf bpf /sys/fs/bpf && echo ready && exec sleep infinity"
        with self.undisturbed():
            self.holder = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                 "--mount-proc", "--kill-child", "sh", "-c", script],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.processes.append(self.holder)
        if self.holder.stdout.readline().strip() != "ready":
            raise LabError("cannot mount a BPF file system")

    def namespace(self, name):
        full = f"{self.prefix}-{name}"
        with self.undisturbed():
            # Known of before it is made: Ctrl-C on a terminal ends `ip` at any moment.
            namespace = Namespace(self, full)
            self.namespaces.append(namespace)
            _call("ip", "netns", "add", full)
        namespace.ip("link", "set", "lo", "up")
        return namespace

    def veth(self, left, left_name, right, right_name, mtu=1500):
        left.ip("link", "add", left_name, "mtu", str(mtu), "type", "veth",
                "peer", "name", right_name, "mtu", str(mtu), "netns", right.name)
        for namespace, name in ((left, left_name), (right, right_name)):
            namespace.ip("link", "set", name, "addrgenmode", "none")
            namespace.ip("link", "set", name, "up")

    def remove(self):
        """Everything made goes, whatever fails on the way."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._old_handlers.setdefault(number, signal.getsignal(number))
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self.processes):
            if process is self.holder and process.poll() is None:
                # Its child is process 1 of its own namespace: what it has no handler for does not reach it.
                send_signal(process, signal.SIGKILL)
            self._end(process)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace.name], stderr=subprocess.DEVNULL)
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)

    @staticmethod
    def _end(process):
        if process.poll() is not None:
            return
        send_signal(process, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            send_signal(process, signal.SIGKILL)
            process.wait()


def send_signal(process, number):
    """Signal what Namespace.start() started: nsenter and unshare only wait for their child."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        children = [int(child) for child in file.read().split()]
    for target in children or [process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(target, number)


def wait_for(condition, what, seconds=60):
    """Poll until condition() is true; LabError after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


def build_path(name):
    """A built program: from $BUILD, else build/ of this tree."""
    tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.path.join(os.environ.get("BUILD", os.path.join(tree, "build")), name)
    if not os.access(path, os.X_OK):
        raise LabError(f"{path} is not built")
    return path


def generate(sender, interface, receiver_mac, address, base, **options):
    """Start trafficgen in sender; options as its own (underscores for hyphens)."""
    command = [build_path("trafficgen"), "--interface", interface,
               "--dst", f"{receiver_mac}/{address}", "--base", base]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    return sender.start(*command, stdout=subprocess.PIPE, text=True)


def generated(process):
    """Wait for generate()'s process and return its report."""
    output, _ = process.communicate(timeout=600)
    if process.returncode:
        raise LabError(f"trafficgen: exit {process.returncode}")
    return json.loads(output)


def main(tests):
    """Run test functions, each a true sentence as its name. Exits 0 if all held, 77 without root."""
    if os.geteuid():
        print("skipped: needs root")
        sys.exit(77)
    failed = 0
    wanted = sys.argv[1:]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        try:
            test()
            print(f"ok {test.__name__}", flush=True)
        except KeyboardInterrupt:
            sys.exit(130)
        except Exception as error:  # every failure is this test's, the next still runs
            failed += 1
            print(f"FAIL {test.__name__}: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)
