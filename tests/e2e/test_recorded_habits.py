"""What recorded traffic teaches: habits of providers that broke other gateways, each as a scripted provider behind this one. Ends of
streams stand in test_ends.py, errors in an answer of 200 in test_hidden_errors.py, habits of whole servers in test_presets.py."""

import datetime
import email.utils
import json
import time

import pytest

from lib.client import fetch
from lib.upstream import DONE, body_answer, chat_events, completion, data_event, delta, json_answer, stream_answer, usage_event

HI = [{"role": "user", "content": "hi"}]
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}


def gateway(make, kind="openai-compatible", model="llama-3"):
    up = make.upstream()
    g = make.gateway({"providers": {"p": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                      "models": {"m": f"p/{model}"}, "resilience": {"retry": {"attempts": 1}}})
    return up, g


def chat(g, stream=False, **more):
    body = {"model": "m", "messages": HI, "stream": stream, **({"stream_options": {"include_usage": True}} if stream else {}), **more}
    return fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), [("content-type", "application/json")], key=g.key)


def messages(g, stream=False, **more):
    body = {"model": "m", "max_tokens": 99, "messages": HI, "stream": stream, **more}
    return fetch(g.address, "POST", "/v1/messages", json.dumps(body).encode(), [("content-type", "application/json")], key=g.key)


def blocks(answer):
    """The content of a message: as it is, or put together from its events."""
    if b"event: " not in answer.body:
        return json.loads(answer.body)["content"]
    found = {}
    for line in answer.body.decode().split("\n"):
        event = json.loads(line[6:]) if line.startswith("data: ") else {}
        if event.get("type") == "content_block_start":
            found[event["index"]] = {**event["content_block"], "json": ""}
        elif event.get("type") == "content_block_delta":
            d = event["delta"]
            found[event["index"]]["text" if "text" in d else "json"] = \
                found[event["index"]].get("text" if "text" in d else "json", "") + d.get("text", d.get("partial_json", ""))
    for b in found.values():
        text = b.pop("json")
        if b["type"] == "tool_use":
            b["input"] = json.loads(text or "{}")
    return list(found.values())


# ---- usage ----

def test_usage_many_times_is_never_summed(make):
    """In every chunk, twice at the end, and once as null: the last one counts."""
    up, g = gateway(make)
    each = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    events = [delta("Hello", usage=each), delta(" there", usage={**each, "completion_tokens": 2}), delta(".", "stop", usage=None),
              usage_event(9, 3), usage_event(9, 3), DONE]
    for ask in (chat, messages):
        up.answer = stream_answer(*events)
        answer = ask(g, True)
        assert answer.status == 200, answer
        usage = g.record(answer.id)["usage"]
        assert (usage["input"], usage["output"]) == (9, 3), usage


def test_tokens_hidden_in_iterations(make):
    """Anthropic's compaction is billed and stands in no total."""
    up, g = gateway(make, "anthropic", "claude-opus-4-6")
    usage = {"input_tokens": 10, "output_tokens": 5, "iterations": [
        {"type": "compaction", "input_tokens": 100, "output_tokens": 20}, {"type": "message", "input_tokens": 10, "output_tokens": 5}]}
    up.answer = json_answer({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6",
                             "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "stop_sequence": None, "usage": usage})
    for ask in (messages, chat):
        answer = ask(g)
        assert answer.status == 200, answer
        told = g.record(answer.id)["usage"]
        assert (told["input"], told["output"]) == (110, 25), told


# ---- framing ----

@pytest.mark.parametrize("ask", [chat, messages])
def test_events_in_one_read(make, ask):
    """All in one piece, two to four in each, and one cut by every border: the same answer."""
    up, g = gateway(make)
    events, told = [*chat_events(), DONE], set()
    whole = b"".join(events)
    for pieces in ([whole], [b"".join(events[i:i + 2]) for i in range(0, len(events), 2)],
                   [b"".join(events[i:i + 4]) for i in range(0, len(events), 4)], [whole[i:i + 50] for i in range(0, len(whole), 50)]):
        up.answer = stream_answer(*pieces)
        answer = ask(g, True)
        assert answer.status == 200 and b"Hello" in answer.body, answer
        told.add(answer.body.replace(answer.id.encode(), b""))
    assert len(told) == 1


@pytest.mark.parametrize("ask", [chat, messages])
def test_padded_and_long_lines(make, ask):
    up, g = gateway(make)
    long = json.loads(delta("Hello")[6:]) | {"prompt_token_ids": list(range(20000))}
    assert len(json.dumps(long)) > 65536
    up.answer = stream_answer(b"\r\n\r\n: \xc3\xa9\r\n", b"data:" + b" " * 1000 + delta(" there")[6:].rstrip() + b"   \r\n\r\n",
                              data_event(long), delta(".", "stop"), usage_event(), DONE)
    answer = ask(g, True)
    assert answer.status == 200 and b"Hello" in answer.body and b" there" in answer.body, answer.body[:300]
    assert g.record(answer.id)["usage"]["output"] == 3


# ---- calls ----

def call(id=None, name=None, arguments=None, **more):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return {**({"id": id} if id is not None else {}), "type": "function", "function": function, **more}


def with_calls(calls, finish=None):
    return data_event({"id": "c", "object": "chat.completion.chunk", "created": 1764000000.25, "model": "x",
                       "choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": finish}]})


CALLS = {
    "whole, without index": [with_calls([call("a", "f", '{"x":1}'), call("b", "f", '{"x":2}')])],
    "whole, one chunk each, without index": [with_calls([call("a", "f", '{"x":1}')]), with_calls([call("b", "f", '{"x":2}')])],
    "empty ids": [with_calls([call("", "f", '{"x":1}', index=0)]), with_calls([call("", "f", '{"x":2}', index=1)])],
    "no ids": [with_calls([call(None, "f", '{"x":1}', index=0)]), with_calls([call(None, "f", '{"x":2}', index=1)])],
    "id repeated in every piece": [with_calls([call("a", "f", '{"x"', index=0)]), with_calls([call("a", None, ":1}", index=0)]),
                                   with_calls([call("b", "f", '{"x"', index=1)]), with_calls([call("b", None, ":2}", index=1)])],
    "in turns": [with_calls([call("a", "f", "", index=0), call("b", "f", "", index=1)]),
                 with_calls([call(None, None, '{"x":2}', index=1)]), with_calls([call(None, None, '{"x":1}', index=0)])],
}


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
@pytest.mark.parametrize("name", CALLS)
def test_calls_of_any_shape(make, name, finish):
    """Two calls, each with its own arguments and an id of its own, finished as calls whatever the server says."""
    up, g = gateway(make)
    up.answer = stream_answer(*CALLS[name], delta(None, finish), usage_event(), DONE)
    answer = messages(g, True, tools=[TOOL])
    assert answer.status == 200, answer
    found = blocks(answer)
    assert [(b["name"], b["input"]) for b in found] == [("f", {"x": 1}), ("f", {"x": 2})], answer.body
    assert len({b["id"] for b in found}) == 2 and all(b["id"] for b in found)
    assert b'"stop_reason":"tool_use"' in answer.body


def test_calls_with_nothing_in_them(make):
    """"" as arguments, whole and streamed: no arguments."""
    up, g = gateway(make)
    up.answer = stream_answer(with_calls([call("a", "f", "", index=0)]), delta(None, "tool_calls"), usage_event(), DONE)
    assert blocks(messages(g, True, tools=[TOOL]))[0]["input"] == {}
    whole = completion(None)
    whole["choices"][0] |= {"finish_reason": "stop"}
    whole["choices"][0]["message"]["tool_calls"] = [call("a", "f", "")]
    up.answer = json_answer(whole)
    answer = messages(g, tools=[TOOL])
    assert blocks(answer)[0]["input"] == {} and json.loads(answer.body)["stop_reason"] == "tool_use"


# ---- numbers and keys ----

def test_numbers_keep_their_digits(make):
    """Beyond 2^53, and fractions where whole numbers are expected."""
    up, g = gateway(make)
    whole = completion(None, created=1764000000.25)
    whole["choices"][0] |= {"finish_reason": "tool_calls"}
    whole["choices"][0]["message"]["tool_calls"] = [call("a", "f", '{"id": 9007199254740993, "r": 1.10}')]
    up.answer = json_answer(whole)
    answer = messages(g, tools=[TOOL])
    assert b'9007199254740993' in answer.body and b"1.10" in answer.body, answer
    passed = chat(g)
    assert json.loads(passed.body)["created"] == 1764000000.25 and b"9007199254740993" in passed.body


def test_repeated_keys(make):
    up, g = gateway(make)
    text = json.dumps(completion("second")).replace('"content": "second"', '"content": "first", "content": "second"')
    up.answer = body_answer(text.encode())
    assert chat(g).body == text.encode()
    answer = messages(g)
    assert answer.status == 200 and blocks(answer)[0]["text"] == "second", answer


# ---- errors ----

SAID = {  # status, headers, body: what the attempt was, what a client gets, and a word of the provider's that it is told
    "openai": (400, (), b'{"error":{"message":"told so","type":"invalid_request_error","param":null,"code":null}}', "client_fault", 400, True),
    "number as code": (400, (), b'{"error":{"message":"told so","type":"BadRequestError","param":null,"code":400}}', "client_fault", 400, True),
    "text as error": (400, (), b'{"error":"told so"}', "client_fault", 400, True),
    "code and error": (400, (), b'{"code":"invalid-argument","error":"told so"}', "client_fault", 400, True),
    "flat": (400, (), b'{"object":"error","message":"told so","type":"invalid_request_error","param":null,"code":"3000"}', "client_fault",
             400, True),
    "message": (400, (), b'{"message":"told so"}', "client_fault", 400, True),
    "detail": (422, (), b'{"detail":"told so"}', "client_fault", 400, True),
    "details": (422, (), b'{"detail":[{"loc":["body","x"],"msg":"told so","type":"missing"}]}', "client_fault", 400, True),
    "problem": (400, (), b'{"type":"about:blank","title":"Bad Request","status":400,"detail":"told so"}', "client_fault", 400, True),
    "errors": (400, (), b'{"success":false,"errors":[{"code":7003,"message":"told so"}]}', "client_fault", 400, True),
    "one-element array": (400, (), b'[{"error":{"code":400,"message":"told so","status":"INVALID_ARGUMENT"}}]', "client_fault", 400, True),
    "an error in an error": (400, (), json.dumps({"error": {"message": '{"error":{"message":"told so","code":400}}'}}).encode(),
                             "client_fault", 400, True),
    "header only": (429, (("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/"),), b"", "rate_limited", 429, False),
    "html": (502, (), b"<html><head><title>502 Bad Gateway</title></head></html>", "server_error", 502, False),
    "plain text": (503, (), b"upstream connect error or disconnect/reset before headers", "overloaded", 503, False),
    "nothing": (500, (), b"", "server_error", 502, False),
    "a 500 that means 400": (500, (), b'{"error":{"message":"told so: maximum context length is 4096 tokens","code":500}}',
                             "context_overflow", 400, True),
}


@pytest.mark.parametrize("name", SAID)
def test_error_bodies(make, name):
    status, headers, body, outcome, told, words = SAID[name]
    up, g = gateway(make)
    up.answer = body_answer(body, status, "application/json" if body[:1] in b"{[" else "text/html", headers)
    for ask in (chat, messages):
        answer = ask(g)
        assert g.record(answer.id)["attempts"][-1]["outcome"] == outcome, (answer, g.record(answer.id)["attempts"])
        error = json.loads(answer.body)["error"]
        passed = ask is chat and name in ("openai", "number as code", "an error in an error", "a 500 that means 400")
        expected = status if passed else 529 if ask is messages and outcome == "overloaded" else told
        assert answer.status == expected, answer  # OpenAI's own form passes as it is; Anthropic says overloaded by another number
        assert ("told so" in error["message"]) == words, answer


# ---- waiting ----

def resets():
    now = datetime.datetime.now(datetime.timezone.utc)
    later = now + datetime.timedelta(seconds=40)
    return {"seconds": "40", "duration": "40s", "minutes": "0m40s", "milliseconds": "40000ms", "RFC 3339": later.isoformat(timespec="seconds"),
            "epoch": str(int(later.timestamp())), "epoch in milliseconds": str(int(later.timestamp() * 1000)),
            "date": email.utils.format_datetime(later, usegmt=True)}


@pytest.mark.parametrize("form", list(resets()))
def test_resets(make, form):
    """When a limit that is used up comes back, in every way that providers say it: told to clients in seconds."""
    up, g = gateway(make)
    up.answer = body_answer(b'{"error":{"message":"slow","type":"requests","code":"rate_limit_exceeded"}}', 429,
                            headers=[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", resets()[form])])
    answer = messages(g)
    assert answer.status == 429 and 1 <= int(answer.get("retry-after")) <= 41, answer


def test_retry_after_on_an_answer(make):
    """A hint on a 200 holds nobody up."""
    up, g = gateway(make)
    up.answer = json_answer(headers=[("retry-after", "30")])
    began = time.monotonic()
    for _ in range(3):
        answer = chat(g)
        assert answer.status == 200 and g.record(answer.id)["ended"]["why"] == "ok", answer
    assert time.monotonic() - began < 25
