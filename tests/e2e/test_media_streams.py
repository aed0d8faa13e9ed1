"""Pictures and sound while they are made, in front of providers of another format: what the client has before the provider has ended,
what a stream that breaks looks like, and what is charged for it."""

import base64
import contextlib
import io
import json
import threading
import wave

import openai
import pytest

from lib import ledger
from lib.client import Conn, request_bytes
from lib.corpus import CORPUS, all_records, text_of
from lib.proc import SANITIZED
from lib.upstream import body_answer, data_event, error_answer, stream_answer
from lib.wait import wait_for
from test_operations import post

PICTURE, SKETCH = (base64.b64encode(b"\x89PNG\r\n\x1a\n" + c * 60).decode() for c in (b"p", b"s"))
SOUND = bytes(range(256)) * 40
META = {"promptTokenCount": 7, "candidatesTokenCount": 20, "totalTokenCount": 27}
DRAWN = {**META, "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 20}]}


def gemini(*parts, finish=None, meta=None):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **({"finishReason": finish} if finish else {})}
    return data_event({"candidates": [candidate], **({"usageMetadata": meta} if meta else {})}).replace(b"\n\n", b"\r\n\r\n")


def blob(data, mime="image/png", **more):
    return {"inlineData": {"mimeType": mime, "data": data if isinstance(data, str) else base64.b64encode(data).decode()}, **more}


def sound(data):
    return blob(data, "audio/L16;codec=pcm;rate=24000")


def ark(kind, **more):
    return f"event: image_generation.{kind}\n".encode() + data_event({"type": f"image_generation.{kind}", **more})


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    from conftest import Makers
    makers = Makers()
    up, other = makers.upstream(), makers.upstream()
    g = makers.gateway({
        "providers": {"google": {"kind": "gemini", "base_url": up.url, "keys": ["k"]}, "ark": {"kind": "ark", "base_url": up.url, "keys": ["k"]},
                      "spare": {"kind": "gemini", "base_url": other.url, "keys": ["k"]}},
        "models": {"say": "google/gemini-3.1-flash-tts-preview", "draw": "google/gemini-3-pro-image", "plain": "google/gemini-2.5-flash-image",
                   "dream": "ark/doubao-seedream-4-5-251128", "old": "ark/doubao-seedream-3-0-t2i-250415", "imagen": "google/imagen-4.0-generate-001",
                   "two": ["google/gemini-2.5-flash-image", "spare/gemini-2.5-flash-image"]},
        "resilience": {"retry": {"backoff": {"base": "5ms", "cap": "20ms"}}},
    })
    g.up, g.other, g.asked = up, other, 0
    yield g
    makers.end()


@pytest.fixture
def client(media):
    media.asked = count(media)
    media.up.reset()
    media.other.reset()
    with contextlib.closing(openai.OpenAI(base_url=media.url + "/v1", api_key=media.key.text, max_retries=0)) as c:
        yield c


def rows_behind(g, before, n):
    def closed():
        rows = ledger.attempts(g.state)[before:]
        return rows if len(rows) == n and all(r.state != ledger.OPEN for r in rows) else None
    return wait_for(closed, f"{n} closed rows", every=0.1)


def count(g):
    """Every attempt of these tests reaches an upstream; its row may be written a little later."""
    return g.asked + len(g.up.requests) + len(g.other.requests)


# ---- speech ----

def test_sound_comes_while_it_is_made(media, client):
    """The second half is held upstream until the client has heard the first, which is cut in the middle of an event's base64."""
    go, before = threading.Event(), count(media)
    first, rest = gemini(sound(SOUND)), gemini(sound(SOUND[::-1])) + gemini(finish="STOP", meta=META)
    media.up.queue(stream_answer(first[:4000], go, first[4000:], rest))
    with client.audio.speech.with_streaming_response.create(model="say", input="hello", voice="Kore", response_format="pcm") as r:
        pieces = r.iter_bytes()
        got = next(pieces)
        assert r.headers["content-type"] == "audio/pcm" and SOUND.startswith(got) and not go.is_set()
        go.set()
        got += b"".join(pieces)
    assert got == SOUND + SOUND[::-1]
    asked = media.up.last()
    assert asked.target.endswith("/models/gemini-3.1-flash-tts-preview:streamGenerateContent?alt=sse")
    row, = rows_behind(media, before, 1)
    assert (row.tokens["input"], row.tokens["audio_out"], row.outcome) == (7, 20, "ok") and row.units["characters"] == 0


def test_sound_as_wave_and_as_events(media, client):
    media.up.queue(*[stream_answer(gemini(sound(SOUND[:999]), meta=META), gemini(sound(SOUND[999:])), gemini(finish="STOP", meta=META))] * 3)
    heard = client.audio.speech.create(model="say", input="hello", voice="Kore", response_format="wav").read()
    assert heard[4:8] == heard[40:44] == b"\xff" * 4 and heard[44:] == SOUND  # nobody knows yet how long it gets
    with wave.open(io.BytesIO(heard)) as w:
        assert (w.getnchannels(), w.getsampwidth(), w.getframerate()) == (1, 2, 24000) and w.readframes(1 << 20) == SOUND
    for form, head in (("pcm", 0), ("wav", 44)):
        answer = post(media, "/v1/audio/speech", {"model": "say", "input": "hello", "voice": "Kore", "response_format": form, "stream_format": "sse"})
        events = [json.loads(e.split(b"data: ")[1]) for e in answer.body.split(b"\n\n") if e]
        assert answer.get("content-type").startswith("text/event-stream") and {e["type"] for e in events[:-1]} == {"speech.audio.delta"}
        parts = [base64.b64decode(e["audio"]) for e in events[:-1]]
        assert all(len(p) % 2 == 0 for p in parts) and b"".join(parts)[head:] == SOUND
        assert events[-1] == {"type": "speech.audio.done", "usage": {"input_tokens": 7, "output_tokens": 20, "total_tokens": 27}}


@pytest.mark.parametrize("how", ["rst", "close", "no finish", "not base64", "error", "filter"])
def test_sound_that_breaks_is_no_success(media, client, how):
    before, go = count(media), threading.Event()
    ends = {"rst": ["rst"], "close": ["close"], "no finish": [b""], "not base64": [gemini(sound("AA*A"), finish="STOP", meta=META)],
            "error": [data_event({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}})],
            "filter": [gemini(finish="PROHIBITED_CONTENT", meta=META)]}[how]
    for form in ("audio", "sse"):
        go.clear()
        media.up.queue(stream_answer(gemini(sound(SOUND), meta={"promptTokenCount": 7}), go, *[e for e in ends if e], end=how not in ("rst", "close")))
        with client.audio.speech.with_streaming_response.create(model="say", input="hello", voice="Kore", response_format="pcm", stream_format=form) as r:
            pieces = r.iter_bytes()
            got = next(pieces)
            go.set()
            if form == "audio":  # a body that ends too early
                with pytest.raises(Exception, match="incomplete chunked read"):
                    got += b"".join(pieces)
                assert got == SOUND
            else:
                got += b"".join(pieces)
                assert b"speech.audio.done" not in got
                last = json.loads(got.split(b"data: ")[-1])
                assert last["error"]["type"] and last["error"]["code"] and last["error"]["message"], last
    for row in rows_behind(media, before, 2):
        assert row.outcome != "ok" and row.tokens["input"] == 7, row


def test_sound_of_another_target(media, client):
    """Nothing was heard yet: a failure is nobody's to see."""
    before = count(media)
    media.up.queue(stream_answer(data_event({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}})),
                   stream_answer(gemini(sound(SOUND)), gemini(finish="STOP", meta=META)))
    assert client.audio.speech.create(model="say", input="hello", voice="Kore", response_format="pcm").read() == SOUND
    assert sorted(r.outcome == "ok" for r in rows_behind(media, before, 2)) == [False, True]
    media.up.answer = stream_answer(gemini({"text": "no"}, finish="SAFETY", meta=META))
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.speech.create(model="say", input="hello", voice="Kore", response_format="pcm")
    assert refused.value.code == "content_policy_violation" or "content" in str(refused.value.code)


# ---- pictures ----

def test_pictures_on_the_way(media, client):
    """Those of thoughts are partial ones, told while the model thinks; the answer comes with what it cost."""
    go, before = threading.Event(), count(media)
    media.up.queue(stream_answer(gemini({"text": "Hm", "thought": True}, meta={"promptTokenCount": 7}), gemini(blob(SKETCH, thought=True)), go,
                                 gemini(blob(PICTURE)), gemini(finish="STOP", meta=DRAWN)))
    with client.images.generate(model="draw", prompt="a red circle", stream=True, partial_images=2) as stream:
        first = next(stream)
        assert (first.type, first.partial_image_index, first.b64_json, first.output_format) == ("image_generation.partial_image", 0, SKETCH, "png")
        assert not go.is_set()
        go.set()
        last, = stream
    assert (last.type, last.b64_json, last.usage.output_tokens, last.usage.total_tokens) == ("image_generation.completed", PICTURE, 20, 27)
    sent = json.loads(media.up.last().body)
    assert sent["generationConfig"]["thinkingConfig"] == {"includeThoughts": True}
    row, = rows_behind(media, before, 1)
    assert (row.units["images_out"], row.tokens["image_out"], row.tokens["input"]) == (1, 20, 7)
    media.up.queue(stream_answer(gemini(blob(SKETCH, thought=True)), gemini(blob(PICTURE), finish="STOP", meta=DRAWN)))
    answer = post(media, "/v1/images/generations", {"model": "plain", "prompt": "a red circle", "stream": True, "partial_images": 2})
    assert answer.get("x-sluice-dropped") == "partial_images" and answer.body.count(b"event: image_generation.completed\n") == 1
    assert b"partial_image" not in answer.body and b"thinkingConfig" not in media.up.last().body


def test_each_picture_when_it_is_made(media, client):
    """Several calls: the second one is not answered before the client has the first one's picture."""
    go, before = threading.Event(), count(media)
    one = [gemini(blob(PICTURE)), gemini(finish="STOP", meta=DRAWN)]
    media.up.queue(stream_answer(*one), stream_answer(go, *one), stream_answer(*one))
    with client.images.generate(model="plain", prompt="x", stream=True, n=3) as stream:
        first = next(stream)
        assert first.b64_json == PICTURE and not go.is_set()
        go.set()
        assert [e.usage.output_tokens for e in stream] == [20, 20]
    assert [(r.outcome, r.units["images_out"]) for r in rows_behind(media, before, 3)] == [("ok", 1)] * 3
    # in one piece upstream (Imagen, four a call): the same
    go.clear()
    drawn = body_answer(json.dumps({"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": PICTURE}] * 4}).encode())
    held = body_answer(drawn.parts[0])
    held.steps.insert(0, go)
    media.up.queue(drawn, held)
    with client.images.generate(model="imagen", prompt="x", stream=True, n=8) as stream:
        assert next(stream).b64_json == PICTURE and not go.is_set()
        go.set()
        assert len(list(stream)) == 7


def test_a_later_call_that_fails(media, client):
    one = stream_answer(gemini(blob(PICTURE)), gemini(finish="STOP", meta=DRAWN))
    busy = error_answer(503)
    before = count(media)
    media.up.queue(one, busy, one)  # heard of by nobody: it is asked again, and the same target
    assert len(list(client.images.generate(model="two", prompt="x", stream=True, n=2))) == 2 and media.other.requests == []
    assert sorted(r.units["images_out"] for r in rows_behind(media, before, 3)) == [0, 1, 1]
    before = count(media)
    media.up.queue(one)
    media.up.answer = error_answer(400, "INVALID_ARGUMENT")
    events = []
    with pytest.raises(openai.APIError) as failed:
        for e in client.images.generate(model="two", prompt="x", stream=True, n=2):
            events.append(e.b64_json)
    assert events == [PICTURE] and failed.value.body["type"] and failed.value.body["code"] and media.other.requests == []
    assert sorted((r.outcome, r.units["images_out"]) for r in rows_behind(media, before, 2)) == [("client_fault", 0), ("ok", 1)]


def test_a_picture_behind_which_the_stream_breaks(media, client):
    """It is whole and was paid for: where the client has seen some of its call it is told, and the error behind it."""
    before = count(media)
    media.up.queue(stream_answer(gemini(blob(PICTURE), finish="STOP", meta=DRAWN)),
                   stream_answer(gemini(blob(SKETCH, thought=True)), gemini(blob(PICTURE), meta=DRAWN), "close", end=False))
    events = []
    with pytest.raises(openai.APIError) as broken:
        for e in client.images.generate(model="draw", prompt="x", stream=True, n=2, partial_images=1):
            events.append((e.type.split(".")[1], e.b64_json))
    assert events == [("completed", PICTURE), ("partial_image", SKETCH), ("completed", PICTURE)] and broken.value.body["code"]
    rows = rows_behind(media, before, 2)
    assert [(r.units["images_out"], r.tokens["image_out"]) for r in rows] == [(1, 20)] * 2 and sorted(r.outcome == "ok" for r in rows) == [False, True]
    # nobody has seen anything of the call: it is asked again, and both pictures are charged
    before, picture = count(media), ark("partial_succeeded", image_index=0, b64_json=PICTURE, size="2048x2048")
    done = ark("completed", usage={"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384}) + b"data: [DONE]\n\n"
    media.up.queue(stream_answer(picture, done), stream_answer(picture, "close", end=False), stream_answer(picture, done))
    assert [e.b64_json for e in client.images.generate(model="dream", prompt="x", stream=True, n=2)] == [PICTURE] * 2
    rows = rows_behind(media, before, 3)
    assert sorted((r.units["images_out"], r.outcome == "ok") for r in rows) == [(1, False), (1, True), (1, True)]


def test_seedream_streams(media, client):
    before = count(media)
    done = ark("completed", usage={"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384}) + b"data: [DONE]\n\n"
    media.up.queue(stream_answer(ark("partial_succeeded", image_index=0, b64_json=PICTURE, size="2048x2048"), done))
    events = list(client.images.edit(model="dream", image=[("a.png", b"\x89PNG\r\n\x1a\n", "image/png")], prompt="x", stream=True))
    assert [(e.type, e.b64_json, e.size, e.usage.output_tokens) for e in events] == [("image_edit.completed", PICTURE, "2048x2048", 16384)]
    assert json.loads(media.up.last().body)["stream"] is True
    row, = rows_behind(media, before, 1)
    assert (row.units["images_out"], row.tokens["image_out"]) == (1, 16384)
    failed = ark("partial_failed", image_index=0, error={"code": "OutputImageSensitiveContentDetected", "message": "not that"})
    media.up.queue(stream_answer(failed, ark("completed", usage={"generated_images": 0, "output_tokens": 0, "total_tokens": 0}), b"data: [DONE]\n\n"))
    with pytest.raises(openai.BadRequestError, match="not that"):
        list(client.images.generate(model="dream", prompt="x", stream=True))
    media.up.queue(body_answer(json.dumps({"model": "m", "created": 1, "data": [{"url": "https://p.example/1"}], "usage": {"generated_images": 1}}).encode()))
    assert list(client.images.generate(model="old", prompt="x", stream=True, response_format="url"))[0].type == "image_generation.completed"
    assert "stream" not in json.loads(media.up.last().body)  # this one knows none


def test_large_pictures(media, client):
    """A picture of 8 MiB in one event, cut anywhere: the event is held once, and the picture once more."""
    large = base64.b64encode(bytes(range(256)) * 4 * 8192).decode()
    event = gemini(blob(large))
    media.up.queue(stream_answer(*[event[i:i + 65521] for i in range(0, len(event), 65521)], gemini(finish="STOP", meta=DRAWN)))
    last, = client.images.generate(model="plain", prompt="x", stream=True)
    assert last.b64_json == large
    with open(f"/proc/{media.child.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) >> 10
    print(f"{peak} MiB resident at most")
    assert SANITIZED or peak < 100


def test_a_client_that_does_not_read(media, client):
    """The next picture is asked for when it has taken the last one."""
    large = base64.b64encode(bytes(range(256)) * 4 * 8192).decode()
    body = gemini(blob(large)) + gemini(finish="STOP", meta=DRAWN)
    media.up.queue(stream_answer(body), stream_answer(body))
    with Conn(media.address, rcvbuf=65536) as c:
        ask = json.dumps({"model": "plain", "prompt": "x", "stream": True, "n": 2}).encode()
        c.send(request_bytes("POST", "/v1/images/generations", ask, [("Content-Type", "application/json")], media.key))
        response = c.read_head()
        media.up.wait_requests(1).answered.wait(30)
        assert len(media.up.requests) == 1
        got = b"".join(c.pieces(response))
    assert got.count(b"event: image_generation.completed\n") == 2 and got.count(large.encode()) == 2 and len(media.up.requests) == 2


# ---- what was recorded ----

def test_recorded_answers(media, client):
    """Answers of Gemini's image and speech models, in one piece and as streams, for OpenAI's client: what is in the record is what it
    gets, and a record without picture or sound is an error."""
    if not CORPUS.is_dir():
        pytest.skip(f"no recordings at {CORPUS}: set SLUICE_CORPUS")
    seen = {"sound": 0, "picture": 0, "nothing": 0, "refused": 0}
    for record in all_records("gemini.*.jsonl.gz"):
        path = record["path"].split("?")[0]
        if ("-tts:" not in path and "-image" not in path) or "enerateContent" not in path or record["response_encoding"] not in ("json", "sse"):
            continue
        speaks, streamed = "-tts:" in path, record["response_encoding"] == "sse"
        text = text_of(record, "response")
        text = text if isinstance(text, bytes) else text.encode()
        body = {"model": "say" if speaks else "plain", "stream": not speaks, "prompt": "x", "input": "x", "voice": "Kore", "response_format": "pcm"}
        for as_stream in {streamed, True} if record["status"] == 200 else {False}:
            frame = data_event(json.dumps(json.loads(text)).encode()) if as_stream and not streamed else text
            answer = body_answer(frame, record["status"], "text/event-stream" if as_stream else "application/json")
            media.asked = count(media)
            media.up.reset()
            media.up.answer = answer
            got = post(media, "/v1/audio/speech" if speaks else "/v1/images/generations",
                       {k: v for k, v in body.items() if k in (("model", "input", "voice", "response_format") if speaks else ("model", "prompt", "stream"))})
            parts = [p["inlineData"]["data"] for line in ([json.loads(text)] if not streamed else []) for c in line.get("candidates", []) if isinstance(line, dict)
                     for p in c.get("content", {}).get("parts", []) if "inlineData" in p]
            if record["status"] != 200:
                seen["refused"] += 1
                assert got.status >= 400 and got.json()["error"]["message"], record["id"]
            elif not parts or ("finishReason" not in json.loads(text)["candidates"][0] and as_stream):
                seen["nothing"] += 1
                assert got.status >= 400 and got.json()["error"]["type"], (record["id"], got)
            elif speaks:
                seen["sound"] += 1
                assert got.status == 200 and got.body == b"".join(base64.b64decode(p) for p in parts), record["id"]
            else:
                seen["picture"] += 1
                events = [json.loads(e.split(b"data: ")[1]) for e in got.body.split(b"\n\n") if e]
                assert [e["b64_json"] for e in events] == parts and events[0]["type"] == "image_generation.completed", record["id"]
    print(seen)
    assert seen["sound"] >= 2 and seen["picture"] >= 1 and seen["nothing"] >= 3 and seen["refused"] >= 3
