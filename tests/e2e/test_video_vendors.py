"""Video jobs at the vendors that are not OpenAI's shape nor Ark: each through /v1/videos with OpenAI's SDK, in front of the simulator."""

import base64
import hashlib
import json
import sqlite3

import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.wait import wait_for
from test_vertex import account

KEY = "sim-key-of-the-gateway"
PAIR = "kling-access:kling-secret"
# kind -> (path of its base URL, model, seconds that it takes, ... and that it refuses, what it names then)
VENDORS = {"runway": ("/v1", "gen4.5", "6", "99", "2 to 15"), "kling": ("", "kling-v3", "5", "11", "5,10"),
           "xai": ("/v1", "grok-imagine-video", "6", "99", "1 to 15"), "minimax": ("", "MiniMax-H3", "6", "99", "4 to 15"),
           "qwen": ("/compatible-mode/v1", "wan3-t2v", "6", "99", "2 to 15"), "fal": ("", "fal-ai/kling-video/v2/master", "6", "99", "1 to 60"),
           "replicate": ("/v1", "bytedance/seedance-1-pro", "6", "99", "1 to 60"), "luma": ("/dream-machine/v1", "ray-2", "5", "10", "5,9"),
           "gemini": ("/v1beta", "veo-3.1-generate-preview", "6", "12", "4,6,8"),
           "vidu": ("", "viduq2", "6", "11", "one of 1,2,3,4,5,6,7,8,9,10"), "pixverse": ("", "v5", "5", "9", "5,8"),
           "minimax-v1": ("", "MiniMax-Hailuo-2.3", "6", "11", "6,10"), "omni": ("/v1beta", "gemini-omni-1.2-flash", "6", "16", "3 to 15")}
KINDS = {"minimax-v1": "minimax", "omni": "gemini"}  # where a kind of provider has two ways
FAST = {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    makers = Makers()
    sim = makers.sim("--key", KEY, "--key", PAIR)
    file = tmp_path_factory.mktemp("vertex") / "account.json"
    file.write_text(json.dumps(account(sim.url + "/token")))
    file.chmod(0o600)
    g = makers.gateway({
        "providers": {"vertex": {"kind": "vertex", "base_url": sim.url + "/v1", "region": "europe-west4", "credentials": f"file:{file}"},
                      **{kind: {"kind": KINDS.get(kind, kind), "base_url": sim.url + v[0], "keys": [PAIR if kind == "kling" else KEY]} for kind, v in VENDORS.items()}},
        "models": {"vveo": "vertex/veo-3.1-generate-preview", **{kind: f"{kind}/{v[1]}" for kind, v in VENDORS.items()}},
        "videos": dict(FAST, resolve_for="1s")})
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
    """Three megabytes inside of JSON: polled thinned, told as finished once, unpacked while they are passed on, whole or a range of them."""
    done = client.videos.create_and_poll(model="vveo", prompt="[[video takes=60 bytes=3000001]] a boat", seconds="4", poll_interval_ms=20)
    assert done.status == "completed" and done.seconds == "4", done
    task, cost = settled(served, done.id)
    assert cost == 4 * 400_000_000_000
    polls = told(served.sim)["polls"]
    got = content(served, done.id)
    assert got.status == 200 and got.get("content-type") == "video/mp4"
    assert got.get("accept-ranges") == "bytes" and got.get("content-length") == "3000001"  # it was measured as the poll went by
    model, _, _ = task.partition("/operations/")
    op = fetch(served.sim.address, "POST", f"/v1/{model}:fetchPredictOperation", json.dumps({"operationName": task}).encode(),
               [("authorization", "Bearer " + KEY), ("content-type", "application/json")])
    said = base64.b64decode(op.json()["response"]["videos"][0]["bytesBase64Encoded"])
    assert len(said) == 3_000_001 and hashlib.sha256(got.body).digest() == hashlib.sha256(said).digest()
    n, looks = len(said), 2
    for asked, first, last in (("5-9", 5, 9), ("0-0", 0, 0), (f"{n - 1}-", n - 1, n - 1), ("-7", n - 7, n - 1), ("1500000-1600000", 1500000, 1600000),
                               (f"2000000-{n + 5}", 2_000_000, n - 1), (f"0-{n}", 0, n - 1)):
        part = content(served, done.id, range="bytes=" + asked)
        assert part.status == 206 and part.get("content-range") == f"bytes {first}-{last}/{n}", (asked, part.status, part.headers)
        assert part.get("content-length") == str(last - first + 1) and part.body == said[first:last + 1], asked
        looks += 1
    for asked in (f"bytes={n}-", f"bytes={n + 9}-{n + 10}", "bytes=-0"):  # beyond its end: nobody is asked for that
        beyond = content(served, done.id, range=asked)
        assert beyond.status == 416 and beyond.get("content-range") == f"bytes */{n}" and beyond.error()["code"] == "range_not_satisfiable"
    for more in ({"range": "bytes=5-9, 11-12"}, {"range": "pages=1-2"}, {"range": "bytes=9-5"}, {"range": "bytes=5-9", "if-range": '"x"'}):
        whole = content(served, done.id, **more)
        assert whole.status == 200 and len(whole.body) == n, more
        looks += 1
    head = fetch(served.address, "HEAD", f"/v1/videos/{done.id}/content", headers=[("authorization", "Bearer " + served.key.text)])
    assert head.status == 200 and head.get("content-length") == str(n) and head.get("accept-ranges") == "bytes" and head.body == b""
    assert told(served.sim)["polls"] == polls + looks  # the desk has not looked again, nor was anybody asked for what is not there


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


@pytest.mark.parametrize("kind", list(VENDORS))
def test_a_vendor(served, client, kind):
    """Made, polled, fetched without the key, charged by what was reported; failed and refused by its own words; never over its limits."""
    _, model, seconds, too_long, named = VENDORS[kind]
    before = told(served.sim)
    made = [client.videos.create(model=kind, prompt=f"[[video takes=60 {fate}]] a boat", seconds=seconds).id
            for fate in ("", "fate=fail", "fate=policy")]
    done = [client.videos.poll(id, poll_interval_ms=20) for id in made]
    assert [d.status for d in done] == ["completed", "failed", "failed"], done
    assert done[0].seconds == seconds and done[0].model == kind and done[0].progress == 100
    assert [d.error.code for d in done[1:]] == ["provider_error", "content_policy_violation"], done
    got = content(served, made[0])
    assert got.status == 200 and len(got.body) == 100_000
    assert content(served, made[0], range="bytes=10-19").body == got.body[10:20]
    assert content(served, made[1]).json()["error"]["code"] == "video_failed"
    costs = [settled(served, id)[1] for id in made]
    assert costs[1] == 0 and (costs[2] == 0 or kind == "runway")  # which charges what it refuses
    paid = [r for r in ledger.attempts(served.state) if r.provider == kind and r.outcome == "ok"]
    assert sum(r.units["video_ms_out"] for r in paid) == 1000 * int(seconds)
    with pytest.raises(openai.BadRequestError, match=named) as refused:
        client.videos.create(model=kind, prompt="x", seconds=too_long)
    assert refused.value.param == "seconds"
    after = told(served.sim)
    assert after["creates"] == before["creates"] + 3 and after["leaked"] == 0
    assert after["billed"]["seconds"] - before["billed"]["seconds"] == int(seconds)
    assert after["billed"]["tokens"] - before["billed"]["tokens"] == sum(r.tokens["video_out"] for r in paid)


@pytest.mark.parametrize("kind", ["fal", "replicate", "omni"])
def test_a_cancelled_job(served, client, kind):
    id = client.videos.create(model=kind, prompt="[[video takes=60000]] x").id
    answer = fetch(served.address, "POST", f"/v1/videos/{id}/cancel", headers=[("authorization", "Bearer " + served.key.text)])
    assert answer.status == 200 and answer.json()["error"]["code"] == "cancelled"
    assert settled(served, id)[1] in (0, None, -1)
    assert [j["status"] for j in told(served.sim)["jobs"] if j["vendor"] == kind][-1] == "cancelled"


def test_omni_works_on_a_video_that_it_made(served, client):
    """By the interaction that made it, at the same account; what another made it cannot."""
    made = client.videos.create_and_poll(model="omni", prompt="[[video takes=60]] a boat", seconds="4", poll_interval_ms=20)
    blue = client.videos.remix(made.id, prompt="[[video takes=60]] in blue")
    assert client.videos.poll(blue.id, poll_interval_ms=20).status == "completed" and blue.remixed_from_video_id == made.id
    other = client.videos.create_and_poll(model="vidu", prompt="[[video takes=60]] a boat", seconds="4", poll_interval_ms=20)
    before = told(served.sim)["creates"]
    with pytest.raises(openai.APIStatusError) as no:
        client.videos.remix(other.id, prompt="in blue")
    assert no.value.status_code == 400 and told(served.sim)["creates"] == before


@pytest.mark.parametrize("image", [False, True], ids=["text", "image"])
def test_kling_is_asked_for_a_task_by_our_token(served, client, image):
    """A create that nobody answered is found by the token that it had, and not made again; the key pair itself is never sent."""
    before = told(served.sim)["creates"]
    more = {"extra_body": {"input_reference": "https://pictures.example/a.png"}} if image else {}
    with pytest.raises(openai.APIStatusError) as unclear:
        client.videos.create(model="kling", prompt="[[video takes=60 create=late]] x", **more)
    assert unclear.value.status_code == 502 and unclear.value.response.headers["x-should-retry"] == "false"
    id = unclear.value.message.split("'")[-2]
    wait_for(lambda: client.videos.retrieve(id).status == "completed" or None, "that it is found", seconds=20)
    assert told(served.sim)["creates"] == before + 1
    assert content(served, id).status == 200
