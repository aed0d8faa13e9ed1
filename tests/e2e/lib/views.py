"""What an answer says, told by the official SDK of its format: the same few facts for each of the four formats, so that an answer
and its translation can be laid side by side. The SDKs get the bytes from a transport that is not there; nothing of the gateway's is
used to read them.

A view is a dictionary: text, refusal, thought, calls [(id, name, raw arguments or None, value)], finish, usage, images, error.
`finish` is one of stop, stop_sequence, length, tool_calls, content_filter, pause, malformed, other, None; counts of usage are in
OpenAI's convention: prompt with what was cached, completion with reasoning.
"""

import json
import re
import threading

import anthropic
import httpx
import httpx2
import openai
from google import genai
from google.genai import types

_local = threading.local()


def _answer(module):
    def handle(_request):
        status, kind, body = _local.answer
        return module.Response(status, headers={"content-type": kind}, content=body)
    return module.MockTransport(handle)


def _clients():
    if not hasattr(_local, "openai"):
        _local.openai = openai.OpenAI(api_key="k", base_url="http://x/v1", max_retries=0,
                                      http_client=httpx2.Client(transport=_answer(httpx2)))
        _local.anthropic = anthropic.Anthropic(api_key="k", base_url="http://x", max_retries=0,
                                               http_client=httpx2.Client(transport=_answer(httpx2)))
        try:
            _local.google = genai.Client(api_key="k", http_options=types.HttpOptions(
                base_url="http://x", httpx_client=httpx2.Client(transport=_answer(httpx2))))
        except Exception:
            _local.google = genai.Client(api_key="k", http_options=types.HttpOptions(
                base_url="http://x", httpx_client=httpx.Client(transport=_answer(httpx))))
    return _local


def new_view():
    return {"text": "", "refusal": "", "thought": "", "calls": [], "finish": None, "usage": None, "images": 0, "error": None,
            "audio": None, "choices": 1, "done": False}


def _extra(thing, *names):
    """The first of these members that has something in it, known to the SDK or not."""
    for name in names:
        value = getattr(thing, name, None)
        if value:
            return value
    return None


def _count(thing, *names):
    value = thing
    for name in names:
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        if value is None:
            return 0
    return int(value)


def plain(text):
    """Without blanks: parts are joined with or without an empty line."""
    return "".join(text.split())


def value_of(raw):
    """Arguments as every client reads them: nothing is no arguments; None in the second place: not JSON."""
    if not raw or not raw.strip():
        return {}, True
    try:
        return json.loads(raw), True
    except ValueError:
        return None, False


# ---- chat completions ----

CHAT_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls",
               "content_filter": "content_filter"}


def _chat_usage(usage):
    if not usage:
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    out = {"prompt": prompt, "completion": completion, "total": _count(usage, "total_tokens"),
           "cached": _count(usage, "prompt_tokens_details", "cached_tokens") or _count(usage, "prompt_cache_hit_tokens") or
           _count(usage, "num_cached_tokens"),
           "cache_write": _count(usage, "prompt_tokens_details", "cache_write_tokens"),
           "reasoning": _count(usage, "completion_tokens_details", "reasoning_tokens") or _count(usage, "reasoning_tokens")}
    return out


def _chat_text(view, content):
    if isinstance(content, str):
        view["text"] += content
        return
    if isinstance(content, dict):  # Cloudflare: the JSON that was asked for, as a value
        view["text"] += json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return
    for part in content or []:  # Mistral: parts, some of which are thoughts
        part = part if isinstance(part, dict) else part.model_dump()
        if part.get("type") == "thinking":
            thinking = part.get("thinking") or []
            view["thought"] += thinking if isinstance(thinking, str) else "".join(t.get("text") or "" for t in thinking)
        else:
            view["text"] += part.get("text") or ""


def _finish_chat(view, raw):
    if raw:
        view["finish"] = CHAT_FINISH.get(raw, "other")
        view["word"] = raw


def _chat_thought(message):
    value = _extra(message, "reasoning_content", "reasoning")
    if isinstance(value, str):
        return value
    details = [d for d in getattr(message, "reasoning_details", None) or [] if isinstance(d, dict)]
    return "".join(d.get("text") or d.get("summary") or "" for d in details)


def chat_whole():
    view = new_view()
    answer = _local.openai.chat.completions.create(model="m", messages=[])
    error = getattr(answer, "error", None)
    if error or not answer.choices:
        view["error"] = error or "no choices"
        return view
    view["choices"] = len(answer.choices)
    choice = answer.choices[0]
    view["error"] = getattr(choice, "error", None)
    m = choice.message
    _chat_text(view, m.content)
    view["audio"] = (m.audio.transcript or "") if m.audio and m.audio.data else None
    view["refusal"] = m.refusal or ""
    view["thought"] += _chat_thought(m)
    for c in m.tool_calls or []:
        if c.type == "custom":
            view["calls"].append((c.id, c.custom.name, None, {"input": c.custom.input}))
        else:
            view["calls"].append((c.id, c.function.name, c.function.arguments, None))
    if m.function_call and m.function_call.name:
        view["calls"].append((None, m.function_call.name, m.function_call.arguments, None))
    _finish_chat(view, choice.finish_reason)
    view["images"] = len(getattr(m, "images", None) or [])
    view["usage"] = _chat_usage(answer.usage)
    view["done"] = True
    return view


def _call_key(call, index, calls):
    """Which call a piece belongs to: by index; without one, a new id begins a new call."""
    if call.index is not None:
        known = calls.get(call.index)
        if known is not None and call.id and known["id"] and call.id != known["id"]:
            return (call.index, call.id)
        for key in reversed(list(calls)):
            if key == call.index or (isinstance(key, tuple) and key[0] == call.index):
                return key
        return call.index
    if call.id:
        return "id:" + call.id
    return next(reversed(calls)) if calls and not (call.function and call.function.name) else index


def chat_stream():
    view = new_view()
    calls = {}
    for chunk in _local.openai.chat.completions.create(model="m", messages=[], stream=True):
        usage = chunk.usage or (getattr(chunk, "x_groq", None) or {}).get("usage")
        view["usage"] = _chat_usage(usage) or view["usage"]
        for choice in chunk.choices or []:
            if choice.index:
                view["choices"] = max(view["choices"], choice.index + 1)
                continue
            view["usage"] = view["usage"] or _chat_usage(getattr(choice, "usage", None))
            view["error"] = view["error"] or getattr(choice, "error", None)
            d = choice.delta
            if d is not None:
                _chat_text(view, d.content)
                view["refusal"] += d.refusal or ""
                view["thought"] += _chat_thought(d)
                view["images"] += len(getattr(d, "images", None) or [])
                audio = getattr(d, "audio", None)
                if audio:
                    audio = audio if isinstance(audio, dict) else audio.model_dump()
                    view["audio"] = (view["audio"] or "") + (audio.get("transcript") or "")
                for c in d.tool_calls or []:
                    key = _call_key(c, len(calls), calls)
                    at = calls.setdefault(key, {"id": None, "name": "", "raw": ""})
                    at["id"] = at["id"] or c.id
                    if c.function:
                        at["name"] = at["name"] or c.function.name or ""
                        at["raw"] += c.function.arguments or ""
                    custom = getattr(c, "custom", None)
                    if custom:
                        at["name"] = at["name"] or custom.get("name") or ""
                        at["custom"] = at.get("custom", "") + (custom.get("input") or "")
                if d.function_call:
                    at = calls.setdefault("legacy", {"id": None, "name": "", "raw": ""})
                    at["name"] += d.function_call.name or ""
                    at["raw"] += d.function_call.arguments or ""
            _finish_chat(view, choice.finish_reason)
    for c in calls.values():
        if "custom" in c:
            view["calls"].append((c["id"], c["name"], None, {"input": c["custom"]}))
        else:
            view["calls"].append((c["id"], c["name"], c["raw"], None))
    view["done"] = view["finish"] is not None or _local.answer[2].rstrip().endswith(b"[DONE]")
    return view


# ---- responses ----

def _response(view, r):
    texts, thoughts = [], []
    for item in r.output or []:
        if item.type == "message":
            for part in item.content or []:
                if part.type == "output_text":
                    texts.append(part.text)
                elif part.type == "refusal":
                    view["refusal"] += part.refusal
        elif item.type == "reasoning":
            thoughts += [s.text for s in item.summary or []] or [c.text for c in getattr(item, "content", None) or []]
        elif item.type == "function_call":
            view["calls"].append((item.call_id, item.name, item.arguments, None))
        elif item.type == "custom_tool_call":
            view["calls"].append((item.call_id, item.name, None, {"input": item.input}))
        elif item.type == "image_generation_call":
            view["images"] += 1
    view["text"], view["thought"] = "".join(texts), "".join(thoughts)
    reason = r.incomplete_details.reason if r.incomplete_details else None
    view["finish"] = {"completed": "stop", "incomplete": {"max_output_tokens": "length", "content_filter": "content_filter"}.get(
        reason, "other")}.get(r.status)
    u = r.usage
    if u:
        view["usage"] = {"prompt": u.input_tokens, "completion": u.output_tokens, "total": u.total_tokens,
                         "cached": _count(u, "input_tokens_details", "cached_tokens"),
                         "cache_write": _count(u, "input_tokens_details", "cache_write_tokens"),
                         "reasoning": _count(u, "output_tokens_details", "reasoning_tokens")}
    if r.status in ("failed", "cancelled") or r.error:
        view["error"] = str(r.error or r.status)
    view["done"] = view["finish"] is not None


def responses_whole():
    view = new_view()
    _response(view, _local.openai.responses.create(model="m", input=""))
    return view


def responses_stream():
    view = new_view()
    said = {"response.output_text.delta": "", "response.refusal.delta": "", "response.function_call_arguments.delta": ""}
    items, thought = [], ""
    for event in _local.openai.responses.create(model="m", input="", stream=True):
        if event.type == "response.created":
            view["answers"] = view.get("answers", 0) + 1
        if event.type == "response.output_item.done":
            items.append(event.item)
        if event.type == "response.reasoning_summary_text.delta":
            thought += event.delta
        if event.type in said:
            said[event.type] += event.delta
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            if not event.response.output:  # ChatGPT's own backend
                event.response.output = items
            _response(view, event.response)
        elif event.type == "error":
            view["error"] = getattr(event, "message", "error")
    # What came in pieces is what a stream's client has been told; some records have another end.
    arguments = said["response.function_call_arguments.delta"]
    view["two endings"] = bool(said["response.output_text.delta"] not in ("", view["text"]) or
                               (arguments and arguments != "".join(raw or "" for _, _, raw, _ in view["calls"])) or
                               (thought and plain(thought) != plain(view["thought"])))
    return view


# ---- messages ----

MESSAGES_FINISH = {"end_turn": "stop", "stop_sequence": "stop_sequence", "tool_use": "tool_calls", "max_tokens": "length",
                   "refusal": "content_filter", "pause_turn": "pause", "model_context_window_exceeded": "length",
                   "compaction": "stop"}


def _message(view, m, raw, iterations=None):
    for at, b in enumerate(m.content or []):
        if b.type == "text":
            view["text"] += b.text
        elif b.type == "thinking":
            view["thought"] += b.thinking
        elif b.type == "tool_use":
            view["calls"].append((b.id, b.name, raw.get(at), b.input))
    view["finish"] = MESSAGES_FINISH.get(m.stop_reason, "other") if m.stop_reason else None
    u = m.usage
    if u:
        cached, write = u.cache_read_input_tokens or 0, u.cache_creation_input_tokens or 0
        completion = u.output_tokens or 0
        thinking = _count(u, "output_tokens_details", "thinking_tokens")
        view["usage"] = {"prompt": (u.input_tokens or 0) + cached + write, "completion": completion, "cached": cached,
                         "cache_write": write, "reasoning": thinking}
        for i in iterations or getattr(u, "iterations", None) or []:
            i = i if isinstance(i, dict) else i.model_dump()
            if i.get("type") in ("compaction", "advisor_message"):  # billed beside the message
                more = {"cached": i.get("cache_read_input_tokens") or 0, "cache_write": i.get("cache_creation_input_tokens") or 0}
                view["usage"]["prompt"] += (i.get("input_tokens") or 0) + sum(more.values())
                view["usage"]["completion"] += i.get("output_tokens") or 0
                for name, n in more.items():
                    view["usage"][name] += n
    view["done"] = view["finish"] is not None


def messages_whole():
    view = new_view()
    m = _local.anthropic.messages.create(model="m", max_tokens=1, messages=[])
    if m.type == "error":
        view["error"] = "error"
        return view
    _message(view, m, {})
    return view


def messages_stream():
    view, raw, iterations = new_view(), {}, None
    with _local.anthropic.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                raw[event.index] = raw.get(event.index, "") + event.delta.partial_json
            elif event.type == "message_start":
                view["answers"] = view.get("answers", 0) + 1
            elif event.type == "message_delta":
                iterations = getattr(event.usage, "iterations", None) or iterations
        _message(view, stream.get_final_message(), raw, iterations)
    return view


# ---- generateContent ----

GEMINI_FINISH = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter",
                 "BLOCKLIST": "content_filter", "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter",
                 "IMAGE_SAFETY": "content_filter", "IMAGE_PROHIBITED_CONTENT": "content_filter",
                 "IMAGE_RECITATION": "content_filter", "MODEL_ARMOR": "content_filter", "JAILBREAK": "content_filter",
                 "MALFORMED_FUNCTION_CALL": "malformed", "MALFORMED_RESPONSE": "malformed"}


def _gemini(answers):
    view, usage, partial = new_view(), None, None
    for a in answers:
        feedback = a.prompt_feedback
        if feedback and (feedback.block_reason or feedback.block_reason_message):
            view["finish"] = "content_filter"
        view["choices"] = max([view["choices"], *[(c.index or 0) + 1 for c in a.candidates or []]])
        for candidate in [c for c in a.candidates or [] if not c.index][:1]:
            if candidate.finish_reason:
                view["word"] = candidate.finish_reason.value
                view["finish"] = GEMINI_FINISH.get(view["word"], "other")
            for p in (candidate.content.parts or []) if candidate.content else []:
                if p.function_call:
                    partial = _gemini_call(view, p.function_call, partial)
                elif p.thought:
                    view["thought"] += p.text or ""
                    continue
                elif p.executable_code:
                    language = p.executable_code.language
                    view["text"] += f"\n```{language.value.lower() if language else 'python'}\n{p.executable_code.code or ''}\n```\n"
                    view["fenced"] = True
                elif p.code_execution_result and p.code_execution_result.output:
                    view["text"] += f"\n```output\n{p.code_execution_result.output or ''}\n```\n"
                    view["fenced"] = True
                elif p.inline_data:
                    kind = p.inline_data.mime_type or ""
                    view["images"] += kind.startswith("image/")
                    view["audio"] = "" if kind.startswith("audio/") else view["audio"]
                view["text"] += p.text or ""
        u = a.usage_metadata
        if u:
            usage = usage or {}
            for name in ("prompt_token_count", "candidates_token_count", "thoughts_token_count", "cached_content_token_count",
                         "tool_use_prompt_token_count", "total_token_count"):
                value = getattr(u, name, None)
                if value is not None:
                    usage[name] = value
    if usage:
        get = usage.get
        prompt, thoughts = get("prompt_token_count", 0), get("thoughts_token_count", 0)
        completion = get("candidates_token_count", 0)
        total = get("total_token_count", 0)
        if not (thoughts and completion >= thoughts and prompt + completion + get("tool_use_prompt_token_count", 0) == total):
            completion += thoughts
        view["usage"] = {"prompt": prompt + get("tool_use_prompt_token_count", 0), "completion": completion, "total": total,
                         "cached": get("cached_content_token_count", 0), "cache_write": 0, "reasoning": thoughts}
    view["done"] = view["finish"] is not None
    return view


def _gemini_call(view, call, open_call):
    """The call that more pieces belong to, or None."""
    if call.name:
        view["calls"].append((call.id, call.name, None, call.args if call.args is not None else {}))
        open_call = view["calls"][-1][3]
    for piece in call.partial_args or []:
        value = next((v for v in (piece.string_value, piece.number_value, piece.bool_value) if v is not None), None)
        _set_path(open_call, piece.json_path, value)
    return open_call


def _set_path(at, path, value):
    """$.a.b[0] = value; texts come in pieces."""
    steps = [int(i) if i else name for name, i in re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", path)]
    for step, after in zip(steps, steps[1:] + [None]):
        if isinstance(step, int):
            at += [None] * (step + 1 - len(at))
        old = at[step] if isinstance(step, int) else at.get(step)
        if after is None:
            at[step] = old + value if isinstance(old, str) and isinstance(value, str) else value
        else:
            if old is None:
                at[step] = [] if isinstance(after, int) else {}
            at = at[step]


def gemini_whole():
    return _gemini([_local.google.models.generate_content(model="m", contents="x")])


def gemini_stream():
    return _gemini(list(_local.google.models.generate_content_stream(model="m", contents="x")))


READERS = {"chat": (chat_whole, chat_stream), "responses": (responses_whole, responses_stream),
           "messages": (messages_whole, messages_stream), "gemini": (gemini_whole, gemini_stream)}


def view_of(format, status, body, stream):
    """What the SDK of that format makes of an answer. Whatever it raises is an error that the answer told."""
    _clients()
    _local.answer = (status, "text/event-stream" if stream else "application/json", body)
    try:
        return READERS[format][stream]()
    except Exception as error:
        view = new_view()
        view["error"] = f"{type(error).__name__}: {error}"[:400]
        view["status"] = getattr(error, "status_code", None) or getattr(error, "code", None)
        return view
