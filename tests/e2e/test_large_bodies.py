"""Bodies that wait in a file: the same bytes at each provider that is asked, in constant memory, with nothing left behind; and what
clients are told where there may be no file, or no room for one."""

import gzip
import hashlib
import os
import pathlib
import random
import socket
import struct
import subprocess
import threading

import pytest

from conftest import relay_config
from lib.client import Conn, chat, fetch, request_bytes
from lib.proc import SANITIZED, merge
from lib.upstream import error_answer, json_answer
from lib.wait import LONG, wait_for

MIB = 1 << 20
SIZE = 48 * MIB
HELD = 12 * MIB  # what a gateway's own memory may grow by while SIZE waits
JSON = [("Content-Type", "application/json")]


def text_of(size, seed=1):
    return random.Random(seed).randbytes(size // 2).hex().encode()


def chat_of(size, model="m"):
    return b'{"messages":[{"role":"user","content":"%s"}],"model":"%s"}' % (text_of(size), model.encode())


class Slow(threading.Thread):
    """A provider that reads a request, tells what it saw, and answers or breaks in the middle."""

    def __init__(self, answer, stop_at=None, on_half=None):
        super().__init__(daemon=True)
        self.answer, self.stop_at, self.on_half = answer, stop_at, on_half
        self.got, self.length, self.digest, self.requests = 0, 0, hashlib.sha256(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.start()

    def run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with conn:
                self.serve(conn)

    def serve(self, conn):
        head = b""
        while b"\r\n\r\n" not in head:
            more = conn.recv(65536)
            if not more:
                return
            head += more
        head, body = head.split(b"\r\n\r\n", 1)
        self.requests += 1
        self.length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")))
        self.got, self.digest = len(body), hashlib.sha256(body)
        while self.got < self.length:
            more = conn.recv(MIB)
            if not more:
                return
            self.digest.update(more)
            before, self.got = self.got, self.got + len(more)
            if self.on_half and before < self.length // 2 <= self.got:
                self.on_half()
            if self.stop_at and self.got >= self.stop_at:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
        conn.sendall(self.answer.steps[0])

    def close(self):
        self.listener.close()


def anonymous_memory(g):
    status = pathlib.Path(f"/proc/{g.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) * 1024


def waiting_files(g):
    """Open files without a name."""
    found = []
    for fd in pathlib.Path(f"/proc/{g.pid}/fd").iterdir():
        try:
            found.append(os.readlink(fd))
        except OSError:
            pass
    return [name for name in found if name.endswith("(deleted)") and "/journal/" not in name]


def two(a, b, **more):
    return merge(relay_config(a), {
        "providers": {"down": {"kind": "openai-compatible", "base_url": b, "keys": ["k"], "direct": True}},
        "models": {"m": {"targets": ["up/upstream-model", "down/downstream"]}},
        "listen": {"workers": 1}}, more)


def test_broken_half_way_and_sent_again(make):
    """40 MiB and more: the first provider resets in the middle, the second has every byte; no name in the directory, one file open,
    memory as before, and nothing left."""
    seen = []
    first = Slow(json_answer(), stop_at=SIZE // 2)
    second = Slow(json_answer(), on_half=lambda: seen.append((len(waiting_files(g)), sorted(os.listdir(g.state)),
                                                               anonymous_memory(g))))
    g = make.gateway(two(first.url, second.url))
    assert chat(g).status == 200  # everything that is allocated once
    names, memory = sorted(os.listdir(g.state)), anonymous_memory(g)
    body = chat_of(SIZE)
    first.requests = second.requests = 0
    answer = fetch(g.address, "POST", "/v1/chat/completions", body, JSON, g.key.text, timeout=LONG)
    assert answer.status == 200, answer
    assert first.requests >= 1 and SIZE // 2 <= first.got < SIZE
    assert second.length == second.got == len(body) - 1 + len("downstream")
    assert second.digest.hexdigest() == hashlib.sha256(body.replace(b'"model":"m"', b'"model":"downstream"')).hexdigest()
    files, now, held = seen[-1]
    print(f"{SIZE >> 20} MiB: {held - memory >> 10} KiB of memory beside it")
    assert files == 1 and now == names
    if not SANITIZED:
        assert held - memory < HELD
    wait_for(lambda: not waiting_files(g), "the file to be closed")
    assert g.metrics().sum("sluice_bodies_spilled_total") == 1

    # The client leaves: in the middle of the body, and while the provider has half of it.
    for given in (SIZE // 3, SIZE):
        with Conn(g.address, timeout=LONG) as c:
            c.send(request_bytes("POST", "/v1/chat/completions", None, [*JSON, ("Content-Length", str(len(body)))], g.key.text))
            c.send(body[:given])
            wait_for(lambda: waiting_files(g), "the file to be there")
            c.reset()
        wait_for(lambda: not waiting_files(g), "the file to be closed", seconds=20)  # sooner than listen.deadlines.body
    first.close()
    second.close()


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_refused_and_asked_again(make, certs, http2):
    """Answers that come early, on either version of HTTP; what comes compressed waits as what it unfolds to."""
    context = certs.server_context(certs.leaf("bodies"), alpn=["h2", "http/1.1"] if http2 else ["http/1.1"])
    up = make.upstream(tls=context, http2="alpn" if http2 else None)
    g = make.gateway(merge(relay_config(up.url), {"providers": {"up": {"tls": {"ca": certs.ca.cert}}}}))
    body = chat_of(4 * MIB)
    up.queue(error_answer(503))
    up.queue(error_answer(500))
    up.answer = json_answer()
    sent, headers = (body, JSON) if http2 else (gzip.compress(body, 1), [*JSON, ("Content-Encoding", "gzip")])
    answer = fetch(g.address, "POST", "/v1/chat/completions", sent, headers, g.key.text, timeout=LONG)
    assert answer.status == 200, answer
    want = body.replace(b'"model":"m"', b'"model":"upstream-model"')
    bodies = [hashlib.sha256(s.body).hexdigest() for s in up.requests[-3:]]
    assert bodies == [hashlib.sha256(want).hexdigest()] * 3
    wait_for(lambda: not waiting_files(g), "the file to be closed")


FACES = {
    "chat": ("/v1/chat/completions", b'{"model":"m","messages":[{"role":"user","content":"%s"}]}'),
    "responses": ("/v1/responses", b'{"model":"m","input":"%s"}'),
    "anthropic": ("/v1/messages", b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"%s"}]}'),
    "gemini": ("/v1beta/models/m:generateContent", b'{"contents":[{"role":"user","parts":[{"text":"%s"}]}]}'),
}


def expect_refusal(g, face, size, status, words):
    path, form = FACES[face]
    answer = fetch(g.address, "POST", path, form % text_of(size), JSON, g.key.text, timeout=LONG)
    assert answer.status == status, answer
    body = answer.json()
    error = body["error"]
    assert words in error["message"]
    if face == "anthropic":
        assert body["type"] == "error" and error["type"]
    elif face == "gemini":
        assert error["code"] == status and error["status"]
    else:
        assert error["type"] and error["code"]
    wait_for(lambda: not waiting_files(g), "the file to be closed")


def test_where_it_must_be_in_memory(make):
    """A request that is written anew, and a caller for whom nothing may be stored: bounded, and told what to do."""
    up = make.upstream()
    up.answer = json_answer()
    bound = {"relay": {"body_memory": "128KiB"}, "listen": {"workers": 1}}
    g = make.gateway(merge(relay_config(up.url), bound))
    expect_refusal(g, "anthropic", 3 * MIB, 413, "relay.body_memory")
    expect_refusal(g, "gemini", 3 * MIB, 413, "relay.body_memory")
    assert not up.requests
    small = fetch(g.address, "POST", FACES["anthropic"][0], FACES["anthropic"][1] % text_of(100 << 10), JSON, g.key.text, timeout=LONG)
    assert small.status == 200
    same = fetch(g.address, "POST", "/v1/chat/completions", chat_of(3 * MIB), JSON, g.key.text, timeout=LONG)
    assert same.status == 200
    g.reload(merge(relay_config(up.url), bound, {"responses": {"store": False}}))
    n = len(up.requests)
    for face in FACES:
        expect_refusal(g, face, 300 << 10, 413, "zero data retention")
    assert len(up.requests) == n


@pytest.mark.needs_root
def test_no_room_on_the_disk(make, tmp_path):
    """A full disk: a clean error, and the next request that fits is served."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)],
                                           capture_output=True).returncode != 0:
        pytest.skip("cannot mount here")
    try:
        up = make.upstream()
        up.answer = json_answer()
        g = make.gateway(merge(relay_config(up.url), {"relay": {"spill_bytes": "64KiB", "spill_directory": str(tmp_path)}}))
        for face in FACES:
            expect_refusal(g, face, 4 * MIB, 529 if face == "anthropic" else 503, "cannot keep a request body")
        assert not up.requests and os.listdir(tmp_path) == []
        answer = fetch(g.address, "POST", "/v1/chat/completions", chat_of(MIB), JSON, g.key.text, timeout=LONG)
        assert answer.status == 200
        g.stop()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=False)
