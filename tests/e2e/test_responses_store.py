"""Stored responses, with OpenAI's SDK as judge: in front of a provider that stores them itself (pinned to it), and of those that
speak other formats (stored by the gateway). docs/internals/stored-responses.md."""

import concurrent.futures
import contextlib
import json
import pathlib
import shutil
import subprocess
import threading

import openai
import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import clean_environment, create_key
from lib.upstream import error_answer, json_answer
from lib.wait import LONG, wait_for

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
          "required": ["city", "days"], "additionalProperties": False}
UPSTREAMS = {  # kind, behind the simulator's address, model
    "chat": ("openai-compatible", "/v1", "sim-chat"),
    "openai": ("openai", "/v1", "gpt-5.2"),
    "anthropic": ("anthropic", "/v1", "claude-opus-4-6"),
    "gemini": ("gemini", "/v1beta", "gemini-2.5-flash"),
}
OWN = ["chat", "anthropic", "gemini"]
TOOLS = [{"type": "function", "name": n, "description": "d", "parameters": SCHEMA, "strict": False} for n in ("weather", "news")]


def config(sim, **responses):
    return {
        "providers": {name: {"kind": kind, "base_url": sim.url + path, "keys": ["sim-key-of-the-gateway"]}
                      for name, (kind, path, _) in UPSTREAMS.items()},
        "models": {**{"m-" + name: f"{name}/{model}" for name, (_, _, model) in UPSTREAMS.items()},
                   "m-mixed": {"targets": ["anthropic/claude-opus-4-6", "openai/gpt-5.2"]}},
        "resilience": {"retry": {"attempts": 1}},
        "responses": responses,
    }


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    g = makers.gateway(config(makers.sim()))
    g.second = create_key(g.state, "second")
    client = openai.OpenAI(base_url=g.url + "/v1", api_key=g.second.text, max_retries=0)
    wait_for(lambda: works(client), "the second key")
    client.close()
    yield g
    makers.end()


def works(client):
    try:
        return bool(client.models.list().data)
    except openai.AuthenticationError:
        return False


@contextlib.contextmanager
def client_of(g, key=None):
    with openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0, timeout=60) as c:
        yield c


@pytest.fixture
def client(served):
    with client_of(served) as c:
        yield c


@pytest.fixture
def other(served):
    with client_of(served, served.second) as c:
        yield c


def code_of(info):
    return info.value.body["code"]


def create(client, stream=False, **more):
    if not stream:
        return client.responses.create(**more)
    with client.responses.stream(**more) as s:
        for _ in s:
            pass
        return s.get_final_response()


def items_of(client, id, **more):
    return list(client.responses.input_items.list(id, **more))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_stored_read_and_deleted(client, other, name, stream):
    made = create(client, stream, model="m-" + name, input="hello store", metadata={"a": "b"})
    assert made.id.startswith("resp_") and made.store is True
    read = client.responses.retrieve(made.id)
    assert read.id == made.id and read.status == "completed"
    assert read.output_text == made.output_text and read.output_text
    assert read.usage == made.usage
    assert read.metadata == {"a": "b"}

    listed = items_of(client, made.id)
    assert len(listed) == 1 and listed[0].content[0].text == "hello store" and listed[0].role == "user"

    for act in (other.responses.retrieve, other.responses.delete, other.responses.cancel, other.responses.input_items.list):
        with pytest.raises(openai.NotFoundError) as foreign:
            act(made.id)
        with pytest.raises(openai.NotFoundError) as unknown:
            act("resp_" + "x" * (len(made.id) - 5))
        assert foreign.value.message.replace(made.id, "ID") == unknown.value.message.replace("resp_" + "x" * (len(made.id) - 5), "ID")
    with pytest.raises(openai.BadRequestError) as info:
        create(other, model="m-" + name, input="and?", previous_response_id=made.id)
    assert code_of(info) == "previous_response_not_found"

    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(made.id)

    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(made.id)
    with pytest.raises(openai.BadRequestError) as info:
        create(client, model="m-" + name, input="and?", previous_response_id=made.id)
    assert code_of(info) == "previous_response_not_found"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_three_turns_with_tools_and_an_image(client, served, name, stream):
    model = "m-" + name
    first = create(client, stream, model=model, tools=TOOLS, max_output_tokens=4000, instructions="Be brief.", input=[
        {"role": "user", "content": [{"type": "input_text", "text": "call weather and news"},
                                     {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64," + PNG}]}])
    calls = [i for i in first.output if i.type == "function_call"]
    assert [c.name for c in calls] == ["weather", "news"]

    results = [{"type": "function_call_output", "call_id": c.call_id, "output": f"result-of-{c.name}"} for c in calls]
    second = create(client, stream, model=model, tools=TOOLS, max_output_tokens=4000, input=results, previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert "result-of-weather" in second.output_text and "result-of-news" in second.output_text

    third = create(client, stream, model=model, tools=TOOLS, max_output_tokens=4000, input="thanks", previous_response_id=second.id)
    assert third.output_text
    assert third.usage.input_tokens > second.usage.input_tokens > first.usage.input_tokens
    assert third.instructions is None  # of one response only

    if name in OWN:
        kinds = [i.type for i in items_of(client, third.id, order="asc")]
        assert kinds == ["message", *[i.type for i in first.output], "function_call_output", "function_call_output",
                         *[i.type for i in second.output], "message"]
        image = items_of(client, third.id, order="asc")[0].content[1]
        assert image.type == "input_image" and image.image_url.endswith(PNG)
    for r in (first, second, third):
        assert client.responses.retrieve(r.id).output_text == r.output_text


def test_pages(client):
    many = [{"role": "user", "content": f"item {i}"} for i in range(237)]
    made = create(client, model="m-chat", input=many)
    texts = [i.content[0].text for i in items_of(client, made.id, order="asc", limit=10)]
    assert texts == [f"item {i}" for i in range(237)]
    texts = [i.content[0].text for i in items_of(client, made.id, limit=100)]
    assert texts == [f"item {i}" for i in reversed(range(237))]
    page = client.responses.input_items.list(made.id)
    assert len(page.data) == 20 and page.has_more and page.last_id == page.data[-1].id
    assert client.responses.input_items.list(made.id, order="asc", after=items_of(client, made.id)[0].id).data == []
    for bad in ({"limit": 0}, {"limit": 101}, {"order": "up"}, {"after": "msg_nowhere"}):
        with pytest.raises(openai.BadRequestError) as info:
            client.responses.input_items.list(made.id, **bad)
        assert info.value.body["param"] == next(iter(bad))


def test_a_provider_is_not_left_in_silence(client, served):
    made = create(client, model="m-openai", input="stay here")
    with pytest.raises(openai.BadRequestError) as info:
        create(client, model="m-anthropic", input="and there?", previous_response_id=made.id)
    assert info.value.body["param"] == "previous_response_id" and "another" not in info.value.message
    mixed = client.responses.with_raw_response.create(model="m-mixed", input="and here?", previous_response_id=made.id)
    assert mixed.headers["x-sluice-target"].startswith("openai/")
    assert mixed.parse().previous_response_id == made.id


def test_our_own_go_on_anywhere(client):
    first = create(client, model="m-anthropic", input="SAY: first-words", reasoning={"effort": "low", "summary": "auto"},
                   max_output_tokens=4000)
    second = create(client, model="m-gemini", input="second", previous_response_id=first.id)
    third = create(client, model="m-openai", input="third", previous_response_id=second.id)
    assert third.output_text and third.usage.input_tokens > first.usage.input_tokens
    assert create(client, model="m-openai", input="fourth", previous_response_id=third.id).output_text


@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_items_by_reference(client, name):
    first = create(client, model="m-" + name, input="call weather", tools=TOOLS[:1], max_output_tokens=4000)
    call = [i for i in first.output if i.type == "function_call"][0]
    second = create(client, model="m-" + name, tools=TOOLS[:1], max_output_tokens=4000, input=[
        {"role": "user", "content": "call weather"},
        *[{"type": "item_reference", "id": i.id} for i in first.output],
        {"type": "function_call_output", "call_id": call.call_id, "output": "result-of-weather"}])
    assert "result-of-weather" in second.output_text
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)):
        create(client, model="m-" + name, input=[{"type": "item_reference", "id": "msg_nowhere"}])


@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_not_stored_when_told_so(client, name):
    made = create(client, model="m-" + name, input="keep nothing", store=False)
    assert made.store is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_wrong_asks(client, served):
    for bad in ("resp_%00", "resp_a%2Fb", "a" * 600, "resp_ä", "%ff", "resp_' OR 1=1 --"):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(bad)
    for bad in ("", "a" * 600, "resp_\x00", "x' OR '1'='1"):
        with pytest.raises(openai.BadRequestError) as info:
            create(client, model="m-chat", input="x", previous_response_id=bad)
        assert code_of(info) == "previous_response_not_found"
    with pytest.raises(openai.BadRequestError) as info:
        create(client, model="m-chat", input="x", previous_response_id=7)
    assert code_of(info) == "invalid_type"
    with pytest.raises(openai.BadRequestError) as info:
        create(client, model="m-openai", input="x", conversation="conv_1")
    assert info.value.body["param"] == "conversation" and code_of(info) == "unsupported_parameter"
    made = create(client, model="m-chat", input="x")
    with pytest.raises(openai.BadRequestError) as info:
        client.responses.retrieve(made.id, stream=True)
    assert info.value.body["param"] == "stream"
    answer = fetch(served.address, "PUT", "/v1/responses/" + made.id, b"", [("authorization", "Bearer " + served.key.text)])
    assert answer.status == 405 and dict(answer.headers)["allow"] == "GET, DELETE"
    assert fetch(served.address, "GET", "/v1/responses/" + made.id).status == 401


@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_input_tokens(client, name):
    first = create(client, model="m-" + name, input="one two three four five six seven")
    plain = client.responses.input_tokens.count(model="m-" + name, input="eight")
    more = client.responses.input_tokens.count(model="m-" + name, input="eight", previous_response_id=first.id)
    assert plain.object == "response.input_tokens" and more.input_tokens > plain.input_tokens > 0


def test_recorded_and_free(client, served):
    made = create(client, model="m-anthropic", input="once")
    pinned = create(client, model="m-openai", input="once")
    for id in (made.id, pinned.id):
        raw = client.responses.with_raw_response.retrieve(id)
        record = served.record(raw.headers["x-sluice-id"])
        assert record["operation"] == "responses_get" and record["status"] == 200 and record["key"] == "test", record
        assert record["cost_usd"] == 0 and record["usage"] == {}
        assert len(record["attempts"]) == (id == pinned.id)


def test_kill_and_restart(make):
    sim = make.sim()
    g = make.gateway(config(sim))
    g.exit_code = None
    texts = {}
    with client_of(g) as client:
        for name in UPSTREAMS:
            for stream in (False, True):
                made = create(client, stream, model="m-" + name, input=f"remember {name}")
                texts[name, made.id] = made.output_text
    g.kill()
    again = make.adopt(g.restart())
    with client_of(again) as client:
        for (name, id), text in texts.items():
            assert text and client.responses.retrieve(id).output_text == text
            assert create(client, model="m-" + name, input="and on", previous_response_id=id).output_text


def test_whatever_end_was_seen_survives_a_kill(make):
    """Eight clients create without a pause; the process is killed among them. What had ended for a client is there afterwards."""
    sim = make.sim()
    g = make.gateway(config(sim))
    g.exit_code = None
    ended, enough, killing = [], threading.Event(), threading.Event()

    def work(n):
        name, previous = list(UPSTREAMS)[n % 4], None
        with client_of(g) as client:
            while True:
                try:
                    made = create(client, n >= 4, model="m-" + name, input=f"turn {n}", max_output_tokens=200,
                                  **({"previous_response_id": previous} if previous and len(ended) % 3 else {}))
                except openai.APIConnectionError:
                    return
                except Exception:  # broken off in the middle of a stream: no end was seen
                    if not killing.is_set():
                        raise
                    return
                previous = made.id
                ended.append((made.id, made.output_text))
                if len(ended) >= 60:
                    enough.set()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        workers = [pool.submit(work, n) for n in range(8)]
        assert enough.wait(LONG)
        killing.set()
        g.kill()
        for w in workers:
            w.result()
    again = make.adopt(g.restart())
    with client_of(again) as client:
        for id, text in ended:
            try:
                assert client.responses.retrieve(id).output_text == text
            except openai.NotFoundError as e:
                # the simulator keeps its newest 256 only, and says it in its own words
                assert "x-sluice-target" in e.response.headers and len(ended) > 256, id


def test_nothing_is_kept(make):
    """Switched off for all, or for one tenant: no row, no content, and everybody is told."""
    sim = make.sim()
    for responses in ({"store": False}, {"except": ["default"]}):
        g = make.gateway(config(sim, **responses))
        with client_of(g) as client:
            for name in UPSTREAMS:
                made = create(client, model="m-" + name, input="zebra-secret", include=["reasoning.encrypted_content"])
                assert made.store is False
                with pytest.raises(openai.NotFoundError):
                    client.responses.retrieve(made.id)
                with pytest.raises(openai.BadRequestError) as info:
                    create(client, model="m-" + name, input="and?", previous_response_id=made.id)
                assert code_of(info) == "unsupported_parameter" and info.value.body["param"] == "previous_response_id"
        for path in g.state.rglob("*"):
            if path.is_file():
                assert b"zebra-secret" not in path.read_bytes(), path


def test_answers_of_a_provider_without_retention(make):
    sim = make.sim()
    c = config(sim)
    c["providers"]["anthropic"]["zero_retention"] = True
    g = make.gateway(c)
    with client_of(g) as client:
        assert create(client, model="m-anthropic", input="zebra-secret").store is False
        assert create(client, model="m-gemini", input="x").store is True
    for path in g.state.rglob("*"):
        if path.is_file():
            assert b"zebra-secret" not in path.read_bytes(), path


def test_expired_and_deleted_bytes_are_gone(make):
    g = make.gateway(config(make.sim(), keep="3s"))
    with client_of(g) as client:
        made = create(client, model="m-chat", input="zebra-expires")

        def gone():
            try:
                client.responses.retrieve(made.id)
            except openai.NotFoundError:
                return True
        wait_for(gone, "the end of its time", seconds=LONG)
        with pytest.raises(openai.BadRequestError) as info:
            create(client, model="m-chat", input="and?", previous_response_id=made.id)
        assert code_of(info) == "previous_response_not_found"
        g.wait_event("responses.expired")


def test_a_broken_conversation_is_told(client):
    first = create(client, model="m-chat", input="one")
    second = create(client, model="m-chat", input="two", previous_response_id=first.id)
    client.responses.delete(first.id)
    assert client.responses.retrieve(second.id).output_text == second.output_text
    with pytest.raises(openai.BadRequestError) as info:
        create(client, model="m-chat", input="three", previous_response_id=second.id)
    assert code_of(info) == "previous_response_not_found" and "whole input" in info.value.message


def test_the_oldest_make_room(make):
    g = make.gateway(config(make.sim(), per_key="200KiB", max_bytes="100KiB"))
    with client_of(g) as client:
        ids = [create(client, model="m-chat", input=f"{i} " + "long " * 6000).id for i in range(8)]
        there = []
        for id in ids:
            try:
                there.append(client.responses.retrieve(id).id)
            except openai.NotFoundError:
                pass
        assert there == ids[-len(there):] and 1 <= len(there) < 8
        g.wait_metric("sluice_responses_stored_total", 8)
        big = create(client, model="m-chat", input="long " * 40000)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(big.id)
        g.wait_metric("sluice_responses_not_stored_total", 1)


def test_a_tenant_may_share(make):
    g = make.gateway(config(make.sim(), scope="tenant"))
    same, apart = create_key(g.state, "same"), create_key(g.state, "apart", "--tenant", "another")
    with client_of(g) as client, client_of(g, same) as shared, client_of(g, apart) as foreign:
        wait_for(lambda: works(shared) and works(foreign), "the new keys")
        made = create(client, model="m-chat", input="for us")
        assert shared.responses.retrieve(made.id).id == made.id
        assert create(shared, model="m-chat", input="on", previous_response_id=made.id).output_text
        with pytest.raises(openai.NotFoundError):
            foreign.responses.retrieve(made.id)


@pytest.mark.parametrize("name", OWN)
def test_in_the_background(client, other, served, name):
    first = create(client, model="m-" + name, input="before")
    made = client.responses.create(model="m-" + name, input="call weather", tools=TOOLS[:1], max_output_tokens=4000,
                                   background=True, previous_response_id=first.id, metadata={"a": "b"})
    assert made.status == "queued" and made.background is True and made.output == [] and made.previous_response_id == first.id
    with pytest.raises(openai.NotFoundError):
        other.responses.retrieve(made.id)

    def ended():
        r = client.responses.retrieve(made.id)
        return r if r.status not in ("queued", "in_progress") else None
    done = wait_for(ended, "the end of the run")
    assert done.status == "completed" and done.id == made.id and done.background is True and done.metadata == {"a": "b"}
    call = [i for i in done.output if i.type == "function_call"][0]
    assert [i.content[0].text for i in items_of(client, made.id, order="asc")[-1:]] == ["call weather"]
    on = create(client, model="m-" + name, input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny-here"}],
                tools=TOOLS[:1], max_output_tokens=4000, previous_response_id=made.id)
    assert "sunny-here" in on.output_text
    assert client.responses.cancel(made.id).status == "completed"  # too late, and no error
    record = served.record(made.id.removeprefix("resp_"))
    assert record["attempts_n"] == 1 and record["usage"]["output"] > 0 and record["key"] == "test"


def with_slow(sim, **responses):
    """The model m-slow answers after a minute, m-broken not at all."""
    c = config(sim, **responses)
    c["models"]["m-slow"] = "chat/sim-fault-slow-60000"
    c["models"]["m-broken"] = "chat/sim-fault-500"
    return c


def count_of(sim):
    return json.loads(fetch(sim.address, "GET", "/sim/count").body)


def test_a_run_is_cancelled(make):
    sim = make.sim()
    g = make.gateway(with_slow(sim))
    with client_of(g) as client:
        made = client.responses.create(model="m-slow", input="slow", background=True)
        assert client.responses.retrieve(made.id).status == "in_progress"
        with pytest.raises(openai.BadRequestError) as info:
            create(client, model="m-chat", input="too early", previous_response_id=made.id)
        assert info.value.body["param"] == "previous_response_id"
        assert client.responses.cancel(made.id).status == "cancelled"
        record = g.record(made.id.removeprefix("resp_"))  # the exchange has ended, not only its row
        assert record["ended"]["why"] == "client_gone", record
        assert client.responses.retrieve(made.id).status == "cancelled"
        assert client.responses.cancel(made.id).status == "cancelled"
        gone = client.responses.create(model="m-slow", input="slow", background=True)
        client.responses.delete(gone.id)
        g.record(gone.id.removeprefix("resp_"))
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(gone.id)


def test_a_run_that_fails(make):
    g = make.gateway(with_slow(make.sim()))
    g.exit_code = None
    with client_of(g) as client:
        made = client.responses.create(model="m-broken", input="break", background=True)
        g.record(made.id.removeprefix("resp_"))

        def failed():
            r = client.responses.retrieve(made.id)
            return r if r.status == "failed" else None
        assert wait_for(failed, "the failure").error.code == "server_error"
        lost = client.responses.create(model="m-slow", input="slow", background=True)
        assert client.responses.retrieve(lost.id).status == "in_progress"
    g.kill()
    again = make.adopt(g.restart())
    with client_of(again) as client:
        r = client.responses.retrieve(lost.id)
        assert r.status == "failed" and r.error.code == "server_error" and "ended" in r.error.message
        with pytest.raises(openai.BadRequestError) as info:
            client.responses.create(model="m-chat", input="x", background=True, store=False)
        assert info.value.body["param"] == "background" and code_of(info) == "unsupported_parameter"
        with pytest.raises(openai.NotFoundError):
            client.responses.create(model="m-nowhere", input="x", background=True)


@pytest.mark.parametrize("name", list(UPSTREAMS))
def test_the_node_sdk(served, name):
    node = pathlib.Path(__file__).parent / "node"
    if not shutil.which("node") or not (node / "node_modules/openai").exists():
        pytest.skip("node or its packages are missing: dev/setup.sh test installs them")
    done = subprocess.run(["node", "stored.mjs"], cwd=node, capture_output=True, text=True, timeout=LONG,
                          env=clean_environment({"SLUICE_URL": served.url, "SLUICE_KEY": served.key.text, "MODEL": "m-" + name}))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["same"] and said["previous"] and said["tokens"] > 0
    assert said["gone"][:2] == ["NotFoundError", 404]
    assert said["goneOn"] == ["BadRequestError", 400, "previous_response_not_found"]
    assert said["notCancelled"][:2] == ["BadRequestError", 400]
    if name in OWN:
        assert said["items"][0] == "message" and len(said["items"]) >= 3


@pytest.mark.parametrize("first", ["chat/sim-fault-cut-4", "openai/sim-fault-cut-6"])
def test_a_rescued_stream_is_stored_whole(make, first):
    c = config(make.sim())
    c["models"]["m-rescued"] = {"targets": [first, "anthropic/claude-opus-4-6"]}
    c["resilience"]["retry"] = {"attempts": 3}
    g = make.gateway(c)
    with client_of(g) as client:
        made = create(client, stream=True, model="m-rescued", input="tell me more")
        record = g.wait_records(1)[-1]
        assert record["attempts_n"] == 2, record
        read = client.responses.retrieve(made.id)
        assert read.status == made.status == "completed" and read.output_text == made.output_text
        assert create(client, model="m-anthropic", input="and on", previous_response_id=made.id).output_text


def test_in_the_background_at_the_provider(client, other):
    """Bytes pass: the provider runs it, tells of it, replays its stream and cancels it; nobody else may."""
    made = client.responses.create(model="m-openai", input="over there", background=True)
    assert made.status == "queued" and made.background is True
    assert client.responses.retrieve(made.id).status == "in_progress"
    done = client.responses.retrieve(made.id)
    assert done.status == "completed" and done.output_text
    with client.responses.retrieve(made.id, stream=True, starting_after=3) as events:
        assert [e.type for e in events] == ["response.completed"]
    gone = client.responses.create(model="m-openai", input="over there", background=True)
    with pytest.raises(openai.NotFoundError):
        other.responses.cancel(gone.id)
    assert client.responses.cancel(gone.id).status == "cancelled"
    assert client.responses.retrieve(gone.id).status == "cancelled"
    # its stream is left behind: it was known from its first event on
    with client.responses.create(model="m-openai", input="left", background=True, stream=True) as events:
        id = next(iter(events)).response.id
    assert wait_for(lambda: client.responses.retrieve(id), "the response").id == id


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ["anthropic", "gemini"])
def test_reasoning_goes_home_only(make, name, stream):
    """What the model thought is stored sealed and goes back to it (the simulator asks for it behind a call); no other gets it."""
    sim = make.sim()
    c = config(sim)
    if name == "gemini":
        c["models"]["m-gemini"] = "gemini/gemini-3-pro-preview"
    g = make.gateway(c)
    with client_of(g) as client:
        more = {"tools": TOOLS[:1], "max_output_tokens": 8000, "reasoning": {"effort": "high", "summary": "auto"}}
        first = create(client, stream, model="m-" + name, input="call weather", **more)
        assert any(i.type == "reasoning" and i.encrypted_content for i in first.output) or name == "gemini", first.output
        call = [i for i in first.output if i.type == "function_call"][0]
        result = [{"type": "function_call_output", "call_id": call.call_id, "output": "result-of-weather"}]
        second = create(client, stream, model="m-" + name, input=result, previous_response_id=first.id, **more)
        assert "result-of-weather" in second.output_text
        for other in {"anthropic", "gemini", "chat", "openai"} - {name}:
            away = create(client, stream, model="m-" + other, input=result, previous_response_id=first.id, **more)
            assert "result-of-weather" in away.output_text, other


@pytest.mark.parametrize("http", ["1", "2"])
def test_a_stream_in_the_background_outlives_its_client(make, http):
    g = make.gateway(config(make.sim("--ttft", "300ms", "--tps", "40")))
    if http == "2":
        pytest.importorskip("h2")
    with client_of(g) as client:
        if http == "2":
            import httpx
            client = openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0,
                                   http_client=httpx.Client(http1=False, http2=True))
        with client.responses.create(model="m-anthropic", input="go on without me", background=True, stream=True) as events:
            id = next(iter(events)).response.id
        client.close()
    with client_of(g) as client:
        def ended():
            r = client.responses.retrieve(id)
            return r if r.status != "in_progress" else None
        done = wait_for(ended, "the end of the run")
        assert done.status == "completed" and done.background is True and len(done.output_text.split()) > 10
    record = g.record(id.removeprefix("resp_"))
    assert record["usage"]["output"] > 10


def object_of(id, **more):
    return {"id": id, "object": "response", "created_at": 1790000000, "status": "completed", "error": None, "output": [],
            "model": "up", "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}, **more}


def test_the_credential_that_made_it_is_the_one_that_is_asked(make):
    """A provider with three keys, which may be three accounts; restarted between, with the keys in another order."""
    up = make.upstream()
    made = {}  # id: the key that it came with

    def answer(seen):
        if seen.method == "POST" and seen.path == "/v1/responses":
            id = f"resp_{len(made)}"
            made[id] = seen.get("authorization")
            before = seen.json().get("previous_response_id")
            if before is not None and made[before] != seen.get("authorization"):
                return error_answer(400, "previous_response_not_found")
            return json_answer(object_of(id))
        id = seen.path.split("/")[3]
        if made.get(id) != seen.get("authorization"):
            return error_answer(404)
        if seen.path.endswith("/input_items"):
            return json_answer({"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False})
        return json_answer(object_of(id))
    up.answer = answer
    keys = ["sk-account-one", "sk-account-two", "sk-account-three"]
    c = {"providers": {"up": {"kind": "openai", "base_url": up.url, "keys": keys}},
         "models": {"m": "up/up"}, "resilience": {"retry": {"attempts": 1}}}
    g = make.gateway(c)
    ids = []
    with client_of(g) as client:
        for _ in range(9):
            ids.append(create(client, model="m", input="x").id)
        assert len(set(made.values())) == 3
        for id in ids:
            assert client.responses.retrieve(id).id == id
            ids.append(create(client, model="m", input="on", previous_response_id=id).id) if len(ids) < 27 else None
    assert g.stop() == 0
    c["providers"]["up"]["keys"] = list(reversed(keys))
    again = make.adopt(g.restart(c))
    with client_of(again) as client:
        for id in ids:
            assert items_of(client, id) == []
            client.responses.delete(id)
    asked = [s for s in up.requests if s.method == "DELETE"]
    assert [s.get("authorization") for s in asked] == [made[i] for i in ids]
