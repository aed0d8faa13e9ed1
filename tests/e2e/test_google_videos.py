"""Video jobs as operations, in Google's form: google-genai (which asks as Vertex does, and polls and downloads as the Gemini API does),
@google/genai and Vercel's AI SDK for Node, and the bare protocol, in front of Veo, of Veo on Vertex, and of Seedance. docs/internals/video.md."""

import json
import pathlib
import shutil
import subprocess

import pytest
from google import genai
from google.genai import errors, types

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.proc import clean_environment, create_key
from lib.wait import wait_for

KEY = "sim-key-of-the-gateway"
NODE = pathlib.Path(__file__).parent / "node"
FAST = {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500}
MODELS = {"veo": "google/veo-3.1-generate-preview", "clip": "ark/doubao-seedance-1-0-pro-250528"}


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim("--key", KEY)
    g = makers.gateway({"providers": {"google": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": [KEY]},
                                      "ark": {"kind": "ark", "base_url": sim.url + "/api/v3", "keys": [KEY]}},
                        "models": MODELS, "videos": FAST})
    g.sim = sim
    g.foreign = create_key(g.state, "foreign", "--tenant", "elsewhere")
    wait_for(lambda: fetch(g.address, "GET", "/v1/models", None, [], g.foreign.text).status == 200, "the new key")
    yield g
    makers.end()


def developer(g, key=None):
    return genai.Client(api_key=(key or g.key).text, http_options={"base_url": g.url})


def vertex(g, key=None):
    return genai.Client(vertexai=True, api_key=(key or g.key).text, http_options={"base_url": g.url})


def ask(g, method, path, body=None, key=None):
    raw = None if body is None else json.dumps(body).encode()
    return fetch(g.address, method, path, raw, [("x-goog-api-key", (key or g.key).text), ("content-type", "application/json")])


def create(g, model, prompt, prefix="/v1beta", **parameters):
    return ask(g, "POST", f"{prefix}/models/{model}:predictLongRunning", {"instances": [{"prompt": prompt}], "parameters": parameters})


def creates(g):
    return json.loads(fetch(g.sim.address, "GET", "/sim/video").body)["creates"]


def done(client, operation):
    return wait_for(lambda: (o := client.operations.get(operation)).done and o, "the end of the operation", every=0.05)


@pytest.mark.parametrize("model,seconds", [("veo", 6), ("clip", 5)])
def test_sdk(served, model, seconds):
    """Made as on Vertex, the only way that this library makes videos; polled and fetched in both of its ways."""
    v, d = vertex(served), developer(served)
    made = v.models.generate_videos(model=model, source=types.GenerateVideosSource(prompt="[[video takes=200]] a boat"), config={
        "number_of_videos": 1, "duration_seconds": seconds, "aspect_ratio": "16:9", "resolution": "720p", "seed": 7})
    id = made.name.rpartition("/")[2]
    assert made.name == f"publishers/google/models/{model}/operations/{id}" and id.startswith("video_") and not made.done
    ended = done(v, made)
    assert ended.error is None and ended.name == made.name
    uri = ended.response.generated_videos[0].video.uri
    assert uri == f"{served.url}/v1beta/files/{id.replace('_', '')}:download?alt=media"
    for name in (made.name, f"models/{model}/operations/{id}", f"operations/{id}"):
        seen = d.operations.get(types.GenerateVideosOperation(name=name))
        assert seen.done and seen.name == name
    video = d.operations.get(types.GenerateVideosOperation(name=f"operations/{id}")).response.generated_videos[0]
    assert video.video.uri == uri
    content = d.files.download(file=video)
    assert len(content) == 100_000 and content == video.video.video_bytes
    assert d.files.download(file="files/" + id.replace("_", "")) == content
    assert fetch(served.address, "GET", f"/v1/videos/{id}/content", None, [], served.key.text).body == content  # the same job on each face
    row = wait_for(lambda: [r for r in ledger.attempts(served.state) if r.target == MODELS[model].partition("/")[2]
                            and (r.units["video_ms_out"] or r.tokens["video_out"])], "the settlement", every=0.05)[0]
    assert row.units["video_ms_out"] == 6000 if model == "veo" else row.tokens["video_out"] > 0


def test_a_job_is_its_tenants(served):
    mine, other, cloud = developer(served), developer(served, served.foreign), vertex(served, served.foreign)
    op = create(served, "veo", "[[video takes=60]] x", prefix="/gemini/v1alpha").json()
    assert op["name"].startswith("models/veo/operations/video_") and "done" not in op
    ended = done(mine, types.GenerateVideosOperation(name=op["name"]))
    file = ended.response.generated_videos[0]
    for call in (lambda: other.operations.get(ended), lambda: other.files.download(file=file),
                 lambda: cloud.operations.get(ended),
                 lambda: mine.operations.get(types.GenerateVideosOperation(name="models/veo/operations/nothing"))):
        with pytest.raises(errors.ClientError) as e:
            call()
        assert e.value.code == 404 and e.value.status == "NOT_FOUND", e.value


def test_ends(served):
    client = developer(served)

    def end(model, fate):
        return done(client, types.GenerateVideosOperation(name=create(served, model, f"[[video takes=60 fate={fate}]] x").json()["name"]))
    for model, fate in (("veo", "filtered"), ("veo", "policy"), ("clip", "policy")):
        r = end(model, fate)
        assert r.error is None and not r.response.generated_videos and r.response.rai_media_filtered_count == 1, r
        assert r.response.rai_media_filtered_reasons[0]
    failed = end("veo", "fail")
    assert failed.error["code"] == 13 and failed.error["message"] and failed.response is None
    name = create(served, "veo", "[[video takes=60000]] x").json()["name"]
    early = ask(served, "GET", f"/v1beta/files/{name.rpartition('/')[2].replace('_', '')}:download?alt=media")
    assert early.status >= 400 and early.json()["error"]["status"], early.body


@pytest.mark.parametrize("model,parameters,named", [
    ("veo", {"durationSeconds": 5}, ("durationSeconds", "4,6,8")), ("veo", {"aspectRatio": "1:1"}, ("aspectRatio", "16:9")),
    ("veo", {"resolution": "8k"}, ("resolution", "720p,1080p,4k")), ("clip", {"resolution": "8k"}, ("resolution", "480p")),
    ("clip", {"durationSeconds": 99}, ("durationSeconds", "2 to 12")), ("veo", {"storageUri": "gs://b/x"}, ("storageUri",)),
    ("veo", {"sampleCount": 2}, ("sampleCount",)), ("nothing", {}, ("nothing",))])
def test_refused(served, model, parameters, named):
    before = creates(served)
    answer = create(served, model, "x", **parameters)
    error = answer.json()["error"]
    assert answer.status == error["code"] == (404 if model == "nothing" else 400), error
    assert error["status"] in ("INVALID_ARGUMENT", "NOT_FOUND") and all(n in error["message"] for n in named), error
    assert creates(served) == before


def test_node(served):
    if not shutil.which("node") or not (NODE / "node_modules/@ai-sdk/google").exists():
        pytest.skip("node or its packages are missing: dev/setup.sh test installs them")
    ran = subprocess.run(["node", "veo.mjs"], cwd=NODE, capture_output=True, text=True, timeout=120,
                         env=clean_environment({"SLUICE_URL": served.url, "SLUICE_KEY": served.key.text}))
    assert ran.returncode == 0, ran.stderr
    out = json.loads(ran.stdout)
    for name in ("veo", "clip"):
        assert out[name] == {"status": 200, "type": "video/mp4", "size": 100_000}
    assert out["failed"].startswith("Video generation failed: ")
    assert out["refused"]["status"] == 400 and "durationSeconds" in out["refused"]["message"]


def test_googles_library_for_node(served):
    if not shutil.which("node") or not (NODE / "node_modules/@google/genai").exists():
        pytest.skip("node or its packages are missing: dev/setup.sh test installs them")
    ran = subprocess.run(["node", "genai.mjs"], cwd=NODE, capture_output=True, text=True, timeout=120,
                         env=clean_environment({"SLUICE_URL": served.url, "SLUICE_KEY": served.key.text}))
    assert ran.returncode == 0, ran.stderr
    out = json.loads(ran.stdout)
    for name in ("veo", "clip"):
        made = out[name]
        assert made.pop("name").startswith(f"publishers/google/models/{name}/operations/video_")
        assert made == {"same": True, "status": 200, "type": "video/mp4", "size": 100_000}
    assert out["failed"]["code"] == 13 and out["failed"]["message"]
    assert out["filtered"]["raiMediaFilteredCount"] == 1 and not out["filtered"].get("generatedVideos")
    assert out["refused"]["status"] == 400 and "4,6,8" in out["refused"]["message"]
