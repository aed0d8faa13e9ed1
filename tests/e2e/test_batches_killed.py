"""kill -9 around files and batches that lie at a provider, creates whose outcome nobody knows, and batches whose provider reports no
usage. docs/internals/files.md."""

import contextlib
import json
import sqlite3

import openai
import pytest

from lib import ledger
from lib.client import Conn, request_bytes
from lib.proc import create_key
from lib.upstream import Answer, error_answer, json_answer
from lib.wait import wait_for

TYPE = ("Content-Type", "multipart/form-data; boundary=b")
INTENT = 12


class Provider:
    """Files and batches as OpenAI has them, without `usage` in the batch."""

    def __init__(self, up):
        self.up, self.batches, self.lines, self.on_create = up, [], [], None
        up.answer = self.answer

    def creates(self):
        return [r for r in self.up.requests if r.method == "POST" and r.path.endswith("/batches")]

    def answer(self, seen):
        path = seen.path.removeprefix("/v1")
        if (seen.method, path) == ("POST", "/files"):
            return json_answer({"id": "file-in", "object": "file", "bytes": 9, "created_at": 1, "filename": "in.jsonl", "purpose": "batch"})
        if (seen.method, path) == ("POST", "/batches"):
            return self.create(seen)
        if path == "/files":
            return json_answer({"object": "list", "data": [], "has_more": False})
        if path == "/batches":
            assert seen.target.endswith("?limit=100")
            return json_answer({"object": "list", "data": [self.show(b) for b in reversed(self.batches)], "has_more": False})
        if path.startswith("/batches/"):
            return json_answer(self.show(next(b for b in self.batches if b["id"] == path.split("/")[2]), done=True))
        if path == "/files/file-out/content":
            body = "".join(json.dumps(x) + "\n" for x in self.lines).encode()
            return Answer(b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        return error_answer(404)

    def create(self, seen):
        if self.on_create == "refuse":
            return error_answer(400, "bad")
        self.batches.append({"id": f"batch_{len(self.batches)}", "object": "batch", "created_at": 1, "completion_window": "24h",
                             "errors": None, "metadata": None, **seen.json()})
        return Answer("rst") if self.on_create == "cut" else json_answer(self.show(self.batches[-1]))

    def show(self, batch, done=False):
        return dict(batch, status="completed" if done else "in_progress", output_file_id="file-out" if done else None)


def config(up):
    return {"providers": {"up": {"kind": "openai", "base_url": up.url, "keys": ["the-provider-key", "another-key"]}},
            "models": {"m": "up/gpt-4o"}, "batches": {"poll": "1h"}}


@contextlib.contextmanager
def sdk(g, key=None):
    with contextlib.closing(openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0)) as c:
        yield c


def create(c):
    put = c.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")
    return c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")


def intents(g):
    with contextlib.closing(sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True)) as db:
        return db.execute(f"SELECT count(*) FROM objects WHERE kind = {INTENT}").fetchone()[0]


def test_killed_during_an_upload(make):
    """The provider has no whole request, and nobody was told of a file."""
    up = make.upstream()
    Provider(up)
    g = make.gateway(config(up))
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/files", None, [TYPE, ("Content-Length", "9000000")], g.key.text))
        c.send(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 1_000_000)
        wait_for(lambda: up.open_connections, "the upload at the provider")
        g.kill()
    g = make.adopt(g.restart())
    with sdk(g) as c:
        assert g.wait_event("files.resolved")["found"] == 0 and intents(g) == 0
        assert c.files.list().data == [] and {r.method for r in up.requests} == {"GET"}
        put = c.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")
        g.kill()  # behind the answer: it is there
    g = make.adopt(g.restart())
    with sdk(g) as c:
        assert [f.id for f in c.files.list()] == [put.id]


@pytest.mark.parametrize("how", ["killed", "cut"])
def test_a_batch_that_nobody_was_told_of(make, how):
    """The provider has it: it is found in its list, belongs to the file's owner, and was made once."""
    up = make.upstream()
    provider = Provider(up)
    g = make.gateway(config(up), env={"SLUICE_DIE_AT": "batch_taken"} if how == "killed" else None)
    foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    provider.on_create = how
    with sdk(g) as c, pytest.raises(openai.APIError):
        create(c)
    if how == "killed":
        g.exit_code = None
        g.wait_exit()
    else:
        g.kill()
    assert len(provider.batches) == 1 and intents(g) == 1
    g._env = None
    g = make.adopt(g.restart())
    g.wait_event("batches.resolved")
    with sdk(g) as c:
        found = wait_for(lambda: c.batches.list().data, "the batch")
        assert [b.id for b in found] == ["batch_0"] and c.batches.retrieve("batch_0").status == "completed"
    with sdk(g, foreign) as c:
        assert c.batches.list().data == []
    assert len(provider.creates()) == 1 and intents(g) == 0
    asked = [r for r in up.requests if r.target.endswith("?limit=100")]
    assert {r.get("authorization") for r in asked} == {provider.creates()[0].get("authorization")}  # the account that has it


def test_a_batch_that_was_not_made(make):
    """Refused: nothing is looked for. Never arrived: the provider's list says so."""
    up = make.upstream()
    provider = Provider(up)
    g = make.gateway(config(up))
    provider.on_create = "refuse"
    with sdk(g) as c, pytest.raises(openai.BadRequestError):
        create(c)
    wait_for(lambda: intents(g) == 0, "the end of the intent")
    provider.on_create = "cut"
    with sdk(g) as c, pytest.raises(openai.APIError):
        create(c)
    provider.batches.clear()
    g.kill()
    g = make.adopt(g.restart())
    assert g.wait_event("batches.resolved")["found"] == 0
    wait_for(lambda: intents(g) == 0, "the end of the intent")
    with sdk(g) as c:
        assert c.batches.list().data == []


def test_charged_by_its_lines(make):
    """Where the batch itself says nothing of its usage: from its output as it passes, once, at batch prices."""
    up = make.upstream()
    provider = Provider(up)
    chat = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}
    response = {"id": "resp_1", "object": "response", "model": "gpt-4o-mini", "status": "completed", "output": [],
                "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}}
    provider.lines = [{"id": str(i), "custom_id": str(i), "response": {"status_code": 200, "body": body}, "error": None}
                      for i, body in enumerate([chat, chat, response])]
    provider.lines.append({"id": "e", "custom_id": "e", "response": None, "error": {"code": "batch_expired", "message": "x"}})
    g = make.gateway(config(up))
    with sdk(g) as c:
        made = create(c)
        for _ in range(2):
            done = c.batches.retrieve(made.id)
            assert done.status == "completed" and done.usage is None
            assert len(c.files.content(done.output_file_id).text.splitlines()) == 4
            rows = wait_for(lambda: (a := [r for r in ledger.attempts(g.state) if r.target.startswith("gpt")]) and len(a) == 2 and a,
                            "the batch in the ledger")
            assert sorted((r.target, r.tokens["input"], r.tokens["output"], r.cost_p) for r in rows) == [
                ("gpt-4o", 200, 20, (200 * 2_500_000 + 20 * 10_000_000) // 2),
                ("gpt-4o-mini", 7, 3, (7 * 150_000 + 3 * 600_000) // 2)]
