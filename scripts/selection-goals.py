"""Checks what `holdfast simulate` found against the goals of adaptive selection; exits with 1 if one is missed.

usage: selection-goals.py FOLDER    with stress.json, adversarial.json and stress-quality.json, which are the outputs of
`holdfast simulate --policy all --json`, the last one with `--policy adaptive --prefer quality`
"""
import json
import math
import sys

ORACLES = {"oracle_state", "oracle_bid", "relaxed_bound"}
folder = sys.argv[1]
rows = {name: json.load(open(f"{folder}/{name}.json"))["rows"] for name in ["stress", "adversarial", "stress-quality"]}
missed = 0


def of(world, policy="adaptive", kind="s", blackout=False):
    return [
        row for row in rows[world]
        if row["policy"] == policy and row["scenario"].startswith(kind) and ("blackout" in row["scenario"]) == blackout
    ]


def mean(some, key):
    known = [row[key] for row in some if row[key] is not None]
    return sum(known) / len(known)


def pooled(some, key, weight="recoveries"):
    known = [row for row in some if row[key] is not None]
    return sum(row[key] * row[weight] for row in known) / sum(row[weight] for row in known)


def oracle(world, kind="s"):
    """The mean utility as a share of the oracle's, blackouts included."""
    chosen = [r for r in rows[world] if r["policy"] == "adaptive" and r["scenario"].startswith(kind)]
    best = [r for r in rows[world] if r["policy"] == "oracle_bid" and r["scenario"].startswith(kind)]
    return mean(chosen, "utility") / mean(best, "utility")


def goal(what, measured, at_least=None, at_most=None, percent=True):
    global missed
    is_met = (at_least is None or measured >= at_least) and (at_most is None or measured <= at_most)
    missed += not is_met
    show = (lambda x: f"{100 * x:.2f} %") if percent else (lambda x: f"{x:.3f}")
    wanted = f">= {show(at_least)}" if at_least is not None else f"<= {show(at_most)}"
    print(f"| {what} | {wanted} | {show(measured)} | {'met' if is_met else '**missed**'} |")


stress, weeks, adversarial = of("stress"), of("stress", kind="w"), of("adversarial")
print("| goal | wanted | measured | |\n|---|---|---|---|")
goal("success, stress, mean", mean(stress, "success"), at_least=0.999)
goal("success, worst single run without a blackout", min(r["success"] for r in stress + adversarial), at_least=0.997)
goal("success, weeks", mean(weeks, "success"), at_least=0.9995)
for name in sorted({r["scenario"] for r in of("adversarial", blackout=True)}):
    mine = mean([r for r in of("adversarial", blackout=True) if r["scenario"] == name], "success")
    best = mean([r for r in of("adversarial", "oracle_bid", blackout=True) if r["scenario"] == name], "success")
    goal(f"success, {name}", mine, at_least=best - 0.005)
for name, some in [("stress", stress), ("weeks", weeks), ("adversarial", adversarial)]:
    goal(f"recovered after a failed attempt, {name}", pooled(some, "recovered"), at_least=0.98)
    goal(f"failover within 5 s, {name}", pooled(some, "failover_under_5s"), at_least=0.99)
goal("failover p99 in seconds, mean", mean(stress + weeks + adversarial, "failover_p99"), at_most=5, percent=False)
by_scenario = {}
for row in stress + weeks + adversarial:
    by_scenario.setdefault(row["scenario"], []).append(row)
goal("failover p99 in seconds, worst scenario", max(mean(v, "failover_p99") for v in by_scenario.values()), at_most=5, percent=False)
goal("first try, stress", mean(stress, "first_try"), at_least=0.97)
goal("first try, adversarial", mean([r for r in rows["adversarial"] if r["policy"] == "adaptive"], "first_try"), at_least=0.96)
for key, rival, most in [("cost_per_1000", "primary_secondary", -0.5), ("latency_mean", "primary_secondary", -0.3),
                         ("latency_mean", "litellm_shuffle", -0.4)]:
    goal(f"{key} against {rival}, stress", mean(stress, key) / mean(of("stress", rival), key) - 1, at_most=most)
quality = of("stress-quality")
goal("mean quality with --prefer quality, stress", mean(quality, "quality"), at_least=8.95, percent=False)
goal("its cost_per_1000 against primary_secondary",
     mean(quality, "cost_per_1000") / mean(of("stress", "primary_secondary"), "cost_per_1000") - 1, at_most=-0.3)
goal("utility of the oracle's, stress", oracle("stress"), at_least=0.985)
goal("utility of the oracle's, weeks", oracle("stress", "w"), at_least=0.99)
goal("utility of the oracle's, adversarial", oracle("adversarial"), at_least=0.97)
own = {(w, r["scenario"], r["seed"]): r["utility"] for w in ["stress", "adversarial"] for r in rows[w] if r["policy"] == "adaptive"}
worst, count = (1.0, ""), len(own)
for rival in sorted({r["policy"] for r in rows["stress"]} - ORACLES - {"adaptive"}):
    gains = [own[w, r["scenario"], r["seed"]] - r["utility"] for w in ["stress", "adversarial"] for r in rows[w] if r["policy"] == rival]
    won = sum(gain > 0 for gain in gains) / len(gains)
    average = sum(gains) / len(gains)
    spread = math.sqrt(sum((g - average) ** 2 for g in gains) / (len(gains) - 1) / len(gains))
    worst = min(worst, (won, rival))
    if average - 1.96 * spread <= 0:
        goal(f"utility above {rival}: lower end of the 95 % interval", average - 1.96 * spread, at_least=0, percent=False)
goal(f"utility above each baseline, of {count} paired worlds (least: {worst[1]})", worst[0], at_least=0.98)
everything = [r for w in ["stress", "adversarial"] for r in rows[w] if r["policy"] == "adaptive"]
goal("attempts for each request, mean", mean(everything, "amplification"), at_most=1.06, percent=False)
goal("attempts for each request, worst run", max(r["amplification"] for r in everything), at_most=1.15, percent=False)
goal("hedges for each request", mean(everything, "hedged"), at_most=0.02)
goal("refusals by a rate limit for each request", mean(everything, "rate_limited"), at_most=0.002)
print(f"\n{missed} missed")
sys.exit(1 if missed else 0)
