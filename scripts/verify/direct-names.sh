#!/bin/bash
# With a key in the environment and no file: HOLDFAST_DIRECT_NAMES requests (10,000) for as many models named directly, a
# reload, and as many more. All must be answered; memory and metrics must stay bounded. Prints the figures.
set -euo pipefail
cd "$(dirname "$0")/../.."
export HOLDFAST_DIRECT_NAMES=${HOLDFAST_DIRECT_NAMES:-10000}
swift test --package-path Server --skip-build --filter '^Acceptance\.EnvironmentKeys/.*every request for a direct name' 2>&1 | tee /dev/stderr |
    grep "Test run with 1 test .* passed" >/dev/null
