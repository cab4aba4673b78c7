#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The cache of the HTTP plane, from outside: a client, the plane, and an origin that counts what it is asked.

usage: http_cache.py [--build DIR]

Each test is a function whose name is a sentence; it prints "ok SENTENCE" or "FAIL SENTENCE: why".
"""

import argparse
import http.client
import http.server
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from http_lab import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POLICY = """
http:
  listen: ["127.0.0.1:{listen}"]
  upstream: ["127.0.0.1:{origin}"]
  cache: {{stale_on_error: 60 seconds, object_max: 12 MiB}}
  routes:
    - {{match: "GET /policy", cache: 60 seconds}}
    - {{match: "GET /lists/*", cache: 60 seconds, tags: [lists]}}
    - {{match: "POST /change", invalidates: [lists, /named]}}
    - {{match: "GET /off", cache: off}}
"""
FRESH = {"Cache-Control": "max-age=60"}


class Origin(http.server.ThreadingHTTPServer):
    """Answers a path with what was set for it; keeps what it was asked."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.answers, self.asked, self.lock = {}, [], threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def set(self, path, status=200, headers=None, body=b"content\n", delay=0.0, pieces=1):
        self.answers[path] = (status, dict(headers or {}), body, delay, pieces)

    def count(self, path):
        with self.lock:
            return sum(1 for each in self.asked if each[1] == path)

    def last(self, path):
        with self.lock:
            return [each for each in self.asked if each[1] == path][-1][2]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.asked.append((self.command, self.path, dict(self.headers)))
        status, headers, body, delay, pieces = self.server.answers[self.path]
        time.sleep(delay if pieces == 1 else 0)
        tag = headers.get("ETag")
        if tag and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        step = max(1, -(-len(body) // pieces))
        for at in range(0, len(body), step):
            if at:
                time.sleep(delay)
            self.wfile.write(body[at:at + step])
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer


PATIENCE = 60  # seconds, on a busy machine


class Failure(Exception):
    pass


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, f"never: {what}")
        time.sleep(0.02)


def check(is_true, what):
    if not is_true:
        raise Failure(what)


class Lab:
    def __init__(self, build, work):
        self.port, origin = free_port(), free_port()
        self.origin = Origin(origin)
        path = os.path.join(work, "policy.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(POLICY.format(listen=self.port, origin=origin))
        self.proxy = subprocess.Popen([os.path.join(build, "http-test"), "-t", "2", path], text=True,
                                      stdout=subprocess.PIPE)
        for line in self.proxy.stdout:
            if line.startswith("ready"):
                break
        self.number = 0

    def path(self, prefix=""):
        """One that no test before has used."""
        self.number += 1
        return f"{prefix}/p{self.number}"

    def ask(self, path, method="GET", body=None, **headers):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        conn.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = conn.getresponse()
        answer.content = answer.read()
        conn.close()
        return answer

    def counters(self):
        self.proxy.send_signal(signal.SIGUSR2)
        values = {}
        for line in self.proxy.stdout:
            if line.startswith("end"):
                return values
            fields = line.split()
            if len(fields) == 2 and fields[1].isdigit():
                values[fields[0]] = int(fields[1])
        raise Failure("the proxy has ended")

    def close(self):
        self.proxy.terminate()
        try:
            self.proxy.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.proxy.kill()
            self.proxy.wait()
        self.origin.shutdown()
        return self.proxy.returncode


def said(answer):
    return answer.headers.get("Cache-Status", "")


# ---- Hits ----

def second_request_is_answered_from_the_cache_with_its_age(lab):
    path = lab.path()
    lab.origin.set(path, headers={**FRESH, "Age": "7"})
    began = time.monotonic()
    first, second = lab.ask(path), lab.ask(path)
    check(lab.origin.count(path) == 1, "the origin was asked twice")
    check("fwd=uri-miss" in said(first) and "stored" in said(first), said(first))
    check("; hit" in said(second), said(second))
    check(second.content == first.content, "other content")
    check(7 <= int(second.headers["Age"]) <= 8 + time.monotonic() - began, second.headers["Age"])


def answers_without_a_lifetime_are_not_stored(lab):
    path = lab.path()
    lab.origin.set(path)
    lab.ask(path)
    check("detail=no-freshness" in said(lab.ask(path)), "no reason is given")
    check(lab.origin.count(path) == 2, "it was stored")


def lifetime_of_the_route_applies_where_the_origin_says_nothing(lab):
    lab.origin.set("/policy")
    lab.ask("/policy")
    check("hit" in said(lab.ask("/policy")), "not a hit")


def route_with_cache_off_is_never_stored(lab):
    lab.origin.set("/off", headers=FRESH)
    lab.ask("/off")
    check("fwd=bypass" in said(lab.ask("/off")), "looked up")
    check(lab.origin.count("/off") == 2, "stored")


def head_is_answered_from_a_stored_get(lab):
    path = lab.path()
    lab.origin.set(path, headers=FRESH, body=b"12345")
    lab.ask(path)
    head = lab.ask(path, "HEAD")
    check("hit" in said(head) and head.headers["Content-Length"] == "5" and not head.content, said(head))
    check(lab.origin.count(path) == 1, "the origin was asked")


def large_stored_answer_arrives_whole(lab):
    path, body = lab.path(), random.randbytes(900_000)
    lab.origin.set(path, headers=FRESH, body=body)
    check(lab.ask(path).content == body, "the first one differs")
    second = lab.ask(path)
    check("hit" in said(second) and second.content == body, "the second one differs")


def answer_above_the_limit_passes_and_is_not_stored(lab):
    path, body = lab.path(), random.randbytes(14_000_000)
    lab.origin.set(path, headers=FRESH, body=body)
    check(lab.ask(path).content == body, "the first one differs")
    check(lab.ask(path).content == body, "the second one differs")
    check(lab.origin.count(path) == 2, "it was stored")


# ---- Conditions and ranges ----

def condition_that_holds_is_answered_with_304_from_the_store(lab):
    path = lab.path()
    lab.origin.set(path, headers={**FRESH, "ETag": '"a"', "Content-Type": "text/plain"})
    lab.ask(path)
    same, other = lab.ask(path, If_None_Match='"a"'), lab.ask(path, If_None_Match='"b"')
    check(same.status == 304 and same.headers["ETag"] == '"a"' and not same.headers["Content-Type"],
          f"{same.status} {same.headers}")
    check(other.status == 200 and other.content == b"content\n", str(other.status))
    check(lab.origin.count(path) == 1, "the origin was asked")


def stale_answer_is_confirmed_by_the_origin_and_freshened(lab):
    path = lab.path()
    lab.origin.set(path, headers={"Cache-Control": "max-age=0", "ETag": '"a"', "X-Version": "1"})
    lab.ask(path)
    lab.origin.set(path, headers={"Cache-Control": "max-age=60", "ETag": '"a"', "X-Version": "2"}, body=b"never")
    second, third = lab.ask(path), lab.ask(path)
    check("fwd=stale" in said(second) and "fwd-status=304" in said(second), said(second))
    check(second.content == b"content\n" and second.headers["X-Version"] == "2", "not freshened")
    check("hit" in said(third) and third.headers["X-Version"] == "2", said(third))
    check(lab.origin.count(path) == 2, "asked again")


def range_is_cut_from_the_store(lab):
    path = lab.path()
    lab.origin.set(path, headers={**FRESH, "ETag": '"a"'}, body=b"0123456789")
    lab.ask(path)
    part = lab.ask(path, Range="bytes=2-4")
    check(part.status == 206 and part.content == b"234", f"{part.status} {part.content}")
    check(part.headers["Content-Range"] == "bytes 2-4/10", part.headers["Content-Range"])
    beyond = lab.ask(path, Range="bytes=10-")
    check(beyond.status == 416 and beyond.headers["Content-Range"] == "bytes */10", str(beyond.status))
    changed = lab.ask(path, Range="bytes=2-4", If_Range='"b"')
    check(changed.status == 200 and changed.content == b"0123456789", str(changed.status))
    check(lab.origin.count(path) == 1, "the origin was asked")


# ---- Variants and what is personal ----

def variants_are_kept_apart_by_what_vary_names(lab):
    path = lab.path()
    lab.origin.set(path, headers={**FRESH, "Vary": "Accept-Language"}, body=b"en")
    lab.ask(path, Accept_Language="en")
    lab.origin.set(path, headers={**FRESH, "Vary": "Accept-Language"}, body=b"de")
    german = lab.ask(path, Accept_Language="de")
    check("fwd=vary-miss" in said(german) and german.content == b"de", said(german))
    check(lab.ask(path, Accept_Language="en").content == b"en", "the wrong variant")
    check(lab.origin.count(path) == 2, "asked more than once for each")


def private_and_no_store_are_not_stored(lab):
    for directive in ("private, max-age=60", "no-store, max-age=60"):
        path = lab.path()
        lab.origin.set(path, headers={"Cache-Control": directive})
        lab.ask(path)
        lab.ask(path)
        check(lab.origin.count(path) == 2, directive)


def answer_to_authorization_is_stored_only_if_the_origin_says_so(lab):
    for directive, times in (("max-age=60", 2), ("public, max-age=60", 1), ("s-maxage=60", 1)):
        path = lab.path()
        lab.origin.set(path, headers={"Cache-Control": directive})
        lab.ask(path, Authorization="Bearer a")
        lab.ask(path, Authorization="Bearer b")
        check(lab.origin.count(path) == times, directive)


def answer_to_an_api_key_is_stored_only_if_the_origin_says_so(lab):
    path = lab.path()
    lab.origin.set(path, headers=FRESH)
    lab.ask(path, X_Api_Key="a")
    lab.ask(path, X_Api_Key="b")
    check(lab.origin.count(path) == 2, "one key got what was for another")


def lifetime_of_the_route_is_not_for_requests_with_cookies(lab):
    path = lab.path("/lists")
    lab.origin.set(path)
    lab.ask(path, Cookie="session=a")
    lab.ask(path, Cookie="session=b")
    check(lab.origin.count(path) == 2, "one user got what was for another")
    lab.ask(path)
    own = lab.ask(path, Cookie="session=c")
    check(lab.origin.count(path) == 4 and "hit" not in said(own), "a stored one was used for a user")


def answer_that_sets_a_cookie_is_not_shared(lab):
    path = lab.path()
    lab.origin.set(path, headers={**FRESH, "Set-Cookie": "a=b"})
    lab.ask(path)
    check("detail=set-cookie" in said(lab.ask(path)), "no reason is given")
    check(lab.origin.count(path) == 2, "shared")


def get_with_content_is_not_looked_up(lab):
    path = lab.path()
    lab.origin.set(path, headers=FRESH)
    lab.ask(path)
    check("fwd=bypass" in said(lab.ask(path, body=b"x")), "looked up")
    check(lab.origin.count(path) == 2, "not forwarded")


# ---- Invalidation ----

def post_invalidates_its_uri_and_what_location_names(lab):
    path, other = lab.path(), lab.path()
    for each in (path, other):
        lab.origin.set(each, headers=FRESH)
        lab.ask(each)
    lab.origin.set(path, headers={"Location": other})
    lab.ask(path, "POST", b"x")
    lab.origin.set(path, headers=FRESH)
    for each in (path, other):
        check("hit" not in said(lab.ask(each)), f"{each} is still there")
        check("hit" in said(lab.ask(each)), f"{each} is not stored again")


def failed_post_invalidates_nothing(lab):
    path = lab.path()
    lab.origin.set(path, headers=FRESH)
    lab.ask(path)
    lab.origin.set(path, status=500)
    lab.ask(path, "POST", b"x")
    check("hit" in said(lab.ask(path)), "it is gone")


def route_invalidates_tags_and_paths(lab):
    tagged, beside = lab.path("/lists"), lab.path()
    lab.origin.set(tagged)
    lab.origin.set("/named?page=2", headers=FRESH)
    lab.origin.set("/change")
    lab.origin.set(beside, headers=FRESH)
    for each in (tagged, "/named?page=2", beside):
        lab.ask(each)
    lab.ask("/change", "POST", b"x")
    check("hit" not in said(lab.ask(tagged)), "the tag is still there")
    check("hit" not in said(lab.ask("/named?page=2")), "the path is still there")
    check("hit" in said(lab.ask(beside)), "another one is gone")


# ---- When the origin fails, and when many ask at once ----

def stale_answer_stands_in_when_nobody_answers(lab):
    path = lab.path()
    lab.origin.set(path, headers={"Cache-Control": "max-age=1", "ETag": '"a"'})
    lab.ask(path)
    time.sleep(1.1)
    del lab.origin.answers[path]  # the handler dies: the connection closes without an answer
    stale = lab.ask(path)
    check(stale.status == 200 and "detail=stale-on-error" in said(stale), f"{stale.status} {said(stale)}")


def ask_at_once(lab, path, count, **headers):
    answers = [None] * count

    def one(i):
        answers[i] = lab.ask(path, **headers)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def many_who_ask_at_once_cost_one_fetch(lab):
    path, body = lab.path(), random.randbytes(300_000)
    lab.origin.set(path, headers=FRESH, body=body, delay=0.3, pieces=4)
    answers = ask_at_once(lab, path, 40)
    check(all(answer.content == body for answer in answers), "content differs")
    check(lab.origin.count(path) == 1, f"the origin was asked {lab.origin.count(path)} times")
    check(any("collapsed" in said(answer) for answer in answers), "nobody was told")


def many_who_ask_at_once_for_what_is_private_each_get_their_own(lab):
    path = lab.path()
    lab.origin.set(path, headers={"Cache-Control": "private"}, delay=0.3)
    answers = ask_at_once(lab, path, 10)
    check(all(answer.status == 200 for answer in answers), "not all were answered")
    check(lab.origin.count(path) == 10, f"the origin was asked {lab.origin.count(path)} times")


def client_that_does_not_read_holds_up_nobody(lab):
    path, body = lab.path(), random.randbytes(11_000_000)  # more than the kernel keeps for one socket
    lab.origin.set(path, headers=FRESH, body=body, delay=0.05, pieces=10)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", lab.port))
    slow.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\n\r\n".encode())
    eventually(lambda: lab.origin.count(path), "it is fetched")
    began = time.monotonic()
    check(lab.ask(path).content == body, "content differs")
    check(time.monotonic() - began < 20, "it waited for the one who does not read")
    check(lab.origin.count(path) == 1, "fetched twice")
    slow.close()


def begin(lab, path):
    """Ask. Closed, the connection is reset."""
    client = socket.create_connection(("127.0.0.1", lab.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{lab.port}\r\n\r\n".encode())
    return client


def client_that_goes_away_takes_nothing_from_those_who_wait(lab):
    for pieces in (1, 6):
        path, body = lab.path(), random.randbytes(600_000)
        lab.origin.set(path, headers=FRESH, body=body, delay=0.6 if pieces == 1 else 0.1, pieces=pieces)
        before = lab.counters()["requests"]
        first = begin(lab, path)
        eventually(lambda: lab.origin.count(path), "it is fetched")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(lab.ask(path))) for _ in range(5)]
        for thread in threads:
            thread.start()
        eventually(lambda: lab.counters()["requests"] == before + 6, "all have asked")
        first.close()
        for thread in threads:
            thread.join()
        check(len(answers) == 5 and all(answer.content == body for answer in answers), "content differs")
        check(lab.origin.count(path) == 1, f"the origin was asked {lab.origin.count(path)} times")


def answer_is_stored_though_its_client_has_gone(lab):
    path = lab.path()
    lab.origin.set(path, headers=FRESH, body=b"x" * 100_000, delay=0.1, pieces=5)
    client = begin(lab, path)
    client.recv(1)  # the answer has begun
    client.close()
    check(len(lab.ask(path).content) == 100_000, "it is cut short")
    answer = lab.ask(path)
    check("hit" in said(answer) and len(answer.content) == 100_000, said(answer))
    check(lab.origin.count(path) == 1, "it is fetched again")


def nothing_is_left_behind(lab):
    eventually(lambda: lab.counters()["connections"] == 0, "all connections are closed")
    values = lab.counters()
    check(values["cache_hits"] > 10 and values["cache_collapsed"] > 10, "nothing was counted")


TESTS = [
    second_request_is_answered_from_the_cache_with_its_age,
    answers_without_a_lifetime_are_not_stored,
    lifetime_of_the_route_applies_where_the_origin_says_nothing,
    route_with_cache_off_is_never_stored,
    head_is_answered_from_a_stored_get,
    large_stored_answer_arrives_whole,
    answer_above_the_limit_passes_and_is_not_stored,
    condition_that_holds_is_answered_with_304_from_the_store,
    stale_answer_is_confirmed_by_the_origin_and_freshened,
    range_is_cut_from_the_store,
    variants_are_kept_apart_by_what_vary_names,
    private_and_no_store_are_not_stored,
    answer_to_authorization_is_stored_only_if_the_origin_says_so,
    answer_to_an_api_key_is_stored_only_if_the_origin_says_so,
    lifetime_of_the_route_is_not_for_requests_with_cookies,
    answer_that_sets_a_cookie_is_not_shared,
    get_with_content_is_not_looked_up,
    post_invalidates_its_uri_and_what_location_names,
    failed_post_invalidates_nothing,
    route_invalidates_tags_and_paths,
    stale_answer_stands_in_when_nobody_answers,
    many_who_ask_at_once_cost_one_fetch,
    many_who_ask_at_once_for_what_is_private_each_get_their_own,
    client_that_does_not_read_holds_up_nobody,
    client_that_goes_away_takes_nothing_from_those_who_wait,
    answer_is_stored_though_its_client_has_gone,
    nothing_is_left_behind,
]


def run(test, lab):
    name = test.__name__
    try:
        test(lab)
    except (Failure, OSError, http.client.HTTPException, KeyError, IndexError, TypeError) as why:
        print(f"FAIL {name}: {re.sub(chr(10), ' ', repr(why))}")
        return False
    print(f"ok {name}")
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("BUILD", os.path.join(ROOT, "build")))
    build = os.path.abspath(parser.parse_args().build)
    if not os.path.exists(os.path.join(build, "http-test")):
        print(f"skip http_cache: {build}/http-test is not built")
        return 0
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # the origin's handlers die where a test wants that
    with tempfile.TemporaryDirectory(prefix="sluice-cache-") as work:
        lab = Lab(build, work)
        good = [run(test, lab) for test in TESTS]
        status = lab.close()
    print("ok it_ends_in_order" if not status else f"FAIL it_ends_in_order: status {status}")
    return 0 if all(good) and not status else 1


if __name__ == "__main__":
    sys.exit(main())
