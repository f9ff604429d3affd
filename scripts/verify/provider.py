"""A provider of the measuring programs: it speaks OpenAI's chat API and fails when it is told to.

usage: provider.py PORT [standby]    runs one by itself; with standby, only when a line comes from standard input
"""
import asyncio
import json
import socket
import sys
import time

TEXT = "Hello from the provider."


class Provider:
    def __init__(self, text=TEXT):
        self.text = text
        # What it does with a request: "good", "loading" (503), "reset", or "silent".
        self.mode = "good"
        # How long it takes until the first token, by the name of the model.
        self.first_token = {}
        # Whether the head of every other stream comes no sooner than its first token, as some servers do it.
        self.late_heads = False
        # When requests came, and for which model.
        self.calls = []
        self.port = 0
        self._server = None
        self._reserved = None
        self._writers = set()

    async def start(self, port=0):
        if self._reserved:
            self._reserved.close()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        """Ends as a process that is killed does: nobody listens, and every connection is reset."""
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        # Keeps the port from being given to somebody else.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self.port))

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0)
                request = json.loads(await reader.readexactly(length))
                self.calls.append((time.monotonic(), request["model"]))
                await self._answer(reader, writer, request)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader, writer, request):
        if self.mode == "reset":
            writer.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
            raise ConnectionResetError
        if self.mode == "loading":
            error = {"message": "Loading model", "type": "unavailable_error", "code": 503}
            return await self._send(writer, "503 Service Unavailable", {"error": error})
        if self.mode == "silent":
            await asyncio.sleep(3600)
        delay = self.first_token.get(request["model"], 0)
        if request.get("stream"):
            return await self._stream(reader, writer, request["model"], delay)
        await asyncio.sleep(delay)
        choice = {"index": 0, "message": {"role": "assistant", "content": self.text}, "finish_reason": "stop"}
        await self._send(writer, "200 OK", {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1795200000, "model": request["model"],
            "choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})

    @staticmethod
    async def _send(writer, status, members):
        body = json.dumps(members).encode()
        writer.write(f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
                     f"content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async def _stream(self, reader, writer, model, delay):
        late = delay if self.late_heads and len(self.calls) % 2 else 0
        def event(data):
            text = f"data: {data}\n\n".encode()
            writer.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")

        def chunk(delta, finish=None):
            event(json.dumps({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795200000, "model": model,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))

        await asyncio.sleep(late)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(delay - late)
        if reader.at_eof() or writer.is_closing():
            raise ConnectionResetError
        chunk({"role": "assistant", "content": ""})
        for word in self.text.split(" "):
            chunk({"content": word if word == self.text.split(" ")[0] else " " + word})
        chunk({}, "stop")
        event(json.dumps({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795200000, "model": model,
            "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}))
        event("[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def main(port):
    provider = Provider()
    await provider.start(port)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[2:] == ["standby"]:
        print("standing by", flush=True)
        sys.stdin.readline()
    asyncio.run(main(int(sys.argv[1])))
