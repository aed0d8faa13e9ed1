"""Gemini and Claude on Vertex AI: the paths and bodies that go there, the tokens that are fetched for a service account, and what
becomes of requests when there is none to be had."""

import base64
import concurrent.futures
import http.server
import json
import threading
import time
import urllib.parse

import anthropic
import openai
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google import genai
from google.genai import types

from lib import metrics
from lib.client import fetch
from lib.proc import free_port, run_sluice
from lib.upstream import body_answer, completion, error_answer, json_answer
from lib.wait import wait_for

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
BASE = "/v1/projects/proj-1/locations/europe-west4"
GEMINI_ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello there."}]}, "finishReason": "STOP", "index": 0}],
                 "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12,
                                   "trafficType": "ON_DEMAND"},
                 "modelVersion": "gemini-2.5-flash", "createTime": "2026-11-21T15:00:00Z", "responseId": "r1"}


def account(token_uri, **more):
    return {"type": "service_account", "project_id": "proj-1", "private_key_id": "kid-1", "private_key": PEM,
            "client_email": "gw@proj-1.iam.gserviceaccount.com", "client_id": "1", "token_uri": token_uri, **more}


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """A token endpoint. `answer(n)` gives status and body of the n-th request; `gate` holds answers back."""

    def __init__(self):
        self.seen, self.gate = [], threading.Event()
        self.gate.set()
        self.answer = lambda n: (200, {"access_token": f"ya29.t{n}", "expires_in": 3599, "token_type": "Bearer"})
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                outer.seen.append((self.path, {k: v[0] for k, v in form.items()}))
                n = len(outer.seen)
                outer.gate.wait(60)
                status, body = outer.answer(n)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    pass  # it has heard enough

            def do_GET(self):
                outer.seen.append((self.path, dict(self.headers)))
                status, body = outer.answer(len(outer.seen))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def end(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def tokens():
    t = Tokens()
    yield t
    t.end()


def provider(up, credentials, **more):
    return {"kind": "vertex", "base_url": up.url, "region": "europe-west4", "credentials": credentials, **more}


@pytest.fixture
def vertex(make, tokens, tmp_path):
    """A gateway whose model `m` is Gemini on Vertex, `c` Claude there, `f` Gemini with a plain server to fall back on."""
    up, other = make.upstream(), make.upstream()
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account(tokens.url + "/token")))
    file.chmod(0o600)
    g = make.gateway({
        "providers": {"v": provider(up, f"file:{file}"),
                      "plain": {"kind": "openai-compatible", "base_url": other.url, "keys": ["k"]}},
        "models": {"m": "v/gemini-2.5-flash", "c": "v/claude-opus-4-6", "f": ["v/gemini-2.5-flash", "plain/x"],
                   "o": "v/meta/llama-4-maverick-17b-128e-instruct-maas"},
        "resilience": {"retry": {"attempts": 2}},
    })
    g.up, g.other, g.tokens, g.file = up, other, tokens, file
    up.answer = json_answer(GEMINI_ANSWER)
    other.answer = json_answer(completion("from elsewhere"))
    return g


def ask(g, model="m", **more):
    return fetch(g.address, "POST", "/v1/chat/completions",
                 {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}, key=g.key)


# ---- tokens ----


def test_the_assertion_is_signed_and_the_token_goes_out(vertex):
    assert ask(vertex).status == 200
    path, form = vertex.tokens.seen[0]
    head, claims, signature = form["assertion"].split(".")
    KEY.public_key().verify(unbase64(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert path == "/token" and form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert json.loads(unbase64(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    said = json.loads(unbase64(claims))
    assert said["iss"] == "gw@proj-1.iam.gserviceaccount.com" and said["aud"] == vertex.tokens.url + "/token"
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform" and said["exp"] - said["iat"] == 3600
    assert abs(said["iat"] + 10 - time.time()) < 120
    seen = vertex.up.requests[0]
    assert seen.path == BASE + "/publishers/google/models/gemini-2.5-flash:generateContent"
    assert seen.get("authorization") == "Bearer ya29.t1" and seen.get("x-goog-api-key") is None
    for text in vertex.tail(100000), vertex.access_path.read_text() if vertex.access_path.exists() else "":
        assert "ya29." not in text and "PRIVATE KEY" not in text and form["assertion"] not in text


def test_many_first_requests_fetch_one_token(vertex):
    vertex.tokens.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(ask, vertex) for _ in range(40)]
        wait_for(lambda: len(vertex.tokens.seen) == 1, "the fetch")
        vertex.tokens.gate.set()
        assert [w.result().status for w in waiting] == [200] * 40
    assert len(vertex.tokens.seen) == 1
    assert {s.get("authorization") for s in vertex.up.requests} == {"Bearer ya29.t1"}


def test_a_refused_token_is_fetched_anew_once(vertex):
    valid = "Bearer ya29.t1"
    refuse = error_answer(401)
    vertex.up.answer = lambda seen: json_answer(GEMINI_ANSWER) if seen.get("authorization") == valid else refuse
    assert ask(vertex).status == 200
    valid = "Bearer ya29.t2"  # the first is revoked
    answer = ask(vertex)
    assert answer.status == 200
    assert [s.get("authorization") for s in vertex.up.requests] == ["Bearer ya29.t1", "Bearer ya29.t1", "Bearer ya29.t2"]
    record = vertex.record(answer.id)
    assert [a["outcome"] for a in record["attempts"]] == ["bad_credentials", "ok"]
    valid = "none at all"
    assert ask(vertex).status == 502
    assert len(vertex.up.requests) <= 5 and len(vertex.tokens.seen) <= 3


def test_tokens_that_end_during_traffic(vertex):
    vertex.tokens.answer = lambda n: (200, {"access_token": f"ya29.t{n}", "expires_in": 1})
    ends = time.monotonic() + 4
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def work(_):
            statuses = []
            while time.monotonic() < ends:
                statuses.append(ask(vertex).status)
            return statuses
        statuses = [s for each in pool.map(work, range(4)) for s in each]
    assert set(statuses) == {200}
    assert 2 <= len(vertex.tokens.seen) <= 12


@pytest.mark.parametrize("status,body,outcome", [
    (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, "bad_credentials"),
    (401, {"error": "invalid_client"}, "bad_credentials"),
    (429, {}, "rate_limited"),
    (503, b"<html>", "server_error"),
    (200, b"<html>Sign in</html>", "malformed"),
    (200, b"x" * 200000, "malformed"),
    (200, {"access_token": 7, "expires_in": 3599}, "malformed"),
    (200, {"access_token": "ya29.x\r\nevil: 1", "expires_in": 3599}, "malformed"),
    (200, {"access_token": "ya29.x", "expires_in": -1}, "malformed"),
    (302, b"", "malformed"),
])
def test_no_token(vertex, status, body, outcome):
    vertex.tokens.answer = lambda n: (status, body)
    answer = ask(vertex, "f")
    assert answer.status == 200 and answer.json()["choices"][0]["message"]["content"] == "from elsewhere"
    assert [a["outcome"] for a in vertex.record(answer.id)["attempts"]] == [outcome, "ok"]
    event = vertex.wait_event("credential.failed")
    assert event["provider"] == "v" and event["outcome"] == outcome and "Invalid JWT" not in json.dumps(event)
    assert not vertex.up.requests
    vertex.tokens.answer = lambda n: (200, {"access_token": "ya29.good", "expires_in": 3599})
    wait_for(lambda: ask(vertex).status == 200, "the next fetch", 60)


def test_no_token_endpoint(make, tmp_path):
    up, other = make.upstream(), make.upstream()
    socket, port = free_port()
    g = make.gateway({"providers": {"v": provider(up, json.dumps(account(f"http://127.0.0.1:{port}/token"))),
                                    "plain": {"kind": "openai-compatible", "base_url": other.url, "keys": ["k"]}},
                      "models": {"m": "v/gemini-2.5-flash", "f": ["v/gemini-2.5-flash", "plain/x"]}})
    socket.close()
    other.answer = json_answer(completion())
    answer = ask(g, "f")
    assert answer.status == 200
    assert [a["outcome"] for a in g.record(answer.id)["attempts"]] == ["connect_refused", "ok"]
    answer = ask(g)
    assert answer.status == 502 and answer.json()["error"]["code"] == "upstream_unreachable"
    assert not any(a["sent"] for a in g.record(answer.id)["attempts"])


def test_a_slow_token_endpoint(make, tokens):
    up, other = make.upstream(), make.upstream()
    g = make.gateway({"providers": {"v": provider(up, json.dumps(account(tokens.url + "/token"))),
                                    "plain": {"kind": "openai-compatible", "base_url": other.url, "keys": ["k"]}},
                      "models": {"f": ["v/gemini-2.5-flash", "plain/x"]},
                      "resilience": {"deadline": {"first_byte": "1s"}}})
    other.answer = json_answer(completion())
    tokens.gate.clear()
    answer = ask(g, "f")
    assert answer.status == 200
    assert [a["outcome"] for a in g.record(answer.id)["attempts"]] == ["first_byte_timeout", "ok"]


def test_a_client_that_leaves_does_not_take_the_token_with_it(vertex):
    from lib.client import Conn, request_bytes
    vertex.tokens.gate.clear()
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    first = Conn(vertex.address)
    first.send(request_bytes("POST", "/v1/chat/completions", body, key=vertex.key))
    wait_for(lambda: len(vertex.tokens.seen) == 1, "the fetch")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        second = pool.submit(ask, vertex)
        first.reset()
        vertex.record(where=lambda r: r["ended_why"] == "client_gone" if "ended_why" in r else "client_gone" in json.dumps(r))
        vertex.tokens.gate.set()
        assert second.result().status == 200
    assert len(vertex.tokens.seen) == 1


def test_tokens_survive_a_reload(vertex):
    assert ask(vertex).status == 200
    vertex.config["models"]["m2"] = "v/gemini-2.5-pro"
    vertex.reload(vertex.config)
    assert ask(vertex, "m2").status == 200
    assert len(vertex.tokens.seen) == 1
    vertex.file.write_text(json.dumps(account(vertex.tokens.url + "/token", private_key_id="kid-2")))
    vertex.reload(vertex.config)
    assert ask(vertex).status == 200
    assert len(vertex.tokens.seen) == 2


def test_a_person_and_the_metadata_server(make, tokens):
    up = make.upstream()
    up.answer = json_answer(GEMINI_ANSWER)
    person = {"type": "authorized_user", "client_id": "id&1", "client_secret": "s+1", "refresh_token": "r/1",
              "quota_project_id": "bill-me", "token_uri": tokens.url + "/person"}
    g = make.gateway({"providers": {"p": provider(up, json.dumps(person), project="proj-1"),
                                    "m": provider(up, "metadata:" + tokens.url.removeprefix("http://"), project="proj-2")},
                      "models": {"p": "p/gemini-2.5-flash", "m": "m/gemini-2.5-flash"}})
    assert ask(g, "p").status == 200
    assert tokens.seen[0] == ("/person", {"grant_type": "refresh_token", "client_id": "id&1", "client_secret": "s+1",
                                          "refresh_token": "r/1"})
    assert up.requests[0].get("x-goog-user-project") == "bill-me"
    assert ask(g, "m").status == 200
    path, headers = tokens.seen[1]
    assert path == "/computeMetadata/v1/instance/service-accounts/default/token" and headers["metadata-flavor"] == "Google"
    assert up.requests[1].path.startswith("/v1/projects/proj-2/") and up.requests[1].get("x-goog-user-project") is None


def test_locations_share_a_token(make, tokens):
    up = make.upstream()
    up.answer = json_answer(GEMINI_ANSWER)
    text = json.dumps(account(tokens.url + "/token"))
    g = make.gateway({"providers": {"w": provider(up, text), "e": provider(up, text, region="us-east5")},
                      "models": {"w": "w/gemini-2.5-flash", "e": "e/gemini-2.5-flash"}})
    assert ask(g, "w").status == 200 and ask(g, "e").status == 200
    assert [s.path.split("/")[5] for s in up.requests] == ["europe-west4", "us-east5"]
    assert len(tokens.seen) == 1 and {s.get("authorization") for s in up.requests} == {"Bearer ya29.t1"}
    page = metrics.parse(fetch(g.admin, "GET", "/metrics").body.decode())
    assert page.sum("sluice_credential_tokens_total") == 1 and page.sum("sluice_credential_failures_total") == 0


def test_keys_instead(make):
    up = make.upstream()
    up.answer = json_answer(GEMINI_ANSWER)
    g = make.gateway({"providers": {"x": {"kind": "vertex", "base_url": up.url, "keys": ["AQ.express"]},
                                    "t": {"kind": "vertex", "base_url": up.url, "keys": ["ya29.static"], "project": "p",
                                          "region": "global"}},
                      "models": {"x": "x/google/gemini-2.5-flash", "t": "t/publishers/google/models/gemini-2.5-flash"}})
    assert ask(g, "x").status == 200 and ask(g, "t").status == 200
    express, token = up.requests
    assert express.path == "/v1/publishers/google/models/gemini-2.5-flash:generateContent"
    assert express.get("x-goog-api-key") == "AQ.express" and express.get("authorization") is None
    assert token.path == "/v1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
    assert token.get("authorization") == "Bearer ya29.static" and token.get("x-goog-api-key") is None


def test_azure_with_entra(make, tokens):
    """The same machinery, with an application's secret at Microsoft's login."""
    up = make.upstream()
    valid = "Bearer ya29.t1"
    up.answer = lambda seen: json_answer(completion()) if seen.get("authorization") == valid else error_answer(401)
    g = make.gateway({"providers": {"az": {"kind": "azure", "base_url": up.url.removesuffix("/v1") + "/openai/v1",
                                           "entra": {"tenant": "contoso.example", "client_id": "app-1", "client_secret": "s/1",
                                                     "authority": tokens.url}}},
                      "models": {"m": "az/my-deployment"}})
    assert ask(g).status == 200
    assert tokens.seen == [("/contoso.example/oauth2/v2.0/token", {
        "grant_type": "client_credentials", "client_id": "app-1", "client_secret": "s/1",
        "scope": "https://cognitiveservices.azure.com/.default"})]
    assert up.requests[0].path == "/openai/v1/chat/completions" and up.requests[0].get("api-key") is None
    valid = "Bearer ya29.t2"
    assert ask(g).status == 200
    assert [s.get("authorization") for s in up.requests] == ["Bearer ya29.t1", "Bearer ya29.t1", "Bearer ya29.t2"]


# ---- what goes there ----

MESSAGE = {"id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6",
           "content": [{"type": "text", "text": "Hello there."}], "stop_reason": "end_turn", "stop_sequence": None,
           "usage": {"input_tokens": 9, "output_tokens": 3}}


def test_claude(vertex):
    vertex.up.answer = json_answer(MESSAGE)
    body = {"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = fetch(vertex.address, "POST", "/v1/messages", body, [("anthropic-version", "2023-06-01"),
                                                                  ("anthropic-beta", "interleaved-thinking-2025-05-14,x-2026-01-01"),
                                                                  ("anthropic-beta", "claude-code-20250219")], vertex.key)
    assert answer.status == 200 and answer.json() == MESSAGE
    assert answer.get("x-sluice-dropped") == "anthropic-beta:x-2026-01-01"  # Vertex answers 400 to what it does not know
    seen = vertex.up.requests[0]
    assert seen.path == BASE + "/publishers/anthropic/models/claude-opus-4-6:rawPredict"
    assert seen.json() == {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": body["messages"]}
    assert seen.get("anthropic-version") is None
    assert seen.get("anthropic-beta") == "interleaved-thinking-2025-05-14,claude-code-20250219"
    vertex.up.answer = json_answer({"input_tokens": 7})
    counted = fetch(vertex.address, "POST", "/v1/messages/count_tokens", {"model": "c", "messages": body["messages"]}, key=vertex.key)
    assert counted.json() == {"input_tokens": 7}
    seen = vertex.up.requests[1]
    assert seen.path == BASE + "/publishers/anthropic/models/count-tokens:rawPredict"
    assert seen.json()["model"] == "claude-opus-4-6"


def test_what_claude_has_elsewhere_only(vertex):
    """System messages between turns are Anthropic's own API's: on Vertex they go another way."""
    vertex.up.answer = json_answer(MESSAGE)
    body = {"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"},
                                                       {"role": "user", "content": "more"}, {"role": "system", "content": "be brief"}]}
    answer = fetch(vertex.address, "POST", "/v1/messages", body, [("anthropic-beta", "context-1m-2025-08-07,x")], vertex.key)
    assert answer.status == 200 and answer.json()["content"] == MESSAGE["content"]
    assert vertex.up.requests[0].get("anthropic-beta") == "context-1m-2025-08-07"
    sent = vertex.up.requests[0].json()
    assert all(m["role"] != "system" for m in sent["messages"]) and "be brief" in json.dumps(sent)


def test_a_client_of_the_gemini_api(vertex):
    """Its own bytes, without what Vertex refuses, and told so."""
    body = (b'{"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{}}}]},'
            b'{"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":{}}}]}],"serviceTier":"flex","store":false}')
    answer = fetch(vertex.address, "POST", "/v1beta/models/m:generateContent", body, [("content-type", "application/json")], vertex.key)
    assert answer.status == 200 and answer.json() == GEMINI_ANSWER and answer.get("x-sluice-dropped") == "store"
    assert vertex.up.requests[0].get("x-vertex-ai-llm-shared-request-type") == "flex"
    assert vertex.up.requests[0].body == body.replace(b'"id":"c1",', b"").replace(b',"serviceTier":"flex","store":false', b"")
    counted = b'{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"hi"}]}]}}'
    vertex.up.answer = json_answer({"totalTokens": 4})
    answer = fetch(vertex.address, "POST", "/v1beta/models/m:countTokens", counted, [("content-type", "application/json")], vertex.key)
    assert answer.json() == {"totalTokens": 4}
    assert vertex.up.requests[1].body == b'{"contents":[{"parts":[{"text":"hi"}]}]}'
    vertex.up.answer = json_answer(GEMINI_ANSWER)
    assert ask(vertex, service_tier="priority").get("x-sluice-dropped") is None
    assert vertex.up.requests[2].get("x-vertex-ai-llm-shared-request-type") == "priority"


def test_other_models_by_the_openai_path(vertex):
    vertex.up.answer = json_answer(completion())
    assert ask(vertex, "o").status == 200
    seen = vertex.up.requests[0]
    assert seen.path == BASE + "/endpoints/openapi/chat/completions"
    assert seen.json()["model"] == "meta/llama-4-maverick-17b-128e-instruct-maas"
    refused = fetch(vertex.address, "POST", "/v1/embeddings", {"model": "o", "input": "x"}, key=vertex.key)
    assert refused.status == 400 and len(vertex.up.requests) == 1


def test_google_errors_for_a_messages_client(vertex):
    """What Google itself says about a Claude request is in Google's form, and in a list."""
    google = [{"error": {"code": 429, "message": "Resource exhausted. Please try again later.", "status": "RESOURCE_EXHAUSTED"}}]
    vertex.up.answer = json_answer(google, 429)
    body = {"model": "c", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = fetch(vertex.address, "POST", "/v1/messages", body, key=vertex.key)
    assert answer.status == 429 and answer.json()["error"]["type"] == "rate_limit_error"
    assert vertex.record(answer.id)["attempts"][-1]["outcome"] == "rate_limited"
    vertex.up.answer = json_answer([{"error": {"code": 400, "message": "max_tokens: 9 is odd", "status": "INVALID_ARGUMENT"}}], 400)
    answer = fetch(vertex.address, "POST", "/v1/messages", body, key=vertex.key)
    assert answer.status == 400 and answer.json()["type"] == "error"
    assert answer.json()["error"]["message"] == "max_tokens: 9 is odd"


# ---- the official clients, against the simulator ----


@pytest.fixture(scope="module")
def sdk():
    from conftest import Makers
    from lib.proc import scratch
    makers = Makers()
    file = scratch("account") / "account.json"
    file.write_text(json.dumps(account("http://127.0.0.1:1/token")))
    file.chmod(0o600)
    sim = makers.sim("--key", "ya29.of-the-simulator", "--service-account", str(file))
    file.write_text(json.dumps(account(sim.url + "/token")))
    g = makers.gateway({"providers": {"v": {"kind": "vertex", "base_url": sim.url + "/v1", "region": "us-east5",
                                            "credentials": f"file:{file}"}},
                        "models": {"gemini": "v/gemini-2.5-flash", "claude": "v/claude-opus-4-6"}})
    yield g
    makers.end()


@pytest.mark.parametrize("model", ["gemini", "claude"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_sdks(sdk, model, stream):
    with openai.OpenAI(base_url=sdk.url + "/v1", api_key=sdk.key.text, max_retries=0) as c:
        said = c.chat.completions.create(model=model, messages=[{"role": "user", "content": "ECHO: one two"}], stream=stream)
        text = "".join(e.choices[0].delta.content or "" for e in said if e.choices) if stream else said.choices[0].message.content
        assert "one two" in text
    with anthropic.Anthropic(base_url=sdk.url, api_key=sdk.key.text, max_retries=0) as c:
        ask = {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": "ECHO: one two"}]}
        if stream:
            with c.messages.stream(**ask) as s:
                text = s.get_final_text()
        else:
            text = c.messages.create(**ask).content[0].text
        assert "one two" in text
        assert c.messages.count_tokens(model=model, messages=ask["messages"]).input_tokens > 0
    c = genai.Client(api_key=sdk.key.text, http_options=types.HttpOptions(base_url=sdk.url, timeout=60000))
    if stream:
        text = "".join(a.text or "" for a in c.models.generate_content_stream(model=model, contents="ECHO: one two"))
    else:
        text = c.models.generate_content(model=model, contents="ECHO: one two").text
    assert "one two" in text
    assert c.models.count_tokens(model=model, contents="hi there").total_tokens > 0
    assert not sdk.find("credential.failed")


@pytest.mark.parametrize("model", ["gemini", "claude"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_clients_of_vertex(sdk, model, stream):
    """Google's and Anthropic's clients in their Vertex mode, whatever project and location they name."""
    from google.oauth2.credentials import Credentials
    c = genai.Client(vertexai=True, project="their-own", location="mars", credentials=Credentials(token=sdk.key.text),
                     http_options=types.HttpOptions(base_url=sdk.url, timeout=60000))
    if stream:
        text = "".join(a.text or "" for a in c.models.generate_content_stream(model=model, contents="ECHO: one two"))
    else:
        text = c.models.generate_content(model=model, contents="ECHO: one two").text
    assert "one two" in text
    assert c.models.count_tokens(model=model, contents="hi there").total_tokens > 0
    with anthropic.AnthropicVertex(base_url=sdk.url + "/v1", project_id="their-own", region="mars", access_token=sdk.key.text,
                                   max_retries=0) as c:
        ask = {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": "ECHO: one two"}]}
        if stream:
            with c.messages.stream(**ask) as s:
                text = s.get_final_text()
        else:
            text = c.messages.create(**ask).content[0].text
        assert "one two" in text
        assert c.messages.count_tokens(model=model, messages=ask["messages"]).input_tokens > 0


def test_a_client_of_vertex_and_anthropic_itself(make):
    up = make.upstream()
    up.answer = json_answer(MESSAGE)
    g = make.gateway({"providers": {"a": {"kind": "anthropic", "base_url": up.url, "keys": ["k"]}}, "models": {"c": "a/claude-opus-4-6"}})
    path = "/projects/p/locations/l/publishers/anthropic/models/c:rawPredict"
    for body, sent in [
        (b'{"anthropic_version":"vertex-2023-10-16","max_tokens":9, "messages":[]}',
         b'{"model":"claude-opus-4-6","max_tokens":9, "messages":[]}'),
        (b'{ "max_tokens":9,\n"messages":[] , "anthropic_version" : "v"}', b'{"model":"claude-opus-4-6", "max_tokens":9,\n"messages":[]}'),
    ]:
        assert fetch(g.address, "POST", path, body, [("content-type", "application/json")], g.key).status == 200
        assert up.requests[-1].body == sent
        assert up.requests[-1].path == "/v1/messages" and up.requests[-1].get("anthropic-version") == "2023-06-01"
    other = fetch(g.address, "POST", path.replace("anthropic", "mistralai"), b"{}", [("content-type", "application/json")], g.key)
    assert other.status == 404 or other.status == 501, other
    broken = fetch(g.address, "POST", path, b"{", [("content-type", "application/json")], g.key)
    assert broken.status == 400 and broken.json()["type"] == "error"


# ---- configuration ----


def check(tmp_path, text, account_text=None, **more):
    file = tmp_path / "account.json"
    if account_text is not None:
        file.write_text(account_text if isinstance(account_text, str) else json.dumps(account_text))
        file.chmod(0o600)
    config = {"kind": "vertex", "region": "europe-west4", "credentials": f"file:{file}", **more}  # line 5
    path = tmp_path / "sluice.yaml"
    path.write_text("providers:\n  v:\n" + "".join(f"    {k}: {json.dumps(v)}\n" for k, v in config.items() if v is not None))
    done = run_sluice("check", "-c", str(path))
    out = done.stdout + done.stderr
    assert text in out, out
    assert "PRIVATE" not in out and "MII" not in out
    return out


def test_check(tmp_path):
    good = account("https://oauth2.googleapis.com/token")
    assert "valid" in check(tmp_path, ": valid", good)
    (tmp_path / "account.json").unlink()
    assert ":5:18:" in check(tmp_path, "cannot read '", None)
    assert ":5:" in check(tmp_path, "the credential is not a JSON object", "hello")
    check(tmp_path, "the credential is of a type that is not spoken here", {"type": "external_account"})
    check(tmp_path, "the credential lacks client_email", {**good, "client_email": ""})
    check(tmp_path, "the credential lacks private_key", {**good, "private_key": None})
    check(tmp_path, "has a private_key that cannot be read", {**good, "private_key": PEM[:700]})
    check(tmp_path, "has a private_key that is not PEM", {**good, "private_key": "none"})
    check(tmp_path, "has a token_uri that is not https", {**good, "token_uri": "http://127.0.0.1/token"})
    check(tmp_path, "has a token_uri that is not https", {**good, "token_uri": "http://example.com/token"},
          base_url="http://127.0.0.1:1/v1")
    check(tmp_path, "names no project", {**good, "project_id": None})
    check(tmp_path, "the location is missing", good, region=None)
    check(tmp_path, "a provider of kind 'vertex' needs credentials", good, credentials=None)
    check(tmp_path, "credentials are there, too", good, keys=["AQ.x"])
    check(tmp_path, "only kind vertex has credentials", good, kind="openai", keys=["k"])
    check(tmp_path, ": valid", {**good, "private_key": PEM.replace("\n", "\\n")})


def test_from_the_environment(make, tokens, tmp_path):
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account("https://oauth2.googleapis.com/token")))
    file.chmod(0o600)
    env = {"GOOGLE_APPLICATION_CREDENTIALS": str(file), "GOOGLE_CLOUD_LOCATION": "us-east5"}
    done = run_sluice("check", "--show", env=env, cwd=tmp_path)
    assert "kind: vertex" in done.stdout and "us-east5-aiplatform.googleapis.com" in done.stdout, done.stdout + done.stderr
    assert "PRIVATE" not in done.stdout
