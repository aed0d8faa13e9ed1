"""Video jobs at the vendors that are not OpenAI's shape nor Ark: each through /v1/videos with OpenAI's SDK, in front of the simulator."""

import base64
import hashlib
import json
import sqlite3

import openai
import pytest

from conftest import Makers
from lib.client import fetch
from lib.wait import wait_for
from test_vertex import account

KEY = "sim-key-of-the-gateway"
FAST = {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    makers = Makers()
    sim = makers.sim()
    file = tmp_path_factory.mktemp("vertex") / "account.json"
    file.write_text(json.dumps(account(sim.url + "/token")))
    file.chmod(0o600)
    g = makers.gateway({
        "providers": {"vertex": {"kind": "vertex", "base_url": sim.url + "/v1", "region": "europe-west4", "credentials": f"file:{file}"},
                      "gemini": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": [KEY]}},
        "models": {"vveo": "vertex/veo-3.1-generate-preview", "veo": "gemini/veo-3.1-generate-preview"},
        "videos": FAST})
    g.sim = sim
    yield g
    makers.end()


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=served.url + "/v1", api_key=served.key.text, max_retries=0) as c:
        yield c


def rows(g, sql):
    with sqlite3.connect(f"file:{g.state}/ledger.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def told(sim):
    return fetch(sim.address, "GET", "/sim/video").json()


def settled(g, id):
    return wait_for(lambda: (r := rows(g, f"SELECT task, cost_p FROM videos WHERE id = '{id}' AND settled = 1")) and r[0],
                    "the settlement", every=0.05)


def content(g, id, **headers):
    return fetch(g.address, "GET", f"/v1/videos/{id}/content", headers=[("authorization", "Bearer " + g.key.text), *headers.items()])


def test_vertex_has_the_video_in_its_answer(served, client):
    """Nine megabytes inside of JSON: polled thinned, told as finished once, and unpacked while they are passed on."""
    done = client.videos.create_and_poll(model="vveo", prompt="[[video takes=60 bytes=9000001]] a boat", seconds="4", poll_interval_ms=20)
    assert done.status == "completed" and done.seconds == "4", done
    task, cost = settled(served, done.id)
    assert cost == 4 * 400_000_000_000
    polls = told(served.sim)["polls"]
    got = content(served, done.id)
    assert got.status == 200 and got.get("content-type") == "video/mp4" and got.get("accept-ranges") == "none"
    model, _, _ = task.partition("/operations/")
    op = fetch(served.sim.address, "POST", f"/v1/{model}:fetchPredictOperation", json.dumps({"operationName": task}).encode(),
               [("authorization", "Bearer ya29.simulated"), ("content-type", "application/json")])
    said = base64.b64decode(op.json()["response"]["videos"][0]["bytesBase64Encoded"])
    assert len(said) == 9_000_001 and hashlib.sha256(got.body).digest() == hashlib.sha256(said).digest()
    part = content(served, done.id, range="bytes=5-9")  # nobody knows how long it is before its end: the whole comes
    assert part.status == 200 and len(part.body) == len(said)
    assert told(served.sim)["polls"] == polls + 3  # the desk has not looked again


def test_the_price_is_the_one_of_the_day_it_was_made(make, tmp_path):
    """A job that ends under another price list costs what its reservation was made by."""
    sim, prices = make.sim(), tmp_path / "prices.json"

    def price(per_second):
        entry = {"id": "veo-3.1-generate-preview", "provider": "gemini", "mode": "video", "price": {"video": [{"second": per_second}]}}
        prices.write_text(json.dumps({"schema": 1, "generated": "2026-11-20", "models": [entry]}))
    price(0.25)
    config = {"providers": {"up": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": [KEY]}}, "models": {"m": "up/veo-3.1-generate-preview"},
              "videos": FAST, "ledger": {"prices": str(prices)}}
    g = make.gateway(config)
    with openai.OpenAI(base_url=g.url + "/v1", api_key=g.key.text, max_retries=0) as client:
        old = client.videos.create(model="m", prompt="[[video takes=1500]] x", seconds="4").id
        version = rows(g, f"SELECT price_version FROM videos WHERE id = '{old}'")[0]
        price(1)
        g.reload(config)
        new = client.videos.create(model="m", prompt="[[video takes=100]] x", seconds="4").id
        assert settled(g, new)[1] == 4 * 10**12 and settled(g, old)[1] == 10**12
    assert rows(g, f"SELECT price_version FROM videos WHERE id = '{old}'")[0] == version
