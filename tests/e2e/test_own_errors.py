"""Errors that arise in the gateway, for clients of each face: no target, no answer in time, a provider that is not there, a body that is
no request. In the face's own form, with its status, and never asked a second time by the vendors' own clients."""

import contextlib
import json

import anthropic
import openai
import pytest
from google import genai

from lib.client import fetch
from lib.upstream import Answer, json_answer

HI = [{"role": "user", "content": "hi"}]
FACES = {
    "chat": ("/v1/chat/completions", {"messages": HI}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "messages": ("/v1/messages", {"max_tokens": 9, "messages": HI}),
    "gemini": ("/v1beta/models/{}:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
}
NO_TARGET = (503, "service_unavailable_error", "no_target", "overloaded_error", "UNAVAILABLE")
ERRORS = {  # by model: what may come: status, OpenAI's type and code, Anthropic's type, Google's status
    "down": [(502, "upstream_error", "upstream_unreachable", "api_error", "UNAVAILABLE"), NO_TARGET],
    "slow": [(504, "upstream_error", "upstream_timeout", "timeout_error", "DEADLINE_EXCEEDED"), NO_TARGET],
    "refused": [(502, "upstream_error", "upstream_credentials_refused", "api_error", "UNAVAILABLE"), NO_TARGET],
    "unheard-of": [(404, "invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND")],
}


@pytest.fixture(scope="module")
def served():
    from conftest import Makers
    makers = Makers()
    up = makers.upstream()
    refuses = makers.upstream()
    up.answer = Answer("hang")
    refuses.answer = json_answer({"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}}, status=401)
    key = {"keys": ["k-of-the-gateway"], "direct": True}
    yield makers.gateway({
        "listen": {"workers": 1},
        "providers": {"a": {"kind": "anthropic", "base_url": up.url, **key}, "g": {"kind": "gemini", "base_url": "http://127.0.0.1:9", **key},
                      "n": {"kind": "openai", "base_url": refuses.url, **key}},
        "models": {"slow": "a/claude-opus-4-6", "down": "g/gemini-2.5-pro", "refused": "n/gpt-4.1"},
        "resilience": {"breaker": True, "retry": {"attempts": 1}, "deadline": {"first_byte": "300ms", "answer": "300ms"}}})
    makers.end()


def check(face, answer, rows):
    """In that face's form, whole; gives which of the errors it is."""
    value = answer.json()
    assert answer.get("content-type") == "application/json" and answer.get("x-should-retry") == "false", answer
    row = [r for r in rows if answer.status == (529 if face == "messages" and r[0] == 503 else r[0])][0]
    if face == "messages":
        assert value["type"] == "error" and value["error"]["type"] == row[3] and value["request_id"] == answer.id, answer
        assert set(value) == {"type", "error", "request_id"} and set(value["error"]) == {"type", "message"}, answer
    elif face == "gemini":
        assert value["error"]["status"] == row[4] and value["error"]["code"] == row[0], answer
        assert set(value) == {"error"} and set(value["error"]) == {"code", "message", "status"}, answer
    else:
        assert answer.error()["type"] == row[1] and value["error"]["code"] == row[2] and set(value) == {"error"}, answer
    return row


@pytest.mark.parametrize("face", FACES)
def test_form(served, face):
    path, body = FACES[face]
    for model, rows in ERRORS.items():
        for stream in (False, True):
            to = path.format(model).replace(":generate", ":streamGenerate" if stream else ":generate")
            sent = json.dumps(body if face == "gemini" else {"model": model, "stream": stream, **body}).encode()
            seen = {check(face, fetch(served.address, "POST", to, sent, key=served.key), rows)}
            for _ in range(100 if model == "down" else 0):  # a target that is down is asked once a second; between that there is none
                if NO_TARGET in seen:
                    break
                seen.add(check(face, fetch(served.address, "POST", to, sent, key=served.key), rows))
            assert model != "down" or NO_TARGET in seen


def marked(g):
    """How many records there are up to one of ours: what was asked before it is written. There is one worker."""
    id = fetch(g.address, "GET", "/v1/models", key=g.key).id
    g.record(id)
    return [r["id"] for r in g.records()].index(id) + 1


def asked(g, what, expected):
    before = marked(g)
    with pytest.raises(expected):
        what()
    return marked(g) - before - 1


def test_vendors_clients_ask_once(served):
    with contextlib.closing(openai.OpenAI(base_url=served.url + "/v1", api_key=served.key.text)) as o, \
            contextlib.closing(anthropic.Anthropic(base_url=served.url, api_key=served.key.text)) as a:
        c = genai.Client(api_key=served.key.text, http_options={"base_url": served.url})
        for model in ERRORS:
            assert asked(served, lambda: o.chat.completions.create(model=model, messages=HI), openai.APIStatusError) == 1, model
            assert asked(served, lambda: list(o.responses.create(model=model, input="hi", stream=True)), openai.APIStatusError) == 1, model
            assert asked(served, lambda: a.messages.create(model=model, max_tokens=9, messages=HI), anthropic.APIStatusError) == 1, model
            assert asked(served, lambda: c.models.generate_content(model=model, contents="hi"), genai.errors.APIError) == 1, model
