#!/usr/bin/env python3
"""Takes one defence after the other out of the gateway and sees whether the tests notice.

Each mutant of gateway.toml is an edit of a copy of Sources. The gateway is built from the copy, and the tests that it
names run against that binary. A mutant that no test fails for has survived, and so has one that hides behind a test
that fails anyway: the tests are run against the unchanged binary first.

    mutants.py [NAME ...]      only the mutants whose name or fault begins so
"""
import os, pathlib, re, shutil, subprocess, sys, time, tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / ".build-mutants"
BINARY = COPY / ".build/debug/holdfast"


def run(command, directory, **environment):
    return subprocess.run(command, cwd=directory, env=os.environ | environment, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def copy_sources():
    COPY.mkdir(exist_ok=True)
    for name in ["Package.swift", "Package.resolved"]:
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, COPY / name)
    for name in ["Sources", "Tests"]:
        # Times are kept, so that only what a mutant changes is compiled again.
        run(["cp", "-a", "--update", "--no-target-directory", str(ROOT / name), str(COPY / name)], ROOT)


def build():
    result = run(["swift", "build", "--product", "holdfast"], COPY)
    return result.returncode == 0, result.stdout


def tests(pattern):
    """Whether any test ran, and whether one failed."""
    result = run(["swift", "test", "--skip-build", "--filter", pattern], ROOT, HOLDFAST_BINARY=str(BINARY))
    count = re.search(r"Test run with (\d+) test", result.stdout)
    return int(count[1]) if count else 0, result.returncode != 0


def edit(mutant):
    """Changes the copy; returns how to undo it."""
    before = {}
    for change in mutant["edits"]:
        path = COPY / "Sources" / change["file"]
        text = path.read_text()
        before.setdefault(path, text)
        if text.count(change["from"]) < 1:
            for path, text in before.items():
                path.write_text(text)
            raise SystemExit(f"{mutant['name']}: {change['file']} does not hold: {change['from']}")
        path.write_text(text.replace(change["from"], change["to"]))
    return before


def verdict(mutant):
    before = edit(mutant)
    try:
        built, output = build()
        if not built:
            errors = [line for line in output.splitlines() if "error:" in line]
            return "does not build: " + (errors or ["?"])[0]
        count, failed = tests(mutant["tests"])
        return "killed" if failed else f"SURVIVED {count} tests"
    finally:
        for path, text in before.items():
            path.write_text(text)


def main():
    mutants = tomllib.loads((ROOT / "Tests/Mutants/gateway.toml").read_text())["mutant"]
    wanted = sys.argv[1:]
    if wanted:
        mutants = [m for m in mutants if any(m["name"].startswith(w) or w in m["faults"] for w in wanted)]
    copy_sources()
    built, output = build()
    if not built:
        raise SystemExit(output[-2000:])
    killed, survivors = 0, []
    for mutant in mutants:
        begun = time.monotonic()
        outcome = verdict(mutant)
        if outcome == "killed":
            killed += 1
        else:
            survivors.append(mutant["name"])
        print(f"{outcome:10} {' '.join(mutant['faults']):14} {mutant['name']} ({time.monotonic() - begun:.0f} s)",
              flush=True)
    # A test that fails on the gateway as it is would kill anything.
    build()
    patterns = sorted({m["tests"] for m in mutants})
    sick = [pattern for pattern in patterns if (lambda found: found[0] == 0 or found[1])(tests(pattern))]
    faults = {fault for mutant in mutants for fault in mutant["faults"]}
    print(f"killed {killed} of {len(mutants)}, over {len(faults)} faults")
    for name in survivors:
        print(f"  survived: {name}")
    for pattern in sick:
        print(f"  fails without a mutant, or finds no test: {pattern}")
    sys.exit(1 if survivors or sick else 0)


main()
