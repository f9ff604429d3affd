#!/bin/sh
# Runs one of the measuring programs of this folder: run.sh PROGRAM [ARGUMENT ...]
# It measures HOLDFAST_BINARY if that is set, and otherwise the debug build, which it builds first.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${HOLDFAST_BINARY:-}" ]; then
    swift build --package-path Server --product holdfast
    export HOLDFAST_BINARY="$PWD/Server/.build/debug/holdfast"
fi
# The virtual environment is the acceptance tests' own; its mark is the list that it was made from.
environment=Server/.build/test-python
list=Server/Tests/Acceptance/Python/requirements.txt
if ! cmp -s "$list" "$environment/list"; then
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/python" -m pip install -q -r "$list"
    cp "$list" "$environment/list"
fi
program=$1
shift
exec "$environment/bin/python" "scripts/verify/$program.py" "$@"
