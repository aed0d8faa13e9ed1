"""LangChain on the four faces, driven by the cases of test_matrix.py: the same protocol as sdk_python.py, a case a line on standard
input, its answers a line on standard output. Runs with the packages of requirements-langchain.txt (build/venv/langchain)."""

import functools
import json
import os
import pathlib
import ssl
import sys
import traceback

ssl.create_default_context = functools.cache(ssl.create_default_context)  # tens of ms for each client, and nothing here is TLS
os.environ["LANGSMITH_TRACING"] = "false"
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import anthropic  # noqa: E402
import openai  # noqa: E402
from langchain_anthropic import ChatAnthropic  # noqa: E402
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage, message_chunk_to_message  # noqa: E402
from langchain_google_genai import ChatGoogleGenerativeAI  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402

from lib import seen  # noqa: E402
from lib.cases import MAX, SCHEMA, TOOLS, Lacks, failure, run  # noqa: E402

FINISH = {"stop": "stop", "STOP": "stop", "end_turn": "stop", "stop_sequence": "stop", "completed": "stop", "tool_calls": "tool_calls",
          "tool_use": "tool_calls", "max_tokens": "length", "length": "length", "MAX_TOKENS": "length"}
PLAN = {"title": "plan", "description": "A plan.", **SCHEMA}


class Face:
    lacks, errors = Lacks, (Exception,)

    def __init__(self, url, key):
        self.url, self.key = url, key

    def failure(self, error):
        while not hasattr(error, "status_code") and not hasattr(error, "code") and error.__cause__ is not None:
            error = error.__cause__
        return failure(error)

    def read(self, m):
        u = m.usage_metadata
        meta = m.response_metadata
        finish = meta.get("finish_reason") or meta.get("stop_reason") or meta.get("status")
        thought = "".join(b.get("reasoning", "") for b in m.content_blocks if b["type"] == "reasoning")
        return {"text": str(m.text), "texts": [str(m.text)], "calls": [[c["id"], c["name"], c["args"]] for c in m.tool_calls],
                "finish": "tool_calls" if m.tool_calls else FINISH[finish], "in": u["input_tokens"], "out": u["output_tokens"],
                "cached": u.get("input_token_details", {}).get("cache_read", 0) or 0, "thought": thought, "signed": False,
                "message": m}

    def content(self, spec):
        parts = [{"type": "text", "text": spec["text"]}]
        if "image" in spec:
            parts.append({"type": "image", "base64": spec["image"], "mime_type": "image/png"})
        if "pdf" in spec:
            parts.append({"type": "file", "base64": spec["pdf"], "mime_type": "application/pdf", "filename": "a.pdf"})
        return parts if len(parts) > 1 else spec["text"]

    def messages(self, spec):
        return ([SystemMessage(spec["system"])] if "system" in spec else []) + [HumanMessage(self.content(spec))]

    def chain(self, spec):
        model = self.model(spec)
        if spec.get("tools"):
            return model.bind_tools([{"type": "function", "function": {"name": n, "description": "d", "parameters": SCHEMA}}
                                     for n in TOOLS])
        if spec.get("schema"):
            return model.with_structured_output(PLAN, method="json_schema", include_raw=True)
        return model

    def send(self, spec, messages):
        chain = self.chain(spec)
        if not spec.get("stream"):
            answer = chain.invoke(messages)
        else:
            answer = None
            for chunk in chain.stream(messages):
                if spec.get("schema") and "raw" not in chunk:
                    continue
                chunk = chunk["raw"] if spec.get("schema") else chunk
                answer = chunk if answer is None else answer + chunk
            answer = message_chunk_to_message(answer)
        if spec.get("schema") and not spec.get("stream"):
            assert answer["parsing_error"] is None and answer["parsed"] == json.loads(answer["raw"].text), answer
            answer = answer["raw"]
        return self.read(answer)

    def ask(self, spec):
        return self.send(spec, self.messages(spec))

    def loop(self, spec):
        spec = {**spec, "tools": True}
        first = self.ask(spec)
        results = [ToolMessage(f"result-of-{n}", tool_call_id=i, name=n) for i, n, _ in first["calls"]]
        second = {**spec, "model": spec.get("second", spec["model"])}
        return first, self.send(second, self.messages(spec) + [first["message"], *results])


class Chat(Face):
    errors = (openai.APIError,)

    def model(self, spec):
        return ChatOpenAI(model=spec["model"], base_url=self.url + "/v1", api_key=spec.get("key", self.key), timeout=60,
                          max_retries=spec.get("retries", 0), max_completion_tokens=MAX, stream_usage=True,
                          **({"reasoning_effort": "low"} if spec.get("think") else {}))


class Responses(Face):
    errors = (openai.APIError, ValueError)  # the latter for a response that failed in mid-stream

    def model(self, spec):
        return ChatOpenAI(model=spec["model"], base_url=self.url + "/v1", api_key=spec.get("key", self.key), timeout=60,
                          max_retries=spec.get("retries", 0), max_completion_tokens=MAX, use_responses_api=True, store=False,
                          include=["reasoning.encrypted_content"],
                          **({"reasoning": {"effort": "low", "summary": "auto"}} if spec.get("think") else {}))


class Messages(Face):
    errors = (anthropic.APIError,)

    def model(self, spec):
        return ChatAnthropic(model=spec["model"], base_url=self.url, api_key=spec.get("key", self.key), timeout=60,
                             max_retries=spec.get("retries", 0), max_tokens=MAX,
                             **({"thinking": {"type": "enabled", "budget_tokens": 1024} if spec["think"] == "budget" else
                                 {"type": "adaptive", "display": "summarized"}} if spec.get("think") else {}))


class Gemini(Face):
    def model(self, spec):
        return ChatGoogleGenerativeAI(model=spec["model"], base_url=self.url, google_api_key=spec.get("key", self.key), timeout=60,
                                      max_retries=spec.get("retries", 0) + 1, max_output_tokens=MAX, vertexai=False,
                                      temperature=None,  # its own preset, 0.7, is one that not every model takes
                                      **({"thinking_budget": 1024, "include_thoughts": True} if spec.get("think") else {}))


def main(url, key):
    seen.watch()
    faces = {name: face(url, key) for name, face in (("chat", Chat), ("responses", Responses), ("messages", Messages),
                                                     ("gemini", Gemini))}
    for line in sys.stdin:
        spec = json.loads(line)
        try:
            found = run(faces[spec.pop("face")], spec)
        except Exception:
            found = {"broken": traceback.format_exc()}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
