"""Batches that the gateway runs itself, line by line: providers without batches, and clients of another format. OpenAI's SDKs (Python,
Node) and Anthropic's. docs/internals/batches.md."""

import collections
import contextlib
import json
import os
import threading

import anthropic
import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.proc import SANITIZED, create_key, merge
from lib.upstream import Answer, completion, error_answer, json_answer
from lib.wait import wait_for

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


def make(c, lines, **more):
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
        made = make(c, jsonl(lines).replace(b"\n", b"\r\n", 3) + b"\n", metadata={"team": "a"})
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
    assert record["key"] == "test" and record["plan"][0]["provider"] == "up"


@pytest.mark.parametrize("name", ["not json", "twice", "url", "empty", "no body", "many"])
def test_bad_input_files(served, up, name):
    bad = {"not json": [line("a"), "nope\n", line("b"), '{"x":\n'], "twice": [line("a"), line("b"), line("a")],
           "url": [dict(line("a"), url="/v1/embeddings")], "empty": [], "no body": [{"custom_id": "a", "method": "POST",
                                                                                   "url": "/v1/chat/completions"}],
           "many": [line("a")] + ["[]\n"] * 300}[name]
    with sdk(served) as c:
        done = ended(c, make(c, jsonl(bad) or b"\n"))
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
        made = make(c, [line(f"r{i}") for i in range(30)])
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
