"""Asks for each model in every way that applications use and prints what they put together, as one JSON object a line.

usage: accumulators.py PORT MODEL...
"""
import json
import sys

import httpx
import openai

port, models = sys.argv[1], sys.argv[2:]
base = f"http://127.0.0.1:{port}/v1"
client = openai.OpenAI(base_url=base, api_key="unused", max_retries=0)
messages = [{"role": "user", "content": "Hello"}]
usage_too = {"include_usage": True}


def facts(message, finish, usage):
    calls = [[call.id, call.function.name, call.function.arguments] for call in message.tool_calls or []]
    return dict(text=message.content, calls=calls, finish=finish, tokens=usage.total_tokens if usage else None)


def whole(model):
    answer = client.chat.completions.create(model=model, messages=messages)
    return facts(answer.choices[0].message, answer.choices[0].finish_reason, answer.usage)


def helper(model):
    """The SDK's own accumulator."""
    with client.chat.completions.stream(model=model, messages=messages, stream_options=usage_too) as events:
        for _ in events:
            pass
        answer = events.get_final_completion()
    return facts(answer.choices[0].message, answer.choices[0].finish_reason, answer.usage)


def gather(chunks):
    """What applications write by hand; chunks are plain dictionaries."""
    text, calls, finish, tokens = None, {}, None, None
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            if delta.get("content") is not None:
                text = (text or "") + delta["content"]
            for piece in delta.get("tool_calls") or []:
                call = calls.setdefault(piece["index"], [None, None, ""])
                call[0] = piece.get("id") or call[0]
                call[1] = piece["function"].get("name") or call[1]
                call[2] += piece["function"].get("arguments") or ""
            finish = choice["finish_reason"] or finish
        if chunk.get("usage"):
            tokens = chunk["usage"]["total_tokens"]
    return dict(text=text, calls=[calls[index] for index in sorted(calls)], finish=finish, tokens=tokens)


def stream(model):
    events = client.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options=usage_too)
    return gather(event.model_dump() for event in events)


def raw(model):
    body = dict(model=model, messages=messages, stream=True, stream_options=usage_too)
    with httpx.stream("POST", base + "/chat/completions", json=body, timeout=20) as reply:
        reply.raise_for_status()
        lines = [line.removeprefix("data:").strip() for line in reply.iter_lines() if line.startswith("data:")]
    assert lines[-1] == "[DONE]", lines[-1]
    return gather(json.loads(line) for line in lines[:-1])


for model in models:
    for way in (whole, helper, stream, raw):
        try:
            print(json.dumps({"model": model, "way": way.__name__, **way(model)}), flush=True)
        except Exception as error:
            print(json.dumps({"model": model, "way": way.__name__, "error": repr(error)}), flush=True)
