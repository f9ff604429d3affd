#!/bin/bash
# bench.sh BINARY: measures holdfast beside its peers in one run and compares with the targets.
# PEERS names the peers (default: all); a target whose peer was not measured is said to be open and counts as missed.
set -eu
cd "$(dirname "$0")"
binary=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VENVS=${VENVS:-${TMPDIR:-/tmp}/gwbench-venvs}
./setup.sh
./configuration.sh > "$work/holdfast.yaml"
peers=${PEERS:-direct,nginx,haproxy,envoy,tensorzero,litellm}
python3 bench.py --peers "$peers" --conc 1,16,64 --runs "${RUNS:-3}" --secs "${SECS:-1.2}" --pairs 15 --run "$work/run" --out "$work/results.json" \
    --cmd "ours:18090:HOME=$work $binary serve --config $work/holdfast.yaml" 2> >(tail -n 200 >&2)
python3 targets.py "$work/results.json"
