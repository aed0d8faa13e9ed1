"""Embeddings, moderations, reranking, images and speech: OpenAI's and Google's SDKs in front of the simulator, the ledger beside its
account, and raw bytes in front of a script."""

import base64
import contextlib
import io
import json
import pathlib
import shutil
import struct
import subprocess
import wave

import openai
import pytest

from conftest import Makers
from lib import ledger
from lib.client import fetch
from lib.corpus import CORPUS, all_records, text_of
from lib.proc import clean_environment
from lib.upstream import body_answer, json_answer
from lib.wait import wait_for
from test_vertex import account

KEY = ["sim-key-of-the-gateway"]
NODE = pathlib.Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    makers = Makers()
    sim = makers.sim()
    file = tmp_path_factory.mktemp("vertex") / "account.json"
    file.write_text(json.dumps(account(sim.url + "/token")))
    file.chmod(0o600)
    g = makers.gateway({
        "providers": {
            "openai": {"kind": "openai", "base_url": sim.url + "/v1", "keys": KEY},
            "cohere": {"kind": "cohere", "base_url": sim.url + "/compatibility/v1", "keys": KEY},
            "jina": {"kind": "openai-compatible", "base_url": sim.url + "/v1", "keys": KEY},
            "google": {"kind": "gemini", "base_url": sim.url + "/v1beta", "keys": KEY},
            "ark": {"kind": "ark", "base_url": sim.url + "/api/v3", "keys": KEY},
            "vertex": {"kind": "vertex", "base_url": sim.url + "/v1", "region": "europe-west4", "credentials": f"file:{file}"},
            "bedrock": {"kind": "bedrock", "base_url": sim.url, "region": "eu-west-1", "keys": KEY},
        },
        "models": {
            "safe": "openai/omni-moderation-latest", "omni-moderation-latest": "openai/omni-moderation-latest",
            "chat": "openai/gpt-5-mini", "draw": "openai/gpt-image-2", "dall": "openai/dall-e-3", "say": "openai/tts-1", "say4": "openai/gpt-4o-mini-tts",
            "hear": "openai/gpt-4o-transcribe", "whisper": "openai/whisper-1", "clip": "openai/sora-2",
            "rank": "cohere/rerank-v3.5", "jrank": "jina/jina-reranker-v2", "embed": "openai/text-embedding-3-small",
            "gembed": "google/gemini-embedding-001", "gembed2": "google/gemini-embedding-2", "cembed": "cohere/embed-v4.0",
            "vembed": "ark/doubao-embedding-vision-250615", "imagen": "google/imagen-4.0-generate-001",
            "vold": "vertex/text-embedding-005", "vone": "vertex/gemini-embedding-001", "vtwo": "vertex/gemini-embedding-2",
            "titan": "bedrock/amazon.titan-embed-text-v2:0", "bcohere": "bedrock/cohere.embed-v4:0",
            "vimagen": "vertex/imagen-4.0-generate-001", "gsay": "google/gemini-3.1-flash-tts-preview", "vsay": "vertex/gemini-3.1-flash-tts-preview",
            "banana": "google/gemini-2.5-flash-image", "vbanana": "vertex/gemini-2.5-flash-image", "nano": "google/gemini-3-pro-image",
            "dream": "ark/doubao-seedream-4-0-250828",
        },
        "videos": {"poll_first": "20ms", "poll_interval": "20ms", "poll_max": "50ms", "polls_per_second": 500},
    })
    g.sim = sim
    yield g
    makers.end()


@pytest.fixture
def client(served):
    with contextlib.closing(openai.OpenAI(base_url=served.url + "/v1", api_key=served.key.text, max_retries=0)) as c:
        yield c


def post(g, path, body, **headers):
    return fetch(g.address, "POST", path, json.dumps(body).encode(),
                 [("Authorization", "Bearer " + g.key.text), ("Content-Type", "application/json"), *headers.items()])


def counted(g):
    """The ledger's account and the simulator's agree, in all and for every unit; what was estimated is not compared."""
    rows = ledger.attempts(g.state)
    if any(r.state == ledger.OPEN for r in rows):
        return None
    mine, theirs = {}, {}
    exact = [r for r in rows if not r.flags & 1]
    mine["prompt"] = sum(r.tokens[c] for r in exact for c in ("input", "image_in", "audio_in", "cache_read"))
    mine["completion"] = sum(r.tokens[c] for r in exact for c in ("output", "image_out", "audio_out", "reasoning"))
    for unit in ("images_out", "characters", "searches"):
        mine[unit] = sum(r.units[unit] for r in rows)
    served = g.sim.count()["served"]
    for name in mine:
        theirs[name] = sum(s.get(name, 0) for s in served if name not in ("prompt", "completion") or s["usage_sent"])
    return mine, theirs


def agree(g):
    wait_for(lambda: (both := counted(g)) and both[0] == both[1], "the ledger to say what the simulator says", every=0.1)


def test_moderations(served, client):
    answer = client.moderations.create(input=["I will kill them", "hello"])  # no model: the format's own default
    assert [r.flagged for r in answer.results] == [True, False] and answer.model == "omni-moderation-latest"
    assert client.moderations.create(input=[{"type": "text", "text": "hi"}], model="safe").results[0].flagged is False
    last = ledger.attempts(served.state)
    assert post(served, "/v1/moderations", {"input": []}).status == 400
    assert post(served, "/v1/moderations", {"model": "safe"}).status == 400
    agree(served)
    assert len(ledger.attempts(served.state)) <= len(last) + 2  # what was refused here went nowhere


def test_images(served, client):
    answer = client.images.generate(model="draw", prompt="a red circle", n=2, size="1024x1024", quality="low")
    assert base64.b64decode(answer.data[1].b64_json) == b"picture 1 of gpt-image-2" and answer.usage.output_tokens == 544
    events = list(client.images.generate(model="draw", prompt="a red circle", stream=True, partial_images=2))
    assert [e.type for e in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert events[-1].usage.output_tokens == 272
    agree(served)
    before = len(ledger.attempts(served.state))
    events = list(client.images.generate(model="draw", prompt="three red circles", n=3, stream=True))
    assert len(events) == 3 and sum(e.usage.output_tokens for e in events) == 816  # each event tells of its own picture
    row = wait_for(lambda: (r := ledger.attempts(served.state)[before:]) and r[0].state != ledger.OPEN and r[0], "its row", every=0.1)
    assert (row.tokens["image_out"], row.units["images_out"], row.tokens["input"]) == (816, 3, sum(e.usage.input_tokens for e in events))
    answer = client.images.generate(model="dall", prompt="a red circle", size="1792x1024", quality="hd")
    assert answer.data[0].url.startswith("https://pictures.example/")
    rows = [r for r in ledger.attempts(served.state) if r.target == "dall-e-3"]
    wait_for(lambda: any(r.cost_p == 120_000_000_000 for r in ledger.attempts(served.state) if r.target == "dall-e-3"),
             "the price of a large picture", every=0.1)
    before = len(ledger.attempts(served.state)), rows
    with pytest.raises(openai.BadRequestError, match="1024x1024, 1792x1024, 1024x1792"):
        client.images.generate(model="dall", prompt="x", size="512x512")
    with pytest.raises(openai.BadRequestError, match="multiples of 16"):
        client.images.generate(model="draw", prompt="x", size="1000x1000")
    with pytest.raises(openai.BadRequestError, match="from 1 to 10"):
        client.images.generate(model="draw", prompt="x", n=11)
    agree(served)
    assert len(ledger.attempts(served.state)) == before[0]


def test_speech(served, client):
    with client.audio.speech.with_streaming_response.create(model="say", input="höre " * 300, voice="alloy",
                                                            response_format="pcm") as r:
        sound = b"".join(r.iter_bytes())
    assert r.headers["content-type"] == "audio/pcm" and len(sound) == 1500 * 480
    assert sound == (b"0123456789\xff\x00\r\n\xc3z" * 30) * 1500
    sse = post(served, "/v1/audio/speech", {"model": "say4", "input": "hello", "voice": "alloy", "stream_format": "sse"})
    assert sse.status == 200 and b"speech.audio.done" in sse.body
    assert post(served, "/v1/audio/speech", {"model": "say", "input": "", "voice": "alloy"}).status == 400
    long = post(served, "/v1/audio/speech", {"model": "say", "input": "x" * 4097, "voice": "alloy"})
    assert long.status == 400 and b"4096" in long.body
    agree(served)
    row = [r for r in ledger.attempts(served.state) if r.target == "tts-1" and r.status == 200][0]
    assert row.units["characters"] == 1500 and row.cost_p == 1500 * 15_000_000


@pytest.mark.parametrize("model", ["gsay", "vsay"])
def test_speech_by_gemini(served, client, model):
    """Samples inside of JSON, as they are or behind a head; nothing is encoded, and what would have to be is refused."""
    raw = client.audio.speech.with_raw_response.create(model=model, input="hello", voice="Kore", response_format="pcm", speed=1.5)
    assert raw.headers["content-type"] == "audio/pcm" and raw.content == b"".join(bytes([c]) * 200 for c in b"hello")
    assert raw.headers["x-sluice-dropped"] == "speed"
    sound = client.audio.speech.create(model=model, input="hello", voice="Kore", response_format="wav", instructions="Say it loud")
    with wave.open(io.BytesIO(sound.read())) as w:
        assert (w.getnchannels(), w.getsampwidth(), w.getframerate()) == (1, 2, 24000)
        assert len(w.readframes(1 << 20)) == 200 * len("Say it loud:\n\nhello")  # the head knows no length: it is a stream
    for more in ({}, {"response_format": "mp3"}, {"response_format": "wav", "stream_format": "file"}):
        with pytest.raises(openai.BadRequestError, match="wav or pcm|audio or sse"):
            client.audio.speech.create(model=model, input="hello", voice="Kore", **more)
    agree(served)
    rows = [r for r in ledger.attempts(served.state) if r.model == model and r.status == 200]
    assert [r.tokens["audio_out"] for r in rows] == [5, 19]


def test_rerank(served):
    ask = {"query": "which is the longest", "documents": ["aa", "a", "aaa"], "top_n": 2}
    answer = post(served, "/v2/rerank", {"model": "rank", **ask})
    assert answer.status == 200, answer.body
    assert [r["index"] for r in json.loads(answer.body)["results"]] == [2, 0]
    answer = post(served, "/v1/rerank", {"model": "jrank", **ask})
    assert json.loads(answer.body)["results"][0]["document"] == {"text": "aaa"}
    for bad in ({"documents": []}, {"query": ""}, {"documents": "a"}):
        assert post(served, "/v1/rerank", {"model": "jrank", **ask, **bad}).status == 400
    agree(served)


def test_embeddings_pass(served, client):
    floats = client.embeddings.create(model="embed", input=["one", "two"], dimensions=64, encoding_format="float")
    packed = client.embeddings.create(model="embed", input=["one", "two"], dimensions=64)  # the SDK asks for base64
    assert [d.embedding for d in floats.data] == [d.embedding for d in packed.data] and len(floats.data[0].embedding) == 64
    assert post(served, "/v1/embeddings", {"model": "embed", "input": []}).status == 400
    many = post(served, "/v1/embeddings", {"model": "embed", "input": ["x"] * 10_000})
    assert many.status == 400 and b"2048" in many.body
    agree(served)


@pytest.mark.parametrize("model,n,calls,dims", [("gembed2", 230, 3, 16), ("gembed", 3, 1, 16), ("cembed", 200, 3, 256),
                                                ("vembed", 5, 5, 1024), ("vold", 230, 3, 16), ("vone", 3, 3, 16), ("vtwo", 3, 3, 16),
                                                ("titan", 3, 3, 256), ("bcohere", 200, 3, 256)])
def test_embeddings_translated(served, client, model, n, calls, dims):
    """Order kept over several calls, usage summed, both encodings the same vectors."""
    texts = [f"text number {i} é" for i in range(n)]
    before = len(ledger.attempts(served.state))
    floats = client.embeddings.create(model=model, input=texts, dimensions=dims, encoding_format="float", user="somebody")
    packed = client.embeddings.create(model=model, input=texts, dimensions=dims)
    assert [d.index for d in floats.data] == list(range(n)) and floats.model == model
    for i in (0, 1, n - 1):
        first = (sum(texts[i].encode()) % 200 - 100) / 100
        want = [((sum(texts[i].encode()) + k) % 200 - 100) / 100 for k in range(dims)]
        assert floats.data[i].embedding == want and want[0] == first
        assert packed.data[i].embedding == [struct.unpack("<f", struct.pack("<f", v))[0] for v in want]
    wait_for(lambda: len(ledger.attempts(served.state)) >= before + 2 * calls, "the rows of all calls", every=0.1)
    agree(served)
    rows = ledger.attempts(served.state)[before:]
    assert len(rows) == 2 * calls and all(r.outcome == "ok" for r in rows)
    if model != "gembed":  # whose answers say nothing of it
        assert floats.usage.prompt_tokens == sum(r.tokens["input"] for r in rows) / 2 == sum((len(t.encode()) + 3) // 4 for t in texts)


def test_embeddings_refused(served):
    for model, more, word in (("gembed", {"input": [[1, 2]]}, b"not tokens"), ("gembed", {"dimensions": 0}, b"dimensions"),
                              ("gembed", {"encoding_format": "int8"}, b"float or base64"),
                              ("gembed", {"input": ["x"] * 10_000}, b"At most 1400 inputs"),
                              ("vembed", {"input": ["x"] * 20}, b"At most 14 inputs"), ("vembed", {"dimensions": 7}, b"1024 or 2048"),
                              ("titan", {"dimensions": 7}, b"256, 512 or 1024"), ("titan", {"input": ["x"] * 20}, b"At most 14 inputs")):
        answer = post(served, "/v1/embeddings", {"model": model, "input": "x", **more})
        assert answer.status == 400 and word in answer.body and answer.json()["error"]["type"] == "invalid_request_error", answer.body
    dropped = post(served, "/v1/embeddings", {"model": "gembed", "input": "x", "user": "u"})
    assert dict(dropped.headers)["x-sluice-dropped"] == "user"


def test_a_call_that_fails_is_asked_again(served):
    served.sim.rules({"fault": "500", "times": 1, "model": "gemini-embedding-001"})
    try:
        answer = post(served, "/v1/embeddings", {"model": "gembed", "input": ["a", "b"] * 75})
    finally:
        served.sim.rules()
    assert answer.status == 200 and len(answer.json()["data"]) == 150


def test_rerank_translated(served):
    ask = {"query": "which is the longest", "documents": ["aa", {"text": "a"}, "aaa"], "top_n": 2}
    answer = post(served, "/v1/rerank", {"model": "rank", **ask, "return_documents": True}).json()
    assert [(r["index"], r["document"]["text"]) for r in answer["results"]] == [(2, "aaa"), (0, "aa")]
    assert answer["meta"]["billed_units"] == {"search_units": 1} and answer["usage"]["total_tokens"] > 0
    answer = post(served, "/v2/rerank", {"model": "jrank", **ask}).json()
    assert [set(r) for r in answer["results"]] == [{"index", "relevance_score"}] * 2 and answer["meta"]["api_version"] == {"version": "2"}
    agree(served)


@pytest.mark.parametrize("model,target,cost", [("imagen", "imagen-4.0-generate-001", 40_000_000_000), ("banana", "gemini-2.5-flash-image", None),
                                               ("dream", "doubao-seedream-4-0-250828", None),
                                               ("vimagen", "imagen-4.0-generate-001", 40_000_000_000), ("vbanana", "gemini-2.5-flash-image", None)])
def test_images_translated(served, client, model, target, cost):
    answer = client.images.with_raw_response.generate(model=model, prompt="a red circle", n=2, size="1024x1024", quality="high")
    image = answer.parse()
    assert [base64.b64decode(d.b64_json).split()[-1].decode() for d in image.data] == [target] * 2
    assert answer.headers["x-sluice-dropped"] == "quality"
    events = list(client.images.generate(model=model, prompt="a red circle", stream=True))
    assert [e.type for e in events] == ["image_generation.completed"] and events[0].b64_json
    named = post(served, "/v1/images/generations", {"model": model, "prompt": "a red circle", "stream": True, "partial_images": 2})
    assert named.get("x-sluice-dropped") == "partial_images" and named.body.count(b"event: image_generation.completed\n") == 1
    if "banana" in model:
        assert events[0].usage.output_tokens == 1290
        two = list(client.images.generate(model=model, prompt="a red circle", stream=True, n=2))
        assert [e.usage.output_tokens for e in two] == [1290, 1290]
    if model == "vbanana":  # edits, as at the Gemini API
        png = ("a.png", b"\x89PNG" + bytes(296), "image/png")
        edited = client.images.edit(model=model, image=[png], prompt="blue")
        assert base64.b64decode(edited.data[0].b64_json) == b"picture 0 of gemini-2.5-flash-image from 1 with 300 bytes"
        streamed, = client.images.edit(model=model, image=[png], prompt="blue", stream=True)
        assert streamed.type == "image_edit.completed" and streamed.usage.output_tokens == 1290
    with pytest.raises(openai.BadRequestError, match="size"):
        client.images.generate(model=model, prompt="x", size="100x333")
    agree(served)
    rows = [r for r in ledger.attempts(served.state) if r.target == target and r.status == 200 and r.model == model]
    assert sum(r.units["images_out"] for r in rows) == 4 + 2 * ("banana" in model) + 2 * (model == "vbanana")
    if cost:
        assert sum(r.cost_p for r in rows) == 4 * cost
    if "banana" in model:
        assert image.usage.output_tokens == 2580 and sum(r.tokens["image_out"] for r in rows) == (6 + 2 * (model == "vbanana")) * 1290


def test_gemini_faces(served):
    body = {"model": "models/gembed", "content": {"parts": [{"text": "hello"}]}, "outputDimensionality": 4}
    one = post(served, "/v1beta/models/gembed:embedContent", body)
    assert one.status == 200 and len(json.loads(one.body)["embedding"]["values"]) == 4, one.body
    two = post(served, "/v1beta/models/gembed2:batchEmbedContents",
               {"requests": [{**body, "model": "models/gembed2"}, {**body, "model": "models/gembed2"}]})
    assert two.status == 200 and len(json.loads(two.body)["embeddings"]) == 2, two.body
    none = post(served, "/v1beta/models/gembed:batchEmbedContents", {"requests": []})
    assert none.status == 400 and json.loads(none.body)["error"]["status"] == "INVALID_ARGUMENT"
    agree(served)


GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}}


def test_video_is_understood(make):
    """A chat client's `video_url`, and Seed's switch for thinking."""
    up = make.upstream()
    g = make.gateway({"providers": {"gem": {"kind": "gemini", "base_url": up.url, "keys": ["k"]},
                                    "ark": {"kind": "ark", "base_url": up.url, "keys": ["k"]},
                                    "ant": {"kind": "anthropic", "base_url": up.url, "keys": ["k"]}},
                      "models": {"g": "gem/gemini-3-pro-preview", "a": "ark/doubao-seed-1-6-250615", "c": "ant/claude-opus-4-5"}})

    def ask(model, url, path="/v1/chat/completions", fps=2, **more):
        up.answer = json_answer(GEMINI if model == "g" else None)
        content = [{"type": "text", "text": "look"}, {"type": "video_url", "video_url": {"url": url, "fps": fps}}] if url else "hi"
        answer = post(g, path, {"model": model, "messages": [{"role": "user", "content": content}], **more})
        return answer, json.loads(up.requests[-1].body) if up.requests else None

    clip = "data:video/mp4;base64,AAAAIGZ0eXBpc29t"
    assert ask("g", clip)[1]["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "video/mp4", "data": "AAAAIGZ0eXBpc29t"},
                                                                "videoMetadata": {"fps": 2}}
    film = "https://www.youtube.com/watch?v=abc"
    assert ask("g", film)[1]["contents"][0]["parts"][1] == {"fileData": {"fileUri": film}, "videoMetadata": {"fps": 2}}
    answer, sent = ask("g", clip, fps=60)  # more than Gemini takes: said, not sent
    assert "videoMetadata" not in sent["contents"][0]["parts"][1] and dict(answer.headers)["x-sluice-dropped"].endswith(".fps")
    assert ask("g", clip, fps="fast")[0].status == 400
    google = {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": film}, "videoMetadata": {"fps": 0.5, "startOffset": "3s"}}]}]}
    up.answer = json_answer()
    answer = post(g, "/v1beta/models/a:generateContent", google)
    assert json.loads(up.requests[-1].body)["messages"][0]["content"][-1]["video_url"] == {"url": film, "fps": 0.5}, answer.body
    assert "videoMetadata.startOffset" in dict(answer.headers)["x-sluice-dropped"]
    sent = ask("a", film, thinking={"type": "auto"})[1]
    assert sent["messages"][0]["content"][1]["video_url"] == {"url": film, "fps": 2} and sent["thinking"] == {"type": "auto"}
    refused = ask("c", clip)[0]
    assert refused.status == 400 and b"takes no video" in refused.body
    claude = {"path": "/v1/messages", "max_tokens": 4000}
    assert ask("a", None, **claude, thinking={"type": "disabled"})[1]["thinking"] == {"type": "disabled"}
    sent = ask("a", None, **claude, thinking={"type": "enabled", "budget_tokens": 2000})[1]
    assert "thinking" not in sent and sent["reasoning_effort"] in ("low", "medium")


def test_bytes_are_untouched(make):
    up = make.upstream()
    g = make.gateway({"providers": {"p": {"kind": "openai-compatible", "base_url": up.url + "/v1", "keys": KEY}},
                      "models": {"m": "p/m"}})
    answer = b'{ "data" : [ {"embedding":[ 0.10,-2.50e-3,1E2 ],"index":0} ],"usage":{"prompt_tokens":3,"total_tokens":3} ,"more":1}'
    body = b'{"input":[[1,2,3]], "model" : "m","dimensions":3,"encoding_format":"float","user":"\\u0041"}'
    up.answer = body_answer(answer)
    got = fetch(g.address, "POST", "/v1/embeddings", body, [("Authorization", "Bearer " + g.key.text), ("Content-Type", "application/json")])
    assert got.body == answer and up.requests[-1].body == body


def test_node_sdk(served):
    if not shutil.which("node") or not (NODE / "node_modules/openai").exists():
        pytest.skip("node or its packages are missing: dev/setup.sh test installs them")
    done = subprocess.run(["node", "operations.mjs"], cwd=NODE, capture_output=True, text=True, timeout=120,
                          env=clean_environment({"SLUICE_URL": served.url, "SLUICE_KEY": served.key.text}))
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert [[round(v, 6) for v in d] for d in out["embeddings"]] == out["floats"] and len(out["floats"]) == 3
    assert out["flagged"] and out["image"] == "picture 0 of imagen-4.0-generate-001" and out["sound"] == 480_000
    assert out["thought"] == [["image_generation.partial_image", 0], ["image_generation.completed", 1290]] * 2 and out["spoken"] == 200_000
    assert out["heard"].startswith("heard 5000 bytes") and out["translated"].startswith("heard 5000 bytes")
    assert out["deltas"][-1] == "transcript.text.done" and out["edited"].startswith("heard 300 bytes")
    assert out["varied"].startswith("heard 200 bytes") and out["remixed"] == [True, True, True]
    assert out["google"] == [3, 8] and out["drawn"] == "picture 0 of gemini-2.5-flash-image"
    assert out["elsewhere"] == "picture 0 of gemini-2.5-flash-image from 1 with 300 bytes"
    assert out["video"] == ["queued", "completed", 100_000, True, True]
    assert out["events"] == ["image_generation.partial_image", "image_generation.completed"] and out["refused"] == [400, "size"]
    agree(served)


def test_units_are_shown(served):
    """`sluice usage` and the metrics say what the rows say."""
    agree(served)
    rows = ledger.attempts(served.state)
    total = ledger.usage(served.state, "--by", "all")["total"]["units"]
    assert total == {unit: sum(r.units[unit] for r in rows) for unit in ledger.UNITS}
    assert total["images_out"] > 10 and total["characters"] > 1000 and total["searches"] >= 2
    page = fetch(served.admin, "GET", "/metrics").body.decode()
    drawn = sum(r.units["images_out"] for r in rows if r.target == "gpt-image-2")
    assert f'sluice_units_total{{provider="openai",model="gpt-image-2",unit="images_out"}} {drawn}\n' in page


def test_google_sdk(served):
    from google import genai
    c = genai.Client(api_key=served.key.text, http_options={"base_url": served.url})
    answer = c.models.embed_content(model="gembed", contents=["one", "two"])
    assert len(answer.embeddings) == 2 and len(answer.embeddings[0].values) == 8
    image = c.models.generate_content(model="banana", contents="a red circle",
                                      config={"response_modalities": ["TEXT", "IMAGE"]})
    assert image.candidates[0].content.parts[-1].inline_data.data.startswith(b"picture 0")
    agree(served)
    row = [r for r in ledger.attempts(served.state) if r.model == "banana"][-1]
    assert (row.units["images_out"], row.tokens["image_out"]) == (1, 1290)


def test_pictures_of_conversations(make):
    """Counted where they pass: held, in slices, in a stream, and written anew for a client of another format; not those of thoughts."""
    up = make.upstream()
    g = make.gateway({"providers": {"g": {"kind": "gemini", "base_url": up.url + "/v1beta", "keys": KEY}}, "models": {"m": "g/m-image"}})
    blob = {"inlineData": {"data": base64.b64encode(b"p" * 30).decode(), "mimeType": "image/png"}}
    big = {"inline_data": {"mime_type": "image/png", "data": "QUJD" * 700_000}}
    thought, sound = {**blob, "thought": True}, {"inlineData": {"mimeType": "audio/pcm", "data": "QUJD"}}
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 1290, "totalTokenCount": 1293,
             "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]}
    ask = {"contents": [{"role": "user", "parts": [{"text": 'say "inlineData"'}]}]}
    chat = {"model": "m", "messages": [{"role": "user", "content": "draw"}]}

    def answer(*parts):
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": 'a \\ "inlineData": {"mimeType":"image/png"}'}, *parts]},
                                "finishReason": "STOP", "index": 0}], "usageMetadata": usage}
    path = "/v1beta/models/m:"
    cases = [((blob, thought, sound, blob), path + "generateContent", ask, 2), ((big, blob, thought), path + "generateContent", ask, 2),
             ((blob, sound), path + "streamGenerateContent?alt=sse", ask, 1), ((), path + "generateContent", ask, 0),
             ((blob,), "/v1/chat/completions", chat, 1)]
    for n, (parts, where, body, want) in enumerate(cases, 1):
        up.answer = (body_answer(b"data: " + json.dumps(answer(*parts)).encode() + b"\r\n\r\n", content_type="text/event-stream")
                     if "stream" in where else json_answer(answer(*parts)))
        assert post(g, where, body).status == 200
        wait_for(lambda: sum(r.state != ledger.OPEN for r in ledger.attempts(g.state)) == n, "the row to be closed", every=0.1)
        assert ledger.attempts(g.state)[-1].units["images_out"] == want, (where, want)


SAME = {"/moderations": "openai", "/images/generations": "openai", "/audio/speech": "openai", "/v1/rerank": "openai",
        "/v2/rerank": "cohere", ":embedContent": "google", ":batchEmbedContents": "google"}


def recorded():
    """Recordings of these operations that clients of their own format can be given: (record, path, provider)."""
    for record in all_records():
        path = record["path"].split("?")[0]
        tail = next((t for t in SAME if path.endswith(t)), None)
        body = record["request_body"]
        if not tail or not isinstance(body, dict) or record["status"] is None or record["provider"] in ("together", "venice"):
            continue
        if record["api"].startswith(("vertex", "alibaba")) or record["response_encoding"] not in ("json", "base64"):
            continue
        if SAME[tail] == "google":
            yield record, path[path.index("/models/"):], "google"
        elif isinstance(body.get("model"), str) or tail == "/moderations":
            cohere = SAME[tail] == "cohere" or (record["provider"] == "cohere" and tail == "/v1/rerank")
            if not (cohere and tail == "/v1/rerank"):  # Cohere's older shape goes to its newer one: not the same bytes
                yield record, tail.removeprefix("/v1"), SAME[tail]


@pytest.mark.timeout(600)
def test_recorded_exchanges(make, capsys):
    if not CORPUS.is_dir():
        pytest.skip(f"no recordings at {CORPUS}: set SLUICE_CORPUS")
    all_of = list(recorded())
    google = {p.split("/models/")[1].split(":")[0] for _, p, kind in all_of if kind == "google"}
    up = make.upstream()
    root = up.url.removesuffix("/v1")
    g = make.gateway({
        "providers": {"p": {"kind": "openai-compatible", "base_url": root + "/v1", "keys": KEY, "open_models": True},
                      "co": {"kind": "cohere", "base_url": root + "/compatibility/v1", "keys": KEY},
                      "google": {"kind": "gemini", "base_url": root + "/v1beta", "keys": KEY}},
        "models": {**{m: f"google/{m}" for m in google},
                   **{r["request_body"]["model"]: f"co/{r['request_body']['model']}" for r, _, kind in all_of if kind == "cohere"}},
        "resilience": {"retry": {"attempts": 1}}})
    counts, wrong, searches = {}, [], 0
    for record, path, kind in all_of:
        binary = record["response_encoding"] == "base64"
        sent = base64.b64decode(record["response_body"]) if binary else text_of(record, "response")
        body = text_of(record, "request")
        up.reset()
        up.answer = body_answer(sent, record["status"], "audio/mpeg" if binary else "application/json")
        prefix = "/v1beta" if kind == "google" else "" if path.startswith("/v2") else "/v1"
        got = fetch(g.address, "POST", prefix + path, body, [("Authorization", "Bearer " + g.key.text), ("Content-Type", "application/json")])
        counts[(path.split(":")[-1], record["status"])] = counts.get((path.split(":")[-1], record["status"]), 0) + 1
        if record["status"] in (401, 403):  # of the gateway's own account
            good = got.status == 502
        elif record["status"] != 200:
            good = got.status >= 400 and got.json()["error"]["message"]
        else:
            good = got.status == 200 and got.body == sent and ("model" not in json.loads(body) or up.last().body == body)
            searches += (json.loads(sent).get("meta") or {}).get("billed_units", {}).get("search_units", 0) if kind == "cohere" else 0
        if not good:
            wrong.append((record["id"], path, record["status"], got.status, got.body[:200], body[:200]))
    with capsys.disabled():
        print(f"\nrecorded operations relayed: {sum(counts.values())}: {counts}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(map(str, wrong[:12]))
    assert sum(counts.values()) > 40
    wait_for(lambda: sum(r.units["searches"] for r in ledger.attempts(g.state) if r.provider == "co") == searches,
             "the searches in the ledger", every=0.1)
