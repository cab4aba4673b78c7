# SPDX-License-Identifier: BSD-2-Clause
"""The one table: rows of measured figures, each beside the figure that is wanted."""

import statistics

COLUMNS = ("1", "65,536", "1,048,576", "ever new")
SOURCES = ("1", "65536", "1048576", "ever-new")


class Cell:
    """Medians of rounds, and what is wanted of them: at most, or at least."""

    def __init__(self, rounds, at_most=None, at_least=None, share=None, digits=0):
        self.value = statistics.median(rounds)
        self.at_most = at_most
        self.at_least = at_least
        self.share = share
        self.digits = digits

    def _number(self, value):
        return f"{value:,.{self.digits}f}"

    def _missed_by(self):
        """Percent of the wanted figure, or 0."""
        if self.at_most is not None and self.value > self.at_most:
            return 100 * (self.value / self.at_most - 1)
        if self.at_least is not None and self.value < self.at_least:
            return 100 * (1 - self.value / self.at_least)
        return 0

    def is_missed(self):
        return self._missed_by() > 0

    def text(self):
        text = self._number(self.value)
        wanted = self.at_most if self.at_most is not None else self.at_least
        if wanted is None:
            return text
        sign = "<=" if self.at_most is not None else ">="
        mark = f"MISSED by {self._missed_by():.0f} %" if self.is_missed() else "ok"
        return f"{text} ({sign} {self._number(wanted)} {mark})"


def percent(share):
    if share is None:
        return "-"
    return "100" if share > 0.9995 else "0" if share < 0.0005 else f"{100 * share:.1f}"


class Table:
    """Sections of rows; prints itself as aligned Markdown."""

    def __init__(self, columns=COLUMNS, last="% of packets with the row's verdict"):
        self.head = ("", *columns, *([last] if last else []))
        self.columns = len(columns)
        self.has_shares = last is not None
        self.lines = []
        self.cells = []

    def section(self, title):
        self.lines.append((f"**{title}**", *[""] * (len(self.head) - 1)))

    def row(self, name, cells, shares=True):
        """cells: a Cell, None (not measured) or a word for each column."""
        self.cells += [cell for cell in cells if isinstance(cell, Cell)]
        texts = [
            cell.text() if isinstance(cell, Cell) else "-" if cell is None else cell
            for cell in cells]
        texts += [""] * (self.columns - len(texts))
        if not self.has_shares:
            self.lines.append((name, *texts))
            return
        shares = shares and any(isinstance(cell, Cell) for cell in cells)
        verdict = [percent(cell.share) if isinstance(cell, Cell) else "-" for cell in cells]
        self.lines.append((name, *texts, " / ".join(verdict) if shares else ""))

    def single(self, name, cell):
        """A figure that has nothing to do with how many sources there are."""
        self.row(name, (cell,), shares=False)

    def markdown(self):
        if not self.lines:
            return ""
        lines = [self.head, *self.lines]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]

        def one(line):
            first = line[0].ljust(widths[0])
            rest = (text.rjust(width) for text, width in zip(line[1:], widths[1:]))
            return "| " + " | ".join((first, *rest)) + " |"

        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([one(lines[0]), rule, *map(one, lines[1:])]) + "\n"


def summary(tables):
    wanted = [cell for table in tables for cell in table.cells
              if cell.at_most is not None or cell.at_least is not None]
    missed = sum(cell.is_missed() for cell in wanted)
    return f"{len(wanted) - missed} of {len(wanted)} wanted figures are reached.\n"
