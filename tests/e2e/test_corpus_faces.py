"""Recorded answers of real providers, through every face: a client of any format is told the same text, calls, arguments, finish
reason and usage as the official SDK of the provider finds in the record itself. Through the provider's own format, the same bytes.

Needs the recordings (lib/corpus.py). Tries a fixed sample of them; all with SLUICE_CORPUS_ALL=1 (`make corpus`). What differs for
a reason that lies in the formats or in the record stands in corpus_explained.json; anything else fails.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import threading

import pytest

from conftest import Makers
from lib import views
from lib.client import Conn
from lib.corpus import CORPUS, all_records, replayed, stream_of, text_of
from lib.upstream import body_answer
from lib.views import plain

ALL = os.environ.get("SLUICE_CORPUS_ALL") == "1"
SAMPLE = 18  # without ALL: one record in so many
WORKERS = 4
EXPLAINED = json.loads((pathlib.Path(__file__).parent / "corpus_explained.json").read_text())
FORMATS = {"chat": "chat", "openai_chat": "chat", "responses": "responses", "openai_responses": "responses",
           "messages": "messages", "anthropic_messages": "messages", "generate": "gemini", "stream": "gemini"}
NOT_THAT_SHAPE = {"cohere.chat", "writer.completions"}
PRESETS = ("groq", "deepseek", "mistral", "xai", "together", "openrouter", "perplexity", "ollama", "llamacpp", "vllm")
KINDS = {"responses": "openai", "messages": "anthropic", "gemini": "gemini", "chat": "openai-compatible"}
MODELS = {"k-responses": "gpt-5.2", "k-messages": "claude-opus-4-6", "k-gemini": "gemini-2.5-flash"}
# A provider that speaks Responses speaks chat as well: what asks in chat's or Gemini's format is sent there.
FACES = {"chat": ("chat", "responses", "messages", "gemini"), "responses": ("responses", "messages"),
         "messages": ("chat", "responses", "messages", "gemini"), "gemini": ("chat", "responses", "messages", "gemini")}
PAUSED_ENDS = {"id": "msg_end", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": "end_turn",
               "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")


def records():
    """Answers with status 200 in one of the four formats."""
    for n, record in enumerate(all_records()):
        format = FORMATS.get(record["api"].split(".", 1)[1])
        if (format and record["api"] not in NOT_THAT_SHAPE and record["status"] == 200 and
                record["response_encoding"] in ("json", "sse", "chunks") and (ALL or int(record["id"][:6], 16) % SAMPLE == 0)):
            yield format, record


def provider_of(format, record):
    return record["provider"] if format == "chat" and record["provider"] in PRESETS else "k-" + format


def config(url):
    path = {"messages": "/v1", "gemini": "/v1beta"}
    providers = {"k-" + format: {"kind": kind, "base_url": url[:-3] + path.get(format, "/v1"), "keys": ["${RELAY_PROVIDER_KEY}"]}
                 for format, kind in KINDS.items()}
    providers |= {kind: {"kind": kind, "base_url": url, "keys": ["${RELAY_PROVIDER_KEY}"]} for kind in PRESETS}
    return {"providers": providers, "listen": {"workers": 2}, "resilience": {"retry": {"attempts": 1}},
            "models": {name: f"{name}/{MODELS.get(name, 'some-model')}" for name in providers}}


class Case:
    """One record: what was sent, and what its own SDK says of it."""

    def __init__(self, format, record):
        self.format, self.record, self.id = format, record, record["id"]
        body = record["response_body"]
        # A list is a stream of Gemini's without alt=sse; the gateway always asks for events.
        self.stream = record["response_encoding"] != "json" or (record["stream"] and isinstance(body, list))
        self.body = stream_of(record) if self.stream else text_of(record, "response")
        if self.stream and format == "chat" and record["response_encoding"] != "sse":
            self.body += b"data: [DONE]\n\n"  # the recorder kept payloads only
        self.view = views.view_of(format, 200, self.body, self.stream)

    def pauses(self):
        return self.format == "messages" and not self.stream and self.record["response_body"].get("stop_reason") == "pause_turn"

    def tools(self):
        names = [name for _, name, _, _ in self.view["calls"]]
        asked = self.record["request_body"] if isinstance(self.record["request_body"], dict) else {}
        for tool in asked.get("tools") or []:
            if isinstance(tool, dict):
                inner = tool.get("function") if isinstance(tool.get("function"), dict) else tool
                names.append(inner.get("name"))
                names += [d.get("name") for d in tool.get("functionDeclarations") or []]
        return [n for n in dict.fromkeys(names) if isinstance(n, str) and NAME.fullmatch(n)]

    def request(self, face):
        """A request of that format: its path and body. It asks for thoughts and names the tools that the record calls."""
        model, text = provider_of(self.format, self.record), "record-" + self.id
        schema, tools = {"type": "object", "properties": {}}, self.tools()
        free = {name for _, name, raw, value in self.view["calls"] if raw is None and self.format in ("chat", "responses")}
        user = [{"role": "user", "content": text}]
        if face == "chat":
            body = {"model": model, "messages": user, "max_completion_tokens": 4000, "reasoning_effort": "low"}
            if self.stream:
                body |= {"stream": True, "stream_options": {"include_usage": True}}
            if tools:
                body["tools"] = [{"type": "custom", "custom": {"name": n}} if n in free else
                                 {"type": "function", "function": {"name": n, "parameters": schema}} for n in tools]
            return "/v1/chat/completions", body
        if face == "responses":
            body = {"model": model, "input": user, "max_output_tokens": 4000, "store": False, "stream": self.stream,
                    "reasoning": {"effort": "low", "summary": "auto"}}
            if tools:
                body["tools"] = [{"type": "custom", "name": n} if n in free else
                                 {"type": "function", "name": n, "parameters": schema, "strict": False} for n in tools]
            return "/v1/responses", body
        if face == "messages":
            body = {"model": model, "messages": user, "max_tokens": 4000, "stream": self.stream,
                    "thinking": {"type": "enabled", "budget_tokens": 1024}}
            if tools:
                body["tools"] = [{"name": n, "input_schema": schema} for n in tools]
            return "/v1/messages", body
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}],
                "generationConfig": {"maxOutputTokens": 4000, "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024}}}
        if tools:
            body["tools"] = [{"functionDeclarations": [{"name": n, "parameters": schema} for n in tools]}]
        method = "streamGenerateContent?alt=sse" if self.stream else "generateContent"
        return f"/v1beta/models/{model}:{method}", body


class Replay:
    """The provider: answers a request with the record that its text names, whoever asks."""

    def __init__(self, up):
        self.up, self.cases, self.lock = up, {}, threading.Lock()
        up.answer = self.answer

    def answer(self, seen):
        named = re.search(rb"record-([0-9a-f]{16})", seen.body)
        with self.lock:
            case = self.cases[named[1].decode()]
            self.up.requests.clear()
        asked = b"stream" in seen.target.encode() or re.search(rb'"stream":\s*true', seen.body) is not None
        case.asked_stream = asked
        if case.pauses() and b'"role":"assistant"' in seen.body:  # the gateway lets the provider go on: nothing more was to be said
            return body_answer(json.dumps(PAUSED_ENDS).encode())
        return replayed(case.record, case.body, case.stream)


# ---- what must be the same ----

def same_value(a, b):
    return json.dumps(a) == json.dumps(b) or json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def expected_finish(format, view, face):
    finish = view["finish"]
    if view["refusal"] and face == "messages":
        return "content_filter"
    if format == "messages" and finish == "stop" and face == "chat":  # its own stop reasons tell whether it waits for results
        return finish
    if finish in (None, "stop", "stop_sequence", "tool_calls", "pause", "other"):
        if finish == "stop_sequence" and face == "messages" and not view["calls"]:
            return "stop_sequence"
        finish = "tool_calls" if view["calls"] else "stop"
    broken = any(value is None and not views.value_of(raw)[1] for _, _, raw, value in view["calls"])
    if broken and finish != "length" and face == "gemini":
        return "malformed"
    if finish in ("stop", "tool_calls") and face in ("responses", "gemini"):  # there it is the calls that say it
        finish = "stop"
    return finish


def differences(case, face, got):
    """(class, details) of everything that is not the same; empty: equal."""
    want, out = case.view, []
    nothing = not want["text"] and not want["calls"] and not want["images"]
    broken = want["error"] or not want["done"] or (case.format == "gemini" and want["finish"] in ("other", "malformed") and nothing)
    if broken or got["error"]:
        if bool(broken) != bool(got["error"]):
            out.append(("error", f"record {want['error'] or ('whole' if want['done'] else 'cut')}; got {got['error']}"))
        return out
    text = want["text"] + (want["refusal"] if face in ("messages", "gemini") else "")
    have = got["text"]
    if face in ("messages", "responses"):  # no such thing in an answer: its words, or its place
        text += want.get("audio") or ""
        have = have.replace("[image]", "") if want["images"] else have
        have = have.replace("[audio]", "") if want["audio"] is not None else have
    if text != have and not (want.get("fenced") and plain(text) == plain(have)):
        out.append(("text", f"{text[:160]!r} became {have[:160]!r} ({len(text)}, {len(have)})"))
    out += call_differences(case, face, got)
    if plain(want["thought"]) != plain(got["thought"]):
        out.append(("thought", f"{want['thought'][:100]!r} became {got['thought'][:100]!r}"))
    finish = expected_finish(case.format, want, face)
    if finish != got["finish"]:
        out.append(("finish", f"{want['finish']} ({want.get('word')}) became {got['finish']}"))
    if want["images"] and got["images"] != want["images"] and face in ("chat", "gemini"):
        out.append(("images", f"{want['images']} became {got['images']}"))
    return out + usage_differences(want, face, got)


def call_differences(case, face, got):
    want, have, out = case.view["calls"], got["calls"], []
    if face == "gemini":  # its arguments are a value: there is no saying what is none
        want = [c for c in want if c[3] is not None or views.value_of(c[2])[1]]
    if [name for _, name, _, _ in want] != [name for _, name, _, _ in have]:
        return [("calls", f"{[c[1] for c in want]} became {[c[1] for c in have]}")]
    for (id, name, raw, value), (got_id, _, got_raw, got_value) in zip(want, have):
        legal = value is not None
        if value is None:
            value, legal = views.value_of(raw)
            value = {} if value is None and legal else value
        if got_value is None:
            got_value, _ = views.value_of(got_raw)
        if got_value is None:
            got_value = {}
        if legal and not isinstance(value, dict) and face in ("messages", "gemini"):
            value = {"value": value}
        if not legal and (got_raw == raw or got_value == {"_raw": raw}):
            continue
        if not legal:
            out.append(("broken arguments", f"{raw[:100]!r} became {got_raw or got_value!r}"))
        elif not same_value(value, got_value):
            out.append(("arguments", f"{raw or value!r} became {got_raw or got_value!r}"[:600]))
        elif case.format in ("chat", "responses") and got_raw is not None and raw and raw.strip() and raw != got_raw and \
                isinstance(views.value_of(raw)[0], dict):
            out.append(("argument bytes", f"{raw!r} became {got_raw!r}"[:400]))
        if id and re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", id) and got_id != id:
            out.append(("id", f"{id} became {got_id}"))
    if len({c[0] for c in have}) != len(have):
        out.append(("ids not unique", f"{[c[0] for c in have]}"))
    return out


def usage_differences(want, face, got):
    w, h = want["usage"], got["usage"]
    if not w or not (w["prompt"] or w["completion"]):
        return []
    if not h:
        return [("usage", f"{w} became nothing")]
    w = dict(w)
    total = w.pop("total", 0)
    if w["reasoning"] and total == w["prompt"] + w["completion"] + w["reasoning"]:
        w["completion"] += w["reasoning"]  # told beside the completion, not within
    w["reasoning"] = min(w["reasoning"], w["completion"])
    if w["cached"] > w["prompt"]:
        w["prompt"] += w["cached"]  # the prompt is told without it
    members = {"chat": ("prompt", "completion", "cached", "cache_write", "reasoning"),
               "responses": ("prompt", "completion", "cached", "cache_write", "reasoning"),
               "messages": ("prompt", "completion", "cached", "cache_write"),
               "gemini": ("prompt", "completion", "cached", "reasoning")}[face]
    return [("usage", f"{w} became {h}")] if any(w[m] != h[m] for m in members) else []


# ---- the run ----

class Count:
    def __init__(self):
        self.by, self.lock = collections.Counter(), threading.Lock()
        self.unexplained = []

    def add(self, *what):
        with self.lock:
            self.by[what] += 1


def explanation(case, face, kind):
    """The reason why this record differs in this, or None."""
    for rule in EXPLAINED:
        if (kind == rule["what"] and face in rule.get("faces", [face]) and case.format in rule.get("formats", [case.format]) and
                case.id in rule.get("ids", [case.id]) and rule.get("where", "") in RULES):
            if RULES[rule.get("where", "")](case):
                return rule["why"]
    return None


# Facts of a record that a rule of corpus_explained.json may ask for, computed from the record alone.
RULES = {
    "": lambda case: True,
    "the SDK cannot read it": lambda case: str(case.view["error"]).startswith(("AttributeError", "JSONDecodeError", "ValidationError")),
    "names of an SDK's objects": lambda case: case.record["fidelity"] in ("sdk", "fixture", "reserialised") and b'"finish_reason"' in case.body,
    "the turn pauses": lambda case: case.pauses(),
    "several answers": lambda case: case.view.get("answers", 1) > 1,
    "two endings": lambda case: case.view.get("two endings", False),
    "no choice": lambda case: b'"choices"' not in case.body,
    "a terminator behind the last event": lambda case: case.body.rstrip().endswith(b"[DONE]"),
    "counts below nothing": lambda case: re.search(rb'_tokens":\s*-\d', case.body) is not None,
}


class Run:
    def __init__(self, g, replay):
        self.g, self.replay, self.count = g, replay, Count()
        self.local = threading.local()

    def fetch(self, case, face):
        path, body = case.request(face)
        conn = getattr(self.local, "conn", None) or Conn(self.g.address)
        self.local.conn = None
        got = conn.request("POST", path, json.dumps(body).encode(), key=self.g.key)
        if got.get("connection") != "close":
            self.local.conn = conn
        else:
            conn.close()
        return got

    def one(self, format, record):
        case = Case(format, record)
        with self.replay.lock:
            self.replay.cases[case.id] = case
        for face in FACES[format]:
            try:
                self.face(case, face)
            except Exception as error:
                self.count.unexplained.append((case.id, record["api"], face, f"{type(error).__name__}: {error}"))
        with self.replay.lock:
            del self.replay.cases[case.id]

    def face(self, case, face):
        if face == case.format:
            if case.record["fidelity"] == "wire" and face != "chat":  # chat: test_corpus.py
                self.own(case)
            return
        self.count.add(case.format, face, "tried")
        answer = self.fetch(case, face)
        got = views.view_of(face, answer.status, answer.body, case.stream and answer.status == 200)
        found = differences(case, face, got)
        reasons = [explanation(case, face, kind) for kind, _ in found]
        if not found:
            self.count.add(case.format, face, "equal")
        elif all(reasons):
            self.count.add(case.format, face, "explained")
            for reason in set(reasons):
                self.count.add("why", reason)
        else:
            self.count.add(case.format, face, "unexplained")
            self.count.unexplained.append((case.id, case.record["api"], face, [f for f, r in zip(found, reasons) if not r]))

    def own(self, case):
        """The provider's own format: not a byte differs."""
        self.count.add(case.format, case.format, "tried")
        answer = self.fetch(case, case.format)
        if answer.body == without_comments(case.body):
            self.count.add(case.format, case.format, "equal")
        elif case.view["error"] or not case.view["done"]:  # what failed is told in the gateway's words
            self.count.add(case.format, case.format, "explained")
            self.count.add("why", "own format: the record is an error or was cut; the gateway says so itself")
        else:
            why = explanation(case, case.format, "bytes")
            self.count.add(case.format, case.format, "explained" if why else "unexplained")
            if why:
                self.count.add("why", why)
            else:
                self.count.unexplained.append((case.id, case.record["api"], "own", [
                    ("bytes", f"{len(case.body)} became {len(answer.body)}: {answer.status} {answer.body[-300:]!r}")]))


def without_comments(body):
    """Life signs are the gateway's own."""
    return re.sub(rb"^:[^\n]*\n\n?", b"", body, flags=re.MULTILINE)


def report(count):
    for (format, face) in sorted({k[:2] for k in count.by if len(k) == 3}):
        print(f"{format:>9} -> {face:<9} " + "  ".join(
            f"{name} {count.by[format, face, name]}" for name in ("tried", "equal", "explained", "unexplained")))
    for key, n in sorted(count.by.items()):
        if key[0] == "why":
            print(f"explained, {n} times: {key[1]}")


@pytest.mark.timeout(1800)
def test_recorded_answers_through_every_face(capsys):
    if not CORPUS.is_dir():
        pytest.skip(f"no recordings at {CORPUS}: set SLUICE_CORPUS")
    makers = Makers()
    try:
        up = makers.upstream()
        g = makers.gateway(config(up.url))
        run = Run(g, Replay(up))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for done in [pool.submit(run.one, *item) for item in records()]:
                done.result()
    finally:
        makers.end()
    with capsys.disabled():
        print()
        report(run.count)
    wrong = run.count.unexplained
    if os.environ.get("SLUICE_CORPUS_OUT"):
        pathlib.Path(os.environ["SLUICE_CORPUS_OUT"]).write_text("\n".join(json.dumps(w) for w in wrong))
    assert run.count.by, "no record was usable"
    assert not wrong, f"{len(wrong)} unexplained:\n" + "\n".join(map(str, wrong[:12]))
