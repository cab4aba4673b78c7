# SPDX-License-Identifier: BSD-2-Clause
"""An origin that answers as it was told and can be made to hold its answers back, and a proxy before it."""

import threading

import http_lab as lab

CACHE = "  cache: {size: 64 MiB}\n"
STALE = "Cache-Control: max-age=1, stale-while-revalidate=600\r\nAge: 5\r\n"
FRESH = "Cache-Control: max-age=600\r\n"


class Script:
    """What the origin says: fields and content by path. While a path is held its answers wait."""

    def __init__(self):
        self.says, self.gates, self.closes = {}, {}, set()
        self.asked = []
        self.lock = threading.Lock()

    def set(self, path, fields, body="old", status="200 OK"):
        self.says[path] = (status, fields, body)

    def hold(self, path):
        self.gates[path] = threading.Event()

    def let_go(self, path):
        self.gates.pop(path).set()

    def count(self, path):
        with self.lock:
            return sum(1 for request in self.asked if request.target == path)

    def last(self, path):
        with self.lock:
            return [request for request in self.asked if request.target == path][-1]

    def serve(self, connection):
        while True:
            request = connection.request()
            if not request:
                return
            with self.lock:
                self.asked.append(request)
            gate = self.gates.get(request.target)
            if gate:
                gate.wait(60)
            if request.target in self.closes:
                return
            status, fields, body = self.says[request.target]
            tag = next((line.split(": ")[1] for line in fields.split("\r\n") if line.startswith("ETag: ")), None)
            if tag and request.get("If-None-Match") == tag:
                connection.send(("HTTP/1.1 304 Not Modified\r\n%s\r\n" % fields).encode())
            else:
                connection.send(("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" %
                                 (status, fields, len(body), body)).encode())


class Lab(lab.Lab):
    def __init__(self, http=CACHE, **options):
        self.script = Script()
        super().__init__(self.script.serve, http=http, **options)

    def __exit__(self, *why):
        for gate in list(self.script.gates.values()):
            gate.set()
        super().__exit__(*why)

    def get(self, path, fields=""):
        answer = self.proxy.get(path, fields)
        answer.said = answer.get("Cache-Status") or ""
        return answer

    def becomes(self, path, body):
        lab.eventually(lambda: self.get(path).body == body.encode(), "%s is %s" % (path, body))

    def all_have_asked(self, count):
        lab.eventually(lambda: self.proxy.counters()["requests"] == count, "all have asked")

    def get_all(self, path, count, fields=lambda i: ""):
        answers = [None] * count

        def ask(i):
            answers[i] = self.get(path, fields(i))

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        return threads, answers


def join(threads):
    for thread in threads:
        thread.join()
