"""Seeds from recorded traffic, for the longer runs of dev/fuzz: requests, answers and streams of each format, as its target takes them.
Usage: recorded_seeds.py CORPUS DIRECTORY. Never committed: the recordings are not ours."""

import collections
import gzip
import json
import pathlib
import sys

EACH, LARGEST = 40, 6000
FORMATS = {"chat": "openai_chat", "openai_chat": "openai_chat", "responses": "responses", "openai_responses": "responses",
           "messages": "anthropic", "anthropic_messages": "anthropic", "generate": "gemini", "stream": "gemini", "converse": "converse"}
MODES = {"openai_chat": (b"\0", b"\1", b"\2"), "anthropic": (b"\0\0", b"\1\1", b"\2\2", b"\3\3"), "gemini": (b"\0", b"\1", b"\2", b"\3"),
         "responses": (b"\x00", b"\x10", b"\x20", b"\x30"), "converse": (b"\0", b"\1", b"\2", b"\3")}


def bodies(record):
    for side in ("request", "response"):
        body = record.get(side + "_text") or record[side + "_body"]
        if body and record[side + "_encoding"] in ("json", "sse", "text"):
            text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
            yield f"{side}-{record[side + '_encoding']}", text.encode()


def main(corpus, directory):
    counts = collections.Counter()
    for path in sorted(pathlib.Path(corpus).glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for record in map(json.loads, file):
                name = FORMATS.get(record["api"].split(".", 1)[1])
                for kind, body in bodies(record) if name else ():
                    counts[name, kind] += 1
                    if counts[name, kind] > EACH or len(body) > LARGEST:
                        continue
                    into = pathlib.Path(directory) / name
                    into.mkdir(parents=True, exist_ok=True)
                    for i, mode in enumerate(MODES[name]):
                        (into / f"{record['id']}-{kind}-{i}").write_bytes(mode + body)


main(*sys.argv[1:])
