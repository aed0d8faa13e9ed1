"""A provider that answers what the SDKs' features need: tools, structured output, choices, embeddings in both encodings."""

import base64
import json
import struct

from .upstream import (DONE, chat_answer, completion, data_event, delta, error_answer, json_answer, stream_answer, usage_event)

VECTOR = [0.5, -0.25, 1.5, 3.0]


def tool_call(arguments):
    return {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def embeddings(asked):
    n = len(asked["input"]) if isinstance(asked["input"], list) else 1
    packed = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    vector = packed if asked.get("encoding_format") == "base64" else VECTOR
    return json_answer({"object": "list", "model": asked["model"], "usage": {"prompt_tokens": n, "total_tokens": n},
                        "data": [{"object": "embedding", "index": i, "embedding": vector} for i in range(n)]})


def with_tools(asked):
    if asked["messages"][-1]["role"] == "tool":
        said = asked["messages"][-1]["content"]
        return json_answer(completion(f"It is {said}."))
    if not asked.get("stream"):
        message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [tool_call('{"city":"Oslo"}')]}
        return json_answer(completion(choices=[{"index": 0, "message": message, "logprobs": None,
                                                "finish_reason": "tool_calls"}]))
    def part(call, **more):
        return data_event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "upstream-model",
                           "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}, "finish_reason": None,
                                        **more}]})
    parts = [part({"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}})]
    parts += [part({"function": {"arguments": piece}}) for piece in ('{"ci', 'ty":"', 'Os', 'lo"}')]
    return stream_answer(*parts, delta(finish="tool_calls"), usage_event(20, 9), DONE)


def answer(seen):
    """Chosen by what was asked; models of the name "fail-STATUS" fail with it."""
    asked = json.loads(seen.body)
    model = asked["model"]
    if model.startswith("fail-"):
        status = int(model.split("-")[1])
        code, kind = {400: ("invalid_value", "invalid_request_error"), 404: ("not_found", "invalid_request_error"),
                      422: (None, "invalid_request_error"), 409: (None, "conflict"),
                      429: ("rate_limit_exceeded", "rate_limit_error")}.get(status, (None, "server_error"))
        return error_answer(status, code, kind, headers=[("x-request-id", "req_failed")])
    if seen.path.endswith("/embeddings"):
        return embeddings(asked)
    if seen.path.endswith("/chat/completions"):
        if asked.get("tools"):
            return with_tools(asked)
        if (asked.get("response_format") or {}).get("type") == "json_schema":
            return json_answer(completion('{"city":"Oslo","degrees":-3}'))
        return chat_answer(seen)
    choice = {"text": "Hello there.", "index": 0, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": model}
    if asked.get("stream"):
        events = [data_event({**body, "choices": [{**choice, "text": t, "finish_reason": None}]}) for t in ("Hel", "lo")]
        usage = data_event({**body, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
        asked_usage = (asked.get("stream_options") or {}).get("include_usage")
        return stream_answer(*events, data_event({**body, "choices": [{**choice, "text": ""}]}),
                             *([usage] if asked_usage else []), DONE)
    return json_answer({**body, "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}})
