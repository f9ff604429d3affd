"""Measures how a short outage of the only provider looks to callers: twenty of them, together forty requests a second,
from 5 s before the outage to 10 s after it. They do not repeat anything by themselves.

usage: blips.py [KIND:SECONDS[:eager] ...]    KIND is refuse, loading (503) or reset

Steady callers ask every half second, whatever they are told. Eager ones ask again as soon as they have an answer, which
takes the provider half a second, and 50 ms after a failure: they come faster the faster they are refused.

*Recovery* is counted from the beginning of the outage to the end of the last request that failed or was not answered at
once, which is within half a second more than the provider takes; that time of the provider is not counted. *Attempts* are
counted by the gateway, since a connection that is refused leaves no trace at the provider; where the provider saw more
requests than that, its count is taken.
"""
import asyncio
import sys
import time

import caller
from gateway import Gateway
from goals import Goals
from provider import Provider

CALLERS, PAUSE, EAGER_PAUSE, BEFORE, AFTER = 20, 0.5, 0.05, 5.0, 10.0
AT_ONCE, GRACE = 0.5, 1.2
outages = [word.split(":") for word in sys.argv[1:]] or [
    ("refuse", "0.15"), ("refuse", "1"), ("refuse", "20"), ("refuse", "0.15", "eager"), ("refuse", "1", "eager"),
    ("refuse", "20", "eager"), ("loading", "1"), ("loading", "20"), ("reset", "1"), ("reset", "20")]
goals = Goals(f"One provider with a short outage, {CALLERS} callers, {CALLERS / PAUSE:g} requests a second")


def configuration(provider):
    return f"""
logging: {{ access: false }}
providers:
  p: {{ kind: openai, base_url: "http://127.0.0.1:{provider.port}/v1", api_key: none }}
models:
  chat: {{ targets: [ {{ provider: p, model: chat }} ] }}
"""


async def call(http, gateway, begin, end, number, eager):
    """One caller, who never has two requests at a time."""
    replies, due = [], begin + PAUSE * number / CALLERS
    while due < end:
        await asyncio.sleep(max(0, due - time.monotonic()))
        replies.append(await caller.ask(http, gateway.url, "chat"))
        if eager:
            due = time.monotonic() + (0 if replies[-1].is_answer else EAGER_PAUSE)
        while due <= time.monotonic() and not eager:
            due += PAUSE
    return replies


async def fail(provider, kind, begin, length):
    await asyncio.sleep(begin - time.monotonic())
    if kind == "refuse":
        await provider.stop()
    else:
        provider.mode = kind
    begun = time.monotonic()
    await asyncio.sleep(length)
    if kind == "refuse":
        await provider.start()
    provider.mode = "good"
    return begun, time.monotonic()


def judge(kind, length, eager, begun, ended, replies, attempts):
    name = f"{kind} {length:g} s" + (", eager callers" if eager else "")
    own = PAUSE if eager else 0
    failed = [reply for reply in replies if not reply.is_answer]
    late = [reply for reply in replies if reply.ended > begun and (not reply.is_answer or reply.elapsed > AT_ONCE + own)]
    in_vain = [reply for reply in failed if reply.begun >= ended + GRACE]
    recovery = max((reply.ended - begun - (own if reply.is_answer else 0) for reply in late), default=0.0)
    statuses = {status: sum(reply.status == status for reply in failed) for status in {r.status for r in failed}}
    print(f"{name}: {len(replies)} requests, failed by status: {statuses}")
    for text in sorted({reply.text for reply in failed})[:3]:
        print(f"  {text[:200]}")
    goals.figure(f"{name}: recovery", recovery, "s", at_most=length + GRACE)
    goals.figure(f"{name}: last failed request arrived",
                 max((reply.begun - begun for reply in failed), default=0.0), "s")
    goals.figure(f"{name}: failed though they arrived {GRACE:g} s or more after the outage", len(in_vain), at_most=0)
    # What was sent before a reset may have been worked on, so it is not sent again for as long as patience lasts.
    waits = kind != "reset" and length + 0.5 <= 2.5
    # Nor is what was under way when the provider went away.
    others = [reply for reply in replies if not reply.begun <= begun <= reply.ended]
    goals.figure(f"{name}: answered, of those not under way when it began",
                 100 * sum(reply.is_answer for reply in others) / len(others), "%", at_least=100 if waits else None)
    goals.figure(f"{name}: requests", len(replies))
    goals.figure(f"{name}: attempts", attempts)
    goals.figure(f"{name}: attempts / requests", attempts / len(replies))
    goals.figure(f"{name}: attempts beyond the callers in flight / requests",
                 (attempts - CALLERS) / len(replies), at_most=1.1)


async def play(kind, length, eager):
    provider = Provider()
    provider.first_token["chat"] = PAUSE if eager else 0
    await provider.start()
    with Gateway(configuration(provider)) as gateway:
        async with caller.client() as http:
            begin = time.monotonic() + 0.5
            end = begin + BEFORE + length + AFTER
            outage = asyncio.create_task(fail(provider, kind, begin + BEFORE, length))
            replies = await asyncio.gather(
                *(call(http, gateway, begin, end, number, eager) for number in range(CALLERS)))
            begun, ended = await outage
        counted = gateway.count("holdfast_attempts_total") + gateway.count("holdfast_resends_total")
    await provider.stop()
    judge(kind, length, eager, begun, ended, sum(replies, []), max(counted, len(provider.calls)))


async def main():
    for kind, length, *load in outages:
        await play(kind, float(length), eager=load == ["eager"])
    print()


asyncio.run(main())
goals.finish()
