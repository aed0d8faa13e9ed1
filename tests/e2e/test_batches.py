"""Batches: ids that belong to a tenant and an account. OpenAI's and Anthropic's SDKs in front of the simulator.
docs/internals/files.md."""

import contextlib
import json

import anthropic
import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.proc import create_key
from lib.wait import wait_for

LINES = [{"custom_id": f"r{i}", "method": "POST", "url": "/v1/chat/completions",
          "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi " * i}]}} for i in range(20)]


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {
            "first": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-one"]},
            "openai": {"kind": "openai", "base_url": sim.url + "/v1", "keys": ["sim-key-two", "sim-key-three"]},
            "anthropic": {"kind": "anthropic", "base_url": sim.url + "/v1", "keys": ["sim-key-four"]}},
        "models": {"gpt-4o": "first/gpt-4o", "claude": "anthropic/claude-opus-5-5"},
        "batches": {"poll": "1h"},  # how often the simulated batch is looked at is what makes it go on
    })
    g.sim = sim
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.foreign.text).status == 200, "the new key")
    yield g
    makers.end()


@contextlib.contextmanager
def sdk(g, key=None):
    with contextlib.closing(openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0)) as c:
        yield c


@contextlib.contextmanager
def claude(g, key=None):
    with contextlib.closing(anthropic.Anthropic(base_url=g.url, api_key=(key or g.key).text, max_retries=0)) as c:
        yield c


def charged(g, model):
    """(input, output, cost) of the batches of that model that are in the ledger."""
    def look():
        rows = [r for r in ledger.attempts(g.state) if r.target == model]
        return rows if rows and all(r.state == ledger.CLOSED for r in rows) else None
    return [(r.tokens["input"], r.tokens["output"], r.cost_p) for r in wait_for(look, "the batch in the ledger")]


def test_openai(served):
    content = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    with sdk(served) as c:
        put = c.files.create(file=("in.jsonl", content), purpose="batch", extra_headers={"x-sluice-provider": "openai"})
        made = c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert made.status == "validating" and made.input_file_id == put.id
        assert [b.id for b in c.batches.list()] == [made.id]
        assert c.batches.retrieve(made.id).status == "in_progress"
        done = c.batches.retrieve(made.id)
        assert done.status == "completed" and done.request_counts.completed == 20
        assert c.batches.list().data[0].status == "completed"
        used = charged(served, "gpt-4o")
        assert [sum(u) for u in zip(*used)][:2] == [done.usage.input_tokens, done.usage.output_tokens] and len(used) == 1
        assert used[0][2] == (done.usage.input_tokens * 2_500_000 + done.usage.output_tokens * 10_000_000) // 2  # half of the price
        rows = [json.loads(line) for line in c.files.content(done.output_file_id).text.splitlines()]
        assert [r["custom_id"] for r in rows] == [line["custom_id"] for line in LINES]
        assert c.files.retrieve(done.output_file_id).filename == "output.jsonl"
        assert {f.id for f in c.files.list()} == {put.id, done.output_file_id}
        assert sum(r["response"]["body"]["usage"]["prompt_tokens"] for r in rows) == used[0][0]
        c.batches.retrieve(made.id)
        assert charged(served, "gpt-4o") == used  # once
        second = c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert c.batches.cancel(second.id).status == "cancelling"
    plans = wait_for(lambda: [r["plan"][0]["provider"] for r in served.records() if r["operation"] == "batches_cancel"], "the record")
    assert plans == ["openai"]  # where the file is, although `first` stands first
    before = served.sim.count()["total"]
    with sdk(served, served.foreign) as c:
        assert c.batches.list().data == []
        for call in (lambda: c.batches.retrieve(made.id), lambda: c.batches.cancel(made.id),
                     lambda: c.files.content(done.output_file_id),
                     lambda: c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h")):
            with pytest.raises(openai.NotFoundError):
                call()
    assert served.sim.count()["total"] == before


def test_anthropic(served):
    requests = [{"custom_id": f"a{i}", "params": {"model": "claude-opus-5-5", "max_tokens": 10,
                                                   "messages": [{"role": "user", "content": "hi"}]}} for i in range(5)]
    with claude(served) as c:
        made = c.messages.batches.create(requests=requests)
        assert made.processing_status == "in_progress" and made.results_url is None
        assert [b.id for b in c.messages.batches.list()] == [made.id]
        c.messages.batches.retrieve(made.id)
        ended = c.messages.batches.retrieve(made.id)
        assert ended.processing_status == "ended" and ended.results_url.startswith(served.url + "/v1/messages/batches/")
        for _ in range(2):
            results = list(c.messages.batches.results(made.id))
            assert [r.custom_id for r in results] == [r["custom_id"] for r in requests]
            used = charged(served, "claude-opus-5-5")
            assert [u[:2] for u in used] == [(sum(r.result.message.usage.input_tokens for r in results),
                                              sum(r.result.message.usage.output_tokens for r in results))]
    with claude(served, served.foreign) as c:
        assert c.messages.batches.list().data == []
        for call in (c.messages.batches.retrieve, c.messages.batches.cancel, c.messages.batches.delete, c.messages.batches.results):
            with pytest.raises(anthropic.NotFoundError):
                call(made.id)
        answer = fetch(served.address, "GET", f"/v1/messages/batches/{made.id}/results", None, [("x-api-key", served.foreign.text)])
        assert answer.status == 404 and answer.json()["error"]["type"] == "not_found_error"
    with claude(served) as c:
        assert c.messages.batches.delete(made.id).type == "message_batch_deleted"
        with pytest.raises(anthropic.NotFoundError):
            c.messages.batches.retrieve(made.id)


@pytest.mark.parametrize("body, status, param", [
    (b"", 400, None), (b"[]", 400, None), (b"{", 400, None), ({"endpoint": "/v1/chat/completions"}, 400, "input_file_id"),
    ({"input_file_id": 7}, 400, "input_file_id"), ({"input_file_id": "file-unknown"}, 404, "input_file_id"),
    ({"input_file_id": "../x"}, 404, "input_file_id")])
def test_bad_batches(served, body, status, param):
    answer = fetch(served.address, "POST", "/v1/batches", body, [], served.key.text)
    assert answer.status == status and answer.error()["param"] == param


def test_pages_both_ways(served):
    """The SDKs' own pagination through all of a tenant's batches: forwards, and backwards from any of them; nobody else's between."""
    mine = create_key(served.state, "pages", "--tenant", "pages")
    wait_for(lambda: fetch(served.address, "GET", "/v1/models", None, [], mine.text).status == 200, "the new key")
    one = [{"custom_id": "a", "params": {"model": "claude-opus-5-5", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}}]
    with claude(served, mine) as c, claude(served, served.foreign) as other:
        ids = []
        for _ in range(5):
            ids.insert(0, c.messages.batches.create(requests=one).id)  # newest first
            other.messages.batches.create(requests=one)
        listed = c.messages.batches.list
        for limit in (1, 2, 5, 1000):
            assert [b.id for b in listed(limit=limit)] == ids
            assert [b.id for b in listed(limit=limit, after_id=ids[1])] == ids[2:]
            page, back = listed(limit=limit, before_id=ids[4]), []
            while True:  # page by page, each newest first
                back = [b.id for b in page.data] + back
                if not page.has_next_page():
                    break
                page = page.get_next_page()
            assert back == ids[:4]
        page = listed(limit=2, before_id=ids[4])
        assert (page.first_id, page.last_id, page.has_more) == (ids[2], ids[3], True)
        page = listed(limit=2, before_id=ids[2])
        assert (page.first_id, page.last_id, page.has_more) == (ids[0], ids[1], False)
        page = listed(before_id=ids[0])
        assert page.data == [] and page.first_id is None and not page.has_more
        assert listed(after_id=ids[4]).data == []
        with pytest.raises(anthropic.BadRequestError, match="before_id"):
            other.messages.batches.list(before_id=ids[0])
    with sdk(served, mine) as c:
        put = c.files.create(file=("in.jsonl", json.dumps(LINES[0]).encode()), purpose="batch", extra_headers={"x-sluice-provider": "openai"})
        ids = [c.batches.create(input_file_id=put.id, endpoint="/v1/chat/completions", completion_window="24h").id for _ in range(5)][::-1]
        for limit in (1, 2, 5, 100):
            assert [b.id for b in c.batches.list(limit=limit)] == ids
            assert [b.id for b in c.batches.list(limit=limit, after=ids[1])] == ids[2:]
        assert c.batches.list(after=ids[4]).data == []


@pytest.mark.parametrize("target, param", [(f"{path}?{query}", query.split("=")[0]) for path, top in [
    ("/v1/batches", 100), ("/v1/files", 10000), ("/v1/messages/batches", 1000)]
    for query in ("limit=0", "limit=-1", "limit=1.5", "limit=x", f"limit={top + 1}", "limit=99999999999999999999999",
                  ("after_id" if "messages" in path else "after") + "=batch_nobody_has")]
    + [("/v1/messages/batches?before_id=a&after_id=b", "before_id"), ("/v1/messages/batches?before_id=batch_nobody_has", "before_id")])
def test_bad_pages(served, target, param):
    answer = fetch(served.address, "GET", target, None, [("x-api-key", served.key.text)])
    assert answer.status == 400 and param in answer.json()["error"]["message"]
