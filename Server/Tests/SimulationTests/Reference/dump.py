"""Writes down what the reference of the format selection-world/1 does, for ReferenceTests.swift to compare with.

usage: dump.py FOLDER_OF_WORLD_PY WORLDS_FOLDER OUTPUT_FOLDER

For each scenario and the seeds 1000 and 1003: how many requests arrive, the first three and the last two of them, and
what a fixed schedule of attempts comes to. The schedule: in the order of arrivals, request i is tried at provider
p = i mod N at its arrival, after the attempts in flight at p were set to 7i mod 64; if 5 divides i, it is tried there
once more at the same time. Written are every 200th attempt with 11 digits, the number of attempts of each kind, and
the sums over all attempts of what is finite, with all digits.
"""
import json
import math
import sys

sys.path.insert(0, sys.argv[1])
import world as reference

KINDS = ["429", "5xx", "hang", "bad", "ok", "qfail"]


def brief(number):
    if math.isinf(number):
        return -1
    short = float("%.11g" % number)
    return int(short) if short == int(short) else short


def attempts(world, requests):
    for request in requests:
        provider = request.i % len(world.P)
        world.infl[provider] = 7 * request.i % 64
        for _ in range(2 if request.i % 5 == 0 else 1):
            yield world.attempt(request, provider, request.t)


def run(document, scenario, seed):
    world = reference.World(document, scenario, seed)
    requests = world.arrivals()
    counts, sums, samples = [0] * len(KINDS), [0.0] * 4, []
    for number, (kind, *figures) in enumerate(attempts(world, requests)):
        counts[KINDS.index(kind)] += 1
        for index, figure in enumerate(figures):
            if math.isfinite(figure):
                sums[index] += figure
        if number % 200 == 0:
            samples.append([KINDS.index(kind)] + [brief(figure) for figure in figures])
    shown = requests[:3] + requests[-2:]
    return {
        "scenario": scenario["name"],
        "seed": seed,
        "arrivals": len(requests),
        "requests": [[q.i, q.t, q.tin, q.tout, q.hat, int(q.bad)] for q in shown],
        "counts": counts,
        "sums": sums,
        "samples": samples,
    }


for name in ["stress", "adversarial"]:
    with open(f"{sys.argv[2]}/{name}.json") as file:
        document = json.load(file)
    runs = [run(document, s, seed) for s in document["scenarios"] for seed in (1000, 1003)]
    with open(f"{sys.argv[3]}/{name}.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in runs) + "\n]\n")
