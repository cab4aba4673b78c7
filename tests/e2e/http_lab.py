# SPDX-License-Identifier: BSD-2-Clause
"""A proxy, origins that write down every byte, and clients that send raw ones.

What the HTTP tests share. The origin is strict: it says what it saw, and a test that claims that nothing
arrived looks there.
"""

import errno
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
HTTP_TEST = os.path.join(BUILD, "http-test")
PATIENCE = 30  # seconds after which nothing comes any more, on a busy machine


_given = set()


def free_port():
    """Outside the range that connections take theirs from: nobody gets it before who it is for. Never the same twice."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low, high = map(int, file.read().split())
    while True:
        port = random.SystemRandom().randrange(10000, 65000)
        if low <= port <= high or port in _given or not _is_free(port):
            continue
        _given.add(port)
        return port


def _is_free(port):
    for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((any_address, port))
        except OSError as why:
            if why.errno == errno.EADDRINUSE:
                return False
    return True


# ---- Reading messages ----


class Reader:
    """Bytes of a socket, read as HTTP messages."""

    def __init__(self, sock):
        self.sock = sock
        self.held = b""
        self.ended = False

    def more(self):
        try:
            got = self.sock.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        except (TimeoutError, socket.timeout):
            raise AssertionError("nothing came; had %r" % self.held[:200])
        if not got:
            self.ended = self.ended or "closed"
            return False
        self.held += got
        return True

    def until(self, mark):
        while mark not in self.held:
            if not self.more():
                return None
        at = self.held.index(mark) + len(mark)
        got, self.held = self.held[:at], self.held[at:]
        return got

    def exactly(self, count):
        while len(self.held) < count:
            if not self.more():
                return None
        got, self.held = self.held[:count], self.held[count:]
        return got

    def rest(self):
        while self.more():
            pass
        got, self.held = self.held, b""
        return got

    def chunks(self):
        """The chunks of a chunked body, then its trailer lines. None: cut short."""
        chunks = []
        while True:
            line = self.until(b"\r\n")
            if line is None:
                return None, None
            size = int(line.strip().split(b";")[0], 16)
            if size == 0:
                break
            chunk = self.exactly(size + 2)
            if chunk is None:
                return None, None
            assert chunk.endswith(b"\r\n"), "chunk without CRLF"
            chunks.append(chunk[:-2])
        trailers = []
        while True:
            line = self.until(b"\r\n")
            if line is None:
                return None, None
            if line == b"\r\n":
                return chunks, trailers
            trailers.append(line[:-2].decode("latin-1"))


class Message:
    """A request or an answer: line, fields in order, body."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.raw_head = head
        self.line = lines[0]
        self.fields = [tuple(line.split(":", 1)) for line in lines[1:] if line]
        self.fields = [(name, value.strip()) for name, value in self.fields]
        self.body = b""
        self.chunks = None
        self.trailers = []
        self.complete = True

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def status(self):
        return int(self.line.split(" ")[1])

    @property
    def method(self):
        return self.line.split(" ")[0]

    @property
    def target(self):
        return self.line.split(" ")[1]


def read_body(message, reader, until_close):
    if message.get("Transfer-Encoding"):
        message.chunks, message.trailers = reader.chunks()
        message.complete = message.chunks is not None
        message.body = b"".join(message.chunks or [])
    elif message.get("Content-Length"):
        body = reader.exactly(int(message.get("Content-Length")))
        message.complete = body is not None
        message.body = body if body is not None else reader.held
    elif until_close:
        message.body = reader.rest()
        message.complete = reader.ended == "closed"


def read_request(reader):
    head = reader.until(b"\r\n\r\n")
    if head is None:
        return None
    message = Message(head)
    read_body(message, reader, False)
    return message


def read_answer(reader, method="GET"):
    head = reader.until(b"\r\n\r\n")
    if head is None:
        return None
    message = Message(head)
    if method != "HEAD" and message.status not in (204, 304) and message.status >= 200:
        read_body(message, reader, True)
    return message


# ---- Origins ----


class Origin:
    """Accepts, writes down all it gets, and answers with what serve(connection) does."""

    def __init__(self, serve=None, port=0):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.serve = serve or echo
        self.requests = []
        self.raw = []  # one bytearray a connection
        self.connections = 0
        self.open = []
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.append(sock)
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        record = bytearray()
        with self.lock:
            self.raw.append(record)
        sock.settimeout(60)
        try:
            self.serve(Connection(self, sock, record))
        except (OSError, AssertionError):
            pass
        finally:
            sock.close()

    def clear(self):
        with self.lock:
            self.requests.clear()
            self.raw.clear()
            self.connections = 0

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Recorder:
    """A socket whose received bytes are written down."""

    def __init__(self, sock, record):
        self.sock = sock
        self.record = record

    def recv(self, count):
        got = self.sock.recv(count)
        self.record += got
        return got


class Connection:
    def __init__(self, origin, sock, record):
        self.origin = origin
        self.sock = sock
        self.record = record
        self.reader = Reader(Recorder(sock, record))

    def head(self):
        """The next request's head alone."""
        head = self.reader.until(b"\r\n\r\n")
        return Message(head) if head else None

    def request(self):
        request = read_request(self.reader)
        if request and not request.complete:
            return None
        if request:
            with self.origin.lock:
                self.origin.requests.append(request)
        return request

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def echo(connection):
    """Answers every request with its own body, or with its head if it has none."""
    while True:
        request = connection.request()
        if not request:
            return
        body = request.body or request.raw_head
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.send(head if request.method == "HEAD" else head + body)


def says(*answers, close=False):
    """An origin that answers each request with the next of these, the last for ever."""

    def serve(connection):
        i = 0
        while connection.request():
            connection.send(answers[min(i, len(answers) - 1)])
            i += 1
            if close:
                return

    return serve


# ---- The proxy ----


class Proxy:
    def __init__(self, text, threads=int(os.environ.get("THREADS", "1")), log=None):
        self.port = free_port()
        self.dir = tempfile.TemporaryDirectory(prefix="slhttp")
        self.path = os.path.join(self.dir.name, "policy.yaml")
        self.text = text
        self.write(text)
        command = [HTTP_TEST, "-t", str(threads)] + (["-l", log] if log else []) + [self.path]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        while True:
            line = self.process.stdout.readline()
            if not line:
                self.errors.seek(0)
                raise AssertionError("the proxy did not start: %s" % self.errors.read().decode())
            if line == "ready\n":
                break

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as policy:
            policy.write(text.replace("PORT", str(self.port)))

    def signal(self, number, until):
        self.process.send_signal(number)
        lines = []
        while True:
            line = self.process.stdout.readline()
            assert line, "the proxy ended"
            if line.startswith(until):
                return lines + [line.strip()]
            lines.append(line.strip())

    def reload(self, text):
        self.write(text)
        return self.signal(signal.SIGHUP, "reloaded")

    def counters(self):
        lines = self.signal(signal.SIGUSR2, "end")
        return {line.split()[0]: int(line.split()[1]) for line in lines if len(line.split()) == 2}

    def memory_kib(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.settimeout(PATIENCE)
        return sock

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self.errors.seek(0)
        noise = self.errors.read().decode("utf-8", "replace")
        self.errors.close()
        self.dir.cleanup()
        return noise

    def ask(self, raw, method="GET"):
        """One raw request, one answer, on a connection of its own."""
        with self.connect() as sock:
            sock.sendall(raw)
            reader = Reader(sock)
            answer = read_answer(reader, method)
            while answer and answer.status < 200:
                answer = read_answer(reader, method)
            return answer

    def get(self, path="/", fields=""):
        return self.ask(("GET %s HTTP/1.1\r\nHost: api.test\r\n%s\r\n" % (path, fields)).encode("latin-1"))


def policy(*ports, http="", upstream=""):
    servers = ", ".join('"127.0.0.1:%d"' % port for port in ports)
    what = "{servers: [%s], %s}" % (servers, upstream) if upstream else "[%s]" % servers
    if "cache:" not in http:
        http += "  cache: off\n"  # every request is to reach the origin
    return 'http:\n  listen: ["127.0.0.1:PORT"]\n  upstream: %s\n%s' % (what, http)


class Lab:
    """An origin and a proxy in front of it."""

    def __init__(self, serve=None, http="", upstream="", **options):
        self.origin = Origin(serve)
        self.proxy = Proxy(policy(self.origin.port, http=http, upstream=upstream), **options)

    def __enter__(self):
        return self

    def __exit__(self, why, *_):
        self.noise = self.proxy.stop()
        self.origin.stop()
        if why:
            return
        assert "Sanitizer" not in self.noise, self.noise
        assert self.proxy.process.returncode == 0, "the proxy ended with %s: %s" % (
            self.proxy.process.returncode, self.noise)


# ---- Running ----


def run(tests):
    """Run functions, or those named on the command line. Their names are the claims."""
    wanted = sys.argv[1:]
    failed = 0
    if not os.path.exists(HTTP_TEST):
        print("FAIL %s: not built" % HTTP_TEST)
        return 1
    unknown = set(wanted) - {test.__name__ for test in tests}
    if unknown:
        print("FAIL %s: no such test" % ", ".join(sorted(unknown)))
        return 1
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        try:
            test()
            print("ok %s" % test.__name__, flush=True)
        except Exception as why:  # whatever it is, the next test is to run
            failed += 1
            line = traceback.extract_tb(why.__traceback__)[-1].lineno
            print("FAIL %s: %s (%s, line %d)" % (test.__name__, why or type(why).__name__, type(why).__name__, line),
                  flush=True)
    return 1 if failed else 0


def tests_of(module):
    return [value for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
            and hasattr(value, "__code__") and value.__code__.co_argcount == 0]


def freeze(pid):
    """Stop a process, all of it: kill() returns while other threads of it may still run."""
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: all(state_of(pid, thread) == "T" for thread in threads_of(pid)), "it is stopped")


def kill(pid):
    """End a process, all of it: kill() returns while its threads may still accept and answer."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(state_of(pid, thread) in "ZX" for thread in threads_of(pid)), "it has ended")


def threads_of(pid):
    try:
        return os.listdir("/proc/%d/task" % pid)
    except FileNotFoundError:
        return []


def state_of(pid, thread):
    """One letter, see proc(5). X: there is none any more."""
    try:
        with open("/proc/%d/task/%s/stat" % (pid, thread), encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def eventually(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never: " + what
        time.sleep(0.02)


def has_answer(sock, seconds=0.0):
    """Whether there is something to read, or the end."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
