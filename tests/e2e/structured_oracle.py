#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Structured fields: the examples of RFC 9651, and random values beside an independent implementation.

usage: structured_oracle.py [--build DIR] [--cases N] [--seed N]

A value is read and written again, so that what was understood shows. The other implementation is the npm
package structured-headers; a value on which the two differ is a failure unless DIFFERENCES says why.
"""

import argparse
import os
import random
import re
import subprocess
import sys

import npm

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = "structured-headers@2.1.0"

OTHER = """
import * as sf from './dist/index.js'
import fs from 'fs'
const ways = {
  item: value => sf.serializeItem(...[sf.parseItem(value)]),
  list: value => sf.serializeList(sf.parseList(value)),
  dictionary: value => sf.serializeDictionary(sf.parseDictionary(value))
}
for (const line of fs.readFileSync(0, 'utf8').split('\\n').slice(0, -1)) {
  const tab = line.indexOf('\\t')
  let said = '!'
  try { said = ways[line.slice(0, tab)](line.slice(tab + 1)) } catch { }
  console.log(said)
}
"""

# Section of RFC 9651, kind, what the field's value is there, its canonical form (None: no such field).
SAME = object()
EXAMPLES = [
    ("2", "item", "1;foo=bar", SAME),
    ("3.1", "list", "sugar, tea, rum", SAME),
    ("3.1.1", "list", '("foo" "bar"), ("baz"), ("bat" "one"), ()', SAME),
    ("3.1.1", "list", '("foo"; a=1;b=2);lvl=5, ("bar" "baz");lvl=1', '("foo";a=1;b=2);lvl=5, ("bar" "baz");lvl=1'),
    ("3.1.2", "list", "abc;a=1;b=2; cde_456, (ghi;jk=4 l);q=\"9\";r=w",
     "abc;a=1;b=2;cde_456, (ghi;jk=4 l);q=\"9\";r=w"),
    ("3.1.2", "item", "1; a; b=?0", "1;a;b=?0"),
    ("3.2", "dictionary", 'en="Applepie", da=:w4ZibGV0w6ZydGU=:', SAME),
    ("3.2", "dictionary", "a=?0, b, c; foo=bar", "a=?0, b, c;foo=bar"),
    ("3.2", "dictionary", "rating=1.5, feelings=(joy sadness)", SAME),
    ("3.2", "dictionary", "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid", SAME),
    ("3.2", "dictionary", "foo=1, bar=2", SAME),
    ("3.3.1", "item", "5; foo=bar", "5;foo=bar"),
    ("3.3.1", "item", "42", SAME),
    ("3.3.2", "item", "4.5", SAME),
    ("3.3.3", "item", '"hello world"', SAME),
    ("3.3.4", "item", "foo123/456", SAME),
    ("3.3.5", "item", ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:", SAME),
    ("3.3.6", "item", "?1", SAME),
    ("3.3.7", "item", "@1659578233", SAME),
    ("3.3.8", "item", '%"This is intended for display to %c3%bcsers."', SAME),
    ("4.2.2", "dictionary", "a=1, b=2, a=3", "a=3, b=2"),
    ("4.2.3.2", "item", "1;a=1;b=2;a=3", "1;a=3;b=2"),
    ("4.2.4", "item", "-0", "0"),
    ("4.2.4", "item", "00001", "1"),
    ("4.2.4", "item", "999999999999999", SAME),
    ("4.2.4", "item", "1000000000000000", None),
    ("4.2.4", "item", "123456789012.125", SAME),
    ("4.2.4", "item", "1234567890123.1", None),
    ("4.2.4", "item", "1.1234", None),
    ("4.2.4", "item", "1.", None),
    ("4.2.4", "item", "-", None),
    ("4.2.4", "item", "1.50", "1.5"),
    ("4.2.4", "item", "2.0", SAME),
    ("4.2.5", "item", '"a\\"b\\\\c"', SAME),
    ("4.2.5", "item", '"a\\b"', None),
    ("4.2.5", "item", '"open', None),
    ("4.2.6", "item", "*a:b/c!#$%&'*+-.^_`|~", SAME),
    ("4.2.7", "item", ":cHJldGVuZCB0aGlz:", SAME),
    ("4.2.7", "item", ":a b:", None),
    ("4.2.8", "item", "?2", None),
    ("4.2.9", "item", "@1.5", None),
    ("4.2.10", "item", '%"%C3%BC"', None),
    ("4.2.10", "item", '%"%ff"', None),
    ("4.2.1", "list", "a,", None),
    ("4.2.1", "list", "a,,b", None),
    ("4.2.1", "list", "a b", None),
    ("4.2.1", "list", "", ""),
    ("4.2.1.2", "list", "(a b", None),
    ("4.2.1.2", "list", "(a,b)", None),
    ("4.2.1.2", "list", "( a  b )", "(a b)"),
    ("4.2.2", "dictionary", "A=1", None),
    ("4.2.2", "dictionary", "a =1", None),
    ("4.2.2", "dictionary", "a= 1", None),
    ("4.2", "item", "  1  ", "1"),
    ("4.2", "item", "1 2", None),
    ("4.2", "item", "", None),
]


# ---- Random values ----


def key(rng):
    return rng.choice("abc*") + "".join(rng.choice("ab_1.-*") for _ in range(rng.randrange(3)))


def bare(rng):
    return rng.choice([
        lambda: str(rng.randrange(-20, 20)),
        lambda: str(rng.randrange(-10**16, 10**16)),
        lambda: f"{rng.randrange(-100, 100)}.{rng.choice([0, rng.randrange(2000)])}",
        lambda: '"' + "".join(rng.choice(["a", " ", "\\\\", '\\"', "~", "é", "\\x"]) for _ in range(3)) + '"',
        lambda: rng.choice("aZ*") + "".join(rng.choice("a1:/.%!") for _ in range(3)),
        lambda: ":" + rng.choice(["", "YQ==", "YWI=", "YWJj", "YWJjZA==", "YR==", "Y", "YQ", "Y=Q="]) + ":",
        lambda: "?" + rng.choice("012"),
        lambda: "@" + str(rng.choice([rng.randrange(-10**9, 10**10), rng.randrange(10**15)])),
        lambda: '%"' + rng.choice(["", "a", "%c3%bc", "%22", "%25", "%C3%bc", "%c3", "%0a", "%e2%82%ac"]) + '"',
    ])()


def params(rng):
    text = ""
    while rng.random() < 0.3:
        text += ";" + rng.choice(["", "", " ", "  "]) + key(rng) + ("=" + bare(rng) if rng.random() < 0.7 else "")
    return text


def member(rng):
    if rng.random() < 0.25:
        inner = [bare(rng) + params(rng) for _ in range(rng.randrange(4))]
        return "(" + rng.choice(["", " "]) + rng.choice([" ", "  "]).join(inner) + ")" + params(rng)
    return bare(rng) + params(rng)


def spoil(rng, text):
    """One byte more, less, or another."""
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["", rng.choice("(),;=\"\\?@%: a1A.-_~")]) + text[at + rng.randrange(2):]


def make_case(rng):
    kind = rng.choice(["item", "list", "dictionary"])
    between = rng.choice([", ", ",", " , "])
    if kind == "item":
        text = bare(rng) + params(rng)
    elif kind == "list":
        text = between.join(member(rng) for _ in range(rng.randrange(1, 4)))
    else:
        text = between.join(key(rng) + ("=" + member(rng) if rng.random() < 0.8 else params(rng))
                            for _ in range(rng.randrange(1, 4)))
    return kind, spoil(rng, text) if rng.random() < 0.3 else text


def without_what_differs(text):
    return re.sub(r"%0([0-9a-f])", r"%\1", text.replace(".0", ""))


# Why the two may differ: the section of RFC 9651, what it is, and whether it is that.
DIFFERENCES = [
    ("4.2.9", "a date may be followed by something; the other wants it last",
     lambda value, ours, other: other == "!" and ours != "!" and re.search(r"@-?\d+[^\d]", value)),
    ("4.1.11", "a byte is written with two digits; the other leaves a leading zero out",
     lambda value, ours, other: "%0" in ours and without_what_differs(ours) == without_what_differs(other)),
    ("3.3.7", "a date may be later than the year 275760; the other knows none",
     lambda value, ours, other: "@NaN" in other and re.search(r"@-?\d{13}", ours)),
    ("4.1.5", "a decimal is written with its point; the other has one type of numbers",
     lambda value, ours, other: ".0" in ours and without_what_differs(ours) == without_what_differs(other)),
]


# ---- Both sides ----


def ask_ours(build, cases):
    given = "".join(f"{kind}\t{value}\n" for kind, value in cases)
    done = subprocess.run([os.path.join(build, "structured-values")], input=given.encode(), check=True,
                          stdout=subprocess.PIPE, timeout=120)
    return done.stdout.decode("latin-1").split("\n")[:-1]


def ask_other(build, cases):
    place = npm.install(build, PACKAGE)
    given = "".join(f"{kind}\t{value}\n" for kind, value in cases)
    return npm.run_module(place, OTHER, given).split("\n")[:-1]


def say(is_good, name, why=""):
    print(f"ok {name}" if is_good else f"FAIL {name}: {why}")
    return is_good


def check_examples(build):
    said = ask_ours(build, [(kind, value) for _, kind, value, _ in EXAMPLES])
    good = True
    for (section, kind, value, want), got in zip(EXAMPLES, said):
        want = value if want is SAME else "!" if want is None else want
        good &= say(got == want, f"RFC_9651_section_{section}: {kind} {value!r}", f"{got!r}, not {want!r}")
    return good


def check_random(build, options):
    rng = random.Random(options.seed)
    cases = [make_case(rng) for _ in range(options.cases)]
    ours, other = ask_ours(build, cases), ask_other(build, cases)
    needed, bad = [0] * len(DIFFERENCES), 0
    for (kind, value), our, their in zip(cases, ours, other):
        if our == their:
            continue
        reasons = [i for i, (_, _, applies) in enumerate(DIFFERENCES) if applies(value, our, their)]
        for reason in reasons:
            needed[reason] += 1
        bad += not reasons
        if not reasons and bad <= 10:
            print(f"# {kind} {value!r}: ours {our!r}, theirs {their!r}")
    read = sum(our != "!" for our in ours) / len(cases)
    print(f"# {len(cases)} values, {read:.0%} of them fields")
    good = say(not bad, "every_difference_is_explained", f"{bad} are not")
    good &= say(len(ours) == len(other) == len(cases), "both_read_every_value")
    good &= say(0.2 < read < 0.9, "there_are_many_of_either_kind", f"{read:.0%}")
    for (section, why, _), count in zip(DIFFERENCES, needed):
        good &= say(count > 0, f"differs_by_RFC_9651_section_{section}: {why} ({count} times)", "nothing needs it")
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("BUILD", os.path.join(ROOT, "build")))
    parser.add_argument("--cases", type=int, default=60000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    good = check_examples(build)
    try:
        good &= check_random(build, options)
    except npm.Unavailable as why:
        print(f"skip structured_oracle: {why}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
