# SPDX-License-Identifier: BSD-2-Clause
"""The demonstration from start to end: set the scene, watch, add up, judge."""

import datetime
import re
import time

from result import (Abuser, Greedy, Polite, Row, check_abuser, check_greedy, check_mode, check_polite,
                    milliseconds, table)
from scene import (ABUSER_RATE, CLIENTS, FORGED_FIRST, FORGED_SOURCES, GREEDY_RATE, POLICY_PATH, POLITE_RATE, ROOT,
                   Scene, Stage, address, generated, wait_for)
from view import MARGIN, live_lines, plain_line, rates

LOOK_SECONDS = 0.25
PLAIN_SECONDS = 1
QUIET_SECONDS = 1.5  # the clients alone, before the flood
EXPLAIN_TRIES = 8
LIMIT = re.compile(r"(\d+)/(second|minute) burst (\d+)")
UNIT_SECONDS = {"second": 1, "minute": 60}
UNIT_SHORT = {"second": "s", "minute": "min"}
ASK_SECONDS = 0.5  # before the end: who is stopped is asked while he is still at it

TITLES = {
    "polite": f"{POLITE_RATE} HTTP requests a second",
    "greedy": f"{GREEDY_RATE:,} datagrams a second",
    "abuser": f"{ABUSER_RATE} logins a second",
    "flood": f"SYNs from {FORGED_SOURCES:,} forged addresses",
}
SENDS = {"polite": f"{POLITE_RATE} GET/s", "greedy": f"{GREEDY_RATE:,} UDP/s",
         "abuser": f"{ABUSER_RATE} POST/s", "flood": f"{FORGED_SOURCES // 1_000_000} M addresses"}
TIER_OF = {"polite": "known", "greedy": "known", "abuser": "guests", "flood": "public"}
LOGINS_ALLOWED = 5  # a minute: the policy's
EVENTS_OF_ABUSER = 8  # shown


def limit_of(scene, source, kind):
    """The limit in force for a source, as `sluice explain` tells it: its text, rate and burst."""
    explanation = scene.sluice.ask("GET", f"/v1/explain/{source}")
    text = next(limit["rate"] for limit in explanation["limits"] if limit["kind"] == kind)
    number, unit, burst = LIMIT.fullmatch(text).groups()
    return {"text": f"{int(number):,}/{UNIT_SHORT[unit]} + {int(burst):,}", "rate": int(number) / UNIT_SECONDS[unit],
            "burst": int(burst)}


def seconds_of(event):
    """How long a ban lasts."""
    begins, ends = (datetime.datetime.fromisoformat(event[key].replace("Z", "+00:00")) for key in ("time", "until"))
    return (ends - begins).total_seconds()


def notes_of(scene):
    """What the clients themselves say, for the live view."""
    polite, greedy, abuser = (scene.parts[name].said for name in ("polite", "greedy", "abuser"))
    arrived = scene.sink.said["arrived"]
    return {
        "polite": f"{polite['answered']:,} of {polite['sent']:,} requests answered, "
                  f"half in {milliseconds(polite['median'])}, 99 % in {milliseconds(polite['p99'])}",
        "greedy": f"{arrived:,} of {greedy['sent']:,} datagrams arrived",
        "abuser": f"{abuser['guessed']:,} guesses let in, {abuser['refused']:,} times 429, "
                  f"{abuser['reset']:,} connections reset",
        "flood": "",
    }


class Show:
    def __init__(self, screen, seconds):
        self.screen = screen
        self.seconds = seconds
        self.flood = None

    def run(self):
        """True if everything held."""
        with Stage() as stage:
            self.screen.say(f"{MARGIN}setting the scene: five network namespaces, an API, Sluice in front of it")
            self.scene = Scene(stage)
            self.scene.open_api()
            with self.scene.protect():
                return self.play()

    def play(self):
        self.limits = {"known": limit_of(self.scene, address("greedy"), "packets"),
                       "guests": limit_of(self.scene, address("abuser"), "packets"),
                       "public": limit_of(self.scene, FORGED_FIRST, "connections")}
        try:
            self.watch()
        finally:
            self.screen.leave()
        return self.judge(*self.add_up())

    def watch(self):
        scene, start = self.scene, time.monotonic()
        scene.start_clients(self.seconds)
        before, looked, told, self.asked = scene.at_the_nic(), time.monotonic(), start, None
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if self.flood is None and now - start >= QUIET_SECONDS:
                self.flood = scene.start_flood(max(1, self.seconds - (now - start)))
            if self.asked is None and now - start >= self.seconds - ASK_SECONDS:
                self.asked = self.ask()
            if now - start >= self.seconds - LOOK_SECONDS:
                break
            if not self.screen.is_live and now - told < PLAIN_SECONDS:
                continue
            told, after, asked_at = now, scene.at_the_nic(), time.monotonic()
            self.draw(now - start, rates(before, after, asked_at - looked))
            looked, before = asked_at, after

    def draw(self, at, now):
        at = min(at, self.seconds)
        if self.screen.is_live:
            self.screen.redraw(live_lines(self.screen, at, self.seconds, now, TITLES,
                                          notes_of(self.scene)))
        else:
            self.screen.say(plain_line(at, {name: now[name] for name in CLIENTS}))

    def ask(self):
        """Who is stopped and why. Between two datagrams a token may come back: a few looks meet a refusal."""
        explain = ("explain", address("greedy"))
        for _ in range(EXPLAIN_TRIES):
            why = self.scene.ask(*explain)
            if "would be dropped" in why:
                break
        sources = ("sources", "--top", "4")
        columns = self.screen.width if self.screen.is_live else 0
        return [(sources, self.scene.ask(*sources, columns=columns)), (explain, why)]

    def add_up(self):
        """Rows and what the clients counted, once everybody has ended and everything has arrived."""
        scene = self.scene
        generated(self.flood)
        polite, greedy, abuser = (scene.parts[name].last_word() for name in ("polite", "greedy", "abuser"))
        self.settle()
        nic = scene.at_the_nic()
        rows = {name: Row(name, SENDS[name], scene.sent(name), nic[name]["passed"],
                          nic[name]["dropped"], self.limits[TIER_OF[name]]["text"],
                          nic[name]["mode"]) for name in CLIENTS}
        return (Polite(rows["polite"], polite["sent"], polite["answered"], polite["median"],
                       polite["p99"]),
                Greedy(rows["greedy"], scene.sink.said["arrived"], greedy["seconds"],
                       self.limits["known"]["rate"], self.limits["known"]["burst"]),
                Abuser(rows["abuser"], LOGINS_ALLOWED, scene.api.said["logins"], abuser["refused"],
                       abuser["reset"], [seconds_of(event) for event in self.events() if event["event"] == "banned"]),
                rows["flood"])

    def events(self):
        """What Sluice tells of the abuser, in order."""
        return [event for event in self.scene.sluice.ask("GET", "/v1/events?last=10000")
                if event["source"] == address("abuser")]

    def settle(self):
        """The last packets are counted a moment after they were sent; the sink speaks four times a second."""
        last = None

        def is_still():
            nonlocal last
            time.sleep(2 * LOOK_SECONDS)
            seen, last = last, (self.scene.at_the_nic(), self.scene.sink.said)
            return seen == last

        wait_for(is_still, "the last packets are counted")

    def judge(self, polite, greedy, abuser, flood):
        """Print it all; True if everything held."""
        screen, rows = self.screen, [polite.row, greedy.row, abuser.row, flood]
        head, *lines = table(rows)
        screen.say("", MARGIN + screen.paint(head, "strong"), *[MARGIN + line for line in lines],
                   MARGIN + screen.paint("packets: offered as their senders counted, passed and "
                                         "dropped as Sluice did", "dim"), "")
        verdicts = [check_polite(polite), check_greedy(greedy), check_abuser(abuser), check_mode(rows)]
        for check in verdicts:
            screen.say(f"{MARGIN}{screen.mark(check.holds)} {check.claim}",
                       f"{MARGIN}  {screen.paint(check.why, 'dim')}")
        self.tell_flood(flood)
        for command, answer in self.asked or ():
            screen.say("", MARGIN + screen.paint("$ sluice " + " ".join(command), "strong"),
                       *answer.rstrip().splitlines())
        self.tell_story()
        self.tell_next()
        return all(check.holds for check in verdicts)

    def tell_flood(self, flood):
        if not flood.offered:
            self.screen.say(f"{MARGIN}  the flood sent nothing")
            return
        sources = min(flood.offered, FORGED_SOURCES)
        self.screen.say(
            f"{MARGIN}  {100 * flood.dropped / flood.offered:.0f} % of the flood went no further than the NIC",
            MARGIN + "  " + self.screen.paint(
                f"{flood.offered / sources:.1f} packets from each of {sources:,} addresses, "
                f"{flood.passed / sources:.1f} of them passed", "dim"))

    def tell_story(self):
        """The first events of the abuser, as `sluice events` has them."""
        told = [line for line in self.scene.ask("events", "--last", "10000").splitlines()
                if f" {address('abuser')} " in line]
        self.screen.say("", MARGIN + self.screen.paint(f"$ sluice events | grep {address('abuser')}", "strong"),
                        *told[:EVENTS_OF_ABUSER])

    def tell_next(self):
        policy = POLICY_PATH.removeprefix(ROOT + "/")
        self.screen.say("", f"{MARGIN}The policy of this host: {policy}",
                        f"{MARGIN}Protect a real one:      make run IFACE=eth0 POLICY=docs/examples/minimal.yaml",
                        "")
