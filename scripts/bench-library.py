#!/usr/bin/env python3
"""What the policies cost, from a module in plain Swift 6 and from one with upcoming features; fails if it is too much.

    bench-library.py FOLDER [--write]   FOLDER holds the programs plain and featured; --write sets the bounds anew

Calls that stay on one thread are compared by instructions, which callgrind counts and which are the same on every machine.
Calls that need other threads are compared by how many readings of the clock they take, in the same run. Nanoseconds and
allocations are printed; that a call allocates nothing is compared too. The bounds are in Benchmarks/library/bounds.json.
"""
import json, pathlib, re, subprocess, sys, tempfile

BOUNDS = pathlib.Path(__file__).resolve().parents[1] / "Benchmarks/library/bounds.json"
CALLS = 2000
# What a bound leaves room for when it is written: other versions of the compiler, and for times the machine's noise.
ROOM = {"instructions": lambda cost: 1.05 * cost + 1, "clock": lambda cost: 2 * cost + 1}


def timed(program):
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


def instructions(program):
    """Instructions for one call of each row."""
    with tempfile.TemporaryDirectory() as folder:
        # Valgrind cannot read Swift's debug information.
        subprocess.run(["objcopy", "--strip-debug", program, f"{folder}/program"], check=True)
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", f"{folder}/program"], check=True,
                       capture_output=True)
        found = {}
        for path in pathlib.Path(folder).iterdir():
            text = path.read_text(errors="replace")
            name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
            total = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
            if name and total:
                found[name[1]] = int(total[1]) / CALLS
        return found


def main():
    folder, write = pathlib.Path(sys.argv[1]), "--write" in sys.argv
    bounds = {} if write else json.loads(BOUNDS.read_text())
    missed, written = 0, {}
    for kind in ["plain", "featured"]:
        rows, counts = timed(folder / kind), instructions(folder / kind)
        clock = rows["a reading of the clock"]["nanoseconds"]
        print(f"\nfrom a {kind} module" + " " * 37 + "ns  allocations  cost")
        for name, row in rows.items():
            measure = row["measure"]
            cost = counts.get(name) if measure == "instructions" else row["nanoseconds"] / clock
            if cost is None:
                sys.exit(f"{name}: no instructions were counted; is valgrind's header installed?")
            # A few allocations are the runtime's own.
            allocates = row["allocations"] > 0.001
            unit = "instructions" if measure == "instructions" else "readings of the clock"
            written[f"{kind}: {name}"] = {"most": round(ROOM[measure](cost), 1), "unit": unit, "allocates": allocates}
            bound = bounds.get(f"{kind}: {name}", None if not write else written[f"{kind}: {name}"])
            good = bound is not None and cost <= bound["most"] and (bound["allocates"] or not allocates)
            missed += not good
            most = f"at most {bound['most']:g}" if bound else "no bound"
            print(f"{'ok    ' if good else 'MISSED'} {name:50} {row['nanoseconds']:8.1f} {row['allocations']:8.2f}  "
                  f"{cost:.0f} {unit} ({most})")
    if write:
        BOUNDS.write_text(json.dumps(written, indent=1) + "\n")
    gone = set(bounds) - set(written)
    if gone:
        sys.exit(f"there is a bound, but no row: {sorted(gone)}")
    print("\nall bounds kept" if not missed else f"\n{missed} missed")
    sys.exit(1 if missed else 0)


main()
