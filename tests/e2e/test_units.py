"""Each operation by itself, whole and streamed: what the ledger has of it is the simulator's account of it, in every class of tokens and
every unit. Where an answer has no place for its usage the row is an estimate, and says so."""

import json

import pytest

from lib import ledger
from lib.client import fetch
from lib.upstream import data_event, stream_answer
from lib.wait import wait_for
from test_multipart import BOUNDARY, END, HEADERS, PNG, field, file
from test_operations import served  # noqa: F401

SOUND = bytes(range(256)) * 800


def form(model, *files, **fields):
    return b"".join(field(k, v) for k, v in {"model": model, **fields}.items()) + b"".join(files) + END


def heard(model, **fields):
    return form(model, file(value=SOUND), **fields)


def edit(model, **fields):
    return form(model, file("image[]", PNG, "a.png"), file("image[]", PNG + b"x", "b.png"), prompt="make it blue", **fields)


def docs(n):
    return [f"document {i}" for i in range(n)]


CHAT = [{"role": "user", "content": "hello there"}]
CALLS = {
    "moderations": ("/v1/moderations", {"model": "safe", "input": "hello"}),
    "embeddings": ("/v1/embeddings", {"model": "embed", "input": ["one", "two words"], "encoding_format": "float"}),
    "embeddings base64": ("/v1/embeddings", {"model": "embed", "input": "one", "encoding_format": "base64"}),
    "embeddings at Gemini": ("/v1/embeddings", {"model": "gembed2", "input": ["one", "two words"]}),
    "embeddings at Cohere": ("/v1/embeddings", {"model": "cembed", "input": docs(200)}),
    "embeddings at Ark": ("/v1/embeddings", {"model": "vembed", "input": ["one", "two words"]}),
    "embeddings at Vertex": ("/v1/embeddings", {"model": "vold", "input": ["one", "two words"]}),
    "embeddings at Bedrock": ("/v1/embeddings", {"model": "titan", "input": ["one", "two words"]}),
    "rerank at Cohere": ("/v1/rerank", {"model": "rank", "query": "q", "documents": docs(201)}),
    "rerank at Jina": ("/v1/rerank", {"model": "jrank", "query": "q", "documents": docs(3)}),
    "images": ("/v1/images/generations", {"model": "draw", "prompt": "a circle", "n": 2, "quality": "high", "size": "1024x1536"}),
    "images streamed": ("/v1/images/generations", {"model": "draw", "prompt": "a circle", "n": 2, "stream": True, "partial_images": 2}),
    "images of dall-e": ("/v1/images/generations", {"model": "dall", "prompt": "a circle", "size": "1792x1024", "quality": "hd"}),
    "images of Imagen": ("/v1/images/generations", {"model": "imagen", "prompt": "a circle", "n": 3}),
    "images of Gemini": ("/v1/images/generations", {"model": "banana", "prompt": "a circle"}),
    "images of Gemini streamed": ("/v1/images/generations", {"model": "nano", "prompt": "a circle", "stream": True, "partial_images": 1}),
    "images of Seedream": ("/v1/images/generations", {"model": "dream", "prompt": "a circle", "n": 2}),
    "images of Seedream streamed": ("/v1/images/generations", {"model": "dream", "prompt": "a circle", "stream": True}),
    "edits": ("/v1/images/edits", edit("draw")),
    "edits streamed": ("/v1/images/edits", edit("draw", stream="true")),
    "edits by Gemini": ("/v1/images/edits", edit("banana")),
    "edits by Seedream streamed": ("/v1/images/edits", edit("dream", stream="true")),
    "speech": ("/v1/audio/speech", {"model": "say", "input": "höre", "voice": "alloy"}),
    "speech as events": ("/v1/audio/speech", {"model": "say4", "input": "hello", "voice": "alloy", "stream_format": "sse"}),
    "speech of Gemini": ("/v1/audio/speech", {"model": "gsay", "input": "hello", "voice": "Kore", "response_format": "pcm"}),
    "transcription": ("/v1/audio/transcriptions", heard("hear")),
    "transcription streamed": ("/v1/audio/transcriptions", heard("hear", stream="true")),
    "transcription by time": ("/v1/audio/transcriptions", heard("whisper", response_format="json")),
    "translation": ("/v1/audio/translations", heard("whisper")),
    "chat": ("/v1/chat/completions", {"model": "chat", "messages": CHAT}),
    "chat streamed": ("/v1/chat/completions", {"model": "chat", "messages": CHAT, "stream": True}),
    "responses streamed": ("/v1/responses", {"model": "chat", "input": "hello there", "stream": True}),
}
# The answer says nothing of it: bytes of sound, a plain text.
UNTOLD = {
    "embeddings of Gemini's first": ("/v1/embeddings", {"model": "gembed", "input": ["one", "two words"]}),
    "speech of tokens": ("/v1/audio/speech", {"model": "say4", "input": "hello", "voice": "alloy"}),
    "transcription as text": ("/v1/audio/transcriptions", heard("hear", response_format="text")),
    "subtitles by time": ("/v1/audio/transcriptions", heard("whisper", response_format="srt")),
}


def served_by(g):
    return [s for s in g.sim.count()["served"] if s["model"]]  # others: a token was fetched


def call(g, name):
    """The rows and the records of one call."""
    path, body = {**CALLS, **UNTOLD}[name]
    rows, records = len(ledger.attempts(g.state)), len(served_by(g))
    head = HEADERS if isinstance(body, bytes) else [("Content-Type", "application/json")]
    answer = fetch(g.address, "POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), head, g.key)
    assert answer.status == 200, (name, answer.body[:300])
    told = wait_for(lambda: served_by(g)[records:], "the record")

    def closed():
        new = ledger.attempts(g.state)[rows:]
        return new if len(new) == len(told) and all(r.state == ledger.CLOSED for r in new) else None
    return wait_for(closed, f"{len(told)} rows of {name}", seconds=30, every=0.05), told


def differ(rows, told):
    """Name -> ours, theirs: of all classes and units that are not the same."""
    ours = {k: sum(r.tokens[k] for r in rows) for k in ledger.CLASSES} | {k: sum(r.units[k] for r in rows) for k in ledger.UNITS}
    return {k: (n, sum(s.get(k, 0) for s in told)) for k, n in ours.items() if n != sum(s.get(k, 0) for s in told)}


def test_every_unit_is_the_simulators(served):  # noqa: F811
    wrong, seen = {}, set()
    for name in CALLS:
        rows, told = call(served, name)
        seen |= {k for r in rows for k, n in (r.tokens | r.units).items() if n}
        if (d := differ(rows, told)) or any(r.flags & 1 for r in rows):
            wrong[name] = d or "estimated"
    assert not wrong, "\n".join(f"{k}: {v}" for k, v in wrong.items())
    assert seen >= {"input", "output", "audio_in", "audio_out", "image_in", "image_out", "images_out", "audio_ms_in", "characters", "searches"}


def test_broken_streams_of_pictures_are_charged_alike(make):
    """OpenAI's own format, with a price for each picture and the usage lost: edits as generations, by what was asked for, and marked."""
    up = make.upstream()
    g = make.gateway({"providers": {"o": {"kind": "openai", "base_url": up.url, "keys": ["k"]}}, "models": {"draw": "o/gpt-image-1"},
                      "resilience": {"retry": {"attempts": 1}}})
    seen = {}
    for operation, path in (("image_generation", "/v1/images/generations"), ("image_edit", "/v1/images/edits")):
        partial, whole = [f"event: {operation}.{kind}\n".encode() + data_event({"type": f"{operation}.{kind}", "b64_json": "QUJD", **more})
                          for kind, more in (("partial_image", {"partial_image_index": 0}), ("completed", {"size": "1024x1024", "quality": "low"}))]
        for steps in ((partial,), (partial, whole, partial, "rst"), ()):
            up.queue(stream_answer(*steps))
            asked = {"model": "draw", "prompt": "x", "stream": "true", "n": "2", "size": "1024x1024", "quality": "low"}
            body, head = form("draw", file("image", PNG, "a.png"), **{k: v for k, v in asked.items() if k != "model"}), HEADERS
            if operation == "image_generation":
                body, head = json.dumps({**asked, "n": 2, "stream": True}).encode(), [("Content-Type", "application/json")]
            before = len(ledger.attempts(g.state))
            fetch(g.address, "POST", path, body, head, g.key)

            def closed():
                new = ledger.attempts(g.state)[before:]
                return new if new and new[0].state == ledger.CLOSED else None
            row, = wait_for(closed, "the row", every=0.05)
            seen.setdefault(operation, []).append((row.units["images_out"], row.cost_p, row.tokens["output"], row.flags & 1))
    assert seen["image_edit"] == seen["image_generation"], seen
    assert [s[0] for s in seen["image_edit"]] == [2, 2, 2] and all(s[1] == s[0] * 11_000_000_000 and s[2:] == (0, 1) for s in seen["image_edit"]), seen


@pytest.mark.parametrize("name", list(UNTOLD))
def test_what_is_not_told_is_marked(served, name):  # noqa: F811
    rows, told = call(served, name)
    assert all(r.flags & 1 for r in rows), (rows, told)
