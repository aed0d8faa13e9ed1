"""The vendors' SDKs for Python, driven by the cases of test_matrix.py. One class per face; all do the same:

ask(spec): one request. spec: model, text, and of stream, system, image, pdf, audio (base64), schema, stop, n, logprobs, search,
           think (True, or "budget": by a number of tokens, where the face has both), cache, key, retries (the SDK's own),
           max (tokens), tools, choice (a tool's name or "none"), history ([role, text] before the text) those that the case wants.
loop(spec): the same with two tools and then, in a second request, with their results; spec's `second` is the model of the second.
count(spec), models(name).

An answer is a dictionary: text, calls [[id, name, arguments]], finish, in, out, cached, thought, texts (n of them), signed (a
signature came). A failure: {"error": {kinds, status, message, code, request_id}}.
"""

import base64
import json

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

from .cases import MAX, SCHEMA, TOOLS, Lacks, failure

def data_url(kind, data):
    return f"data:{kind};base64,{data}"


def said(spec):
    return [{"role": role, "content": text} for role, text in spec.get("history", ())]


def plain(value, *without):
    """An SDK's object as the next request has it."""
    out = value.model_dump(exclude_none=True, mode="json")
    for name in without:
        out.pop(name, None)
    return out


class Face:
    lacks = Lacks

    def close(self):
        self.c.close()

    def failure(self, error):
        return failure(error)

    def client(self, spec):
        changed = {k: spec[n] for k, n in (("api_key", "key"), ("max_retries", "retries")) if n in spec}
        return self.c.with_options(**changed) if changed else self.c


class Chat(Face):
    """chat.completions by the OpenAI SDK."""
    errors = (openai.APIError,)

    def __init__(self, url, key):
        self.c = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=60)

    def read(self, answer):
        m, u = answer.choices[0].message, answer.usage
        details = getattr(m, "reasoning_details", None)
        return {"text": m.content or "", "texts": [c.message.content or "" for c in answer.choices],
                "calls": [[c.id, c.function.name, json.loads(c.function.arguments)] for c in m.tool_calls or []],
                "finish": answer.choices[0].finish_reason, "in": u.prompt_tokens, "out": u.completion_tokens,
                "cached": (u.prompt_tokens_details and u.prompt_tokens_details.cached_tokens) or 0,
                "thought": getattr(m, "reasoning_content", None) or "", "signed": bool(details), "message": m}

    def more(self, spec):
        more = {}
        if spec.get("schema"):
            more["response_format"] = {"type": "json_schema", "json_schema": {"name": "plan", "schema": SCHEMA, "strict": True}}
        if "stop" in spec:
            more["stop"] = [spec["stop"]]
        if "n" in spec:
            more["n"] = spec["n"]
        if spec.get("logprobs"):
            more.update(logprobs=True, top_logprobs=2)
        if spec.get("search"):
            more["web_search_options"] = {}
        if spec.get("think"):
            more["reasoning_effort"] = "low"
        if spec.get("tools"):
            more["tools"] = [{"type": "function", "function": {"name": n, "description": "d", "parameters": SCHEMA}} for n in TOOLS]
        if "choice" in spec:
            named = {"type": "function", "function": {"name": spec["choice"]}}
            more["tool_choice"] = "none" if spec["choice"] == "none" else named
        return more

    def content(self, spec):
        parts = [{"type": "text", "text": spec["text"]}]
        if "image" in spec:
            parts.append({"type": "image_url", "image_url": {"url": data_url("image/png", spec["image"])}})
        if "pdf" in spec:
            parts.append({"type": "file", "file": {"filename": "a.pdf", "file_data": data_url("application/pdf", spec["pdf"])}})
        if "audio" in spec:
            parts.append({"type": "input_audio", "input_audio": {"data": spec["audio"], "format": "wav"}})
        return parts if len(parts) > 1 else spec["text"]

    def messages(self, spec):
        return ([{"role": "system", "content": spec["system"]}] if "system" in spec else []) + said(spec) + \
            [{"role": "user", "content": self.content(spec)}]

    def send(self, spec, messages):
        asked = dict(model=spec["model"], messages=messages, max_completion_tokens=spec.get("max", MAX), **self.more(spec))
        chat = self.client(spec).chat.completions
        if not spec.get("stream"):
            return self.read(chat.create(**asked))
        with chat.stream(stream_options={"include_usage": True}, **asked) as s:
            try:
                for _ in s:
                    pass
                return self.read(s.get_final_completion())
            except openai.LengthFinishReasonError as cut:
                return self.read(cut.completion)
            except openai.ContentFilterFinishReasonError:
                return {"text": "", "finish": "content_filter"}

    def ask(self, spec):
        return self.send(spec, self.messages(spec))

    def loop(self, spec):
        spec = {**spec, "tools": True}
        first = self.ask(spec)
        message = plain(first["message"], "parsed", "refusal", "annotations")
        for call in message.get("tool_calls", []):
            call["function"].pop("parsed_arguments", None)
            call.pop("index", None)
        results = [{"role": "tool", "tool_call_id": i, "content": f"result-of-{n}"} for i, n, _ in first["calls"]]
        second = {**spec, "model": spec.get("second", spec["model"])}
        return first, self.send(second, self.messages(spec) + [message, *results])

    def count(self, spec):
        raise Lacks("count")

    def models(self, spec):
        name = spec["model"]
        m = self.c.models.retrieve(name)
        return {"ids": [m.id for m in self.c.models.list()], "one": m.id}


class Azure(Chat):
    """The same by the client for Azure, which has the model in its path and the key in a header of its own."""

    def __init__(self, url, key):
        self.c = openai.AzureOpenAI(azure_endpoint=url, api_key=key, api_version="2024-10-21", max_retries=0, timeout=60)


class Responses(Chat):
    """responses by the OpenAI SDK."""

    def read(self, answer):
        u = answer.usage
        calls = [[i.call_id, i.name, json.loads(i.arguments)] for i in answer.output if i.type == "function_call"]
        thoughts = [i for i in answer.output if i.type == "reasoning"]
        return {"text": answer.output_text, "texts": [answer.output_text], "calls": calls, "finish": "tool_calls" if calls else
                self.finish(answer), "in": u.input_tokens, "out": u.output_tokens,
                "cached": u.input_tokens_details.cached_tokens, "thought": "".join(s.text for i in thoughts for s in i.summary),
                "signed": any(i.encrypted_content for i in thoughts), "message": answer}

    @staticmethod
    def finish(answer):
        if answer.status == "incomplete":
            return "length" if answer.incomplete_details.reason == "max_output_tokens" else "content_filter"
        return {"completed": "stop"}[answer.status]

    def more(self, spec):
        more = {"store": False, "include": []}
        tools = []
        if "stop" in spec or "n" in spec:
            raise Lacks("stop, n")
        if spec.get("schema"):
            more["text"] = {"format": {"type": "json_schema", "name": "plan", "schema": SCHEMA, "strict": True}}
        if spec.get("logprobs"):
            more.update(top_logprobs=2)
            more["include"].append("message.output_text.logprobs")
        if spec.get("search"):
            tools.append({"type": "web_search"})
        if spec.get("think"):
            more["reasoning"] = {"effort": "low", "summary": "auto"}
            more["include"].append("reasoning.encrypted_content")
        if spec.get("tools"):
            tools += [{"type": "function", "name": n, "description": "d", "parameters": SCHEMA, "strict": False} for n in TOOLS]
            more["include"].append("reasoning.encrypted_content")
        if "choice" in spec:
            more["tool_choice"] = "none" if spec["choice"] == "none" else {"type": "function", "name": spec["choice"]}
        if "system" in spec:
            more["instructions"] = spec["system"]
        return {**{k: v for k, v in more.items() if v != []}, **({"tools": tools} if tools else {})}

    def content(self, spec):
        parts = [{"type": "input_text", "text": spec["text"]}]
        if "image" in spec:
            parts.append({"type": "input_image", "detail": "auto", "image_url": data_url("image/png", spec["image"])})
        if "pdf" in spec:
            parts.append({"type": "input_file", "filename": "a.pdf", "file_data": data_url("application/pdf", spec["pdf"])})
        if "audio" in spec:
            raise Lacks("audio")
        return parts if len(parts) > 1 else spec["text"]

    def messages(self, spec):
        return said(spec) + [{"role": "user", "content": self.content(spec)}]

    def send(self, spec, items):
        asked = dict(model=spec["model"], input=items, max_output_tokens=spec.get("max", MAX), **self.more(spec))
        responses = self.client(spec).responses
        if not spec.get("stream"):
            answer = responses.create(**asked)
        else:
            with responses.stream(**asked) as s:
                for event in s:
                    if event.type == "response.incomplete":  # this and the next the SDK leaves to its caller
                        return self.read(event.response)
                    if event.type == "response.failed":
                        e = event.response.error
                        return {"error": {"kinds": ["failed"], "status": None, "message": e.message, "code": e.code}}
                answer = s.get_final_response()
        return self.read(answer)

    def loop(self, spec):
        spec = {**spec, "tools": True}
        first = self.ask(spec)
        items = [plain(i, "status", "parsed_arguments") for i in first["message"].output]
        results = [{"type": "function_call_output", "call_id": i, "output": f"result-of-{n}"} for i, n, _ in first["calls"]]
        second = {**spec, "model": spec.get("second", spec["model"])}
        return first, self.send(second, self.messages(spec) + items + results)

    def count(self, spec):
        return {"tokens": self.c.responses.input_tokens.count(model=spec["model"], input=self.messages(spec)).input_tokens}


class Messages(Face):
    """messages by the Anthropic SDK."""
    errors = (anthropic.APIError,)

    def __init__(self, url, key):
        self.c = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=60)

    def read(self, m):
        u = m.usage
        cached = u.cache_read_input_tokens or 0
        finish = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "tool_calls", "max_tokens": "length",
                  "refusal": "content_filter"}[m.stop_reason]
        text = "".join(b.text for b in m.content if b.type == "text")
        return {"text": text, "texts": [text], "calls": [[b.id, b.name, b.input] for b in m.content if b.type == "tool_use"],
                "finish": finish, "stopped_by": m.stop_sequence,
                "in": u.input_tokens + cached + (u.cache_creation_input_tokens or 0), "out": u.output_tokens, "cached": cached,
                "thought": "".join(b.thinking for b in m.content if b.type == "thinking"),
                "signed": any(b.type == "thinking" and b.signature or b.type == "redacted_thinking" for b in m.content),
                "message": m}

    def more(self, spec):
        more = {"max_tokens": spec.get("max", MAX)}
        tools = []
        if "n" in spec or spec.get("logprobs"):
            raise Lacks("n, logprobs")
        if spec.get("schema"):
            more["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if "stop" in spec:
            more["stop_sequences"] = [spec["stop"]]
        if spec.get("search"):
            tools.append({"type": "web_search_20250305", "name": "web_search"})
        if spec.get("think"):
            more["thinking"] = {"type": "adaptive", "display": "summarized"}
            if spec["think"] == "budget":
                more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if spec.get("tools"):
            tools += [{"name": n, "description": "d", "input_schema": SCHEMA} for n in TOOLS]
        if "choice" in spec:
            more["tool_choice"] = {"type": "none"} if spec["choice"] == "none" else {"type": "tool", "name": spec["choice"]}
        if "system" in spec:
            more["system"] = spec["system"]
            if spec.get("cache"):
                more["system"] = [{"type": "text", "text": spec["system"], "cache_control": {"type": "ephemeral"}}]
        return {**more, **({"tools": tools} if tools else {})}

    def messages(self, spec):
        parts = [{"type": "text", "text": spec["text"]}]
        if "image" in spec:
            parts.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": spec["image"]}})
        if "pdf" in spec:
            parts.append({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": spec["pdf"]}})
        if "audio" in spec:
            raise Lacks("audio")
        return said(spec) + [{"role": "user", "content": parts if len(parts) > 1 else spec["text"]}]

    def send(self, spec, messages):
        asked = dict(model=spec["model"], messages=messages, **self.more(spec))
        c = self.client(spec)
        if not spec.get("stream"):
            return self.read(c.messages.create(**asked))
        with c.messages.stream(**asked) as s:
            return self.read(s.get_final_message())

    def ask(self, spec):
        return self.send(spec, self.messages(spec))

    def loop(self, spec):
        spec = {**spec, "tools": True}
        first = self.ask(spec)
        content = [plain(b, "parsed_output", "parsed_input") for b in first["message"].content]
        results = [{"type": "tool_result", "tool_use_id": i, "content": f"result-of-{n}"} for i, n, _ in first["calls"]]
        second = {**spec, "model": spec.get("second", spec["model"])}
        return first, self.send(second, self.messages(spec) + [{"role": "assistant", "content": content},
                                                               {"role": "user", "content": results}])

    def count(self, spec):
        return {"tokens": self.c.messages.count_tokens(model=spec["model"], messages=self.messages(spec)).input_tokens}

    def models(self, spec):
        name = spec["model"]
        m = self.c.models.retrieve(name)
        return {"ids": [m.id for m in self.c.models.list()], "one": m.id}


class Gemini(Face):
    """generateContent by Google's SDK."""
    errors = (genai_errors.APIError,)

    def __init__(self, url, key):
        self.url, self.key, self.c = url, key, None
        self.c = self.client({})

    def close(self):
        self.c.close()

    def client(self, spec):
        if self.c is not None and "key" not in spec and "retries" not in spec:
            return self.c
        retry = types.HttpRetryOptions(attempts=1) if spec.get("retries", 0) == 0 else None
        self.other = genai.Client(api_key=spec.get("key", self.key), http_options=types.HttpOptions(
            base_url=self.url, api_version="v1beta", timeout=60000, **({"retry_options": retry} if retry else {})))
        return self.other  # kept: a client that nobody holds closes itself

    def read(self, answers):
        parts, finish = [], None
        if any(a.prompt_feedback and a.prompt_feedback.block_reason for a in answers):
            return {"text": "", "finish": "content_filter"}
        for a in answers:
            candidate = a.candidates[0]
            parts += (candidate.content.parts or []) if candidate.content else []
            finish = candidate.finish_reason or finish
        u = [a.usage_metadata for a in answers if a.usage_metadata][-1]
        calls = [[p.function_call.id, p.function_call.name, p.function_call.args] for p in parts if p.function_call]
        texts = {}
        for a in answers:
            for c in a.candidates:
                texts[c.index or 0] = texts.get(c.index or 0, "") + "".join(
                    p.text or "" for p in (c.content and c.content.parts) or [] if not p.thought)
        return {"text": texts.get(0, ""), "texts": list(texts.values()), "calls": calls,
                "finish": "tool_calls" if calls else {"STOP": "stop", "MAX_TOKENS": "length"}.get(finish.value, "content_filter"),
                "in": u.prompt_token_count, "out": (u.candidates_token_count or 0) + (u.thoughts_token_count or 0),
                "cached": u.cached_content_token_count or 0, "thought": "".join(p.text or "" for p in parts if p.thought),
                "signed": any(p.thought_signature for p in parts), "message": parts}

    def config(self, spec):
        more, tools = {}, []
        if spec.get("schema"):
            more.update(response_mime_type="application/json", response_json_schema=SCHEMA)
        if "stop" in spec:
            more["stop_sequences"] = [spec["stop"]]
        if "n" in spec:
            more["candidate_count"] = spec["n"]
        if spec.get("logprobs"):
            more.update(response_logprobs=True, logprobs=2)
        if spec.get("search"):
            tools.append(types.Tool(google_search=types.GoogleSearch()))
        if spec.get("think"):
            more["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        if spec.get("tools"):
            tools.append(types.Tool(function_declarations=[
                types.FunctionDeclaration(name=n, description="d", parameters_json_schema=SCHEMA) for n in TOOLS]))
        if "choice" in spec:
            mode = {"mode": "NONE"} if spec["choice"] == "none" else {"mode": "ANY", "allowed_function_names": [spec["choice"]]}
            more["tool_config"] = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(**mode))
        if "system" in spec:
            more["system_instruction"] = spec["system"]
        return types.GenerateContentConfig(max_output_tokens=spec.get("max", MAX), **more, **({"tools": tools} if tools else {}),
                                           automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))

    def contents(self, spec):
        parts = [types.Part(text=spec["text"])]
        for name, kind in (("image", "image/png"), ("pdf", "application/pdf"), ("audio", "audio/wav")):
            if name in spec:
                parts.append(types.Part(inline_data=types.Blob(data=base64.b64decode(spec[name]), mime_type=kind)))
        before = [types.Content(role={"assistant": "model"}.get(role, role), parts=[types.Part(text=text)])
                  for role, text in spec.get("history", ())]
        return before + [types.Content(role="user", parts=parts)]

    def send(self, spec, contents):
        asked = dict(model=spec["model"], contents=contents, config=self.config(spec))
        models = self.client(spec).models
        return self.read(list(models.generate_content_stream(**asked)) if spec.get("stream") else [models.generate_content(**asked)])

    def ask(self, spec):
        return self.send(spec, self.contents(spec))

    def loop(self, spec):
        spec = {**spec, "tools": True}
        first = self.ask(spec)
        results = [types.Part(function_response=types.FunctionResponse(id=i, name=n, response={"output": f"result-of-{n}"}))
                   for i, n, _ in first["calls"]]
        second = {**spec, "model": spec.get("second", spec["model"])}
        return first, self.send(second, self.contents(spec) + [types.Content(role="model", parts=first["message"]),
                                                               types.Content(role="user", parts=results)])

    def count(self, spec):
        return {"tokens": self.c.models.count_tokens(model=spec["model"], contents=self.contents(spec)).total_tokens}

    def models(self, spec):
        name = spec["model"]
        m = self.c.models.get(model=name)
        return {"ids": [m.name.removeprefix("models/") for m in self.c.models.list()], "one": m.name.removeprefix("models/")}


FACES = {"chat": Chat, "azure": Azure, "responses": Responses, "messages": Messages, "gemini": Gemini}
