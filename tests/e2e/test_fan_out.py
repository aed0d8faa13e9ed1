"""Several answers (n) from a provider whose format has one: asked one after the other, given as one answer, paid and recorded each."""

import json

import pytest

from lib.client import fetch
from lib.upstream import error_answer, json_answer
from test_translation import MESSAGE

HI = [{"role": "user", "content": "hi"}]


def said(text, **more):
    return json_answer({**MESSAGE, "content": [{"type": "text", "text": text}], **more})


def pair(make, fan_out=4, second=None, attempts=2, kind="anthropic", model="claude-opus-4-6"):
    up = make.upstream()
    providers = {"a": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}}
    if second:
        providers["b"] = {"kind": kind, "base_url": second.url, "keys": ["k-of-the-second"]}
    return up, make.gateway({"providers": providers, "models": {"m": {"targets": [f"{p}/{model}" for p in providers]}},
                             "relay": {"fan_out": fan_out},
                             "resilience": {"retry": {"attempts": attempts, "backoff": {"base": "10ms", "cap": "20ms"}}}})


def ask(g, n=3, **more):
    return fetch(g.address, "POST", "/v1/chat/completions", json.dumps({"model": "m", "messages": HI, "n": n, **more}).encode(), key=g.key)


def test_whole(make):
    up, g = pair(make)
    up.queue(said("one"), said("two", stop_reason="max_tokens"), said("three"))
    answer = ask(g)
    assert answer.status == 200, answer
    value = answer.json()
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in value["choices"]] == \
        [(0, "one", "stop"), (1, "two", "length"), (2, "three", "stop")]
    assert value["usage"]["prompt_tokens"] == 27 and value["usage"]["completion_tokens"] == 9 and value["usage"]["total_tokens"] == 36
    assert all("n" not in json.loads(r.body) for r in up.requests) and len({r.body for r in up.requests}) == 1
    r = g.record(answer.id)
    assert [a["outcome"] for a in r["attempts"]] == ["ok"] * 3 and r["usage"] == {"input": 27, "output": 9}
    assert all(a["usage"] == {"input": 9, "output": 3} for a in r["attempts"])


def test_streamed(make):
    up, g = pair(make)
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}
    up.queue(said("one"), json_answer({**MESSAGE, "content": [call], "stop_reason": "tool_use"}))
    answer = ask(g, 2, stream=True, stream_options={"include_usage": True},
                 tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}])
    assert answer.status == 200 and answer.get("content-type").startswith("text/event-stream"), answer
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert all(not json.loads(r.body).get("stream") for r in up.requests)
    texts, finishes, calls, usage = {}, {}, {}, None
    for line in answer.body.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        value = json.loads(line[6:])
        usage = value.get("usage") or usage
        for c in value["choices"]:
            i = c["index"]
            texts[i] = texts.get(i, "") + (c["delta"].get("content") or "")
            for t in c["delta"].get("tool_calls", []):
                calls[i] = calls.get(i, "") + (t["function"].get("arguments") or "")
            if c["finish_reason"]:
                assert i not in finishes
                finishes[i] = c["finish_reason"]
    assert texts == {0: "one", 1: ""} and json.loads(calls[1]) == {"a": 1} and finishes == {0: "stop", 1: "tool_calls"}
    assert usage["completion_tokens"] == 6


def test_sdk(make):
    import openai
    up, g = pair(make, fan_out=8)
    up.queue(*[said(str(i)) for i in range(8)])
    c = openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0)
    got = c.chat.completions.create(model="m", messages=HI, n=8)
    assert [choice.message.content for choice in got.choices] == [str(i) for i in range(8)]


@pytest.mark.parametrize("fan_out,n", [(1, 2), (4, 5)])
def test_more_than_allowed_is_refused(make, fan_out, n):
    up, g = pair(make, fan_out)
    answer = ask(g, n)
    assert answer.status == 400 and answer.json()["error"]["param"] == "n", answer
    assert not up.requests


def test_one_that_fails_is_tried_again(make):
    up, g = pair(make, attempts=3)
    up.queue(said("one"), error_answer(529, "overloaded"), said("two"))
    answer = ask(g, 2)
    assert answer.status == 200, answer
    assert [c["message"]["content"] for c in answer.json()["choices"]] == ["one", "two"]
    assert len(up.requests) == 3


def test_one_that_fails_for_good_fails_all(make):
    up, g = pair(make, attempts=1)
    up.queue(said("one"), error_answer(400, "invalid_value"))
    answer = ask(g)
    assert answer.status == 400 and b"one" not in answer.body, answer
    assert [a["outcome"] for a in g.record(answer.id)["attempts"]] == ["ok", "client_fault"]


def test_another_target_begins_anew(make):
    second = make.upstream()
    up, g = pair(make, second=second)
    up.queue(said("one"), error_answer(529, "overloaded"))
    second.queue(said("uno"), said("due"))
    answer = ask(g, 2)
    assert answer.status == 200, answer
    assert [c["message"]["content"] for c in answer.json()["choices"]] == ["uno", "due"]
    assert answer.json()["usage"]["completion_tokens"] == 6  # of what the client got; the ledger has all three
    assert sum(a["usage"]["output"] for a in g.record(answer.id)["attempts"] if "usage" in a and a["usage"]) == 9


def test_a_target_with_n_is_asked_once(make):
    up, g = pair(make, kind="openai-compatible", model="llama-3")
    answer = ask(g, 2)
    assert answer.status == 200 and len(up.requests) == 1 and json.loads(up.last().body)["n"] == 2


def test_googles_count(make):
    up, g = pair(make)
    up.queue(said("one"), said("two"))
    answer = fetch(g.address, "POST", "/v1beta/models/m:generateContent", json.dumps(
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"candidateCount": 2}}).encode(), key=g.key)
    assert answer.status == 200, answer
    assert [c["content"]["parts"][0]["text"] for c in answer.json()["candidates"]] == ["one", "two"]
