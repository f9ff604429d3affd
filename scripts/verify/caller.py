"""A caller without retries of its own, and what it was told."""
import time
from dataclasses import dataclass, field

import httpx


@dataclass
class Reply:
    begun: float
    ended: float
    status: int
    text: str = ""
    fields: dict = field(default_factory=dict)

    @property
    def elapsed(self):
        return self.ended - self.begun

    @property
    def is_answer(self):
        """Whether it is an answer that is whole."""
        return self.status == 200 and ('"finish_reason"' in self.text) and '"error"' not in self.text

    @property
    def provider(self):
        return self.fields.get("x-holdfast-provider", "none")


def client(callers=100):
    limits = httpx.Limits(max_connections=callers, max_keepalive_connections=callers)
    return httpx.AsyncClient(limits=limits, timeout=180, trust_env=False)


async def ask(http, url, model, stream=False):
    """Sends one chat request and waits for its end."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    begun = time.monotonic()
    try:
        reply = await http.post(url + "/chat/completions", json=body)
        return Reply(begun, time.monotonic(), reply.status_code, reply.text, reply.headers)
    except httpx.HTTPError as error:
        return Reply(begun, time.monotonic(), 0, str(error))
