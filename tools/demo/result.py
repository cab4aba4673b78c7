# SPDX-License-Identifier: BSD-2-Clause
"""What was measured, and whether it is what was promised. Pure: numbers in, lines out."""

from dataclasses import dataclass

TOLERANCE = 0.02  # how far from its limit the greedy client may end
ENOUGH = 2  # times what is allowed have to be offered, or the limit was not tried


@dataclass
class Row:
    """One client: packets offered where they were sent, passed and dropped as Sluice counted them."""

    name: str
    sends: str
    offered: int
    passed: int
    dropped: int
    limit: str
    mode: str


@dataclass
class Polite:
    row: Row
    sent: int
    answered: int
    median: float  # seconds an answer took; None where there was none
    p99: float


@dataclass
class Greedy:
    row: Row
    arrived: int  # sequence numbers seen by a socket of the host
    seconds: float  # from its first to its last datagram
    rate: float
    burst: float


@dataclass
class Abuser:
    row: Row
    limit: int  # guesses that are let in
    reached: int  # guesses seen by the API
    refused: int  # answers 429
    reset: int  # connections
    bans: list  # seconds, as Sluice told them


@dataclass
class Check:
    holds: bool
    claim: str
    why: str


def allowed(greedy):
    return greedy.burst + greedy.rate * greedy.seconds


def milliseconds(seconds):
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def check_polite(polite):
    answers = f"{polite.answered:,} of {polite.sent:,} requests answered"
    if polite.sent == 0:
        return Check(False, "polite sent nothing", "so nothing is shown")
    if polite.answered != polite.sent or polite.row.dropped or polite.row.passed != polite.row.offered:
        return Check(False, "polite lost something",
                     f"{answers}, {polite.row.dropped:,} of {polite.row.offered:,} packets dropped by Sluice")
    return Check(True, "polite lost nothing",
                 f"{answers}, half in {milliseconds(polite.median)}, 99 % in {milliseconds(polite.p99)}")


def check_greedy(greedy):
    may = allowed(greedy)
    share = greedy.arrived / may - 1
    is_off = max(abs(greedy.arrived - may), abs(greedy.row.passed - may)) > TOLERANCE * may
    total = (f"{greedy.burst:,.0f} + {greedy.rate:,.0f}/s x {greedy.seconds:.3f} s = {may:,.0f} allowed, "
             f"{greedy.arrived:,} arrived ({share * 100:+.2f} %)")
    if greedy.row.offered < ENOUGH * may:
        return Check(False, "greedy did not try its limit", f"{greedy.row.offered:,} packets offered; {total}")
    if is_off:
        return Check(False, "greedy did not get its limit", f"{total}, Sluice passed {greedy.row.passed:,}")
    return Check(True, "greedy got its limit", total)


def check_abuser(abuser):
    seen = (f"{abuser.reached} of {abuser.limit} guesses allowed reached the API, {abuser.refused:,} times 429, "
            f"{abuser.reset} connections reset, {abuser.row.dropped:,} packets dropped")
    if abuser.reached > abuser.limit:
        return Check(False, "the abuser got more than its limit", seen)
    if not abuser.bans or not abuser.row.dropped:
        return Check(False, "the abuser was not stopped at the NIC", seen)
    spans = ", then ".join(f"{seconds:.0f} s" for seconds in abuser.bans)
    if any(after < 2 * before for before, after in zip(abuser.bans, abuser.bans[1:])):
        return Check(False, "a ban was no longer than the one before", spans)
    return Check(True, f"the abuser was banned for {spans}", seen)


def check_mode(rows):
    others = [f"{row.name}: {row.mode}" for row in rows if row.mode != "native"]
    if others:
        return Check(False, "Sluice was not attached natively", ", ".join(others))
    return Check(True, "Sluice was attached natively", "to each of the four interfaces")


HEAD = ("client", "sends", "offered", "passed", "dropped", "rate + burst", "mode")
NUMBERS = (2, 3, 4)


def table(rows):
    """Lines of the table; the second line is a rule."""
    cells = [HEAD] + [(row.name, row.sends, f"{row.offered:,}", f"{row.passed:,}", f"{row.dropped:,}",
                       row.limit, row.mode) for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    lines = []
    for line in cells:
        padded = [cell.rjust(width) if i in NUMBERS else cell.ljust(width)
                  for i, (cell, width) in enumerate(zip(line, widths))]
        lines.append("  ".join(padded).rstrip())
    return lines
