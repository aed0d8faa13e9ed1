"""Trying again: which failures lead to the next target, what is waited for, and nothing after the first byte."""

import email.utils
import json
import threading
import time

import pytest

from conftest import Makers, relay_config
from lib.client import Closed, Conn, chat, chat_body, request_bytes
from lib.proc import PATIENCE, free_port, merge
from lib.upstream import (DONE, Answer, body_answer, chunk, completion, data_event, delta, error_answer,
                          head_bytes, json_answer, stream_answer)
from lib.wait import LONG, quickest
from test_relay import read_gated, read_stream


@pytest.fixture(scope="module")
def trio():
    """A gateway with model "both" (first, then second), "first" and "second" alone, and "dead" before "second"."""
    makers = Makers()
    one, two = makers.upstream(), makers.upstream()
    _, dead = free_port()
    kind = {"kind": "openai-compatible", "keys": ["${RELAY_PROVIDER_KEY}"], "direct": True}
    g = makers.gateway(merge(relay_config(one.url), {
        "providers": {"one": {**kind, "base_url": one.url}, "two": {**kind, "base_url": two.url},
                      "dead": {**kind, "base_url": f"http://127.0.0.1:{dead}/v1"}, "up": None},
        "models": {"both": {"targets": ["one/a", "two/b"]}, "m": {"targets": ["one/a"]},
                   "dead": {"targets": ["dead/x", "two/b"]}, "only-dead": {"targets": ["dead/x"]}},
        "resilience": {"rescue": "error", "retry": {"attempts": 3, "backoff": {"base": "20ms", "cap": "100ms"}, "wait_cap": "2s"},
                       "deadline": {"first_byte": "1500ms", "answer": "1500ms", "between_bytes": "1500ms", "total": "60s"}}}))
    g.one, g.two = one, two
    yield g
    makers.end()


@pytest.fixture
def t(trio):
    trio.one.reset()
    trio.two.reset()
    return trio


def attempts(g, answer):
    return [(a["provider"], a["outcome"]) for a in g.record(answer.id)["attempts"]]


FAILING = {
    "reset before the head": (Answer("rst"), {"reset", "stale_connection"}),
    "closed before the head": (Answer("fin"), {"reset", "truncated", "stale_connection"}),
    "reset within the head": (Answer(b"HTTP/1.1 200 OK\r\ncontent-ty", "rst"), {"reset", "truncated"}),
    "closed within the head": (Answer(b"HTTP/1.1 200 OK\r\ncontent-ty", "fin"), {"truncated", "reset"}),
    "never answers": (Answer("hang"), {"first_byte_timeout"}),
    "stops within the head": (Answer(b"HTTP/1.1 200 OK\r\n", "hang"), {"first_byte_timeout", "between_bytes_timeout"}),
    "stops within the body": (Answer(head_bytes(200, [("content-type", "application/json"), ("content-length", "50")]) +
                                     b'{"half', "hang"), {"between_bytes_timeout"}),
    "closed within the body": (Answer(head_bytes(200, [("content-type", "application/json"), ("content-length", "50")]) +
                                      b'{"half', "fin"), {"truncated"}),
    "reset within the body": (Answer(head_bytes(200, [("content-type", "application/json"), ("content-length", "50")]) +
                                     b'{"half', "rst"), {"truncated", "reset"}),
    "500": (error_answer(500, None, "server_error"), {"server_error"}),
    "502 as HTML": (body_answer(b"<html>bad gateway</html>", 502, "text/html"), {"server_error", "overloaded"}),
    "503": (error_answer(503, "server_is_overloaded", "service_unavailable_error"), {"overloaded"}),
    "504": (body_answer(b"", 504, "text/plain"), {"server_error", "overloaded"}),
    "529": (error_answer(529, None, "overloaded_error"), {"overloaded", "server_error"}),
    "429": (error_answer(429, "rate_limit_exceeded", "rate_limit_error"), {"rate_limited"}),
    "429 with retry-after": (error_answer(429, "rate_limit_exceeded", "rate_limit_error", headers=[("retry-after", "30")]),
                             {"rate_limited"}),
    "429 quota": (error_answer(429, "insufficient_quota", "insufficient_quota"), {"quota_exhausted"}),
    "401": (error_answer(401, "invalid_api_key"), {"bad_credentials"}),
    "403": (error_answer(403, "unsupported_country_region_territory"), {"forbidden"}),
    "404 model": (error_answer(404, "model_not_found"), {"model_gone"}),
    "context overflow": (error_answer(400, "context_length_exceeded", param="messages"), {"context_overflow"}),
    "error in a 200 stream's first event": (None, {"overloaded"}),
}


@pytest.mark.parametrize("name", FAILING)
def test_next_target(t, name):
    answer_of_one, outcomes = FAILING[name]
    stream = answer_of_one is None
    t.one.answer = answer_of_one or stream_answer(data_event({"error": {"message": "busy", "type": "server_error",
                                                                        "param": None, "code": "server_is_overloaded"}}))
    answer = read_stream(t, chat_body("both", stream=stream))
    assert answer.status == 200, answer
    if stream:
        assert answer.body.endswith(DONE) and b'"error"' not in answer.body
    else:
        assert answer.json() == completion()
    tried = attempts(t, answer)
    assert tried[-1] == ("two", "ok")
    assert tried[0][0] == "one" and tried[0][1] in outcomes | ({"stale_connection"} & outcomes), tried
    assert answer.get("x-sluice-target") == "two/b" and answer.get("x-sluice-attempts") == str(len(tried))


def test_refused_is_at_once(t):
    def answered_after():
        began = time.monotonic()
        answer = chat(t, model="dead")
        took = time.monotonic() - began
        assert answer.status == 200 and attempts(t, answer) == [("dead", "connect_refused"), ("two", "ok")]
        return took
    quickest(answered_after, 0.2 * PATIENCE, "moving on")
    alone = chat(t, model="only-dead")
    assert alone.status == 502 and alone.error()["code"] == "upstream_unreachable"
    assert alone.get("x-should-retry") == "false"


def test_connect_that_never_answers(make):
    """A backlog that is full: the connection is never accepted, and the connect deadline ends it."""
    import socket
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    fill = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", port))
        fill.append(s)
    up = make.upstream()
    kind = {"kind": "openai-compatible", "keys": ["${RELAY_PROVIDER_KEY}"]}
    g = make.gateway(merge(relay_config(up.url), {
        "providers": {"full": {**kind, "base_url": f"http://127.0.0.1:{port}/v1"}},
        "models": {"both": {"targets": ["full/x", "up/y"]}}, "resilience": {"deadline": {"connect": "300ms"}}}))

    def answered_after():
        began = time.monotonic()
        answer = chat(g, model="both")
        took = time.monotonic() - began
        assert answer.status == 200 and attempts(g, answer) == [("full", "connect_timeout"), ("up", "ok")]
        assert took > 0.25
        return took
    quickest(answered_after, 1.0 * PATIENCE, "moving on after the connect deadline", tries=10)
    for s in fill:
        s.close()
    listener.close()


@pytest.mark.parametrize("status,code", [(400, "invalid_value"), (422, None), (413, None), (400, "content_policy_violation"),
                                         (400, "unknown_parameter")])
def test_clients_own_faults_are_final(t, status, code):
    t.one.answer = error_answer(status, code)
    answer = chat(t, model="both")
    assert answer.status == status and answer.body == t.one.answer.parts[0]
    assert t.two.requests == []


@pytest.fixture(scope="module")
def sizes():
    """Models whose context is known, and one whose is not; what a filter refuses is asked of the next."""
    makers = Makers()
    one, two = makers.upstream(), makers.upstream()
    kind = {"kind": "openai", "keys": ["${RELAY_PROVIDER_KEY}"]}
    g = makers.gateway({
        "providers": {"one": {**kind, "base_url": one.url}, "two": {**kind, "base_url": two.url}},
        "models": {"larger": {"targets": ["one/gpt-4o", "two/gpt-3.5-turbo", "two/gpt-4o-mini", "two/gpt-4.1"]},
                   "unknown": {"targets": ["one/gpt-4o", "two/gpt-4o", "two/somebodys"]}, "as-large": {"targets": ["one/gpt-4o", "two/gpt-4o"]}},
        "resilience": {"content_filter": "next"}})
    g.one, g.two = one, two
    yield g
    makers.end()


def test_only_larger_targets_get_what_is_too_long(sizes):
    """What is too long for one is asked only of those that take more, or of whom nobody knows it."""
    refusal = error_answer(400, "context_length_exceeded", param="messages")
    for model, last in [("larger", "gpt-4.1"), ("unknown", "somebodys")]:
        sizes.one.reset()
        sizes.two.reset()
        sizes.one.answer = refusal
        answer = chat(sizes, model=model)
        assert answer.status == 200 and [r.json()["model"] for r in sizes.two.requests] == [last]
        assert attempts(sizes, answer) == [("one", "context_overflow"), ("two", "ok")]
    sizes.two.reset()
    answer = chat(sizes, model="as-large")
    assert answer.status == 400 and answer.error()["code"] == "context_length_exceeded" and sizes.two.requests == []
    sizes.one.reset()
    sizes.one.answer = error_answer(500)  # any other failure: the next one, as large or not
    assert chat(sizes, model="as-large").status == 200 and len(sizes.two.requests) == 1


def test_the_filter_by_policy(sizes):
    sizes.one.reset()
    sizes.two.reset()
    sizes.one.answer = error_answer(400, "content_policy_violation")
    answer = chat(sizes, model="as-large")
    assert answer.status == 200 and attempts(sizes, answer) == [("one", "content_filter"), ("two", "ok")]
    sizes.two.answer = error_answer(400, "content_policy_violation")
    answer = chat(sizes, model="as-large")
    assert answer.status == 400 and answer.error()["code"] == "content_policy_violation"


def test_same_target_again_after_a_pause(t):
    t.one.queue(error_answer(503, "server_is_overloaded", "service_unavailable_error"), error_answer(500), json_answer())
    answer = chat(t)
    assert answer.status == 200
    record = t.record(answer.id)
    assert [a["outcome"] for a in record["attempts"]] == ["overloaded", "server_error", "ok"]
    assert all(a["why"] for a in record["attempts"][:-1])


@pytest.mark.parametrize("headers,at_least", [
    ([("retry-after", "1")], 1.0), ([("retry-after-ms", "300")], 0.3), ([("retry-after-ms", "300"), ("retry-after", "9")], 0.3),
    ("date", 0.5)])
def test_retry_after_is_waited_for(t, headers, at_least):
    if headers == "date":
        headers = [("retry-after", email.utils.formatdate(time.time() + 2, usegmt=True))]
    t.one.queue(error_answer(429, "rate_limit_exceeded", "rate_limit_error", headers=headers), json_answer())
    began = time.monotonic()
    answer = chat(t)
    took = time.monotonic() - began
    assert answer.status == 200, answer
    assert at_least <= took < 8, took  # not the 9 s of the less exact header
    assert t.record(answer.id)["attempts"][0]["pause_us"] >= at_least * 0.99e6


@pytest.mark.parametrize("value", ["1000000000", "-5", "soon", "99999999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_strange_retry_after(t, value):
    """Too long is not waited for; garbage counts as none."""
    t.one.queue(error_answer(429, "rate_limit_exceeded", "rate_limit_error", headers=[("retry-after", value)]))
    began = time.monotonic()
    answer = chat(t)
    assert time.monotonic() - began < LONG
    assert answer.status in (200, 429), answer
    if value.startswith("1000"):
        assert answer.status == 429 and answer.error()


def test_exhausted_429_says_when_to_come_again(t):
    t.one.answer = error_answer(429, "rate_limit_exceeded", "rate_limit_error", headers=[("retry-after", "20")])
    answer = chat(t)
    assert answer.status == 429
    assert answer.error()
    assert 1 <= int(answer.get("retry-after")) <= 20
    assert len(t.one.requests) == 1, "20 s are over the cap: not waited for"


@pytest.mark.parametrize("status,code", [(401, "invalid_api_key"), (403, None)])
def test_our_fault_is_never_shown_as_theirs(t, status, code):
    t.one.answer = error_answer(status, code, message="Incorrect API key provided: sk-prov*****1234, org-secret")
    answer = chat(t)
    assert answer.status == 502 and b"sk-prov" not in answer.body and b"org-secret" not in answer.body
    assert "sk-prov" not in str(t.record(answer.id))


def test_attempts_have_a_limit(t):
    t.one.answer = error_answer(500)
    t.two.answer = error_answer(500)
    answer = chat(t, model="both")
    assert answer.status in (500, 502)
    assert len(t.one.requests) + len(t.two.requests) <= 3
    assert answer.get("x-should-retry") == "false"


def test_total_deadline(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"deadline": {"total": "1s", "answer": "10m"}}))
    up.answer = Answer("hang")
    began = time.monotonic()
    answer = chat(g)
    assert answer.status == 504 and answer.error()
    assert 0.95 < time.monotonic() - began < LONG
    assert up.wait_requests(1).gone.wait(LONG)


@pytest.mark.parametrize("stream", [False, True])
def test_deadline_of_the_first_byte_is_kept(t, stream):
    """`first_byte` for streams; `answer` for the others, whose head comes when all of the answer was made."""
    t.one.answer = Answer("hang")

    def moved_on_after():
        began = time.monotonic()
        answer = read_stream(t, chat_body("both", stream=stream))
        took = time.monotonic() - began
        assert answer.status == 200 and attempts(t, answer)[0] == ("one", "first_byte_timeout")
        assert took >= 1.5
        return took
    quickest(moved_on_after, 1.5 + 0.3 * PATIENCE, "moving on after the deadline", tries=6)


def test_comments_do_not_keep_a_silent_stream_alive_for_ever(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, resilience={"deadline": {"total": "1s"}}))
    up.answer = stream_answer(delta("x"), *[s for _ in range(2000) for s in (b": keep\n\n", 0.05)])
    began = time.monotonic()
    answer = read_stream(g)
    assert b"[DONE]" not in answer.body and b'"error"' in answer.body
    assert time.monotonic() - began < LONG  # the comments would go on for longer


# ---- after the first byte ----

BROKEN_STREAMS = {
    "reset": [delta("one"), delta("two"), "rst"],
    "closed": [delta("one"), delta("two"), "fin"],
    "ended without finish": [delta("one"), delta("two"), b"END"],
    "stalled": [delta("one"), delta("two"), "hang"],
    "half an event": [delta("one"), delta("two"), b'data: {"choices":[{"del', "fin"],
    "error event": [delta("one"), delta("two"), data_event({"error": {"message": "boom", "type": "server_error",
                                                                      "param": None, "code": None}})],
}


@pytest.mark.parametrize("name", BROKEN_STREAMS)
def test_broken_stream_never_looks_complete(t, name):
    steps = BROKEN_STREAMS[name]
    end = steps[-1] == b"END"
    seen_first = threading.Event()
    t.one.queue(stream_answer(steps[0], seen_first, *[s for s in steps[1:] if s != b"END"], end=end or name == "error event"))
    answer = read_gated(t, seen_first, chat_body("both", stream=True))
    assert answer.status == 200
    assert b'"one"' in answer.body and b'"two"' in answer.body
    assert b"[DONE]" not in answer.body
    last = [e for e in answer.body.split(b"\n\n") if e.strip()][-1]
    assert last.startswith(b"data: ") and b'"error"' in last, answer.body
    assert t.two.requests == [], "never another target after the first byte"
    record = t.record(answer.id)
    assert record["committed"] and record["attempts"][0]["outcome"] != "ok"
    assert record["ended"]["by"] == "provider"


def test_stream_that_breaks_before_the_client_saw_a_byte_fails_over(t):
    """All of it came in one piece with its end: nothing was sent yet, so the next target answers."""
    raw = b"".join(stream_answer(delta("one")).steps)
    t.one.queue(Answer(raw))
    answer = read_stream(t, chat_body("both", stream=True))
    assert answer.body.endswith(DONE) and answer.body.count(DONE) == 1
    assert (b'"one"' in answer.body) == (not t.two.requests) and b'"error"' not in answer.body


def test_error_event_has_the_shape_of_the_api(t):
    seen_first = threading.Event()
    t.one.queue(stream_answer(delta("one"), seen_first, "rst", end=False))
    answer = read_gated(t, seen_first, chat_body("both", stream=True))
    last = json.loads([e for e in answer.body.split(b"\n\n") if e.strip()][-1][6:])
    assert set(last["error"]) >= {"message", "type", "param", "code"}


def test_truncated_answer_is_never_presented_as_success(t):
    """A body that was promised longer, chunks without their end: alone it is an error."""
    whole = body_answer(b'{"a":"' + b"x" * 300 + b'"}').steps[0]
    chunked = head_bytes(200, [("content-type", "application/json"), ("transfer-encoding", "chunked")]) + chunk(b'{"a":1}')
    for raw in (whole[:-1], whole[:-100], chunked, chunked[:-3]):
        for end in ("fin", "rst"):
            t.one.reset()
            t.one.answer = Answer(raw, end)
            answer = chat(t)
            assert answer.status == 502 and answer.error()["code"] in ("upstream_truncated", "upstream_error"), answer


def test_large_truncated_answer(make):
    """More than is held back: the client has seen bytes, so the answer must be visibly cut."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url, relay={"hold_bytes": "64KiB"}, resilience={"retry": {"attempts": 1}}))
    body = b'{"a":"' + b"x" * 1000000
    up.answer = Answer(head_bytes(200, [("content-type", "application/json"), ("content-length", "2000000")]) + body, "rst")
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(), key=g.key))
        try:
            answer = c.read()
            assert answer.status == 502, answer
        except Closed:
            pass


@pytest.mark.parametrize("end", ["fin", "rst"])
@pytest.mark.parametrize("framing", ["length", "chunked", "stream"])
@pytest.mark.timeout(600)
def test_cut_at_every_byte(t, framing, end):
    """A short answer cut behind byte k, for all k: from the next target before the first byte, visibly broken after."""
    payload = b'{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
    if framing == "length":
        raw = head_bytes(200, [("content-type", "application/json"), ("content-length", str(len(payload)))]) + payload
    elif framing == "chunked":
        raw = head_bytes(200, [("content-type", "application/json"), ("transfer-encoding", "chunked")]) + \
            chunk(payload[:40]) + chunk(payload[40:]) + b"0\r\n\r\n"
    else:
        raw = head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]) + \
            chunk(b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n') + chunk(DONE) + b"0\r\n\r\n"
    done_at = raw.find(DONE) + len(DONE) if framing == "stream" else len(raw)
    t.two.answer = json_answer({"second": True}) if framing != "stream" else stream_answer(delta("second"), DONE)
    with Conn(t.address) as c:
        for k in range(len(raw)):
            t.one.reset()
            t.one.answer = Answer(raw[:k], end)
            c.send(request_bytes("POST", "/v1/chat/completions", chat_body("both", stream=framing == "stream"), key=t.key))
            answer = c.read(partial=True)
            assert answer.status == 200, (k, answer)
            if framing != "stream":
                assert answer.complete and answer.json() == {"second": True}, (k, raw[:k], answer)
            elif b"second" in answer.body:
                assert answer.body.endswith(DONE) and b'"hi"' not in answer.body, (k, answer)
            elif k < done_at:
                assert b'"error"' in answer.body and b"[DONE]" not in answer.body, (k, raw[:k], answer)
            else:
                assert answer.body.endswith(DONE), (k, answer)
            if not answer.complete or answer.get("connection") == "close":
                c.close()
                c.__init__(t.address)


# ---- what errors say ----

SAID = [  # answer, outcome, status and code for the client when nothing else is left
    (json_answer([{"error": {"code": 400, "message": "told so", "status": "INVALID_ARGUMENT"}}], 400), "client_fault", 400, "bad_request"),
    (json_answer({"message": "Too many requests"}, 429, [("x-amzn-errortype", "ThrottlingException:http://x/")]), "rate_limited", 429,
     "upstream_rate_limited"),
    (json_answer({"detail": "told so: This model's maximum context length is 10 tokens"}, 500), "context_overflow", 400,
     "context_length_exceeded"),
    (json_answer({"code": "invalid-argument", "error": "Incorrect API key provided: x"}, 400), "bad_credentials", 502,
     "upstream_credentials_refused"),
    (json_answer({"error": {"message": "told so", "code": "insufficient_quota"}}), "quota_exhausted", 502, "upstream_quota_exhausted"),
    (json_answer({"error": {"message": "told so", "code": "context_length_exceeded"}}), "context_overflow", 400,
     "context_length_exceeded"),
    (stream_answer(data_event({"error": {"message": "told so", "code": 429}})), "rate_limited", 429, "upstream_rate_limited"),
    (body_answer(b"<html><title>502</title></html>", 502, "text/html"), "server_error", 502, "upstream_error"),
]


@pytest.mark.parametrize("said", range(len(SAID)))
def test_what_an_error_says(t, said):
    """Bodies of many shapes, errors in headers, errors in a 200: named alike, and the next target is asked where that may help."""
    answer, outcome, status, code = SAID[said]
    stream = said == 6
    for model in ("both", "m"):
        t.one.reset()
        t.one.answer = answer
        t.two.answer = stream_answer(delta("second", "stop"), DONE) if stream else json_answer(completion("second"))
        got = chat(t, chat_body(model, stream=stream))
        moves = model == "both" and outcome != "client_fault"
        assert attempts(t, got)[0] == ("one", outcome), attempts(t, got)
        assert got.status == (200 if moves else status), got
        if moves:
            assert b"second" in got.body
        elif code is not None:
            assert got.error()["code"] == code, got
            assert ("told so" in got.error()["message"]) == (status == 400), got


@pytest.mark.parametrize("where", ["detail", "message", "reset"])
def test_waits_that_stand_elsewhere(t, where):
    """RetryInfo in the body, words in the message, the reset of a used-up limit: waited for like retry-after."""
    error = {"message": "Slow down.", "code": 429, "status": "RESOURCE_EXHAUSTED"}
    headers = []
    if where == "detail":
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.7s"}]
    elif where == "message":
        error["message"] = "Please try again in 700ms."
    else:
        headers = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "700ms")]
    t.one.queue(json_answer({"error": error}, 429, headers), json_answer())
    began = time.monotonic()
    answer = chat(t, chat_body("m"))
    assert answer.status == 200 and time.monotonic() - began >= 0.7
    assert attempts(t, answer) == [("one", "rate_limited"), ("one", "ok")]


@pytest.fixture(scope="module")
def priced():
    """A second target for a model that has a price, and a bound that one broken answer reaches."""
    makers = Makers()
    one, two = makers.upstream(), makers.upstream()
    kind = {"kind": "openai", "keys": ["k"]}
    g = makers.gateway({"providers": {"one": {**kind, "base_url": one.url}, "two": {**kind, "base_url": two.url}},
                        "models": {"m": {"targets": ["one/gpt-4o", "two/gpt-4o"]}},
                        "resilience": {"retry": {"attempts": 3, "max_cost": "0.000001", "backoff": {"base": "20ms", "cap": "20ms"}}}})
    g.one, g.two = one, two
    yield g
    makers.end()


@pytest.mark.parametrize("broken", ["before", "behind"])
def test_money_is_bounded(priced, broken):
    """What is refused costs nothing and the next target is asked; a stream that breaks may be billed, and with it the bound is reached: before
    its first word and behind it."""
    t = priced
    for up in (t.one, t.two):
        up.reset()
        up.answer = stream_answer(delta("fine", "stop"), DONE)
    body = chat_body("m", stream=True)
    t.one.answer = error_answer(500)
    assert b"fine" in chat(t, body).body
    t.one.answer = stream_answer(*([delta("be", None)] if broken == "behind" else [delta("", None)]), "rst", end=False)
    asked = len(t.two.requests)
    got = chat(t, body)
    record = t.record(got.id)
    assert [a["provider"] for a in record["attempts"]] == ["one"] and len(t.two.requests) == asked, record
    assert float(record["cost_usd"]) > 0.000001, record
    assert got.status >= 500 or b'"error"' in got.body, got
