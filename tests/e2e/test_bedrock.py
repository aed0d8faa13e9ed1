"""Amazon Bedrock: the paths, bodies and credentials that go there; frames of Claude and of Converse as the events that clients know."""

import base64
import http.client
import json
import struct
import threading
import zlib

import anthropic
import openai
import pytest

from lib.client import fetch
from lib.wait import wait_for
from lib.upstream import Answer, chunk, error_answer, head_bytes, json_answer

MODEL = "us.anthropic.claude-opus-4-6-v1:0"
PATH = "/model/us.anthropic.claude-opus-4-6-v1%3A0/invoke"
STREAM_PATH = PATH + "-with-response-stream"
FRAMES = (("content-type", "application/vnd.amazon.eventstream"), ("transfer-encoding", "chunked"))
MESSAGE = {"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6",
           "content": [{"type": "text", "text": "Hello there."}], "stop_reason": "end_turn", "stop_sequence": None,
           "usage": {"input_tokens": 9, "output_tokens": 3}}
EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " th\u00e9re."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 3}},
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 3}},
]


def frame(headers, payload):
    h = b"".join(struct.pack(">B", len(n)) + n.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode()
                 for n, v in headers.items())
    out = struct.pack(">II", len(h) + len(payload) + 16, len(h))
    out += struct.pack(">I", zlib.crc32(out)) + h + payload
    return out + struct.pack(">I", zlib.crc32(out))


def event_frame(event):
    inner = base64.b64encode(json.dumps(event).encode()).decode()
    return frame({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
                 json.dumps({"bytes": inner, "p": "abcdefgh"}).encode())


def exception_frame(name, message):
    return frame({":exception-type": name, ":content-type": "application/json", ":message-type": "exception"},
                 json.dumps({"message": message}).encode())


def frames_answer(data, slices=0):
    """Sent in chunks of so many bytes each; 0: as one."""
    step = slices or len(data) or 1
    parts = [chunk(data[i:i + step]) for i in range(0, len(data), step)]
    return Answer(head_bytes(200, [*FRAMES, ("x-amzn-requestid", "aws-1")]), *parts, b"0\r\n\r\n")


def sse(events):
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


WHOLE = b"".join(event_frame(e) for e in EVENTS)


@pytest.fixture
def bedrock(make):
    up = make.upstream()
    g = make.gateway({
        "providers": {"aws": {"kind": "bedrock", "base_url": up.url.removesuffix("/v1"), "keys": ["bedrock-api-key-abc"]}},
        "models": {"m": "aws/" + MODEL},
        "resilience": {"retry": {"attempts": 1}},
    })
    g.up = up
    return g


def ask(g, stream, **more):
    body = {"model": "m", "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": "hi"}], **more}
    return fetch(g.address, "POST", "/v1/messages", json.dumps(body).encode(),
                 [("content-type", "application/json"), ("anthropic-beta", "some-beta-of-the-client")], key=g.key.text)


def test_messages_plain(bedrock):
    bedrock.up.answer = json_answer(MESSAGE)
    answer = ask(bedrock, False)
    assert answer.status == 200, answer
    assert json.loads(answer.body) == MESSAGE
    seen = bedrock.up.last()
    assert seen.target == PATH
    assert seen.get("authorization") == "Bearer bedrock-api-key-abc"
    assert seen.get("anthropic-beta") is None and seen.get("anthropic-version") is None
    assert seen.json() == {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99,
                           "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize("slices", [0, 1, 13, 150])
def test_messages_streamed(bedrock, slices):
    bedrock.up.answer = frames_answer(WHOLE, slices)
    answer = ask(bedrock, True)
    assert answer.status == 200, answer
    assert answer.get("content-type") == "text/event-stream; charset=utf-8"
    assert answer.body == sse(EVENTS)
    seen = bedrock.up.last()
    assert seen.target == STREAM_PATH
    assert "stream" not in seen.json() and "model" not in seen.json()


@pytest.mark.parametrize("stream", [False, True])
def test_openai_sdk(bedrock, stream):
    bedrock.up.answer = frames_answer(WHOLE, 50) if stream else json_answer(MESSAGE)
    with openai.OpenAI(base_url=bedrock.url + "/v1", api_key=bedrock.key.text, max_retries=0, timeout=30) as c:
        messages = [{"role": "user", "content": "hi"}]
        if stream:
            parts = list(c.chat.completions.create(model="m", messages=messages, stream=True,
                                                   stream_options={"include_usage": True}))
            assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices) == "Hello th\u00e9re."
            assert [p.choices[0].finish_reason for p in parts if p.choices and p.choices[0].finish_reason] == ["stop"]
            usage = parts[-1].usage
        else:
            got = c.chat.completions.create(model="m", messages=messages)
            assert got.choices[0].message.content == "Hello there."
            usage = got.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (9, 3)
    seen = bedrock.up.last()
    assert seen.target == (STREAM_PATH if stream else PATH)
    assert seen.json()["anthropic_version"] == "bedrock-2023-05-31"
    assert "model" not in seen.json() and "stream" not in seen.json()


def test_anthropic_sdk(bedrock):
    bedrock.up.answer = frames_answer(WHOLE)
    with anthropic.Anthropic(base_url=bedrock.url, api_key=bedrock.key.text, max_retries=0, timeout=30) as c:
        with c.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as s:
            got = s.get_final_message()
    assert got.content[0].text == "Hello th\u00e9re." and got.usage.output_tokens == 3


def test_throttled_in_the_first_frame(bedrock):
    """Nothing was shown yet: a refusal like any other."""
    bedrock.up.answer = frames_answer(exception_frame("throttlingException", "Too many tokens, please wait"))
    answer = ask(bedrock, True)
    assert answer.status == 429, answer
    assert json.loads(answer.body)["error"]["type"] == "rate_limit_error"


def behind_the_shown(g, shown, data):
    """What the client gets behind `shown`, when the provider sends `data` after that was seen."""
    seen = threading.Event()
    g.up.answer = Answer(head_bytes(200, FRAMES), chunk(b"".join(map(event_frame, shown))), seen, chunk(data), b"0\r\n\r\n")
    c = http.client.HTTPConnection(*g.address, timeout=60)
    try:
        body = {"model": "m", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        c.request("POST", "/v1/messages", json.dumps(body),
                  {"content-type": "application/json", "authorization": "Bearer " + g.key.text})
        answer = c.getresponse()
        assert answer.status == 200
        assert answer.read(len(sse(shown))) == sse(shown)
        seen.set()
        return answer.read()
    finally:
        seen.set()
        c.close()


def test_exception_in_the_middle(bedrock):
    rest = behind_the_shown(bedrock, EVENTS[:3], exception_frame("modelStreamErrorException", "gone"))
    assert rest == b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"gone"}}\n\n'


@pytest.mark.parametrize("what", ["cut", "checksum"])
def test_broken_frames(bedrock, what):
    """An error, and never the end of a message."""
    last = event_frame(EVENTS[-1])
    last = last[:-1] if what == "cut" else last[:-1] + bytes([last[-1] ^ 1])
    rest = behind_the_shown(bedrock, EVENTS[:-1], last)
    assert rest.startswith(b"event: error\n") and b"message_stop" not in rest


def test_errors_are_told_in_the_clients_form(bedrock):
    bedrock.up.answer = json_answer({"message": "messages: roles must alternate"}, 400,
                                    headers=[("x-amzn-errortype", "ValidationException:http://internal.amazon.com/x/")])
    answer = ask(bedrock, False)
    assert answer.status == 400, answer
    told = json.loads(answer.body)
    assert told["type"] == "error" and told["error"]["type"] == "invalid_request_error"
    assert "roles must alternate" in told["error"]["message"]


def test_betas_go_into_the_body(bedrock):
    bedrock.up.answer = json_answer(MESSAGE)
    answer = fetch(bedrock.address, "POST", "/v1/messages",
                   json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
                               "context_management": {"edits": []}, "service_tier": "auto"}).encode(),
                   [("content-type", "application/json"), ("anthropic-beta", "claude-code-20250219, context-management-2025-06-27"),
                    ("anthropic-beta", "interleaved-thinking-2025-05-14")], key=bedrock.key.text)
    assert answer.status == 200, answer
    seen = bedrock.up.last().json()
    assert seen["anthropic_beta"] == ["context-management-2025-06-27", "interleaved-thinking-2025-05-14"]
    assert "context_management" in seen and "service_tier" not in seen
    assert answer.get("x-sluice-dropped") == "anthropic-beta:claude-code-20250219, service_tier"


# ---- signatures ----

PAIR = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def signing(make, base, **pair):
    g = make.gateway({
        "providers": {"aws": {"kind": "bedrock", "base_url": base, "region": "us-east-1", "aws": {**PAIR, **pair}}},
        "models": {"m": "aws/" + MODEL},
        "resilience": {"retry": {"attempts": 1}},
    })
    return g


@pytest.mark.parametrize("stream", [False, True])
def test_signed(make, stream):
    """What goes out is what AWS' own library signs, and the simulator checks it: the colon in the path is where others fail."""
    sim = make.sim("--key", f"{PAIR['access_key_id']}:{PAIR['secret_access_key']}")
    g = signing(make, sim.url)
    answer = ask(g, stream)
    assert answer.status == 200, answer
    assert b"[simulated]" in answer.body
    assert sim.count()["served"][-1]["complete"]


def test_signed_as_botocore_signs(make):
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    up = make.upstream()
    g = signing(make, up.url.removesuffix("/v1"), session_token="token-of-today")
    up.answer = json_answer(MESSAGE)
    assert ask(g, False).status == 200
    seen = up.last()
    assert seen.get("x-amz-security-token") == "token-of-today"
    names = seen.get("authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert names == ["accept", "content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
    signer = auth.SigV4Auth(Credentials(PAIR["access_key_id"], PAIR["secret_access_key"], "token-of-today"), "bedrock", "us-east-1")
    request = AWSRequest("POST", up.url.removesuffix("/v1") + seen.target, data=seen.body,
                         headers={n: seen.get(n) for n in names})
    request.context["timestamp"] = seen.get("x-amz-date")
    canonical = signer.canonical_request(request)
    assert signer.signature(signer.string_to_sign(request, canonical), request) == seen.get("authorization").split("Signature=")[1]


def test_wrong_secret(make):
    sim = make.sim("--key", f"{PAIR['access_key_id']}:{PAIR['secret_access_key']}")
    g = signing(make, sim.url, secret_access_key="wrong-secret-of-the-gateway")
    answer = ask(g, False)
    assert answer.status in (502, 503), answer  # the gateway's own trouble, not the client's key
    assert b"wrong-secret" not in answer.body
    wait_for(lambda: g.records(), "the access record")
    attempt = g.records()[-1]["attempts"][-1]
    assert attempt["outcome"] == "bad_credentials", attempt
    assert "wrong-secret" not in json.dumps(g.records()) and PAIR["access_key_id"] not in json.dumps(g.records())


@pytest.mark.parametrize("name,message", [
    ("InvalidSignatureException", "Signature expired: 20261120T120000Z is now earlier than 20261120T121500Z (20261120T122000Z - 5 min.)"),
    ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    ("ExpiredTokenException", "The security token included in the request is expired"),
    ("", "Signature not yet current: 20261120T130000Z is still later than 20261120T120500Z (20261120T120000Z + 5 min.)")])
def test_clocks_and_tokens(make, name, message):
    """A clock that is wrong and keys that have ended are trouble of the gateway's account: never told as the client's."""
    up = make.upstream()
    g = signing(make, up.url.removesuffix("/v1"))
    up.answer = json_answer({"message": message}, 403,
                            headers=[("x-amzn-errortype", name + ":http://internal.amazon.com/x/")] if name else [])
    answer = ask(g, False)
    assert answer.status in (502, 503), answer
    wait_for(lambda: g.records(), "the access record")
    assert g.records()[-1]["attempts"][-1]["outcome"] == "bad_credentials"


def count(g, model="m"):
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello " * 50}]}).encode()
    return fetch(g.address, "POST", "/v1/messages/count_tokens", body, [("content-type", "application/json")], key=g.key.text)


def test_tokens_are_counted_there(bedrock):
    """The body of an InvokeModel in base64; the model itself, without its geography."""
    bedrock.up.answer = json_answer({"inputTokens": 4711})
    answer = count(bedrock)
    assert answer.status == 200 and json.loads(answer.body) == {"input_tokens": 4711}, answer
    seen = bedrock.up.last()
    assert seen.target == "/model/anthropic.claude-opus-4-6-v1%3A0/count-tokens"
    inner = json.loads(base64.b64decode(seen.json()["input"]["invokeModel"]["body"]))
    assert inner == {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1, "messages": [{"role": "user", "content": "hello " * 50}]}


@pytest.mark.parametrize("answer", [error_answer(500), json_answer({"message": "The provided model doesn't support counting tokens."}, 400),
                                    json_answer({"message": "not authorized to perform: bedrock:CountTokens"}, 403),
                                    json_answer({"other": 1})])
def test_tokens_are_counted_here(bedrock, answer):
    """Where Bedrock cannot, or will not."""
    bedrock.up.answer = answer
    answer = count(bedrock)
    assert answer.status == 200, answer
    assert 40 < json.loads(answer.body)["input_tokens"] < 400


def test_tokens_are_counted_by_the_simulator(make):
    sim = make.sim("--key", f"{PAIR['access_key_id']}:{PAIR['secret_access_key']}")
    g = signing(make, sim.url)
    answer = count(g)
    assert answer.status == 200, answer
    assert json.loads(answer.body) == {"input_tokens": 3 + 300 // 4}


# ---- Converse ----

NOVA = "us.amazon.nova-lite-v1:0"
CONVERSE = "/model/us.amazon.nova-lite-v1%3A0/converse"
TOLD = {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0}
CONVERSE_EVENTS = [
    ("messageStart", {"role": "assistant", "p": "abc"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " th\u00e9re."}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "f"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"x": 1.0'}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "}"}}}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": TOLD, "metrics": {"latencyMs": 3}}),
]
CONVERSE_ANSWER = {"output": {"message": {"role": "assistant", "content": [
    {"text": "Hello th\u00e9re."}, {"toolUse": {"toolUseId": "tooluse_1", "name": "f", "input": {"x": 1.0}}}]}},
    "stopReason": "tool_use", "usage": TOLD, "metrics": {"latencyMs": 3}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


def converse_frame(event):
    return frame({":event-type": event[0], ":content-type": "application/json", ":message-type": "event"}, json.dumps(event[1]).encode())


def converse_frames(events=None):
    return b"".join(map(converse_frame, CONVERSE_EVENTS if events is None else events))


@pytest.fixture
def nova(make):
    up = make.upstream()
    g = make.gateway({
        "providers": {"aws": {"kind": "bedrock", "base_url": up.url.removesuffix("/v1"), "keys": ["bedrock-api-key-abc"]}},
        "models": {"m": "aws/" + NOVA},
        "resilience": {"retry": {"attempts": 1}},
    })
    g.up = up
    return g


def chat(g, stream):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": TOOLS, "stream": stream,
            **({"stream_options": {"include_usage": True}} if stream else {})}
    return fetch(g.address, "POST", "/v1/chat/completions", json.dumps(body).encode(), [("content-type", "application/json")],
                 key=g.key.text)


def assembled(body):
    """Text, arguments, finish and usage of a stream of chat completions; None where it did not end as one ends."""
    text, arguments, finish, usage, done = "", "", None, None, False
    for line in body.decode().split("\n"):
        if line == "data: [DONE]":
            done = True
        elif line.startswith("data: "):
            event = json.loads(line[6:])
            usage = event.get("usage") or usage
            for choice in event.get("choices", []):
                text += choice["delta"].get("content") or ""
                for call in choice["delta"].get("tool_calls") or []:
                    arguments += call["function"].get("arguments") or ""
                finish = choice["finish_reason"] or finish
    return (text, arguments, finish, usage["prompt_tokens"], usage["completion_tokens"]) if done else None


RIGHT = ("Hello th\u00e9re.", '{"x": 1.0}', "tool_calls", 13, 3)


def test_converse_plain(nova):
    nova.up.answer = json_answer(CONVERSE_ANSWER)
    answer = chat(nova, False)
    assert answer.status == 200, answer
    told = json.loads(answer.body)
    message = told["choices"][0]["message"]
    assert (message["content"], message["tool_calls"][0]["function"]["arguments"], told["choices"][0]["finish_reason"],
            told["usage"]["prompt_tokens"], told["usage"]["completion_tokens"]) == RIGHT
    seen = nova.up.last()
    assert seen.target == CONVERSE and seen.get("authorization") == "Bearer bedrock-api-key-abc"
    assert seen.json() == {"messages": [{"role": "user", "content": [{"text": "hi"}]}],
                           "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": TOOLS[0]["function"]["parameters"]}}}]}}


@pytest.mark.parametrize("slices", [0, 1, 13, 150])
def test_converse_streamed(nova, slices):
    nova.up.answer = frames_answer(converse_frames(), slices)
    answer = chat(nova, True)
    assert answer.status == 200, answer
    assert assembled(answer.body) == RIGHT
    assert nova.up.last().target == CONVERSE + "-stream"
    wait_for(lambda: nova.records(), "the access record")
    usage = nova.records()[-1]["attempts"][-1]["usage"]
    assert (usage["input"], usage["cache_read"], usage["output"]) == (9, 4, 3)


def test_converse_cut_anywhere(nova):
    """A part of the frames is never an answer: not cut between frames, not within one."""
    whole = converse_frames()
    ends = [len(converse_frames(CONVERSE_EVENTS[:i])) for i in range(len(CONVERSE_EVENTS) - 1)]
    for cut in sorted({*ends, *(e + d for e in ends for d in (1, 11, 13, 40)), len(whole) - 1}):
        nova.up.answer = frames_answer(whole[:cut])
        answer = chat(nova, True)
        assert answer.status != 200 or assembled(answer.body) is None, (cut, answer)


def test_converse_damaged(nova):
    """One bit anywhere in a frame: both checksums see it."""
    whole, at = bytearray(converse_frames()), len(converse_frames(CONVERSE_EVENTS[:5]))
    for place in (at, at + 4, at + 9, at + 14, at + 60, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        nova.up.answer = frames_answer(bytes(damaged))
        answer = chat(nova, True)
        assert answer.status != 200 or (assembled(answer.body) is None and b'"error"' in answer.body), (place, answer)


@pytest.mark.parametrize("name,status", [("throttlingException", 429), ("validationException", 400), ("serviceUnavailableException", 503),
                                         ("internalServerException", 502), ("modelStreamErrorException", 502)])
def test_converse_exception_first(nova, name, status):
    """Behind a 200, before anything was shown: a refusal like any other."""
    nova.up.answer = frames_answer(converse_frames(CONVERSE_EVENTS[:1]) + exception_frame(name, "told by AWS"))
    answer = chat(nova, True)
    assert answer.status == status, answer
    assert b"[DONE]" not in answer.body


def test_converse_exception_in_the_middle(nova):
    seen = threading.Event()
    nova.up.answer = Answer(head_bytes(200, FRAMES), chunk(converse_frames(CONVERSE_EVENTS[:3])), seen,
                            chunk(exception_frame("modelStreamErrorException", "gone")), b"0\r\n\r\n")
    c = http.client.HTTPConnection(*nova.address, timeout=60)
    try:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        c.request("POST", "/v1/chat/completions", json.dumps(body),
                  {"content-type": "application/json", "authorization": "Bearer " + nova.key.text})
        answer = c.getresponse()
        assert answer.status == 200
        got = b""
        while b"Hello" not in got:
            got += answer.read1()
        seen.set()
        got += answer.read()
    finally:
        seen.set()
        c.close()
    assert b'"error"' in got and b"[DONE]" not in got
    wait_for(lambda: nova.records(), "the access record")
    assert nova.records()[-1]["attempts"][-1]["outcome"] == "stream_error"


def test_converse_errors(nova):
    nova.up.answer = json_answer({"message": "The text field is blank."}, 400,
                                 headers=[("x-amzn-errortype", "ValidationException:http://internal.amazon.com/x/")])
    answer = chat(nova, False)
    assert answer.status == 400 and "The text field is blank." in json.loads(answer.body)["error"]["message"], answer
    nova.up.answer = json_answer({"message": "Too many requests"}, 429, headers=[("x-amzn-errortype", "ThrottlingException")])
    assert chat(nova, False).status == 429
