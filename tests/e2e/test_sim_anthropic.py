"""The official Anthropic SDK for Python straight against the simulator: proves that its Messages format is right, also as Bedrock
and Vertex carry it."""

import json

import pytest

from conftest import Makers

anthropic = pytest.importorskip("anthropic")

MODEL = "claude-opus-5"
PAIR = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TOOLS = [{"name": "get_weather", "description": "w",
          "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
         {"name": "get_time", "input_schema": {"type": "object", "properties": {}}}]


def user(content):
    return {"role": "user", "content": content}


@pytest.fixture(scope="module")
def sim():
    makers = Makers()
    yield makers.sim("--seed", "7", "--key", "sk-ant-1", "--key", ":".join(PAIR))
    makers.end()


@pytest.fixture(scope="module")
def client(sim):
    with anthropic.Anthropic(base_url=sim.url, api_key="sk-ant-1", max_retries=0, timeout=30) as c:
        yield c


def create(client, content, **more):
    return client.messages.create(**{"model": MODEL, "max_tokens": 2000, "messages": [user(content)], **more})


def test_chat(client, sim):
    answer = create(client, "hi", system="SAY: ahoy")
    assert answer.content[0].text == "[simulated] ahoy" and answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens == 10 and answer.usage.output_tokens == 4
    assert answer._request_id.startswith("req_011C")
    last = sim.count()["served"][-1]
    assert (last["format"], last["input"], last["output"]) == ("anthropic", 10, 4)


def test_stream(client):
    with client.messages.stream(model=MODEL, max_tokens=2000, messages=[user("hi")]) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text and text.startswith("[simulated] the quick brown")
    assert final.usage.output_tokens == 32 and final.stop_reason == "end_turn"


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_and_thinking(client, streamed):
    """Two calls at once with signed thinking before them, sent back as they came; then the second step; then the text."""
    def ask(messages):
        asked = {"model": MODEL, "max_tokens": 2000, "tools": TOOLS, "messages": messages,
                 "thinking": {"type": "adaptive", "display": "summarized"}}
        if not streamed:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message()

    messages = [user('call get_weather {"city": "Tromsø"} and get_time then call get_time')]
    first = ask(messages)
    kinds = [b.type for b in first.content]
    assert kinds == ["thinking", "tool_use", "tool_use"] and first.stop_reason == "tool_use"
    assert first.content[1].input == {"city": "Tromsø"} and first.content[0].signature
    assert first.usage.output_tokens_details.thinking_tokens == 16
    messages += [{"role": "assistant", "content": first.content}, user([
        {"type": "tool_result", "tool_use_id": b.id, "content": f"res {b.name}"} for b in first.content[1:]])]
    second = ask(messages)
    assert [b.name for b in second.content if b.type == "tool_use"] == ["get_time"]
    messages += [{"role": "assistant", "content": second.content}, user([
        {"type": "tool_result", "tool_use_id": b.id, "content": "noon", "is_error": True}
        for b in second.content if b.type == "tool_use"])]
    assert ask(messages).content[-1].text == '[simulated] results: failed "noon"'
    damaged = json.loads(json.dumps([m if isinstance(m["content"], str) or m["role"] == "user" else
                                     {"role": m["role"], "content": [b.to_dict() for b in m["content"]]} for m in messages]))
    damaged[1]["content"][0]["thinking"] += "."
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        ask(damaged)


def test_structured_output_and_images(client):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
    answer = create(client, "x", output_config={"format": {"type": "json_schema", "schema": schema}})
    assert json.loads(answer.content[0].text) == {"city": "simulated"}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    assert create(client, [image, {"type": "text", "text": "what?"}]).content[0].text == "[simulated] 1 image (image/png 8 bytes)"


def test_count_tokens_and_models(client):
    assert client.messages.count_tokens(model=MODEL, messages=[user("12345678")]).input_tokens == 5
    assert MODEL + "-5" in [m.id for m in client.models.list()]


def test_prompt_cache(client):
    block = {"type": "text", "text": "a" * 6000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    first, second = (create(client, "hi", system=[block]).usage for _ in range(2))
    assert first.cache_creation.ephemeral_1h_input_tokens == 1503 and first.cache_read_input_tokens == 0
    assert second.cache_read_input_tokens == 1503 and second.cache_creation_input_tokens == 0
    assert first.input_tokens == second.input_tokens == 4


ERRORS = [("400", anthropic.BadRequestError), ("401", anthropic.AuthenticationError), ("403", anthropic.PermissionDeniedError),
          ("404", anthropic.NotFoundError), ("409", anthropic.ConflictError), ("429", anthropic.RateLimitError),
          ("500", anthropic.InternalServerError), ("529", anthropic.InternalServerError)]


@pytest.mark.parametrize("fault,kind", ERRORS)
def test_errors(client, fault, kind):
    with pytest.raises(kind) as caught:
        create(client, "hi", model=f"sim-fault-{fault}")
    assert caught.value.body["type"] == "error" and caught.value.body["request_id"] == caught.value.request_id


def test_refusals(client):
    for more, message in [({"extra_body": {"stop": ["x"]}}, "stop: Extra inputs are not permitted"),
                          ({"messages": [user("")]}, "non-empty content"),
                          ({"tool_choice": {"type": "any"}}, "only be specified while providing tools")]:
        with pytest.raises(anthropic.BadRequestError, match=message):
            create(client, "hi", **more)
    with pytest.raises(anthropic.AuthenticationError):
        create(client.with_options(api_key="sk-ant-2"), "hi")


def test_error_in_a_stream(client):
    with pytest.raises(anthropic.APIStatusError) as caught:
        with client.messages.stream(model="sim-fault-error-event-5", max_tokens=100, messages=[user("hi")]) as stream:
            stream.get_final_message()
    assert caught.value.body["error"]["type"] == "overloaded_error"


# ---- carried by others ----

def test_bedrock(sim):
    """Signed with the SDK's own signer; the stream in frames."""
    pytest.importorskip("botocore")
    with anthropic.AnthropicBedrock(aws_access_key=PAIR[0], aws_secret_key=PAIR[1], aws_region="us-east-1", base_url=sim.url,
                                    max_retries=0) as c:
        answer = c.messages.create(model="us.anthropic.claude-opus-5", max_tokens=100, messages=[user("hi")])
        assert answer.id.startswith("msg_bdrk_") and answer.usage.output_tokens == 32
        with c.messages.stream(model="us.anthropic.claude-opus-5", max_tokens=2000, messages=[user("think")]) as stream:
            final = stream.get_final_message()
        assert [b.type for b in final.content] == ["thinking", "text"]
        with pytest.raises(anthropic.RateLimitError):
            c.messages.create(model="us.anthropic.claude-opus-5", max_tokens=100, messages=[user("hi")],
                              extra_headers={"x-sim-fault": "429"})
    with anthropic.AnthropicBedrock(aws_access_key=PAIR[0], aws_secret_key="wrong", aws_region="us-east-1", base_url=sim.url,
                                    max_retries=0) as c:
        with pytest.raises(anthropic.PermissionDeniedError):
            c.messages.create(model="us.anthropic.claude-opus-5", max_tokens=100, messages=[user("hi")])


def test_vertex(sim):
    pytest.importorskip("google.auth")
    with anthropic.AnthropicVertex(region="global", project_id="p", access_token="sk-ant-1", base_url=sim.url + "/v1",
                                   max_retries=0) as c:
        answer = c.messages.create(model="claude-opus-5", max_tokens=100, messages=[user("hi")])
        assert answer.id.startswith("msg_vrtx_")
        with c.messages.stream(model="claude-sonnet-4-5@20250929", max_tokens=100, messages=[user("hi")]) as stream:
            assert stream.get_final_message().model == "claude-sonnet-4-5-20250929"
        assert c.messages.count_tokens(model="claude-opus-5", messages=[user("12345678")]).input_tokens == 5
