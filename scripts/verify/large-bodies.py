#!/usr/bin/env python3
"""Whether a large body of escapes costs little, keeps nobody else waiting, and cannot keep the process from ending.

    large-bodies.py BINARY

Sends chat requests of 18 MB to the demonstration, asks for /livez meanwhile, and ends the process by two signals while
it reads such bodies. Fails if a body costs 0.5 s of CPU, /livez takes 50 ms, or the end takes a second.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SIZE = 18_000_000
SHAPES = {
    "\\u0041": ("\\u0041", '"}]}'),
    "\\\"": ('\\"', '"}]}'),
    "\\n": ("\\n", '"}]}'),
    "lines of a log": ("the provider answered late, and the next one was asked\\n", '"}]}'),
    "Chinese, escaped": ("\\u4e2d\\u6587", '"}]}'),
    "Chinese": ("中文", '"}]}'),
    "refused at its end": ("\\u0041", "\u0001"),
}


def request(unit, end):
    start = '{"model":"demo","messages":[{"role":"user","content":"'
    count = (SIZE - len(start) - len(end)) // len(unit.encode())
    body = (start + unit * count + end).encode()
    return (f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n").encode() + body


class Gateway:
    def __init__(self, binary):
        self.home = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [binary, "serve", "--demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={"PATH": os.environ["PATH"], "HOME": self.home.name})
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found.group(1))
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(60)
        return connection

    def cpu(self):
        """The processor time used so far, in seconds, to the nanosecond."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9


def receive(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the gateway closed the connection")
    return data


def ask(connection, message):
    connection.sendall(message)
    reply = b""
    while b"\r\n\r\n" not in reply:
        reply += receive(connection)
    head, body = reply.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"content-length: (\d+)", head, re.I).group(1))
    while len(body) < length:
        body += receive(connection)
    return int(head.split()[1])


def watch(gateway, stop, slowest):
    # A connection of its own for each question, as probes do.
    while not stop.is_set():
        begin = time.monotonic()
        with gateway.connect() as connection:
            assert ask(connection, b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n") == 200
        slowest.append(time.monotonic() - begin)
        time.sleep(0.002)


def measure(gateway, unit, end):
    message, stop, slowest = request(unit, end), threading.Event(), []
    watcher = threading.Thread(target=watch, args=(gateway, stop, slowest))
    watcher.start()
    connection, before, begin = gateway.connect(), gateway.cpu(), time.monotonic()
    status = ask(connection, message)
    elapsed, cpu = time.monotonic() - begin, gateway.cpu() - before
    stop.set()
    watcher.join()
    return status, cpu, elapsed, max(slowest)


def together(gateway, count=7):
    """The slowest answer to /livez while several bodies are read at once."""
    message, stop, slowest = request("\\u0041", "\u0001"), threading.Event(), []
    connections = [gateway.connect() for _ in range(count)]
    for connection in connections:
        connection.sendall(message[:-1])
    watcher = threading.Thread(target=watch, args=(gateway, stop, slowest))
    watcher.start()
    for connection in connections:
        connection.sendall(message[-1:])
    for connection in connections:
        receive(connection)
    stop.set()
    watcher.join()
    return max(slowest) * 1000


def ends_in(binary):
    """How long a process takes to end after the second signal, with a body on each of its threads."""
    gateway, message = Gateway(binary), request("\\u0041", '"}]}')

    def send():
        try:
            connection = gateway.connect()
            while True:
                ask(connection, message)
        except OSError:
            pass  # The process has ended.

    for _ in range(7):
        threading.Thread(target=send, daemon=True).start()
    time.sleep(0.5)
    gateway.process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    begin = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    status = gateway.process.wait(30)
    return time.monotonic() - begin, status


def main():
    binary, failed = os.path.abspath(sys.argv[1]), False
    gateway = Gateway(binary)
    print(f"{'18 MB of':22}{'status':>8}{'CPU s':>8}{'took s':>8}{'/livez ms':>11}")
    for name, (unit, end) in SHAPES.items():
        runs = [measure(gateway, unit, end) for _ in range(3)]
        status, cpu, elapsed = runs[0][0], min(run[1] for run in runs), min(run[2] for run in runs)
        live = sorted(run[3] for run in runs)[1] * 1000
        missed = cpu >= 0.5 or live >= 50 or status != (400 if end == "\u0001" else 200)
        failed = failed or missed
        print(f"{name:22}{status:8}{cpu:8.3f}{elapsed:8.3f}{live:11.1f}{'  MISSED' if missed else ''}")
    live = sorted(together(gateway) for _ in range(3))[1]
    failed = failed or live >= 50
    print(f"/livez while 7 of them are read at once: {live:.1f} ms{'  MISSED' if live >= 50 else ''}")
    gateway.process.kill()
    times = [ends_in(binary) for _ in range(3)]
    missed = max(took for took, _ in times) >= 1 or any(status == 0 for _, status in times)
    print("ended after the second SIGTERM: " + ", ".join(f"{took:.3f} s" for took, _ in times) +
          f", status {times[0][1]}{'  MISSED' if missed else ''}")
    sys.exit(1 if failed or missed else 0)


if __name__ == "__main__":
    main()
