#!/bin/bash
# timed.sh NAME COMMAND...: runs a command and says how long it took.
name=$1
shift
SECONDS=0
"$@"
status=$?
printf '== %s took %d:%02d minutes\n' "$name" $((SECONDS / 60)) $((SECONDS % 60))
exit "$status"
