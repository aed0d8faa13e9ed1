"""Requests that are forms: transcriptions, translations, edits of images. OpenAI's SDK in front of the simulator, and raw bytes in
front of a script. docs/internals/multipart.md."""

import base64
import contextlib
import json
import os

import openai
import pytest

from conftest import Makers, relay_config
from lib import ledger
from lib.client import fetch
from lib.upstream import body_answer, error_answer, json_answer
from lib.wait import wait_for

SOUND = os.urandom(300_000) + b"\r\n--\r\n-- \r\r\n\n"
BOUNDARY = "xYzZY"
HEADERS = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
PATH = "/v1/audio/transcriptions"


def field(name, value):
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name="file", value=SOUND, filename="a.wav"):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: audio/wav\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture(scope="module")
def served():
    makers = Makers()
    sim = makers.sim()
    g = makers.gateway({
        "providers": {name: {"kind": kind, "base_url": sim.url + path, "keys": ["sim-key-of-the-gateway"]} for name, kind, path in
                      (("openai", "openai", "/v1"), ("google", "gemini", "/v1beta"), ("ark", "ark", "/api/v3"))},
        "models": {"hear": "openai/gpt-4o-transcribe", "whisper": "openai/whisper-1", "draw": "openai/gpt-image-2",
                   "banana": "google/gemini-2.5-flash-image", "dream": "ark/doubao-seedream-4-0-250828", "imagen": "google/imagen-4.0-generate-001",
                   "any": {"targets": ["google/gemini-2.5-flash-image", "openai/gpt-image-2"]}},
    })
    g.sim = sim
    yield g
    makers.end()


@pytest.fixture
def client(served):
    with contextlib.closing(openai.OpenAI(base_url=served.url + "/v1", api_key=served.key.text, max_retries=0)) as c:
        yield c


def counted(g):
    """The ledger's tokens and the simulator's, in all."""
    rows = ledger.attempts(g.state)
    if any(r.state == ledger.OPEN for r in rows):
        return None
    ours = [sum(r.tokens[c] for r in rows if "whisper" not in r.target for c in classes)
            for classes in (("input", "audio_in", "image_in", "cache_read"), ("output", "audio_out", "image_out", "reasoning"))]
    theirs = [sum(s[c] for s in g.sim.count()["served"]) for c in ("prompt", "completion")]
    return ours if ours == theirs else None


def test_sdk(served, client):
    heard = f"heard {len(SOUND)} bytes"
    answer = client.audio.transcriptions.create(model="hear", file=("speech.wav", SOUND), prompt="some words", language="de")
    assert answer.text.startswith(heard) and answer.text.endswith("of speech.wav as gpt-4o-transcribe")
    assert answer.usage.type == "tokens" and answer.usage.input_token_details.audio_tokens > 3000
    events = list(client.audio.transcriptions.create(model="hear", file=("speech.wav", SOUND), stream=True))
    assert [e.type for e in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1)
    assert "".join(e.delta for e in events[:-1]) == events[-1].text == answer.text
    assert events[-1].type == "transcript.text.done"
    plain = client.audio.transcriptions.create(model="whisper", file=("speech.wav", SOUND), response_format="text")
    assert plain.strip().startswith(heard)
    other = client.audio.translations.create(model="whisper", file=("speech.wav", SOUND))
    assert other.text.startswith(heard)
    timed = client.audio.transcriptions.create(model="whisper", file=("speech.wav", SOUND))
    assert timed.usage.type == "duration" and timed.usage.seconds > 0
    image = client.images.edit(model="draw", image=[("a.png", b"a" * 70_000), ("b.png", b"b")], prompt="make it blue", mask=b"c")
    assert base64.b64decode(image.data[0].b64_json).startswith(b"heard 70000 bytes") and image.usage.input_tokens_details.image_tokens
    varied = client.images.create_variation(model="draw", image=("a.png", b"a" * 70_000))
    assert base64.b64decode(varied.data[0].b64_json).startswith(b"heard 70000 bytes")
    events = list(client.images.edit(model="draw", image=("a.png", b"a" * 70_000), prompt="make it blue", stream=True))
    assert [e.type for e in events] == ["image_edit.partial_image", "image_edit.completed"]
    wait_for(lambda: counted(served), "the ledger to say what the simulator says", every=0.1)
    rows = ledger.attempts(served.state)
    told = [(r.units["audio_ms_in"], r.cost_p) for r in rows if r.target == "whisper-1" and r.units["audio_ms_in"] > 0]
    assert (timed.usage.seconds * 1000, timed.usage.seconds * 100_000_000) in told, told  # 0.0001 USD a second
    drawn = [r.tokens for r in rows if r.operation == "images_edits" or "edit" in r.operation]
    assert drawn and all(t["image_out"] > 0 and t["output"] == 0 for t in drawn), drawn


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
PICTURES = [("a.bin", PNG), ("b.jpg", b"no head that is known")]  # a type by its bytes, and one by its name


def settled_units(g):
    """Rows of edits, when the ledger and the simulator have the same units and tokens in all."""
    rows = ledger.attempts(g.state)
    theirs = sum(s.get("images_out", 0) for s in g.sim.count()["served"])
    return rows if counted(g) and sum(r.units["images_out"] for r in rows) == theirs else None


@pytest.mark.parametrize("model,target", [("banana", "gemini-2.5-flash-image"), ("dream", "doubao-seedream-4-0-250828")])
def test_edits_translated(served, client, model, target):
    before = len(ledger.attempts(served.state))
    said = f"picture 0 of {target} from 2 with {len(PNG) + len(PICTURES[1][1])} bytes".encode()
    raw = client.images.with_raw_response.edit(model=model, image=PICTURES, prompt="make it blue", n=2, quality="high", size="1024x1024")
    image = raw.parse()
    assert [base64.b64decode(d.b64_json) for d in image.data] == [said] * 2 and raw.headers["x-sluice-dropped"] == "quality"
    events = list(client.images.edit(model=model, image=PICTURES, prompt="make it blue", stream=True, partial_images=2))
    assert [e.type for e in events] == ["image_edit.completed"] and base64.b64decode(events[0].b64_json) == said
    if model == "banana":
        details = image.usage.input_tokens_details
        assert (details.image_tokens, image.usage.output_tokens) == (2 * 2 * 258, 2 * 1290) and events[0].usage.output_tokens == 1290
        assert image.usage.input_tokens == details.image_tokens + details.text_tokens
    with pytest.raises(openai.BadRequestError, match="takes no 'mask'") as no:
        client.images.edit(model=model, image=PICTURES, prompt="make it blue", mask=PNG)
    assert no.value.param == "mask" and no.value.code == "unsupported_parameter"
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    body = {"model": model, "prompt": "make it blue", "images": [{"image_url": url}]}
    auth = [("Content-Type", "application/json")]
    answer = fetch(served.address, "POST", "/v1/images/edits", json.dumps({**body, "stream": True, "partial_images": 1}).encode(), auth, served.key)
    assert answer.status == 200 and answer.body.startswith(b"event: image_edit.completed\n") and answer.get("x-sluice-dropped") == "partial_images"
    assert base64.b64decode(json.loads(answer.body.split(b"data: ")[1])["b64_json"]) == f"picture 0 of {target} from 1 with {len(PNG)} bytes".encode()
    for wrong in ({"images": []}, {"images": [{"file_id": "file-1"}]}, {"images": [{"image_url": url}] * 17}, {"prompt": ""}, {"n": 11}, {"mask": {"image_url": url}},
                  *([{"images": [{"image_url": u}]} for u in ("https://pictures.example/a.png", "data:image/png;base64,!", "data:,a")] if model == "banana" else [])):
        assert fetch(served.address, "POST", "/v1/images/edits", json.dumps({**body, **wrong}).encode(), auth, served.key).status == 400, wrong
    rows = wait_for(lambda: settled_units(served), "the ledger to say what the simulator says", every=0.1)[before:]
    assert [r.units["images_out"] for r in rows] == [1] * 4 and {r.target for r in rows} == {target}
    assert model != "banana" or [r.tokens["image_in"] for r in rows] == [2 * 258] * 3 + [258]


def test_edits_find_who_can(served, client):
    """A mask has no place at the first target: the second gets the form as it came. Without one the first is asked."""
    edited = client.images.edit(model="any", image=[("a.png", PNG)], prompt="make it blue", mask=b"m")
    assert base64.b64decode(edited.data[0].b64_json).startswith(f"heard {len(PNG)} bytes".encode())
    edited = client.images.edit(model="any", image=[("a.png", PNG)], prompt="make it blue")
    assert base64.b64decode(edited.data[0].b64_json).startswith(b"picture 0 of gemini")
    with pytest.raises(openai.BadRequestError, match="does not have this operation"):
        client.images.edit(model="imagen", image=[("a.png", PNG)], prompt="make it blue")
    with pytest.raises(openai.APIStatusError) as no:
        client.images.edit(model="banana", image=[("a.png", PNG + bytes(33 << 20))], prompt="make it blue")
    assert no.value.status_code == 413
    assert wait_for(lambda: settled_units(served), "the ledger to say what the simulator says", every=0.1)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_only_the_model_changes(make, chunked):
    up = make.upstream()
    g = make.gateway(relay_config(up.url))
    up.answer = json_answer({"text": "hi", "usage": {"type": "tokens", "input_tokens": 4, "output_tokens": 2, "total_tokens": 6}})
    parts = [field("response_format", "json"), file(value=b"model\r\n" + SOUND), field("model", "m"), field("prompt", "m"), END]
    body, headers = b"preamble\r\n" + b"".join(parts) + b"epilogue", list(HEADERS)
    if chunked:
        sent = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 999]), body[i:i + 999]) for i in range(0, len(body), 999)) + b"0\r\n\r\n"
        headers.append(("Transfer-Encoding", "chunked"))
    answer = fetch(g.address, "POST", PATH, sent if chunked else body, headers, g.key)
    assert answer.status == 200 and answer.json()["text"] == "hi"
    seen = up.requests[0]
    assert seen.path.endswith("/audio/transcriptions") and seen.get("content-type") == HEADERS[0][1]
    assert seen.body == body.replace(field("model", "m"), field("model", "upstream-model"))


def test_another_target_gets_the_same_form(make):
    first, second = make.upstream(), make.upstream()
    config = relay_config(first.url, models={"m": {"targets": ["up/one", "other/two"]}}, resilience={"retry": {"attempts": 2}})
    config["providers"]["other"] = {**config["providers"]["up"], "base_url": second.url}
    g = make.gateway(config)
    first.answer = error_answer(500)
    second.answer = body_answer(b"1\n00:00 --> 00:01\nhi\n", content_type="text/plain; charset=utf-8")
    body = field("model", "m") + field("response_format", "srt") + file() + END
    answer = fetch(g.address, "POST", PATH, body, HEADERS, g.key)
    assert answer.status == 200 and answer.body == b"1\n00:00 --> 00:01\nhi\n"
    assert answer.get("content-type") == "text/plain; charset=utf-8"
    assert first.requests[0].body == body.replace(field("model", "m"), field("model", "one"))
    assert second.requests[0].body == body.replace(field("model", "m"), field("model", "two"))


def test_large_texts_pass_unheld(make):
    up = make.upstream()
    g = make.gateway(relay_config(up.url, relay={"hold_bytes": "16KiB"}))
    text = b"words and words\n" * 20_000
    up.answer = body_answer(text, content_type="text/vtt")
    answer = fetch(g.address, "POST", PATH, field("model", "m") + file() + END, HEADERS, g.key)
    assert answer.status == 200 and answer.body == text


@pytest.mark.parametrize("name", ["no type", "json", "no boundary", "long boundary", "no end", "cut in a head", "bare lf", "no model",
                                  "two models", "no file", "long head", "too many parts", "no disposition", "other charset"])
def test_bad_forms(served, name):
    good = field("model", "hear") + file()
    body, headers = good + END, HEADERS
    status, param = 400, None
    if name in ("no type", "json"):
        headers, status = [("Content-Type", "application/json" if name == "json" else "")], 415
    elif name in ("no boundary", "long boundary"):
        headers = [("Content-Type", "multipart/form-data" + ("; boundary=" + "b" * 71 if name[0] == "l" else ""))]
        status = 415
    elif name == "no end":
        body = good
    elif name == "cut in a head":
        body = good + b"--" + BOUNDARY.encode() + b"\r\nContent-Dispo"
    elif name == "bare lf":
        body = body.replace(b"\r\n", b"\n")
    elif name == "no model":
        body, param = file() + END, "model"
    elif name == "two models":
        body, param = good + field("model", "other") + END, "model"
    elif name == "no file":
        body, param = field("model", "hear") + field("file", "text") + END, "file"
    elif name == "long head":
        body = good + field("x" * 9000, "y") + END
    elif name == "too many parts":
        body = good + field("x", "y") * 600 + END
    elif name == "no disposition":
        body = good + f"--{BOUNDARY}\r\nX: y\r\n\r\n\r\n".encode() + END
    elif name == "other charset":
        body = good + f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=f; filename*=latin1''x\r\n\r\n\r\n".encode() + END
    before = served.sim.count()["total"]
    answer = fetch(served.address, "POST", PATH, body, headers, served.key)
    assert answer.status == status, answer
    assert answer.error()["param"] == param, answer
    assert served.sim.count()["total"] == before
