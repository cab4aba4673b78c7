#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flask-Limiter with the clock of a trace: reads traces as JSON, one a line, and writes what it answered.

A trace is {"strategy", "limits", "cost", "asks": [[instant in seconds, address], ...]}. Each ask is answered by
[status, headers of the answer, {limit: [remaining, reset]}, end of the refusing window or null].
"""

import json
import logging
import sys

import flask
import flask_limiter
import flask_limiter.extension
import limits.storage.memory


class Clock:
    now = 0.0

    def time(self):
        return self.now


class Timer:
    """What sweeps the storage in the background is left out: it only removes what has expired."""

    def __init__(self, *_):
        pass

    def start(self):
        pass

    def is_alive(self):
        return True


CLOCK = Clock()
limits.storage.memory.time = CLOCK
limits.storage.memory.threading.Timer = Timer
flask_limiter.extension.time = CLOCK
logging.disable(logging.CRITICAL)


def play(trace):
    app = flask.Flask("oracle")
    limiter = flask_limiter.Limiter(lambda: flask.request.headers["X-Client"], app=app, storage_uri="memory://",
                                    strategy=trace["strategy"], headers_enabled=True,
                                    default_limits_cost=trace["cost"],
                                    default_limits=["; ".join(trace["limits"])])

    @app.route("/")
    def index():
        return "hi"

    app.register_error_handler(429, lambda _: ("no", 429))
    items = {text: limits.parse(text) for text in trace["limits"]}
    client, answers = app.test_client(), []
    for now, address in trace["asks"]:
        CLOCK.now = now
        answer = client.get("/", headers={"X-Client": address})
        headers = {name: answer.headers.get(name) for name in
                   ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After")}
        stats = {text: limiter.limiter.get_window_stats(item, address, "index") for text, item in items.items()}
        ends = {text: limiter.storage.expirations.get(item.key_for(address, "index")) for text, item in items.items()}
        answers.append([answer.status_code, headers, stats, ends])
    return answers


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(play(json.loads(line))))
