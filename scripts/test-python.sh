#!/bin/sh
# Makes the Python environment of the tests in Server/.build/test-python; does nothing if it is there with what its list names.
set -eu
cd "$(dirname "$0")/.."
environment=Server/.build/test-python
list=Server/Tests/Acceptance/Python/requirements.txt
cmp -s "$list" "$environment/list" && exit 0
rm -rf "$environment"
python3 -m venv "$environment"
"$environment/bin/python" -m pip install -q -r "$list"
cp "$list" "$environment/list"
