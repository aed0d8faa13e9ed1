"""How streams end: by their own last event, by a close behind a finish, by a last event without its blank line. And how they are cut."""

import json

import pytest

from lib.client import fetch
from lib.upstream import DONE, Answer, chat_events, head_bytes
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
