# SPDX-License-Identifier: BSD-2-Clause
"""HTTP servers to measure, each configured for its best on one core. All stand in one namespace, on loopback."""

import os
import resource
import shutil
import socket
import subprocess
import tempfile

from netns import LabError, build_path, send_signal, wait_for

ORIGIN = 9000   # answers with SIZES
SIZES = (1024, 65536, 128)
ROOM = "/dev/shm"  # tmpfs: what a cache keeps in files costs no disk
ALONE = ("-b",)  # how to ask where the origin does not share the generator's core
FOREVER = 1_000_000_000
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
CLIENTS_MAX = min(10_100, (FILES - 400) // 2)  # connections: a proxy may need a second descriptor for each


def descendants(pid):
    """Processes that have come from one, and itself."""
    found, at = [pid], 0
    while at < len(found):
        try:
            tasks = os.listdir(f"/proc/{found[at]}/task")
            for task in tasks:
                with open(f"/proc/{found[at]}/task/{task}/children", encoding="ascii") as file:
                    found += [int(child) for child in file.read().split()]
        except FileNotFoundError:
            pass
        at += 1
    return found


class Server:
    """Subclasses say command(), and write what it reads into self.directory."""

    name = None
    program = None    # what has to be installed

    address = "127.0.0.1"

    def __init__(self, namespace, port, cpu, purpose="cached"):
        self.namespace = namespace
        self.port = port
        self.cpu = cpu
        self.purpose = purpose  # cached, proxied, or of the limits
        self.directory = None
        self.process = None
        self.extra = []
        self.failed = None

    def command(self):
        raise NotImplementedError

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def launch(self, command, **options):
        return self.namespace.start("taskset", "-c", str(self.cpu), *command, cwd=self.directory,
                                    stdout=self.log, stderr=subprocess.STDOUT, **options)

    def start(self):
        if self.program and not shutil.which(self.program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            self.failed = f"{self.program} is not installed"
            return
        self.directory = tempfile.mkdtemp(prefix="slt-bench-", dir=ROOM)
        os.chmod(self.directory, 0o755)
        with open(os.path.join(self.directory, "log"), "w", encoding="utf-8") as self.log:
            self.process = self.launch(self.command())
        wait_for(self.is_up, f"{self.name} answers: see {self.directory}/log", 30)

    def is_up(self):
        if self.process.poll() is not None:
            raise LabError(f"{self.name} ended: {self.say()}")
        try:
            with self.namespace.inside():
                sock = socket.create_connection(("127.0.0.1", self.port), 1)
            with sock:
                sock.settimeout(5)
                sock.sendall(b"GET /up HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                return sock.recv(4096).startswith((b"HTTP/1.1 200", b"HTTP/1.1 429", b"HTTP/1.0 200"))
        except OSError:
            return False

    def say(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def stop(self):
        for process in [self.process, *self.extra]:
            if process and process.poll() is None:
                send_signal(process, 15)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    send_signal(process, 9)
                    process.wait()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def pids(self):
        """Without taskset's and nsenter's own: they only wait."""
        return [pid for process in [self.process, *self.extra] for pid in descendants(process.pid)]


class Bare(Server):
    """An epoll loop: the floor."""

    name = "bare loop"

    def command(self):
        if self.purpose == "proxied":
            return [build_path("http-bare"), "relay", str(self.port), str(ORIGIN)]
        return [build_path("http-bare"), "answer", str(self.port), *map(str, SIZES)]


class Sluice(Server):
    name = "Sluice"

    def __init__(self, *arguments, http="", top="", cache=4096, limit_table=32):
        super().__init__(*arguments)
        self.top, self.http = top, http
        self.cache, self.limit_table = cache, limit_table  # MiB

    def policy(self):
        cache = "off" if self.purpose == "proxied" else f"{{size: {self.cache} MiB}}"
        return (f"{self.top}http:\n  listen: [\"{self.address}:{self.port}\"]\n"
                f"  upstream: [\"127.0.0.1:{ORIGIN}\"]\n  threads: 1\n"
                f"  timeouts: {{idle: 1 hour}}\n"
                f"  max: {{connections: {CLIENTS_MAX}, per_source: {CLIENTS_MAX}, "
                f"memory: {self.cache + self.limit_table + 1024} MiB, "
                f"limit_table: {self.limit_table} MiB}}\n"
                f"  cache: {cache}\n{self.http}")

    def command(self):
        return [build_path("sluiced"), "--policy", self.write("policy.yaml", self.policy()),
                "--control", os.path.join(self.directory, "control"), "--metrics", "off",
                "--state", os.path.join(self.directory, "state")]


class Nginx(Server):
    name = "nginx"
    program = "nginx"

    TEXT = """\
user root; worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error crit;
events {{ worker_connections 16000; }}
http {{
    access_log off; sendfile off; output_buffers 2 128k; tcp_nodelay on; default_type text/plain;
    keepalive_requests {forever}; keepalive_timeout 1h;
    proxy_cache_path {dir}/cache levels=1:2 keys_zone=all:200m max_size=8g inactive=1h use_temp_path=off;
    open_file_cache max={files} inactive=1h; open_file_cache_valid 1h; open_file_cache_min_uses 1;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/temp; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    upstream origin {{
        server 127.0.0.1:{origin}; keepalive 256; keepalive_requests {forever}; keepalive_timeout 1h;
    }}
    {top}
    server {{
        listen {address}:{port} backlog=4096;
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
        location / {{ {location} proxy_pass http://origin; }}
    }}
}}
"""

    def __init__(self, *arguments, top="", location=""):
        super().__init__(*arguments)
        self.top, self.location = top, location

    def command(self):
        location = self.location + ("" if self.purpose == "proxied" else "proxy_cache all;")
        return ["nginx", "-p", self.directory, "-c", self.write("conf", self.TEXT.format(
            dir=self.directory, address=self.address, port=self.port, origin=ORIGIN, forever=FOREVER, top=self.top,
            location=location, files=min(200_000, FILES // 4)))]  # beyond the limit of files it hangs


class Haproxy(Server):
    name = "HAProxy"
    program = "haproxy"

    TEXT = """\
global
    nbthread 1
    maxconn {clients}
    tune.maxpollevents 256
defaults
    mode http
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    timeout http-keep-alive 1h
cache all
    total-max-size 512
    max-object-size 1000000
    max-age 3600
{top}
frontend front
    bind {address}:{port}
    {cache}
    {rules}
    default_backend origin
backend origin
    http-reuse always
    server one 127.0.0.1:{origin}
"""
    CACHE = "http-request cache-use all\n    http-response cache-store all"

    def __init__(self, *arguments, top="", rules=""):
        super().__init__(*arguments)
        self.top, self.rules = top, rules

    def command(self):
        return ["haproxy", "-db", "-f", self.write("conf", self.TEXT.format(
            address=self.address, port=self.port, clients=CLIENTS_MAX, origin=ORIGIN, top=self.top, rules=self.rules,
            cache="" if self.purpose == "proxied" else self.CACHE))]


class Varnish(Server):
    name = "Varnish"
    program = "varnishd"

    TEXT = """\
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
sub vcl_recv {{ return ({how}); }}
"""

    def command(self):
        how = "pass" if self.purpose == "proxied" else "hash"
        vcl = self.write("vcl", self.TEXT.format(origin=ORIGIN, how=how))
        return ["varnishd", "-F", "-j", "none", "-a", f"127.0.0.1:{self.port}", "-f", vcl,
                "-n", os.path.join(self.directory, "work"), "-s", "malloc,4g", "-p", "thread_pools=1",
                "-p", "timeout_idle=3600", "-p", "thread_pool_min=100"]


class Ats(Server):
    name = "ATS"
    program = "traffic_server"

    RECORDS = {
        "admin.user_id": ("STRING", "#-1"),
        "exec_thread.autoconfig": ("INT", 0),
        "exec_thread.limit": ("INT", 1),
        "accept_threads": ("INT", 0),
        "task_threads": ("INT", 1),
        "cache.threads_per_disk": ("INT", 1),
        "cache.ram_cache.size": ("INT", 1 << 30),
        "cache.min_average_object_size": ("INT", 4000),
        "http.cache.http": ("INT", 1),
        "http.cache.required_headers": ("INT", 0),
        "http.keep_alive_no_activity_timeout_in": ("INT", 3600),
        "http.insert_response_via_str": ("INT", 0),
        "log.logging_enabled": ("INT", 0),
        "diags.output.status": ("STRING", "L"),
        "url_remap.pristine_host_hdr": ("INT", 1),
        "net.connections_throttle": ("INT", CLIENTS_MAX),
        "net.max_connections_in": ("INT", CLIENTS_MAX),
    }

    LAYOUT = """\
prefix: {dir}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {dir}/etc
datadir: {dir}/cache
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {dir}
runtimedir: {dir}/run
logdir: {dir}/log.d
cachedir: {dir}/cache
"""

    def command(self):
        records = dict(self.RECORDS)
        records["http.server_ports"] = ("STRING", f"{self.port}:ip-in=127.0.0.1")
        records["http.cache.http"] = ("INT", int(self.purpose != "proxied"))
        shutil.copytree("/etc/trafficserver", os.path.join(self.directory, "etc"))
        for name in ("cache", "run", "log.d"):
            os.mkdir(os.path.join(self.directory, name))
        self.write("etc/records.config", "".join(f"CONFIG proxy.config.{key} {kind} {value}\n"
                                                 for key, (kind, value) in records.items()))
        self.write("etc/remap.config", f"map / http://127.0.0.1:{ORIGIN}/\n")
        self.write("etc/storage.config", f"{self.directory}/cache 1G\n")
        layout = self.write("runroot.yaml", self.LAYOUT.format(dir=self.directory))
        return ["traffic_server", "--run-root=" + layout]


class Flask(Server):
    """Flask-Limiter, which keeps its counts in Redis, under gunicorn with one process."""

    name = "Flask-Limiter"
    program = "gunicorn"

    TEXT = """\
from flask import Flask, request
from flask_limiter import Limiter

app = Flask(__name__)
limiter = Limiter(lambda: request.headers.get("X-Forwarded-For", request.remote_addr), app=app,
                  default_limits=["{limit}"], storage_uri="redis://127.0.0.1:{redis}",
                  strategy="moving-window" if {moving} else "fixed-window", headers_enabled=True)
body = "x" * 1024

@app.route("/<path:path>")
def answer(path):
    return body
"""

    def __init__(self, *arguments, limit):
        super().__init__(*arguments)
        self.limit = limit

    def command(self):
        redis = self.port + 500
        self.write("app.py", self.TEXT.format(limit=self.limit, redis=redis, moving=False))
        self.extra = [self.launch(["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""])]
        return ["/usr/bin/python3", "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "8",
                "--keep-alive", "3600", "--chdir", self.directory, "--bind", f"127.0.0.1:{self.port}", "app:app"]
