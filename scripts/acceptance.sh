#!/bin/bash
# Runs the tests against the real binary and those of the tests' own provider. Some of them measure time, which a busy
# machine spoils: those that fail are run again, one at a time and at most twice, and fail for good if they fail each
# time. What failed at first is told at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run() { # NAME ARGUMENTS...: one run, its output shown and kept
    local name=$1
    shift
    swift test --package-path Server --skip-build --event-stream-output-path "$results/$name.json" "$@" 2>&1 | tee "$results/$name.log"
    return "${PIPESTATUS[0]}"
}

complaints() { # NAME: what failed in that run, and why
    grep -aE "recorded an issue|^↳|✘ Test .* failed" "$results/$1.log" | grep -v 'Target Platform\|Testing Library' | cut -c1-600
}

run first --filter '^(Acceptance|WallTests)\.' "$@" && exit 0
last=first
for again in second third; do
    failed=$(python3 scripts/failed-tests.py "$results/$last.json") || {
        complaints first
        exit 1
    }
    last=$again
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=1 run $again --filter "$failed" "$@"
    status=$?
    ((status)) || break
done
echo "failed at first:"
complaints first
if ((status)); then
    echo "failed again by themselves:"
    complaints "$last"
else
    echo "all of them passed by themselves"
fi
exit "$status"
