#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compare the caching rules with an independent implementation, on random messages.

usage: cache_oracle.py [--build DIR] [--cases N] [--seed N]

The other one is the npm package http-cache-semantics: whether a response may be stored, how long it is fresh,
how old it is, whether it may be used for a later request, whether it may stand in for an error. Where the two
differ the table DIFFERENCES has to say why, with the section of the RFC; a difference it does not explain is a
failure, and so is an explanation that nothing needed.
"""

import argparse
import email.utils
import json
import os
import random
import subprocess
import sys

import npm

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = "http-cache-semantics@4.2.0"
NOW = 1_700_000_000

OTHER = """
import CachePolicy from './index.js'
import fs from 'fs'
let now = 0
class Policy extends CachePolicy { now () { return now } }
for (const line of fs.readFileSync(0, 'utf8').trim().split('\\n')) {
  const c = JSON.parse(line)
  now = c.now * 1000
  const policy = new Policy(c.request, c.response, { immutableMinTimeToLive: 0 })
  now += c.elapsed * 1000
  const answer = policy.evaluateRequest(c.next)
  console.log(JSON.stringify({
    storable: policy.storable(),
    lifetime: policy.maxAge(),
    age: policy.age(),
    use: !answer.response ? 'no' : answer.revalidation ? 'revalidating' : 'yes',
    on_error: policy.revalidatedPolicy(c.next, { status: 503, headers: {} }).matches
  }))
}
"""


# ---- Cases ----


def date(unix):
    return email.utils.formatdate(unix, usegmt=True)


def seconds(rng):
    return rng.choice([0, 1, 10, 60, 100, 600, 3600, 86400, 10**6])


def odd_seconds(rng):
    return rng.choice(["", "abc", "-5", "10.5", '"60"', "60x", "999999999999"])


def maybe(rng, share):
    return rng.random() < share


def response_directives(rng):
    """Directives of a response as (name, argument or None), in the order written."""
    said = []
    for name, share in (("max-age", 0.5), ("s-maxage", 0.12), ("stale-while-revalidate", 0.15),
                        ("stale-if-error", 0.15)):
        for _ in range(2 if maybe(rng, 0.05) else 1):
            if maybe(rng, share):
                said.append((name, odd_seconds(rng) if maybe(rng, 0.08) else str(seconds(rng))))
    for name, share in (("no-store", 0.06), ("no-cache", 0.07), ("private", 0.06), ("public", 0.15),
                        ("must-revalidate", 0.08), ("proxy-revalidate", 0.05), ("must-understand", 0.05),
                        ("immutable", 0.08), ("no-transform", 0.03), ("x-unknown", 0.05)):
        if maybe(rng, share):
            said.append((name, None))
    rng.shuffle(said)
    return said


def request_directives(rng):
    said = []
    for name, share in (("max-age", 0.12), ("min-fresh", 0.1), ("max-stale", 0.12)):
        if maybe(rng, share):
            said.append((name, None if name == "max-stale" and maybe(rng, 0.3) else str(seconds(rng))))
    if maybe(rng, 0.06):
        said.append(("no-cache", None))
    return said


def written(rng, said):
    names = [name.upper() if maybe(rng, 0.03) else name for name, _ in said]
    return ", ".join(name if argument is None else f"{name}={argument}"
                     for name, (_, argument) in zip(names, said))


def make_case(rng):
    """Fields are dictionaries, each with one line: what the other implementation takes."""
    request, response, following = {"host": "a"}, {}, {"host": "a"}
    says, asks = response_directives(rng), request_directives(rng)
    if says:
        response["cache-control"] = written(rng, says)
    if asks:
        following["cache-control"] = written(rng, asks)
    if maybe(rng, 0.8):
        response["date"] = date(NOW - rng.choice([0] * 9 + [1, 30, 5000])) if maybe(rng, 0.95) else "yesterday"
    if maybe(rng, 0.25):
        response["expires"] = rng.choice(["0", "never", date(NOW - 10), date(NOW + 60), date(NOW + 4000)])
    if maybe(rng, 0.2):
        response["age"] = rng.choice(["0", "5", "50", "500", "abc", "10, 20", "-5", "7 x"])
    if maybe(rng, 0.4):
        response["last-modified"] = rng.choice([date(NOW - 1000), date(NOW - 10**6), date(NOW + 50), "once"])
    if maybe(rng, 0.3):
        response["etag"] = '"a"'
    if maybe(rng, 0.15):
        response["vary"] = rng.choice(["accept", "Accept, Cookie", "*", "accept, *"])
    if maybe(rng, 0.06):
        response["set-cookie"] = "a=b"
    if maybe(rng, 0.04):
        response["pragma"] = "no-cache"
    if maybe(rng, 0.12):
        request["authorization"] = "Basic YTpi"
    if maybe(rng, 0.05):
        request["cache-control"] = "no-store"
    if maybe(rng, 0.04):
        following["pragma"] = "no-cache"
    request["accept"] = "text/plain"
    following["accept"] = "text/html" if maybe(rng, 0.2) else "text/plain"
    return {
        "now": NOW,
        "elapsed": rng.choice([0, 1, 9, 10, 11, 59, 60, 61, 100, 1000, 5000]),
        "request": {"method": "POST" if maybe(rng, 0.04) else "GET", "url": "/", "headers": request},
        "response": {"status": rng.choice([200] * 12 + [203, 204, 206, 301, 302, 303, 307, 308, 400, 404, 410, 418,
                                                        429, 500, 501, 503]), "headers": response},
        "next": {"method": "GET", "url": "/", "headers": following},
        "says": says, "asks": asks,
    }


# ---- Both sides ----


def head(start, fields):
    return (start + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode()


def ask_ours(build, cases):
    given = bytearray()
    for case in cases:
        heads = [head(f"{case['request']['method']} / HTTP/1.1", case["request"]["headers"]),
                 head(f"HTTP/1.1 {case['response']['status']} X", case["response"]["headers"]),
                 head("GET / HTTP/1.1", case["next"]["headers"])]
        given += ("%d %d %d %d %d\n" % (*map(len, heads), case["now"], case["elapsed"])).encode() + b"".join(heads)
    done = subprocess.run([os.path.join(build, "cache-verdicts")], input=bytes(given), stdout=subprocess.PIPE,
                          check=True, timeout=120)
    for line in done.stdout.decode().splitlines():
        store, lifetime, age, use, on_error = line.split()
        yield {"store": store, "storable": store == "stored", "lifetime": int(lifetime), "age": int(age), "why": use,
               "use": {"fresh": "yes", "max-stale": "yes", "stale-while-revalidate": "revalidating"}.get(use, "no"),
               "on_error": on_error == "1"}


def ask_other(build, cases):
    place = npm.install(build, PACKAGE)
    said = npm.run_module(place, OTHER, "\n".join(json.dumps(case) for case in cases))
    return [json.loads(line) for line in said.splitlines()]


# ---- Differences ----


class Case:
    """What an explanation looks at: the case, and what either side said."""

    def __init__(self, case, ours, other):
        self.ours, self.other, self.elapsed = ours, other, case["elapsed"]
        self.method, self.status = case["request"]["method"], case["response"]["status"]
        self.request, self.fields = case["request"]["headers"], case["response"]["headers"]
        self.next = case["next"]["headers"]
        self.said, self.asks = case["says"], dict(case["asks"])
        self.text = self.fields.get("cache-control", "")

    def says(self, name):
        return any(each == name for each, _ in self.said)

    def arguments(self, name):
        return [argument for each, argument in self.said if each == name]

    def has_capitals(self):
        return self.text != self.text.lower() or self.next.get("cache-control", "").lower() != \
            self.next.get("cache-control", "")

    def lifetime_names(self):
        return [name for name in ("s-maxage", "max-age") if self.says(name)]

    def has_odd_seconds(self, *names):
        return any(argument is not None and not argument.isdigit() for name in names
                   for argument in self.arguments(name))

    def is_given_twice(self, *names):
        return any(len(set(self.arguments(name))) > 1 for name in names)

    def has_explicit(self):
        return bool(self.lifetime_names()) or "expires" in self.fields

    def has_modified(self):
        return "last-modified" in self.fields and self.fields["last-modified"] != "once"

    def has_validator(self):
        return "etag" in self.fields or self.has_modified()

    def date_age(self):
        given = self.fields.get("date", "yesterday")
        return 0 if given == "yesterday" else max(0, NOW - int(email.utils.parsedate_to_datetime(given).timestamp()))

    def has_number_age(self):
        return self.fields.get("age", "0").split(",")[0].isdigit()

    def is_stale_for_both(self):
        return self.ours["age"] >= self.ours["lifetime"] and self.other["age"] >= self.other["lifetime"]


DELTA_SECONDS_MAX = 2**31  # RFC 9111 section 1.2.2
UNDERSTOOD_BY_OTHER = {200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501}
NEVER_STALE = ("must-revalidate", "proxy-revalidate", "s-maxage")

# What differs, the section it is about, why, and when that is so. "lifetime" is compared where both store, "use" and
# "on_error" where also age and lifetime are those of the other, or nearly.
DIFFERENCES = [
    (("storable", "lifetime", "use", "on_error"), "RFC 9111 5.2", "names of directives have no case",
     lambda c: c.has_capitals()),
    (("storable",), "RFC 9111 3", "any final status is stored whose freshness is explicit, or that is public",
     lambda c: c.ours["storable"] and c.status not in UNDERSTOOD_BY_OTHER and
     (c.has_explicit() or c.says("public"))),
    (("storable",), "RFC 9110 9.3.3", "answers to POST are not stored", lambda c: c.ours["store"] == "method"),
    (("storable",), "RFC 9111 5.2.2.3", "must-understand overrides no-store where the status is understood",
     lambda c: c.ours["storable"] and c.says("must-understand") and c.says("no-store")),
    (("storable",), "RFC 9111 3", "what is never fresh and cannot be validated is not kept",
     lambda c: c.ours["store"] == "no-freshness" and not c.has_explicit() and not c.has_modified()),
    (("storable",), "RFC 9111 4.2", "what is stale on arrival and cannot be validated is not kept",
     lambda c: c.ours["store"] == "stale-at-once" and not c.has_validator()),
    (("storable",), "RFC 9111 3.5", "a lifetime that is not the origin's is not applied to who says who asks",
     lambda c: c.ours["store"] == "personal" and "authorization" in c.request and not c.has_explicit()),
    (("storable",), "RFC 9111 7.3", "what sets a cookie is not shared, unless the route says so",
     lambda c: c.ours["store"] == "set-cookie" and "set-cookie" in c.fields),
    (("storable",), "RFC 9111 4.1", "what matches no later request is not kept",
     lambda c: c.ours["store"] == "vary-any" and "*" in c.fields.get("vary", "")),
    (("storable",), "RFC 9111 4.2.1", "a lifetime that is no number is given all the same, and stale",
     lambda c: c.has_odd_seconds("max-age", "s-maxage")),
    (("lifetime",), "RFC 9111 4.2.1", "a lifetime that is no number is stale; the other reads it as far as it goes",
     lambda c: c.has_odd_seconds("max-age", "s-maxage")),
    (("lifetime",), "RFC 9111 4.2.1", "of two lifetimes the shorter one is taken, not the last",
     lambda c: c.is_given_twice("max-age", "s-maxage")),
    (("lifetime",), "RFC 9111 5.2.2.4", "no-cache is no lifetime of zero but a question asked every time",
     lambda c: c.other["lifetime"] == 0 and (c.says("no-cache") or "pragma" in c.fields)),
    (("lifetime",), "RFC 9111 5.2.2.8", "proxy-revalidate speaks of what is stale; it ends no lifetime",
     lambda c: c.other["lifetime"] == 0 and c.says("proxy-revalidate")),
    (("lifetime",), "RFC 9111 4.2.2", "a guess is no longer than a day",
     lambda c: c.ours["lifetime"] == 86400 and not c.has_explicit() and c.other["lifetime"] > 86400),
    (("age",), "RFC 9111 4.2.3", "a Date that lies back is age as well",
     lambda c: c.ours["age"] == max(int(c.other["age"]), c.date_age() + c.elapsed)),
    (("age",), "RFC 9111 5.1", "an Age that is no number is ignored", lambda c: not c.has_number_age()),
    (("use",), "RFC 9111 5.2.2.2", "must-revalidate speaks of what is stale: what is fresh may be used",
     lambda c: c.says("must-revalidate") and c.ours["why"] == "fresh"),
    (("use",), "RFC 9111 5.4", "Pragma is deprecated, and ignored",
     lambda c: c.ours["use"] != "no" and ("pragma" in c.fields or "pragma" in c.next)),
    (("use",), "RFC 8246 2.1", "a client's max-age makes nothing immutable younger",
     lambda c: c.ours["why"] == "fresh" and c.says("immutable") and "max-age" in c.asks),
    (("use",), "RFC 9111 4.2.4", "stale-while-revalidate is no permission where the origin forbids what is stale",
     lambda c: c.ours["use"] == "no" and c.other["use"] != "no" and any(c.says(name) for name in NEVER_STALE)),
    (("use",), "RFC 9111 5.2.2.4", "stale-while-revalidate does not lift no-cache",
     lambda c: c.ours["why"] == "no-cache" and c.says("no-cache")),
    (("use",), "RFC 5861 3", "where client and origin both take it stale it is fetched anew as well",
     lambda c: c.ours["use"] == "revalidating" and "max-stale" in c.asks),
    (("use",), "RFC 9111 5.2.1.2", "max-stale includes its last second",
     lambda c: c.ours["why"] == "max-stale" and int(c.asks["max-stale"] or 0) == c.ours["age"] - c.ours["lifetime"]),
    (("use", "on_error"), "RFC 9111 5.2", "a number of seconds that is none permits nothing",
     lambda c: c.has_odd_seconds("stale-while-revalidate", "stale-if-error")),
    (("use", "on_error"), "RFC 9111 4.2.1", "of two numbers of seconds the smaller one is taken",
     lambda c: c.is_given_twice("stale-while-revalidate", "stale-if-error")),
    (("on_error",), "RFC 9111 4.2.4", "an error is no permission where the origin forbids what is stale",
     lambda c: not c.ours["on_error"] and any(c.says(name) for name in NEVER_STALE + ("no-cache",))),
]


def differing(ours, other):
    """Names of what differs, of all that can be compared."""
    if ours["storable"] != other["storable"]:
        return ["storable"]
    if not ours["storable"]:
        return []
    names = []
    if ours["lifetime"] != int(min(other["lifetime"], DELTA_SECONDS_MAX)):
        names.append("lifetime")
    if ours["age"] != int(other["age"]):
        names.append("age")
    if names:
        return names  # what follows from it differs as well
    if ours["use"] != other["use"]:
        names.append("use")
    if ours["age"] >= ours["lifetime"] and ours["on_error"] != other["on_error"]:
        names.append("on_error")
    return names


def explain(case, name):
    """Numbers of the explanations that fit."""
    return [i for i, (names, _, _, applies) in enumerate(DIFFERENCES) if name in names and applies(case)]


def compare(cases, ours, other):
    """Prints what is wrong; returns whether nothing is, and how often each explanation was needed."""
    needed, compared, agreed, bad = [0] * len(DIFFERENCES), 0, 0, 0
    for case, our, their in zip(cases, ours, other):
        names = differing(our, their)
        compared += 1
        agreed += not names
        for name in names:
            reasons = explain(Case(case, our, their), name)
            for reason in reasons:
                needed[reason] += 1
            if not reasons:
                bad += 1
                if bad <= 10:
                    print(f"# {name}: ours {our}, theirs {their}\n#   {json.dumps(case)}")
    return bad, agreed / compared, needed


def say(is_good, name, why=""):
    print(f"ok {name}" if is_good else f"FAIL {name}: {why}")
    return is_good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("BUILD", os.path.join(ROOT, "build")))
    parser.add_argument("--cases", type=int, default=40000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    rng = random.Random(options.seed)
    cases = [make_case(rng) for _ in range(options.cases)]
    try:
        other = ask_other(build, cases)
    except npm.Unavailable as why:
        print(f"skip cache_oracle: {why}")
        return 0
    ours = list(ask_ours(build, cases))
    bad, agreed, needed = compare(cases, ours, other)
    print(f"# {options.cases} cases, {agreed:.1%} without any difference")
    good = [say(not bad, "every_difference_is_explained", f"{bad} are not")]
    good.append(say(len(ours) == len(other) == len(cases), "both_judge_every_case"))
    good.append(say(agreed > 0.5, "most_cases_do_not_differ", f"{agreed:.1%}"))
    for (names, section, why, _), count in zip(DIFFERENCES, needed):
        good.append(say(count > 0, f"{'_'.join(names)}_differs_by_{section}: {why} ({count} times)", "nothing needs it"))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
