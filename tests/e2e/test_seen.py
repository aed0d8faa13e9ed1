"""What can be seen from outside: access record, metrics, health, server-timing, trace context; and that nothing else can."""

import base64
import gzip
import json
import re
import threading

import pytest

from conftest import relay_config
from lib.client import Conn, chat, chat_body, fetch, request_bytes
from lib.upstream import DONE, Answer, delta, error_answer, json_answer, stream_answer
from test_relay import read_stream


def test_access_record(relay):
    answer = chat(relay.gateway, headers=[("user-agent", "test/1.0")])
    r = relay.gateway.record(answer.id)
    assert r["operation"] == "chat" and r["method"] == "POST" and r["path"] == "/v1/chat/completions"
    assert r["status"] == 200 and r["model"] == "m" and r["key"] == "test" and r["http"] == "1.1" and not r["tls"]
    assert r["user_agent"] == "test/1.0" and r["peer"].startswith("127.0.0.1")
    assert r["ended"] == {"by": "provider", "in": r["ended"]["in"], "why": "ok"}
    assert [(c["provider"], c["model"]) for c in r["plan"]] == [("up", "upstream-model")]
    a = r["attempts"][0]
    assert a["outcome"] == "ok" and a["status"] == 200 and a["sent"] and a["bytes_in"] > 0 and a["bytes_out"] > 0
    assert 0 < a["duration_us"] <= r["duration_us"] and 0 <= r["overhead_us"] <= r["duration_us"]
    assert set(r["times_us"]) <= {"identify", "read_body", "admit", "queue", "plan", "try", "media", "pause", "relay", "respond", "settle"}
    assert sum(r["times_us"].values()) <= r["duration_us"] + 1000
    assert r["usage"] == {"input": 9, "output": 3} and r["reported"]
    assert r["bytes_in"] > 0 and r["bytes_out"] >= len(answer.body)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", r["time"])
    assert re.fullmatch(r"[0-9a-f]{12}", r["config"])


def test_refusals_have_records_too(relay):
    for answer, why in ((chat(relay.gateway, key="sk-sluice-x"), 401), (chat(relay.gateway, b"[]"), 400),
                        (chat(relay.gateway, model="nope"), 404)):
        r = relay.gateway.record(answer.id)
        assert r["status"] == why and r["ended"]["by"] == "gateway" and r["attempts"] == [] and "why" in r["ended"]


def test_stream_record(relay):
    answer = read_stream(relay.gateway)
    r = relay.gateway.record(answer.id)
    assert r["stream"] and r["committed"] and r["events"] >= 4 and r["first_token_us"] > 0


def test_metrics(relay):
    g = relay.gateway
    g.wait_metric("sluice_requests_in_flight", 0)  # the tests before are counted
    before = g.metrics()
    chat(g)
    relay.up.queue(stream_answer(delta("a"), 0.1, delta("b"), 0.1, delta("c"), 0.1, delta(finish="stop"), DONE))  # apart, not in one read
    read_stream(g)
    chat(g, key="sk-sluice-x")
    relay.up.queue(error_answer(400))
    chat(g)
    g.wait_metric("sluice_requests_in_flight", 0)
    page = g.metrics()
    grown = lambda name, **labels: page.sum(name, labels) - before.sum(name, labels)  # noqa: E731
    assert grown("sluice_requests_total", operation="chat") == 4
    attempts = [n for n in page.types if n.startswith("sluice_attempts_") and page.types[n] == "counter"]
    assert any(grown(n, outcome="ok") == 2 for n in attempts), attempts
    assert grown("sluice_upstream_connections_opened_total") + grown("sluice_upstream_connections_reused_total") == 3
    assert grown("sluice_first_token_seconds_count") >= 1
    assert grown("sluice_between_tokens_seconds_count") >= 1
    assert grown("sluice_overhead_seconds_count") == 4
    for name in ("sluice_loop_lag_seconds", "sluice_journal_lag_seconds", "sluice_upstream_first_byte_seconds"):
        assert name in page.types, name
    assert any(n.startswith("sluice_cost") for n in page.types)


def test_metric_labels_are_capped_and_escaped(make):
    """A client that invents model names does not grow the page."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    up.answer = error_answer(404, "model_not_found")
    with Conn(g.address) as c:
        for i in range(3000):
            c.request("POST", "/v1/chat/completions", chat_body(f'up/made-up"\\{i}'), key=g.key)
    page = g.metrics()
    assert len(page.samples) < 4000
    assert page.sum("sluice_metrics_folded_total") > 0


def test_health(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    assert g.admin_get("/livez").status == 200
    assert g.admin_get("/readyz").status == 200
    assert g.admin_get("/nothing").status == 404
    for path, method, allowed in (("/metrics", "POST", "GET, HEAD"), ("/api/explain", "GET", "POST"), ("/api/drill", "PUT", "GET, HEAD, POST")):
        refused = fetch(g.admin, method, path, b"" if method != "GET" else None)
        assert (refused.status, refused.get("allow")) == (405, allowed), (path, refused)
    for path in ("/metrics", "/livez", "/readyz"):  # not on the clients' port
        assert fetch(g.address, "GET", path).status in (401, 404)


def test_admin_token(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, admin={"token": "admin-canary-token"}))
    assert g.admin_get("/metrics").status == 401
    assert g.admin_get("/metrics", [("authorization", "Bearer wrong")]).status == 401
    assert g.admin_get("/metrics", [("authorization", "Bearer admin-canary-token")]).status == 200


def test_admin_checks_the_host(make):
    """A browser page on another name (DNS rebinding) gets nothing."""
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    assert g.admin_get("/metrics", [("host", "evil.test")]).status in (400, 403, 421)
    named = make.gateway(relay_config(up.url, admin={"token": "admin-canary-token"}))  # a page does not have the token
    token = ("authorization", "Bearer admin-canary-token")
    assert named.admin_get("/metrics", [("host", "gateway.monitoring:8081"), token]).status == 200
    assert named.admin_get("/metrics", [("host", "gateway.monitoring:8081")]).status == 401
    assert named.admin_get("/livez", [("host", "gateway.monitoring:8081")]).status == 200


def test_admin_posts_without_a_body_are_answered(make):
    g = make.gateway(relay_config(make.upstream().url))
    assert fetch(g.admin, "POST", "/api/explain", b"").status == 400
    assert fetch(g.admin, "POST", "/api/drill", b"").status == 400


def test_server_timing(relay):
    answer = chat(relay.gateway, headers=[("x-sluice-timing", "1")])
    timing = answer.get("server-timing")
    assert timing and re.match(r"[a-z_]+;dur=\d", timing), answer.headers
    assert chat(relay.gateway).get("server-timing") is None


def test_trace_context_is_joined(relay):
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    answer = chat(relay.gateway, headers=[("traceparent", f"00-{trace}-{span}-01"), ("tracestate", "a=b,c=d")])
    sent = relay.up.last().get("traceparent").split("-")
    assert sent[0] == "00" and sent[1] == trace and sent[2] != span and sent[3] == "01"
    assert "a=b" in relay.up.last().get("tracestate")
    r = relay.gateway.record(answer.id)
    assert r["trace_id"] == trace and r["parent_span_id"] == span and r["span_id"] in (sent[2], r["span_id"])


@pytest.mark.parametrize("bad", ["00-0-0-00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                 "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "x" * 500, ""])
def test_broken_trace_context_is_not_passed_on(relay, bad):
    assert chat(relay.gateway, headers=[("traceparent", bad)]).status == 200
    sent = relay.up.last().get("traceparent")
    assert sent != bad and (sent is None or re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", sent))


def test_injected_line_breaks_reach_no_line(relay):
    """What clients and providers choose cannot break a line of the log or of the access log."""
    relay.up.queue(error_answer(400, 'co"de\nforged: 1', type="t\u0000\u2028ype", headers=[("x-request-id", "a\tb")]))
    chat(relay.gateway, headers=[("user-agent", 'x"}\t{"forged":1')])
    lines = relay.gateway.access_path.read_bytes().split(b"\n")
    assert all(isinstance(json.loads(line), dict) for line in lines if line)
    assert not [r for r in relay.gateway.records() if "forged" in r]
    for line in relay.gateway.lines:
        assert "forged" not in json.loads(line)


def test_log_lines_are_json(relay):
    for line in relay.gateway.lines:
        event = json.loads(line)
        assert {"time", "level", "event"} <= set(event), line


# ---- secrets and content ----

def forms(canary):
    """The ways in which a text may lie somewhere."""
    raw = canary.encode()
    out = {raw, raw.hex().encode(), raw.hex().upper().encode(), canary.encode("utf-16-le"), canary.encode("utf-16-be")}
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + raw)
        out.add(text[4 if shift else 0:-4])
    return out


def test_no_secret_and_no_content_is_kept_anywhere(make):
    """Canaries in keys, prompts and answers, through successes and failures; then every file, log line, metric and answer is
    searched in several encodings."""
    provider_secret = "sk-provider-CANARYaGVsbG8-7f3a9c51d2"
    prompt, spoken = "PROMPTCANARY-b81e77c0a4", "ANSWERCANARY-55d0e91f3b"
    up = make.upstream()
    g = make.gateway(relay_config(up.url, providers={"up": {"keys": [provider_secret]}}))
    key_secret = g.key.text[len("sk-sluice-"):]
    answers = []

    def ask(body=None, **more):
        answers.append(read_stream(g, body or chat_body(stream=True, note=prompt)) if more.pop("stream", False)
                       else chat(g, body, note=prompt, **more))
    up.queue(json_answer({"id": spoken, "choices": []}))
    ask()
    up.queue(stream_answer(delta(spoken), delta(finish="stop")))
    ask(stream=True)
    for answer in (error_answer(400, "invalid_value", message=f"you said {prompt}"), error_answer(401, message=provider_secret),
                   error_answer(500, message=prompt), error_answer(500), Answer("rst"), Answer(b"garbage " + prompt.encode(), "fin"),
                   stream_answer(delta(spoken), "rst", end=False)):
        up.queue(answer)
        ask()
        up.reset()
    ask(b'{"model":"m","messages":"' + prompt.encode())
    ask(b'{"model":"m","messages":"' + prompt.encode() + b'\xff"}')
    ask(json.dumps(chat_body(prompt)).encode())
    ask(key=g.key.text + "x")
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(note=prompt), key=g.key)[:-30])
    g.wait_records(len(answers))
    page = g.admin_get("/metrics").body
    assert g.stop() == 0
    sinks = {"log": "\n".join(g.lines + g.out_lines).encode(), "metrics": page}
    for path in g.directory.rglob("*"):
        if path.is_file() and path not in (g.key_path, g.config_path):
            data = path.read_bytes()
            sinks[str(path)] = data
            if data[:2] == b"\x1f\x8b":
                sinks[str(path) + " (unpacked)"] = gzip.decompress(data)
    assert any("ledger.db" in s for s in sinks) and any("access.jsonl" in s for s in sinks)
    for canary in (provider_secret, key_secret, prompt, spoken):
        for form in forms(canary):
            hits = [name for name, data in sinks.items() if form in data]
            # A model's name is no content: the client asked for it, and it is in the record.
            if canary == prompt and form == prompt.encode():
                hits = [h for h in hits if not h.endswith("access.jsonl") or
                        any(prompt in json.dumps({**r, "model": "", "plan": [{**c, "model": ""} for c in r.get("plan", [])]})
                            for r in g.records())]
            assert not hits, (canary, form, hits)
    for answer in answers:
        whole = str(answer.headers).encode() + answer.body
        assert provider_secret.encode() not in whole and key_secret.encode() not in whole
    # The search finds what is there.
    assert any(b"upstream-model" in data for data in sinks.values())


def test_live_gauges_go_up_and_down(relay):
    g = relay.gateway
    gate = threading.Event()
    relay.up.answer = stream_answer(delta("x"), gate, delta(finish="stop"))
    conns = []
    for _ in range(7):
        c = Conn(g.address)
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=g.key))
        conns.append(c)
    g.wait_metric("sluice_requests_in_flight", 7)
    g.wait_metric("sluice_attempts_in_flight", 7)
    gate.set()
    for c in conns:
        c.read()
        c.close()
    g.wait_metric("sluice_requests_in_flight", 0)
    g.wait_metric("sluice_attempts_in_flight", 0)


def test_access_log_may_go_to_standard_output(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, log={"access": {"path": "-"}}))
    answer = chat(g)
    from lib.wait import wait_for
    line = wait_for(lambda: [line for line in g.out_lines if answer.id in line], "the record on standard output")
    assert json.loads(line[0])["id"] == answer.id
