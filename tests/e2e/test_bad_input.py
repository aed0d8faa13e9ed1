"""Bad bodies: an OpenAI-shaped answer that names the member, nothing upstream, and the process goes on."""

import json
import os
import struct

import pytest

from conftest import relay_config
from lib.client import Conn, chat, chat_body, request_bytes

MESSAGES = b'"messages":[{"role":"user","content":"x"}]'


def deep(n, opening=b"[", closing=b"]"):
    return b'{"model":"m","messages":' + opening * n + closing * n + b"}"


CASES = {
    "array": (b'[{"model":"m"}]', 400, None, None),
    "string": (b'"model"', 400, None, None),
    "number": (b"1", 400, None, None),
    "null": (b"null", 400, None, None),
    "empty": (b"", 400, None, None),
    "blanks": (b"   \n", 400, None, None),
    "lacks model": (b"{" + MESSAGES + b"}", 400, "model", "missing_required_parameter"),
    "unknown model": (b'{"model":"gpt-nope",' + MESSAGES + b"}", 404, "model", "model_not_found"),
    "model is a number": (b'{"model":7,' + MESSAGES + b"}", 400, "model", "invalid_type"),
    "model is null": (b'{"model":null,' + MESSAGES + b"}", 400, "model", None),
    "model is empty": (b'{"model":"",' + MESSAGES + b"}", 400, "model", None),
    "model is an object": (b'{"model":{"a":1},' + MESSAGES + b"}", 400, "model", "invalid_type"),
    "model too long": (b'{"model":"' + b"x" * 100000 + b'",' + MESSAGES + b"}", None, "model", None),
    "model twice": (b'{"model":"m","model":"m",' + MESSAGES + b"}", 400, "model", "repeated_parameter"),
    "model twice, escaped": (b'{"model":"m","\\u006dodel":"m",' + MESSAGES + b"}", 400, "model", "repeated_parameter"),
    "stream twice": (b'{"model":"m","stream":true,"stream":false,' + MESSAGES + b"}", 400, "stream", "repeated_parameter"),
    "stream is a text": (b'{"model":"m","stream":"yes",' + MESSAGES + b"}", 400, "stream", "invalid_type"),
    "10,000 deep": (deep(10000), 400, None, "nested_too_deep"),
    "10,000 objects deep": (deep(10000, b'{"a":', b"}").replace(b":}", b":1}", 1), 400, None, None),
    "10,000 deep, never closed": (b'{"model":"m","messages":' + b"[" * 10000, 400, None, None),
    "invalid UTF-8": (b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}', 400, "messages", "invalid_utf8"),
    "overlong UTF-8": (b'{"model":"m","messages":[{"role":"user","content":"\xc0\xaf"}]}', 400, "messages", "invalid_utf8"),
    "surrogate in UTF-8": (b'{"model":"m","messages":"\xed\xa0\x80"}', 400, "messages", "invalid_utf8"),
    "invalid UTF-8 in a key": (b'{"model":"m","\xff":1,' + MESSAGES + b"}", 400, None, "invalid_utf8"),
    "broken": (b'{"model":"m",' + MESSAGES, 400, None, "invalid_json"),
    "comma": (b'{"model":"m",' + MESSAGES + b",}", 400, None, "invalid_json"),
    "two values": (b'{"model":"m",' + MESSAGES + b"}{}", 400, None, "invalid_json"),
    "single quotes": (b"{'model':'m'}", 400, None, "invalid_json"),
    "NaN": (b'{"model":"m","temperature":NaN,' + MESSAGES + b"}", 400, None, "invalid_json"),
    "raw newline in a string": (b'{"model":"m","user":"a\nb",' + MESSAGES + b"}", 400, None, "invalid_json"),
    "NUL": (b'{"model":"m"\x00,' + MESSAGES + b"}", 400, None, "invalid_json"),
    "byte order mark": (b'\xef\xbb\xbf{"model":"m",' + MESSAGES + b"}", 400, None, "invalid_json"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_body(relay, name):
    body, status, param, code = CASES[name]
    answer = chat(relay.gateway, body)
    assert answer.status == status if status else answer.status in (400, 404), answer
    error = answer.error()
    if param is not None:
        assert error["param"] == param or param in error["message"], error
    if code is not None:
        assert error["code"] == code, error
    assert error["type"] == "invalid_request_error"
    assert answer.get("x-should-retry") == "false"
    assert len(answer.body) < 2000 and b"\xff" not in answer.body
    assert relay.up.requests == []


def test_messages_do_not_quote_the_body(relay):
    answer = chat(relay.gateway, b'{"model":"m","messages":"canary-in-the-prompt"')
    assert answer.status == 400 and b"canary" not in answer.body
    assert not [line for line in relay.gateway.lines if "canary" in line]


def test_connection_survives_a_bad_body(relay):
    with Conn(relay.gateway.address) as c:
        for body in (b"{", b"[]", b'{"model":"nope"}'):
            assert c.request("POST", "/v1/chat/completions", body, key=relay.gateway.key).status in (400, 404)
        assert c.request("POST", "/v1/chat/completions", chat_body(), key=relay.gateway.key).status == 200


@pytest.mark.parametrize("name", ["a\r\nx-injected: 1", "a\x00b", "x" * 300, "\u202e", "../../etc/passwd", "{{7*7}}", "a/b/c",
                                  "'; DROP TABLE keys; --", "${HOME}", "\u00e9" * 60])
def test_hostile_model_names(relay, name):
    answer = chat(relay.gateway, {"model": name, "messages": []})
    assert answer.status in (400, 404), answer
    assert answer.get("x-injected") is None
    answer.error()


def test_wrong_content_type(relay):
    answer = chat(relay.gateway, b"model=m", [("content-type", "application/x-www-form-urlencoded")])
    assert answer.status in (400, 415) and answer.error()
    # What real clients send must work.
    for kind in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
        assert chat(relay.gateway, json.dumps(chat_body()).encode(), [("content-type", kind)]).status == 200


def test_body_over_the_limit(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, listen={"limits": {"body_bytes": "64KiB", "decoded_body_bytes": "64KiB"}}))
    fits = json.dumps(chat_body(pad="x" * 60000)).encode()
    assert chat(g, fits).status == 200
    over = json.dumps(chat_body(pad="x" * 70000)).encode()
    answer = chat(g, over)
    assert answer.status == 413 and answer.error()["code"] == "request_too_large", answer
    # The same without a length told before, and it ends in time although the client goes on.
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", None, [("transfer-encoding", "chunked")], g.key))
        try:
            for _ in range(100):
                c.send(b"1000\r\n" + b" " * 4096 + b"\r\n")
        except OSError:
            pass
        assert c.read().status == 413
    assert len(up.requests) == 1


def test_announced_body_over_the_limit_is_refused_at_once(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    with Conn(g.address) as c:
        c.send(request_bytes("POST", "/v1/chat/completions", None, [("content-length", str(100 << 30))], g.key))
        assert c.read().status == 413
        assert c.at_end()


def test_truncated_upload(relay):
    body = json.dumps(chat_body(pad="x" * 5000)).encode()
    for cut in (0, 1, len(body) // 2, len(body) - 1):
        c = Conn(relay.gateway.address)
        c.send(request_bytes("POST", "/v1/chat/completions", None,
                             [("content-length", str(len(body))), ("content-type", "application/json")],
                             relay.gateway.key) + body[:cut])
        c.close()
    relay.gateway.wait_records(4, lambda r: r["ended"]["in"] == "read_body")
    assert relay.up.requests == []
    relay.gateway.wait_metric("sluice_requests_in_flight", 0)
    assert chat(relay.gateway).status == 200


def test_random_bytes_do_no_harm(relay):
    """A thousand random and half-valid heads: an answer of 4xx or 5xx, or a closed connection, and it goes on serving."""
    import random
    rng = random.Random(7)
    good = request_bytes("POST", "/v1/chat/completions", chat_body(), key=relay.gateway.key)
    for i in range(300):
        data = bytearray(good if i % 3 else os.urandom(rng.randrange(1, 400)))
        if i % 3:
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(data))
                data[at] = rng.randrange(256)
        with Conn(relay.gateway.address) as c:
            try:
                c.send(bytes(data))
                c.sock.shutdown(1)
                c.at_end()
            except OSError:
                pass
            got = bytes(c.received)
            assert not got or got.startswith(b"HTTP/1.1 ") or got[3:9] == struct.pack(">BBI", 4, 0, 0), got[:100]
    assert relay.gateway.running()
    assert chat(relay.gateway).status == 200
