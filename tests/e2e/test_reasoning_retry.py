"""A provider that does not believe the reasoning it is shown: one more try without it, said to the client; never a second one."""

import json

import pytest

from lib.client import fetch
from lib.upstream import json_answer, stream_answer
from test_translation import MESSAGE, claude_events, event

HI = {"role": "user", "content": "hi"}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "RXFxcXE="}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "7"}]}
TOOLS = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
REFUSALS = ["messages.1.content.0: Invalid `signature` in `thinking` block",
            "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified"]
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}}


def refusal(message):
    return json_answer({"type": "error", "error": {"type": "invalid_request_error", "message": message}}, status=400)


def gateway(make, kind="anthropic", model="claude-opus-4-6"):
    up = make.upstream()
    return up, make.gateway({"providers": {"a": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                             "models": {"m": f"a/{model}"}, "resilience": {"retry": {"attempts": 2}}})


def ask(g, path, body):
    return fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)


def messages(**more):
    return {"model": "m", "max_tokens": 2000, "tools": TOOLS,
            "messages": [HI, {"role": "assistant", "content": [SIGNED, CALL]}, RESULT], **more}


@pytest.mark.parametrize("message", REFUSALS)
def test_messages_to_claude(make, message):
    up, g = gateway(make)
    up.queue(refusal(message), json_answer(MESSAGE))
    body = messages(thinking={"type": "enabled", "budget_tokens": 1024})
    answer = ask(g, "/v1/messages", body)
    assert answer.status == 200 and answer.json()["content"][0]["text"] == "Hello", answer
    assert answer.get("x-sluice-attempts") == "2" and "earlier reasoning" in answer.get("x-sluice-reason")
    assert answer.get("x-sluice-dropped").startswith("thinking;")
    first, second = (json.loads(r.body) for r in up.requests)
    assert first["messages"] == body["messages"]
    assert second["messages"][1]["content"] == [CALL] and second["messages"][2] == RESULT
    assert second["thinking"] == {"type": "disabled"}
    r = g.record(answer.id)
    assert [a["outcome"] for a in r["attempts"]] == ["client_fault", "ok"]
    assert r["attempts"][0]["why"] == "asked again without earlier reasoning"
    assert "usage" not in r["attempts"][0] or not r["attempts"][0]["usage"]


def test_only_once(make):
    up, g = gateway(make)
    up.answer = refusal(REFUSALS[0])
    answer = ask(g, "/v1/messages", messages())
    assert answer.status == 400 and "signature" in answer.json()["error"]["message"], answer
    assert len(up.requests) == 2


def test_nothing_to_leave_out_is_no_second_try(make):
    up, g = gateway(make)
    up.answer = refusal(REFUSALS[0])
    answer = ask(g, "/v1/messages", {"model": "m", "max_tokens": 9, "messages": [HI]})
    assert answer.status == 400 and len(up.requests) == 1, answer


def test_other_refusals_are_no_second_try(make):
    up, g = gateway(make)
    up.answer = refusal("messages.0: must not be empty")
    assert ask(g, "/v1/messages", messages()).status == 400 and len(up.requests) == 1


def test_a_stream(make):
    """Also when it is told as the first event."""
    up, g = gateway(make)
    error = event("error", error={"type": "invalid_request_error", "message": REFUSALS[0]})
    up.queue(refusal(REFUSALS[0]), stream_answer(*claude_events()))
    answer = ask(g, "/v1/messages", messages(stream=True))
    assert answer.status == 200 and b"message_stop" in answer.body and b"event: error" not in answer.body
    up.queue(stream_answer(error), stream_answer(*claude_events()))
    body = {"model": "m", "stream": True, "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}],
            "messages": [HI, {"role": "assistant", "content": "x", "thinking_blocks": [SIGNED],
                              "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "RXFxcXE=", "index": 0}]},
                         HI]}
    before = len(up.requests)
    answer = ask(g, "/v1/chat/completions", body)
    if b"signature" in up.requests[before].body:  # else there was nothing to leave out
        assert answer.status == 200 and b"[DONE]" in answer.body, answer
        assert b"signature" not in up.last().body


def test_chat_to_gemini(make):
    """Gemini's own signature comes back in the place where Google's clients keep it, and is refused."""
    up, g = gateway(make, "gemini", "gemini-3.1-pro-preview")
    up.queue(json_answer({"error": {"code": 400, "message": "Thought signature is not valid.", "status": "INVALID_ARGUMENT"}}, status=400),
             json_answer(GEMINI))
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "EpcBtrue"}}}
    answer = ask(g, "/v1/chat/completions", {
        "model": "m", "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}],
        "messages": [HI, {"role": "assistant", "content": None, "tool_calls": [call]},
                     {"role": "tool", "tool_call_id": "call_1", "content": "7"}]})
    assert answer.status == 200, answer
    assert b"EpcBtrue" in up.requests[0].body and b"EpcBtrue" not in up.requests[1].body
    assert b"skip_thought_signature_validator" in up.requests[1].body
    assert "reasoning" in answer.get("x-sluice-dropped")


def test_gemini_to_gemini(make):
    up, g = gateway(make, "gemini", "gemini-3.1-pro-preview")
    up.queue(json_answer({"error": {"code": 400, "message": "Function call is missing a thought_signature in functionCall parts.",
                                    "status": "INVALID_ARGUMENT"}}, status=400), json_answer(GEMINI))
    answer = ask(g, "/v1beta/models/m:generateContent", {"contents": [
        {"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"a": 7}}}]}]})
    assert answer.status == 200, answer
    assert json.loads(up.last().body)["contents"][1]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" in answer.get("x-sluice-dropped")
