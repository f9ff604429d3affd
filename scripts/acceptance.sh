#!/bin/bash
# Runs the tests against the real binary and those of the tests' own provider. Some of them measure time, which a busy
# machine spoils: those that complain about nothing but time are run again, one at a time and at most twice, and fail for
# good if they fail each time. Wrong bytes, wrong counts and a dead process are never given a second chance
# (failed-tests.py). What was run again is told at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run() { # NAME ARGUMENTS...: one run, its output shown and kept
    local name=$1
    shift
    # The tags of tests are a field that must be asked for.
    SWT_EXPERIMENTAL_EVENT_STREAM_FIELDS_ENABLED=1 swift test --package-path Server --skip-build \
        --event-stream-output-path "$results/$name.json" "$@" 2>&1 | tee "$results/$name.log"
    return "${PIPESTATUS[0]}"
}

complaints() { # NAME: what failed in that run, and why
    grep -aE "recorded an issue|^↳|✘ Test .* failed" "$results/$1.log" | grep -v 'Target Platform\|Testing Library' | cut -c1-600
}

run first --filter '^(Acceptance|WallTests)\.' "$@" && exit 0
status=$?
last=first
again=()
for next in second third; do
    if ! failed=$(python3 scripts/failed-tests.py "$results/$last.json" 2> "$results/reason"); then
        cat "$results/reason"
        break
    fi
    last=$next
    again+=("$failed")
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=1 run $next --filter "$failed" "$@"
    status=$?
    ((status)) || break
done
echo "failed at first:"
complaints first
if ((${#again[@]} == 0)); then
    exit "$status"
fi
echo "run again, since they measure time:"
printf '  %s\n' "${again[@]}" | sed 's/\\//g; s/|^/\n  /g; s/  ^/  /'
if ((status)); then
    echo "failed again by themselves:"
    complaints "$last"
else
    echo "all of them passed by themselves"
fi
exit "$status"
