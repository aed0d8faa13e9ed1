"""Sessions over WebSockets: what their tests have in common."""

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading

import pytest
import websockets
from websockets.sync.client import connect

from conftest import Makers
from lib import ledger
from lib.wait import LONG, wait_for

PROVIDER_KEY = "sk-of-the-provider"


def serving(config):
    """Fixtures: a gateway for all of a file's tests in front of a simulator (`.sim`), whose rules are none when a test begins."""
    @pytest.fixture(scope="module")
    def served():
        makers = Makers()
        sim = makers.sim("--key", PROVIDER_KEY)
        g = makers.gateway(config(sim))
        g.sim = sim
        yield g
        makers.end()

    @pytest.fixture
    def g(served):
        served.sim.rules()
        return served

    return served, g


def open_socket(g, path, headers=(), **more):
    return connect(f"ws://127.0.0.1:{g.address[1]}{path}", open_timeout=LONG, close_timeout=LONG, ping_interval=None, max_size=None,
                   compression=more.pop("compression", None), proxy=None, additional_headers=dict(headers), **more)


def hear(ws):
    return json.loads(ws.recv(timeout=LONG))


def say(ws, **event):
    ws.send(json.dumps(event))


def ending(ws):
    """Everything until the end, and the code of that."""
    heard = []
    try:
        while True:
            heard.append(hear(ws))
    except websockets.ConnectionClosed:
        return heard, ws.close_code


def settled(g, id, n):
    def look():
        rows = [r for r in ledger.attempts(g.state) if r.exchange == id]
        return rows if len(rows) >= n and all(r.state != ledger.OPEN for r in rows) else None
    return wait_for(look, f"{n} settled responses of {id}", every=0.05)


def same(rows, served, names=("input", "cache_read", "output", "audio_in", "audio_out")):
    """The ledger has what the provider would bill. (Ids of one millisecond have no order.)"""
    assert sorted(tuple(r.tokens[n] for n in names) for r in rows) == sorted(tuple(s.get(n, 0) for n in names) for s in served)


def billed(g, since):
    """What the simulator would bill for sessions since then."""
    return [r for r in g.sim.count()["served"][since:] if r["status"] in (101, 200)]


def raw(g, path, greeting=b"session.created", key=None):
    """A socket behind its handshake, for those who write their own frames."""
    s = socket.create_connection(g.address, timeout=LONG)
    s.sendall((f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
               f"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer {(key or g.key).text}\r\n\r\n").encode())
    seen = b""
    while greeting not in seen:
        more = s.recv(65536)
        assert more, seen
        seen += more
    assert b"101 Switching Protocols" in seen and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in seen
    return s


def frame(payload, first=0x81, mask=b"\x01\x02\x03\x04", length=None):
    n = len(payload) if length is None else length
    size = bytes([0x80 | n]) if n < 126 else bytes([0x80 | 126]) + struct.pack(">H", n) if n < 65536 else bytes([0x80 | 127]) + struct.pack(">Q", n)
    return bytes([first]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def plain(payload, first=0x81, length=None):
    """A frame of a server's."""
    n = len(payload) if length is None else length
    size = bytes([n]) if n < 126 else bytes([126]) + struct.pack(">H", n) if n < 65536 else bytes([127]) + struct.pack(">Q", n)
    return bytes([first]) + size + payload


@contextlib.contextmanager
def bytes_provider(greeting, answer=b"", accept=None, more=b""):
    """A provider at the level of bytes: it accepts the upgrade (or says `accept`, and headers more), greets, and answers whatever comes by
    `answer` and the end of its connection. Gives its port."""
    def one(s):
        with s, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(65536) or b"\r\n\r\n"
            key = [line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")]
            right = base64.b64encode(hashlib.sha1((key or [b""])[0] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: " + (accept or right) +
                      more + b"\r\n\r\n" + greeting)
            if s.recv(65536) and answer:
                s.sendall(answer)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass

    def run():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


# The same rules for a provider.
PROVIDER_BREAKERS = {
    "masked": frame(b"{}"),
    "reserved": plain(b"{}", first=0xC1),
    "opcode": plain(b"{}", first=0x83),
    "split-ping": plain(b"hi", first=0x09),
    "large-ping": plain(b"x" * 126, first=0x89),
    "continuation": plain(b"", first=0x80),
    "nested": plain(b"a", first=0x01) + plain(b"b"),
    "text": plain(b"\xc3\x28"),
    "oversize": plain(b"", length=25 << 20),
    "half-code": plain(b"\x03", first=0x88),
    "code": plain(b"\x03\xed", first=0x88),
    "cut": plain(b"Hel", length=5),
}


def close_code(s):
    """Of the close frame at the end of what comes."""
    seen = b""
    while True:
        more = s.recv(65536)
        if not more:
            break
        seen += more
    at = seen.rindex(b"\x88")
    return struct.unpack(">H", seen[at + 2:at + 4])[0]


# What breaks the protocol, and what it is told (RFC 6455 section 7.4.1).
BREAKERS = {
    "unmasked": (b"\x81\x05Hello", 1002),
    "reserved": (frame(b"{}", first=0xC1), 1002),                # a reserved bit
    "opcode": (frame(b"{}", first=0x83), 1002),                  # a reserved opcode
    "split-ping": (frame(b"hi", first=0x09), 1002),              # a ping in fragments
    "large-ping": (frame(b"x" * 126, first=0x89), 1002),
    "continuation": (frame(b"", first=0x80), 1002),              # of nothing
    "nested": (frame(b"a", first=0x01) + frame(b"b"), 1002),     # a message inside of another
    "text": (frame(b"\xc3\x28"), 1007),                          # no UTF-8
    "split-text": (frame(b"\xc3", first=0x01) + frame(b"\x28", first=0x80), 1007),
    "oversize": (frame(b"", length=25 << 20), 1009),             # larger than is taken
    "half-code": (frame(b"\x03", first=0x88), 1002),             # half a close code
    "code": (frame(b"\x03\xed", first=0x88), 1002),              # one that may not be sent
}
BINARY = (frame(b"{}", first=0x82), 1003)  # where text is wanted
