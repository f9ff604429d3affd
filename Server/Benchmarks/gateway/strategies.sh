#!/bin/bash
# strategies.sh BINARY: the throughput of an adaptive route beside a priority one, in pairs one after the other, on one
# processor, with a provider that answers at once on the other. Prints the medians of the ratios; fails below 0.95.
# ROUNDS (default 15) and SECS (default 1) say how long.
set -eu
cd "$(dirname "$0")"
binary=$1 rounds=${ROUNDS:-15} seconds=${SECS:-1} work=$(mktemp -d)
[ -x fakeup ] || gcc -O2 -o fakeup fakeup.c
[ -x gwload ] || gcc -O2 -w -o gwload gwload.c
targets='targets: [ { provider: u1, model: fake-0 }, { provider: u2, model: fake-0 }, { provider: u3, model: fake-0 } ]'
{
    echo 'server: { host: 127.0.0.1, port: 18095, threads: 1 }'
    echo 'logging: { level: warning, access: false }'
    echo 'providers:'
    for name in u1 u2 u3; do
        echo "  $name: { kind: openai, base_url: \"http://127.0.0.1:19011/v1\", api_key: none }"
    done
    echo 'models:'
    for manner in auto plain; do
        echo "  priority-$manner: { strategy: priority, whole_answers: $manner, $targets }"
        echo "  adaptive-$manner: { strategy: adaptive, whole_answers: $manner, $targets }"
        echo "  unhedged-$manner: { strategy: adaptive, hedge: false, whole_answers: $manner, $targets }"
    done
} > "$work/holdfast.yaml"
taskset -c 1 ./fakeup 19011 > /dev/null & up=$!
taskset -c 0 "$binary" serve --config "$work/holdfast.yaml" > "$work/log" 2>&1 & gateway=$!
trap 'kill $up $gateway 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 50); do curl -sf http://127.0.0.1:18095/readyz > /dev/null && break; sleep 0.1; done
python3 - "$rounds" "$seconds" <<'PYTHON'
import json, statistics, subprocess, sys

rounds, seconds = int(sys.argv[1]), sys.argv[2]


def rate(model, *more):
    out = subprocess.run(
        ["taskset", "-c", "1", "./gwload", "-u", "127.0.0.1:18095", "-p", "/v1/chat/completions", "-m", model,
         "-c", "64", "-d", seconds, "-w", "0.2", *more], stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(out)["rps"]


missed = False
for name, manner, more in [("whole answers", "auto", []), ("whole answers, plain", "plain", []), ("streams", "auto", ["-s"])]:
    ratios = {"adaptive": [], "unhedged": []}
    for _ in range(rounds):
        for strategy, found in ratios.items():
            base, other = rate(f"priority-{manner}", *more), rate(f"{strategy}-{manner}", *more)
            found.append(other / base)
    medians = {strategy: statistics.median(found) for strategy, found in ratios.items()}
    missed = missed or medians["adaptive"] < 0.95
    print(f"{name}: adaptive / priority {medians['adaptive']:.3f}; without hedging {medians['unhedged']:.3f}")
sys.exit(1 if missed else 0)
PYTHON
