"""Servers that are like OpenAI's, each with its own habits (src/sim/presets.c): whoever asks through the gateway gets the same answer
whole and streamed, in chat completions (bytes pass) and in Messages (translated), and what it cost is what the server counted."""

import json
import subprocess

import anthropic
import openai
import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import SLUICE
from lib.upstream import json_answer
from lib.wait import wait_for

PRESETS = ["vllm", "ollama", "llamacpp", "groq", "deepseek", "mistral", "xai", "together", "fireworks", "openrouter", "perplexity",
           "cohere", "qwen", "moonshot", "zhipu", "ark"]
BARE = {"vllm", "ollama", "cohere"}  # tell three totals: what was thought or cached is not told apart
FAULTS = {"400": 400, "401": 502, "404": 404, "429": 429, "500": (500, 502)}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class World:
    def __init__(self):
        self.makers = Makers()
        self.sim = self.makers.sim("--seed", "7")
        self.gateway = self.makers.gateway({
            "providers": {p: {"kind": p, "base_url": f"{self.sim.url}/as/{p}/v1", "keys": ["k-of-the-gateway"]} for p in PRESETS},
            "models": {p: f"{p}/sim-chat" for p in PRESETS} | {f"{p}-{f}": f"{p}/sim-fault-{f}" for p in PRESETS for f in FAULTS},
            "resilience": {"retry": {"attempts": 1}},
        })
        g = self.gateway
        self.chat = openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0, timeout=60)
        self.messages = anthropic.Anthropic(base_url=g.url, api_key=g.key.text, max_retries=0, timeout=60)

    def end(self):
        self.chat.close()
        self.messages.close()
        self.makers.end()


@pytest.fixture(scope="module")
def world():
    w = World()
    yield w
    w.end()


def settling(ask):
    """Back only when the exchange stands in the access log, so that the next test's is the next."""
    def asked(w, *args, **more):
        before = len(w.gateway.records())
        try:
            return ask(w, *args, **more)
        finally:
            wait_for(lambda: len(w.gateway.records()) > before, "the access record")
    return asked


@settling
def ask_chat(w, model, text, stream, tools=()):
    more = {"tools": [{"type": "function", "function": {"name": n, "parameters": SCHEMA}} for n in tools]} if tools else {}
    messages = [{"role": "user", "content": text}]
    if not stream:
        answer = w.chat.chat.completions.create(model=model, messages=messages, **more)
        m, u = answer.choices[0].message, answer.usage
        calls = [(c.function.name, c.function.arguments) for c in m.tool_calls or []]
        text = m.content if not isinstance(m.content, list) else "".join(p["text"] for p in m.content if p["type"] == "text")
        return {"text": text or "", "calls": calls, "finish": answer.choices[0].finish_reason, "usage": u}
    text, calls, finish, usage = "", [], None, None
    for part in w.chat.chat.completions.create(model=model, messages=messages, stream=True, stream_options={"include_usage": True}, **more):
        usage = part.usage or usage
        for choice in part.choices:
            content = choice.delta.content
            if isinstance(content, list):
                content = "".join(p["text"] for p in content if p["type"] == "text")
            text += content or ""
            for call in choice.delta.tool_calls or []:
                if call.id and (not calls or calls[-1][0] != call.id):
                    calls.append([call.id, call.function.name, ""])
                calls[-1][2] += call.function.arguments or ""
            finish = choice.finish_reason or finish
    return {"text": text, "calls": [(n, a) for _, n, a in calls], "finish": finish, "usage": usage}


@settling
def ask_messages(w, model, text, stream, tools=(), **more):
    if tools:
        more["tools"] = [{"name": n, "input_schema": SCHEMA} for n in tools]
    arguments = {"model": model, "max_tokens": 3000, "messages": [{"role": "user", "content": text}], **more}
    if stream:
        with w.messages.messages.stream(**arguments) as s:
            m = s.get_final_message()
    else:
        m = w.messages.messages.create(**arguments)
    return {"text": "".join(b.text for b in m.content if b.type == "text"),
            "thought": "".join(b.thinking for b in m.content if b.type == "thinking"),
            "calls": [(b.name, b.input) for b in m.content if b.type == "tool_use"], "finish": m.stop_reason, "usage": m.usage}


def check_books(w, preset):
    """The ledger's classes of the newest exchange against the server's own account of it."""
    ledger, account = w.gateway.records()[-1]["attempts"][-1]["usage"], w.sim.count()["served"][-1]
    inputs, outputs = ("input", "cache_read", "cache_write"), ("output", "reasoning")
    if preset in BARE:
        assert sum(ledger.get(n, 0) for n in inputs) == sum(account[n] for n in inputs), (ledger, account)
        assert sum(ledger.get(n, 0) for n in outputs) == sum(account[n] for n in outputs), (ledger, account)
    else:
        for name in inputs + outputs:
            assert ledger.get(name, 0) == account[name], (name, ledger, account)
    return ledger, account


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("preset", PRESETS)
def test_plain(world, preset, stream):
    answer = ask_chat(world, preset, "hello there", stream)
    _, account = check_books(world, preset)
    assert answer["text"].startswith("[simulated] the quick brown") and len(answer["text"].split()) == 32
    assert answer["finish"] == "stop"
    if answer["usage"] is not None:
        assert answer["usage"].prompt_tokens == account["prompt"]
    translated = ask_messages(world, preset, "hello there", stream)
    check_books(world, preset)
    assert translated["text"] == answer["text"] and translated["finish"] == "end_turn"
    assert (translated["usage"].input_tokens, translated["usage"].output_tokens) == (account["prompt"], account["completion"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("preset", PRESETS)
def test_calls(world, preset, stream):
    """Whole or in pieces, with an index or without, finished as calls or as "stop": two calls, each with its arguments."""
    order = 'call weather {"city": "Oslo", "n": 9007199254740993} and news {"city": "Rome"}'
    if preset == "perplexity":  # has no tools
        with pytest.raises(anthropic.BadRequestError, match="tools"):
            ask_messages(world, preset, order, stream, tools=("weather", "news"))
        return
    answer = ask_messages(world, preset, order, stream, tools=("weather", "news"))
    check_books(world, preset)
    assert answer["calls"] == [("weather", {"city": "Oslo", "n": 9007199254740993}), ("news", {"city": "Rome"})]
    assert answer["finish"] == "tool_use"
    passed = ask_chat(world, preset, order, stream, tools=("weather", "news"))
    assert [(n, json.loads(a)) for n, a in passed["calls"]] == answer["calls"]
    assert passed["calls"][0][1] == '{"city": "Oslo", "n": 9007199254740993}'  # never written anew


@pytest.mark.parametrize("preset", PRESETS)
def test_thinking(world, preset):
    answers = []
    for stream in (False, True):
        answers.append(ask_messages(world, preset, "think about it", stream, thinking={"type": "enabled", "budget_tokens": 1024}))
        check_books(world, preset)
    for answer in answers:
        thought = answer["thought"]
        if preset == "perplexity":  # it is in the text there, and stays what it is
            assert "<think>" in answer["text"] or thought
        else:
            assert thought and "<think>" not in answer["text"]
    assert answers[0]["text"] == answers[1]["text"] and answers[0]["thought"] == answers[1]["thought"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("preset", PRESETS)
def test_errors(world, preset, fault):
    """Seven shapes of error bodies; each client gets its own form, and the server's words where they are the caller's to know."""
    status = FAULTS[fault]
    for ask in (ask_chat, ask_messages):
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            ask(world, f"{preset}-{fault}", "hi", False)
        assert caught.value.status_code in (status if isinstance(status, tuple) else (status,)), caught.value.body
        body = caught.value.response.json()
        assert body["error"]["message"], body
        assert ask is ask_chat or body["type"] == "error", body


@pytest.mark.parametrize("preset", PRESETS)
def test_error_in_a_stream(world, preset):
    """An event behind what was shown: told as each client's format tells it, never as an end."""
    rule = json.dumps({"fault": "error-event", "arg": 8, "times": 1, "model": "sim-chat"}).encode()
    for ask in (ask_chat, ask_messages):
        assert fetch(world.sim.address, "POST", "/sim/rules", rule, [("content-type", "application/json")]).status == 200
        with pytest.raises((openai.APIError, anthropic.APIError)):
            ask(world, preset, "hello there", True)


def kinds():
    done = subprocess.run([SLUICE, "check", "--kinds", "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return {row["kind"]: row for row in json.loads(done.stdout)}


def test_check_lists_them():
    rows = kinds()
    shown = subprocess.run([SLUICE, "check", "--kinds"], capture_output=True, text=True, timeout=60).stdout.splitlines()
    table = {line.split()[0]: line.split() for line in shown[1:]}
    assert set(table) == set(rows) and set(PRESETS) | {"openai", "azure", "anthropic", "gemini", "vertex", "bedrock"} <= set(rows)
    for preset in PRESETS:
        row = rows[preset]
        assert row["format"] == "openai" and row["platform"] == preset and row["address"].startswith("http") and row["lacks"], row
        assert table[preset][-1] == row["address"] and table[preset][2] in (row["key"], "-"), table[preset]


WISHES = {  # of a client of Gemini's and of one of Responses: member there, member of chat completions, value
    "gemini": {"seed": "seed", "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty", "stopSequences": "stop",
               "responseLogprobs": "logprobs", "maxOutputTokens": "max_completion_tokens"},
    "responses": {"safety_identifier": "user", "prompt_cache_key": "prompt_cache_key", "service_tier": "service_tier",
                  "parallel_tool_calls": "parallel_tool_calls", "tool_choice": "tool_choice", "tools": "tools",
                  "text.verbosity": "verbosity", "max_output_tokens": "max_completion_tokens"},
}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {
    "seed": 5, "presencePenalty": 0.5, "frequencyPenalty": 0.5, "stopSequences": ["x"], "responseLogprobs": True, "logprobs": 2,
    "maxOutputTokens": 99}}
RESPONSES = {"input": "hi", "safety_identifier": "u", "prompt_cache_key": "k", "service_tier": "flex", "parallel_tool_calls": False, "max_output_tokens": 99,
             "tool_choice": "required", "text": {"verbosity": "low"}, "tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}]}


def test_what_they_lack_is_not_sent(make):
    """Every wish either stands in what the server gets, under the name that it has there, or is named in the answer."""
    up, rows = make.upstream(), kinds()
    g = make.gateway({"providers": {p: {"kind": p, "base_url": up.url, "keys": ["k-of-the-gateway"], "direct": True} for p in PRESETS},
                      "models": {p: f"{p}/some-model" for p in PRESETS}, "relay": {"on_unsupported": "drop"}})
    up.answer = json_answer({"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hello x there"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
    for preset in PRESETS:
        lacks, renamed = rows[preset]["lacks"], rows[preset]["renamed"]
        for face, path, body in (("gemini", f"/v1beta/models/{preset}:generateContent", GEMINI),
                                 ("responses", "/v1/responses", {"model": preset, **RESPONSES})):
            answer = fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)
            assert answer.status == 200, (preset, answer)
            sent, told = json.loads(up.last().body), answer.get("x-sluice-dropped") or ""
            assert not set(sent) & (set(lacks) | set(renamed)), (preset, sent)
            for member, name in WISHES[face].items():
                kept = name == "stop" and "x" not in answer.json()["candidates"][0]["content"]["parts"][0]["text"]  # looked for here
                if name in lacks or renamed.get(name, name) not in sent:
                    kept |= "tools" in lacks and name in ("tool_choice", "parallel_tool_calls")  # means nothing without them
                    assert member in told or kept, (preset, member, told, sent)
