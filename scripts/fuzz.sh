#!/bin/bash
# Fuzzes what reads bytes from outside, one target after the other; docs/fuzzing.md says more.
#   fuzz.sh run SECONDS [TARGET...]   fails if an input breaks a target, and names the file that holds it
#   fuzz.sh check                     plants a mistake for every target; fails if one is not found in 30 s
set -euo pipefail
cd "$(dirname "$0")/.."

all=(FuzzEventStream FuzzChatStream FuzzChatRequest FuzzProviderAnswer FuzzJudgedAnswer FuzzRequestMessage FuzzResponseMessage
    FuzzRetryAfter FuzzRedactor)
# Longer inputs are seldom more telling, and slower; a part of the time they are looked at for what they cost.
longest=400
longest_slow=16384
# A backtrace of Swift's own takes seconds and hides libFuzzer's report.
export SWIFT_BACKTRACE=enable=no

# build PACKAGE SCRATCH: all targets, optimised
build() {
    local package=$1
    shift
    mkdir -p "$1"
    if ! swift build -c release --package-path "$package" --scratch-path "$1" >"$1/build.log" 2>&1; then
        grep -E "error:" "$1/build.log" | head -n 20 >&2 || tail -n 20 "$1/build.log" >&2
        exit 1
    fi
}

# fuzz SCRATCH TARGET SECONDS [LONGEST]: leaves its log at SCRATCH/TARGET.log and new inputs at SCRATCH/corpus/TARGET
fuzz() {
    local corpus="$1/corpus/$2"
    mkdir -p "$corpus" "$1/artifacts"
    "$1/release/$2" -max_total_time="$3" -max_len="${4:-$longest}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -verbosity=1 -dict="Server/Fuzz/Dictionaries/$2.dict" -artifact_prefix="$1/artifacts/$2-" \
        "$corpus" "Server/Fuzz/Corpus/$2" >"$1/$2.log" 2>&1
}

# executed SCRATCH TARGET: how many inputs the last run tried
executed() {
    local count
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$1/$2.log" | tail -n 1)
    echo "${count:-0}"
}

run() {
    local scratch=.build-fuzz seconds=$1 sum=0 failed=0 target count
    shift
    local targets=("$@")
    [ $# -gt 0 ] || targets=("${all[@]}")
    build Server/Fuzz $scratch
    for target in "${targets[@]}"; do
        local outcome=ok
        fuzz $scratch "$target" $((seconds - seconds / 5)) || outcome=FAILED
        count=$(executed $scratch "$target")
        if [ $outcome = ok ] && [ $((seconds / 5)) -gt 0 ]; then
            fuzz $scratch "$target" $((seconds / 5)) $longest_slow || outcome=FAILED
            count=$((count + $(executed $scratch "$target")))
        fi
        sum=$((sum + count))
        printf '%-20s %12d inputs  %s\n' "$target" "$count" "$outcome"
        [ $outcome = ok ] && continue
        failed=1
        grep -aE "Fatal error|ERROR: libFuzzer|SUMMARY" "$scratch/$target.log" | cut -c1-300 || true
        sed -n 's/.*Test unit written to /  saved as /p' "$scratch/$target.log"
    done
    printf '%-20s %12d inputs\n' sum $sum
    return $failed
}

check() {
    local scratch=.build-fuzz-planted failed=0 target began outcome count
    # Only the seeds, so that what an earlier check has found does not help this one.
    rm -rf $scratch/tree $scratch/corpus $scratch/artifacts
    mkdir -p $scratch/tree
    # With their times, so that only what is planted is built again.
    cp -a Package.swift Sources Tests $scratch/tree/
    mkdir -p $scratch/tree/Server
    cp -a Server/Fuzz Server/Sources $scratch/tree/Server/
    Server/Fuzz/plant.sh $scratch/tree/Server/Sources
    build $scratch/tree/Server/Fuzz $scratch
    for target in "${all[@]}"; do
        began=$(date +%s%N)
        outcome=found
        fuzz $scratch "$target" 30 && outcome='NOT FOUND'
        # An input that breaks a target is named by libFuzzer; anything else is no find.
        grep -aq "Test unit written to" "$scratch/$target.log" || outcome='NOT FOUND'
        [ "$outcome" = found ] || failed=1
        count=$(executed $scratch "$target")
        printf '%-20s %s after %d inputs, %d ms: %s\n' "$target" "$outcome" "$count" \
            $((($(date +%s%N) - began) / 1000000)) "$(grep -am1 -o 'Fatal error.*' "$scratch/$target.log" | cut -c1-100)"
    done
    return $failed
}

case ${1:-} in
    run) shift && run "$@" ;;
    check) check ;;
    *) sed -n '3,4p' "$0" >&2 && exit 2 ;;
esac
