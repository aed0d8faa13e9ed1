"""Conversations that go from one model to another and back: what came sealed goes out of the bytes, what the client says besides stays."""

import json

from lib.client import fetch
from lib.upstream import completion, json_answer
from test_translation import MESSAGE

GPT = "slc1.oai.gpt-5.cnNfMQpFTkM"          # rs_1, ENC
GOOGLE = "slc1.goo.gemini-3.R1NJRw"         # GSIG
CALL = {"id": "call_0123456789", "type": "function", "function": {"name": "f", "arguments": "{\"b\": 1.0}"}}
BETAS = "context-management-2025-06-27,tool-search-tool-2025-10-19"


def world(make, kind, model):
    up = make.upstream()
    return up, make.gateway({"providers": {"p": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                             "models": {"m": f"p/{model}"}, "resilience": {"retry": {"attempts": 1}}})


def post(g, path, body, headers=()):
    return fetch(g.address, "POST", path, json.dumps(body).encode(), [("content-type", "application/json"), *headers], g.key)


def test_claude_code_comes_back_from_gpt(make):
    up, g = world(make, "anthropic", "claude-opus-4-6")
    up.answer = json_answer(MESSAGE)
    use = {"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"b": 1.0}}
    body = {"model": "m", "max_tokens": 32000, "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2"}],
            "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "tools": [{"name": "Bash", "input_schema": {"type": "object"}}, {"name": "Later", "input_schema": {"type": "object"},
                      "defer_loading": True}, {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}],
            "messages": [{"role": "user", "content": "hi"},
                         {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": GPT}, use]},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}]}]}
    answer = post(g, "/v1/messages?beta=true", body, [("anthropic-version", "2023-06-01"), ("anthropic-beta", BETAS)])
    assert answer.status == 200 and answer.get("x-sluice-dropped") is None, answer
    body["messages"][1]["content"] = [use]
    sent = up.last().json()
    assert sent == {**body, "model": "claude-opus-4-6"}, sent
    assert up.last().get("anthropic-beta") == BETAS


def test_manual_thinking_waits_for_the_next_turn(make):
    up, g = world(make, "anthropic", "claude-sonnet-4-5")
    up.answer = json_answer(MESSAGE)
    answer = post(g, "/v1/messages", {
        "model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 2000}, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": GPT},
                                              {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}]}]})
    assert answer.status == 200 and answer.get("x-sluice-dropped") == "thinking;off in this turn", answer
    assert up.last().json()["thinking"] == {"type": "disabled"}


def sealed_turn(**more):
    return {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
        {**CALL, "extra_content": {"google": {"thought_signature": GOOGLE}}}], **more}


def turns(said):
    return [{"role": "user", "content": "hi"}, said, {"role": "tool", "tool_call_id": CALL["id"], "content": "ok"}]


def test_chat_keeps_what_the_server_alone_knows(make):
    up, g = world(make, "openrouter", "anthropic/claude-opus-4.6")
    own = {"role": "assistant", "content": "x", "reasoning": "t", "reasoning_details": [
        {"type": "reasoning.text", "text": "t", "signature": "S", "format": "anthropic-claude-v1", "index": 0}]}
    body = {"model": "m", "reasoning_effort": "high", "provider": {"order": ["a"]}, "messages": [own, *turns(sealed_turn())]}
    assert post(g, "/v1/chat/completions", body).status == 200
    sent = up.last().json()
    assert sent["messages"] == [own, *turns({"role": "assistant", "content": None, "tool_calls": [CALL]})], sent
    assert sent["reasoning_effort"] == "high" and sent["provider"] == {"order": ["a"]}


def test_kimi_misses_no_reasoning(make):
    """It refuses calls without; those of another model have a blank, whatever the client speaks."""
    up, g = world(make, "moonshot", "kimi-k2-thinking")
    assert post(g, "/v1/chat/completions", {"model": "m", "messages": turns(sealed_turn())}).status == 200
    assert up.last().json()["messages"][1] == {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": " "}
    assert post(g, "/v1/messages", {"model": "m", "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}]}]}).status == 200
    assert up.last().json()["messages"][1]["reasoning_content"] == " "


def test_mistrals_ids(make):
    """Of nine bytes: a conversation that began elsewhere is written anew, its own passes."""
    up, g = world(make, "mistral", "mistral-large-latest")
    body = {"model": "m", "messages": turns({"role": "assistant", "content": None, "tool_calls": [CALL]})}
    assert post(g, "/v1/chat/completions", body).status == 200
    sent = up.last().json()["messages"]
    assert len(sent[2]["tool_call_id"]) == 9 and sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"], sent
    own = json.loads(json.dumps(body).replace(CALL["id"], "abcdefgh9"))
    assert post(g, "/v1/chat/completions", {**own, "x_own": 1}).status == 200
    assert up.last().json() == {**own, "x_own": 1, "model": "mistral-large-latest"}


def test_openrouter_thinks_when_told(make):
    up, g = world(make, "openrouter", "anthropic/claude-opus-4.6")
    up.answer = json_answer(completion())
    answer = post(g, "/v1/messages", {"model": "m", "max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 5000},
                                      "messages": [{"role": "user", "content": "hi"}]})
    assert answer.status == 200 and answer.get("x-sluice-dropped") is None, answer
    assert up.last().json()["reasoning_effort"] == "medium"
