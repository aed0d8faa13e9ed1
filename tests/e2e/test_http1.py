"""HTTP/1 as raw bytes: doubtful framing is refused and the connection closed; slow and greedy clients have an end."""

import json
import time

import pytest

from conftest import Makers, relay_config
from lib.client import Conn, chat, chat_body, fetch, request_bytes
from lib.sockets import options_of

BODY = json.dumps(chat_body()).encode()


def one_gateway(**listen):
    makers = Makers()
    up = makers.upstream()
    g = makers.gateway(relay_config(up.url, listen=listen))
    g.up = up
    yield g
    makers.end()


@pytest.fixture(scope="module")
def strict():
    """Small limits; no deadline that a test of framing could meet on a busy machine."""
    yield from one_gateway(limits={"head_bytes": "8KiB", "target_bytes": "4KiB", "headers": 50},
                           deadlines={"head": "5m", "body": "5m", "idle": "5m", "linger": "200ms"})


@pytest.fixture(scope="module")
def hasty():
    """Short deadlines."""
    yield from one_gateway(deadlines={"head": "400ms", "body": "400ms", "idle": "500ms", "linger": "200ms"})


def head(key, *lines, length=True, first="POST /v1/chat/completions HTTP/1.1", host="Host: localhost"):
    fields = [first, *([host] if host else []), f"Authorization: Bearer {key.text}", "Content-Type: application/json"]
    if length:
        fields.append(f"Content-Length: {len(BODY)}")
    return ("\r\n".join([*fields, *lines]) + "\r\n\r\n").encode("latin-1")


def smuggle(lines, **more):
    return lambda key: head(key, *lines, **more) + BODY


# What follows each of these on the connection is a second request that must never be answered.
REFUSED = {
    "length and chunked": smuggle(["Transfer-Encoding: chunked"]),
    "chunked and length": lambda k: head(k, "Transfer-Encoding: chunked", "Content-Length: 4", length=False) + b"0\r\n\r\n",
    "two lengths that differ": smuggle(["Content-Length: 5"]),
    "two lengths alike": smuggle([f"Content-Length: {len(BODY)}"]),
    "length list": smuggle(["Content-Length: 5, 5"], length=False),
    "length with sign": smuggle(["Content-Length: +5"], length=False),
    "negative length": smuggle(["Content-Length: -1"], length=False),
    "length in hex": smuggle(["Content-Length: 0x5"], length=False),
    "length with blank inside": smuggle(["Content-Length: 5 5"], length=False),
    "empty length": smuggle(["Content-Length:"], length=False),
    "length of 2^64": smuggle(["Content-Length: 18446744073709551616"], length=False),
    "length is a word": smuggle(["Content-Length: five"], length=False),
    "unknown coding": smuggle(["Transfer-Encoding: cow"], length=False),
    "chunked twice": smuggle(["Transfer-Encoding: chunked, chunked"], length=False),
    "two codings fields": smuggle(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], length=False),
    "chunked not last": smuggle(["Transfer-Encoding: chunked, gzip"], length=False),
    "coding with vertical tab": smuggle(["Transfer-Encoding: \x0bchunked"], length=False),
    "folded line": smuggle(["X-A: b", " c"]),
    "folded coding": smuggle(["Transfer-Encoding:", " chunked"], length=False),
    "blank before colon": smuggle(["X-A : b"]),
    "blank before colon of length": smuggle([f"Content-Length : {len(BODY)}"], length=False),
    "blank before the first field": lambda k: head(k).replace(b"\r\nHost", b"\r\n Host", 1) + BODY,
    "empty name": smuggle([": b"]),
    "no colon": smuggle(["just text"]),
    "control in name": smuggle(["X\x01A: b"]),
    "NUL in value": smuggle(["X-A: b\x00c"]),
    "bare CR in value": smuggle(["X-A: b\rc"]),
    "bare LF ends a line": lambda k: head(k).replace(b"\r\nAuth", b"\nAuth", 1) + BODY,
    "bare LF everywhere": lambda k: head(k).replace(b"\r\n", b"\n") + BODY,
    "bare LF ends the head": lambda k: head(k)[:-2] + b"\n" + BODY,
    "no host": smuggle([], host=None),
    "two hosts": smuggle(["Host: other"]),
    "host with comma": smuggle([], host="Host: a,b"),
    "host with blank": smuggle([], host="Host: a b"),
    "HTTP/1.2": smuggle([], first="POST /v1/chat/completions HTTP/1.2"),
    "HTTP/3.0": smuggle([], first="POST /v1/chat/completions HTTP/3.0"),
    "HTTP/0.9": lambda k: b"GET /v1/models\r\n\r\n",
    "two blanks in the request line": smuggle([], first="POST  /v1/chat/completions HTTP/1.1"),
    "tab in the request line": smuggle([], first="POST\t/v1/chat/completions HTTP/1.1"),
    "blank in the target": smuggle([], first="POST /v1/chat completions HTTP/1.1"),
    "control in the target": smuggle([], first="POST /v1/chat\x01 HTTP/1.1"),
    "fragment in the target": smuggle([], first="POST /v1/chat/completions#x HTTP/1.1"),
    "unknown method": smuggle([], first="FROBNICATE /v1/chat/completions HTTP/1.1"),
    "CONNECT": smuggle([], first="CONNECT localhost:1 HTTP/1.1"),
    "chunk size with sign": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"+5\r\nabcde\r\n0\r\n\r\n",
    "chunk size is a word": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"zz\r\nabcde\r\n0\r\n\r\n",
    "chunk size with 0x": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "chunk size over 2^64": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"1" + b"0" * 16 + b"\r\nabcde\r\n0\r\n\r\n",
    "chunk without its end": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"5\r\nabcdeXX0\r\n\r\n",
    "chunk line ended by LF": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"5\nabcde\r\n0\r\n\r\n",
    "chunk extension with LF": lambda k: head(k, "Transfer-Encoding: chunked", length=False) + b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_doubtful_framing_is_refused(strict, name):
    strict.up.reset()
    second = request_bytes("GET", "/v1/models", key=strict.key)
    with Conn(strict.address) as c:
        try:
            c.send(REFUSED[name](strict.key) + second)
        except OSError:
            pass
        assert c.at_end(), "the connection stays open"
        got = bytes(c.received)
        status = int(got[9:12]) if got.startswith(b"HTTP/1.") else None
        assert status in (400, 405, 411, 413, 431, 501, 505), got[:300]
        assert got.count(b"HTTP/1.1 ") == 1, got
        assert b'"object":"list"' not in got
    assert strict.up.requests == []


def test_limits_of_the_head(strict):
    for lines, statuses in ((["X-A: b"] * 60, (431,)), (["X-A: " + "b" * 9000], (431,)),
                            ([f"X-{i}: " + "b" * 400 for i in range(30)], (431,))):
        with Conn(strict.address) as c:
            c.send(head(strict.key, *lines) + BODY)
            answer = c.read()
            assert answer.status in statuses, answer
            assert c.at_end()
    with Conn(strict.address) as c:
        c.send(head(strict.key, first="POST /v1/" + "x" * 20000 + " HTTP/1.1") + BODY)
        assert c.read().status in (414, 431)
    with Conn(strict.address) as c:  # an endless head is cut off at the limit, not at the end
        sent = 0
        try:
            c.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n")
            for i in range(100000):
                c.send(b"X-%d: y\r\n" % i)
                sent += 1
        except OSError:
            pass
        assert sent < 100000 and b" 431 " in bytes(c.received) or c.at_end()


def drip(c, pieces):
    """Sends one piece each 50 ms until the other side says something. True: it did."""
    for piece in pieces:
        if not c.is_silent(0.05):
            return True
        try:
            c.send(piece)
        except OSError:
            return True
    return False


def test_slow_head_has_an_end(hasty):
    began = time.monotonic()
    with Conn(hasty.address) as c:
        c.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n")
        assert drip(c, (b"X-%d: y\r\n" % i for i in range(1800))), "it would go on for ever"
        assert c.at_end()
        assert not c.received or b" 408 " in bytes(c.received)
    assert time.monotonic() - began > 0.3


def test_silent_connection_has_an_end(hasty):
    began = time.monotonic()
    with Conn(hasty.address) as c:
        assert c.at_end()
        assert time.monotonic() - began > 0.2 and not c.received


def test_body_that_stops_has_an_end(hasty):
    began = time.monotonic()
    with Conn(hasty.address) as c:
        c.send(head(hasty.key) + BODY[:20])
        assert c.at_end()
        assert b" 408 " in bytes(c.received), bytes(c.received)
    assert time.monotonic() - began > 0.3
    hasty.wait_metric("sluice_requests_in_flight", 0)


def test_dripping_body_has_an_end(make):
    """A byte now and then is no pause, but the exchange as a whole has its deadline."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"deadline": {"total": "800ms", "answer": "700ms"}}))
    began = time.monotonic()
    long = json.dumps(chat_body(pad="x" * 1800)).encode()
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", None, [("content-length", str(len(long)))], g.key))
        assert drip(c, (bytes([byte]) for byte in long)), "it would go on until the body is there"
        assert c.received or c.at_end()
    assert time.monotonic() - began > 0.7
    assert up.requests == []
    g.wait_metric("sluice_requests_in_flight", 0)


def test_idle_keep_alive_has_an_end(hasty):
    with Conn(hasty.address) as c:
        began = time.monotonic()
        assert c.request("GET", "/v1/models", key=hasty.key).status == 200
        assert c.at_end() and time.monotonic() - began > 0.3


def test_many_slow_heads_do_not_keep_others_out(strict):
    slow = [Conn(strict.address) for _ in range(300)]
    for c in slow:
        c.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost:")
    assert chat(strict).status == 200
    for c in slow:
        c.close()


def test_pipelining(strict):
    """Requests sent in one go are answered in order, each with its own answer."""
    from lib.upstream import json_answer
    strict.up.reset()
    strict.up.answer = lambda seen: json_answer({"n": seen.json()["n"]})
    with Conn(strict.address) as c:
        c.send(b"".join(request_bytes("POST", "/v1/chat/completions", chat_body(n=i), key=strict.key) for i in range(20)))
        for i in range(20):
            answer = c.read()
            assert answer.status == 200 and answer.json()["n"] == i


def test_pipelined_behind_a_stream(strict):
    strict.up.reset()
    with Conn(strict.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=strict.key) +
               request_bytes("GET", "/v1/models", key=strict.key))
        assert c.read().body.endswith(b"data: [DONE]\n\n")
        assert c.read().json()["object"] == "list"


@pytest.mark.parametrize("version,connection,stays", [("1.1", None, True), ("1.1", "close", False), ("1.0", None, False),
                                                      ("1.0", "keep-alive", True), ("1.1", "Close", False)])
def test_connection_persistence(strict, version, connection, stays):
    lines = [f"Connection: {connection}"] if connection else []
    with Conn(strict.address) as c:
        c.send(head(strict.key, *lines, first=f"POST /v1/chat/completions HTTP/{version}") + BODY)
        assert c.read().status == 200
        c.send(request_bytes("GET", "/v1/models", key=strict.key)) if stays else None
        if stays:
            assert c.read().status == 200
        else:
            assert c.at_end()


def test_http_1_0_stream_ends_with_the_connection(strict):
    body = json.dumps(chat_body(stream=True)).encode()
    with Conn(strict.address) as c:
        c.send(b"POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" %
               (strict.key.text.encode(), len(body), body))
        answer = c.read()
        assert answer.status == 200 and answer.get("transfer-encoding") is None
        assert answer.body.endswith(b"data: [DONE]\n\n")


def test_request_written_byte_by_byte(relay):
    raw = request_bytes("POST", "/v1/chat/completions", chat_body(), key=relay.gateway.key)
    with Conn(relay.gateway.address) as c:
        for byte in raw:
            c.send(bytes([byte]))
        assert c.read().status == 200
    assert relay.up.last().json()["model"] == "upstream-model"


def test_upgrade_is_not_followed(strict):
    answer = fetch(strict.address, "GET", "/v1/models", key=strict.key,
                   headers=[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")])
    assert answer.status in (200, 400)
    answer = fetch(strict.address, "GET", "/v1/models", key=strict.key,
                   headers=[("connection", "upgrade"), ("upgrade", "websocket")])
    assert answer.status in (200, 400, 426)


def test_nodelay_on_both_sides(relay):
    import threading
    from lib.upstream import delta, stream_answer
    gate = threading.Event()
    relay.up.queue(stream_answer(delta("x"), gate))
    with Conn(relay.gateway.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=relay.gateway.key))
        next(c.events(c.read_head()))
        found = options_of(relay.gateway.pid)
        if found is None:
            pytest.skip("no right to look at another process's sockets (pidfd_getfd)")
        client = [o for o in found if o.peer == c.sock.getsockname()]
        provider = [o for o in found if o.peer and o.peer[1] == relay.up.port]
        assert client and provider
        assert all(o.nodelay for o in client + provider), found
        gate.set()


def test_connections_per_address_have_a_limit(make):
    """Loopback is exempt from the limit per address; the limit of the process holds for all."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"limits": {"connections": 20}}))
    held = []
    try:
        for _ in range(60):
            held.append(Conn(g.address))
        g.wait_metric("sluice_connections_refused_total", lambda v: v >= 30)
        assert g.metrics().sum("sluice_connections_open") <= 20
    finally:
        for c in held:
            c.close()
    g.wait_metric("sluice_connections_open", 0)
    assert chat(g).status == 200
