"""What batches at providers did cost is in the ledger although no client looks at them again: the gateway itself asks, reads their
results and charges them once, whenever it is killed. What cannot be had is estimated, and says so. docs/internals/files.md."""

import contextlib
import json
import threading
import time

import anthropic
import pytest

from lib import ledger
from lib.client import fetch
from lib.encodings import encoding
from lib.proc import SANITIZED, create_key, run_sluice
from lib.upstream import Answer, body_answer, error_answer
from lib.wait import wait_for
from test_batches_killed import Provider, config, create, sdk

ESTIMATED, MISSING = 1, 4
CHAT = {"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}
RESPONSE = {"id": "resp_1", "object": "response", "model": "gpt-4o-mini", "status": "completed", "output": [],
            "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}}
COST = [("gpt-4o", 200, 20, (200 * 2_500_000 + 20 * 10_000_000) // 2), ("gpt-4o-mini", 7, 3, (7 * 150_000 + 3 * 600_000) // 2)]


class Silent(Provider):
    """Says nothing of its usage; may lose its files."""

    def __init__(self, up):
        super().__init__(up)
        self.lines = [{"id": str(i), "custom_id": str(i), "response": {"status_code": 200, "body": body}, "error": None}
                      for i, body in enumerate([CHAT, CHAT, RESPONSE])]
        self.lines.append({"id": "e", "custom_id": "e", "response": None, "error": {"code": "batch_expired", "message": "x"}})
        self.input, self.lost, self.counts, self.running = None, set(), None, False

    def answer(self, seen):
        path = seen.path.removeprefix("/v1")
        if path in self.lost:
            return error_answer(404)
        if path == "/files/file-in/content":
            return body_answer(self.input, content_type="application/octet-stream")
        return super().answer(seen)

    def show(self, batch, done=False):
        return dict(super().show(batch, done and not self.running), request_counts=self.counts)

    def asked(self, path):
        return sum(r.path == "/v1" + path for r in self.up.requests)


def quick(up, **more):
    return config(up) | {"batches": {"poll": "100ms"}} | more


def rows(g, n):
    def look():
        found = [r for r in ledger.attempts(g.state) if r.state == ledger.CLOSED]
        return found if len(found) == n else None
    return wait_for(look, "the batch in the ledger")


def costs(found):
    return sorted((r.target, r.tokens["input"], r.tokens["output"], r.cost_p) for r in found)


def test_nobody_asks(make):
    """The client creates a batch and never comes back; its key ends before the batch does. Polled until it is over, its output read
    once, and nothing more asked for."""
    up = make.upstream()
    provider = Silent(up)
    provider.running = True
    g = make.gateway(quick(up))
    key = create_key(g.state, "gone", "--tenant", "acme")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], key.text).status == 200, "the new key")
    with sdk(g, key) as c:
        made = create(c)
    wait_for(lambda: provider.asked("/batches/" + made.id) >= 2, "a look at it")
    run_sluice("keys", "revoke", "--state", g.state, key.id, check=True)
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], key.text).status == 401, "the end of the key")
    provider.running = False
    found = rows(g, 2)
    assert costs(found) == COST and all(r.flags & (ESTIMATED | MISSING) == 0 for r in found)
    assert {r.key for r in found} == {key.id} and {r.operation for r in found} == {"files"}
    g.wait_event("batches.charged")
    assert provider.asked("/files/file-out/content") == 1 and len(provider.creates()) == 1
    asked = provider.asked("/batches/" + made.id)
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.key.text).status == 200, "an answer")
    assert provider.asked("/batches/" + made.id) == asked  # it is forgotten
    used = ledger.usage(g.state, "--by", "tenant")
    assert any("acme" in json.dumps(r) for r in used["rows"]) if "rows" in used else "acme" in json.dumps(used)


def test_killed_at_every_step(make):
    """One batch, and a process that dies at each step of settling it in turn: charged once."""
    up = make.upstream()
    provider = Silent(up)
    g = make.gateway(quick(up), env={"SLUICE_DIE_AT": "batch_over"})
    with contextlib.suppress(Exception), sdk(g) as c:
        create(c)
    for step in ["batch_reads", "batch_charge_open", "batch_charged", None]:
        g.exit_code = None
        g.wait_exit()
        g._env = {"SLUICE_DIE_AT": step} if step else None
        g = make.adopt(g.restart())
    assert costs(rows(g, 2)) == COST
    g.wait_event("batches.charged")
    with sdk(g) as c:  # a client that comes late changes nothing
        done = c.batches.retrieve("batch_0")
        assert len(c.files.content(done.output_file_id).text.splitlines()) == 4
    g.kill()
    g = make.adopt(g.restart())
    assert costs(rows(g, 2)) == COST and len(provider.creates()) == 1


def test_killed_while_the_output_comes(make):
    up = make.upstream()
    provider = Silent(up)
    body, go = "".join(json.dumps(x) + "\n" for x in provider.lines).encode(), threading.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n" % len(body)
    half, usual = Answer(head + body[:400], go), provider.answer
    up.answer = lambda seen: half if seen.path.endswith("/content") else usual(seen)
    g = make.gateway(quick(up))
    with sdk(g) as c:
        create(c)
    wait_for(lambda: provider.asked("/files/file-out/content") == 1, "the output to be asked for")
    g.kill()
    go.set()
    up.answer = usual
    g = make.adopt(g.restart())
    assert costs(rows(g, 2)) == COST


@pytest.mark.parametrize("lost, expected", [
    ({"/files/file-out/content"}, [("gpt-4o", 30, 1016), ("gpt-4o-mini", 15, 1000)]),  # the output has expired: from the input
    ({"/files/file-out/content", "/files/file-in/content"}, [("unknown", 0, 0)]),
    ({"/files/file-out/content", "/files/file-in/content", "/batches/batch_0"}, [("unknown", 0, 0)])])
def test_what_cannot_be_had_is_estimated(make, lost, expected):
    up = make.upstream()
    provider = Silent(up)
    provider.input = b"".join(json.dumps({"custom_id": str(i), "method": "POST", "url": "/v1/chat/completions", "body": body}).encode()
                              + b"\n" for i, body in enumerate([{"model": "gpt-4o", "max_tokens": 16, "messages": []},
                                                                {"model": "gpt-4o", "messages": []},
                                                                {"model": "gpt-4o-mini", "messages": []}]))
    provider.lost = lost
    g = make.gateway(quick(up))
    with sdk(g) as c:
        create(c)
    g.wait_event("batches.estimated")
    g.wait_event("batches.charged")
    found = rows(g, len(expected))
    assert [(t, i > 0, o) for t, i, o, _ in costs(found)] == [(t, i > 0, o) for t, i, o in expected]
    assert all(r.flags & (ESTIMATED | MISSING) == ESTIMATED | MISSING for r in found)
    g.kill()
    g = make.adopt(g.restart())
    assert len(rows(g, len(expected))) == len(expected)


PROMPT = 'Wie heißt "Köln" auf Chinesisch? 科隆\n7 8 9 7 8 9 7 8 9'
SAID = "7 8 9 \\ 🙂 responsibility international understanding " * 9
FRAME = 7  # of a user's message and of the answer's start


def test_what_no_line_reports_is_counted(make):
    """Output by the model's own vocabulary, beside lines that report; of a batch whose output is lost the input."""
    with encoding("o200k_base") as o200k:
        said, asked = len(o200k.encode(SAID)), len(o200k.encode(PROMPT)) + FRAME
    up = make.upstream()
    provider = Silent(up)
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": SAID}]}
    silent = [dict(CHAT, choices=[{"index": 0, "message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}], usage=None),
              dict(RESPONSE, model="gpt-4o", usage=None, output=[message]), CHAT]
    provider.lines = [{"id": str(i), "custom_id": str(i), "response": {"status_code": 200, "body": body}, "error": None}
                      for i, body in enumerate(silent * 3)]
    g = make.gateway(quick(up))
    with sdk(g) as c:
        create(c)
    found = rows(g, 1)[0]
    assert (found.tokens["input"], found.tokens["output"]) == (300, 6 * said + 30) and found.flags & ESTIMATED, (found, said)

    up = make.upstream()
    provider = Silent(up)
    body = {"model": "gpt-4o", "max_tokens": 16, "messages": [{"role": "user", "content": PROMPT}]}
    responses = {"model": "gpt-4o-mini", "max_output_tokens": 9, "input": PROMPT}
    embeddings = {"model": "text-embedding-3-small", "input": [PROMPT, "Hi"]}
    lines = [("/v1/chat/completions", body), ("/v1/responses", responses), ("/v1/embeddings", embeddings)] * 20
    provider.input = b"".join(json.dumps({"custom_id": str(i), "method": "POST", "url": url, "body": body}).encode() + b"\n"
                              for i, (url, body) in enumerate(lines))
    provider.lost = {"/files/file-out/content"}
    g = make.gateway(quick(up))
    with sdk(g) as c:
        create(c)
    with encoding("cl100k_base") as cl100k:
        embedded = len(cl100k.encode(PROMPT)) + len(cl100k.encode("Hi"))
    found = {r.target: (r.tokens["input"], r.tokens["output"]) for r in rows(g, 3)}
    assert found == {"gpt-4o": (20 * asked, 320), "gpt-4o-mini": (20 * asked, 180), "text-embedding-3-small": (20 * embedded, 0)}, found


def test_anthropic_and_a_large_output(make):
    """A message batch that nobody looks at; then 96 MiB of output that pass in constant memory."""
    sim = make.sim()
    up = make.upstream()
    provider = Silent(up)
    line = json.dumps({"id": "1", "custom_id": "1", "response": {"status_code": 200, "body": dict(CHAT, filler="x" * 1_000_000)}}) + "\n"
    body = line.encode() * 96
    usual = provider.answer
    up.answer = lambda seen: body_answer(body) if seen.path.endswith("/content") else usual(seen)
    g = make.gateway(dict(quick(up), providers={
        **config(up)["providers"], "anthropic": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": ["sim-key-four"]}}))
    with contextlib.closing(anthropic.Anthropic(base_url=g.url, api_key=g.key.text, max_retries=0)) as c:
        made = c.messages.batches.create(requests=[
            {"custom_id": f"a{i}", "params": {"model": "claude-opus-5-5", "max_tokens": 10,
                                              "messages": [{"role": "user", "content": "hi"}]}} for i in range(5)])
        used = rows(g, 1)
        assert costs(used)[0][0] == "claude-opus-5-5" and used[0].tokens["input"] > 0
        results = list(c.messages.batches.results(made.id))
        assert used[0].tokens["output"] == sum(r.result.message.usage.output_tokens for r in results)
        assert [b.id for b in c.messages.batches.list()] == [made.id]
        assert "http://batch" not in fetch(g.address, "GET", "/v1/messages/batches", None, [("x-api-key", g.key.text)]).body.decode()
    with sdk(g) as c:
        create(c)
    found = [r for r in rows(g, 2) if r.target == "gpt-4o"]
    assert found[0].tokens["input"] == 9600
    with open(f"/proc/{g.pid}/status") as f:
        peak = next(int(text.split()[1]) * 1024 for text in f if text.startswith("VmHWM"))
    print(f"{len(body) >> 20} MiB of output counted, {peak >> 20} MiB resident at most")
    if not SANITIZED:
        assert peak < 64 << 20


def test_later_and_later_and_fair(make):
    """A provider that cannot say is asked less and less often; a tenant whose batches hang keeps nobody else's from the ledger."""
    up = make.upstream()
    provider = Silent(up)
    usual, looks, free = provider.answer, [], threading.Event()

    def answer(seen):
        if seen.path.startswith("/v1/batches/"):
            looks.append((seen.path.rsplit("/", 1)[1], time.monotonic()))
            if looks[-1][0] in slow:
                return Answer(free, "rst")
            if sum(id == looks[-1][0] for id, _ in looks) <= 4:
                return error_answer(503)
        return usual(seen)
    slow = {"batch_0", "batch_1", "batch_2"}
    up.answer = answer
    g = make.gateway(quick(up, resilience={"retry": {"attempts": 1}, "breaker": False}))
    other = create_key(g.state, "other", "--tenant", "elsewhere")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], other.text).status == 200, "the new key")
    with sdk(g) as c:
        for _ in slow:
            create(c)
    wait_for(lambda: looks, "a look that hangs")
    with sdk(g, other) as c:
        made = create(c)
    assert made.id == "batch_3" and costs(rows(g, 2)) == COST
    times = [at for id, at in looks if id == made.id]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(times) == 5 and all(gap >= least for gap, least in zip(gaps, (0.09, 0.19, 0.39, 0.79))), gaps
    assert {id for id, _ in looks} <= {looks[0][0], made.id}  # of the one that hangs, no second is asked
    free.set()
