"""Creates that Ark took and nobody answered, however they were asked for: each is found by the list and paid for once, as it was billed."""

import json

import pytest

from conftest import Makers
from lib.client import fetch
from lib.wait import wait_for
from test_video_jobs import FAST, rows

SEEDANCE = {"two": "dreamina-seedance-2-0-260128", "one": "seedance-1-5-pro-251215"}
TASKS = "/api/v3/contents/generations/tasks"


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {"up": {"kind": "byteplus", "base_url": sim.url + "/api/v3", "keys": ["sim-key-of-the-gateway"]}},
        "models": {name: "up/" + model for name, model in SEEDANCE.items()},
        "videos": dict(FAST, keep_prompts=False), "resilience": {"breaker": False}})
    g.sim = sim
    yield g
    makers.end()


def send(address, path, key, body):
    return fetch(address, "POST", path, headers=[("authorization", "Bearer " + key), ("content-type", "application/json")],
                 body=json.dumps(body).encode())


def task(name, **more):
    text = {"type": "text", "text": f"[[video create=lost takes=100]] {name}"}
    return {"model": "two", "content": [text, *more.pop("media", [])], "resolution": "720p", "ratio": "16:9", "duration": 4, **more}


CLIP = {"type": "video_url", "video_url": {"url": "https://media.example/clip.mp4"}, "role": "reference_video"}
PIXELS = 1280 * 720
# Path, body, seconds that are billed, USD for a million tokens. Of those that look alike only one has no seed.
LOST = {
    "raw": (TASKS, task("raw"), 4, 7.0),
    "raw for a user": (TASKS, task("user", safety_identifier="u_1", seed=5, duration=5), 5, 7.0),
    "raw and flex": (TASKS, task("flex", model="one", service_tier="flex", generate_audio=False), 4, 0.6),
    "flex": ("/v1/videos", {"model": "one", "prompt": "[[video create=lost takes=100]] x", "seconds": "4", "size": "1280x720",
                            "service_tier": "flex"}, 4, 1.2),
    "raw with a clip": (TASKS, task("clip", media=[CLIP], safety_identifier="u_2", seed=6), 8, 4.3),
    "a flag in the prompt": ("/v1/videos", {"model": "one", "prompt": "[[video create=lost takes=100]] x --seed 7", "seconds": "4",
                                            "size": "1280x720"}, 4, 2.4),
    "behind a page of others": (TASKS, task("page", seed=77, safety_identifier="u_4"), 4, 7.0),
}


def test_each_is_found(served):
    """The prompts are not kept, and a hundred tasks of somebody else's come between."""
    for path, body, _, _ in LOST.values():
        answer = send(served.address, path, served.key.text, body)
        assert answer.status == 502 and answer.get("x-should-retry") == "false"
    others = 130
    for i in range(others):
        assert send(served.sim.address, TASKS, "sim-key-of-the-gateway",
                    {"model": SEEDANCE["two"], "content": [{"type": "text", "text": "[[video takes=600000]]"}], "seed": 1000 + i,
                     "safety_identifier": "u_9"}).status == 200
    wait_for(lambda: rows(served, "SELECT count(*) FROM videos WHERE settled = 1") == [(len(LOST),)], "the settlements")
    found = rows(served, "SELECT error_code, cost_p FROM videos ORDER BY made_ns")
    tokens = [PIXELS * (24 * s + 1) // 1024 for _, _, s, _ in LOST.values()]
    for name, (error, cost), n, (_, _, _, price) in zip(LOST, found, tokens, LOST.values()):
        assert (error, cost) == ("", round(n * price * 1e6)), name
    told = fetch(served.sim.address, "GET", "/sim/video").json()
    assert told["creates"] == len(LOST) + others and told["billed"]["tokens"] == sum(tokens)
    assert rows(served, "SELECT sum(video_out), sum(cost_p) FROM attempts") == [(sum(tokens), sum(c for _, c in found))]
