"""Measures what a provider costs that accepts requests and never answers, beside one that is well, at low traffic.

usage: silent_provider.py [REQUESTS [SECONDS_BETWEEN]]
"""
import asyncio
import sys
import time

import caller
from gateway import Gateway
from goals import Goals
from provider import Provider

requests = int(sys.argv[1]) if len(sys.argv) > 1 else 15
pause = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
goals = Goals(f"{requests} requests {pause:g} s apart at a silent provider beside a healthy one")


def configuration(silent, healthy):
    targets = "[ {{ provider: silent, model: {0} }}, {{ provider: healthy, model: {0} }} ]"
    return f"""
logging: {{ access: false }}
providers:
  silent: {{ kind: openai, base_url: "http://127.0.0.1:{silent.port}/v1", api_key: none }}
  healthy: {{ kind: openai, base_url: "http://127.0.0.1:{healthy.port}/v1", api_key: none }}
models:
  stream: {{ targets: {targets.format("stream")} }}
  whole: {{ targets: {targets.format("whole")} }}
"""


async def play(http, gateway, stream):
    replies = []
    for number in range(requests):
        if number:
            await asyncio.sleep(max(0, replies[0].begun + number * pause - time.monotonic()))
        replies.append(await caller.ask(http, gateway.url, "stream" if stream else "whole", stream))
    return replies


async def main():
    silent, healthy = Provider(), Provider()
    silent.mode = "silent"
    await silent.start()
    await healthy.start()
    with Gateway(configuration(silent, healthy)) as gateway:
        async with caller.client() as http:
            both = await asyncio.gather(*(play(http, gateway, stream) for stream in (False, True)))
        for name, replies in zip(("whole", "stream"), both):
            print(f"{name}: " + " ".join(f"{reply.elapsed:.2f}" for reply in replies) + " s")
            goals.figure(f"{name}: answered", 100 * sum(r.is_answer for r in replies) / requests, "%", at_least=100)
            goals.figure(f"{name}: requests that took more than 1 s", sum(r.elapsed > 1 for r in replies), at_most=3)
            goals.figure(f"{name}: slowest", max(r.elapsed for r in replies), "s", at_most=5)
            asked = sum(model == name for _, model in silent.calls)
            goals.figure(f"{name}: requests that reached the silent provider", asked)
    print()


asyncio.run(main())
goals.finish()
