"""The official Google SDK for Python straight against the simulator: proves that its Gemini format is right, also on Vertex."""

import json

import pytest

from conftest import Makers
from lib.client import fetch

genai = pytest.importorskip("google.genai")
from google.genai import errors, types  # noqa: E402

MODEL = "gemini-3-flash-preview"
TOOL = types.Tool(function_declarations=[
    types.FunctionDeclaration(name="get_weather", parameters_json_schema={
        "type": "object", "properties": {"city": {"type": "string"}}}),
    types.FunctionDeclaration(name="get_time", parameters=types.Schema(type="OBJECT", properties={"tz": types.Schema(type="STRING")}))])
MANUAL = types.AutomaticFunctionCallingConfig(disable=True)


@pytest.fixture(scope="module")
def sim():
    makers = Makers()
    yield makers.sim("--seed", "7", "--key", "AIza1")
    makers.end()


@pytest.fixture(scope="module")
def client(sim):
    return genai.Client(api_key="AIza1", vertexai=False, http_options=types.HttpOptions(base_url=sim.url, timeout=30000))


def test_chat(client, sim):
    answer = client.models.generate_content(model="gemini-2.5-flash", contents="hi",
                                            config=types.GenerateContentConfig(system_instruction="SAY: ahoy"))
    assert answer.text == "[simulated] ahoy" and answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.total_token_count) == (10, 14)
    last = sim.count()["served"][-1]
    assert (last["format"], last["input"], last["output"]) == ("gemini", 10, 4)


def test_stream(client):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="LOW"))
    chunks = list(client.models.generate_content_stream(model=MODEL, contents="hi", config=config))
    parts = [p for c in chunks for p in c.candidates[0].content.parts]
    assert "".join(p.text for p in parts if not p.thought).startswith("[simulated] the quick brown")
    assert sum(1 for p in parts if p.thought) == 16 and parts[-1].thought_signature
    counts = [c.usage_metadata.candidates_token_count or 0 for c in chunks]
    assert counts == sorted(counts) and counts[-1] == 32
    assert chunks[-1].usage_metadata.thoughts_token_count == 16
    assert [c.candidates[0].finish_reason for c in chunks].count(types.FinishReason.STOP) == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_and_signatures(client, streamed):
    config = types.GenerateContentConfig(tools=[TOOL], automatic_function_calling=MANUAL)

    def ask(contents):
        if not streamed:
            return client.models.generate_content(model=MODEL, contents=contents, config=config).candidates[0].content.parts
        chunks = client.models.generate_content_stream(model=MODEL, contents=contents, config=config)
        return [p for c in chunks for p in c.candidates[0].content.parts if p.text != "" or p.thought_signature]

    contents = [types.Content(role="user", parts=[types.Part(text='call get_weather {"city": "Oslo"} and get_time')])]
    parts = ask(contents)
    calls = [p.function_call for p in parts if p.function_call]
    assert [(c.name, c.args) for c in calls] == [("get_weather", {"city": "Oslo"}), ("get_time", {"tz": "simulated"})]
    assert parts[0].thought_signature and not parts[1].thought_signature
    results = types.Content(role="user", parts=[types.Part(function_response=types.FunctionResponse(
        id=c.id, name=c.name, response={"output": f"res {c.name}"})) for c in calls])
    contents += [types.Content(role="model", parts=[p for p in parts if p.function_call]), results]
    assert "".join(p.text or "" for p in ask(contents)) == '[simulated] results: "res get_weather" "res get_time"'
    parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        ask(contents)


def test_structured_output_and_images(client):
    config = types.GenerateContentConfig(response_mime_type="application/json",
                                         response_schema=types.Schema(type="OBJECT", properties={"a": types.Schema(type="INTEGER")}))
    assert client.models.generate_content(model=MODEL, contents="x", config=config).parsed == {"a": 1}
    image = types.Part.from_bytes(data=b"\x89PNG\r\n\x1a\n", mime_type="image/png")
    answer = client.models.generate_content(model=MODEL, contents=[image, "what?"])
    assert answer.text == "[simulated] 1 image (image/png 8 bytes)"


def test_count_tokens_and_models(client):
    assert client.models.count_tokens(model=MODEL, contents="12345678").total_tokens == 5
    assert "models/gemini-2.5-flash" in [m.name for m in client.models.list()]


@pytest.mark.parametrize("fault,kind,status", [("400", errors.ClientError, "INVALID_ARGUMENT"),
                                               ("404", errors.ClientError, "NOT_FOUND"),
                                               ("429", errors.ClientError, "RESOURCE_EXHAUSTED"),
                                               ("500", errors.ServerError, "INTERNAL"),
                                               ("503", errors.ServerError, "UNAVAILABLE")])
def test_errors(sim, fault, kind, status):
    once = types.HttpOptions(base_url=sim.url, retry_options=types.HttpRetryOptions(attempts=1))
    client = genai.Client(api_key="AIza1", vertexai=False, http_options=once)
    with pytest.raises(kind) as caught:
        client.models.generate_content(model=f"sim-fault-{fault}", contents="x")
    assert caught.value.status == status and caught.value.code == int(fault)
    with pytest.raises(kind):
        list(client.models.generate_content_stream(model=f"sim-fault-{fault}", contents="x"))


def test_error_in_a_stream_and_a_blocked_prompt(client):
    with pytest.raises(errors.ServerError) as caught:
        list(client.models.generate_content_stream(model="sim-fault-error-event-3", contents="x"))
    assert caught.value.status == "UNAVAILABLE"
    answer = client.models.generate_content(model="sim-fault-content-policy", contents="x")
    assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT and not answer.candidates


def test_wrong_key(sim):
    client = genai.Client(api_key="AIza2", vertexai=False, http_options=types.HttpOptions(base_url=sim.url))
    with pytest.raises(errors.ClientError, match="API key not valid"):
        client.models.generate_content(model=MODEL, contents="x")


def test_array_stream(sim):
    """Without alt=sse the stream is one JSON array."""
    body = json.dumps({"contents": [{"parts": [{"text": "hi"}]}]}).encode()
    answer = fetch(sim.address, "POST", f"/v1beta/models/{MODEL}:streamGenerateContent", body=body,
                   headers=[("x-goog-api-key", "AIza1"), ("content-type", "application/json")])
    chunks = answer.json()
    assert len(chunks) == 33 and chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_vertex(sim):
    import google.auth.credentials

    class Fixed(google.auth.credentials.Credentials):
        def refresh(self, request):
            self.token = "AIza1"

    fixed = Fixed()
    fixed.token = "AIza1"
    client = genai.Client(vertexai=True, project="p", location="us-east5", credentials=fixed,
                          http_options=types.HttpOptions(base_url=sim.url))
    answer = client.models.generate_content(model="gemini-2.5-flash", contents="call get_time", config=types.GenerateContentConfig(
        tools=[TOOL], automatic_function_calling=MANUAL))
    call = answer.candidates[0].content.parts[0].function_call
    assert call.name == "get_time" and call.id is None
    assert answer.usage_metadata.traffic_type == types.TrafficType.ON_DEMAND
    chunks = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi"))
    assert chunks[-1].usage_metadata.candidates_token_count == 32
    assert client.models.count_tokens(model="gemini-2.5-flash", contents="12345678").total_tokens == 5
