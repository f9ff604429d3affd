"""Kills the only server behind the gateway, asks right then, and starts it again after a while: the official SDK with
its two retries asks once directly and once through the gateway, in turns.

usage: lone_server.py [ROUNDS]    20 by default

The servers are a real llama.cpp server with a tiny made model and a plain one. Each has a process that stands by with
everything loaded that a server does not need a model for, so that it listens at the moment that is wanted: after the
0.7 s or 2 s of the round, and a tenth of a second later for llama.cpp, which loads the model then. When it was really
back is in the table.
"""
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import openai

from gateway import ROOT, Gateway
from goals import Goals

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
PYTHON_TESTS = ROOT / "Server/Tests/Acceptance/Python"
goals = Goals(f"A lone server that is killed and comes back, {rounds} rounds")


class Server:
    """A server process, and one that stands by to take its place."""

    def __init__(self, command):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self._command = [word.replace("PORT", str(self.port)) for word in command]
        self._next = self._stand_by()
        self.start()

    def _stand_by(self):
        process = subprocess.Popen([sys.executable, *self._command, "standby"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout.readline().strip() == "standing by"
        return process

    def start(self):
        self._process = self._next
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == "ready"

    def prepare(self):
        """Lets a process stand by; not while something is measured, since it needs the processor for a second."""
        self._next = self._stand_by()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def end(self):
        for process in (self._process, self._next):
            process.kill()
            process.wait()


def restart(server, moment, back):
    time.sleep(max(0, moment - time.monotonic()))
    server.start()
    back.append(time.monotonic())


def ask(client):
    client.chat.completions.create(model="chat", max_tokens=4, messages=[{"role": "user", "content": "Hello"}])


def play(server, client, absence):
    """One round.

    Returns: how long the answer took (none if there was none), what there was instead, and how long the server was
    away.
    """
    server.prepare()
    # Connections are open when the server dies, as they are in use.
    up = time.monotonic()
    while True:
        try:
            ask(client)
            break
        except openai.APIError as failure:
            if time.monotonic() > up + 5:
                server.kill()
                server.start()
                return None, f"no answer for 5 s though the server is up: {failure}", absence
            time.sleep(0.2)
    server.kill()
    killed, back = time.monotonic(), []
    starter = threading.Thread(target=restart, args=(server, killed + absence, back))
    starter.start()
    taken, error = None, None
    try:
        ask(client)
        taken = time.monotonic() - killed
    except openai.APIError as failure:
        error = f"{type(failure).__name__} after {time.monotonic() - killed:.2f} s: {failure}"
    starter.join()
    return taken, error, back[0] - killed


def measure(name, command):
    server = Server(command)
    configuration = f"""
logging: {{ access: false }}
providers:
  p: {{ kind: openai, base_url: "http://127.0.0.1:{server.port}/v1", api_key: none }}
models:
  chat: {{ targets: [ {{ provider: p, model: chat }} ] }}
"""
    with Gateway(configuration) as gateway:
        clients = {
            "SDK alone": openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="unused", timeout=30),
            "through the gateway": openai.OpenAI(base_url=gateway.url, api_key="unused", timeout=30)}
        for absence in (0.7, 2.0):
            found = {way: [] for way in clients}
            for _ in range(rounds):
                for way, client in clients.items():
                    found[way].append(play(server, client, absence))
            judge(f"{name}, back after {absence:g} s", absence, found)
    server.end()


def judge(name, absence, found):
    medians = {}
    for way, plays in found.items():
        times = [taken for taken, _, _ in plays if taken is not None]
        # A request without an answer took for ever.
        medians[way] = statistics.median([taken or float("inf") for taken, _, _ in plays])
        print(f"{name}, {way}: " + " ".join("-" if taken is None else f"{taken:.2f}" for taken, _, _ in plays))
        for error in sorted({error for _, error, _ in plays if error})[:2]:
            print(f"  {error}")
        is_ours = way == "through the gateway"
        goals.figure(f"{name}: {way}, answered", 100 * len(times) / len(plays), "%", at_least=100 if is_ours else None)
        goals.figure(f"{name}: {way}, median", medians[way], "s")
        goals.figure(f"{name}: {way}, slowest answer", max(times, default=None), "s",
                     at_most=3.2 if is_ours and absence == 2 else None)
    if absence < 1:
        goals.figure(f"{name}: median through the gateway / SDK alone",
                     medians["through the gateway"] / medians["SDK alone"], at_most=1.2)
    away = [away for plays in found.values() for _, _, away in plays]
    goals.figure(f"{name}: the server was really back after, median", statistics.median(away), "s")


with tempfile.TemporaryDirectory() as folder:
    model = str(pathlib.Path(folder) / "tiny.gguf")
    subprocess.run([sys.executable, PYTHON_TESTS / "make_model.py", model], check=True)
    measure("plain server", [str(ROOT / "scripts/verify/provider.py"), "PORT"])
    measure("llama.cpp", [str(PYTHON_TESTS / "llama_server.py"), model, "PORT"])
print()
goals.finish()
