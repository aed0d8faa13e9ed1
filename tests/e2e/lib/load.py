"""An open load of one process: requests begin when they are due, whether or not earlier ones are over (no coordinated omission)."""

import asyncio
import json
import time


class Got:
    """What came back of one request."""

    def __init__(self, i, stream):
        self.i, self.stream, self.status, self.head, self.body = i, stream, 0, b"", b""
        self.began = self.first = self.ended = None
        self.trouble = None  # of the connection

    def text(self):
        if not self.stream:
            return json.loads(self.body)["choices"][0]["message"]["content"]
        events = [json.loads(line[6:]) for line in self.body.split(b"\n") if line.startswith(b"data: {")]
        return "".join(c["delta"].get("content") or "" for e in events for c in e.get("choices", ()))


def unchunked(raw):
    out = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            return out, True
        out, raw = out + raw[:n], raw[n + 2:]
    return out, False


async def one(address, key, i, stream, body, due, limit):
    got = Got(i, stream)
    await asyncio.sleep(max(0, due - time.monotonic()))
    got.began = time.monotonic()
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nauthorization: Bearer " + key.encode() +
                         b"\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            got.head = await reader.readuntil(b"\r\n\r\n")
            got.first = time.monotonic()
            got.status = int(got.head.split(b" ", 2)[1])
            raw = await reader.read(-1)
            chunked = b"transfer-encoding: chunked" in got.head.lower()
            got.body, whole = unchunked(raw) if chunked else (raw, True)
            got.trouble = None if whole else "the body was cut"
            writer.close()
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        got.trouble = repr(error)
    got.ended = time.monotonic()
    return got


def run(address, key, n, rate, body_of, limit=60):
    """n requests at `rate` a second; body_of(i) gives (stream, bytes)."""
    async def all_of_them():
        began = time.monotonic() + 0.05
        return await asyncio.gather(*(one(address, key, i, *body_of(i), began + i / rate, limit) for i in range(n)))
    return asyncio.run(all_of_them())
