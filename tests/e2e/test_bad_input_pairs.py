"""Bad input between two formats: each face in front of each other format. Either an error in the caller's own form that names the place,
and nothing is sent; or the repair that is decided for it. And the other way: providers that break their formats."""

import json

import pytest

from lib.client import fetch
from lib.upstream import body_answer, completion, json_answer, stream_answer
from test_translation import MESSAGE

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HI = {"role": "user", "content": "hi"}
FN = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
TOOL = [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
FLAT = [{"type": "function", "name": "f", "parameters": {}}]
DECLARED = [{"functionDeclarations": [{"name": "f"}]}]
UP = {"role": "user", "parts": [{"text": "hi"}]}
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}}
UPS = {"chat": ("openai-compatible", "llama-3", completion()), "messages": ("anthropic", "claude-opus-4-6", MESSAGE),
       "gemini": ("gemini", "gemini-2.5-flash", GEMINI)}


def call(arguments="{}", id="c1"):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}}]}


def picture(url):
    return {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": url}}]}


def chat(*messages, **more):
    return {"model": "m", "messages": list(messages), **more}


def msgs(*messages, **more):
    return {"model": "m", "max_tokens": 99, "messages": list(messages), **more}


def image(**source):
    return {"role": "user", "content": [{"type": "image", "source": source}]}


def used(input):
    return {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": input}]}


def result(id="t1"):
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "7"}]}


def gem(*contents, **more):
    return {"contents": list(contents), **more}


def part(**p):
    return {"role": "user", "parts": [p]}


def rsp(*items, **more):
    return {"model": "m", "input": list(items), **more}


# What is expected: a place (then 400), or what the provider is sent instead. By upstream where it differs.
CASES = {
    "chat": ("/v1/chat/completions", {
        "unknown part": (chat({"role": "user", "content": [{"type": "hologram", "x": 1}]}), "messages[0].content[0]"),
        "unknown role": (chat({"role": "robot", "content": "hi"}), "messages[0].role"),
        "result without its call": (chat(HI, {"role": "tool", "tool_call_id": "nope", "content": "7"}),
                                    {"messages": "messages[1]", "gemini": ["Tool result (nope):"]}),
        "call without its result": (chat(HI, call(), HI, tools=[FN]), {"messages": "messages[1]", "gemini": ["no result provided"]}),
        "two system prompts": (chat({"role": "system", "content": "first"}, {"role": "system", "content": "second"}, HI),
                               ['"text":"first"},{', '"text":"second"']),
        "a late system prompt": (chat(HI, {"role": "assistant", "content": "x"}, {"role": "system", "content": "late"}, HI),
                                 {"messages": ["<system>late</system>"], "gemini": ['"systemInstruction":{"parts":[{"text":"late"}]}']}),
        "empty content": (chat({"role": "user", "content": ""}, HI), ["hi"]),
        "nothing but empty": (chat({"role": "user", "content": ""}), {"messages": ['"text":"."'], "gemini": ['"text":" "']}),
        "no messages": (chat(), "messages"),
        "content is a number": (chat({"role": "user", "content": 7}), "messages[0].content"),
        "content is null": (chat({"role": "user", "content": None}), "messages[0].content"),
        "invalid base64": (chat(picture("data:image/png;base64,@@@@")), "messages[0].content[1]"),
        "a broken data URL": (chat(picture("data:image/png;base64")), "messages[0].content[1].image_url.url"),
        "another type than said": (chat(picture("data:image/jpeg;base64," + PNG)),
                                   {"messages": ['"media_type":"image/png"'], "gemini": [PNG]}),
        "arguments are no JSON": (chat(HI, call('{"a":'), {"role": "tool", "tool_call_id": "c1", "content": "7"}, tools=[FN]),
                                  {"messages": ['"_raw"'], "gemini": "messages[1].tool_calls[0]"}),
        "a schema elsewhere": (chat(HI, tools=[{"type": "function", "function": {"name": "f", "parameters": {
            "type": "object", "properties": {"a": {"$ref": "https://x.test/y"}}}}}]), {"gemini": "tools[0]", "messages": ["$ref"]}),
        "a recursive schema": (chat(HI, response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {
            "$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}}}}),
            {"messages": ["json_response"], "gemini": ["responseJsonSchema"]}),
        "parameters are a list": (chat(HI, tools=[{"type": "function", "function": {"name": "f", "parameters": [1]}}]),
                                  "tools[0].function.parameters"),
        "a tool without a name": (chat(HI, tools=[{"type": "function", "function": {}}]), "tools[0].function.name"),
        "an unknown tool": (chat(HI, tools=[{"type": "teleport"}]), "tools[0]"),
        "logprobs": (chat(HI, logprobs=True), "logprobs"),
        "temperature is a text": (chat(HI, temperature="hot"), "temperature"),
        "n is 0": (chat(HI, n=0), "n"),
        "max_tokens is negative": (chat(HI, max_tokens=-1), "max_tokens"),
        "an answer that was begun": (chat(HI, {"role": "assistant", "content": "Once"}), {"messages": "messages[1]", "gemini": ["Once"]}),
    }),
    "messages": ("/v1/messages", {
        "unknown block": (msgs({"role": "user", "content": [{"type": "hologram"}]}), "messages[0].content[0]"),
        "unknown role": (msgs({"role": "robot", "content": "hi"}), "messages[0].role"),
        "result without its call": (msgs(HI, {"role": "assistant", "content": "x"}, result("nope")),
                                    {"chat": "messages[2].content[0]", "gemini": ["Tool result (nope):"]}),
        "call without its result": (msgs(HI, used({}), HI, tools=TOOL), {"chat": ['"tool_calls"'], "gemini": ["no result provided"]}),
        "two system prompts": (msgs(HI, system=[{"type": "text", "text": "first"}, {"type": "text", "text": "second"}]),
                               {"chat": ["first\\n\\nsecond"], "gemini": ['{"text":"first"},{"text":"second"}']}),
        "empty content": (msgs({"role": "user", "content": ""}, HI), ["hi"]),
        "nothing but empty": (msgs({"role": "user", "content": ""}), {"chat": "messages", "gemini": ['"text":" "']}),
        "no messages": (msgs(), {"chat": "messages", "gemini": ['"text":" "']}),
        "content is a number": (msgs({"role": "user", "content": 7}), "messages[0].content"),
        "invalid base64": (msgs(image(type="base64", media_type="image/png", data="@@@@")), "messages[0].content[0]"),
        "another type than said": (msgs(image(type="base64", media_type="image/jpeg", data=PNG)),
                                   {"chat": ["data:image/png;base64," + PNG], "gemini": [PNG]}),
        "an unknown source": (msgs(image(type="carrier pigeon")), "messages[0].content[0].source.type"),
        "input is a list": (msgs(HI, used([1]), result(), tools=TOOL), "messages[1].content[0].input"),
        "a tool without a name": (msgs(HI, tools=[{"input_schema": {}}]), "tools[0].name"),
        "max_tokens is lacking": ({"model": "m", "messages": [HI]}, "max_tokens"),
        "max_tokens is 0": ({"model": "m", "max_tokens": 0, "messages": [HI]}, "max_tokens"),
        "temperature is a text": (msgs(HI, temperature="hot"), "temperature"),
        "a container": (msgs(HI, container="c1"), "container"),
        "MCP servers": (msgs(HI, mcp_servers=[{"type": "url", "url": "https://x.test", "name": "x"}]), "mcp_servers"),
        "an answer that was begun": (msgs(HI, {"role": "assistant", "content": "Once"}), {"chat": "messages[1]", "gemini": ["Once"]}),
    }),
    "gemini": ("/v1beta/models/m:generateContent", {
        "unknown part": (gem(part(hologram={"x": 1})), "contents[0].parts[0]"),
        "two kinds in a part": (gem(part(text="a", inlineData={"mimeType": "image/png", "data": PNG})), "contents[0].parts[0]"),
        "unknown role": (gem({"role": "robot", "parts": [{"text": "hi"}]}), "contents[0].role"),
        "result without its call": (gem(UP, part(functionResponse={"name": "f", "response": {"a": 1}})), ["Tool result (f):"]),
        "call without its result": (gem(UP, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}, UP, tools=DECLARED),
                                    {"messages": "contents[1]", "chat": ['"tool_calls"']}),
        "empty parts": (gem({"role": "user", "parts": []}, UP), ["hi"]),
        "no contents": (gem(), "contents"),
        "text is a number": (gem(part(text=7)), "contents[0].parts[0].text"),
        "invalid base64": (gem(part(inlineData={"mimeType": "image/png", "data": "@@@@"})), "contents[0].parts[0].inlineData.data"),
        "args are a list": (gem(UP, {"role": "model", "parts": [{"functionCall": {"name": "f", "args": [1]}}]}),
                            "contents[1].parts[0].functionCall.args"),
        "cached content": (gem(UP, cachedContent="cachedContents/1"), "cachedContent"),
        "temperature is a text": (gem(UP, generationConfig={"temperature": "hot"}), "generationConfig.temperature"),
    }),
    "responses": ("/v1/responses", {
        "unknown part": (rsp({"role": "user", "content": [{"type": "hologram"}]}), "input[0].content[0]"),
        "unknown role": (rsp({"role": "robot", "content": "hi"}), "input[0].role"),
        "result without its call": (rsp(HI, {"type": "function_call_output", "call_id": "nope", "output": "7"}),
                                    {"chat": "input[1]", "messages": "input[1]", "gemini": ["Tool result (nope):"]}),
        "nothing but an unknown item": (rsp({"type": "hologram"}), {"chat": "input", "messages": ['"text":"."'], "gemini": "input[0]"}),
        "no input": ({"model": "m"}, "input"),
        "empty input": (rsp(), {"chat": "input", "messages": ['"text":"."'], "gemini": ['"text":" "']}),
        "an empty text": ({"model": "m", "input": ""}, {"chat": "input", "messages": ['"text":"."'], "gemini": ['"text":" "']}),
        "input is a number": ({"model": "m", "input": 7}, "input"),
        "invalid base64": (rsp({"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,@@@@"}]}),
                           "input[0].content[0]"),
        "instructions and a system prompt": (rsp({"role": "system", "content": "second"}, HI, instructions="first"),
                                             {"chat": ["first\\n\\nsecond"], "messages": ['{"type":"text","text":"second"}'],
                                              "gemini": ['{"text":"first"},{"text":"second"}']}),
        "arguments are no JSON": (rsp(HI, {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":'},
                                      {"type": "function_call_output", "call_id": "c1", "output": "7"}, tools=FLAT),
                                  {"chat": ['{\\"a\\":'], "messages": ['"_raw"'], "gemini": "input[1]"}),
        "a conversation kept elsewhere": (rsp(HI, conversation="conv_1"), "conversation"),
    }),
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
                                      "models": {"m": f"p/{model}"}, "media": {"fetch": False},
                                      "resilience": {"retry": {"attempts": 1}}}))
    yield out
    makers.end()


def own_form(face, answer, place):
    """An error as that face's own: its shape, its type, the place in it."""
    error = answer.json()["error"]
    named = place in error["message"] or error.get("param") == place
    if face == "messages":
        return named and answer.json()["type"] == "error" and error["type"] == "invalid_request_error"
    if face == "gemini":
        return named and error["code"] == 400 and error["status"] == "INVALID_ARGUMENT"
    return named and error["type"] == "invalid_request_error" and set(error) == {"message", "type", "param", "code"}


def test_requests(pairs):
    wrong, n = [], 0
    for face, (path, cases) in CASES.items():
        for up, (u, g) in pairs.items():
            if up == face:
                continue  # the bytes pass: their provider judges them
            for name, (body, wanted) in cases.items():
                n += 1
                want = wanted[up] if isinstance(wanted, dict) else wanted
                before = len(u.requests)
                answer = fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)
                sent = u.requests[-1].body.decode() if len(u.requests) > before else None
                if isinstance(want, str):
                    good = answer.status == 400 and sent is None and own_form(face, answer, want)
                else:
                    good = answer.status == 200 and sent is not None and all(w in sent for w in want)
                if not good:
                    wrong.append((face, up, name, want, answer.status, answer.body[:200], sent and sent[:300]))
    print(f"{n} bad requests between two formats, {len(wrong)} not as decided")
    assert not wrong, "\n".join(map(str, wrong))


BROKEN = [b"", b"{", b"[]", b"null", b'"text"', b"7", b"<html>no</html>", b"\xff\xfe", b'{"candidates":7}', b'{"choices":{}}',
          b'{"choices":[7]}', b'{"type":"message","content":7}', b'{"candidates":[{"content":7}]}', b'{"candidates":[7]}', b"{}"]
BROKEN_EVENTS = [b"data: {\n\n", b"data: null\n\n", b"data: [1]\n\n", b"data: \xff\n\n", b'data: {"choices":7}\n\n', b'data: {"candidates":7}\n\n',
                 b'event: content_block_delta\ndata: {"type":"content_block_delta","index":"x"}\n\n']
FACE = {"chat": ("/v1/chat/completions", chat(HI)), "messages": ("/v1/messages", msgs(HI)),
        "gemini": ("/v1beta/models/m:METHOD", gem(UP)), "responses": ("/v1/responses", rsp(HI))}


def test_answers(pairs):
    """An upstream that breaks its format: its own fault, told in the caller's form; never a success."""
    wrong, n = [], 0
    for up, (u, g) in pairs.items():
        for face, (path, body) in FACE.items():
            if face == up:
                continue
            for stream, answers in ((False, [body_answer(b) for b in BROKEN]), (True, [stream_answer(e) for e in BROKEN_EVENTS])):
                for i, broken in enumerate(answers):
                    n += 1
                    u.answer = broken
                    asked = {**body, "stream": True} if stream and face != "gemini" else body
                    answer = fetch(g.address, "POST", path.replace("METHOD", "streamGenerateContent?alt=sse" if stream else "generateContent"),
                                   json.dumps(asked).encode(), key=g.key)
                    r = g.record(answer.id)
                    outcome = r["attempts"][-1]["outcome"]
                    told = answer.status >= 500 or b"rror" in answer.body
                    if not told or outcome == "ok" or (answer.status >= 500 and "error" not in answer.json()):
                        wrong.append((up, face, stream, BROKEN_EVENTS[i] if stream else BROKEN[i], answer.status, outcome, answer.body[:200]))
        u.answer = json_answer(UPS[up][2])
    print(f"{n} broken answers, {len(wrong)} not told")
    assert not wrong, "\n".join(map(str, wrong))
