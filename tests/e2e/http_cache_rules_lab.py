# SPDX-License-Identifier: BSD-2-Clause
"""An origin that says what was set for a path and counts, and a proxy for each policy."""

import http_lab as lab

FRESH = "Cache-Control: max-age=600\r\n"


class Script:
    """Fields, content and status by path; how often each was asked for."""

    def __init__(self):
        self.says, self.asked, self.interim = {}, [], {}
        self.only_new = {}  # what a 304 says to who has it already

    def set(self, path, fields="", body="content", status="200 OK"):
        self.says[path] = (status, fields, body)

    def serve(self, connection):
        while True:
            request = connection.request()
            if not request:
                return
            self.asked.append(request)
            status, fields, body = self.says.get(request.target, ("200 OK", "", "content"))
            if request.target in self.only_new and request.get("If-None-Match"):
                status, fields, body = "304 X", self.only_new[request.target], ""
            part = request.get("Range")
            if part and "ranges" in request.target:
                status, body = "206 Partial Content", body[2:4]
                fields += "Content-Range: bytes 2-3/7\r\n"
            connection.send((self.interim.get(request.target, "") + "HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n" %
                             (status, fields, len(body))).encode() + (b"" if request.method == "HEAD"
                                                                      else body.encode()))


class Lab(lab.Lab):
    def __init__(self, cache="{size: 64 MiB}", routes="", more=""):
        self.script = Script()
        http = "  cache: %s\n%s%s" % (cache, more, "  routes:\n%s" % routes if routes else "")
        super().__init__(self.script.serve, http=http)

    def ask(self, path, fields="", method="GET", host="api.test", body=""):
        if body:
            fields += "Content-Length: %d\r\n" % len(body)
        raw = "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s" % (method, path, host, fields, body)
        answer = self.proxy.ask(raw.encode(), method)
        answer.said = answer.get("Cache-Status") or ""
        answer.is_hit = "; hit" in answer.said
        return answer

    def asked(self, path):
        return sum(1 for request in self.script.asked if request.target == path)

    def is_shared(self, path, fields="", other=None):
        """Whether the second of two requests gets what the first one got."""
        before = self.asked(path)
        self.ask(path, fields)
        is_hit = self.ask(path, fields if other is None else other).is_hit
        assert self.asked(path) == before + (1 if is_hit else 2)
        return is_hit


def route(match, rest):
    return '    - {match: "%s", %s}\n' % (match, rest)
