"""How streams end: by their own last event, by a close behind a finish, by a last event without its blank line. And how they are cut."""

import json

import pytest

from lib.client import fetch
from lib.upstream import DONE, Answer, chat_events, chunk, head_bytes
from test_translation import claude_events

HI = [{"role": "user", "content": "hi"}]
FACES = {
    "chat": ("/v1/chat/completions", {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "messages": HI},
             b"[DONE]"),
    "responses": ("/v1/responses", {"model": "m", "stream": True, "input": "hi"}, b"response.completed"),
    "messages": ("/v1/messages", {"model": "m", "stream": True, "max_tokens": 99, "messages": HI}, b"message_stop"),
    "gemini": ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
               b'"finishReason"'),
}


def gemini_events():
    def one(text, **more):
        return b"data: " + json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}],
                                       "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}}).encode() \
            + b"\r\n\r\n"
    return [one("Hello"), one(" there", finishReason="STOP")]


UPS = {  # kind, model, the events, how many at the end may be lacking without the answer being cut
    "openai-compatible": ("llama-3", [*chat_events(), DONE], 2),
    "anthropic": ("claude-opus-4-6", claude_events(), 1),
    "gemini": ("gemini-2.5-flash", gemini_events(), 0),
}


def closing(data):
    """No length, no chunks: the body ends when the connection does."""
    return Answer(head_bytes(200, [("content-type", "text/event-stream"), ("connection", "close")]) + data, "fin")


def pair(make, kind):
    up = make.upstream()
    return up, make.gateway({"providers": {"p": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                             "models": {"m": f"p/{UPS[kind][0]}"}, "resilience": {"retry": {"attempts": 1}}})


def ask(g, face):
    path, body, end = FACES[face]
    answer = fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)
    good = answer.status == 200 and end in answer.body and b"rror\":{" not in answer.body and b"event: error" not in answer.body
    return answer, good


@pytest.mark.parametrize("kind", UPS)
@pytest.mark.parametrize("face", FACES)
def test_ends(make, face, kind):
    up, g = pair(make, kind)
    _, events, spare = UPS[kind]
    same = (face, kind) in (("chat", "openai-compatible"), ("messages", "anthropic"), ("gemini", "gemini"))
    whole = b"".join(events)
    for lacking in (b"", b"\n", b"\n\n", b"\r\n\r\n"):
        data = whole
        while lacking and data.endswith((b"\n", b"\r")) and len(whole) - len(data) < len(lacking):
            data = data[:-1]
        up.answer = closing(data)
        answer, good = ask(g, face)
        assert good, (lacking, answer, answer.body[-400:])
        r = g.record(answer.id)
        assert r["ended"]["why"] == "ok" and r["usage"]["output"] == 3, r
    if not same:
        return
    assert answer.body.startswith(whole[:len(data)]) and answer.body.endswith(b"\n"), answer.body[-200:]


@pytest.mark.parametrize("kind", UPS)
@pytest.mark.parametrize("face", ["chat", "messages", "gemini", "responses"])
def test_cuts(make, face, kind):
    """At every third byte of the last three events: never a well-formed success before what ends it is whole."""
    up, g = pair(make, kind)
    _, events, spare = UPS[kind]
    whole = b"".join(events)
    enough = len(b"".join(events[:len(events) - spare])) - 4  # the event that says why it ends, without its blank line
    for cut in range(len(b"".join(events[:-3])) + 1, enough, 7):
        up.answer = closing(whole[:cut])
        answer, good = ask(g, face)
        assert not good or FACES[face][2] not in answer.body, (cut, whole[:cut][-80:], answer.body[-300:])
        assert g.record(answer.id)["ended"]["why"] != "ok", cut


def test_a_stream_that_says_done_without_its_line(make):
    up, g = pair(make, "openai-compatible")
    up.answer = closing(b"".join(chat_events()) + b"data: [DONE]")
    answer, good = ask(g, "chat")
    assert good and answer.body.endswith(b"data: [DONE]\n\n"), answer.body[-100:]
    up.answer = closing(b"".join(chat_events()) + b"data: [DO")
    answer, _ = ask(g, "chat")
    assert g.record(answer.id)["ended"]["why"] == "ok"  # the finish was there: all of the answer is, too


def test_an_array_for_googles_clients(make):
    """Without alt=sse Google's clients get one array: the elements are the provider's bytes."""
    up, g = pair(make, "gemini")
    events = gemini_events()
    path, body = "/v1beta/models/m:streamGenerateContent", json.dumps(FACES["gemini"][1]).encode()
    elements = [e.strip().removeprefix(b"data: ") for e in events]
    for data in (b"".join(events), b"".join(events)[:-2], b"".join(events)[:-4]):
        up.answer = closing(data)
        answer = fetch(g.address, "POST", path, body, key=g.key)
        assert answer.status == 200 and answer.get("content-type").startswith("application/json"), answer
        assert answer.body == b"[" + b",\r\n".join(elements) + b"]", answer.body
        assert [c["candidates"][0]["content"]["parts"][0]["text"] for c in answer.json()] == ["Hello", " there"]
    assert "alt=sse" in up.last().target
    assert g.record(answer.id)["usage"] == {"input": 9, "output": 3}
    # byte by byte, with a life sign between
    up.answer = Answer(head_bytes(200, [("content-type", "text/event-stream"), ("connection", "close")]),
                       *[bytes([b]) for b in events[0] + b": ping\r\n\r\n" + events[1]], "fin")
    answer = fetch(g.address, "POST", path, body, key=g.key)
    assert answer.json() == [json.loads(e) for e in elements]


def test_an_array_that_breaks_off(make):
    """What was begun is closed, with an error as its last element; never without one."""
    up, g = pair(make, "gemini")
    path, body = "/v1beta/models/m:streamGenerateContent", json.dumps(FACES["gemini"][1]).encode()
    events = gemini_events()
    error = b'data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}\r\n\r\n'
    for data in (events[0] + events[1][:-20], events[0] + error):
        up.answer = Answer(head_bytes(200, [("content-type", "text/event-stream"), ("connection", "close")]) + events[0], 0.3,
                           data[len(events[0]):], "fin")
        answer = fetch(g.address, "POST", path, body, key=g.key)
        value = answer.json()
        last = value[-1] if isinstance(value, list) else value
        assert last["error"]["code"] >= 500 and "finishReason" not in answer.body.decode(), answer.body


def reset_behind(events, *pause):
    head = head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    return Answer(head, *[chunk(e) for e in events], *pause, "rst")


@pytest.mark.parametrize("face", ["messages", "chat"])
def test_a_reset_behind_claudes_end(make, face):
    """Stop reason and usage were told in message_delta: the answer is whole, whether the client has seen some of it or not. Before that
    it is none."""
    up, g = pair(make, "anthropic")
    events = claude_events()[:-1]
    for pause in ([], [0.1]):
        up.answer = reset_behind(events, *pause)
        answer, _ = ask(g, face)
        assert answer.status == 200 and b'"error"' not in answer.body, answer.body
        if face == "messages":
            assert answer.body == b"".join(events) + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        else:
            assert b'"finish_reason":"stop"' in answer.body and answer.body.endswith(DONE) and b'"completion_tokens":3' in answer.body
        r = g.record(answer.id)
        assert [a["outcome"] for a in r["attempts"]] == ["ok"] and r["attempts"][0]["why"] == "the connection broke behind the end"
        assert r["usage"] == {"input": 9, "output": 3}
    up.answer = reset_behind(events[:-1], 0.1)
    answer, good = ask(g, face)
    assert not good and not answer.body.endswith(DONE) and b'"end_turn"' not in answer.body and b'"finish_reason":"' not in answer.body
