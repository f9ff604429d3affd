#!/usr/bin/env python3
"""Takes one line of defence after the other out of the code and sees whether the tests notice.

    mutants.py gateway [NAME ...]     gateway.toml: the gateway, whose tests run the binary; takes half an hour
    mutants.py library [NAME ...]     library.toml: the library in a package of its own
    mutants.py decisions [NAME ...]   decisions.toml: what decides for the gateway, in a package of its own
    mutants.py connections [NAME ...] connections.toml: callers and providers on the wire, in a package of its own
    mutants.py KIND --check           only whether the list fits the sources
    NAME   only the mutants whose name or fault begins so, or whose file holds it

Each mutant is an edit of a copy of the sources, which is built, and the tests that it names run against it. A mutant
that no test fails for lives, and so does one that hides behind a test that fails anyway: the same tests run without a
mutant too. `[[equivalent]]` lists edits that change nothing that anybody could see, with the reason; they are not run.
"""
import os, pathlib, re, shutil, sys, time, tomllib
from scratch import CONNECTIONS, DECISIONS, LIBRARY, ROOT, copy_targets, run

COPIES = ROOT / ".build-mutants"


class Gateway:
    copy = COPIES
    # The folders of targets.
    sources = [COPIES / "Server/Sources", COPIES / "Sources"]
    binary = COPIES / "Server/.build/debug/holdfast"
    patience = None

    def prepare(self):
        (self.copy / "Server").mkdir(parents=True, exist_ok=True)
        for package in ["", "Server/"]:
            for name in ["Package.swift", "Package.resolved"]:
                if (ROOT / package / name).exists():
                    shutil.copy2(ROOT / package / name, self.copy / package / name)
            for name in ["Sources", "Tests"]:
                # Times are kept, so that only what a mutant changes is compiled again.
                run(["cp", "-a", "--update", "--no-target-directory", str(ROOT / package / name),
                     str(self.copy / package / name)], ROOT)

    def build(self):
        return run(["swift", "build", "--package-path", "Server", "--product", "holdfast"], self.copy)

    def test(self, patterns, limit=None):
        filters = [word for pattern in patterns for word in ("--filter", pattern)]
        return run(["swift", "test", "--package-path", "Server", "--skip-build", *filters], ROOT, limit,
                   HOLDFAST_BINARY=str(self.binary))


class Library:
    copy = COPIES / "library"
    folders = LIBRARY
    package = "."
    sources = [copy / "Sources/Resilience"]
    patience = int(os.environ.get("PATIENCE", "20"))  # seconds for the tests of one mutant, which need a few
    jobs = os.environ.get("JOBS", "2")

    def prepare(self):
        self.copy.mkdir(parents=True, exist_ok=True)
        copy_targets(self.folders, self.copy)

    def build(self):
        return run(["swift", "build", "--build-tests", "-j", self.jobs], self.copy / self.package)

    def test(self, patterns, limit=None):
        filters = [word for pattern in patterns for word in ("--filter", pattern)]
        # Few seeds: a mutant that only one in hundreds shows is one for a test of its own.
        return run(["swift", "test", "--skip-build", "--disable-xctest", *filters], self.copy / self.package, limit,
                   HOLDFAST_SEEDS="50")


class Decisions(Library):
    copy = COPIES / "decisions"
    folders = DECISIONS
    package = "Server"
    sources = [copy / "Server/Sources", copy / "Sources"]


class Connections(Decisions):
    copy = COPIES / "connections"
    folders = CONNECTIONS
    patience = 90
    sources = [copy / "Server/Sources", copy / "Sources"]


def edits(mutant):
    return mutant.get("edits") or [{key: mutant[key] for key in ["file", "from", "to"]}]


def edited(target, mutant):
    """What the files hold without the mutant and with it."""
    before, after = {}, {}
    for change in edits(mutant):
        path = next((folder / change["file"] for folder in target.sources if (folder / change["file"]).exists()),
                    target.sources[0] / change["file"])
        text = after.get(path) or path.read_text()
        before.setdefault(path, text)
        if change["from"] not in text:
            raise SystemExit(f"{mutant['name']}: {change['file']} does not hold: {change['from']}")
        after[path] = text.replace(change["from"], change["to"])
    return before, after


def put(files):
    for path, text in files.items():
        path.write_text(text)


def tests_run(output):
    """How many tests ran; None if the process ended before it said so."""
    counts = [int(count) for count in re.findall(r"Test run with (\d+) test", output)]
    return sum(counts) if counts else None


def verdict(target, mutant):
    before, after = edited(target, mutant)
    put(after)
    try:
        code, output = target.build()
        if code != 0:
            errors = [line for line in output.splitlines() if "error:" in line]
            return "does not build: " + (errors or ["?"])[0]
        code, output = target.test([mutant["tests"]], target.patience)
        if code is None:
            return "killed, hangs"
        if tests_run(output) == 0:
            return "finds no test"
        return "killed" if code != 0 else "alive"
    finally:
        put(before)


def passes(target, patterns):
    code, output = target.test(patterns)
    return code == 0 and bool(tests_run(output))


def main():
    kind, wanted = (sys.argv[1:2] or ["library"])[0], sys.argv[2:]
    target = {"gateway": Gateway, "library": Library, "decisions": Decisions, "connections": Connections}[kind]()
    listed = tomllib.loads((ROOT / f"Tests/Mutants/{kind}.toml").read_text())
    mutants = listed["mutant"]
    target.prepare()
    for mutant in mutants + listed.get("equivalent", []):
        edited(target, mutant)
    if wanted == ["--check"]:
        return print(f"{len(mutants)} mutants fit the sources")
    if wanted:
        mutants = [m for m in mutants
                   if any(m["name"].startswith(w) or w in m.get("faults", []) or
                          any(w in edit["file"] for edit in edits(m)) for w in wanted)]
    code, output = target.build()
    if code != 0:
        raise SystemExit(output[-2000:])
    # A test that fails on the code as it is would kill anything.
    patterns = sorted({m["tests"] for m in mutants})
    sick = [] if passes(target, patterns) else [p for p in patterns if not passes(target, [p])]
    start = time.monotonic()
    killed, others = 0, [f"its tests fail without it: {m['name']}" for m in mutants if m["tests"] in sick]
    mutants = [m for m in mutants if m["tests"] not in sick]
    for mutant in mutants:
        begun = time.monotonic()
        outcome = verdict(target, mutant)
        killed += outcome.startswith("killed")
        if not outcome.startswith("killed"):
            others.append(f"{outcome}: {mutant['name']}")
        place = " ".join(mutant.get("faults", [edits(mutant)[0]["file"]]))
        print(f"{outcome:8} {place}: {mutant['name']} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"killed {killed} of {len(mutants)} in {(time.monotonic() - start) / 60:.0f} minutes")
    for other in others:
        print(f"  {other}")
    sys.exit(1 if others else 0)


main()
