"""What stands beside the conversation, between formats: tiers, end users, labels, cache keys, safety settings; and in answers citations,
refusals, blocks, tiers. One table each way, as translate-openai-anthropic.md and translate-gemini.md decide."""

import json

import pytest

from lib.client import fetch
from lib.upstream import completion, json_answer
from test_bad_input_pairs import GEMINI
from test_translation import MESSAGE

HI = {"role": "user", "content": "hi"}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.6",
            "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                        "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}],
            "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12, "input_tokens_details": {"cached_tokens": 0},
                      "output_tokens_details": {"reasoning_tokens": 0}}}
UPS = {"chat": ("openai-compatible", "llama-3", completion()), "responses": ("openai", "gpt-5.6", RESPONSE),
       "messages": ("anthropic", "claude-opus-4-6", MESSAGE), "gemini": ("gemini", "gemini-2.5-flash", GEMINI)}
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "gemini": "/v1beta/models/m:generateContent", "responses": "/v1/responses"}
BODIES = {"chat": {"model": "m", "messages": [HI]}, "messages": {"model": "m", "max_tokens": 99, "messages": [HI]},
          "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, "responses": {"model": "m", "input": "hi"}}
CODE = json.dumps({"device_id": "d", "account_uuid": "acc", "session_id": "s"})
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
BLOCK = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


def dropped(name):
    return lambda sent, told: name in told and name.split(".")[-1] not in sent


def has(**members):
    return lambda sent, told: all(sent.get(k) == v for k, v in members.items())


def silent(*names):
    return lambda sent, told: not told and not set(names) & set(sent)


def hashed(*path):
    """A short id that does not show what it was made of, and is the same each time."""
    def look(sent, told):
        value = sent
        for p in path:
            value = value[p]
        return len(value) <= 64 and not any(c in value for c in '{@"') and "xxx" not in value and "acc" not in value
    return look


REQUESTS = {  # face: member: (value, {upstream: what must be so of what is sent and told})
    "chat": {
        "tier auto": ({"service_tier": "auto"}, {"messages": has(service_tier="auto"), "gemini": silent("serviceTier")}),
        "tier default": ({"service_tier": "default"}, {"messages": has(service_tier="standard_only"), "gemini": has(serviceTier="standard")}),
        "tier priority": ({"service_tier": "priority"}, {"messages": has(service_tier="auto"), "gemini": has(serviceTier="priority")}),
        "tier flex": ({"service_tier": "flex"}, {
            "messages": lambda s, t: s["service_tier"] == "standard_only" and "service_tier;" in t, "gemini": has(serviceTier="flex")}),
        "user": ({"user": "u1"}, {"messages": has(metadata={"user_id": "u1"}), "gemini": dropped("safety_identifier")}),
        "safety_identifier goes before user": ({"user": "u1", "safety_identifier": "s1"}, {"messages": has(metadata={"user_id": "s1"})}),
        "a mail address": ({"user": "joe@example.com"}, {"messages": hashed("metadata", "user_id")}),
        "a long user": ({"user": "x" * 300}, {"messages": hashed("metadata", "user_id")}),
        "metadata": ({"metadata": {"a": "b"}}, {"messages": dropped("metadata"), "gemini": dropped("metadata")}),
        "cache key": ({"prompt_cache_key": "k1"}, {"messages": dropped("prompt_cache_key"), "gemini": dropped("prompt_cache_key")}),
        "safety settings": ({"safety_settings": BLOCK}, {"messages": dropped("safety_settings"), "gemini": has(safetySettings=BLOCK)}),
        "web search": ({"web_search_options": {}}, {"messages": has(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
                                                    "gemini": has(tools=[{"googleSearch": {}}])}),
    },
    "messages": {
        "tier auto": ({"service_tier": "auto"}, {"chat": silent("service_tier"), "responses": has(service_tier="auto"),
                                                 "gemini": silent("serviceTier")}),
        "tier standard_only": ({"service_tier": "standard_only"}, {"responses": has(service_tier="default"), "gemini": has(serviceTier="standard")}),
        "user": ({"metadata": {"user_id": "u1"}}, {"chat": has(user="u1"), "responses": has(safety_identifier="u1"),
                                                   "gemini": dropped("metadata.user_id")}),
        "Claude Code's user": ({"metadata": {"user_id": CODE}}, {"chat": hashed("user"), "responses": hashed("safety_identifier")}),
        "web search": ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {
            "chat": dropped("tools[0]"), "responses": has(tools=[{"type": "web_search"}]), "gemini": has(tools=[{"googleSearch": {}}])}),
        # held to it, as Claude is; what is outside of OpenAI's subset is only shown
        "a form": ({"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}}, {
            "responses": lambda s, t: s["text"]["format"]["strict"] is True and s["text"]["format"]["schema"] == CLOSED}),
        "a document's title": ({"messages": [{"role": "user", "content": [{"type": "document", "title": "Report", "source": {
            "type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}}]}]}, {
            "responses": lambda s, t: s["input"][0]["content"][0]["filename"] == "Report.pdf"}),
        "an open form": ({"output_config": {"format": {"type": "json_schema", "schema": {**CLOSED, "required": []}}}}, {
            "responses": lambda s, t: s["text"]["format"]["strict"] is False}),
    },
    "gemini": {
        "safety settings": ({"safetySettings": BLOCK}, {"chat": dropped("safetySettings"), "messages": dropped("safetySettings")}),
        "labels": ({"labels": {"team": "a"}}, {"chat": dropped("labels"), "messages": dropped("labels")}),
        "tier": ({"serviceTier": "flex"}, {"messages": lambda s, t: s["service_tier"] == "standard_only" and "serviceTier" in t}),
        "search": ({"tools": [{"googleSearch": {}}]}, {"chat": dropped("tools[0]"),
                                                       "messages": has(tools=[{"type": "web_search_20250305", "name": "web_search"}])}),
    },
    "responses": {
        "tier": ({"service_tier": "flex"}, {"gemini": has(serviceTier="flex"), "chat": dropped("service_tier")}),
        "user": ({"safety_identifier": "s1"}, {"chat": has(user="s1"), "messages": has(metadata={"user_id": "s1"})}),
        "metadata": ({"metadata": {"a": "b"}}, {"chat": dropped("metadata"), "messages": dropped("metadata"), "gemini": dropped("metadata")}),
        "verbosity": ({"text": {"verbosity": "low"}}, {"messages": dropped("text.verbosity"), "gemini": dropped("text.verbosity")}),
    },
}


def gemini(candidate=None, **more):
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": "Z\u00fcrich is big."}]}, "finishReason": "STOP", "index": 0,
                            **(candidate or {})}], "usageMetadata": GEMINI["usageMetadata"], **more}


def chat(message=None, **choice):
    value = completion("Z\u00fcrich")
    value["choices"][0]["message"].update(message or {})
    value["choices"][0].update(choice)
    return value


def finished(why, text=None, refusal=...):
    def look(v):
        c = v["choices"][0]
        return c["finish_reason"] == why and (text is None or (c["message"]["content"] or "") == text) and \
            (refusal is ... or c["message"]["refusal"] == refusal)
    return look


def stopped(why, explained=None, text=None):
    def look(v):
        return v["stop_reason"] == why and (explained is None or v["stop_details"]["explanation"] == explained) and \
            (text is None or "".join(b["text"] for b in v["content"]) == text)
    return look


def incomplete(why, refusal=None):
    def look(v):
        parts = [p for item in v["output"] if item["type"] == "message" for p in item["content"]]
        return v["status"] == "incomplete" and v["incomplete_details"] == {"reason": why} and \
            [p["refusal"] for p in parts if p["type"] == "refusal"] == ([refusal] if refusal else [])
    return look


def ended(why, message=None):
    return lambda v: v["candidates"][0]["finishReason"] == why and v["candidates"][0].get("finishMessage") == message


def cited(start, end):
    note = {"url": "https://z.test", "title": "Z", "start_index": start, "end_index": end}
    return {"chat": lambda v: v["choices"][0]["message"]["annotations"] == [{"type": "url_citation", "url_citation": note}],
            "responses": lambda v: v["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **note}]}


ANSWERS = {  # upstream: what it says: what each face gets
    "messages": {
        "refusal": ({**MESSAGE, "content": [{"type": "text", "text": "I"}], "stop_reason": "refusal",
                     "stop_details": {"type": "refusal", "category": "cyber", "explanation": "Not this."}},
                    {"chat": finished("content_filter", "I", "Not this."), "responses": incomplete("content_filter", "Not this."),
                     "gemini": ended("SAFETY", "Not this.")}),
        "refusal without a word": ({**MESSAGE, "content": [], "stop_reason": "refusal"},
                                   {"chat": finished("content_filter", "", "The model refused to answer."),
                                    "responses": incomplete("content_filter", "The model refused to answer."),
                                    "gemini": ended("SAFETY", "The model refused to answer.")}),
        "citations": ({**MESSAGE, "content": [{"type": "text", "text": "Z\u00fcrich "}, {"type": "text", "text": "is big", "citations": [
            {"type": "web_search_result_location", "url": "https://z.test", "title": "Z", "cited_text": "big", "encrypted_index": "e"}]}]},
            cited(7, 13)),
        "tier": ({**MESSAGE, "usage": {"input_tokens": 9, "output_tokens": 3, "service_tier": "priority"}},
                 {"chat": lambda v: v["service_tier"] == "priority", "responses": lambda v: v["service_tier"] == "priority"}),
        "no room left": ({**MESSAGE, "stop_reason": "model_context_window_exceeded"},
                         {"chat": finished("length"), "responses": incomplete("max_output_tokens"), "gemini": ended("MAX_TOKENS")}),
    },
    "gemini": {
        "blocked prompt": ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}},
                           {"chat": finished("content_filter", "", None), "messages": stopped("refusal", text=""),
                            "responses": incomplete("content_filter")}),
        "safety": (gemini({"finishReason": "SAFETY", "content": {"role": "model", "parts": []}}),
                   {"chat": finished("content_filter", "", None), "messages": stopped("refusal"), "responses": incomplete("content_filter")}),
        "recitation": (gemini({"finishReason": "RECITATION"}), {"chat": finished("content_filter", "Z\u00fcrich is big."),
                                                                "messages": stopped("refusal", text="Z\u00fcrich is big.")}),
        "grounding": (gemini({"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://z.test", "title": "Z"}}], "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 7, "text": "Z\u00fcrich"}, "groundingChunkIndices": [0]}]}}), cited(0, 6)),
    },
    "chat": {
        "refusal": (chat({"content": None, "refusal": "I can't."}), {
            "messages": stopped("refusal", "I can't.", "I can't."), "gemini": ended("STOP"),
            "responses": lambda v: v["output"][0]["content"] == [{"type": "refusal", "refusal": "I can't."}]}),
        "filter": (chat({"content": ""}, finish_reason="content_filter"), {
            "messages": stopped("refusal", text=""), "gemini": lambda v: v["candidates"][0]["finishReason"] == "SAFETY",
            "responses": incomplete("content_filter")}),
        "citations": (chat({"annotations": [{"type": "url_citation", "url_citation": {
            "url": "https://z.test", "title": "Z", "start_index": 0, "end_index": 6}}]}), {"responses": cited(0, 6)["responses"],
            "messages": lambda v: "citations" not in v["content"][0]}),
        "tier": ({**chat(), "service_tier": "flex"}, {"responses": lambda v: v["service_tier"] == "flex",
                                                      "gemini": lambda v: v["usageMetadata"]["serviceTier"] == "flex"}),
    },
}


@pytest.fixture(scope="module")
def pairs():
    from conftest import Makers
    makers = Makers()
    out = {}
    for up, (kind, model, answer) in UPS.items():
        u = makers.upstream()
        u.answer = json_answer(answer)
        out[up] = (u, makers.gateway({"providers": {"p": {"kind": kind, "base_url": u.url, "keys": ["k-of-the-gateway"]}},
                                      "models": {"m": f"p/{model}"}}))
    yield out
    makers.end()


def holds(look, *of):
    try:
        return look(*of)
    except (KeyError, IndexError, TypeError):
        return False


def test_requests(pairs):
    wrong, n = [], 0
    for face, cases in REQUESTS.items():
        for name, (more, wanted) in cases.items():
            for up, look in wanted.items():
                n += 1
                u, g = pairs[up]
                u.answer = json_answer(UPS[up][2])
                before = len(u.requests)
                answer = fetch(g.address, "POST", PATHS[face], json.dumps({**BODIES[face], **more}).encode(), key=g.key)
                sent = json.loads(u.requests[-1].body) if len(u.requests) > before else None
                told = answer.get("x-sluice-dropped") or ""
                if answer.status != 200 or sent is None or not holds(look, sent, told):
                    wrong.append((face, up, name, answer.status, sent, told))
    print(f"{n} members between formats, {len(wrong)} not as decided")
    assert not wrong, "\n".join(map(str, wrong))


def test_answers(pairs):
    wrong, n = [], 0
    for up, cases in ANSWERS.items():
        u, g = pairs[up]
        for name, (said, wanted) in cases.items():
            u.answer = json_answer(said)
            for face, look in wanted.items():
                n += 1
                answer = fetch(g.address, "POST", PATHS[face], json.dumps(BODIES[face]).encode(), key=g.key)
                if answer.status != 200 or not holds(look, answer.json()):
                    wrong.append((up, face, name, answer.status, answer.body))
    print(f"{n} answers between formats, {len(wrong)} not as decided")
    assert not wrong, "\n".join(map(str, wrong))


# ---- tools that providers run ----

TOOLS = {
    "chat": [{"type": "web_search"}, {"type": "web_search_preview", "search_context_size": "low"}, {"type": "code_interpreter"}],
    "messages": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.test"]},
                 {"type": "web_fetch_20250910", "name": "web_fetch"}, {"type": "code_execution_20250825", "name": "code_execution"},
                 {"type": "bash_20250124", "name": "bash"}, {"type": "memory_20250818", "name": "memory"}],
    "gemini": [{"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}, {"googleMaps": {}},
               {"fileSearch": {"fileSearchStoreNames": ["a"]}}, {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}],
    "responses": [{"type": "web_search", "search_context_size": "high"}, {"type": "file_search", "vector_store_ids": ["v"]},
                  {"type": "code_interpreter", "container": {"type": "auto"}}, {"type": "image_generation"}, {"type": "local_shell"},
                  {"type": "mcp", "server_label": "x", "server_url": "https://x.test"}, {"type": "apply_patch"}],
}
FORCED = {"chat": {"tool_choice": "required"}, "responses": {"tool_choice": "required"}, "messages": {"tool_choice": {"type": "any"}},
          "gemini": {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}}
SETTINGS = ("search_context_size", "max_uses", "allowed_domains")


def test_no_tool_is_lost_in_silence(pairs):
    """A tool that its provider runs is passed, or it is named: in a refusal, or in what was left out; so are its settings, and a choice
    that forces it."""
    wrong, n = [], 0
    for face, tools in TOOLS.items():
        for up, (u, g) in pairs.items():
            for tool in tools if up != face else ():
                n += 1
                u.answer = json_answer(UPS[up][2])
                before = len(u.requests)
                body = {**BODIES[face], "tools": [tool], **FORCED[face]}
                answer = fetch(g.address, "POST", PATHS[face], json.dumps(body).encode(), key=g.key)
                sent = json.loads(u.requests[-1].body) if len(u.requests) > before else None
                told = answer.get("x-sluice-dropped") or ""
                if sent is None:
                    good = answer.status == 400 and b"tools[0]" in answer.body
                else:
                    good = bool(sent.get("tools")) or "tools[0]" in told
                    good = good and ("tool_choice" in sent or "toolConfig" in sent or "tool_choice" in told or "toolConfig" in told)
                    good = good and all(s in told or s in json.dumps(sent) or not sent.get("tools") for s in SETTINGS if s in tool)
                if not good:
                    wrong.append((face, up, tool, answer.status, sent, told))
    print(f"{n} tools of providers between formats, {len(wrong)} lost in silence")
    assert not wrong, "\n".join(map(str, wrong))
