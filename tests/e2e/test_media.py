"""Images and files that a client names by URL, in front of providers that take only their bytes: fetched by the gateway, under its
rules, or refused with the place and the reason in the client's own form."""

import base64
import json

import pytest

from lib.client import fetch
from lib.upstream import Upstream, body_answer, completion, json_answer
from lib.upstream import Answer, head_bytes

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PDF = b"%PDF-1.4\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
TEXT = "# r\u00e9sum\u00e9\n\"quoted\"\n"
GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}}


def chat(url):
    return "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]}]}, "messages[0].content[1].image_url"


def responses(url):
    return "/v1/responses", {"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": url, "detail": "auto"}]}]}, \
        "input[0].content[1].image_url"


def messages(url):
    return "/v1/messages", {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "look"}, {"type": "image", "source": {"type": "url", "url": url}}]}]}, \
        "messages[0].content[1].source.url"


def gemini(url):
    return "/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [
        {"text": "look"}, {"fileData": {"mimeType": "image/png", "fileUri": url}}]}]}, "contents[0].parts[1].fileData.fileUri"


FACES = {"chat": chat, "responses": responses, "messages": messages, "gemini": gemini}
OPEN = {"hosts": ["127.0.0.1", "localhost"], "plain_http": True, "allow_private": True}


class World:
    def __init__(self, make, kind="gemini", model="gemini-2.5-flash", media=OPEN, env=None, tls=None, **settings):
        self.web, self.up = make.upstream(tls=tls), make.upstream()
        self.web.answer = body_answer(PNG, content_type="image/png")
        self.up.answer = json_answer(GEMINI if kind == "gemini" else None)
        self.gateway = make.gateway({"providers": {"p": {"kind": kind, "base_url": self.up.url, "keys": ["k-of-the-gateway"]}},
                                     "models": {"m": {"targets": [f"p/{model}"]}}, "media": media, **settings}, env=env)

    def url(self, path="/a.png"):
        return self.web.url.removesuffix("/v1") + path

    def ask(self, face, url):
        path, body, place = FACES[face](url)
        return fetch(self.gateway.address, "POST", path, json.dumps(body).encode(), key=self.gateway.key), place


@pytest.mark.parametrize("face", ["chat", "responses", "messages"])
def test_an_image_for_gemini(make, face):
    w = World(make)
    answer, _ = w.ask(face, w.url("/some pic?x=%20#frag"))
    assert answer.status == 200, answer
    sent = json.loads(w.up.last().body)
    parts = [p for c in sent["contents"] for p in c["parts"]]
    assert parts[0] == {"text": "look"}
    assert parts[1]["inlineData"] == {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}
    got = w.web.last()
    assert got.method == "GET" and got.target == "/some%20pic?x=%20"
    names = {n.lower() for n, _ in got.headers}
    assert names <= {"host", "accept", "accept-encoding", "user-agent", "connection", "content-length"}, names
    r = w.gateway.record(answer.id)
    assert r["times_us"]["media"] > 0 and len(r["attempts"]) == 1
    assert w.gateway.metrics().sum("sluice_media_fetched_total", {}) == 1


def test_nothing_is_fetched_where_the_target_does_it(make):
    w = World(make, "openai-compatible", "gpt-4o")
    answer, _ = w.ask("messages", w.url())
    assert answer.status == 200, answer
    assert w.url() in w.up.last().body.decode() and not w.web.requests


@pytest.mark.parametrize("face", ["chat", "messages", "responses", "gemini"])
def test_ollama_takes_no_addresses(make, face):
    w = World(make, "ollama", "gemma3")
    answer, _ = w.ask(face, w.url())
    assert answer.status == 200, answer
    content = json.loads(w.up.last().body)["messages"][-1]["content"]
    assert content[1]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()


def test_documents(make):
    w = World(make)
    w.web.answer = lambda seen: body_answer(PDF, content_type="application/octet-stream") if seen.path == "/d" else \
        body_answer(TEXT.encode(), content_type="text/markdown; charset=utf-8")
    blocks = [{"type": "document", "title": "one", "source": {"type": "url", "url": w.url(p)}} for p in ("/d", "/t")]
    answer = fetch(w.gateway.address, "POST", "/v1/messages", json.dumps(
        {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": blocks + [{"type": "text", "text": "?"}]}]}).encode(),
        key=w.gateway.key)
    assert answer.status == 200, answer
    parts = [p for c in json.loads(w.up.last().body)["contents"] for p in c["parts"]]
    assert parts[0]["inlineData"] == {"mimeType": "application/pdf", "data": base64.b64encode(PDF).decode()}
    assert TEXT in parts[1]["text"]


def test_https(make, certs, tmp_path):
    w = World(make, tls=certs.server_context(certs.leaf("media")), env={"SSL_CERT_FILE": certs.ca.cert})
    answer, _ = w.ask("chat", w.url())
    assert answer.status == 200, answer
    other = Upstream(tls=certs.server_context(certs.self_signed("media-self")))
    try:
        answer, place = w.ask("chat", other.url.removesuffix("/v1") + "/")
        assert answer.status == 400 and "certificate" in answer.json()["error"]["message"], answer
        assert answer.json()["error"]["param"] == place
        assert not other.requests
    finally:
        other.close()


@pytest.mark.parametrize("face", ["chat", "responses", "messages"])
def test_refusals_in_the_callers_form(make, face):
    """By default: no plain http, no private address. Nothing goes to the provider, nothing is paid."""
    w = World(make, media={"plain_http": True})
    for url, why in ((w.url(), "no public address"), ("http://[::1]:9/x", "no public address"),
                     ("http://169.254.169.254/latest", "no public address"), ("http://user:pass@example.com/", "user name")):
        answer, place = w.ask(face, url)
        assert answer.status == 400, answer
        error = answer.json()["error"]
        assert place in error["message"] and why in error["message"], error
        assert error["type"] == "invalid_request_error"
        if face != "messages":
            assert error["param"] == place and error["code"] == "media_not_fetched"
        assert answer.get("x-should-retry") == "false"
    assert not w.up.requests and not w.web.requests
    assert all(r["attempts"] == [] for r in w.gateway.wait_records(4))


def test_a_redirect_inside_is_refused(make):
    w = World(make, media={"hosts": ["localhost", "127.0.0.1"], "plain_http": True, "allow_private": True})
    w.web.answer = Answer(head_bytes(302, [("location", "http://inside.example/secret"), ("content-length", "0")]))
    answer, _ = w.ask("chat", w.url())
    assert answer.status == 400 and "host that is not allowed" in answer.json()["error"]["message"], answer


@pytest.mark.parametrize("body,kind,why", [(b"<html>no</html>", "image/png", "no PNG"), (PNG[:4], "image/png", "no PNG"),
                                           (b"\x89PNG\r\n\x1a\n" + b"0" * 3000, "image/png", "too large"),
                                           (PDF, "application/pdf", "no PNG"), (b"", "image/png", "empty")])
def test_what_is_no_image(make, body, kind, why):
    w = World(make, media={**OPEN, "max_bytes": "2KiB"})
    w.web.answer = body_answer(body, content_type=kind)
    answer, place = w.ask("chat", w.url())
    assert answer.status == 400 and why in answer.json()["error"]["message"], answer
    assert not w.up.requests


def test_another_target_takes_the_url(make):
    """What cannot be fetched is no reason to refuse while a further target fetches by itself."""
    second = make.upstream()
    second.answer = json_answer(completion())
    w = World(make, providers={"p": {"kind": "gemini", "base_url": "http://127.0.0.1:9", "keys": ["k-of-the-gateway"]},
                               "q": {"kind": "openai-compatible", "base_url": second.url, "keys": ["k-of-the-other"]}},
              models={"m": {"targets": ["p/gemini-2.5-flash", "q/gpt-4o"]}})
    w.web.answer = body_answer(b"gone", status=404)
    answer, _ = w.ask("messages", w.url())
    assert answer.status == 200, answer
    assert w.url() in second.last().body.decode()


def test_it_may_be_switched_off(make):
    w = World(make, media={"fetch": False})
    answer, place = w.ask("chat", w.url())
    assert answer.status == 400 and "messages[0].content[1]" in answer.json()["error"]["message"], answer
    assert not w.web.requests


def test_private_hosts_must_be_named(make):
    from lib.proc import run_sluice
    g = make.gateway({"providers": {"s": {"kind": "sim"}}, "models": {"m": "s/m"}})
    g.write({**g.config, "media": {"allow_private": True}})
    done = run_sluice("check", "-c", g.config_path)
    assert done.returncode != 0 and "media.allow_private" in done.stdout + done.stderr, done
