"""What recorded traffic teaches: habits of providers that broke other gateways, each as a scripted provider behind this one. Ends of
streams stand in test_ends.py, errors in an answer of 200 in test_hidden_errors.py, habits of whole servers in test_presets.py."""

import datetime
import email.utils
import json
import pathlib
import time

import pytest

from lib.client import fetch
from lib.upstream import DONE, body_answer, chat_events, completion, data_event, delta, json_answer, stream_answer, usage_event

# Each lesson, and where it is shown.
LESSONS = {
    "an error inside a 200, as the first event or a later one": [
        "test_hidden_errors.py::test_never_an_answer", "test_hidden_errors.py::test_behind_output", "test_errors_in_answers_of_other_formats"],
    "ends of streams: no [DONE], CRLF, a closed connection": [
        "test_ends.py::test_ends", "test_ends.py::test_cuts", "test_ends.py::test_a_stream_that_says_done_without_its_line",
        "test_presets.py::test_plain"],
    "usage in every chunk or several times": ["test_usage_many_times_is_never_summed", "test_counts_that_grow", "test_usage.py::test_the_last_report_counts"],
    "tokens in usage.iterations": ["test_tokens_hidden_in_iterations", "test_iterations_in_a_stream"],
    "lines padded or longer than 64 KiB": ["test_padded_and_long_lines"],
    "several events in one read": ["test_events_in_one_read"],
    "calls without index, with an empty or repeated id, finished as stop, with nothing as arguments": [
        "test_calls_of_any_shape", "test_one_id_for_two_calls", "test_calls_with_nothing_in_them"],
    "integers beyond 2^53, fractional created, repeated keys": [
        "test_numbers_keep_their_digits", "test_fractions_of_seconds", "test_repeated_keys"],
    "a dozen shapes of error bodies, a 500 that means 400": [
        "test_error_bodies", "test_corpus_errors.py::test_recorded_errors_through_every_face"],
    "resets as durations, seconds, RFC 3339 and epochs": ["test_resets"],
    "retry-after on a 200": ["test_retry_after_on_an_answer"],
    "bytes are compared only with records of the fidelity wire": [
        "test_corpus.py::test_only_wire_records_are_compared", "test_corpus.py::test_recorded_exchanges",
        "test_corpus_faces.py::test_recorded_answers_through_every_face"],
}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_test_for_each_lesson(lesson):
    for name in LESSONS[lesson]:
        file, _, test = name.rpartition("::")
        text = (pathlib.Path(__file__).parent / (file or pathlib.Path(__file__).name)).read_text()
        assert f"\ndef {test}(" in text, name


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


# ---- what other formats make of it ----

def gemini_face(g, stream=False, **more):
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **more}
    path = "/v1beta/models/m:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")
    return fetch(g.address, "POST", path, json.dumps(body).encode(), [("content-type", "application/json")], key=g.key)


def responses(g, stream=False, **more):
    body = {"model": "m", "input": "hi", "store": False, "stream": stream, **more}
    return fetch(g.address, "POST", "/v1/responses", json.dumps(body).encode(), [("content-type", "application/json")], key=g.key)


def test_one_id_for_two_calls(make):
    """A server that numbers no calls: two that share an id are two calls with two ids, or results could not find them."""
    up, g = gateway(make)
    two = [call("a", "f", '{"x":1}'), call("a", "f", '{"x":2}')]
    whole = completion(None)
    whole["choices"][0] |= {"finish_reason": "stop"}
    whole["choices"][0]["message"]["tool_calls"] = two
    parts = [with_calls([{**two[0], "index": 0}]), with_calls([{**two[1], "index": 1}]), delta(None, "stop"), usage_event(), DONE]
    for stream, answered in ((False, json_answer(whole)), (True, stream_answer(*parts))):
        up.answer = answered
        found = blocks(messages(g, stream, tools=[TOOL]))
        assert [b["input"] for b in found] == [{"x": 1}, {"x": 2}] and len({b["id"] for b in found}) == 2, found
        if not stream:
            items = json.loads(responses(g, tools=[{"type": "function", "name": "f", "parameters": {}}]).body)["output"]
            assert [i["arguments"] for i in items] == ['{"x":1}', '{"x":2}'] and len({i["call_id"] for i in items}) == 2, items


def test_fractions_of_seconds(make):
    """`created` with a fraction is a whole number where the caller's format has one."""
    up, g = gateway(make)
    up.answer = json_answer(completion("Hello", created=1764000000.25))
    said = json.loads(responses(g).body)
    assert isinstance(said["created_at"], int) and said["output"][0]["content"][0]["text"] == "Hello", said


def claude(*events):
    return stream_answer(*(e if isinstance(e, float) else f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events))


START = {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6", "content": [],
                                              "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}}
TEXT = [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}]
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def test_iterations_in_a_stream(make):
    """Counts are cumulative and come twice; those of the iterations stand in no total."""
    up, g = gateway(make, "anthropic", "claude-opus-4-6")
    usage = {"input_tokens": 10, "output_tokens": 5, "iterations": [
        {"type": "compaction", "input_tokens": 100, "output_tokens": 20}, {"type": "message", "input_tokens": 10, "output_tokens": 5}]}
    ends = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage}
    up.answer = claude(START, {"type": "ping"}, *TEXT, {"type": "content_block_stop", "index": 0}, ends, {"type": "message_stop"})
    for ask in (messages, chat, responses, gemini_face):
        answer = ask(g, True)
        told = g.record(answer.id)["usage"]
        assert answer.status == 200 and (told["input"], told["output"]) == (110, 25), (ask, told)


def google(*values):
    return stream_answer(*(v if isinstance(v, float) else b"data: " + json.dumps(v).encode() + b"\r\n\r\n" for v in values))


def piece(text, tokens, **more):
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": tokens, "totalTokenCount": 9 + tokens}}


UNAVAILABLE = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def test_counts_that_grow(make):
    """Gemini's usage stands in every chunk and grows: the last one is the whole."""
    up, g = gateway(make, "gemini", "gemini-2.5-flash")
    up.answer = google(piece("He", 1), piece("l", 2), piece("lo", 3, finishReason="STOP"))
    for ask in (gemini_face, chat, messages, responses):
        answer = ask(g, True)
        told = g.record(answer.id)["usage"]
        assert answer.status == 200 and (told["input"], told["output"]) == (9, 3), (ask, told)


ERRORS_IN_200 = {  # as the first event, behind output, and instead of an answer
    "anthropic": ("claude-opus-4-6", claude(OVERLOADED), claude(START, OVERLOADED), claude(START, *TEXT, 0.05, OVERLOADED), json_answer(OVERLOADED)),
    "gemini": ("gemini-2.5-flash", google(UNAVAILABLE), google(UNAVAILABLE, UNAVAILABLE), google(piece("Hello", 1), 0.05, UNAVAILABLE),
               json_answer(UNAVAILABLE)),
}
ENDS = {chat: b"[DONE]", messages: b"message_stop", gemini_face: b'"finishReason"', responses: b"response.completed"}


@pytest.mark.parametrize("kind", ERRORS_IN_200)
def test_errors_in_answers_of_other_formats(make, kind):
    """Before output it is a failed attempt and the caller's own error with a status; behind output the caller is told in the stream, or by
    a status where nothing had gone out yet."""
    model, first, second, behind, whole = ERRORS_IN_200[kind]
    up, g = gateway(make, kind, model)
    wrong = []
    for ask in ENDS:
        for answered, stream, early in ((first, True, True), (second, True, True), (whole, False, True), (behind, True, False)):
            up.answer = answered
            answer = ask(g, stream)
            r = g.record(answer.id)
            told = answer.status >= 500 or (not early and b"rror" in answer.body and ENDS[ask] not in answer.body)
            if not told or r["ended"]["why"] == "ok" or r["attempts"][-1]["outcome"] not in ("overloaded", "stream_error"):
                wrong.append((ask.__name__, early, stream, answer.status, r["attempts"][-1]["outcome"], answer.body[:300]))
    assert not wrong, "\n".join(map(str, wrong))


def test_broken_formats_are_tried_elsewhere(make):
    """An answer that breaks its own format is its provider's fault: another target gives the answer, none of the first is seen."""
    one, two = make.upstream(), make.upstream()
    g = make.gateway({"providers": {n: {"kind": "openai-compatible", "base_url": u.url, "keys": [f"k-of-{n}"]}
                                    for n, u in (("one", one), ("two", two))},
                      "models": {"m": {"targets": ["one/llama-3", "two/llama-3"]}}, "resilience": {"retry": {"attempts": 2}}})
    wrong = []
    for ask in (messages, responses, gemini_face):
        for stream, broken in ((False, body_answer(b"{")), (False, body_answer(b"<html>no</html>")), (False, json_answer({"choices": [7]})),
                               (True, stream_answer(b"data: {\n\n")), (True, stream_answer(b'data: {"choices":7}\n\n')),
                               (True, stream_answer(b"data: [1]\n\n"))):
            one.answer = broken
            answer = ask(g, stream)
            tries = [(a["provider"], a["outcome"]) for a in g.record(answer.id)["attempts"]]
            if answer.status != 200 or b"Hello" not in answer.body or tries[-1] != ("two", "ok"):
                wrong.append((ask.__name__, stream, answer.status, tries, answer.body[:200]))
            if len(tries) == 2 and tries[0][1] in ("ok", "client_fault"):
                wrong.append((ask.__name__, stream, tries))
    assert not wrong, "\n".join(map(str, wrong))
