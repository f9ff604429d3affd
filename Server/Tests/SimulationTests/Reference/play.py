"""Writes down what the reference's client and two of its policies do, for PlayTests.swift to compare with.

usage: play.py FOLDER_OF_WORLD_PY WORLDS_FOLDER OUTPUT_FOLDER

primary_secondary.json: each request of the first scenario with the seed 1000 under that policy, which draws no chance
there: whether it succeeded, its attempts, its latency and its cost. baselines.json: for two policies and each scenario,
means over the seeds 1000 to 1005 of the success, the latency of successes and the cost of 1,000 of them.
"""
import json
import sys

sys.path.insert(0, sys.argv[1])
import policies
import run
import world as reference


class Watched(policies.PrimarySecondary):
    """Keeps the requests and how the last attempt of each ended."""

    def init(self):
        super().init()
        self.seen = {}

    def on_dispatch(self, time, provider, request, attempt):
        self.seen[request.i] = [request, None, None]
        super().on_dispatch(time, provider, request, attempt)

    def on_result(self, time, provider, request, kind, *rest):
        self.seen[request.i][1:] = [kind, time]
        super().on_result(time, provider, request, kind, *rest)


def requests(document, scenario):
    policy = Watched(1000)
    reference.simulate(reference.World(document, scenario, 1000), policy, document["deadline_s"])
    for number in sorted(policy.seen):
        request, kind, time = policy.seen[number]
        latency = min(time - request.t, document["deadline_s"])
        yield [int(kind == "ok"), request.n, float("%.13g" % latency), float("%.13g" % request.cost)]


def mean(rows, key):
    return float("%.9g" % (sum(row[key] for row in rows) / len(rows)))


def baselines(document):
    for scenario in document["scenarios"]:
        for policy in [policies.PrimarySecondary, policies.LiteLLM]:
            rows = [run.one(document, scenario, seed, policy) for seed in range(1000, 1006)]
            yield [policy.name, scenario["name"], mean(rows, "succ"), mean(rows, "mean"), mean(rows, "cps")]


worlds = {name: json.load(open(f"{sys.argv[2]}/{name}.json")) for name in ["stress", "adversarial"]}
with open(f"{sys.argv[3]}/primary_secondary.json", "w") as file:
    json.dump(list(requests(worlds["stress"], worlds["stress"]["scenarios"][0])), file, separators=(",", ":"))
with open(f"{sys.argv[3]}/baselines.json", "w") as file:
    rows = [row for name in worlds for row in baselines(worlds[name])]
    file.write("[" + ",\n".join(json.dumps(row) for row in rows) + "]\n")
