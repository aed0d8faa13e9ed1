"""Claims about video jobs that hold for every provider and face: nobody else's job is there, what nobody knows stays paid for, and one
poller looks after everybody alike. docs/internals/jobs.md."""

import concurrent.futures
import json
import sqlite3
import time

import openai
import pytest

from conftest import Makers
from lib.client import fetch
from lib.proc import create_key
from lib.wait import wait_for

KEY = "sim-key-of-the-gateway"
FAST = {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500, "resolve_for": "1s"}
RATE = 5


def gateway(makers, **more):
    sim = makers.sim("--key", KEY)
    g = makers.gateway({
        "providers": {"google": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": [KEY]},
                      "ark": {"kind": "byteplus", "base_url": sim.url + "/api/v3", "keys": [KEY]},
                      "vidu": {"kind": "vidu", "base_url": sim.url, "keys": [KEY]}},
        "models": {"veo": "google/veo-3.1-generate-preview", "clip": "ark/dreamina-seedance-2-0-260128", "vidu": "vidu/viduq2"},
        "videos": dict(FAST, **more)})
    g.sim = sim
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.foreign.text).status == 200, "the new key")
    return g


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    yield gateway(makers)
    makers.end()


def client_of(g, key=None):
    return openai.OpenAI(base_url=g.url + "/v1", api_key=(key or g.key).text, max_retries=0)


def told(g):
    return fetch(g.sim.address, "GET", "/sim/video").json()


def rows(g, sql):
    with sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


VERBS = {
    "retrieve": ("GET", "/v1/videos/{}", None), "content": ("GET", "/v1/videos/{}/content", None),
    "thumbnail": ("GET", "/v1/videos/{}/content?variant=thumbnail", None), "head": ("HEAD", "/v1/videos/{}/content", None),
    "cancel": ("POST", "/v1/videos/{}/cancel", None), "delete": ("DELETE", "/v1/videos/{}", None),
    "remix": ("POST", "/v1/videos/{}/remix", {"prompt": "x"}),
    "task": ("GET", "/api/v3/contents/generations/tasks/{}", None), "task_delete": ("DELETE", "/api/v3/contents/generations/tasks/{}", None),
    "operation": ("GET", "/v1beta/models/{model}/operations/{}", None), "bare": ("GET", "/v1beta/operations/{}", None),
    "fetch": ("POST", "/v1/publishers/google/models/{model}:fetchPredictOperation",
              {"operationName": "publishers/google/models/{model}/operations/{}"}),
    "file": ("GET", "/v1beta/files/{file}:download?alt=media", None)}


@pytest.mark.parametrize("model", ["veo", "clip"])
def test_nobody_elses_job_is_there(served, model):
    """By every verb of every face: 404, in the words for an id that never was, and nobody upstream is asked for it."""
    with client_of(served) as client:
        mine = client.videos.create_and_poll(model=model, prompt="[[video takes=60]] x", seconds="4", poll_interval_ms=20).id
    unknown, before = "video_" + "0" * (len(mine) - 6), told(served)

    def ask(verb, id):
        method, path, body = VERBS[verb]
        def put(text):
            return text.replace("{file}", id.replace("_", "")).replace("{model}", model).replace("{}", id)
        raw = None if body is None else put(json.dumps(body)).encode()
        a = fetch(served.address, method, put(path), raw, [("content-type", "application/json")], served.foreign.text)
        return a.status, a.body.decode().replace(id, "ID").replace(id.replace("_", ""), "ID")
    for verb in VERBS:
        answer = ask(verb, mine)
        assert answer[0] == 404, (verb, answer)
        assert answer == ask(verb, unknown), verb
    with client_of(served, served.foreign) as other:
        assert other.videos.list().data == []
    after = told(served)
    assert {k: after[k] for k in ("creates", "polls", "deletes", "lists")} == {k: before[k] for k in ("creates", "polls", "deletes", "lists")}
    assert [j["downloads"] for j in after["jobs"]] == [j["downloads"] for j in before["jobs"]]
    with client_of(served) as client:
        assert client.videos.retrieve(mine).status == "completed"


@pytest.mark.parametrize("birth", ["lost", "late", "error"])
def test_what_nobody_knows_stays_paid_for(served, birth):
    """A create without an answer, at a provider that has no list: said to be unclear, never made again, its reservation kept."""
    before = told(served)["creates"]
    with client_of(served) as client:
        with pytest.raises(openai.APIStatusError) as e:
            client.videos.create(model="veo", prompt=f"[[video takes=60 create={birth}]] x", seconds="4")
        assert e.value.status_code == 502 and e.value.response.headers["x-should-retry"] == "false"
        id = e.value.message.split("'")[-2]
        ended = wait_for(lambda: (v := client.videos.retrieve(id)).status == "failed" and v, "that it is given up", seconds=30)
        assert ended.error.code == "unknown_submission"
    reserved, cost, attempt = rows(served, f"SELECT reserved_p, cost_p, hex(attempt_id) FROM videos WHERE id = '{id}'")[0]
    assert reserved == 4 * 400_000_000_000
    spent = wait_for(lambda: rows(served, f"SELECT cost_p FROM attempts WHERE attempt_id = x'{attempt}' AND state = 1"), "the close")
    assert spent == [(reserved,)] and cost in (reserved, None), (spent, cost)
    assert told(served)["creates"] == before + 1


def test_a_tenant_with_many_jobs_delays_nobody():
    """One poller, so many looks a second for all: another tenant's job is seen to end long before each of the many was looked at."""
    makers = Makers()
    try:
        many = 120
        g = gateway(makers, polls_per_second=RATE)
        began = time.monotonic()
        with client_of(g) as client, concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: client.videos.create(model="vidu", prompt=f"[[video takes=9000000]] {i}", seconds="4"), range(many)))
        wait_for(lambda: told(g)["polls"] >= 2, "looks at the many")
        polls, start = told(g)["polls"], time.monotonic()
        with client_of(g, g.foreign) as other:
            id = other.videos.create(model="vidu", prompt="[[video takes=1]] one", seconds="4").id
            wait_for(lambda: other.videos.retrieve(id).status == "completed", "the other tenant's job", seconds=many / RATE)
        took, now = time.monotonic() - start, told(g)
        assert now["polls"] - polls < many // 4, (took, now["polls"])  # every second look is its own
        assert now["polls"] <= RATE * (time.monotonic() - began) + 2 * RATE  # by all workers together
    finally:
        makers.end()
