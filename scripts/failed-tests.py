"""Prints a pattern of the tests that failed in some runs, for `swift test --filter`; refuses unless all of them may run again.

A test runs again only if it is tagged as measuring time and time is all that it complains about: a busy machine makes things
slow, but does not make bytes or counts wrong, nor end a process. `failed-tests.py --test` tries the rules.
"""

import json
import re
import sys

MOST = 40
TAG = "measuresTime"
# What is said besides when a test ends at the first thing that is wrong (Checks.swift).
ENDS = "Caught error: the test ends here"
# What tests say when something took too long or not long enough.
TIME = re.compile(
    r"^it took \S+ seconds, more than|a healthy call (takes|took)|waited \d|closed after \d|ended after \d|given up after \d"
    r"|longest pause was|left after|the slowest took|did not wait for the limit|left alone|timed_out"
    r"|waited that came after|the provider is f$|the answer is 'Hello from F\.'"
    r"|^Expectation failed: .*\b(elapsed|took|slowest|median|time|many|last|ContinuousClock|pauses|longestPause)\b.*[<>]", re.M)
# What no busy machine is to blame for, whatever else is said. That F has answered means that P was late.
MORE = re.compile(r"==|!=|&&|has ended|the status is|the answer is (?!'Hello from F\.')|was delivered|times\b")


def about_time(text):
    # Complaints that come with the name of the case they are about.
    lines = [re.sub(r"^[\w./-]+: ", "", line) for line in text.splitlines() if line]
    # Of an expectation with values only what comes before them: values may hold anything.
    told = [line.split(" → ")[0] if line.startswith("Expectation failed") and ".isEmpty" in line else line for line in lines]
    return bool(TIME.search("\n".join(lines))) and not any(MORE.search(line) for line in told)


def complaints(lines):
    """The tests that failed with all that they said, the tags of all tests, and whether the run came to its end."""
    failed, tags, ended = {}, {}, False
    for line in lines:
        if not line.rstrip().endswith("}"):
            continue
        record = json.loads(line)
        event = record["payload"]
        if record.get("kind") == "test":
            # An identity ends with the place in the file, which a filter does not know.
            tags[event["id"].rpartition("/")[0]] = event.get("tags") or event.get("_tags") or []
        ended = ended or event.get("kind") == "runEnded"
        if event.get("kind") != "issueRecorded" or not event["issue"]["isFailure"] or event["issue"]["isKnown"]:
            continue
        texts = [message["text"] for message in event.get("messages", []) if message.get("symbol") != "details"
                 or "Platform" not in message["text"]]
        # The comment of an expectation explains it; of a recorded issue it is what is wrong.
        said = "\n".join(text for text in texts if text != "Issue recorded")
        if said != ENDS:
            failed.setdefault(event.get("testID", "").rpartition("/")[0], []).append(said)
    return failed, tags, ended


def verdict(*runs):
    """The tests of some runs to run again, or why there are none."""
    failed, tags = {}, {}
    for lines in runs:
        more, known, ended = complaints(lines)
        if not ended:
            return [], "the run did not come to its end"
        failed |= more
        tags |= known
    if not 0 < len(failed) <= MOST or "" in failed:
        return [], f"{len(failed)} tests failed"
    for name, texts in failed.items():
        if not any(TAG in tag for tag in tags.get(name, [])):
            return [], f"{name} does not measure time"
        for text in texts:
            if not about_time(text):
                return [], f"{name} does not complain about time: {text[:300]}"
    return sorted(failed), None


def try_rules():
    for text in ["it took 1.2 seconds, more than 1.0 seconds", "p-whole: it took 1.2 seconds, more than 1.0 seconds",
                 "Expectation failed: reply.elapsed < .seconds(1)", "a healthy call takes 2.5 seconds",
                 "Expectation failed: (took → 16.0 seconds) < (14.0 seconds)", "it was closed after 15.0 seconds",
                 "Expectation failed: (slow → [a == b]).isEmpty\n1 waited that came after the recovery",
                 "the answer is 'Hello from F.', not 'Hello from the wall.'", "p failed (timeout, timed_out); f answered"]:
        assert about_time(text), text
    for text in ["the status is 502, not 200: it took 3 seconds", "the answer is 'a', not 'b'",
                 "Expectation failed: reply.status == 200 && reply.elapsed < .seconds(1)", "P was asked 2 times",
                 "the gateway has ended: it took 1 seconds, more than 2", "Expectation failed: pair.callsToF.count == 1",
                 "Caught error: connection refused", "requests are left"]:
        assert not about_time(text), text

    def run(text, tags, *more):
        records = [{"kind": "test", "payload": {"id": "A.B/f()/x:1", "tags": tags}},
                   {"kind": "event", "payload": {"kind": "issueRecorded", "testID": "A.B/f()/x:1",
                                                 "issue": {"isFailure": True, "isKnown": False},
                                                 "messages": [{"symbol": "fail", "text": text}]}}]
        return verdict([json.dumps(record) for record in [*records, *more]])

    end = {"kind": "event", "payload": {"kind": "runEnded"}}
    slow = "it took 1.2 seconds, more than 1.0 seconds"
    assert run(slow, [f".{TAG}"], end) == (["A.B/f()"], None)
    assert run(slow, [], end)[0] == [] and run(slow, [f".{TAG}"])[0] == []
    assert run("the answer is 'a', not 'b'", [f".{TAG}"], end)[0] == []
    assert verdict([json.dumps(end)], [])[1] == "the run did not come to its end"
    assert complaints([json.dumps({"kind": "event", "payload": {
        "kind": "issueRecorded", "testID": "a/x:1", "issue": {"isFailure": True, "isKnown": False},
        "messages": [{"symbol": "fail", "text": ENDS}]}})])[0] == {}
    print("the rules hold")


if __name__ == "__main__":
    if sys.argv[1:] == ["--test"]:
        sys.exit(try_rules())
    names, reason = verdict(*(open(name, errors="replace") for name in sys.argv[1:]))
    if reason:
        sys.exit(f"nothing is run again: {reason}")
    print("|".join(f"^{re.escape(name)}" for name in names))
