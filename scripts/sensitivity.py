"""How much the result of adaptive selection depends on what is assumed: plays the stress world with other weights, loads,
providers and estimates, and prints a table.

usage: sensitivity.py HOLDFAST WORLDS [SEEDS]    with the program, the folder of worlds, and seeds such as 1000..1001
"""
import copy
import json
import subprocess
import sys
import tempfile

program, worlds = sys.argv[1], sys.argv[2]
seeds = sys.argv[3] if len(sys.argv) > 3 else "1000..1001"
base = json.load(open(f"{worlds}/stress.json"))
base["scenarios"] = [scenario for scenario in base["scenarios"] if scenario["name"].startswith("s")]


def utility(key, factor):
    def change(world):
        world["utility"][key] *= factor
    return change


def load(factor):
    def change(world):
        for scenario in world["scenarios"]:
            scenario["arrival"]["base_rps"] *= factor
    return change


def prices(order):
    """Gives each provider the prices of another."""
    def change(world):
        pairs = [(p["price_in_per_mtok"], p["price_out_per_mtok"]) for p in world["providers"]]
        for provider, index in zip(world["providers"], order):
            provider["price_in_per_mtok"], provider["price_out_per_mtok"] = pairs[index]
    return change


def some(names):
    """Leaves only those providers, with the limits of all."""
    def change(world):
        kept = [p for p in world["providers"] if p["name"] in names]
        factor = sum(p["limit_rps"] for p in world["providers"]) / sum(p["limit_rps"] for p in kept)
        for provider in kept:
            for key in ["limit_rps", "limit_burst", "soft_concurrency"]:
                provider[key] *= factor
        world["providers"] = kept
        for scenario in world["scenarios"]:
            for incident in scenario["incidents"]:
                incident["providers"] = [n for n in incident["providers"] if n in names]
            scenario["incidents"] = [i for i in scenario["incidents"] if i["providers"]]
            overrides = scenario.get("provider_overrides", {})
            scenario["provider_overrides"] = {n: o for n, o in overrides.items() if n in names}
    return change


def estimates(deviation):
    """Answers are longer or shorter than expected by a factor of exp(deviation x z)."""
    def change(world):
        for scenario in world["scenarios"]:
            scenario["estimate_sigma"] = deviation
    return change


def twelve(world):
    """Each provider twice, the second one 10 % dearer and slower, with half of the limits each."""
    more = []
    for provider in world["providers"]:
        for key in ["limit_rps", "limit_burst"]:
            provider[key] = max(1, provider[key] / 2)
        other = copy.deepcopy(provider)
        other["name"] += "2"
        for key in ["price_in_per_mtok", "price_out_per_mtok", "ttft_median_s", "itl_median_s"]:
            other[key] *= 1.1
        more.append(other)
    world["providers"] += more


def nothing(world):
    pass


rows = [("as it is", nothing)]
rows += [(f"{what} x {f}", utility(key, f)) for what, key in [("quality", "quality_per_point"), ("latency", "latency_per_s"),
                                                              ("price", "cost_per_dollar")] for f in [0.5, 2]]
rows += [(f"load x {f}", load(f)) for f in [0.25, 2]]
rows += [("prices turned round", prices([5, 4, 3, 2, 1, 0])), ("prices shifted by one", prices([1, 2, 3, 4, 5, 0])),
         ("prices shifted by three", prices([3, 4, 5, 0, 1, 2])), ("three providers (atlas, cirrus, delta)", some({"atlas", "cirrus", "delta"})),
         ("three providers (borealis, cirrus, ember)", some({"borealis", "cirrus", "ember"})), ("twelve providers", twelve)]
rows += [(f"lengths of answers known to exp({d} z)", estimates(d)) for d in [0, 0.8]]

print("| | success | first try | $ for 1,000 | mean s | utility of the oracle's | oracle's success | litellm_shuffle: success, utility of the oracle's |")
print("|---|---|---|---|---|---|---|---|")
for name, change in rows:
    world = copy.deepcopy(base)
    change(world)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(world, file)
        file.flush()
        out = subprocess.run([program, "simulate", "--world", file.name, "--policy", "adaptive,litellm_shuffle,oracle_bid", "--seeds", seeds, "--json"],
                             capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"{name}: {out.stderr}")
    mean = {s["policy"]: {k: v["mean"] for k, v in s.items() if isinstance(v, dict)} for s in json.loads(out.stdout)["summary"]}
    own, other, best = mean["adaptive"], mean["litellm_shuffle"], mean["oracle_bid"]
    print(f"| {name} | {100 * own['success']:.2f} % | {100 * own['first_try']:.1f} % | {own['cost_per_1000']:.2f} | {own['latency_mean']:.2f} | "
          f"{100 * own['utility'] / best['utility']:.1f} % | {100 * best['success']:.2f} % | {100 * other['success']:.2f} %, {100 * other['utility'] / best['utility']:.1f} % |", flush=True)
