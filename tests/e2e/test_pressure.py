"""Back-pressure and bounds: slow readers hold the provider, large bodies cost little memory."""

import gzip
import json
import pathlib
import random
import re
import socket
import time

import pytest

from conftest import relay_config
from lib.client import Conn, chat, chat_body, fetch, request_bytes
from lib.proc import SANITIZED
from lib.upstream import DONE, Answer, body_answer, delta, head_bytes, stream_answer
from lib.wait import LONG, wait_for

READERS = 1000 if not SANITIZED else 200


def steady(read, seconds=0.4):
    """The value once it has not changed for that long."""
    last, since = read(), time.monotonic()

    def check():
        nonlocal last, since
        now = read()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= seconds
    wait_for(check, "a steady state", every=0.05)
    return last


@pytest.mark.timeout(600)
def test_thousand_stalled_readers(make):
    """Clients that read nothing hold their providers; the gateway keeps a bounded amount for each; all of it is there when
    they read again."""
    up = make.upstream(sndbuf=16384)
    g = make.gateway(relay_config(up.url, relay={"client_queue": "64KiB"},
                                  resilience={"deadline": {"between_bytes": "10m", "answer": "10m", "total": "10m"}}))
    event = delta("x" * 8000)
    some, many = 60, 7000  # 480 KB: more than queues hold; 56 MB: more than the kernel's buffers (32 MiB and less) can hold as well
    answers = {n: stream_answer(*[event] * n, delta(finish="stop"), DONE) for n in (some, many)}
    up.answer = lambda seen: answers[seen.json()["n"]]
    before = g.rss_kib()
    conns = []
    try:
        for i in range(READERS):
            c = Conn(g.address, rcvbuf=4096)
            c.n = many if i % 50 == 0 else some
            c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True, n=c.n), key=g.key))
            conns.append(c)
        up.wait_requests(READERS)
        steady(lambda: sum(s.sent for s in up.requests))
        long = [s for s in up.requests if s.json()["n"] == many]
        assert all(s.sent < many * len(event) * 0.8 for s in long), "the providers were not held"
        grown = g.rss_kib() - before
        assert grown < READERS * 256 * (3 if SANITIZED else 1), f"{grown / READERS:.0f} KiB for each stalled reader"
        for c in conns[:4]:  # those that read again get everything
            answer = c.read()
            assert answer.body.count(b"x" * 8000) == c.n and answer.body.endswith(DONE)
        assert fetch(g.address, "GET", "/v1/models", key=g.key).status == 200
    finally:
        for c in conns:
            c.close()
    g.wait_metric("sluice_requests_in_flight", 0)
    assert all(s.answered.is_set() or s.gone.wait(LONG) for s in up.requests)


def test_slow_provider_is_given_up(make):
    """A provider that reads nothing: the upload stops with bounded memory, and the send deadline ends it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    g = make.gateway(relay_config(f"http://127.0.0.1:{listener.getsockname()[1]}/v1",
                                  resilience={"retry": {"attempts": 1}, "deadline": {"send": "700ms"}}))
    before = g.rss_kib()
    body = json.dumps(chat_body(pad="x" * (12 << 20))).encode()
    answer = chat(g, body)
    assert answer.status == 504 and g.record(answer.id)["attempts"][0]["outcome"] == "send_timeout", answer
    assert g.rss_kib() - before < 64 * 1024
    listener.close()


def test_stalled_client_has_an_end(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"deadlines": {"write": "500ms"}}))
    up.answer = stream_answer(*[delta("x" * 8000)] * 2000, DONE)
    with Conn(g.address, rcvbuf=4096) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        up.wait_requests(1)
        # While the client is still there. (What the provider's own buffers held may all have been sent by then.)
        record = g.record(where=lambda r: r["stream"])
    assert record["ended"]["by"] == "client"


@pytest.mark.parametrize("compressed", [False, True])
def test_body_of_64_mib(make, compressed):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    up.answer = lambda seen: body_answer(b'{"n":%d}' % len(seen.body))
    before = g.rss_kib()
    # Not all alike, so that the ratio cap lets the compressed form pass.
    pad = random.Random(1).randbytes(1 << 20).hex() * (63 // 2)
    body = json.dumps(chat_body(pad=pad)).encode()
    headers = []
    if compressed:
        body, headers = gzip.compress(body, 1), [("content-encoding", "gzip")]
    assert len(body) < 64 << 20
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", body, headers, g.key))
        answer = c.read()
    assert answer.status == 200, answer
    assert answer.json()["n"] > len(pad)
    assert up.last().json()["pad"] == pad
    peak = int([l for l in open(f"/proc/{g.pid}/status") if l.startswith("VmHWM")][0].split()[1])
    assert peak - before < (200 if not SANITIZED else 600) * 1024, f"{(peak - before) // 1024} MiB for one body of 64 MiB"
    # And given back afterwards.
    up.answer = body_answer(b"{}")
    assert chat(g).status == 200
    wait_for(lambda: g.rss_kib() - before < 24 * 1024 or SANITIZED, "the memory to be given back")


def test_large_answer_with_a_slow_reader(make):
    """An answer of 60 MB, read slowly: the gateway holds little of it."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    size = 60_000_000
    block = b"y" * 100_000
    up.answer = Answer(head_bytes(200, [("content-type", "application/json"), ("content-length", str(size + 2))]) + b'"',
                       *[block] * (size // len(block)), b'"')
    before = g.rss_kib()
    with Conn(g.address, rcvbuf=16384) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(), key=g.key))
        head = c.read_head()
        sent = steady(lambda: up.last().sent)
        assert sent < size * 0.7 and g.rss_kib() - before < 16 * 1024
        got = sum(len(p) for p in c.pieces(head))
        assert got == size + 2
    assert g.rss_kib() - before < 24 * 1024


def test_idle_connections_are_cheap(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    n = 2000
    chat(g)
    conns = []
    try:
        with Conn(g.address) as c:
            c.request("GET", "/v1/models", key=g.key)
        before = g.rss_kib()
        for _ in range(n):
            c = Conn(g.address)
            c.send(request_bytes("GET", "/v1/models", key=g.key))
            conns.append(c)
        for c in conns:
            assert c.read().status == 200
        g.wait_metric("sluice_connections_open", lambda v: v >= n)
        each = (g.rss_kib() - before) * 1024 / n
        assert each <= 8192 or SANITIZED, f"{each:.0f} bytes for each idle connection"
    finally:
        for c in conns:
            c.close()
    g.wait_metric("sluice_connections_open", lambda v: v <= 1)


def test_memory_is_flat_over_many_requests(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    with Conn(g.address) as c:
        def some(n):
            for i in range(n):
                c.request("POST", "/v1/chat/completions", chat_body(stream=i % 2 == 0), key=g.key)
        some(300)
        before = g.rss_kib()
        some(1000)
        assert g.rss_kib() - before < 1024 * (8 if SANITIZED else 1)
    assert g.fds() < 80


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own thread wakes up, too")
def test_idle_process_sleeps(make):
    """Once a second, for the keys that `sluice keys` may have changed, and for nothing else, over all threads."""
    g = make.gateway(relay_config("http://127.0.0.1:1/v1"))
    chat(g)  # everything has been used once

    def wake_ups():
        statuses = (task / "status" for task in pathlib.Path(f"/proc/{g.pid}/task").iterdir())
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", s.read_text(), re.MULTILINE)[1]) for s in statuses)

    def in_a_while():
        before, began = wake_ups(), time.monotonic()
        time.sleep(4)
        return (wake_ups() - before) / (time.monotonic() - began)
    # At first connections end and the journal is taken in.
    wait_for(lambda: in_a_while() <= 1.5, "an idle process")
