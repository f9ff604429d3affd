"""Measures what becomes of a provider whose first token takes long: alone it is answered, and beside a healthy
provider it is passed over.

usage: first_token.py [SECONDS ...]    6, 20 and 60 by default
"""
import asyncio
import sys

import caller
from gateway import Gateway
from goals import Goals
from provider import Provider

delays = [float(word) for word in sys.argv[1:]] or [6.0, 20.0, 60.0]
# So many at a time as used to open the breaker of a lone provider, and a few for the longer ones.
crowds = {delay: 12 if delay == min(delays) else 4 for delay in delays}
# Three in a row, and then some that must pass it over.
in_turn = 6
goals = Goals(f"A provider whose first token takes {', '.join(f'{delay:g}' for delay in delays)} s")


def configuration(slow, healthy):
    alone = "".join(f"  alone-{d:g}: {{ targets: [ {{ provider: slow, model: alone-{d:g} }} ] }}\n" for d in delays)
    beside = "".join(
        f"  beside-{d:g}-{way}: {{ targets: [ {{ provider: slow, model: beside-{d:g}-{way} }},"
        f" {{ provider: healthy, model: h }} ] }}\n" for d in delays for way in ("whole", "stream"))
    return f"""
logging: {{ access: false }}
providers:
  slow: {{ kind: openai, base_url: "http://127.0.0.1:{slow.port}/v1", api_key: none }}
  healthy: {{ kind: openai, base_url: "http://127.0.0.1:{healthy.port}/v1", api_key: none }}
models:
{alone}{beside}"""


async def play_alone(http, gateway, delay):
    """Half of the callers stream. One comes when the others have ended: it is answered as they are."""
    name = f"alone-{delay:g}"
    replies = await asyncio.gather(
        *(caller.ask(http, gateway.url, name, stream=number % 2 == 0) for number in range(crowds[delay])))
    breaker = gateway.breaker(f"slow/{name}")
    if delay == min(delays):
        replies.append(await caller.ask(http, gateway.url, name))
    return delay, replies, breaker


async def play_beside(http, gateway, delay, stream):
    name = f"beside-{delay:g}-{'stream' if stream else 'whole'}"
    return delay, stream, [await caller.ask(http, gateway.url, name, stream) for _ in range(in_turn)]


async def main():
    slow, healthy = Provider(), Provider()
    slow.late_heads = True
    for delay in delays:
        for name in (f"alone-{delay:g}", f"beside-{delay:g}-whole", f"beside-{delay:g}-stream"):
            slow.first_token[name] = delay
    await slow.start()
    await healthy.start()
    with Gateway(configuration(slow, healthy)) as gateway:
        async with caller.client() as http:
            alone = asyncio.gather(*(play_alone(http, gateway, delay) for delay in delays))
            beside = asyncio.gather(
                *(play_beside(http, gateway, delay, stream) for delay in delays for stream in (False, True)))
            alone, beside = await alone, await beside
    for delay, replies, breaker in alone:
        answered = sum(reply.is_answer for reply in replies)
        others = sorted({f"{reply.status} {reply.text[:120]}" for reply in replies if not reply.is_answer})
        print(f"alone, {delay:g} s: breaker {breaker}" + "".join(f"\n  {other}" for other in others))
        goals.figure(f"alone, {delay:g} s: answered, of {len(replies)} at once, whole and streamed",
                     100 * answered / len(replies), "%", at_least=100)
        goals.figure(f"alone, {delay:g} s: breaker open", int(breaker != "closed"), at_most=0)
        goals.figure(f"alone, {delay:g} s: slowest answer", max(reply.elapsed for reply in replies), "s")
    for delay, stream, replies in beside:
        name = f"beside a healthy one, {delay:g} s, {'stream' if stream else 'whole'}"
        print(f"{name}: " + " ".join(f"{reply.elapsed:.2f} {reply.provider}" for reply in replies))
        answered = sum(reply.is_answer and reply.provider == "healthy" for reply in replies)
        goals.figure(f"{name}: answered by the healthy one", 100 * answered / len(replies), "%", at_least=100)
        goals.figure(f"{name}: slowest failover", max(reply.elapsed for reply in replies), "s", at_most=5)
        goals.figure(f"{name}: slowest after three in a row",
                     max(reply.elapsed for reply in replies[3:]), "s", at_most=1)
    print()


asyncio.run(main())
goals.finish()
