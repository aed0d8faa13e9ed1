"""The official OpenAI SDK for Python against the gateway: what an application uses, and how it sees failures."""

import asyncio
import threading
import time

import httpx
import openai
import pytest
from pydantic import BaseModel

from conftest import Makers, relay_config
from lib import provider
from lib.proc import PATIENCE, create_key, merge, scratch
from lib.upstream import DONE, Answer, delta, error_answer, json_answer, stream_answer
from lib.wait import LONG, quickest

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    up = makers.upstream()
    directory = scratch("sdk")
    chat_only = create_key(directory / "state", "chat-only", "--operations", "chat")
    g = makers.gateway(merge(relay_config(up.url), {"providers": {"up": {"open_models": True}},
                                                    "resilience": {"retry": {"attempts": 2}}}), directory=directory)
    g.own_directory = True
    g.up, g.chat_only = up, chat_only
    yield g
    makers.end()


@pytest.fixture
def g(served):
    served.up.reset()
    served.up.answer = provider.answer
    return served


@pytest.fixture
def client(g):
    with openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0, timeout=LONG) as c:
        yield c


def test_chat(client, g):
    answer = client.chat.completions.create(model="m", messages=HI, temperature=0.5)
    assert answer.choices[0].message.content == "Hello there."
    assert answer.usage.total_tokens == 12
    raw = client.chat.completions.with_raw_response.create(model="m", messages=HI)
    assert raw.headers["x-sluice-target"] == "up/upstream-model"
    assert g.record(raw.headers["x-sluice-id"])["status"] == 200


def test_stream(client):
    stream = client.chat.completions.create(model="m", messages=HI, stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello there."
    assert all(c.choices for c in chunks) and all(c.usage is None for c in chunks)
    stream = client.chat.completions.create(model="m", messages=HI, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert chunks[-1].usage.prompt_tokens == 9 and chunks[-1].choices == []


def test_stream_helper(client):
    with client.chat.completions.stream(model="m", messages=HI) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and final.choices[0].message.content == "Hello there."


def test_async(g):
    async def run():
        async with openai.AsyncOpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0) as c:
            async def one(i):
                if i % 2:
                    stream = await c.chat.completions.create(model="m", messages=HI, stream=True)
                    return "".join([x.choices[0].delta.content or "" async for x in stream])
                answer = await c.chat.completions.create(model="m", messages=HI)
                return answer.choices[0].message.content
            return await asyncio.gather(*[one(i) for i in range(40)])
    assert asyncio.run(run()) == ["Hello there."] * 40


TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "w", "strict": True, "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}}]


def test_tools(client):
    first = client.chat.completions.create(model="m", messages=HI, tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and call.function.arguments == '{"city":"Oslo"}'
    second = client.chat.completions.create(model="m", tools=TOOLS, messages=HI + [
        first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "cold"}])
    assert second.choices[0].message.content == "It is cold."


def test_tools_streamed(client):
    arguments, name = "", None
    for chunk in client.chat.completions.create(model="m", messages=HI, tools=TOOLS, stream=True):
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            name = call.function.name or name
            arguments += call.function.arguments or ""
    assert (name, arguments) == ("get_weather", '{"city":"Oslo"}')


class Weather(BaseModel):
    city: str
    degrees: int


def test_structured_output(client, g):
    answer = client.chat.completions.parse(model="m", messages=HI, response_format=Weather)
    assert answer.choices[0].message.parsed == Weather(city="Oslo", degrees=-3)
    assert g.up.last().json()["response_format"]["json_schema"]["name"] == "Weather"


def test_embeddings_in_both_encodings(client, g):
    answer = client.embeddings.create(model="m", input=["a", "b"])
    assert g.up.last().json()["encoding_format"] == "base64"  # the SDK's own default
    assert answer.data[1].embedding == provider.VECTOR and len(answer.data) == 2
    answer = client.embeddings.create(model="m", input="a", encoding_format="float")
    assert answer.data[0].embedding == provider.VECTOR


def test_completions(client):
    assert client.completions.create(model="m", prompt="x").choices[0].text == "Hello there."
    stream = client.completions.create(model="m", prompt="x", stream=True)
    assert "".join(c.choices[0].text for c in stream) == "Hello"


def test_models(client):
    assert "m" in [m.id for m in client.models.list()]
    assert client.models.retrieve("m").id == "m"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nope")


@pytest.mark.parametrize("status,kind", [(400, openai.BadRequestError), (404, openai.NotFoundError),
                                         (422, openai.UnprocessableEntityError), (409, openai.ConflictError),
                                         (429, openai.RateLimitError), (500, openai.InternalServerError),
                                         (503, openai.InternalServerError)])
def test_providers_errors(client, g, status, kind):
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=f"fail-{status}", messages=HI)
    assert caught.value.status_code // 100 == status // 100 and caught.value.body["message"]
    if status < 500:
        assert caught.value.status_code == status


def test_gateways_errors(client, g):
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="sk-sluice-wrong").chat.completions.create(model="m", messages=HI)
    assert caught.value.code == "invalid_api_key"
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(api_key=g.chat_only.text).embeddings.create(model="m", input="x")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=5, messages=HI)  # type: ignore[arg-type]
    assert caught.value.param == "model"
    g.up.answer = error_answer(401, "invalid_api_key")
    with pytest.raises(openai.InternalServerError) as caught:  # our fault is never their 401
        client.chat.completions.create(model="m", messages=HI)
    assert caught.value.status_code == 502


def test_error_in_a_stream(client, g):
    seen_first = threading.Event()
    g.up.answer = stream_answer(delta("one"), seen_first, "rst", end=False)
    got = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model="m", messages=HI, stream=True):
            got.append(chunk.choices[0].delta.content)
            seen_first.set()
    assert got == ["one"] and caught.value.message


def requests_of_one_call(g, answer):
    """How many requests one SDK call makes with the SDK's own retries on, how long it takes, and how it ends."""
    sent = []
    g.up.answer = answer
    with httpx.Client(event_hooks={"request": [sent.append]}) as http, \
            openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=2, timeout=LONG, http_client=http) as c:
        began = time.monotonic()
        try:
            c.chat.completions.create(model="m", messages=HI)
            result = None
        except openai.OpenAIError as error:
            result = error
    return len(sent), time.monotonic() - began, result


def test_sdk_does_not_multiply_our_retries(g):
    """We say x-should-retry: false after our own tries: the SDK asks once."""
    for failing in (error_answer(500), Answer("rst"), error_answer(401)):
        times, _, error = requests_of_one_call(g, failing)
        assert times == 1 and isinstance(error, openai.InternalServerError), (times, error)


def test_sdk_waits_as_the_provider_asked(g):
    limited = [error_answer(429, "rate_limit_exceeded", "rate_limit_error", headers=[("retry-after-ms", ms)]) for ms in ("20", "300")]
    answers = iter([*limited, json_answer()])  # the gateway tries twice, then the SDK comes again
    times, took, error = requests_of_one_call(g, lambda seen: next(answers))
    assert error is None and times == 2 and took >= 0.3


def test_sdk_does_not_retry_what_is_wrong(g):
    times, _, error = requests_of_one_call(g, error_answer(400, "invalid_value"))
    assert times == 1 and isinstance(error, openai.BadRequestError)


def test_timeout_of_the_client(client, g):
    g.up.answer = Answer("hang")
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=1.5).chat.completions.create(model="m", messages=HI)
    seen = g.up.wait_requests(1)
    assert seen.gone.wait(LONG), "the provider's call is cancelled with the client's"


def test_stream_left_early_cancels_the_provider(client, g):
    def cancelled_after():
        g.up.answer = stream_answer(delta("one"), delta("two"), "hang")
        with client.chat.completions.create(model="m", messages=HI, stream=True) as stream:
            assert next(iter(stream)).choices[0].delta.content == "one"
            left = time.monotonic()
        seen = g.up.last()
        assert seen.gone.wait(LONG)
        return seen.gone_at - left
    quickest(cancelled_after, 0.1 * PATIENCE, "cancelling the provider")


def test_connection_refused_is_a_connection_error(g):
    with openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="x", max_retries=0) as c:
        with pytest.raises(openai.APIConnectionError):
            c.chat.completions.create(model="m", messages=HI)


def test_http2_client(g):
    with httpx.Client(http2=True, http1=False, base_url=g.url, headers={"authorization": f"Bearer {g.key.text}"}) as c:
        answer = c.post("/v1/chat/completions", json={"model": "m", "messages": HI})
        assert answer.http_version == "HTTP/2" and answer.json()["choices"][0]["message"]["content"] == "Hello there."
        with c.stream("POST", "/v1/chat/completions", json={"model": "m", "messages": HI, "stream": True}) as stream:
            assert list(stream.iter_lines())[-2:] == ["data: [DONE]", ""]
