"""What a translation must do besides the matrix: say what it leaves out, refuse what it must not leave out, hide early failures, and
never end a cut stream as if it were whole. The providers are scripts, so that they can break their formats."""

import json

import pytest

from lib.client import fetch
from lib.proc import ROOT
from lib.upstream import Answer, body_answer, chunk, completion, head_bytes, json_answer, stream_answer

HI = [{"role": "user", "content": "hi"}]
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6", "content": [{"type": "text", "text": "Hello"}],
           "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 3}}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.2",
            "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                        "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}],
            "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}}
FACES = {  # path, body, what ends a good stream
    "chat": ("/v1/chat/completions", {"stream": True, "messages": HI}, b"[DONE]"),
    "responses": ("/v1/responses", {"stream": True, "input": "hi"}, b"response.completed"),
    "messages": ("/v1/messages", {"stream": True, "max_tokens": 99, "messages": HI}, b"message_stop"),
    "gemini": ("/v1beta/models/MODEL:streamGenerateContent?alt=sse", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
               b'"finishReason"'),
}


def event(kind, **data):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def claude_events(words=("Hel", "lo"), end=True):
    begin = {**MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    events = [event("message_start", message=begin), event("ping"),
              event("content_block_start", index=0, content_block={"type": "text", "text": ""})]
    events += [event("content_block_delta", index=0, delta={"type": "text_delta", "text": w}) for w in words]
    if end:
        events += [event("content_block_stop", index=0),
                   event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 3}),
                   event("message_stop")]
    return events


def claude(make, more=None, **settings):
    up = make.upstream()
    g = make.gateway({"providers": {"a": {"kind": "anthropic", "base_url": up.url, "keys": ["k-of-the-gateway"]}, **(more or {})},
                      "models": {"m": {"targets": ["a/claude-opus-4-6"] + [f"{n}/claude-opus-4-6" for n in more or {}]}},
                      "resilience": {"retry": {"attempts": 1 + len(more or {})}}, **settings})
    return up, g


def post(g, path, body):
    return fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)


def test_what_is_left_out_is_said(make):
    up, g = claude(make)
    up.answer = json_answer(MESSAGE)
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI, "seed": 7, "temperature": 1.4, "stop": "END"})
    assert answer.status == 200, answer
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    dropped = answer.get("x-sluice-dropped")
    assert "seed" in dropped and "temperature;clamped" in dropped, dropped
    sent = up.last()
    assert sent.target == "/v1/messages" and sent.get("x-api-key") == "k-of-the-gateway" and sent.get("anthropic-version")
    asked = json.loads(sent.body)
    assert asked["stop_sequences"] == ["END"] and asked["temperature"] == 1 and "seed" not in asked
    assert g.key.text.encode() not in sent.body and sent.get("authorization") is None


def test_what_must_not_be_left_out_is_refused(make):
    up, g = claude(make)
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI, "n": 3})
    assert answer.status == 400 and answer.json()["error"]["param"] == "n", answer
    assert not up.requests


def test_reject_refuses_everything(make):
    up, g = claude(make, relay={"on_unsupported": "reject"})
    answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI, "seed": 7})
    assert answer.status == 400 and answer.json()["error"]["param"] == "seed", answer
    assert answer.json()["error"]["code"] == "unsupported_parameter"
    assert not up.requests


@pytest.mark.parametrize("face", FACES)
def test_an_early_error_is_not_seen(make, face):
    """message_start, then overloaded: the next target answers and the client sees one good stream, also of the same format."""
    second = make.upstream()
    up, g = claude(make, {"b": {"kind": "anthropic", "base_url": second.url, "keys": ["k-of-the-second"]}})
    up.answer = stream_answer(claude_events(())[0], event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
    second.answer = stream_answer(*claude_events())
    path, body, end = FACES[face]
    answer = post(g, path.replace("MODEL", "m"), {"model": "m", **body} if "MODEL" not in path else body)
    assert answer.status == 200, answer
    assert end in answer.body and b"rror\":{" not in answer.body and b"event: error" not in answer.body
    assert answer.get("x-sluice-attempts") == "2"
    assert len(up.requests) == 1 and len(second.requests) == 1


@pytest.mark.parametrize("face", FACES)
def test_a_cut_stream_is_never_whole(make, face):
    up, g = claude(make)
    path, body, end = FACES[face]
    events = b"".join(claude_events())
    places = [i + 2 for i in range(len(events)) if events[i:i + 2] == b"\n\n"][3:-2]
    places += [p + 17 for p in places]
    for place in places:
        up.answer = Answer(head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]) +
                           chunk(events[:place]) + chunk(b""))
        answer = post(g, path.replace("MODEL", "m"), {"model": "m", **body} if "MODEL" not in path else body)
        told = answer.status != 200 or b"rror" in answer.body or b"response.failed" in answer.body
        assert told and end not in answer.body, (place, answer.status, answer.body[-300:])


@pytest.mark.parametrize("face,shape", [("chat", "invalid_request_error"), ("messages", "invalid_request_error"),
                                        ("gemini", "INVALID_ARGUMENT"), ("responses", "invalid_request_error")])
def test_errors_in_the_callers_form(make, face, shape):
    up, g = claude(make)
    up.answer = json_answer({"type": "error", "error": {"type": "invalid_request_error", "message": "messages.0: told by the script"},
                             "request_id": "req_1"}, status=400)
    path, body, _ = FACES[face]
    answer = post(g, path.replace("MODEL", "m"), {"model": "m", **body} if "MODEL" not in path else body)
    assert answer.status == 400 and shape.encode() in answer.body and b"told by the script" in answer.body, answer
    value = answer.json()
    if face == "messages":
        assert value["type"] == "error" and value["request_id"] == "req_1"  # the provider's own bytes
    elif face == "gemini":
        assert value["error"]["status"] == shape and value["error"]["code"] == 400
    else:
        assert value["error"]["type"] == shape and "type" not in value
    up.answer = json_answer({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}, status=401)
    answer = post(g, path.replace("MODEL", "m"), {"model": "m", **body} if "MODEL" not in path else body)
    assert answer.status >= 500 and b"x-api-key" not in answer.body, answer


def test_a_broken_answer_is_the_providers_fault(make):
    up, g = claude(make)
    for body in (b"", b"{", b"[]", b"null", b'{"type":"message"}', b'{"content":7,"type":"message"}', b"<html>no</html>", b'"text"'):
        up.answer = body_answer(body)
        answer = post(g, "/v1/chat/completions", {"model": "m", "messages": HI})
        assert answer.status == 502 and answer.json()["error"]["code"].startswith("upstream_"), (body, answer)


def test_counting_without_the_provider(make):
    """A provider of another format cannot be asked: exactly counted here where the vocabulary is public, and there."""
    low, high = (200, 215) if (ROOT / "build/share/sluice/o200k_base.vocab").exists() else (150, 260)
    up = make.upstream()
    g = make.gateway({"providers": {"o": {"kind": "openai", "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                      "models": {"m": "o/gpt-4o"}})
    answer = post(g, "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "hello world " * 100}]})
    assert answer.status == 200 and low <= answer.json()["input_tokens"] <= high, answer
    answer = post(g, "/v1beta/models/m:countTokens", {"contents": [{"role": "user", "parts": [{"text": "hello world " * 100}]}]})
    assert answer.status == 200 and low <= answer.json()["totalTokens"] <= high, answer
    answer = post(g, "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "robot", "content": 7}]})
    assert answer.status == 400 and answer.json()["error"]["type"] == "invalid_request_error", answer
    assert not up.requests


def test_what_a_preset_lacks(make):
    up = make.upstream()
    g = make.gateway({"providers": {"x": {"kind": "mistral", "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                      "models": {"m": "x/mistral-large"}})
    body = {"model": "m", "max_tokens": 99, "stream": True, "messages": HI, "metadata": {"user_id": "u1"}}
    post(g, "/v1/messages", body)
    asked = json.loads(up.last().body)
    assert asked["max_tokens"] == 99 and "max_completion_tokens" not in asked
    assert "stream_options" not in asked and "user" not in asked
    gemini = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"seed": 5}}
    post(g, "/v1beta/models/m:generateContent", gemini)
    asked = json.loads(up.last().body)
    assert asked["random_seed"] == 5 and "seed" not in asked


def test_models_in_every_shape(make):
    """Limits, prices and what the model can, in each shape; Claude is Claude wherever it runs, and a name is found alone, too."""
    keys = {"keys": ["k-of-the-gateway"], "base_url": "http://127.0.0.1:9", "direct": True}
    g = make.gateway({"providers": {"a": {"kind": "anthropic", **keys}, "v": {"kind": "vertex", "region": "global", "project": "p", **keys}},
                      "models": {"m": {"targets": ["a/claude-opus-4-6"]}, "there": {"targets": ["v/publishers/anthropic/models/claude-opus-4-6"]}}})
    old = [("anthropic-version", "2023-06-01")]
    for headers, path in ((old, "/v1/models"), ([], "/anthropic/v1/models")):
        for row in fetch(g.address, "GET", path, headers=headers, key=g.key).json()["data"]:
            can = row["capabilities"]
            assert can["thinking"]["types"]["adaptive"]["supported"] and can["citations"]["supported"] and can["effort"]["max"]["supported"], row
            assert row["max_input_tokens"] > 100000 and row["max_tokens"] > 10000 and row["pricing"]["prompt"] == "0.000005", row
    for headers, path, read in (([], "/v1/models", lambda v: v["data"][0]["id"]),
                                (old, "/v1/models", lambda v: v["data"][0]["display_name"]),
                                ([], "/v1beta/models", lambda v: v["models"][0]["name"].removeprefix("models/")),
                                ([], "/gemini/v1beta/models/m", lambda v: v["name"].removeprefix("models/")),
                                (old, "/v1/models/m", lambda v: v["id"]),
                                ([], "/v1/models?client_version=0.169.0", lambda v: v["models"][0]["slug"]),
                                ([], "/model/info", lambda v: v["data"][0]["model_name"]),
                                ([], "/v1/model/info", lambda v: v["data"][0]["model_name"])):
        answer = fetch(g.address, "GET", path, headers=headers, key=g.key)
        assert answer.status == 200 and read(answer.json()) == "m", (path, answer)
        priced = '"pricing":{"prompt":"0.000005"' if "info" not in path else '"input_cost_per_token":0.000005'
        assert priced in answer.body.decode(), (path, answer)
    row = fetch(g.address, "GET", "/v1/models", key=g.key).json()["data"][0]
    assert row["context_length"] > 100000 and float(row["pricing"]["prompt"]) > 0 and "tools" in row["supported_parameters"]
    row = fetch(g.address, "GET", "/v1/models?client_version=1", key=g.key).json()["models"][0]
    assert [level["effort"] for level in row["supported_reasoning_levels"]] == ["low", "medium", "high"] and row["context_window"] > 100000
    row = fetch(g.address, "GET", "/v1/model/info", key=g.key).json()["data"][0]["model_info"]
    assert row["supports_vision"] and row["supports_reasoning"] and row["max_input_tokens"] > 100000


@pytest.mark.parametrize("version, path", [("2024-10-21", "/openai/deployments/dep/chat/completions"),
                                           ("2025-03-01-preview", "/openai/responses"), ("2025-04-01-preview", "/openai/responses")])
def test_azures_classic_api(make, version, path):
    """It has Responses since 2025-03-01, beside the deployments and not below them; an older one is asked in chat."""
    up = make.upstream()
    g = make.gateway({"providers": {"az": {"kind": "azure", "base_url": up.url[:-3] + "/openai", "api_version": version, "keys": ["k"]}},
                      "models": {"m": "az/dep"}, "resilience": {"retry": {"attempts": 1}}})
    up.answer = json_answer(RESPONSE if path.endswith("responses") else completion())
    for face, body in (("/v1/responses", {"input": "hi"}), ("/v1/messages", {"max_tokens": 99, "messages": HI})):
        answer = post(g, face, {"model": "m", **body})
        assert answer.status == 200 and b"Hello" in answer.body, answer
        assert up.last().target == f"{path}?api-version={version}", up.last().target
        assert up.last().json()["model"] == "dep"


def test_paths_that_clients_make(make):
    """A base URL with its version or without, behind a vendor's prefix, with a slash too many, with a query: the same operation."""
    up, g = claude(make)
    up.answer = json_answer(MESSAGE)
    for path in ("/v1/messages", "/messages", "/v1/v1/messages", "/v1/messages?beta=true", "/v1/messages/", "/anthropic/v1/messages",
                 "/anthropic/messages/?beta=true"):
        assert post(g, path, {"model": "m", "max_tokens": 9, "messages": HI}).json()["content"][0]["text"] == "Hello", path
    for path in ("/v1/chat/completions/", "/chat/completions?api-version=1", "/v1/v1/chat/completions", "/openai/v1/chat/completions",
                 "/v1beta/openai/chat/completions"):
        assert post(g, path, {"model": "m", "messages": HI}).json()["choices"][0]["message"]["content"] == "Hello", path
    for path in ("/openai/deployments/m/chat/completions?api-version=2024-10-21",):  # Azure's REST clients have the model there only
        for more in ({}, {"model": "m"}):
            assert post(g, path, {**more, "messages": HI}).json()["choices"][0]["message"]["content"] == "Hello", path
    for path in ("/v1/responses/", "/responses", "/v1/v1/responses", "/openai/v1/responses?api-version=preview"):
        assert post(g, path, {"model": "m", "input": "hi"}).json()["output"][0]["content"][0]["text"] == "Hello", path
    for before in ("/v1beta", "/v1", "/v1alpha", "/gemini/v1beta", "/gemini/v1alpha", "/gemini", "/v1beta/v1beta"):
        for verb in (":generateContent", ":generateContent/?key=", "%3AgenerateContent"):
            answer = post(g, f"{before}/models/m{verb}", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
            assert answer.json()["candidates"][0]["content"]["parts"][0]["text"] == "Hello", (before, verb, answer)


def test_a_stream_in_an_array(make):
    """Gemini's clients without alt=sse get one JSON array."""
    up, g = claude(make)
    up.answer = stream_answer(*claude_events())
    answer = post(g, "/v1beta/models/m:streamGenerateContent", FACES["gemini"][1])
    assert answer.status == 200 and answer.get("content-type") == "application/json"
    assert "".join(p["text"] for c in answer.json() for p in c["candidates"][0]["content"]["parts"]) == "Hello"
    up.answer = stream_answer(*claude_events(end=False))
    answer = post(g, "/v1beta/models/m:streamGenerateContent", FACES["gemini"][1])
    told = answer.json() if answer.status >= 500 else answer.json()[-1]  # all of it may have come in one read
    assert told["error"]["code"] >= 500
