"""The relay: the same bytes pass, only the model's name, our own members and the credentials are replaced."""

import base64
import gzip
import json
import threading
import time
import zlib

import brotli
import pytest
import zstandard

from lib.client import Closed, Conn, chat, chat_body, fetch, request_bytes
from lib.proc import PATIENCE
from lib.upstream import (DONE, Answer, body_answer, chat_events, chunk, completion, data_event, delta, head_bytes,
                          json_answer, stream_answer, usage_event)
from lib.wait import LONG, quickest

ODD_JSON = (b'{ "id" : "chatcmpl-\\u00e9", "object":"chat.completion",\r\n\t"created":1764000000,"model":"upstream-model",'
            b'"choices":[{"index":0,"message":{"role":"assistant","content":"\\ud83d\\ude00 \xc3\xa9 \\/"},'
            b'"finish_reason":"stop"}],"n":12345678901234567890,"f":1.0e+2,"minus":-0.0,"unknown":{"a":[null,true]},'
            b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n')


# ---- requests: what the provider gets ----

def test_request_bytes_pass_unchanged_but_for_the_model(relay):
    body = (b'{ "messages" : [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00 {\\"model\\":\\"m\\"} \xc3\xbc"} ] ,\n'
            b'  "model"  :  "m" , "temperature":1.00, "big":12345678901234567890, "x_unknown":{"model":"m","a":[1,2]} }')
    answer = chat(relay.gateway, body)
    assert answer.status == 200, answer
    got = relay.up.last()
    assert got.body == body.replace(b'"model"  :  "m"', b'"model"  :  "upstream-model"')
    assert got.method == "POST" and got.target == "/v1/chat/completions"
    assert got.get("content-type") == "application/json"


@pytest.mark.parametrize("place", ["first", "middle", "last", "escaped"])
def test_model_is_spliced_wherever_it_stands(relay, place):
    rest = b'"messages":[{"role":"user","content":"x"}]'
    body = {"first": b'{"model":"m",' + rest + b'}',
            "middle": b'{"a":1,"model":"m",' + rest + b'}',
            "last": b'{' + rest + b',"model":"m"}',
            "escaped": b'{' + rest + b',"mod\\u0065l":"\\u006d"}'}[place]
    assert chat(relay.gateway, body).status == 200
    assert relay.up.last().json()["model"] == "upstream-model"
    assert rest in relay.up.last().body


def test_own_members_are_cut_out(relay):
    body = (b'{"task":"summarization","model":"m","fallback":true,"messages":[{"role":"user","content":"x"}],'
            b'"metadata":{"feature":"f"},"seed":7}')
    answer = chat(relay.gateway, body)
    assert answer.status == 200, answer
    sent = relay.up.last().json()
    assert "task" not in sent and "fallback" not in sent
    assert sent["seed"] == 7 and sent["messages"] == [{"role": "user", "content": "x"}]


def test_own_headers_never_reach_a_provider(relay):
    own = [("x-sluice-task", "reasoning"), ("x-sluice-tags", "a=b"), ("x-sluice-fallback", "true")]
    assert chat(relay.gateway, headers=own).status == 200
    assert not [n for n, _ in relay.up.last().headers if n.lower().startswith("x-sluice")]


def test_credentials_and_hop_headers_are_replaced(relay):
    key = relay.gateway.key.text
    headers = [("x-api-key", key), ("api-key", key), ("cookie", "session=canary"), ("OpenAI-Organization", "org-canary"),
               ("connection", "x-hop, keep-alive"), ("x-hop", "canary"), ("keep-alive", "timeout=5"),
               ("te", "trailers"), ("proxy-authorization", "Basic canary"), ("x-forwarded-for", "1.2.3.4"),
               ("x-custom-kept", "yes")]
    assert chat(relay.gateway, headers=headers).status == 200
    seen = relay.up.last()
    assert seen.get("authorization") == "Bearer provider-secret-1"
    assert key.encode() not in seen.raw_head and b"canary" not in seen.raw_head
    for name in ("x-api-key", "api-key", "cookie", "x-hop", "te", "keep-alive", "proxy-authorization"):
        assert seen.get(name) is None, name
    assert seen.get("host") == f"127.0.0.1:{relay.up.port}"


def test_key_in_the_query_is_not_passed_on(relay):
    answer = fetch(relay.gateway.address, "POST", f"/v1/chat/completions?key={relay.gateway.key.text}&api-version=1",
                   chat_body())
    assert answer.status == 200, answer
    assert relay.gateway.key.text.encode() not in relay.up.last().raw_head


@pytest.mark.parametrize("path", [
    "/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/",
    "/v1/chat/completions?foo=bar&baz", "//v1//chat/completions", "/openai/v1/chat/completions",
    "/openai/deployments/m/chat/completions?api-version=2026-01-01"])
def test_path_variants(relay, path):
    answer = chat(relay.gateway, path=path)
    assert answer.status == 200, answer
    assert relay.up.last().path == "/v1/chat/completions"


def test_hello_paths(relay):
    address = relay.gateway.address
    assert fetch(address, "HEAD", "/").status == 200
    assert fetch(address, "HEAD", "/api/hello").status == 200
    assert fetch(address, "GET", "/api/hello").status == 200


@pytest.mark.parametrize("path,what", [("/v1/completions", {"prompt": "x"}), ("/v1/embeddings", {"input": "x"}),
                                       ("/embeddings/", {"input": ["a", "b"], "encoding_format": "base64"})])
def test_other_operations(relay, path, what):
    answer = fetch(relay.gateway.address, "POST", path, {"model": "m", **what}, key=relay.gateway.key)
    assert answer.status == 200, answer
    assert relay.up.last().path == "/v1/" + path.strip("/").removeprefix("v1/")
    assert relay.up.last().json() == {"model": "upstream-model", **what}


def test_models_list_and_one(relay):
    listed = fetch(relay.gateway.address, "GET", "/v1/models", key=relay.gateway.key).json()
    assert listed["object"] == "list" and "m" in [m["id"] for m in listed["data"]]
    assert {"id", "object", "created", "owned_by"} <= set(listed["data"][0])
    one = fetch(relay.gateway.address, "GET", "/v1/models/m", key=relay.gateway.key)
    assert one.status == 200 and one.json()["id"] == "m" and one.json()["object"] == "model"
    none = fetch(relay.gateway.address, "GET", "/v1/models/nope", key=relay.gateway.key)
    assert none.status == 404 and none.error()["code"] == "model_not_found"


def test_unknown_path_and_method(relay):
    none = fetch(relay.gateway.address, "GET", "/v1/nothing/here", key=relay.gateway.key)
    assert none.status == 404 and none.error()["code"] == "unknown_url"
    wrong = fetch(relay.gateway.address, "GET", "/v1/chat/completions", key=relay.gateway.key)
    assert wrong.status == 405 and "POST" in wrong.get("allow") and wrong.error()


def test_provider_and_model_may_be_named_directly(relay):
    assert chat(relay.gateway, model="up/any-model:x").status == 200
    assert relay.up.last().json()["model"] == "any-model:x"


# ---- request encodings ----

def encoded(coding, data):
    if coding == "gzip":
        return gzip.compress(data)
    if coding == "deflate":
        return zlib.compress(data)
    if coding == "br":
        return brotli.compress(data, quality=3)
    return zstandard.compress(data)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
def test_encoded_bodies(relay, coding):
    body = json.dumps(chat_body(note="x" * 3000)).encode()
    answer = chat(relay.gateway, encoded(coding, body), [("content-encoding", coding)])
    assert answer.status == 200, answer
    seen = relay.up.last()
    assert seen.get("content-encoding") is None
    assert seen.body == body.replace(b'"m"', b'"upstream-model"')


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
def test_bombs_are_refused(relay, coding):
    before = relay.gateway.rss_kib()
    bomb = encoded(coding, b'{"model":"m","messages":[' + b" " * (100 << 20) + b"]}")
    answer = chat(relay.gateway, bomb, [("content-encoding", coding)])
    assert answer.status == 413 and answer.error(), answer
    assert relay.up.requests == []
    assert relay.gateway.rss_kib() - before < 48 * 1024


@pytest.mark.parametrize("coding,data,status", [
    ("gzip", b"this is no gzip", 400), ("zstd", b"nor zstd", 400), ("br", b"\xff\xff\xffnor br", 400),
    ("gzip", gzip.compress(b'{"model":"m"}')[:-5], 400), ("snappy", b"x", 415), ("gzip, gzip", b"x", 415)])
def test_broken_encodings(relay, coding, data, status):
    answer = chat(relay.gateway, data, [("content-encoding", coding)])
    assert answer.status == status and answer.error(), answer
    assert relay.up.requests == []


def test_chunked_upload(relay):
    body = json.dumps(chat_body()).encode()
    pieces = b"".join(chunk(body[i:i + 7]) for i in range(0, len(body), 7)) + b"0\r\nx-trailer: y\r\n\r\n"
    answer = chat(relay.gateway, pieces, [("transfer-encoding", "chunked")])
    assert answer.status == 200, answer
    assert relay.up.last().json()["messages"] == chat_body()["messages"]
    assert relay.up.last().get("x-trailer") is None


def test_expect_100_continue(relay):
    body = json.dumps(chat_body()).encode()
    with Conn(relay.gateway.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", None,
                             [("content-length", str(len(body))), ("content-type", "application/json"),
                              ("expect", "100-continue")], relay.gateway.key))
        assert c.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        c.send(body)
        assert c.read().status == 200


# ---- answers: what the client gets ----

@pytest.mark.parametrize("framing", ["length", "chunked", "until-close", "slow"])
def test_answer_bytes_pass_unchanged(relay, framing):
    plain = [("content-type", "application/json"), ("x-provider", "kept")]
    if framing == "length":
        relay.up.queue(body_answer(ODD_JSON))
    elif framing == "chunked":
        head = head_bytes(200, [*plain, ("transfer-encoding", "chunked")])
        relay.up.queue(Answer(head, *[chunk(ODD_JSON[i:i + 11]) for i in range(0, len(ODD_JSON), 11)], b"0\r\n\r\n"))
    elif framing == "until-close":
        relay.up.queue(Answer(head_bytes(200, [*plain, ("connection", "close")]) + ODD_JSON, "fin"))
    else:
        raw = head_bytes(200, [*plain, ("content-length", str(len(ODD_JSON)))]) + ODD_JSON
        relay.up.queue(Answer(*[s for i in range(0, len(raw), 40) for s in (raw[i:i + 40], 0.001)]))
    answer = chat(relay.gateway)
    assert answer.status == 200 and answer.complete
    assert answer.body == ODD_JSON
    assert answer.get("content-type") == "application/json"


def test_answer_headers(relay):
    headers = [("x-request-id", "req_abc"), ("openai-processing-ms", "17"), ("x-ratelimit-remaining-requests", "9"),
               ("set-cookie", "__cf_bm=canary"), ("alt-svc", "h3=canary"), ("server", "theirs"),
               ("x-sluice-id", "forged"), ("x-sluice-cost", "forged")]
    relay.up.queue(json_answer(headers=headers))
    answer = chat(relay.gateway)
    assert answer.get("x-request-id") == "req_abc"
    assert answer.get("openai-processing-ms") == "17"
    assert answer.get("x-ratelimit-remaining-requests") == "9"
    assert answer.get("set-cookie") is None and answer.get("alt-svc") is None
    assert "forged" not in str(answer.headers) and len(answer.all("x-sluice-id")) == 1
    assert answer.get("x-sluice-target") == "up/upstream-model"
    assert answer.get("x-sluice-attempts") == "1"


def test_nothing_is_revealed_without_a_key(relay):
    answer = chat(relay.gateway, key="sk-sluice-wrong")
    assert answer.status == 401
    shown = {n.lower() for n, _ in answer.headers if n.lower().startswith("x-sluice")}
    assert shown <= {"x-sluice-id"}, answer.headers


def test_error_answers_pass_unchanged(relay):
    body = b'{ "error" : {"message":"no \\u00e9","type":"invalid_request_error","param":"messages[0]","code":"invalid_value"}}'
    relay.up.queue(body_answer(body, 400))
    answer = chat(relay.gateway)
    assert answer.status == 400 and answer.body == body
    record = relay.gateway.record(answer.id)
    assert record["attempts"][0]["outcome"] == "client_fault" and record["status"] == 400


# ---- streams ----

def read_stream(gateway, body=None, key=True):
    with Conn(gateway.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", body or chat_body(stream=True), key=gateway.key))
        return c.read(partial=True)


def read_gated(gateway, gate, body=None):
    """A stream that goes on, or breaks, only once the client has seen its first event."""
    with Conn(gateway.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", body or chat_body(stream=True), key=gateway.key))
        answer = c.read_head()
        pieces = c.pieces(answer)
        data = bytearray()
        try:
            while b"\n\n" not in data:
                data += next(pieces)
            gate.set()
            for piece in pieces:
                data += piece
        except Closed:
            pass
        answer.body = bytes(data)
        return answer


def test_stream_bytes_pass_unchanged(relay):
    events = chat_events() + [data_event(b'{ "odd" :  "\\u00e9 \xc3\xa9", "choices":[] }')]
    relay.up.queue(stream_answer(*events, DONE))
    answer = read_stream(relay.gateway, chat_body(stream=True, stream_options={"include_usage": True}))
    assert answer.status == 200 and answer.complete
    assert answer.get("content-type").startswith("text/event-stream")
    assert answer.body == b"".join(events) + DONE


def test_usage_is_asked_for_and_hidden(relay):
    answer = read_stream(relay.gateway)
    assert relay.up.last().json()["stream_options"] == {"include_usage": True}
    assert answer.body == b"".join(chat_events(usage=False)) + DONE
    record = relay.gateway.record(answer.id)
    assert record["usage"] == {"input": 9, "output": 3} and record["reported"]


def test_usage_is_asked_for_beside_other_options(relay):
    body = b'{"model":"m","stream":true,"stream_options":{"include_obfuscation":false},"messages":[]}'
    read_stream(relay.gateway, body)
    assert relay.up.last().json()["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    body = b'{"model":"m","stream":true,"stream_options":null,"messages":[]}'
    read_stream(relay.gateway, body)
    assert relay.up.last().json()["stream_options"] == {"include_usage": True}
    body = b'{"model":"m","stream":true,"stream_options":{"include_usage":false},"messages":[]}'
    assert b'"choices": []' not in read_stream(relay.gateway, body).body
    assert relay.up.last().json()["stream_options"] == {"include_usage": True}


def test_usage_stays_for_a_client_that_asked(relay):
    answer = read_stream(relay.gateway, chat_body(stream=True, stream_options={"include_usage": True}))
    assert answer.body == b"".join(chat_events()) + DONE


def test_null_usage_members_are_hidden_with_the_chunk(relay):
    with_null = delta("x", usage=None)
    assert b'"usage": null' in with_null
    relay.up.queue(stream_answer(with_null, delta(finish="stop", usage=None), usage_event(), DONE))
    answer = read_stream(relay.gateway)
    events = [e for e in answer.body.split(b"\n\n") if e]
    assert len(events) == 3 and b"usage" not in answer.body
    assert json.loads(events[0][6:]) == {k: v for k, v in json.loads(with_null[6:]).items() if k != "usage"}


def test_no_usage_is_asked_for_without_a_stream(relay):
    chat(relay.gateway)
    assert "stream_options" not in relay.up.last().json()


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_stream_line_ends(relay, ends):
    events = [e.replace(b"\n", ends) for e in chat_events()] + [DONE.replace(b"\n", ends)]
    relay.up.queue(stream_answer(*events))
    answer = read_stream(relay.gateway, chat_body(stream=True, stream_options={"include_usage": True}))
    assert answer.body == b"".join(events)
    assert relay.gateway.record(answer.id)["usage"] == {"input": 9, "output": 3}


def test_comments_become_bare_life_signs(relay):
    events = chat_events()
    relay.up.queue(stream_answer(b": OPENROUTER PROCESSING\n\n", events[0], b":\n\n", b": keep\n", *events[1:], DONE))
    answer = read_stream(relay.gateway, chat_body(stream=True, stream_options={"include_usage": True}))
    lines = answer.body.split(b"\n")
    assert not [line for line in lines if line.startswith(b":")]
    assert [line for line in lines if line] == [e.strip() for e in events] + [DONE.strip()]


def test_stream_split_at_every_byte(relay):
    """The same client bytes, wherever the provider's bytes are cut."""
    events = [e.replace(b"\n", b"\r\n") for e in chat_events(("h\u00e9",))] + [b": note\r\n\r\n"]
    raw = b"".join(events) + DONE
    expected = None
    relay.up.answer = stream_answer(raw)
    expected = read_stream(relay.gateway).body
    assert b"[DONE]" in expected and b"prompt_tokens" not in expected
    relay.up.answer = stream_answer(*[s for i in range(len(raw)) for s in (raw[i:i + 1], 0.0)])
    assert read_stream(relay.gateway).body == expected
    with Conn(relay.gateway.address) as c:
        for k in range(1, len(raw), 3):
            relay.up.answer = stream_answer(raw[:k], 0.0005, raw[k:])
            answer = c.request("POST", "/v1/chat/completions", chat_body(stream=True), key=relay.gateway.key)
            assert answer.body == expected, k


def test_events_are_flushed_one_by_one(relay):
    gates = [threading.Event() for _ in range(4)]
    steps = []
    for i, gate in enumerate(gates):
        steps += [delta(f"w{i}"), gate]
    relay.up.queue(stream_answer(*steps, delta(finish="stop"), DONE))
    with Conn(relay.gateway.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=relay.gateway.key))
        events = c.events(c.read_head())
        for i, gate in enumerate(gates):
            assert f'"w{i}"'.encode() in next(events)  # comes while the provider waits
            gate.set()
        assert b"stop" in next(events) and next(events) == DONE


def test_stream_without_done_but_finished(relay):
    """Servers exist that send no [DONE]; the client gets no error, and the end."""
    relay.up.queue(stream_answer(*chat_events()))
    answer = read_stream(relay.gateway)
    assert answer.complete and b'"error"' not in answer.body
    assert relay.gateway.record(answer.id)["attempts"][0]["outcome"] == "ok"


def test_json_answer_to_a_stream_request(relay):
    relay.up.queue(body_answer(b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"x"}}', 400))
    answer = read_stream(relay.gateway)
    assert answer.status == 400 and answer.error()["code"] == "x"


def test_data_behind_done_is_dropped(relay):
    relay.up.queue(stream_answer(*chat_events(usage=False), DONE, data_event(b'{"late":1}')))
    answer = read_stream(relay.gateway)
    assert answer.body.endswith(DONE) and b"late" not in answer.body


def test_keep_alive_serves_many_on_one_connection(relay):
    with Conn(relay.gateway.address) as c:
        for i in range(50):
            stream = i % 3 == 0
            answer = c.request("POST", "/v1/chat/completions", chat_body(stream=stream), key=relay.gateway.key)
            assert answer.status == 200 and answer.complete
    before = relay.up.connections
    with Conn(relay.gateway.address) as c:
        for _ in range(20):
            assert c.request("POST", "/v1/chat/completions", chat_body(), key=relay.gateway.key).status == 200
    assert relay.up.connections - before <= 2  # connections to the provider are reused


def test_head_and_options(relay):
    assert fetch(relay.gateway.address, "HEAD", "/v1/models", key=relay.gateway.key).body == b""
    answer = fetch(relay.gateway.address, "OPTIONS", "/v1/chat/completions", key=relay.gateway.key)
    assert answer.status in (200, 204, 405), answer


def test_large_answer_is_relayed_whole(relay):
    text = base64.b64encode(bytes(range(256)) * 4096).decode()  # 1.4 MB
    body = json.dumps(completion(text)).encode()
    relay.up.queue(body_answer(body))
    assert chat(relay.gateway).body == body


def test_client_that_leaves_cancels_the_provider(relay):
    for how in ("close", "reset"):
        def cancelled_after(how=how):
            relay.up.reset()
            relay.up.queue(stream_answer(delta("one"), "hang"))
            c = Conn(relay.gateway.address)
            c.send(request_bytes("POST", "/v1/chat/completions", chat_body(stream=True), key=relay.gateway.key))
            head = c.read_head()
            next(c.events(head))
            left = time.monotonic()
            getattr(c, how)()
            seen = relay.up.last()
            assert seen.gone.wait(LONG), "the provider was not cancelled"
            record = relay.gateway.record(head.id)
            assert record["ended"]["by"] == "client" and record["attempts"][0]["outcome"] == "client_gone"
            assert record["estimated"] and record["usage"].get("input", 0) > 0
            return seen.gone_at - left
        quickest(cancelled_after, 0.1 * PATIENCE, f"cancelling the provider ({how})")


def test_client_that_leaves_before_the_head_cancels(relay):
    relay.up.queue(Answer("hang"))
    c = Conn(relay.gateway.address)
    c.send(request_bytes("POST", "/v1/chat/completions", chat_body(), key=relay.gateway.key))
    seen = relay.up.wait_requests(1)
    c.close()
    assert seen.gone.wait(LONG)
    record = relay.gateway.record(where=lambda r: r["ended"].get("why") == "client_gone" and r["status"] == 0)
    assert record["attempts"][0]["outcome"] == "client_gone"


# ---- answers too long to be held ----

@pytest.mark.parametrize("place", ["front", "middle", "end"])
def test_usage_of_a_long_answer(relay, place):
    """Passed on as it comes, and its usage is counted wherever it stands; content that looks like usage is not."""
    usage = b'"usage":{"prompt_tokens":120,"completion_tokens":34,"total_tokens":154}'
    text = json.dumps('and "usage":{"prompt_tokens":1} ' * 30000).encode()
    choices = b'"choices":[{"index":0,"message":{"role":"assistant","content":' + text + b'},"finish_reason":"stop"}]'
    pad = b'"padding":[' + b'{"usage":{"prompt_tokens":5}},' * 20000 + b'null]'
    members = {"front": [usage, choices, pad], "middle": [choices, usage, pad], "end": [pad, choices, usage]}[place]
    body = b'{"id":"c",' + b",".join(members) + b"}"
    relay.up.answer = body_answer(body)
    answer = chat(relay.gateway)
    assert answer.status == 200 and answer.body == body
    record = relay.gateway.record(answer.id)
    assert record["usage"] == {"input": 120, "output": 34} and not record.get("estimated"), record
