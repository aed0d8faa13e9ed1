"""Cursor sends bodies of Responses to the path of chat completions, and reads chunks of chat completions."""

import json

import pytest

from lib.client import fetch
from lib.proc import run_sluice

BODY = {"model": "m", "stream": True, "store": False, "instructions": "Be brief.", "user": "u-1",
        "input": [{"role": "system", "content": "You are an editor."},
                  {"role": "user", "content": [{"type": "input_text", "text": "List the files."}]},
                  {"type": "function_call", "call_id": "call_1", "name": "list_dir", "arguments": "{\"path\": \".\"}"},
                  {"type": "function_call_output", "call_id": "call_1", "output": "a.c"},
                  {"role": "user", "content": "And now?"}],
        "tools": [{"type": "function", "name": "list_dir", "description": "Lists", "strict": False,
                   "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}],
        "tool_choice": "auto", "reasoning": {"effort": "medium"}, "text": {"verbosity": "low"}, "include": ["reasoning.encrypted_content"]}
KINDS = {"openai": ("openai", "/v1", "gpt-5-mini"), "compatible": ("openai-compatible", "/v1", "any"),
         "anthropic": ("anthropic", "/v1", "claude-opus-4-6"), "gemini": ("gemini", "/v1beta", "gemini-2.5-pro")}


def post(g, body):
    return fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), [("Content-Type", "application/json")], g.key)


def gateway(make, sim):
    return make.gateway({"providers": {n: {"kind": k, "base_url": sim.url + path, "keys": ["k"]} for n, (k, path, _) in KINDS.items()},
                         "models": {n: f"{n}/{model}" for n, (_, _, model) in KINDS.items()}})


@pytest.mark.parametrize("stream", [True, False])
def test_answered_in_chat(make, stream):
    g = gateway(make, make.sim())
    texts = set()
    for model in KINDS:
        answer = post(g, {**BODY, "model": model, "stream": stream})
        assert answer.status == 200, (model, answer)
        if stream:
            events = [e[6:] for e in answer.body.decode().split("\n\n") if e.startswith("data: ")]
            chunks = [json.loads(e) for e in events[:-1]]
            assert events[-1] == "[DONE]" and {c["object"] for c in chunks} == {"chat.completion.chunk"}, (model, events)
            deltas = [choice for c in chunks for choice in c["choices"]]
            texts.add("".join(d["delta"].get("content") or "" for d in deltas))
            assert [d["finish_reason"] for d in deltas if d["finish_reason"]] == ["stop"]
        else:
            assert answer.json()["object"] == "chat.completion" and answer.json()["usage"]["prompt_tokens"] > 0
            texts.add(answer.json()["choices"][0]["message"]["content"])
    assert len(texts) == 1 and texts.pop()


def test_what_is_asked(make):
    """All of it arrives: instructions, turns, calls with their results, flat tools, effort; what has no place is named."""
    up = make.upstream()
    g = make.gateway({"providers": {"o": {"kind": "openai", "base_url": up.url, "keys": ["k"]}}, "models": {"m": "o/gpt-5-mini"}})
    answer = post(g, BODY)
    sent = up.last().json()
    assert up.last().target == "/v1/chat/completions" and answer.status == 200
    assert [m["role"] for m in sent["messages"]] == ["developer", "developer", "user", "assistant", "tool", "user"], sent
    assert sent["messages"][3]["tool_calls"][0]["function"] == {"name": "list_dir", "arguments": "{\"path\": \".\"}"}
    assert sent["messages"][4] == {"role": "tool", "tool_call_id": "call_1", "content": "a.c"}
    assert sent["tools"][0]["function"]["name"] == "list_dir" and sent["reasoning_effort"] == "medium" and sent["verbosity"] == "low"
    assert "input" not in sent and "instructions" not in sent
    told = run_sluice("explain", "-c", g.config_path, "--request", "-", "--json", input=json.dumps(BODY))
    assert told.returncode == 0 and json.loads(told.stdout)["plan"][0]["model"] == "gpt-5-mini", told


def test_neither(make):
    """A body that has neither messages nor input stays what it was: the provider's or the face's own refusal."""
    up = make.upstream()
    g = make.gateway({"providers": {"a": {"kind": "anthropic", "base_url": up.url, "keys": ["k"]}}, "models": {"m": "a/claude-opus-4-6"}})
    for body in ({"model": "m"}, {"model": "m", "input": 5}, {"model": "m", "input": [], "messages": 5}):
        answer = post(g, body)
        assert answer.status == 400 and answer.error()["type"] == "invalid_request_error", answer
    assert not up.requests
