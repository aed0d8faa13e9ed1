"""Batches that the gateway runs itself, line by line: providers without batches, and clients of another format. OpenAI's SDKs (Python,
Node) and Anthropic's. docs/internals/batches.md."""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import threading
import time

import anthropic
import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.proc import SANITIZED, clean_environment, create_key, merge, run_sluice
from lib.upstream import Answer, completion, error_answer, json_answer
from lib.wait import LONG, wait_for

FAST = {"retry": "10ms", "parallel": 4}


def config(up, **more):
    return merge({"providers": {"up": {"kind": "vllm", "base_url": up.url, "keys": ["the-provider-key"]}},
                  "models": {"m": "up/upstream-model"}, "batches": FAST, "resilience": {"retry": {"attempts": 1}}}, more)


def asked(seen):
    return seen.json()["messages"][-1]["content"]


def line(custom_id, text=None, **more):
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": text or custom_id}], **more}}


def jsonl(lines):
    return "".join(x if isinstance(x, str) else json.dumps(x) + "\n" for x in lines).encode()


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    up = makers.upstream()
    g = makers.gateway(config(up))
    g.up = up
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.foreign.text).status == 200, "the new key")
    yield g
    makers.end()


@pytest.fixture
def up(served):
    served.up.reset()
    return served.up


@contextlib.contextmanager
def sdk(g, key=None):
    with contextlib.closing(openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0)) as c:
        yield c


@contextlib.contextmanager
def claude(g, key=None):
    with contextlib.closing(anthropic.Anthropic(base_url=g.url, api_key=(key or g.key).text, max_retries=0)) as c:
        yield c


def make_batch(c, lines, **more):
    put = c.files.create(file=("in.jsonl", lines if isinstance(lines, bytes) else jsonl(lines)), purpose="batch")
    return c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h", **more)


def ended(c, batch):
    def look():
        b = c.batches.retrieve(batch.id)
        return b if b.status in ("completed", "failed", "expired", "cancelled") else None
    return wait_for(look, "the end of the batch")


def rows(c, file):
    return [json.loads(x) for x in c.files.content(file).text.splitlines()] if file else []


def echo(seen):
    return json_answer(completion(text=asked(seen)))


def test_openai(served, up):
    """Through translation, retries, the ledger: what a vendor would have given, in its shapes."""
    tried = collections.Counter()

    def answer(seen):
        text = asked(seen)
        tried[text] += 1
        if text == "bad":
            return error_answer(400, "context_length_exceeded", message="too long", param="messages")
        if text in ("busy", "broken") and tried[text] < 3:
            return error_answer(429 if text == "busy" else 500)
        return json_answer(completion(text=text))
    up.answer = answer
    lines = [line(f"r{i}", f"hi {i}") for i in range(20)] + [line("e1", "bad"), line("e2", stream=True), line("w1", "busy"),
                                                            line("w2", "broken"), line("e3", model="nobody's")]
    with sdk(served) as c:
        made = make_batch(c, jsonl(lines).replace(b"\n", b"\r\n", 3) + b"\n", metadata={"team": "a"})
        assert made.status == "validating" and made.id.startswith("batch_") and made.metadata == {"team": "a"}
        assert made.endpoint == "/v1/chat/completions" and made.completion_window == "24h" and made.errors is None
        done = ended(c, made)
        assert done.status == "completed" and done.metadata == {"team": "a"}
        assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (25, 22, 3)
        assert done.created_at <= done.in_progress_at <= done.finalizing_at <= done.completed_at <= done.expires_at
        out, err = rows(c, done.output_file_id), rows(c, done.error_file_id)
        assert [r["custom_id"] for r in out] == [f"r{i}" for i in range(20)] + ["w1", "w2"]
        for r in out[:20]:
            assert r["id"].startswith("batch_req_") and r["error"] is None and r["response"]["status_code"] == 200
            assert r["response"]["request_id"] and r["response"]["body"]["choices"][0]["message"]["content"] == "hi " + r["custom_id"][1:]
        assert {r["custom_id"]: (r["response"]["status_code"], r["response"]["body"]["error"]["message"][:8]) for r in err} == {
            "e1": (400, "too long"), "e2": (400, "'stream'"), "e3": (404, "The mode")}
        assert tried["busy"] == tried["broken"] == 3 and tried["bad"] == 1
        listed = {f.id: f for f in c.files.list()}
        assert set(listed) == {made.input_file_id, done.output_file_id, done.error_file_id}
        assert listed[done.output_file_id].purpose == "batch_output"
        assert listed[done.output_file_id].bytes == len(c.files.content(done.output_file_id).read())
        assert c.files.content(made.input_file_id).read()[:10] == b'{"custom_i'
        assert [b.id for b in c.batches.list()] == [made.id] and c.batches.list().data[0].status == "completed"
        with sdk(served, served.foreign) as other:
            assert other.batches.list().data == [] and other.files.list().data == []
            for call in (lambda: other.batches.retrieve(made.id), lambda: other.batches.cancel(made.id),
                         lambda: other.files.content(done.output_file_id), lambda: other.files.delete(made.input_file_id),
                         lambda: other.batches.create(input_file_id=made.input_file_id, endpoint="/v1/chat/completions",
                                                      completion_window="24h")):
                with pytest.raises(openai.NotFoundError):
                    call()
        assert c.batches.cancel(made.id).status == "completed"
        assert c.files.delete(done.output_file_id).deleted
        with pytest.raises(openai.NotFoundError):
            c.files.content(done.output_file_id)
    asked_n = len(up.requests)
    attempts = wait_for(lambda: (a := ledger.attempts(served.state)) and len(a) == asked_n and
                        all(x.state == ledger.CLOSED for x in a) and a, "the ledger")
    assert sum(a.tokens["input"] for a in attempts) == 9 * 22
    record = served.wait_records(1, lambda r: r.get("user_agent") == "sluice-batch")[0]
    assert record["key"] == "test" and record["plan"][0]["provider"] == "up" and record["priority"] == "low"


@pytest.mark.parametrize("name", ["not json", "twice", "url", "empty", "no body", "many"])
def test_bad_input_files(served, up, name):
    bad = {"not json": [line("a"), "nope\n", line("b"), '{"x":\n'], "twice": [line("a"), line("b"), line("a")],
           "url": [dict(line("a"), url="/v1/embeddings")], "empty": [], "no body": [{"custom_id": "a", "method": "POST",
                                                                                   "url": "/v1/chat/completions"}],
           "many": [line("a")] + ["[]\n"] * 300}[name]
    with sdk(served) as c:
        done = ended(c, make_batch(c, jsonl(bad) or b"\n"))
        said = [(e.code, e.line) for e in done.errors.data]
        assert done.status == "failed" and done.output_file_id is None and done.error_file_id is None and done.failed_at
        assert said[:2] == {"not json": [("invalid_json_line", 2), ("invalid_json_line", 4)], "twice": [("duplicate_custom_id", 3)],
                            "url": [("mismatched_url", 1)], "empty": [("empty_file", None)],
                            "no body": [("missing_required_parameter", 1)],
                            "many": [("invalid_json_line", 2), ("invalid_json_line", 3)]}[name]
        assert len(said) <= 100
    assert up.requests == []


def test_refused_at_once(served, up):
    with sdk(served) as c:
        with pytest.raises(openai.BadRequestError) as e:
            c.files.create(file=("a.txt", b"x"), purpose="user_data")
        assert e.value.body["param"] == "purpose"
        put = c.files.create(file=("in.jsonl", jsonl([line("a")])), purpose="batch")
        for more, param in (({"endpoint": "/v1/videos"}, "endpoint"), ({"completion_window": "1h"}, "completion_window")):
            with pytest.raises(openai.BadRequestError) as e:
                c.batches.create(**{"input_file_id": put.id, "endpoint": "/v1/chat/completions", "completion_window": "24h", **more})
            assert e.value.body["param"] == param
        assert c.files.delete(put.id).deleted
        with pytest.raises(openai.NotFoundError):
            c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")


def test_cancelled(served, up):
    """What is on its way ends, the rest does not begin."""
    go = threading.Event()
    up.answer = lambda seen: Answer(go, *echo(seen).steps)
    with sdk(served) as c:
        made = make_batch(c, [line(f"r{i}") for i in range(30)])
        up.wait_requests(4)
        assert c.batches.retrieve(made.id).status == "in_progress"
        assert c.batches.cancel(made.id).status == "cancelling"
        go.set()
        done = ended(c, made)
        assert done.status == "cancelled" and done.cancelled_at and len(up.requests) == 4
        assert (done.request_counts.completed, done.request_counts.failed) == (4, 26)
        assert len(rows(c, done.output_file_id)) == 4
        assert {r["error"]["code"] for r in rows(c, done.error_file_id)} == {"batch_cancelled"}


def message(custom_id, **more):
    return {"custom_id": custom_id, "params": {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": custom_id}], **more}}


def test_anthropic(served, up):
    """Messages in front of a server of OpenAI's format."""
    up.answer = lambda seen: error_answer(400, message="no") if asked(seen) == "bad" else echo(seen)
    with claude(served) as c:
        made = c.messages.batches.create(requests=[message("a"), message("bad"), message("s", stream=True), message("b")])
        assert made.id.startswith("msgbatch_") and made.processing_status == "in_progress" and made.results_url is None
        assert made.request_counts.processing == 4
        done = wait_for(lambda: (b := c.messages.batches.retrieve(made.id)).processing_status == "ended" and b, "the end")
        assert (done.request_counts.processing, done.request_counts.succeeded, done.request_counts.errored) == (0, 2, 2)
        assert done.ended_at > done.created_at and done.results_url.startswith(served.url + "/v1/messages/batches/")
        results = {r.custom_id: r.result for r in c.messages.batches.results(made.id)}
        assert results["a"].message.content[0].text == "a" and results["b"].message.usage.output_tokens == 3
        assert results["bad"].type == "errored" and results["bad"].error.error.type == "invalid_request_error"
        assert "stream" in results["s"].error.error.message
        assert [b.id for b in c.messages.batches.list()] == [made.id]
        with claude(served, served.foreign) as other:
            for call in (other.messages.batches.retrieve, other.messages.batches.cancel, other.messages.batches.results):
                with pytest.raises(anthropic.NotFoundError):
                    call(made.id)
        assert c.messages.batches.delete(made.id).type == "message_batch_deleted"
        with pytest.raises(anthropic.NotFoundError):
            c.messages.batches.retrieve(made.id)
        for requests, said in (([message("a"), message("b"), message("a")], "requests.2.custom_id"), ([], "requests"),
                               ([message("a/b")], "requests.0.custom_id"), ([{"custom_id": "a"}], "requests.0.params")):
            with pytest.raises(anthropic.BadRequestError) as e:
                c.messages.batches.create(requests=requests)
            assert said in e.value.body["error"]["message"]
        assert c.messages.batches.list().data == []


def test_expired(make):
    """The window is over: what runs ends, the rest is told to have expired."""
    up = make.upstream()
    g = make.gateway(config(up, batches={"window": "2s"}))
    go = threading.Event()
    up.answer = lambda seen: Answer(go, *echo(seen).steps)
    with sdk(g) as c, claude(g) as a:
        made = make_batch(c, [line(f"r{i}") for i in range(6)])
        other = a.messages.batches.create(requests=[message(f"a{i}") for i in range(6)])
        up.wait_requests(4)
        wait_for(lambda: time.time() > made.expires_at + 1.5, "the end of the window")
        go.set()
        done = ended(c, made)
        assert done.status == "expired" and done.expired_at and done.request_counts.completed + done.request_counts.failed == 6
        gone = rows(c, done.error_file_id)
        assert {r["error"]["code"] for r in gone} == {"batch_expired"} and all(r["response"] is None for r in gone)
        wait_for(lambda: a.messages.batches.retrieve(other.id).processing_status == "ended", "the other's end")
        counts = a.messages.batches.retrieve(other.id).request_counts
        types = collections.Counter(r.result.type for r in a.messages.batches.results(other.id))
        assert types["expired"] == counts.expired and types["succeeded"] == counts.succeeded and sum(types.values()) == 6
        assert len(up.requests) == 4 == counts.succeeded + done.request_counts.completed


def test_nothing_is_stored(make):
    """For a tenant of whom nothing may be stored; of a provider whose answers may not be."""
    up = make.upstream()
    g = make.gateway(config(up, responses={"except": ["quiet"]}, providers={"up": {"zero_retention": True}}))
    quiet = create_key(g.state, "quiet", "--tenant", "quiet")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], quiet.text).status == 200, "the new key")
    with sdk(g, quiet) as c, pytest.raises(openai.BadRequestError) as e:
        c.files.create(file=("in.jsonl", jsonl([line("a")])), purpose="batch")
    assert "zero data retention" in e.value.body["message"]
    with claude(g, quiet) as a, pytest.raises(anthropic.BadRequestError) as e:
        a.messages.batches.create(requests=[message("a")])
    assert "zero data retention" in e.value.body["error"]["message"]
    with sdk(g) as c:
        done = ended(c, make_batch(c, [line("a")]))
        assert done.request_counts.failed == 1
        assert "zero data retention" in rows(c, done.error_file_id)[0]["response"]["body"]["error"]["message"]
    assert up.requests == []


def test_whose_batches_run_here(make):
    """`files` of a provider says so; a client may ask for it; a key that is revoked gets what its live calls would."""
    up = make.upstream()
    g = make.gateway({"providers": {"up": {"kind": "openai", "base_url": up.url, "keys": ["the-provider-key"]}},
                      "models": {"m": "up/upstream-model"}, "batches": FAST})
    up.answer = echo
    with sdk(g) as c:
        put = c.files.create(file=("in.jsonl", jsonl([line("a")])), purpose="batch", extra_headers={"x-sluice-provider": "gateway"})
        assert up.requests == []
        made = c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert ended(c, made).request_counts.completed == 1
        go = threading.Event()
        up.answer = lambda seen: Answer(go, *echo(seen).steps)
        g.reload(merge(g.config, {"providers": {"up": {"files": "gateway"}}}))
        other = create_key(g.state, "other")
        with sdk(g, other) as o:
            wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], other.text).status == 200, "the new key")
            made = make_batch(o, [line(f"r{i}") for i in range(8)])
        up.wait_requests(5)
        run_sluice("keys", "revoke", "--state", g.state, other.id, check=True)
        wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], other.text).status == 401, "the end of the key")
        go.set()
        done = ended(c, made)  # of the same tenant
        assert (done.request_counts.completed, done.request_counts.failed) == (4, 4)
        assert {r["response"]["status_code"] for r in rows(c, done.error_file_id)} == {401}


# Places where the process dies, and whether the client may have been told of the batch.
STEPS = ["batch_piece", "batch_file", "batch_row", "batch_validated", "batch_line_sent", "batch_line_stored", "batch_finalizing",
         "batch_ended", "batch_draft"]


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_loses_nothing(make, step):
    """kill -9 at every step: the next process goes on, each line has one result, and the ledger has every attempt."""
    up = make.upstream()
    up.answer = echo
    g = make.gateway(config(up), env={"SLUICE_DIE_AT": step})
    messages = step == "batch_draft"
    told = {}
    with contextlib.suppress(openai.APIError, anthropic.APIError):
        if messages:
            with claude(g) as a:
                told["batch"] = a.messages.batches.create(requests=[message(f"r{i}") for i in range(12)])
        else:
            with sdk(g) as c:
                told["file"] = c.files.create(file=("in.jsonl", jsonl([line(f"r{i}", "x" * 30000) for i in range(12)])), purpose="batch")
                told["batch"] = c.batches.create(input_file_id=told["file"].id, endpoint="/v1/chat/completions", completion_window="24h")
    g.exit_code = None
    g.wait_exit()
    assert ("batch" in told) == (step not in ("batch_piece", "batch_file", "batch_row", "batch_draft")) or step == "batch_validated"
    before = len(up.requests)
    g._env = None
    again = make.adopt(g.restart())
    with sdk(again) as c:
        files, batches = c.files.list().data, c.batches.list().data
        if step in ("batch_piece", "batch_draft"):
            assert files == [] and batches == [] and up.requests == []
            left = sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True)
            assert [left.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("file_pieces", "batches", "batch_lines")] == [0] * 3
            left.close()
            return
        assert len([f for f in files if f.purpose == "batch"]) == 1
        if step == "batch_file":
            assert batches == []
            return
        done = ended(c, batches[0])
        assert done.status == "completed" and done.request_counts.completed == 12
        assert [r["custom_id"] for r in rows(c, done.output_file_id)] == [f"r{i}" for i in range(12)]
    again_n = len(up.requests) - 12
    assert 0 <= again_n <= min(before, 4)
    attempts = wait_for(lambda: (a := ledger.attempts(g.state)) and all(x.state != ledger.OPEN for x in a) and
                        len(a) >= len(up.requests) and a, "the ledger")
    interrupted = [x for x in attempts if x.state == ledger.INTERRUPTED]
    assert len(attempts) - len(interrupted) <= len(up.requests) and len(interrupted) <= 4


def test_killed_while_it_runs(make):
    """At any moment, again and again."""
    up = make.upstream()
    up.answer = lambda seen: Answer(0.01, *echo(seen).steps)
    g = make.gateway(config(up))
    n = 120
    with sdk(g) as c:
        made = make_batch(c, [line(f"r{i}") for i in range(n)])
    kills = 0
    for at in (10, 40, 80):
        up.wait_requests(at)
        g.kill()
        kills += 1
        g = make.adopt(g.restart())
    with sdk(g) as c:
        done = ended(c, made)
        assert done.status == "completed" and done.request_counts.completed == n
        out = rows(c, done.output_file_id)
        assert [r["custom_id"] for r in out] == [f"r{i}" for i in range(n)]
        assert all(r["response"]["body"]["choices"][0]["message"]["content"] == r["custom_id"] for r in out)
    seen = collections.Counter(asked(r) for r in up.requests)
    assert len(seen) == n and len(up.requests) - n <= kills * FAST["parallel"]
    attempts = wait_for(lambda: (a := ledger.attempts(g.state)) and all(x.state != ledger.OPEN for x in a) and
                        len(a) >= len(up.requests) and a, "the ledger")  # one may have died between its record and its first byte
    assert len(attempts) - len(up.requests) <= kills * FAST["parallel"]
    assert len([x for x in attempts if x.state == ledger.INTERRUPTED]) <= kills * FAST["parallel"]


def test_many_lines(make):
    """Memory does not grow with them."""
    n = 50_000 if os.environ.get("SLUICE_NIGHTLY") else 2_000
    up = make.upstream()
    up.answer = echo
    g = make.gateway(config(up, batches={"parallel": 32}, log={"access": {"path": ""}}))
    text = "x" * 1000
    began = time.monotonic()
    with sdk(g) as c:
        put = c.files.create(file=("in.jsonl", jsonl([line(f"r{i}", text) for i in range(n)])), purpose="batch")
        done = ended(c, c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h"))
        assert done.request_counts.completed == n
        assert len(c.files.content(done.output_file_id).text.splitlines()) == n
    with open(f"/proc/{g.pid}/status") as f:
        peak = next(int(x.split()[1]) for x in f if x.startswith("VmHWM")) >> 10
    print(f"{n} lines in {time.monotonic() - began:.1f} s, {peak} MiB resident at most")
    if not SANITIZED:
        assert peak < 64


def test_node_sdk(make):
    """OpenAI's own library for Node: upload, batch, poll, both files."""
    here = pathlib.Path(__file__).parent / "node"
    if not shutil.which("node") or not (here / "node_modules/openai").exists():
        pytest.skip("node or its packages are missing: dev/setup.sh test installs them")
    up = make.upstream()
    up.answer = lambda seen: error_answer(400, message="no") if asked(seen) == "bad" else echo(seen)
    g = make.gateway(config(up))
    done = subprocess.run(["node", "batches.mjs"], cwd=here, capture_output=True, text=True, timeout=LONG,
                          env=clean_environment({"SLUICE_URL": g.url, "SLUICE_KEY": g.key.text}))
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said == {"status": "completed", "counts": {"total": 3, "completed": 2, "failed": 1}, "out": ["one", "two"], "err": ["bad"],
                    "listed": 1, "unknown": 404}
