"""The table that a measuring program prints, and whether its goals were reached."""
import datetime
import subprocess
import sys

from gateway import BINARY, ROOT


class Goals:
    def __init__(self, title):
        self._rows = []
        self._title = title

    def figure(self, what, value, unit="", at_most=None, at_least=None):
        """Notes a figure and, if there is one, its goal."""
        goal = f"<= {at_most:g}" if at_most is not None else f">= {at_least:g}" if at_least is not None else ""
        met = value is not None and (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
        shown = f"{value:.2f}" if isinstance(value, float) else str(value)
        known = value is not None and value != float("inf")
        self._rows.append((
            what, f"{shown} {unit}".strip() if known else "none", f"{goal} {unit}".strip() if goal else "",
            ("met" if met else "MISSED") if goal else ""))

    def finish(self):
        """Prints the table and ends the program: 1 if a goal was missed."""
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        print(f"{self._title}\n{BINARY}, {datetime.date.today()}, commit {commit.stdout.strip()}\n")
        rows = [("what", "figure", "goal", ""), *self._rows]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        missed = sum(row[3] == "MISSED" for row in self._rows)
        print(f"\n{missed} of {sum(bool(row[3]) for row in self._rows)} goals missed")
        sys.exit(1 if missed else 0)
