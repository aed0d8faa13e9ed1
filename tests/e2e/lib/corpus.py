"""Recorded traffic of real clients and providers: the directory `shared/corpus` beside the checkout, or what SLUICE_CORPUS names."""

import base64
import gzip
import json
import os
import pathlib
import re

from .proc import ROOT
from .upstream import Answer, body_answer, chunk, head_bytes

CORPUS = pathlib.Path(os.environ.get("SLUICE_CORPUS", ROOT.parent / "shared/corpus"))


def all_records(files="*.jsonl.gz"):
    for path in sorted(CORPUS.glob(files)):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


def text_of(record, side):
    """The body's bytes as they were on the wire."""
    if f"{side}_text" in record:
        return record[f"{side}_text"].encode()
    encoding, body = record[f"{side}_encoding"], record[f"{side}_body"]
    if encoding == "json":
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if encoding == "base64":
        return base64.b64decode(body)
    return body.encode()


def stream_of(record):
    """The bytes of an event stream; where the recorder lost the frames they are made again, as the provider makes them."""
    if record["response_encoding"] == "sse":
        body = record["response_body"]
        if "\n\n" not in body and "\r\n" not in body:  # two fixtures have a line for each event and no blank ones
            body = body.replace("\n", "\n\n")
        return (body if body.endswith(("\n\n", "\r\n\r\n")) else body + "\n\n").encode()  # some took the last blank line off
    payloads = record["response_body"]
    out = []
    for payload in payloads if isinstance(payloads, list) else [payloads]:
        text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        name = payload.get("type") if isinstance(payload, dict) and "choices" not in payload else None
        out.append(f"event: {name}\ndata: {text}\n\n" if isinstance(name, str) else f"data: {text}\n\n")
    return "".join(out).encode()


def pieces_of(record, body):
    """The reads in which a stream came: as recorded, or an event each."""
    sizes = record.get("wire_chunks") or []
    if sum(sizes) != len(body):
        return [e for e in re.findall(rb".*?(?:\r?\n\r?\n|\Z)", body, re.DOTALL) if e]
    out, at = [], 0
    for size in sizes:
        out.append(body[at:at + size])
        at += size
    return [piece for piece in out if piece]


def replayed(record, body, stream):
    """What the provider sent, in the steps in which it did."""
    if not stream:
        return body_answer(body, record["status"] or 200)
    head = head_bytes(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    return Answer(head, *[chunk(piece) for piece in pieces_of(record, body)], b"0\r\n\r\n")
