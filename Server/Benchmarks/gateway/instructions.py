#!/usr/bin/env python3
"""instructions.py BINARY [NAME...]: counts the instructions of each scenario of instructions.json, or of those that are named,
prints them beside their goals and fails if one is missed. A scenario with `above` counts what it costs more than that one."""
import json, os, pathlib, re, subprocess, sys

here = pathlib.Path(__file__).resolve().parent
scenarios = json.loads((here / "instructions.json").read_text())
binary, names = sys.argv[1], sys.argv[2:] or [scenario["name"] for scenario in scenarios]
bases = {scenario.get("above") for scenario in scenarios if scenario["name"] in names}
counts, missed = {}, 0


def count(scenario):
    done = subprocess.run([here / "instructions.sh", binary, scenario["what"]], env={**os.environ, **scenario.get("with", {})},
                          stdout=subprocess.PIPE, text=True)
    found = re.search(r": (\d+) instructions each", done.stdout)
    if done.returncode or not found:
        sys.exit(f"{scenario['name']} could not be counted: {done.stdout[-300:]}")
    return int(found[1])


print("| instructions | measured | goal | |\n|---|---|---|---|", flush=True)
for scenario in scenarios:
    name, base, goal = scenario["name"], scenario.get("above"), scenario["goal"]
    if name not in names and name not in bases:
        continue
    counts[name] = count(scenario)
    measured = counts[name] - (counts[base] if base else 0)
    missed += measured > goal
    print(f"| {name}{f', more than {base}' if base else ''} | {measured:,} | {goal:,} | "
          f"{'missed' if measured > goal else 'met'} |", flush=True)
sys.exit(1 if missed else 0)
