"""Recorded answers of Amazon Bedrock, whole and in frames, through every face: the same text, calls, arguments, finish reason and usage
as AWS' own SDK reads from the record (Converse), or Anthropic's from what AWS' decoder finds in its frames (Claude by InvokeModel).
Needs the recordings (lib/corpus.py)."""

import base64
import concurrent.futures
import json
import re
import threading

import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError
from botocore.parsers import ResponseParserError

from conftest import Makers
from lib import views
from lib.corpus import CORPUS, all_records, text_of
from lib.upstream import Answer, body_answer, head_bytes, chunk
from test_corpus_faces import Case, Run, differences, report

FINISH = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "stop_sequence": "stop_sequence",
          "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
          "malformed_model_output": "other", "malformed_tool_use": "malformed", "model_context_window_exceeded": "length"}
FRAMES = "application/vnd.amazon.eventstream"


def usage_of(u):
    cached, written = u.get("cacheReadInputTokens", 0), u.get("cacheWriteInputTokens", 0)
    return {"prompt": u["inputTokens"] + cached + written, "completion": u["outputTokens"], "total": u.get("totalTokens", 0),
            "cached": cached, "cache_write": written, "reasoning": 0}


def add_block(view, block):
    if "text" in block:
        view["text"] += block["text"]
    elif "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":  # AWS runs that one itself
        call = block["toolUse"]
        view["calls"].append((call["toolUseId"], call["name"], None, call["input"]))
    elif "reasoningContent" in block:
        view["thought"] += (block["reasoningContent"].get("reasoningText") or {}).get("text", "")
    elif "image" in block:
        view["images"] += 1
    elif "citationsContent" in block:
        view["text"] += "".join(c.get("text", "") for c in block["citationsContent"].get("content", []))


def whole(answer):
    view = views.new_view()
    for block in answer["output"]["message"]["content"]:
        add_block(view, block)
    view.update(finish=FINISH.get(answer["stopReason"], "other"), usage=usage_of(answer["usage"]), done=True, word=answer["stopReason"])
    return view


def streamed(answer):
    view, calls, hosted = views.new_view(), {}, set()
    for event in answer["stream"]:
        (kind, e), = event.items()
        if kind == "contentBlockStart" and e.get("start", {}).get("toolUse", {}).get("type") == "server_tool_use":
            hosted.add(e["contentBlockIndex"])
        elif kind == "contentBlockStart" and "toolUse" in e.get("start", {}):
            calls[e["contentBlockIndex"]] = [e["start"]["toolUse"]["toolUseId"], e["start"]["toolUse"]["name"], ""]
        elif kind == "contentBlockDelta":
            delta = e["delta"]
            if "toolUse" in delta and e["contentBlockIndex"] in hosted:
                continue
            if "toolUse" in delta:
                calls[e["contentBlockIndex"]][2] += delta["toolUse"]["input"]
            elif "reasoningContent" in delta:
                view["thought"] += delta["reasoningContent"].get("text", "")
            else:
                view["text"] += delta.get("text", "")
        elif kind == "messageStop":
            view.update(finish=FINISH.get(e["stopReason"], "other"), done=True, word=e["stopReason"])
        elif kind == "metadata":
            view["usage"] = usage_of(e["usage"])
    view["calls"] = [(i, n, raw, None) for i, n, raw in calls.values()]
    return view


class Converse(Case):
    def __init__(self, record, body):
        self.format, self.record, self.id, self.body = "converse", record, record["id"], body
        self.stream = record["api"].endswith("_stream")

    def request(self, face):
        self.record = {**self.record, "provider": "bedrock", "request_body": None}
        path, body = Case.request(self, face)
        for member in ("reasoning_effort", "reasoning", "thinking"):  # most of these models do not think
            body.pop(member, None) if isinstance(body, dict) else None
        body.get("generationConfig", {}).pop("thinkingConfig", None)
        path = path.replace("k-converse", "m")
        if "model" in body:
            body["model"] = "m"
        return path, body


class Records(Run):
    def __init__(self, g, up):
        super().__init__(g, None)
        self.cases, self.lock = {}, threading.Lock()
        self.aws = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=up.url[:-3], aws_access_key_id="x",
                                aws_secret_access_key="y", config=Config(retries={"max_attempts": 1, "mode": "standard"}))
        up.answer = self.answer

    def answer(self, seen):
        case = self.cases[re.search(rb"record-([0-9a-f]{16})", seen.body)[1].decode()]
        if not case.stream:
            return body_answer(case.body)
        pieces = [case.body[i:i + 1000] for i in range(0, len(case.body), 1000)]
        return Answer(head_bytes(200, [("content-type", FRAMES), ("transfer-encoding", "chunked")]), *map(chunk, pieces), b"0\r\n\r\n")

    def one(self, record):
        body = base64.b64decode(record["response_body"]) if record["response_encoding"] == "base64" else text_of(record, "response")
        case = Converse(record, body)
        with self.lock:
            self.cases[case.id] = case
        asked = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "record-" + case.id}]}]}
        try:
            case.view = streamed(self.aws.converse_stream(**asked)) if case.stream else whole(self.aws.converse(**asked))
        except (ClientError, EventStreamError) as error:
            case.view = {**views.new_view(), "error": str(error)}
        except (KeyError, TypeError, ResponseParserError):  # an answer whose members the recorder left out
            self.count.add("converse", "boto3", "unreadable")
            return
        for face in ("chat", "responses", "messages", "gemini"):
            self.count.add("converse", face, "tried")
            answer = self.fetch(case, face)
            got = views.view_of(face, answer.status, answer.body, case.stream and answer.status == 200)
            found = [f for f in differences(case, face, got) if f[0] != "thought"]  # nobody asked for it
            self.count.add("converse", face, "unexplained" if found else "equal")
            if found:
                self.count.unexplained.append((case.id, record["api"], record["model"], face, found))


def replay(capsys, run_of, model, count_as, wanted):
    if not CORPUS.is_dir():
        pytest.skip(f"no recordings at {CORPUS}: set SLUICE_CORPUS")
    makers = Makers()
    try:
        up = makers.upstream()
        g = makers.gateway({"providers": {"b": {"kind": "bedrock", "region": "us-east-1", "base_url": up.url[:-3], "keys": ["k"]}},
                            "models": {"m": "b/" + model}, "resilience": {"retry": {"attempts": 1}}})
        run = run_of(g, up)
        good = (r for r in all_records() if r["status"] == 200 and r["response_encoding"] in ("json", "base64") and wanted(r))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(run.one, r) for r in good]:
                done.result()
    finally:
        makers.end()
    with capsys.disabled():
        print()
        report(run.count)
    assert run.count.by[count_as, "chat", "equal"] > 0
    assert not run.count.unexplained, f"{len(run.count.unexplained)} differ:\n" + "\n".join(map(str, run.count.unexplained[:20]))


@pytest.mark.timeout(900)
def test_recorded_converse_through_every_face(capsys):
    replay(capsys, Records, "us.amazon.nova-lite-v1:0", "converse", lambda r: r["api"] in ("bedrock.converse", "bedrock.converse_stream"))


# -- Claude by InvokeModel --

def events_of(frames):
    """What is in the frames, as Anthropic's own API would have sent it."""
    buffer = EventStreamBuffer()
    buffer.add_data(frames)
    out = b""
    for frame in buffer:
        data = base64.b64decode(json.loads(frame.payload)["bytes"])
        out += b"event: " + json.loads(data).get("type", "completion").encode() + b"\ndata: " + data + b"\n\n"
    return out


class Invoked(Case):
    def __init__(self, record, body):
        self.format, self.record, self.id, self.body = "messages", record, record["id"], body
        self.stream = record["api"].endswith("_stream")
        self.view = views.view_of("messages", 200, events_of(body) if self.stream else body, self.stream)

    def request(self, face):
        path, body = Case.request(self, face)
        path = path.replace("k-messages", "m")
        if "model" in body:
            body["model"] = "m"
        return path, body


class Invocations(Records):
    def one(self, record):
        body = base64.b64decode(record["response_body"]) if record["response_encoding"] == "base64" else text_of(record, "response")
        case = Invoked(record, body)
        with self.lock:
            self.cases[case.id] = case
        for face in ("chat", "responses", "messages", "gemini"):
            self.count.add("invoke", face, "tried")
            answer = self.fetch(case, face)
            found = differences(case, face, views.view_of(face, answer.status, answer.body, case.stream and answer.status == 200))
            self.count.add("invoke", face, "unexplained" if found else "equal")
            if found:
                self.count.unexplained.append((case.id, record["api"], record["model"], face, found))


def is_messages(record):
    """Old models of Claude's answered with a completion."""
    if record["api"] == "bedrock.invoke":
        return isinstance(record["response_body"], dict) and record["response_body"].get("type") == "message"
    return b'"message_start"' in events_of(base64.b64decode(record["response_body"]))


@pytest.mark.timeout(900)
def test_recorded_invocations_through_every_face(capsys):
    replay(capsys, Invocations, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "invoke",
           lambda r: r["api"] in ("bedrock.invoke", "bedrock.invoke_stream") and "claude" in (r["model"] or "") and is_messages(r))
