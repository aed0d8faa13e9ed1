"""Recorded traffic of real clients and providers, relayed through the gateway: the same bytes out.

Needs the recordings: a directory `shared/corpus` beside the checkout, or the one that SLUICE_CORPUS names.
"""

import json
import re
import sys
import types

import pytest

import test_corpus_faces

from conftest import Makers, relay_config
from lib.client import Conn
from lib.corpus import CORPUS, all_records, pieces_of, text_of
from lib.proc import merge
from lib.upstream import Answer, body_answer, chunk, head_bytes

OPERATIONS = {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
NOT_OPENAI_SHAPED = {"cohere.chat", "writer.completions"}


def records(ours):
    """Wire records of the three operations; `ours`: those of OpenAI itself, else those of all other OpenAI-shaped servers."""
    for record in all_records():
        operation = record["api"].split(".")[-1]
        if (operation not in OPERATIONS or record["fidelity"] != "wire" or record["api"] in NOT_OPENAI_SHAPED or
                (record["provider"] == "openai") != ours or record["request_encoding"] != "json" or
                record["response_encoding"] not in ("json", "sse", "text") or record["status"] is None or
                not isinstance(record["request_body"], dict) or
                not isinstance(record["request_body"].get("model"), str)):
            continue
        yield record


def answer_of(record, body, client):
    kind = {"sse": "text/event-stream", "json": "application/json", "text": "text/plain"}[record["response_encoding"]]
    if record["response_encoding"] != "sse":
        return body_answer(body, record["status"], record["response_headers"].get("content-type", kind))
    head = head_bytes(record["status"], [("content-type", kind), ("transfer-encoding", "chunked")])
    first = re.search(rb"^data:[ ]*(.*?)\r?\n\r?\n", body, re.MULTILINE)
    if "error_in_stream" in record["tags"] and first and not is_error(first[1]):
        return Answer(head, chunk(body[:first.end()]), 0.1, chunk(body[first.end():]), b"0\r\n\r\n")
    return Answer(head, b"".join(map(chunk, pieces_of(record, body))) + b"0\r\n\r\n")


def events_of(stream):
    """The events with data, byte for byte; and whether the last one is whole."""
    blocks = re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)", stream)
    out = []
    for block in blocks:
        lines = [line for line in re.split(rb"\r\n|\n|\r", block) if line]
        data = [line for line in lines if line.startswith(b"data")]
        if data:
            out.append(b"\n".join(line for line in lines if not line.startswith(b":")))
    return out


def without_null_usage(events):
    """What a client that did not ask for usage would have got: no "usage": null, no chunk with usage alone."""
    out = []
    for event in events:
        event = re.sub(rb',\s*"usage"\s*:\s*null(?=\s*[,}])|"usage"\s*:\s*null\s*,\s*', b"", event)
        try:
            value = json.loads(event[event.index(b":") + 1:])
            if value.get("choices") == [] and value.get("usage"):
                continue
        except (ValueError, AttributeError):
            pass
        out.append(event)
    return out


def compare_stream(record, got, sent):
    """None, or what differs."""
    asked = (record["request_body"].get("stream_options") or {}).get("include_usage", False)
    want, have = events_of(sent), events_of(got.body)
    if not asked:
        want, have = without_null_usage(want), without_null_usage(have)
    failed = next((i for i, e in enumerate(want) if is_error(e[e.index(b"data:") + 5:])), None)
    if failed is not None:  # it may be told in our words; what follows is never an end that looks good
        if got.status >= 400 and got.json()["error"]:  # nothing was shown yet: before any output, or all in one read
            return None
        if have[:failed] == want[:failed] and b'"error"' in b"".join(have[failed:]) and b"[DONE]" not in got.body:
            return None
        return f"error event {failed}: {first_difference(want, have)}; answer {got}"
    if any(e.endswith(b"[DONE]") for e in want):
        want = want[:next(i for i, e in enumerate(want) if e.endswith(b"[DONE]")) + 1]
        if have != want:
            return f"events differ: {first_difference(want, have)}"
        return None
    # Without [DONE]: all that came must be there, then the end or an error event.
    if have[:len(want)] != want and have[:len(want) - 1] != want[:-1]:
        return f"events differ: {first_difference(want, have)}; answer {got}"
    return None


def first_difference(want, have):
    for i, (a, b) in enumerate(zip(want, have)):
        if a != b:
            return f"event {i}: {a[:300]!r} became {b[:300]!r}"
    return f"{len(want)} events became {len(have)}; next: {(want + have)[min(len(want), len(have))][:300]!r}"


def relay_all(makers, ours):
    up = makers.upstream()
    g = makers.gateway(merge(relay_config(up.url), {"providers": {"up": {"open_models": True}},
                                                    "resilience": {"retry": {"attempts": 1}}}))
    wrong, n, same = [], 0, 0
    conn = Conn(g.address)
    for record in records(ours):
        n += 1
        path = OPERATIONS[record["api"].split(".")[-1]]
        body, sent = text_of(record, "request"), text_of(record, "response")
        up.reset()
        up.answer = answer_of(record, sent, conn)
        try:
            got = conn.request("POST", "/v1" + path, body, key=g.key)
        except AssertionError as error:
            wrong.append((record["id"], f"{error}"))
            conn = Conn(g.address)
            continue
        if got.get("connection") == "close":
            conn = Conn(g.address)
        problem = judge(record, got, sent, up, body)
        same += not problem and got.body == sent
        if problem:
            wrong.append((record["id"], record["api"], record["status"], problem))
    conn.close()
    print(f"recorded answers of {'OpenAI' if ours else 'compatible servers'} with the fidelity wire: tried {n}, equal {same}, "
          f"explained {n - same - len(wrong)} (judge: errors in the gateway's words, usage that was not asked for, members of ours), "
          f"unexplained {len(wrong)}")
    return n, wrong


def judge(record, got, sent, up, body):
    if not up.requests:
        return f"never sent: {got}"
    arrived = up.last().body
    expected = json.loads(body)
    for own in ("task", "fallback", "models", "route", "metadata"):
        if own != "metadata" and own in expected:
            return None  # a member of ours: cut out on purpose
    seen = json.loads(arrived)
    options = seen.get("stream_options")
    if expected.get("stream") and not (expected.get("stream_options") or {}).get("include_usage"):
        if not (options or {}).get("include_usage"):
            return "usage was not asked for"
    elif arrived != body:
        return f"request changed: {body[:200]!r} became {arrived[:200]!r}"
    status = record["status"]
    if record["response_encoding"] == "sse" and status == 200:
        return compare_stream(record, got, sent)
    ours = (401, 402, 403)  # about the gateway's own account: never passed on
    if status in ours or status >= 500 or status == 429 or (status == 200 and is_error(sent)):
        same = got.status == status and got.body == sent and status not in ours
        told = (400, 404, 429, 502, 503) if status == 200 else (429, 502, 503)
        return None if same or (got.status in told and got.error()) else f"{status} became {got}"
    if status == 400 and b"api key" in sent.lower():  # of the gateway's own key, said with a status of the caller's
        return None if got.status == 502 and got.error() and b"API key" not in got.body else f"{status} became {got}"
    if status >= 400 and 400 <= got.status < 500 and not has_own_form(sent):
        return None if got.error()["message"] in sent.decode() else f"{status} {sent[:300]!r} told as {got}"
    if got.status != status or got.body != sent:
        return f"{status} {sent[:300]!r} became {got}"
    return None


def has_own_form(body):
    """The form in which OpenAI's API tells errors; others' are told in it."""
    try:
        value = json.loads(body)
        return isinstance(value, dict) and isinstance(value.get("error"), dict)
    except ValueError:
        return False


def is_error(body):
    """An error with status 200: some servers begin with blanks before they know."""
    try:
        value = json.loads(body)
        if not isinstance(value, dict):
            return False
        choices = [c for c in value.get("choices") or [] if isinstance(c, dict)]
        return bool(value.get("error")) or any(c.get("error") or c.get("finish_reason") == "error" for c in choices)
    except ValueError:
        return False


@pytest.fixture
def makers():
    m = Makers()
    yield m
    m.end()


def test_only_wire_records_are_compared(monkeypatch):
    """What a recorder took apart and wrote down again says nothing about bytes."""
    record = {"api": "openai.chat", "provider": "openai", "request_encoding": "json", "response_encoding": "json", "status": 200,
              "request_body": {"model": "m"}}
    kinds = ["wire", "reserialised", "sdk", "fixture"]
    monkeypatch.setattr(sys.modules[__name__], "all_records", lambda: [{**record, "fidelity": kind} for kind in kinds])
    assert [r["fidelity"] for r in records(True)] == ["wire"]
    bytes_of = []
    run = test_corpus_faces.Run(None, None)
    monkeypatch.setattr(run, "own", lambda case: bytes_of.append(case.record["fidelity"]))
    for kind in kinds:
        run.face(types.SimpleNamespace(format="messages", record={**record, "fidelity": kind}), "messages")
    assert bytes_of == ["wire"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("ours", [True, False], ids=["openai", "compatible servers"])
def test_recorded_exchanges(makers, ours):
    if not CORPUS.is_dir():
        pytest.skip(f"no recordings at {CORPUS}: set SLUICE_CORPUS")
    n, wrong = relay_all(makers, ours)
    assert n > 200, f"only {n} recordings were usable"
    assert not wrong, f"{len(wrong)} of {n} differ:\n" + "\n".join(map(str, wrong[:12]))
