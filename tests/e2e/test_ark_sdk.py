"""Ark's own SDK, as its users have it, in front of the simulator: video tasks, Seedream, and chat with Seed's members."""

import base64
import json

import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.wait import wait_for

Ark = pytest.importorskip("volcenginesdkarkruntime").Ark
from volcenginesdkarkruntime import _exceptions as errors  # noqa: E402
from volcenginesdkarkruntime.types.images.images import SequentialImageGenerationOptions  # noqa: E402

FILM = "https://films.example/a.mp4"


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {"ark": {"kind": "ark", "base_url": sim.url + "/api/v3", "keys": ["sim-key-of-the-gateway"]},
                      "plus": {"kind": "byteplus", "base_url": sim.url + "/api/v3", "keys": ["sim-key-of-the-gateway"]}},
        "models": {"clip": "plus/dreamina-seedance-2-0-260128", "old": "plus/seedance-1-0-pro-250528",
                   "dream": "plus/seedream-4-5-251128", "seed": "ark/doubao-seed-1-6-250615"},
        "videos": {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500}})
    g.sim = sim
    yield g
    makers.end()


@pytest.fixture
def client(served):
    return Ark(api_key=served.key.text, base_url=served.url + "/api/v3", max_retries=0)


def text(prompt):
    return {"type": "text", "text": prompt}


def ended(client, id):
    return wait_for(lambda: (t := client.content_generation.tasks.get(task_id=id)).status in
                    ("succeeded", "failed", "cancelled", "expired") and t, "the end of the task", every=0.05)


def test_tasks(served, client):
    tasks = client.content_generation.tasks
    made = tasks.create(model="clip", content=[
        text("[[video takes=150]] from here to there"),
        {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}, "role": "first_frame"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}, "role": "last_frame"}],
        resolution="1080p", ratio="16:9", duration=4, seed=11, generate_audio=True, watermark=False, return_last_frame=True)
    assert made.id.startswith("video_")
    done = ended(client, made.id)
    assert (done.status, done.model, done.seed, done.resolution, done.ratio, done.duration) == \
        ("succeeded", "clip", 11, "1080p", "16:9", 4)
    assert done.usage.completion_tokens == 1920 * 1080 * 97 // 1024 == done.usage.total_tokens
    assert done.content.video_url.endswith(f"/v1/videos/{made.id}/content") and "cgt-" not in done.to_json()
    clip = fetch(served.address, "GET", f"/v1/videos/{made.id}/content", headers=[("authorization", "Bearer " + served.key.text)])
    assert clip.status == 200 and len(clip.body) == 100_000
    listed = tasks.list(page_size=10, task_ids=[made.id], status="succeeded")
    assert [t.id for t in listed.items] == [made.id] and listed.total == 1
    assert tasks.list(status="failed", task_ids=[made.id]).total == 0
    row = wait_for(lambda: [r for r in ledger.attempts(served.state) if r.target.startswith("dreamina") and r.tokens["video_out"]],
                   "the settlement", every=0.05)[0]
    assert row.cost_p == done.usage.completion_tokens * 7_700_000  # 1080p: 7.70 USD per million
    tasks.delete(task_id=made.id)
    with pytest.raises(errors.ArkNotFoundError):
        tasks.get(task_id=made.id)


# seedance.md 8: 1.0 has sizes of its own.
@pytest.mark.parametrize("resolution,ratio,size", [("480p", "16:9", 864 * 480), ("720p", "3:4", 1120 * 832), ("1080p", "21:9", 2176 * 928)])
def test_the_older_sizes(client, resolution, ratio, size):
    made = client.content_generation.tasks.create(model="old", content=[text("[[video takes=60]] x")], resolution=resolution,
                                                  ratio=ratio, duration=2)
    assert ended(client, made.id).usage.completion_tokens == size * 49 // 1024


def test_a_task_that_fails_and_one_that_is_refused(served, client):
    tasks = client.content_generation.tasks
    made = tasks.create(model="clip", content=[text("[[video takes=60 fate=policy]] x")])
    done = ended(client, made.id)
    assert done.status == "failed" and done.error.code and not (done.content and done.content.video_url)
    before = json.loads(fetch(served.sim.address, "GET", "/sim/video").body)["creates"]
    for more, name in (({"duration": 99}, "4 to 15"), ({"resolution": "8k"}, "480p"), ({"ratio": "5:7"}, "16:9")):
        with pytest.raises(errors.ArkBadRequestError, match=name):
            tasks.create(model="clip", content=[text("x")], **more)
    assert json.loads(fetch(served.sim.address, "GET", "/sim/video").body)["creates"] == before
    with pytest.raises(errors.ArkNotFoundError):
        tasks.get(task_id="cgt-20261120093000-ab12c")


def images_of(served):
    return [r for r in ledger.attempts(served.state) if r.target == "seedream-4-5-251128" and r.status == 200]


def test_seedream(served, client):
    one = client.images.generate(model="dream", prompt="a red circle", size="2K", response_format="b64_json", watermark=False)
    assert base64.b64decode(one.data[0].b64_json) == b"picture 0 of seedream-4-5-251128" and one.usage.generated_images == 1
    group = {"sequential_image_generation": "auto", "sequential_image_generation_options": SequentialImageGenerationOptions(max_images=4)}
    several = client.images.generate(model="dream", prompt="four seasons", image=["https://pictures.example/1.png"], **group)
    assert len(several.data) == 4 and several.usage.output_tokens == 4 * 16384
    events = list(client.images.generate(model="dream", prompt="four seasons", stream=True, **group))
    assert [e.type.split(".")[1] for e in events] == 4 * ["partial_succeeded"] + ["completed"]
    assert events[-1].usage["generated_images"] == 4
    with pytest.raises(errors.ArkAPIError):  # its SDK raises at the first picture that fails; the others are there all the same
        list(client.images.generate(model="dream", prompt="one will fail", stream=True, **group))
    with pytest.raises(errors.ArkBadRequestError, match="size"):
        client.images.generate(model="dream", prompt="x", size="10x10")
    wait_for(lambda: len(images_of(served)) == 4, "the rows", every=0.05)
    assert sorted((r.units["images_out"], r.cost_p) for r in images_of(served)) == [(n, n * 40_000_000_000) for n in (1, 3, 4, 4)]
    assert sum(r.tokens["image_out"] for r in images_of(served)) == 12 * 16384


def test_seed_chat(served, client):
    chat = client.chat.completions
    look = [{"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "video_url", "video_url": {"url": FILM, "fps": 2}}]}]
    answer = chat.create(model="seed", messages=look, thinking={"type": "enabled"})
    assert f"1 video (at {FILM}, 20 frames in 10 s)" in answer.choices[0].message.content
    assert answer.choices[0].message.reasoning_content and answer.usage.completion_tokens_details.reasoning_tokens > 0
    silent = chat.create(model="seed", messages=look, thinking={"type": "disabled"})
    assert not getattr(silent.choices[0].message, "reasoning_content", None)
    chunks = list(chat.create(model="seed", messages=look, thinking={"type": "enabled"}, stream=True, stream_options={"include_usage": True}))
    assert any(c.choices and c.choices[0].delta.reasoning_content for c in chunks) and chunks[-1].usage.total_tokens > 0
    with pytest.raises(errors.ArkBadRequestError, match="fps"):
        chat.create(model="seed", messages=[{"role": "user", "content": [{"type": "video_url", "video_url": {"url": FILM, "fps": 50}}]}])
    with pytest.raises(errors.ArkAuthenticationError):
        Ark(api_key="wrong", base_url=served.url + "/api/v3", max_retries=0).chat.completions.create(model="seed", messages=look)
