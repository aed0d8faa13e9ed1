"""What creates or changes something at a provider is sent once, wherever the connection dies behind it: every row of the table of operations
that is not repeatable, read off the source, so that a new one is not forgotten."""

import http.client
import io
import json
import pathlib
import re

import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import ROOT
from lib.upstream import Answer, body_answer, head_bytes
from lib.wait import wait_for

ROWS = pathlib.Path(ROOT) / "src/dialect/operation.c"
HERE = {"realtime_client_secrets", "realtime_sessions", "realtime_transcription_sessions"}  # made by the gateway itself
JSON = [("Content-Type", "application/json")]
BOUNDARY = "xYzZY"
FORM = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
GONE = ("whole", "head")  # the connection dies behind the whole request; behind the head of the answer


def once():
    """Names of the operations that may be sent once only."""
    text = ROWS.read_text()
    text = text[text.index("static const struct operation_row rows"):text.index("enum path_tail")]
    names = set()
    for entry in re.split(r"\n    \[OP_", text)[1:]:
        relayed = ".relayed = true" in entry or "OBJECT_CHANGE(" in entry
        if relayed and ".repeatable = true" not in entry and "OBJECT_READ(" not in entry:
            names.add(re.search(r'(?:SL_STR_INIT|OBJECT_CHANGE)\("(\w+)"', entry).group(1))
    return names


class Tap:
    """A provider whose connections die on demand: all is done by the simulator behind it."""

    def __init__(self, up, sim):
        self.up, self.sim, self.armed, self.met, self.used = up, sim, None, [], set()
        up.answer = self.answer

    def answer(self, seen):
        if seen.method == "GET" or self.armed is None:
            self.used.add(seen.connection)
            return self.done(seen)
        self.met.append(f"{seen.method} {seen.target}")
        how = self.armed
        if how == "used" and seen.connection in self.used:
            return Answer("rst")  # nothing was done
        done = self.done(seen)
        if how == "whole":
            return Answer("rst")
        if how == "head":
            return Answer(head_bytes(200, JSON + [("Content-Length", "5000")]), "rst")
        return done

    def done(self, seen):
        c = http.client.HTTPConnection(*self.sim.address, timeout=30)
        headers = {n: v for n, v in seen.headers if n.lower() not in ("host", "transfer-encoding", "content-length", "connection")}
        c.request(seen.method, seen.target, seen.body, headers)
        answer = c.getresponse()
        body = answer.read()
        kept = [(n, v.replace(self.sim.url, self.up.url[:-3])) for n, v in answer.getheaders()
                if n.lower() not in ("content-length", "transfer-encoding", "connection", "content-type")]
        c.close()
        return body_answer(body, answer.status, answer.getheader("content-type") or "application/json", kept)


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    taps = [Tap(makers.upstream(), sim) for _ in range(2)]
    base = [t.up.url[:-3] for t in taps]

    def pair(kind, path, name):
        return {f"{name}{i}": {"kind": kind, "base_url": base[i] + path, "keys": [f"sim-key-{name}-{i}"]} for i in range(2)}
    g = makers.gateway({
        "providers": {**pair("openai", "/v1", "o"), **pair("anthropic", "/v1", "a"), **pair("gemini", "/v1beta", "g")},
        "models": {"m": {"targets": ["o0/gpt-4o", "o1/gpt-4o"]}, "c": {"targets": ["a0/claude-opus-5-5", "a1/claude-opus-5-5"]},
                   "f": {"targets": ["g0/gemini-3.8-flash", "g1/gemini-3.8-flash"]},
                   "clip": {"targets": ["o0/sora-2", "o1/sora-2"]}},
        "files": {"provider": "o0"},
        "videos": {"poll_first": "50ms", "poll_interval": "50ms", "poll_max": "100ms", "resolve_for": "1s"},
        "resilience": {"breaker": False},
    })
    g.taps = taps
    yield g
    makers.end()


def form(**fields):
    out = io.BytesIO()
    for name, value in fields.items():
        more = '; filename="a.jsonl"' if isinstance(value, bytes) else ""
        out.write(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode())
        out.write(value if isinstance(value, bytes) else str(value).encode())
        out.write(b"\r\n")
    out.write(f"--{BOUNDARY}--\r\n".encode())
    return out.getvalue()


LINE = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
                   "body": {"model": "m", "messages": [{"role": "user", "content": "x"}]}}).encode()


class Asks:
    """For each operation the request, with what it names made before."""

    def __init__(self, g):
        self.g = g

    def ask(self, method, path, body=None, headers=JSON):
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        return fetch(self.g.address, method, path, body, [] if body is None else list(headers), self.g.key)

    def made(self, *request):
        answer = self.ask(*request)
        assert answer.status == 200, (request, answer.status, answer.body)
        return answer

    def id(self, *request):
        return self.made(*request).json()["id"]

    def files(self):
        return "POST", "/v1/files", form(purpose="batch", file=LINE), FORM

    def files_delete(self):
        return "DELETE", "/v1/files/" + self.id(*self.files())

    def batches(self):
        return "POST", "/v1/batches", {"input_file_id": self.id(*self.files()), "endpoint": "/v1/chat/completions",
                                       "completion_window": "24h"}

    def batches_cancel(self):
        return "POST", f"/v1/batches/{self.id(*self.batches())}/cancel"

    def message_batches(self):
        return "POST", "/v1/messages/batches", {"requests": [{"custom_id": "a", "params": {
            "model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}}]}

    def message_batches_cancel(self):
        return "POST", f"/v1/messages/batches/{self.id(*self.message_batches())}/cancel"

    def message_batches_delete(self):
        return "DELETE", f"/v1/messages/batches/{self.id(*self.message_batches())}"

    def gemini_files(self):
        return "POST", "/upload/v1beta/files", {"file": {"displayName": "x"}}, JSON + [
            ("Host", self.g.url[7:]), ("X-Goog-Upload-Protocol", "resumable"), ("X-Goog-Upload-Command", "start"),
            ("X-Goog-Upload-Header-Content-Length", "3"), ("X-Goog-Upload-Header-Content-Type", "text/plain")]

    def gemini_files_upload(self):
        link = self.made(*self.gemini_files()).get("x-goog-upload-url")
        return "POST", link[len(self.g.url):], b"abc", [("X-Goog-Upload-Command", "upload, finalize"), ("X-Goog-Upload-Offset", "0")]

    def gemini_files_delete(self):
        return "DELETE", "/v1beta/" + self.made(*self.gemini_files_upload()).json()["file"]["name"]

    def uploads(self):
        return "POST", "/v1/uploads", {"filename": "a", "bytes": 3, "mime_type": "text/plain", "purpose": "user_data"}

    def uploads_part(self):
        return "POST", f"/v1/uploads/{self.id(*self.uploads())}/parts", form(data=b"abc"), FORM

    def uploads_complete(self):
        method, path, body, headers = self.uploads_part()
        part = self.id(method, path, body, headers)
        return "POST", path.replace("/parts", "/complete"), {"part_ids": [part]}

    def uploads_cancel(self):
        return "POST", f"/v1/uploads/{self.id(*self.uploads())}/cancel"

    def responses_delete(self):
        return "DELETE", "/v1/responses/" + self.id("POST", "/v1/responses", {"model": "m", "input": "x", "store": True})

    def videos(self):
        return "POST", "/v1/videos", {"model": "clip", "prompt": "x"}

    def videos_remix(self):
        id = self.id(*self.videos())
        wait_for(lambda: self.ask("GET", f"/v1/videos/{id}").json()["status"] == "completed", "the video")
        return "POST", f"/v1/videos/{id}/remix", {"prompt": "y"}

    def videos_delete(self):
        return "DELETE", f"/v1/videos/{self.id(*self.videos())}"

    def videos_cancel(self):
        return "POST", f"/v1/videos/{self.id(*self.videos())}/cancel"


def test_none_is_forgotten():
    rows = once()
    assert {"files", "videos", "batches", "responses_delete"} <= rows and "chat" not in rows
    assert {name for name in rows - HERE if not hasattr(Asks, name)} == set()


@pytest.mark.parametrize("name", sorted(once() - HERE))
def test_asked_once(served, name):
    asks = Asks(served)
    for how in GONE:
        request = getattr(asks, name)()
        for tap in served.taps:
            tap.met, tap.armed = [], how
        answer = asks.ask(*request)
        met = [m for tap in served.taps for m in tap.met]
        for tap in served.taps:
            tap.armed = None
        assert len(met) <= 1, (how, met)
        assert answer.status >= 400 or len(met) == 0 or "delete" in name or "cancel" in name, (how, answer.status, answer.body)
        assert answer.status < 500 or answer.get("x-should-retry") in ("false", None), (how, answer.headers)
        if not name.startswith("videos_"):
            assert len(met) == 1, (how, answer.status, answer.body)


@pytest.mark.parametrize("name", sorted(once() - HERE))
def test_not_on_a_kept_connection(served, name):
    """Kept connections are gone, or go in the moment they are used: nothing that creates or changes is sent on one, so each is
    done."""
    asks = Asks(served)
    for how in ("used", "dropped"):
        request = getattr(asks, name)()
        for tap in served.taps:
            tap.met, tap.armed = [], how
            if how == "dropped":
                tap.up.drop_connections()
        answer = asks.ask(*request)
        met = [m for tap in served.taps for m in tap.met]
        for tap in served.taps:
            tap.armed = None
        assert answer.status < 300 and len(met) <= 1, (how, answer.status, answer.body, met)
