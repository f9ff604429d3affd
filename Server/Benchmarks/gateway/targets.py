#!/usr/bin/env python3
"""targets.py RESULTS: compares a run with the targets, prints each, and fails if one is missed."""
import json, sys

rows = {row["name"]: row for row in json.load(open(sys.argv[1]))}
results = {name: row for name, row in rows.items() if "failed" not in row}
ours = results.get("ours")
if not ours:
    sys.exit("holdfast was not measured")
missed = 0


def best(name):
    row = results.get(name)
    return max(value["rps"] for key, value in row.items() if key.startswith("json_c")) if row else None


def at(name, key, figure):
    return (results.get(name) or {}).get(key, {}).get(figure)


def check(what, value, bound, at_least, unit=""):
    global missed
    good = value is not None and (value >= bound if at_least else value <= bound)
    missed += not good
    shown = "not measured" if value is None else f"{value:,.2f}{unit}"
    print(f"{'ok    ' if good else 'MISSED'} {what}: {shown} ({'at least' if at_least else 'at most'} {bound:g}{unit})")


def ratio(a, b):
    return a / b if a and b else None


ours_64 = at("ours", "json_c64", "rps")
check("JSON at 64 connections / nginx, median of pairs", rows.get("pairs", {}).get("rps"), 0.33, True)
check("JSON / TensorZero (its best)", ratio(ours_64, best("tensorzero")), 2, True)
check("JSON / LiteLLM (its best)", ratio(ours_64, best("litellm")), 100, True)
check("streaming burst: CPU per chunk / nginx", ratio(at("ours", "sse_burst", "us_per_chunk"), at("nginx", "sse_burst", "us_per_chunk")), 1.35, False)
added = at("ours", "lat_open", "p50") - at("direct", "lat_open", "p50") if "direct" in results else None
check("added latency p50 at 2,000 req/s", added, 250, False, " µs")
check("idle memory", ours.get("rss_idle"), 40, False, " MB")
check("memory with 1,000 open streams", ours.get("rss_1k_streams"), 120, False, " MB")
check("ready after start", ours.get("cold_ms"), 150, False, " ms")
bad = sum(value["bad"] + value["errs"] for value in ours.values() if isinstance(value, dict))
check("wrong or failed answers", bad, 0, False)
sys.exit(1 if missed else 0)
