"""The official OpenAI SDK for Python straight against the simulator: chat and Responses, with the same content as all formats."""

import json

import openai
import pytest

from conftest import Makers

TOOLS = [{"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
         {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}]
CHAT_TOOLS = [{"type": "function", "function": {k: v for k, v in t.items() if k != "type"}} for t in TOOLS]


@pytest.fixture(scope="module")
def sim():
    makers = Makers()
    yield makers.sim("--seed", "7")
    makers.end()


@pytest.fixture(scope="module")
def client(sim):
    with openai.OpenAI(base_url=sim.url + "/v1", api_key="k", max_retries=0, timeout=30) as c:
        yield c


# ---- chat ----

def test_chat_content(client):
    def ask(content, **more):
        return client.chat.completions.create(model="m", messages=[{"role": "user", "content": content}], **more).choices[0].message
    assert ask("ECHO: é").content == "[simulated] é"
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    assert ask([image]).content == "[simulated] 1 image (image/png 8 bytes)"
    assert ask("think").reasoning_content.startswith("[simulated] ")
    assert ask("x", stop=["fox"]).content == "[simulated] the quick brown "


def test_chat_tools(client):
    messages = [{"role": "system", "content": "SAY: ahoy"},
                {"role": "user", "content": 'call get_weather {"city": "Oslo"} and get_time then call get_time'}]
    first = client.chat.completions.create(model="m", messages=messages, tools=CHAT_TOOLS).choices[0].message
    assert first.content == "[simulated] ahoy"
    assert [(c.function.name, c.function.arguments) for c in first.tool_calls] == [("get_weather", '{"city": "Oslo"}'), ("get_time", "{}")]
    messages += [first] + [{"role": "tool", "tool_call_id": c.id, "content": "res"} for c in first.tool_calls]
    second = client.chat.completions.create(model="m", messages=messages, tools=CHAT_TOOLS).choices[0].message
    assert [c.function.name for c in second.tool_calls] == ["get_time"]
    messages += [second] + [{"role": "tool", "tool_call_id": c.id, "content": "noon"} for c in second.tool_calls]
    last = client.chat.completions.create(model="m", messages=messages, tools=CHAT_TOOLS).choices[0].message
    assert last.content == '[simulated] ahoy results: "noon"'


def test_chat_refusals(client):
    hi = {"role": "user", "content": "hi"}
    call = {"id": "c1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    for more, code in [({"messages": [{"role": "tool", "tool_call_id": "c1", "content": "x"}]}, None),
                       ({"messages": [hi, {"role": "assistant", "tool_calls": [call]}, hi]}, None),
                       ({"tools": [{"type": "function", "function": {"name": "a.b"}}]}, "invalid_value"),
                       ({"tool_choice": "required"}, "invalid_value"),
                       ({"model": "gpt-4o", "extra_body": {"top_k": 1}}, "unknown_parameter"),
                       ({"model": "o3", "max_tokens": 1}, "unsupported_parameter"),
                       ({"temperature": 3}, "decimal_above_max_value")]:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**{"model": "m", "messages": [hi], **more})
        assert caught.value.code == code, caught.value


# ---- responses ----

def test_responses(client, sim):
    answer = client.responses.create(model="gpt-5", instructions="SAY: ahoy", input="hi")
    assert answer.output_text == "[simulated] ahoy" and answer.status == "completed"
    assert (answer.usage.input_tokens, answer.usage.total_tokens) == (10, 14)
    last = sim.count()["served"][-1]
    assert (last["format"], last["input"], last["output"]) == ("openai-responses", 10, 4)
    assert client.responses.retrieve(answer.id).output_text == answer.output_text
    assert client.responses.input_tokens.count(model="gpt-5", input="12345678").input_tokens == 5
    client.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)


def test_responses_stream(client):
    with client.responses.stream(model="gpt-5", input="call get_weather and get_time, think", tools=TOOLS,
                                 reasoning={"effort": "low", "summary": "auto"}) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [e.sequence_number for e in events if hasattr(e, "sequence_number")] == list(range(len(events)))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    assert [o.type for o in final.output] == ["reasoning", "function_call", "function_call"]
    assert final.output[0].summary[0].text.startswith("[simulated] ")
    assert json.loads(final.output[1].arguments) == {"city": "simulated"}


@pytest.mark.parametrize("kept", [True, False])
def test_responses_loop(client, kept):
    """The history kept there, by previous_response_id, or here, with sealed reasoning."""
    order = [{"role": "user", "content": "call get_weather then call get_time"}]
    common = {"model": "gpt-5", "tools": TOOLS, "reasoning": {"effort": "low"}, "store": kept}
    first = client.responses.create(input=order, **common)
    results = [{"type": "function_call_output", "call_id": o.call_id, "output": "res"} for o in first.output if o.type == "function_call"]
    history = [] if kept else order + first.output
    before = {"previous_response_id": first.id} if kept else {}
    second = client.responses.create(input=history + results, **before, **common)
    assert [o.name for o in second.output if o.type == "function_call"] == ["get_time"]
    results = [{"type": "function_call_output", "call_id": o.call_id, "output": "noon"} for o in second.output if o.type == "function_call"]
    if not kept:
        history += [{"type": "function_call_output", "call_id": first.output[1].call_id, "output": "res"}] + second.output
    before = {"previous_response_id": second.id} if kept else {}
    third = client.responses.create(input=history + results, **before, **common)
    assert third.output_text == '[simulated] results: "noon"'


def test_responses_errors(client):
    for more, code in [({"input": [{"role": "tool", "content": "x"}]}, "invalid_value"),
                       ({"max_output_tokens": 4}, "integer_below_min_value"), ({"extra_body": {"messages": []}}, "unknown_parameter"),
                       ({"previous_response_id": "resp_x"}, "previous_response_not_found"),
                       ({"model": "sim-fault-context"}, "context_length_exceeded")]:
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(**{"model": "gpt-5", "input": "x", **more})
        assert caught.value.code == code
    events = list(client.responses.create(model="sim-fault-error-event-5", input="x", stream=True))
    assert events[-1].type == "response.failed" and events[-2].type == "error"
