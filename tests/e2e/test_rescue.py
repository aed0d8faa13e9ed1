"""A stream that breaks behind its first words goes on at another target, whatever formats the client and the two providers speak. The
vendors' SDKs judge: one answer, one text, one end, usage of both. And where nobody can go on, an error of the SDK's own, never an
answer that looks whole."""

import itertools
import json

import anthropic
import openai
import pytest
from google.genai import errors as genai_errors

from conftest import Makers
from lib import sdk_python
from lib.client import fetch
from lib.upstream import Answer, data_event, head_bytes, stream_answer

ERRORS = (openai.APIError, anthropic.APIError, genai_errors.APIError)
FIRST, SECOND = ("Once upon", " a time there"), (" was", " a fox.")
WHOLE = "Once upon a time there was a fox."
USED = (20, 5)  # told by the second


def named(kind, **data):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def chat(words, end):
    frame = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1764000000, "model": "up"}

    def piece(delta, finish=None):
        return data_event({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    out = [piece({"role": "assistant", "content": ""})] + [piece({"content": w}) for w in words]
    if end:
        usage = {"prompt_tokens": USED[0], "completion_tokens": USED[1], "total_tokens": sum(USED)}
        out += [piece({}, "stop"), data_event({**frame, "choices": [], "usage": usage}), b"data: [DONE]\n\n"]
    return out


def messages(words, end):
    message = {"id": "msg_up", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": USED[0], "output_tokens": 1}}
    out = [named("message_start", message=message), named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
           named("ping")]
    out += [named("content_block_delta", index=0, delta={"type": "text_delta", "text": w}) for w in words]
    if end:
        out += [named("content_block_stop", index=0), named("message_stop")]
        out.insert(-1, named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": USED[1]}))
    return out


def responses(words, end):
    number = itertools.count()
    item = {"id": "msg_0123456789", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    whole = {"id": "resp_0123456789abcdef", "object": "response", "created_at": 1764000000, "status": "in_progress", "model": "up",
             "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None, "incomplete_details": None,
             "instructions": None, "metadata": {}, "temperature": 1.0, "top_p": 1.0}
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}

    def event(kind, **data):
        return named(kind, sequence_number=next(number), **data)
    out = [event("response.created", response=whole), event("response.in_progress", response=whole),
           event("response.output_item.added", output_index=0, item=item), event("response.content_part.added", **at, part=part)]
    out += [event("response.output_text.delta", **at, delta=w, logprobs=[]) for w in words]
    if end:
        part = {**part, "text": "".join(words)}
        item = {**item, "status": "completed", "content": [part]}
        usage = {"input_tokens": USED[0], "output_tokens": USED[1], "total_tokens": sum(USED),
                 "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        out += [event("response.output_text.done", **at, text=part["text"], logprobs=[]), event("response.content_part.done", **at, part=part),
                event("response.output_item.done", output_index=0, item=item),
                event("response.completed", response={**whole, "status": "completed", "output": [item], "usage": usage})]
    return out


def gemini(words, end):
    def piece(text, **more):
        content = {"parts": [{"text": text}], "role": "model"}
        return b"data: " + json.dumps({"candidates": [{"content": content, "index": 0, **more}], "modelVersion": "up",
                                       "responseId": "up0"}).encode() + b"\r\n\r\n"
    out = [piece(w) for w in words]
    if end:
        usage = {"promptTokenCount": USED[0], "candidatesTokenCount": USED[1], "totalTokenCount": sum(USED)}
        last = json.loads(piece("", finishReason="STOP")[6:])
        out.append(b"data: " + json.dumps({**last, "usageMetadata": usage}).encode() + b"\r\n\r\n")
    return out


SCRIPTS = {"chat": (chat, "openai-compatible", "up", ""), "messages": (messages, "anthropic", "claude-haiku-4-5", ""),
           "responses": (responses, "openai", "up", ""), "gemini": (gemini, "gemini", "gemini-2.5-flash", "")}
FACES = ("chat", "responses", "messages", "gemini")
OTHERS = {"chat": "messages", "responses": "gemini", "messages": "chat", "gemini": "responses"}  # the second target speaks another format


def script_of(name, words, *how, end=False):
    """How a provider of that kind speaks; it answers in the format that it is asked in."""
    def answer(seen):
        script = chat if seen.path.endswith("/chat/completions") else responses if seen.path.endswith("/responses") else SCRIPTS[name][0]
        return stream_answer(*script(words, end), *how, end=end)
    return answer


@pytest.fixture(scope="module")
def g():
    makers = Makers()
    ups = {f"{which}-{name}": makers.upstream() for which in ("a", "b") for name in SCRIPTS}
    providers = {n: {"kind": SCRIPTS[n[2:]][1], "base_url": up.url.replace("/v1", "/v1beta") if n.endswith("gemini") else up.url,
                     "keys": ["k-of-the-gateway"]} for n, up in ups.items()}
    models = {f"{a}+{b}": {"targets": [f"a-{a}/{SCRIPTS[a][2]}", f"b-{b}/{SCRIPTS[b][2]}"]} for a in SCRIPTS for b in SCRIPTS}
    routes = {f"{policy}-{face}": {"rescue": policy, "rules": [{"use": [f"a-{face}/{SCRIPTS[face][2]}", f"b-{other}/{SCRIPTS[other][2]}"]}]}
              for policy in ("error", "restart", "hold") for face, other in OTHERS.items()}
    models.update({name: {"route": name} for name in routes})
    gateway = makers.gateway({"providers": providers, "models": models, "routes": routes,
                              "resilience": {"deadline": {"between_tokens": "1s", "first_token": "20s", "thinking": "20s"}}})
    gateway.ups = ups
    yield gateway
    makers.end()


def ask(g, face, model):
    made = sdk_python.FACES[face](g.url, g.key.text)
    try:
        return made.ask({"model": model, "text": "tell me a story", "stream": True})
    finally:
        made.close()


@pytest.mark.parametrize("first", SCRIPTS)
@pytest.mark.parametrize("second", SCRIPTS)
@pytest.mark.parametrize("face", FACES)
def test_another_goes_on(g, face, first, second):
    up, other = g.ups["a-" + first], g.ups["b-" + second]
    up.reset()
    other.reset()
    up.answer = script_of(first, FIRST, 0.2, "rst")
    other.answer = script_of(second, SECOND, end=True)
    answer = ask(g, face, f"{first}+{second}")
    assert answer["text"] == WHOLE, answer
    assert answer["finish"] in ("stop", "end_turn", "completed", "STOP", None), answer
    assert len(up.requests) == 1 and len(other.requests) == 1
    assert "Once upon a time there" in other.last().body.decode() and "tell me a story" in other.last().body.decode()
    operation = {"chat": "chat", "gemini": "generate_content"}.get(face, face)
    record = g.record(where=lambda r: r["model"] == f"{first}+{second}" and r["operation"] == operation)
    assert [a["outcome"] for a in record["attempts"]][-1] == "ok" and len(record["attempts"]) == 2
    told = [sum(a["usage"].get(n, 0) for a in record["attempts"]) for n in ("input", "output")]
    assert [answer["in"], answer["out"]] == told, (answer, record)


@pytest.fixture(scope="module")
def simulated():
    """Two simulators, all formats of each: the models of both say the same, whole or from where they are told to go on."""
    makers = Makers()
    sims = {which: makers.sim("--seed", "7") for which in ("a", "b")}
    providers = {f"{which}-{n}": {"kind": SCRIPTS[n][1], "base_url": sim.url + ("/v1beta" if n == "gemini" else "/v1"), "keys": ["k"]}
                 for which, sim in sims.items() for n in SCRIPTS}
    models = {f"{a}+{b}": {"targets": [f"a-{a}/{MODELS[a]}", f"b-{b}/{MODELS[b]}"]} for a in SCRIPTS for b in SCRIPTS}
    gateway = makers.gateway({"providers": providers, "models": models, "resilience": {"breaker": False}})
    gateway.sims = sims
    yield gateway
    makers.end()


MODELS = {"chat": "up", "messages": "claude-haiku-4-5", "responses": "gpt-4o", "gemini": "gemini-2.5-flash"}


@pytest.mark.parametrize("face", FACES)
def test_text_is_that_of_the_undisturbed(simulated, face):
    """Byte for byte, wherever it breaks off, in every pair of formats."""
    sim = simulated.sims["a"]
    made = sdk_python.FACES[face](simulated.url, simulated.key.text)
    text = "ECHO: H\u00f6rt, ihr Leut', \u65e5\u672c\u8a9e  and two blanks; the rest of a story that is long enough"
    try:
        for asked in ("tell me a story", text):
            for first, second in itertools.product(SCRIPTS, SCRIPTS):
                spec = {"model": f"{first}+{second}", "text": asked, "stream": True}
                sim.rules()
                whole = made.ask(spec)
                sim.rules({"fault": "reset", "arg": 11})
                answer = made.ask(spec)
                assert answer["text"] == whole["text"], (first, second, answer)
                assert answer["finish"] == whole["finish"], (first, second, answer)
                assert simulated.sims["b"].count()["served"][-1]["status"] == 200
    finally:
        made.close()
        sim.rules()


@pytest.mark.parametrize("policy", ["error", "restart", "hold"])
@pytest.mark.parametrize("face", FACES)
def test_by_policy(g, face, policy):
    """What the other policies promise, in front of each face; `continue` is what all other tests are about."""
    up, other = g.ups["a-" + face], g.ups["b-" + OTHERS[face]]
    up.reset()
    other.reset()
    up.answer = script_of(face, FIRST, 0.2, "rst")
    whole = ("A fox", " it was.")
    other.answer = script_of(OTHERS[face], whole, end=True)
    if policy == "hold":  # what breaks while it is held was never there: a reset of the first target is tried again there
        up.queue(up.answer, script_of(face, whole, end=True))
    if policy == "error":
        if face == "responses":  # the SDK leaves response.failed to its caller
            assert ask(g, face, f"error-{face}")["error"]["code"]
        else:
            with pytest.raises(ERRORS):
                ask(g, face, f"error-{face}")
        assert not other.requests
        record = g.record(where=lambda r: r["model"] == f"error-{face}")
        assert [a["outcome"] for a in record["attempts"]] == ["reset"] and record["ended"] != "client"
        return
    answer = ask(g, face, f"{policy}-{face}")
    assert answer["text"] == ("".join(FIRST) if policy == "restart" else "") + "".join(whole), answer
    record = g.record(where=lambda r: r["model"] == f"{policy}-{face}")
    assert [a["outcome"] for a in record["attempts"]] == ["reset", "ok"]
    told = [sum(a["usage"].get(n, 0) for a in record["attempts"][policy == "hold":]) for n in ("input", "output")]
    assert [answer["in"], answer["out"]] == told, (answer, record)
    if policy == "restart":
        assert "Once upon" not in other.last().body.decode()


BREAKS = {"closed": (0.2, "fin"), "silent": ("hang",), "says so": None, "within an event": (0.2, b"data: {\"half\":", "fin")}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("face", FACES)
def test_however_it_breaks(g, face, how):
    """In the client's own format: what the provider said is passed on as it is until it breaks."""
    errors = {"chat": data_event({"error": {"message": "busy", "type": "server_error", "code": "server_is_overloaded"}}),
              "messages": named("error", error={"type": "overloaded_error", "message": "Overloaded"}),
              "responses": named("error", sequence_number=9, code="server_error", message="busy", param=None),
              "gemini": b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}\r\n\r\n'}
    up, other = g.ups["a-" + face], g.ups["b-" + face]
    up.reset()
    other.reset()
    up.answer = script_of(face, FIRST, *(BREAKS[how] or (0.2, errors[face])))
    other.answer = script_of(face, SECOND, end=True)
    answer = ask(g, face, f"{face}+{face}")
    assert answer["text"] == WHOLE, answer


@pytest.mark.parametrize("face", FACES)
def test_nobody_goes_on(g, face):
    """The SDK raises, or the stream ends without its end: never a whole answer."""
    up, other = g.ups["a-" + face], g.ups["b-" + face]
    up.reset()
    other.reset()
    up.answer = script_of(face, FIRST, 0.2, "rst")
    other.answer = Answer(head_bytes(503, [("content-type", "application/json"), ("content-length", "2")]) + b"{}")
    path, body = {"chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
                  "responses": ("/v1/responses", {"input": "x"}),
                  "messages": ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
                  "gemini": (f"/v1beta/models/{face}+{face}:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "x"}]}]})}[face]
    if face != "gemini":
        body = {**body, "model": f"{face}+{face}", "stream": True}
    answer = fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)
    assert answer.status == 200 and b"rror" in answer.body, answer
    for end in (b"[DONE]", b"message_stop", b"response.completed", b"finishReason"):
        assert end not in answer.body, answer


def test_calls_are_not_taken_up(g):
    """In the middle of a call's arguments nobody else can go on."""
    up, other = g.ups["a-chat"], g.ups["b-chat"]
    up.reset()
    other.reset()
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}}
    up.answer = stream_answer(*chat(FIRST, False), data_event({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [
        {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}), 0.2, "rst", end=False)
    body = {"model": "chat+chat", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), key=g.key)
    assert answer.status == 200 and b'"error"' in answer.body and b"[DONE]" not in answer.body
    assert not other.requests
