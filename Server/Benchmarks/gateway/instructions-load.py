#!/usr/bin/env python3
"""instructions-load.py WHAT REQUESTS PORT PID: asks the gateway PID, which callgrind runs, until it is warm; then has the
rest counted and prints how many requests or chunks that were. instructions.sh starts it."""
import json, socket, subprocess, sys

CHUNKS = 50  # of each stream
WARM = {"json": 300, "big": 300, "lines": 5, "stream": 60, "lone": 5}

what, requests, port, pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
streams = what in ("stream", "lone")
if streams:
    requests = max(20, requests // 20)
if what == "lines":
    requests = requests // 10


def request():
    """The bytes of one request."""
    sentence = "Please summarise the incident below in three short points and name the most likely cause. "
    line = "The provider answered late and the next one was asked.....\n"
    words = {"big": sentence * 1200, "lines": line * 1900}.get(what, sentence * 7)
    body = json.dumps({
        "model": {"stream": "fake-20-0-50", "lone": "fake-20-20-50"}.get(what, "fake-0"),
        "messages": [{"role": "system", "content": "You are a careful assistant."}, {"role": "user", "content": words}],
        "temperature": 0.2, "max_tokens": 256, "stream": streams}).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer sk-test-0123456789abcdef0123456789abcdef\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def ask(connection, wanted):
    """Sends the request and reads its whole answer, which must be a success."""
    def more():
        data = connection.recv(65536)
        assert data, "the gateway closed the connection"
        return data

    connection.sendall(wanted)
    data = b""
    while b"\r\n\r\n" not in data:
        data += more()
    head, body = data.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200"), head[:300]
    head = head.lower()
    if b"content-length:" in head:
        left = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
        while left > 0:
            left -= len(more())
    else:
        while not body.endswith(b"0\r\n\r\n"):
            body += more()


def callgrind(*command):
    subprocess.run(["callgrind_control", *command, pid], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


connection = socket.create_connection(("127.0.0.1", port))
connection.settimeout(60)
wanted = request()
for _ in range(WARM[what]):
    ask(connection, wanted)
callgrind("-i", "on")
for _ in range(requests):
    ask(connection, wanted)
callgrind("-i", "off")
callgrind("-d")
print(requests * CHUNKS if streams else requests)
