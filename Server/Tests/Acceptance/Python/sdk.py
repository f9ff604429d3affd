"""Calls the gateway with the official SDK and prints what an application would see, as one JSON object a line.

usage: sdk.py PORT MODEL
"""
import json
import sys

import openai

port, model = sys.argv[1:3]
client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="unused")
messages = [{"role": "user", "content": "Hello"}]


def say(name, **facts):
    print(json.dumps({"case": name, **facts}), flush=True)


def whole():
    reply = client.chat.completions.with_raw_response.create(model=model, messages=messages)
    answer = reply.parse()
    say("whole", text=answer.choices[0].message.content, finish=answer.choices[0].finish_reason,
        tokens=answer.usage.total_tokens, provider=reply.headers["x-holdfast-provider"], id=answer.id)


def stream():
    text, finish, tokens = "", None, None
    events = client.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options={"include_usage": True})
    for event in events:
        for choice in event.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        if event.usage:
            tokens = event.usage.total_tokens
    say("stream", text=text, finish=finish, tokens=tokens)


def helper():
    """The SDK's own assembler of streams, which checks every event."""
    with client.chat.completions.stream(model=model, messages=messages) as events:
        for _ in events:
            pass
        answer = events.get_final_completion()
    say("helper", text=answer.choices[0].message.content, finish=answer.choices[0].finish_reason)


def models():
    say("models", ids=sorted(entry.id for entry in client.models.list()))


def mistakes():
    for name, call in {
        "unknown model": lambda: client.chat.completions.create(model="none", messages=messages),
        "bad type": lambda: client.chat.completions.create(model=model, messages=messages, temperature="hot"),
    }.items():
        try:
            call()
            say(name, error=None)
        except openai.APIStatusError as error:
            say(name, error=type(error).__name__, status=error.status_code, code=error.code, param=error.param)


def cut():
    """A stream that breaks off must reach the application as an error."""
    text = ""
    try:
        for event in client.chat.completions.create(model="cut", messages=messages, stream=True):
            text += event.choices[0].delta.content or "" if event.choices else ""
        say("cut", text=text, error=None)
    except openai.APIError as error:
        say("cut", text=text, error=type(error).__name__, code=error.code)


whole()
stream()
helper()
models()
mistakes()
cut()
