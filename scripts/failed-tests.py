"""Prints a pattern of the tests that failed in a run, for `swift test --filter`; fails if there are none or many."""

import json
import re
import sys

MOST = 40

with open(sys.argv[1], errors="replace") as lines:
    events = [json.loads(line)["payload"] for line in lines if line.rstrip().endswith("}")]
# An identity ends with the place in the file, which a filter does not know.
failed = {
    event.get("testID", "").rpartition("/")[0]
    for event in events
    if event.get("kind") == "issueRecorded" and event["issue"]["isFailure"] and not event["issue"]["isKnown"]
}
if not 0 < len(failed) <= MOST or "" in failed:
    sys.exit(f"{len(failed)} tests failed: not run again")
print("|".join(f"^{re.escape(name)}" for name in sorted(failed)))
