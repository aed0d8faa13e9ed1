"""Every condition of rules, in front of every face, against what clients really send: that what a request says reaches the plan. (How
conditions are judged: tests/unit/route/test_rules.c.) Nothing is sent: POST /api/explain."""


import pytest

from conftest import Makers
from lib.client import chat, chat_body, fetch
from lib.proc import create_key
from lib.upstream import error_answer
from lib.wait import wait_for

WHENS = {
    "task": {"task": "code"}, "long": {"input_tokens": "> 2000"}, "output": {"output_tokens": "> 100"}, "tools": {"tools": True},
    "no-tools": {"tools": False}, "schema": {"structured_output": True}, "stream": {"stream": True}, "image": {"modality": "image"},
    "audio": {"modality": "audio"}, "video": {"modality": "video"}, "file": {"modality": "file"}, "text": {"modality": "text"},
    "user": {"user": "u-7"}, "team": {"team": "red"}, "tag": {"tags.feature": "search"}, "header": {"headers.x-device": "phone"},
    "tenant": {"tenant": "acme"}, "key": {"key": "of-acme"}, "region": {"region": "eu"}, "kept": {"zero_retention": True},
    "chat": {"operation": "chat"}, "responses": {"operation": "responses"}, "messages": {"operation": "messages"},
    "generate": {"operation": ["generate_content", "stream_generate_content"]}, "openai": {"dialect": "openai"},
    "openai-responses": {"dialect": "openai-responses"}, "anthropic": {"dialect": "anthropic"}, "gemini": {"dialect": "gemini"}, "model": {"model": "model"}, "now": {"time": "00:00-24:00"},
    "today": {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}, "budget": {"budget_used": "< 50%"},
    "sick": {"health": {"sick/x": "degraded"}},
    "both": {"all": [{"tools": True}, {"not": {"stream": True}}]}, "either": {"any": [{"task": "code"}, {"output_tokens": "> 100"}]},
}
ALWAYS = {"no-tools", "text", "model", "now", "today"}
FACES = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, {"chat", "openai"}),
    "responses": ("/v1/responses", {"input": "hi"}, {"responses", "openai-responses"}),
    "messages": ("/v1/messages", {"max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}, {"messages", "anthropic"}),
    "gemini": ("/v1beta/models/MODEL:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, {"generate", "gemini"}),
}
B64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}


def chat_part(*parts):
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, *parts]}]}


def input_part(*parts):
    return {"input": [{"role": "user", "content": [{"type": "input_text", "text": "look"}, *parts]}]}


def gemini_part(mime):
    return {"contents": [{"role": "user", "parts": [{"text": "look"}, {"inlineData": {"mimeType": mime, "data": B64}}]}]}


LONG = "word " * 4000
# what is said, in each face, and which conditions hold for it beside those that always do
SAID = {
    "nothing": (set(), {face: {} for face in FACES}),
    "long": ({"long"}, {"chat": {"messages": [{"role": "user", "content": LONG}]}, "responses": {"input": LONG},
                        "messages": {"messages": [{"role": "user", "content": LONG}]},
                        "gemini": {"contents": [{"role": "user", "parts": [{"text": LONG}]}]}}),
    "output": ({"output", "either"}, {"chat": {"max_tokens": 200}, "responses": {"max_output_tokens": 200}, "messages": {"max_tokens": 200},
                                      "gemini": {"generationConfig": {"maxOutputTokens": 200}}}),
    "tools": ({"tools", "both"}, {
        "chat": {"tools": [{"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}]},
        "responses": {"tools": [{"type": "function", "name": "f", "parameters": PARAMETERS}]},
        "messages": {"tools": [{"name": "f", "input_schema": PARAMETERS}]},
        "gemini": {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {}}}]}]}}),
    "schema": ({"schema"}, {
        "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": PARAMETERS}}},
        "responses": {"text": {"format": {"type": "json_schema", "name": "s", "schema": PARAMETERS}}},
        "messages": {"output_config": {"format": {"type": "json_schema", "schema": PARAMETERS}}},
        "gemini": {"generationConfig": {"responseMimeType": "application/json"}}}),
    "stream": ({"stream"}, {"chat": {"stream": True}, "responses": {"stream": True}, "messages": {"stream": True}, "gemini": {"STREAM": True}}),
    "image": ({"image"}, {
        "chat": chat_part({"type": "image_url", "image_url": {"url": "data:image/png;base64," + B64}}),
        "responses": input_part({"type": "input_image", "image_url": "data:image/png;base64," + B64}),
        "messages": chat_part({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}}),
        "gemini": gemini_part("image/png")}),
    "audio": ({"audio"}, {"chat": chat_part({"type": "input_audio", "input_audio": {"data": B64, "format": "wav"}}), "gemini": gemini_part("audio/wav")}),
    "video": ({"video"}, {"gemini": gemini_part("video/mp4")}),
    "speech": ({"audio"}, {"chat": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}}),
    "file": ({"file"}, {
        "chat": chat_part({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + B64}}),
        "responses": input_part({"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64," + B64}),
        "messages": chat_part({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": B64}}),
        "gemini": gemini_part("application/pdf")}),
    "user": ({"user"}, {"chat": {"user": "u-7"}, "responses": {"user": "u-7"}, "messages": {"metadata": {"user_id": "u-7"}}}),
    "tag": ({"tag", "team"}, {"chat": {"metadata": {"feature": "search", "team": "red"}}, "responses": {"metadata": {"feature": "search", "team": "red"}}}),
    "task": ({"task", "either"}, {"chat": {"task": "code"}, "responses": {"task": "code"}, "messages": {"task": "code"}, "gemini": {"task": "code"}}),
}
CASES = [(said, face) for said, (_, bodies) in SAID.items() for face in bodies]


CANNOT = {  # what a model that is known for it cannot: it is left out, whatever its place
    "image": ("chat", "gpt-3.5-turbo", SAID["image"][1]["chat"], "the model takes no images"),
    "audio": ("chat", "gpt-4o", SAID["audio"][1]["chat"], "the model takes no audio"),
    "tools": ("chat", "gpt-4o-search-preview", SAID["tools"][1]["chat"], "the model calls no tools"),
    "video": ("gemini", "gpt-4o", SAID["video"][1]["gemini"], "the model takes no video"),
    "speech": ("gemini", "gpt-4o", {"generationConfig": {"responseModalities": ["AUDIO"]}}, "the model makes no audio"),
}


@pytest.fixture(scope="module")
def g():
    makers = Makers()
    up, sick = makers.upstream(), makers.upstream()
    kind = {"kind": "openai-compatible", "keys": ["${RELAY_PROVIDER_KEY}"]}
    routes = {name: [{"when": when, "use": ["o/yes"]}, {"use": ["o/no"]}] for name, when in WHENS.items()}
    g = makers.gateway({
        "providers": {"o": {**kind, "base_url": up.url, "region": "eu", "zero_retention": True}, "sick": {**kind, "base_url": sick.url},
                      "k": {**kind, "kind": "openai", "base_url": up.url}},
        "models": {**{name: {"route": name} for name in WHENS}, "ill": {"targets": ["sick/x"]},
                   **{"can-" + name: {"targets": [f"k/{model}", "o/yes"]} for name, (_, model, _, _) in CANNOT.items()}}, "routes": routes,
        "resilience": {"breaker": True, "retry": {"attempts": 1}},
        "tenants": {"acme": {"region": "eu", "zero_retention": "required", "budget": {"usd": 10}}}})
    g.sick = sick
    acme = create_key(g.state, "of-acme", "--tenant", "acme")
    wait_for(lambda: chat(g, chat_body("text"), key=acme.text).status == 200 or None, "the new key")
    yield g
    makers.end()


def holds(g, face, more, headers=(), key="test"):
    """The names of the conditions that hold for a request."""
    path, body, _ = FACES[face]
    body = {**body, **more}
    if body.pop("STREAM", False):
        path = path.replace(":generateContent", ":streamGenerateContent")
    true = set()
    for name in WHENS:
        sent = body if face == "gemini" else {"model": name, **body}
        at = path.replace("MODEL", name)
        answer = fetch(g.admin, "POST", f"/api/explain?path={at}&key={key}", sent, headers)
        assert answer.status == 200 and answer.json()["plan"], (name, answer.body)
        true |= {name} if answer.json()["plan"][0]["model"] == "yes" else set()
    return true


@pytest.mark.parametrize("said,face", CASES)
def test_what_requests_say(g, said, face):
    want = ALWAYS | FACES[face][2] | SAID[said][0]
    if "tools" in want:
        want -= {"no-tools"}
    assert holds(g, face, SAID[said][1][face]) == want


@pytest.mark.parametrize("face", FACES)
def test_what_headers_and_keys_say(g, face):
    headers = [("x-sluice-tags", "user=u-7, team=red, feature=search"), ("x-device", "phone"), ("x-sluice-task", "code")]
    said = {"user", "team", "tag", "header", "task", "either"}
    assert holds(g, face, {}, headers, "of-acme") == ALWAYS | FACES[face][2] | said | {"tenant", "key", "region", "kept", "budget"}


def test_health_of_a_target(g):
    g.sick.answer = error_answer(500)
    for _ in range(6):
        assert chat(g, chat_body("ill")).status >= 500
    assert holds(g, "chat", {}) == ALWAYS | {"chat", "openai", "sick"}


@pytest.mark.parametrize("what", CANNOT)
def test_what_a_model_cannot(g, what):
    face, model, said, why = CANNOT[what]
    path, body, _ = FACES[face]

    def planned(more):
        sent = {**body, **more, **({"model": "can-" + what} if face == "chat" else {})}
        told = fetch(g.admin, "POST", f"/api/explain?path={path.replace('MODEL', 'can-' + what)}&key=test", sent).json()
        return [p["model"] for p in told["plan"]], [(p["model"], p["why"]) for p in told["excluded"]]
    assert planned({}) == ([model, "yes"], [])
    assert planned(said) == (["yes"], [(model, why)])
