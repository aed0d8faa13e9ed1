"""What a client and the ledger are told when a provider reports no usage, or not the whole of it: counted here, and marked."""

import json

import pytest

from lib.client import fetch
from lib.upstream import DONE, Answer, chat_events, chunk, completion, data_event, delta, head_bytes, json_answer, stream_answer
from test_translation import MESSAGE, claude_events, event

HI = [{"role": "user", "content": "hello there, what is the weather like today?"}]
WORDS = [f" word{i}" for i in range(40)]
FACES = {
    "chat": ("/v1/chat/completions", {"model": "m", "messages": HI, "stream_options": {"include_usage": True}},
             lambda v: v["usage"], ("prompt_tokens", "completion_tokens")),
    "responses": ("/v1/responses", {"model": "m", "input": HI}, lambda v: v.get("response", v)["usage"], ("input_tokens", "output_tokens")),
    "messages": ("/v1/messages", {"model": "m", "max_tokens": 999, "messages": HI}, lambda v: v["usage"], ("input_tokens", "output_tokens")),
    "gemini": ("/v1beta/models/m:METHOD", {"contents": [{"role": "user", "parts": [{"text": HI[0]["content"]}]}]},
               lambda v: v["usageMetadata"], ("promptTokenCount", "candidatesTokenCount")),
}


def pair(make, kind, model, **settings):
    up = make.upstream()
    return up, make.gateway({"providers": {"p": {"kind": kind, "base_url": up.url, "keys": ["k-of-the-gateway"]}},
                             "models": {"m": f"p/{model}"}, "resilience": {"rescue": "error"}, **settings})


def ask(g, face, stream, **more):
    path, body, read, names = FACES[face]
    body = {**body, **more}
    if face == "gemini":
        path = path.replace("METHOD", "streamGenerateContent?alt=sse" if stream else "generateContent")
    elif stream:
        body["stream"] = True
    else:
        body = {k: v for k, v in body.items() if k != "stream_options"}
    answer = fetch(g.address, "POST", path, json.dumps(body).encode(), key=g.key)
    assert answer.status == 200, answer
    if not stream:
        return answer, read(answer.json())
    found = None
    for line in answer.body.split(b"\n"):
        if line.startswith(b"data: {"):
            value = json.loads(line[6:])
            try:
                usage = read(value)
            except (KeyError, TypeError, AttributeError):
                continue
            found = usage or found
    return answer, found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("face", ["responses", "messages", "gemini"])
def test_a_chat_server_reports_nothing(make, face, stream):
    up, g = pair(make, "openai-compatible", "llama-3")
    text = "".join(WORDS)
    whole = {k: v for k, v in completion(text).items() if k != "usage"}
    up.answer = stream_answer(*chat_events(WORDS, usage=False), DONE) if stream else json_answer(whole)
    answer, usage = ask(g, face, stream)
    given, told = (usage[n] for n in FACES[face][3])
    assert usage["estimated"] is True
    assert 5 <= given <= 60 and 40 <= told <= 160, usage
    r = g.record(answer.id)
    assert r["usage"] == {"input": given, "output": told} and r["estimated"] and not r.get("reported"), r
    if not stream:
        assert answer.get("x-sluice-usage") == "estimated"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_claude_reports_nothing(make, stream):
    up, g = pair(make, "anthropic", "claude-opus-4-6")
    bare = {k: v for k, v in MESSAGE.items() if k != "usage"}
    events = [event("message_start", message={**bare, "content": [], "stop_reason": None}),
              event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
              *[event("content_block_delta", index=0, delta={"type": "text_delta", "text": w}) for w in WORDS],
              event("content_block_stop", index=0), event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}),
              event("message_stop")]
    up.answer = stream_answer(*events) if stream else json_answer({**bare, "content": [{"type": "text", "text": "".join(WORDS)}]})
    answer, usage = ask(g, "chat", stream)
    assert usage["estimated"] is True and 40 <= usage["completion_tokens"] <= 160, usage
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert g.record(answer.id)["estimated"]


@pytest.mark.parametrize("face", FACES)
def test_what_is_reported_is_not_marked(make, face):
    up, g = pair(make, "openai-compatible", "llama-3")
    for stream in (False, True):
        answer, usage = ask(g, face, stream)
        assert "estimated" not in usage and usage[FACES[face][3][1]] == 3, usage
        assert answer.get("x-sluice-usage") is None
        r = g.record(answer.id)
        assert r["reported"] and not r.get("estimated")


def test_same_format_says_it_in_a_header(make):
    """The provider's bytes pass unchanged; the record and a header say that the counts are ours."""
    up, g = pair(make, "openai-compatible", "llama-3")
    whole = {k: v for k, v in completion("".join(WORDS)).items() if k != "usage"}
    up.answer = json_answer(whole)
    answer = fetch(g.address, "POST", "/v1/chat/completions", json.dumps({"model": "m", "messages": HI}).encode(), key=g.key)
    assert answer.json() == whole and answer.get("x-sluice-usage") == "estimated"
    r = g.record(answer.id)
    assert r["estimated"] and 40 <= r["usage"]["output"] <= 160


@pytest.mark.parametrize("face", ["chat", "messages", "gemini", "responses"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_broken_off_stream(make, face, how):
    """Claude says in its first event that it has made one token; forty words later somebody leaves. Forty are booked."""
    up, g = pair(make, "anthropic", "claude-opus-4-6", resilience={"rescue": "error", "retry": {"attempts": 1}})
    events = b"".join(claude_events(WORDS, end=False))
    body = head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]) + chunk(events)
    up.answer = Answer(body, "rst" if how == "cut" else "hang")
    path, ask_body, _, _ = FACES[face]
    if face == "gemini":
        path = path.replace("METHOD", "streamGenerateContent?alt=sse")
    else:
        ask_body = {**ask_body, "stream": True}
    if how == "cut":
        answer = fetch(g.address, "POST", path, json.dumps(ask_body).encode(), key=g.key)
        assert b"word39" in answer.body and b"rror" in answer.body
    else:
        from lib.client import Conn, request_bytes
        with Conn(g.address) as c:
            c.send(request_bytes("POST", path, json.dumps(ask_body).encode(), key=g.key))
            c.until(b"word39")
    r = g.wait_records(1)[0]
    assert r["usage"]["input"] == 9 and 40 <= r["usage"]["output"] <= 160, r["usage"]
    assert r["estimated"] and r["partial"] and r["reported"], r


def test_a_report_behind_the_output_is_believed(make):
    """Cut behind the end of the output: their count, not ours."""
    up, g = pair(make, "anthropic", "claude-opus-4-6", resilience={"rescue": "error", "retry": {"attempts": 1}})
    events = b"".join(claude_events(WORDS)[:-1])  # message_delta was there, message_stop was not
    up.answer = Answer(head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]) + chunk(events), "rst")
    fetch(g.address, "POST", "/v1/chat/completions", json.dumps({"model": "m", "stream": True, "messages": HI}).encode(), key=g.key)
    r = g.wait_records(1)[0]
    assert r["usage"]["output"] == 3, r["usage"]


def test_sdks_read_the_marker(make):
    """The vendors' own libraries do not choke on it."""
    up, g = pair(make, "openai-compatible", "llama-3")
    up.answer = json_answer({k: v for k, v in completion().items() if k != "usage"})
    import anthropic
    import openai
    from google import genai
    a = anthropic.Anthropic(base_url=g.url, api_key=g.key.text).messages.create(model="m", max_tokens=99, messages=HI)
    assert a.usage.output_tokens > 0
    r = openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text).responses.create(model="m", input="hi")
    assert r.usage.output_tokens > 0
    c = genai.Client(api_key=g.key.text, http_options={"base_url": g.url})
    assert c.models.generate_content(model="m", contents="hi").usage_metadata.candidates_token_count > 0


def test_the_last_report_counts(make):
    """Usage in every chunk, growing: never a sum."""
    up, g = pair(make, "openai-compatible", "llama-3")
    chunks = [delta("a", usage={"prompt_tokens": 9, "completion_tokens": i, "total_tokens": 9 + i}) for i in range(1, 6)]
    up.answer = stream_answer(*chunks, delta(finish="stop", usage={"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}), DONE)
    for face in FACES:
        answer, usage = ask(g, face, True)
        assert usage[FACES[face][3][1]] == 6, (face, usage)
        assert g.record(answer.id)["usage"] == {"input": 9, "output": 6}
    assert data_event
