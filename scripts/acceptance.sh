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

complaints() { # NAME...: what failed in those runs, and why
    (cd "$results" && grep -haE "recorded an issue|^↳|✘ Test .* failed" "${@/%/.log}") | grep -v 'Target Platform\|Testing Library' | cut -c1-600
}

# The wall's own tests keep all processors busy.
run wall --filter '^WallTests\.' "$@"
walls=$?
run first --filter '^Acceptance\.' "$@"
status=$?
((walls)) && status=$walls
((status)) || exit 0
again=()
ran=("$results/wall.json" "$results/first.json")
for next in second third; do
    if ! failed=$(python3 scripts/failed-tests.py "${ran[@]}" 2> "$results/reason"); then
        cat "$results/reason"
        break
    fi
    ran=("$results/$next.json")
    last=$next
    again+=("$failed")
    SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=1 run $next --filter "$failed" "$@"
    status=$?
    ((status)) || break
done
echo "failed at first:"
complaints wall first
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
