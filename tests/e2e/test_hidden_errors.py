"""Errors in answers of 200, in every hiding place that is known (openai-compatible.md 2, 6 and the vendors' own sections): whole, as
the first event, and behind output; for a client of the same format and of another. None is ever taken for an answer."""

import json

import pytest

from lib.client import fetch
from lib.upstream import DONE, chat_events, data_event, delta, json_answer, stream_answer

HI = [{"role": "user", "content": "hi"}]
FACES = {
    "chat": ("/v1/chat/completions", {"model": "m", "messages": HI}),
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 99, "messages": HI}),
    "gemini": ("/v1beta/models/m:METHOD", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
}
BASE = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "upstream-model"}


def chunk(**more):
    return {**BASE, **more}


def choice(**more):
    return chunk(choices=[{"index": 0, "delta": {"content": ""}, **more}])


SHAPES = {  # what is said, and what the first attempt is booked as
    "error object": ({"error": {"message": "no", "type": "server_error", "param": None, "code": None}}, "stream_error"),
    "error with a status": ({"error": {"message": "The server is overloaded.", "code": 503}}, "overloaded"),
    "error as a text": ({"error": "model runner has unexpectedly stopped"}, "stream_error"),
    "xAI": ({"code": "The service is currently unavailable", "error": "Service temporarily unavailable."}, None),
    "Mistral": ({"object": "error", "message": "Service tier capacity exceeded for this model.", "type": "service_tier_capacity_exceeded",
                 "param": None, "code": "3505", "raw_status_code": 429}, "overloaded"),
    "beside empty choices": (chunk(choices=[], error={"code": 502, "message": "Provider returned error"}), "stream_error"),
    "OpenRouter": (chunk(choices=[{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                         error={"code": 429, "message": "Rate limit exceeded"}), "rate_limited"),
    "inside of a choice": (choice(finish_reason="error", error={"code": 502, "message": "upstream broke"}), "stream_error"),
    "finish_reason error": (choice(finish_reason="error"), None),
    "x_groq": (chunk(choices=[], x_groq={"id": "req_1", "error": {"message": "over capacity", "type": "internal_server_error"}}), None),
    "too long": ({"error": {"message": "This model's maximum context length is 4096 tokens.", "code": 400,
                            "type": "exceed_context_size_error"}}, "context_overflow"),
    "out of money": ({"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota",
                                "code": "insufficient_quota"}}, "quota_exhausted"),
}


def whole(shape):
    """The same as a body that is not streamed."""
    value = json.loads(json.dumps(shape))
    for c in value.get("choices", []):
        c["message"] = {"role": "assistant", "content": c.pop("delta")["content"]}
    if "choices" in value:
        value["object"] = "chat.completion"
    return value


def two(make):
    first, second = make.upstream(), make.upstream()
    g = make.gateway({"providers": {n: {"kind": "openai-compatible", "base_url": u.url, "keys": [f"k-of-{n}"]}
                                    for n, u in (("one", first), ("two", second))},
                      "models": {"m": {"targets": ["one/llama-3", "two/llama-3"]}, "solo": "one/llama-3"},
                      "resilience": {"retry": {"attempts": 2}}, "log": {"access": {}}})
    return first, second, g


def ask(g, face, stream, model="m"):
    path, body = FACES[face]
    body = {**body, **({"stream": True} if stream and face != "gemini" else {}), **({"model": model} if face != "gemini" else {})}
    path = path.replace("METHOD", "streamGenerateContent?alt=sse" if stream else "generateContent").replace("/m:", f"/{model}:")
    return fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)


def test_never_an_answer(make):
    first, second, g = two(make)
    wrong, n = [], 0
    for name, (shape, outcome) in SHAPES.items():
        for face in FACES:
            for stream, answer in ((False, json_answer(whole(shape))), (True, stream_answer(data_event(shape), DONE)),
                                   (True, stream_answer(data_event(shape))), (True, json_answer(whole(shape)))):
                n += 1
                first.answer = answer
                got = ask(g, face, stream)
                r = g.record(got.id)
                tries = [(a["provider"], a["outcome"]) for a in r["attempts"]]
                good = got.status == 200 and (b"Hello" in got.body) and len(tries) == 2 and tries[1] == ("two", "ok")
                good = good and tries[0][1] != "ok" and (outcome is None or tries[0][1] == outcome)
                if not good:
                    wrong.append((name, face, "stream" if stream else "whole", got.status, tries, got.body[:120]))
    print(f"{n} hidden errors, {len(wrong)} taken for something else")
    assert not wrong, "\n".join(map(str, wrong))


def test_behind_output(make):
    """What was shown stands; the client is told, and the end is never that of a whole answer."""
    first, second, g = two(make)
    wrong, n = [], 0
    ends = {"chat": b"[DONE]", "messages": b"message_stop", "gemini": b'"finishReason"'}
    for name, (shape, _) in SHAPES.items():
        for face in FACES:
            n += 1
            first.answer = stream_answer(chat_events()[0], delta("Hel"), 0.05, data_event(shape), DONE)
            got = ask(g, face, True, "solo")
            r = g.record(got.id)
            told = b"rror" in got.body.replace(b"Hel", b"")
            if r["ended"]["why"] == "ok" or not told or (ends[face] in got.body and name != "finish_reason error"):
                wrong.append((name, face, r["ended"], got.body[-300:]))
    print(f"{n} errors behind output, {len(wrong)} not told")
    assert not wrong, "\n".join(map(str, wrong))
