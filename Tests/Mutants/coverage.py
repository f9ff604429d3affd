#!/usr/bin/env python3
"""How much of the library its tests run: the files below 90 % of their lines, and the total, which must be 95 % or more.

The simulations by seeds are left out: they are slow when counted, and what they run, the other tests run too.
"""
import os, pathlib, shutil, sys
from scratch import LIBRARY, ROOT, copy_targets, run

COPY = ROOT / ".build-coverage"
FILES, TOTAL = 90, 95
LEFT_OUT = r"^ResilienceTests\.(ScenarioTests|SimulationTests|PlantedMistakesTests)"


def checked(command):
    code, output = run(command, COPY)
    if code != 0:
        raise SystemExit(output[-4000:])
    return output


def rows(report):
    """The name, the lines, and how many of them were missed, of each row of llvm-cov's table."""
    for line in report.splitlines():
        words = line.split()
        if len(words) >= 10 and words[7].isdigit() and words[8].isdigit():
            yield words[0], int(words[7]), int(words[8])


def main():
    COPY.mkdir(exist_ok=True)
    copy_targets(LIBRARY, COPY)
    checked(["swift", "build", "--build-tests", "--enable-code-coverage", "-j", os.environ.get("JOBS", "2")])
    checked(["swift", "test", "--skip-build", "--enable-code-coverage", "--disable-xctest", "--skip", LEFT_OUT])
    products = COPY / ".build/debug"
    binary, = products.glob("*PackageTests.xctest")
    # Another version, such as the system's, does not read what this compiler counted.
    tool = pathlib.Path(shutil.which("swift")).resolve().parent / "llvm-cov"
    report = checked([str(tool), "report", str(binary), f"-instr-profile={products}/codecov/default.profdata",
                      r"-ignore-filename-regex=(\.build/|Tests/|ResilienceTesting/)"])
    share = 0.0
    for name, lines, missed in rows(report):
        share = 100 * (lines - missed) / max(1, lines)
        if name == "TOTAL" or share < FILES:
            print(f"{share:6.2f} %  {missed:4} of {lines:5} lines missed  {name}")
    if share < TOTAL:
        sys.exit(f"less than {TOTAL} %")


main()
