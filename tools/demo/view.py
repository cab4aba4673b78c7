# SPDX-License-Identifier: BSD-2-Clause
"""How the demonstration looks: redrawn in place on a terminal, plain lines elsewhere."""

import os
import shutil
import sys

WIDTH_MAX = 100
MARGIN = " "
COLUMN = 14
HEIGHT_MIN = 24  # the live view has to fit: what has scrolled away cannot be drawn over
CODES = {"good": "32", "bad": "31", "dim": "2", "strong": "1"}


def count(number):
    """A rate or count people can take in: 953, 9,120, 1.72 M."""
    if number >= 1e6:
        return f"{number / 1e6:.2f} M"
    return f"{number:,.0f}"


class Screen:
    """Knows what the output can show. NO_COLOR, TERM=dumb and pipes get none."""

    def __init__(self, out=sys.stdout):
        self.out = out
        size = shutil.get_terminal_size()
        self.is_live = (out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
                        and size.lines >= HEIGHT_MIN)
        self.has_colour = out.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
        self.has_unicode = (out.encoding or "").lower().replace("-", "") == "utf8"
        self.drawn = 0
        self.width = min(WIDTH_MAX, size.columns)
        self.is_hidden = False

    def paint(self, text, *styles):
        if not self.has_colour or not text:
            return text
        return f"\033[{';'.join(CODES[style] for style in styles)}m{text}\033[0m"

    def mark(self, holds):
        if self.has_unicode:
            return self.paint("✓", "good") if holds else self.paint("✗", "bad", "strong")
        return "ok  " if holds else "FAIL"

    def bar(self, passed, dropped, width):
        """Its whole width is what was offered, the first part of it what passed."""
        offered = passed + dropped
        if not offered:
            return self.paint(("·" if self.has_unicode else " ") * width, "dim")
        # Something that passed is seen, and so is something that was dropped.
        green = round(width * passed / offered)
        green = min(max(green, 1 if passed else 0), width - (1 if dropped else 0))
        full, light = ("█", "░") if self.has_unicode else ("#", ".")
        return self.paint(full * green, "good") + self.paint(light * (width - green), "bad")

    def say(self, *lines):
        for line in lines:
            print(line, file=self.out)
        self.out.flush()

    def redraw(self, lines):
        """Put lines where the last ones are. Nothing is wider than the terminal: a wrapped line would stay."""
        up = f"\033[{self.drawn}A" if self.drawn else ""
        if not self.is_hidden:
            up, self.is_hidden = "\033[?25l" + up, True
        self.out.write(up + "".join(f"\r\033[K{line}\n" for line in lines) + "\033[J")
        self.out.flush()
        self.drawn = len(lines)

    def leave(self):
        """What is drawn next goes below; the cursor is back."""
        if self.is_hidden:
            self.out.write("\033[?25h")
            self.out.flush()
        self.drawn, self.is_hidden = 0, False


def rates(before, after, seconds):
    """Packets a second by client between two looks."""
    return {name: {key: max(0, now[key] - before.get(name, now)[key]) / seconds
                   for key in ("passed", "dropped")} for name, now in after.items()}


def live_lines(screen, at, total, now, titles, notes):
    """The live view: now is rates(), titles and notes are texts by client."""
    wide = screen.width - len(MARGIN) - 1
    head = f"{'packets per second':<{wide - 2 * COLUMN}}{'passed':>{COLUMN}}{'dropped':>{COLUMN}}"
    clock = f"{at:4.1f} of {total:.0f} s"
    lines = ["", MARGIN + screen.paint("Sluice at work", "strong") + f"{clock:>{wide - 14}}", "",
             MARGIN + screen.paint(head, "dim")]
    for name, title in titles.items():
        rate = now.get(name, {"passed": 0, "dropped": 0})
        label = f"{name}  {title}"[:wide - 2 * COLUMN].ljust(wide - 2 * COLUMN)
        passed, dropped = f"{count(rate['passed']):>{COLUMN}}", f"{count(rate['dropped']):>{COLUMN}}"
        lines += [MARGIN + label.replace(name, screen.paint(name, "strong"), 1)
                  + screen.paint(passed, "good")
                  + (screen.paint(dropped, "bad") if rate["dropped"] else dropped),
                  MARGIN + screen.bar(rate["passed"], rate["dropped"], wide),
                  MARGIN + screen.paint(notes.get(name, "")[:wide], "dim"), ""]
    return lines[:-2]


def plain_line(at, now):
    """The same in one line, for a log."""
    parts = [f"{name} {count(rate['passed'])} passed {count(rate['dropped'])} dropped"
             for name, rate in now.items()]
    return f"{at:5.1f} s  packets/s: " + ", ".join(parts)
